// Values of every kind that memory takes, and what a value that is handed out must be.
import assert from 'node:assert/strict';

export const bytes = (...values: number[]): Uint8Array => new Uint8Array(values);

export const VALUES: Readonly<Record<string, unknown>> = {
  zero: 0,
  negative: -17,
  large: Number.MAX_SAFE_INTEGER,
  small: Number.MIN_SAFE_INTEGER,
  beyond32: 2 ** 32 + 1,
  fraction: 0.1,
  huge: 1.5e300,
  tiny: 5e-324,
  empty: '',
  text: 'Zürich ✈ 𐀀 \u{10ffff}',
  long: 'x'.repeat(70_000),
  nothing: null,
  yes: true,
  no: false,
  list: [1, ['two', { three: [] }], null],
  object: { a: { b: { c: 1 } }, constructor: 'own', toString: 1, '': 'unnamed', é: 2 },
  bytes: bytes(0, 1, 255),
  noBytes: bytes(),
  nested: { data: [bytes(7), { deep: bytes(8, 9) }] },
};

export function assertFrozen(value: unknown, path = '$'): void {
  if (typeof value !== 'object' || value === null) return;
  if (value instanceof Uint8Array) {
    assert.equal(Object.getPrototypeOf(value), Uint8Array.prototype, `${path} is no plain Uint8Array`);
    return;
  }
  assert(Object.isFrozen(value), `${path} is not frozen`);
  for (const [name, item] of Object.entries(value)) assertFrozen(item, `${path}.${name}`);
}

export function freezeDeep(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return value;
  Object.values(value).forEach(freezeDeep);
  return Object.freeze(value);
}
