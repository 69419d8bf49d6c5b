// Arithmetic of ints as closures, one for each operation and origin of its operands: most of the time of loops is here.
import type { JsonValue } from '../ir/ir.ts';
import { intProblem, intResult } from './arithmetic.ts';
import type { Code } from './code.ts';
import { type Ex, INT_MAX } from './values.ts';

type Arithmetic = '+' | '-' | '*' | '/' | '%';

export function intEx(op: Arithmetic, left: Code, right: Code): Ex {
  const constant = right.constant?.value;
  if (typeof constant === 'number' && Number.isSafeInteger(constant)) {
    if (left.slot !== undefined) return intOfSlotAndNumber(op, left.slot, constant);
    return intWithNumber(op, left.run, constant);
  }
  if (left.slot !== undefined) {
    if (right.slot !== undefined) return intOfSlots(op, left.slot, right.slot);
    return intOfSlotAndAny(op, left.slot, right.run);
  }
  return intOfAny(op, left.run, right.run);
}

function intOfSlotAndNumber(op: Arithmetic, slot: number, k: number): Ex {
  switch (op) {
    case '+':
    case '-': {
      const by = op === '+' ? k : -k;
      return (s) => {
        const a = s[slot] as JsonValue;
        if (typeof a !== 'number') throw intProblem(a, k, op);
        const result = a + by;
        if (result <= INT_MAX && result >= -INT_MAX) return result;
        throw intProblem(a, k, op);
      };
    }
    case '*':
      return (s) => {
        const a = s[slot] as JsonValue;
        if (typeof a !== 'number') throw intProblem(a, k, op);
        const result = a * k;
        if (result <= INT_MAX && result >= -INT_MAX) return result;
        throw intProblem(a, k, op);
      };
    default:
      return (s) => {
        const a = s[slot] as JsonValue;
        if (typeof a !== 'number' || k === 0) throw intProblem(a, k, op);
        return a % k;
      };
  }
}

function intWithNumber(op: Arithmetic, l: Ex, k: number): Ex {
  switch (op) {
    case '+':
    case '-': {
      const by = op === '+' ? k : -k;
      return (s) => {
        const a = l(s);
        if (typeof a !== 'number') throw intProblem(a, k, op);
        const result = a + by;
        if (result <= INT_MAX && result >= -INT_MAX) return result;
        throw intProblem(a, k, op);
      };
    }
    case '*':
      return (s) => {
        const a = l(s);
        if (typeof a !== 'number') throw intProblem(a, k, op);
        const result = a * k;
        if (result <= INT_MAX && result >= -INT_MAX) return result;
        throw intProblem(a, k, op);
      };
    default:
      return (s) => {
        const a = l(s);
        if (typeof a !== 'number' || k === 0) throw intProblem(a, k, op);
        return a % k;
      };
  }
}

function intOfSlots(op: Arithmetic, left: number, right: number): Ex {
  switch (op) {
    case '+':
      return (s) => {
        const [a, b] = [s[left] as JsonValue, s[right] as JsonValue];
        if (typeof a !== 'number' || typeof b !== 'number') throw intProblem(a, b, op);
        const result = a + b;
        if (result <= INT_MAX && result >= -INT_MAX) return result;
        throw intProblem(a, b, op);
      };
    case '-':
      return (s) => {
        const [a, b] = [s[left] as JsonValue, s[right] as JsonValue];
        if (typeof a !== 'number' || typeof b !== 'number') throw intProblem(a, b, op);
        const result = a - b;
        if (result <= INT_MAX && result >= -INT_MAX) return result;
        throw intProblem(a, b, op);
      };
    case '*':
      return (s) => {
        const [a, b] = [s[left] as JsonValue, s[right] as JsonValue];
        if (typeof a !== 'number' || typeof b !== 'number') throw intProblem(a, b, op);
        const result = a * b;
        if (result <= INT_MAX && result >= -INT_MAX) return result;
        throw intProblem(a, b, op);
      };
    default:
      return (s) => {
        const [a, b] = [s[left] as JsonValue, s[right] as JsonValue];
        if (typeof a !== 'number' || typeof b !== 'number' || b === 0) throw intProblem(a, b, op);
        return a % b;
      };
  }
}

function intOfSlotAndAny(op: Arithmetic, slot: number, r: Ex): Ex {
  switch (op) {
    case '+':
      return (s) => {
        const a = s[slot] as JsonValue;
        const b = r(s);
        if (typeof a !== 'number' || typeof b !== 'number') throw intProblem(a, b, op);
        const result = a + b;
        if (result <= INT_MAX && result >= -INT_MAX) return result;
        throw intProblem(a, b, op);
      };
    case '-':
      return (s) => {
        const a = s[slot] as JsonValue;
        const b = r(s);
        if (typeof a !== 'number' || typeof b !== 'number') throw intProblem(a, b, op);
        const result = a - b;
        if (result <= INT_MAX && result >= -INT_MAX) return result;
        throw intProblem(a, b, op);
      };
    default: {
      const l: Ex = (s) => s[slot] as JsonValue;
      return intOfAny(op, l, r);
    }
  }
}

function intOfAny(op: Arithmetic, l: Ex, r: Ex): Ex {
  switch (op) {
    case '+':
      return (s) => {
        const a = l(s);
        const b = r(s);
        if (typeof a !== 'number' || typeof b !== 'number') throw intProblem(a, b, op);
        return intResult(a, b, op, a + b);
      };
    case '-':
      return (s) => {
        const a = l(s);
        const b = r(s);
        if (typeof a !== 'number' || typeof b !== 'number') throw intProblem(a, b, op);
        return intResult(a, b, op, a - b);
      };
    case '*':
      return (s) => {
        const a = l(s);
        const b = r(s);
        if (typeof a !== 'number' || typeof b !== 'number') throw intProblem(a, b, op);
        return intResult(a, b, op, a * b);
      };
    default:
      return (s) => {
        const a = l(s);
        const b = r(s);
        if (typeof a !== 'number' || typeof b !== 'number' || b === 0) throw intProblem(a, b, op);
        return a % b;
      };
  }
}
