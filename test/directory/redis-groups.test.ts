import assert from 'node:assert/strict';
import {
  ensurePartitions,
  partitionOf,
  type RedisClient,
  RedisDirectory,
  type RedisEvent,
  RedisRefusal,
  scriptOf,
} from '../../directory/index.ts';
import { directoryContract } from '../contract/directory.contract.ts';
import {
  type RedisClusterServers,
  type SentinelServers,
  startRedisCluster,
  startSentinels,
} from '../support/redis-cluster.ts';
import { needsRedis } from '../support/redis-server.ts';
import { connectRedis, eventually, freshKeys } from './redis-support.ts';

const GRAIN = { tenant: 'default', core: 'airport', key: 'JFK' };
const CLAIMER = { incarnation: 'A', activation: 1, view: 1, living: new Set(['A']) };
const count = scriptOf('count-one', `return redis.call('HINCRBY', KEYS[1], 'n', 1)`);

function nextEvent(client: RedisClient, kind: RedisEvent['kind']): Promise<RedisEvent> {
  return new Promise((resolve) => {
    const stop = client.onEvent((event) => {
      if (event.kind !== kind) return;
      stop();
      resolve(event);
    });
  });
}

needsRedis('Redis Cluster of three nodes', () => {
  let servers: RedisClusterServers;
  let client: RedisClient;

  before(async () => {
    servers = await startRedisCluster(3);
    const [seed] = servers.nodes;
    assert(seed);
    // One seed: the others are found.
    const nodes = [{ host: '127.0.0.1', port: seed.port }];
    client = await connectRedis({ cluster: { nodes }, commandTimeoutMs: 500 });
  });
  after(async () => {
    await client?.close();
    await servers?.dispose();
  });

  directoryContract('RedisDirectory on Redis Cluster', async () => {
    const keys = freshKeys();
    const report = await ensurePartitions(client, keys, 'g1', { create: true });
    assert.deepEqual(report, { missing: [], different: [] });
    const directory = new RedisDirectory({ client, keys, generation: () => 'g1' });
    return { directory, restart: async () => directory, dispose: async () => undefined };
  });

  it('Grains: of many partitions, lie on all nodes', async () => {
    const keys = freshKeys();
    await ensurePartitions(client, keys, 'g1', { create: true });
    const directory = new RedisDirectory({ client, keys, generation: () => 'g1' });
    const grains = Array.from({ length: 60 }, (_unused, index) => ({ ...GRAIN, key: `k${index}` }));
    await Promise.all(grains.map((grain) => directory.register(grain, CLAIMER)));
    for (const node of servers.nodes) {
      const own = await connectRedis({ url: node.url });
      const found = await Promise.all(
        grains.map(async (grain) => {
          const reply = await own.call('EXISTS', [keys.head(grain)]).catch((error: unknown) => error);
          return reply === 1;
        }),
      );
      await own.close();
      assert(found.filter(Boolean).length > 5, 'each node has some');
    }
  });

  it('Messages: published on any node, arrive', async () => {
    const got = new Promise<string>((resolve) => {
      client.subscribe('{c:p1}:x', (message) => resolve(Buffer.from(message).toString()));
    });
    let isThere = false;
    void got.then(() => (isThere = true));
    // Nodes do not count the listeners of the others: said again until somebody hears it.
    await eventually(async () => {
      await client.call('PUBLISH', ['{c:p1}:x', 'hello']);
      return isThere;
    });
    assert.equal(await got, 'hello');
  });

  it('A slot that moved: the call is refused as MOVED, and a later one finds the new node', async () => {
    const keys = freshKeys();
    const key = keys.generation(partitionOf(GRAIN));
    const slot = Number(await client.call('CLUSTER', ['KEYSLOT', key]));
    const owners = await Promise.all(
      servers.nodes.map(async (node) => {
        const own = await connectRedis({ url: node.url });
        const owns = await own.call('GET', [key]).then(
          () => true,
          () => false,
        );
        const id = Buffer.from((await own.call('CLUSTER', ['MYID'])) as Uint8Array).toString();
        return { own, owns, id };
      }),
    );
    try {
      const target = owners.find(({ owns }) => !owns);
      assert(target);
      assert.equal(await client.run(count, [`${key}:h`], []), 1);
      await client.call('DEL', [`${key}:h`]);
      for (const { own } of owners) await own.call('CLUSTER', ['SETSLOT', slot, 'NODE', target.id]);
      const error: unknown = await client.run(count, [`${key}:h`], []).catch((thrown: unknown) => thrown);
      assert(error instanceof RedisRefusal);
      assert.equal(error.code, 'MOVED');
      await eventually(() =>
        client.run(count, [`${key}:h`], []).then(
          (reply) => reply === 1,
          () => false,
        ),
      );
    } finally {
      for (const { own } of owners) await own.close();
    }
  });

  it('A node that dies: the client is down, and up with another run when it is back', async () => {
    const [, node] = servers.nodes;
    const down = nextEvent(client, 'down');
    await node?.kill9();
    await down;
    const up = nextEvent(client, 'up');
    await node?.restart();
    assert.deepEqual(await up, { kind: 'up', isSame: false });
    // Its peers may still think that it is away.
    const keys = freshKeys();
    await eventually(() =>
      ensurePartitions(client, keys, 'g1', { create: true }).then(
        ({ missing }) => missing.length === 0,
        () => false,
      ),
    );
  }).timeout(30_000);
});

needsRedis('Redis with Sentinels', () => {
  let servers: SentinelServers;
  let client: RedisClient;

  before(async function () {
    this.timeout(30_000);
    servers = await startSentinels();
    const nodes = servers.sentinels.map(({ port }) => ({ host: '127.0.0.1', port }));
    client = await connectRedis({ sentinel: { name: servers.name, nodes }, commandTimeoutMs: 500 });
  });
  after(async () => {
    await client?.close();
    await servers?.dispose();
  });

  it('kill -9 of the primary: its replica takes over, and is told to be another server', async () => {
    const keys = freshKeys();
    await ensurePartitions(client, keys, 'g1', { create: true });
    const directory = new RedisDirectory({ client, keys, generation: () => 'g1' });
    assert.equal((await directory.register(GRAIN, CLAIMER)).kind, 'registered');
    assert.equal(await client.call('WAIT', [1, 400]), 1);
    const up = nextEvent(client, 'up');
    await servers.primary.kill9();
    assert.deepEqual(await up, { kind: 'up', isSame: false });
    assert.equal((await directory.lookup(GRAIN))?.incarnation, 'A');
    assert.equal(await directory.release(GRAIN, 'A', 1), true);
  }).timeout(30_000);
});
