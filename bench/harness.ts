// Runs a bench: contestants take turns, round after round, each in a process of its own that does nothing meanwhile.
//   H1. The order rotates, so that no contestant is always the one after a certain other.
//   H2. Warm-up rounds are not counted. They also tell how much work fits into a round.
//   H3. A round counts only when its work was seen to be done; otherwise the bench fails.
import {
  type Bench,
  BenchError,
  checkEqual,
  type ContestantSpec,
  type Sample,
  type Setting,
  type Target,
} from './bench.ts';
import { rotated, type Spread, spreadOf } from './statistics.ts';

/** A contestant that was started, wherever it runs. */
export interface Runner {
  run(count: number): Promise<Sample>;
  close(): Promise<void>;
}

export interface HarnessOptions {
  readonly setting: Setting;
  readonly rounds: number;
  /** How long a round should take, where the work can be chosen. */
  readonly roundMs: number;
  readonly warmUpMs: number;
  readonly start: (bench: Bench, contestant: ContestantSpec, setting: Setting) => Promise<Runner>;
  /** Told what is done next. */
  readonly onStep?: (step: string) => void;
}

export interface ContestantResult {
  readonly name: string;
  readonly label: string;
  /** In the bench's unit. */
  readonly values: readonly number[];
  readonly value: Spread;
  /** Microseconds of CPU per unit of work. */
  readonly cpuUs: Spread;
  /** Units of work in one round. */
  readonly count: number;
  /** Our figure divided by this one's of the same round; undefined for ours. */
  readonly ratio: Spread | undefined;
  /** Medians. */
  readonly notes: Readonly<Record<string, number>>;
}

export interface TargetResult extends Target {
  /** What is compared with the target. */
  readonly value: number;
  readonly isMet: boolean;
}

export interface BenchResult {
  readonly name: string;
  readonly title: string;
  readonly unit: Bench['unit'];
  readonly rounds: number;
  readonly contestants: readonly ContestantResult[];
  readonly targets: readonly TargetResult[];
}

/** How much more work the next warm-up gets at most: the first ones run unoptimised. */
const GROWTH_MAX = 8;
const WARM_UPS_MAX = 40;
/** Rounds of fixed work are long; most of one may be its preparation, which no time is told of. */
const FIXED_WARM_UPS_MAX = 4;

interface Entrant {
  readonly spec: ContestantSpec;
  readonly samples: Sample[];
  runner: Runner | undefined;
  count: number;
}

/** @throws BenchError */
export async function runBench(bench: Bench, options: HarnessOptions): Promise<BenchResult> {
  const entrants = bench.contestants.map((spec): Entrant => {
    return { spec, samples: [], runner: undefined, count: startCount(bench, options) };
  });
  const rounds = Math.min(options.rounds, bench.roundsMax ?? Infinity);
  const isKept = bench.processes !== 'fresh';
  try {
    for (const entrant of isKept ? entrants : []) await prepare(bench, entrant, options);
    for (let round = 0; round < rounds; round += 1) {
      for (const entrant of rotated(entrants, round)) {
        options.onStep?.(`round ${round + 1}/${rounds} ${entrant.spec.name}`);
        await attempt(bench, entrant, async () => {
          const runner = (entrant.runner ??= await options.start(bench, entrant.spec, options.setting));
          entrant.samples.push(await measure(runner, entrant.count));
          if (!isKept) await closeRunner(entrant);
        });
      }
    }
  } finally {
    await Promise.all(entrants.map(closeRunner));
  }
  return resultOf(bench, entrants, rounds);
}

async function closeRunner(entrant: Entrant): Promise<void> {
  const { runner } = entrant;
  entrant.runner = undefined;
  await runner?.close();
}

/** Names the contestant in what goes wrong. */
async function attempt(bench: Bench, { spec }: Entrant, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    const problem = error instanceof Error ? error.message : String(error);
    throw new BenchError(`${bench.name}, ${spec.name}: ${problem}`, { cause: error });
  }
}

function startCount({ work }: Bench, { setting }: HarnessOptions): number {
  if ('step' in work) return work.step;
  return setting.isSmoke ? work.smoke : work.fixed;
}

