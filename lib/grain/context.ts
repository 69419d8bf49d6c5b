import type { ErrorCode } from '../errors/catalogue.ts';
import type { AnyCore, GrainRef } from './core-types.ts';
import type { MemoryOf } from './memory-types.ts';

export interface Logger {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

export interface CallOptions {
  /** Ends the wait; the flow's `ctx.signal` is aborted. */
  readonly signal?: AbortSignal;
  /** How long the caller waits, in milliseconds; never more than what its own caller left. @default 30_000 */
  readonly deadlineMs?: number;
  /** Makes a retry safe: for 10 minutes, or the last 1,000 commands of the grain, it runs once. */
  readonly commandId?: string;
}

/** What to do with ticks that were missed while nothing ran. */
export type MissedTicks = 'once' | 'skip' | { readonly catchUp: number };

export type ReminderSchedule = (
  | { readonly inMs: number }
  | { readonly atMs: number }
  | { readonly everyMs: number }
  | { readonly cron: string; readonly timeZone?: string }
) & {
  /** The flow that it calls, in this grain. */
  readonly flow: string;
  readonly input?: unknown;
  /** @default 'once' */
  readonly missed?: MissedTicks;
};

export interface Reminders {
  /** Sets or replaces the reminder of that name; takes effect with the turn's commit. */
  set(name: string, schedule: ReminderSchedule): void;
  cancel(name: string): void;
  /** Those set, this turn's changes included. `dueMs` is wall-clock time. */
  all(): readonly { readonly name: string; readonly dueMs: number; readonly flow: string }[];
}

export type TimerSchedule = ({ readonly inMs: number } | { readonly everyMs: number }) & {
  readonly flow: string;
  readonly input?: unknown;
};

export interface Timers {
  /** Sets or replaces a timer that lives as long as this activation. It does not keep the activation in memory. */
  set(name: string, schedule: TimerSchedule): void;
  cancel(name: string): void;
}

/** What a flow gets: everything that it may do with the world. Ends with its turn (`ERR_TURN_ENDED` afterwards). */
export interface FlowContext<M, Events extends string = string> {
  readonly memory: MemoryOf<M>;
  /** The grain's key; empty for singleton and stateless Cores. */
  readonly key: string;
  readonly tenant: string;
  /** Who asked: the principal of the token, or `core:tenant/core/key` for a call from a grain. */
  readonly principal: string;
  /** Aborted when the caller has gone, the deadline or the time limit has passed, or the activation has ended. */
  readonly signal: AbortSignal;
  /** Grows with each activation of the grain: hand it to outside systems so that they can refuse an older one. */
  readonly epoch: number;
  /** Milliseconds that are left for this turn. */
  readonly deadline: { readonly remainingMs: number };
  readonly log: Logger;
  readonly timer: Timers;
  readonly reminder: Reminders;
  /** This grain, for calls to its own flows that go through the mailbox. */
  readonly self: LooseRef;
  /** Publishes an event with the turn's commit: to subscribers, and to Cores that listen for it. */
  emit(event: Events, data?: unknown): void;
  /** Another grain. The call leaves at once, before this turn's commit, and is not undone. */
  call<C extends AnyCore>(core: C, key?: string | number): GrainRef<C>;
  call<C extends AnyCore>(core: string, key?: string | number): GrainRef<C>;
  /** Erases the grain's memory, collections, reminders and emissions with the turn's commit. */
  forget(): void;
  /** Fails the turn with a coded refusal that the caller sees with these details. */
  refuse(message: string, details?: Readonly<Record<string, unknown>>): never;
}

/** A reference without the types of its Core. */
export interface LooseRef {
  readonly [flow: string]: (input?: unknown, options?: CallOptions) => Promise<unknown>;
}

export type { ErrorCode };
