import assert from 'node:assert/strict';
import { Packr, Unpackr } from 'msgpackr';
import { checkValue, copyValue, GrainError, randomBelow, SeededRng } from '../../../lib/index.ts';
import { packValue, unpackValue } from '../../../silo/internal.ts';

const packr = new Packr({ useRecords: false, variableMapSize: true });
const unpackr = new Unpackr({ useRecords: false, mapsAsObjects: true, int64AsType: 'number' });

/** A value of the data model, of all shapes and sizes. */
function anyValue(rng: SeededRng, depth = 0): unknown {
  const pick = randomBelow(rng, depth > 4 ? 8 : 11);
  switch (pick) {
    case 0:
      return null;
    case 1:
      return rng.next() < 0.5;
    case 2:
      return randomBelow(rng, 300) - 150;
    case 3:
      return (rng.next() - 0.5) * 2 ** randomBelow(rng, 1_000);
    case 4:
      return Math.floor((rng.next() - 0.5) * 2 ** randomBelow(rng, 53));
    case 5:
      return 'x'.repeat(randomBelow(rng, 70)) + ['', 'é', '日本', '😀'][randomBelow(rng, 4)];
    case 6:
      return rng.hex(randomBelow(rng, 40));
    case 7:
      return new Uint8Array(Array.from({ length: randomBelow(rng, 40) }, () => randomBelow(rng, 256)));
    case 8:
      return Array.from({ length: randomBelow(rng, 5) }, () => anyValue(rng, depth + 1));
    default:
      return Object.fromEntries(
        Array.from({ length: randomBelow(rng, 6) }, (_, index) => [
          `${rng.hex(randomBelow(rng, 3))}${index}`,
          anyValue(rng, depth + 1),
        ]),
      );
  }
}

function nested(levels: number): unknown {
  let value: unknown = 1;
  for (let level = 0; level < levels; level += 1) value = level % 2 === 0 ? [value] : { value };
  return value;
}

describe('Packed values', () => {
  it('any value, packed and unpacked, is equal, and msgpackr reads and writes the same', () => {
    for (let seed = 0; seed < 2_000; seed += 1) {
      const value = anyValue(new SeededRng(seed));
      const packed = packValue(value);
      assert.deepEqual(unpackValue(packed), value, `seed ${seed}`);
      const read: unknown = unpackr.unpack(packed);
      assert.deepEqual(JSON.stringify(read), JSON.stringify(value), `seed ${seed}`);
    }
  });

  it('values at the borders of their encodings, packed and unpacked, are equal', () => {
    const lengths = [0, 1, 15, 16, 31, 32, 47, 48, 255, 256, 65_535, 65_536, 200_000];
    const values: unknown[] = [0, -0, -1, -32, -33, 127, 128, 255, 256, 65_535, 65_536, 2 ** 31 - 1, 2 ** 31];
    values.push(2 ** 32 - 1, 2 ** 32, -(2 ** 31), -(2 ** 31) - 1, Number.MAX_SAFE_INTEGER, 5e-324, 1.7e308);
    for (const length of lengths) {
      values.push('a'.repeat(length), 'é'.repeat(length), new Uint8Array(length).fill(7));
      values.push(new Array(length).fill(1), { ['k'.repeat(length)]: length });
      if (length < 70_000) values.push(Object.fromEntries(Array.from({ length }, (_, n) => [`k${n}`, n])));
    }
    for (const value of values) {
      const read = unpackValue(packValue(value));
      if (value === 0) assert.equal(read, 0);
      else assert.deepEqual(read, value);
    }
  });

  it('properties that are undefined are left out, also the last ones', () => {
    assert.deepEqual(unpackValue(packValue({ a: undefined, b: 1, c: undefined })), { b: 1 });
  });

  it('what is no value, is refused with its place, and nothing is left in the way of the next', () => {
    const odd: [unknown, string][] = [
      [{ a: [1, { b: () => 1 }] }, '$.a[1].b'],
      [{ a: [undefined] }, '$.a[0]'],
      [[1n], '$[0]'],
      [new Date(0), '$'],
      [{ a: Number.NaN }, '$.a'],
      [{ $bytes: 'x' }, '$'],
      [JSON.parse('{"a":{"__proto__":1}}'), '$.a'],
      [nested(66), '$'],
    ];
    for (const [value, place] of odd) {
      assert.throws(
        () => packValue(value),
        (error: GrainError) =>
          error.code === 'ERR_VALUE_INVALID' && String(error.details['path']).startsWith(place),
        place,
      );
      assert.throws(() => copyValue(value));
      assert.equal(unpackValue(packValue('next')), 'next');
    }
    assert.deepEqual(unpackValue(packValue(nested(64))), nested(64));
  });

  it('bytes of a value do not share memory with what was read', () => {
    const packed = packValue({ bytes: new Uint8Array([1, 2, 3]) });
    const read = unpackValue(packed) as { bytes: Uint8Array };
    packed.fill(0);
    assert.deepEqual(read.bytes, new Uint8Array([1, 2, 3]));
  });

  it('bytes that are no packed value, 100,000 of them, give a checked value or ERR_VALUE_INVALID', () => {
    const rng = new SeededRng(7);
    for (let round = 0; round < 100_000; round += 1) {
      const bytes = mutated(
        rng,
        round % 2 === 0 ? packValue(anyValue(rng, 3)) : packr.pack(anyValue(rng, 3)),
      );
      try {
        checkValue(unpackValue(bytes));
      } catch (error) {
        assert.ok(error instanceof GrainError && error.code === 'ERR_VALUE_INVALID', String(error));
      }
    }
  });

  it('a count that the bytes cannot hold, is refused before anything is allocated for it', () => {
    for (const head of [0xdd, 0xdf, 0xc6, 0xdb]) {
      assert.throws(
        () => unpackValue(new Uint8Array([head, 0xff, 0xff, 0xff, 0xff, 1])),
        /ERR_VALUE_INVALID|cut off/,
      );
    }
    assert.throws(() => unpackValue(new Uint8Array(100_000).fill(0x91)), /deeper than 64/);
    assert.throws(
      () => unpackValue(new Uint8Array([...new Array<number>(66).fill(0x91), 1])),
      /deeper than 64/,
    );
    checkValue(unpackValue(new Uint8Array([...new Array<number>(65).fill(0x91), 1])));
    for (const extension of [0xc1, 0xc7, 0xc8, 0xc9, 0xd4, 0xd8, 0xca, 0xcf, 0xd3, 0xd0, 0xd1]) {
      assert.throws(
        () => unpackValue(new Uint8Array([extension, 0, 0, 0, 0, 0, 0, 0, 0, 0])),
        /begins no value/,
      );
    }
  });
});

function mutated(rng: SeededRng, given: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(given);
  for (let change = randomBelow(rng, 4); change >= 0 && bytes.length > 0; change -= 1) {
    bytes[randomBelow(rng, bytes.length)] = randomBelow(rng, 256);
  }
  return rng.next() < 0.3 ? bytes.subarray(0, randomBelow(rng, bytes.length + 1)) : bytes;
}
