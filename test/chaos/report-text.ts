// What a run has to say, for people.
import type { ChaosReport } from './chaos-types.ts';

const VIOLATIONS_SHOWN = 20;

export function reportText(report: ChaosReport): string {
  const { events, calls, losses, kinds } = report;
  const seconds = report.loadMs / 1_000;
  const facts: readonly (readonly [string, string])[] = [
    ['ran', `${(report.tookMs / 60_000).toFixed(1)} min, seed ${report.seed}`],
    ['cluster', `${report.silos} silos, ${report.gateways} gateways, ${report.starts} starts of them`],
    [
      'events',
      `${number(events.acknowledged)} acknowledged of ${number(events.sent)}, ${rate(events.acknowledged, seconds)}`,
    ],
    [
      'calls',
      `${number(calls.answered)} answered, ${rate(calls.answered, seconds)}; ${number(calls.triedAgain)} tries again, ${number(calls.refused)} refused`,
    ],
    ['accounts', `${number(report.changes)} changes by ${number(report.activations)} activations`],
    ['faults', number(report.faults)],
    ['data loss', lossText(losses)],
  ];
  const lines = ['', ...facts.map(([name, text]) => `  ${name.padEnd(10)} ${text}`), ''];
  lines.push('  longest wait of a call after each fault, in ms');
  lines.push(row(['fault', 'count', 'lasted', 'p50', 'p99', 'max']));
  for (const { kind, count, lastedMs, p50Ms, p99Ms, maxMs } of [...kinds].sort(byName)) {
    lines.push(
      row([kind, `${count}`, ...[lastedMs, p50Ms, p99Ms, maxMs].map((ms) => number(Math.round(ms)))]),
    );
  }
  lines.push('', ...verdict(report), '');
  return lines.join('\n');
}

function verdict({ violationCount, violations, folder }: ChaosReport): string[] {
  const kept = folder === undefined ? [] : ['', `  logs and data: ${folder}`];
  if (violationCount === 0) return ['  0 violations', ...kept];
  const shown = violations.slice(0, VIOLATIONS_SHOWN).map(({ kind, account, detail }) => {
    return `    ${kind}${account === '' ? '' : ` (${account})`}: ${detail.split('\n')[0]}`;
  });
  return [`  ${number(violationCount)} violations`, ...shown, ...kept];
}

function lossText({ isReported, refusedCalls, refusedStart }: ChaosReport['losses']): string {
  if (!isReported && refusedCalls === 0 && !refusedStart) return 'not tried';
  const parts = [isReported ? 'logged' : 'not logged', `${refusedCalls} calls told`];
  return [...parts, refusedStart ? 'a new start refused' : 'a new start not refused'].join(', ');
}

function row(cells: readonly string[]): string {
  const [first = '', ...rest] = cells;
  return `  ${first.padEnd(24)}${rest.map((cell) => cell.padStart(9)).join('')}`;
}

function byName(left: { readonly kind: string }, right: { readonly kind: string }): number {
  return left.kind < right.kind ? -1 : 1;
}

function number(value: number): string {
  return value.toLocaleString('en-US');
}

function rate(count: number, seconds: number): string {
  return seconds > 0 ? `${number(Math.round(count / seconds))}/s` : '0/s';
}
