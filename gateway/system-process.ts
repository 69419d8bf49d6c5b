// What the process says of itself: the use of its heap, and how late its event loop is.
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { getHeapStatistics } from 'node:v8';

export { systemClock, systemRng } from '../lib/internal.ts';

export interface ProcessGauges {
  readonly heapUse: () => { readonly usedBytes: number; readonly limitBytes: number };
  /** 99th percentile of how late timers of the last second were, in milliseconds. */
  readonly eventLoopDelayMs: () => number;
  /** Calls back every `BEAT_MS` while the loop turns. */
  readonly onLoopBeat: (beat: () => void) => void;
  readonly stop: () => void;
}

/** How often the loop is looked at: also what an idle loop would measure as its delay. */
const RESOLUTION_MS = 20;
const WINDOW_MS = 1_000;
const BEAT_MS = 50;

export function watchProcess(): ProcessGauges {
  const delays = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  delays.enable();
  let lastMs = 0;
  const window = setInterval(() => {
    lastMs = Math.max(0, delays.percentile(99) / 1e6 - RESOLUTION_MS);
    delays.reset();
  }, WINDOW_MS);
  window.unref();
  const beats: (() => void)[] = [];
  const heart = setInterval(() => {
    for (const beat of beats) beat();
  }, BEAT_MS);
  heart.unref();
  return {
    heapUse: () => {
      const { used_heap_size: usedBytes, heap_size_limit: limitBytes } = getHeapStatistics();
      return { usedBytes, limitBytes };
    },
    eventLoopDelayMs: () => (Number.isFinite(lastMs) ? lastMs : 0),
    onLoopBeat: (beat) => void beats.push(beat),
    stop: () => {
      clearInterval(window);
      clearInterval(heart);
      delays.disable();
    },
  };
}
