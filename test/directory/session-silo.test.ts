// SiloSession: P1 to P3 (silo-session.ts), over a guardian that a test moves by hand, and over a real renewer.
import assert from 'node:assert/strict';
import {
  type Guardian,
  openInProcessSession,
  sessionTiming,
  SiloSession,
  type SiloSessionOptions,
} from '../../directory/index.ts';
import type { FakeClock } from '../../lib/index.ts';
import { fakeClock, lockNodes, pass, TTL_MS } from './session-world.ts';

const timing = sessionTiming({ ttlMs: TTL_MS });

class ManualGuardian implements Guardian {
  readonly incarnation = 'a';
  untilMs = -Infinity;
  isDead = false;
  ends = 0;
  change: () => void = () => undefined;
  readonly #firstUntilMs: number;

  constructor(firstUntilMs: number) {
    this.#firstUntilMs = firstUntilMs;
  }

  async acquire(): Promise<void> {
    this.untilMs = this.#firstUntilMs;
  }

  async end(): Promise<void> {
    this.ends += 1;
    this.untilMs = -Infinity;
  }

  onChange(listener: () => void): void {
    this.change = listener;
  }
}

interface World {
  readonly clock: FakeClock;
  readonly guardian: ManualGuardian;
  readonly session: SiloSession;
  /** What was told, in order. */
  readonly told: string[];
}

async function world(confirm?: SiloSessionOptions['confirm']): Promise<World> {
  const clock = fakeClock();
  const guardian = new ManualGuardian(1_000);
  const session = new SiloSession(confirm ? { guardian, clock, confirm } : { guardian, clock });
  const told = listenTo(session);
  await session.start();
  told.length = 0;
  return { clock, guardian, session, told };
}

function listenTo(session: SiloSession): string[] {
  const told: string[] = [];
  session.onLapsed(() => told.push('lapsed'));
  session.onRegained(() => told.push('regained'));
  session.onDead(() => told.push('dead'));
  return told;
}

