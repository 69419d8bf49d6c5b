// Assignments, and names that blocks bind: what may be written, and what it then is (E201, E300, E307).
import type { AssignStmt, Expr, Name, TypeNode } from '../syntax/ast.ts';
import { bounded, DYNAMIC, STRING, widen } from '../types/construct.ts';
import { printType } from '../types/print-type.ts';
import type { Type } from '../types/type.ts';
import { requireFit } from './assignability.ts';
import type { Body, Variable } from './body.ts';
import { inferDeclaredField, inferIndex, memoryType } from './check-member.ts';
import { isVariable, ROOTS } from './check-name.ts';
import { EFFECT } from './effects.ts';
import { narrowAssigned } from './narrowing.ts';

export function checkAssign(body: Body, stmt: AssignStmt): void {
  const { target, value } = stmt;
  if (target.kind === 'ref') {
    assignVariable(body, target, stmt);
    return;
  }
  if (target.kind !== 'field' && target.kind !== 'index') {
    body.infer(value);
    if (target.kind !== 'expr_error')
      body.error('E307', target.span, 'only names, and fields and items of them, can be written');
    return;
  }
  if (stmt.type) {
    body.program.resolveType(stmt.type, body.scope);
    body.error('E113', stmt.type.span, 'only a variable has a type of its own');
  }
  if (!isWritable(body, target)) {
    body.infer(value);
    return;
  }
  const declared = inferTarget(body, target);
  body.check(value, declared);
  narrowAssigned(body, target, knownAfter(body, declared, body.program.typeOf(value)));
}

/** What is known of a place of type `declared` when something of type `value` was written to it. */
function knownAfter(body: Body, declared: Type, value: Type): Type | undefined {
  const { table } = body.program;
  const isSure = value.kind !== 'dynamic' && value.kind !== 'never' && !table.isNullable(value);
  if (table.isNullable(declared)) return isSure ? table.nonNull(declared) : undefined;
  // Memory reads as null until something is written to it.
  return isSure && memoryType(body, declared) !== declared ? declared : undefined;
}

function inferTarget(body: Body, target: Expr): Type {
  if (target.kind === 'field') return body.program.setType(target, inferDeclaredField(body, target, true));
  if (target.kind !== 'index') return body.infer(target);
  const { table } = body.program;
  const object = table.expand(
    target.object.kind === 'field' || target.object.kind === 'index'
      ? inferTarget(body, target.object)
      : body.infer(target.object),
  );
  // What `m[key]` reads may be null; what is written is a value of the map.
  if (object.kind === 'map') {
    body.check(target.index, object.key);
    return body.program.setType(target, object.value);
  }
  if (object.kind === 'dynamic') {
    body.infer(target.index);
    return body.program.setType(target, DYNAMIC);
  }
  if (table.isStringLike(object)) {
    body.error('E307', target.span, 'the letters of a text cannot be written');
    body.infer(target.index);
    return body.program.setType(target, STRING);
  }
  return body.program.setType(target, inferIndex(body, target));
}

/** Looks at the root of a path, and notes the effect. */
function isWritable(body: Body, target: Expr): boolean {
  let root = target;
  while (root.kind === 'field' || root.kind === 'index') root = root.object;
  if (root.kind !== 'ref') {
    const isName = root.kind === 'expr_error';
    if (!isName) body.error('E307', target.span, 'only names, and fields and items of them, can be written');
    return isName;
  }
  if (isVariable(body, root.name)) return isWritableVariable(body, root);
  const isTest = body.kind === 'test';
  switch (root.name) {
    case 'memory':
      if (!isTest) body.effect(EFFECT.memoryWrite, target.span, 'writing memory');
      return true;
    case 'reference':
    case 'config':
      if (!isTest) body.error('E307', target.span, `${root.name} can only be read`);
      return isTest;
    case 'core':
      body.error('E307', target.span, 'core can only be read');
      return false;
    default:
      return true;
  }
}

function isWritableVariable(body: Body, ref: Expr & { readonly kind: 'ref' }): boolean {
  const variable = body.variables.get(ref.name);
  if (!variable || variable.kind === 'local') return true;
  const what = variable.kind === 'pseudo' ? 'cannot be written' : 'is a parameter and cannot be written';
  const hint = 'give the new value a name of its own';
  body.error('E307', ref.span, `'${ref.name}' ${what}`, { hint });
  return false;
}

