// What functions of the standard library are, and how they read their arguments. The checker has seen to the types, but
// values of plugins and models are checked only here.
import { ScaiCoreError } from '../errors.ts';
import type { JsonValue } from '../../ir/ir.ts';
import { isList, isObject, type JsonObject, kindName, wrongKind } from '../values.ts';

export type Lambda = (first: JsonValue, second: JsonValue) => JsonValue;
export type StdArg = JsonValue | Lambda | undefined;
export interface StdContext {
  /** Pays for work in proportion to its size. @throws FuelError */
  charge(steps: number): void;
  /** Makes room for items that are built. @throws SizeError */
  build(items: number): void;
}
export type StdMethod = (context: StdContext, self: JsonValue, a: StdArg, b: StdArg) => JsonValue;
export type StdFunction = (context: StdContext, a: StdArg, b: StdArg, c: StdArg) => JsonValue;

export type StdMethods = Readonly<Record<string, StdMethod>>;

const isLambda = (value: StdArg): value is Lambda => typeof value === 'function';

export function valueOf(value: StdArg): JsonValue {
  if (isLambda(value)) throw new ScaiCoreError('TypeError', 'expected a value, found a lambda');
  return value ?? null;
}

export function text(value: StdArg): string {
  if (typeof value !== 'string') throw wrongKind(valueOf(value), 'text');
  return value;
}

export function optionalText(value: StdArg, fallback: string): string {
  return value === undefined || value === null ? fallback : text(value);
}

export function num(value: StdArg): number {
  if (typeof value !== 'number') throw wrongKind(valueOf(value), 'a number');
  return value;
}

export function whole(value: StdArg): number {
  if (typeof value !== 'number' || !Number.isInteger(value))
    throw wrongKind(valueOf(value), 'a whole number');
  return value;
}

export function optionalWhole(value: StdArg, fallback: number): number {
  return value === undefined || value === null ? fallback : whole(value);
}

/** A number of things; below zero is none. */
export function count(value: StdArg): number {
  return Math.max(0, whole(value));
}

export function list(value: StdArg): readonly JsonValue[] {
  if (isLambda(value) || !isList(value)) throw wrongKind(valueOf(value), 'a list');
  return value;
}

export function object(value: StdArg): JsonObject {
  if (isLambda(value) || !isObject(value)) throw wrongKind(valueOf(value), 'a map or an object');
  return value;
}

export function lambda(value: StdArg): Lambda {
  if (!isLambda(value)) throw new ScaiCoreError('TypeError', 'expected a lambda');
  return value;
}

export function optionalLambda(value: StdArg): Lambda | undefined {
  return value === undefined || value === null ? undefined : lambda(value);
}

export function truth(value: JsonValue): boolean {
  if (typeof value !== 'boolean')
    throw new ScaiCoreError('TypeError', `the lambda has to give true or false, not ${kindName(value)}`);
  return value;
}
