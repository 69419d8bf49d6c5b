// Values while a program runs: JSON data, never changed once they are seen by a program. Owns what is equal, what is
// in order, how values read as text, and the bounds of what a program may build.
//   V1. Own properties only: keys such as `constructor` are data, and nothing of a prototype is ever read.
//   V2. `__proto__` is no key: assigning it would change a prototype instead of adding data.
import type { JsonValue } from '../ir/ir.ts';
import { moneyOf } from '../ir/primitive-values.ts';
import { ScaiCoreError } from './errors.ts';
import { PARTS_MAX, sized, tooLarge } from './value-size.ts';

/** The variables of a running flow by number. Slot 0 holds the `Execution` (see execution.ts), which is no value. */
export type Slots = JsonValue[];
/** An expression: pure, so it can be run at any time and as often as one likes. */
export type Ex = (slots: Slots) => JsonValue;

export type JsonObject = { readonly [key: string]: JsonValue };
export type MutableObject = { [key: string]: JsonValue };

/** Ints beyond it cannot be told apart. */
export const INT_MAX = Number.MAX_SAFE_INTEGER;
/** Characters of a text that a program builds. */
export const TEXT_MAX = 16 * 1024 * 1024;
/** Items of a list that a program builds. */
export const LIST_MAX = 10_000_000;

