// What the Redis driver does when the server or the way to it fails: real servers that forget, die, freeze and refuse.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import {
  ensurePartitions,
  partitionOf,
  type RedisClient,
  RedisDirectory,
  type RedisKeys,
  type RedisReply,
} from '../../../directory/index.ts';
import type { GrainId } from '../../../lib/index.ts';
import { systemClock } from '../../../lib/internal.ts';
import type { Claim, CommitOutcome, RedisStorage, RedisStorageOptions } from '../../../silo/internal.ts';
import {
  ALL,
  changing,
  claimer,
  commitOf,
  emissionOf,
  GRAIN,
  hand,
  kindOf,
  push,
  reminderOf,
  set,
} from '../../contract/storage-harness.ts';
import { connectRedis, freshKeys } from '../../directory/redis-support.ts';
import { TestLog } from '../../gateway/http/support.ts';
import { startChaosProxy } from '../../support/chaos-proxy.ts';
import { needsRedis, type RedisServer, startRedis } from '../../support/redis-server.ts';
import { GENERATION, openStorage } from './redis-harness.ts';

const COMMIT_LUA = readFileSync(
  new URL('../../../silo/storage/redis/scripts/commit.lua', import.meta.url),
  'utf8',
);

interface World {
  readonly storage: RedisStorage;
  readonly client: RedisClient;
  readonly keys: RedisKeys;
  readonly log: TestLog;
}

async function claimOf(
  storage: RedisStorage,
  grain: GrainId = GRAIN,
  incarnation = 'A',
  view = 1,
): Promise<Claim> {
  const outcome = await storage.claim(grain, claimer(incarnation, view));
  assert(outcome.kind === 'claimed');
  return outcome.claim;
}

/** Commits that push their own number to a list: twice or out of order shows. */
function pushing(
  storage: RedisStorage,
  claim: Claim,
  from: number,
  to: number,
): Promise<readonly CommitOutcome[]> {
  const outcomes: Promise<CommitOutcome>[] = [];
  for (let number = from; number <= to; number += 1) {
    outcomes.push(
      hand(storage, claim, commitOf(number, { values: [number, null], collections: [push('log', number)] })),
    );
  }
  return Promise.all(outcomes);
}

async function pushed(storage: RedisStorage, claim: Claim): Promise<readonly unknown[]> {
  return await storage.readItems(claim, 'log', 0, 1_000_000);
}

const upTo = (count: number): number[] => Array.from({ length: count }, (_, at) => at + 1);
const kinds = (outcomes: readonly CommitOutcome[]): string[] => [...new Set(outcomes.map(kindOf))];
const pause = (ms: number): Promise<void> => new Promise((resolve) => systemClock.setTimer(ms, resolve));

async function until(isSo: () => boolean | Promise<boolean>): Promise<void> {
  for (let tries = 0; !(await isSo()); tries += 1) {
    assert(tries < 1_000, 'it did not come about');
    await pause(5);
  }
}

