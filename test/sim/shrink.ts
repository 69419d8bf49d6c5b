// Makes a failing run of the cluster smaller: as few nemesis actions, and as little load, as still fail.
import { makePlan, type PlanOptions } from './cluster-plan.ts';
import { type ClusterReport, runCluster } from './cluster-run.ts';

export interface Failure {
  readonly seed: number;
  readonly options: PlanOptions;
  readonly report: ClusterReport;
}

/** The smallest run found that breaks a promise; undefined when the seed breaks none. */
export async function shrink(seed: number): Promise<Failure | undefined> {
  let best = await attempt(seed, {});
  if (!best) return undefined;
  let keep = makePlan(seed).nemesis.map((_action, place) => place);
  for (const place of [...keep]) {
    const fewer = keep.filter((other) => other !== place);
    const smaller = await attempt(seed, { keep: fewer });
    if (!smaller) continue;
    best = smaller;
    keep = fewer;
  }
  for (
    let loadMost = Math.floor(makePlan(seed).load.length / 2);
    loadMost > 0;
    loadMost = Math.floor(loadMost / 2)
  ) {
    const smaller = await attempt(seed, { keep, loadMost });
    if (!smaller) break;
    best = smaller;
  }
  return best;
}

async function attempt(seed: number, options: PlanOptions): Promise<Failure | undefined> {
  const report = await runCluster(makePlan(seed, options));
  return report.violations.length === 0 ? undefined : { seed, options, report };
}

export function replayCommand({ seed, options: { keep, loadMost } }: Failure): string {
  const parts = [`npm run simulate -- --seed ${seed}`];
  if (keep) parts.push(`--keep ${keep.length === 0 ? 'none' : keep.join()}`);
  if (loadMost !== undefined) parts.push(`--load ${loadMost}`);
  return parts.join(' ');
}

export function describeFailure(failure: Failure): string {
  const { seed, options, report } = failure;
  const { nemesis } = makePlan(seed, options);
  const actions = nemesis.map(
    ({ atMs, kind, target, forMs }) => `${atMs} ms ${kind} ${target} for ${forMs} ms`,
  );
  return [
    `seed ${seed} breaks a promise:`,
    ...report.violations.map((violation) => `  ${violation}`),
    `what goes wrong (times from when all are in):`,
    ...actions.map((action) => `  ${action}`),
    'history:',
    ...report.history.map((line) => `  ${line}`),
    `replay: ${replayCommand(failure)}`,
  ].join('\n');
}
