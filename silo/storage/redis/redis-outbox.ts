// RedisOutbox: brings what commits emitted from the outboxes of the partitions into the log of the cluster (hazards.md 16).
// Owns: the relay, and the marks of partitions whose outbox may hold something.
//   O1. An entry is in the log before it is gone from the outbox: two relays at once, or one that dies, only repeat.
//   O2. Entries of a partition reach the log in their order; so those of a grain do.
//   O3. A partition is marked before the commit that puts something into its outbox is sent. The mark goes only when it was
//       not renewed between two sweeps and the outbox is empty; who commits renews it every `MARK_MS`, long before. A
//       server that is another one than before may have lost marks: the next sweep looks at all partitions.
import { loadScript, PARTITION_COUNT, type RedisKeys, type RedisReply } from '../../../directory/index.ts';
import type { Logger } from '../../../lib/index.ts';
import type { PartitionTable } from './redis-claim.ts';
import { bytesAt } from './redis-head.ts';
import type { RedisLog } from './redis-log.ts';
import type { RedisRetry } from './redis-retry.ts';
import { textOf } from './redis-values.ts';

const READ = loadScript(new URL('./scripts/outbox-read.lua', import.meta.url));
const TAKE = loadScript(new URL('./scripts/outbox-take.lua', import.meta.url));
const CLEAR = loadScript(new URL('./scripts/dirty-clear.lua', import.meta.url));

/** At most so many entries of a partition in one round. */
const ENTRIES_AT_ONCE = 500;
const PARTITIONS_AT_ONCE = 128;
const MARK_MS = 10_000;
const AFTER_FAILURE_MS = 1_000;
const PARTITIONS: readonly number[] = Array.from({ length: PARTITION_COUNT }, (_, at) => at);
/** First byte of an entry that tells of a forgotten grain; of an emission it is another (commit-call.ts). */
const ERASE = 102;

export interface OutboxParts {
  readonly retry: RedisRetry;
  readonly partitions: PartitionTable;
  readonly keys: RedisKeys;
  readonly log: RedisLog;
  readonly logger: Logger;
}

export class RedisOutbox {
  readonly #parts: OutboxParts;
  readonly #dirtyKey: string;
  /** When this process marked a partition last, on its own clock. */
  readonly #markedMs = new Map<number, number>();
  /** Marks as the last sweep saw them. */
  #seen = new Map<string, string>();
  #waiting = new Set<number>();
  #round: Promise<void> | undefined;
  #isClosed = false;
  #wasUp: boolean;
  #isLookDue = false;

  constructor(parts: OutboxParts) {
    this.#parts = parts;
    this.#wasUp = parts.retry.client.isUp;
    this.#dirtyKey = parts.keys.shared('outbox-dirty');
  }

  /** O3. */
  serverChanged(): void {
    this.#isLookDue = this.#wasUp;
    this.#wasUp = true;
    this.#markedMs.clear();
  }

