// Collector: keeps the silo's residents within its bounds, over all Cores (P8).
// Owns: the silo's count, bytes and heap. Does not own: a Core's own cap and idle time (grain-table.ts).
//   Marks: eviction begins above the high mark and goes on, slice by slice, down to the low one.
import type { Clock, TimerHandle } from '../../lib/index.ts';
import type { CoreHost, Residents } from './core-host.ts';

export interface CollectorOptions {
  /** Activations that the silo holds. */
  readonly activationsMax: number;
  /** Estimated bytes of the values of all activations. */
  readonly valueBytesMax: number;
  /** Share of the heap's limit above which idle activations are evicted. */
  readonly heapShareMax: number;
  /** Pause between looks at the heap, in milliseconds. */
  readonly sweepMs: number;
}

export interface HeapUse {
  readonly usedBytes: number;
  readonly limitBytes: number;
}

const LOW_MARK = 0.9;
const SLICE_MS = 2;
/** Activations evicted per look when the heap, which shrinks only at the next collection, is over its mark. */
const HEAP_BATCH_SHARE = 0.1;

export class Collector implements Residents {
  count = 0;
  bytes = 0;
  readonly #options: CollectorOptions;
  readonly #clock: Clock;
  readonly #hosts: ReadonlyMap<string, CoreHost>;
  readonly #heapUse: () => HeapUse;
  #timer: TimerHandle | undefined;
  #isEvicting = false;
  #isStopped = false;

  constructor(
    options: CollectorOptions,
    parts: {
      readonly clock: Clock;
      readonly hosts: ReadonlyMap<string, CoreHost>;
      readonly heapUse: () => HeapUse;
    },
  ) {
    this.#options = options;
    this.#clock = parts.clock;
    this.#hosts = parts.hosts;
    this.#heapUse = parts.heapUse;
  }

  get hasRoom(): boolean {
    return this.count < this.#options.activationsMax && this.bytes < this.#options.valueBytesMax;
  }

  start(): void {
    if (this.#isStopped) return;
    this.#timer = this.#clock.setTimer(this.#options.sweepMs, () => {
      this.#look();
      this.start();
    });
  }

  stop(): void {
    this.#isStopped = true;
    this.#timer?.cancel();
  }

  #look(): void {
    const { activationsMax, valueBytesMax, heapShareMax } = this.#options;
    const { usedBytes, limitBytes } = this.#heapUse();
    if (usedBytes > heapShareMax * limitBytes) {
      const count = Math.floor(this.count * (1 - HEAP_BATCH_SHARE));
      this.#evictWhile(() => this.count > count);
    } else if (this.count >= activationsMax) this.#evictWhile(() => this.count > activationsMax * LOW_MARK);
    else if (this.bytes >= valueBytesMax) this.#evictWhile(() => this.bytes > valueBytesMax * LOW_MARK);
  }

  #evictWhile(isOver: () => boolean): void {
    if (this.#isEvicting) return;
    this.#isEvicting = true;
    this.#evictSlice(isOver);
  }

  #evictSlice(isOver: () => boolean): void {
    const startMs = this.#clock.nowMs();
    while (isOver() && !this.#isStopped) {
      if (!this.#evictOldest()) break;
      if (this.#clock.nowMs() - startMs > SLICE_MS) {
        this.#clock.defer(() => this.#evictSlice(isOver));
        return;
      }
    }
    this.#isEvicting = false;
  }

  /** Evicts the longest idle activation of all Cores; false when every one is busy. */
  #evictOldest(): boolean {
    let oldest: CoreHost | undefined;
    let sinceMs = Infinity;
    for (const host of this.#hosts.values()) {
      const hostSinceMs = host.table.oldestIdleSinceMs;
      if (hostSinceMs === undefined || hostSinceMs >= sinceMs) continue;
      [oldest, sinceMs] = [host, hostSinceMs];
    }
    return oldest?.table.evictOldest('pressure') ?? false;
  }
}
