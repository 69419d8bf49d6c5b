// Sessions under one seed: a silo that renews, another that judges it, lock nodes between them; clocks that run 1 % apart,
// slow and lost messages, stalls, cuts, failovers. Checked at every moment of true time:
//   - a verdict `lapsed` is given only when the silo did not hold its session at some moment since the question (J1);
//   - from the exclusive wait after a burial on, on the judge's clock, the silo never holds again (architecture.md, P2).
// Two kinds of history: with failovers, where lock nodes forget what they acknowledged, burials are not judged (a tombstone
// may be lost: then the view ends the incarnation, silo-session.ts P2), and a single history of the nodes, where they are.
import assert from 'node:assert/strict';
import { LeaseRenewer, SessionJudge, sessionTiming } from '../../directory/index.ts';
import { type FakeClock, randomBelow, SeededRng } from '../../lib/index.ts';
import { fakeClock, FakeLink, LockServer, pass, SkewedClock } from './session-world.ts';

const SEEDS = 300;
const STEPS = 80;

interface Found {
  lapsed: number;
  buried: number;
  heldMs: number;
}

/** When the silo held, in true time: from, to. Open ends are as planned: they may grow or be cut. */
class HeldTimes {
  readonly spans: [from: number, to: number][] = [];

  /** Known to hold from now until then. */
  extend(nowMs: number, untilMs: number): void {
    const last = this.spans.at(-1);
    if (last && nowMs < last[1]) last[1] = untilMs;
    else this.spans.push([nowMs, untilMs]);
  }

  end(nowMs: number): void {
    const last = this.spans.at(-1);
    if (last && nowMs < last[1]) last[1] = nowMs;
  }

  /** Held at every moment of the time given. */
  covers(fromMs: number, toMs: number): boolean {
    return this.spans.some(([from, to]) => from <= fromMs && toMs < to);
  }

  after(ms: number): boolean {
    return this.spans.some(([, to]) => to > ms);
  }
}

async function run(seed: number): Promise<Found> {
  const rng = new SeededRng(seed);
  const truth = fakeClock();
  const pick = <T>(...items: readonly T[]): T => items[randomBelow(rng, items.length)] as T;
  const skewed = (): { clock: SkewedClock; rate: number; offsetMs: number } => {
    const [rate, offsetMs] = [pick(0.995, 1, 1.005), randomBelow(rng, 1_000_000)];
    return { clock: new SkewedClock(truth, rate, offsetMs), rate, offsetMs };
  };
  // The least margin: the drift alone has to be enough.
  const timing = sessionTiming({ ttlMs: 1_000, marginMs: pick(0, 100) });
  const mayFailOver = pick(true, false);
  const servers = Array.from({ length: pick(1, 3, 3, 5) }, () => new LockServer(skewed().clock));
  const [silo, judging] = [skewed(), skewed()];
  const delay = (): number => pick(0, 1, 5, 5, 20, 20, 60, rng.next() < 0.1 ? Infinity : 90);
  const link = (server: LockServer): FakeLink => {
    const made = new FakeLink(server, truth);
    // A renewal may lie in a buffer for longer than everything else.
    made.requestMs = (): number => (rng.next() < 0.05 ? 700 : delay());
    made.replyMs = delay;
    return made;
  };
  const [siloLinks, judgeLinks] = [servers.map(link), servers.map(link)];
  const loop = { isStuck: false, beats: 0 };
  const renewer = new LeaseRenewer({
    incarnation: 'a',
    nodes: siloLinks,
    clock: silo.clock,
    timing,
    beat: () => (loop.isStuck ? loop.beats : (loop.beats += 1)),
  });
  const judge = new SessionJudge({ nodes: judgeLinks, clock: judging.clock, timing });

  const held = new HeldTimes();
  renewer.onChange(() => {
    if (renewer.isDead) held.end(truth.nowMs());
    else held.extend(truth.nowMs(), (renewer.untilMs - silo.offsetMs) / silo.rate);
  });
  const found: Found = { lapsed: 0, buried: 0, heldMs: 0 };
  const ask = async (): Promise<void> => {
    const askedMs = truth.nowMs();
    if ((await judge.hasLapsed('a')) !== 'lapsed') return;
    found.lapsed += 1;
    const text = `seed ${seed}: judged lapsed at ${truth.nowMs()}, asked at ${askedMs}`;
    assert.ok(!held.covers(askedMs, truth.nowMs()), `${text}, held ${JSON.stringify(held.spans)}`);
  };
  const checks: Promise<void>[] = [];
  /** Asks around the end of what the silo believes now: there, little is between right and wrong. */
  const askAtTheEdge = (): void => {
    const leftMs = (renewer.untilMs - silo.offsetMs) / silo.rate - truth.nowMs();
    if (leftMs > 0) truth.setTimer(leftMs - randomBelow(rng, 50), () => void checks.push(ask()));
  };
  const acts = [
    ...new Array<() => void>(4).fill(() => void checks.push(ask())),
    ...new Array<() => void>(3).fill(askAtTheEdge),
    (): void => void (loop.isStuck = pick(true, false)),
    (): void => pick(...siloLinks).cut(),
    (): void => (rng.next() < 0.2 ? pick(...judgeLinks).cut() : pick(...siloLinks).cut()),
    (): void => [...siloLinks, ...judgeLinks].forEach((each) => each.isUp || each.heal()),
    (): void => (rng.next() < 0.3 ? pick(...servers).pause() : undefined),
    (): void => servers.forEach((server) => server.resume()),
    (): void => truth.jumpWall(pick(-1, 1) * 3_600_000),
    (): void => {
      if (mayFailOver) pick(...servers).failOver();
      checks.push(ask());
    },
  ];

  void renewer.acquire().catch(() => undefined);
  for (let step = 0; step < STEPS; step += 1) {
    await pass(truth, randomBelow(rng, 400));
    pick(...acts)();
  }
  if (!mayFailOver && (await passUntil(truth, judge.bury('a')))) {
    found.buried += 1;
    const goneMs = truth.nowMs() + judge.exclusiveWaitMs / judging.rate;
    loop.isStuck = false;
    await pass(truth, 5_000);
    assert.ok(!held.after(goneMs), `seed ${seed}: held after ${goneMs}: ${JSON.stringify(held.spans)}`);
  }
  await pass(truth, 3_000);
  await Promise.all(checks);
  for (const [from, to] of held.spans) found.heldMs += to - from;
  return found;
}

async function passUntil<T>(clock: FakeClock, promise: Promise<T>): Promise<T> {
  let isSettled = false;
  void promise.finally(() => (isSettled = true));
  while (!isSettled) await pass(clock, 50);
  return promise;
}

describe('Sessions, in any order of faults', () => {
  it(`${SEEDS} seeds, no verdict while the session held, none held after a burial's wait`, async () => {
    const total: Found = { lapsed: 0, buried: 0, heldMs: 0 };
    for (let seed = 1; seed <= SEEDS; seed += 1) {
      const found = await run(seed);
      total.lapsed += found.lapsed;
      total.buried += found.buried;
      total.heldMs += found.heldMs;
    }
    // It has to have seen what it is about.
    assert.ok(total.lapsed > SEEDS / 2 && total.buried > SEEDS / 10, JSON.stringify(total));
    assert.ok(total.heldMs > SEEDS * 2_000, JSON.stringify(total));
  });
});
