// Binary operators as closures, chosen by what the operands are and where they come from. Reading a slot or a constant in
// place saves a call for each operand, which is most of what an operation costs.
//   The checks are cheap because they come after the operation: a sum of two safe ints that is not safe says so itself.
import type { BinaryOp } from '../syntax/ast.ts';
import type { IRExpr, IROperands, JsonValue } from '../ir/ir.ts';
import {
  boolOf,
  checkedFloat,
  conditionProblem,
  contains,
  dynamicOperation,
  listSum,
  moneyArithmetic,
  numberOf,
  plainArithmetic,
  textSum,
} from './arithmetic.ts';
import { type Code, folded } from './code.ts';
import { intEx } from './compile-int.ts';
import { executionOf } from './execution.ts';
import { compare, equals, type Ex, finite, isList, type Slots, TEXT_MAX } from './values.ts';

type BinaryExpr = IRExpr & { readonly kind: 'binary' };
type Arithmetic = '+' | '-' | '*' | '/' | '%';
type Order = '<' | '<=' | '>' | '>=';

export function binaryCode(expr: Pick<BinaryExpr, 'op' | 'operands'>, left: Code, right: Code): Code {
  const { op, operands } = expr;
  if (left.constant && right.constant) return folded(binaryEx(op, operands, left, right), [left, right]);
  return { run: binaryEx(op, operands, left, right) };
}

function binaryEx(op: BinaryOp, operands: IROperands, left: Code, right: Code): Ex {
  const [l, r] = [left.run, right.run];
  switch (op) {
    case '&&':
      return (s) => boolOf(l(s)) && boolOf(r(s));
    case '||':
      return (s) => boolOf(l(s)) || boolOf(r(s));
    case '??':
      return (s) => l(s) ?? r(s);
    case '==':
      return equalityEx(left, right, true);
    case '!=':
      return equalityEx(left, right, false);
    case 'in':
      return (s) => contains(l(s), r(s));
    case '<':
    case '<=':
    case '>':
    case '>=':
      return orderEx(op, operands, left, right);
    default:
      return arithmeticEx(op, operands, left, right);
  }
}

function equalityEx(left: Code, right: Code, isEqual: boolean): Ex {
  const [l, r] = [left.run, right.run];
  const constant = right.constant?.value;
  if (constant !== undefined && (constant === null || typeof constant !== 'object')) {
    const { slot } = left;
    if (slot !== undefined) return (s) => (s[slot] === constant) === isEqual;
    return (s) => (l(s) === constant) === isEqual;
  }
  return (s) => {
    const a = l(s);
    const b = r(s);
    return (a === b || equals(a, b)) === isEqual;
  };
}

// ---- Order ----

function orderEx(op: Order, operands: IROperands, left: Code, right: Code): Ex {
  const isNumbers =
    operands === 'int' || operands === 'float' || operands === 'money' || operands === 'duration';
  if (!isNumbers) {
    const [l, r] = [left.run, right.run];
    return (s) => isInOrder(op, compare(l(s), r(s)));
  }
  const { slot } = left;
  const constant = right.constant?.value;
  if (slot !== undefined && typeof constant === 'number') return orderOfSlotAndNumber(op, slot, constant);
  if (slot !== undefined && right.slot !== undefined) return orderOfSlots(op, slot, right.slot);
  if (typeof constant === 'number') return orderWithNumber(op, left.run, constant);
  return orderOfAny(op, left.run, right.run);
}

function isInOrder(op: Order, order: number): boolean {
  switch (op) {
    case '<':
      return order < 0;
    case '<=':
      return order <= 0;
    case '>':
      return order > 0;
    case '>=':
      return order >= 0;
  }
}

function orderOfSlotAndNumber(op: Order, slot: number, k: number): Ex {
  switch (op) {
    case '<':
      return (s) => {
        const a = s[slot] as JsonValue;
        return typeof a === 'number' ? a < k : numberOf(a) < k;
      };
    case '<=':
      return (s) => {
        const a = s[slot] as JsonValue;
        return typeof a === 'number' ? a <= k : numberOf(a) <= k;
      };
    case '>':
      return (s) => {
        const a = s[slot] as JsonValue;
        return typeof a === 'number' ? a > k : numberOf(a) > k;
      };
    case '>=':
      return (s) => {
        const a = s[slot] as JsonValue;
        return typeof a === 'number' ? a >= k : numberOf(a) >= k;
      };
  }
}

