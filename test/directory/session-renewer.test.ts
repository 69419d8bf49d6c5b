// LeaseRenewer: W1 to W4 (lease-renewer.ts), on lock nodes that a test delays, stops and cuts.
import assert from 'node:assert/strict';
import { LeaseRenewer, type LockNode, sessionTiming } from '../../directory/index.ts';
import type { FakeClock } from '../../lib/index.ts';
import { fakeClock, type FakeLink, lockNodes, type LockServer, pass, TTL_MS } from './session-world.ts';

const timing = sessionTiming({ ttlMs: TTL_MS });
const { validityMs, renewEveryMs, recheckMs, stuckMs } = timing;

interface World {
  readonly clock: FakeClock;
  readonly servers: readonly LockServer[];
  readonly links: readonly FakeLink[];
  readonly renewer: LeaseRenewer;
  readonly loop: { isStuck: boolean };
  /** Deadlines as they were told. */
  readonly told: number[];
  readonly isHeld: () => boolean;
}

function world(count: number): World {
  const clock = fakeClock();
  const { servers, links } = lockNodes(clock, count);
  const loop = { isStuck: false };
  let beats = 0;
  const beat = (): number => (loop.isStuck ? beats : (beats += 1));
  const renewer = new LeaseRenewer({ incarnation: 'a', nodes: links, clock, timing, beat });
  const told: number[] = [];
  renewer.onChange(() => told.push(renewer.untilMs));
  return { clock, servers, links, renewer, loop, told, isHeld: () => clock.nowMs() < renewer.untilMs };
}

/** Takes the session and gives the outcome: an error, or undefined. */
async function acquired({ renewer, clock }: World, ms = 0): Promise<unknown> {
  const outcome = renewer.acquire().catch((error: unknown) => error);
  await pass(clock, ms);
  return outcome;
}

const codeOf = (error: unknown): unknown => (error instanceof Error && 'code' in error ? error.code : error);
const later = (ms: number) => (): number => ms;
const each = (links: readonly FakeLink[], change: (link: FakeLink) => void): void => links.forEach(change);