/** Starts and warms up; afterwards `count` is what fits into a round. */
async function prepare(bench: Bench, entrant: Entrant, options: HarnessOptions): Promise<void> {
  options.onStep?.(`warm-up ${entrant.spec.name}`);
  await attempt(bench, entrant, async () => {
    const runner = await options.start(bench, entrant.spec, options.setting);
    entrant.runner = runner;
    const { work } = bench;
    const warmUps = 'step' in work ? WARM_UPS_MAX : FIXED_WARM_UPS_MAX;
    let spentMs = 0;
    let fitting = entrant.count;
    for (let warmUp = 0; spentMs < options.warmUpMs && warmUp < warmUps; warmUp += 1) {
      const { elapsedMs } = await measure(runner, entrant.count);
      spentMs += elapsedMs;
      if (!('step' in work)) continue;
      fitting = roundUp((entrant.count / Math.max(elapsedMs, 0.001)) * options.roundMs, work.step);
      entrant.count = Math.min(fitting, entrant.count * GROWTH_MAX);
    }
    if ('step' in work) entrant.count = fitting;
  });
}

async function measure(runner: Runner, count: number): Promise<Sample> {
  const sample = await runner.run(count);
  checkEqual(sample.done, count, 'units of work done');
  const { elapsedMs, cpuMs, value = 0 } = sample;
  const isMeasured = elapsedMs > 0 && cpuMs >= 0 && Number.isFinite(elapsedMs + cpuMs + value);
  if (!isMeasured) throw new BenchError(`not a measurement: ${JSON.stringify(sample)}`);
  return sample;
}

const roundUp = (count: number, step: number): number => Math.max(1, Math.ceil(count / step)) * step;

// ---- Results ----

function valueOf({ unit }: Bench, sample: Sample): number {
  if (unit === 'rate') return (sample.done / sample.elapsedMs) * 1_000;
  if (sample.value === undefined) throw new BenchError(`a sample without its ${unit}`);
  return sample.value;
}

function resultOf(bench: Bench, entrants: readonly Entrant[], rounds: number): BenchResult {
  const values = entrants.map(({ samples }) => samples.map((sample) => valueOf(bench, sample)));
  const contestants = entrants.map(({ spec, samples, count }, at): ContestantResult => {
    const own = values[at] ?? [];
    return {
      name: spec.name,
      label: spec.label,
      values: own,
      value: spreadOf(own),
      cpuUs: spreadOf(samples.map(({ cpuMs, done }) => (cpuMs * 1_000) / done)),
      count,
      ratio: at === 0 ? undefined : spreadOf(ratiosOf(values[0] ?? [], own)),
      notes: notesOf(samples),
    };
  });
  const valuesOf = ({ note }: Target, name: string): readonly number[] => {
    const at = entrants.findIndex(({ spec }) => spec.name === name);
    if (at < 0) throw new BenchError(`a target names ${name}, which does not take part`);
    if (note === undefined) return values[at] ?? [];
    return (entrants[at]?.samples ?? []).flatMap(({ notes }) => notes?.[note] ?? []);
  };
  const targets = bench.targets.map((target) => resultOfTarget(target, valuesOf));
  return { name: bench.name, title: bench.title, unit: bench.unit, rounds, contestants, targets };
}

/** Per round, because what slows the machine down for a while slows both. */
function ratiosOf(left: readonly number[], right: readonly number[]): number[] {
  return left.map((value, round) => value / (right[round] ?? Number.NaN));
}

function resultOfTarget(
  target: Target,
  valuesOf: (target: Target, name: string) => readonly number[],
): TargetResult {
  const own = valuesOf(target, target.of);
  const compared = target.beside === undefined ? own : ratiosOf(own, valuesOf(target, target.beside));
  const { median, least, most } = spreadOf(compared);
  const { atLeast = -Infinity, atMost = Infinity, isForEach = false } = target;
  const worst = target.atMost === undefined ? least : most;
  const value = isForEach ? worst : median;
  return { ...target, value, isMet: value >= atLeast && value <= atMost };
}

function notesOf(samples: readonly Sample[]): Record<string, number> {
  const names = new Set(samples.flatMap(({ notes }) => Object.keys(notes ?? {})));
  return Object.fromEntries(
    [...names].map((name) => {
      const values = samples.flatMap(({ notes }) => notes?.[name] ?? []);
      return [name, spreadOf(values).median];
    }),
  );
}
