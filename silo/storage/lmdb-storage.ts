// LmdbStorage: the embedded durable driver. One LMDB file holds grains, marks, commands, reminders and the log, so one
// commit is one transaction. This file joins the parts; each has its own law (README.md).
//   P1. The directory is in this process, and this process is the only one on the folder: so the fence is a comparison.
//   P2. Reads of collections lay over the tables what was handed over (S5); all other reads see only what is durable.
//   P3. After `close` nothing touches LMDB: it would end the process.
import { type Claimer, MemoryDirectory } from '../../directory/index.ts';
import {
  assert,
  type Clock,
  formatGrainId,
  GrainError,
  type GrainId,
  type MaybePromise,
} from '../../lib/index.ts';
import { Batcher } from './batcher.ts';
import { entryKeyProblem, fieldProblem, recordNameProblem } from './commit-check.ts';
import { Epochs } from './epochs.ts';
import { GrainCommits } from './grain-commits.ts';
import { listBounds, loadMemory, readEntries, readEntry, readItems } from './grain-reader.ts';
import type {
  Claim,
  ClaimOutcome,
  DueReminder,
  EmissionPage,
  EntryScan,
  GrainCommit,
  GrainStorage,
  LogPage,
} from './grain-storage.ts';
import { type Done, LmdbClaim } from './grain-work.ts';
import { inFile, type StoreEnvironment, type Tables } from './lmdb-environment.ts';
import { decodeDue, decodeHead, hasMemory } from './record-codec.ts';
import { StoreLog } from './store-log.ts';
import { type OpenStore, openStore, type OpenStoreOptions } from './store-opening.ts';
import { StoreRecords } from './store-records.ts';
import { AFTER_NAMES, AFTER_NUMBERS, grainName, parseGrainName, sortable, textAfter } from './stored-keys.ts';

export type { StoreEnvironment } from './lmdb-environment.ts';

export interface LmdbStorageOptions extends OpenStoreOptions {
  readonly clock: Clock;
}

/** @throws ERR_STORE_LOCKED, ERR_STORE_CORRUPT, ERR_STORE_LOST, ERR_STORE_NEWER, ERR_STORE_FULL, ERR_STORE_FAILED */
export async function openLmdbStorage(options: LmdbStorageOptions): Promise<LmdbStorage> {
  const store = await openStore(options);
  try {
    return new LmdbStorage(store, options.clock);
  } catch (thrown) {
    await store.environment.close();
    store.lock.release();
    throw inFile(store.folder, thrown);
  }
}

export class LmdbStorage implements GrainStorage {
  /** Owners of the grains of this store. Other storages of the process may share it. */
  readonly directory: MemoryDirectory;
  readonly generation: string;
  readonly clusterKey: string;
  readonly folder: string;
  readonly #store: OpenStore;
  readonly #environment: StoreEnvironment;
  readonly #tables: Tables;
  readonly #clock: Clock;
  readonly #epochs: Epochs;
  readonly #batcher: Batcher;
  readonly #commits: GrainCommits;
  readonly #records: StoreRecords;
  readonly #log: StoreLog;
  #closing: Promise<void> | undefined;

  constructor(store: OpenStore, clock: Clock) {
    const { environment, folder, generation, clusterKey } = store;
    const { tables } = environment;
    this.folder = folder;
    this.generation = generation;
    this.clusterKey = clusterKey;
    this.#store = store;
    this.#environment = environment;
    this.#tables = tables;
    this.#clock = clock;
    this.#batcher = new Batcher(environment, clock);
    const wake = (): void => this.#batcher.wake();
    const meta = new StoreRecords('meta', tables.meta, wake);
    const reserve = (ceiling: number): Promise<void> => meta.put('epochs', ceiling);
    this.#epochs = new Epochs(store.epochFloor, store.epochCeiling, reserve);
    this.directory = new MemoryDirectory({ nextEpoch: this.#epochs.next });
    this.#log = new StoreLog(tables, wake);
    this.#records = new StoreRecords('records', tables.records, wake);
    this.#commits = new GrainCommits({ tables, directory: this.directory, log: this.#log, wake });
    // The log first: a grain that drops emissions in the same batch has to know what the log trims in it.
    this.#batcher.join([this.#log, this.#commits, this.#records, meta]);
  }

  // ---- Owners ----

  claim(grain: GrainId, claimer: Claimer): MaybePromise<ClaimOutcome> {
    this.#assertOpen();
    const reserved = this.#epochs.whenReserved();
    if (reserved) return this.#claimLater(grain, claimer, reserved);
    const name = grainName(grain);
    const lastEpoch = this.#epochs.last;
    const outcome = this.directory.register(grain, claimer);
    if (outcome.kind !== 'registered') return outcome;
    const { address } = outcome;
    const fresh = new LmdbClaim(address);
    const claim = address.epoch > lastEpoch ? fresh : this.#commits.principal(fresh);
    const settled = this.#commits.settled(name);
    return settled ? this.#loadLater(claim, settled) : this.#load(claim);
  }

  async #claimLater(grain: GrainId, claimer: Claimer, reserved: Promise<void>): Promise<ClaimOutcome> {
    await reserved;
    return await this.claim(grain, claimer);
  }

  async #loadLater(claim: LmdbClaim, settled: Promise<void>): Promise<ClaimOutcome> {
    await settled;
    this.#assertOpen();
    const owner = this.directory.lookup(claim.address.grain);
    return owner && owner !== claim.address ? { kind: 'taken', owner } : this.#load(claim);
  }

