import assert from 'node:assert/strict';
import { makePlan } from './cluster-plan.ts';
import { runCluster } from './cluster-run.ts';
import { describeFailure, shrink } from './shrink.ts';
import { runSeeds } from './system-seed-runner.ts';

const SEEDS = 2_000;
const SEEDS_PER_TEST = 500;

/** All of them, also behind the first that fails: how many fail says what kind of fault it is. */
async function expectNoViolation(from: number, count: number): Promise<void> {
  const failed: number[] = [];
  await runSeeds({
    from,
    count,
    onResult: ({ seed, violations }) => {
      if (violations.length > 0) failed.push(seed);
      return failed.length < 20;
    },
  });
  const [first] = failed;
  if (first === undefined) return;
  const failure = await shrink(first);
  assert.fail(
    `${failed.length} seeds failed: ${failed.join()}\n${failure ? describeFailure(failure) : 'not again'}`,
  );
}

describe('Simulation of the cluster: silos, gateways, network and Redis that fail', () => {
  for (let from = 1; from <= SEEDS; from += SEEDS_PER_TEST) {
    it(`seeds ${from} to ${from + SEEDS_PER_TEST - 1} break no promise`, () =>
      expectNoViolation(from, SEEDS_PER_TEST)).timeout(0);
  }

  it('the same seed, run twice, gives the same run', async () => {
    const histories: (readonly string[])[] = [];
    for (let run = 0; run < 2; run += 1) histories.push((await runCluster(makePlan(23))).history);
    assert.deepEqual(histories[1], histories[0]);
  });
});
