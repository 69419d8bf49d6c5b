// Numbers and bools: methods, and `math.*`.
import { ScaiCoreError } from '../errors.ts';
import type { JsonValue } from '../../ir/ir.ts';
import { compare, finite, numberText, roundMoney } from '../values.ts';
import { num, optionalWhole, type StdFunction, type StdMethods, truth, valueOf } from './std.ts';

export function isInteger(value: JsonValue): boolean {
  return typeof value === 'number' && Number.isInteger(value);
}

/** Half away from zero, by the decimal digits that a person sees: 1.005 with two digits is 1.01. */
export function roundTo(value: number, digits: number): number {
  if (digits < -15 || digits > 15)
    throw new ScaiCoreError('ArithmeticError', `${digits} digits cannot be rounded to`);
  const sign = value < 0 ? -1 : 1;
  const shifted = shift(Math.abs(value), digits);
  // Too large to have such digits.
  if (!(shifted < 1e21)) return value;
  return sign * shift(Math.round(shifted), -digits) + 0;
}

/** Moves the decimal point in the text of the number: multiplying would add errors of its own. */
function shift(value: number, digits: number): number {
  const [mantissa = '0', exponent = '0'] = String(value).split('e');
  return Number(`${mantissa}e${Number(exponent) + digits}`);
}

function wholeOf(value: number): number {
  if (Math.abs(value) > Number.MAX_SAFE_INTEGER)
    throw new ScaiCoreError('ArithmeticError', `${value} is beyond 2^53`);
  return value + 0;
}

function clamp(value: number, low: number, high: number): number {
  if (low > high)
    throw new ScaiCoreError('ArithmeticError', `the bounds ${low} and ${high} are the wrong way round`);
  return Math.min(Math.max(value, low), high);
}

export const INT_METHODS: StdMethods = {
  abs: (_x, self) => Math.abs(num(self)),
  to_string: (_x, self) => numberText(num(self)),
  to_float: (_x, self) => num(self),
  clamp: (_x, self, low, high) => clamp(num(self), num(low), num(high)),
};

export const FLOAT_METHODS: StdMethods = {
  abs: (_x, self) => Math.abs(num(self)),
  round: (_x, self, digits) => roundTo(num(self), optionalWhole(digits, 0)),
  floor: (_x, self) => wholeOf(Math.floor(num(self))),
  ceil: (_x, self) => wholeOf(Math.ceil(num(self))),
  to_string: (_x, self) => numberText(num(self)),
  to_int: (_x, self) => wholeOf(Math.trunc(num(self))),
  clamp: (_x, self, low, high) => clamp(num(self), num(low), num(high)),
};

export const MONEY_METHODS: StdMethods = {
  abs: (_x, self) => Math.abs(num(self)),
  round: (_x, self, digits) => roundMoney(roundTo(num(self), optionalWhole(digits, 2))),
  to_float: (_x, self) => num(self),
  to_string: (_x, self) => numberText(num(self)),
  format: (_x, self, digits) => {
    const shown = Math.min(Math.max(optionalWhole(digits, 2), 0), 6);
    return roundTo(num(self), shown).toFixed(shown);
  },
};

export const BOOL_METHODS: StdMethods = {
  to_string: (_x, self) => (truth(self) ? 'true' : 'false'),
};

export const MATH_FUNCTIONS: Readonly<Record<string, StdFunction>> = {
  'math.abs': (_x, value) => Math.abs(num(value)),
  'math.min': (_x, a, b) => (compare(valueOf(a), valueOf(b)) <= 0 ? valueOf(a) : valueOf(b)),
  'math.max': (_x, a, b) => (compare(valueOf(a), valueOf(b)) >= 0 ? valueOf(a) : valueOf(b)),
  'math.floor': (_x, value) => wholeOf(Math.floor(num(value))),
  'math.ceil': (_x, value) => wholeOf(Math.ceil(num(value))),
  'math.round': (_x, value, digits) => roundTo(num(value), optionalWhole(digits, 0)),
  'math.sqrt': (_x, value) => finite(Math.sqrt(num(value))),
  'math.pow': (_x, base, exponent) => finite(num(base) ** num(exponent)),
  'math.clamp': (_x, value, low, high) => clamp(num(value), num(low), num(high)),
};
