// Logs for people, one line each: time, level, event, fields. Machines get pino's JSON.
import { inspect } from 'node:util';
import { pino } from 'pino';
import type { Clock, Logger } from '../../lib/index.ts';
import { printable, type Style, type Terminal } from './terminal.ts';

const LEVELS = ['debug', 'info', 'warn', 'error', 'silent'] as const;
export type LogLevel = (typeof LEVELS)[number];
const STYLES: Readonly<Record<string, Style>> = { debug: 'dim', info: 'cyan', warn: 'yellow', error: 'red' };

/** An error may be its own cause. */
const CAUSES_MAX = 16;

export function isLogLevel(text: string): text is LogLevel {
  return (LEVELS as readonly string[]).includes(text);
}

export function logFor(terminal: Terminal, clock: Clock, level: LogLevel, isJson: boolean): Logger {
  // Written at once: what was logged last is what one reads after a crash.
  if (isJson) return pino({ level }, pino.destination({ dest: 2, sync: true }));
  const least = LEVELS.indexOf(level);
  const write = (name: Exclude<LogLevel, 'silent'>, fields: object, message: string): void => {
    if (LEVELS.indexOf(name) < least) return;
    const label = terminal.paint(STYLES[name] ?? 'dim', name.padEnd(5));
    const words = [timeOf(clock), label, printable(message), ...fieldWords(fields)];
    terminal.err(`${words.join(' ')}\n${stackOf(fields)}`);
  };
  return {
    debug: (fields, message) => write('debug', fields, message),
    info: (fields, message) => write('info', fields, message),
    warn: (fields, message) => write('warn', fields, message),
    error: (fields, message) => write('error', fields, message),
  };
}

/** `12:31:05`, in the time zone of whoever reads it. */
export function timeOf(clock: Clock): string {
  const date = new Date(clock.wallMs());
  return [date.getHours(), date.getMinutes(), date.getSeconds()]
    .map((part) => String(part).padStart(2, '0'))
    .join(':');
}

function fieldWords(fields: object): string[] {
  return Object.entries(fields).flatMap(([name, value]: [string, unknown]) => {
    if (value === undefined) return [];
    if (value instanceof Error) return [`${name}=${printable(value.message)}`];
    return [`${name}=${printable(typeof value === 'string' ? value : textOf(value))}`];
  });
}

/** Flows log what they like. */
function textOf(value: unknown): string {
  try {
    return JSON.stringify(value) ?? String(value);
  } catch {
    return inspect(value, { depth: 2, breakLength: Infinity });
  }
}

/** Errors bring their stack, and those that caused them; the last cause is what one looks for. */
function stackOf(fields: object): string {
  const errors = Object.values(fields).filter((value): value is Error => value instanceof Error);
  return errors.map((error) => `${rootOf(error).stack ?? ''}\n`.replace(/^(?=.)/gm, '  ')).join('');
}

function rootOf(error: Error, depth = 0): Error {
  return error.cause instanceof Error && depth < CAUSES_MAX ? rootOf(error.cause, depth + 1) : error;
}
