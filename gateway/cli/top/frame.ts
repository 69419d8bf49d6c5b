// One picture of `granary top`: a pure function of two looks at the cluster and the size of the terminal.
import type { ClusterReport, SiloReport } from '../../../silo/index.ts';
import { type Column, grouped, tableLines } from '../table.ts';
import { fit, printable, type Terminal } from '../terminal.ts';

/** Rates per second between two looks, and gauges of the later one; summed over the silos. */
export interface Load {
  readonly turnsPerSecond: number;
  readonly failedPerSecond: number;
  readonly commitsPerSecond: number;
  readonly activatedPerSecond: number;
  readonly deactivatedPerSecond: number;
  /** Mean of the turns between the looks. */
  readonly turnMs: number;
  readonly activations: number;
  readonly running: number;
  readonly waiting: number;
  readonly heapBytes: number;
  readonly valueBytes: number;
  readonly eventLoopDelayMs: number;
}

type Counter = (silo: SiloReport) => number;

/** `before` undefined: since the start. */
export function loadOf(now: ClusterReport, before: ClusterReport | undefined): Load {
  const sum = (report: ClusterReport, counter: Counter): number =>
    report.silos.reduce((total, silo) => total + counter(silo), 0);
  const most = (counter: Counter): number => Math.max(0, ...now.silos.map(counter));
  // A silo that was restarted counts from 0 again: then there is nothing to compare with.
  const base = before && isSameRun(now, before) ? before : undefined;
  const seconds = most(({ incarnation, uptimeMs }) => {
    const old = base?.silos.find((silo) => silo.incarnation === incarnation);
    return (uptimeMs - (old?.uptimeMs ?? 0)) / 1_000;
  });
  const grown = (counter: Counter): number => sum(now, counter) - (base ? sum(base, counter) : 0);
  const perSecond = (counter: Counter): number => (seconds > 0 ? grown(counter) / seconds : 0);
  const turns = grown(({ turnMs }) => turnMs.counts.reduce((total, count) => total + count, 0));
  return {
    turnsPerSecond: perSecond(({ turnsStarted }) => turnsStarted),
    failedPerSecond: perSecond(({ turnsFailed }) => turnsFailed),
    commitsPerSecond: perSecond(({ commits }) => commits),
    activatedPerSecond: perSecond(({ activated }) => activated),
    deactivatedPerSecond: perSecond(({ deactivated }) =>
      Object.values(deactivated).reduce((total, count) => total + count, 0),
    ),
    turnMs: turns > 0 ? grown(({ turnMs }) => turnMs.sum) / turns : 0,
    activations: sum(now, ({ activations }) => activations),
    running: sum(now, ({ turnsRunning }) => turnsRunning),
    waiting: sum(now, ({ messagesWaiting }) => messagesWaiting),
    heapBytes: sum(now, ({ heapUsedBytes }) => heapUsedBytes),
    valueBytes: sum(now, ({ activationBytes }) => activationBytes),
    eventLoopDelayMs: most(({ eventLoopDelayMs }) => eventLoopDelayMs),
  };
}

function isSameRun(now: ClusterReport, before: ClusterReport): boolean {
  const known = new Set(before.silos.map(({ incarnation }) => incarnation));
  return now.silos.length === known.size && now.silos.every(({ incarnation }) => known.has(incarnation));
}

export interface FrameFacts {
  readonly url: string;
  readonly now: ClusterReport;
  readonly before: ClusterReport | undefined;
  readonly time: string;
  /** Undefined: as many lines as there are. */
  readonly rows: number | undefined;
}

const SHOWN = 8;

/** Lines, none wider than the terminal, and no more than it has. */
export function frameLines(terminal: Terminal, { url, now, before, time, rows }: FrameFacts): string[] {
  const load = loadOf(now, before);
  const lines = [
    `${terminal.paint('bold', 'granary top')} ${url}  ${time}  ${siloText(now)}`,
    '',
    ...gaugeLines(load, terminal.columns),
    '',
    ...sections(terminal, now),
  ];
  const shown = rows === undefined ? lines : lines.slice(0, rows);
  return shown.map((line) => fit(line, terminal.columns));
}

