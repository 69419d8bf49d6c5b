import assert from 'node:assert/strict';
import {
  Membership,
  type MembershipView,
  openCluster,
  type OpenClusterOptions,
  openRedisClient,
  PARTITION_COUNT,
  type RedisClient,
  RedisKeys,
  RedisMembershipTable,
  RedisSilence,
  untilUp,
} from '../../directory/index.ts';
import { GrainError, SeededRng } from '../../lib/index.ts';
import { systemClock } from '../../lib/internal.ts';
import { FakeRedis, FakeRedisClient } from '../support/fake-redis/index.ts';
import { needsRedis, type RedisServer, startRedis } from '../support/redis-server.ts';
import { candidate, keptLog } from './membership-support.ts';

const KEYS = new RedisKeys('m');
const RECORD = KEYS.shared('members');

function hasCode(code: string): (error: unknown) => boolean {
  return (error) => error instanceof GrainError && error.code === code;
}

/** A witness in memory. */
function witness(generation?: string): OpenClusterOptions['witness'] & { generation: string | undefined } {
  return {
    generation,
    read() {
      return this.generation;
    },
    write(next) {
      this.generation = next;
    },
  };
}

/** The client of a process that dies at its call number `fatal`: before that call was sent, or before its answer came. */
function mortal(client: RedisClient, fatal: number, isSent: boolean): RedisClient {
  let calls = 0;
  const meet = async <T>(ask: () => Promise<T>): Promise<T> => {
    calls += 1;
    if (calls < fatal) return ask();
    if (calls === fatal && isSent) await ask().catch(() => undefined);
    throw new RedisSilence('it died', isSent);
  };
  return {
    get isUp() {
      return client.isUp;
    },
    call: async (command, args) => meet(() => client.call(command, args)),
    run: async (script, keys, args) => meet(() => client.run(script, keys, args)),
    subscribe: (channel, onMessage) => client.subscribe(channel, onMessage),
    onEvent: (listener) => client.onEvent(listener),
    close: () => client.close(),
  };
}