needsRedis('Redis storage under faults', () => {
  let server: RedisServer;
  let client: RedisClient;
  const ends: (() => Promise<void>)[] = [];

  before(async () => {
    server = await startRedis();
    client = await connectRedis({ url: server.url });
  });
  after(async () => {
    await client.close();
    await server.dispose();
  });
  afterEach(async () => {
    for (const end of ends.splice(0).reverse()) await end();
  });

  async function open(
    options: RedisStorageOptions = {},
    through: RedisClient = client,
    keys: RedisKeys = freshKeys(),
  ): Promise<World> {
    await ensurePartitions(through, keys, GENERATION, { create: true });
    const log = new TestLog();
    return { storage: openStorage(through, keys, systemClock, log, options), client: through, keys, log };
  }

  /** A server of its own, and the way to it. */
  async function openApart(
    options: Parameters<typeof startRedis>[0] = {},
    storage: RedisStorageOptions = {},
  ): Promise<World & { readonly server: RedisServer }> {
    const own = await startRedis(options);
    ends.push(() => own.dispose());
    const ownClient = await connectRedis({ url: own.url, commandTimeoutMs: 300 });
    ends.push(() => ownClient.close());
    return { ...(await open(storage, ownClient)), server: own };
  }

  it('Scripts: forgotten by the server between pipelined commits, every commit is stored once and in order', async () => {
    const { storage } = await open();
    const claim = await claimOf(storage);
    for (let round = 0; round < 20; round += 1) {
      const first = pushing(storage, claim, round * 10 + 1, round * 10 + 5);
      const flushed = client.call('SCRIPT', ['FLUSH']);
      const second = pushing(storage, claim, round * 10 + 6, round * 10 + 7);
      // Another connection has it loaded: what follows runs, though what was before it did not.
      const loaded = client.call('SCRIPT', ['LOAD', COMMIT_LUA]);
      const third = pushing(storage, claim, round * 10 + 8, round * 10 + 10);
      const read = pushed(storage, claim);
      assert.deepEqual(kinds([...(await first), ...(await second), ...(await third)]), ['done']);
      assert.deepEqual(await read, upTo(round * 10 + 10), 'a read sees what was handed over before it');
      await Promise.all([flushed, loaded]);
    }
    assert.deepEqual(await pushed(storage, claim), upTo(200));
  });

  it('Connection: lost with commits in flight that arrived, each is stored once', async () => {
    const proxy = await startChaosProxy(server);
    ends.push(() => proxy.close());
    const through = await connectRedis({ url: `redis://127.0.0.1:${proxy.port}`, commandTimeoutMs: 300 });
    ends.push(() => through.close());
    const { storage } = await open({}, through);
    const claim = await claimOf(storage);
    for (let round = 0; round < 4; round += 1) {
      const isHeard = round % 2 === 0;
      proxy.mode = isHeard ? 'mute' : 'deaf';
      const outcomes = pushing(storage, claim, round * 10 + 1, round * 10 + 10);
      await pause(20);
      proxy.cut();
      proxy.mode = 'pass';
      const later = hand(storage, claim, commitOf(round * 10 + 12));
      assert.equal(kindOf(await later), 'gap');
      assert.deepEqual(kinds(await outcomes), ['done']);
    }
    assert.deepEqual(await pushed(storage, claim), upTo(40));
  });

  it('Server: killed and started again with AOF always, keeps what was acknowledged, and each commit once', async () => {
    const { storage, server: own } = await openApart({ appendfsync: 'always' });
    const claim = await claimOf(storage);
    let next = 1;
    const outcomes: Promise<readonly CommitOutcome[]>[] = [];
    for (let round = 0; round < 3; round += 1) {
      for (let tick = 0; tick < 20; tick += 1) {
        outcomes.push(pushing(storage, claim, next, next + 9));
        next += 10;
        if (tick === 10) await own.kill9();
        else await pause(1);
      }
      await own.restart();
    }
    assert.deepEqual(kinds((await Promise.all(outcomes)).flat()), ['done']);
    assert.deepEqual(await pushed(storage, claim), upTo(next - 1));
  });

  it('Server: away for longer than the limit, fails what was not sent as not stored, and goes on afterwards', async () => {
    const { storage, server: own } = await openApart({ appendfsync: 'always' }, { limitMs: 150 });
    const claim = await claimOf(storage);
    await pushing(storage, claim, 1, 3);
    await own.stop();
    await until(async () => !(await storage.isOwner(claim).catch(() => false)));
    assert.deepEqual(kinds(await pushing(storage, claim, 4, 6)), ['failed ERR_STORE_UNAVAILABLE none']);
    await assert.rejects(pushed(storage, claim), { code: 'ERR_STORE_UNAVAILABLE' });
    await assert.rejects(storage.claim(GRAIN, claimer()), { code: 'ERR_STORE_UNAVAILABLE' });
    await own.restart();
    await until(async () => kindOf(await hand(storage, claim, commitOf(4))) === 'done');
    assert.deepEqual(await pushed(storage, claim), [1, 2, 3]);
  });

  it('Server: frozen for longer than the limit, fails as unknown; asked again, each is stored once', async () => {
    const { storage, server: own } = await openApart({}, { limitMs: 400 });
    const claim = await claimOf(storage);
    await pushing(storage, claim, 1, 3);
    own.pause();
    const outcomes = await pushing(storage, claim, 4, 6);
    own.resume();
    assert.deepEqual(kinds(outcomes), ['failed ERR_STORE_FAILED unknown']);
    await until(() => storage.isOwner(claim).catch(() => false));
    await until(async () => kinds(await pushing(storage, claim, 4, 6))[0] === 'done');
    assert.deepEqual(await pushed(storage, claim), upTo(6));
  });

  it('Server: without any of its data, answers ERR_STORE_LOST to everything, and nothing is written', async () => {
    const { storage, client: own } = await openApart();
    const claim = await claimOf(storage);
    await pushing(storage, claim, 1, 3);
    await own.call('FLUSHALL', []);
    assert.deepEqual(kinds(await pushing(storage, claim, 4, 6)), ['failed ERR_STORE_LOST none']);
    assert.deepEqual(kinds(await pushing(storage, claim, 4, 4)), ['failed ERR_STORE_LOST none']);
    await assert.rejects(pushed(storage, claim), { code: 'ERR_STORE_LOST' });
    await assert.rejects(storage.claim(GRAIN, claimer()), { code: 'ERR_STORE_LOST' });
    await storage.release(claim);
    assert.equal(await own.call('DBSIZE', []), 0);
    assert.equal(storage.lostWrites, 1);
  });

  for (const isGone of [true, false]) {
    it(`Partition: ${isGone ? 'without its' : 'of another'} generation, takes no commit though the owner is there`, async () => {
      const { storage, keys } = await open();
      const claim = await claimOf(storage);
      await pushing(storage, claim, 1, 2);
      const key = keys.generation(partitionOf(GRAIN));
      await (isGone ? client.call('DEL', [key]) : client.call('SET', [key, 'g2']));
      assert.deepEqual(kinds(await pushing(storage, claim, 3, 4)), ['failed ERR_STORE_LOST none']);
      assert.equal(await client.call('HGET', [keys.head(GRAIN), 'n']).then(String), '2');
    });
  }

  /** A copy of a grain's head, to go back to: as a failover does that lost the last writes. */
  async function snapshot({ keys }: World): Promise<() => Promise<void>> {
    const head = keys.head(GRAIN);
    const dump = await client.call('DUMP', [head]);
    return async () => {
      if (dump instanceof Uint8Array) await client.call('RESTORE', [head, 0, dump, 'REPLACE']);
      else await client.call('DEL', [head]);
    };
  }

  it('Failover: that lost acknowledged commits, is detected by their number', async () => {
    const world = await open();
    const { storage } = world;
    const claim = await claimOf(storage);
    await pushing(storage, claim, 1, 2);
    const goBack = await snapshot(world);
    await pushing(storage, claim, 3, 4);
    await goBack();
    const [first, second] = await pushing(storage, claim, 5, 6);
    assert(first && second);
    assert.deepEqual(kinds([first, second]), ['failed ERR_STORE_LOST none']);
    assert.equal(storage.lostWrites, 1);
    const line = world.log.lines.find(({ message }) => message === 'store.lost_writes');
    assert.equal(line?.level, 'error');
    await assert.rejects(pushed(storage, claim), { code: 'ERR_STORE_LOST' });
    assert.equal(await client.call('HGET', [world.keys.head(GRAIN), 'vcount']).then(String), 'n2');
  });

  it('Failover: that lost commits, is detected by a read, too', async () => {
    const world = await open();
    const claim = await claimOf(world.storage);
    await pushing(world.storage, claim, 1, 2);
    const goBack = await snapshot(world);
    await pushing(world.storage, claim, 3, 4);
    await goBack();
    await assert.rejects(pushed(world.storage, claim), { code: 'ERR_STORE_LOST' });
  });

  for (const isClaimedAnew of [true, false]) {
    const then = isClaimedAnew ? ', and another took the same epoch' : '';
    it(`Failover: that lost the claim itself${then}, is detected by the epoch`, async () => {
      const world = await open();
      const { storage } = world;
      const first = await claimOf(storage);
      await pushing(storage, first, 1, 2);
      await storage.release(first);
      const goBack = await snapshot(world);
      const claim = await claimOf(storage);
      await pushing(storage, claim, 1, 2);
      await goBack();
      const heir = isClaimedAnew ? await claimOf(storage, GRAIN, 'B') : undefined;
      assert.equal(heir?.address.epoch, isClaimedAnew ? claim.address.epoch : undefined);
      assert.deepEqual(kinds(await pushing(storage, claim, 3, 4)), ['failed ERR_STORE_LOST none']);
      assert.equal(storage.lostWrites, 1);
    });
  }

  it('Memory: of the server full, stores nothing of a commit; asked again with room, all of it', async () => {
    const { storage, client: own } = await openApart();
    const claim = await claimOf(storage);
    // From the first commit on: what it says of the grain once only has to be said again.
    for (const [from, to] of [
      [1, 3],
      [4, 6],
    ] as const) {
      await own.call('CONFIG', ['SET', 'maxmemory', '1']);
      assert.deepEqual(kinds(await pushing(storage, claim, from, to)), ['failed ERR_STORE_FULL none']);
      await own.call('CONFIG', ['SET', 'maxmemory', '0']);
      assert.deepEqual(kinds(await pushing(storage, claim, from, to)), ['done']);
    }
    assert.deepEqual(await pushed(storage, claim), upTo(6));
    const outcome = await storage.claim(GRAIN, claimer());
    assert(outcome.kind === 'claimed');
    assert.deepEqual([outcome.memory.schema, outcome.memory.values], [1, { count: 6, note: null }]);
    assert.deepEqual(await storage.listGrains(GRAIN.tenant, GRAIN.core, '', 9), [GRAIN.key]);
  });

  it('Claims: of two silos against each other, only the owner commits and the heir sees all that was done', async () => {
    const { storage: a, keys } = await open();
    const { storage: b } = await open({}, client, keys);
    for (let round = 0; round < 20; round += 1) {
      const grain = { ...GRAIN, key: `race${round}` };
      const old = await claimOf(a, grain);
      const outcomes = pushing(a, old, 1, 20);
      const heir = await claimOf(b, grain, 'B', 2);
      const mine = pushing(b, heir, 1, 1);
      const doneCount = (await outcomes).filter(({ kind }) => kind === 'done').length;
      assert.deepEqual(
        (await outcomes).map(({ kind }) => kind),
        upTo(20).map((n) => (n <= doneCount ? 'done' : 'fenced')),
      );
      assert.deepEqual(kinds(await mine), ['done']);
      assert.deepEqual(await pushed(b, heir), [...upTo(doneCount), 1]);
    }
  });

  it('Confirmation: by replicas that are not there, is never given; with one, it is', async () => {
    const confirm = { replicas: 1, waitMs: 100 };
    const world = await openApart({ args: ['--repl-diskless-sync-delay', '0'] }, { limitMs: 50, confirm });
    const { server: own, client: ownClient, keys } = world;
    const alone = await claimOf(world.storage);
    assert.deepEqual(kinds(await pushing(world.storage, alone, 1, 3)), ['failed ERR_STORE_FAILED unknown']);
    const replica = await startRedis({ args: ['--replicaof', '127.0.0.1', `${own.port}`] });
    ends.push(() => replica.dispose());
    const { storage } = await open({ confirm }, ownClient, keys);
    const claim = await claimOf(storage);
    assert.deepEqual(
      kinds(await pushing(storage, claim, 1, 3)),
      ['done'],
      'asked until the replica is there',
    );
    const calls = await callCounts(ownClient, async () => {
      assert.deepEqual(kinds(await pushing(storage, claim, 4, 50)), ['done']);
    });
    assert((calls.get('wait') ?? 0) <= 5, `${calls.get('wait')} times WAIT for one turn of the loop`);
    const reader = await connectRedis({ url: replica.url });
    ends.push(() => reader.close());
    assert.equal(await reader.call('HGET', [world.keys.head(GRAIN), 'n']).then(String), '50');
  });

  /** How often the server ran each command meanwhile, scripts' own included. */
  async function callCounts(
    through: RedisClient,
    action: () => Promise<unknown>,
  ): Promise<Map<string, number>> {
    await through.call('CONFIG', ['RESETSTAT']);
    await action();
    const stats = String(await through.call('INFO', ['commandstats']));
    return new Map(
      [...stats.matchAll(/cmdstat_(\w+):calls=(\d+)/g)].map(([, name = '', n]) => [name, Number(n)]),
    );
  }

  it('Collections: of thousands of entries, are never loaded whole', async () => {
    const { storage } = await open();
    const claim = await claimOf(storage);
    const many = upTo(5_000);
    await hand(
      storage,
      claim,
      changing(1, ...many.map((n) => set('by', `k${n}`, n)), ...many.map((n) => push('log', n))),
    );
    await storage.release(claim);
    const calls = await callCounts(client, async () => {
      const heir = await claimOf(storage);
      assert.equal(await storage.readEntry(heir, 'by', 'k77'), 77);
      assert.equal((await storage.readEntries(heir, 'by', { ...ALL, prefix: 'k49', limit: 5 })).length, 5);
      assert.deepEqual(await storage.readItems(heir, 'log', 4_000, 4_003), [4_001, 4_002, 4_003]);
      assert.equal(await storage.listLength(heir, 'log'), 5_000);
      const change = changing(1, set('by', 'k1', 0), push('log', 0));
      assert.equal(kindOf(await hand(storage, heir, change)), 'done');
    });
    assert.equal(calls.get('hgetall'), 1, 'the head');
    assert.equal(calls.get('evalsha'), 6);
    assert((calls.get('hget') ?? 0) <= 6);
    assert.equal(calls.get('lrange'), 1);
    for (const whole of ['hkeys', 'hvals', 'zrange', 'smembers', 'hscan'])
      assert.equal(calls.get(whole), undefined);
  });

  it('Commit: of values alone, is one call that writes the head once', async () => {
    const { storage } = await open();
    const claim = await claimOf(storage);
    await pushing(storage, claim, 1, 1);
    const calls = await callCounts(client, async () => {
      assert.equal(
        kindOf(await hand(storage, claim, commitOf(2, { changed: [0], values: [9, null] }))),
        'done',
      );
    });
    calls.delete('config|resetstat');
    assert.deepEqual([...calls].filter(([name]) => !/config|info/.test(name)).sort(), [
      ['evalsha', 1],
      ['get', 1],
      ['hmget', 1],
      ['hset', 1],
    ]);
  });

  it('Emissions: durable and volatile, reach who listens elsewhere, with their epoch', async () => {
    const { storage, keys } = await open();
    const { storage: elsewhere } = await open({}, client, keys);
    const heard: unknown[] = [];
    let isReady = false;
    const stop = elsewhere.onEmissions(
      GRAIN,
      (epoch, emissions) => heard.push([epoch, emissions]),
      () => (isReady = true),
    );
    await until(() => isReady);
    const claim = await claimOf(storage);
    const emissions = [
      emissionOf(1, { text: 'ü' }),
      emissionOf(2, new Uint8Array([0, 255])),
      emissionOf(3, undefined),
    ];
    await hand(storage, claim, commitOf(1, { emissions, emissionEpoch: 4 }));
    await storage.publishVolatile(GRAIN, 5, [emissionOf(9)]);
    await until(() => heard.length === 2);
    assert.deepEqual(heard, [
      [4, emissions],
      [5, [emissionOf(9)]],
    ]);
    stop();
    assert.deepEqual((await elsewhere.readEmissions(GRAIN, 0, 9)).emissions, emissions);
  });

  it('Outbox: of an owner that died before its relay, is brought into the log by a sweep, and its mark goes', async () => {
    const { storage, keys } = await open();
    const claim = await claimOf(storage);
    await hand(storage, claim, commitOf(1));
    // What a commit leaves whose process dies at once.
    const partition = partitionOf(GRAIN);
    await client.call('HINCRBY', [keys.shared('outbox-dirty'), partition, 1]);
    await client.call('RPUSH', [
      keys.outbox(partition),
      'eairport\0default\0JFK\0' + '7\0' + 'j[1,1001,"delayed",1]',
    ]);
    const { storage: heir } = await open({}, client, keys);
    assert.deepEqual((await heir.readLog(0, 9)).entries, []);
    assert.equal(await heir.sweepOutboxes((wanted) => wanted !== partition), 0);
    assert.equal(await heir.sweepOutboxes(() => true), 1);
    const expected = { position: 1, source: GRAIN, emissionEpoch: 7, emission: emissionOf(1) };
    assert.deepEqual((await heir.readLog(0, 9)).entries, [expected]);
    assert.equal(await heir.sweepOutboxes(() => true), 1, 'marked until it was quiet for a whole round');
    assert.equal(await heir.sweepOutboxes(() => true), 0);
    assert.equal(await client.call('LLEN', [keys.outbox(partition)]), 0);
  });

  it('Outbox: relayed by two at once, loses nothing and keeps the order of its source', async () => {
    const { storage, keys } = await open();
    const { storage: other } = await open({}, client, keys);
    const claim = await claimOf(storage);
    const outcomes: Promise<unknown>[] = [];
    for (let n = 1; n <= 200; n += 1) {
      outcomes.push(hand(storage, claim, commitOf(n, { emissions: [emissionOf(n)] })));
      if (n % 10 === 0)
        outcomes.push(
          other.sweepOutboxes(() => true),
          pause(1),
        );
      if (n % 25 === 0) await pause(1);
    }
    await Promise.all(outcomes);
    await storage.sweepOutboxes(() => true);
    const numbers = (await storage.readLog(0, 10_000)).entries.map(({ emission }) => emission.n);
    const firsts = [...new Set(numbers)];
    assert.deepEqual(firsts, upTo(200), 'each for the first time in order; repetitions are allowed');
  });

  it('Reminders: of partitions that are not wanted, are left to others; lost hints come back with another server', async () => {
    const { storage, client: own, keys, server: apart } = await openApart({ appendfsync: 'always' });
    const claim = await claimOf(storage);
    await hand(storage, claim, commitOf(1, { reminders: [['r', reminderOf('r', 500)]] }));
    const partition = partitionOf(GRAIN);
    assert.deepEqual(await storage.dueReminders(600, 9, (wanted) => wanted !== partition), []);
    assert.equal(await storage.nextReminderMs((wanted) => wanted !== partition), undefined);
    const due = [{ grain: GRAIN, name: 'r', dueMs: 500 }];
    assert.deepEqual(await storage.dueReminders(600, 9, (wanted) => wanted === partition), due);
    await own.call('DEL', [keys.shared('due-hints')]);
    assert.deepEqual(await storage.dueReminders(600, 9), [], 'without its hint it is not seen');
    await apart.restart();
    await until(() => own.isUp);
    assert.deepEqual(await storage.dueReminders(600, 9), due);
  });

  it('Commit: asked twice, after its claim came a second time when the activation had ended, is not applied again', async () => {
    const { storage, client: own, keys } = await open();
    const who = claimer('A');
    const first = await storage.claim(GRAIN, who);
    assert(first.kind === 'claimed');
    assert.equal(
      kindOf(await hand(storage, first.claim, commitOf(1, { collections: [push('log', 1)] }))),
      'done',
    );
    await storage.release(first.claim);
    // The copy that had been under way all the time makes the ended activation the owner once more.
    const again = await new RedisDirectory({ client: own, keys, generation: () => GENERATION }).register(
      GRAIN,
      who,
    );
    assert.equal(again.kind, 'registered');
    assert.equal(
      kindOf(await hand(storage, first.claim, commitOf(1, { collections: [push('log', 1)] }))),
      'fenced',
    );
    assert.equal(await storage.isOwner(first.claim), false);
    await assert.rejects(async () => await storage.listLength(first.claim, 'log'), {
      code: 'ERR_STORE_FENCED',
    });
    const next = await claimOf(storage);
    assert.equal(await storage.listLength(next, 'log'), 1);
  });

  it('Reminders: set between a look and what it concludes, keep their hint', async () => {
    const keys = freshKeys();
    let isOnce = true;
    const meddling = new Proxy(client, {
      get(target, name) {
        const member: unknown = Reflect.get(target, name, target);
        if (typeof member !== 'function') return member;
        if (name !== 'run') return member.bind(target) as unknown;
        return async (...args: Parameters<RedisClient['run']>): Promise<RedisReply> => {
          if (args[0].name === 'due-raise' && isOnce) {
            isOnce = false;
            await move(2, 550);
          }
          return await target.run(...args);
        };
      },
    });
    const { storage } = await open({}, client, keys);
    const { storage: looking } = await open({}, meddling, keys);
    const claim = await claimOf(storage);
    const move = async (number: number, dueMs: number): Promise<void> => {
      const reminders = [['r', reminderOf('r', dueMs)]] as const;
      assert.equal(kindOf(await hand(storage, claim, commitOf(number, { reminders }))), 'done');
    };
    await move(1, 900);
    await client.call('ZADD', [keys.shared('due-hints'), 500, partitionOf(GRAIN)]);
    assert.deepEqual(await looking.dueReminders(510, 9), []);
    assert.equal(isOnce, false);
    assert.deepEqual(await looking.dueReminders(600, 9), [{ grain: GRAIN, name: 'r', dueMs: 550 }]);
  });

  it('Reminders: with none due, one look is one call; a hint that came to nothing goes after a second look', async () => {
    const { storage, keys } = await open();
    const claim = await claimOf(storage);
    await hand(storage, claim, commitOf(1, { reminders: [['r', reminderOf('r', 500)]] }));
    await hand(storage, claim, commitOf(2, { reminders: [['r', undefined]] }));
    assert.deepEqual(await storage.dueReminders(600, 9), []);
    const soonMs = (await storage.nextReminderMs()) ?? 0;
    assert(soonMs > systemClock.wallMs() && soonMs <= systemClock.wallMs() + 30_000, 'a second look in 30 s');
    assert.deepEqual(await storage.dueReminders(soonMs, 9), []);
    assert.equal(await storage.nextReminderMs(), undefined);
    const calls = await callCounts(client, () => storage.dueReminders(Infinity, 9));
    assert.equal(calls.get('evalsha'), 1);
    assert.equal(await client.call('EXISTS', [keys.shared('due-hints')]), 0);
  });
});
