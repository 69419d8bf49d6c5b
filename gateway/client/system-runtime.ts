// The machine's clock and randomness for the client, in browsers and in Node. Unlike those of a silo its timers keep a
// process alive: a program that awaits a call must not end because the client happens to be between two connections.
import type { Clock, Rng, TimerHandle } from '../../lib/index.ts';

/** The longest delay that `setTimeout` takes; longer ones would fire at once. */
const DELAY_MAX_MS = 2 ** 31 - 1;

export const clientClock: Clock = {
  nowMs: () => performance.now(),
  wallMs: () => Date.now(),
  setTimer(delayMs: number, run: () => void): TimerHandle {
    const timer = setTimeout(run, Math.min(Math.max(delayMs, 0), DELAY_MAX_MS));
    return { cancel: () => clearTimeout(timer) };
  },
  defer(run: () => void): void {
    setTimeout(run, 0);
  },
};

/** Only spreads load; nothing secret is made of it. */
export const clientRng: Pick<Rng, 'next'> = { next: () => Math.random() };
