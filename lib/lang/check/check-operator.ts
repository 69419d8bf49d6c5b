// Operators: what they take and give (E308, E311). `&&`, `||` and `??` know on their right what the left told.
import type { BinaryOp, Expr } from '../syntax/ast.ts';
import { BOOL, DATE, DATETIME, DURATION, DYNAMIC, FLOAT, INT, MONEY, STRING } from '../types/construct.ts';
import { printType } from '../types/print-type.ts';
import type { Type } from '../types/type.ts';
import { reportNull } from './assignability.ts';
import type { Body } from './body.ts';
import { NO_CHANGES } from './flow-state.ts';
import { assume } from './narrowing.ts';
import { didYouMean } from '../source/nearest.ts';

type BinaryExpr = Expr & { readonly kind: 'binary' };

/** Chains such as `a + b + c` lean to the left and may be long: they are walked, not entered. */
export function inferBinary(body: Body, expr: BinaryExpr, expected: Type | undefined): Type {
  const chain: BinaryExpr[] = [];
  let first: Expr = expr;
  for (; first.kind === 'binary'; first = first.left) chain.push(first);
  let type = body.infer(first, expr.op === '??' ? expected : undefined);
  let mark = body.flow.mark();
  let { writes, memoryWrites } = body;
  for (let node = chain.pop(); node; node = chain.pop()) {
    const [writesBefore, memoryWritesBefore] = [body.writes, body.memoryWrites];
    type = inferOne(body, node, type, expected);
    body.program.setType(node, type);
    if (body.writes > writesBefore) body.unsteady.set(node, 'all');
    else if (body.memoryWrites > memoryWritesBefore) body.unsteady.set(node, 'memory');
    const next = chain.at(-1);
    // What `a && b` tells holds for c in `a && b && c`, and ends with the last `&&`.
    if (maySkip(node.op) && next?.op !== node.op) {
      const { changes } = body.flow.rewind(mark);
      // What stands on the right may have been done or not.
      if (body.writes > writes || body.memoryWrites > memoryWrites)
        body.merge([{ changes, isReachable: true }, NOTHING_DONE]);
    }
    if (next && !maySkip(node.op)) {
      mark = body.flow.mark();
      ({ writes, memoryWrites } = body);
    }
  }
  return type;
}

const NOTHING_DONE = { changes: NO_CHANGES, isReachable: true };

/** Whether the left side may be all that is looked at. */
function maySkip(op: BinaryExpr['op']): boolean {
  return op === '&&' || op === '||' || op === '??';
}

function inferOne(body: Body, node: BinaryExpr, left: Type, expected: Type | undefined): Type {
  const { table } = body.program;
  switch (node.op) {
    case '&&':
    case '||': {
      requireBool(body, node.left, left);
      const previous = node.left.kind === 'binary' && node.left.op === node.op ? node.left.right : node.left;
      assume(body, previous, node.op === '&&');
      requireBool(body, node.right, body.infer(node.right));
      return BOOL;
    }
    case '??': {
      const rest = table.nonNull(left);
      const isKnown = rest.kind !== 'dynamic' && rest.kind !== 'never';
      const right = body.infer(node.right, isKnown ? (expected ?? rest) : expected);
      return table.join(rest, right);
    }
    case '==':
    case '!=':
      checkEquality(body, node, left, body.infer(node.right, table.nonNull(left)));
      return BOOL;
    case 'in':
      checkIn(body, node, left, body.infer(node.right));
      return BOOL;
    default:
      return inferArithmetic(body, node, left, body.infer(node.right));
  }
}

/** A condition; nothing is a condition but bool. */
export function requireBool(body: Body, expr: Expr, type: Type): void {
  const { table } = body.program;
  if (table.isAssignable(type, BOOL)) return;
  const nonNull = table.nonNull(type);
  if (nonNull !== type && nonNull.kind !== 'never' && table.isAssignable(nonNull, BOOL))
    reportNull(body, expr, type);
  else body.error('E308', expr.span, `expected bool, found ${printType(type)}`);
}

function checkEquality(body: Body, node: BinaryExpr, left: Type, right: Type): void {
  const { table } = body.program;
  if (node.left.kind === 'null' || node.right.kind === 'null') {
    const [expr, type] = node.right.kind === 'null' ? [node.left, left] : [node.right, right];
    warnConstantNull(body, node, expr, type);
    return;
  }
  if (table.overlaps(left, right)) return;
  const symbol = [node.left, node.right].find(({ kind }) => kind === 'symbol');
  const named = table.nonNull(symbol === node.right ? left : right);
  const other = table.expand(named);
  if (symbol?.kind === 'symbol' && other.kind === 'enum') {
    const message = `${printType(named)} has no symbol ':${symbol.name}'`;
    body.error('E305', symbol.span, message, didYouMean(symbol.name, other.symbols));
    return;
  }
  body.error('E308', node.span, `${printType(left)} and ${printType(right)} are never equal`);
}

function warnConstantNull(body: Body, node: BinaryExpr, expr: Expr, type: Type): void {
  const isSure = expr.kind === 'ref' || expr.kind === 'field' || expr.kind === 'call';
  if (!isSure || type.kind === 'dynamic' || type.kind === 'null' || type.kind === 'never') return;
  if (body.program.table.isNullable(type)) return;
  const value = node.op === '!=' ? 'true' : 'false';
  body.error('W404', node.span, `always ${value}: ${printType(type)} is never null`);
}

