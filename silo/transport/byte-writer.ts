// ByteWriter: frames are written one behind the other into slabs, which are handed on in regions.
// Owns: the slab that is being filled, and the regions that are ready to go.
//   B1. A region that was taken is never written again: whoever sends it owns it.
//   B2. A frame is in one region as a whole. One that turns out not to fit moves to the next slab.
import { GrainError } from '../../lib/index.ts';

const SLAB_BYTES = 64 * 1024;
/** Before anything was written: links that say nothing hold nothing. */
const NO_SLAB = Buffer.alloc(0);
/** With less room than this, a slab is not worth beginning a region in. */
const LEAST_ROOM = 2 * 1024;

export class ByteWriter {
  bytes: Buffer = NO_SLAB;
  /** Where the next byte goes. */
  at = 0;
  /** Where the frame begins that is being written. */
  frameStart = 0;
  /** No frame may be longer. */
  readonly #frameMax: number;
  #regionStart = 0;
  readonly #regions: Uint8Array[] = [];
  #regionBytes = 0;
  /** Regions that were closed so far: the number of the one that is being filled. */
  regionNumber = 0;

  constructor(frameMax: number) {
    this.#frameMax = frameMax;
  }

  /** Bytes of whole frames that nobody took yet. */
  get waitingBytes(): number {
    return this.#regionBytes + this.frameStart - this.#regionStart;
  }

  begin(): void {
    this.frameStart = this.at;
  }

  /** The frame is whole. */
  finish(): void {
    this.frameStart = this.at;
  }

  /** As if the frame had not been begun. */
  drop(): void {
    this.at = this.frameStart;
    // What a huge value made grow is not kept.
    if (this.bytes.length > SLAB_BYTES && this.at === this.#regionStart) this.#leaveSlab();
  }

  /** Makes room for `count` more bytes. @throws ERR_BODY_TOO_LARGE */
  ensure(count: number): void {
    if (this.at + count > this.bytes.length) this.#turnOver(count);
  }

  #turnOver(count: number): void {
    const begun = this.at - this.frameStart;
    const needed = begun + count;
    if (needed > this.#frameMax) {
      throw new GrainError('ERR_BODY_TOO_LARGE', {
        message: `larger than the ${this.#frameMax} bytes that fit into one frame between processes`,
        bytesMax: this.#frameMax,
      });
    }
    this.#closeRegion(this.frameStart);
    const old = this.bytes;
    const from = this.frameStart;
    this.#leaveSlab();
    this.bytes = Buffer.allocUnsafeSlow(needed > SLAB_BYTES / 2 ? needed * 2 : SLAB_BYTES);
    old.copy(this.bytes, 0, from, from + begun);
    this.at = begun;
  }

  #leaveSlab(): void {
    this.bytes = NO_SLAB;
    this.at = 0;
    this.frameStart = 0;
    this.#regionStart = 0;
  }

  #closeRegion(end: number): void {
    const length = end - this.#regionStart;
    if (length === 0) return;
    this.#regions.push(new Uint8Array(this.bytes.buffer, this.#regionStart, length));
    this.#regionBytes += length;
    this.regionNumber += 1;
    this.#regionStart = end;
  }

  /** Closes the region with the last whole frame, so that it can be taken. */
  cut(): void {
    this.#closeRegion(this.at);
    if (this.bytes.length - this.at < LEAST_ROOM || this.bytes.length > SLAB_BYTES) this.#leaveSlab();
  }

  /** The oldest region that is closed. */
  take(): Uint8Array | undefined {
    const region = this.#regions.shift();
    if (region) this.#regionBytes -= region.byteLength;
    return region;
  }
}
