import { FakeClock, type TimerHandle } from '../../lib/index.ts';
import { macrotask } from './system-macrotask.ts';

/**
 * A clock on which short pauses pass at once, for clients that wait before they try again: it is moved on by each timer
 * that is shorter than `belowMs`. Longer timers, such as timeouts, run when a test advances it, or when pauses add up.
 */
export class SkippingClock extends FakeClock {
  /** The pauses that were skipped. */
  readonly pausesMs: number[] = [];
  readonly #belowMs: number;

  constructor(belowMs: number) {
    super({ defer: (run) => void macrotask().then(run) });
    this.#belowMs = belowMs;
  }

  override setTimer(delayMs: number, run: () => void): TimerHandle {
    const timer = super.setTimer(delayMs, run);
    if (delayMs < this.#belowMs) {
      this.pausesMs.push(delayMs);
      this.defer(() => this.advance(delayMs));
    }
    return timer;
  }
}
