// Small harm done to good bytes, the same for the same seed.
import { randomBelow, randomOf, type Rng } from '../../lib/index.ts';

/** Bytes that parsers have stumbled over. */
const NASTY: readonly Buffer[] = [
  '__proto__',
  'constructor',
  '"$bytes":',
  '\u0000',
  '\ufeff',
  '\\u0000',
  '\\ud800',
  '1e999',
  '-0',
  '99999999999999999999',
  '{{{{{{{{',
  ']]]]]]]]',
  '\r\n\r\n',
  '\n',
  'null',
  'NaN',
  '%',
]
  .map((text) => Buffer.from(text))
  .concat(
    [
      [0xff, 0xfe],
      [0xc0, 0x80],
      [0xc1],
      [0xdf, 0xff, 0xff, 0xff, 0xff],
      [0xdd, 0x7f, 0xff, 0xff, 0xff],
      [0xc6, 0xff, 0xff, 0xff, 0xff],
      [0xd4, 0x00, 0x00],
      [0xcb, 0x7f, 0xf8, 0, 0, 0, 0, 0, 0],
      [0xcf, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
      [0x81, 0x01, 0x01],
    ].map((bytes) => Buffer.from(bytes)),
  );

/** One of the seeds, changed in one to four places. */
export function mutated(rng: Rng, seeds: readonly Buffer[]): Buffer {
  let bytes = randomOf(rng, seeds) ?? Buffer.alloc(0);
  const count = 1 + randomBelow(rng, 4);
  for (let change = 0; change < count; change += 1) bytes = mutatedOnce(rng, bytes);
  return bytes;
}

function mutatedOnce(rng: Rng, bytes: Buffer): Buffer {
  const at = randomBelow(rng, bytes.length + 1);
  const before = bytes.subarray(0, at);
  const after = bytes.subarray(at);
  switch (randomBelow(rng, 6)) {
    case 0: {
      const flipped = Buffer.from(bytes);
      const place = Math.min(at, flipped.length - 1);
      if (place >= 0) flipped[place] = (flipped[place] ?? 0) ^ (1 << randomBelow(rng, 8));
      return flipped;
    }
    case 1: // cut off
      return Buffer.from(before);
    case 2: // a piece is missing
      return Buffer.concat([before, after.subarray(1 + randomBelow(rng, 4))]);
    case 3: // a piece is there twice
      return Buffer.concat([before, after.subarray(0, 16), after]);
    case 4:
      return Buffer.concat([before, Buffer.from([randomBelow(rng, 256)]), after]);
    default:
      return Buffer.concat([before, randomOf(rng, NASTY) ?? Buffer.alloc(0), after]);
  }
}
