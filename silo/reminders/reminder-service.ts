// ReminderService: sends each grain the ticks of its reminders when they are due.
// Owns: when to look, which ticks are on their way, and when one that failed is sent again.
// Does not own: the reminders and their due times. A tick is a message like any other; the grain moves the schedule on in
// the tick's own commit (schedule.ts), so a tick sent twice is answered without running, and any number of services is
// harmless (hazards.md 17).
//   S1. A tick is sent only when storage says that it is due, and again until storage says otherwise: at least once (P7).
//   S2. It looks when the earliest known one is due, and every `lookMs`: that covers jumps of the wall clock and lost hints.
//   S3. Of one reminder, one tick is on its way; of all, at most `concurrency`. What waits stays in storage (P8).
//   S4. One that fails waits by itself and holds up no other. Only when `failingMax` wait does the service stand still.
import {
  backoffMs,
  type Clock,
  formatGrainId,
  fromUnknown,
  type GrainError,
  isPromise,
  type Logger,
  resolveOptions,
  type Rng,
  type TimerHandle,
} from '../../lib/index.ts';
import type { Envelope } from '../messaging/envelope.ts';
import type { DueReminder, GrainStorage } from '../storage/grain-storage.ts';
import { HeldTick, TickEnvelope, triesOf } from './held-tick.ts';

export interface ReminderServiceOptions {
  /** Ticks that may be on their way at once. @default 256 */
  readonly concurrency?: number;
  /** Longest pause between two looks into storage, in milliseconds. @default 30_000 */
  readonly lookMs?: number;
  /** Ticks that may wait to be sent again; with more of them nothing new is sent. @default 10_000 */
  readonly failingMax?: number;
  /** How long a stop waits for ticks on their way, in milliseconds. @default 5_000 */
  readonly stopMs?: number;
}

const DEFAULTS: Required<ReminderServiceOptions> = {
  concurrency: 256,
  lookMs: 30_000,
  failingMax: 10_000,
  stopMs: 5_000,
};

export interface ReminderServiceParts {
  readonly storage: Pick<GrainStorage, 'dueReminders'>;
  readonly dispatch: (envelope: Envelope) => void;
  readonly clock: Clock;
  readonly rng: Rng;
  readonly log: Logger;
  readonly options?: ReminderServiceOptions;
  /** Whose reminders this service sends; all, when nobody says. Several that overlap are harmless (hazards.md 17). */
  readonly isKeeperOf?: ((partition: number) => boolean) | undefined;
}

export interface ReminderReport {
  readonly running: number;
  /** Ticks that wait to be sent again. */
  readonly failing: number;
  /** Ticks that their grains answered. */
  readonly fired: number;
  readonly retried: number;
  /** Ticks that failed too often, so that the schedule went on without them. */
  readonly gaveUp: number;
}

const PAGE_SIZE = 256;
const LOOK_BACKOFF = { firstMs: 1_000, mostMs: 30_000 };
const TICK_BACKOFF = { firstMs: 1_000, mostMs: 60_000 };
/** A tick that was answered and is still due: the commit that moves it on (level `async`) may not be durable yet. */
const ANSWERED_MS = 1_000;
/** A hint may come before its commit is durable: after it came due, one more look follows. */
const ECHO_MS = 1_000;
/** Answered ticks that are remembered, the newest. One that is forgotten too early is sent again, and answered again. */
const ANSWERED_MAX = 256;

export class ReminderService {
  readonly #parts: ReminderServiceParts;
  readonly #options: Required<ReminderServiceOptions>;
  #state: 'new' | 'started' | 'stopped' = 'new';
  /** Ticks on their way, waiting to be sent again, or answered a moment ago; by grain and name. */
  readonly #held = new Map<string, HeldTick>();
  readonly #recent = new Set<HeldTick>();
  #running = 0;
  /** How many of those held wait to be sent again. */
  #failing = 0;
  #isLooking = false;
  #isLookAsked = false;
  /** More was due than the last look could take. */
  #hasBacklog = false;
  /** The next tick of a reminder was due while one was still on its way. */
  #hasFollower = false;
  #lookFailures = 0;
  #timer: TimerHandle | undefined = undefined;
  /** When the timer is due, in monotonic milliseconds. */
  #wakeMs = Infinity;
  /** The earliest hint that no look has come after, in wall-clock time. */
  #hintMs = Infinity;
  /** When to look once more for what a hint told of, in monotonic milliseconds. */
  #echoMs = Infinity;
  #onQuiet: (() => void) | undefined = undefined;
  #fired = 0;
  #retried = 0;
  #gaveUp = 0;

