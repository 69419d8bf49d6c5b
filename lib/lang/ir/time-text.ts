// Dates, times and durations as text: which text is one, and what it means. One rule for inputs, conversions and source.
// The calendar is the proleptic Gregorian one, in UTC; years have four digits, since later ones would not sort as text.

const DAY_MS = 86_400_000;
const DATE = /^(\d{4})-(\d{2})-(\d{2})$/;
const DATETIME =
  /^(\d{4})-(\d{2})-(\d{2})[Tt](\d{2}):(\d{2})(?::(\d{2})(?:\.(\d{1,9}))?)?(?:([Zz])|([+-])(\d{2}):?(\d{2}))$/;
const DURATION = /^(?:\d+(?:\.\d+)?(?:ms|s|m|h|d|w))+$/;
const DURATION_PART = /(\d+(?:\.\d+)?)(ms|s|m|h|d|w)/g;
export const UNIT_MS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: DAY_MS,
  w: 7 * DAY_MS,
};

export interface DateParts {
  readonly year: number;
  readonly month: number;
  readonly day: number;
}

/** Undefined if the text is no date, or its month has no such day. */
export function datePartsOf(text: string): DateParts | undefined {
  const found = DATE.exec(text);
  if (!found) return undefined;
  const [year = 0, month = 0, day = 0] = found.slice(1).map(Number);
  return isDay(year, month, day) ? { year, month, day } : undefined;
}

function isDay(year: number, month: number, day: number): boolean {
  return month >= 1 && month <= 12 && day >= 1 && day <= daysIn(year, month);
}

function daysIn(year: number, month: number): number {
  if (month === 2) return isLeap(year) ? 29 : 28;
  return month === 4 || month === 6 || month === 9 || month === 11 ? 30 : 31;
}

function isLeap(year: number): boolean {
  return (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0;
}

/** Days since 1970-01-01. `Date.UTC` would take years below 100 for those of the last century. */
export function dayNumber({ year, month, day }: DateParts): number {
  const date = new Date(0);
  date.setUTCFullYear(year, month - 1, day);
  return Math.round(date.getTime() / DAY_MS);
}

/** Milliseconds since 1970; undefined if the text is no datetime. */
export function datetimeMs(text: string): number | undefined {
  const found = DATETIME.exec(text);
  if (!found) return undefined;
  const part = (index: number): number => Number(found[index] ?? 0);
  const [year, month, day, hour, minute, second] = [part(1), part(2), part(3), part(4), part(5), part(6)];
  if (!isDay(year, month, day) || hour > 23 || minute > 59 || second > 59) return undefined;
  if (part(10) > 23 || part(11) > 59) return undefined;
  const ms = Math.floor(Number(`0.${found[7] ?? '0'}`) * 1_000 + 1e-9);
  const offset = (part(10) * 60 + part(11)) * (found[9] === '-' ? -1 : 1);
  const days = dayNumber({ year, month, day });
  return days * DAY_MS + hour * 3_600_000 + (minute - offset) * 60_000 + second * 1_000 + ms;
}

/**
 * The one form of datetimes, always with milliseconds: so their order as text is that in time. Undefined outside of the
 * years 0 to 9999, where an offset may lead, too.
 */
export function datetimeText(ms: number): string | undefined {
  const date = new Date(Math.round(ms));
  const year = date.getUTCFullYear();
  return year >= 0 && year <= 9999 ? date.toISOString() : undefined;
}

/** Milliseconds of `90s`, `1h30m`; undefined if it is no duration, or longer than numbers are exact. */
export function durationMs(text: string): number | undefined {
  if (!DURATION.test(text)) return undefined;
  let ms = 0;
  for (const [, amount, unit = ''] of text.matchAll(DURATION_PART))
    ms += Number(amount) * (UNIT_MS[unit] ?? 0);
  return isDuration(ms) ? ms : undefined;
}

/** Whether so many milliseconds are a duration; those that were subtracted may be negative. */
export function isDuration(ms: number): boolean {
  return Math.abs(ms) <= Number.MAX_SAFE_INTEGER;
}
