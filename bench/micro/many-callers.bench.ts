// 64 callers take turns over 1,000 grains.
import {
  type Bench,
  checkEqual,
  type Contestant,
  type ContestantSpec,
  type Setting,
  timed,
} from '../bench.ts';
import { byCallers } from '../load/callers.ts';
import { openGrains, openNact, openPlain, type Totals } from '../subjects/totals.ts';

const CALLERS = 64;
const GRAINS = 1_000;

function asking(
  name: string,
  label: string,
  openTotals: (count: number, setting: Setting) => Promise<Totals>,
): ContestantSpec {
  const open = async (setting: Setting): Promise<Contestant> => {
    const totals = await openTotals(GRAINS, setting);
    let calls = 0;
    return {
      async run(count) {
        const sample = await timed(() => byCallers(count, CALLERS, (index) => totals.add(index % GRAINS)));
        calls += count;
        await checkTotals(totals, calls);
        calls += GRAINS;
        return sample;
      },
      close: async () => await totals.close?.(),
    };
  };
  return { name, label, open };
}

/** Adds one more to each total; together they must be what all calls have added. */
async function checkTotals(totals: Totals, calls: number): Promise<void> {
  let sum = 0;
  for (let index = 0; index < GRAINS; index += 1) sum += await totals.add(index);
  checkEqual(sum, calls + GRAINS, 'sum of the totals');
}

export const bench: Bench = {
  name: 'many-callers',
  title: '64 callers over 1,000 grains',
  file: import.meta.url,
  unit: 'rate',
  work: { step: GRAINS },
  contestants: [
    asking('granary', 'granary', openGrains),
    asking('plain', 'async function on a Map of objects', openPlain),
    asking('nact', 'nact', openNact),
  ],
  targets: [{ of: 'granary', beside: 'nact', atLeast: 2 }],
};
