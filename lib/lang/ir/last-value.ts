// The value of a list of statements: that of its last expression, or of a last `match` without a name; else null.
import type { Name, Stmt } from '../syntax/ast.ts';

/** Whether nothing behind the statement runs, whatever happens in it. */
export function endsAlways(stmt: Stmt): boolean {
  switch (stmt.kind) {
    case 'return':
    case 'break':
    case 'continue':
      return true;
    case 'if':
      return stmt.then.some(endsAlways) && (stmt.otherwise ?? []).some(endsAlways);
    case 'rigid':
    case 'budget':
      return stmt.body.some(endsAlways);
    default:
      return false;
  }
}

/** The same statements, and at their end `name` has their value, if the end is reached. */
export function withLastValue(name: Name, stmts: readonly Stmt[]): readonly Stmt[] {
  const last = stmts.at(-1);
  if (last && endsAlways(last)) return stmts;
  const { span } = name;
  const target = { kind: 'ref', name: name.text, span, id: -1 } as const;
  if (last?.kind === 'expression')
    return [...stmts.slice(0, -1), { kind: 'assign', span: last.span, target, value: last.value }];
  if (last?.kind === 'match' && !last.binding) return [...stmts.slice(0, -1), { ...last, binding: name }];
  return [...stmts, { kind: 'assign', span, target, value: { kind: 'null', span, id: -1 } }];
}
