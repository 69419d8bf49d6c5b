// GrainStorage: grain memory, its fence, and what is stored in the same commit as a grain's memory.
// Owns: durability, atomicity of one commit, refusal of stale writers. Does not own: when to commit (catalog/).
//   S1. A commit is stored whole or not at all.
//   S2. Commit n of an activation is applied only while exactly that activation owns the grain and n-1 is stored (n = 1
//       follows the claim). It answers `done` for an n that is stored already, `gap` for one too far ahead, `fenced`
//       for an activation that is not the owner (hazards.md 1 and 2).
//   S3. `done` means durable: it survives the crash of the process, and of the machine for the durable drivers.
//   S4. Outcomes of one activation's commits arrive in the order of their numbers, never inside the call to `commit`.
//   S5. Reads by an activation see every commit that it handed over before, durable or not.
//   S6. After a `failed` commit nothing later of that activation is stored.
import type { GrainAddress } from '../../directory/index.ts';
import type { Claimer } from '../../directory/index.ts';
import type { GrainError, GrainId, MaybePromise, MissedTicks } from '../../lib/index.ts';

/** What one claim gives: the right to commit as `address`, and the resident part of the grain. */
export interface Claim {
  readonly address: GrainAddress;
}

export type ClaimOutcome =
  | { readonly kind: 'claimed'; readonly claim: Claim; readonly memory: StoredMemory }
  | { readonly kind: 'taken'; readonly owner: GrainAddress }
  | { readonly kind: 'view_old'; readonly owner: GrainAddress };

/** The part of a grain that is loaded with the claim: never its collections. */
export interface StoredMemory {
  /** Schema of the values; 0 when nothing was ever committed. */
  readonly schema: number;
  /** Value fields by name, frozen. */
  readonly values: Readonly<Record<string, unknown>>;
  /** High-water marks by source. Undefined when there are none; so for the others. */
  readonly marks: ReadonlyMap<string, StoredMark> | undefined;
  /** Remembered commands by `principal NUL id`, oldest first. */
  readonly commands: ReadonlyMap<string, StoredCommand> | undefined;
  readonly reminders: ReadonlyMap<string, StoredReminder> | undefined;
  /** Number of the last emission; 0 when there was none. */
  readonly emitted: number;
  /** Which history of emissions the numbers belong to: the epoch that emitted first, or first after a `forget`. */
  readonly emissionEpoch: number;
}

/** How far a source (a client's session, or a grain on the bus) has come in a grain (hazards.md 3 and 16). */
export interface StoredMark {
  readonly source: string;
  readonly seq: number;
  /** Number of the session's connection; 0 on the bus. */
  readonly attach: number;
  /** Refusals at or below `seq` that a resend must meet again: [seq, error code, message]. */
  readonly refusals: readonly (readonly [seq: number, code: string, message: string])[];
  /** Wall-clock time of the last change: marks are dropped 48 h later. */
  readonly wallMs: number;
}

/** The answer to a command that brought an id (hazards.md 10). */
export interface StoredCommand {
  /** `principal NUL id`. */
  readonly id: string;
  readonly inputHash: number;
  readonly outcome:
    | { readonly kind: 'result'; readonly output: unknown }
    /** The result was larger than 4 KB. */
    | { readonly kind: 'done' }
    | { readonly kind: 'error'; readonly code: string; readonly message: string };
  readonly wallMs: number;
}

export interface StoredReminder {
  readonly name: string;
  readonly flow: string;
  readonly input: unknown;
  /** Wall-clock time of the next tick. */
  readonly dueMs: number;
  readonly everyMs: number | undefined;
  readonly cron: string | undefined;
  readonly timeZone: string | undefined;
  readonly missed: MissedTicks;
}

/** A change of a map or list. `increment` of an absent entry counts from 0; a list's items are `push`ed. */
export type CollectionChange =
  | { readonly op: 'set'; readonly field: string; readonly key: string; readonly value: unknown }
  | { readonly op: 'delete'; readonly field: string; readonly key: string }
  | { readonly op: 'increment'; readonly field: string; readonly key: string; readonly by: number }
  | { readonly op: 'push'; readonly field: string; readonly value: unknown }
  /** Keeps the newest `count` items of a list. */
  | { readonly op: 'trim'; readonly field: string; readonly count: number }
  | { readonly op: 'clear'; readonly field: string };

export interface StoredEmission {
  /** The grain's own emission number, counting from 1 without holes. */
  readonly n: number;
  readonly event: string;
  readonly data: unknown;
  readonly wallMs: number;
}

/**
 * One commit. Everything in it takes effect together. Arrays that are empty are shared constants. Nothing in it changes
 * after it was handed over: storage keeps the arrays and values themselves until they are written.
 */
export interface GrainCommit {
  readonly number: number;
  readonly schema: number;
  /** Names of all value fields, and their values after this commit, frozen, in the same order. */
  readonly fieldNames: readonly string[];
  readonly values: readonly unknown[];
  /** Places in `values` that differ from what was committed before; all of them in an activation's first commit. */
  readonly changed: readonly number[];
  readonly collections: readonly CollectionChange[];
  readonly marks: readonly StoredMark[];
  readonly commands: readonly StoredCommand[];
  readonly emissions: readonly StoredEmission[];
  readonly emissionEpoch: number;
  /** How many emissions the grain keeps; older ones are deleted with this commit. */
  readonly emissionsKept: number;
  /** New state by name; undefined deletes. */
  readonly reminders: readonly (readonly [name: string, reminder: StoredReminder | undefined])[];
  /**
   * Erase values, collections, emissions, reminders and commands before the rest is applied. Marks stay. With `changed`
   * empty the grain is left without values; `emissionEpoch` must be a new one when it emits again.
   */
  readonly forget: boolean;
}

