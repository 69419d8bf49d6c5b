import type { Clock, TimerHandle } from './clock.ts';

interface Waiting {
  readonly dueMs: number;
  readonly order: number;
  readonly run: () => void;
}

/**
 * A clock that moves only when told. Timers run in order of due time, then of setting. `defer` still uses a real
 * macrotask unless a test takes that over too, because it carries no time.
 */
export class FakeClock implements Clock {
  #nowMs = 0;
  #wallOffsetMs: number;
  #order = 0;
  #waiting: Waiting[] = [];
  readonly #defer: (run: () => void) => void;

  /** @param options.wallMs the wall clock at the start; `options.defer` replaces the macrotask queue. */
  constructor(options: { readonly wallMs?: number; readonly defer: (run: () => void) => void }) {
    this.#wallOffsetMs = options.wallMs ?? 1_700_000_000_000;
    this.#defer = options.defer;
  }

  nowMs(): number {
    return this.#nowMs;
  }

  wallMs(): number {
    return this.#nowMs + this.#wallOffsetMs;
  }

  setTimer(delayMs: number, run: () => void): TimerHandle {
    const timer: Waiting = { dueMs: this.#nowMs + Math.max(delayMs, 0), order: this.#order++, run };
    this.#waiting.push(timer);
    return {
      cancel: () => {
        this.#waiting = this.#waiting.filter((other) => other !== timer);
      },
    };
  }

  defer(run: () => void): void {
    this.#defer(run);
  }

  /** Moves the wall clock alone, as NTP or an operator would. */
  jumpWall(byMs: number): void {
    this.#wallOffsetMs += byMs;
  }

  /** When the next timer is due, in monotonic milliseconds; undefined when none is set. */
  get nextDueMs(): number | undefined {
    return this.#earliest()?.dueMs;
  }

  /** Moves time on by `byMs`, running each timer that comes due, at its own due time. */
  advance(byMs: number): void {
    const untilMs = this.#nowMs + byMs;
    for (let next = this.#earliest(); next && next.dueMs <= untilMs; next = this.#earliest()) {
      this.#nowMs = Math.max(this.#nowMs, next.dueMs);
      const due = next;
      this.#waiting = this.#waiting.filter((other) => other !== due);
      due.run();
    }
    this.#nowMs = untilMs;
  }

  /** Lets time pass without running anything, as a process that is stopped or stuck sees it. */
  stall(byMs: number): void {
    this.#nowMs += byMs;
  }

  #earliest(): Waiting | undefined {
    let first: Waiting | undefined;
    for (const timer of this.#waiting) {
      const isEarlier =
        !first || timer.dueMs < first.dueMs || (timer.dueMs === first.dueMs && timer.order < first.order);
      if (isEarlier) first = timer;
    }
    return first;
  }
}
