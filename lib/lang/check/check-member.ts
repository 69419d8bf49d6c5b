// What stands behind a dot without a call: fields of values, properties, and the parts of the core (E209, E302, E303).
import type { Expr, Name } from '../syntax/ast.ts';
import { DYNAMIC, INT, NEVER, optionalOf, STRING } from '../types/construct.ts';
import { printType } from '../types/print-type.ts';
import { METHOD_SIGNATURES, type Signature, substitute } from '../types/signature.ts';
import type { Type } from '../types/type.ts';
import { TypeArguments } from '../types/type-arguments.ts';
import { fieldType } from '../types/type-table.ts';
import { reportNull } from './assignability.ts';
import type { Body } from './body.ts';
import { isVariable, ROOTS, usePlugin } from './check-name.ts';
import type { MethodReceiver } from './checked.ts';
import { exportedNames } from './declarations.ts';
import { EFFECT } from './effects.ts';
import { narrowedType } from './narrowing.ts';
import { didYouMean } from '../source/nearest.ts';
import { MEMBER_WORDS } from './other-languages.ts';

type FieldExpr = Expr & { readonly kind: 'field' };

export function inferField(body: Body, expr: FieldExpr): Type {
  const type = inferDeclaredField(body, expr);
  return narrowedType(body, expr) ?? type;
}

/** As declared, whatever is known at this point: what may be assigned to it. */
export function inferDeclaredField(body: Body, expr: FieldExpr, isTarget = false): Type {
  const { object, name } = expr;
  const root = object.kind === 'ref' && !isVariable(body, object.name) ? object : undefined;
  if (root) {
    const type = inferOfRoot(body, expr, root, isTarget);
    if (type) return type;
  }
  const type = isTarget && object.kind === 'field' ? targetField(body, object) : body.infer(object);
  return memberType(body, expr, object, type, name);
}

function targetField(body: Body, object: FieldExpr): Type {
  const type = narrowedType(body, object) ?? inferDeclaredField(body, object, true);
  return body.program.setType(object, type);
}

/** `memory.f`, `config.x`, `core.identity` and what looks like them; undefined if the name in front is none of these. */
function inferOfRoot(
  body: Body,
  expr: FieldExpr,
  root: Expr & { readonly kind: 'ref' },
  isTarget: boolean,
): Type | undefined {
  const { program } = body;
  if (ROOTS.has(root.name)) {
    program.setType(root, DYNAMIC);
    return inferCorePart(body, expr, root, isTarget);
  }
  if (program.tables.plugins.has(root.name)) {
    usePlugin(body, root, root.name);
    const hint = `call it: ${root.name}.${expr.name.text}(…)`;
    body.error('E303', expr.name.span, 'plugins have methods, and no values', { hint });
    return DYNAMIC;
  }
  const declaration = body.scope.names.get(root.name);
  if (declaration?.kind !== 'namespace') return undefined;
  program.usedDeclarations.add(declaration);
  const member = declaration.scope.names.get(expr.name.text);
  const message = member
    ? `'${root.name}.${expr.name.text}' is no value`
    : `'${root.name}' has no '${expr.name.text}'`;
  body.error('E200', expr.span, message, didYouMean(expr.name.text, exportedNames(declaration.scope)));
  return DYNAMIC;
}

function inferCorePart(
  body: Body,
  expr: FieldExpr,
  root: Expr & { readonly kind: 'ref' },
  isTarget: boolean,
): Type {
  const { tables } = body.program;
  const { text: name, span } = expr.name;
  switch (root.name) {
    case 'memory': {
      body.program.setResolution(root, { kind: 'memory_root' });
      const field = tables.memory.get(name);
      if (!field) return reportNoField(body, expr, 'memory', tables.memory.keys());
      body.program.setResolution(expr, { kind: 'memory', field: name });
      if (isTarget) return field.type;
      body.effect(EFFECT.memoryRead, span, 'reading memory');
      return memoryType(body, field.type);
    }
    case 'reference': {
      body.program.setResolution(root, { kind: 'reference_root' });
      const field = tables.reference.get(name);
      if (!field) return reportNoField(body, expr, 'reference', tables.reference.keys());
      body.program.setResolution(expr, { kind: 'reference', field: name });
      return field.type;
    }
    case 'config': {
      body.program.setResolution(root, { kind: 'config_root' });
      const param = tables.config.get(name);
      if (!param) return reportNoField(body, expr, 'config', tables.config.keys());
      body.program.setResolution(expr, { kind: 'config', name });
      return param.type;
    }
    default:
      body.program.setResolution(root, { kind: 'core_root' });
      if (name !== 'identity') return reportNoField(body, expr, 'core', ['identity']);
      body.program.setResolution(expr, { kind: 'identity' });
      return DYNAMIC;
  }
}