describe('SiloSession', () => {
  it('renewals, before the deadline, move it and tell nobody', async () => {
    const { clock, guardian, session, told } = await world();
    assert.equal(session.untilMs, 1_000);
    await pass(clock, 999);
    guardian.untilMs = 2_000;
    guardian.change();
    assert.equal(session.untilMs, 2_000);
    await pass(clock, 1_000);
    assert.deepEqual(told, []);
  });

  it('the deadline, passed, tells a lapse; a renewal then tells that it holds again', async () => {
    const { clock, guardian, session, told } = await world();
    await pass(clock, 1_000);
    assert.deepEqual(told, ['lapsed']);
    guardian.untilMs = 2_000;
    guardian.change();
    await pass(clock, 0);
    assert.deepEqual(told, ['lapsed', 'regained']);
    assert.equal(session.untilMs, 2_000);
    await pass(clock, 1_000);
    assert.deepEqual(told, ['lapsed', 'regained', 'lapsed']);
  });

  it('a reader before any timer ran, who saw the deadline in the past, is told once it no longer is', async () => {
    const { clock, guardian, session, told } = await world();
    // The main loop was stuck; a turn that runs first finds the lapse, the guardian renews, then timers run.
    clock.stall(1_500);
    assert.ok(clock.nowMs() >= session.untilMs, 'the turn waits for onRegained');
    guardian.untilMs = 3_000;
    assert.ok(clock.nowMs() >= session.untilMs, 'and goes on waiting');
    await pass(clock, 0);
    assert.deepEqual(told, ['lapsed', 'regained']);
    assert.equal(session.untilMs, 3_000);
  });

  it('after a lapse, a view that calls it dead, is dead instead of held, and gives the session up', async () => {
    const { clock, guardian, session, told } = await world(async () => false);
    await pass(clock, 1_000);
    guardian.untilMs = 2_000;
    guardian.change();
    await pass(clock, 0);
    assert.deepEqual(told, ['lapsed', 'dead']);
    assert.ok(session.isDead && session.untilMs === -Infinity);
    assert.equal(guardian.ends, 1);
    guardian.untilMs = 9_000;
    guardian.change();
    await pass(clock, 5_000);
    assert.deepEqual(told, ['lapsed', 'dead']);
    assert.equal(session.untilMs, -Infinity);
  });

  it('after a lapse, no answer about the view, asks again at the next renewal', async () => {
    let isReadable = false;
    const confirm = async (): Promise<boolean> => {
      if (!isReadable) throw new Error('away');
      return true;
    };
    const { clock, guardian, session, told } = await world(confirm);
    await pass(clock, 1_000);
    guardian.untilMs = 2_000;
    guardian.change();
    await pass(clock, 0);
    assert.equal(session.untilMs, 1_000);
    isReadable = true;
    guardian.untilMs = 2_500;
    guardian.change();
    await pass(clock, 0);
    assert.equal(session.untilMs, 2_500);
    assert.deepEqual(told, ['lapsed', 'regained']);
  });

  it('after a lapse, an answer about the view older than another lapse, does not count', async () => {
    const answers: ((isLiving: boolean) => void)[] = [];
    const confirm = (): Promise<boolean> => new Promise((resolve) => answers.push(resolve));
    const { clock, guardian, session, told } = await world(confirm);
    await pass(clock, 1_000);
    guardian.untilMs = 2_000;
    guardian.change();
    await pass(clock, 1_500);
    // It lapsed again meanwhile, and was renewed again; a view may have ended it in between.
    guardian.untilMs = 4_000;
    answers.shift()?.(true);
    await pass(clock, 0);
    assert.deepEqual(told, ['lapsed']);
    guardian.change();
    answers.shift()?.(true);
    await pass(clock, 0);
    assert.deepEqual(told, ['lapsed', 'regained']);
    assert.equal(session.untilMs, 4_000);
  });

  it('dead while held, tells the lapse and the death, each once', async () => {
    const { clock, guardian, session, told } = await world();
    guardian.isDead = true;
    guardian.change();
    guardian.change();
    await pass(clock, 5_000);
    assert.deepEqual(told, ['lapsed', 'dead']);
    assert.equal(session.untilMs, -Infinity);
  });

  it('end, holds no more at once and tells nobody', async () => {
    const { clock, guardian, session, told } = await world();
    const ended = session.end();
    assert.equal(session.untilMs, -Infinity);
    await ended;
    guardian.untilMs = 5_000;
    guardian.change();
    await pass(clock, 5_000);
    assert.deepEqual(told, []);
    assert.equal(session.untilMs, -Infinity);
  });

  it('start, who asked before, is told; a second start is refused', async () => {
    const clock = fakeClock();
    const session = new SiloSession({ guardian: new ManualGuardian(1_000), clock });
    const told = listenTo(session);
    assert.equal(session.untilMs, -Infinity);
    await session.start();
    assert.deepEqual(told, ['regained']);
    await assert.rejects(session.start(), { code: 'ERR_CLUSTER_FAILED' });
  });

  it('in one process with its lock node, through a failover, pauses and goes on as the same incarnation', async () => {
    const clock = fakeClock();
    const { servers, links } = lockNodes(clock, 1);
    const session = openInProcessSession({ incarnation: 'a', nodes: links, clock, timing });
    const started = session.start();
    await pass(clock, 0);
    await started;
    const told = listenTo(session);
    await pass(clock, 10_000);
    assert.deepEqual(told, []);
    links[0]?.cut();
    await pass(clock, 5_000);
    servers[0]?.failOver();
    await pass(clock, 1_000);
    assert.deepEqual(told, ['lapsed', 'regained']);
    assert.ok(clock.nowMs() < session.untilMs);
    servers[0]?.tombstone('a');
    await pass(clock, 1_000);
    assert.deepEqual(told, ['lapsed', 'regained', 'lapsed', 'dead']);
    await session.end();
  });
});
