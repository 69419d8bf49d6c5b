// GrainSubscription: what one grain emits, as an async iterator that outlives connections.
// Owns: the buffer between server and consumer, its credit, and the cursor to resume from. Does not own: the
// connection (link.ts).
//   U1. Items come in the grain's order, without duplicates; where something is missing, a gap item says so.
//   U2. `buffered + credit that is still out <= bufferCount`, so a consumer that stops reading stops the server.
//   U3. The cursor is that of the last item that was buffered: every resume asks for what comes after it.
//   U4. Each attempt has an id of its own; what comes under an older one is dropped.
import {
  backoffMs,
  Fifo,
  fromParsedJson,
  fromReport,
  fromUnknown,
  GrainError,
  type TimerHandle,
} from '../../lib/index.ts';
import type { ErrorFrame, GapFrame, PushFrame } from '../protocol.ts';
import type { ResolvedClientOptions } from './options.ts';
import type { Sender } from './sender.ts';
import { isCount } from './wire.ts';

export interface SubscribeOptions {
  /** Only this event. @default all */
  readonly event?: string;
  /** Go on after this cursor; `'0.0'` for all that the grain still keeps. @default only what comes from now on */
  readonly from?: string;
  /** Items that may wait for the consumer. @default 64 */
  readonly buffer?: number;
  /** Ends the subscription; `next()` then rejects with `ERR_CALL_CANCELLED`. */
  readonly signal?: AbortSignal;
}

export type SubscriptionItem =
  | {
      readonly kind: 'event';
      /** The grain's own number of the emission. */
      readonly n: number;
      /** What to name in `from` to go on after this one. */
      readonly cursor: string;
      readonly event: string;
      readonly data: unknown;
    }
  | {
      /** Emissions are missing here: after `from`, up to `to`, as far as that is known. */
      readonly kind: 'gap';
      readonly from: string | undefined;
      readonly to: string | undefined;
    };

/** Ends with `return()`, which leaving a `for await` does by itself. */
export interface Subscription extends AsyncIterableIterator<SubscriptionItem> {
  return(): Promise<IteratorResult<SubscriptionItem, undefined>>;
  /** The cursor of the last item that was taken out. */
  readonly cursor: string | undefined;
}

/** What the client's table of subscriptions does for one of them. */
export interface SubscriptionHome {
  readonly sender: Sender;
  readonly options: ResolvedClientOptions;
  /** From now on frames with this id are for this subscription. */
  register(id: number, subscription: GrainSubscription): void;
  unregister(id: number): void;
  /** It will not ask for anything again. */
  onEnded(subscription: GrainSubscription): void;
}

interface Waiter {
  readonly resolve: (result: IteratorResult<SubscriptionItem, undefined>) => void;
  readonly reject: (error: GrainError) => void;
}

/** Errors in a row after which a temporary one is taken for lasting. */
const FAILURES_MAX = 8;

export class GrainSubscription implements Subscription {
  readonly #home: SubscriptionHome;
  /** The frame without type, id, cursor and credit. */
  readonly #tail: string;
  readonly #bufferCount: number;
  readonly #items = new Fifo<SubscriptionItem>();
  readonly #waiters = new Fifo<Waiter>();
  /** 0 while the server is not asked. */
  #id = 0;
  /** Pushes that the server may still send. */
  #credit = 0;
  /** U3. */
  #cursorIn: string | undefined;
  #cursorOut: string | undefined;
  /** Number of the last push; undefined where the next one may follow on anything. */
  #lastN: number | undefined;
  /** Whether the server was asked before, so that not naming a cursor now would skip what came in between. */
  #hasBegun = false;
  /** The hole that made us ask again; meeting it twice means that what is missing is gone. */
  #holeAfter: number | undefined;
  #failureCount = 0;
  #pause: TimerHandle | undefined;
  #state: 'open' | 'ended' = 'open';
  #error: GrainError | undefined;
  #unlisten: (() => void) | undefined;

  constructor(home: SubscriptionHome, tail: string, options: SubscribeOptions) {
    this.#home = home;
    this.#tail = tail;
    this.#bufferCount = options.buffer ?? 64;
    this.#cursorIn = options.from;
    if (options.signal) this.#listen(options.signal);
    this.resume();
  }

  get isEnded(): boolean {
    return this.#state === 'ended';
  }

  get cursor(): string | undefined {
    return this.#cursorOut;
  }

  // ---- For the consumer ----