function orderWithNumber(op: Order, l: Ex, k: number): Ex {
  switch (op) {
    case '<':
      return (s) => numberOf(l(s)) < k;
    case '<=':
      return (s) => numberOf(l(s)) <= k;
    case '>':
      return (s) => numberOf(l(s)) > k;
    case '>=':
      return (s) => numberOf(l(s)) >= k;
  }
}

function orderOfSlots(op: Order, left: number, right: number): Ex {
  switch (op) {
    case '<':
      return (s) => numberOf(s[left] as JsonValue) < numberOf(s[right] as JsonValue);
    case '<=':
      return (s) => numberOf(s[left] as JsonValue) <= numberOf(s[right] as JsonValue);
    case '>':
      return (s) => numberOf(s[left] as JsonValue) > numberOf(s[right] as JsonValue);
    case '>=':
      return (s) => numberOf(s[left] as JsonValue) >= numberOf(s[right] as JsonValue);
  }
}

function orderOfAny(op: Order, l: Ex, r: Ex): Ex {
  switch (op) {
    case '<':
      return (s) => numberOf(l(s)) < numberOf(r(s));
    case '<=':
      return (s) => numberOf(l(s)) <= numberOf(r(s));
    case '>':
      return (s) => numberOf(l(s)) > numberOf(r(s));
    case '>=':
      return (s) => numberOf(l(s)) >= numberOf(r(s));
  }
}

// ---- Arithmetic ----

function arithmeticEx(op: Arithmetic, operands: IROperands, left: Code, right: Code): Ex {
  const [l, r] = [left.run, right.run];
  switch (operands) {
    case 'int':
      return op === '/' ? floatEx(op, l, r) : intEx(op, left, right);
    case 'float':
      return floatEx(op, l, r);
    case 'money':
      return (s) => moneyArithmetic(op, l(s), r(s));
    case 'duration':
      // Milliseconds are whole, what divides them may be anything.
      return (s) => {
        const a = l(s);
        const b = r(s);
        return finite(checkedFloat(a, b, op, plainArithmetic(op, numberOf(a), numberOf(b))));
      };
    case 'string':
      return textEx(l, r);
    case 'array':
      return (s) => paidFor(s, listSum(l(s), r(s)));
    default:
      return (s) => paidFor(s, dynamicOperation(op, l(s), r(s)));
  }
}

/** A sum of lists is a copy of both. */
function paidFor(slots: Slots, sum: JsonValue): JsonValue {
  if (isList(sum)) executionOf(slots).copy(sum.length);
  return sum;
}

function textEx(l: Ex, r: Ex): Ex {
  return (s) => {
    const a = l(s);
    const b = r(s);
    if (typeof a !== 'string' || typeof b !== 'string') return textSum(a, b);
    const sum = a + b;
    return sum.length <= TEXT_MAX ? sum : textSum(a, b);
  };
}

function floatEx(op: Arithmetic, l: Ex, r: Ex): Ex {
  const problem = (a: JsonValue, b: JsonValue): number =>
    checkedFloat(a, b, op, plainArithmetic(op, numberOf(a), numberOf(b)));
  switch (op) {
    case '+':
      return (s) => {
        const [a, b] = [l(s), r(s)];
        if (typeof a !== 'number' || typeof b !== 'number') return problem(a, b);
        const result = a + b;
        return result - result === 0 ? result : problem(a, b);
      };
    case '-':
      return (s) => {
        const [a, b] = [l(s), r(s)];
        if (typeof a !== 'number' || typeof b !== 'number') return problem(a, b);
        const result = a - b;
        return result - result === 0 ? result : problem(a, b);
      };
    case '*':
      return (s) => {
        const [a, b] = [l(s), r(s)];
        if (typeof a !== 'number' || typeof b !== 'number') return problem(a, b);
        const result = a * b;
        return result - result === 0 ? result : problem(a, b);
      };
    default:
      return (s) => problem(l(s), r(s));
  }
}

export function unaryEx(op: '!' | '-', value: Ex): Ex {
  if (op === '-') return (s) => 0 - numberOf(value(s));
  return (s) => {
    const v = value(s);
    if (typeof v !== 'boolean') throw conditionProblem(v);
    return !v;
  };
}
