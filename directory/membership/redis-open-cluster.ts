// Opening a cluster: finding its record, or making it, and noticing that the store lost data (hazards.md 6).
//   O1. The record comes first, by compare-and-set: of several creators one wins, the others go on with what it made.
//   O2. It counts as complete only when all partitions have its generation. What a crash left unfinished, the next one
//       finishes; claims in partitions that are not made yet answer *lost*, so nothing is claimed too early.
//   O3. No partition changes its generation but to one whose record says that it replaces the old one.
//   O4. The first view of a generation that follows a loss has a higher number than any view before the loss: heads that
//       survived name those views, and would else be "of a later view" for ever.
import { type Clock, GrainError, type Logger, type Rng } from '../../lib/index.ts';
import { PARTITION_COUNT } from '../partition.ts';
import type { RedisClient, RedisReply } from '../redis/redis-client.ts';
import type { RedisKeys } from '../redis/redis-keys.ts';
import { loadScript } from '../redis/redis-script.ts';
import { asked, listOf, runScript, textOf } from './redis-membership-table.ts';
import { packBody } from './view-codec.ts';

/** What this process remembers of the store, outside of the store: a small file in its data folder. */
export interface GenerationWitness {
  /** Undefined: it never saw this cluster. */
  read(): Promise<string | undefined> | string | undefined;
  write(generation: string): Promise<void> | void;
}

export interface OpenClusterOptions {
  readonly client: RedisClient;
  readonly keys: RedisKeys;
  readonly clock: Clock;
  readonly rng: Rng;
  readonly log: Logger;
  /** refuse: ERR_STORE_LOST, until a person decides. start_empty: what is lost is lost, a new generation begins. */
  readonly onDataLoss: 'refuse' | 'start_empty';
  readonly witness: GenerationWitness;
}

export interface OpenedCluster {
  readonly generation: string;
  /** Secret of the cluster, in hexadecimal (256 bits): for signing what clients bring back. New with each generation. */
  readonly clusterKey: string;
  /** found: it was there. created: there was nothing. started_empty: there had been more. finished: a crash left it so. */
  readonly how: 'found' | 'created' | 'started_empty' | 'finished';
}

interface Record {
  readonly generation: string;
  readonly clusterKey: string;
  readonly replaced: readonly string[];
  readonly isComplete: boolean;
}

/** What the partitions say: how many have no generation, and which generations there are. */
interface Survey {
  readonly missing: number;
  readonly generations: ReadonlySet<string>;
}

const CREATE = loadScript(new URL('./scripts/create.lua', import.meta.url));
const FINISH = loadScript(new URL('./scripts/finish.lua', import.meta.url));
const SEAL = loadScript(new URL('./scripts/seal.lua', import.meta.url));
/** Others create, finish and replace at the same time; each round somebody is further on. */
const ROUNDS_MAX = 20;

/** @throws (rejects) ERR_STORE_LOST, ERR_STORE_UNAVAILABLE, ERR_STORE_FAILED (ask again), ERR_STORE_CORRUPT */
export async function openCluster(options: OpenClusterOptions): Promise<OpenedCluster> {
  return new Opening(options).run();
}

class Opening {
  readonly #options: OpenClusterOptions;
  readonly #key: string;
  #how: OpenedCluster['how'] = 'found';

  constructor(options: OpenClusterOptions) {
    this.#options = options;
    this.#key = options.keys.shared('members');
  }

