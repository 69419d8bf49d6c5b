import type { JobResult } from '../send/stream-job.ts';
import { grouped, tableLines } from '../table.ts';
import type { Terminal } from '../terminal.ts';
import type { AirportStats } from './flights.ts';
import type { SampleResult } from './result.ts';

const ROWS = 10;
/** Airports with fewer flights say little about delays. */
const FLIGHTS_LEAST = 100;
const PROBLEMS_SHOWN = 20;

export interface Shown {
  readonly job: JobResult;
  readonly result: SampleResult;
  readonly isAnew: boolean;
}

export function resultLines(terminal: Terminal, { job, result, isAnew }: Shown): string[] {
  const airports = [...result.airports];
  const busiest = airports.sort(by(({ flights }) => flights)).slice(0, ROWS);
  const delayed = airports
    .filter(([, { flights }]) => flights >= FLIGHTS_LEAST)
    .sort(by(averageDelay))
    .slice(0, ROWS);
  return [
    terminal.paint('bold', 'Busiest airports'),
    ...airportTable(terminal, busiest),
    '',
    terminal.paint('bold', `Most delayed airports (of those with ${FLIGHTS_LEAST} flights)`),
    ...airportTable(terminal, delayed),
    '',
    ...verdict(terminal, result),
    speedLine(job, isAnew),
  ];
}

type Row = readonly [key: string, stats: AirportStats];

/** Highest first; by name where they are equal, so that two runs print the same. */
function by(score: (stats: AirportStats) => number): (left: Row, right: Row) => number {
  return ([leftKey, left], [rightKey, right]) => score(right) - score(left) || (leftKey < rightKey ? -1 : 1);
}

function averageDelay({ flights, delayMinutes }: AirportStats): number {
  return delayMinutes / flights;
}

function airportTable(terminal: Terminal, rows: readonly Row[]): string[] {
  const cells = rows.map(([key, stats]) => [
    key,
    grouped(stats.flights),
    averageDelay(stats).toFixed(1),
    String(stats.maxDelay ?? ''),
    stats.last ?? '',
  ]);
  const right = { align: 'right' } as const;
  return tableLines(
    [
      { title: 'Airport' },
      { title: 'flights', ...right },
      { title: 'minutes late', ...right },
      { title: 'worst', ...right },
      { title: 'last to' },
    ],
    cells,
    { width: terminal.columns, title: (text) => terminal.paint('dim', text) },
  );
}

function verdict(terminal: Terminal, { airports, board, problems }: SampleResult): string[] {
  if (problems.length === 0) {
    const flights = [...airports.values()].reduce((sum, stats) => sum + stats.flights, 0);
    return [
      `${terminal.paint('green', 'checked:')} ${grouped(flights)} flights of ${airports.size} airports and ` +
        `${grouped(board.count)} delays on the board are those of a plain fold over the file`,
    ];
  }
  return [
    `${terminal.paint('red', 'wrong:')} ${problems.length} figures differ from a plain fold over the file`,
    ...problems.slice(0, PROBLEMS_SHOWN).map((problem) => `  ${problem}`),
  ];
}

function speedLine({ settledNow, ms }: JobResult, isAnew: boolean): string {
  if (settledNow === 0) return 'Everything had been sent before.';
  const perSecond = grouped((settledNow / Math.max(ms, 1)) * 1_000);
  const what = isAnew ? 'events' : 'events that were left';
  return `${grouped(settledNow)} ${what}, acknowledged after their commit: ${perSecond} events/s`;
}
