// Bundles: what is written reads back, and whatever else comes is refused with a code, quickly.
// GRANARY_FUZZ is how many broken bundles are tried for each sample (default 60).
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { GrainError, randomBelow, SeededRng } from '../../../../lib/index.ts';
import {
  BUNDLE_BYTES_MAX,
  compile,
  IRSerializer,
  type IRModule,
  SCHEMA_VERSION,
  SourceText,
  verifyModule,
} from '../../../../lib/lang/index.ts';

const SAMPLES = fileURLToPath(new URL('../samples/', import.meta.url));
const serializer = new IRSerializer();

function sampleModules(): readonly IRModule[] {
  const files = readdirSync(SAMPLES).filter((file) => file.endsWith('.scaicore'));
  return files.flatMap((file) => {
    const { module } = compile(new SourceText(file, readFileSync(SAMPLES + file, 'utf8')), { debug: true });
    return module ? [module] : [];
  });
}

function tiny(): IRModule {
  const { module } = compile('@core T { version = "1.0.0" }\n@flow f(n: int): int { return n + 1 }');
  assert.ok(module);
  return module;
}

const SCIR = [0x53, 0x43, 0x49, 0x52];
const bundle = (...body: readonly number[]): Uint8Array => new Uint8Array([...SCIR, ...body]);

/** The message of the refusal. */
function refusal(bytes: Uint8Array | string): string {
  try {
    serializer.deserialize(bytes);
  } catch (error) {
    assert.ok(error instanceof GrainError, String(error));
    assert.equal(error.code, 'ERR_BUNDLE_INVALID');
    return error.message;
  }
  return assert.fail('it was taken');
}

describe('IRSerializer', () => {
  it('every sample, written and read, is the same module and the same bytes again', () => {
    const modules = sampleModules();
    assert.ok(modules.length >= 10);
    for (const module of modules) {
      const bytes = serializer.serialize(module);
      assert.deepEqual([...bytes.subarray(0, 4)], SCIR);
      const read = serializer.deserialize(bytes);
      assert.deepEqual(read, module);
      assert.deepEqual(serializer.serialize(read), bytes);
      assert.deepEqual(verifyModule(read), []);
    }
  });

  it('a JSON text of the module, as text or bytes, is read too', () => {
    const module = tiny();
    const text = JSON.stringify(module, null, 2);
    assert.deepEqual(serializer.deserialize(text), module);
    assert.deepEqual(serializer.deserialize(new TextEncoder().encode(` \n${text}`)), module);
  });

  it('any JSON data in the metadata, written and read, is the same', () => {
    const keys = fc.string({ unit: 'grapheme' }).filter((key) => key !== '__proto__');
    const { value } = fc.letrec<{ value: unknown }>((tie) => ({
      value: fc.oneof(
        { maxDepth: 5, withCrossShrink: true },
        fc.constant(null),
        fc.boolean(),
        fc.string({ unit: 'grapheme' }),
        fc.maxSafeInteger(),
        fc.double({ noNaN: true, noDefaultInfinity: true }),
        fc.array(tie('value')),
        fc.dictionary(keys, tie('value'), { noNullPrototype: true }),
      ),
    }));
    const module = tiny();
    fc.assert(
      fc.property(value, (any) => {
        const withMetadata = { ...module, metadata: { any } } as IRModule;
        assert.deepEqual(serializer.deserialize(serializer.serialize(withMetadata)), withMetadata);
      }),
    );
  });

  it('numbers and texts at the borders of their encodings, written and read, are the same', () => {
    const numbers = [0x7f, 0x80, 0xff, 0x100, 0xffff, 0x1_0000, 2 ** 32 - 1, 2 ** 32, 2 ** 53 - 1].flatMap(
      (number) => [number, -number, -number - 1 < -(2 ** 53) + 1 ? 0 : -number - 1],
    );
    const texts = [31, 32, 255, 256, 65_535, 65_536].map((length) => 'ä'.repeat(length >> 1) + 'x');
    const lists = [15, 16, 65_535, 65_536].map((length) => new Array<number>(length).fill(0));
    const metadata = { any: [...numbers, -0, 1.5, 5e-324, ...texts, ...lists] };
    const module = { ...tiny(), metadata } as IRModule;
    assert.deepEqual(serializer.deserialize(serializer.serialize(module)), module);
  });
});

