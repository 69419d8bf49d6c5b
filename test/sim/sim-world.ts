// SimWorld: the only source of time and order in a simulation. Everything follows from its seed.
// Owns: virtual time, timers and tasks of every simulated process, and which of them runs next.
//   W1. Tasks of one queue keep their order; which queue goes next is drawn.
//   W2. A process that crashed runs nothing more: its tasks and timers are dropped.
//   W3. A process that is stalled runs nothing until the stall ends; then all that waited comes in an order that is drawn.
import { randomBelow, type Rng, SeededRng, type TimerHandle } from '../../lib/index.ts';
import type { SimProcess } from './sim-process.ts';
import { settleMicrotasks } from './system-ticks.ts';

/** Tasks that keep their order. */
interface Queue {
  readonly process: SimProcess;
  readonly key: string;
  readonly tasks: (() => void)[];
}

class Timer implements TimerHandle {
  readonly dueMs: number;
  readonly order: number;
  readonly process: SimProcess | undefined;
  run: (() => void) | undefined;

  constructor(dueMs: number, order: number, process: SimProcess | undefined, run: () => void) {
    this.dueMs = dueMs;
    this.order = order;
    this.process = process;
    this.run = run;
  }

  cancel(): void {
    this.run = undefined;
  }
}

export class SimWorld {
  readonly rng: Rng;
  nowMs = 0;
  stepCount = 0;
  #order = 0;
  readonly #timers: Timer[] = [];
  readonly #queues = new Map<string, Queue>();
  #ready: Queue[] = [];

  constructor(seed: number) {
    this.rng = new SeededRng(seed);
  }

  addTask(process: SimProcess, name: string, run: () => void): void {
    const key = `${process.id} ${name}`;
    const queue = this.#queues.get(key);
    if (queue) {
      queue.tasks.push(run);
      return;
    }
    const made = { process, key, tasks: [run] };
    this.#queues.set(key, made);
    if (process.isStalled) process.parked.push(() => this.#ready.push(made));
    else this.#ready.push(made);
  }

  /** A timer of a process, or of the world itself. */
  addTimer(process: SimProcess | undefined, delayMs: number, run: () => void): TimerHandle {
    const timer = new Timer(this.nowMs + Math.max(0, delayMs), this.#order++, process, run);
    push(this.#timers, timer);
    return timer;
  }

  /** The process stands still: what is ready of it waits. */
  park(process: SimProcess): void {
    this.#ready = this.#ready.filter((queue) => {
      if (queue.process !== process) return true;
      process.parked.push(() => this.#ready.push(queue));
      return false;
    });
  }

  /** Runs one task or timer; false when there is nothing left to do. */
  async step(): Promise<boolean> {
    this.stepCount += 1;
    if (!this.#runTask() && !this.#runTimer()) return false;
    await settleMicrotasks();
    return true;
  }

  #runTask(): boolean {
    const count = this.#ready.length;
    if (count === 0) return false;
    // Now and then time passes although there is work: a slow disk, a busy loop.
    const total = count + (this.#timers.length > 0 && this.rng.next() < 0.1 ? 1 : 0);
    const index = randomBelow(this.rng, total);
    const queue = this.#ready[index];
    if (!queue) return false;
    const run = queue.tasks.shift();
    if (queue.tasks.length === 0) {
      this.#queues.delete(queue.key);
      this.#ready.splice(index, 1);
    }
    if (queue.process.isAlive) run?.();
    return true;
  }

  #runTimer(): boolean {
    for (let timer = pop(this.#timers); timer; timer = pop(this.#timers)) {
      const { process, run } = timer;
      if (!run || process?.isAlive === false) continue;
      this.nowMs = Math.max(this.nowMs, timer.dueMs);
      const due = timer;
      // Cancelled while it waits, it does not run.
      if (process?.isStalled) this.addTask(process, 'timers', () => due.run?.());
      else run();
      return true;
    }
    return false;
  }
}

// --- a heap of timers, earliest first --------------------------------------------------------------------------------

function isBefore(left: Timer, right: Timer): boolean {
  return left.dueMs < right.dueMs || (left.dueMs === right.dueMs && left.order < right.order);
}

function push(heap: Timer[], timer: Timer): void {
  let index = heap.length;
  heap.push(timer);
  while (index > 0) {
    const above = (index - 1) >> 1;
    const parent = heap[above];
    if (!parent || !isBefore(timer, parent)) break;
    heap[index] = parent;
    index = above;
  }
  heap[index] = timer;
}

function pop(heap: Timer[]): Timer | undefined {
  const first = heap[0];
  const last = heap.pop();
  if (!last || heap.length === 0) return first;
  let index = 0;
  for (;;) {
    const [left, right] = [heap[2 * index + 1], heap[2 * index + 2]];
    const child = right && left && isBefore(right, left) ? right : left;
    if (!child || !isBefore(child, last)) break;
    heap[index] = child;
    index = child === left ? 2 * index + 1 : 2 * index + 2;
  }
  heap[index] = last;
  return first;
}