describe('LeaseRenewer', () => {
  for (const count of [1, 3, 5]) {
    const spare = (count - 1) / 2;
    it(`${count} lock nodes, ${spare} away, holds for as long as it renews`, async () => {
      const w = world(count);
      each(w.links.slice(0, spare), (link) => link.cut());
      assert.equal(await acquired(w), undefined);
      for (let round = 0; round < 40; round += 1) {
        await pass(w.clock, 250);
        assert.ok(w.isHeld(), `at ${w.clock.nowMs()}`);
      }
    });

    it(`${count} lock nodes, ${spare + 1} away, is not acquired, says why, and sends nothing afterwards`, async () => {
      const w = world(count);
      each(w.links.slice(0, spare + 1), (link) => link.cut());
      const error = await acquired(w, timing.startMs);
      assert.equal(codeOf(error), 'ERR_CLUSTER_FAILED');
      assert.match(String(error), /not connected/);
      each(w.links, (link) => (link.renewals = 0));
      await pass(w.clock, 10_000);
      assert.ok(w.links.every(({ renewals }) => renewals === 0) && !w.isHeld());
    });

    it(`${count} lock nodes, ${spare + 1} lost for good, lapses a validity after the last renewal`, async () => {
      const w = world(count);
      await acquired(w);
      await pass(w.clock, 3 * renewEveryMs);
      each(w.links.slice(0, spare + 1), (link) => link.cut());
      await pass(w.clock, validityMs - 1);
      assert.ok(w.isHeld());
      await pass(w.clock, 1 + recheckMs);
      assert.ok(!w.isHeld());
      each(w.links, (link) => link.heal());
      await pass(w.clock, recheckMs);
      assert.ok(w.isHeld(), 'the same incarnation goes on soon after');
    });
  }

  it('deadline, slow answers, counts from when the renewal was sent', async () => {
    const w = world(3);
    each(w.links, (link) => (link.replyMs = later(300)));
    await acquired(w, 300);
    assert.deepEqual(w.told, [validityMs]);
  });

  it('deadline, one slow node of three, follows the two fast ones', async () => {
    const w = world(3);
    each(w.links.slice(0, 1), (link) => (link.requestMs = later(900)));
    await acquired(w);
    await pass(w.clock, 4 * renewEveryMs);
    assert.deepEqual(
      w.told,
      [0, 1, 2, 3, 4].map((round) => round * renewEveryMs + validityMs),
    );
  });

  it('answers later than the next round, count for the round that asked, with its moment', async () => {
    const w = world(1);
    await acquired(w);
    each(w.links, (link) => (link.replyMs = later(700)));
    await pass(w.clock, renewEveryMs + 700);
    // By then the next round was sent as well, and has no answer.
    assert.equal(w.renewer.untilMs, renewEveryMs + validityMs);
  });

  it('answers of different rounds, one node each, make no majority together', async () => {
    const w = world(3);
    const [one, two, three] = w.links;
    assert.ok(one && two && three);
    three.cut();
    // Node 1 hears only the first renewal, node 2 only those after it.
    one.requestMs = (): number => (one.renewals === 1 ? 0 : Infinity);
    two.requestMs = (): number => (two.renewals === 1 ? Infinity : 0);
    assert.equal(codeOf(await acquired(w, timing.startMs)), 'ERR_CLUSTER_FAILED');
    assert.deepEqual(w.told, []);
  });

  it('answers after the validity, do not count', async () => {
    const w = world(1);
    each(w.links, (link) => {
      link.commandTimeoutMs = 60_000;
      link.replyMs = later(Math.ceil(validityMs) + 1);
    });
    assert.equal(codeOf(await acquired(w, timing.startMs)), 'ERR_CLUSTER_FAILED');
    assert.deepEqual(w.told, []);
  });

  it('a node that never answers, blocks nothing', async () => {
    const w = world(3);
    const [silent] = w.links;
    assert.ok(silent);
    silent.commandTimeoutMs = Infinity;
    silent.requestMs = later(Infinity);
    await acquired(w);
    await pass(w.clock, 10_000);
    assert.ok(w.isHeld());
    assert.equal(silent.renewals, 1 + 10_000 / renewEveryMs);
  });

  it('wall clock of the silo, jumps, changes nothing', async () => {
    const w = world(1);
    await acquired(w);
    for (const byMs of [3_600_000, -7_200_000]) {
      w.clock.jumpWall(byMs);
      await pass(w.clock, 5_000);
      assert.equal(w.renewer.untilMs, w.clock.nowMs() + validityMs);
    }
  });

  it('main loop, stuck, renews no more after the bound and lapses; moving again, the same incarnation returns', async () => {
    const w = world(1);
    const [link] = w.links;
    assert.ok(link);
    await acquired(w);
    await pass(w.clock, 2 * renewEveryMs);
    w.loop.isStuck = true;
    await pass(w.clock, stuckMs);
    link.renewals = 0;
    await pass(w.clock, validityMs);
    assert.equal(link.renewals, 0);
    assert.ok(!w.isHeld());
    assert.equal(w.servers[0]?.look('a'), 'alive', 'for the margin and the drift longer');
    await pass(w.clock, TTL_MS);
    assert.equal(w.servers[0]?.look('a'), 'absent');
    w.loop.isStuck = false;
    await pass(w.clock, recheckMs);
    assert.ok(w.isHeld());
    assert.equal(w.servers[0]?.look('a'), 'alive');
  });

  it('main loop, busy and beating just within the bound, never lapses', async () => {
    const w = world(1);
    await acquired(w);
    w.loop.isStuck = true;
    for (let turn = 0; turn < 30; turn += 1) {
      await pass(w.clock, stuckMs - renewEveryMs);
      assert.ok(w.isHeld());
      w.loop.isStuck = false;
      // It beats once, at the next look.
      await pass(w.clock, renewEveryMs);
      w.loop.isStuck = true;
    }
  });

  it('a tombstone, laid while a renewal is on its way, wins: dead, told once, and nothing is sent any more', async () => {
    const w = world(1);
    const [link] = w.links;
    const [server] = w.servers;
    assert.ok(link && server);
    await acquired(w);
    link.requestMs = later(200);
    await pass(w.clock, renewEveryMs + 100);
    server.tombstone('a');
    w.told.length = 0;
    await pass(w.clock, 100);
    assert.ok(w.renewer.isDead);
    assert.deepEqual(w.told, [-Infinity]);
    link.renewals = 0;
    await pass(w.clock, 20_000);
    assert.equal(link.renewals, 0);
    assert.deepEqual(w.told, [-Infinity]);
    assert.equal(server.look('a'), 'dead');
  });

  it('a tombstone on one node of three, holds on; on two, is dead', async () => {
    const w = world(3);
    await acquired(w);
    w.servers[0]?.tombstone('a');
    await pass(w.clock, 10_000);
    assert.ok(w.isHeld() && !w.renewer.isDead);
    w.servers[1]?.tombstone('a');
    await pass(w.clock, renewEveryMs);
    assert.ok(w.renewer.isDead && !w.isHeld());
  });

  it('dead, an older round answered late, does not hold again', async () => {
    const w = world(1);
    const [link] = w.links;
    assert.ok(link);
    await acquired(w);
    link.replyMs = later(800);
    await pass(w.clock, renewEveryMs);
    w.servers[0]?.tombstone('a');
    link.replyMs = later(0);
    await pass(w.clock, renewEveryMs);
    assert.ok(w.renewer.isDead);
    await pass(w.clock, 400);
    assert.ok(!w.isHeld());
  });

  it('end, removes the session, holds no more from its start on, and is final', async () => {
    const w = world(3);
    await acquired(w);
    w.servers[2]?.tombstone('a');
    each(w.links, (link) => (link.requestMs = later(50)));
    await pass(w.clock, renewEveryMs);
    const ended = w.renewer.end();
    assert.ok(!w.isHeld());
    await pass(w.clock, 50);
    await ended;
    assert.deepEqual(
      w.servers.map((server) => server.look('a')),
      ['absent', 'absent', 'dead'],
    );
    await pass(w.clock, 10_000);
    assert.equal(w.servers[0]?.look('a'), 'absent');
    assert.ok(!w.isHeld());
  });

  it('end, a node that never answers, ends within a TTL', async () => {
    const w = world(1);
    await acquired(w);
    each(w.links, (link) => {
      link.requestMs = later(Infinity);
      link.commandTimeoutMs = Infinity;
    });
    const ended = w.renewer.end();
    await pass(w.clock, TTL_MS);
    await ended;
  });

  it('end, while it is being acquired, fails the acquisition', async () => {
    const w = world(1);
    each(w.links, (link) => link.cut());
    const outcome = w.renewer.acquire().catch(codeOf);
    await w.renewer.end();
    assert.equal(await outcome, 'ERR_CLUSTER_FAILED');
  });

  it('a failing node, its error, is nobody’s unhandled rejection', async () => {
    const clock = fakeClock();
    const failing: LockNode = {
      isUp: true,
      renew: () => Promise.reject(new Error('LOADING')),
      look: () => Promise.reject(new Error('LOADING')),
      tombstone: () => Promise.reject(new Error('LOADING')),
      end: () => Promise.reject(new Error('LOADING')),
      onEvent: () => () => undefined,
    };
    let beats = 0;
    const renewer = new LeaseRenewer({
      incarnation: 'a',
      nodes: [failing],
      clock,
      timing,
      beat: () => (beats += 1),
    });
    const outcome = renewer.acquire().catch((error: unknown) => String(error));
    await pass(clock, 100);
    await renewer.end();
    assert.match(String(await outcome), /given up/);
  });
});
