// GrainCommits: every commit from hand-over to outcome.
// Owns: the fence and the numbers (S2), the works that wait, who is told what and in which order (S4, S6).
//   C1. Accepted means: handed over by the owner, with the next number. It is applied in that order, by the next batch.
//   C2. Outcomes of a claim are told in the order of hand-over: those decided at once wait behind those that are not.
//   C3. When a batch fails, everything of its claims fails, also what waits for the next; their numbers go back.
//   C4. A grain is loaded only while nothing of it waits or is in flight.
import type { GrainAddress, MemoryDirectory } from '../../directory/index.ts';
import { fromUnknown, GrainError } from '../../lib/index.ts';
import type { BatchEnd, BatchPart } from './batcher.ts';
import { commitProblem, resolveIncrements } from './commit-check.ts';
import { readEntry, readHead } from './grain-reader.ts';
import { type LogPlaces, writeWork } from './grain-rows.ts';
import type { CommitOutcome, GrainCommit } from './grain-storage.ts';
import { type Done, type LmdbClaim, Work } from './grain-work.ts';
import type { Tables, WriteSet } from './lmdb-environment.ts';

export interface GrainCommitsOptions {
  readonly tables: Tables;
  readonly directory: MemoryDirectory;
  readonly log: LogPlaces;
  /** Called when rows wait. */
  readonly wake: () => void;
}

const DONE: CommitOutcome = Object.freeze({ kind: 'done' });
const FENCED: CommitOutcome = Object.freeze({ kind: 'fenced' });
/** Bounds the time that preparing one batch takes; the rest goes into the next. */
const WORKS_PER_BATCH = 1_000;
const BYTES_PER_BATCH = 16 * 1024 * 1024;

export class GrainCommits implements BatchPart {
  readonly #options: GrainCommitsOptions;
  readonly #tables: Tables;
  readonly #directory: MemoryDirectory;
  #open: Work[] = [];
  #flying: readonly Work[] = [];
  /** Works that could not be turned into rows. */
  #failed: { readonly work: Work; readonly error: GrainError }[] = [];
  /** Claims with works, by grain's name (C4). */
  readonly #busy = new Map<string, LmdbClaim>();
  /** Claims that committed. Most claims are never asked for twice, so this is not paid when they are made. */
  readonly #principals = new WeakMap<GrainAddress, LmdbClaim>();
  #onSettled: (() => void)[] = [];
  /** Decided outcomes of claims that have no work: told together, after the caller is done. */
  #decided: { readonly done: Done; readonly outcome: CommitOutcome }[] = [];

  constructor(options: GrainCommitsOptions) {
    this.#options = options;
    this.#tables = options.tables;
    this.#directory = options.directory;
  }

  isOwner(address: GrainAddress): boolean {
    return this.#directory.lookup(address.grain) === address;
  }

