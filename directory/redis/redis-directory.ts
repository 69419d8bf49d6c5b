import { type GrainId } from '../../lib/index.ts';
import type { Claimer, GrainAddress, GrainDirectory, RegisterOutcome } from '../grain-directory.ts';
import { partitionOf } from '../partition.ts';
import type { RedisClient, RedisReply } from './redis-client.ts';
import { storeError, storeLost } from './redis-errors.ts';
import type { RedisKeys } from './redis-keys.ts';
import { loadScript } from './redis-script.ts';

/** Shared with the storage driver, whose claims load the grain in the same call. */
export const CLAIM_SCRIPT = loadScript(new URL('./scripts/claim.lua', import.meta.url));
export const RELEASE_SCRIPT = loadScript(new URL('./scripts/release.lua', import.meta.url));
const OWNER_SCRIPT = loadScript(new URL('./scripts/owner.lua', import.meta.url));

export interface RedisDirectoryOptions {
  readonly client: RedisClient;
  readonly keys: RedisKeys;
  /** The generation of the view that this silo knows. */
  readonly generation: () => string;
}

/** The directory of a cluster: one script call per answer. Throws what `storeError` and `storeLost` make. */
export class RedisDirectory implements GrainDirectory {
  readonly #client: RedisClient;
  readonly #keys: RedisKeys;
  readonly #generation: () => string;

  constructor({ client, keys, generation }: RedisDirectoryOptions) {
    this.#client = client;
    this.#keys = keys;
    this.#generation = generation;
  }

  async register(grain: GrainId, claimer: Claimer): Promise<RegisterOutcome> {
    const partition = partitionOf(grain);
    const keys = [this.#keys.head(grain), this.#keys.generation(partition)];
    const answer = await this.#ask(CLAIM_SCRIPT, keys, [...claimArguments(this.#generation(), claimer), '']);
    return registerOutcome(grain, claimer, answer);
  }

  async lookup(grain: GrainId): Promise<GrainAddress | undefined> {
    const partition = partitionOf(grain);
    const keys = [this.#keys.head(grain), this.#keys.generation(partition)];
    const [word, first, second] = await this.#ask(OWNER_SCRIPT, keys, [this.#generation()]);
    if (word === 'none') return undefined;
    if (word !== 'owner') throw storeLost(partition, first ?? '');
    return ownerAddress(grain, first ?? '', second ?? '');
  }

  async release(grain: GrainId, incarnation: string, activation: number): Promise<boolean> {
    const keys = [this.#keys.head(grain)];
    try {
      return (await this.#client.run(RELEASE_SCRIPT, keys, [incarnation, `${activation}`])) === 1;
    } catch (error) {
      throw storeError(error);
    }
  }

  async #ask(
    script: typeof CLAIM_SCRIPT,
    keys: readonly string[],
    args: readonly string[],
  ): Promise<readonly string[]> {
    let reply: RedisReply;
    try {
      reply = await this.#client.run(script, keys, args);
    } catch (error) {
      throw storeError(error);
    }
    return Array.isArray(reply) ? (reply as readonly RedisReply[]).map(replyText) : [];
  }
}

/** ARGV of claim.lua without its last. */
export function claimArguments(generation: string, claimer: Claimer): readonly string[] {
  const { incarnation, activation, view, living } = claimer;
  return [generation, incarnation, `${activation}`, `${view}`, livingText(living)];
}

/**
 * What an answer of claim.lua means; what follows the third element is the caller's.
 * @throws ERR_STORE_LOST
 */
export function registerOutcome(
  grain: GrainId,
  { incarnation, activation }: Claimer,
  [word, first = '', second = '']: readonly string[],
): RegisterOutcome {
  switch (word) {
    case 'claimed': {
      const address = { grain, incarnation, activation, epoch: Number(first), view: Number(second) };
      return { kind: 'registered', address };
    }
    case 'taken':
    case 'view_old':
      return { kind: word, owner: ownerAddress(grain, first, second) };
    default:
      throw storeLost(partitionOf(grain), first);
  }
}

/** An owner as heads hold it. */
export function ownerAddress(grain: GrainId, owner: string, epoch: string): GrainAddress {
  const [incarnation = '', activation = '', view = ''] = owner.split(':');
  return { grain, incarnation, activation: Number(activation), epoch: Number(epoch), view: Number(view) };
}

/** Text of a bulk string or status; '' for what is neither. */
export function replyText(reply: RedisReply | undefined): string {
  if (typeof reply === 'string') return reply;
  if (!(reply instanceof Uint8Array)) return '';
  return Buffer.from(reply.buffer, reply.byteOffset, reply.byteLength).toString();
}

/** A view's set of the living is the same object for every claim under it. */
const livingTexts = new WeakMap<ReadonlySet<string>, string>();

function livingText(living: ReadonlySet<string>): string {
  let text = livingTexts.get(living);
  if (text === undefined) livingTexts.set(living, (text = [...living].join(',')));
  return text;
}
