// What programs do with dates, times and durations. Owns their methods and conversions. Does not own: which text is one
// (ir/time-text.ts).
import { ScaiCoreError } from '../errors.ts';
import type { JsonValue } from '../../ir/ir.ts';
import { isInteger } from './numbers.ts';
import {
  type DateParts,
  datePartsOf,
  datetimeMs,
  datetimeText,
  dayNumber,
  durationMs,
  UNIT_MS,
} from '../../ir/time-text.ts';
import { num, type StdMethods, text, whole } from './std.ts';

const DAY_MS = 86_400_000;

function notA(value: string, type: string): ScaiCoreError {
  return new ScaiCoreError('TypeError', `${JSON.stringify(value.slice(0, 80))} is no ${type}`);
}

function dateParts(value: string): DateParts {
  const parts = datePartsOf(value);
  if (!parts) throw notA(value, 'date');
  return parts;
}

export function parseDate(value: string): string {
  const trimmed = value.trim();
  dateParts(trimmed);
  return trimmed;
}

function daysOf(value: string): number {
  return dayNumber(dateParts(value));
}

function fromDays(days: number): string {
  return textOf(days * DAY_MS).slice(0, 10);
}

function msOf(value: string): number {
  const found = datetimeMs(value);
  if (found === undefined) throw notA(value, 'datetime');
  return found;
}

/** @throws ArithmeticError outside of the years that have four digits */
export function textOf(ms: number): string {
  const text = datetimeText(ms);
  if (text === undefined)
    throw new ScaiCoreError('ArithmeticError', 'the date is outside of the years 0 to 9999');
  return text;
}

export function parseDatetime(value: string): string {
  const trimmed = value.trim();
  return textOf(datePartsOf(trimmed) ? daysOf(trimmed) * DAY_MS : msOf(trimmed));
}

export function parseDuration(value: string): number {
  const ms = durationMs(value.trim());
  if (ms === undefined) throw notA(value, 'duration');
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
  date: (_x, self) => textOf(msOf(text(self))).slice(0, 10),
  plus: (_x, self, by) => textOf(msOf(text(self)) + num(by)),
  minus: (_x, self, by) => textOf(msOf(text(self)) - num(by)),
  since: (_x, self, earlier) => msOf(text(self)) - msOf(text(earlier)),
  to_string: (_x, self) => textOf(msOf(text(self))),
};

export const DURATION_METHODS: StdMethods = {
  seconds: (_x, self) => num(self) / 1_000,
  minutes: (_x, self) => num(self) / 60_000,
  hours: (_x, self) => num(self) / 3_600_000,
  days: (_x, self) => num(self) / DAY_MS,
  milliseconds: (_x, self) => (isInteger(self) ? num(self) : Math.trunc(num(self))),
  to_string: (_x, self) => durationText(num(self)),
};
