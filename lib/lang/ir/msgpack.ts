// MessagePack of JSON data, and nothing else of it. Bundles come from anywhere, so reading is written for hostile bytes:
//   P1. Whatever the bytes are, `unpack` gives JSON data of bounded depth, or calls `fail` with the first byte that is
//       wrong. It never builds more than the bytes can pay for, and never recurses deeper than `depthMax`.
//   P2. What it gives has no key twice and no key `__proto__`.
//   P3. The same data gives the same bytes: keys in their order, each number in its shortest form.
import { utf8Length } from '../../base/bytes.ts';
import type { JsonValue } from './ir.ts';

const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

// ---- Writing ----

/** Properties that are undefined are left out. `data` has to be a tree. */
export function pack(data: unknown): Uint8Array {
  const writer = new Writer();
  writer.value(data);
  return writer.bytes();
}

class Writer {
  #bytes = new Uint8Array(4096);
  #view = new DataView(this.#bytes.buffer);
  #at = 0;

  bytes(): Uint8Array {
    return this.#bytes.slice(0, this.#at);
  }

  value(data: unknown): void {
    switch (typeof data) {
      case 'string':
        this.#text(data);
        return;
      case 'number':
        this.#number(data);
        return;
      case 'boolean':
        this.#byte(data ? 0xc3 : 0xc2);
        return;
      case 'object':
        if (data === null) this.#byte(0xc0);
        else if (Array.isArray(data)) this.#list(data);
        else this.#map(data as Readonly<Record<string, unknown>>);
        return;
      default:
        throw new TypeError(`${typeof data} is no JSON data`);
    }
  }

