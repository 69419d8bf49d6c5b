// The standard library by name: implementations of every entry of types/stdlib.ts (a test compares the lists).
import { ScaiCoreError } from '../errors.ts';
import type { JsonValue } from '../../ir/ir.ts';
import { datePartsOf, datetimeMs } from '../../ir/time-text.ts';
import { isList, isObject, kindName, LIST_MAX, tooLong } from '../values.ts';
import { CONVERSIONS } from './convert.ts';
import { ARRAY_METHODS } from './lists.ts';
import { MAP_METHODS } from './maps.ts';
import {
  BOOL_METHODS,
  FLOAT_METHODS,
  INT_METHODS,
  isInteger,
  MATH_FUNCTIONS,
  MONEY_METHODS,
} from './numbers.ts';
import { type StdFunction, type StdMethod, type StdMethods, text, whole } from './std.ts';
import { STRING_METHODS } from './text.ts';
import { DATE_METHODS, DATETIME_METHODS, DURATION_METHODS } from './time.ts';

export const STD_METHODS: Readonly<Record<string, StdMethods>> = {
  string: STRING_METHODS,
  array: ARRAY_METHODS,
  map: MAP_METHODS,
  int: INT_METHODS,
  float: FLOAT_METHODS,
  money: MONEY_METHODS,
  bool: BOOL_METHODS,
  date: DATE_METHODS,
  datetime: DATETIME_METHODS,
  duration: DURATION_METHODS,
};

export const STD_FUNCTIONS: Readonly<Record<string, StdFunction>> = {
  ...MATH_FUNCTIONS,
  ...CONVERSIONS,
  range: (x, start, end) => {
    const [from, to] = end === undefined || end === null ? [0, whole(start)] : [whole(start), whole(end)];
    const length = Math.max(0, to - from);
    if (length > LIST_MAX) throw tooLong(`a list of ${length}`, LIST_MAX);
    x.charge(length >> 2);
    x.build(length);
    return Array.from({ length }, (_none, index) => from + index);
  },
  fail: (_x, message) => {
    throw new ScaiCoreError('FailError', text(message));
  },
};

export function functionNamed(name: string): StdFunction | undefined {
  return Object.hasOwn(STD_FUNCTIONS, name) ? STD_FUNCTIONS[name] : undefined;
}

/** A method or property of a type; `dynamic` finds the type when it runs. */
export function methodNamed(on: string, name: string): StdMethod | undefined {
  if (on !== 'dynamic') return ownMethod(on, name);
  const isKnown = Object.keys(STD_METHODS).some((type) => ownMethod(type, name) !== undefined);
  if (!isKnown) return undefined;
  return (context, self, a, b) => {
    const method = typesOf(self)
      .map((type) => ownMethod(type, name))
      .find((found) => found !== undefined);
    if (method) return method(context, self, a, b);
    throw self === null
      ? new ScaiCoreError('NullError', `null has no '${name}'`)
      : new ScaiCoreError('TypeError', `${kindName(self)} has no '${name}'`);
  };
}

function ownMethod(on: string, name: string): StdMethod | undefined {
  const methods = Object.hasOwn(STD_METHODS, on) ? STD_METHODS[on] : undefined;
  return methods && Object.hasOwn(methods, name) ? methods[name] : undefined;
}

/** What a value may be, the likeliest first. */
function typesOf(value: JsonValue): readonly string[] {
  if (isList(value)) return ['array'];
  if (isObject(value)) return ['map'];
  switch (typeof value) {
    case 'string':
      return datePartsOf(value)
        ? ['date', 'string']
        : isDatetime(value)
          ? ['datetime', 'string']
          : ['string'];
    case 'number':
      return isInteger(value) ? ['int', 'float', 'money', 'duration'] : ['float', 'money', 'duration'];
    case 'boolean':
      return ['bool'];
    default:
      return [];
  }
}

function isDatetime(value: string): boolean {
  return datetimeMs(value) !== undefined;
}

const NO_CHARGE = { charge: () => undefined, build: () => undefined };
const PROPERTIES: ReadonlySet<string> = new Set([
  'length',
  'first',
  'last',
  'year',
  'month',
  'day',
  'weekday',
  'hour',
  'minute',
  'second',
  'date',
]);

/** The property of that name of a list, a text or a date that turns up where an object was expected. */
export function propertyOf(value: JsonValue, name: string): ((value: JsonValue) => JsonValue) | undefined {
  if (!PROPERTIES.has(name)) return undefined;
  const method = typesOf(value)
    .map((type) => ownMethod(type, name))
    .find((found) => found !== undefined);
  return method && ((self) => method(NO_CHARGE, self, undefined, undefined));
}