needsRedis('membership on Redis', () => {
  let server: RedisServer;
  let client: RedisClient;
  let seed = 0;

  before(async () => {
    server = await startRedis();
    client = openRedisClient({ url: server.url }, { log: keptLog() });
    await untilUp(client);
  });

  after(async () => {
    await client.close();
    await server.dispose();
  });

  beforeEach(async () => {
    await client.call('FLUSHALL', []);
  });

  function opening(changes: Partial<OpenClusterOptions> = {}): OpenClusterOptions {
    return {
      client,
      keys: KEYS,
      clock: systemClock,
      rng: new SeededRng((seed += 1)),
      log: keptLog(),
      onDataLoss: 'refuse',
      witness: witness(),
      ...changes,
    };
  }

  async function generations(): Promise<ReadonlySet<string>> {
    const all = Array.from({ length: PARTITION_COUNT }, (_unused, at) =>
      client.call('GET', [KEYS.generation(at)]),
    );
    return new Set(
      (await Promise.all(all)).map((reply) =>
        reply === null ? 'none' : Buffer.from(reply as Uint8Array).toString(),
      ),
    );
  }

  describe('openCluster', () => {
    it('openCluster: nothing there, makes it whole; the next one finds the same', async () => {
      const first = witness();
      const made = await openCluster(opening({ witness: first }));
      assert.equal(made.how, 'created');
      assert.match(made.clusterKey, /^[0-9a-f]{64}$/);
      assert.deepEqual(await generations(), new Set([made.generation]));
      assert.equal(first.generation, made.generation);
      const found = await openCluster(opening());
      assert.deepEqual(found, { ...made, how: 'found' });
      assert.deepEqual((await new RedisMembershipTable(client, KEYS).read())?.members, []);
    });

    it('openCluster: eight at once, agree', async () => {
      const all = await Promise.all(Array.from({ length: 8 }, async () => openCluster(opening())));
      assert.equal(new Set(all.map(({ generation, clusterKey }) => generation + clusterKey)).size, 1);
      assert.deepEqual(await generations(), new Set(all.map(({ generation }) => generation)));
      assert.equal(all.filter(({ how }) => how === 'created').length, 1);
    });

    it('openCluster: another one makes it between our look at the record and at the partitions, is no loss', async () => {
      let calls = 0;
      const late: RedisClient = {
        ...mortal(client, Infinity, true),
        call: async (command, args) => {
          calls += 1;
          if (calls === 2) await openCluster(opening());
          return client.call(command, args);
        },
      };
      const found = await openCluster(opening({ client: late }));
      assert.equal(found.how, 'found');
      assert.deepEqual(await generations(), new Set([found.generation]));
    });

    // A creation is a look at the record, 1,024 at partitions, a look, the making, a look, 2,048 for the seals, a note (3,077).
    const steps = [
      1, 2, 3, 500, 1_024, 1_025, 1_026, 1_027, 1_028, 1_029, 1_030, 1_031, 1_100, 1_500, 2_053, 3_074, 3_075,
      3_076, 3_077, 3_078,
    ];
    for (const isSent of [false, true]) {
      it(`openCluster: a crash ${isSent ? 'after' : 'before'} a call, at each, is finished by the next one`, async function () {
        this.timeout(60_000);
        let crashes = 0;
        for (const step of steps) {
          await client.call('FLUSHALL', []);
          const left = witness();
          const dying = openCluster(opening({ client: mortal(client, step, isSent), witness: left }));
          await dying.catch(() => (crashes += 1));
          const { generation } = await openCluster(opening({ witness: left }));
          assert.deepEqual(await generations(), new Set([generation]), `step ${step}`);
          assert.equal(left.generation, generation);
          assert.equal((await openCluster(opening({ witness: left }))).generation, generation);
        }
        assert.equal(crashes, steps.length);
      });
    }

    it('openCluster: a crash while starting empty, at each call, is finished by the next one, which need not decide again', async function () {
      this.timeout(60_000);
      for (const step of [1_026, 1_027, 1_028, 1_029, 1_030, 1_500, 2_052, 2_053]) {
        await client.call('FLUSHALL', []);
        const left = witness();
        const old = await openCluster(opening({ witness: left }));
        await client.call('DEL', [KEYS.generation(7)]);
        const dying = openCluster(
          opening({ client: mortal(client, step, true), witness: left, onDataLoss: 'start_empty' }),
        );
        await assert.rejects(dying, `step ${step}`);
        const isDecided =
          (await new RedisMembershipTable(client, KEYS).read())?.generation !== old.generation;
        if (!isDecided) {
          await assert.rejects(openCluster(opening({ witness: left })), hasCode('ERR_STORE_LOST'));
          continue;
        }
        const { generation } = await openCluster(opening({ witness: left }));
        assert.notEqual(generation, old.generation);
        assert.deepEqual(await generations(), new Set([generation]), `step ${step}`);
      }
    });

    const losses: readonly (readonly [string, (generation: string) => Promise<unknown>])[] = [
      ['everything', () => client.call('FLUSHALL', [])],
      ['the record', () => client.call('DEL', [RECORD])],
      ['one partition', () => client.call('DEL', [KEYS.generation(1_023)])],
      ['one partition to another generation', () => client.call('SET', [KEYS.generation(3), 'other'])],
    ];
    for (const [what, lose] of losses) {
      it(`openCluster: Redis lost ${what}, refuses, until told to start empty; then all follow`, async () => {
        const [left, right] = [witness(), witness()];
        const old = await openCluster(opening({ witness: left }));
        await openCluster(opening({ witness: right }));
        await lose(old.generation);
        await assert.rejects(openCluster(opening({ witness: left })), hasCode('ERR_STORE_LOST'));
        await assert.rejects(openCluster(opening({ witness: left })), hasCode('ERR_STORE_LOST'));
        const made = await openCluster(opening({ witness: left, onDataLoss: 'start_empty' }));
        assert.equal(made.how, 'started_empty');
        assert.notEqual(made.generation, old.generation);
        assert.notEqual(made.clusterKey, old.clusterKey);
        assert.deepEqual(await generations(), new Set([made.generation]));
        // The decision was made for the cluster: who knew the old generation, need not make it again.
        const other = await openCluster(opening({ witness: right }));
        assert.equal(other.generation, made.generation);
        assert.equal(right.generation, made.generation);
      });
    }

    it('openCluster: a store that somebody else made anew, is a loss for who knew the old one', async () => {
      const left = witness();
      await openCluster(opening({ witness: left }));
      await client.call('FLUSHALL', []);
      const stranger = await openCluster(opening());
      await assert.rejects(openCluster(opening({ witness: left })), hasCode('ERR_STORE_LOST'));
      const made = await openCluster(opening({ witness: left, onDataLoss: 'start_empty' }));
      assert.notEqual(made.generation, stranger.generation);
    });

    it('openCluster: a partition of a stranger while the cluster is being made, is not written over unasked', async () => {
      await openCluster(opening());
      await client.call('HSET', [RECORD, 'c', '0']);
      await client.call('SET', [KEYS.generation(5), 'stranger']);
      await assert.rejects(openCluster(opening()), hasCode('ERR_STORE_LOST'));
      assert.ok((await generations()).has('stranger'));
      const made = await openCluster(opening({ onDataLoss: 'start_empty' }));
      assert.deepEqual(await generations(), new Set([made.generation]));
    });

    it('openCluster: several starting empty at once, agree', async () => {
      await openCluster(opening());
      await client.call('DEL', [KEYS.generation(5)]);
      const all = Array.from({ length: 5 }, async () => openCluster(opening({ onDataLoss: 'start_empty' })));
      const made = await Promise.all(all);
      assert.equal(new Set(made.map(({ generation }) => generation)).size, 1);
      assert.deepEqual(await generations(), new Set(made.map(({ generation }) => generation)));
    });

    it('openCluster: after a loss, view numbers are above all before it', async () => {
      const { generation } = await openCluster(opening());
      const table = new RedisMembershipTable(client, KEYS);
      const base = (await table.read()) as MembershipView;
      assert.equal(base.number, 1);
      const high = { ...base, number: 3_000_000_000, stamp: 'high' };
      assert.equal((await table.change(high, base)).kind, 'changed');
      await client.call('DEL', [KEYS.generation(5)]);
      await openCluster(opening({ onDataLoss: 'start_empty' }));
      assert.equal((await table.version())?.number, 3_000_000_001);
      await client.call('DEL', [RECORD]);
      await openCluster(opening({ onDataLoss: 'start_empty' }));
      const last = await table.version();
      assert.ok((last?.number ?? 0) > 1_700_000_000);
      assert.notEqual(last?.generation, generation);
    });

    it('openCluster: Redis away, is an error that says so and no witness', async () => {
      const left = witness();
      const dead = mortal(client, 1, false);
      await assert.rejects(
        openCluster(opening({ client: dead, witness: left })),
        hasCode('ERR_STORE_UNAVAILABLE'),
      );
      assert.equal(left.generation, undefined);
    });
  });

  describe('RedisMembershipTable', () => {
    const table = (): RedisMembershipTable => new RedisMembershipTable(client, KEYS);

    async function created(): Promise<MembershipView> {
      await openCluster(opening());
      return (await table().read()) as MembershipView;
    }

    it('RedisMembershipTable: a change on the record as it is, is stored whole', async () => {
      const base = await created();
      const next = {
        ...base,
        number: 2,
        stamp: 's2',
        members: [{ incarnation: 'i', ...candidate('ä'), state: 'joining', joinedView: 2 } as const],
        manifests: { d: { name: 'x', nested: [1, null, 'ü'] } },
      };
      assert.deepEqual(await table().change(next, base), { kind: 'changed', view: next });
      assert.deepEqual(await table().read(), next);
      assert.deepEqual(await table().version(), { number: 2, stamp: 's2', generation: base.generation });
    });

    it('RedisMembershipTable: a change on another number, stamp or generation, changes nothing', async () => {
      const base = await created();
      const next = { ...base, number: 2, stamp: 's2' };
      assert.deepEqual(await table().change(next, { ...base, number: 7 }), { kind: 'conflict', view: base });
      assert.deepEqual(await table().change(next, { ...base, stamp: 'x' }), { kind: 'conflict', view: base });
      assert.deepEqual(await table().change(next, { ...base, generation: 'x' }), {
        kind: 'lost',
        found: base,
      });
      assert.deepEqual(await table().read(), base);
      await client.call('DEL', [RECORD]);
      assert.deepEqual(await table().change(next, base), { kind: 'lost', found: undefined });
      assert.equal(await table().read(), undefined);
      assert.equal(await table().version(), undefined);
      assert.equal(await client.call('EXISTS', [RECORD]), 0);
    });

    for (const [field, value] of [
      ['v', '{"members": [{}], "manifests": {}}'],
      ['v', 'not json'],
      ['v', '[]'],
      ['n', 'many'],
      ['n', '-1'],
      ['t', ''],
    ] as const) {
      it(`RedisMembershipTable: a record with ${field} = ${value || 'nothing'}, is damaged`, async () => {
        await created();
        await client.call('HSET', [RECORD, field, value]);
        await assert.rejects(table().read(), hasCode('ERR_STORE_CORRUPT'));
        const membership = new Membership({
          table: table(),
          incarnation: 'i',
          generation: (await openCluster(opening())).generation,
          clock: systemClock,
          rng: new SeededRng(1),
          log: keptLog(),
        });
        await assert.rejects(membership.start(), hasCode('ERR_STORE_CORRUPT'));
        membership.stop();
      });
    }

    it('RedisMembershipTable: no answer to a change, is unknown; to a read, or before it was sent, it is no effect', async () => {
      const base = await created();
      const at = (isSent: boolean): RedisMembershipTable =>
        new RedisMembershipTable(mortal(client, 1, isSent), KEYS);
      await assert.rejects(at(true).read(), hasCode('ERR_STORE_UNAVAILABLE'));
      await assert.rejects(at(false).change({ ...base, number: 2 }, base), hasCode('ERR_STORE_UNAVAILABLE'));
      await assert.rejects(at(true).change({ ...base, number: 2 }, base), hasCode('ERR_STORE_FAILED'));
      assert.equal((await table().version())?.number, 2);
    });

    it('RedisMembershipTable: votes, are those of the electorate that are not over', async () => {
      const electorate = ['a', 'b', 'c'];
      assert.deepEqual(await table().vote('x', 'a', electorate, 60_000), ['a']);
      assert.deepEqual(await table().vote('y', 'b', electorate, 60_000), ['b']);
      assert.deepEqual(await table().vote('x', 'stranger', electorate, 60_000), ['a']);
      assert.deepEqual(await table().vote('x', 'c', electorate, 60_000), ['a', 'c']);
      const ttlMs = Number(await client.call('PTTL', [KEYS.shared('vote:x:a')]));
      assert.ok(ttlMs > 0 && ttlMs <= 60_000, `${ttlMs}`);
      await client.call('DEL', [KEYS.shared('vote:x:a')]);
      assert.deepEqual(await table().vote('x', 'c', electorate, 60_000), ['c']);
    });

    it('RedisMembershipTable: scripts flushed by an operator, are loaded again', async () => {
      const base = await created();
      await client.call('SCRIPT', ['FLUSH']);
      assert.equal((await table().change({ ...base, number: 2, stamp: 's' }, base)).kind, 'changed');
    });

    it('RedisMembershipTable: eight memberships joining at once, are all active', async () => {
      const { generation } = await openCluster(opening());
      const all = Array.from({ length: 8 }, async (_unused, index) => {
        const membership = new Membership({
          table: table(),
          incarnation: `i${index}`,
          generation,
          clock: systemClock,
          rng: new SeededRng(index),
          log: keptLog(),
        });
        await membership.start();
        await membership.join(candidate(`n${index}`), {});
        await membership.activate(() => true);
        return membership;
      });
      const memberships = await Promise.all(all);
      const view = await table().read();
      assert.deepEqual(new Set(view?.members.map(({ state }) => state)), new Set(['active']));
      assert.equal(view?.number, 17);
      for (const membership of memberships) membership.stop();
    });
  });
});

