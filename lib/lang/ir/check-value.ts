// Whether JSON data is of a type: inputs of flows, answers of models, configuration. Gives what is wrong, with its path,
// and the value as the program sees it: durations in milliseconds, times normalised.
import type { IRType, JsonValue } from './ir.ts';

export interface ValueIssue {
  /** Such as `lines[0].amount`; empty for the value itself. */
  readonly path: string;
  readonly message: string;
}
export interface CheckedValue {
  readonly value: JsonValue;
  readonly issues: readonly ValueIssue[];
}
export interface CheckValueOptions {
  /** Fields that a type does not have: `keep` them, or say that they are wrong. @default 'keep' */
  readonly unknownFields?: 'keep' | 'refuse';
}

const DEPTH_MAX = 128;
const ISSUES_MAX = 20;

export function checkValue(
  value: unknown,
  type: IRType,
  types: Readonly<Record<string, IRType>>,
  { unknownFields = 'keep' }: CheckValueOptions = {},
): CheckedValue {
  const checker = new ValueChecker(types, unknownFields === 'refuse');
  const checked = checker.check(value, type, '', 0);
  return { value: checked, issues: checker.issues };
}

class ValueChecker {
  readonly issues: ValueIssue[] = [];
  readonly #types: Readonly<Record<string, IRType>>;
  readonly #isStrict: boolean;

  constructor(types: Readonly<Record<string, IRType>>, isStrict: boolean) {
    this.#types = types;
    this.#isStrict = isStrict;
  }

  #wrong(path: string, message: string): null {
    if (this.issues.length < ISSUES_MAX) this.issues.push({ path, message });
    return null;
  }

  check(value: unknown, type: IRType, path: string, depth: number): JsonValue {
    if (depth > DEPTH_MAX) return this.#wrong(path, 'is nested too deeply');
    switch (type.kind) {
      case 'primitive':
        return this.#primitive(value, type.name, path);
      case 'array':
        if (!Array.isArray(value)) return this.#wrong(path, expected('a list', value));
        return value.map((item, index) =>
          this.check(item, type.item as IRType, `${path}[${index}]`, depth + 1),
        );
      case 'map':
        return this.#map(value, type.value as IRType, path, depth);
      case 'object':
        return this.#object(value, type, path, depth);
      case 'enum':
        if (typeof value === 'string' && type.symbols.includes(value)) return value;
        return this.#wrong(path, expected(`one of ${type.symbols.join(', ')}`, value));
      case 'literal':
        return value === type.value ? value : this.#wrong(path, expected(`"${type.value}"`, value));
      case 'union':
        return this.#union(value, type.members as readonly IRType[], path, depth);
      case 'optional':
        return value === null || value === undefined
          ? null
          : this.check(value, type.inner as IRType, path, depth);
      case 'null':
        return value === null || value === undefined ? null : this.#wrong(path, expected('null', value));
      case 'dynamic':
        return this.#data(value, path, depth);
      case 'named': {
        const named = Object.hasOwn(this.#types, type.name) ? this.#types[type.name] : undefined;
        if (!named) return this.#wrong(path, `has the unknown type ${type.name}`);
        return this.check(value, named, path, depth + 1);
      }
    }
  }

  #primitive(value: unknown, name: string, path: string): JsonValue {
    switch (name) {
      case 'bool':
        return typeof value === 'boolean' ? value : this.#wrong(path, expected('true or false', value));
      case 'int':
        return Number.isSafeInteger(value)
          ? (value as number)
          : this.#wrong(path, expected('a whole number', value));
      case 'float':
      case 'money':
        return Number.isFinite(value) ? (value as number) : this.#wrong(path, expected('a number', value));
      case 'duration': {
        const ms = typeof value === 'string' ? parseDuration(value) : value;
        if (Number.isFinite(ms)) return ms as number;
        return this.#wrong(path, expected('a duration: milliseconds, or text such as "5m"', value));
      }
      default: {
        if (typeof value !== 'string') return this.#wrong(path, expected(`text (${name})`, value));
        const problem = TEXTS[name]?.(value);
        if (problem === false) return this.#wrong(path, `is no ${name}: "${shortened(value)}"`);
        return name === 'datetime' ? new Date(value).toISOString().replace('.000Z', 'Z') : value;
      }
    }
  }

  #map(value: unknown, item: IRType, path: string, depth: number): JsonValue {
    if (!isObject(value)) return this.#wrong(path, expected('an object', value));
    const checked: Record<string, JsonValue> = {};
    for (const [key, each] of Object.entries(value)) {
      if (key === '__proto__') return this.#wrong(path, 'may not have the key __proto__');
      checked[key] = this.check(each, item, `${path}["${shortened(key)}"]`, depth + 1);
    }
    return checked;
  }

  #object(
    value: unknown,
    type: IRType & { readonly kind: 'object' },
    path: string,
    depth: number,
  ): JsonValue {
    if (!isObject(value)) return this.#wrong(path, expected('an object', value));
    const checked: Record<string, JsonValue> = {};
    const below = (name: string): string => (path === '' ? name : `${path}.${name}`);
    for (const field of type.fields) {
      const given = Object.hasOwn(value, field.name) ? value[field.name] : undefined;
      const isAbsent = given === undefined || given === null;
      if (isAbsent && field.is_optional === true) {
        if (given === null) checked[field.name] = null;
      } else if (given === undefined && field.type.kind !== 'optional')
        this.#wrong(below(field.name), 'is missing');
      else checked[field.name] = this.check(given, field.type as IRType, below(field.name), depth + 1);
    }
    const known = new Set(type.fields.map(({ name }) => name));
    for (const [name, each] of Object.entries(value)) {
      if (known.has(name)) continue;
      if (this.#isStrict || name === '__proto__')
        this.#wrong(below(shortened(name)), 'is not a field of this type');
      else checked[name] = this.#data(each, below(shortened(name)), depth + 1);
    }
    return checked;
  }

  #union(value: unknown, members: readonly IRType[], path: string, depth: number): JsonValue {
    const before = this.issues.length;
    let nearest: readonly ValueIssue[] | undefined;
    for (const member of members) {
      const checked = this.check(value, member, path, depth + 1);
      if (this.issues.length === before) return checked;
      const issues = this.issues.splice(before);
      // Of several, the one that got furthest in says the most.
      if (!nearest || depthOf(issues) > depthOf(nearest)) nearest = issues;
    }
    if (nearest && depthOf(nearest) > path.length) this.issues.push(...nearest);
    else this.#wrong(path, expected('one of the types of the union', value));
    return null;
  }

  /** Any JSON data. */
  #data(value: unknown, path: string, depth: number): JsonValue {
    if (depth > DEPTH_MAX) return this.#wrong(path, 'is nested too deeply');
    if (value === null || value === undefined) return null;
    if (typeof value === 'string' || typeof value === 'boolean') return value;
    if (typeof value === 'number')
      return Number.isFinite(value) ? value : this.#wrong(path, 'is a number that JSON does not have');
    if (Array.isArray(value))
      return value.map((item, index) => this.#data(item, `${path}[${index}]`, depth + 1));
    return this.#map(value, { kind: 'dynamic' }, path, depth);
  }
}

