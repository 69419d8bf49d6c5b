// The harness: rounds are interleaved, and a figure counts only when its work was done.
import assert from 'node:assert/strict';
import type { Bench, Sample } from '../../bench/bench.ts';
import { type HarnessOptions, runBench, type Runner } from '../../bench/harness.ts';

const bench: Bench = {
  name: 'test',
  title: 'Test',
  file: 'file:///none',
  unit: 'rate',
  work: { fixed: 100, smoke: 10 },
  contestants: ['ours', 'floor', 'other'].map((name) => ({
    name,
    label: name,
    open: () => Promise.reject(new Error('nothing is opened here')),
  })),
  targets: [{ of: 'ours', beside: 'floor', atLeast: 0.5 }],
};

/** A contestant by a function: what a round of so much work comes to. */
type Play = (name: string, count: number, round: number) => Partial<Sample>;

function options(play: Play, log: string[], more: Partial<HarnessOptions> = {}): HarnessOptions {
  return {
    setting: { isSmoke: false, scratch: '' },
    rounds: 3,
    roundMs: 1_000,
    warmUpMs: 1,
    start: (_bench, { name }) => {
      log.push(`start ${name}`);
      let round = 0;
      const runner: Runner = {
        run: (count) => {
          log.push(name);
          round += 1;
          return Promise.resolve({ done: count, elapsedMs: 10, cpuMs: 5, ...play(name, count, round) });
        },
        close: () => {
          log.push(`close ${name}`);
          return Promise.resolve();
        },
      };
      return Promise.resolve(runner);
    },
    ...more,
  };
}

describe('bench harness', () => {
  it('three contestants, three rounds, each is first once and the warm-up is not counted', async () => {
    const log: string[] = [];
    const slow: Play = (_name, _count, round) => ({ elapsedMs: round === 1 ? 1_000 : 10 });
    const result = await runBench(bench, options(slow, log));
    assert.deepEqual(log.slice(0, 6), ['start ours', 'ours', 'start floor', 'floor', 'start other', 'other']);
    assert.deepEqual(log.slice(6, 15).join(' '), 'ours floor other floor other ours other ours floor');
    assert.deepEqual(result.contestants[0]?.values, [10_000, 10_000, 10_000]);
  });

  it('work that fits to time, rates that differ, gives each as much as fills its round', async () => {
    const rates: Readonly<Record<string, number>> = { ours: 10, floor: 100, other: 1 };
    const play: Play = (name, count) => ({ elapsedMs: count / (rates[name] ?? 1) });
    const free = { ...bench, work: { step: 50 } };
    const result = await runBench(free, options(play, [], { warmUpMs: 300 }));
    assert.deepEqual(
      result.contestants.map(({ count }) => count),
      [10_000, 100_000, 1_000],
    );
  });

  it('a contestant that did less than it was asked, fails the bench by name and ends all processes', async () => {
    const log: string[] = [];
    const lying: Play = (name, count, round) => (name === 'other' && round === 3 ? { done: count - 1 } : {});
    await assert.rejects(
      runBench(bench, options(lying, log)),
      /test, other: units of work done: found 99, expected 100/,
    );
    assert.deepEqual(log.filter((entry) => entry.startsWith('close')).sort(), [
      'close floor',
      'close other',
      'close ours',
    ]);
  });

  it('a sample without its time, fails the bench', async () => {
    const play: Play = () => ({ elapsedMs: 0 });
    await assert.rejects(runBench(bench, options(play, [])), /not a measurement/);
  });

  it('ratios, rounds of which one was disturbed, are taken round by round', async () => {
    // In its second round the machine was ten times slower for both.
    const play: Play = (name, _count, round) => ({
      elapsedMs: (name === 'ours' ? 20 : 8) * (round === 3 ? 10 : 1),
    });
    const result = await runBench(bench, options(play, []));
    const { ratio } = result.contestants[1] ?? {};
    assert.deepEqual([ratio?.least, ratio?.median, ratio?.most], [0.4, 0.4, 0.4]);
    assert.deepEqual(result.targets, [
      { of: 'ours', beside: 'floor', atLeast: 0.5, value: 0.4, isMet: false },
    ]);
  });

  it('a bench of bytes in fresh processes, gets a new process each round and its values from the samples', async () => {
    const log: string[] = [];
    const play: Play = (name) => ({ value: name === 'ours' ? 500 : 1_000, notes: { rss: 7 } });
    const memory: Bench = {
      ...bench,
      unit: 'bytes',
      processes: 'fresh',
      roundsMax: 2,
      targets: [{ of: 'ours', atMost: 500 }],
    };
    const result = await runBench(memory, options(play, log));
    assert.deepEqual(log.slice(0, 6), [
      'start ours',
      'ours',
      'close ours',
      'start floor',
      'floor',
      'close floor',
    ]);
    assert.equal(log.filter((entry) => entry === 'start ours').length, 2);
    assert.deepEqual(result.contestants[0]?.notes, { rss: 7 });
    assert.equal(result.contestants[1]?.ratio?.median, 0.5);
    assert.equal(result.targets[0]?.isMet, true);
  });
});
