// `@parallel` and `@foreach` with `max_concurrent`: branches are tasks of their own over copies of the scope.
//   P1. No branch sees what another sets. After `@parallel` everything that a branch changed is set in the flow's scope, in
//       the order of the branches; what iterations of a concurrent loop set is lost, only what they yield is kept.
//   P2. With `fail_fast` the first error stops the others at their next step, and all have stopped before it goes on.
import { isPromise, type MaybePromise } from '../../base/maybe-promise.ts';
import type { IRBlock, IRPath, JsonValue } from '../ir/ir.ts';
import { costOfBlocks } from './analysis.ts';
import { emitBlocks } from './compile-body.ts';
import { compileEx } from './compile-expr.ts';
import { itemsOf } from './compile-sync.ts';
import type { Emitter } from './emitter.ts';
import type { ScaiCoreError } from './errors.ts';
import type { FlowContext } from './flow-context.ts';
import { ENDED, Frame, type Label, type Region, Task } from './frame.ts';
import { run, waitFor } from './machine.ts';
import { type MutableObject, putField, type Slots } from './values.ts';

const BRANCH: Region = { kind: 'branch', parent: undefined };

interface BranchCode {
  readonly start: Label;
  /** Collects what it yields. */
  readonly yielded: number;
}

/** The code of a branch, jumped over by whoever comes along. */
function emitBranch(
  out: Emitter,
  blocks: readonly IRBlock[],
  path: IRPath,
  context: FlowContext,
): BranchCode {
  const start = out.label();
  const yielded = context.names.hidden();
  out.within(
    BRANCH,
    () => {
      out.place(start);
      context.yieldingTo({ slot: yielded }, () => {
        emitBlocks(out, blocks, path, context);
      });
      out.emit(() => (_frame, task) => {
        task.value = null;
        return ENDED;
      });
    },
    undefined,
  );
  return { start, yielded };
}

export function emitParallel(
  out: Emitter,
  block: IRBlock & { readonly kind: 'parallel' },
  path: IRPath,
  context: FlowContext,
): void {
  const end = out.label();
  const begin = out.label();
  out.jump(begin);
  const branches = block.branches.map(({ name, body }, index) => ({
    name,
    slot: name === undefined ? undefined : context.names.slotOf(name),
    ...emitBranch(out, body, [...path, 'branches', index, 'body'], context),
  }));
  out.place(begin);
  const result =
    typeof block.result_binding === 'string' ? context.names.slotOf(block.result_binding) : undefined;
  const { max_concurrent: maxConcurrent = branches.length, fail_fast: failFast } = block;
  out.emit(() => (frame, task) => {
    const before = frame.slots.slice();
    const names = frame.flow.names;
    const group = new BranchGroup(frame, task, { count: branches.length, maxConcurrent, failFast });
    const ended = group.run((index) => {
      const { start, yielded } = branches[index] ?? { start: end, yielded: 0 };
      return { start, prepare: (slots) => (slots[yielded] = []) };
    });
    return waitFor(task, ended, (at, _task, all: readonly Slots[]) => {
      const value: MutableObject = {};
      for (const [index, slots] of all.entries()) {
        const branch = branches[index];
        if (!branch) continue;
        for (const slot of names.values())
          if (slots[slot] !== before[slot]) at.slots[slot] = slots[slot] ?? null;
        const last = (slots[branch.yielded] as readonly JsonValue[]).at(-1);
        if (branch.slot !== undefined && last !== undefined) at.slots[branch.slot] = last;
        const bound = branch.slot === undefined ? null : (at.slots[branch.slot] ?? null);
        if (branch.name !== undefined) putField(value, branch.name, bound);
      }
      if (result !== undefined) at.slots[result] = value;
      return end.pc;
    });
  });
  out.place(end);
}