export type CommitOutcome =
  | { readonly kind: 'done' }
  | { readonly kind: 'gap'; readonly stored: number }
  | { readonly kind: 'fenced' }
  /** Surely not stored when the error's effect is `none`; else unknown. */
  | { readonly kind: 'failed'; readonly error: GrainError };

export interface EntryScan {
  readonly prefix: string;
  /** Only keys that are not smaller than this (bytewise in UTF-8). */
  readonly from: string;
  /** Only keys after this one; for the next page. */
  readonly after: string | undefined;
  readonly limit: number;
}

export interface EmissionPage {
  readonly emissionEpoch: number;
  /** Number of the oldest emission kept; `last + 1` when none is. */
  readonly first: number;
  /** Number of the newest durable emission. */
  readonly last: number;
  /** Those after the asked number, in order, at most `limit`. */
  readonly emissions: readonly StoredEmission[];
}

/** One emitted event on the bus's log. */
export interface LogEntry {
  /** Grows along the log; holes are possible (erased grains). */
  readonly position: number;
  readonly source: GrainId;
  readonly emissionEpoch: number;
  readonly emission: StoredEmission;
}

export interface LogPage {
  /** Position of the oldest entry that is still kept; readers that stand before it have a gap. */
  readonly first: number;
  /** Position of the last entry looked at: go on after it. `after` when there is nothing new; less where the log lost its end. */
  readonly last: number;
  /** May be fewer than asked for, or none, though more follow: holes count as looked at. */
  readonly entries: readonly LogEntry[];
}

export interface DueReminder {
  readonly grain: GrainId;
  readonly name: string;
  readonly dueMs: number;
}

export interface GrainStorage {
  /**
   * Registers the claimer as owner and loads the resident part. Waits for what earlier owners handed over, so that
   * nothing is loaded that may still be lost. Asked again by the owner, it answers the claim that it has (D4).
   * @throws ERR_STORE_*
   */
  claim(grain: GrainId, claimer: Claimer): MaybePromise<ClaimOutcome>;
  /** Hands over the next commit; `done` is called once, when the outcome is known (S3, S4). */
  commit(claim: Claim, commit: GrainCommit, done: (outcome: CommitOutcome) => void): void;
  /** Gives the grain up; nothing can be committed with the claim afterwards. */
  release(claim: Claim): MaybePromise<void>;
  /** Whether the claim still owns its grain, asked of the authority. */
  isOwner(claim: Claim): MaybePromise<boolean>;

  /** This and the other reads of collections: frozen. @throws ERR_STORE_FENCED when the claim owns nothing any more. */
  readEntry(claim: Claim, field: string, key: string): MaybePromise<unknown>;
  readEntries(
    claim: Claim,
    field: string,
    scan: EntryScan,
  ): MaybePromise<readonly (readonly [string, unknown])[]>;
  listLength(claim: Claim, field: string): MaybePromise<number>;
  /** Items from position `start` up to, without, `end`; positions count from the oldest item kept. */
  readItems(claim: Claim, field: string, start: number, end: number): MaybePromise<readonly unknown[]>;

  /** Durable emissions of a grain after number `after`, whoever owns it. */
  readEmissions(grain: GrainId, after: number, limit: number): MaybePromise<EmissionPage>;

  /** The log of all durable emissions, in an order that keeps each grain's own. */
  readLog(after: number, limit: number): MaybePromise<LogPage>;
  /** Deletes the log's entries up to and including `position`. */
  trimLog(position: number): MaybePromise<void>;
  /** Calls `wake` after new entries became readable; the answer ends that. */
  onAppend(wake: () => void): () => void;

  /**
   * Reminders due at or before `untilWallMs`, earliest first; a store that several silos share leaves out those of
   * partitions that are not wanted.
   */
  dueReminders(
    untilWallMs: number,
    limit: number,
    isWanted?: (partition: number) => boolean,
  ): MaybePromise<readonly DueReminder[]>;
  /** When the earliest reminder is due (wall clock), of wanted partitions, or earlier; undefined when there is none. */
  nextReminderMs(isWanted?: (partition: number) => boolean): MaybePromise<number | undefined>;

  /** Small named records of the runtime itself: bus positions, dead letters, keys. */
  getRecord(name: string): MaybePromise<unknown>;
  /** Durable when the promise resolves; undefined deletes. */
  putRecord(name: string, value: unknown): Promise<void>;
  /** Records whose names begin so, in order, after `after`. */
  listRecords(
    prefix: string,
    after: string,
    limit: number,
  ): MaybePromise<readonly (readonly [string, unknown])[]>;

  /** Grains of a Core that have stored memory, in key order, after `after`: for listings and erasure. */
  listGrains(tenant: string, core: string, after: string, limit: number): MaybePromise<readonly string[]>;

  /** Waits for what was handed over, then closes. */
  close(): Promise<void>;
}