  #list(items: readonly unknown[]): void {
    this.#head(items.length, 0x90, 0xdc);
    for (const item of items) this.value(item);
  }

  #map(object: Readonly<Record<string, unknown>>): void {
    const entries = Object.entries(object).filter(([, value]) => value !== undefined);
    this.#head(entries.length, 0x80, 0xde);
    for (const [key, value] of entries) {
      this.#text(key);
      this.value(value);
    }
  }

  /** Of a list or a map: in the first byte, or behind it as 16 or 32 bits. */
  #head(count: number, short: number, long: number): void {
    if (count < 16) this.#byte(short | count);
    else if (count < 0x1_0000) this.#uint(long, count, 2);
    else this.#uint(long + 1, count, 4);
  }

  #text(text: string): void {
    const size = utf8Length(text);
    if (size < 32) this.#byte(0xa0 | size);
    else if (size < 0x100) this.#uint(0xd9, size, 1);
    else if (size < 0x1_0000) this.#uint(0xda, size, 2);
    else this.#uint(0xdb, size, 4);
    this.#ensure(size);
    encoder.encodeInto(text, this.#bytes.subarray(this.#at));
    this.#at += size;
  }

  #number(value: number): void {
    if (!Number.isSafeInteger(value) || Object.is(value, -0)) {
      if (!Number.isFinite(value)) throw new TypeError(`${value} is no JSON data`);
      this.#ensure(9);
      this.#view.setUint8(this.#at, 0xcb);
      this.#view.setFloat64(this.#at + 1, value);
      this.#at += 9;
    } else if (value >= 0) this.#positive(value);
    else this.#negative(value);
  }

  #positive(value: number): void {
    if (value < 0x80) this.#byte(value);
    else if (value < 0x100) this.#uint(0xcc, value, 1);
    else if (value < 0x1_0000) this.#uint(0xcd, value, 2);
    else if (value < 0x1_0000_0000) this.#uint(0xce, value, 4);
    else this.#int64(0xcf, value);
  }

  #negative(value: number): void {
    if (value >= -0x20) this.#byte(value & 0xff);
    else if (value >= -0x80) this.#uint(0xd0, value & 0xff, 1);
    else if (value >= -0x8000) this.#uint(0xd1, value & 0xffff, 2);
    else if (value >= -0x8000_0000) this.#uint(0xd2, value >>> 0, 4);
    else this.#int64(0xd3, value);
  }

  #int64(token: number, value: number): void {
    this.#ensure(9);
    this.#view.setUint8(this.#at, token);
    this.#view.setBigInt64(this.#at + 1, BigInt(value));
    this.#at += 9;
  }

  #uint(token: number, value: number, size: 1 | 2 | 4): void {
    this.#ensure(1 + size);
    this.#view.setUint8(this.#at, token);
    if (size === 1) this.#view.setUint8(this.#at + 1, value);
    else if (size === 2) this.#view.setUint16(this.#at + 1, value);
    else this.#view.setUint32(this.#at + 1, value);
    this.#at += 1 + size;
  }

  #byte(value: number): void {
    this.#ensure(1);
    this.#bytes[this.#at++] = value;
  }

  #ensure(count: number): void {
    if (this.#at + count <= this.#bytes.length) return;
    const bytes = new Uint8Array(Math.max(this.#bytes.length * 2, this.#at + count));
    bytes.set(this.#bytes);
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer);
  }
}

// ---- Reading ----

export interface UnpackOptions {
  /** Lists and maps in one another. */
  readonly depthMax: number;
  /** Throws; `at` is the byte that is wrong. */
  readonly fail: (problem: string, at: number) => Error;
}

/** @throws what `fail` gives */
export function unpack(bytes: Uint8Array, options: UnpackOptions): JsonValue {
  const reader = new Reader(bytes, options);
  const value = reader.value(0);
  if (reader.at !== bytes.length) throw options.fail('bytes follow the value', reader.at);
  return value;
}

class Reader {
  at = 0;
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #options: UnpackOptions;

  constructor(bytes: Uint8Array, options: UnpackOptions) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#options = options;
  }

  value(depth: number): JsonValue {
    const start = this.#take(1);
    const token = this.#view.getUint8(start);
    if (token < 0x80) return token;
    if (token < 0x90) return this.#map(token & 15, depth, start);
    if (token < 0xa0) return this.#list(token & 15, depth, start);
    if (token < 0xc0) return this.#text(token & 31);
    if (token >= 0xe0) return token - 0x100;
    return this.#long(token, depth, start);
  }

  #long(token: number, depth: number, start: number): JsonValue {
    switch (token) {
      case 0xc0:
        return null;
      case 0xc2:
        return false;
      case 0xc3:
        return true;
      case 0xca:
        return this.#finite(this.#view.getFloat32(this.#take(4)), start);
      case 0xcb:
        return this.#finite(this.#view.getFloat64(this.#take(8)), start);
      case 0xcc:
        return this.#view.getUint8(this.#take(1));
      case 0xcd:
        return this.#view.getUint16(this.#take(2));
      case 0xce:
        return this.#view.getUint32(this.#take(4));
      case 0xcf:
        return this.#safe(this.#view.getBigUint64(this.#take(8)), start);
      case 0xd0:
        return this.#view.getInt8(this.#take(1));
      case 0xd1:
        return this.#view.getInt16(this.#take(2));
      case 0xd2:
        return this.#view.getInt32(this.#take(4));
      case 0xd3:
        return this.#safe(this.#view.getBigInt64(this.#take(8)), start);
      case 0xd9:
      case 0xda:
      case 0xdb:
        return this.#text(this.#size(token - 0xd9));
      case 0xdc:
      case 0xdd:
        return this.#list(this.#size(token - 0xdb), depth, start);
      case 0xde:
      case 0xdf:
        return this.#map(this.#size(token - 0xdd), depth, start);
      default:
        throw this.#options.fail(foreign(token), start);
    }
  }

  /** 8, 16 or 32 bits. */
  #size(width: number): number {
    if (width === 0) return this.#view.getUint8(this.#take(1));
    return width === 1 ? this.#view.getUint16(this.#take(2)) : this.#view.getUint32(this.#take(4));
  }

  #list(count: number, depth: number, start: number): JsonValue {
    this.#enter(count, depth, start);
    const items: JsonValue[] = [];
    for (let index = 0; index < count; index += 1) items.push(this.value(depth + 1));
    return items;
  }

  #map(count: number, depth: number, start: number): JsonValue {
    this.#enter(count * 2, depth, start);
    const object: Record<string, JsonValue> = {};
    for (let index = 0; index < count; index += 1) {
      const keyStart = this.at;
      const key = this.#key();
      if (key === '__proto__') throw this.#options.fail('the reserved key __proto__', keyStart);
      if (Object.hasOwn(object, key))
        throw this.#options.fail(`the key '${key.slice(0, 50)}' twice`, keyStart);
      object[key] = this.value(depth + 1);
    }
    return object;
  }

  #key(): string {
    const start = this.#take(1);
    const token = this.#view.getUint8(start);
    if (token >= 0xa0 && token < 0xc0) return this.#text(token & 31);
    if (token >= 0xd9 && token <= 0xdb) return this.#text(this.#size(token - 0xd9));
    throw this.#options.fail('a key that is no text', start);
  }

  /** Every item takes a byte at least, so a count above the bytes that are left is a lie. */
  #enter(count: number, depth: number, start: number): void {
    if (count > this.#bytes.length - this.at)
      throw this.#options.fail('more items are announced than there are bytes', start);
    const { depthMax, fail } = this.#options;
    if (depth >= depthMax) throw fail(`nested deeper than ${depthMax} levels`, start);
  }

  #text(size: number): string {
    const start = this.#take(size);
    try {
      return decoder.decode(this.#bytes.subarray(start, start + size));
    } catch {
      throw this.#options.fail('text that is not UTF-8', start);
    }
  }

  #finite(value: number, start: number): number {
    if (!Number.isFinite(value)) throw this.#options.fail(`${value}, which JSON does not have`, start);
    return value;
  }

  #safe(value: bigint, start: number): number {
    const number = Number(value);
    if (!Number.isSafeInteger(number)) throw this.#options.fail('an integer beyond 2^53 - 1', start);
    return number;
  }

  #take(count: number): number {
    const { at } = this;
    if (at + count > this.#bytes.length) throw this.#options.fail('the value is cut off', this.#bytes.length);
    this.at = at + count;
    return at;
  }
}

function foreign(token: number): string {
  const isExtension = (token >= 0xc7 && token <= 0xc9) || (token >= 0xd4 && token <= 0xd8);
  if (isExtension) return 'an extension, which bundles do not have';
  const isBytes = token >= 0xc4 && token <= 0xc6;
  return isBytes ? 'bytes, which bundles do not have' : 'the byte 0xc1, which msgpack does not use';
}
