// Fields of bodies: written at a writer, read within the bounds of one body.
import type { ByteWriter } from './byte-writer.ts';
import { broken } from './frames.ts';
import { TextCache, textAt } from './texts.ts';

/** Two bytes of length, then UTF-8. */
export function writeText(writer: ByteWriter, text: string): void {
  const { length } = text;
  writer.ensure(2 + length * 3);
  const { bytes } = writer;
  const start = writer.at;
  let at = start + 2;
  if (length < 48) {
    let index = 0;
    for (; index < length; index += 1) {
      const unit = text.charCodeAt(index);
      if (unit >= 0x80) break;
      bytes[at++] = unit;
    }
    if (index < length) at = start + 2 + bytes.write(text, start + 2, 'utf8');
  } else at += bytes.write(text, at, 'utf8');
  const count = at - start - 2;
  if (count > 0xfffe) throw broken(`a text of ${count} bytes`);
  bytes[start] = count;
  bytes[start + 1] = count >>> 8;
  writer.at = at;
}

export function writeDouble(writer: ByteWriter, value: number): void {
  writer.ensure(8);
  writer.bytes.writeDoubleLE(value, writer.at);
  writer.at += 8;
}

export function writeByte(writer: ByteWriter, value: number): void {
  writer.ensure(1);
  writer.bytes[writer.at++] = value;
}

const keys = new TextCache(4_096);

/** Reads fields from one body after the other. Only one body is read at a time. */
export class FieldReader {
  #bytes: Buffer = Buffer.alloc(0);
  at = 0;
  #end = 0;

  open(bytes: Buffer, start: number, end: number): void {
    this.#bytes = bytes;
    this.at = start;
    this.#end = end;
  }

  /** Makes sure that `count` more bytes are there; answers where they begin. @throws ERR_LINK_INVALID */
  need(count: number): number {
    const { at } = this;
    if (count > this.#end - at) throw broken('a message that is cut off');
    this.at = at + count;
    return at;
  }

  byte(): number {
    return this.#bytes[this.need(1)] ?? 0;
  }

  short(): number {
    return this.#bytes.readUInt16LE(this.need(2));
  }

  word(): number {
    return this.#bytes.readUInt32LE(this.need(4));
  }

  /** A finite number. */
  number(): number {
    const value = this.#bytes.readDoubleLE(this.need(8));
    if (value - value !== 0) throw broken('a number that is none');
    return value;
  }

  /** A whole number from 0 on. */
  count(): number {
    const value = this.number();
    if (!Number.isSafeInteger(value) || value < 0) throw broken(`the number ${value} in place of a count`);
    return value;
  }

  text(): string {
    const count = this.short();
    return textAt(this.#bytes, this.need(count), count);
  }

  /** As `text`, for what comes again and again. */
  knownText(count: number): string {
    return keys.get(this.#bytes, this.need(count), count);
  }
}