function depthOf(issues: readonly ValueIssue[]): number {
  return Math.max(0, ...issues.map(({ path }) => path.length));
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return (
    typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Uint8Array)
  );
}

function expected(what: string, value: unknown): string {
  return `expected ${what}, found ${nameOf(value)}`;
}

function nameOf(value: unknown): string {
  if (value === undefined) return 'nothing';
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'string') return `"${shortened(value)}"`;
  if (typeof value === 'number' || typeof value === 'boolean') return String(value);
  return 'an object';
}

function shortened(text: string): string {
  return text.length <= 40 ? text : `${text.slice(0, 40)}…`;
}

const DATE = /^(\d{4})-(\d{2})-(\d{2})$/;
const DATETIME = /^(\d{4}-\d{2}-\d{2})T([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d{1,9})?(Z|[+-]\d{2}:\d{2})$/;
const UUID = /^[0-9a-fA-F]{8}-([0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}$/;
const EMAIL = /^[^\s@]{1,64}@[^\s@.]+(\.[^\s@.]+)+$/;
const URL_TEXT = /^[a-zA-Z][a-zA-Z0-9+.-]*:\S+$/;

const TEXTS: Readonly<Record<string, (text: string) => boolean>> = {
  date: isDate,
  datetime: (text) => {
    const [, date = ''] = DATETIME.exec(text) ?? [];
    return isDate(date) && !Number.isNaN(Date.parse(text));
  },
  uuid: (text) => UUID.test(text),
  email: (text) => text.length <= 254 && EMAIL.test(text),
  url: (text) => text.length <= 8_192 && URL_TEXT.test(text),
};

function isDate(text: string): boolean {
  const [, year = '', month = '', day = ''] = DATE.exec(text) ?? [];
  if (year === '') return false;
  const date = new Date(Date.UTC(Number(year), Number(month) - 1, Number(day)));
  return date.getUTCMonth() === Number(month) - 1 && date.getUTCDate() === Number(day);
}

const DURATION_UNITS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
};

/** Milliseconds of `"90s"`; undefined for what is none. */
export function parseDuration(text: string): number | undefined {
  const [, count = '', unit = ''] = /^(\d{1,12})(ms|s|m|h|d|w)$/.exec(text) ?? [];
  const factor = DURATION_UNITS[unit];
  return factor === undefined ? undefined : Number(count) * factor;
}
