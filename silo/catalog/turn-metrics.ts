// TurnMetrics: what one Core has done on this silo, in plain numbers that cost nothing to count.
// The hottest keys are estimated from a sample; the slowest turns and hot keys cover a sliding pair of windows.
import type { GrainError } from '../../lib/index.ts';
import type { DeactivationReason } from './activation-state.ts';
import type { Turn } from './turn.ts';

/** Upper bounds of the turn duration buckets, in milliseconds; the last bucket has none. */
export const TURN_BOUNDS_MS: readonly number[] = [
  0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 25, 50, 100, 250, 500, 1_000, 5_000, 30_000,
];

/** One turn in so many is looked at for its key. */
const SAMPLE_EVERY = 16;
const HOT_KEYS_MAX = 256;
const SLOWEST_KEPT = 20;
const WINDOW_MS = 10_000;

export interface SlowestTurn {
  readonly key: string;
  readonly flow: string;
  readonly ms: number;
}

interface Window {
  readonly startMs: number;
  readonly keys: Map<string, number>;
  readonly slowest: SlowestTurn[];
}

export class TurnMetrics {
  turnsStarted = 0;
  turnsEnded = 0;
  turnsFailed = 0;
  commits = 0;
  commitsFailed = 0;
  /** Commands forgotten within their window, because their grain had too many. */
  commandsCutShort = 0;
  activated = 0;
  turnMsSum = 0;
  readonly turnMsCounts: number[] = new Array<number>(TURN_BOUNDS_MS.length + 1).fill(0);
  readonly deactivated = new Map<DeactivationReason, number>();
  #window: Window = { startMs: 0, keys: new Map(), slowest: [] };
  #lastWindow: Window = { startMs: 0, keys: new Map(), slowest: [] };
  #slowestFloorMs = 1;

  turnEnded(turn: Turn, failure: GrainError | undefined, nowMs: number): void {
    const ms = nowMs - turn.startMs;
    this.turnsEnded += 1;
    if (failure) this.turnsFailed += 1;
    this.turnMsSum += ms;
    let bucket = 0;
    while (bucket < TURN_BOUNDS_MS.length && ms > (TURN_BOUNDS_MS[bucket] ?? Infinity)) bucket += 1;
    this.turnMsCounts[bucket] = (this.turnMsCounts[bucket] ?? 0) + 1;
    if (this.turnsEnded % SAMPLE_EVERY === 0) this.#sample(turn.activation.key, nowMs);
    if (ms > this.#slowestFloorMs) this.#keepSlow(turn, ms, nowMs);
  }

  deactivatedFor(reason: DeactivationReason): void {
    this.deactivated.set(reason, (this.deactivated.get(reason) ?? 0) + 1);
  }

  /** Keys by estimated turns of the last one to two windows, most first. */
  hottest(nowMs: number): readonly { readonly key: string; readonly turns: number }[] {
    this.#roll(nowMs);
    const counts = new Map(this.#lastWindow.keys);
    for (const [key, count] of this.#window.keys) counts.set(key, (counts.get(key) ?? 0) + count);
    const all = [...counts].map(([key, count]) => ({ key, turns: count * SAMPLE_EVERY }));
    return all.sort((left, right) => right.turns - left.turns).slice(0, 20);
  }

  slowest(nowMs: number): readonly SlowestTurn[] {
    this.#roll(nowMs);
    const all = [...this.#lastWindow.slowest, ...this.#window.slowest];
    return all.sort((left, right) => right.ms - left.ms).slice(0, SLOWEST_KEPT);
  }

  #sample(key: string, nowMs: number): void {
    this.#roll(nowMs);
    const { keys } = this.#window;
    keys.set(key, (keys.get(key) ?? 0) + 1);
    if (keys.size > HOT_KEYS_MAX) dropColdHalf(keys);
  }

  #keepSlow(turn: Turn, ms: number, nowMs: number): void {
    this.#roll(nowMs);
    const { slowest } = this.#window;
    slowest.push({ key: turn.activation.key, flow: turn.flow.name, ms });
    if (slowest.length <= SLOWEST_KEPT * 2) return;
    slowest.sort((left, right) => right.ms - left.ms);
    slowest.length = SLOWEST_KEPT;
    this.#slowestFloorMs = slowest[SLOWEST_KEPT - 1]?.ms ?? 1;
  }

  #roll(nowMs: number): void {
    if (nowMs - this.#window.startMs < WINDOW_MS) return;
    this.#lastWindow = nowMs - this.#window.startMs < 2 * WINDOW_MS ? this.#window : emptyWindow(nowMs);
    this.#window = emptyWindow(nowMs);
    this.#slowestFloorMs = 1;
  }
}

function emptyWindow(startMs: number): Window {
  return { startMs, keys: new Map(), slowest: [] };
}

function dropColdHalf(keys: Map<string, number>): void {
  const counts = [...keys.values()].sort((left, right) => left - right);
  const median = counts[Math.floor(counts.length / 2)] ?? 0;
  for (const [key, count] of keys) if (count <= median) keys.delete(key);
}
