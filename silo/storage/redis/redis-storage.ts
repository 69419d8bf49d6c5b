// RedisStorage: grain memory in Redis, for a cluster. One script call claims a grain and loads it, one stores a commit.
// This file joins the parts; each has its own law (README.md here, which also says what `done` means).
//   R1. The fence and the numbers are checked by the server, in the call that writes (commit.lua).
//   R2. Calls of one grain travel on one connection in the order in which they were made here; so a read sees what was
//       handed over before it (S5).
//   R3. A claim of a grain waits until nothing of this process's earlier owners of it is on its way.
//   R4. After `close` nothing is sent any more. The client is not ours to close.
import {
  CLAIM_SCRIPT,
  claimArguments,
  type Claimer,
  partitionOf,
  type RedisClient,
  type RedisKeys,
  registerOutcome,
  RELEASE_SCRIPT,
  loadScript,
  type RedisReply,
} from '../../../directory/index.ts';
import {
  assert,
  type Clock,
  fromUnknown,
  GrainError,
  type GrainId,
  type Logger,
  resolveOptions,
} from '../../../lib/index.ts';
import { entryKeyProblem, fieldProblem } from '../commit-check.ts';
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
  StoredEmission,
} from '../grain-storage.ts';
import { PartitionTable, RedisClaim } from './redis-claim.ts';
import type { ConfirmOptions } from './redis-confirmation.ts';
import { FENCED, RedisCommits } from './redis-commits.ts';
import { type OnEmissions, RedisEmissions } from './redis-emissions.ts';
import { RedisGrains } from './redis-grains.ts';
import { loadHead } from './redis-head.ts';
import { RedisLog } from './redis-log.ts';
import { RedisOutbox } from './redis-outbox.ts';
import { RedisReads } from './redis-reads.ts';
import { RedisRecords } from './redis-records.ts';
import { RedisReminders } from './redis-reminders.ts';
import { RedisRetry } from './redis-retry.ts';
import { textOf } from './redis-values.ts';

const OWNS = loadScript(new URL('./scripts/owns.lua', import.meta.url));

export interface RedisStorageOptions {
  /** How long an unknown outcome is asked for before it is told as such, in milliseconds. @default 10_000 */
  readonly limitMs?: number;
  /**
   * WAIT: a commit counts as done only when so many replicas have it. `waitMs` is how long one WAIT takes at most; the
   * connection does nothing else meanwhile. Not for Redis Cluster. @default none
   */
  readonly confirm?: ConfirmOptions;
}

export interface RedisStorageParts {
  readonly client: RedisClient;
  readonly keys: RedisKeys;
  /** The generation that this process believes in: of its view. */
  readonly generation: () => string;
  readonly clock: Clock;
  readonly log: Logger;
  readonly options?: RedisStorageOptions;
}

export function openRedisStorage(parts: RedisStorageParts): RedisStorage {
  return new RedisStorage(parts);
}

const ALL = (): boolean => true;

export class RedisStorage implements GrainStorage {
  readonly #parts: RedisStorageParts;
  readonly #client: RedisClient;
  readonly #partitions: PartitionTable;
  readonly #retry: RedisRetry;
  readonly #commits: RedisCommits;
  readonly #reads: RedisReads;
  readonly #records: RedisRecords;
  readonly #reminders: RedisReminders;
  readonly #emissions: RedisEmissions;
  readonly #log: RedisLog;
  readonly #outbox: RedisOutbox;
  readonly #grains: RedisGrains;
  readonly #releases = new Set<Promise<void>>();
  readonly #stopEvents: () => void;
  #closing: Promise<void> | undefined;

