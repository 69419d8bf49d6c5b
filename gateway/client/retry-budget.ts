import type { Clock } from '../../lib/index.ts';

/** Retries that each call allows for: in an outage load grows by a fifth at most, not by the retry count. */
const PER_CALL = 0.2;
/** Retries a second that need no calls to allow for them, so that a quiet client may retry too. */
const PER_SECOND = 10;
const MOST = 100;

/** How many retries are left for all calls of a client together. */
export class RetryBudget {
  readonly #clock: Clock;
  #left = PER_SECOND;
  #filledMs: number;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#filledMs = clock.nowMs();
  }

  onCall(): void {
    this.#left = Math.min(MOST, this.#left + PER_CALL);
  }

  /** Takes one retry; false when none is left. */
  take(): boolean {
    const nowMs = this.#clock.nowMs();
    this.#left = Math.min(MOST, this.#left + ((nowMs - this.#filledMs) / 1_000) * PER_SECOND);
    this.#filledMs = nowMs;
    if (this.#left < 1) return false;
    this.#left -= 1;
    return true;
  }
}
