import assert from 'node:assert/strict';
import type { Membership, MembershipView } from '../../directory/index.ts';
import { GrainError } from '../../lib/index.ts';
import { candidate, emptyView, pass, soon, TestCluster } from './membership-support.ts';
import { macrotask } from '../support/system-macrotask.ts';

const HOURS = 60 * 60_000;

function hasCode(code: string): (error: unknown) => boolean {
  return (error) => error instanceof GrainError && error.code === code;
}

describe('Membership', () => {
  let cluster: TestCluster;

  beforeEach(() => {
    cluster = new TestCluster();
  });

  afterEach(() => cluster.stop());

  it('Membership: eight silos, joining at once, are all active, each change with a number of its own', async () => {
    const numbers: number[] = [];
    const { change } = cluster.table;
    cluster.table.change = async (next, base) => {
      const outcome = await change.call(cluster.table, next, base);
      if (outcome.kind === 'changed') numbers.push(next.number);
      return outcome;
    };
    const come = async (name: string): Promise<Membership> => {
      const membership = cluster.membership(name);
      await membership.start();
      await membership.join(candidate(name), {});
      await membership.activate(() => true);
      return membership;
    };
    const all = Promise.all(Array.from({ length: 8 }, (_unused, index) => come(`i${index}`)));
    const members = await soon(cluster.clock, all);
    assert.deepEqual(new Set(Object.values(cluster.states())), new Set(['active']));
    assert.equal(cluster.table.record?.members.length, 8);
    assert.deepEqual(
      numbers,
      Array.from({ length: 16 }, (_unused, index) => index + 2),
    );
    assert.equal(new Set(cluster.table.record?.members.map(({ joinedView }) => joinedView)).size, 8);
    assert.deepEqual([...new Set(members.map(({ state }) => state))], ['active']);
  });

  it('Membership: a join whose answer is lost, is there once', async () => {
    const membership = cluster.membership('a');
    await membership.start();
    const { change } = cluster.table;
    let isLost = false;
    cluster.table.change = async (next, base) => {
      const outcome = await change.call(cluster.table, next, base);
      if (isLost) return outcome;
      isLost = true;
      throw new GrainError('ERR_STORE_FAILED');
    };
    await soon(cluster.clock, membership.join(candidate('a'), {}));
    assert.equal(cluster.table.record?.members.length, 1);
    assert.equal(cluster.table.record?.number, 2);
    assert.equal(membership.state, 'joining');
  });

  it('Membership: a change while the store is away, fails after its time and not before, then works again', async () => {
    const membership = await cluster.active('a', { changeMs: 2_000 });
    const away = async (): Promise<never> => Promise.reject(new GrainError('ERR_STORE_UNAVAILABLE'));
    const { change, read } = cluster.table;
    Object.assign(cluster.table, { change: away, read: away });
    const startMs = cluster.clock.nowMs();
    await assert.rejects(soon(cluster.clock, membership.drain()), hasCode('ERR_STORE_UNAVAILABLE'));
    assert.ok(cluster.clock.nowMs() - startMs >= 2_000);
    Object.assign(cluster.table, { change, read });
    await soon(cluster.clock, membership.drain());
    assert.equal(membership.state, 'draining');
  });

  it('Membership: a silo with an unreached active one, waits, says for whom, and comes in when that one is dead', async () => {
    const first = await cluster.active('a');
    const second = cluster.membership('b');
    await second.start();
    await soon(cluster.clock, second.join(candidate('b'), {}));
    const coming = second.activate(({ incarnation }) => incarnation !== 'a');
    await pass(cluster.clock, 3_000);
    assert.deepEqual(cluster.states(), { a: 'active', b: 'joining' });
    assert.equal(
      second.canActivate(() => false),
      false,
    );
    const waiting = cluster.log.lines.filter(({ message }) => message.startsWith('membership.waiting'));
    assert.deepEqual(
      waiting.map(({ message }) => message),
      ['membership.waiting: no link to a (127.0.0.1:7001)'],
    );
    await soon(cluster.clock, second.declareDead('a', 'gone'));
    await soon(cluster.clock, coming);
    assert.equal(second.state, 'active');
    await pass(cluster.clock, 6_000);
    assert.equal(first.state, 'dead');
  });

  it('Membership: another one that becomes active between the look and the change, is waited for too', async () => {
    const membership = cluster.membership('b');
    await membership.start();
    await soon(cluster.clock, membership.join(candidate('b'), {}));
    const rival = cluster.membership('c');
    await rival.start();
    await soon(cluster.clock, rival.join(candidate('c'), {}));
    await soon(
      cluster.clock,
      rival.activate(() => true),
    );
    // `b` has not heard of it: its own view has c as joining or not at all.
    const coming = membership.activate(() => false);
    await pass(cluster.clock, 1_000);
    assert.deepEqual(cluster.states(), { b: 'joining', c: 'active' });
    membership.stop();
    await assert.rejects(coming, hasCode('ERR_CLUSTER_FAILED'));
  });

  it('Membership: a silo declared dead, is told once, and changes nothing any more', async () => {
    const [first, second] = [await cluster.active('a'), await cluster.active('b')];
    let told = 0;
    second.onSelfDead(() => (told += 1));
    await soon(cluster.clock, first.refresh());
    await soon(cluster.clock, first.declareDead('b', 'test'));
    // It does not know yet, and accuses the other: the conflict tells it first.
    await assert.rejects(soon(cluster.clock, second.declareDead('a', 'test')), hasCode('ERR_CLUSTER_FAILED'));
    assert.deepEqual(cluster.states(), { a: 'active', b: 'dead' });
    assert.equal(second.state, 'dead');
    await assert.rejects(soon(cluster.clock, second.drain()), hasCode('ERR_CLUSTER_FAILED'));
    await pass(cluster.clock, 20_000, 100);
    assert.equal(told, 1);
  });

  it('Membership: a death that somebody else declared first, keeps its reason, and the view is taken', async () => {
    const [first, second] = [await cluster.active('a'), await cluster.active('b')];
    await cluster.active('c');
    await soon(cluster.clock, Promise.all([first.refresh(), second.refresh()]));
    await soon(cluster.clock, first.declareDead('c', 'first'));
    const view = await soon(cluster.clock, second.declareDead('c', 'second'));
    assert.equal(view.members.find(({ incarnation }) => incarnation === 'c')?.death?.reason, 'first');
    assert.equal(second.view.number, first.view.number);
    await soon(cluster.clock, first.declareDead('c', 'third'));
    assert.equal(first.view.number, second.view.number);
  });

  it('Membership: a silo that the record forgot, is over', async () => {
    const membership = await cluster.active('a');
    let told = 0;
    membership.onSelfDead(() => (told += 1));
    cluster.table.record = emptyView({ number: 50, stamp: 'later' });
    await pass(cluster.clock, 6_000, 100);
    assert.equal(membership.state, 'dead');
    assert.equal(told, 1);
  });

  it('Membership: a graceful leave, is dead at once and buried, and is no surprise to the silo', async () => {
    const membership = await cluster.active('a');
    let told = 0;
    membership.onSelfDead(() => (told += 1));
    await soon(cluster.clock, membership.drain());
    await soon(cluster.clock, membership.leave());
    assert.deepEqual(cluster.table.record?.members[0]?.death, {
      cause: 'left',
      reason: 'it stopped',
      isBuried: true,
    });
    assert.equal(told, 0);
    await membership.leave();
  });

  for (const [what, record] of [
    ['gone', undefined],
    ['of another generation', emptyView({ generation: 'g2', number: 9 })],
  ] as const) {
    it(`Membership: the record ${what}, is noticed by the poll, told once, and never written over`, async () => {
      const membership = await cluster.active('a');
      let told = 0;
      membership.onLost(() => (told += 1));
      cluster.table.record = record;
      await pass(cluster.clock, 6_000, 100);
      assert.equal(membership.state, 'lost');
      await assert.rejects(soon(cluster.clock, membership.drain()), hasCode('ERR_STORE_LOST'));
      await pass(cluster.clock, 10_000, 100);
      assert.equal(told, 1);
      assert.equal(cluster.table.record, record);
    });

    it(`Membership: the record ${what}, is noticed by a change and at the start`, async () => {
      const membership = await cluster.active('a');
      cluster.table.record = record;
      await assert.rejects(soon(cluster.clock, membership.drain()), hasCode('ERR_STORE_LOST'));
      await assert.rejects(soon(cluster.clock, cluster.membership('b').start()), hasCode('ERR_STORE_LOST'));
      assert.equal(cluster.table.record, record);
    });
  }

  it('Membership: a store that is away, is no loss', async () => {
    const membership = await cluster.active('a');
    const { version } = cluster.table;
    cluster.table.version = async () => Promise.reject(new GrainError('ERR_STORE_UNAVAILABLE'));
    await pass(cluster.clock, 20_000, 100);
    assert.equal(membership.state, 'active');
    assert.equal(cluster.log.lines.filter(({ message }) => message === 'membership.store_away').length, 1);
    cluster.table.version = version;
    const other = await cluster.active('b');
    await pass(cluster.clock, 6_000, 100);
    assert.equal(membership.view.number, other.view.number);
  });

  it('Membership: nothing changes for a minute, costs at most 14 looks at the version and no read', async () => {
    const membership = await cluster.active('a');
    const counts = { version: 0, read: 0, change: 0, vote: 0 };
    for (const name of Object.keys(counts) as (keyof typeof counts)[]) {
      const original = cluster.table[name].bind(cluster.table) as (...args: unknown[]) => Promise<never>;
      Object.assign(cluster.table, {
        [name]: async (...args: unknown[]) => {
          counts[name] += 1;
          return original(...args);
        },
      });
    }
    await pass(cluster.clock, 60_000, 100);
    assert.ok(counts.version >= 10 && counts.version <= 14, `${counts.version}`);
    assert.deepEqual({ ...counts, version: 0 }, { version: 0, read: 0, change: 0, vote: 0 });
    assert.equal(membership.state, 'active');
  });

  it('Membership: many refreshes at once, are one read after the calls', async () => {
    const membership = await cluster.active('a');
    let reads = 0;
    const { read } = cluster.table;
    cluster.table.read = async () => {
      reads += 1;
      const found = await read.call(cluster.table);
      await macrotask();
      return found;
    };
    const early = membership.refresh();
    cluster.table.record = emptyView({ ...cluster.table.record, number: 40, stamp: 'x' });
    // The read that is under way has missed it.
    const late = Promise.all(Array.from({ length: 20 }, () => membership.refresh()));
    await early;
    const views = await late;
    assert.deepEqual([...new Set(views.map(({ number }) => number))], [40]);
    assert.equal(reads, 2);
    await membership.refresh(40);
    assert.equal(reads, 2);
  });

  it('Membership: pushes, are taken when newer and of the same generation, and else looked into', async () => {
    const membership = await cluster.active('a');
    const held = membership.view;
    const sources: string[] = [];
    membership.onView((_view, source) => sources.push(source));
    assert.equal(membership.offer({ ...held, number: held.number - 1, stamp: 'old' }), false);
    assert.equal(membership.offer({ ...held, number: 99, generation: 'g2', stamp: 'x' }), false);
    for (const members of ['all', {}, null, [null], [{}]]) {
      assert.equal(membership.offer({ ...held, number: 99, stamp: 'x', members }), false);
    }
    assert.equal(membership.offer(null), false);
    assert.equal(membership.offer({ ...held, number: 2 ** 50, stamp: 'far' }), false);
    assert.equal(membership.offer({ ...held, number: held.number + 2, stamp: 'new' }), true);
    assert.deepEqual(sources, ['push']);
    assert.equal(membership.view.number, held.number + 2);
  });

  it('Membership: a push of another generation that is right, is found by looking', async () => {
    const membership = await cluster.active('a');
    cluster.table.record = emptyView({ generation: 'g2' });
    membership.offer(cluster.table.record);
    await pass(cluster.clock, 1_000);
    assert.equal(membership.state, 'lost');
  });

  it('Membership: manifests, are kept once each while somebody living hosts them', async () => {
    const core = { name: 'c', version: '1', schema: 1, manifest: 'd1' };
    const [first, second] = [cluster.membership('a'), cluster.membership('b')];
    for (const each of [first, second]) {
      await each.start();
      const joining = each.join({ ...candidate(each.incarnation), cores: [core] }, { d1: { name: 'c' } });
      await soon(cluster.clock, joining);
    }
    assert.deepEqual(cluster.table.record?.manifests, { d1: { name: 'c' } });
    await soon(cluster.clock, second.setCores([{ ...core, manifest: 'd2' }], { d2: 2 }));
    assert.deepEqual(cluster.table.record?.manifests, { d1: { name: 'c' }, d2: 2 });
    const { number } = second.view;
    await soon(cluster.clock, second.setCores([{ ...core, manifest: 'd2' }], { d2: 2 }));
    assert.equal(second.view.number, number);
    await soon(cluster.clock, first.leave());
    assert.deepEqual(cluster.table.record?.manifests, { d2: 2 });
  });

  it('Membership: the dead, are forgotten after two hours of our own time and not before', async () => {
    const membership = await cluster.active('a');
    await cluster.active('b');
    await soon(cluster.clock, membership.refresh());
    await soon(cluster.clock, membership.declareDead('b', 'test'));
    cluster.clock.jumpWall(100 * HOURS);
    await pass(cluster.clock, 2 * HOURS - 10_000, 5_000);
    assert.deepEqual(cluster.states(), { a: 'active', b: 'dead' });
    await pass(cluster.clock, 30_000, 500);
    assert.deepEqual(cluster.states(), { a: 'active' });
    assert.equal(membership.state, 'active');
  });

  describe('a store that goes back', () => {
    it('Membership: a failover that lost a death, mends the record and nobody rises', async () => {
      const [first, second] = [await cluster.active('a'), await cluster.active('b')];
      await soon(cluster.clock, first.refresh());
      const before = cluster.table.record;
      await soon(cluster.clock, first.declareDead('b', 'test'));
      const { number } = first.view;
      cluster.table.record = before;
      await pass(cluster.clock, 14_000, 50);
      assert.deepEqual(cluster.states(), { a: 'active', b: 'dead' });
      assert.ok((cluster.table.record?.number ?? 0) > number);
      assert.equal(second.state, 'dead');
      assert.equal(first.state, 'active');
    });

    it('Membership: a failover that lost our join, brings us back under the same incarnation', async () => {
      const first = await cluster.active('a');
      const before = cluster.table.record;
      const second = await cluster.active('b');
      cluster.table.record = before;
      await pass(cluster.clock, 8_000, 50);
      assert.deepEqual(cluster.states(), { a: 'active', b: 'active' });
      assert.deepEqual([first.state, second.state], ['active', 'active']);
    });

    it('Membership: another view under our number, is mended into a third, with what both say', async () => {
      const first = await cluster.active('a');
      await cluster.active('b');
      await soon(cluster.clock, first.refresh());
      const before = cluster.table.record;
      await soon(cluster.clock, first.declareDead('b', 'test'));
      cluster.table.record = before;
      const third = cluster.membership('c');
      await third.start();
      await soon(cluster.clock, third.join(candidate('c'), {}));
      assert.equal(third.view.number, first.view.number);
      await pass(cluster.clock, 8_000, 50);
      assert.deepEqual(cluster.states(), { a: 'active', b: 'dead', c: 'joining' });
      await soon(cluster.clock, third.refresh());
      assert.equal(third.view.stamp, cluster.table.record?.stamp);
      assert.equal(first.view.stamp, cluster.table.record?.stamp);
    });

    it('Membership: a change on a record that went back, keeps what is known', async () => {
      const first = await cluster.active('a');
      await cluster.active('b');
      await soon(cluster.clock, first.refresh());
      const before = cluster.table.record;
      await soon(cluster.clock, first.declareDead('b', 'test'));
      const { number } = first.view;
      cluster.table.record = before;
      await soon(cluster.clock, first.drain());
      assert.deepEqual(cluster.states(), { a: 'draining', b: 'dead' });
      assert.equal(first.view.number, number + 1);
    });

    it('Membership: a read of a record that went back, mends it soon', async () => {
      const first = await cluster.active('a');
      const before = cluster.table.record;
      await soon(cluster.clock, first.drain());
      cluster.table.record = before;
      await soon(cluster.clock, first.refresh());
      await pass(cluster.clock, 500);
      assert.deepEqual(cluster.states(), { a: 'draining' });
    });

    it('Membership: a view that revives another and calls us dead, ends us, and we change nothing', async () => {
      const first = await cluster.active('a');
      await cluster.active('b');
      await soon(cluster.clock, first.refresh());
      const { members } = first.view;
      await soon(cluster.clock, first.declareDead('b', 'test'));
      const death = { reason: 'x', cause: 'declared', isBuried: true } as const;
      const wrong = {
        ...first.view,
        number: 60,
        stamp: 'wrong',
        members: members.map((each) =>
          each.name === 'a' ? { ...each, state: 'dead' as const, death } : each,
        ),
      };
      cluster.table.record = wrong;
      await assert.rejects(soon(cluster.clock, first.drain()), hasCode('ERR_CLUSTER_FAILED'));
      assert.equal(first.state, 'dead');
      assert.equal(cluster.table.record, wrong);
    });

    it('Membership: a view that revives somebody, is not taken from a push, and the record is mended', async () => {
      const first = await cluster.active('a');
      await cluster.active('b');
      await soon(cluster.clock, first.refresh());
      const before = cluster.table.record as MembershipView;
      await soon(cluster.clock, first.declareDead('b', 'test'));
      const wrong = { ...before, number: 60, stamp: 'wrong' };
      cluster.table.record = wrong;
      assert.equal(first.offer(wrong), false);
      await pass(cluster.clock, 1_000);
      assert.deepEqual(cluster.states(), { a: 'active', b: 'dead' });
      assert.equal(first.view.number, 61);
    });
  });
});
