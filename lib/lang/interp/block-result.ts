// The values of blocks of plain statements, and of bodies of blocks.
import type { IRBlock, IRExpr, IRStmt } from '../ir/ir.ts';

/** The value of plain statements is that of an expression at their end. */
export function withResult(
  statements: readonly IRStmt[],
  name: string | null | undefined,
): readonly IRStmt[] {
  if (name === undefined || name === null) return statements;
  const last = statements.at(-1);
  // The builder wrote the value where it belongs.
  if (last && setsName(last, name)) return statements;
  const isPlain = last?.kind === 'expression' && last.result_binding === undefined;
  return [
    ...(isPlain ? statements.slice(0, -1) : statements),
    { kind: 'assign', target: { name }, value: last ? valueOf(last) : NULL },
  ];
}

/**
 * The value of a body is that of its last block, if that one is not bound to another name: then these are the blocks, the last
 * one giving its value to `name`. Undefined: its value is null.
 */
export function withBodyResult(blocks: readonly IRBlock[], name: string): readonly IRBlock[] | undefined {
  const last = blocks.at(-1);
  const isBound = typeof last?.result_binding === 'string' && last.result_binding !== name;
  return last && !isBound ? [...blocks.slice(0, -1), { ...last, result_binding: name }] : undefined;
}

const NULL: IRExpr = { kind: 'literal', value: null };

/** Whether the statement sets the name on every way through it that reaches its end. */
function setsName(statement: IRStmt, name: string): boolean {
  if (leaves(statement)) return true;
  const endsSetting = (body: readonly IRStmt[]): boolean => {
    const last = body.at(-1);
    return last !== undefined && setsName(last, name);
  };
  if (statement.kind === 'if') return endsSetting(statement.then) && endsSetting(statement.otherwise ?? []);
  if (statement.kind === 'match') return statement.arms.every(({ body }) => endsSetting(body));
  if (statement.kind === 'block') return statement.block.result_binding === name;
  return bindingNameOf(statement) === name;
}

/** Whether nothing behind the statement runs. The builder writes no value there (ir/last-value.ts). */
function leaves(statement: IRStmt): boolean {
  switch (statement.kind) {
    case 'return':
    case 'break':
    case 'continue':
      return true;
    case 'if':
      return statement.then.some(leaves) && (statement.otherwise ?? []).some(leaves);
    case 'block':
      return blockLeaves(statement.block);
    default:
      return false;
  }
}

function blockLeaves(block: IRBlock): boolean {
  if (block.kind === 'rigid') return block.statements.some(leaves);
  return block.kind === 'budget' && block.body.some(blockLeaves);
}

function bindingNameOf(statement: IRStmt): string | undefined {
  if (statement.kind === 'assign') return statement.target.path ? undefined : statement.target.name;
  return 'result_binding' in statement ? statement.result_binding : undefined;
}

/** A call at the end was an expression in source, if the builder made up the name for what it gives. */
function valueOf(statement: IRStmt): IRExpr {
  if (statement.kind === 'expression') return statement.expression;
  const name = bindingNameOf(statement);
  return name?.startsWith('$') === true && statement.kind !== 'assign' ? { kind: 'ref', name } : NULL;
}
