// ReadGate: whether the socket is read.
// Owns: pausing and resuming. Reading stops while too much waits on either side: for the peer to read, or for the
// cluster to settle. It goes on when half of it is gone (of what goes out, all), so that it does not flutter.
import type { Outbox } from './outbox.ts';
import type { StreamLimits } from './stream-options.ts';
import type { StreamSocket } from './stream-socket.ts';

/** Beats after which a peer that has read nothing of a full buffer is given up. */
const STUCK_BEATS_MAX = 2;

export class ReadGate {
  isPaused = false;
  readonly #ws: StreamSocket;
  readonly #outbox: Outbox;
  readonly #limits: StreamLimits;
  #waitsForDrain = false;
  #stuckBeats = 0;

  constructor(ws: StreamSocket, outbox: Outbox, limits: StreamLimits) {
    this.#ws = ws;
    this.#outbox = outbox;
    this.#limits = limits;
  }

  /**
   * Looks again. `heldBytes` are those of frames that the cluster has not settled; `again` is called when what goes
   * out has gone.
   */
  update(heldBytes: number, again: () => void): void {
    if (this.#outbox.isBehind && !this.#waitsForDrain) {
      this.#waitsForDrain = true;
      this.#outbox.onDrain(() => {
        this.#waitsForDrain = false;
        again();
      });
    }
    const mostBytes = this.#limits.unsettledBytesMax / (this.isPaused ? 2 : 1);
    const shouldPause = this.#waitsForDrain || heldBytes > mostBytes;
    if (shouldPause === this.isPaused) return;
    this.isPaused = shouldPause;
    if (shouldPause) this.#ws.pause();
    else this.#ws.resume();
  }

  /** Once per heartbeat. True when the peer reads nothing at all. */
  isStuck(): boolean {
    this.#stuckBeats = this.#waitsForDrain ? this.#stuckBeats + 1 : 0;
    return this.#stuckBeats > STUCK_BEATS_MAX;
  }

  /** Reads on, whatever waits: the connection is closing, and the peer's answer to that has to be read. */
  release(): void {
    if (this.isPaused) this.#ws.resume();
    this.isPaused = false;
  }
}
