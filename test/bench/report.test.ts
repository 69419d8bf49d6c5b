// What the benches print, and what they take on the command line.
import assert from 'node:assert/strict';
import type { BenchResult } from '../../bench/harness.ts';
import { chosen, parseOptions } from '../../bench/options.ts';
import { type RunReport, tableOf, verdictOf } from '../../bench/report.ts';
import { compact, spreadOf } from '../../bench/statistics.ts';

const flat = (median: number): { median: number; least: number; most: number } => {
  return { median, least: median / 2, most: median * 2 };
};

const bench: BenchResult = {
  name: 'ask',
  title: 'Ask',
  unit: 'rate',
  rounds: 3,
  contestants: [
    contestant('ours', 1_234_567, undefined),
    contestant('floor', 15_000_000, 0.08),
    contestant('other', 500, 2_469),
  ],
  targets: [
    { of: 'ours', atLeast: 1_000_000, value: 1_234_567, isMet: true },
    { of: 'ours', beside: 'floor', atLeast: 0.5, value: 0.08, isMet: false },
    { of: 'ours', beside: 'other', atLeast: 3_000, isAim: true, value: 2_469, isMet: false },
  ],
};

function contestant(
  name: string,
  value: number,
  ratio: number | undefined,
): BenchResult['contestants'][number] {
  return {
    name,
    label: name,
    values: [value],
    value: flat(value),
    cpuUs: flat(0.5),
    count: 1,
    ratio: ratio === undefined ? undefined : flat(ratio),
    notes: {},
  };
}

const report = (more: Partial<RunReport> = {}): RunReport => ({
  node: 'v20',
  commit: 'abc',
  cpu: 'some',
  cores: 2,
  date: 'today',
  isSmoke: false,
  benches: [bench],
  failures: [],
  ...more,
});

describe('bench report', () => {
  it('the table, targets met and missed, shows each beside what it is about', () => {
    const table = tableOf(report());
    const [ours, floor, other] = table.slice(-3);
    assert.match(ours ?? '', /ours +1\.23 M\/s +617 k\/s \.\. 2\.47 M\/s +0\.500 us +>= 1\.00 M\/s +met$/);
    assert.match(floor ?? '', /floor .* x0\.0800 +>= x0\.500 +MISSED: x0\.0800$/);
    assert.match(other ?? '', /other .* >= x3\.00 k \(aim\) +MISSED: x2\.47 k$/);
  });

  it('the table, a smoke run, has figures without a verdict', () => {
    assert.doesNotMatch(tableOf(report({ isSmoke: true })).join('\n'), /MISSED|met|>=/);
  });

  it('the verdict, an aim that was missed, is not counted among the targets', () => {
    assert.deepEqual(verdictOf(report()), ['1 of 2 targets met, 0 benches failed']);
  });

  it('the verdict, a bench that failed, says so in both kinds of runs', () => {
    const failures = [{ name: 'ask', problem: 'lost one' }];
    assert.equal(verdictOf(report({ failures }))[0], 'FAILED ask: lost one');
    assert.match(verdictOf(report({ failures, isSmoke: true })).join('\n'), /FAILED.*\n.*1 failed/);
  });
});

describe('bench statistics', () => {
  it('spreads, odd and even counts, have the middle as median', () => {
    assert.deepEqual(spreadOf([3, 1, 2]), { median: 2, least: 1, most: 3 });
    assert.deepEqual(spreadOf([4, 1, 3, 2]), { median: 2.5, least: 1, most: 4 });
    assert.throws(() => spreadOf([]), RangeError);
  });

  it('figures, any size, are written with three digits', () => {
    const values = [0, 0.0123, 9.99, 99.96, 999.4, 999.6, 12_345, 999_499, 2.5e9];
    assert.deepEqual(values.map(compact), [
      '0',
      '0.0123',
      '9.99',
      '100',
      '999',
      '1.00 k',
      '12.3 k',
      '999 k',
      '2.50 G',
    ]);
  });
});

describe('bench options', () => {
  it('the command line, --smoke with rounds, keeps both', () => {
    const options = parseOptions(['--smoke', '--rounds', '3', '--only', 'ws', '--only', 'http']);
    assert.deepEqual([options.isSmoke, options.rounds, options.only], [true, 3, ['ws', 'http']]);
  });

  it('the command line, rounds that are no count or an unknown option, is refused', () => {
    assert.throws(() => parseOptions(['--rounds', '1.5']), /whole number/);
    assert.throws(() => parseOptions(['--fast']), /--fast/);
  });

  it('the choice, parts of names, finds them, and a part of none is refused', () => {
    const benches = [{ name: 'ws-a' }, { name: 'ws-b', isFullOnly: true }, { name: 'http' }];
    const names = (only: string[], isSmoke = false): string[] => {
      return chosen(benches, { only, isSmoke }).map(({ name }) => name);
    };
    assert.deepEqual(names(['ws']), ['ws-a', 'ws-b']);
    assert.deepEqual(names([], true), ['ws-a', 'http']);
    assert.throws(() => names(['tcp']), /no bench has 'tcp'/);
  });
});
