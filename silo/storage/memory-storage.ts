// MemoryStorage: grain memory in this process. The driver of `volatile` Cores, and the simulator's durable driver.
// Owns: claims, the numbers of their commits, what is flushed. Does not own: who owns a grain (the directory), the shape
// of what is stored (memory-store.ts). A long file, because every member of GrainStorage is here; most are one line.
//   R1. `#live` holds every accepted commit (S5); `#durable` those that were flushed. Without a flush they are one.
//   R2. A commit is accepted or refused when it is handed over, by the fence and by its number (S2); its outcome waits in
//       one queue with all others, so outcomes keep the order of hand-over (S4).
//   R3. When a commit fails, the grain's live memory goes back to the durable one, and the numbers with it: what was
//       handed over after it fails too, and `n` may be asked again (S6).
//   R4. A claim of a grain waits until nothing of an earlier owner is queued: it never loads what may yet be lost.
import {
  assert,
  type Clock,
  formatGrainId,
  GrainError,
  type GrainId,
  type MaybePromise,
} from '../../lib/index.ts';
import type { Claimer, GrainAddress, MemoryDirectory } from '../../directory/index.ts';
import { commitProblem, entryKeyProblem, type ResolvedChange, resolveIncrements } from './commit-check.ts';
import type {
  Claim,
  ClaimOutcome,
  CommitOutcome,
  DueReminder,
  EmissionPage,
  EntryScan,
  GrainCommit,
  GrainStorage,
  LogPage,
} from './grain-storage.ts';
import { EMPTY_MEMORY, type MemoryGrain } from './memory-grain.ts';
import { MemoryStore } from './memory-store.ts';
import { type StorageFault, StorageFaults } from './storage-faults.ts';
import { grainName } from './stored-keys.ts';

export interface MemoryStorageOptions {
  /** Answers at once, and one address object per owner. */
  readonly directory: Pick<MemoryDirectory, 'register' | 'lookup' | 'release'>;
  readonly clock: Clock;
  /**
   * `immediate`: nothing can be lost but by the end of the process. With `flush` commits are visible at once and durable
   * when `run` is called, which takes all that are queued by then. It is handed out once for each time that it is needed.
   * @default 'immediate'
   */
  readonly durability?: 'immediate' | { readonly flush: (run: () => void) => void };
  /** `activation`: memory goes when its owner releases the grain (`volatile` Cores). @default 'process' */
  readonly retention?: 'process' | 'activation';
}

export type { StorageFault } from './storage-faults.ts';

type Done = (outcome: CommitOutcome) => void;
/** What became of a commit at hand-over: applied to live memory with these changes; asked again while queued; or refused. */
type Verdict = readonly ResolvedChange[] | 'repeat' | CommitOutcome;

interface Queued {
  readonly claim: MemoryClaim;
  readonly commit: GrainCommit;
  readonly verdict: Verdict;
  readonly done: Done;
}

class MemoryClaim implements Claim {
  readonly address: GrainAddress;
  /** Numbers of the last durable and of the last accepted commit (R3). */
  stored = 0;
  accepted = 0;

  constructor(address: GrainAddress) {
    this.address = address;
  }

  get name(): string {
    return grainName(this.address.grain);
  }
}

const DONE: CommitOutcome = Object.freeze({ kind: 'done' });
const FENCED: CommitOutcome = Object.freeze({ kind: 'fenced' });
const UNCHANGED: readonly never[] = [];

export class MemoryStorage implements GrainStorage {
  readonly #options: MemoryStorageOptions;
  readonly #directory: MemoryStorageOptions['directory'];
  readonly #clock: Clock;
  /** Undefined: what is accepted is durable. */
  readonly #flush: ((run: () => void) => void) | undefined;
  readonly #isKept: boolean;
  readonly #durable: MemoryStore;
  readonly #live: MemoryStore;
  /**
   * Claims that committed, by their address, which is one object as long as it owns. Most claims are never asked for
   * twice, so this is not paid when they are made.
   */
  readonly #committed = new WeakMap<GrainAddress, MemoryClaim>();
  /** Waits for the flush. */
  #queue: Queued[] = [];
  /** Decided, to be told at the end of the run: functions and outcomes side by side. */
  #tellDone: Done[] = [];
  #tellOutcome: CommitOutcome[] = [];
  #hasAppended = false;
  #records: (() => void)[] = [];
  #isRunAsked = false;
  /** How many accepted commits wait for the flush, by grain's name; and those who wait for that to end (R4). */
  readonly #unsettled = new Map<string, number>();
  #onSettled: (() => void)[] = [];
  #state: 'open' | 'closed' | 'crashed' = 'open';
  readonly #faults = new StorageFaults();
  readonly #listeners = new Set<() => void>();

