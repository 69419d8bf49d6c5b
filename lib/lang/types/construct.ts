// Types as values: the constants, and the makers that keep them in one form. Unions made here are flat and without
// repetition, and null in a union stands outside as `optional`.
import type { ObjectField, PrimitiveName, Type } from './type.ts';

const primitive = (name: PrimitiveName): Type => ({ kind: 'primitive', name });

export const STRING = primitive('string');
export const INT = primitive('int');
export const FLOAT = primitive('float');
export const BOOL = primitive('bool');
export const DATE = primitive('date');
export const DATETIME = primitive('datetime');
export const DURATION = primitive('duration');
export const MONEY = primitive('money');
export const NULL: Type = { kind: 'null' };
export const DYNAMIC: Type = { kind: 'dynamic' };
export const NEVER: Type = { kind: 'never' };

export const PRIMITIVES: ReadonlyMap<string, Type> = new Map<string, Type>([
  ['string', STRING],
  ['int', INT],
  ['float', FLOAT],
  ['bool', BOOL],
  ['date', DATE],
  ['datetime', DATETIME],
  ['duration', DURATION],
  ['money', MONEY],
  ['email', primitive('email')],
  ['url', primitive('url')],
  ['uuid', primitive('uuid')],
]);

/** Above this a union of inferred types says nothing useful any more, and costs time. */
const UNION_MEMBERS_MAX = 32;

export function arrayOf(item: Type): Type {
  return { kind: 'array', item };
}

export function mapOf(value: Type): Type {
  return { kind: 'map', key: STRING, value };
}

export function objectOf(fields: readonly ObjectField[]): Type {
  return { kind: 'object', fields };
}

export function enumOf(symbols: readonly string[]): Type {
  return { kind: 'enum', symbols };
}

export function optionalOf(inner: Type): Type {
  const isNullAlready =
    inner.kind === 'optional' || inner.kind === 'null' || inner.kind === 'dynamic' || inner.kind === 'never';
  if (inner.kind === 'never') return NULL;
  return isNullAlready ? inner : { kind: 'optional', inner };
}

/** Flat, without repetition; with null among the members an optional. `dynamic` swallows the rest. */
export function unionOf(types: readonly Type[], membersMax = UNION_MEMBERS_MAX): Type {
  const members: Type[] = [];
  let hasNull = false;
  const pending = [...types].reverse();
  for (let type = pending.pop(); type; type = pending.pop()) {
    if (type.kind === 'dynamic') return DYNAMIC;
    if (type.kind === 'never') continue;
    if (type.kind === 'null') hasNull = true;
    else if (type.kind === 'optional') {
      hasNull = true;
      pending.push(type.inner);
    } else if (type.kind === 'union') pending.push(...[...type.members].reverse());
    else if (!members.some((member) => isSameType(member, type))) members.push(type);
    if (members.length > membersMax)
      return members.every(({ kind }) => kind === 'literal') ? STRING : DYNAMIC;
  }
  const [only, ...others] = members;
  if (!only) return hasNull ? NULL : NEVER;
  const whole: Type = others.length === 0 ? only : { kind: 'union', members };
  return hasNull ? { kind: 'optional', inner: whole } : whole;
}

export function isSameType(left: Type, right: Type): boolean {
  if (left === right) return true;
  switch (left.kind) {
    case 'primitive':
      return right.kind === 'primitive' && left.name === right.name;
    case 'named':
      return right.kind === 'named' && left.name === right.name;
    case 'literal':
      return right.kind === 'literal' && left.value === right.value;
    case 'array':
      return right.kind === 'array' && isSameType(left.item, right.item);
    case 'map':
      return right.kind === 'map' && isSameType(left.key, right.key) && isSameType(left.value, right.value);
    case 'optional':
      return right.kind === 'optional' && isSameType(left.inner, right.inner);
    case 'enum':
      return right.kind === 'enum' && isSameList(left.symbols, right.symbols, (a, b) => a === b);
    case 'union':
      return right.kind === 'union' && isSameList(left.members, right.members, isSameType);
    case 'object':
      return right.kind === 'object' && isSameList(left.fields, right.fields, isSameField);
    case 'null':
    case 'dynamic':
    case 'never':
      return left.kind === right.kind;
  }
}

function isSameField(left: ObjectField, right: ObjectField): boolean {
  return (
    left.name === right.name &&
    Boolean(left.is_optional) === Boolean(right.is_optional) &&
    isSameType(left.type, right.type)
  );
}

function isSameList<T>(left: readonly T[], right: readonly T[], isSame: (a: T, b: T) => boolean): boolean {
  if (left.length !== right.length) return false;
  for (const [index, item] of left.entries()) {
    const other = right[index];
    if (other === undefined || !isSame(item, other)) return false;
  }
  return true;
}

/**
 * The type that a variable gets from its first value: one string becomes any string, and what is empty (`null`, `[]`,
 * `{}`) says nothing about what comes later.
 */
export function widen(type: Type): Type {
  switch (type.kind) {
    case 'literal':
      return STRING;
    case 'null':
    case 'never':
      return DYNAMIC;
    case 'array': {
      const item = widen(type.item);
      return item === type.item ? type : arrayOf(item);
    }
    case 'map': {
      const value = widen(type.value);
      return value === type.value ? type : { kind: 'map', key: type.key, value };
    }
    case 'optional': {
      const inner = widen(type.inner);
      return inner === type.inner ? type : optionalOf(inner);
    }
    case 'union': {
      const members = type.members.map(widen);
      return members.every((member, index) => member === type.members[index]) ? type : unionOf(members);
    }
    case 'object': {
      if (type.fields.length === 0) return mapOf(DYNAMIC);
      const fields = type.fields.map((field) => {
        const inner = widen(field.type);
        return inner === field.type ? field : { ...field, type: inner };
      });
      return fields.every((field, index) => field === type.fields[index]) ? type : objectOf(fields);
    }
    case 'primitive':
    case 'enum':
    case 'named':
    case 'dynamic':
      return type;
  }
}

/** Types that were found by inference, each made of the ones before, end here: all passes walk them, part by part. */
const NESTING_MAX = 64;
const PARTS_MAX = 5_000;

/** Without what is nested too deeply, or made of too many parts, to be of use. Parts that it shares count each time. */
export function bounded(type: Type): Type {
  return partsLeft(type, PARTS_MAX, NESTING_MAX) < 0 ? DYNAMIC : type;
}

/** `most` less the parts that `type` is made of; negative when there are more, or more than `levels` one in the other. */
function partsLeft(type: Type, most: number, levels: number): number {
  const left = most - 1;
  switch (type.kind) {
    case 'array':
      return innerLeft(type.item, left, levels);
    case 'map':
      return innerLeft(type.value, left, levels);
    case 'optional':
      return innerLeft(type.inner, left, levels);
    case 'union':
      return type.members.reduce((rest, member) => innerLeft(member, rest, levels), left);
    case 'object':
      return type.fields.reduce((rest, field) => innerLeft(field.type, rest, levels), left);
    default:
      return left;
  }
}

function innerLeft(type: Type, most: number, levels: number): number {
  return most < 0 || levels === 0 ? -1 : partsLeft(type, most, levels - 1);
}