  /** The claim that has the state of this owner: an owner that claims again may hold two. */
  principal(claim: LmdbClaim): LmdbClaim {
    return claim.isPrincipal ? claim : (this.#principals.get(claim.address) ?? claim);
  }

  /** As `principal`, with a picture of the rows that is right. */
  current(given: LmdbClaim): LmdbClaim {
    const claim = this.principal(given);
    if (claim.isStale) readHead(claim, this.#tables);
    return claim;
  }

  // ---- Hand-over ----

  submit(given: LmdbClaim, commit: GrainCommit, done: Done): void {
    const claim = this.principal(given);
    const { number } = commit;
    if (!this.isOwner(claim.address)) this.decide(claim, done, FENCED);
    else if (number <= claim.stored) {
      if (claim.isDoubtful) this.#workOf(claim).tell(done);
      else this.decide(claim, done, DONE);
    } else if (number <= claim.accepted) {
      // Asked again while it waits: both are told how it ends.
      const { flying } = claim;
      (flying && number <= flying.last ? flying : this.#workOf(claim)).tell(done);
    } else if (number > claim.accepted + 1) this.decide(claim, done, { kind: 'gap', stored: claim.stored });
    else this.#accept(claim, commit, done);
  }

  #accept(claim: LmdbClaim, commit: GrainCommit, done: Done): void {
    const problem = commitProblem(commit);
    if (problem) return this.decide(claim, done, { kind: 'failed', error: problem });
    try {
      if (claim.isStale) readHead(claim, this.#tables);
      const changes = resolveIncrements(commit.collections, (field, key) =>
        commit.forget ? undefined : readEntry(claim, this.#tables, field, key),
      );
      if (changes instanceof GrainError) return this.decide(claim, done, { kind: 'failed', error: changes });
      if (!claim.isPrincipal) {
        claim.isPrincipal = true;
        this.#principals.set(claim.address, claim);
      }
      const work = this.#workOf(claim);
      work.add(commit, changes);
      work.tell(done);
      claim.accepted = commit.number;
    } catch (thrown) {
      this.decide(claim, done, { kind: 'failed', error: fromUnknown(thrown) });
    }
  }

  #workOf(claim: LmdbClaim): Work {
    if (claim.open) return claim.open;
    const work = new Work(claim);
    claim.open = work;
    if (!claim.flying) this.#busy.set(work.name, claim);
    this.#open.push(work);
    this.#options.wake();
    return work;
  }

  /** C2. */
  decide(given: LmdbClaim, done: Done, outcome: CommitOutcome): void {
    const claim = this.principal(given);
    const work = claim.open ?? claim.flying;
    if (work) return work.tell(done, outcome);
    if (this.#decided.length === 0) queueMicrotask(this.#tellDecided);
    this.#decided.push({ done, outcome });
  }

  readonly #tellDecided = (): void => {
    const decided = this.#decided;
    this.#decided = [];
    for (const { done, outcome } of decided) done(outcome);
  };

  /** C4. Resolves when nothing of the grain waits or is in flight; undefined when that is so. */
  settled(name: string): Promise<void> | undefined {
    return this.#busy.has(name) ? this.#whenSettled(name) : undefined;
  }

  async #whenSettled(name: string): Promise<void> {
    while (this.#busy.has(name)) await new Promise<void>((resolve) => this.#onSettled.push(resolve));
  }

  // ---- Batches ----

  get isWaiting(): boolean {
    return this.#open.length > 0;
  }

  seal(rows: WriteSet): void {
    let taken = 0;
    for (const work of this.#open) {
      if (taken >= WORKS_PER_BATCH || rows.bytes >= BYTES_PER_BATCH) break;
      taken += 1;
      work.claim.open = undefined;
      work.claim.flying = work;
      const before = rows.keys.length;
      try {
        writeWork(work, this.#tables, rows, this.#options.log);
      } catch (thrown) {
        rows.cut(before);
        this.#failed.push({ work, error: fromUnknown(thrown) });
      }
    }
    this.#flying = this.#open.slice(0, taken);
    this.#open = this.#open.slice(taken);
  }

  settle({ error, isVisible }: BatchEnd): void {
    const works = this.#flying;
    this.#flying = [];
    const told: Told[] = [];
    const failed = new Map(this.#failed.map(({ work, error }) => [work, error] as const));
    this.#failed = [];
    for (const work of works) {
      const problem = failed.get(work) ?? error;
      if (!problem) this.#succeed(work);
      else this.#fail(work, isVisible && !failed.has(work), told, { kind: 'failed', error: problem });
      if (!problem) told.push({ work, outcome: DONE });
      if (!work.claim.open) this.#busy.delete(work.name);
    }
    for (const { work, outcome } of told) tellAll(work, outcome);
    if (this.#onSettled.length > 0) for (const resolve of this.#onSettled.splice(0)) resolve();
  }

  #succeed({ claim, last }: Work): void {
    claim.flying = undefined;
    claim.stored = last;
    claim.isDoubtful = false;
  }

  /** C3. What is visible though its batch failed counts as stored, but in doubt. */
  #fail(work: Work, isVisible: boolean, told: Told[], outcome: CommitOutcome): void {
    const { claim } = work;
    claim.flying = undefined;
    claim.isStale = true;
    if (isVisible) {
      claim.stored = work.last;
      claim.isDoubtful = true;
    }
    claim.accepted = claim.stored;
    told.push({ work, outcome });
    const { open } = claim;
    if (!open) return;
    claim.open = undefined;
    this.#open = this.#open.filter((other) => other !== open);
    told.push({ work: open, outcome });
  }
}

interface Told {
  readonly work: Work;
  readonly outcome: CommitOutcome;
}

function tellAll({ dones, outcomes }: Work, ended: CommitOutcome): void {
  for (let at = 0; at < dones.length; at += 1) dones[at]?.(outcomes[at] ?? ended);
}
