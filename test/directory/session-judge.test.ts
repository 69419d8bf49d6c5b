// SessionJudge: J1 to J4 (session-judge.ts), and burials.
import assert from 'node:assert/strict';
import {
  type Lease,
  type LockNode,
  RedisSilence,
  SessionJudge,
  sessionTiming,
  type Sighting,
} from '../../directory/index.ts';
import type { FakeClock } from '../../lib/index.ts';
import { fakeClock, type FakeLink, lockNodes, type LockServer, pass, TTL_MS } from './session-world.ts';

const timing = sessionTiming({ ttlMs: TTL_MS });

interface World {
  readonly clock: FakeClock;
  readonly servers: readonly LockServer[];
  readonly links: readonly FakeLink[];
  readonly judge: SessionJudge;
}

/** A judge that has watched its lock nodes for long enough. */
async function world(count: number, session?: Lease): Promise<World> {
  const clock = fakeClock();
  const { servers, links } = lockNodes(clock, count);
  const judge = new SessionJudge({ nodes: links, clock, timing, ...(session ? { session } : {}) });
  await pass(clock, timing.exclusiveWaitMs);
  return { clock, servers, links, judge };
}

async function verdict({ clock, judge }: World): Promise<string> {
  const asked = judge.hasLapsed('a');
  await pass(clock, timing.ttlMs);
  return asked;
}

/** Nodes that show one thing after the other. */
function scripted(...shows: readonly (readonly Sighting[])[]): LockNode[] {
  return shows.map((row) => {
    const left = [...row];
    return {
      isUp: true,
      renew: () => Promise.reject(new RedisSilence('not here', false)),
      look: async () => left.shift() ?? 'absent',
      tombstone: async () => undefined,
      end: async () => undefined,
      onEvent: () => () => undefined,
    };
  });
}

async function verdictOn(...shows: readonly (readonly Sighting[])[]): Promise<string> {
  const clock = fakeClock();
  const judge = new SessionJudge({ nodes: scripted(...shows), clock, timing });
  await pass(clock, timing.exclusiveWaitMs);
  return judge.hasLapsed('a');
}

