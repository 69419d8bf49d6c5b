// What the contract of GrainStorage needs from a driver under test, and short ways to say commits and claims.
import assert from 'node:assert/strict';
import type { Claimer, GrainDirectory } from '../../directory/index.ts';
import type { FakeClock, GrainId } from '../../lib/index.ts';
import { systemClock } from '../../lib/internal.ts';
import type {
  Claim,
  CollectionChange,
  CommitOutcome,
  GrainCommit,
  GrainStorage,
  StoredCommand,
  StoredEmission,
  StoredMark,
  StoredMemory,
  StoredReminder,
} from '../../silo/internal.ts';

/** How a flush goes wrong: not stored; stored, though nobody can tell; not stored, though nobody can tell. */
export type FlushFault = 'none' | 'unknown_stored' | 'unknown_lost';

/** One driver with its store, as it stands between two starts of the process. */
export interface StorageUnderTest {
  readonly storage: GrainStorage;
  readonly directory: GrainDirectory;
  readonly clock: FakeClock;
  /** Lets no flush end until `letGo`. Whatever is handed over meanwhile is not durable. */
  hold(): void;
  letGo(): void;
  /** The next flush goes wrong. */
  failNext(fault: FlushFault): void;
  /** Power loss: a new start with what was flushed, and nothing else. */
  crash(): Promise<StorageUnderTest>;
  /** A new start after an orderly end. */
  reopen(): Promise<StorageUnderTest>;
  /** Frees what the test used, also after `crash` and `reopen`. */
  dispose(): Promise<void>;
}

export type StorageFactory = () => Promise<StorageUnderTest>;

export const GRAIN: GrainId = { tenant: 'default', core: 'airport', key: 'JFK' };

let activations = 0;

/** A claimer of an incarnation, each time a new activation. */
export function claimer(incarnation = 'A', view = 1, living: readonly string[] = [incarnation]): Claimer {
  activations += 1;
  return { incarnation, activation: activations, view, living: new Set(living) };
}

export interface Held {
  readonly claim: Claim;
  readonly memory: StoredMemory;
}

/** Claims, and expects to get it. */
export async function claimed(
  { storage }: StorageUnderTest,
  grain: GrainId = GRAIN,
  who: Claimer = claimer(),
): Promise<Held> {
  const outcome = await storage.claim(grain, who);
  assert.equal(outcome.kind, 'claimed');
  assert(outcome.kind === 'claimed');
  return outcome;
}

const FIELDS: readonly string[] = Object.freeze(['count', 'note']);

/** A commit of a Core with the value fields `count` and `note`. */
export function commitOf(number: number, parts: Partial<GrainCommit> = {}): GrainCommit {
  return {
    number,
    schema: 1,
    fieldNames: FIELDS,
    values: [number, null],
    changed: [0, 1],
    collections: [],
    marks: [],
    commands: [],
    emissions: [],
    emissionEpoch: 1,
    emissionsKept: 100,
    reminders: [],
    forget: false,
    ...parts,
  };
}

/** A commit that leaves the values as they are. */
export function partialCommit(number: number, parts: Partial<GrainCommit>): GrainCommit {
  return commitOf(number, { changed: [], values: [0, null], ...parts });
}

export function changing(number: number, ...collections: readonly CollectionChange[]): GrainCommit {
  return commitOf(number, { collections });
}

/** Hands a commit over; the outcome as a promise. */
export function hand(storage: GrainStorage, claim: Claim, commit: GrainCommit): Promise<CommitOutcome> {
  return new Promise((resolve) => storage.commit(claim, commit, resolve));
}

/** Hands a commit over and expects it done. */
export async function done(under: StorageUnderTest, claim: Claim, commit: GrainCommit): Promise<void> {
  assert.deepEqual(await hand(under.storage, claim, commit), { kind: 'done' });
}

export function kindOf(outcome: CommitOutcome): string {
  return outcome.kind === 'failed' ? `failed ${outcome.error.code} ${outcome.error.effect}` : outcome.kind;
}

export const set = (field: string, key: string, value: unknown): CollectionChange => ({
  op: 'set',
  field,
  key,
  value,
});
export const del = (field: string, key: string): CollectionChange => ({ op: 'delete', field, key });
export const add = (field: string, key: string, by: number): CollectionChange => ({
  op: 'increment',
  field,
  key,
  by,
});
export const push = (field: string, value: unknown): CollectionChange => ({ op: 'push', field, value });
export const trim = (field: string, count: number): CollectionChange => ({ op: 'trim', field, count });
export const clear = (field: string): CollectionChange => ({ op: 'clear', field });

export function markOf(
  source: string,
  seq: number,
  wallMs: number,
  parts: Partial<StoredMark> = {},
): StoredMark {
  return { source, seq, attach: 1, refusals: [], wallMs, ...parts };
}

export function commandOf(id: string, wallMs: number, output: unknown = id): StoredCommand {
  return { id, inputHash: 7, outcome: { kind: 'result', output }, wallMs };
}

export function emissionOf(n: number, data: unknown = n): StoredEmission {
  return { n, event: 'delayed', data, wallMs: 1_000 + n };
}

export function reminderOf(name: string, dueMs: number, parts: Partial<StoredReminder> = {}): StoredReminder {
  const none = { everyMs: undefined, cron: undefined, timeZone: undefined };
  return { name, flow: 'wake', input: { for: name }, dueMs, ...none, missed: 'once', ...parts };
}

/** A whole scan of a map. */
export const ALL = { prefix: '', from: '', after: undefined, limit: 1_000 };

/** Registers one test per driver start: opens, runs, disposes. */
export function storageTest(
  title: string,
  open: StorageFactory,
  run: (under: StorageUnderTest) => Promise<void>,
): void {
  it(title, async () => {
    const under = await open();
    try {
      await run(under);
    } finally {
      await under.dispose();
    }
  });
}

/** Lets everything that is ready run, some turns of the loop long. */
export async function laterTurns(count = 3): Promise<void> {
  for (let turn = 0; turn < count; turn += 1)
    await new Promise<void>((resolve) => systemClock.defer(resolve));
}
