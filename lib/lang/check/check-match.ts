// `match` in all its forms: statements, blocks, values, and the arms of checkpoints (E304, E305, W402). An arm sees
// what its pattern binds and, if it cannot be null there, a subject that is not null.
import type { Span } from '../source/source-text.ts';
import type { Expr, MatchArm, Name, Pattern, Stmt } from '../syntax/ast.ts';
import { BOOL, DYNAMIC, NEVER } from '../types/construct.ts';
import { printType } from '../types/print-type.ts';
import type { Type } from '../types/type.ts';
import { fieldType } from '../types/type-table.ts';
import type { Binding, Body } from './body.ts';
import { Coverage } from './coverage.ts';
import type { Branch } from './flow-state.ts';
import { assume, narrow } from './narrowing.ts';
import { didYouMean } from '../source/nearest.ts';

export interface MatchSubject {
  readonly type: Type;
  /** Where it is told what is missing. */
  readonly span: Span;
  /** What is known to be not null in arms; undefined for checkpoints. */
  readonly expr?: Expr;
}

export function isStatements(body: Expr | readonly Stmt[]): body is readonly Stmt[] {
  return !('kind' in body);
}

/** Gives the type of the value: what the arms that are left in the end give. */
export function checkArms(
  body: Body,
  subject: MatchSubject,
  arms: readonly MatchArm[],
  options: { readonly expected?: Type | undefined; readonly isValue?: boolean } = {},
): Type {
  const { table } = body.program;
  const coverage = new Coverage(subject.type, table);
  const branches: Branch[] = [];
  let result: Type = NEVER;
  for (const arm of arms) {
    const isNullLeft = coverage.isNullLeft;
    if (coverage.take(arm.pattern, arm.guard !== undefined))
      body.error('W402', arm.pattern.span, 'no value is left for this arm');
    branches.push(
      body.branch(() => {
        if (subject.expr && !(isNullLeft && fitsNull(arm.pattern)))
          narrow(body, subject.expr, table.nonNull(subject.type));
        const bindings: Binding[] = [];
        checkPattern(body, arm.pattern, subject.type, bindings);
        const type = body.withBindings(bindings, () => checkArm(body, arm, options));
        if (body.flow.isReachable) result = table.join(result, type);
      }),
    );
  }
  const { missing } = coverage;
  if (missing.length > 0) {
    const hint = "add arms, or '_ => …' for all others";
    body.error('E304', subject.span, `no arm for ${missing.slice(0, 5).join(', ')}`, { hint });
  }
  if (branches.length > 0) body.merge(branches);
  return result;
}

function checkArm(
  body: Body,
  arm: MatchArm,
  options: { readonly expected?: Type | undefined; readonly isValue?: boolean },
): Type {
  if (arm.guard) {
    const { guard } = arm;
    body.inPurePlace('the guard of an arm', () => body.check(guard, BOOL));
    assume(body, guard, true);
  }
  const { body: content } = arm;
  if (!isStatements(content)) return body.infer(content, options.expected);
  if (options.isValue !== true) return body.statements(content);
  return body.inPurePlace('statements of a match that is a value', () => body.statements(content));
}

function fitsNull(pattern: Pattern): boolean {
  switch (pattern.kind) {
    case 'pattern_any':
      return true;
    case 'pattern_literal':
      return pattern.value.kind === 'null';
    case 'pattern_or':
      return pattern.options.some(fitsNull);
    case 'pattern_symbol':
    case 'pattern_object':
      return false;
  }
}

// ---- Patterns ----

function checkPattern(body: Body, pattern: Pattern, subject: Type, bindings: Binding[]): void {
  switch (pattern.kind) {
    case 'pattern_any':
      return;
    case 'pattern_literal':
      checkLiteral(body, pattern.value, subject);
      return;
    case 'pattern_symbol':
      checkSymbol(body, pattern, subject);
      return;
    case 'pattern_or':
      for (const option of pattern.options) checkPattern(body, option, subject, bindings);
      return;
    case 'pattern_object':
      checkObject(body, pattern, subject, bindings);
  }
}

function checkLiteral(body: Body, value: Expr, subject: Type): void {
  const { table } = body.program;
  const type = body.infer(value);
  if (value.kind === 'null') {
    const isSure = !table.isNullable(subject) && table.expand(subject).kind !== 'dynamic';
    if (isSure) body.error('W402', value.span, `${printType(subject)} is never null`);
  } else if (!table.overlaps(table.nonNull(subject), type)) {
    const message = `${printType(subject)} is never ${printType(type)}`;
    body.error('E300', value.span, message);
  }
}

function checkSymbol(
  body: Body,
  pattern: Pattern & { readonly kind: 'pattern_symbol' },
  subject: Type,
): void {
  const { table } = body.program;
  const whole = table.expand(table.nonNull(subject));
  const symbol: Type = { kind: 'enum', symbols: [pattern.name] };
  if (table.overlaps(whole, symbol)) return;
  const message = `${printType(subject)} has no symbol ':${pattern.name}'`;
  const known = whole.kind === 'enum' ? whole.symbols : [];
  body.error('E305', pattern.span, message, didYouMean(pattern.name, known));
}

function checkObject(
  body: Body,
  pattern: Pattern & { readonly kind: 'pattern_object' },
  subject: Type,
  bindings: Binding[],
): void {
  for (const { name, pattern: inner } of pattern.fields) {
    const type = patternField(body, subject, name);
    if (inner) checkPattern(body, inner, type, bindings);
    else bindings.push({ name, type, kind: 'local' });
  }
}

function patternField(body: Body, subject: Type, name: Name): Type {
  const { table } = body.program;
  const whole = table.expand(table.nonNull(subject));
  if (whole.kind === 'dynamic' || whole.kind === 'never') return DYNAMIC;
  if (whole.kind === 'map') return { kind: 'optional', inner: whole.value };
  let type: Type = NEVER;
  for (const member of whole.kind === 'union' ? whole.members : [whole]) {
    const part = table.expand(member);
    const field = part.kind === 'object' ? table.fieldOf(part, name.text) : undefined;
    if (field) type = table.join(type, fieldType(field));
  }
  if (type.kind !== 'never') return type;
  const names = whole.kind === 'object' ? whole.fields.map((field) => field.name) : [];
  const message = `${printType(whole)} has no field '${name.text}'`;
  body.error('E302', name.span, message, didYouMean(name.text, names));
  return DYNAMIC;
}

// ---- As a value ----

export function inferMatch(
  body: Body,
  expr: Expr & { readonly kind: 'match_expr' },
  expected: Type | undefined,
): Type {
  const type = body.infer(expr.subject);
  const subject = { type, span: expr.subject.span, expr: expr.subject };
  const isLambda = body.purePlace !== undefined;
  for (const arm of expr.arms) {
    const isPlain = !isStatements(arm.body) || (arm.body.length === 1 && arm.body[0]?.kind === 'expression');
    if (isLambda && !isPlain)
      body.error('E312', arm.span, `statements cannot stand in ${body.purePlace ?? ''}`);
  }
  return checkArms(body, subject, expr.arms, { expected, isValue: true });
}
