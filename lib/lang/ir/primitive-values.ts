// Which JSON data is a value of a primitive type, and that value as programs hold it.
import type { PrimitiveName } from '../types/type.ts';
import type { JsonValue } from './ir.ts';
import { datePartsOf, datetimeMs, datetimeText, durationMs, isDuration } from './time-text.ts';

export interface Primitive {
  /** For messages. */
  readonly what: string;
  /** The value as programs hold it; undefined if it is none. */
  readonly read: (value: JsonValue) => JsonValue | undefined;
}

const texts =
  (read: (text: string) => JsonValue | undefined | false) =>
  (value: JsonValue): JsonValue | undefined => {
    const found = typeof value === 'string' && read(value);
    return found === false ? undefined : found;
  };
const numbers =
  (fits: (value: number) => boolean) =>
  (value: JsonValue): JsonValue | undefined =>
    typeof value === 'number' && fits(value) ? value : undefined;
const like = (pattern: RegExp): Primitive['read'] => texts((text) => pattern.test(text) && text);

const EMAIL = /^(?=.{1,254}$)[^\s@<>()[\],;:"\\]{1,64}@[^\s@.<>()[\],;:"\\]+(\.[^\s@.<>()[\],;:"\\]+)*$/;
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;
const URL_TEXT = /^[a-z][a-z0-9+.-]*:[^\s<>"{}|\\^`]+$/i;

export const PRIMITIVES: Readonly<Record<PrimitiveName, Primitive>> = {
  string: { what: 'text', read: texts((text) => text) },
  int: { what: 'a whole number', read: numbers(Number.isSafeInteger) },
  float: { what: 'a number', read: numbers(Number.isFinite) },
  money: {
    what: 'a number',
    read: (value) => (typeof value === 'number' && Number.isFinite(value) ? moneyOf(value) : undefined),
  },
  bool: { what: 'true or false', read: (value) => (typeof value === 'boolean' ? value : undefined) },
  date: { what: 'a date such as 2026-01-31', read: texts((text) => datePartsOf(text) !== undefined && text) },
  datetime: { what: 'a time such as 2026-01-31T10:00:00Z', read: texts(readDatetime) },
  duration: {
    what: 'milliseconds or a duration such as 5m',
    read: (value) => (typeof value === 'string' ? durationMs(value) : numbers(isDuration)(value)),
  },
  email: { what: 'an email address', read: like(EMAIL) },
  url: { what: 'a URL', read: like(URL_TEXT) },
  uuid: { what: 'a UUID', read: like(UUID) },
};

export const PRIMITIVE_NAMES = Object.keys(PRIMITIVES);

function readDatetime(text: string): string | undefined {
  const ms = datetimeMs(text);
  return ms === undefined ? undefined : datetimeText(ms);
}

/** Money has six digits: what floating point adds beyond them is no money. */
export function moneyOf(value: number): number {
  const scaled = value * 1e6;
  // Beyond this the digits that would be rounded are not there any more.
  if (scaled > 9e15 || scaled < -9e15) return value;
  return Math.round(scaled + Math.sign(scaled) * Number.EPSILON * Math.abs(scaled)) / 1e6 + 0;
}