  constructor(options: MemoryStorageOptions, content?: MemoryStore) {
    const { directory, clock, durability = 'immediate', retention = 'process' } = options;
    this.#options = options;
    this.#directory = directory;
    this.#clock = clock;
    this.#flush = durability === 'immediate' ? undefined : durability.flush;
    this.#isKept = retention === 'process';
    this.#durable = content ?? new MemoryStore(this.#isKept);
    this.#live = this.#flush ? this.#durable.clone() : this.#durable;
  }

  // ---- Owners ----

  claim(grain: GrainId, claimer: Claimer): MaybePromise<ClaimOutcome> {
    this.#assertOpen();
    const name = grainName(grain);
    if (this.#faults.take('claim', name))
      throw new GrainError('ERR_STORE_FAILED', { grain: formatGrainId(grain) });
    const outcome = this.#directory.register(grain, claimer);
    if (outcome.kind !== 'registered') return outcome;
    return this.#unsettled.has(name)
      ? this.#claimWhenSettled(outcome.address, name)
      : this.#load(outcome.address, name);
  }

  async #claimWhenSettled(address: GrainAddress, name: string): Promise<ClaimOutcome> {
    while (this.#unsettled.has(name)) await new Promise<void>((resolve) => this.#onSettled.push(resolve));
    this.#assertOpen();
    const owner = this.#directory.lookup(address.grain);
    return owner && owner !== address ? { kind: 'taken', owner } : this.#load(address, name);
  }

  #load(address: GrainAddress, name: string): ClaimOutcome {
    const committed = this.#committed.get(address);
    const claim = committed ?? new MemoryClaim(address);
    // What an owner left that never released: the next begins with nothing.
    if (!committed && !this.#isKept) this.#live.forgetGrain(name);
    const grain = this.#live.grains.get(name);
    if (!grain) return { kind: 'claimed', claim, memory: EMPTY_MEMORY };
    const nowWallMs = this.#clock.wallMs();
    for (const { grains } of [this.#live, this.#durable]) grains.get(name)?.dropOutdated(nowWallMs);
    return { kind: 'claimed', claim, memory: grain.load() };
  }

  release(claim: Claim): void {
    if (this.#state !== 'open') return;
    const { grain, incarnation, activation } = claim.address;
    const wasOwner = this.#directory.release(grain, incarnation, activation);
    if (wasOwner && !this.#isKept) this.#live.forgetGrain(own(claim).name);
  }

  isOwner(claim: Claim): boolean {
    return this.#directory.lookup(claim.address.grain) === claim.address;
  }

  // ---- Commits ----

  commit(claim: Claim, commit: GrainCommit, done: Done): void {
    if (this.#state === 'crashed') return;
    const given = own(claim);
    const owner = given.accepted > 0 ? given : (this.#committed.get(given.address) ?? given);
    const verdict = this.#accept(owner, commit);
    if (isAccepted(verdict)) {
      if (owner.accepted === 0) this.#committed.set(owner.address, owner);
      owner.accepted = commit.number;
      if (this.#flush) this.#unsettled.set(owner.name, (this.#unsettled.get(owner.name) ?? 0) + 1);
      else owner.stored = commit.number;
    }
    if (this.#flush) this.#queue.push({ claim: owner, commit, verdict, done });
    else {
      // The path of `volatile` Cores: nothing is left to decide, so nothing is kept but who is to be told what.
      if (commit.emissions.length > 0) this.#hasAppended = true;
      this.#tellDone.push(done);
      this.#tellOutcome.push(isAccepted(verdict) ? DONE : (verdict as CommitOutcome));
    }
    this.#askRun();
  }

  #accept(claim: MemoryClaim, commit: GrainCommit): Verdict {
    if (this.#state !== 'open') return { kind: 'failed', error: new GrainError('ERR_SILO_DRAINING') };
    if (!this.isOwner(claim)) return FENCED;
    if (commit.number <= claim.stored) return DONE;
    if (commit.number <= claim.accepted) return 'repeat';
    if (commit.number > claim.accepted + 1) return { kind: 'gap', stored: claim.stored };
    const error = commitProblem(commit);
    if (error) return { kind: 'failed', error };
    // Values, marks and commands are read by the next owner only, and there they are gone.
    if (!this.#isKept && isForNextOwner(commit)) return UNCHANGED;
    const grain = this.#live.grain(claim.address.grain, claim.name);
    const changes = resolveIncrements(commit.collections, (field, key) =>
      commit.forget ? undefined : grain.maps.get(field)?.values.get(key),
    );
    if (changes instanceof GrainError) return { kind: 'failed', error: changes };
    this.#live.apply(claim.name, grain, commit, changes);
    return changes;
  }

  #askRun(): void {
    if (this.#isRunAsked) return;
    this.#isRunAsked = true;
    if (this.#flush) this.#flush(this.#run);
    else queueMicrotask(this.#run);
  }

  /** Makes durable what is queued, then tells the outcomes. */
  readonly #run = (): void => {
    if (this.#state === 'crashed') return;
    this.#isRunAsked = false;
    if (this.#queue.length > 0) {
      const queue = this.#queue;
      this.#queue = [];
      this.#settle(queue);
    }
    const [dones, outcomes] = [this.#tellDone, this.#tellOutcome];
    this.#tellDone = [];
    this.#tellOutcome = [];
    for (let at = 0; at < dones.length; at += 1) dones[at]?.(outcomes[at] ?? DONE);
    if (this.#records.length > 0) for (const write of this.#records.splice(0)) write();
    if (this.#hasAppended) {
      this.#hasAppended = false;
      for (const wake of this.#listeners) wake();
    }
    if (this.#onSettled.length > 0) for (const resolve of this.#onSettled.splice(0)) resolve();
  };

  #settle(queue: readonly Queued[]): void {
    const broken = new Map<MemoryClaim, CommitOutcome>();
    for (const queued of queue) {
      this.#tellDone.push(queued.done);
      this.#tellOutcome.push(this.#settleOne(queued, broken));
    }
  }

  #settleOne({ claim, commit, verdict }: Queued, broken: Map<MemoryClaim, CommitOutcome>): CommitOutcome {
    if (verdict === 'repeat') return commit.number <= claim.stored ? DONE : (broken.get(claim) ?? DONE);
    if (!isAccepted(verdict)) return verdict;
    const left = (this.#unsettled.get(claim.name) ?? 0) - 1;
    if (left > 0) this.#unsettled.set(claim.name, left);
    else this.#unsettled.delete(claim.name);
    const earlier = broken.get(claim);
    if (earlier) return earlier;
    const fault = this.#faults.take('commit', claim.name);
    if (fault !== 'none' && fault !== 'unknown_lost') this.#store(claim, commit, verdict);
    if (fault === undefined) return DONE;
    const error = new GrainError(fault === 'none' ? 'ERR_STORE_FULL' : 'ERR_STORE_FAILED');
    const outcome: CommitOutcome = { kind: 'failed', error };
    broken.set(claim, outcome);
    this.#rollBack(claim);
    return outcome;
  }

  #store(claim: MemoryClaim, commit: GrainCommit, changes: readonly ResolvedChange[]): void {
    const grain = this.#durable.grain(claim.address.grain, claim.name);
    this.#durable.apply(claim.name, grain, commit, changes);
    if (commit.emissions.length > 0) this.#hasAppended = true;
    claim.stored = commit.number;
  }

  /** R3. */
  #rollBack(claim: MemoryClaim): void {
    claim.accepted = claim.stored;
    const durable = this.#durable.grains.get(claim.name);
    if (durable) this.#live.grains.set(claim.name, durable.clone());
    else this.#live.forgetGrain(claim.name);
  }

  // ---- Collections ----

  readEntry(claim: Claim, field: string, key: string): unknown {
    const problem = entryKeyProblem(key);
    if (problem) throw problem;
    return this.#owned(claim)?.maps.get(field)?.values.get(key);
  }

  readEntries(claim: Claim, field: string, scan: EntryScan): readonly (readonly [string, unknown])[] {
    return this.#owned(claim)?.maps.get(field)?.scan(scan) ?? [];
  }

  listLength(claim: Claim, field: string): number {
    return this.#owned(claim)?.lists.get(field)?.length ?? 0;
  }

  readItems(claim: Claim, field: string, start: number, end: number): readonly unknown[] {
    return this.#owned(claim)?.lists.get(field)?.slice(Math.max(0, start), Math.max(0, end)) ?? [];
  }

  #owned(claim: Claim): MemoryGrain | undefined {
    this.#assertOpen();
    if (!this.isOwner(claim)) throw new GrainError('ERR_STORE_FENCED');
    return this.#live.grains.get(own(claim).name);
  }

  // ---- What is durable ----

  readEmissions(grain: GrainId, after: number, limit: number): EmissionPage {
    this.#assertOpen();
    return this.#durable.readEmissions(grainName(grain), after, limit);
  }

  readLog(after: number, limit: number): LogPage {
    this.#assertOpen();
    return this.#durable.readLog(after, limit);
  }

  trimLog(position: number): void {
    this.#assertOpen();
    this.#durable.trimLog(position);
    if (this.#live !== this.#durable) this.#live.trimLog(position);
  }

  onAppend(wake: () => void): () => void {
    this.#listeners.add(wake);
    return () => this.#listeners.delete(wake);
  }

  dueReminders(untilWallMs: number, limit: number): readonly DueReminder[] {
    this.#assertOpen();
    const reminders = this.#durable.reminders();
    return reminders.filter(({ dueMs }) => dueMs <= untilWallMs).slice(0, limit);
  }

  nextReminderMs(): number | undefined {
    this.#assertOpen();
    return this.#durable.reminders()[0]?.dueMs;
  }

  listGrains(tenant: string, core: string, after: string, limit: number): readonly string[] {
    this.#assertOpen();
    return this.#durable.listGrains(tenant, core, after, limit);
  }

  // ---- Records ----

  getRecord(name: string): unknown {
    this.#assertOpen();
    return this.#live.records.get(name);
  }

  async putRecord(name: string, value: unknown): Promise<void> {
    this.#assertOpen();
    putInto(this.#live, name, value);
    await new Promise<void>((resolve) => {
      this.#records.push(() => {
        putInto(this.#durable, name, value);
        resolve();
      });
      this.#askRun();
    });
  }

  listRecords(prefix: string, after: string, limit: number): readonly (readonly [string, unknown])[] {
    this.#assertOpen();
    return this.#live.listRecords(prefix, after, limit);
  }

  // ---- End ----

  close(): Promise<void> {
    if (this.#state === 'open') this.#state = 'closed';
    return this.#settled();
  }

  async #settled(): Promise<void> {
    while (this.#isRunAsked) await new Promise<void>((resolve) => this.#onSettled.push(resolve));
  }

  #assertOpen(): void {
    if (this.#state !== 'open') throw new GrainError('ERR_SILO_DRAINING');
  }

  // ---- For the simulator ----

  /** Breaks the next claim, or the next commit to be flushed; of one grain when it is named. Commits only with `flush`. */
  failNext(fault: StorageFault, grain?: GrainId): void {
    this.#faults.add(fault, grain);
  }

  /** How many accepted commits are not durable yet. */
  get unflushed(): number {
    return this.#queue.filter(({ verdict }) => isAccepted(verdict)).length;
  }

  /**
   * The process ends here: no outcome is told any more. The answer is the storage of the process after it, with what was
   * flushed; `flushed` is how many of the unflushed commits, oldest first, got to the disk though nobody was told.
   */
  crash(next: {
    readonly directory: MemoryStorageOptions['directory'];
    readonly flushed?: number;
    /** The next process's own, where it has one. */
    readonly clock?: Clock;
    readonly durability?: MemoryStorageOptions['durability'] & object;
  }): MemoryStorage {
    this.#state = 'crashed';
    const accepted = this.#flush ? this.#queue.filter(({ verdict }) => isAccepted(verdict)) : [];
    for (const { claim, commit, verdict } of accepted.slice(0, next.flushed ?? 0)) {
      if (isAccepted(verdict)) this.#store(claim, commit, verdict);
    }
    const { flushed: _flushed, ...options } = next;
    return new MemoryStorage({ ...this.#options, ...options }, this.#durable);
  }
}

function isAccepted(verdict: Verdict): verdict is readonly ResolvedChange[] {
  return Array.isArray(verdict);
}

function isForNextOwner({ collections, emissions, reminders, forget }: GrainCommit): boolean {
  return collections.length === 0 && emissions.length === 0 && reminders.length === 0 && !forget;
}

function putInto(store: MemoryStore, name: string, value: unknown): void {
  if (value === undefined) store.records.delete(name);
  else store.records.set(name, value);
}

function own(claim: Claim): MemoryClaim {
  assert(claim instanceof MemoryClaim, 'a claim comes back to the storage that gave it');
  return claim;
}