  async run(): Promise<OpenedCluster> {
    const { witness } = this.#options;
    for (let round = 0; round < ROUNDS_MAX; round += 1) {
      const record = await this.#read();
      if (record && !record.isComplete) {
        await this.#finish(record);
        continue;
      }
      const survey = await this.#survey();
      const witnessed = await witness.read();
      const loss = lossOf(record, survey, witnessed);
      if (record && !loss) {
        // Only now: a witness of a cluster that was never complete would call its absence a loss.
        if (witnessed !== record.generation) await witness.write(record.generation);
        return { generation: record.generation, clusterKey: record.clusterKey, how: this.#how };
      }
      // Somebody may have made it while we looked: then what we saw is no loss.
      const now = await this.#read();
      if (now?.generation !== record?.generation || now?.isComplete !== record?.isComplete) continue;
      await this.#create(record, survey, witnessed, loss);
    }
    throw new GrainError('ERR_STORE_UNAVAILABLE', {
      message: 'The cluster is being created over and over again.',
    });
  }

  async #create(
    record: Record | undefined,
    { generations }: Survey,
    witnessed: string | undefined,
    loss: string | undefined,
  ): Promise<void> {
    const { client, clock, rng, log, onDataLoss } = this.#options;
    if (loss !== undefined && onDataLoss === 'refuse') throw this.#lost(loss);
    const old = new Set(generations);
    for (const each of [record?.generation, witnessed, ...(record?.replaced ?? [])]) if (each) old.add(each);
    // O4. Without the record its number is not known; but views change less than once per second on the whole, so the
    // seconds of the wall clock are above it.
    const least = loss === undefined ? 1 : Math.max(1, Math.floor(clock.wallMs() / 1_000));
    const generation = rng.hex(16);
    const body = packBody({ members: [], manifests: {} });
    const first = [generation, least.toFixed(0), rng.hex(8), body, rng.hex(32), [...old].join(',')];
    const args = [record?.generation ?? '', ...first];
    const made = await asked(runScript(client, CREATE, [this.#key], args), 'unknown');
    if (made !== 1) return;
    this.#how = loss === undefined ? 'created' : 'started_empty';
    if (loss === undefined) log.info({ generation }, 'cluster.created');
    else log.error({ generation, loss, replaced: [...old] }, 'cluster.started_empty');
  }

  /** Gives each partition the generation of the record, then notes that (O2). */
  async #finish(record: Record): Promise<void> {
    const { client, keys, log } = this.#options;
    const replies = await inParts((partition) => this.#seal(keys.generation(partition), record));
    const foreign = replies.find((reply) => textOf(reply) !== record.generation);
    if (foreign !== undefined) {
      // A creator of a record that is gone was still at work: rare, and nothing that we may decide alone.
      const now = await this.#read();
      if (now?.generation !== record.generation || now.isComplete) return;
      const loss = `a partition has the generation ${textOf(foreign)}, which the record does not replace`;
      await this.#create(record, await this.#survey(), undefined, loss);
      return;
    }
    const noted = await asked(runScript(client, FINISH, [this.#key], [record.generation]), 'unknown');
    if (noted !== 1) return;
    if (this.#how === 'found') this.#how = 'finished';
    log.info({ generation: record.generation }, 'cluster.completed');
  }

  /** Gives a partition its generation; answers the one that it has then. */
  async #seal(key: string, { generation, replaced }: Record): Promise<RedisReply> {
    const { client } = this.#options;
    // Plain commands, in this order: mostly there is nothing to replace, and a thousand scripts are a load.
    const isSet = asked(client.call('SET', [key, generation, 'NX']), 'unknown');
    const look = asked(client.call('GET', [key]), 'none');
    const [, found] = await Promise.all([isSet, look]);
    if (!replaced.includes(textOf(found) ?? '')) return found;
    return asked(runScript(client, SEAL, [key], [generation, ...replaced]), 'unknown');
  }

  async #read(): Promise<Record | undefined> {
    const reply = await asked(this.#options.client.call('HMGET', [this.#key, 'g', 'k', 'r', 'c']), 'none');
    const [generation, clusterKey, replaced, complete] = listOf(reply).map(textOf);
    if (generation === undefined) return undefined;
    if (!generation || !clusterKey || replaced === undefined || complete === undefined) {
      const message = `The membership record of the cluster is damaged: look at the Redis key ${this.#key}.`;
      throw new GrainError('ERR_STORE_CORRUPT', { message, key: this.#key });
    }
    const list = replaced.split(',').filter((each) => each !== '');
    return { generation, clusterKey, replaced: list, isComplete: complete === '1' };
  }

  async #survey(): Promise<Survey> {
    const { client, keys } = this.#options;
    const replies = await inParts((partition) =>
      asked(client.call('GET', [keys.generation(partition)]), 'none'),
    );
    const found = replies.map(textOf).filter((each) => each !== undefined);
    return { missing: PARTITION_COUNT - found.length, generations: new Set(found) };
  }

  #lost(loss: string): GrainError {
    const message =
      `Redis lost data of the cluster ${this.#options.keys.cluster}: ${loss}. Restore it, ` +
      'or set onDataLoss to start_empty to go on without what is lost.';
    return new GrainError('ERR_STORE_LOST', { message, loss });
  }
}

/** What was lost, for people; undefined: nothing. */
function lossOf(
  record: Record | undefined,
  survey: Survey,
  witnessed: string | undefined,
): string | undefined {
  const { missing, generations } = survey;
  if (!record) {
    if (witnessed !== undefined) return `this process knows generation ${witnessed}, and there is no record`;
    if (generations.size > 0)
      return `${PARTITION_COUNT - missing} partitions are there, and there is no record`;
    return undefined;
  }
  if (missing > 0) return `${missing} of ${PARTITION_COUNT} partitions are gone`;
  const foreign = [...generations].find((each) => each !== record.generation);
  if (foreign !== undefined)
    return `partitions are of generation ${foreign}, the record of ${record.generation}`;
  if (witnessed === undefined || witnessed === record.generation) return undefined;
  // Where a person let the cluster start empty, that holds for all that knew what came before.
  if (record.replaced.includes(witnessed)) return undefined;
  return `this process knows generation ${witnessed}, and the record is of ${record.generation}`;
}

/** Asks all partitions, at most 128 at a time: a thousand commands at once would hold up what shares the connection. */
async function inParts(ask: (partition: number) => Promise<RedisReply>): Promise<readonly RedisReply[]> {
  const replies: RedisReply[] = [];
  for (let from = 0; from < PARTITION_COUNT; from += 128) {
    const part = Array.from({ length: 128 }, (_unused, index) => ask(from + index));
    replies.push(...(await Promise.all(part)));
  }
  return replies;
}
