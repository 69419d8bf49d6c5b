// EmissionSubscription: one reader's way through one grain's emissions.
// Owns: its position and its credit. Does not own: the emissions (storage), the socket (gateway).
//   U1. The position only moves over emissions that were pushed, did not match, or were told of in a gap (P6).
//   U2. Nothing is buffered: without credit, or while it lags, storage keeps what follows (P8). What was published is
//       taken directly only when it is the very next after the position; anything else is read from storage.
//   U3. The sink is never called from inside `subscribe`, from inside itself, or after `cancel` and `end`.
//   U4. `prev` of a push is the number of the push before it on this subscription; of the first one, and after a gap,
//       the number of the cursor to go on from (`from`, or the gap's `to`; 0 when there was no `from`).
import {
  backoffMs,
  type Clock,
  fromUnknown,
  type GrainError,
  type GrainId,
  isPromise,
  type Logger,
  type TimerHandle,
} from '../../lib/index.ts';
import type { EmissionSink, Subscription } from '../cluster-client.ts';
import type { EmissionPage, GrainStorage, StoredEmission } from '../storage/grain-storage.ts';
import { CURSOR_START, type EmissionCursor, formatCursor } from './emission-cursor.ts';

/** Emissions read at once; each may be large. */
const PAGE_SIZE = 64;
/** Events of the runtime itself carry states of programs: the bus has them, subscribers never. */
const OWN_EVENTS = 'scaicore.';
const READ_TRIES = 5;
const READ_BACKOFF = { firstMs: 50, mostMs: 2_000 };

export type EmissionSource = Pick<GrainStorage, 'readEmissions'>;

export interface SubscriptionParts {
  readonly grain: GrainId;
  readonly sink: EmissionSink;
  readonly storage: EmissionSource;
  readonly clock: Clock;
  readonly log: Logger;
  readonly event: string | undefined;
  /** Undefined: from now on. */
  readonly from: EmissionCursor | undefined;
  readonly credit: number;
  /** Called once, when it will never call its sink again. */
  readonly onEnd: (subscription: EmissionSubscription) => void;
}

type State =
  /** Caught up: takes what is published. */
  | 'live'
  /** More is there, but no credit. */
  | 'blocked'
  /** Reads from storage soon (next macrotask, or after a pause). */
  | 'scheduled'
  | 'reading'
  /** The sink is about to hear of the end. */
  | 'ending'
  | 'ended';

export class EmissionSubscription implements Subscription {
  readonly #parts: SubscriptionParts;
  #state: State = 'scheduled';
  /** Everything up to here was looked at; undefined until the present end is known. */
  #position: EmissionCursor | undefined;
  #prev: number;
  #credit: number;
  /** Where the newest emission was that was published while this was not live. */
  #news: EmissionCursor | undefined = undefined;
  #isDelivering = false;
  #failureCount = 0;
  #timer: TimerHandle | undefined = undefined;

  constructor(parts: SubscriptionParts) {
    this.#parts = parts;
    this.#position = parts.from;
    this.#prev = parts.from?.n ?? 0;
    this.#credit = parts.credit > 0 ? parts.credit : 0;
    this.#schedule();
  }

  grant(count: number): void {
    if (!(count > 0)) return;
    this.#credit += count;
    if (this.#state === 'blocked') this.#schedule();
  }

  cancel(): void {
    this.#leave('ended');
  }

  /** Ends it from this side. The sink hears it later, so that a caller inside `subscribe` is safe (U3). */
  end(error: GrainError): void {
    if (this.#isOver) return;
    this.#leave('ending');
    this.#parts.clock.defer(() => {
      if (this.#state !== 'ending') return;
      this.#state = 'ended';
      this.#tell(() => this.#parts.sink.end(error));
    });
  }

  get #isOver(): boolean {
    return this.#state === 'ending' || this.#state === 'ended';
  }

