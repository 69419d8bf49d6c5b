// Whether JSON data is a value of a type, and the value as programs hold it: durations in milliseconds, datetimes in UTC.
// Used for inputs of flows, answers of models, settings.
//   V1. Linear in the size of the value times the members of unions; bounded in depth, and in how many problems are told.
//   V2. The data is never changed: what has to be written otherwise is written into a copy.
import type { IRType, JsonValue } from './ir.ts';

export interface ValueIssue {
  /** Names of fields, indexes of lists. */
  readonly path: readonly (string | number)[];
  readonly message: string;
}
export interface CheckValueOptions {
  /** Fields that the type of an object does not have: models may not invent them, callers may send more. @default 'keep' */
  readonly unknownFields?: 'keep' | 'refuse';
}
export type ReadValue =
  | { readonly value: JsonValue; readonly issues?: undefined }
  | { readonly issues: readonly ValueIssue[]; readonly value?: undefined };

const ISSUES_MAX = 20;
const DEPTH_MAX = 200;
/** Steps from one name of a type to the next without coming to data. */
const NAMES_MAX = 64;

/** What is wrong with it; nothing: it is a value of the type. */
export function checkValue(
  value: JsonValue,
  type: IRType,
  types: Readonly<Record<string, IRType>>,
  options: CheckValueOptions = {},
): readonly ValueIssue[] {
  return readValue(value, type, types, options).issues ?? [];
}

/** The value as programs hold it, or what is wrong with it. */
export function readValue(
  value: JsonValue,
  type: IRType,
  types: Readonly<Record<string, IRType>>,
  options: CheckValueOptions = {},
): ReadValue {
  const reader = new ValueReader(types, options.unknownFields === 'refuse');
  const read = reader.read(value, type, 0);
  return reader.issues.length > 0 ? { issues: reader.issues } : { value: read };
}

type JsonObject = { readonly [key: string]: JsonValue };
const isObject = (value: JsonValue): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

class ValueReader {
  readonly issues: ValueIssue[] = [];
  readonly #types: Readonly<Record<string, IRType>>;
  readonly #isClosed: boolean;
  readonly #path: (string | number)[] = [];

  constructor(types: Readonly<Record<string, IRType>>, isClosed: boolean) {
    this.#types = types;
    this.#isClosed = isClosed;
  }

  read(value: JsonValue, type: IRType, depth: number): JsonValue {
    if (depth > DEPTH_MAX) return this.#wrong(value, `is nested deeper than ${DEPTH_MAX} levels`);
    switch (type.kind) {
      case 'primitive':
        return this.#primitive(value, PRIMITIVES[type.name]);
      case 'array':
        return this.#list(value, type.item as IRType, depth);
      case 'map':
        return this.#map(value, type.value as IRType, depth);
      case 'object':
        return this.#object(value, type, depth);
      case 'enum':
        if (typeof value === 'string' && type.symbols.includes(value)) return value;
        return this.#wrong(
          value,
          `expected one of ${type.symbols.slice(0, 20).join(', ')}, found ${shown(value)}`,
        );
      case 'literal':
        if (value === type.value) return value;
        return this.#wrong(value, `expected ${JSON.stringify(type.value)}, found ${shown(value)}`);
      case 'null':
        return value === null ? value : this.#wrong(value, `expected null, found ${shown(value)}`);
      case 'dynamic':
        return this.#data(value, depth);
      case 'optional':
        return value === null ? value : this.read(value, type.inner as IRType, depth + 1);
      case 'union':
        return this.#union(value, type.members as readonly IRType[], depth);
      case 'named':
        return this.read(value, this.#definition(type.name), depth + 1);
    }
  }

  #definition(name: string): IRType {
    let type: IRType | undefined;
    let at = name;
    for (let steps = 0; steps < NAMES_MAX; steps += 1) {
      type = Object.hasOwn(this.#types, at) ? this.#types[at] : undefined;
      if (type?.kind !== 'named') break;
      at = type.name;
    }
    return type && type.kind !== 'named' ? type : { kind: 'dynamic' };
  }

