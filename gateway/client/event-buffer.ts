// EventBuffer: the events of a stream that have no outcome yet, in order, and what number each has.
// Owns: order, numbers, bounds. Does not own: frames on the wire, credit, the session's name (event-stream.ts).
//   B1. Sent events are numbered `acked + 1 … sentUpto` without holes; an unsent event has no number yet.
//   B2. A number that was ever sent in a session stays with its event until the session ends: after a reconnect the
//       same events leave under the same numbers (`everSent`).
//   B3. Every operation is constant per event; nothing walks the buffer but the loss of a connection or session.
import { Fifo, type GrainError } from '../../lib/index.ts';

export class PendingEvent {
  /** The frame without its sequence number. */
  readonly tail: string;
  /** How many were handed over before it. */
  readonly ordinal: number;
  /** For `send`; a pushed event has no promise of its own. */
  readonly resolve: (() => void) | undefined;
  readonly reject: ((error: GrainError) => void) | undefined;

  constructor(
    tail: string,
    ordinal: number,
    resolve?: (() => void) | undefined,
    reject?: ((error: GrainError) => void) | undefined,
  ) {
    this.tail = tail;
    this.ordinal = ordinal;
    this.resolve = resolve;
    this.reject = reject;
  }
}

export class EventBuffer {
  #sent = new Fifo<PendingEvent>();
  #unsent = new Fifo<PendingEvent>();
  #bytes = 0;
  #acked = 0;
  #everSent = 0;

  /** The highest number that is settled. */
  get acked(): number {
    return this.#acked;
  }

  /** The highest number that was sent on this connection. */
  get sentUpto(): number {
    return this.#acked + this.#sent.size;
  }

  /** The highest number that was sent in this session. */
  get everSent(): number {
    return this.#everSent;
  }

  get sentCount(): number {
    return this.#sent.size;
  }

  get count(): number {
    return this.#sent.size + this.#unsent.size;
  }

  get bytes(): number {
    return this.#bytes;
  }

  add(event: PendingEvent): void {
    this.#bytes += event.tail.length;
    this.#unsent.push(event);
  }

  /** The next to be sent. */
  peek(): PendingEvent | undefined {
    return this.#unsent.peek();
  }

  /** The next one is sent, under the number that this returns. */
  markSent(): number {
    const event = this.#unsent.shift();
    if (event) this.#sent.push(event);
    const seq = this.sentUpto;
    if (seq > this.#everSent) this.#everSent = seq;
    return seq;
  }

  /** Takes out the next to be sent, which never will be. */
  skip(): PendingEvent | undefined {
    const event = this.#unsent.shift();
    if (event) this.#bytes -= event.tail.length;
    return event;
  }

  /** Settles the lowest number. */
  settleNext(): PendingEvent | undefined {
    const event = this.#sent.shift();
    if (!event) return undefined;
    this.#bytes -= event.tail.length;
    this.#acked += 1;
    return event;
  }

  /** The connection is gone: what has no outcome is to be sent again, before everything else. */
  rewind(): void {
    for (let event = this.#unsent.shift(); event; event = this.#unsent.shift()) this.#sent.push(event);
    [this.#sent, this.#unsent] = [this.#unsent, this.#sent];
  }

  /** A session begins, numbered from `acked + 1`. Returns the events that were sent in the last one. Rewind first. */
  restart(acked: number): PendingEvent[] {
    const orphans: PendingEvent[] = [];
    for (let left = this.#everSent - this.#acked; left > 0; left -= 1) {
      const event = this.skip();
      if (event) orphans.push(event);
    }
    this.#acked = acked;
    this.#everSent = acked;
    return orphans;
  }

  /** The session goes on from a higher number than we knew of: what is up to there was settled. Rewind first. */
  settleUpto(acked: number): PendingEvent[] {
    const settled: PendingEvent[] = [];
    while (this.#acked < acked) {
      const event = this.skip();
      if (event) settled.push(event);
      this.#acked += 1;
    }
    if (acked > this.#everSent) this.#everSent = acked;
    return settled;
  }

  /** The largest of the sent events, with its number. Linear. */
  largestSent(): { readonly seq: number; readonly event: PendingEvent } | undefined {
    let largest: { readonly seq: number; readonly event: PendingEvent } | undefined;
    let seq = this.#acked;
    this.#sent.retain((event) => {
      seq += 1;
      if (!largest || event.tail.length > largest.event.tail.length) largest = { seq, event };
      return true;
    });
    return largest;
  }

  /** Takes a sent event out that the server surely never took; those behind it move up. Rewind first. Linear. */
  removeSent(event: PendingEvent): void {
    this.#unsent.retain((other) => other !== event);
    this.#bytes -= event.tail.length;
    this.#everSent -= 1;
  }
}
