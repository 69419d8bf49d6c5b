// What a bench is: contestants that do the same work, one after the other, in processes of their own.

/** What one round of one contestant came to. It is returned only when the work was seen to be done. */
export interface Sample {
  /** Units of work that were done and checked. */
  readonly done: number;
  readonly elapsedMs: number;
  /** CPU time of the measured process, with its garbage collection; a load generator's is not in it. */
  readonly cpuMs: number;
  /** What the bench is about, where that is not units per second. */
  readonly value?: number;
  /** Figures beside it, by name: the median of each is shown. */
  readonly notes?: Readonly<Record<string, number>>;
}

export interface Contestant {
  /** Does `count` units of work. @throws BenchError when they were not done, or not right */
  run(count: number): Promise<Sample>;
  close?(): Promise<void>;
  /**
   * No collection is forced before a round. Forced while nothing of what the work makes is alive, it drops the shapes of
   * all that, and the optimised code with them: the round would be about the engine's warm-up. @default false
   */
  readonly keepsGarbage?: boolean;
}

/** What a contestant is told of the run that it is part of. */
export interface Setting {
  /** Only shows that everything works. */
  readonly isSmoke: boolean;
  /** A folder for what it writes; whoever started the run removes it. */
  readonly scratch: string;
}

export interface ContestantSpec {
  readonly name: string;
  readonly label: string;
  /** Called in the contestant's own process. */
  open(setting: Setting): Promise<Contestant>;
}

/** `rate`: units per second, more is better. `bytes`, `ms`, and `use` (of something, per second): less is better. */
export type Unit = 'rate' | 'bytes' | 'ms' | 'use';

export interface Target {
  /** Whose figure the target is about. */
  readonly of: string;
  /** Not the figure itself but this note of it. */
  readonly note?: string;
  /** Each round has to meet it, not only their median. */
  readonly isForEach?: boolean;
  /** The target is a share of this contestant's figure; without it, of 1. */
  readonly beside?: string;
  readonly atLeast?: number;
  readonly atMost?: number;
  /** Wished for, not promised. */
  readonly isAim?: boolean;
}

/** How much one round does: as much as fits into the time of a round, in multiples of `step`, or a fixed count. */
export type Work = { readonly step: number } | { readonly fixed: number; readonly smoke: number };

export interface Bench {
  /** For `--only`. */
  readonly name: string;
  readonly title: string;
  /** `import.meta.url` of the file that exports this as `bench`: contestants' processes load it. */
  readonly file: string;
  readonly unit: Unit;
  readonly work: Work;
  /** Ours first. */
  readonly contestants: readonly ContestantSpec[];
  readonly targets: readonly Target[];
  /** `fresh`: a new process for each round, and no warm-up. @default 'kept' */
  readonly processes?: 'kept' | 'fresh';
  /** For what takes long and hardly varies. */
  readonly roundsMax?: number;
  /** Left out of smoke runs. */
  readonly isFullOnly?: boolean;
}

/** The work was not done, or not as it should be: the figure would mean nothing. */
export class BenchError extends Error {
  override name = 'BenchError';
}

export function check(isRight: boolean, problem: string): asserts isRight {
  if (!isRight) throw new BenchError(problem);
}

/** Compares what was counted with what should have been. */
export function checkEqual(found: number, expected: number, what: string): void {
  check(found === expected, `${what}: found ${found}, expected ${expected}`);
}

/** Times `work`, which answers how many units it did. */
export async function timed(work: () => Promise<number>): Promise<Sample> {
  const cpu = process.cpuUsage();
  const startMs = performance.now();
  const done = await work();
  const elapsedMs = performance.now() - startMs;
  return { done, elapsedMs, cpuMs: cpuMsSince(cpu) };
}

export function cpuMsSince(start: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(start);
  return (user + system) / 1_000;
}