  #wrong(value: JsonValue, message: string): JsonValue {
    if (this.issues.length < ISSUES_MAX) this.issues.push({ path: [...this.#path], message });
    return value;
  }

  #primitive(value: JsonValue, { what, read }: Primitive): JsonValue {
    const found = read(value);
    return found === undefined ? this.#wrong(value, `expected ${what}, found ${shown(value)}`) : found;
  }

  #within(step: string | number, value: JsonValue, type: IRType, depth: number): JsonValue {
    this.#path.push(step);
    const read = this.read(value, type, depth + 1);
    this.#path.pop();
    return read;
  }

  #list(value: JsonValue, item: IRType, depth: number): JsonValue {
    if (!Array.isArray(value)) return this.#wrong(value, `expected a list, found ${shown(value)}`);
    const items = value as readonly JsonValue[];
    let copy: JsonValue[] | undefined;
    for (let index = 0; index < items.length && this.issues.length < ISSUES_MAX; index += 1) {
      const given = items[index] ?? null;
      const read = this.#within(index, given, item, depth);
      if (read !== given) (copy ??= [...items])[index] = read;
    }
    return copy ?? value;
  }

  #map(value: JsonValue, of: IRType, depth: number): JsonValue {
    if (!isObject(value)) return this.#wrong(value, `expected an object, found ${shown(value)}`);
    let copy: Record<string, JsonValue> | undefined;
    for (const [key, given] of Object.entries(value)) {
      if (this.issues.length >= ISSUES_MAX) break;
      if (key === '__proto__') return this.#wrong(value, `'__proto__' cannot be a key`);
      const read = this.#within(key, given, of, depth);
      if (read !== given) (copy ??= { ...value })[key] = read;
    }
    return copy ?? value;
  }

  #object(value: JsonValue, type: IRType & { readonly kind: 'object' }, depth: number): JsonValue {
    if (!isObject(value)) return this.#wrong(value, `expected an object, found ${shown(value)}`);
    if (Object.hasOwn(value, '__proto__')) return this.#wrong(value, `'__proto__' cannot be a key`);
    let copy: Record<string, JsonValue> | undefined;
    for (const { name, type: of, is_optional: isOptional } of type.fields) {
      const given = Object.hasOwn(value, name) ? value[name] : undefined;
      if (given === undefined) {
        if (isOptional !== true && !this.#isNullable(of as IRType, 0))
          this.#wrong(value, `the field '${name}' is missing`);
        continue;
      }
      if (given === null && isOptional === true) continue;
      const read = this.#within(name, given, of as IRType, depth);
      if (read !== given) (copy ??= { ...value })[name] = read;
    }
    if (this.#isClosed) this.#refuseUnknown(value, type);
    return copy ?? value;
  }

  #refuseUnknown(value: JsonObject, type: IRType & { readonly kind: 'object' }): void {
    const known = new Set(type.fields.map(({ name }) => name));
    for (const key of Object.keys(value))
      if (!known.has(key)) this.#wrong(value, `there is no field '${key.slice(0, 60)}'`);
  }

  /** The first member that fits. If none does, what is wrong with the only one of its kind says most. */
  #union(value: JsonValue, members: readonly IRType[], depth: number): JsonValue {
    const before = this.issues.length;
    let problems: ValueIssue[] = [];
    let count = 0;
    for (const member of members) {
      const read = this.read(value, member, depth + 1);
      const found = this.issues.splice(before);
      if (found.length === 0) return read;
      if (!found.some(({ path }) => path.length > this.#path.length)) continue;
      count += 1;
      problems = found;
    }
    if (count === 1) {
      this.issues.push(...problems);
      return value;
    }
    return this.#wrong(value, `fits none of ${members.length} types, found ${shown(value)}`);
  }

  #isNullable(type: IRType, steps: number): boolean {
    if (steps > NAMES_MAX) return true;
    switch (type.kind) {
      case 'optional':
      case 'null':
      case 'dynamic':
        return true;
      case 'union':
        return type.members.some((member) => this.#isNullable(member as IRType, steps + 1));
      case 'named':
        return this.#isNullable(this.#definition(type.name), steps + 1);
      default:
        return false;
    }
  }

  /** Of anything: only that it is data which a program can hold. */
  #data(value: JsonValue, depth: number): JsonValue {
    if (typeof value !== 'object' || value === null) return value;
    if (depth > DEPTH_MAX) return this.#wrong(value, `is nested deeper than ${DEPTH_MAX} levels`);
    for (const [key, item] of Object.entries(value)) {
      if (key === '__proto__') return this.#wrong(value, `'__proto__' cannot be a key`);
      if (typeof item === 'object') this.#data(item as JsonValue, depth + 1);
      if (this.issues.length > 0) break;
    }
    return value;
  }
}