  /** @throws ERR_OPTION_INVALID */
  constructor(parts: ReminderServiceParts) {
    this.#parts = parts;
    this.#options = resolveOptions(DEFAULTS, parts.options, {
      concurrency: { least: 1, isWhole: true },
      lookMs: { least: 1 },
      failingMax: { least: 1, isWhole: true },
      stopMs: { least: 0 },
    });
  }

  async start(): Promise<void> {
    if (this.#state !== 'new') return;
    this.#state = 'started';
    this.#look();
    await Promise.resolve();
  }

  /** Sends nothing more; waits for ticks on their way, at most `stopMs`. The rest is due at the next start. */
  async stop(): Promise<void> {
    this.#state = 'stopped';
    this.#timer?.cancel();
    if (this.#running === 0) return;
    await new Promise<void>((resolve) => {
      const timer = this.#parts.clock.setTimer(this.#options.stopMs, resolve);
      this.#onQuiet = () => {
        timer.cancel();
        resolve();
      };
    });
  }

  /** A commit set a reminder that is due at this wall-clock time. Cheap: it moves a timer at most. */
  hint(dueMs: number): void {
    if (this.#state !== 'started') return;
    const { clock } = this.#parts;
    this.#hintMs = Math.min(this.#hintMs, dueMs);
    this.#wakeAt(clock.nowMs() + Math.max(0, dueMs - clock.wallMs()));
  }

  report(): ReminderReport {
    return {
      running: this.#running,
      failing: this.#failing,
      fired: this.#fired,
      retried: this.#retried,
      gaveUp: this.#gaveUp,
    };
  }

  // ---- Looking ----

  /** Looks at this moment (monotonic), or earlier when that was planned. */
  #wakeAt(atMs: number): void {
    if (this.#state !== 'started' || this.#isLooking || atMs >= this.#wakeMs) return;
    this.#timer?.cancel();
    this.#wakeMs = atMs;
    this.#timer = this.#parts.clock.setTimer(atMs - this.#parts.clock.nowMs(), () => this.#look());
  }

  /** Looks in the next macrotask, once for all that ask in this one. */
  #askLook(): void {
    if (this.#isLookAsked) return;
    this.#isLookAsked = true;
    this.#parts.clock.defer(() => {
      this.#isLookAsked = false;
      this.#look();
    });
  }

  #look(): void {
    if (this.#state !== 'started' || this.#isLooking) return;
    const { clock, storage } = this.#parts;
    this.#isLooking = true;
    this.#timer?.cancel();
    this.#wakeMs = Infinity;
    if (clock.nowMs() >= this.#echoMs) this.#echoMs = Infinity;
    if (this.#hintMs <= clock.wallMs()) {
      this.#hintMs = Infinity;
      this.#echoMs = Math.min(this.#echoMs, clock.nowMs() + ECHO_MS);
    }
    // Those held may all come first, so one more than them is sure to show something new.
    const limit =
      this.#held.size + Math.max(1, Math.min(PAGE_SIZE, this.#options.concurrency - this.#running));
    try {
      const page = storage.dueReminders(clock.wallMs() + this.#options.lookMs, limit, this.#parts.isKeeperOf);
      if (isPromise(page)) page.then((due) => this.#take(due, limit), this.#lookFailed);
      else this.#take(page, limit);
    } catch (error) {
      this.#lookFailed(error);
    }
  }

  readonly #lookFailed = (thrown: unknown): void => {
    this.#isLooking = false;
    this.#lookFailures += 1;
    const { log, clock } = this.#parts;
    log.warn({ err: fromUnknown(thrown), failureCount: this.#lookFailures }, 'reminder.look_failed');
    this.#wakeAt(clock.nowMs() + backoffMs(this.#lookFailures, LOOK_BACKOFF));
  };

  #take(page: readonly DueReminder[], limit: number): void {
    this.#isLooking = false;
    this.#lookFailures = 0;
    if (this.#state !== 'started') return;
    const { clock } = this.#parts;
    const wallMs = clock.wallMs();
    const seen = new Set<string>();
    let futureMs = Infinity;
    this.#hasBacklog = false;
    this.#hasFollower = false;
    for (const due of page) {
      if (due.dueMs > wallMs) {
        futureMs = due.dueMs;
        break;
      }
      if (this.#isFull) {
        this.#hasBacklog = true;
        break;
      }
      this.#consider(due, seen);
    }
    const isAll = futureMs !== Infinity || page.length < limit;
    if (!isAll) this.#hasBacklog = true;
    // What was due before the last one seen, and was not there, is no longer due: moved on, or cancelled.
    const coveredMs = this.#hasBacklog ? (page[seen.size - 1]?.dueMs ?? -Infinity) : Infinity;
    const retryMs = this.#sweep(seen, coveredMs);
    if (this.#hasBacklog && !this.#isFull && !this.#isStalled) this.#askLook();
    const inMs = Math.max(0, Math.min(this.#options.lookMs, futureMs - wallMs, this.#hintMs - wallMs));
    this.#wakeAt(Math.min(clock.nowMs() + inMs, retryMs, this.#echoMs));
  }

  get #isFull(): boolean {
    return this.#running >= this.#options.concurrency;
  }

  /** So many wait to be sent again that no new one is taken up. */
  get #isStalled(): boolean {
    return this.#failing >= this.#options.failingMax;
  }

  #consider(due: DueReminder, seen: Set<string>): void {
    const id = `${formatGrainId(due.grain)}\u0000${due.name}`;
    seen.add(id);
    const held = this.#held.get(id);
    if (!held || (held.state !== 'running' && held.due.dueMs !== due.dueMs)) {
      if (held) this.#forget(held);
      if (this.#isStalled) this.#hasBacklog = true;
      else this.#send(new HeldTick(id, due));
    } else if (held.due.dueMs !== due.dueMs) {
      this.#hasFollower = true;
    } else if (held.state !== 'running' && held.retryMs <= this.#parts.clock.nowMs()) {
      this.#send(held);
    }
  }

  /** Forgets what is not due any more; answers when the next one that waits is to be sent again. */
  #sweep(seen: ReadonlySet<string>, coveredMs: number): number {
    let retryMs = Infinity;
    for (const held of this.#held.values()) {
      if (held.state === 'running') continue;
      if (!seen.has(held.id) && held.due.dueMs < coveredMs) this.#forget(held);
      else if (held.state === 'failing') retryMs = Math.min(retryMs, held.retryMs);
    }
    // Those that could be sent again now but for the bound go with the next settlement.
    return retryMs <= this.#parts.clock.nowMs() ? Infinity : retryMs;
  }

  /** Of one that is not on its way. */
  #forget(held: HeldTick): void {
    this.#held.delete(held.id);
    this.#recent.delete(held);
    if (held.state === 'failing') this.#failing -= 1;
  }

  // ---- Sending ----

  #send(held: HeldTick): void {
    this.#forget(held);
    this.#held.set(held.id, held);
    held.state = 'running';
    this.#running += 1;
    const envelope = new TickEnvelope(held, (error) => this.#settled(held, error));
    try {
      this.#parts.dispatch(envelope);
    } catch (error) {
      envelope.reject(fromUnknown(error));
    }
  }

  #settled(held: HeldTick, error: GrainError | undefined): void {
    this.#running -= 1;
    if (this.#running === 0) this.#onQuiet?.();
    if (error) this.#failed(held, error);
    else this.#answered(held);
    if (this.#state !== 'started') return;
    // There is room for more, or the same reminder may be due again: once for all that settle in one macrotask.
    if (this.#hasBacklog || this.#hasFollower || this.#echoMs !== Infinity) this.#askLook();
  }

  #answered(held: HeldTick): void {
    const { clock, log } = this.#parts;
    held.state = 'answered';
    held.retryMs = clock.nowMs() + ANSWERED_MS;
    held.attempts = 0;
    this.#recent.add(held);
    const [oldest] = this.#recent.size > ANSWERED_MAX ? this.#recent : [];
    if (oldest) this.#forget(oldest);
    if (!held.isGivenUp) {
      this.#fired += 1;
      return;
    }
    this.#gaveUp += 1;
    log.warn({ grain: formatGrainId(held.due.grain), ...held.tick }, 'reminder.gave_up');
  }

  #failed(held: HeldTick, error: GrainError): void {
    const { clock, rng, log } = this.#parts;
    held.state = 'failing';
    this.#failing += 1;
    held.attempts += 1;
    this.#retried += 1;
    if (held.attempts >= triesOf(error)) held.isGivenUp = true;
    const askedMs = Math.min(error.retryAfterMs ?? 0, TICK_BACKOFF.mostMs);
    const delayMs = Math.max(askedMs, backoffMs(held.attempts, TICK_BACKOFF));
    // Spread, so that all that failed for one reason does not come back at one moment.
    held.retryMs = clock.nowMs() + Math.ceil(delayMs * (1 + 0.1 * rng.next()));
    const about = { err: error, grain: formatGrainId(held.due.grain), ...held.tick, attempts: held.attempts };
    log.debug(about, 'reminder.failed');
    this.#wakeAt(held.retryMs);
  }
}