function siloText({ silos }: ClusterReport): string {
  const [only] = silos;
  if (only && silos.length === 1) return `up ${durationText(only.uptimeMs)}, ${only.state}`;
  return `${silos.length} silos`;
}

function gaugeLines(load: Load, columns: number): string[] {
  const gauges: readonly (readonly [name: string, text: string])[] = [
    ['turns/s', grouped(load.turnsPerSecond)],
    ['failed/s', grouped(load.failedPerSecond)],
    ['commits/s', grouped(load.commitsPerSecond)],
    ['turn ms', load.turnMs.toFixed(2)],
    ['grains', grouped(load.activations)],
    ['in/s', grouped(load.activatedPerSecond)],
    ['out/s', grouped(load.deactivatedPerSecond)],
    ['running', grouped(load.running)],
    ['waiting', grouped(load.waiting)],
    ['loop delay', `${load.eventLoopDelayMs.toFixed(1)} ms`],
    ['heap', megabytes(load.heapBytes)],
    ['values', megabytes(load.valueBytes)],
  ];
  // Cells of one width, as many beside each other as fit.
  const cells = gauges.map(([name, text]) => `${name.padEnd(10)} ${text.padStart(9)}`);
  const width = 20 + 3;
  const perLine = Math.max(1, Math.floor((columns + 3) / width));
  const lines: string[] = [];
  for (let at = 0; at < cells.length; at += perLine) lines.push(cells.slice(at, at + perLine).join('   '));
  return lines;
}

function sections(terminal: Terminal, { silos }: ClusterReport): string[] {
  const grain = ({ core, key }: { readonly core: string; readonly key: string }): string =>
    printable(key === '' ? core : `${core}/${key}`);
  const top = <T>(items: readonly T[], score: (item: T) => number): readonly T[] =>
    [...items].sort((left, right) => score(right) - score(left)).slice(0, SHOWN);
  const hottest = top(
    silos.flatMap((silo) => silo.hottest),
    ({ turns }) => turns,
  );
  const longest = top(
    silos.flatMap((silo) => silo.longestMailboxes),
    ({ waiting }) => waiting,
  );
  const slowest = top(
    silos.flatMap((silo) => silo.slowest),
    ({ ms }) => ms,
  );
  return [
    ...section(
      terminal,
      'Hottest, last 10 s',
      'turns',
      [...hottest].map((hot) => [grouped(hot.turns), grain(hot)]),
    ),
    ...section(
      terminal,
      'Longest mailboxes',
      'waiting',
      [...longest].map((box) => [grouped(box.waiting), grain(box)]),
    ),
    ...section(
      terminal,
      'Slowest turns, last 10 s',
      'ms',
      [...slowest].map((slow) => [slow.ms.toFixed(1), `${grain(slow)} ${printable(slow.flow)}`]),
    ),
  ];
}

function section(
  terminal: Terminal,
  title: string,
  unit: string,
  rows: readonly (readonly string[])[],
): string[] {
  if (rows.length === 0) return [terminal.paint('dim', `${title}: none`)];
  const columns: readonly Column[] = [{ title: unit, align: 'right' }, { title }];
  const paint = (text: string): string => terminal.paint('dim', text);
  return [...tableLines(columns, rows, { title: paint }), ''];
}

function megabytes(bytes: number): string {
  return `${(bytes / 1024 / 1024).toFixed(1)} MB`;
}

function durationText(ms: number): string {
  const seconds = Math.floor(ms / 1_000);
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3_600) return `${Math.floor(seconds / 60)} min`;
  return `${Math.floor(seconds / 3_600)} h ${Math.floor((seconds % 3_600) / 60)} min`;
}
