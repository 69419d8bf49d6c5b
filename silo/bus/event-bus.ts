// EventBus: what one Core emits reaches the Cores that listen for it (`on: { 'core://airport/delayed': 'flow' }`).
//   B1. Each event is delivered at least once to each Core that listened when it was emitted; never to another tenant.
//   B2. Events of one source grain are delivered in its order, one after the other. Sources do not wait for each other.
//   B3. Each delivery carries a mark (hazards.md 3, 16), so that it takes effect once in a Core with memory. Stateless
//       Cores have no memory: there, a redelivery runs again.
//   B4. An event that cannot be applied becomes a dead letter with its error, and its source goes on: a stated hole.
//   B5. Events that were trimmed from the log before a Core read them are a reported gap.
import type { CoreDefinition, GrainId } from '../../lib/index.ts';

/** An event that a subscriber could not apply. */
export interface DeadLetter {
  readonly id: string;
  /** The Core that listens. */
  readonly core: string;
  /** `core://name/event`. */
  readonly event: string;
  readonly source: GrainId;
  readonly emissionEpoch: number;
  /** The source's own emission number. */
  readonly n: number;
  readonly data: unknown;
  readonly position: number;
  readonly error: { readonly code: string; readonly message: string };
  readonly attempts: number;
  readonly emittedWallMs: number;
  /** When it was given up last. */
  readonly wallMs: number;
  /** The replay in which it happened; absent for the live reader. */
  readonly replayId?: string;
}

/** Entries of the log from `from` (exclusive) to `to` (inclusive) are gone; some may have been for this Core. */
export interface BusGap {
  readonly core: string;
  readonly replayId: string | undefined;
  readonly from: number;
  readonly to: number;
}

/** Where a replay begins. */
export type ReplayStart =
  /** After this position of the log. */
  | { readonly fromPosition: number }
  /** With the events that were emitted at this wall-clock time or later. */
  | { readonly fromWallMs: number };

/** One reader of the log: gauges now, counters since its start. */
export interface ReaderReport {
  readonly core: string;
  readonly replayId: string | undefined;
  /** Everything up to here is settled. */
  readonly position: number;
  /** Everything up to here was read. */
  readonly readTo: number;
  /** Events that were read and not settled yet. */
  readonly waiting: number;
  readonly running: number;
  /** Sources that wait to try an event again. */
  readonly failingSources: number;
  readonly delivered: number;
  readonly retried: number;
  readonly deadLettered: number;
  readonly gaps: number;
  /** Entries inside the log whose events their grains no longer have: forgotten, or more than the grain keeps. */
  readonly holes: number;
}

export interface BusReport {
  readonly readers: readonly ReaderReport[];
  /** Dead letters that were dropped because a Core had too many. */
  readonly lettersDropped: number;
  /** Entries of the log that were trimmed away. */
  readonly trimmed: number;
  /** How often trimming passed a reader. */
  readonly readersPassed: number;
}

export interface EventBus {
  start(): Promise<void>;
  /** Delivers nothing new, waits for what runs (within a bound), and stores how far it came. */
  stop(): Promise<void>;
  /** A Core is hosted, or its definition has changed: what it listens for is delivered, from the start on. */
  subscribeCore(definition: CoreDefinition): void;
  /**
   * Delivers again what is kept, beside the live reader, up to where that one has read now. Its marks are its own, so the
   * events take effect again. Goes on after a restart. Answers the replay's id. @throws ERR_CORE_UNKNOWN
   */
  replay(core: string, from: ReplayStart): Promise<string>;
  /** Ends a replay early. False when there is none of that id. */
  cancelReplay(id: string): Promise<boolean>;
  /** Dead letters of a Core, oldest event first; `after` is the id of the last one seen. */
  deadLetters(
    core: string,
    page: { readonly limit: number; readonly after?: string | undefined },
  ): Promise<readonly DeadLetter[]>;
  /** Delivers a dead letter once more, and deletes it when that succeeds. @throws what the delivery ends with */
  redeliver(id: string): Promise<void>;
  /** @throws ERR_LETTER_UNKNOWN */
  deleteDeadLetter(id: string): Promise<void>;
  report(): BusReport;
}
