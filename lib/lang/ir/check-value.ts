// Whether JSON data is a value of a type, and the value as programs hold it: durations in milliseconds, datetimes in UTC,
// money with six digits. Used for inputs of flows, answers of models, settings.
//   V1. Linear in the size of the value times the members of unions, however unions are nested; bounded in depth, and in how
//       many problems are told, at what length.
//   V2. The data is never changed: what has to be written otherwise is written into a copy.
//   V3. What a value has beside its type is data, too: whatever passes here can be stored, compared and shown.
import { isWellFormed } from '../../base/bytes.ts';
import type { IRType, JsonValue } from './ir.ts';
import { alternativesOf, definitionOf, type NamedTypes, takesNull } from './named-types.ts';
import { type Primitive, PRIMITIVES } from './primitive-values.ts';

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
/** Of a key in messages and paths: it may be as long as the data. */
const KEY_SHOWN_MAX = 60;

/** What is wrong with it; nothing: it is a value of the type. */
export function checkValue(
  value: JsonValue,
  type: IRType,
  types: NamedTypes,
  options: CheckValueOptions = {},
): readonly ValueIssue[] {
  return readValue(value, type, types, options).issues ?? [];
}

/** The value as programs hold it, or what is wrong with it. */
export function readValue(
  value: JsonValue,
  type: IRType,
  types: NamedTypes,
  options: CheckValueOptions = {},
): ReadValue {
  const reader = new ValueReader(types, options.unknownFields === 'refuse');
  const read = reader.read(value, type, 0);
  return reader.issues.length > 0 ? { issues: reader.issues } : { value: read };
}

/** The first thing that is wrong, with its place. */
export function issueText([issue]: readonly ValueIssue[]): string {
  if (!issue) return 'it is of another type';
  return issue.path.length === 0 ? issue.message : `${issue.path.join('.')}: ${issue.message}`;
}

type JsonObject = { readonly [key: string]: JsonValue };
const isObject = (value: JsonValue): value is JsonObject => {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
};

type ObjectType = IRType & { readonly kind: 'object' };
type MapType = IRType & { readonly kind: 'map' };

/** What reading a value as a member of a union gave; paths begin at the value. */
type Trial = { readonly value: JsonValue; readonly issues: readonly ValueIssue[] };
type Trials = Map<JsonValue, Map<IRType, Trial>>;

class ValueReader {
  readonly issues: ValueIssue[] = [];
  readonly #types: NamedTypes;
  #isClosed: boolean;
  readonly #path: (string | number)[] = [];
  readonly #members = new Map<IRType, readonly IRType[]>();
  /** Inside of a union; those of closed objects, and of open ones. */
  #trials: { readonly closed: Trials; readonly open: Trials } | undefined = undefined;

