import type { Clock, TimerHandle } from './clock.ts';

/** The longest delay that `setTimeout` takes; longer ones would fire at once. */
const DELAY_MAX_MS = 2 ** 31 - 1;

/** The machine's clocks. Its timers do not keep the process alive: the sockets and the store do that. */
export const systemClock: Clock = {
  nowMs: () => performance.now(),
  wallMs: () => Date.now(),
  setTimer(delayMs: number, run: () => void): TimerHandle {
    const timer = setTimeout(run, Math.min(Math.max(delayMs, 0), DELAY_MAX_MS));
    timer.unref();
    return { cancel: () => clearTimeout(timer) };
  },
  defer(run: () => void): void {
    setImmediate(run);
  },
};
