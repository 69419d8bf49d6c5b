// `npm run bench`: runs the benches and prints the table. A missed target does not fail the run; work that was not done
// does (exit code 1). A command line that makes no sense ends with 2.
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { register } from 'node:module';
import os from 'node:os';
import path from 'node:path';
import type { Bench, ContestantSpec, Sample, Setting } from './bench.ts';
import { type BenchResult, runBench, type Runner } from './harness.ts';
import { type BenchOptions, chosen, parseOptions, USAGE } from './options.ts';
import { Progress } from './progress.ts';
import { PROFILE_ENV, Remote } from './remote.ts';
import { type BenchFailure, headOf, type RunReport, tableOf, verdictOf } from './report.ts';

// The files of the benches import what they measure: from dist here, too.
register('./compiled-hooks.mjs', import.meta.url);

const OPENER = new URL('open-contestant.ts', import.meta.url).href;

async function start(bench: Bench, { name }: ContestantSpec, setting: Setting): Promise<Runner> {
  const args = [bench.file, name, setting];
  const remote = await Remote.open({ module: OPENER, exported: 'openContestant', args });
  return {
    run: (count) => remote.call<Sample>('run', count),
    close: () => remote.close(),
  };
}

async function runAll(benches: readonly Bench[], options: BenchOptions, scratch: string): Promise<RunReport> {
  const progress = new Progress(process.stderr);
  const results: BenchResult[] = [];
  const failures: BenchFailure[] = [];
  for (const [at, bench] of benches.entries()) {
    const startMs = performance.now();
    progress.begin(`${at + 1}/${benches.length} ${bench.name}`);
    const folder = path.join(scratch, bench.name);
    mkdirSync(folder);
    const setting = { isSmoke: options.isSmoke, scratch: folder };
    try {
      const onStep = (step: string): void => progress.step(step);
      results.push(await runBench(bench, { ...options, setting, start, onStep }));
      progress.end(`${((performance.now() - startMs) / 1_000).toFixed(1)} s`);
    } catch (error) {
      failures.push({ name: bench.name, problem: error instanceof Error ? error.message : String(error) });
      progress.end('FAILED');
    }
    rmSync(folder, { recursive: true, force: true });
  }
  return {
    node: process.version,
    commit: commit(),
    cpu: os.cpus()[0]?.model ?? 'unknown processor',
    cores: os.availableParallelism(),
    date: new Date().toISOString(),
    isSmoke: options.isSmoke,
    benches: results,
    failures,
  };
}

function commit(): string {
  try {
    const git = (...args: string[]): string => {
      return execFileSync('git', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
    };
    return git('rev-parse', '--short', 'HEAD') + (git('status', '--porcelain') === '' ? '' : ' with changes');
  } catch {
    return 'unknown';
  }
}

function print(report: RunReport, isJson: boolean): void {
  if (isJson) console.log(JSON.stringify(report, undefined, 2));
  else console.log([headOf(report), '', ...tableOf(report), '', ...verdictOf(report)].join('\n'));
}

async function main(args: readonly string[]): Promise<number> {
  // Loaded now, because static imports would come before the hooks.
  const { BENCHES } = await import('./benches.ts');
  let options: BenchOptions;
  let benches: Bench[];
  try {
    options = parseOptions(args);
    benches = chosen(BENCHES, options);
  } catch (error) {
    console.error(`bench: ${error instanceof Error ? error.message : String(error)}\n\n${USAGE}`);
    return 2;
  }
  if (options.isHelp || options.isList) {
    console.log(
      options.isHelp ? USAGE : benches.map(({ name, title }) => `${name.padEnd(16)} ${title}`).join('\n'),
    );
    return 0;
  }
  if (options.profile !== undefined) process.env[PROFILE_ENV] = path.resolve(options.profile);
  const scratch = mkdtempSync(path.join(os.tmpdir(), 'granary-bench-'));
  const clear = (): void => rmSync(scratch, { recursive: true, force: true });
  process.once('SIGINT', () => {
    clear();
    process.exit(130);
  });
  try {
    const report = await runAll(benches, options, scratch);
    print(report, options.isJson);
    return report.failures.length > 0 ? 1 : 0;
  } finally {
    clear();
  }
}

process.exitCode = await main(process.argv.slice(2));