/** For messages: what it is, not all that it holds. */
function shown(value: JsonValue): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'a list';
  switch (typeof value) {
    case 'string':
      return value.length <= 40 ? JSON.stringify(value) : `${JSON.stringify(value.slice(0, 40))}…`;
    case 'object':
      return 'an object';
    default:
      return String(value);
  }
}

// ---- Primitives ----

interface Primitive {
  readonly what: string;
  /** The value as programs hold it; undefined if it is none. */
  readonly read: (value: JsonValue) => JsonValue | undefined;
}

const texts =
  (fits: (text: string) => boolean) =>
  (value: JsonValue): JsonValue | undefined =>
    typeof value === 'string' && fits(value) ? value : undefined;
const numbers =
  (fits: (value: number) => boolean) =>
  (value: JsonValue): JsonValue | undefined =>
    typeof value === 'number' && fits(value) ? value : undefined;

const EMAIL = /^[^\s@<>()[\],;:"\\]{1,64}@[^\s@.<>()[\],;:"\\]+(\.[^\s@.<>()[\],;:"\\]+)*$/;
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;
const URL_TEXT = /^[a-z][a-z0-9+.-]*:[^\s<>"{}|\\^`]+$/i;
const DATE = /^(\d{4})-(\d{2})-(\d{2})$/;
const DATETIME =
  /^(\d{4})-(\d{2})-(\d{2})T([01]\d|2[0-3]):[0-5]\d(:[0-5]\d(\.\d{1,9})?)?(Z|[+-]([01]\d|2[0-3]):[0-5]\d)$/;
const DURATION = /^(\d+(?:\.\d+)?(?:ms|s|m|h|d|w))+$/;
const UNIT_MS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
};

const PRIMITIVES: Readonly<Record<(IRType & { readonly kind: 'primitive' })['name'], Primitive>> = {
  string: { what: 'text', read: texts(() => true) },
  int: { what: 'a whole number', read: numbers(Number.isSafeInteger) },
  float: { what: 'a number', read: numbers(Number.isFinite) },
  money: { what: 'a number', read: numbers(Number.isFinite) },
  bool: { what: 'true or false', read: (value) => (typeof value === 'boolean' ? value : undefined) },
  date: { what: 'a date such as 2026-01-31', read: texts((text) => DATE.test(text) && isDay(text)) },
  datetime: { what: 'a time such as 2026-01-31T10:00:00Z', read: readDatetime },
  duration: { what: 'milliseconds or a duration such as 5m', read: readDuration },
  email: { what: 'an email address', read: texts((text) => text.length <= 254 && EMAIL.test(text)) },
  url: { what: 'a URL', read: texts((text) => URL_TEXT.test(text)) },
  uuid: { what: 'a UUID', read: texts((text) => UUID.test(text)) },
};

/** Whether the month has the day. */
function isDay(text: string): boolean {
  const day = text.slice(0, 10);
  const at = new Date(`${day}T00:00:00Z`);
  return !Number.isNaN(at.getTime()) && at.toISOString().startsWith(day);
}

function readDatetime(value: JsonValue): JsonValue | undefined {
  if (typeof value !== 'string' || !DATETIME.test(value) || !isDay(value)) return undefined;
  const at = new Date(value);
  return Number.isNaN(at.getTime()) ? undefined : at.toISOString();
}

function readDuration(value: JsonValue): JsonValue | undefined {
  if (typeof value === 'number') return Number.isFinite(value) ? value : undefined;
  return typeof value === 'string' ? durationMs(value) : undefined;
}

/** Milliseconds of `90s`, `1h30m`; undefined if it is no duration. */
export function durationMs(text: string): number | undefined {
  if (text.length > 100 || !DURATION.test(text)) return undefined;
  let ms = 0;
  for (const [, amount, unit = ''] of text.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h|d|w)/g))
    ms += Number(amount) * (UNIT_MS[unit] ?? 0);
  return Number.isFinite(ms) ? ms : undefined;
}