export function emitConcurrentForeach(
  out: Emitter,
  block: IRBlock & { readonly kind: 'foreach' },
  path: IRPath,
  context: FlowContext,
): void {
  const { names } = context;
  const iterable = compileEx(block.iterable, context);
  const item = names.slotOf(block.item);
  const itemIndex = block.index === undefined ? names.hidden() : names.slotOf(block.index);
  const [begin, end] = [out.label(), out.label()];
  out.jump(begin);
  const { start, yielded } = emitBranch(out, block.body, [...path, 'body'], context);
  out.place(begin);
  const result = typeof block.result_binding === 'string' ? names.slotOf(block.result_binding) : undefined;
  const cost = 1 + costOfBlocks(block.body);
  const maxConcurrent = Math.max(1, block.max_concurrent ?? 1);
  out.emit(() => (frame, task) => {
    const items = itemsOf(iterable(frame.slots));
    task.execution.charge(items.length * cost);
    const group = new BranchGroup(frame, task, { count: items.length, maxConcurrent, failFast: true });
    const ended = group.run((index) => ({
      start,
      prepare: (slots) => {
        slots[yielded] = [];
        slots[item] = items[index] ?? null;
        slots[itemIndex] = index;
      },
    }));
    return waitFor(task, ended, (at, _task, all: readonly Slots[]) => {
      if (result !== undefined) at.slots[result] = all.flatMap((slots) => slots[yielded] as JsonValue[]);
      return end.pc;
    });
  });
  out.place(end);
}

interface Branch {
  readonly start: Label;
  readonly prepare: (slots: Slots) => void;
}

/** Runs branches of one block, so many at a time, and gives their slots in their order. */
class BranchGroup {
  readonly #frame: Frame;
  readonly #task: Task;
  readonly #options: { readonly count: number; readonly maxConcurrent: number; readonly failFast: boolean };
  readonly #stop = new AbortController();
  readonly #slots: Slots[] = [];
  readonly #errors: ScaiCoreError[] = [];
  #next = 0;

  constructor(
    frame: Frame,
    task: Task,
    options: { readonly count: number; readonly maxConcurrent: number; readonly failFast: boolean },
  ) {
    this.#frame = frame;
    this.#task = task;
    this.#options = options;
  }

  run(branch: (index: number) => Branch): MaybePromise<readonly Slots[]> {
    const outer = this.#task.execution.scope.signal;
    const onAbort = (): void => {
      this.#stop.abort(outer?.reason);
    };
    outer?.addEventListener('abort', onAbort);
    if (outer?.aborted === true) onAbort();
    const lanes: Promise<void>[] = [];
    for (let lane = 0; lane < this.#options.maxConcurrent && this.#goesOn(); lane += 1) {
      const running = this.#lane(branch);
      if (isPromise(running)) lanes.push(running);
    }
    const done = (): readonly Slots[] => {
      outer?.removeEventListener('abort', onAbort);
      return this.#result();
    };
    return lanes.length === 0 ? done() : Promise.all(lanes).then(done);
  }

  #goesOn(): boolean {
    const isStopped = this.#options.failFast && this.#errors.length > 0;
    return this.#next < this.#options.count && !isStopped;
  }

  /** One branch after the other, at once as long as none waits. */
  #lane(branch: (index: number) => Branch): MaybePromise<void> {
    while (this.#goesOn()) {
      const index = this.#next;
      this.#next += 1;
      const ended = this.#runOne(index, branch(index));
      if (isPromise(ended)) return ended.then(() => this.#lane(branch));
    }
    return undefined;
  }

  #runOne(index: number, { start, prepare }: Branch): MaybePromise<void> {
    const { execution } = this.#task;
    const fork = execution.fork(this.#stop.signal);
    // What all branches see is nobody's own.
    for (const owner of this.#frame.flow.owners) this.#frame.slots[owner] = null;
    const slots = this.#frame.slots.slice();
    slots[0] = fork as unknown as JsonValue;
    prepare(slots);
    this.#slots[index] = slots;
    const frame = new Frame(this.#frame.flow, slots, undefined, this.#frame.depth, this.#frame.budget);
    frame.pc = start.pc;
    const task = new Task(fork, frame, true);
    const { fuel, room } = fork;
    const settle = (): void => {
      execution.join(fuel - fork.fuel, room - fork.room);
      if (!task.error) return;
      this.#errors.push(task.error);
      if (this.#options.failFast) this.#stop.abort(task.error);
    };
    const outcome = run(task);
    return isPromise(outcome) ? outcome.then(settle) : settle();
  }

  /** The first error is the one that stopped the others; what these died of is only its echo. */
  #result(): readonly Slots[] {
    const [first] = this.#errors;
    if (!first) return this.#slots;
    throw first;
  }
}
