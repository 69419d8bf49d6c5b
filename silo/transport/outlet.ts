// Outlet: what a link has to send, in the order in which it leaves.
// Owns: the lanes of one direction, their frame numbers, and back-pressure. Does not own: what frames mean.
//   O1. Control frames leave first, then data frames, then one chunk of the oldest long message; then it begins again.
//   O2. While the stream is full only control frames leave.
//   O3. `handed` tells which data frames the stream got: all others never left this process.
import type { Clock } from '../../lib/index.ts';
import { ByteWriter } from './byte-writer.ts';
import { CHUNK, CHUNK_BYTES, CHUNK_DROPPED, FRAME_BYTES_MAX, HEADER_BYTES, laneOf, LANES } from './frames.ts';
import type { ByteStream } from './network.ts';

/** A message that is longer than a chunk. */
export class LongMessage {
  readonly kind: number;
  readonly flags: number;
  readonly #head: Uint8Array;
  readonly #payload: Uint8Array;
  /** How far it was handed to the stream. */
  at = 0;
  isDropped = false;

  /** The payload is not copied: it must not change. */
  constructor(kind: number, flags: number, head: Uint8Array, payload: Uint8Array) {
    this.kind = kind;
    this.flags = flags;
    this.#head = head;
    this.#payload = payload;
  }

  get length(): number {
    return 2 + this.#head.byteLength + this.#payload.byteLength;
  }

  get isWhole(): boolean {
    return this.at === this.length;
  }

  /** Copies the next part into `target`; answers how long it is. */
  copyTo(target: Buffer, offset: number, most: number): number {
    const from = this.at;
    const to = Math.min(this.length, from + most);
    let out = offset;
    for (let at = from; at < to;) {
      const part = at < 2 ? PREFIX : at < 2 + this.#head.byteLength ? this.#head : this.#payload;
      const start = at < 2 ? at : at < 2 + this.#head.byteLength ? at - 2 : at - 2 - this.#head.byteLength;
      if (part === PREFIX) {
        PREFIX[0] = this.kind;
        PREFIX[1] = this.flags;
      }
      const count = Math.min(to - at, part.byteLength - start);
      target.set(part.subarray(start, start + count), out);
      at += count;
      out += count;
    }
    this.at = to;
    return to - from;
  }
}

const PREFIX = new Uint8Array(2);

export class Outlet {
  readonly #stream: ByteStream;
  readonly #clock: Clock;
  readonly #control = new ByteWriter(8 * CHUNK_BYTES);
  /** Where data frames are written: `begin`, the body, `finish`. */
  readonly data: ByteWriter;
  readonly #long: LongMessage[] = [];
  #longBytes = 0;
  readonly #numbers: number[] = new Array<number>(LANES).fill(0);
  #isFlushAsked = false;
  #isClosed = false;
  isBlocked = false;
  /** Regions of `data` that the stream got. */
  handed = 0;
  /** Told when the stream takes data again, before anything is written. */
  onRoom: (() => void) | undefined = undefined;
  /** Told before each flush. */
  onFlush: (() => void) | undefined = undefined;
  /** Told once the stream has everything. */
  onEmpty: (() => void) | undefined = undefined;

  constructor(stream: ByteStream, clock: Clock, bytesMax: number) {
    this.#stream = stream;
    this.#clock = clock;
    this.data = new ByteWriter(bytesMax + 1_024);
  }

  /** Bytes that wait here. */
  get waitingBytes(): number {
    return this.data.waitingBytes + this.#longBytes;
  }

  // ---- Frames ----

  control(kind: number, flags: number, body: Uint8Array | undefined): void {
    const writer = this.#control;
    this.#begin(writer, kind, flags);
    if (body) {
      writer.ensure(body.byteLength);
      writer.bytes.set(body, writer.at);
      writer.at += body.byteLength;
    }
    this.#finish(writer);
  }

  /** Begins a data frame; what follows is written at `data`. */
  begin(kind: number, flags: number): void {
    this.#begin(this.data, kind, flags);
  }

  /** Bytes of the body of the frame that is being written. */
  get bodyBytes(): number {
    return this.data.at - this.data.frameStart - HEADER_BYTES;
  }

  /** Sends the data frame with this tick. */
  finish(): void {
    this.#finish(this.data);
  }

  /** The frame that is being written is not sent. */
  drop(): void {
    this.data.drop();
  }