  next(): Promise<IteratorResult<SubscriptionItem, undefined>> {
    const item = this.#items.shift();
    if (item) return Promise.resolve(this.#handOut(item));
    const error = this.#error;
    this.#error = undefined; // An iterator fails once, and is done after that.
    if (error) return Promise.reject(error);
    if (this.#state === 'ended') return Promise.resolve({ done: true, value: undefined });
    return new Promise((resolve, reject) => this.#waiters.push({ resolve, reject }));
  }

  return(): Promise<IteratorResult<SubscriptionItem, undefined>> {
    this.#items.retain(() => false);
    this.end(undefined);
    this.#error = undefined;
    return Promise.resolve({ done: true, value: undefined });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  // ---- For the client ----

  /** Asks the server, if there is one and there is room for what it will send. */
  resume(): void {
    const { sender } = this.#home;
    if (this.#id !== 0 || this.#pause || this.#state === 'ended') return;
    if (!sender.isOpen) return sender.wake();
    const room = this.#bufferCount - this.#items.size;
    if (room * 2 < this.#bufferCount) return; // The consumer's next() comes by here again.
    this.#id = sender.nextId();
    this.#home.register(this.#id, this);
    this.#credit = room;
    if (this.#hasBegun && this.#cursorIn === undefined)
      this.#offer({ kind: 'gap', from: undefined, to: undefined });
    this.#hasBegun = true;
    const from = this.#cursorIn === undefined ? '' : `,"from":${JSON.stringify(this.#cursorIn)}`;
    sender.send(`{"t":"sub","id":${this.#id},"n":${room}${from}${this.#tail}`);
  }

  lost(): void {
    this.#forget();
  }

  onPush(frame: PushFrame): void {
    const { n, prev, cursor } = frame;
    if (!isCount(n) || !isCount(prev) || typeof cursor !== 'string') {
      return this.#home.sender.drop('it sent a push without n, prev or cursor');
    }
    this.#credit -= 1;
    if (this.#items.size >= this.#bufferCount) return this.#restart(); // More than we allowed: ask again later.
    if (this.#lastN !== undefined) {
      if (n <= this.#lastN) return this.#refill(); // A second time, after a resume.
      if (prev !== this.#lastN && !this.#isLastingHole(this.#lastN)) return this.#restart();
    }
    try {
      const item = {
        kind: 'event',
        n,
        cursor,
        event: frame.event,
        data: fromParsedJson(frame.data),
      } as const;
      this.#failureCount = 0;
      this.#lastN = n;
      this.#cursorIn = cursor;
      this.#offer(item);
    } catch (thrown) {
      this.end(fromUnknown(thrown));
    }
  }

  onGap({ from, to }: GapFrame): void {
    this.#failureCount = 0;
    this.#lastN = undefined;
    this.#cursorIn = to;
    this.#offer({ kind: 'gap', from, to });
  }

  onError(frame: ErrorFrame): void {
    this.#forget();
    const error = fromReport(frame.error);
    this.#failureCount += 1;
    if (error.spec.lasting || this.#failureCount > FAILURES_MAX) return this.end(error);
    const { clock, rng, retryFirstMs: firstMs, retryMostMs: mostMs } = this.#home.options;
    const delayMs =
      (error.retryAfterMs ?? 0) + rng.next() * backoffMs(this.#failureCount, { firstMs, mostMs });
    this.#pause = clock.setTimer(delayMs, () => {
      this.#pause = undefined;
      this.resume();
    });
  }

  /** Nothing more will come; what is buffered can still be taken. */
  end(error: GrainError | undefined): void {
    if (this.#state === 'ended') return;
    this.#state = 'ended';
    this.#unlisten?.();
    this.#pause?.cancel();
    this.#unsubscribe();
    this.#home.onEnded(this);
    const first = this.#waiters.shift();
    if (first && error) first.reject(error);
    else {
      this.#error = error;
      first?.resolve({ done: true, value: undefined });
    }
    for (let waiter = this.#waiters.shift(); waiter; waiter = this.#waiters.shift()) {
      waiter.resolve({ done: true, value: undefined });
    }
  }

  // ---- Inside ----

  #listen(signal: AbortSignal): void {
    const onAbort = (): void => {
      this.end(new GrainError('ERR_CALL_CANCELLED', { executed: false }, { cause: signal.reason }));
    };
    if (signal.aborted) return onAbort();
    signal.addEventListener('abort', onAbort, { once: true });
    this.#unlisten = () => signal.removeEventListener('abort', onAbort);
  }

  #offer(item: SubscriptionItem): void {
    const waiter = this.#waiters.shift();
    if (waiter) waiter.resolve(this.#handOut(item));
    else this.#items.push(item);
  }

  #handOut(item: SubscriptionItem): IteratorResult<SubscriptionItem, undefined> {
    this.#cursorOut = (item.kind === 'event' ? item.cursor : item.to) ?? this.#cursorOut;
    this.#refill();
    return { done: false, value: item };
  }

  /** Gives the server new credit, half a buffer at a time. */
  #refill(): void {
    if (this.#id === 0) return this.resume();
    const room = this.#bufferCount - this.#items.size - this.#credit;
    if (room * 2 < this.#bufferCount || room <= 0) return;
    this.#credit += room;
    this.#home.sender.send(`{"t":"more","id":${this.#id},"n":${room}}`);
  }

  /** Whether asking again from before the hole has met it again; then a gap is told, and the sequence goes on. */
  #isLastingHole(after: number): boolean {
    if (this.#holeAfter !== after) {
      this.#holeAfter = after;
      return false;
    }
    this.#offer({ kind: 'gap', from: this.#cursorIn, to: undefined });
    return true;
  }

  #restart(): void {
    this.#unsubscribe();
    this.resume();
  }

  #unsubscribe(): void {
    if (this.#id !== 0) this.#home.sender.send(`{"t":"unsub","id":${this.#id}}`);
    this.#forget();
  }

  #forget(): void {
    if (this.#id !== 0) this.#home.unregister(this.#id);
    this.#id = 0;
    this.#credit = 0;
  }
}