  constructor(parts: RedisStorageParts) {
    const { client, keys, clock, log, options } = parts;
    const { limitMs } = resolveOptions(
      { limitMs: 10_000 },
      { limitMs: options?.limitMs },
      { limitMs: { least: 0 } },
    );
    this.#parts = parts;
    this.#client = client;
    this.#partitions = new PartitionTable(keys);
    this.#retry = new RedisRetry(client, clock, limitMs);
    this.#records = new RedisRecords(this.#retry, keys);
    this.#reminders = new RedisReminders(this.#retry, this.#partitions, keys);
    this.#emissions = new RedisEmissions(this.#retry, this.#partitions);
    this.#grains = new RedisGrains(this.#retry, this.#partitions);
    this.#log = new RedisLog(this.#retry, keys);
    this.#outbox = new RedisOutbox({
      retry: this.#retry,
      partitions: this.#partitions,
      keys,
      log: this.#log,
      logger: log,
    });
    this.#commits = new RedisCommits({
      client,
      clock,
      log,
      partitions: this.#partitions,
      generation: parts.generation,
      limitMs,
      confirm: options?.confirm,
      beforeSend: this.#beforeSend,
      afterStored: this.#afterStored,
    });
    this.#reads = new RedisReads(this.#retry, this.#commits, this.#partitions);
    this.#stopEvents = client.onEvent((event) => {
      if (event.kind === 'down') return this.#commits.connectionEnded();
      if (!event.isSame) {
        this.#reminders.serverChanged();
        this.#outbox.serverChanged();
      }
      this.#retry.wake();
      this.#commits.wake();
    });
  }

  /** How often a store was found to have lost what it had acknowledged, as far as this process's claims could tell. */
  get lostWrites(): number {
    return this.#commits.lostWrites;
  }

  // ---- Owners ----

  async claim(grain: GrainId, claimer: Claimer): Promise<ClaimOutcome> {
    this.#assertOpen();
    const head = this.#partitions.keys.head(grain);
    const settled = this.#commits.settled(head);
    if (settled) await settled;
    this.#assertOpen();
    const { generation } = this.#partitions.of(partitionOf(grain));
    const args = [...claimArguments(this.#parts.generation(), claimer), '1'];
    const reply = await this.#retry.ask(() => this.#client.run(CLAIM_SCRIPT, [head, generation], args));
    const answer = Array.isArray(reply) ? (reply as readonly RedisReply[]) : [];
    const words = [0, 1, 2].map((at) => {
      const word = answer[at];
      return word instanceof Uint8Array ? textOf(word) : '';
    });
    const outcome = registerOutcome(grain, claimer, words);
    if (outcome.kind !== 'registered') return outcome;
    const claim = new RedisClaim(outcome.address, this.#partitions);
    try {
      return { kind: 'claimed', claim, memory: loadHead(claim, answer, 3, this.#parts.clock.wallMs()) };
    } catch (thrown) {
      void this.release(claim);
      throw fromUnknown(thrown);
    }
  }

  /** Waits for the outcomes of what was handed over: an owner that is gone would fence what has to be asked again. */
  release(claim: Claim): Promise<void> {
    const own = ownClaim(claim);
    const wasOwner = own.ended === undefined;
    own.ended ??= FENCED;
    if (this.#closing || !wasOwner) return Promise.resolve();
    const released = this.#release(own).finally(() => this.#releases.delete(released));
    this.#releases.add(released);
    return released;
  }

  async #release(claim: RedisClaim): Promise<void> {
    const { grain, incarnation, activation } = claim.address;
    await this.#commits.settled(claim.head);
    try {
      await this.#retry.ask(() =>
        this.#client.run(RELEASE_SCRIPT, [claim.head], [incarnation, String(activation)]),
      );
    } catch (error) {
      // The owner that stays is of our incarnation: the next claim of this silo, or its end, takes the grain over.
      this.#parts.log.warn({ grain, err: error }, 'storage.release_failed');
    }
  }

  async isOwner(claim: Claim): Promise<boolean> {
    const own = ownClaim(claim);
    if (own.ended) return false;
    this.#assertOpen();
    return (await this.#retry.ask(() => this.#client.run(OWNS, [own.head], [own.fence]))) === 1;
  }

  // ---- Commits ----

  commit(claim: Claim, commit: GrainCommit, done: (outcome: CommitOutcome) => void): void {
    const own = ownClaim(claim);
    if (!this.#closing) return this.#commits.submit(own, commit, done);
    const error = new GrainError('ERR_SILO_DRAINING');
    this.#commits.decide(own, commit.number, done, { kind: 'failed', error });
  }

  readonly #beforeSend = (claim: RedisClaim, commit: GrainCommit): void => {
    if (commit.emissions.length > 0 || commit.forget) this.#outbox.announce(claim.partition);
    if (commit.reminders.length > 0) this.#reminders.announce(claim.partition, commit);
  };

  readonly #afterStored = (claim: RedisClaim, commit: GrainCommit): void => {
    if (commit.emissions.length > 0 || commit.forget) this.#outbox.wake(claim.partition);
    if (commit.reminders.length > 0) this.#reminders.announce(claim.partition, commit);
  };

  // ---- Collections ----

  async readEntry(claim: Claim, field: string, key: string): Promise<unknown> {
    this.#assertOpen();
    const problem = fieldProblem(field) ?? entryKeyProblem(key);
    if (problem) throw problem;
    return await this.#reads.entry(ownClaim(claim), field, key);
  }

  async readEntries(
    claim: Claim,
    field: string,
    scan: EntryScan,
  ): Promise<readonly (readonly [string, unknown])[]> {
    this.#assertOpen();
    return await this.#reads.entries(ownClaim(claim), field, scan);
  }

  async listLength(claim: Claim, field: string): Promise<number> {
    this.#assertOpen();
    return await this.#reads.length(ownClaim(claim), field);
  }

  async readItems(claim: Claim, field: string, start: number, end: number): Promise<readonly unknown[]> {
    this.#assertOpen();
    return await this.#reads.items(ownClaim(claim), field, start, end);
  }

  // ---- Emissions and the log ----

  async readEmissions(grain: GrainId, after: number, limit: number): Promise<EmissionPage> {
    this.#assertOpen();
    return await this.#emissions.read(grain, after, limit);
  }

  /** Every emission of a grain from now on, durable or not, from wherever it is; some may be missed, or come twice. */
  onEmissions(grain: GrainId, listener: OnEmissions, onReady?: () => void): () => void {
    return this.#emissions.listen(grain, listener, onReady);
  }

  /** Tells subscribers everywhere of emissions that are stored nowhere. */
  async publishVolatile(
    grain: GrainId,
    emissionEpoch: number,
    emissions: readonly StoredEmission[],
  ): Promise<void> {
    this.#assertOpen();
    await this.#emissions.publish(grain, emissionEpoch, emissions);
  }

  /** What this process committed before is in it. */
  async readLog(after: number, limit: number): Promise<LogPage> {
    this.#assertOpen();
    await this.#outbox.settled();
    return await this.#log.read(after, limit);
  }

  async trimLog(position: number): Promise<void> {
    this.#assertOpen();
    await this.#log.trim(position);
  }

  onAppend(wake: () => void): () => void {
    if (this.#closing) return () => undefined;
    return this.#log.onAppend(wake);
  }

  /**
   * Brings into the log what owners left behind that are gone: after a view change, and every 30 s, for the partitions
   * that are wanted. Answers how many may have had something.
   */
  async sweepOutboxes(isWanted: (partition: number) => boolean = ALL): Promise<number> {
    this.#assertOpen();
    return await this.#outbox.sweep(isWanted);
  }

  // ---- Reminders ----

  async dueReminders(
    untilWallMs: number,
    limit: number,
    isWanted: (partition: number) => boolean = ALL,
  ): Promise<readonly DueReminder[]> {
    this.#assertOpen();
    return await this.#reminders.due(untilWallMs, limit, isWanted);
  }

  async nextReminderMs(isWanted: (partition: number) => boolean = ALL): Promise<number | undefined> {
    this.#assertOpen();
    return await this.#reminders.next(isWanted);
  }

  // ---- Records and listings ----

  async getRecord(name: string): Promise<unknown> {
    this.#assertOpen();
    return await this.#records.get(name);
  }

  async putRecord(name: string, value: unknown): Promise<void> {
    this.#assertOpen();
    await this.#records.put(name, value);
  }

  async listRecords(
    prefix: string,
    after: string,
    limit: number,
  ): Promise<readonly (readonly [string, unknown])[]> {
    this.#assertOpen();
    return await this.#records.list(prefix, after, limit);
  }

  async listGrains(tenant: string, core: string, after: string, limit: number): Promise<readonly string[]> {
    this.#assertOpen();
    return await this.#grains.list(tenant, core, after, limit);
  }

  // ---- End ----

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    await this.#commits.idle();
    await Promise.all([this.#records.idle(), this.#outbox.close(), ...this.#releases]);
    this.#log.close();
    this.#stopEvents();
  }

  #assertOpen(): void {
    if (this.#closing) throw new GrainError('ERR_SILO_DRAINING');
  }
}

function ownClaim(claim: Claim): RedisClaim {
  assert(claim instanceof RedisClaim, 'a claim comes back to the storage that gave it');
  return claim;
}
