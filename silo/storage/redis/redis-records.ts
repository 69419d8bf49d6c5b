// RedisRecords: small named records of the runtime itself, for the cluster as a whole: one HASH, one ZSET for their order.
//   A1. A reader of this process sees what it put, though that is on its way (`#waiting`); others see it when it is stored.
//   A2. Puts of one name reach the store in their order: each waits for the one before it.
import { loadScript, type RedisArgument, type RedisKeys, type RedisReply } from '../../../directory/index.ts';
import { compareUtf8 } from '../../../lib/index.ts';
import { recordNameProblem } from '../commit-check.ts';
import { bytesAt } from './redis-head.ts';
import { lexBounds } from './redis-reads.ts';
import type { RedisRetry } from './redis-retry.ts';
import { readValue, spell, textOf } from './redis-values.ts';

const PUT = loadScript(new URL('./scripts/put-record.lua', import.meta.url));
const LIST = loadScript(new URL('./scripts/list-records.lua', import.meta.url));

interface Waiting {
  value: unknown;
  count: number;
  last: Promise<void>;
}

export class RedisRecords {
  readonly #retry: RedisRetry;
  readonly #keys: readonly [records: string, order: string];
  readonly #waiting = new Map<string, Waiting>();

  constructor(retry: RedisRetry, keys: RedisKeys) {
    this.#retry = retry;
    this.#keys = [keys.shared('records'), keys.shared('records-order')];
  }

  async get(name: string): Promise<unknown> {
    const waiting = this.#waiting.get(name);
    if (waiting) return waiting.value;
    const { client } = this.#retry;
    const found = await this.#retry.ask(() => client.call('HGET', [this.#keys[0], name]));
    const since = this.#waiting.get(name);
    if (since) return since.value;
    return found instanceof Uint8Array ? readValue(found) : undefined;
  }

  /** @throws ERR_VALUE_INVALID, ERR_STORE_* */
  async put(name: string, value: unknown): Promise<void> {
    const problem = recordNameProblem(name);
    if (problem) throw problem;
    const waiting = this.#waiting.get(name) ?? { value, count: 0, last: Promise.resolve() };
    this.#waiting.set(name, waiting);
    waiting.value = value;
    waiting.count += 1;
    const before = waiting.last;
    const write = this.#write(before, name, value);
    waiting.last = write.catch(() => undefined);
    try {
      await write;
    } finally {
      waiting.count -= 1;
      if (waiting.count === 0) this.#waiting.delete(name);
    }
  }

  async #write(before: Promise<void>, name: string, value: unknown): Promise<void> {
    await before;
    const args: RedisArgument[] = value === undefined ? [name] : [name, spell(value)];
    const { client } = this.#retry;
    await this.#retry.ask(() => client.run(PUT, this.#keys, args));
  }

  async list(prefix: string, after: string, limit: number): Promise<readonly (readonly [string, unknown])[]> {
    const [from, to] = lexBounds({ prefix, from: '', after: after === '' ? undefined : after });
    const { client } = this.#retry;
    // Some of those found may be on their way out.
    const most = limit + this.#waiting.size;
    const keys = this.#keys;
    const found = (await this.#retry.ask(() => client.run(LIST, keys, [from, to, most]))) as RedisReply[];
    const records = new Map<string, unknown>();
    for (let at = 0; at < found.length; at += 2) {
      records.set(textOf(bytesAt(found, at)), readValue(bytesAt(found, at + 1)));
    }
    // What lies beyond the last one found is not known: only before it can something waiting stand in between.
    const isWhole = found.length < 2 * most;
    const last = found.length > 0 ? textOf(bytesAt(found, found.length - 2)) : '';
    for (const [name, { value }] of this.#waiting) {
      if (!name.startsWith(prefix) || compareUtf8(name, after) <= 0) continue;
      if (!isWhole && compareUtf8(name, last) > 0) continue;
      if (value === undefined) records.delete(name);
      else records.set(name, value);
    }
    return [...records].sort(([left], [right]) => compareUtf8(left, right)).slice(0, limit);
  }

  /** Resolves when nothing is on its way. */
  async idle(): Promise<void> {
    while (this.#waiting.size > 0) await Promise.all([...this.#waiting.values()].map(({ last }) => last));
  }
}
