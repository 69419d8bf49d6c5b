// SharedVolatileStorage: memory of volatile Cores in a cluster. It lives in this process and goes with its activation; that
// there is one activation of a grain in the whole cluster is the directory's affair.
//   V1. A claim asks the directory first; the epoch of the memory is the one that it gave.
//   V2. Memory goes before the directory's entry does, so a successor never runs beside it.
import {
  type Claimer,
  type GrainAddress,
  type GrainDirectory,
  MemoryDirectory,
} from '../../directory/index.ts';
import { type Clock, GrainError, type GrainId } from '../../lib/index.ts';
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
} from '../storage/grain-storage.ts';
import { MemoryStorage } from '../storage/memory-storage.ts';
import type { MaybePromise } from '../../lib/index.ts';

export class SharedVolatileStorage implements GrainStorage {
  readonly #directory: GrainDirectory;
  readonly #memory: MemoryStorage;
  /** Of the claim that is being made. */
  #epoch = 0;

  constructor(directory: GrainDirectory, clock: Clock) {
    this.#directory = directory;
    const local = new MemoryDirectory({ nextEpoch: () => this.#epoch });
    this.#memory = new MemoryStorage({ directory: local, clock, retention: 'activation' });
    // Nobody reads this log: the bus carries only what is durable.
    this.#memory.onAppend(() => this.#memory.trimLog(Infinity));
  }

  async claim(grain: GrainId, claimer: Claimer): Promise<ClaimOutcome> {
    const outcome = await this.#directory.register(grain, claimer);
    if (outcome.kind !== 'registered') return outcome;
    this.#epoch = outcome.address.epoch;
    return await this.#memory.claim(grain, claimer);
  }

  commit(claim: Claim, commit: GrainCommit, done: (outcome: CommitOutcome) => void): void {
    this.#memory.commit(claim, commit, done);
  }

  async release(claim: Claim): Promise<void> {
    const { grain, incarnation, activation } = claim.address;
    this.#memory.release(claim);
    await this.#directory.release(grain, incarnation, activation);
  }

  async isOwner(claim: Claim): Promise<boolean> {
    const owner = await this.#directory.lookup(claim.address.grain);
    return owner !== undefined && isSameActivation(owner, claim.address);
  }

  readEntry(claim: Claim, field: string, key: string): MaybePromise<unknown> {
    return this.#memory.readEntry(claim, field, key);
  }

  readEntries(
    claim: Claim,
    field: string,
    scan: EntryScan,
  ): MaybePromise<readonly (readonly [string, unknown])[]> {
    return this.#memory.readEntries(claim, field, scan);
  }

  listLength(claim: Claim, field: string): MaybePromise<number> {
    return this.#memory.listLength(claim, field);
  }

  readItems(claim: Claim, field: string, start: number, end: number): MaybePromise<readonly unknown[]> {
    return this.#memory.readItems(claim, field, start, end);
  }

  readEmissions(grain: GrainId, after: number, limit: number): MaybePromise<EmissionPage> {
    return this.#memory.readEmissions(grain, after, limit);
  }

  // What follows is of memory that outlives activations: volatile Cores have none.

  readLog(after: number): LogPage {
    return { first: after + 1, last: after, entries: [] };
  }

  trimLog(): void {
    // There is no log.
  }

  onAppend(): () => void {
    return () => undefined;
  }

  dueReminders(): readonly DueReminder[] {
    return [];
  }

  nextReminderMs(): undefined {
    return undefined;
  }

  getRecord(): undefined {
    return undefined;
  }

  putRecord(): Promise<void> {
    return Promise.reject(new GrainError('ERR_INTERNAL', { message: 'volatile storage keeps no records' }));
  }

  listRecords(): readonly (readonly [string, unknown])[] {
    return [];
  }

  listGrains(): readonly string[] {
    return [];
  }

  close(): Promise<void> {
    return this.#memory.close();
  }
}

function isSameActivation(left: GrainAddress, right: GrainAddress): boolean {
  return left.incarnation === right.incarnation && left.activation === right.activation;
}