describe('SessionJudge', () => {
  for (const count of [1, 3, 5]) {
    const majority = (count + 1) / 2;
    it(`${count} lock nodes, absent, alive or dead on ${majority}, says so; on fewer, unknown`, async () => {
      const rest = (shown: Sighting, other: Sighting, on: number): Sighting[][] =>
        Array.from({ length: count }, (_unused, at) => (at < on ? [shown, shown] : [other, other]));
      assert.equal(await verdictOn(...rest('absent', 'alive', majority)), 'lapsed');
      assert.equal(await verdictOn(...rest('alive', 'absent', majority)), 'alive');
      assert.equal(await verdictOn(...rest('dead', 'alive', majority)), 'dead');
    });
  }

  it('3 lock nodes, one of each, is unknown', async () => {
    assert.equal(await verdictOn(['absent'], ['alive'], ['dead']), 'unknown');
  });

  it('a session that never was renewed again, lapses when its time is over', async () => {
    const w = await world(1);
    w.servers[0]?.renew('a', TTL_MS);
    assert.equal(await verdict(w), 'alive');
    assert.equal(await verdict(w), 'lapsed');
  });

  it('lock nodes that it has not watched for a TTL, prove no absence', async () => {
    const clock = fakeClock();
    const { servers, links } = lockNodes(clock, 1);
    const judge = new SessionJudge({ nodes: links, clock, timing });
    await pass(clock, timing.exclusiveWaitMs - 1);
    assert.equal(await judge.hasLapsed('a'), 'unknown');
    servers[0]?.renew('a', TTL_MS);
    assert.equal(await judge.hasLapsed('a'), 'alive');
    await pass(clock, TTL_MS);
    assert.equal(await judge.hasLapsed('a'), 'lapsed');
  });

  for (const what of ['a failover', 'a lost connection'] as const) {
    it(`${what}, judges no lapse for a TTL, then again`, async () => {
      const w = await world(1);
      const [server] = w.servers;
      const [link] = w.links;
      assert.ok(server && link);
      if (what === 'a failover') server.failOver();
      else {
        link.cut();
        assert.equal(await w.judge.hasLapsed('a'), 'unknown');
        link.heal();
      }
      await pass(w.clock, timing.exclusiveWaitMs - 1);
      assert.equal(await w.judge.hasLapsed('a'), 'unknown');
      await pass(w.clock, 1);
      assert.equal(await w.judge.hasLapsed('a'), 'lapsed');
    });
  }

  it('a failover between question and answer, judges no lapse', async () => {
    const w = await world(1);
    const [link] = w.links;
    assert.ok(link);
    link.replyMs = (): number => 100;
    const asked = w.judge.hasLapsed('a');
    await pass(w.clock, 150);
    // The first look was answered, the second is under way; what answers it is another server.
    link.heal({ isSame: false });
    await pass(w.clock, 100);
    assert.equal(await asked, 'unknown');
  });

  it('a look without an answer, is an interruption; the question ends all the same', async () => {
    const w = await world(1);
    const [server] = w.servers;
    assert.ok(server);
    server.pause();
    const asked = w.judge.hasLapsed('a');
    await pass(w.clock, timing.renewEveryMs);
    assert.equal(await asked, 'unknown');
    server.resume();
    await pass(w.clock, timing.exclusiveWaitMs - 1);
    assert.equal(await w.judge.hasLapsed('a'), 'unknown');
    await pass(w.clock, 1);
    assert.equal(await w.judge.hasLapsed('a'), 'lapsed');
  });

  it('one lock node of three away, goes on judging by the two that are steady', async () => {
    const w = await world(3);
    w.links[0]?.cut();
    assert.equal(await w.judge.hasLapsed('a'), 'lapsed');
    w.links[1]?.cut();
    assert.equal(await w.judge.hasLapsed('a'), 'unknown');
  });

  it('absences that were one node after the other, but never a majority twice, prove nothing', async () => {
    // Renewed on node 1 between the looks; node 3 lost it since.
    assert.equal(await verdictOn(['absent', 'alive'], ['absent', 'absent'], ['alive', 'absent']), 'unknown');
    // Renewed everywhere while the first looks were under way.
    assert.equal(await verdictOn(['absent', 'alive'], ['absent', 'alive'], ['alive', 'alive']), 'alive');
  });

  it('the second look, long after the first, proves nothing', async () => {
    const clock = fakeClock();
    const [node] = scripted(['absent', 'absent']);
    assert.ok(node);
    let looks = 0;
    // We are stopped just after the second answer came.
    const look = async (): Promise<Sighting> => {
      looks += 1;
      if (looks === 2) clock.stall(timing.ttlMs);
      return 'absent';
    };
    const judge = new SessionJudge({ nodes: [{ ...node, look }], clock, timing });
    await pass(clock, timing.exclusiveWaitMs);
    assert.equal(await judge.hasLapsed('a'), 'unknown');
  });

  it('own session, lapsed or regained less than a TTL ago, judges nobody', async () => {
    let regained: () => void = () => undefined;
    const session = {
      untilMs: Infinity,
      onRegained: (listener: () => void) => {
        regained = listener;
        return () => undefined;
      },
    };
    const w = await world(1, session);
    assert.equal(await w.judge.hasLapsed('a'), 'lapsed');
    session.untilMs = w.clock.nowMs();
    assert.equal(await w.judge.hasLapsed('a'), 'unknown');
    session.untilMs = Infinity;
    regained();
    await pass(w.clock, timing.exclusiveWaitMs - 1);
    assert.equal(await w.judge.hasLapsed('a'), 'unknown');
    await pass(w.clock, 1);
    assert.equal(await w.judge.hasLapsed('a'), 'lapsed');
  });

  it('burial, a majority answers, stands over renewals; with fewer, is false and may be asked again', async () => {
    const w = await world(3);
    w.links[0]?.cut();
    w.links[1]?.cut();
    assert.equal(await w.judge.bury('a'), false);
    w.links[1]?.heal();
    assert.equal(await w.judge.bury('a'), true);
    assert.deepEqual(
      w.servers.map((server) => server.renew('a', TTL_MS)),
      ['held', 'dead', 'dead'],
    );
    assert.equal(await w.judge.hasLapsed('a'), 'dead');
    assert.equal(w.judge.exclusiveWaitMs, TTL_MS * 1.02);
  });

  it('burial, a node that never answers, does not wait for it', async () => {
    const w = await world(3);
    const [silent] = w.links;
    assert.ok(silent);
    silent.commandTimeoutMs = Infinity;
    silent.requestMs = (): number => Infinity;
    assert.equal(await w.judge.bury('a'), true);
    for (const link of w.links) {
      link.commandTimeoutMs = Infinity;
      link.requestMs = (): number => Infinity;
    }
    const buried = w.judge.bury('b');
    await pass(w.clock, timing.ttlMs);
    assert.equal(await buried, false);
  });
});
