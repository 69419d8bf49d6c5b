// Bundles: `SCIR` and the MessagePack of an IRModule; or its JSON text, which is read too.
//   B1. What `deserialize` returns has passed the shape check, whatever the bytes were.
//   B2. A bundle is read if its schema has our major and minor number.
import { GrainError } from '../../errors/grain-error.ts';
import { type IRModule, type JsonValue, SCHEMA_VERSION } from './ir.ts';
import { checkShape } from './ir-shape.ts';
import { pack, unpack } from './msgpack.ts';
import { DEPTH_MAX, type JsonRecord } from './shape-kit.ts';

const MAGIC = [0x53, 0x43, 0x49, 0x52]; // SCIR
export const BUNDLE_BYTES_MAX = 10 * 1024 * 1024;

export class IRSerializer {
  /** The same module gives the same bytes. @throws ERR_BUNDLE_INVALID if it is too large */
  serialize(module: IRModule): Uint8Array {
    const body = pack(module);
    requireSize(MAGIC.length + body.length);
    const bytes = new Uint8Array(MAGIC.length + body.length);
    bytes.set(MAGIC);
    bytes.set(body, MAGIC.length);
    return bytes;
  }

  /** @throws ERR_BUNDLE_INVALID */
  deserialize(bytes: Uint8Array | string): IRModule {
    requireSize(bytes.length);
    const value = typeof bytes === 'string' ? parse(bytes) : decode(bytes);
    requireSchema(value);
    checkShape(value);
    return value;
  }
}

function invalid(
  message: string,
  details: Readonly<Record<string, unknown>> = {},
  cause?: unknown,
): GrainError {
  return new GrainError('ERR_BUNDLE_INVALID', { message, ...details }, { cause });
}

function requireSize(size: number): void {
  if (size > BUNDLE_BYTES_MAX)
    throw invalid(`a bundle has at most ${BUNDLE_BYTES_MAX} bytes, this one ${size}`, {
      bytes: size,
      bytesMax: BUNDLE_BYTES_MAX,
    });
}

function decode(bytes: Uint8Array): JsonValue {
  if (MAGIC.every((byte, index) => bytes[index] === byte)) {
    const fail = (problem: string, at: number): GrainError =>
      invalid(`${problem}, at byte ${at + MAGIC.length}`, { at: at + MAGIC.length });
    return unpack(bytes.subarray(MAGIC.length), { depthMax: DEPTH_MAX, fail });
  }
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (cause) {
    throw invalid("this is no bundle: it begins neither with 'SCIR' nor with '{'", {}, cause);
  }
  return parse(text);
}

function parse(text: string): JsonValue {
  if (!/^\s*\{/.test(text)) throw invalid("this is no bundle: it begins neither with 'SCIR' nor with '{'");
  try {
    return JSON.parse(text) as JsonValue;
  } catch (cause) {
    const said = cause instanceof Error ? cause.message.slice(0, 200) : 'not JSON';
    throw invalid(`not JSON: ${said}`, {}, cause);
  }
}

function requireSchema(value: JsonValue): void {
  const isObject = typeof value === 'object' && value !== null && !Array.isArray(value);
  const fields = isObject ? (value as JsonRecord) : {};
  const given = Object.hasOwn(fields, 'schema_version') ? fields['schema_version'] : undefined;
  if (typeof given !== 'string') throw invalid('this is no module: it has no schema_version');
  const parts = /^(\d{1,6})\.(\d{1,6})\.(\d{1,6})$/.exec(given);
  if (!parts) throw invalid(`'${given.slice(0, 40)}' is no schema_version`);
  const [major = 0, minor = 0] = SCHEMA_VERSION.split('.').map(Number);
  const order = Number(parts[1]) - major || Number(parts[2]) - minor;
  if (order === 0) return;
  const [age, advice] =
    order > 0 ? ['newer', 'run it with a newer version of Granary'] : ['older', 'compile the program again'];
  const message = `the bundle has the schema ${given}, which is ${age} than ${SCHEMA_VERSION}: ${advice}`;
  throw invalid(message, { schemaVersion: given, supported: SCHEMA_VERSION });
}
