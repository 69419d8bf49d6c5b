// npm run simulate -- --seeds N [--from S] [--workers W]: N seeds of the whole cluster.
// npm run simulate -- --seed X [--keep 0,3] [--load 20]: one of them, with its history.
import { makePlan } from './cluster-plan.ts';
import { runCluster } from './cluster-run.ts';
import { describeFailure, shrink } from './shrink.ts';
import { runSeeds, type SeedResult } from './system-seed-runner.ts';

const USAGE = `npm run simulate -- --seeds N [--from S] [--workers W]
npm run simulate -- --seed X [--keep 0,3|none] [--load N]`;
const FAILURES_SHOWN = 3;

const say = (text: string): boolean => process.stdout.write(`${text}\n`);

function parse(args: readonly string[]): ReadonlyMap<string, string> {
  const given = new Map<string, string>();
  for (let index = 0; index < args.length; index += 2) {
    const [name = '', value] = args.slice(index, index + 2);
    if (!/^--(seeds|from|seed|keep|load|workers)$/.test(name) || value === undefined) {
      say(USAGE);
      process.exit(2);
    }
    given.set(name.slice(2), value);
  }
  return given;
}

async function replay(seed: number, given: ReadonlyMap<string, string>): Promise<number> {
  const keep = given
    .get('keep')
    ?.split(',')
    .filter((place) => place !== 'none')
    .map(Number);
  const loadMost = given.has('load') ? Number(given.get('load')) : undefined;
  const options = { keep, loadMost };
  const report = await runCluster(makePlan(seed, options));
  say(describeFailure({ seed, options, report }));
  say(report.violations.length === 0 ? 'no promise is broken' : `${report.violations.length} violations`);
  return report.violations.length === 0 ? 0 : 1;
}

async function runMany(from: number, count: number, workers: number | undefined): Promise<number> {
  const failed: number[] = [];
  let done = 0;
  let lossy = 0;
  const shown = (): void => {
    const line = `${done} of ${count} seeds, ${failed.length} failed, ${lossy} lost writes of Redis`;
    if (process.stdout.isTTY) process.stdout.write(`\r${line}`);
    else if (done % 100 === 0 || done === count) say(line);
  };
  const onResult = ({ seed, violations, hasLostWrites }: SeedResult): boolean => {
    done += 1;
    if (hasLostWrites) lossy += 1;
    if (violations.length > 0) {
      failed.push(seed);
      say(`\nseed ${seed}: ${violations[0] ?? ''}`);
    }
    shown();
    return true;
  };
  await runSeeds({ from, count, onResult, ...(workers === undefined ? {} : { workers }) });
  if (process.stdout.isTTY) say('');
  for (const seed of failed.slice(0, FAILURES_SHOWN)) {
    const failure = await shrink(seed);
    if (failure) say(describeFailure(failure));
  }
  if (failed.length > 0) say(`failed: ${failed.join(' ')}`);
  return failed.length === 0 ? 0 : 1;
}

const given = parse(process.argv.slice(2));
const seed = given.get('seed');
const workers = given.has('workers') ? Number(given.get('workers')) : undefined;
process.exitCode =
  seed === undefined
    ? await runMany(Number(given.get('from') ?? 1), Number(given.get('seeds') ?? 2_000), workers)
    : await replay(Number(seed), given);
