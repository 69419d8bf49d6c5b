import assert from 'node:assert/strict';
import {
  ensurePartitions,
  PARTITION_COUNT,
  partitionOf,
  type RedisClient,
  RedisDirectory,
  type RedisKeys,
} from '../../directory/index.ts';
import { GrainError } from '../../lib/index.ts';
import { directoryContract } from '../contract/directory.contract.ts';
import { needsRedis, type RedisServer, startRedis } from '../support/redis-server.ts';
import { connectRedis, freshKeys } from './redis-support.ts';

const GRAIN = { tenant: 'default', core: 'airport', key: 'JFK' };
const CLAIMER = { incarnation: 'A', activation: 1, view: 1, living: new Set(['A']) };

needsRedis('Redis directory', () => {
  let server: RedisServer;
  let client: RedisClient;

  before(async () => {
    server = await startRedis();
    client = await connectRedis({ url: server.url });
  });
  after(async () => {
    await client.close();
    await server.dispose();
  });

  async function open(
    keys: RedisKeys,
    generation = 'g1',
    partitions = [partitionOf(GRAIN)],
  ): Promise<RedisDirectory> {
    for (const partition of partitions) await client.call('SET', [keys.generation(partition), generation]);
    return new RedisDirectory({ client, keys, generation: () => 'g1' });
  }

  directoryContract('RedisDirectory', async () => {
    const keys = freshKeys();
    await ensurePartitions(client, keys, 'g1', { create: true });
    const directory = new RedisDirectory({ client, keys, generation: () => 'g1' });
    return { directory, restart: async () => directory, dispose: async () => undefined };
  });

  it('Generation: missing or another one, answers ERR_STORE_LOST to register and lookup', async () => {
    const missing = await open(freshKeys(), 'g1', []);
    const different = await open(freshKeys(), 'g2');
    for (const directory of [missing, different]) {
      await assert.rejects(directory.register(GRAIN, CLAIMER), { code: 'ERR_STORE_LOST' });
      await assert.rejects(directory.lookup(GRAIN), { code: 'ERR_STORE_LOST' });
      assert.equal(await directory.release(GRAIN, 'A', 1), false);
    }
  });

  it('Register: again by the owner after its commits, leaves their number; by an heir, sets it to 0', async () => {
    const keys = freshKeys();
    const directory = await open(keys);
    await directory.register(GRAIN, CLAIMER);
    await client.call('HSET', [keys.head(GRAIN), 'n', 7]);
    await directory.register(GRAIN, { ...CLAIMER, view: 5 });
    assert.equal(String(await client.call('HGET', [keys.head(GRAIN), 'n'])), '7');
    await directory.register(GRAIN, { ...CLAIMER, activation: 2 });
    assert.equal(String(await client.call('HGET', [keys.head(GRAIN), 'n'])), '0');
  });

  it('Release: of an activation whose number begins with that of the owner, leaves it', async () => {
    const directory = await open(freshKeys());
    await directory.register(GRAIN, { ...CLAIMER, activation: 12 });
    assert.equal(await directory.release(GRAIN, 'A', 1), false);
    assert.equal(await directory.release(GRAIN, 'A', 12), true);
  });

  it('Register: an incarnation that is part of the name of a living one, is not alive', async () => {
    const directory = await open(freshKeys());
    await directory.register(GRAIN, { ...CLAIMER, incarnation: 'ab', living: new Set(['ab']) });
    const living = new Set(['xab', 'abx', 'c']);
    const outcome = await directory.register(GRAIN, { incarnation: 'c', activation: 1, view: 1, living });
    assert.equal(outcome.kind, 'registered');
  });

  it('Epoch: above what a float prints by itself, is exact', async () => {
    const keys = freshKeys();
    const directory = await open(keys);
    await client.call('HSET', [keys.head(GRAIN), 'e', '4503599627370496']);
    const outcome = await directory.register(GRAIN, CLAIMER);
    assert(outcome.kind === 'registered' && outcome.address.epoch === 4503599627370497);
  });

  it('Partitions: created, checked, partly lost and partly of another generation, are told', async () => {
    const keys = freshKeys();
    const nothing = await ensurePartitions(client, keys, 'g1', { create: false });
    assert.equal(nothing.missing.length, PARTITION_COUNT);
    assert.deepEqual(await ensurePartitions(client, keys, 'g1', { create: true }), {
      missing: [],
      different: [],
    });
    await client.call('DEL', [keys.generation(17)]);
    await client.call('SET', [keys.generation(18), 'other']);
    const report = await ensurePartitions(client, keys, 'g1', { create: false });
    assert.deepEqual(report, { missing: [17], different: [18] });
    // Creating fills holes, and never writes over what is there.
    assert.deepEqual(await ensurePartitions(client, keys, 'g1', { create: true }), {
      missing: [],
      different: [18],
    });
  });

  it('Redis away: register fails without effect and says when to try again', async () => {
    const own = await startRedis();
    const lonely = await connectRedis({ url: own.url });
    try {
      const directory = new RedisDirectory({ client: lonely, keys: freshKeys(), generation: () => 'g1' });
      const down = new Promise((resolve) => lonely.onEvent(resolve));
      await own.kill9();
      await down;
      const error: unknown = await directory.register(GRAIN, CLAIMER).catch((thrown: unknown) => thrown);
      assert(error instanceof GrainError);
      assert.deepEqual([error.code, error.effect], ['ERR_STORE_UNAVAILABLE', 'none']);
      assert((error.retryAfterMs ?? 0) > 0);
    } finally {
      await lonely.close();
      await own.dispose();
    }
  });
});
