import type { Duplex } from 'node:stream';
import type { Wire } from './frame-codec.ts';
import type { StreamSocket } from './stream-socket.ts';

/** The frames that wait for the end of this turn of the loop, and the bytes that wait for the peer to read. */
export class Outbox {
  /** In the order in which they came up; whoever adds frames that take much room uses `push`. */
  readonly frames: Wire[] = [];
  readonly #ws: StreamSocket;
  readonly #raw: Duplex;
  readonly #pauseBytes: number;
  #bytes = 0;
  /** The largest frame since nothing waited. */
  #largestBytes = 0;

  /** @param pauseBytes from how many bytes on the peer is behind */
  constructor(ws: StreamSocket, raw: Duplex, pauseBytes: number) {
    this.#ws = ws;
    this.#raw = raw;
    this.#pauseBytes = pauseBytes;
  }

  /** The peer reads more slowly than we send; `onDrain` tells when it has caught up. */
  get isBehind(): boolean {
    return this.#raw.writableLength > this.#pauseBytes && this.#raw.writableNeedDrain;
  }

  /** Bytes that were not read yet, the frames that are still here included (text counted in characters). */
  get bytes(): number {
    return this.#bytes + this.#raw.writableLength;
  }

  /**
   * What counts against the bound: all but the largest frame. One that is above the bound by itself has to pass, or a
   * client that resumes would be sent it again for ever.
   */
  get boundedBytes(): number {
    return this.bytes - this.#largestBytes;
  }

  push(frame: Wire): void {
    if (this.bytes === 0) this.#largestBytes = 0;
    this.#largestBytes = Math.max(this.#largestBytes, frame.length);
    this.frames.push(frame);
    this.#bytes += frame.length;
  }

  /** Everything in one write. Answers how many frames that were. */
  write(): number {
    const { frames } = this;
    const count = frames.length;
    if (count === 0) return 0;
    if (count === 1 && frames[0] !== undefined) this.#ws.send(frames[0]);
    else {
      this.#raw.cork();
      for (const frame of frames) this.#ws.send(frame);
      this.#raw.uncork();
    }
    this.drop();
    return count;
  }

  drop(): void {
    this.frames.length = 0;
    this.#bytes = 0;
  }

  /** Calls back once when the peer has read everything. Only where it `isBehind`: else nothing would come. */
  onDrain(told: () => void): void {
    this.#raw.once('drain', told);
  }
}
