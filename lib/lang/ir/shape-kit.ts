// What the shape check is made of: checks that say of which kind a value has to be, and makers of checks for lists,
// objects and unions. A check returns, or throws ERR_BUNDLE_INVALID with the path of the first thing that is wrong.
//   K1. Each value is looked at once, and counted: the time is linear, and bounded.
//   K2. No check is deeper than `DEPTH_MAX`, so hostile data cannot overflow the stack.
//   K3. Only own properties are read; a field that a check does not know is refused.
import { GrainError } from '../../errors/grain-error.ts';
import type { JsonValue } from './ir.ts';

/** Lists and objects in one another. A program that the parser takes may come close to it. */
export const DEPTH_MAX = 1_000;
export const NODES_MAX = 1_000_000;
const NAME_LENGTH_MAX = 256;

export type Json = JsonValue | undefined;
/** What a check may know besides the value; subclasses know the module. */
export class ShapePlace {
  readonly path: (string | number)[] = [];
  #count = 0;

  /** One more value; each list and object comes by here. */
  count(): void {
    this.#count += 1;
    if (this.#count > NODES_MAX) throw this.problem(`has more than ${NODES_MAX} parts`);
    if (this.path.length > DEPTH_MAX) throw this.problem(`is nested deeper than ${DEPTH_MAX} levels`);
  }

  problem(what: string): GrainError {
    const at = pathText(this.path);
    return new GrainError('ERR_BUNDLE_INVALID', { message: `${at} ${what}`, path: at });
  }
}

function pathText(path: readonly (string | number)[]): string {
  const shown = path.length > 40 ? [...path.slice(0, 20), '…', ...path.slice(-20)] : path;
  let text = '';
  for (const step of shown)
    text += typeof step === 'number' ? `[${step}]` : `${text === '' ? '' : '.'}${step.slice(0, 60)}`;
  return text === '' ? 'the module' : text;
}

export type Check<P extends ShapePlace = ShapePlace> = (value: Json, place: P) => void;
export type JsonRecord = Readonly<Record<string, JsonValue>>;

// ---- Scalars ----

export const text: Check = (value, place) => {
  if (typeof value !== 'string') throw place.problem('has to be text');
};
export const bool: Check = (value, place) => {
  if (typeof value !== 'boolean') throw place.problem('has to be true or false');
};
export const number: Check = (value, place) => {
  if (typeof value !== 'number' || !Number.isFinite(value)) throw place.problem('has to be a number');
};
export const amount: Check = (value, place) => {
  number(value, place);
  if ((value as number) < 0) throw place.problem('has to be 0 or more');
};
export const whole: Check = (value, place) => {
  if (!Number.isSafeInteger(value) || (value as number) < 0)
    throw place.problem('has to be a whole number, 0 or more');
};
export const count: Check = (value, place) => {
  if (!Number.isSafeInteger(value) || (value as number) < 1)
    throw place.problem('has to be a positive whole number');
};

/** Text of a form, which is told in words. */
export function like(pattern: RegExp, what: string): Check {
  return (value, place) => {
    text(value, place);
    if ((value as string).length > NAME_LENGTH_MAX || !pattern.test(value as string) || value === '__proto__')
      throw place.problem(`has to be ${what}`);
  };
}

export function oneOf(words: readonly string[]): Check {
  const known = new Set(words);
  return (value, place) => {
    if (typeof value !== 'string' || !known.has(value))
      throw place.problem(`has to be one of ${words.slice(0, 20).join(', ')}`);
  };
}

export function exactly(wanted: JsonValue): Check {
  return (value, place) => {
    if (value !== wanted) throw place.problem(`has to be ${JSON.stringify(wanted)}`);
  };
}

/** Any JSON data, without `__proto__`. */
export const json: Check = (value, place) => {
  if (typeof value !== 'object' || value === null) {
    if (typeof value === 'number') number(value, place);
    else if (typeof value !== 'string' && typeof value !== 'boolean' && value !== null)
      throw place.problem('has to be JSON data');
    return;
  }
  place.count();
  if (Array.isArray(value)) for (const [index, item] of value.entries()) within(json, item, index, place);
  else for (const [key, item] of entriesOf(value as JsonRecord, place)) within(json, item, key, place);
};

// ---- Made of others ----

function within<P extends ShapePlace>(check: Check<P>, value: Json, step: string | number, place: P): void {
  place.path.push(step);
  check(value, place);
  place.path.pop();
}

function entriesOf(object: JsonRecord, place: ShapePlace): [string, JsonValue][] {
  if (Object.hasOwn(object, '__proto__')) throw place.problem("has the reserved key '__proto__'");
  return Object.entries(object);
}

function requireObject(value: Json, place: ShapePlace): JsonRecord {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw place.problem('has to be an object');
  place.count();
  return value as JsonRecord;
}

export function nullable<P extends ShapePlace>(check: Check<P>): Check<P> {
  return (value, place) => {
    if (value !== null) check(value, place);
  };
}

export function list<P extends ShapePlace>(check: Check<P>, least = 0): Check<P> {
  return (value, place) => {
    if (!Array.isArray(value)) throw place.problem('has to be a list');
    place.count();
    if (value.length < least) throw place.problem(`has to have at least ${least} of its items`);
    for (let index = 0; index < value.length; index += 1) within(check, value[index] as Json, index, place);
  };
}

/** An object with keys of a form, and values that are all alike. */
export function record<P extends ShapePlace>(key: Check<P>, check: Check<P>): Check<P> {
  return (value, place) => {
    for (const [name, item] of entriesOf(requireObject(value, place), place)) {
      place.path.push(name);
      key(name, place);
      check(item, place);
      place.path.pop();
    }
  };
}

export type Fields<P extends ShapePlace> = Readonly<Record<string, Check<P>>>;

/** An object with these fields and no others. */
export function object<P extends ShapePlace>(required: Fields<P>, optional: Fields<P> = {}): Check<P> {
  const needed = Object.keys(required);
  const known = new Map([...Object.entries(required), ...Object.entries(optional)]);
  return (value, place) => {
    const fields = requireObject(value, place);
    for (const name of needed) {
      if (Object.hasOwn(fields, name)) continue;
      place.path.push(name);
      throw place.problem('is missing');
    }
    for (const [name, item] of entriesOf(fields, place)) {
      const check = known.get(name);
      place.path.push(name);
      if (!check) throw place.problem('is no field that is known here');
      check(item, place);
      place.path.pop();
    }
  };
}

/** An object whose `kind` says which check it is under. */
export function byKind<P extends ShapePlace>(
  kinds: Readonly<Record<string, Check<P>>>,
  what: string,
): Check<P> {
  const known = new Map(Object.entries(kinds));
  return (value, place) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value))
      throw place.problem(`has to be ${what}`);
    const { kind } = value as JsonRecord;
    const check = typeof kind === 'string' ? known.get(kind) : undefined;
    if (!check) throw place.problem(`has to be ${what} of a known kind`);
    check(value, place);
  };
}

/** For checks that lead back to themselves. */
export function later<P extends ShapePlace>(get: () => Check<P>): Check<P> {
  return (value, place) => {
    get()(value, place);
  };
}

/** `check`, and then what it says about the place of the value. */
export function and<P extends ShapePlace>(check: Check<P>, next: Check<P>): Check<P> {
  return (value, place) => {
    check(value, place);
    next(value, place);
  };
}
