// TimedClock: the system's clock, which times what runs on its timers, and can be moved ahead.
//   T1. A slice is one callback with all the microtasks that follow from it: all that keeps the loop from going on.
//   T2. Pauses of the garbage collector inside of a slice are told apart from it.
import { PerformanceObserver } from 'node:perf_hooks';
import type { Clock, TimerHandle } from '../../lib/index.ts';
import { systemClock } from '../../lib/internal.ts';

interface Span {
  readonly startMs: number;
  readonly endMs: number;
}

export interface Slices {
  /** Longest without and with the collector's pauses. */
  readonly longestMs: number;
  readonly longestWithGcMs: number;
  readonly longestGcMs: number;
  /** Nine of ten slices are no longer, without the collector's pauses. */
  readonly p90Ms: number;
  readonly count: number;
}

export class TimedClock implements Clock {
  readonly #slices: Span[] = [];
  readonly #pauses: Span[] = [];
  readonly #observer = new PerformanceObserver((list) => this.#onPauses(list.getEntries()));
  #aheadMs = 0;
  #isWatching = false;

  nowMs(): number {
    return systemClock.nowMs() + this.#aheadMs;
  }

  wallMs(): number {
    return systemClock.wallMs() + this.#aheadMs;
  }

  setTimer(delayMs: number, run: () => void): TimerHandle {
    let startMs = 0;
    const begin = setTimeout(() => {
      startMs = performance.now();
      run();
    }, delayMs);
    // Node runs timers of one delay one after the other, with the microtasks of the first in between.
    const end = setTimeout(() => this.#add(startMs), delayMs);
    begin.unref();
    end.unref();
    return {
      cancel: () => {
        clearTimeout(begin);
        clearTimeout(end);
      },
    };
  }

  defer(run: () => void): void {
    let startMs = 0;
    setImmediate(() => {
      startMs = performance.now();
      run();
    });
    setImmediate(() => this.#add(startMs));
  }

  moveAhead(byMs: number): void {
    this.#aheadMs += byMs;
  }

  /** From here on, slices are kept. */
  watch(): void {
    this.#slices.length = 0;
    this.#pauses.length = 0;
    this.#isWatching = true;
    this.#observer.observe({ entryTypes: ['gc'] });
  }

  async watched(): Promise<Slices> {
    this.#isWatching = false;
    // Pauses are told a turn or two later.
    for (let turn = 0; turn < 3; turn += 1) await new Promise((resolve) => setTimeout(resolve, 5));
    this.#onPauses(this.#observer.takeRecords());
    this.#observer.disconnect();
    const lengths = this.#slices.map(lengthOf);
    const own = this.#slices.map((slice) => lengthOf(slice) - this.#pausedIn(slice));
    own.sort((left, right) => left - right);
    return {
      longestMs: own.at(-1) ?? 0,
      p90Ms: own[Math.floor(own.length * 0.9)] ?? 0,
      longestWithGcMs: Math.max(0, ...lengths),
      longestGcMs: Math.max(0, ...this.#pauses.map(lengthOf)),
      count: lengths.length,
    };
  }

  #add(startMs: number): void {
    if (this.#isWatching && startMs > 0) this.#slices.push({ startMs, endMs: performance.now() });
  }

  #onPauses(entries: readonly { readonly startTime: number; readonly duration: number }[]): void {
    for (const { startTime, duration } of entries) {
      this.#pauses.push({ startMs: startTime, endMs: startTime + duration });
    }
  }

  #pausedIn(slice: Span): number {
    let pausedMs = 0;
    for (const { startMs, endMs } of this.#pauses) {
      pausedMs += Math.max(0, Math.min(endMs, slice.endMs) - Math.max(startMs, slice.startMs));
    }
    return pausedMs;
  }
}

const lengthOf = ({ startMs, endMs }: Span): number => endMs - startMs;
