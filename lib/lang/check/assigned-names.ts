// Which variables a body may write, anywhere in it; also in the arms of a `match` inside of an expression.
import type { Expr, Name, Stmt } from '../syntax/ast.ts';

export type AssignedNames = Map<readonly Stmt[], ReadonlySet<string>>;

/** Anything in a tree: only what is looked for has to be known here. */
interface Node {
  readonly kind?: string;
  readonly target?: Expr | Name;
  readonly binding?: Name;
}

/** Where lists of statements stand. */
const BODIES: ReadonlySet<string> = new Set(['body', 'then', 'otherwise', 'on_validation_failure']);

/** Roots of assignment targets, and bindings; each list of statements is walked once, and then `known`. */
export function assignedNames(statements: readonly Stmt[], known: AssignedNames): ReadonlySet<string> {
  const before = known.get(statements);
  if (before) return before;
  const names = new Set<string>();
  // Expressions may be deeper than the machine's stack: they are walked with a list of what is left.
  const pending: Node[] = [...statements];
  for (let node = pending.pop(); node; node = pending.pop()) {
    const name = node.kind === 'assign' ? rootOf(node.target) : node.binding?.text;
    if (name !== undefined) names.add(name);
    for (const key in node) {
      const value = (node as Readonly<Record<string, unknown>>)[key];
      if (typeof value !== 'object' || value === null || key === 'span') continue;
      if (Array.isArray(value) && BODIES.has(key))
        for (const inner of assignedNames(value as readonly Stmt[], known)) names.add(inner);
      else pending.push(value as Node);
    }
  }
  known.set(statements, names);
  return names;
}

function rootOf(target: Node['target']): string | undefined {
  let root = target && 'kind' in target ? target : undefined;
  while (root?.kind === 'field' || root?.kind === 'index') root = root.object;
  return root?.kind === 'ref' ? root.name : undefined;
}
