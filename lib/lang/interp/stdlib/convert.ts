// From one type to another. Owns what text is a number, and what happens where a value cannot be converted.
import { ScaiCoreError } from '../errors.ts';
import type { JsonValue } from '../../ir/ir.ts';
import { boundText, finite, INT_MAX, kindName, roundMoney, TEXT_MAX, toText } from '../values.ts';
import { parseDate, parseDatetime, parseDuration } from './time.ts';
import { type StdContext, type StdFunction, text, valueOf } from './std.ts';
import { sized } from '../value-size.ts';

const INT = /^[+-]?\d+$/;
const FLOAT = /^[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?$/;
/** As deep as values may be where they leave the engine. */
const JSON_DEPTH_MAX = 64;

export function intFromText(value: string): number | undefined {
  const trimmed = value.trim();
  if (!INT.test(trimmed)) return undefined;
  const number = Number(trimmed);
  return Math.abs(number) <= INT_MAX ? number + 0 : undefined;
}

export function floatFromText(value: string): number | undefined {
  const trimmed = value.trim();
  if (trimmed.length > 400 || !FLOAT.test(trimmed)) return undefined;
  const number = Number(trimmed);
  return number - number === 0 ? number + 0 : undefined;
}

function notA(value: JsonValue, type: string): ScaiCoreError {
  if (value === null) return new ScaiCoreError('NullError', `null is no ${type}`);
  const shown = typeof value === 'string' ? JSON.stringify(value.slice(0, 80)) : kindName(value);
  return new ScaiCoreError('TypeError', `${shown} is no ${type}`);
}

/** Cuts off digits after the point, as `to_int` does. */
export function truncated(value: number): number {
  const whole = Math.trunc(value) + 0;
  if (Math.abs(whole) > INT_MAX) throw new ScaiCoreError('ArithmeticError', `${value} is beyond 2^53`);
  return whole;
}

function toInt(value: JsonValue): number {
  if (typeof value === 'number') return truncated(value);
  if (typeof value === 'boolean') return value ? 1 : 0;
  const found = typeof value === 'string' ? intFromText(value) : undefined;
  if (found === undefined) throw notA(value, 'int');
  return found;
}

function toFloat(value: JsonValue, type: string): number {
  if (typeof value === 'number') return value;
  const found = typeof value === 'string' ? floatFromText(value) : undefined;
  if (found === undefined) throw notA(value, type);
  return found;
}

function toBool(value: JsonValue): boolean {
  if (typeof value === 'boolean') return value;
  if (value === 'true' || value === 1) return true;
  if (value === 'false' || value === 0) return false;
  throw notA(value, 'bool');
}

export const CONVERSIONS: Readonly<Record<string, StdFunction>> = {
  int: (_x, value) => toInt(valueOf(value)),
  float: (_x, value) => finite(toFloat(valueOf(value), 'float')),
  string: (_x, value) => toText(valueOf(value)),
  bool: (_x, value) => toBool(valueOf(value)),
  money: (_x, value) => roundMoney(toFloat(valueOf(value), 'money')),
  date: (_x, value) => parseDate(text(value)),
  datetime: (_x, value) => parseDatetime(text(value)),
  duration: (_x, value) => (typeof value === 'number' ? value : parseDuration(text(value))),
  'json.parse': (x, value) => parseJson(x, text(value)),
  'json.stringify': (x, value) => {
    const json = boundText(JSON.stringify(sized(valueOf(value))));
    x.charge(json.length >> 6);
    x.build(json.length >> 3);
    return json;
  },
};

function parseJson(context: StdContext, json: string): JsonValue {
  if (json.length > TEXT_MAX) throw new ScaiCoreError('TypeError', 'the JSON text is too long');
  context.charge(json.length >> 5);
  context.build(json.length >> 1);
  let value: JsonValue;
  try {
    value = JSON.parse(json) as JsonValue;
  } catch (error) {
    throw new ScaiCoreError('TypeError', 'the text is no JSON', {}, { cause: error });
  }
  const problem = foreignProblem(value);
  if (problem !== undefined) throw new ScaiCoreError('TypeError', `the JSON text ${problem}`);
  return value;
}

/** What makes a value from outside unfit for a program, in words: no JSON data, too deep, or a key that is none (V2). */
export function foreignProblem(value: unknown, depth = 0): string | undefined {
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return undefined;
    case 'number':
      return value - value === 0 ? undefined : 'has a number that is not finite';
    case 'object':
      break;
    default:
      return `has a value that is no data: ${typeof value}`;
  }
  if (value === null) return undefined;
  if (depth > JSON_DEPTH_MAX) return `is nested deeper than ${JSON_DEPTH_MAX} levels`;
  for (const [name, item] of Array.isArray(value) ? value.entries() : Object.entries(value)) {
    if (name === '__proto__') return `has a key '__proto__'`;
    const problem = foreignProblem(item, depth + 1);
    if (problem !== undefined) return problem;
  }
  return undefined;
}
