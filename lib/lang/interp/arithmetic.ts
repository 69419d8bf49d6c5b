// What operators do with numbers. The closures of compile-binary.ts do the usual case in place and come here when a
// result or an operand is out of the ordinary.
import type { BinaryOp } from '../syntax/ast.ts';
import type { JsonValue } from '../ir/ir.ts';
import { ScaiCoreError } from './errors.ts';
import {
  boundText,
  compare,
  equals,
  INT_MAX,
  isList,
  isObject,
  kindName,
  LIST_MAX,
  roundMoney,
  tooLong,
  wrongKind,
} from './values.ts';

/** Why an int operation did not give an int: a wrong operand, or a result that is too large. */
export function intProblem(left: JsonValue, right: JsonValue, op: string): ScaiCoreError {
  if (typeof left !== 'number') return wrongKind(left, 'a number');
  if (typeof right !== 'number') return wrongKind(right, 'a number');
  if ((op === '%' || op === '/') && right === 0) return divisionByZero();
  return new ScaiCoreError('ArithmeticError', `${left} ${op} ${right} is beyond 2^53`, { left, right });
}

export function divisionByZero(): ScaiCoreError {
  return new ScaiCoreError('ArithmeticError', 'division by zero');
}

export function numberOf(value: JsonValue): number {
  if (typeof value !== 'number') throw wrongKind(value, 'a number');
  return value;
}

export function checkedFloat(left: JsonValue, right: JsonValue, op: string, result: number): number {
  if (result - result === 0) return result;
  if (typeof left !== 'number') throw wrongKind(left, 'a number');
  if (typeof right !== 'number') throw wrongKind(right, 'a number');
  if ((op === '/' || op === '%') && right === 0) throw divisionByZero();
  throw new ScaiCoreError('ArithmeticError', `${left} ${op} ${right} is no finite number`, { left, right });
}

export function intResult(left: JsonValue, right: JsonValue, op: string, result: number): number {
  if (result <= INT_MAX && result >= -INT_MAX) return result;
  throw intProblem(left, right, op);
}

export function plainArithmetic(op: '+' | '-' | '*' | '/' | '%', a: number, b: number): number {
  switch (op) {
    case '+':
      return a + b;
    case '-':
      return a - b;
    case '*':
      return a * b;
    case '/':
      return a / b;
    case '%':
      return a % b;
  }
}

export function moneyArithmetic(op: '+' | '-' | '*' | '/' | '%', left: JsonValue, right: JsonValue): number {
  const a = numberOf(left);
  const b = numberOf(right);
  return roundMoney(checkedFloat(a, b, op, plainArithmetic(op, a, b)));
}

export function textSum(left: JsonValue, right: JsonValue): string {
  if (typeof left !== 'string') throw wrongKind(left, 'text');
  if (typeof right !== 'string') throw wrongKind(right, 'text');
  return boundText(left + right);
}

export function listSum(left: JsonValue, right: JsonValue): JsonValue {
  if (!isList(left)) throw wrongKind(left, 'a list');
  if (!isList(right)) throw wrongKind(right, 'a list');
  if (left.length + right.length > LIST_MAX)
    throw tooLong(`a list of ${left.length + right.length}`, LIST_MAX);
  return left.concat(right);
}

export function contains(item: JsonValue, whole: JsonValue): boolean {
  if (isList(whole)) return whole.some((other) => equals(other, item));
  if (isObject(whole)) return typeof item === 'string' && Object.hasOwn(whole, item);
  if (typeof whole !== 'string') throw wrongKind(whole, 'a list, a map or text');
  if (typeof item !== 'string') throw wrongKind(item, 'text');
  return whole.includes(item);
}

/** Decided by what the operands are now: of plugins' answers and the like. Ints stay ints. */
export function dynamicOperation(op: BinaryOp, left: JsonValue, right: JsonValue): JsonValue {
  switch (op) {
    case '<':
      return compare(left, right) < 0;
    case '<=':
      return compare(left, right) <= 0;
    case '>':
      return compare(left, right) > 0;
    case '>=':
      return compare(left, right) >= 0;
    case '==':
      return equals(left, right);
    case '!=':
      return !equals(left, right);
    case 'in':
      return contains(left, right);
    case '??':
      return left ?? right;
    case '&&':
      return boolOf(left) && boolOf(right);
    case '||':
      return boolOf(left) || boolOf(right);
    default:
      return dynamicArithmetic(op, left, right);
  }
}

function dynamicArithmetic(op: '+' | '-' | '*' | '/' | '%', left: JsonValue, right: JsonValue): JsonValue {
  if (op === '+' && typeof left === 'string') return textSum(left, right);
  if (op === '+' && isList(left)) return listSum(left, right);
  if (typeof left !== 'number' || typeof right !== 'number') throw intProblem(left, right, op);
  const result = checkedFloat(left, right, op, plainArithmetic(op, left, right));
  const isInt = op !== '/' && Number.isInteger(left) && Number.isInteger(right);
  return isInt ? intResult(left, right, op, result) : result;
}

export function boolOf(value: JsonValue): boolean {
  if (typeof value !== 'boolean') throw conditionProblem(value);
  return value;
}

export function conditionProblem(value: JsonValue): ScaiCoreError {
  return wrongKind(value, value === null ? 'true or false' : `true or false instead of ${kindName(value)}`);
}