describe('IRSerializer, hostile bytes', () => {
  const cases: Readonly<Record<string, readonly [Uint8Array | string, RegExp]>> = {
    nothing: [new Uint8Array(), /this is no bundle/],
    'something else': [new TextEncoder().encode('%PDF-1.7'), /this is no bundle/],
    'bytes that are no text': [new Uint8Array([0xff, 0xfe, 0x00]), /this is no bundle/],
    'only the magic': [bundle(), /cut off, at byte 4/],
    'a map that is cut off': [bundle(0x81, 0xa2, 0x61), /cut off/],
    'a list of four billion items': [bundle(0xdd, 0xff, 0xff, 0xff, 0xff), /more items are announced/],
    'a map of four billion entries': [bundle(0xdf, 0xff, 0xff, 0xff, 0xff), /more items are announced/],
    'a text of four gigabytes': [bundle(0xdb, 0xff, 0xff, 0xff, 0xff), /cut off/],
    'the key __proto__': [
      bundle(0x81, 0xa9, ...new TextEncoder().encode('__proto__'), 0x80),
      /__proto__, at byte 5/,
    ],
    'a key twice': [bundle(0x82, 0xa1, 0x61, 1, 0xa1, 0x61, 2), /the key 'a' twice, at byte 8/],
    'a key that is a number': [bundle(0x81, 1, 1), /a key that is no text/],
    'an extension': [bundle(0xd4, 1, 0), /an extension/],
    'bytes inside': [bundle(0xc4, 1, 0), /bytes, which/],
    'the byte 0xc1': [bundle(0xc1), /0xc1/],
    NaN: [bundle(0xcb, 0x7f, 0xf8, 0, 0, 0, 0, 0, 0), /NaN/],
    'an integer beyond 2^53': [bundle(0xcf, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff), /2\^53/],
    'text that is no UTF-8': [bundle(0xa2, 0xc3, 0x28), /not UTF-8/],
    'bytes behind it': [bundle(0x80, 0x00), /bytes follow the value, at byte 5/],
    'lists in lists': [bundle(...new Array<number>(100_000).fill(0x91), 0xc0), /deeper than 1000 levels/],
    'a list': [bundle(0x90), /no schema_version/],
    'JSON that is cut off': ['{"schema_version":', /not JSON/],
    'JSON that is nested deeply': [`{"a":${'['.repeat(100_000)}${']'.repeat(100_000)}}`, /no schema_version/],
    'a text that is no JSON': ['core', /this is no bundle/],
  };
  for (const [title, [bytes, message]] of Object.entries(cases))
    it(`${title}, is refused with its place`, () => {
      assert.match(refusal(bytes), message);
    });

  it('more than 10 MB, is refused before it is looked at', () => {
    assert.match(refusal(new Uint8Array(BUNDLE_BYTES_MAX + 1)), /at most 10485760 bytes/);
  });

  it('nested deeply where anything may stand, is refused', () => {
    const deep = JSON.stringify({ ...tiny(), metadata: {} }).replace(
      '"metadata":{}',
      `"metadata":{"a":${'['.repeat(5_000)}${']'.repeat(5_000)}}`,
    );
    assert.match(refusal(deep), /nested deeper than 1000 levels/);
  });

  it('a schema of another version, is refused with what to do', () => {
    const withSchema = (schema_version: unknown): string => JSON.stringify({ ...tiny(), schema_version });
    const [major = '0', minor = '1'] = SCHEMA_VERSION.split('.');
    assert.deepEqual(serializer.deserialize(withSchema(`${major}.${minor}.99`)).name, 'T');
    assert.match(refusal(withSchema(`${major}.${Number(minor) + 1}.0`)), /is newer than .* newer version/);
    assert.match(refusal(withSchema(`${Number(major) + 1}.0.0`)), /is newer than/);
    assert.match(refusal(withSchema('0.0.9')), /is older than .* compile the program again/);
    assert.match(refusal(withSchema('next')), /'next' is no schema_version/);
    assert.match(refusal(withSchema(1)), /no schema_version/);
  });

  it('samples with bytes changed, cut or doubled, are refused with a code or give a sound module', () => {
    const seed = Number(process.env['GRANARY_SEED'] ?? 20_260_131);
    const tries = Number(process.env['GRANARY_FUZZ'] ?? 60);
    const rng = new SeededRng(seed);
    for (const module of sampleModules()) {
      const bytes = serializer.serialize(module);
      for (let turn = 0; turn < tries; turn += 1) {
        const broken = mutate(bytes, rng);
        try {
          serializer.serialize(serializer.deserialize(broken));
        } catch (error) {
          const isCoded = error instanceof GrainError && error.code === 'ERR_BUNDLE_INVALID';
          assert.ok(isCoded, `seed ${seed}, ${module.name}, turn ${turn}: ${String(error)}`);
        }
      }
    }
  });
});

function mutate(bytes: Uint8Array, rng: SeededRng): Uint8Array {
  const at = 4 + randomBelow(rng, bytes.length - 4);
  switch (randomBelow(rng, 4)) {
    case 0:
      return bytes.slice(0, at);
    case 1: {
      const size = 1 + randomBelow(rng, 20);
      return new Uint8Array([...bytes.subarray(0, at), ...bytes.subarray(Math.max(0, at - size))]);
    }
    default: {
      const copy = bytes.slice();
      for (let count = 1 + randomBelow(rng, 3); count > 0; count -= 1)
        copy[4 + randomBelow(rng, bytes.length - 4)] = randomBelow(rng, 256);
      return copy;
    }
  }
}