  constructor(types: NamedTypes, isClosed: boolean) {
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
        return this.#map(value, type, depth);
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
        return this.#union(value, type, depth);
      case 'named':
        return this.#named(value, type.name, depth);
    }
  }

  #named(value: JsonValue, name: string, depth: number): JsonValue {
    const type = definitionOf(name, this.#types);
    // A name for another name: however long such a chain is, it is no depth of the value.
    return type.kind === 'named' ? this.#union(value, type, depth) : this.read(value, type, depth + 1);
  }

  #wrong(value: JsonValue, message: string): JsonValue {
    if (this.issues.length < ISSUES_MAX) this.issues.push({ path: this.#path.map(shownStep), message });
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
    const items = value as readonly (JsonValue | undefined)[];
    let copy: JsonValue[] | undefined;
    for (let index = 0; index < items.length && this.issues.length < ISSUES_MAX; index += 1) {
      const given = items[index];
      const read = this.#within(index, given ?? null, item, depth);
      if (read !== given) (copy ??= [...value])[index] = read;
    }
    return copy ?? value;
  }

  #map(value: JsonValue, type: MapType, depth: number): JsonValue {
    if (!isObject(value)) return this.#wrong(value, `expected an object, found ${shown(value)}`);
    const names = type.key as IRType;
    const of = type.value as IRType;
    const isAnyText = names.kind === 'primitive' && names.name === 'string';
    let copy: Record<string, JsonValue> | undefined;
    for (const [key, given] of Object.entries(value)) {
      if (this.issues.length >= ISSUES_MAX) break;
      if (!this.#isKey(value, key)) continue;
      if (!isAnyText) this.#within(key, key, names, depth);
      const read = this.#within(key, given, of, depth);
      if (read !== given) (copy ??= { ...value })[key] = read;
    }
    return copy ?? value;
  }

  #isKey(value: JsonValue, key: string): boolean {
    if (key === '__proto__') this.#wrong(value, `'__proto__' cannot be a key`);
    // Two of them would be the same key where they are stored.
    else if (!isWellFormed(key)) this.#wrong(value, 'a key has half of a character');
    else return true;
    return false;
  }

  #object(value: JsonValue, type: ObjectType, depth: number): JsonValue {
    if (!isObject(value)) return this.#wrong(value, `expected an object, found ${shown(value)}`);
    let copy: Record<string, JsonValue> | undefined;
    let knownCount = 0;
    for (const { name, type: of, is_optional: isOptional } of type.fields) {
      const isThere = Object.hasOwn(value, name);
      if (isThere) knownCount += 1;
      const given = isThere ? value[name] : undefined;
      if (given === undefined) {
        if (isOptional !== true && !takesNull(of as IRType, this.#types))
          this.#wrong(value, `the field '${name}' is missing`);
        continue;
      }
      if (given === null && isOptional === true) continue;
      const read = this.#within(name, given, of as IRType, depth);
      if (read !== given) (copy ??= { ...value })[name] = read;
    }
    const keys = Object.keys(value);
    if (keys.length > knownCount) this.#unknownFields(value, keys, type, depth);
    return copy ?? value;
  }

  #unknownFields(value: JsonObject, keys: readonly string[], type: ObjectType, depth: number): void {
    const known = new Set(type.fields.map(({ name }) => name));
    for (const key of keys) {
      if (this.issues.length >= ISSUES_MAX) return;
      if (known.has(key) || !this.#isKey(value, key)) continue;
      if (this.#isClosed) this.#wrong(value, `there is no field '${shownKey(key)}'`);
      else this.#within(key, value[key] ?? null, ANY, depth);
    }
  }

  // ---- Unions ----

  /**
   * The first member that fits and has all the fields; else the first that fits, and fields are left over. If none does,
   * what is wrong with the only one of its kind says most.
   */
  #union(value: JsonValue, type: IRType, depth: number): JsonValue {
    if (this.issues.length >= ISSUES_MAX) return value;
    let members = this.#members.get(type);
    if (!members) this.#members.set(type, (members = alternativesOf(type, this.#types)));
    const [only] = members;
    if (only && members.length === 1) return this.read(value, only, depth + 1);
    const isOutermost = typeof value === 'object' && value !== null && this.#trials === undefined;
    if (isOutermost) this.#trials = { closed: new Map(), open: new Map() };
    const trial = this.#bestOf(value, members, depth);
    if (isOutermost) this.#trials = undefined;
    for (const { path, message } of trial.issues)
      if (this.issues.length < ISSUES_MAX)
        this.issues.push({ path: [...this.#path.map(shownStep), ...path], message });
    return trial.value;
  }

  #bestOf(value: JsonValue, members: readonly IRType[], depth: number): Trial {
    if (typeof value === 'object' && value !== null && !this.#isClosed) {
      this.#isClosed = true;
      const closed = this.#firstOf(value, members, depth);
      this.#isClosed = false;
      if (closed.issues.length === 0) return closed;
    }
    return this.#firstOf(value, members, depth);
  }

  #firstOf(value: JsonValue, members: readonly IRType[], depth: number): Trial {
    const near: Trial[] = [];
    for (const member of members) {
      const trial = this.#try(value, member, depth);
      if (trial.issues.length === 0) return trial;
      if (trial.issues.some(({ path }) => path.length > 0)) near.push(trial);
    }
    const [only] = near;
    if (only && near.length === 1) return only;
    const message = `fits none of ${members.length} types, found ${shown(value)}`;
    return { value, issues: [{ path: [], message }] };
  }

  /** Reads what can hold unions in turn once as each type, however many ways lead to it (V1). */
  #try(value: JsonValue, member: IRType, depth: number): Trial {
    const trials = typeof value === 'object' && value !== null ? this.#trials : undefined;
    const known = trials && (this.#isClosed ? trials.closed : trials.open);
    const before = known?.get(value)?.get(member);
    if (before) return before;
    const start = this.issues.length;
    const read = this.read(value, member, depth + 1);
    const issues = this.issues
      .splice(start)
      .map(({ path, message }) => ({ path: path.slice(this.#path.length), message }));
    const trial: Trial = { value: read, issues };
    if (known) {
      const ofValue = known.get(value);
      if (ofValue) ofValue.set(member, trial);
      else known.set(value, new Map([[member, trial]]));
    }
    return trial;
  }

  /** Of anything: only that it is data which a program can hold. */
  #data(value: JsonValue, depth: number): JsonValue {
    if (this.issues.length >= ISSUES_MAX) return value;
    if (depth > DEPTH_MAX) return this.#wrong(value, `is nested deeper than ${DEPTH_MAX} levels`);
    if (Array.isArray(value)) return this.#list(value as JsonValue, ANY, depth);
    if (isObject(value)) return this.#map(value, ANY_MAP, depth);
    const isScalar = value === null || typeof value === 'string' || typeof value === 'boolean';
    return isScalar || Number.isFinite(value) ? value : this.#wrong(value, `is no data: ${shown(value)}`);
  }
}

const ANY: IRType = { kind: 'dynamic' };
const ANY_MAP: MapType = { kind: 'map', key: { kind: 'primitive', name: 'string' }, value: ANY };

const shownKey = (key: string): string =>
  key.length <= KEY_SHOWN_MAX ? key : `${key.slice(0, KEY_SHOWN_MAX)}…`;
const shownStep = (step: string | number): string | number =>
  typeof step === 'string' ? shownKey(step) : step;

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
