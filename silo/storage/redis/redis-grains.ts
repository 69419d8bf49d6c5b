// RedisGrains: which grains have stored memory. Each partition lists its own (ZSET, added with a grain's first commit), so
// a commit stays in one slot. A listing asks all of them and merges: `limit` names from each, which is for people and
// for erasure, not for every call.
import { PARTITION_COUNT, type RedisReply } from '../../../directory/index.ts';
import { compareUtf8 } from '../../../lib/index.ts';
import { grainName } from '../stored-keys.ts';
import type { PartitionTable } from './redis-claim.ts';
import { bytesAt } from './redis-head.ts';
import { lexBounds } from './redis-reads.ts';
import type { RedisRetry } from './redis-retry.ts';
import { textOf } from './redis-values.ts';

const PARTITIONS_AT_ONCE = 128;

export class RedisGrains {
  readonly #retry: RedisRetry;
  readonly #partitions: PartitionTable;

  constructor(retry: RedisRetry, partitions: PartitionTable) {
    this.#retry = retry;
    this.#partitions = partitions;
  }

  async list(tenant: string, core: string, after: string, limit: number): Promise<readonly string[]> {
    const prefix = grainName({ tenant, core, key: '' });
    const [from, to] = lexBounds({ prefix, from: '', after: after === '' ? undefined : prefix + after });
    let keys: string[] = [];
    for (let first = 0; first < PARTITION_COUNT; first += PARTITIONS_AT_ONCE) {
      const asked: Promise<readonly RedisReply[]>[] = [];
      for (let at = first; at < first + PARTITIONS_AT_ONCE; at += 1)
        asked.push(this.#ask(at, from, to, limit));
      for (const found of await Promise.all(asked)) {
        found.forEach((_, at) => keys.push(textOf(bytesAt(found, at)).slice(prefix.length)));
      }
      keys = keys.sort(compareUtf8).slice(0, Math.max(0, limit));
    }
    return keys;
  }

  async #ask(
    partition: number,
    from: string,
    to: string | Uint8Array,
    limit: number,
  ): Promise<readonly RedisReply[]> {
    const { client } = this.#retry;
    const { grains } = this.#partitions.of(partition);
    const args = [grains, from, to, 'LIMIT', 0, Math.max(0, limit)];
    return (await this.#retry.ask(() => client.call('ZRANGEBYLEX', args))) as readonly RedisReply[];
  }
}