function assignVariable(body: Body, target: Expr & { readonly kind: 'ref' }, stmt: AssignStmt): void {
  const { value } = stmt;
  const name: Name = { text: target.name, span: target.span };
  const declared = stmt.type && body.program.resolveType(stmt.type, body.scope);
  const known = isVariable(body, target.name) ? body.variables.get(target.name) : undefined;
  const type = body.infer(value, declared ?? known?.declared);
  bindName(body, name, type, { declared, value, typeNode: stmt.type });
  body.program.setType(target, body.flow.get(target.name)?.type ?? declared ?? widen(type));
  const resolution = body.variables.get(target.name)?.resolution ?? { kind: 'local', name: target.name };
  body.program.setResolution(target, resolution);
}

interface Bound {
  readonly declared?: Type | undefined;
  readonly typeNode?: TypeNode | undefined;
  /** What was written; blocks have none, they are judged by their type. */
  readonly value?: Expr;
  /** What can come is known, and stays so: the options of a checkpoint. */
  readonly isExact?: boolean;
}

/** Gives a name a value; the first time, that declares the variable. */
export function bindName(body: Body, name: Name, type: Type, bound: Bound = {}): void {
  if (!isFreeName(body, name)) return;
  body.writes += 1;
  const variable = body.variables.get(name.text);
  const fact = body.flow.get(name.text);
  if (variable && fact) {
    rebind(body, variable, name, type, bound);
    return;
  }
  const { declared } = bound;
  if (declared) {
    requireBound(body, name, type, declared, bound);
    body.declare(name, declared, 'local');
    body.flow.set(name.text, { set: 'yes', type: knownAfter(body, declared, type) });
    return;
  }
  // Another way through the flow may have used the name for something else.
  const wide = bounded(bound.isExact === true ? type : widen(type));
  const isAgain = variable?.isInferred === true && !variable.isScoped;
  const joined = isAgain ? body.program.table.join(variable.declared, wide) : wide;
  if (isAgain) variable.declared = joined;
  else body.declare(name, joined, 'local', { isInferred: true });
  body.flow.set(name.text, { set: 'yes', type: wide });
}

function rebind(body: Body, variable: Variable, name: Name, type: Type, bound: Bound): void {
  if (!isWritableVariable(body, { kind: 'ref', id: -1, name: name.text, span: name.span })) return;
  const { table } = body.program;
  if (bound.declared && bound.typeNode && !table.isAssignable(bound.declared, variable.declared)) {
    const message = `'${name.text}' is ${printType(variable.declared)} already`;
    body.error('E201', bound.typeNode.span, message);
  }
  const isEnum = table.expand(variable.declared).kind === 'enum' && table.expand(type).kind === 'enum';
  if (variable.isInferred && isEnum) variable.declared = table.join(variable.declared, type);
  else requireBound(body, name, type, variable.declared, bound, variable);
  const known = knownAfter(body, variable.declared, type);
  body.flow.set(name.text, { set: 'yes', type: known ?? (isEnum ? type : undefined) });
}

function requireBound(
  body: Body,
  name: Name,
  type: Type,
  declared: Type,
  bound: Bound,
  variable?: Variable,
): void {
  const { table } = body.program;
  if (table.isAssignable(type, declared) && bound.value?.kind !== 'object') return;
  const isWider = variable?.isInferred === true && table.isNumeric(type) && table.isNumeric(declared);
  if (isWider) {
    const hint = `declare it as '${name.text}: ${printType(type)} = …'`;
    const { source } = body.scope.module.file;
    const related = [{ source, span: variable.span, message: `${printType(declared)} since here` }];
    const message = `expected ${printType(declared)}, found ${printType(type)}`;
    body.error('E300', bound.value?.span ?? name.span, message, { hint, related });
  } else if (bound.value) requireFit(body, bound.value, declared);
  else body.error('E300', name.span, `expected ${printType(declared)}, found ${printType(type)}`);
}

/** Names that mean something else everywhere cannot be variables. */
function isFreeName(body: Body, name: Name): boolean {
  const { tables } = body.program;
  const what = ROOTS.has(name.text)
    ? 'a part of the core'
    : tables.plugins.has(name.text)
      ? 'a plugin'
      : body.scope.names.get(name.text)?.kind === 'namespace'
        ? 'an imported file'
        : undefined;
  if (what === undefined) return true;
  body.error('E201', name.span, `'${name.text}' is ${what}: choose another name`);
  return false;
}
