// Reads of collections, for the activation that owns the grain: never whole, never by another, never of the past (S5).
// A read travels behind the commits that were handed over before it, on the same connection. Where one of those has to be
// asked again the read waits for it: the answer names the number that is stored, and too low a number is asked anew.
import { loadScript, type RedisArgument, type RedisReply } from '../../../directory/index.ts';
import { compareUtf8, GrainError } from '../../../lib/index.ts';
import type { EntryScan } from '../grain-storage.ts';
import { collectionKeys } from './commit-call.ts';
import type { PartitionTable, RedisClaim } from './redis-claim.ts';
import { bytesAt } from './redis-head.ts';
import type { RedisCommits } from './redis-commits.ts';
import { RETRY_BACKOFF, type RedisRetry } from './redis-retry.ts';
import { corrupt, readValue, textOf } from './redis-values.ts';

const READ = loadScript(new URL('./scripts/read.lua', import.meta.url));

export class RedisReads {
  readonly #retry: RedisRetry;
  readonly #commits: RedisCommits;
  readonly #partitions: PartitionTable;

  constructor(retry: RedisRetry, commits: RedisCommits, partitions: PartitionTable) {
    this.#retry = retry;
    this.#commits = commits;
    this.#partitions = partitions;
  }

  async entry(claim: RedisClaim, field: string, key: string): Promise<unknown> {
    const [map] = this.#keys(claim, field);
    const found = await this.#read(claim, [map], ['entry', key]);
    return found instanceof Uint8Array ? readValue(found) : undefined;
  }

  async entries(
    claim: RedisClaim,
    field: string,
    scan: EntryScan,
  ): Promise<readonly (readonly [string, unknown])[]> {
    const [map, order] = this.#keys(claim, field);
    const [from, to] = lexBounds(scan);
    const found = listOf(
      await this.#read(claim, [map, order], ['entries', from, to, String(Math.max(0, scan.limit))]),
    );
    const entries: (readonly [string, unknown])[] = [];
    for (let at = 0; at < found.length; at += 2) {
      entries.push([textOf(bytesAt(found, at)), readValue(bytesAt(found, at + 1))]);
    }
    return entries;
  }

  async length(claim: RedisClaim, field: string): Promise<number> {
    const [, , list] = this.#keys(claim, field);
    return Number(await this.#read(claim, [list], ['length']));
  }

  async items(claim: RedisClaim, field: string, start: number, end: number): Promise<readonly unknown[]> {
    const [, , list] = this.#keys(claim, field);
    const [first, last] = [Math.max(0, start), Math.max(0, end) - 1];
    if (last < first) {
      await this.#read(claim, [list], ['length']); // refused like any other
      return [];
    }
    const found = listOf(await this.#read(claim, [list], ['items', String(first), String(last)]));
    return found.map((_, at) => readValue(bytesAt(found, at)));
  }

  #keys(claim: RedisClaim, field: string): readonly [string, string, string] {
    const [map, order, list] = collectionKeys(this.#partitions.keys, claim.grain, field);
    return [map, order, list];
  }

  /** @throws ERR_STORE_FENCED, ERR_STORE_LOST, ERR_STORE_FAILED, ERR_STORE_UNAVAILABLE */
  async #read(
    claim: RedisClaim,
    keys: readonly string[],
    asked: readonly RedisArgument[],
  ): Promise<RedisReply> {
    const { clock, client, limitMs } = this.#retry;
    const sinceMs = clock.nowMs();
    for (;;) {
      if (claim.troubledMs !== undefined) await this.#commits.settled(claim.head);
      const { ended } = claim;
      if (ended) throw ended.kind === 'failed' ? ended.error : new GrainError('ERR_STORE_FENCED');
      const wanted = claim.accepted;
      const reply = await this.#retry.ask(() =>
        client.run(READ, [claim.head, ...keys], [claim.fence, wanted, ...asked]),
      );
      const answer = listOf(reply);
      const word = textOf(bytesAt(answer, 0));
      if (word === 'read') return answer[1] ?? null;
      if (word === 'fenced') this.#refuse(claim, Number(textOf(bytesAt(answer, 1))));
      const stored = Number(textOf(bytesAt(answer, 1)));
      if (stored < claim.stored) throw lost(`commit ${claim.stored} was done, ${stored} is stored`);
      if (clock.nowMs() - sinceMs >= limitMs) throw new GrainError('ERR_STORE_UNAVAILABLE');
      // A commit before it did not arrive: its own outcome comes first.
      const settled = this.#commits.settled(claim.head);
      await (settled ?? this.#retry.pause(RETRY_BACKOFF.firstMs));
    }
  }

  #refuse(claim: RedisClaim, epoch: number): never {
    if (epoch < claim.address.epoch) throw lost(`the epoch of the grain is ${epoch}`);
    throw new GrainError('ERR_STORE_FENCED');
  }
}

function lost(message: string): GrainError {
  return new GrainError('ERR_STORE_LOST', { message: `Redis lost acknowledged writes: ${message}` });
}

function listOf(reply: RedisReply): readonly RedisReply[] {
  if (Array.isArray(reply)) return reply as readonly RedisReply[];
  throw corrupt('an answer is no list');
}

/** Where a scan begins and ends, for ZRANGEBYLEX, which compares bytes. */
export function lexBounds({
  prefix,
  from,
  after,
}: Omit<EntryScan, 'limit'>): readonly [string, string | Uint8Array] {
  const least = compareUtf8(prefix, from) > 0 ? prefix : from;
  const start = after !== undefined && compareUtf8(after, least) >= 0 ? `(${after}` : `[${least}`;
  return [start, prefix === '' ? '+' : Buffer.concat([Buffer.from(`(${prefix}`), AFTER_ALL])];
}

/** No UTF-8 has this byte. */
const AFTER_ALL = Buffer.from([0xff]);
