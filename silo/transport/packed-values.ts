// Values as they travel between processes: msgpack without extensions, of the data model (lib/protocol/value-model.ts).
// Packed and unpacked here and not by msgpackr, because both checks, of what leaves and of what arrives, are one pass with
// the work itself, and because it writes right into the buffer of the link.
//   P1. What was packed reads back equal; undefined properties are left out.
//   P2. Whatever the bytes are, `unpack` returns a checked value that shares nothing with them, or throws
//       ERR_VALUE_INVALID; it allocates no more than some multiple of the bytes, and its depth is bounded.
import { checkValue, DEPTH_MAX, GrainError } from '../../lib/index.ts';
import { ByteWriter } from './byte-writer.ts';
import { TextCache, textAt } from './texts.ts';

// ---- Packing ----

const scratch = new ByteWriter(256 * 1024 * 1024);

/** @throws ERR_VALUE_INVALID, ERR_BODY_TOO_LARGE */
export function packValue(value: unknown): Uint8Array {
  scratch.begin();
  try {
    packInto(scratch, value);
    return new Uint8Array(scratch.bytes.subarray(scratch.frameStart, scratch.at));
  } finally {
    scratch.drop();
  }
}

/** Writes the value at the writer's place. @throws ERR_VALUE_INVALID, ERR_BODY_TOO_LARGE; the frame is to be dropped then */
export function packInto(writer: ByteWriter, value: unknown): void {
  if (pack(writer, value, 0)) return;
  // The check finds the same problem again, and names its place.
  checkValue(value);
  throw new GrainError('ERR_VALUE_INVALID', { message: '$ is no value' });
}

/** False: it is no value. */
function pack(writer: ByteWriter, value: unknown, depth: number): boolean {
  switch (typeof value) {
    case 'number':
      return packNumber(writer, value);
    case 'string':
      packText(writer, value);
      return true;
    case 'boolean':
      writer.ensure(1);
      writer.bytes[writer.at++] = value ? 0xc3 : 0xc2;
      return true;
    case 'undefined':
      // Only at the top: the parts of containers are looked at before.
      writer.ensure(1);
      writer.bytes[writer.at++] = 0xc0;
      return depth === 0;
    case 'object':
      if (value === null) {
        writer.ensure(1);
        writer.bytes[writer.at++] = 0xc0;
        return true;
      }
      if (depth > DEPTH_MAX) return false;
      if (Array.isArray(value)) return packArray(writer, value, depth);
      if (value instanceof Uint8Array) return packBytes(writer, value);
      return packObject(writer, value as Record<string, unknown>, depth);
    default:
      return false;
  }
}

function packNumber(writer: ByteWriter, value: number): boolean {
  writer.ensure(9);
  const { bytes } = writer;
  if (value >>> 0 === value) {
    if (value < 0x80) bytes[writer.at++] = value;
    else if (value < 0x100) {
      bytes[writer.at++] = 0xcc;
      bytes[writer.at++] = value;
    } else if (value < 0x10000) {
      bytes[writer.at++] = 0xcd;
      bytes[writer.at++] = value >>> 8;
      bytes[writer.at++] = value;
    } else {
      bytes[writer.at] = 0xce;
      bytes.writeUInt32BE(value, writer.at + 1);
      writer.at += 5;
    }
    return true;
  }
  if (value >> 0 === value) {
    if (value >= -0x20) bytes[writer.at++] = value & 0xff;
    else {
      bytes[writer.at] = 0xd2;
      bytes.writeInt32BE(value, writer.at + 1);
      writer.at += 5;
    }
    return true;
  }
  if (value - value !== 0) return false;
  bytes[writer.at] = 0xcb;
  bytes.writeDoubleBE(value, writer.at + 1);
  writer.at += 9;
  return true;
}

function packText(writer: ByteWriter, text: string): void {
  const { length } = text;
  if (length < 32) {
    writer.ensure(1 + length * 3);
    const { bytes } = writer;
    let at = writer.at + 1;
    let index = 0;
    for (; index < length; index += 1) {
      const unit = text.charCodeAt(index);
      if (unit >= 0x80) break;
      bytes[at++] = unit;
    }
    if (index === length) {
      bytes[writer.at] = 0xa0 | length;
      writer.at = at;
      return;
    }
  }
  const count = Buffer.byteLength(text);
  writer.ensure(5 + count);
  if (count < 0x20) writer.bytes[writer.at++] = 0xa0 | count;
  else lengthInto(writer, count, 0xd9);
  writer.bytes.write(text, writer.at, 'utf8');
  writer.at += count;
}

/** A length of 1, 2 or 4 bytes; `token` is that of the shortest form, the longer ones follow it. */
function lengthInto(writer: ByteWriter, count: number, token: number): void {
  const { bytes, at } = writer;
  if (count < 0x100) {
    bytes[at] = token;
    bytes[at + 1] = count;
    writer.at = at + 2;
  } else if (count < 0x10000) {
    bytes[at] = token + 1;
    bytes.writeUInt16BE(count, at + 1);
    writer.at = at + 3;
  } else {
    bytes[at] = token + 2;
    bytes.writeUInt32BE(count, at + 1);
    writer.at = at + 5;
  }
}

function packBytes(writer: ByteWriter, value: Uint8Array): boolean {
  writer.ensure(5 + value.byteLength);
  lengthInto(writer, value.byteLength, 0xc4);
  writer.bytes.set(value, writer.at);
  writer.at += value.byteLength;
  return true;
}

