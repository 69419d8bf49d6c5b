// Blocks that may wait, as instructions. Each kind has a function; what never waits is handed to compile-sync.ts.
import { unreachable } from '../../base/assert.ts';
import type { IRBlock, IRPath } from '../ir/ir.ts';
import { costOf, costOfBlocks, isSyncBlock } from './analysis.ts';
import { boolOf } from './arithmetic.ts';
import { Budget } from './budget.ts';
import { emitArms, emitBlocks, emitBody, storing } from './compile-body.ts';
import { emitCheckpoint } from './compile-checkpoint.ts';
import { emitAwait, emitCoreCall } from './compile-core-call.ts';
import { compileEx } from './compile-expr.ts';
import { emitModelBlock, emitModelCall } from './compile-model.ts';
import { emitConcurrentForeach, emitParallel } from './compile-parallel.ts';
import { emitStmts } from './compile-stmt.ts';
import { itemsOf, loopLimit, syncBlock } from './compile-sync.ts';
import { DONE } from './sync-code.ts';
import { withResult } from './block-result.ts';
import type { Emitter } from './emitter.ts';
import type { FlowContext } from './flow-context.ts';
import type { Region } from './frame.ts';
import { atBackEdge } from './machine.ts';
import { labelOf } from './telemetry.ts';

type Of<Kind extends IRBlock['kind']> = IRBlock & { readonly kind: Kind };

export function emitBlock(out: Emitter, block: IRBlock, path: IRPath, context: FlowContext): void {
  if (isSyncBlock(block, context.syncFlows)) {
    out.sync(syncBlock(block, context));
    return;
  }
  if (!context.hasTelemetry) {
    emitBare(out, block, path, context);
    return;
  }
  const label = labelOf(block);
  const name = block.result_binding;
  const result = typeof name === 'string' ? compileEx({ kind: 'ref', name }, context) : undefined;
  out.emit((pc) => {
    const next = pc + 1;
    return (_frame, task) => {
      task.execution.telemetry?.entered(label);
      return next;
    };
  });
  out.within({ kind: 'block', parent: out.region, label }, () => {
    emitBare(out, block, path, context);
  });
  out.emit((pc) => {
    const next = pc + 1;
    return (frame, task) => {
      task.execution.telemetry?.exited(label, result?.(frame.slots) ?? null);
      return next;
    };
  });
}

function emitBare(out: Emitter, block: IRBlock, path: IRPath, context: FlowContext): void {
  switch (block.kind) {
    case 'rigid':
    case 'debug':
      emitStmts(out, withResult(block.statements, block.result_binding), [...path, 'statements'], context);
      return;
    case 'flexible':
    case 'guarded':
      emitModelBlock(out, block, path, context);
      return;
    case 'model_call':
      emitModelCall(out, block, context);
      return;
    case 'parallel':
      emitParallel(out, block, path, context);
      return;
    case 'foreach':
      if (block.max_concurrent === undefined) emitForeach(out, block, path, context);
      else emitConcurrentForeach(out, block, path, context);
      return;
    case 'while':
      emitWhile(out, block, path, context);
      return;
    case 'match':
      emitMatchBlock(out, block, path, context);
      return;
    case 'try':
      emitTry(out, block, path, context);
      return;
    case 'checkpoint':
      emitCheckpoint(out, block, path, context);
      return;
    case 'core_call':
      emitCoreCall(out, block, context);
      return;
    case 'await_responses':
      emitAwait(out, block, context);
      return;
    case 'budget':
      emitBudget(out, block, path, context);
      return;
    default:
      unreachable(block);
  }
}

// ---- Loops ----

