// Literals that begin with a digit: numbers, durations, dates. Finding their end, and their value.
import { isDigitCode, isWordCode, wordEnd } from './chars.ts';
import { T } from './token.ts';

export interface NumberToken {
  readonly kind: number;
  readonly end: number;
  readonly problem?: { readonly message: string; readonly hint?: string };
}

const UNIT_MS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
};
const UNITS_HINT = 'durations end with ms, s, m, h, d or w, as in 30s';

const DATE = /(\d{4})-(\d{2})-(\d{2})(?![\w-])/y;
const DATE_TIME = /(\d{4})-(\d{2})-(\d{2})T(\d{2}):(\d{2})(?::(\d{2})(?:\.(\d{1,9}))?)?(Z?)(?!\w)/y;
const DATE_LIKE = /\d{4}-\d{2}-\d{2}[\w:.]*/y;

/** What begins at the digit at `start`. */
export function scanNumber(text: string, start: number): NumberToken {
  const isDateLike =
    text.charCodeAt(start + 4) === 0x2d &&
    text.charCodeAt(start + 7) === 0x2d &&
    matchAt(DATE_LIKE, text, start);
  if (isDateLike) return scanDate(text, start, start + isDateLike[0].length);
  let end = digitsEnd(text, start);
  const isFloat = text.charCodeAt(end) === 0x2e && isDigitCode(text.charCodeAt(end + 1));
  if (isFloat) end = digitsEnd(text, end + 1);
  const digits = text.slice(start, end);
  if (isWordCode(text.charCodeAt(end))) return scanUnit(text, end, digits, isFloat);
  const kind = isFloat ? T.Float : T.Int;
  if (/__|_$|_\./.test(digits)) {
    return { kind, end, problem: { message: `'${digits}': '_' stands between digits` } };
  }
  if (isFloat || Number.isSafeInteger(numberOf(digits))) return { kind, end };
  return { kind, end, problem: { message: `'${digits}' is larger than 2^53, which an int can hold` } };
}

function scanUnit(text: string, unitStart: number, digits: string, isFloat: boolean): NumberToken {
  const end = wordEnd(text, unitStart);
  const unit = text.slice(unitStart, end);
  const factor = Object.hasOwn(UNIT_MS, unit) ? UNIT_MS[unit] : undefined;
  const written = `'${digits}${unit}'`;
  if (factor === undefined) {
    const isExponent = /^e\d*$/i.test(unit);
    const hint = isExponent ? 'numbers have no exponents' : UNITS_HINT;
    const message = `${written}: letters stand directly behind a number`;
    return { kind: isFloat ? T.Float : T.Int, end, problem: { message, hint } };
  }
  if (isFloat) {
    const hint = 'take a smaller unit, such as 90m for an hour and a half';
    return { kind: T.Duration, end, problem: { message: `${written}: durations are whole numbers`, hint } };
  }
  if (Number.isSafeInteger(numberOf(digits) * factor)) return { kind: T.Duration, end };
  return { kind: T.Duration, end, problem: { message: `${written} is longer than a duration can be` } };
}

function scanDate(text: string, start: number, end: number): NumberToken {
  const written = text.slice(start, end);
  const date = matchAt(DATE, text, start);
  if (date && isDate(date)) return { kind: T.Date, end: start + 10 };
  const time = matchAt(DATE_TIME, text, start);
  if (date || !time) {
    const hint = 'dates look like 2026-01-31 and 2026-01-31T10:00:00Z';
    return { kind: T.Date, end, problem: { message: `there is no date '${written}'`, hint } };
  }
  const [hour, minute, second] = [Number(time[4]), Number(time[5]), Number(time[6] ?? 0)];
  if (!isDate(time) || hour > 23 || minute > 59 || second > 59) {
    return { kind: T.DateTime, end, problem: { message: `there is no time '${written}'` } };
  }
  if (time[8] === 'Z') return { kind: T.DateTime, end: start + time[0].length };
  const problem = { message: `'${written}' has no time zone`, hint: 'times are in UTC and end with Z' };
  return { kind: T.DateTime, end, problem };
}

function isDate([, year, month, day]: readonly string[]): boolean {
  const lastDay = new Date(Date.UTC(Number(year), Number(month), 0)).getUTCDate();
  return Number(month) >= 1 && Number(month) <= 12 && Number(day) >= 1 && Number(day) <= lastDay;
}

function matchAt(pattern: RegExp, text: string, start: number): RegExpExecArray | undefined {
  pattern.lastIndex = start;
  return pattern.exec(text) ?? undefined;
}

function digitsEnd(text: string, start: number): number {
  let at = start;
  for (let code = text.charCodeAt(at); isDigitCode(code) || code === 0x5f; code = text.charCodeAt(at))
    at += 1;
  return at;
}

// ---- Values. What was reported as wrong has the value 0, or that of its digits. ----

/** Of an int or a float, with `_`. */
export function numberOf(written: string): number {
  const value = Number(written.includes('_') ? written.replaceAll('_', '') : written);
  return Number.isFinite(value) ? value : 0;
}

export function durationOf(written: string): number {
  const unit = /[a-z]+$/.exec(written)?.[0] ?? '';
  return numberOf(written.slice(0, written.length - unit.length)) * (UNIT_MS[unit] ?? 0);
}

/** `2026-01-31T10:00Z` with seconds and milliseconds. */
export function dateTimeOf(written: string): string {
  const match = matchAt(DATE_TIME, written, 0);
  if (!match) return '1970-01-01T00:00:00.000Z';
  const [, year, month, day, hour, minute, second = '00', fraction = ''] = match;
  return `${year}-${month}-${day}T${hour}:${minute}:${second}.${fraction.padEnd(3, '0').slice(0, 3)}Z`;
}
