import assert from 'node:assert/strict';
import { FakeClock, randomBelow, SeededRng, TimerWheel, WheelNode } from '../../lib/index.ts';

class Node extends WheelNode {
  readonly name: string;
  readonly #run: (node: Node) => void;

  constructor(name: string, run: (node: Node) => void) {
    super();
    this.name = name;
    this.#run = run;
  }

  override onDue(): void {
    this.#run(this);
  }
}

function setUp() {
  const deferred: (() => void)[] = [];
  const clock = new FakeClock({ defer: (run) => deferred.push(run) });
  const ran: (readonly [string, number])[] = [];
  const node = (name: string, then?: (node: Node) => void): Node =>
    new Node(name, (self) => {
      ran.push([name, clock.nowMs()]);
      then?.(self);
    });
  const runDeferred = (): void => {
    while (deferred.length > 0) deferred.shift()?.();
  };
  return { clock, wheel: new TimerWheel(clock), node, ran, deferred, runDeferred };
}

const TICK_MS = 16;

describe('TimerWheel', () => {
  it('W2: nothing runs before its time, and at most one tick after it, near and far', () => {
    const { clock, wheel, node, ran } = setUp();
    const dues = [
      0, 1, 15, 16, 17, 4_000, 4_095, 4_096, 4_097, 65_536, 1_048_575, 1_048_576, 16_800_000, 300_000_000,
    ];
    for (const due of dues) wheel.schedule(node(String(due)), due);
    for (const due of dues) {
      // Nothing is due in between: the process sleeps, and wakes a little before.
      clock.stall(Math.max(0, due - clock.nowMs() - 40));
      clock.advance(80);
    }
    assert.equal(ran.length, dues.length);
    for (const [name, atMs] of ran) {
      assert.ok(atMs >= Number(name), `${name} ran at ${atMs}`);
      assert.ok(atMs <= Number(name) + 2 * TICK_MS, `${name} ran at ${atMs}`);
    }
  });

  it('W2, at random: scheduled, moved and cancelled at any time', () => {
    for (let seed = 1; seed <= 20; seed += 1) {
      const rng = new SeededRng(seed);
      const { clock, wheel, node, ran } = setUp();
      const due = new Map<string, number>();
      const nodes = Array.from({ length: 40 }, (_unused, index) => node(String(index)));
      for (let step = 0; step < 400; step += 1) {
        const one = nodes[randomBelow(rng, nodes.length)];
        if (!one) continue;
        if (rng.next() < 0.6) {
          const dueMs = clock.nowMs() + randomBelow(rng, 3) ** 4 * randomBelow(rng, 5_000);
          wheel.schedule(one, dueMs);
          due.set(one.name, dueMs);
        } else if (rng.next() < 0.3) {
          wheel.cancel(one);
          due.delete(one.name);
        }
        assert.equal(wheel.size, due.size, `seed ${seed}`);
        clock.advance(randomBelow(rng, 400));
        for (const [name, atMs] of ran.splice(0)) {
          const dueMs = due.get(name);
          assert.ok(
            dueMs !== undefined && atMs >= dueMs && atMs <= dueMs + 2 * TICK_MS,
            `seed ${seed}: ${name}`,
          );
          due.delete(name);
        }
      }
      clock.advance(2_000_000);
      assert.deepEqual([wheel.size, ran.length], [0, due.size]);
    }
  });

  it('W1: scheduled again it moves, cancelled it does not run, and both may be done from inside `onDue`', () => {
    const { clock, wheel, node, ran } = setUp();
    const other = node('other');
    const moved = node('moved');
    const again = node('again', (self) => {
      if (ran.length < 3) wheel.schedule(self, clock.nowMs() + 100);
      wheel.cancel(other);
    });
    wheel.schedule(again, 100);
    wheel.schedule(other, 101);
    wheel.schedule(moved, 50);
    wheel.schedule(moved, 1_000);
    wheel.cancel(node('never in'));
    clock.advance(2_000);
    assert.deepEqual(
      ran.map(([name]) => name),
      ['again', 'again', 'again', 'moved'],
    );
    assert.equal(wheel.size, 0);
  });

  it('W3: no timer of the clock is set while it is empty', () => {
    const { clock, wheel, node } = setUp();
    assert.equal(clock.nextDueMs, undefined);
    const one = node('one');
    wheel.schedule(one, 1_000);
    assert.notEqual(clock.nextDueMs, undefined);
    wheel.cancel(one);
    clock.advance(100);
    assert.equal(clock.nextDueMs, undefined);
    wheel.schedule(one, 10_000_000);
    clock.advance(10_001_000);
    assert.equal(clock.nextDueMs, undefined);
  });

  it('W4: many that are due at once, run in slices between which the loop has its turn', () => {
    const { clock, wheel, node, ran, deferred, runDeferred } = setUp();
    for (let index = 0; index < 1_000; index += 1)
      wheel.schedule(
        node(String(index), () => clock.stall(0.1)),
        10,
      );
    clock.advance(32);
    assert.ok(ran.length > 0 && ran.length < 100, `${ran.length} in one slice`);
    assert.equal(deferred.length, 1);
    runDeferred();
    assert.equal(ran.length, 1_000);
  });

  it('one that is scheduled while others wait for their slice, is not lost', () => {
    const { clock, wheel, node, ran, runDeferred } = setUp();
    for (let index = 0; index < 100; index += 1)
      wheel.schedule(
        node('old', () => clock.stall(1)),
        10,
      );
    clock.advance(32);
    wheel.schedule(node('new'), clock.nowMs() + 50);
    runDeferred();
    clock.advance(200);
    assert.equal(ran.filter(([name]) => name === 'new').length, 1);
    assert.equal(ran.length, 101);
  });

  it('after a stall of a day, all that came due in it runs', () => {
    const { clock, wheel, node, ran, runDeferred } = setUp();
    for (const due of [10, 5_000, 3_600_000, 80_000_000]) wheel.schedule(node(String(due)), due);
    clock.stall(86_400_000);
    clock.advance(50);
    runDeferred();
    assert.deepEqual(
      ran.map(([name]) => Number(name)).sort((left, right) => left - right),
      [10, 5_000, 3_600_000, 80_000_000],
    );
  });

  it('one that is due beyond a year, waits without running', () => {
    const { clock, wheel, node, ran } = setUp();
    wheel.schedule(node('far'), 1e13);
    wheel.schedule(node('never'), Infinity);
    clock.advance(1_000_000);
    assert.deepEqual([ran.length, wheel.size], [0, 2]);
  });
});
