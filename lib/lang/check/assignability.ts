// Whether an expression fits where it stands, reported at the smallest part that does not: E300, E302, E305, E306, E311.
import type { DiagnosticCode } from '../source/codes.ts';
import type { Expr, ObjectExpr } from '../syntax/ast.ts';
import { printType } from '../types/print-type.ts';
import type { Type } from '../types/type.ts';
import { fieldType } from '../types/type-table.ts';
import type { Body } from './body.ts';
import { didYouMean } from '../source/nearest.ts';

export function checkExpr(body: Body, expr: Expr, expected: Type, code: DiagnosticCode = 'E300'): Type {
  const type = body.infer(expr, expected);
  requireFit(body, expr, expected, code);
  return type;
}

/** Of an expression that has been typed already. */
export function requireFit(body: Body, expr: Expr, expected: Type, code: DiagnosticCode = 'E300'): void {
  const { table } = body.program;
  switch (expr.kind) {
    case 'object': {
      const target = table.expand(table.nonNull(expected));
      if (target.kind === 'object') requireFields(body, expr, target, table.nonNull(expected));
      else if (target.kind === 'map')
        for (const { value } of expr.fields) requireFit(body, value, target.value, code);
      else requireType(body, expr, expected, code);
      return;
    }
    case 'list': {
      const target = table.expand(table.nonNull(expected));
      if (target.kind === 'array') for (const item of expr.items) requireFit(body, item, target.item, code);
      else requireType(body, expr, expected, code);
      return;
    }
    case 'conditional':
      requireFit(body, expr.then, expected, code);
      requireFit(body, expr.otherwise, expected, code);
      return;
    default:
      requireType(body, expr, expected, code);
  }
}

function requireFields(
  body: Body,
  expr: ObjectExpr,
  target: Type & { readonly kind: 'object' },
  named: Type,
): void {
  const { table } = body.program;
  const given = new Set<string>();
  for (const { name, value } of expr.fields) {
    given.add(name.text);
    const field = table.fieldOf(target, name.text);
    if (field) requireFit(body, value, fieldType(field));
    else {
      const names = target.fields.map((known) => known.name);
      const message = `${printType(named)} has no field '${name.text}'`;
      body.error('E302', name.span, message, didYouMean(name.text, names));
    }
  }
  for (const field of target.fields) {
    const isMissing = !given.has(field.name) && field.is_optional !== true && !table.isNullable(field.type);
    if (isMissing && field.type.kind !== 'dynamic')
      body.error('E300', expr.span, `field '${field.name}' is missing: ${printType(field.type)}`);
  }
}

function requireType(body: Body, expr: Expr, expected: Type, code: DiagnosticCode): void {
  const { table } = body.program;
  const type = body.program.typeOf(expr);
  if (table.isAssignable(type, expected)) return;
  const nonNull = table.nonNull(type);
  if (nonNull !== type && nonNull.kind !== 'never' && table.isAssignable(nonNull, expected)) {
    reportNull(body, expr, type);
    return;
  }
  if (expr.kind === 'symbol') {
    const symbols = symbolsOf(body, expected);
    if (symbols) {
      const message = `${printType(expected)} has no symbol ':${expr.name}'`;
      body.error('E305', expr.span, message, didYouMean(expr.name, symbols));
      return;
    }
  }
  const message = `expected ${printType(expected)}, found ${printType(type)}`;
  const isBare = expected.kind === 'enum' || table.expand(expected).kind === 'enum';
  const hint = isBare && type.kind === 'literal' ? `write it as a symbol: :${type.value}` : undefined;
  body.error(code, expr.span, message, { hint });
}

export function reportNull(body: Body, expr: Expr, type: Type): void {
  const hint = "look first: 'if x != null { … }', or give a value with '??'";
  body.error('E311', expr.span, `this may be null: ${printType(type)}`, { hint });
}

/** Of a type that consists of nothing but enums (and null). */
function symbolsOf(body: Body, type: Type): readonly string[] | undefined {
  const { table } = body.program;
  const whole = table.expand(table.nonNull(type));
  if (whole.kind === 'enum') return whole.symbols;
  if (whole.kind !== 'union') return undefined;
  const parts = whole.members.map((member) => symbolsOf(body, member));
  return parts.every((part) => part !== undefined) ? parts.flat() : undefined;
}
