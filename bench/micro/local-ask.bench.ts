// One caller asks one grain, again and again: the cost of a call when nothing is in its way.
import {
  type Bench,
  checkEqual,
  type Contestant,
  type ContestantSpec,
  type Setting,
  timed,
} from '../bench.ts';
import { openGrains, openGrainsOfObjects, openNact, openPlain, type Totals } from '../subjects/totals.ts';

function asking(
  name: string,
  label: string,
  openTotals: (count: number, setting: Setting) => Promise<Totals>,
): ContestantSpec {
  const open = async (setting: Setting): Promise<Contestant> => {
    const totals = await openTotals(1, setting);
    let total = 0;
    return {
      async run(count) {
        let last = 0;
        const sample = await timed(async () => {
          for (let call = 0; call < count; call += 1) last = await totals.add(0);
          return count;
        });
        // Every answer but the last is thrown away, but each call adds to the same total.
        total += count;
        checkEqual(last, total, 'total');
        return sample;
      },
      close: async () => await totals.close?.(),
    };
  };
  return { name, label, open };
}

export const bench: Bench = {
  name: 'local-ask',
  title: 'Local ask: one caller, one grain',
  file: import.meta.url,
  unit: 'rate',
  work: { step: 1_000 },
  contestants: [
    asking('granary', 'granary', openGrains),
    asking('objects', 'granary, objects in and out', openGrainsOfObjects),
    asking('plain', 'async function on a Map of objects', openPlain),
    asking('nact', 'nact', openNact),
  ],
  targets: [
    { of: 'granary', beside: 'nact', atLeast: 2 },
    // 1 M/s where the plain call does 15 M/s.
    { of: 'granary', beside: 'plain', atLeast: 1 / 15 },
  ],
};
