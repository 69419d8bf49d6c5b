// Bare names: variables, and everything that is no value by itself (E200, E203, E205).
import type { Expr } from '../syntax/ast.ts';
import { DYNAMIC } from '../types/construct.ts';
import { FUNCTION_SIGNATURES, HOST_SIGNATURES, LIBRARIES } from '../types/signature.ts';
import type { Type } from '../types/type.ts';
import type { Body, Variable } from './body.ts';
import type { CallableDeclaration } from './declarations.ts';
import { meantOrNear } from '../source/nearest.ts';
import { VALUE_WORDS } from './other-languages.ts';

type RefExpr = Expr & { readonly kind: 'ref' };

/** The words that stand for parts of the core; only with a field behind them. */
export const ROOTS: ReadonlySet<string> = new Set(['memory', 'reference', 'config', 'core']);

export function inferRef(body: Body, expr: RefExpr): Type {
  const variable = body.lookUp(expr.name);
  const fact = body.flow.get(expr.name);
  if (variable && fact) return useVariable(body, expr, variable);
  if (variable || !reportOtherUse(body, expr)) reportUndefined(body, expr);
  return DYNAMIC;
}

export function isVariable(body: Body, name: string): boolean {
  return body.variables.has(name) && body.flow.get(name) !== undefined;
}

function useVariable(body: Body, expr: RefExpr, variable: Variable): Type {
  const { name } = expr;
  body.program.setResolution(expr, variable.resolution);
  const fact = body.flow.get(name);
  if (fact?.set === 'maybe' && body.flow.isReachable) {
    const hint = 'give it a value on every way to this place';
    body.error('E200', expr.span, `'${name}' may not be set here`, { hint });
  }
  return fact?.type ?? variable.declared;
}

function reportUndefined(body: Body, expr: RefExpr): void {
  if (body.scope.missingNames.has(expr.name)) return;
  body.error(
    'E200',
    expr.span,
    `there is nothing named '${expr.name}' here`,
    meantOrNear(expr.name, visibleNames(body), VALUE_WORDS),
  );
}

export function* visibleNames(body: Body): Generator<string> {
  for (const name of body.variables.keys()) if (body.flow.get(name)) yield name;
  for (const [name, { kind }] of body.scope.names) if (kind !== 'type') yield name;
  yield* body.program.tables.plugins.keys();
  yield* ROOTS;
}

/** Names that mean something, but no value. */
function reportOtherUse(body: Body, expr: RefExpr): boolean {
  const { name } = expr;
  const use = (what: string, hint: string): boolean => {
    body.error('E200', expr.span, `'${name}' is ${what}, and no value`, { hint });
    return true;
  };
  const callable = callableNamed(body, name);
  if (callable) {
    body.program.setResolution(expr, { kind: 'callable', name: callable.name });
    const { kind } = callable.node;
    return use(`${kind === 'evaluator' ? 'an' : 'a'} ${kind}`, `call it: ${name}(…)`);
  }
  if (ROOTS.has(name)) return use('a part of the core', `name a field: ${name}.field`);
  if (body.program.tables.plugins.has(name)) {
    usePlugin(body, expr, name);
    return use('a plugin', `call a method of it: ${name}.method(…)`);
  }
  if (body.scope.names.get(name)?.kind === 'namespace')
    return use('an imported file', `name something in it`);
  if (LIBRARIES.has(name)) return use('a part of the library', `call a function of it: ${name}.f(…)`);
  if (FUNCTION_SIGNATURES.get(name) ?? HOST_SIGNATURES.get(name))
    return use('a function', `call it: ${name}(…)`);
  return false;
}

/** A flow, transformer, evaluator or pipeline that the file declares or imports; marks it as used. */
export function callableNamed(body: Body, name: string): CallableDeclaration | undefined {
  const declaration = body.scope.names.get(name);
  if (declaration?.kind !== 'callable') return undefined;
  body.program.usedDeclarations.add(declaration);
  return declaration;
}

export function usePlugin(body: Body, expr: RefExpr, alias: string): void {
  body.program.usedPlugins.add(alias);
  body.program.setResolution(expr, { kind: 'plugin', alias });
}