  #leave(state: 'ending' | 'ended'): void {
    const wasOver = this.#isOver;
    this.#state = state;
    this.#timer?.cancel();
    if (!wasOver) this.#parts.onEnd(this);
  }

  /** These became durable. They are in order and without holes, but may have been seen, or be far ahead. */
  published(epoch: number, emissions: readonly StoredEmission[]): void {
    const [first] = emissions;
    const last = emissions.at(-1);
    if (!first || !last || this.#isOver) return;
    // "From now on" includes what is published before the first look at storage.
    this.#position ??= { epoch, n: first.n - 1 };
    if (this.#state !== 'live' || this.#isDelivering) {
      this.#news = { epoch, n: last.n };
      return;
    }
    const isNext = epoch === this.#position.epoch && first.n <= this.#position.n + 1;
    if (!isNext) {
      this.#schedule();
      return;
    }
    this.#deliver(emissions);
    if (this.#state === 'live' && this.#isBehindNews) this.#schedule();
  }

  /** Something may have been published that was not told. */
  look(): void {
    if (this.#state === 'live' && !this.#isDelivering) this.#schedule();
  }

  get #isBehindNews(): boolean {
    const news = this.#news;
    const position = this.#position ?? CURSOR_START;
    return news !== undefined && (news.epoch !== position.epoch || news.n > position.n);
  }

  #schedule(): void {
    this.#state = 'scheduled';
    this.#parts.clock.defer(() => this.#read());
  }

  #read(): void {
    if (this.#state !== 'scheduled') return;
    const position = this.#position;
    if (position && this.#credit <= 0) {
      this.#state = 'blocked';
      return;
    }
    this.#state = 'reading';
    this.#news = undefined;
    const { storage, grain, event } = this.#parts;
    const limit =
      position === undefined ? 1 : event === undefined ? Math.min(PAGE_SIZE, this.#credit) : PAGE_SIZE;
    try {
      const page = storage.readEmissions(grain, position?.n ?? 0, limit);
      if (!isPromise(page)) this.#take(position, page);
      else {
        page.then(
          (read) => this.#take(position, read),
          (error: unknown) => this.#failed(error),
        );
      }
    } catch (error) {
      this.#failed(error);
    }
  }

  #failed(thrown: unknown): void {
    if (this.#state !== 'reading') return;
    this.#failureCount += 1;
    const error = fromUnknown(thrown);
    if (this.#failureCount >= READ_TRIES) {
      this.end(error);
      return;
    }
    this.#parts.log.warn({ err: error, failureCount: this.#failureCount }, 'emission.read_failed');
    this.#state = 'scheduled';
    this.#timer = this.#parts.clock.setTimer(backoffMs(this.#failureCount, READ_BACKOFF), () => this.#read());
  }

  /** A page that was read after `asked`. */
  #take(asked: EmissionCursor | undefined, page: EmissionPage): void {
    if (this.#state !== 'reading') return;
    this.#failureCount = 0;
    this.#position ??= { epoch: page.emissionEpoch, n: page.last };
    if (asked === undefined) {
      if (this.#isBehindNews || this.#position.n < page.last) this.#schedule();
      else this.#state = 'live';
      return;
    }
    this.#deliver(this.#reconcile(asked, page) ? page.emissions : []);
    if (this.#state !== 'reading') return;
    if (this.#position.n < page.last || this.#isBehindNews) this.#schedule();
    else this.#state = 'live';
  }

  /** Tells gaps between the position and what storage has. False when the page is not what follows the position. */
  #reconcile(asked: EmissionCursor, page: EmissionPage): boolean {
    const { emissionEpoch: epoch, first, last } = page;
    if (epoch !== asked.epoch) {
      const isNothingMissed = asked.epoch === 0 && asked.n === 0 && first <= 1;
      if (isNothingMissed) this.#position = { epoch, n: 0 };
      else this.#gap({ epoch, n: first - 1 });
      // It was read after a number of the other history.
      return asked.n < first;
    }
    // Ahead of the history: the store went back, or the cursor is made up. Going on in silence would skip what comes.
    if (asked.n > last) this.#gap({ epoch, n: last });
    else if (asked.n + 1 < first) this.#gap({ epoch, n: first - 1 });
    else if (asked.n < last && page.emissions.length === 0) this.#gap({ epoch, n: last });
    return true;
  }

  #gap(to: EmissionCursor): void {
    const from = formatCursor(this.#position ?? CURSOR_START);
    this.#position = to;
    this.#prev = to.n;
    this.#tell(() => this.#parts.sink.gap(from, formatCursor(to)));
  }

  /** Pushes those after the position, until credit is used up. */
  #deliver(emissions: readonly StoredEmission[]): void {
    this.#isDelivering = true;
    for (const emission of emissions) {
      const position = this.#position ?? CURSOR_START;
      if (this.#isOver) break;
      if (emission.n <= position.n) continue;
      const isMatch = this.#matches(emission.event);
      if (isMatch && this.#credit <= 0) {
        this.#state = 'blocked';
        break;
      }
      if (emission.n > position.n + 1) this.#gap({ epoch: position.epoch, n: emission.n - 1 });
      this.#position = { epoch: position.epoch, n: emission.n };
      if (isMatch) this.#push(this.#position, emission);
    }
    this.#isDelivering = false;
  }

  #matches(event: string): boolean {
    if (event.startsWith(OWN_EVENTS)) return false;
    return this.#parts.event === undefined || this.#parts.event === event;
  }

  #push(position: EmissionCursor, { event, data }: StoredEmission): void {
    const push = { n: position.n, prev: this.#prev, cursor: formatCursor(position), event, data };
    this.#prev = position.n;
    this.#credit -= 1;
    if (!this.#isOver) this.#tell(() => this.#parts.sink.push(push));
  }

  /** A sink that throws has lost its place: it gets nothing more. */
  #tell(call: () => void): void {
    const wasDelivering = this.#isDelivering;
    this.#isDelivering = true;
    try {
      call();
    } catch (error) {
      this.#parts.log.error({ err: error }, 'emission.sink_failed');
      this.cancel();
    }
    this.#isDelivering = wasDelivering;
  }
}
