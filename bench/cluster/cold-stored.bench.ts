// First call of grains with stored memory: claim, load, activate, run.
import path from 'node:path';
import { type Bench, checkEqual, type Contestant, type Setting, timed } from '../bench.ts';
import { byCallers } from '../load/callers.ts';
import { BatchedStore } from '../subjects/batched-store.ts';
import { COLD_CALLERS, COLD_WORK, openColdGrains, storedKey, storedTotal } from '../subjects/cold-grains.ts';

/** The floor: a row is read and parsed, its object goes into a Map. */
async function openLmdb({ scratch, isSmoke }: Setting): Promise<Contestant> {
  const count = isSmoke ? COLD_WORK.smoke : COLD_WORK.fixed;
  const store = new BatchedStore(path.join(scratch, 'lmdb'));
  await byCallers(count, 1_000, (index) => {
    const value = Buffer.from(JSON.stringify({ total: storedTotal(index) }));
    return store.write([{ key: storedKey(index), value }]);
  });
  return {
    async run(count) {
      const objects = new Map<string, { total: number }>();
      async function read(key: string): Promise<number> {
        let object = objects.get(key);
        if (!object) {
          const row = store.read(key);
          object = row ? (JSON.parse(row.toString('utf8')) as { total: number }) : { total: 0 };
          objects.set(key, object);
        }
        return object.total;
      }
      let sum = 0;
      let expected = 0;
      for (let index = 0; index < count; index += 1) expected += storedTotal(index);
      const sample = await timed(() => {
        return byCallers(count, COLD_CALLERS, async (index) => {
          const total = await read(storedKey(index));
          sum += total;
        });
      });
      checkEqual(sum, expected, 'sum of the totals');
      return sample;
    },
    close: () => store.close(),
  };
}

export const bench: Bench = {
  name: 'cold-stored',
  title: 'First call on 20,000 cold keys with stored memory (embedded store)',
  file: import.meta.url,
  unit: 'rate',
  work: COLD_WORK,
  contestants: [
    {
      name: 'granary',
      label: 'granary',
      open: (setting) => openColdGrains(setting, { keyOf: storedKey, totalOf: storedTotal }),
    },
    { name: 'lmdb', label: 'lmdb alone: read, parse, keep', open: openLmdb },
  ],
  targets: [{ of: 'granary', atLeast: 60_000 }],
};
