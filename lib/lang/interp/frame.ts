// Frames and tasks: what runs, as data that a checkpoint can store. A frame is one call of a flow; a task is a stack of
// them, linked by `caller`. Branches of `@parallel` are tasks of their own.
import type { IRFlow, IRLimits, JsonValue } from '../ir/ir.ts';
import type { Budget } from './budget.ts';
import type { SyncCall } from './compile-expr.ts';
import type { Run } from './sync-code.ts';
import type { ScaiCoreError } from './errors.ts';
import type { Execution } from './execution.ts';
import type { BlockLabel } from './telemetry.ts';
import type { Ex, Slots } from './values.ts';

/** An instruction: gives the next one's number, or a `Signal`, which is below zero. */
export type Step = (frame: Frame, task: Task) => number;

/** A promise was put into `task.pending`; what goes on with its value, into `task.finish`. */
export const WAIT = -1;
/** `task.frame` is another one now: a call, or a return. */
export const SWITCHED = -2;
/** The outermost flow has returned; its value is in `task.value`. */
export const ENDED = -3;
/** What the checkpoint asks is in `task.suspension`. */
export const SUSPENDED = -4;

export interface Label {
  pc: number;
}

/** What surrounds an instruction, from the inside out. Lexical: where an instruction stands tells all of it. */
export type Region =
  | { readonly kind: 'block'; readonly parent: Region | undefined; readonly label: BlockLabel }
  | {
      readonly kind: 'budget';
      readonly parent: Region | undefined;
      readonly path: string;
      readonly limits: IRLimits;
    }
  | {
      readonly kind: 'try';
      readonly parent: Region | undefined;
      readonly catches: readonly {
        readonly errorType: string | undefined;
        readonly slot: number | undefined;
        readonly target: Label;
      }[];
    }
  /** Its hidden slots are part of a checkpoint inside of it. */
  | {
      readonly kind: 'loop';
      readonly parent: Region | undefined;
      readonly path: string;
      readonly saved: readonly { readonly name: string; readonly slot: number }[];
    }
  /** Of `@parallel` and concurrent `@foreach`: errors leave it as the task's, not to what is around it. */
  | { readonly kind: 'branch'; readonly parent: undefined };

export interface CompiledFlow {
  readonly ir: IRFlow;
  /** A frame's slots before anything is set: all null. */
  readonly blank: Slots;
  readonly params: readonly { readonly slot: number; readonly initial: Ex | undefined }[];
  readonly names: ReadonlyMap<string, number>;
  /** Slots that say whose value a variable is (growing.ts). */
  readonly owners: readonly number[];
  /** For flows that never wait. */
  readonly run: Run | undefined;
  readonly call: SyncCall | undefined;
  readonly code: readonly Step[];
  readonly regionAt: readonly (Region | undefined)[];
  /** Where execution can stop: the path of the statement or block ↔ the instruction that goes on. */
  readonly resumeAt: ReadonlyMap<string, number>;
  readonly pathAt: ReadonlyMap<number, string>;
}

export class Frame {
  readonly flow: CompiledFlow;
  readonly slots: Slots;
  readonly caller: Frame | undefined;
  readonly depth: number;
  pc: number;
  /** The innermost budget, those of callers behind it. */
  budget: Budget | undefined;

  constructor(
    flow: CompiledFlow,
    slots: Slots,
    caller: Frame | undefined,
    depth: number,
    budget: Budget | undefined,
  ) {
    this.flow = flow;
    this.slots = slots;
    this.caller = caller;
    this.depth = depth;
    this.pc = 0;
    this.budget = budget;
  }
}

/** What a checkpoint asks, before it becomes a record. */
export interface Suspension {
  readonly checkpointType: string;
  readonly prompt: string;
  readonly payload: JsonValue;
  readonly options: readonly string[];
  readonly timeoutMs: number | undefined;
  readonly onTimeout: string | undefined;
  readonly hitlTarget: JsonValue | undefined;
  readonly assignee: string | undefined;
  readonly priority: string | undefined;
}

export class Task {
  readonly execution: Execution;
  /** Whether it is one of several: such a one cannot be suspended. */
  readonly isBranch: boolean;
  frame: Frame;
  /** What the last call returned, or how a checkpoint was resolved. */
  value: JsonValue = null;
  pending: Promise<unknown> | undefined;
  finish: ((frame: Frame, task: Task, value: unknown) => number) | undefined;
  suspension: Suspension | undefined;
  error: ScaiCoreError | undefined;

  constructor(execution: Execution, frame: Frame, isBranch: boolean) {
    this.execution = execution;
    this.frame = frame;
    this.isBranch = isBranch;
  }
}
