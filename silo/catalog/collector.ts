// Collector: keeps the silo's residents within its bounds, over all Cores (P8).
// Owns: the silo's count, bytes and heap. Does not own: a Core's own cap and idle time (grain-table.ts).
//   Marks: eviction begins above the high mark and goes on, slice by slice, down to the low one.
import type { Clock, TimerHandle } from '../../lib/index.ts';
import type { Activation } from './activation.ts';
import type { CoreHost, Residents } from './core-host.ts';
import type { GrainTable } from './grain-table.ts';

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
/** Activations that may be evicted for one that comes: its bytes are not known yet. */
const MAKE_ROOM_MAX = 8;
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
  /** Tables with messages that wait for room in the silo. */
  readonly #waiters = new Set<GrainTable>();
  #isWakeAsked = false;
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

  makeRoom(): boolean {
    for (let left = MAKE_ROOM_MAX; left > 0 && !this.hasRoom; left -= 1) {
      if (!this.#evictOldest()) break;
      if (this.count >= this.#options.activationsMax) break; // it still commits: its room comes later
    }
    return this.hasRoom;
  }

  get isAwaited(): boolean {
    return this.#waiters.size > 0;
  }

  wait(table: GrainTable): void {
    this.#waiters.add(table);
  }

  /** An activation left or became idle, and somebody waits: lets them in, once for all that happens in this macrotask. */
  mayHaveRoom(): void {
    if (this.#isWakeAsked) return;
    this.#isWakeAsked = true;
    this.#clock.defer(() => {
      this.#isWakeAsked = false;
      for (const table of [...this.#waiters]) {
        table.letIn();
        if (table.waiting === 0) this.#waiters.delete(table);
      }
    });
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
      const wanted = this.count - Math.floor(this.count * (1 - HEAP_BATCH_SHARE));
      this.#evictUntil((count) => count >= wanted);
    } else if (this.count >= activationsMax) {
      const wanted = this.count - activationsMax * LOW_MARK;
      this.#evictUntil((count) => count >= wanted);
    } else if (this.bytes >= valueBytesMax) {
      const wanted = this.bytes - valueBytesMax * LOW_MARK;
      this.#evictUntil((_count, bytes) => bytes >= wanted);
    }
  }

  /** By what was evicted, not by what is left: some still commit, and are counted until they have. */
  #evictUntil(isEnough: (count: number, bytes: number) => boolean): void {
    if (this.#isEvicting) return;
    this.#isEvicting = true;
    this.#evictSlice(isEnough, 0, 0);
  }

  #evictSlice(isEnough: (count: number, bytes: number) => boolean, evicted: number, freed: number): void {
    const startMs = this.#clock.nowMs();
    let [count, bytes] = [evicted, freed];
    while (!isEnough(count, bytes) && !this.#isStopped) {
      const before = this.bytes;
      const leaving = this.#evictOldest();
      if (!leaving) break;
      count += 1;
      bytes += leaving.bytes > 0 ? leaving.bytes : before - this.bytes;
      if (this.#clock.nowMs() - startMs > SLICE_MS) {
        this.#clock.defer(() => this.#evictSlice(isEnough, count, bytes));
        return;
      }
    }
    this.#isEvicting = false;
  }

  /** Evicts the longest idle activation of all Cores; undefined when every one is busy. */
  #evictOldest(): Activation | undefined {
    let oldest: CoreHost | undefined;
    let sinceMs = Infinity;
    for (const host of this.#hosts.values()) {
      const hostSinceMs = host.table.oldestIdleSinceMs;
      if (hostSinceMs === undefined || hostSinceMs >= sinceMs) continue;
      [oldest, sinceMs] = [host, hostSinceMs];
    }
    return oldest?.table.evictOldest('pressure');
  }
}
