// How an error is told at the terminal: the code, what happened, and what to do next.
import { type ErrorCode, type ErrorReport, fromUnknown, type GrainError } from '../../lib/index.ts';
import { AnswerError } from './ask.ts';
import { printable, type Terminal } from './terminal.ts';

/** Where the message alone does not say it. */
const NEXT: { readonly [Code in ErrorCode]?: string } = {
  ERR_STORE_LOCKED: 'stop the other process, or choose another folder with --data',
  ERR_STORE_CORRUPT: 'restore a copy of the folder, or move it away to begin anew',
  ERR_STORE_FULL: 'make room on the disk, then start again',
  ERR_STORE_LOST: 'restore a copy of the folder, or move what is left of it away to begin anew',
  ERR_STORE_UNAVAILABLE: 'start one with `redis-server`, or say where it is with --redis or GRANARY_REDIS',
  ERR_STORE_UNSAFE: 'change that setting of the server, then start again',
  ERR_CORES_MISSING: 'name a file: granary dev counter.ts, or list `cores` in granary.config.json',
  ERR_CORE_FILE: 'correct the file, then start again',
  ERR_CONNECTION_FAILED: 'start a host with `granary dev FILE`, or say where it is with --url',
  ERR_AUTH_REQUIRED: 'pass --token, or set GRANARY_TOKEN',
};

export interface FailureReport {
  readonly code: string;
  readonly message: string;
  readonly next?: string;
}

export function describeFailure(thrown: unknown): FailureReport {
  if (thrown instanceof AnswerError) return withNext(thrown.report.code, thrown.report.message);
  const error = fromUnknown(thrown);
  return withNext(error.code, messageOf(error), error.details['next']);
}

/** What the one who threw advises goes before what we say of all such errors. */
function withNext(code: string, message: string, advice?: unknown): FailureReport {
  const next = typeof advice === 'string' ? advice : NEXT[code as ErrorCode];
  return { code, message, ...(next === undefined ? {} : { next }) };
}

/** A refusal that a host answered with. */
export function tellReport(terminal: Terminal, { code, message, effect, details }: ErrorReport): void {
  terminal.err(`${terminal.paint('red', code)}: ${printable(message)}\n`);
  if (effect === 'unknown') terminal.err('  It may have taken effect: look before you try again.\n');
  if (details !== undefined) terminal.err(`  details: ${printable(JSON.stringify(details))}\n`);
}

/** For a bug of ours the stack is what helps. */
function messageOf(error: GrainError): string {
  if (error.code !== 'ERR_INTERNAL') return error.message;
  const { cause } = error;
  return cause instanceof Error ? (cause.stack ?? cause.message) : `${error.message} ${String(cause)}`;
}

export function tellFailure(terminal: Terminal, thrown: unknown, isJson: boolean): void {
  const report = describeFailure(thrown);
  if (isJson) {
    terminal.err(`${JSON.stringify({ error: report })}\n`);
    return;
  }
  const lines = report.message.split('\n').map(printable).join('\n');
  terminal.err(`${terminal.paint('red', report.code)}: ${lines}\n`);
  if (report.next !== undefined) terminal.err(`  next: ${report.next}\n`);
}