function emitForeach(out: Emitter, block: Of<'foreach'>, path: IRPath, context: FlowContext): void {
  const { names } = context;
  const iterable = compileEx(block.iterable, context);
  const item = names.slotOf(block.item);
  const index = block.index === undefined ? names.hidden() : names.slotOf(block.index);
  const [items, at, collected] = [names.hidden(), names.hidden(), names.hidden()];
  const saved = [
    { name: 'items', slot: items },
    { name: 'index', slot: at },
    { name: 'collected', slot: collected },
  ];
  const region: Region = { kind: 'loop', parent: out.region, path: keyOf(path), saved };
  const [head, next, end] = [out.label(), out.label(), out.label()];
  out.emit((pc) => {
    const first = pc + 1;
    return ({ slots }) => {
      slots[items] = itemsOf(iterable(slots)) as (typeof slots)[number];
      slots[at] = 0;
      slots[collected] = [];
      return first;
    };
  });
  const body = (): void => {
    out.place(head);
    out.emit((pc) => {
      const first = pc + 1;
      return ({ slots }) => {
        const all = slots[items] as readonly (typeof slots)[number][];
        const turn = slots[at] as number;
        if (turn >= all.length) return end.pc;
        slots[item] = all[turn] ?? null;
        slots[index] = turn;
        return first;
      };
    });
    context.yieldingTo({ slot: collected }, () => {
      emitBlocks(out, block.body, [...path, 'body'], context);
    });
    out.place(next);
    const cost = 1 + costOfBlocks(block.body);
    out.emit(() => (frame, task) => {
      frame.slots[at] = (frame.slots[at] as number) + 1;
      return atBackEdge(frame, task, cost, head.pc);
    });
  };
  out.within(region, body, { breakTo: end, continueTo: next, region });
  out.place(end);
  // The list is a value from here on: the loop must not keep it for a later run.
  out.sync(
    storing(
      block.result_binding,
      (s) => {
        const value = s[collected] ?? null;
        s[collected] = null;
        s[items] = null;
        return value;
      },
      context,
    ),
  );
}

function emitWhile(out: Emitter, block: Of<'while'>, path: IRPath, context: FlowContext): void {
  const condition = compileEx(block.condition, context);
  const { max_iterations: max, is_lenient: isLenient } = block;
  const count = context.names.hidden();
  const saved = [{ name: 'count', slot: count }];
  const region: Region = { kind: 'loop', parent: out.region, path: keyOf(path), saved };
  const [head, next, end] = [out.label(), out.label(), out.label()];
  out.sync({ run: (s) => ((s[count] = 0), DONE), isPlain: true });
  const body = (): void => {
    out.place(head);
    emitStmts(out, block.prepare ?? [], [...path, 'prepare'], context);
    out.emit((pc) => {
      const first = pc + 1;
      return ({ slots }) => {
        if (!boolOf(condition(slots))) return end.pc;
        const done = slots[count] as number;
        if (done >= max) {
          loopLimit(max, isLenient);
          return end.pc;
        }
        slots[count] = done + 1;
        return first;
      };
    });
    emitBlocks(out, block.body, [...path, 'body'], context);
    out.place(next);
    const cost = 1 + costOf(block.prepare ?? []) + costOfBlocks(block.body);
    out.emit(() => (frame, task) => atBackEdge(frame, task, cost, head.pc));
  };
  out.within(region, body, { breakTo: end, continueTo: next, region });
  out.place(end);
  if (typeof block.result_binding === 'string') out.sync(storing(block.result_binding, () => null, context));
}

/** As checkpoints name it: with dots. */
function keyOf(path: IRPath): string {
  return path.join('.');
}

// ---- Branches ----

function emitMatchBlock(out: Emitter, block: Of<'match'>, path: IRPath, context: FlowContext): void {
  const subject = compileEx(block.subject, context);
  emitArms(out, block, block.arms, [...path, 'arms'], context, (choose) => {
    out.emit(
      () =>
        ({ slots }) =>
          choose(slots, subject(slots)),
    );
  });
}

function emitTry(out: Emitter, block: Of<'try'>, path: IRPath, context: FlowContext): void {
  const catches = block.catches.map(({ error_type: errorType, binding }) => ({
    errorType,
    slot: binding === undefined ? undefined : context.names.slotOf(binding),
    target: out.label(),
  }));
  const end = out.label();
  const { result_binding: name } = block;
  out.within({ kind: 'try', parent: out.region, catches }, () => {
    emitBody(out, block.body, [...path, 'body'], name, context);
  });
  out.jump(end);
  for (const [index, { body }] of block.catches.entries()) {
    const clause = catches[index];
    if (clause) out.place(clause.target);
    emitBody(out, body, [...path, 'catches', index, 'body'], name, context);
    out.jump(end);
  }
  out.place(end);
}

function emitBudget(out: Emitter, block: Of<'budget'>, path: IRPath, context: FlowContext): void {
  const { limits } = block;
  out.emit((pc) => {
    const next = pc + 1;
    return (frame, task) => {
      frame.budget = new Budget(limits, frame.budget, task.execution.env.clock.nowMs());
      return next;
    };
  });
  out.within({ kind: 'budget', parent: out.region, path: keyOf(path), limits }, () => {
    emitBody(out, block.body, [...path, 'body'], block.result_binding, context);
  });
  out.emit((pc) => {
    const next = pc + 1;
    return (frame) => {
      frame.budget = frame.budget?.parent;
      return next;
    };
  });
}
