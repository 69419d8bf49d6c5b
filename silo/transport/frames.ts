// What a stream between two processes carries: frames of a length (u32, of what follows it), a number (u32, counting in its
// lane and direction), a kind (u8), flags (u8) and a body. All numbers are little-endian.
//   F1. Each lane counts its frames from 0: a frame that is lost, doubled or out of order within its lane ends the link.
//   F2. No frame is longer than `FRAME_BYTES_MAX`; what is longer travels in chunks (lane `large`), one message at a time.
//   F3. Bytes are given on only during the call: the memory of the socket is not kept.
import { GrainError } from '../../lib/index.ts';

/** Goes up with every change that an older process cannot read. */
export const PROTOCOL_VERSION = 1;
/** The oldest version that this code can speak. */
export const PROTOCOL_OLDEST = 1;

export const HEADER_BYTES = 10;
/** Parts of a long message; also how much may be ahead of a ping. */
export const CHUNK_BYTES = 64 * 1024;
export const FRAME_BYTES_MAX = CHUNK_BYTES + 64;
/** As long as nobody has proved who it is. */
export const HANDSHAKE_BYTES_MAX = 4 * 1024;

export const HELLO = 1;
export const CHALLENGE = 2;
export const PROOF = 3;
export const WELCOME = 4;
export const REFUSAL = 5;
export const PING = 6;
export const PONG = 7;
export const CONTROL = 8;
export const REQUEST = 16;
export const RESULT = 17;
export const FAILURE = 18;
export const CANCEL = 19;
export const CHUNK = 32;

/** Flags of a chunk: the message is given up. */
export const CHUNK_DROPPED = 1;

/** 0: control, 1: data, 2: large. */
export function laneOf(kind: number): number {
  return kind >>> 4;
}

export const LANES = 3;

export function broken(problem: string): GrainError {
  return new GrainError('ERR_LINK_INVALID', { message: problem });
}

export interface FrameSink {
  /** @throws what ends the link */
  onFrame(kind: number, flags: number, bytes: Buffer, start: number, end: number): void;
}

export class FrameReader {
  sink: FrameSink;
  /** Longest frame that is taken now. */
  frameMax = HANDSHAKE_BYTES_MAX;
  /** Nothing more is wanted. */
  isStopped = false;
  readonly #numbers: number[] = new Array<number>(LANES).fill(0);
  /** The beginning of a frame whose end has not come. */
  #carry: Buffer = Buffer.alloc(0);
  #carried = 0;

  constructor(sink: FrameSink) {
    this.sink = sink;
  }

  /** @throws ERR_LINK_INVALID, and what the sink throws */
  push(bytes: Uint8Array): void {
    const buffer =
      bytes instanceof Buffer ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    let at = this.#carried === 0 ? 0 : this.#fillCarry(buffer);
    while (!this.isStopped) {
      const left = buffer.length - at;
      if (left < 4) break;
      const length = this.#lengthAt(buffer, at);
      if (left < 4 + length) break;
      this.#take(buffer, at, at + 4 + length);
      at += 4 + length;
    }
    if (!this.isStopped && at < buffer.length) this.#keep(buffer, at);
  }

  /** Checked before anything is kept for it. */
  #lengthAt(buffer: Buffer, at: number): number {
    const length = buffer.readUInt32LE(at);
    if (length < HEADER_BYTES - 4 || length > this.frameMax) throw broken(`a frame of ${length} bytes`);
    return length;
  }

  #take(buffer: Buffer, at: number, end: number): void {
    const number = buffer.readUInt32LE(at + 4);
    const kind = buffer[at + 8] ?? 0;
    const lane = laneOf(kind);
    const expected = this.#numbers[lane];
    if (expected === undefined) throw broken(`a frame of the unknown kind ${kind}`);
    if (number !== expected) throw broken(`frame ${number} of its lane instead of ${expected}`);
    this.#numbers[lane] = (expected + 1) >>> 0;
    this.sink.onFrame(kind, buffer[at + 9] ?? 0, buffer, at + HEADER_BYTES, end);
  }

  #keep(buffer: Buffer, at: number): void {
    const left = buffer.length - at;
    if (this.#carry.length < this.#carried + left) {
      const grown = Buffer.allocUnsafeSlow(Math.max(2 * (this.#carried + left), 4_096));
      this.#carry.copy(grown, 0, 0, this.#carried);
      this.#carry = grown;
    }
    buffer.copy(this.#carry, this.#carried, at);
    this.#carried += left;
  }

  /** Completes the frame that was begun; answers where the next one begins. */
  #fillCarry(buffer: Buffer): number {
    let at = 0;
    if (this.#carried < 4) {
      const wanted = Math.min(4 - this.#carried, buffer.length);
      this.#keep(buffer.subarray(0, wanted), 0);
      at = wanted;
      if (this.#carried < 4) return at;
    }
    const length = this.#lengthAt(this.#carry, 0) + 4;
    const wanted = Math.min(length - this.#carried, buffer.length - at);
    if (wanted > 0) this.#keep(buffer.subarray(at, at + wanted), 0);
    at += wanted;
    if (this.#carried < length) return at;
    this.#carried = 0;
    const whole = this.#carry;
    // What the sink does may bring more bytes here: they must not overwrite what it reads.
    this.#carry = whole.length > FRAME_BYTES_MAX ? Buffer.alloc(0) : whole;
    this.#take(whole, 0, length);
    return at;
  }
}

/** Puts the parts of a long message together again. */
export class ChunkReader {
  readonly #bytesMax: number;
  #message: Buffer | undefined = undefined;
  #at = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  /**
   * Takes the body of a chunk: the length of the whole message (u32), then a part of it. Answers the message (kind,
   * flags, body) with its last part. @throws ERR_LINK_INVALID
   */
  push(flags: number, bytes: Buffer, start: number, end: number): Buffer | undefined {
    if ((flags & CHUNK_DROPPED) !== 0) {
      if (!this.#message) throw broken('a message is given up that was not begun');
      this.#message = undefined;
      return undefined;
    }
    if (end - start < 5) throw broken('an empty chunk');
    const total = bytes.readUInt32LE(start);
    this.#message ??= this.#begin(total);
    const message = this.#message;
    if (total !== message.length || this.#at + end - start - 4 > total)
      throw broken('a chunk of another message');
    bytes.copy(message, this.#at, start + 4, end);
    this.#at += end - start - 4;
    if (this.#at < total) return undefined;
    this.#message = undefined;
    return message;
  }

  #begin(total: number): Buffer {
    if (total < 2 || total > this.#bytesMax) throw broken(`a message of ${total} bytes`);
    this.#at = 0;
    return Buffer.allocUnsafeSlow(total);
  }
}
