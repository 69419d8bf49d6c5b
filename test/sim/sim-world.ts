// SimWorld: the only source of time and order in a simulation. Everything follows from its seed.
// Owns: virtual time, timers and tasks of every simulated process, and which of them runs next.
//   W1. Tasks of one queue keep their order; which queue goes next is drawn.
//   W2. A process that crashed runs nothing more: its tasks and timers are dropped.
import { type Clock, randomBelow, type Rng, SeededRng, type TimerHandle } from '../../lib/index.ts';
import { settleMicrotasks } from './system-ticks.ts';

interface Task {
  readonly process: SimProcess;
  readonly run: () => void;
}

interface Timer extends Task {
  readonly dueMs: number;
  readonly order: number;
}

/** One simulated process: its clock, which stops for good when it crashes. */
export class SimProcess implements Clock {
  readonly world: SimWorld;
  isAlive = true;

  constructor(world: SimWorld) {
    this.world = world;
  }

  nowMs(): number {
    return this.world.nowMs;
  }

  wallMs(): number {
    return 1_700_000_000_000 + this.world.nowMs;
  }

  setTimer(delayMs: number, run: () => void): TimerHandle {
    return this.world.addTimer(this, delayMs, run);
  }

  defer(run: () => void): void {
    this.world.addTask(this, 'loop', run);
  }

  /** Goes on at a moment that the world draws: a disk, a peer, user code that awaits something. */
  pause(queue: string): Promise<void> {
    return new Promise((resolve) => this.world.addTask(this, queue, resolve));
  }
}

export class SimWorld {
  readonly rng: Rng;
  nowMs = 0;
  stepCount = 0;
  #order = 0;
  #timers: Timer[] = [];
  readonly #queues = new Map<string, Task[]>();

  constructor(seed: number) {
    this.rng = new SeededRng(seed);
  }

  addTask(process: SimProcess, queue: string, run: () => void): void {
    const tasks = this.#queues.get(queue);
    if (tasks) tasks.push({ process, run });
    else this.#queues.set(queue, [{ process, run }]);
  }

  addTimer(process: SimProcess, delayMs: number, run: () => void): TimerHandle {
    const timer = { process, run, dueMs: this.nowMs + Math.max(0, delayMs), order: this.#order++ };
    this.#timers.push(timer);
    return {
      cancel: () => {
        this.#timers = this.#timers.filter((other) => other !== timer);
      },
    };
  }

  /** Runs one task or timer; false when there is nothing left to do. */
  async step(): Promise<boolean> {
    this.stepCount += 1;
    const task = this.#takeTask() ?? this.#takeTimer();
    if (!task) return false;
    if (task.process.isAlive) task.run();
    await settleMicrotasks();
    return true;
  }

  #takeTask(): Task | undefined {
    const ready = [...this.#queues].filter(([, tasks]) => tasks.length > 0);
    // Now and then time passes although there is work: a slow disk, a busy loop.
    const total = ready.length + (this.#timers.length > 0 && this.rng.next() < 0.1 ? 1 : 0);
    if (ready.length === 0) return undefined;
    const chosen = ready[randomBelow(this.rng, total)];
    return chosen?.[1].shift();
  }

  #takeTimer(): Timer | undefined {
    let first: Timer | undefined;
    for (const timer of this.#timers) {
      if (!first || timer.dueMs < first.dueMs || (timer.dueMs === first.dueMs && timer.order < first.order))
        first = timer;
    }
    if (!first) return undefined;
    const next = first;
    this.#timers = this.#timers.filter((other) => other !== next);
    this.nowMs = Math.max(this.nowMs, next.dueMs);
    return next;
  }
}
