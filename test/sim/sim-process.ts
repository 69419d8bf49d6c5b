// SimProcess: one simulated process, or a thread that lives and dies with one: its clock, its stalls, its death.
import type { Clock, TimerHandle } from '../../lib/index.ts';
import type { SimWorld } from './sim-world.ts';

export interface SimProcessOptions {
  /** For histories. @default 'process' */
  readonly name?: string;
  /** The machine on which it runs: for the network. @default its name */
  readonly host?: string;
  /** How fast its clocks run. @default 1 */
  readonly rate?: number;
  /** What its monotonic clock shows at time 0 of the world: they start anywhere. @default 0 */
  readonly startMs?: number;
}

const WALL_START_MS = 1_700_000_000_000;
/** No timer fires before its time on the process's own clock, whatever the sums of fractions come to. */
const ROUNDING_MS = 1e-6;

let ids = 0;

export class SimProcess implements Clock {
  readonly world: SimWorld;
  readonly id: number;
  readonly name: string;
  readonly host: string;
  readonly rate: number;
  isAlive = true;
  /** What puts tasks back to work when a stall ends. */
  parked: (() => void)[] = [];
  #isStalled = false;
  #stalledUntilMs = -Infinity;
  #stalledFromMs = 0;
  /** The last stall, and when it ended, in world time. */
  #lastStall = { durationMs: 0, endMs: -Infinity };
  #wallOffsetMs = 0;
  readonly #startMs: number;
  readonly #onDeath: (() => void)[] = [];

  constructor(world: SimWorld, options: SimProcessOptions = {}) {
    this.world = world;
    ids += 1;
    this.id = ids;
    this.name = options.name ?? 'process';
    this.host = options.host ?? this.name;
    this.rate = options.rate ?? 1;
    this.#startMs = options.startMs ?? 0;
  }

  /** A thread of this process: it has the same clocks, and stalls of its own. */
  thread(name: string): SimProcess {
    const { world, host, rate } = this;
    const thread = new SimProcess(world, {
      name: `${this.name}/${name}`,
      host,
      rate,
      startMs: this.#startMs,
    });
    thread.#wallOffsetMs = this.#wallOffsetMs;
    this.onDeath(() => thread.kill());
    return thread;
  }

  get isStalled(): boolean {
    return this.#isStalled;
  }

  /** What a process would measure of how late its loop was: known a moment after a stall, forgotten a second later. */
  get loopDelayMs(): number {
    const sinceMs = this.world.nowMs - this.#lastStall.endMs;
    return sinceMs > 50 && sinceMs < 1_500 ? this.#lastStall.durationMs : 0;
  }

  /** Milliseconds since it last stood still. */
  get steadyMs(): number {
    return this.#isStalled ? 0 : this.world.nowMs - this.#lastStall.endMs;
  }

  /** Stands still; a second stall makes it longer, not later. */
  stall(durationMs: number): void {
    const untilMs = this.world.nowMs + durationMs;
    if (!this.isAlive || untilMs <= this.#stalledUntilMs) return;
    this.#stalledUntilMs = untilMs;
    if (!this.#isStalled) {
      this.#isStalled = true;
      this.#stalledFromMs = this.world.nowMs;
      this.world.park(this);
    }
    this.world.addTimer(undefined, durationMs, () => {
      if (this.#stalledUntilMs === untilMs) this.resume();
    });
  }

  resume(): void {
    if (!this.#isStalled) return;
    this.#isStalled = false;
    this.#stalledUntilMs = -Infinity;
    const endMs = this.world.nowMs;
    this.#lastStall = { durationMs: endMs - this.#stalledFromMs, endMs };
    const { parked } = this;
    this.parked = [];
    for (const goOn of parked) goOn();
  }

  /** Nothing of it runs any more. */
  kill(): void {
    if (!this.isAlive) return;
    this.isAlive = false;
    this.resume();
    for (const listener of this.#onDeath) listener();
  }

  onDeath(listener: () => void): void {
    this.#onDeath.push(listener);
  }

  jumpWall(byMs: number): void {
    this.#wallOffsetMs += byMs;
  }

  nowMs(): number {
    return this.#startMs + this.world.nowMs * this.rate;
  }

  wallMs(): number {
    return WALL_START_MS + this.world.nowMs * this.rate + this.#wallOffsetMs;
  }

  setTimer(delayMs: number, run: () => void): TimerHandle {
    const realMs = this.rate === 1 ? delayMs : delayMs / this.rate + ROUNDING_MS;
    return this.world.addTimer(this, realMs, run);
  }

  defer(run: () => void): void {
    this.world.addTask(this, 'loop', run);
  }

  /** Goes on at a moment that the world draws: a disk, a peer, user code that awaits something. */
  pause(queue: string): Promise<void> {
    return new Promise((resolve) => this.world.addTask(this, queue, resolve));
  }
}
