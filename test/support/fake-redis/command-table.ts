// What the commands of the simulated Redis share: their table, and how they read their arguments.
import { CommandFailure, type FakeReply, type RedisData } from './redis-data.ts';

export interface Command {
  /** Number of arguments without the name: exactly, or at least when negative (-1: at least one). */
  readonly arity: number;
  readonly isWrite: boolean;
  /** May need more memory: refused when there is none. */
  readonly needsMemory: boolean;
  readonly run: (data: RedisData, args: readonly string[]) => FakeReply;
}

export type CommandTable = Readonly<Record<string, Command>>;

type Run = Command['run'];

export const reads = (arity: number, run: Run): Command => ({
  arity,
  run,
  isWrite: false,
  needsMemory: false,
});
export const writes = (arity: number, run: Run): Command => ({
  arity,
  run,
  isWrite: true,
  needsMemory: true,
});
export const removes = (arity: number, run: Run): Command => ({
  arity,
  run,
  isWrite: true,
  needsMemory: false,
});

export const SYNTAX = 'ERR syntax error';
export const NOT_INTEGER = 'ERR value is not an integer or out of range';
const NOT_FLOAT = 'ERR value is not a valid float';

export function at(args: readonly string[], index: number): string {
  const value = args[index];
  if (value === undefined) throw new CommandFailure(SYNTAX);
  return value;
}

/** @throws CommandFailure when it is no decimal integer as Redis takes it */
export function integer(text: string, problem = NOT_INTEGER): number {
  if (!/^(0|-?[1-9]\d*)$/.test(text)) throw new CommandFailure(problem);
  const value = Number(text);
  if (!Number.isSafeInteger(value)) throw new Error(`fake redis: ${text} is beyond what it can count`);
  return value;
}

export function float(text: string, problem = NOT_FLOAT): number {
  const known = { inf: Infinity, '+inf': Infinity, '-inf': -Infinity }[text.toLowerCase()];
  if (known !== undefined) return known;
  const value = text.trim() === '' ? NaN : Number(text);
  if (Number.isNaN(value)) throw new CommandFailure(problem);
  return value;
}

/** A number as `%.17g` prints it: so Redis answers scores, and reads the numbers of scripts. Lua's own is `%.14g`. */
export function printNumber(value: number, precision = 17): string {
  if (value === Infinity) return 'inf';
  if (value === -Infinity) return '-inf';
  if (Number.isNaN(value)) return 'nan';
  if (Object.is(value, -0)) return '-0';
  if (Number.isInteger(value) && Math.abs(value) < 10 ** Math.min(precision, 15)) return String(value);
  const [digits = '', power = '0'] = value.toExponential(precision - 1).split('e');
  const exponent = Number(power);
  if (exponent >= -4 && exponent < precision) return stripZeros(value.toFixed(precision - 1 - exponent));
  const sign = exponent < 0 ? '-' : '+';
  return `${stripZeros(digits)}e${sign}${String(Math.abs(exponent)).padStart(2, '0')}`;
}

function stripZeros(digits: string): string {
  return digits.includes('.') ? digits.replace(/\.?0+$/, '') : digits;
}

/** Positions of a range as Redis counts them: negative ones from the end, both ends included. */
export function span(start: number, stop: number, length: number): readonly [from: number, to: number] {
  const from = Math.max(0, start < 0 ? start + length : start);
  const to = Math.min(length - 1, stop < 0 ? stop + length : stop);
  return [from, to + 1];
}

/** `LIMIT offset count` and the like: options by name, each with so many values. */
export function options(
  args: readonly string[],
  from: number,
  known: Readonly<Record<string, number>>,
): Map<string, readonly string[]> {
  const found = new Map<string, readonly string[]>();
  for (let index = from; index < args.length;) {
    const name = at(args, index).toUpperCase();
    const count = known[name];
    if (count === undefined || index + count >= args.length) throw new CommandFailure(SYNTAX);
    found.set(name, args.slice(index + 1, index + 1 + count));
    index += 1 + count;
  }
  return found;
}