export function isObject(value: JsonValue | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export function isList(value: JsonValue | undefined): value is readonly JsonValue[] {
  return Array.isArray(value);
}

/** What a value is, in the words of the language. */
export function kindName(value: JsonValue | undefined): string {
  if (value === null || value === undefined) return 'null';
  if (Array.isArray(value)) return 'a list';
  switch (typeof value) {
    case 'string':
      return 'text';
    case 'number':
      return 'a number';
    case 'boolean':
      return 'a bool';
    default:
      return 'an object';
  }
}

/** A value of another kind than the program needs here; null is told apart, since it is the usual one. */
export function wrongKind(value: JsonValue | undefined, expected: string): ScaiCoreError {
  return value === null || value === undefined
    ? new ScaiCoreError('NullError', `expected ${expected}, found null`)
    : new ScaiCoreError('TypeError', `expected ${expected}, found ${kindName(value)}`);
}

/** An own field; null if there is none. */
export function fieldOf(object: JsonObject, name: string): JsonValue {
  return Object.hasOwn(object, name) ? (object[name] ?? null) : null;
}

/** Sets a field of an object that nobody else has seen yet. @throws TypeError for `__proto__` */
export function putField(object: MutableObject, name: string, value: JsonValue): void {
  if (name === '__proto__') throw new ScaiCoreError('TypeError', `'__proto__' cannot be a key`);
  object[name] = value;
}

export function equals(left: JsonValue, right: JsonValue): boolean {
  if (left === right) return true;
  if (typeof left !== 'object' || typeof right !== 'object' || left === null || right === null) return false;
  return isEqual(left, right, { left: PARTS_MAX });
}

/** Parts that are shared are compared as often as they are met, so there is a bound to it. */
interface Steps {
  left: number;
}

function isEqual(left: JsonValue, right: JsonValue, steps: Steps): boolean {
  if (left === right) return true;
  if (typeof left !== 'object' || typeof right !== 'object' || left === null || right === null) return false;
  if ((steps.left -= 1) < 0) throw tooLarge();
  if (Array.isArray(left) || Array.isArray(right))
    return isList(left) && isList(right) && equalLists(left, right, steps);
  return equalObjects(left as JsonObject, right as JsonObject, steps);
}

function equalLists(left: readonly JsonValue[], right: readonly JsonValue[], steps: Steps): boolean {
  if (left.length !== right.length) return false;
  for (let index = 0; index < left.length; index += 1)
    if (!isEqual(left[index] as JsonValue, right[index] as JsonValue, steps)) return false;
  return true;
}

/** An absent field and one that is null read the same, so they are the same. */
function equalObjects(left: JsonObject, right: JsonObject, steps: Steps): boolean {
  for (const name of Object.keys(left))
    if (!isEqual(left[name] ?? null, fieldOf(right, name), steps)) return false;
  for (const name of Object.keys(right)) if (!Object.hasOwn(left, name) && right[name] !== null) return false;
  return true;
}

/** Order of two numbers, texts or bools of one kind. Texts by code units, so that it is the same everywhere. */
export function compare(left: JsonValue, right: JsonValue): number {
  const isOrdered =
    typeof left === typeof right &&
    (typeof left === 'number' || typeof left === 'string' || typeof left === 'boolean');
  if (!isOrdered) throw incomparable(left, right);
  return (left as number) < (right as number) ? -1 : (left as number) > (right as number) ? 1 : 0;
}

export function incomparable(left: JsonValue, right: JsonValue): ScaiCoreError {
  const isNull = left === null || right === null;
  return new ScaiCoreError(
    isNull ? 'NullError' : 'TypeError',
    `${kindName(left)} and ${kindName(right)} have no order`,
  );
}

/** As `${…}` shows it: text as it is, null as nothing, lists and objects as JSON. */
export function toText(value: JsonValue): string {
  switch (typeof value) {
    case 'string':
      return value;
    case 'number':
      return numberText(value);
    case 'boolean':
      return value ? 'true' : 'false';
    default:
      return value === null ? 'null' : boundText(JSON.stringify(sized(value)));
  }
}

/** Without exponents up to 21 digits, and never `-0`. */
export function numberText(value: number): string {
  return Object.is(value, -0) ? '0' : String(value);
}

export function boundText(text: string): string {
  if (text.length > TEXT_MAX) throw tooLong(`text of ${text.length} characters`, TEXT_MAX);
  return text;
}

export function tooLong(what: string, max: number): ScaiCoreError {
  return new ScaiCoreError('RuntimeError', `${what} is more than the ${max} that a program may build`, {
    max,
  });
}

export function roundMoney(value: number): number {
  return moneyOf(finite(value));
}

export function finite(value: number): number {
  if (value - value !== 0) throw new ScaiCoreError('ArithmeticError', 'the result is no finite number');
  return value;
}

/** A new value with `value` at the path below; only the way there is copied, and made where it is missing. */
export function withPath(root: JsonValue, path: readonly JsonValue[], value: JsonValue, at = 0): JsonValue {
  const step = path[at];
  if (step === undefined) return value;
  if (isList(root)) {
    const index = listIndex(root, step);
    const copy = root.slice();
    copy[index] = withPath(root[index] ?? null, path, value, at + 1);
    return copy;
  }
  if (root !== null && !isObject(root)) throw wrongKind(root, 'an object or a list');
  if (typeof step !== 'string')
    throw wrongKind(root === null ? null : step, root === null ? 'a list' : 'text as key');
  if (root === null && at > 0 && at < path.length)
    throw new ScaiCoreError('NullError', `'${String(path[at - 1])}' is null: it has no '${step}'`);
  if (root === null) throw new ScaiCoreError('NullError', `expected an object with '${step}', found null`);
  const copy: MutableObject = { ...root };
  putField(copy, step, withPath(fieldOf(root, step), path, value, at + 1));
  return copy;
}

/** Negative indexes count from the end. @throws IndexError */
export function listIndex(list: readonly JsonValue[] | string, index: JsonValue): number {
  if (typeof index !== 'number' || !Number.isInteger(index))
    throw wrongKind(index, 'a whole number as index');
  const at = index < 0 ? list.length + index : index;
  if (at < 0 || at >= list.length)
    throw new ScaiCoreError('IndexError', `index ${index} is outside of 0 to ${list.length - 1}`, {
      index,
      length: list.length,
    });
  return at;
}

/** What an index expression gives: an item, a field or a character. */
export function indexOf(object: JsonValue, index: JsonValue): JsonValue {
  if (isList(object)) return object[listIndex(object, index)] ?? null;
  if (typeof object === 'string') return object.charAt(listIndex(object, index));
  if (!isObject(object)) throw wrongKind(object, 'a list or an object');
  if (typeof index !== 'string') throw wrongKind(index, 'text as key');
  return fieldOf(object, index);
}
