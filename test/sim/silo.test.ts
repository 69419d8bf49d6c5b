import assert from 'node:assert/strict';
import { runSilo } from './silo-run.ts';

const SEEDS = 1_000;
const SEEDS_PER_TEST = 100;

async function runSeeds(from: number, count: number): Promise<void> {
  for (let seed = from; seed < from + count; seed += 1) {
    const { violations, history } = await runSilo(seed);
    if (violations.length === 0) continue;
    const replay = `GRANARY_SEED=${seed} npx mocha test/sim/silo.test.ts`;
    assert.fail(
      `seed ${seed}:\n  ${violations.join('\n  ')}\nhistory:\n  ${history.join('\n  ')}\nreplay: ${replay}`,
    );
  }
}

describe('Simulation of one silo: crashes at every await', () => {
  const only = process.env['GRANARY_SEED'];
  if (only !== undefined) {
    it(`seed ${only}, replayed, breaks no promise`, () => runSeeds(Number(only), 1)).timeout(0);
    return;
  }
  for (let from = 1; from <= SEEDS; from += SEEDS_PER_TEST) {
    it(`seeds ${from} to ${from + SEEDS_PER_TEST - 1} break no promise`, () =>
      runSeeds(from, SEEDS_PER_TEST)).timeout(120_000);
  }

  it('the same seed, run twice, gives the same run', async () => {
    const histories: (readonly string[])[] = [];
    // In one place, because the histories show where errors came from.
    for (let run = 0; run < 2; run += 1) histories.push((await runSilo(7)).history);
    assert.deepEqual(histories[1], histories[0]);
  });
});
