// The shape of types, patterns and expressions. That expressions are pure follows from their kinds: none has an effect.
import { FUNCTION_SIGNATURES, METHOD_SIGNATURES, type Signature } from '../types/signature.ts';
import type { JsonValue } from './ir.ts';
import { PRIMITIVE_NAMES } from './primitive-values.ts';
import {
  and,
  bool,
  byKind,
  type Check,
  exactly,
  type Fields,
  json,
  type JsonRecord,
  later,
  like,
  list,
  nullable,
  object,
  oneOf,
  text,
} from './shape-kit.ts';
import type { ModulePlace } from './shape-names.ts';

export type ModuleCheck = Check<ModulePlace>;

// ---- Names ----

export const key: ModuleCheck = like(/^[^]*$/, 'a name other than __proto__');
export const identifier: ModuleCheck = like(/^[A-Za-z_][A-Za-z0-9_]*$/, 'a name');
export const bindingName: ModuleCheck = like(
  /^(?:[A-Za-z_]|\$(?=.))[A-Za-z0-9_]*$/,
  'the name of a variable',
);

/** A name that the module declares somewhere. */
export function known(
  what: string,
  names: (place: ModulePlace) => { has(name: string): boolean },
): ModuleCheck {
  return (value, place) => {
    text(value, place);
    if (!names(place).has(value as string))
      throw place.problem(`is '${shown(value)}': there is no such ${what}`);
  };
}

function shown(value: unknown): string {
  return String(value).slice(0, 60);
}

export const binding: ModuleCheck = and(bindingName, (value, place) => {
  place.bind(value as string);
});

// ---- Types ----

const type: ModuleCheck = later(() => anyType);
const typeKind = (name: string, required: Fields<ModulePlace> = {}): ModuleCheck =>
  object({ kind: exactly(name), ...required });
const field = object<ModulePlace>({ name: key, type }, { is_optional: bool });

const anyType = byKind<ModulePlace>(
  {
    primitive: typeKind('primitive', { name: oneOf(PRIMITIVE_NAMES) }),
    array: typeKind('array', { item: type }),
    map: typeKind('map', { key: type, value: type }),
    object: typeKind('object', { fields: list(field) }),
    enum: typeKind('enum', { symbols: list(text) }),
    union: typeKind('union', { members: list(type, 1) }),
    optional: typeKind('optional', { inner: type }),
    named: typeKind('named', { name: known('type', ({ types }) => types) }),
    literal: typeKind('literal', { value: text }),
    null: typeKind('null'),
    dynamic: typeKind('dynamic'),
  },
  'a type',
);
export { anyType as type };

// ---- Patterns ----

const patternOf: ModuleCheck = later(() => pattern);
const patternField: ModuleCheck = and(object({ name: key }, { pattern: patternOf }), (value, place) => {
  const { name, pattern: inner } = value as JsonRecord;
  if (inner === undefined) binding(name, place);
});
export const pattern: ModuleCheck = byKind<ModulePlace>(
  {
    literal: object({ kind: text, value: json }),
    any: object({ kind: text }),
    or: object({ kind: text, options: list(patternOf, 1) }),
    object: object({ kind: text, fields: list(patternField) }),
  },
  'a pattern',
);

// ---- Expressions ----

const exprOf: ModuleCheck = later(() => expr);
const exprKind = (required: Fields<ModulePlace>, optional: Fields<ModulePlace> = {}): ModuleCheck =>
  object({ kind: text, ...required }, optional);

const OPERATORS = '?? || && == != < <= > >= in + - * / %'.split(' ');
export const OPERANDS = 'int float money string bool duration array map any dynamic'.split(' ');
const operands = oneOf(OPERANDS);

const ref = and<ModulePlace>(exprKind({ name: bindingName }), (value, place) => {
  place.use((value as JsonRecord)['name'] as string);
});

const args = list(nullable(exprOf));

/** No more arguments than the signature has parameters, and none of those missing that it needs. */
export function requireCount(given: number, signature: Signature | undefined, place: ModulePlace): void {
  const { params = [] } = signature ?? {};
  const least = params.filter(({ is_optional: isOptional }) => !isOptional).length;
  if (given > params.length || given < least)
    throw place.problem(`has ${given} arguments, where ${least} to ${params.length} are taken`);
}