function countInto(writer: ByteWriter, count: number, small: number, token: number): void {
  writer.ensure(5);
  const { bytes, at } = writer;
  if (count < 16) {
    bytes[at] = small | count;
    writer.at = at + 1;
  } else if (count < 0x10000) {
    bytes[at] = token;
    bytes.writeUInt16BE(count, at + 1);
    writer.at = at + 3;
  } else {
    bytes[at] = token + 1;
    bytes.writeUInt32BE(count, at + 1);
    writer.at = at + 5;
  }
}

function packArray(writer: ByteWriter, items: readonly unknown[], depth: number): boolean {
  countInto(writer, items.length, 0x90, 0xdc);
  for (let index = 0; index < items.length; index += 1) {
    if (!pack(writer, items[index], depth + 1)) return false;
  }
  return true;
}

function packObject(writer: ByteWriter, value: Record<string, unknown>, depth: number): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) return false;
  const names = Object.keys(value);
  let count = names.length;
  for (let index = 0; index < names.length; index += 1) {
    if (value[names[index] ?? ''] === undefined) count -= 1;
  }
  countInto(writer, count, 0x80, 0xde);
  for (let index = 0; index < names.length; index += 1) {
    const name = names[index] ?? '';
    const item = value[name];
    if (item === undefined) continue;
    if (isReserved(name)) return false;
    packText(writer, name);
    if (!pack(writer, item, depth + 1)) return false;
  }
  return true;
}

function isReserved(name: string): boolean {
  return name === '__proto__' || name === '$bytes';
}

// ---- Unpacking ----

const names = new TextCache(1_024);

// The bytes that are being unpacked: kept here, so that reading allocates nothing but the value.
let source: Buffer = Buffer.alloc(0);
let at = 0;
let end = 0;

/** @throws ERR_VALUE_INVALID */
export function unpackValue(bytes: Uint8Array): unknown {
  const buffer =
    bytes instanceof Buffer ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return unpackFrom(buffer, 0, buffer.length);
}

/** The value that is exactly between the two places. @throws ERR_VALUE_INVALID */
export function unpackFrom(buffer: Buffer, start: number, stop: number): unknown {
  source = buffer;
  at = start;
  end = stop;
  const value = read(0);
  if (at === end) return value;
  throw invalid('bytes follow the value');
}

function invalid(problem: string): GrainError {
  return new GrainError('ERR_VALUE_INVALID', { message: `packed value: ${problem}` });
}

function need(count: number): void {
  if (count > end - at) throw invalid('it is cut off');
}

function read(depth: number): unknown {
  need(1);
  const token = source[at++] ?? 0;
  if (token < 0x80) return token;
  if (token >= 0xe0) return token - 0x100;
  if (token >= 0xa0 && token < 0xc0) return readText(token & 0x1f);
  if (token < 0x90) return readObject(token & 15, depth);
  if (token < 0xa0) return readArray(token & 15, depth);
  return readLong(token, depth);
}

function readLong(token: number, depth: number): unknown {
  switch (token) {
    case 0xc0:
      return null;
    case 0xc2:
      return false;
    case 0xc3:
      return true;
    case 0xc4:
    case 0xc5:
    case 0xc6:
      return readBytes(readLength(token - 0xc4));
    case 0xcb:
      return readDouble();
    case 0xcc:
    case 0xcd:
    case 0xce:
      return readLength(token - 0xcc);
    case 0xd2:
      need(4);
      at += 4;
      return source.readInt32BE(at - 4);
    case 0xd9:
    case 0xda:
    case 0xdb:
      return readText(readLength(token - 0xd9));
    case 0xdc:
    case 0xdd:
      return readArray(readLength(token - 0xdb), depth);
    case 0xde:
    case 0xdf:
      return readObject(readLength(token - 0xdd), depth);
    default:
      throw invalid(`a byte ${token.toString(16)} that begins no value`);
  }
}

/** A whole number of 1, 2 or 4 bytes (`size` 0, 1, 2). */
function readLength(size: number): number {
  const count = 1 << size;
  need(count);
  at += count;
  if (size === 0) return source[at - 1] ?? 0;
  return size === 1 ? source.readUInt16BE(at - 2) : source.readUInt32BE(at - 4);
}

function readDouble(): number {
  need(8);
  const value = source.readDoubleBE(at);
  if (value - value !== 0) throw invalid('a number that no encoding has');
  at += 8;
  return value;
}

function readText(count: number): string {
  need(count);
  const start = at;
  at += count;
  return textAt(source, start, count);
}

function readBytes(count: number): Uint8Array {
  need(count);
  at += count;
  return new Uint8Array(source.subarray(at - count, at));
}

function open(count: number, depth: number): void {
  if (depth > DEPTH_MAX) throw invalid(`nested deeper than ${DEPTH_MAX} levels`);
  // Every item takes a byte at least, so a count above the bytes that are left is a lie.
  need(count);
}

function readArray(count: number, depth: number): unknown[] {
  open(count, depth);
  const items: unknown[] = [];
  for (let index = 0; index < count; index += 1) items.push(read(depth + 1));
  return items;
}

function readObject(count: number, depth: number): Record<string, unknown> {
  open(count, depth);
  const value: Record<string, unknown> = {};
  for (let index = 0; index < count; index += 1) {
    const name = readName();
    if (isReserved(name)) throw invalid(`the reserved property ${name}`);
    value[name] = read(depth + 1);
  }
  return value;
}

function readName(): string {
  need(1);
  const token = source[at++] ?? 0;
  let count: number;
  if (token >= 0xa0 && token < 0xc0) count = token & 0x1f;
  else if (token >= 0xd9 && token <= 0xdb) count = readLength(token - 0xd9);
  else throw invalid('a property whose name is not a text');
  need(count);
  const start = at;
  at += count;
  return names.get(source, start, count);
}
