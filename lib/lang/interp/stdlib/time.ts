// Dates, times and durations: text of a fixed form, read strictly, counted in UTC. The calendar is the proleptic Gregorian
// one; years are those of four digits, since later ones would not sort as text.
import { ScaiCoreError } from '../errors.ts';
import type { JsonValue } from '../../ir/ir.ts';
import { isInteger } from './numbers.ts';
import { num, type StdMethods, text, whole } from './std.ts';

const DAY_MS = 86_400_000;
const DATE = /^(\d{4})-(\d{2})-(\d{2})$/;
const DATETIME =
  /^(\d{4})-(\d{2})-(\d{2})[Tt](\d{2}):(\d{2})(?::(\d{2})(?:\.(\d{1,9}))?)?(?:([Zz])|([+-])(\d{2}):?(\d{2}))$/;
const DURATION = /^(?:(\d+(?:\.\d+)?)(ms|s|m|h|d|w))+$/;
const DURATION_PART = /(\d+(?:\.\d+)?)(ms|s|m|h|d|w)/g;
const UNIT_MS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: DAY_MS,
  w: 7 * DAY_MS,
};

function isLeap(year: number): boolean {
  return (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0;
}

function daysIn(year: number, month: number): number {
  if (month === 2) return isLeap(year) ? 29 : 28;
  return month === 4 || month === 6 || month === 9 || month === 11 ? 30 : 31;
}

function isDay(year: number, month: number, day: number): boolean {
  return month >= 1 && month <= 12 && day >= 1 && day <= daysIn(year, month);
}

/** Days since 1970-01-01. `Date.UTC` would take years below 100 for those of the last century. */
function dayNumber(year: number, month: number, day: number): number {
  const date = new Date(0);
  date.setUTCFullYear(year, month - 1, day);
  return Math.round(date.getTime() / DAY_MS);
}

function notA(value: string, type: string): ScaiCoreError {
  return new ScaiCoreError('TypeError', `${JSON.stringify(value.slice(0, 80))} is no ${type}`);
}

function dateParts(value: string): { year: number; month: number; day: number } {
  const [, year = '', month = '', day = ''] = DATE.exec(value) ?? [];
  const parts = { year: Number(year), month: Number(month), day: Number(day) };
  if (year === '' || !isDay(parts.year, parts.month, parts.day)) throw notA(value, 'date');
  return parts;
}

export function isDate(value: string): boolean {
  const [, year = '', month = '', day = ''] = DATE.exec(value) ?? [];
  return year !== '' && isDay(Number(year), Number(month), Number(day));
}

export function parseDate(value: string): string {
  const trimmed = value.trim();
  dateParts(trimmed);
  return trimmed;
}

function daysOf(value: string): number {
  const { year, month, day } = dateParts(value);
  return dayNumber(year, month, day);
}

function fromDays(days: number): string {
  return datetimeText(days * DAY_MS).slice(0, 10);
}

/** Milliseconds since 1970; undefined if the text is no datetime. */
export function readDatetime(value: string): number | undefined {
  const found = DATETIME.exec(value);
  if (!found) return undefined;
  const [year, month, day, hour, minute] = found.slice(1, 6).map(Number) as [
    number,
    number,
    number,
    number,
    number,
  ];
  const second = Number(found[6] ?? 0);
  if (!isDay(year, month, day) || hour > 23 || minute > 59 || second > 59) return undefined;
  const ms = Math.floor(Number(`0.${found[7] ?? '0'}`) * 1_000 + 1e-9);
  const offset = (Number(found[10] ?? 0) * 60 + Number(found[11] ?? 0)) * (found[9] === '-' ? -1 : 1);
  if (Number(found[10] ?? 0) > 23 || Number(found[11] ?? 0) > 59) return undefined;
  return (
    dayNumber(year, month, day) * DAY_MS + hour * 3_600_000 + (minute - offset) * 60_000 + second * 1_000 + ms
  );
}

function msOf(value: string): number {
  const found = readDatetime(value);
  if (found === undefined) throw notA(value, 'datetime');
  return found;
}

/** The one form of datetimes, always with milliseconds: so their order as text is that in time. */
export function datetimeText(ms: number): string {
  const date = new Date(Math.round(ms));
  const year = date.getUTCFullYear();
  if (!(year >= 0 && year <= 9999))
    throw new ScaiCoreError('ArithmeticError', 'the date is outside of the years 0 to 9999');
  return date.toISOString();
}

export function parseDatetime(value: string): string {
  const trimmed = value.trim();
  return datetimeText(isDate(trimmed) ? daysOf(trimmed) * DAY_MS : msOf(trimmed));
}

export function parseDuration(value: string): number {
  const trimmed = value.trim();
  if (!DURATION.test(trimmed)) throw notA(value, 'duration');
  let ms = 0;
  for (const [, amount, unit = ''] of trimmed.matchAll(DURATION_PART))
    ms += Number(amount) * (UNIT_MS[unit] ?? 0);
  return finiteMs(ms);
}

function finiteMs(ms: number): number {
  if (!(Math.abs(ms) <= Number.MAX_SAFE_INTEGER))
    throw new ScaiCoreError('ArithmeticError', 'the duration is too long');
  return ms;
}

/** `1d2h`, as it can be written in source. */
export function durationText(ms: number): string {
  let rest = Math.abs(ms);
  let shown = ms < 0 ? '-' : '';
  for (const unit of ['d', 'h', 'm', 's', 'ms']) {
    const size = UNIT_MS[unit] ?? 1;
    const amount = unit === 'ms' ? rest : Math.floor(rest / size);
    rest -= amount * size;
    if (amount > 0) shown += `${amount}${unit}`;
  }
  return rest === ms && ms === 0 ? '0s' : shown;
}

const partOfDatetime =
  (read: (date: Date) => number) =>
  (_x: unknown, self: JsonValue): number =>
    read(new Date(msOf(text(self))));

export const DATE_METHODS: StdMethods = {
  year: (_x, self) => dateParts(text(self)).year,
  month: (_x, self) => dateParts(text(self)).month,
  day: (_x, self) => dateParts(text(self)).day,
  // 1970-01-01 was a Thursday.
  weekday: (_x, self) => ((((daysOf(text(self)) + 3) % 7) + 7) % 7) + 1,
  plus_days: (_x, self, days) => fromDays(daysOf(text(self)) + whole(days)),
  days_until: (_x, self, other) => daysOf(text(other)) - daysOf(text(self)),
  to_string: (_x, self) => parseDate(text(self)),
  at_start: (_x, self) => `${parseDate(text(self))}T00:00:00.000Z`,
};

export const DATETIME_METHODS: StdMethods = {
  year: partOfDatetime((date) => date.getUTCFullYear()),
  month: partOfDatetime((date) => date.getUTCMonth() + 1),
  day: partOfDatetime((date) => date.getUTCDate()),
  hour: partOfDatetime((date) => date.getUTCHours()),
  minute: partOfDatetime((date) => date.getUTCMinutes()),
  second: partOfDatetime((date) => date.getUTCSeconds()),
  date: (_x, self) => datetimeText(msOf(text(self))).slice(0, 10),
  plus: (_x, self, by) => datetimeText(msOf(text(self)) + num(by)),
  minus: (_x, self, by) => datetimeText(msOf(text(self)) - num(by)),
  since: (_x, self, earlier) => msOf(text(self)) - msOf(text(earlier)),
  to_string: (_x, self) => datetimeText(msOf(text(self))),
};

export const DURATION_METHODS: StdMethods = {
  seconds: (_x, self) => num(self) / 1_000,
  minutes: (_x, self) => num(self) / 60_000,
  hours: (_x, self) => num(self) / 3_600_000,
  days: (_x, self) => num(self) / DAY_MS,
  milliseconds: (_x, self) => (isInteger(self) ? num(self) : Math.trunc(num(self))),
  to_string: (_x, self) => durationText(num(self)),
};
