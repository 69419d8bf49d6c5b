// Which variables a body may write, anywhere in it.
import type { Stmt } from '../syntax/ast.ts';
import { isStatements } from './check-match.ts';

export type AssignedNames = Map<readonly Stmt[], ReadonlySet<string>>;

/** Roots of assignment targets, and bindings; each list of statements is walked once, and then `known`. */
export function assignedNames(statements: readonly Stmt[], known: AssignedNames): ReadonlySet<string> {
  const before = known.get(statements);
  if (before) return before;
  const names = new Set<string>();
  const addAll = (nested: readonly Stmt[]): void => {
    for (const name of assignedNames(nested, known)) names.add(name);
  };
  for (const statement of statements) {
    const name = assignedName(statement);
    if (name !== undefined) names.add(name);
    for (const nested of nestedStatements(statement)) addAll(nested);
  }
  known.set(statements, names);
  return names;
}

function assignedName(stmt: Stmt): string | undefined {
  if (stmt.kind !== 'assign') return 'binding' in stmt ? stmt.binding?.text : undefined;
  let root = stmt.target;
  while (root.kind === 'field' || root.kind === 'index') root = root.object;
  return root.kind === 'ref' ? root.name : undefined;
}

function nestedStatements(stmt: Stmt): readonly (readonly Stmt[])[] {
  switch (stmt.kind) {
    case 'if':
      return [stmt.then, stmt.otherwise ?? []];
    case 'match':
      return stmt.arms.map(({ body }) => (isStatements(body) ? body : []));
    case 'rigid':
    case 'debug':
    case 'parallel':
    case 'foreach':
    case 'while':
    case 'budget':
      return [stmt.body];
    case 'try':
      return [stmt.body, ...stmt.catches.map(({ body }) => body)];
    case 'checkpoint':
      return (stmt.arms ?? []).map(({ body }) => (isStatements(body) ? body : []));
    case 'flexible':
    case 'guarded':
    case 'model_call':
      return [stmt.on_validation_failure ?? []];
    default:
      return [];
  }
}
