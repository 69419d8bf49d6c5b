// Heartbeat: all that connections wait for, behind one timer.
// Owns: pings, silence, the wait for the first frame, tokens that expire, and sockets that do not finish closing.
//   H1. One timer of the clock is set while there are connections, none otherwise; a connection has no timer of its own.
//   H2. Each tick looks at one bucket of connections, so that pings are spread over the interval.
import type { Clock, TimerHandle } from '../../lib/index.ts';
import { HELLO_MS } from '../protocol.ts';

/** Ticks in one heartbeat interval. */
const BUCKETS = 15;
/** How long a closing handshake may take, in ticks. */
const CLOSING_TICKS = 3;

export interface Beating {
  /** Set by the connection whenever it hears from its client. */
  heardTick: number;
  readonly openedMs: number;
  readonly isWaitingForHello: boolean;
  /** On the wall clock. */
  readonly expiresAtMs: number;
  /** Once per interval; `isSilent` when nothing was heard for two of them. */
  onBeat(isSilent: boolean): void;
  onHelloTimeout(): void;
  onExpiry(): void;
  /** The closing handshake took too long. */
  destroy(): void;
}

export class Heartbeat {
  /** The present tick: what connections stamp. */
  tick = 0;
  readonly #clock: Clock;
  readonly #tickMs: number;
  readonly #onTick: () => void;
  readonly #buckets: readonly Set<Beating>[] = Array.from({ length: BUCKETS }, () => new Set<Beating>());
  /** In the order of their opening. */
  readonly #waiting = new Set<Beating>();
  readonly #expiring = new Set<Beating>();
  /** When they began to close; in that order. */
  readonly #closing = new Map<Beating, number>();
  #count = 0;
  #timer: TimerHandle | undefined = undefined;

  constructor(options: { readonly clock: Clock; readonly heartbeatMs: number; readonly onTick: () => void }) {
    this.#clock = options.clock;
    this.#tickMs = options.heartbeatMs / BUCKETS;
    this.#onTick = options.onTick;
  }

  add(connection: Beating): void {
    connection.heardTick = this.tick;
    this.#bucketOf(this.#count).add(connection);
    this.#waiting.add(connection);
    this.#count += 1;
    this.#arm();
  }

  /** The token's end is known, or changed. */
  watchExpiry(connection: Beating): void {
    if (connection.expiresAtMs === Infinity) this.#expiring.delete(connection);
    else this.#expiring.add(connection);
  }

  watchClosing(connection: Beating): void {
    this.#forget(connection);
    this.#closing.set(connection, this.tick);
    this.#arm();
  }

  /** The socket is gone. */
  remove(connection: Beating): void {
    this.#forget(connection);
    this.#closing.delete(connection);
  }

  stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  #forget(connection: Beating): void {
    for (const bucket of this.#buckets) if (bucket.delete(connection)) break;
    this.#waiting.delete(connection);
    this.#expiring.delete(connection);
  }

  #bucketOf(number: number): Set<Beating> {
    const bucket = this.#buckets[number % BUCKETS];
    return bucket ?? new Set();
  }

  #arm(): void {
    this.#timer ??= this.#clock.setTimer(this.#tickMs, () => this.#beat());
  }

  #beat(): void {
    this.#timer = undefined;
    this.tick += 1;
    this.#checkHellos();
    this.#checkExpiry();
    this.#checkClosing();
    this.#checkBucket();
    this.#onTick();
    const isEmpty = this.#closing.size === 0 && this.#buckets.every(({ size }) => size === 0);
    if (!isEmpty) this.#arm();
  }

  #checkHellos(): void {
    const nowMs = this.#clock.nowMs();
    for (const connection of this.#waiting) {
      if (!connection.isWaitingForHello) this.#waiting.delete(connection);
      else if (nowMs - connection.openedMs >= HELLO_MS) connection.onHelloTimeout();
      else return;
    }
  }

  #checkExpiry(): void {
    const wallMs = this.#clock.wallMs();
    for (const connection of this.#expiring) if (wallMs >= connection.expiresAtMs) connection.onExpiry();
  }

  #checkClosing(): void {
    for (const [connection, sinceTick] of this.#closing) {
      if (this.tick - sinceTick < CLOSING_TICKS) return;
      this.#closing.delete(connection);
      connection.destroy();
    }
  }

  #checkBucket(): void {
    for (const connection of this.#bucketOf(this.tick)) {
      connection.onBeat(this.tick - connection.heardTick > 2 * BUCKETS);
    }
  }
}