  #load(claim: LmdbClaim): ClaimOutcome {
    try {
      return { kind: 'claimed', claim, memory: loadMemory(claim, this.#tables, this.#clock.wallMs()) };
    } catch (thrown) {
      this.release(claim);
      throw inFile(this.folder, thrown, `, of ${formatGrainId(claim.address.grain)}`);
    }
  }

  release(claim: Claim): void {
    const { grain, incarnation, activation } = claim.address;
    this.directory.release(grain, incarnation, activation);
  }

  isOwner(claim: Claim): boolean {
    return this.#commits.isOwner(claim.address);
  }

  commit(claim: Claim, commit: GrainCommit, done: Done): void {
    if (!this.#closing) return this.#commits.submit(own(claim), commit, done);
    const error = new GrainError('ERR_SILO_DRAINING');
    this.#commits.decide(own(claim), done, { kind: 'failed', error });
  }

  // ---- Collections ----

  readEntry(claim: Claim, field: string, key: string): unknown {
    const problem = fieldProblem(field) ?? entryKeyProblem(key);
    if (problem) throw problem;
    return this.#read(() => readEntry(this.#owned(claim), this.#tables, field, key));
  }

  readEntries(claim: Claim, field: string, scan: EntryScan): readonly (readonly [string, unknown])[] {
    return this.#read(() => readEntries(this.#owned(claim), this.#tables, field, scan));
  }

  listLength(claim: Claim, field: string): number {
    return this.#read(() => {
      const [start, end] = listBounds(this.#owned(claim), field);
      return end - start;
    });
  }

  readItems(claim: Claim, field: string, start: number, end: number): readonly unknown[] {
    return this.#read(() => readItems(this.#owned(claim), this.#tables, field, start, end));
  }

  #owned(claim: Claim): LmdbClaim {
    if (!this.#commits.isOwner(claim.address)) throw new GrainError('ERR_STORE_FENCED');
    return this.#commits.current(own(claim));
  }

  // ---- Emissions and the log ----

  readEmissions(grain: GrainId, after: number, limit: number): EmissionPage {
    return this.#read(() => this.#log.readEmissions(grainName(grain), after, limit));
  }

  readLog(after: number, limit: number): LogPage {
    return this.#read(() => this.#log.read(after, limit));
  }

  async trimLog(position: number): Promise<void> {
    this.#assertOpen();
    await this.#log.trim(position);
  }

  onAppend(wake: () => void): () => void {
    return this.#log.onAppend(wake);
  }

  // ---- Reminders ----

  dueReminders(untilWallMs: number, limit: number): readonly DueReminder[] {
    const due: DueReminder[] = [];
    this.#read(() => {
      const end = sortable(Math.max(0, Math.floor(untilWallMs) + 1));
      this.#tables.due.scan(sortable(0), end, (_key, bytes) => {
        const { dueMs, grain, name } = decodeDue(bytes);
        if (dueMs <= untilWallMs) due.push({ grain: parseGrainName(grain), name, dueMs });
        return due.length < limit;
      });
    });
    return due.sort((left, right) => left.dueMs - right.dueMs);
  }

  nextReminderMs(): number | undefined {
    let next: number | undefined;
    this.#read(() =>
      this.#tables.due.scan(sortable(0), AFTER_NUMBERS, (_key, bytes) => {
        next = decodeDue(bytes).dueMs;
        return false;
      }),
    );
    return next;
  }

  // ---- Records and listings ----

  getRecord(name: string): unknown {
    return this.#read(() => this.#records.get(name));
  }

  async putRecord(name: string, value: unknown): Promise<void> {
    this.#assertOpen();
    const problem = recordNameProblem(name);
    if (problem) throw problem;
    await this.#records.put(name, value);
  }

  listRecords(prefix: string, after: string, limit: number): readonly (readonly [string, unknown])[] {
    return this.#read(() => this.#records.list(prefix, after, limit));
  }

  listGrains(tenant: string, core: string, after: string, limit: number): readonly string[] {
    const prefix = grainName({ tenant, core, key: '' });
    const keys: string[] = [];
    this.#read(() => {
      const start = after === '' ? prefix : textAfter(prefix + after);
      this.#tables.grains.scan(start, AFTER_NAMES, (name, bytes) => {
        if (!name.startsWith(prefix) || keys.length >= limit) return false;
        if (hasMemory(decodeHead(bytes))) keys.push(name.slice(prefix.length));
        return true;
      });
    });
    return keys;
  }

  // ---- End ----

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    await this.#batcher.idle();
    await this.#environment.close();
    this.#store.lock.release();
  }

  #assertOpen(): void {
    if (this.#closing) throw new GrainError('ERR_SILO_DRAINING');
  }

  #read<T>(action: () => T): T {
    this.#assertOpen();
    try {
      return action();
    } catch (thrown) {
      throw inFile(this.folder, thrown);
    }
  }
}

function own(claim: Claim): LmdbClaim {
  assert(claim instanceof LmdbClaim, 'a claim comes back to the storage that gave it');
  return claim;
}
