// Loads on a schedule, and targets that are about notes.
import assert from 'node:assert/strict';
import { systemClock } from '../../lib/internal.ts';
import type { Bench } from '../../bench/bench.ts';
import { runBench } from '../../bench/harness.ts';
import { onSchedule } from '../../bench/load/open-loop.ts';
import { quantileOf } from '../../bench/statistics.ts';

describe('bench schedule', () => {
  it('calls, the first of which holds the loop, count from when they were due', async () => {
    const holdMs = 30;
    const { answered, latenciesMs } = await onSchedule(20, 1_000, (index) => {
      const untilMs = systemClock.nowMs() + (index === 0 ? holdMs : 0);
      while (systemClock.nowMs() < untilMs);
      return Promise.resolve();
    });
    assert.equal(answered, 20);
    // Due after 5 ms, sent after 30: whoever measured from the sending would not see it.
    assert.ok((latenciesMs[5] ?? 0) >= holdMs - 6, `${latenciesMs[5]} ms`);
  });

  it('a call that fails, rejects when all others have ended', async () => {
    let ended = 0;
    const load = onSchedule(5, 10_000, (index) => {
      if (index === 1) return Promise.reject(new Error('refused'));
      return Promise.resolve().then(() => (ended += 1));
    });
    await assert.rejects(load, /refused/);
    assert.equal(ended, 4);
  });

  it('quantiles, of values in any order, are values that a share does not exceed', () => {
    const values = [30, 10, 20, 40];
    assert.deepEqual(
      [0, 0.5, 0.75, 0.99].map((share) => quantileOf(values, share)),
      [10, 20, 30, 40],
    );
  });
});

describe('bench targets', () => {
  const longest = [5, 50, 6];
  const bench: Bench = {
    name: 'test',
    title: 'Test',
    file: 'file:///none',
    unit: 'ms',
    work: { fixed: 1, smoke: 1 },
    contestants: [
      { name: 'ours', label: 'ours', open: () => Promise.reject(new Error('nothing is opened')) },
    ],
    targets: [
      { of: 'ours', note: 'longest', atMost: 10 },
      { of: 'ours', note: 'longest', atMost: 10, isForEach: true },
    ],
  };

  it('a target about a note, one round is beyond it, is met by the median and missed by each', async () => {
    const rounds = [0, ...longest];
    const { targets } = await runBench(bench, {
      setting: { isSmoke: false, scratch: '' },
      rounds: 3,
      roundMs: 1,
      warmUpMs: 1,
      start: () =>
        Promise.resolve({
          run: () => {
            const notes = { longest: rounds.shift() ?? 0 };
            return Promise.resolve({ done: 1, elapsedMs: 1, cpuMs: 1, value: 1, notes });
          },
          close: () => Promise.resolve(),
        }),
    });
    assert.deepEqual(
      targets.map(({ value, isMet }) => [value, isMet]),
      [
        [6, true],
        [50, false],
      ],
    );
  });
});
