// Puts together the instructions of one flow. Statements that never wait are collected, and become one instruction as
// soon as something else follows; what surrounds an instruction is noted beside it.
import type { IRBlock, IRPath, IRStmt } from '../ir/ir.ts';
import { BREAK, CONTINUE, DONE, RETURN, sequence, type SyncCode } from './sync-code.ts';
import type { FlowContext } from './flow-context.ts';
import type { Label, Region, Step } from './frame.ts';
import { returnFrom } from './machine.ts';
import { leave } from './region.ts';

/** Where `break` and `continue` lead; `region` is the loop's. */
export interface LoopTargets {
  readonly breakTo: Label;
  readonly continueTo: Label;
  readonly region: Region;
}

/** Blocks and statements stand in each other; the functions for them know each other only through this. */
export interface EmitPasses {
  readonly block: (out: Emitter, block: IRBlock, path: IRPath, context: FlowContext) => void;
  readonly statements: (
    out: Emitter,
    statements: readonly IRStmt[],
    path: IRPath,
    context: FlowContext,
  ) => void;
}

export class Emitter {
  readonly passes: EmitPasses;
  readonly code: Step[] = [];
  readonly regionAt: (Region | undefined)[] = [];
  readonly resumeAt = new Map<string, number>();
  readonly pathAt = new Map<number, string>();
  #region: Region | undefined;
  #loop: LoopTargets | undefined;
  #waiting: SyncCode[] = [];

  constructor(passes: EmitPasses) {
    this.passes = passes;
  }

  get region(): Region | undefined {
    return this.#region;
  }

  get loop(): LoopTargets | undefined {
    return this.#loop;
  }

  /** An instruction; `make` is told its number, so that it can name the next one. */
  emit(make: (pc: number) => Step): void {
    this.flush();
    this.#push(make(this.code.length));
  }

  #push(step: Step): void {
    this.code.push(step);
    this.regionAt.push(this.#region);
  }

  /** Statements that never wait. */
  sync(code: SyncCode): void {
    this.#waiting.push(code);
  }

  flush(): void {
    if (this.#waiting.length === 0) return;
    const { run, isPlain } = sequence(this.#waiting);
    this.#waiting = [];
    const next = this.code.length + 1;
    const [region, loop] = [this.#region, this.#loop];
    if (isPlain) {
      this.#push((frame) => {
        run(frame.slots);
        return next;
      });
      return;
    }
    this.#push((frame, task) => {
      switch (run(frame.slots)) {
        case DONE:
          return next;
        case RETURN:
          return returnFrom(frame, task, task.execution.returned);
        case BREAK:
          leave(frame, task, region, loop?.region.parent);
          return loop?.breakTo.pc ?? next;
        case CONTINUE:
          leave(frame, task, region, loop?.region);
          return loop?.continueTo.pc ?? next;
      }
    });
  }

  label(): Label {
    return { pc: -1 };
  }

  place(label: Label): void {
    this.flush();
    label.pc = this.code.length;
  }

  jump(label: Label): void {
    this.emit(() => () => label.pc);
  }

  within(region: Region, emit: () => void, loop: LoopTargets | undefined = this.#loop): void {
    this.flush();
    const [outerRegion, outerLoop] = [this.#region, this.#loop];
    this.#region = region;
    this.#loop = loop;
    emit();
    this.flush();
    this.#region = outerRegion;
    this.#loop = outerLoop;
  }

  /** The next instruction is where an execution goes on that was stopped at `path`. */
  resumePoint(path: IRPath): void {
    this.flush();
    const key = pathKey(path);
    this.resumeAt.set(key, this.code.length);
    this.pathAt.set(this.code.length, key);
  }
}

/** Paths as keys; JSON, so that they can be read back. */
export function pathKey(path: IRPath): string {
  return JSON.stringify(path);
}

export function pathOf(key: string): IRPath {
  return JSON.parse(key) as IRPath;
}
