// What a run prints at its end.
import type { Unit } from './bench.ts';
import type { BenchResult, ContestantResult, TargetResult } from './harness.ts';
import { compact, type Spread } from './statistics.ts';

export interface RunReport {
  readonly node: string;
  readonly commit: string;
  readonly cpu: string;
  readonly cores: number;
  readonly date: string;
  readonly isSmoke: boolean;
  readonly benches: readonly BenchResult[];
  readonly failures: readonly BenchFailure[];
}

export interface BenchFailure {
  readonly name: string;
  readonly problem: string;
}

const SUFFIX: Readonly<Record<Unit, string>> = { rate: '/s', bytes: 'B', ms: 'ms', use: '/s' };

function figure(unit: Unit, value: number): string {
  if (unit === 'ms' && Math.abs(value) >= 999.5) return `${compact(value / 1_000)} s`;
  const text = compact(value);
  // `1.2 M/s`, but `540 B`
  const gap = SUFFIX[unit] === '/s' || /\s\D$/.test(text) ? '' : ' ';
  return `${text}${gap}${SUFFIX[unit]}`;
}

const HEAD = ['', 'median', 'least .. most', 'CPU/unit', 'ours/its', 'target', ''];
type Row = readonly string[];

/** The table, line by line. */
export function tableOf({ benches, isSmoke }: RunReport): string[] {
  const rows: (Row | string)[] = [HEAD];
  for (const bench of benches) {
    rows.push('', bench.title);
    for (const contestant of bench.contestants) rows.push(...rowsOf(bench, contestant, isSmoke));
  }
  return layOut(rows);
}

function rowsOf(bench: BenchResult, contestant: ContestantResult, isSmoke: boolean): Row[] {
  const { label, value, cpuUs, ratio, notes } = contestant;
  const targets = isSmoke ? [] : targetsBeside(bench, contestant.name);
  const [first, ...more] = targets.map((target) => targetCells(bench.unit, target));
  const row = [
    `  ${label}`,
    figure(bench.unit, value.median),
    spreadText(bench.unit, value),
    `${compact(cpuUs.median)} us`,
    ratio ? `x${compact(ratio.median)}` : '',
    ...(first ?? ['', '']),
  ];
  const texts = Object.entries(notes).map(([name, note]) => `${name} ${compact(note)}`);
  return [
    row,
    ...more.map((cells) => ['', '', '', '', '', ...cells]),
    ...(texts.length > 0 ? [[`      ${texts.join(', ')}`]] : []),
  ];
}

/** A ratio stands in the row of the contestant that it is about: the one that is not ours. */
function targetsBeside({ targets }: BenchResult, name: string): TargetResult[] {
  return targets.filter(({ of, beside }) => (beside ?? of) === name);
}

function targetCells(unit: Unit, target: TargetResult): [string, string] {
  const { beside, note, atLeast, atMost, isAim = false, value, isMet } = target;
  const write = (bound: number): string =>
    beside === undefined ? figure(unit, bound) : `x${compact(bound)}`;
  const bound = atLeast === undefined ? `<= ${write(atMost ?? 0)}` : `>= ${write(atLeast)}`;
  const text = note === undefined ? bound : `${note} ${bound}`;
  const mark = isMet ? 'met' : `MISSED: ${write(value)}`;
  return [isAim ? `${text} (aim)` : text, mark];
}

function spreadText(unit: Unit, { least, most }: Spread): string {
  return `${figure(unit, least)} .. ${figure(unit, most)}`;
}

/** Columns as wide as their widest cell; a plain text is a line of its own. */
function layOut(rows: readonly (Row | string)[]): string[] {
  const widths = HEAD.map((_, column) => {
    // A row of one cell (notes) runs across the columns.
    return Math.max(
      ...rows.map((row) => (typeof row === 'string' || row.length === 1 ? 0 : (row[column]?.length ?? 0))),
    );
  });
  return rows.map((row) => {
    if (typeof row === 'string') return row;
    const cells = row.map((cell, column) => {
      const width = widths[column] ?? 0;
      return column === 0 || column >= HEAD.length - 2 ? cell.padEnd(width) : cell.padStart(width);
    });
    return cells.join('  ').trimEnd();
  });
}

/** One line: how many targets were met, and which benches failed. */
export function verdictOf({ benches, failures, isSmoke }: RunReport): string[] {
  const lines = failures.map(({ name, problem }) => `FAILED ${name}: ${problem}`);
  if (isSmoke) {
    return [...lines, `smoke: ${benches.length} benches did their work, ${failures.length} failed`];
  }
  const promised = benches.flatMap(({ targets }) => targets.filter(({ isAim }) => !isAim));
  const met = promised.filter(({ isMet }) => isMet).length;
  return [...lines, `${met} of ${promised.length} targets met, ${failures.length} benches failed`];
}

export function headOf({ node, commit, cpu, cores, date, isSmoke }: RunReport): string {
  const kind = isSmoke ? 'smoke run: figures mean nothing' : 'medians of interleaved rounds';
  return `granary bench, ${kind}; commit ${commit}, node ${node}, ${cores} x ${cpu}, ${date}`;
}