const call = and<ModulePlace>(exprKind({ function: text, args: list(exprOf) }), (value, place) => {
  const { function: name, args: given } = value as JsonRecord;
  const signature = FUNCTION_SIGNATURES.get(name as string);
  if (!signature) throw place.problem(`calls '${shown(name)}': there is no such function`);
  requireCount((given as readonly JsonValue[]).length, signature, place);
});

export function requireArity(value: JsonRecord, place: ModulePlace): string {
  const flow = value['flow'] as string;
  const most = place.flows.get(flow) ?? 0;
  const given = (value['args'] as readonly JsonValue[]).length;
  if (given > most) throw place.problem(`has ${given} arguments, where '${flow}' takes ${most}`);
  return flow;
}
export const flowName = known('flow', ({ flows }) => flows);
const pureCall = and<ModulePlace>(exprKind({ flow: flowName, args }), (value, place) => {
  place.callsPure(requireArity(value as JsonRecord, place));
});

const lambdaFields = object<ModulePlace>({ kind: text, params: list(bindingName), body: exprOf });
const lambda: ModuleCheck = (value, place) => {
  const { params } = value as JsonRecord;
  const names = Array.isArray(params) ? params.filter((name) => typeof name === 'string') : [];
  place.scoped(names, () => {
    lambdaFields(value, place);
  });
};
const methodArg: ModuleCheck = (value, place) => {
  if (value === null) return;
  if (isLambda(value)) lambda(value, place);
  else expr(value, place);
};
const isLambda = (value: unknown): boolean =>
  typeof value === 'object' && value !== null && (value as JsonRecord)['kind'] === 'lambda';

const RECEIVERS = [...METHOD_SIGNATURES.keys(), 'dynamic'];
const methodFields = exprKind(
  { on: oneOf(RECEIVERS), name: text, receiver: exprOf },
  { args: list(methodArg) },
);
const method = and<ModulePlace>(methodFields, (value, place) => {
  const { on, name, args: given } = value as JsonRecord;
  const all = on === 'dynamic' ? [...METHOD_SIGNATURES.values()] : [METHOD_SIGNATURES.get(on as string)];
  const signatures = all.map((table) => table?.get(name as string)).filter((one) => one !== undefined);
  if (signatures.length === 0) throw place.problem(`'${String(on)}' has no member '${shown(name)}'`);
  const problem = signatures.map((signature) => argsProblem(given, signature));
  const [first] = problem;
  if (first !== undefined && problem.every((one) => one !== undefined)) throw place.problem(first);
});

function argsProblem(given: JsonValue | undefined, { params }: Signature): string | undefined {
  if (!params) return given === undefined ? undefined : 'is a property, and takes no arguments';
  if (!Array.isArray(given)) return 'is a method, and needs its arguments';
  if (given.length > params.length) return `has ${given.length} arguments, where ${params.length} are taken`;
  for (const [index, param] of params.entries()) {
    const arg = (given as readonly JsonValue[])[index] ?? null;
    if (arg === null && !param.is_optional) return `needs its argument '${param.name}'`;
    if (arg !== null && isLambda(arg) !== (param.fn !== undefined))
      return `argument '${param.name}' has to be ${param.fn ? 'a lambda' : 'a value'}`;
  }
  return undefined;
}

const matchArm = object<ModulePlace>({ pattern, value: exprOf }, { guard: exprOf });
const templatePart: ModuleCheck = (value, place) => {
  if (typeof value !== 'string') expr(value, place);
};

export const expr: ModuleCheck = byKind<ModulePlace>(
  {
    literal: exprKind({ value: json }),
    symbol: exprKind({ name: text }),
    ref,
    config: exprKind({ name: known('parameter of @config', ({ config }) => config) }),
    reference: exprKind({ field: known('field of @reference', ({ reference }) => reference) }),
    identity: exprKind({}),
    field: exprKind({ object: exprOf, name: key }),
    index: exprKind({ object: exprOf, index: exprOf }),
    call,
    pure_call: pureCall,
    method,
    binary: exprKind({ op: oneOf(OPERATORS), operands, left: exprOf, right: exprOf }),
    unary: exprKind({ op: oneOf(['!', '-']), operands, value: exprOf }),
    list: exprKind({ items: list(exprOf) }),
    object: exprKind({ fields: list(object({ name: key, value: exprOf })) }),
    template: exprKind({ parts: list(templatePart) }),
    conditional: exprKind({ condition: exprOf, then: exprOf, otherwise: exprOf }),
    match: exprKind({ subject: exprOf, arms: list(matchArm, 1) }),
  },
  'an expression',
);