/** A field that nothing was written to reads as null, unless it is a list or a map, which is empty then. */
export function memoryType(body: Body, declared: Type): Type {
  const { kind } = body.program.table.expand(declared);
  return kind === 'array' || kind === 'map' ? declared : optionalOf(declared);
}

function reportNoField(body: Body, expr: FieldExpr, root: string, known: Iterable<string>): Type {
  // Files without a core are parts of programs that have one.
  if (body.program.tables.hasCore || root === 'core') {
    const message = `${root} has no field '${expr.name.text}'`;
    body.error('E209', expr.name.span, message, didYouMean(expr.name.text, known));
  }
  return DYNAMIC;
}

/** Of a value; sets the resolution of `expr`. */
export function memberType(body: Body, expr: FieldExpr, object: Expr, type: Type, name: Name): Type {
  const { table } = body.program;
  let whole = table.expand(type);
  if (table.isNullable(whole)) {
    reportNull(body, object, type);
    whole = table.expand(table.nonNull(whole));
  }
  if (whole.kind === 'dynamic' || whole.kind === 'never') {
    body.program.setResolution(expr, { kind: 'field', name: name.text });
    return DYNAMIC;
  }
  if (whole.kind === 'union' && !table.isStringLike(whole)) return unionMember(body, expr, whole, name);
  if (whole.kind === 'object') {
    const field = table.fieldOf(whole, name.text);
    if (field) {
      body.program.setResolution(expr, { kind: 'field', name: name.text });
      return fieldType(field);
    }
  }
  return (
    propertyType(body, expr, whole, name) ?? reportNoMember(body, expr, whole, name, table.nonNull(type))
  );
}

function unionMember(
  body: Body,
  expr: FieldExpr,
  union: Type & { readonly kind: 'union' },
  name: Name,
): Type {
  const { table } = body.program;
  body.program.setResolution(expr, { kind: 'field', name: name.text });
  let result: Type = NEVER;
  for (const member of union.members) {
    const whole = table.expand(member);
    if (whole.kind === 'dynamic') return DYNAMIC;
    const field = whole.kind === 'object' ? table.fieldOf(whole, name.text) : undefined;
    if (!field) return reportNoMember(body, expr, member, name);
    result = table.join(result, fieldType(field));
  }
  return result;
}

function propertyType(body: Body, expr: FieldExpr, type: Type, name: Name): Type | undefined {
  const found = findMember(body, type, name.text);
  if (found && !found.signature.params) {
    body.program.setResolution(expr, { kind: 'property', on: found.on, name: name.text });
    return substitute(found.signature.result, found.known);
  }
  if (type.kind !== 'map' || body.program.table.expand(type.value).kind !== 'dynamic') return undefined;
  body.program.setResolution(expr, { kind: 'field', name: name.text });
  return DYNAMIC;
}

/** Which member somebody may have meant, also by the name that it has in other languages. */
export function memberHint(body: Body, type: Type, name: string): { readonly hint?: string } {
  const names = [...memberNames(body, type)];
  const meant = MEMBER_WORDS.get(name);
  return meant !== undefined && names.includes(meant)
    ? { hint: `write '${meant}'` }
    : didYouMean(name, names);
}

