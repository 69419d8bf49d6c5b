// The membership record in Redis: one HASH, `keys.shared('members')`.
//   g generation, n number, t stamp, v packed members and manifests: the view
//   k cluster key, r replaced generations, c '1' when all partitions are made: see redis-open-cluster.ts
import { GrainError } from '../../lib/index.ts';
import {
  hadNoEffect,
  type RedisArgument,
  type RedisClient,
  RedisRefusal,
  type RedisReply,
  type RedisScript,
} from '../redis/redis-client.ts';
import type { RedisKeys } from '../redis/redis-keys.ts';
import { loadScript } from '../redis/redis-script.ts';
import type { ChangeOutcome, MembershipTable, MembershipView, ViewVersion } from './membership-view.ts';
import { packBody, unpackBody } from './view-codec.ts';

const CHANGE = loadScript(new URL('./scripts/change.lua', import.meta.url));

export class RedisMembershipTable implements MembershipTable {
  readonly #client: RedisClient;
  readonly #keys: RedisKeys;
  readonly #record: string;

  constructor(client: RedisClient, keys: RedisKeys) {
    this.#client = client;
    this.#keys = keys;
    this.#record = keys.shared('members');
  }

  async read(): Promise<MembershipView | undefined> {
    const reply = await asked(this.#client.call('HMGET', [this.#record, 'g', 'n', 't', 'v']), 'none');
    return this.#viewOf(listOf(reply));
  }

  async version(): Promise<ViewVersion | undefined> {
    const reply = await asked(this.#client.call('HMGET', [this.#record, 'g', 'n', 't']), 'none');
    return this.#versionOf(listOf(reply));
  }

  async change(next: MembershipView, base: ViewVersion): Promise<ChangeOutcome> {
    const now = [next.number.toFixed(0), next.stamp, packBody(next)];
    const args = [base.generation, base.number.toFixed(0), base.stamp, ...now];
    const [said, ...found] = listOf(
      await asked(runScript(this.#client, CHANGE, [this.#record], args), 'unknown'),
    );
    if (textOf(said) === 'changed') return { kind: 'changed', view: next };
    const view = this.#viewOf(found);
    return view?.generation === base.generation ? { kind: 'conflict', view } : { kind: 'lost', found: view };
  }

  async vote(
    target: string,
    voter: string,
    electorate: readonly string[],
    ttlMs: number,
  ): Promise<readonly string[]> {
    const key = (each: string): string => this.#keys.shared(`vote:${target}:${each}`);
    // One slot, so the server sees them in this order. A vote ends with its key: no clock of ours is compared.
    const cast = asked(this.#client.call('SET', [key(voter), '1', 'PX', Math.ceil(ttlMs)]), 'none');
    const look = asked(this.#client.call('MGET', electorate.map(key)), 'none');
    const [, reply] = await Promise.all([cast, look]);
    const votes = listOf(reply);
    return electorate.filter((_each, index) => textOf(votes[index]) === '1');
  }

  #viewOf(fields: readonly RedisReply[]): MembershipView | undefined {
    const version = this.#versionOf(fields);
    if (!version) return undefined;
    const packed = textOf(fields[3]);
    const body = packed === undefined ? undefined : unpackBody(packed);
    if (!body) throw this.#corrupt();
    return { ...version, ...body };
  }

  #versionOf([generation, number, stamp]: readonly RedisReply[]): ViewVersion | undefined {
    if (generation === null || generation === undefined) return undefined;
    const version = { generation: textOf(generation), number: Number(textOf(number)), stamp: textOf(stamp) };
    const { generation: g, number: n, stamp: t } = version;
    if (!g || !t || !Number.isSafeInteger(n) || n < 1) throw this.#corrupt();
    return { generation: g, number: n, stamp: t };
  }

  #corrupt(): GrainError {
    const message = `The membership record of the cluster is damaged: look at the Redis key ${this.#record}.`;
    return new GrainError('ERR_STORE_CORRUPT', { message, key: this.#record });
  }
}

/** Runs a script; when the server did not have it (it does now), once more. Only for scripts whose order does not matter. */
export async function runScript(
  client: RedisClient,
  script: RedisScript,
  keys: readonly string[],
  args: readonly RedisArgument[],
): Promise<RedisReply> {
  try {
    return await client.run(script, keys, args);
  } catch (error) {
    if (!(error instanceof RedisRefusal) || error.code !== 'NOSCRIPT') throw error;
    return client.run(script, keys, args);
  }
}

/** What the client answers, with its failures as coded errors. `effect`: of a command that may have been executed. */
export async function asked(reply: Promise<RedisReply>, effect: 'none' | 'unknown'): Promise<RedisReply> {
  try {
    return await reply;
  } catch (cause) {
    const isUnknown = effect === 'unknown' && !hadNoEffect(cause);
    const message = `Redis did not answer as it should: ${cause instanceof Error ? cause.message : String(cause)}`;
    throw new GrainError(isUnknown ? 'ERR_STORE_FAILED' : 'ERR_STORE_UNAVAILABLE', { message }, { cause });
  }
}

export function listOf(reply: RedisReply): readonly RedisReply[] {
  return Array.isArray(reply) ? (reply as readonly RedisReply[]) : [];
}

export function textOf(reply: RedisReply | undefined): string | undefined {
  if (reply instanceof Uint8Array)
    return Buffer.from(reply.buffer, reply.byteOffset, reply.length).toString();
  return typeof reply === 'string' ? reply : undefined;
}