describe('membership on the Redis of the simulator', () => {
  it('openCluster and changes: with the same scripts in another Lua, come to the same', async () => {
    const server = new FakeRedis({ clock: systemClock, rng: new SeededRng(1) });
    const wire = { toServer: soonest, toClient: soonest, toSubscriber: soonest, close: () => undefined };
    const client = new FakeRedisClient({ server, clock: systemClock, dial: () => wire });
    await untilUp(client);
    const rng = new SeededRng(2);
    const common = { client, keys: KEYS, clock: systemClock, rng, log: keptLog() };
    const left = witness();
    const made = await openCluster({ ...common, witness: left, onDataLoss: 'refuse' });
    await client.call('DEL', [KEYS.generation(9)]);
    const refused = openCluster({ ...common, witness: left, onDataLoss: 'refuse' });
    await assert.rejects(refused, hasCode('ERR_STORE_LOST'));
    const anew = await openCluster({ ...common, witness: left, onDataLoss: 'start_empty' });
    assert.notEqual(anew.generation, made.generation);
    const table = new RedisMembershipTable(client, KEYS);
    const base = (await table.read()) as MembershipView;
    const next = { ...base, number: base.number + 1, stamp: 's' };
    assert.equal((await table.change(next, base)).kind, 'changed');
    assert.deepEqual(await table.change(next, base), { kind: 'conflict', view: next });
    assert.deepEqual(await table.vote('x', 'a', ['a', 'b'], 1_000), ['a']);
    assert.deepEqual(server.halfWritten, []);
    await client.close();
  });
});

function soonest(run: () => void): void {
  systemClock.defer(run);
}