function reportNoMember(body: Body, expr: FieldExpr, type: Type, name: Name, named = type): Type {
  const found = findMember(body, type, name.text);
  body.program.setResolution(expr, { kind: 'field', name: name.text });
  if (found) {
    const hint = `call it: ${name.text}(…)`;
    body.error('E303', name.span, `'${name.text}' of ${printType(named)} is a method`, { hint });
  } else if (type.kind === 'map') {
    const hint = `write '.get("${name.text}")'`;
    body.error('E302', name.span, `${printType(named)} has no field '${name.text}'`, { hint });
  } else {
    const hint = memberHint(body, type, name.text);
    body.error('E302', name.span, `${printType(named)} has no field '${name.text}'`, hint);
  }
  return DYNAMIC;
}

// ---- Members of the standard library ----

export interface Member {
  readonly on: MethodReceiver;
  readonly signature: Signature;
  /** What the receiver says about T, K and V. */
  readonly known: TypeArguments;
}

/** `type` is expanded and not null. */
export function findMember(body: Body, type: Type, name: string): Member | undefined {
  for (const on of receiversOf(body, type)) {
    const signature = METHOD_SIGNATURES.get(on)?.get(name);
    if (signature) return { on, signature, known: knownOf(body, type) };
  }
  return undefined;
}

const ON_STRING: readonly MethodReceiver[] = ['string'];
const ON_ARRAY: readonly MethodReceiver[] = ['array'];
const ON_MAP: readonly MethodReceiver[] = ['map'];
const ON_INT: readonly MethodReceiver[] = ['int', 'float'];

/** Enums are text at run time, ints are floats too, objects are maps of what is in them. */
function receiversOf(body: Body, type: Type): readonly MethodReceiver[] {
  if (body.program.table.isStringLike(type)) return ON_STRING;
  switch (type.kind) {
    case 'array':
      return ON_ARRAY;
    case 'map':
    case 'object':
      return ON_MAP;
    case 'enum':
      return ON_STRING;
    case 'primitive':
      switch (type.name) {
        case 'int':
          return ON_INT;
        case 'email':
        case 'url':
        case 'uuid':
          return ON_STRING;
        default:
          return [type.name];
      }
    default:
      return [];
  }
}

function knownOf(body: Body, type: Type): TypeArguments {
  if (type.kind === 'array') return new TypeArguments({ T: type.item });
  if (type.kind === 'map') return new TypeArguments({ K: type.key, V: type.value });
  if (type.kind !== 'object') return new TypeArguments();
  const value = type.fields.reduce<Type>(
    (joined, field) => body.program.table.join(joined, fieldType(field)),
    NEVER,
  );
  return new TypeArguments({ K: STRING, V: value.kind === 'never' ? DYNAMIC : value });
}

export function* memberNames(body: Body, type: Type): Generator<string> {
  if (type.kind === 'object') for (const { name } of type.fields) yield name;
  for (const on of receiversOf(body, type)) yield* METHOD_SIGNATURES.get(on)?.names ?? [];
}

// ---- Indexes ----

export function inferIndex(body: Body, expr: Expr & { readonly kind: 'index' }): Type {
  const { table: types } = body.program;
  const type = body.infer(expr.object);
  let whole = types.expand(type);
  if (types.isNullable(whole)) {
    reportNull(body, expr.object, type);
    whole = types.expand(types.nonNull(whole));
  }
  switch (whole.kind) {
    case 'array':
      body.check(expr.index, INT);
      return whole.item;
    case 'map':
      body.check(expr.index, whole.key);
      return optionalOf(whole.value);
    case 'object':
      return objectIndex(body, expr, whole);
    default:
      if (types.isStringLike(whole)) {
        body.check(expr.index, INT);
        return STRING;
      }
      body.infer(expr.index);
      if (whole.kind !== 'dynamic' && whole.kind !== 'never')
        body.error('E308', expr.object.span, `${printType(type)} has no index`);
      return DYNAMIC;
  }
}

function objectIndex(
  body: Body,
  expr: Expr & { readonly kind: 'index' },
  object: Type & { readonly kind: 'object' },
): Type {
  body.check(expr.index, STRING);
  if (expr.index.kind !== 'string') return DYNAMIC;
  const field = body.program.table.fieldOf(object, expr.index.value);
  if (field) return fieldType(field);
  const names = object.fields.map(({ name }) => name);
  const message = `${printType(object)} has no field '${expr.index.value}'`;
  body.error('E302', expr.index.span, message, didYouMean(expr.index.value, names));
  return DYNAMIC;
}
