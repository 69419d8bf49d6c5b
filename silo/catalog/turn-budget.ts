import type { Clock } from '../../lib/index.ts';

const TURNS_PER_CHECK = 64;
/** How long queued turns of a silo may follow each other before sockets and timers get their share. */
const SLICE_MS = 4;

/**
 * One share of the loop for all queued turns of a silo. Turns that follow each other through promises never leave the
 * job queue by themselves, so a long mailbox would otherwise hold up every socket until it is empty.
 */
export class TurnBudget {
  readonly #clock: Clock;
  #count = 0;
  #sliceEndMs = 0;
  #isExhausted = false;
  #deferred: (() => void)[] = [];

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Whether another queued turn may start now; if not, go on by `defer`. */
  take(): boolean {
    if (this.#isExhausted) return false;
    this.#count += 1;
    if (this.#count === 1) this.#begin();
    if (this.#count % TURNS_PER_CHECK === 0 && this.#clock.nowMs() > this.#sliceEndMs)
      this.#isExhausted = true;
    return true;
  }

  /** Runs `go` in the next share. */
  defer(go: () => void): void {
    this.#deferred.push(go);
  }

  #begin(): void {
    this.#sliceEndMs = this.#clock.nowMs() + SLICE_MS;
    this.#clock.defer(() => {
      this.#count = 0;
      this.#isExhausted = false;
      const waiting = this.#deferred;
      this.#deferred = [];
      for (const go of waiting) go();
    });
  }
}