  /** O3. Sent ahead of the commit on the same connection. */
  announce(partition: number): void {
    const { client, clock } = this.#parts.retry;
    const nowMs = clock.nowMs();
    if (nowMs - (this.#markedMs.get(partition) ?? -Infinity) < MARK_MS) return;
    this.#markedMs.set(partition, nowMs);
    this.#parts.retry
      .ask(() => client.call('HINCRBY', [this.#dirtyKey, partition, 1]))
      .catch(() => void this.#markedMs.delete(partition));
  }

  /** Something of the partition waits to be relayed. */
  wake(partition: number): void {
    this.#waiting.add(partition);
    if (!this.#round && !this.#isClosed) this.#begin();
  }

  #begin(): void {
    this.#round = new Promise<void>((resolve) => this.#parts.retry.clock.defer(resolve))
      .then(() => this.#relay())
      .finally(() => {
        this.#round = undefined;
        if (this.#waiting.size > 0 && !this.#isClosed) this.#begin();
      });
  }

  /** Resolves when what waits now was relayed, or could not be. */
  async settled(): Promise<void> {
    await this.#round;
    await this.#round;
  }

  async close(): Promise<void> {
    await this.settled();
    this.#isClosed = true;
    await this.#round;
  }

  /** Relays what owners left that are gone; of the partitions that are wanted. Answers how many may have had something. */
  async sweep(isWanted: (partition: number) => boolean): Promise<number> {
    const { client } = this.#parts.retry;
    const found = (await this.#parts.retry.ask(() =>
      client.call('HGETALL', [this.#dirtyKey]),
    )) as RedisReply[];
    const marks = new Map<string, string>();
    for (let at = 0; at < found.length; at += 2) {
      const partition = textOf(bytesAt(found, at));
      if (isWanted(Number(partition))) marks.set(partition, textOf(bytesAt(found, at + 1)));
    }
    const looked = this.#isLookDue ? PARTITIONS.filter(isWanted) : [...marks.keys()].map(Number);
    this.#isLookDue = false;
    for (const partition of looked) this.#waiting.add(partition);
    if (looked.length > 0 && !this.#round) this.#begin();
    while (this.#round && looked.some((partition) => this.#waiting.has(partition))) await this.#round;
    await this.#round;
    for (const [partition, mark] of marks) {
      if (this.#seen.get(partition) === mark) await this.#unmark(partition, mark);
    }
    this.#seen = marks;
    return marks.size;
  }

  async #unmark(partition: string, mark: string): Promise<void> {
    const { client } = this.#parts.retry;
    const { outbox } = this.#parts.partitions.of(Number(partition));
    const left = await this.#parts.retry.ask(() => client.call('LLEN', [outbox]));
    if (left !== 0 || this.#waiting.has(Number(partition))) return;
    await this.#parts.retry.ask(() => client.run(CLEAR, [this.#dirtyKey], [partition, mark]));
  }

  // ---- Relay ----

  async #relay(): Promise<void> {
    const partitions = [...this.#waiting].slice(0, PARTITIONS_AT_ONCE);
    for (const partition of partitions) this.#waiting.delete(partition);
    try {
      const boxes = await Promise.all(partitions.map((partition) => this.#look(partition)));
      const entries = boxes.flatMap(({ entries }) => entries);
      if (entries.length > 0) await this.#parts.log.append(entries);
      await Promise.all(boxes.map((box) => this.#take(box)));
    } catch (error) {
      for (const partition of partitions) this.#waiting.add(partition);
      this.#parts.logger.warn({ err: error, partitions: partitions.length }, 'outbox.relay_failed');
      if (!this.#isClosed) await this.#parts.retry.pause(AFTER_FAILURE_MS);
    }
  }

  /** What is next in a partition: emissions, and behind them perhaps a grain to be erased. */
  async #look(partition: number): Promise<Box> {
    const { outbox, outboxTaken } = this.#parts.partitions.of(partition);
    const { client } = this.#parts.retry;
    const reply = (await this.#parts.retry.ask(() =>
      client.run(READ, [outbox, outboxTaken], [ENTRIES_AT_ONCE]),
    )) as RedisReply[];
    const found = reply[1] as readonly Uint8Array[];
    const eraseAt = found.findIndex((entry) => entry[0] === ERASE);
    const entries = eraseAt < 0 ? found : found.slice(0, eraseAt);
    return {
      partition,
      taken: Number(textOf(bytesAt(reply, 0))),
      entries,
      erased: found[entries.length],
      isMore: found.length === ENTRIES_AT_ONCE || found.length > entries.length + 1,
    };
  }

  async #take({ partition, taken, entries, erased, isMore }: Box): Promise<void> {
    if (erased) await this.#parts.log.erase(textOf(erased, 1));
    const count = entries.length + (erased ? 1 : 0);
    if (count === 0) return;
    const { outbox, outboxTaken } = this.#parts.partitions.of(partition);
    const { client } = this.#parts.retry;
    await this.#parts.retry.ask(() => client.run(TAKE, [outbox, outboxTaken], [taken + count]));
    if (isMore) this.#waiting.add(partition);
  }
}

interface Box {
  readonly partition: number;
  readonly taken: number;
  readonly entries: readonly Uint8Array[];
  readonly erased: Uint8Array | undefined;
  readonly isMore: boolean;
}