  #begin(writer: ByteWriter, kind: number, flags: number): void {
    writer.begin();
    writer.ensure(HEADER_BYTES);
    writer.bytes[writer.at + 8] = kind;
    writer.bytes[writer.at + 9] = flags;
    writer.at += HEADER_BYTES;
  }

  #finish(writer: ByteWriter): void {
    const { bytes, frameStart } = writer;
    bytes.writeUInt32LE(writer.at - frameStart - 4, frameStart);
    bytes.writeUInt32LE(this.#nextNumber(bytes[frameStart + 8] ?? 0), frameStart + 4);
    writer.finish();
    this.wake();
  }

  #nextNumber(kind: number): number {
    const lane = laneOf(kind);
    const number = this.#numbers[lane] ?? 0;
    this.#numbers[lane] = (number + 1) >>> 0;
    return number;
  }

  long(message: LongMessage): void {
    this.#long.push(message);
    this.#longBytes += message.length;
    this.wake();
  }

  /** As `long`, before all others that have not begun. */
  longFirst(message: LongMessage): void {
    this.#long.splice((this.#long[0]?.at ?? 0) > 0 ? 1 : 0, 0, message);
    this.#longBytes += message.length;
    this.wake();
  }

  /** Takes a long message back; what has left of it is given up at the other end, too. */
  dropLong(message: LongMessage): void {
    const index = this.#long.indexOf(message);
    if (index < 0) return;
    if (message.at === 0) {
      this.#long.splice(index, 1);
      this.#longBytes -= message.length;
    } else message.isDropped = true;
    this.wake();
  }

  // ---- Sending ----

  /** Everything of this tick leaves together. */
  wake(): void {
    if (this.#isFlushAsked || this.#isClosed) return;
    this.#isFlushAsked = true;
    this.#clock.defer(this.#onTick);
  }

  readonly #onTick = (): void => {
    this.#isFlushAsked = false;
    this.flush();
  };

  flush(): void {
    if (this.#isClosed) return;
    this.onFlush?.();
    this.#writeAll(this.#control);
    if (this.isBlocked || this.#isClosed) return;
    this.data.cut();
    while (!this.isBlocked && !this.#isClosed) {
      const region = this.data.take();
      if (!region) break;
      this.handed += 1;
      if (!this.#stream.write(region)) this.isBlocked = true;
    }
    if (!this.isBlocked && !this.#isClosed) this.#writeChunk();
    if (this.onEmpty && this.isEmpty && !this.#isClosed) {
      const { onEmpty } = this;
      this.onEmpty = undefined;
      onEmpty();
    }
  }

  #writeAll(writer: ByteWriter): void {
    writer.cut();
    for (let region = writer.take(); region && !this.#isClosed; region = writer.take()) {
      if (!this.#stream.write(region)) this.isBlocked = true;
    }
  }

  #writeChunk(): void {
    const message = this.#long[0];
    if (!message) return;
    const frame = Buffer.allocUnsafeSlow(
      message.isDropped
        ? HEADER_BYTES
        : Math.min(FRAME_BYTES_MAX, HEADER_BYTES + 4 + message.length - message.at),
    );
    let at = HEADER_BYTES;
    if (!message.isDropped) {
      frame.writeUInt32LE(message.length, at);
      at += 4 + message.copyTo(frame, at + 4, Math.min(CHUNK_BYTES, frame.length - at - 4));
    }
    frame.writeUInt32LE(at - 4, 0);
    frame.writeUInt32LE(this.#nextNumber(CHUNK), 4);
    frame[8] = CHUNK;
    frame[9] = message.isDropped ? CHUNK_DROPPED : 0;
    if (message.isDropped || message.isWhole) {
      this.#long.shift();
      this.#longBytes -= message.length;
    }
    if (!this.#stream.write(at === frame.length ? frame : frame.subarray(0, at))) this.isBlocked = true;
    if (this.#long.length > 0 && !this.isBlocked) this.wake();
  }

  /** The stream takes data again. */
  drained(): void {
    if (!this.isBlocked || this.#isClosed) return;
    this.isBlocked = false;
    this.onRoom?.();
    this.flush();
  }

  get isEmpty(): boolean {
    return this.waitingBytes === 0 && this.#control.waitingBytes === 0;
  }

  close(): void {
    this.#isClosed = true;
    this.#long.length = 0;
  }
}
