import assert from 'node:assert/strict';
import {
  checkValue,
  copyValue,
  DEPTH_MAX,
  estimateBytes,
  freezeValue,
  fromParsedJson,
  GrainError,
  hasBytes,
  toJson,
} from '../../lib/index.ts';

function codeOf(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    return error instanceof GrainError ? error.code : String(error);
  }
  return 'ok';
}

function nested(depth: number): unknown {
  let value: unknown = 1;
  for (let level = 0; level < depth; level += 1) value = level % 2 === 0 ? [value] : { a: value };
  return value;
}

const VALUES: readonly unknown[] = [
  null,
  true,
  0,
  -1.5,
  Number.MAX_SAFE_INTEGER,
  '',
  'text \u{1F600}',
  [],
  {},
  [1, [2, { a: null }]],
  { a: { b: [new Uint8Array([1, 2])] }, 'odd name': '', constructor: 1, toString: 'x', length: 3 },
  new Uint8Array(0),
];

const NO_VALUES: readonly (readonly [string, unknown])[] = [
  ['NaN', Number.NaN],
  ['Infinity', Infinity],
  ['a bigint', 1n],
  ['a function', () => 1],
  ['a symbol', Symbol('x')],
  ['a Date', new Date(0)],
  ['a Map', new Map()],
  ['an instance of a class', new (class Foo {})()],
  ['an Error', new Error('x')],
  ['a typed array that is not of bytes', new Float64Array(1)],
  ['an ArrayBuffer', new ArrayBuffer(1)],
  ['a list with undefined', [undefined]],
  ['a list with a hole', new Array(2)],
  ['an own __proto__', JSON.parse('{"__proto__": {"admin": true}}')],
  ['an own $bytes', { $bytes: 'YQ==' }],
];

describe('Values (hazards.md 23)', () => {
  for (const [what, odd] of NO_VALUES) {
    it(`${what} is none, alone or deep inside`, () => {
      for (const take of [copyValue, freezeValue, checkValue]) {
        assert.equal(
          codeOf(() => take(odd)),
          'ERR_VALUE_INVALID',
        );
        assert.equal(
          codeOf(() => take({ list: [{ deep: odd }] })),
          'ERR_VALUE_INVALID',
        );
      }
    });
  }

  it('the error names the place, and is short however long that is', () => {
    assert.throws(() => copyValue({ a: [{ b: 1n }] }), /\$\.a\[0\]\.b is a bigint/);
    let deep: unknown = 1n;
    for (let level = 0; level < 60; level += 1) deep = { ['x'.repeat(100)]: deep };
    assert.throws(
      () => copyValue(deep),
      (error: Error) => error.message.length < 300,
    );
  });

  it('nesting of 64 levels below the top is taken, deeper and endless is not', () => {
    const endless: unknown[] = [];
    endless.push(endless);
    for (const take of [copyValue, freezeValue, checkValue, fromParsedJson]) {
      assert.equal(
        codeOf(() => take(nested(DEPTH_MAX + 1))),
        'ok',
      );
      assert.equal(
        codeOf(() => take(nested(DEPTH_MAX + 2))),
        'ERR_VALUE_INVALID',
      );
      assert.equal(
        codeOf(() => take(endless)),
        'ERR_VALUE_INVALID',
      );
    }
  });

  it('V2: a copy is equal and shares nothing that can change', () => {
    for (const value of VALUES) assert.deepEqual(copyValue(value), value);
    const original = { list: [1], bytes: new Uint8Array([1]), deep: { a: 1 } };
    const copy = copyValue(original) as typeof original;
    original.list.push(2);
    original.bytes[0] = 9;
    original.deep.a = 9;
    assert.deepEqual(copy, { list: [1], bytes: new Uint8Array([1]), deep: { a: 1 } });
  });

  it('a frozen value is frozen at every depth; the original is left alone', () => {
    const original = { list: [{ a: 1 }] };
    const frozen = freezeValue(original) as typeof original;
    for (const part of [frozen, frozen.list, frozen.list[0]]) assert.ok(Object.isFrozen(part));
    assert.ok(!Object.isFrozen(original) && !Object.isFrozen(original.list));
  });

  it('properties that are undefined are left out, as JSON does; a missing prototype is given one', () => {
    assert.deepEqual(Object.keys(copyValue({ a: undefined, b: 1 }) as object), ['b']);
    const bare = Object.assign(Object.create(null) as object, { a: 1 });
    assert.deepEqual(copyValue(bare), { a: 1 });
  });

  it('V1: through JSON and back it reads the same, bytes included', () => {
    for (const value of VALUES) assert.deepEqual(fromParsedJson(JSON.parse(toJson(value))), value);
    assert.equal(toJson(undefined), 'null');
    assert.equal(toJson({ a: new Uint8Array([97]) }), '{"a":{"$bytes":"YQ=="}}');
  });

  it('bytes that are not spelt as they should be, are refused', () => {
    for (const odd of [{ $bytes: 5 }, { $bytes: 'no base64' }, { $bytes: 'YQ==', more: 1 }, { $bytes: null }])
      assert.equal(
        codeOf(() => fromParsedJson({ a: odd })),
        'ERR_VALUE_INVALID',
      );
  });

  it('V3: prototype pollution does not get in by parsed JSON', () => {
    assert.equal(
      codeOf(() => fromParsedJson(JSON.parse('{"a":{"__proto__":{"admin":true}}}'))),
      'ERR_VALUE_INVALID',
    );
    assert.equal(
      codeOf(() => fromParsedJson(JSON.parse('{"a":{"__proto__":1}}'))),
      'ERR_VALUE_INVALID',
    );
    assert.deepEqual(fromParsedJson(JSON.parse('{"constructor":{"prototype":1}}')), {
      constructor: { prototype: 1 },
    });
    assert.equal(({} as { admin?: boolean }).admin, undefined);
  });

  it('bytes are found wherever they are', () => {
    assert.deepEqual([new Uint8Array(1), [[{ a: new Uint8Array(1) }]], { a: 'x' }, null, [1]].map(hasBytes), [
      true,
      true,
      false,
      false,
      false,
    ]);
  });

  it('the estimate grows with what is held', () => {
    const small = estimateBytes({ a: 'x' });
    assert.ok(estimateBytes({ a: 'x'.repeat(1_000) }) >= small + 999);
    assert.ok(estimateBytes(new Uint8Array(500)) >= 500);
    assert.ok(estimateBytes(Array.from({ length: 100 }, () => 1)) >= 800);
    assert.ok(estimateBytes('') > 0 && estimateBytes(null) > 0 && estimateBytes(undefined) > 0);
  });
});
