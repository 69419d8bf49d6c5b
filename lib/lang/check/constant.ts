// Values that are known without running anything.
import type { JsonValue } from '../ir/ir.ts';
import type { Expr } from '../syntax/ast.ts';

/** Of literals and of lists and objects of them; undefined for everything else. Symbols are their names. */
export function constantOf(expr: Expr): JsonValue | undefined {
  switch (expr.kind) {
    case 'int':
    case 'float':
    case 'string':
    case 'bool':
    case 'duration':
    case 'date':
    case 'datetime':
    case 'uri':
      return expr.value;
    case 'symbol':
      return expr.name;
    case 'null':
      return null;
    case 'unary': {
      const value = expr.op === '-' ? constantOf(expr.value) : undefined;
      return typeof value === 'number' ? -value : undefined;
    }
    case 'list':
      return constantList(expr.items);
    case 'object':
      return constantObject(expr);
    default:
      return undefined;
  }
}

function constantList(items: readonly Expr[]): JsonValue | undefined {
  const values: JsonValue[] = [];
  for (const item of items) {
    const value = constantOf(item);
    if (value === undefined) return undefined;
    values.push(value);
  }
  return values;
}

function constantObject(expr: Expr & { readonly kind: 'object' }): JsonValue | undefined {
  const fields: [string, JsonValue][] = [];
  for (const { name, value } of expr.fields) {
    const constant = constantOf(value);
    if (constant === undefined) return undefined;
    fields.push([name.text, constant]);
  }
  return Object.fromEntries(fields);
}

/** `"text"` and `:symbol` alike, and a bare name where one may stand. */
export function wordOf(expr: Expr): string | undefined {
  if (expr.kind === 'string') return expr.value;
  return expr.kind === 'symbol' || expr.kind === 'ref' ? expr.name : undefined;
}
