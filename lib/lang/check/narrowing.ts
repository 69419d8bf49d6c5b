// What conditions tell: behind `x.f != null`, `x.f` is not null. Owns paths (`x.f.g`, `memory.f`) as keys of facts.
import type { Expr } from '../syntax/ast.ts';
import { NULL } from '../types/construct.ts';
import type { Type } from '../types/type.ts';
import type { Body } from './body.ts';

/** More is not remembered of one variable, for what is remembered is copied with each change. */
const PATHS_MAX = 200;

interface Path {
  readonly root: string;
  /** `''` for the root itself. */
  readonly path: string;
}

export function pathOf(expr: Expr): Path | undefined {
  const names: string[] = [];
  let at = expr;
  while (at.kind === 'field') {
    names.push(at.name.text);
    at = at.object;
  }
  return at.kind === 'ref' ? { root: at.name, path: names.reverse().join('.') } : undefined;
}

/** What facts say of an expression; undefined if nothing. */
export function narrowedType(body: Body, expr: Expr): Type | undefined {
  let root = expr;
  while (root.kind === 'field') root = root.object;
  if (root.kind !== 'ref') return undefined;
  const fact = body.flow.get(root.name);
  if (root === expr) return fact?.type;
  // Most often nothing is known, and the path need not be spelt out.
  return fact?.paths?.get(pathOf(expr)?.path ?? '');
}

export function narrow(body: Body, expr: Expr, type: Type): void {
  const at = pathOf(expr);
  if (!at) return;
  const before = body.flow.get(at.root);
  // Of variables that are not set nothing can be known; `memory` and `config` are none.
  if (!before && body.variables.has(at.root)) return;
  const fact = before ?? { set: 'yes' as const };
  if (at.path === '') body.flow.set(at.root, { ...fact, type });
  else if ((fact.paths?.size ?? 0) < PATHS_MAX)
    body.flow.set(at.root, { ...fact, paths: new Map(fact.paths).set(at.path, type) });
}

/** Forgets what is known of and below the target of an assignment, and notes what it is now. */
export function narrowAssigned(body: Body, target: Expr, type: Type | undefined): void {
  body.writes += 1;
  const at = pathOf(target);
  if (at?.root === 'memory') body.memoryWrites += 1;
  if (!at) {
    forget(body, target);
    return;
  }
  const fact = body.flow.get(at.root);
  if (at.path === '') {
    body.flow.set(at.root, { set: 'yes', type });
    return;
  }
  const paths = new Map<string, Type>();
  for (const [path, known] of fact?.paths ?? [])
    if (path !== at.path && !path.startsWith(`${at.path}.`)) paths.set(path, known);
  if (type) paths.set(at.path, type);
  body.flow.set(at.root, { ...(fact ?? { set: 'yes' }), paths });
}

/** Of `x.a[i] = v`: everything below the root may be something else now. */
function forget(body: Body, target: Expr): void {
  let at = target;
  while (at.kind === 'field' || at.kind === 'index') at = at.object;
  if (at.kind !== 'ref') return;
  const fact = body.flow.get(at.name);
  if (fact?.paths) body.flow.set(at.name, { ...fact, paths: undefined });
}

/** Goes on as where `condition` is `truth`. Its parts have been typed; memory may have been written since. */
export function assume(body: Body, condition: Expr, truth: boolean, isMemoryOld = false): void {
  let at = condition;
  let isTrue = truth;
  let skipsMemory = isMemoryOld;
  for (;;) {
    if (at.kind === 'unary' && at.op === '!') {
      at = at.value;
      isTrue = !isTrue;
    } else if (at.kind === 'binary' && at.op === (isTrue ? '&&' : '||')) {
      assume(body, at.right, isTrue, skipsMemory);
      const written = body.unsteady.get(at);
      if (written === 'all') return;
      skipsMemory ||= written === 'memory';
      at = at.left;
    } else break;
  }
  if (at.kind !== 'binary' || (at.op !== '==' && at.op !== '!=')) return;
  const written = body.unsteady.get(at);
  if (written === 'all') return;
  skipsMemory ||= written === 'memory';
  const isEqual = (at.op === '==') === isTrue;
  const assumeOf = (expr: Expr, isNull: boolean): void => {
    if (!skipsMemory || pathOf(expr)?.root !== 'memory') assumeNull(body, expr, isNull);
  };
  if (at.right.kind === 'null') assumeOf(at.left, isEqual);
  else if (at.left.kind === 'null') assumeOf(at.right, isEqual);
  else if (isEqual) assumeEqual(body, at.left, at.right, assumeOf);
}

function assumeNull(body: Body, expr: Expr, isNull: boolean): void {
  const type = body.program.typeOf(expr);
  if (!body.program.table.isNullable(type)) return;
  narrow(body, expr, isNull ? NULL : body.program.table.nonNull(type));
}

/** What equals something that is not null is not null either. */
function assumeEqual(
  body: Body,
  left: Expr,
  right: Expr,
  assumeOf: (expr: Expr, isNull: boolean) => void,
): void {
  const { table } = body.program;
  const isNull = (expr: Expr): boolean => table.isNullable(body.program.typeOf(expr));
  const isUnknown = (expr: Expr): boolean => body.program.typeOf(expr).kind === 'dynamic';
  if (isNull(left) && !isNull(right) && !isUnknown(right)) assumeOf(left, false);
  else if (isNull(right) && !isNull(left) && !isUnknown(left)) assumeOf(right, false);
}
