import {
  type RedisArgument,
  type RedisClient,
  type RedisEvent,
  RedisRefusal,
  type RedisReply,
  type RedisScript,
} from '../redis/redis-client.ts';
import type { RedisKeys } from '../redis/redis-keys.ts';
import { loadScript } from '../redis/redis-script.ts';
import { type LockNode, type Sighting, TOMBSTONE_MS } from './lock-node.ts';

const RENEW = loadScript(new URL('./scripts/renew.lua', import.meta.url));
const TOMBSTONE = loadScript(new URL('./scripts/tombstone.lua', import.meta.url));
const END = loadScript(new URL('./scripts/end.lua', import.meta.url));

export class RedisLockNode implements LockNode {
  readonly #client: RedisClient;
  readonly #keys: RedisKeys;

  /** The client stays its owner's: who made it closes it. */
  constructor(client: RedisClient, keys: RedisKeys) {
    this.#client = client;
    this.#keys = keys;
  }

  get isUp(): boolean {
    return this.#client.isUp;
  }

  async renew(incarnation: string, ttlMs: number): Promise<'held' | 'dead'> {
    const answer = await this.#run(RENEW, incarnation, [String(ttlMs)]);
    return answer === 1 ? 'held' : 'dead';
  }

  async look(incarnation: string): Promise<Sighting> {
    const found = await this.#client.call('GET', [this.#keys.session(incarnation)]);
    if (found === null) return 'absent';
    const text = found instanceof Uint8Array ? new TextDecoder().decode(found) : found;
    return text === 'dead' ? 'dead' : 'alive';
  }

  async tombstone(incarnation: string): Promise<void> {
    await this.#run(TOMBSTONE, incarnation, [String(TOMBSTONE_MS)]);
  }

  async end(incarnation: string): Promise<void> {
    await this.#run(END, incarnation, []);
  }

  onEvent(listener: (event: RedisEvent) => void): () => void {
    return this.#client.onEvent(listener);
  }

  async #run(script: RedisScript, incarnation: string, args: readonly RedisArgument[]): Promise<RedisReply> {
    const keys = [this.#keys.session(incarnation)];
    try {
      return await this.#client.run(script, keys, args);
    } catch (error) {
      // The client has loaded it by now. Sessions bear any order, and validity counts from before the first try.
      if (!(error instanceof RedisRefusal) || error.code !== 'NOSCRIPT') throw error;
      return this.#client.run(script, keys, args);
    }
  }
}