function checkIn(body: Body, node: BinaryExpr, left: Type, right: Type): void {
  const { table } = body.program;
  const whole = operand(body, node.right, right);
  if (whole.kind === 'dynamic') return;
  const item =
    whole.kind === 'array'
      ? whole.item
      : whole.kind === 'map'
        ? whole.key
        : whole.kind === 'object' || table.isStringLike(whole)
          ? STRING
          : undefined;
  if (!item) {
    body.error('E308', node.right.span, `expected a list, a map or text, found ${printType(right)}`);
    return;
  }
  if (!table.overlaps(left, item))
    body.error('E308', node.span, `${printType(left)} is never in ${printType(right)}`);
}

/** What an operand is when it is not null; reports that it may be. */
function operand(body: Body, expr: Expr, type: Type): Type {
  const { table } = body.program;
  if (!table.isNullable(type)) return table.expand(type);
  reportNull(body, expr, type);
  return table.expand(table.nonNull(type));
}

function inferArithmetic(body: Body, node: BinaryExpr, leftType: Type, rightType: Type): Type {
  const left = operand(body, node.left, leftType);
  const right = operand(body, node.right, rightType);
  const isComparison = node.op === '<' || node.op === '<=' || node.op === '>' || node.op === '>=';
  if (left.kind === 'never' || right.kind === 'never') return isComparison ? BOOL : DYNAMIC;
  if (isComparison) {
    checkOrder(body, node, left, right);
    return BOOL;
  }
  if (left.kind === 'dynamic' || right.kind === 'dynamic') return dynamicResult(node.op, left, right);
  const result = arithmeticResult(body, node.op, left, right);
  if (result) return result;
  const isText = node.op === '+' && [left, right].some((type) => body.program.table.isStringLike(type));
  const hint = isText ? 'put values into text with "${…}"' : undefined;
  const message = `'${node.op}' does not fit ${printType(leftType)} and ${printType(rightType)}`;
  body.error('E308', node.span, message, { hint });
  return DYNAMIC;
}

function dynamicResult(op: BinaryOp, left: Type, right: Type): Type {
  const known = left.kind === 'dynamic' ? right : left;
  return op === '+' && known.kind === 'literal' ? STRING : DYNAMIC;
}

function checkOrder(body: Body, node: BinaryExpr, left: Type, right: Type): void {
  const { table } = body.program;
  if (left.kind === 'dynamic' || right.kind === 'dynamic') return;
  if (table.isNumeric(left) && table.isNumeric(right)) return;
  if (table.isStringLike(left) && table.isStringLike(right)) return;
  const name = left.kind === 'primitive' ? left.name : '';
  const isTime = name === 'date' || name === 'datetime' || name === 'duration';
  if (isTime && right.kind === 'primitive' && right.name === name) return;
  body.error('E308', node.span, `${printType(left)} and ${printType(right)} have no order`);
}

type Kind = 'int' | 'float' | 'money' | 'string' | 'date' | 'datetime' | 'duration' | 'array';

function kindOf(body: Body, type: Type): Kind | undefined {
  if (body.program.table.isStringLike(type)) return 'string';
  if (type.kind === 'array') return 'array';
  if (type.kind !== 'primitive' || type.name === 'bool') return undefined;
  const { name } = type;
  return name === 'email' || name === 'url' || name === 'uuid' ? 'string' : name;
}

/** `left op right` for what is no plain arithmetic of numbers. */
const MIXED: Readonly<Record<string, Type>> = {
  'string + string': STRING,
  'duration + duration': DURATION,
  'duration - duration': DURATION,
  'duration / duration': FLOAT,
  'duration * int': DURATION,
  'duration * float': DURATION,
  'int * duration': DURATION,
  'float * duration': DURATION,
  'duration / int': DURATION,
  'duration / float': DURATION,
  'datetime + duration': DATETIME,
  'duration + datetime': DATETIME,
  'datetime - duration': DATETIME,
  'datetime - datetime': DURATION,
  'date + int': DATE,
  'date - int': DATE,
  'date - date': INT,
  'money / money': FLOAT,
};

function arithmeticResult(body: Body, op: BinaryOp, left: Type, right: Type): Type | undefined {
  const a = kindOf(body, left);
  const b = kindOf(body, right);
  if (!a || !b) return undefined;
  if (a === 'array' && b === 'array' && op === '+') return body.program.table.join(left, right);
  const key = `${a} ${op} ${b}`;
  if (Object.hasOwn(MIXED, key)) return MIXED[key];
  const isNumbers = isNumber(a) && isNumber(b);
  if (!isNumbers) return undefined;
  if (a === 'money' || b === 'money') {
    const isNonsense =
      (op === '*' && a === b) || ((op === '/' || op === '%') && b === 'money' && a !== 'money');
    return isNonsense ? undefined : MONEY;
  }
  if (op === '/') return FLOAT;
  return a === 'int' && b === 'int' ? INT : FLOAT;
}

function isNumber(kind: Kind): boolean {
  return kind === 'int' || kind === 'float' || kind === 'money';
}

export function inferUnary(body: Body, expr: Expr & { readonly kind: 'unary' }): Type {
  const type = body.infer(expr.value);
  if (expr.op === '!') {
    requireBool(body, expr.value, type);
    return BOOL;
  }
  const whole = operand(body, expr.value, type);
  const isDuration = whole.kind === 'primitive' && whole.name === 'duration';
  if (body.program.table.isNumeric(whole) || isDuration) return whole;
  if (whole.kind !== 'dynamic' && whole.kind !== 'never')
    body.error('E308', expr.span, `'-' does not fit ${printType(type)}`);
  return DYNAMIC;
}
