// Runs seeds of the cluster's simulation in a process of its own, one after the other, as it is told.
import { makePlan } from './cluster-plan.ts';
import { runCluster } from './cluster-run.ts';
import type { SeedResult } from './system-seed-runner.ts';

process.on('message', (seed: number) => {
  void runCluster(makePlan(seed)).then(({ violations, hasLostWrites, steps }) => {
    const result: SeedResult = { seed, violations, hasLostWrites, steps };
    process.send?.(result);
  });
});
process.once('disconnect', () => process.exit());
