// First call of grains of which nothing is stored: claim, look into the store, activate, run.
import { query, spawn, start, type Ref } from 'nact';
import { type Bench, checkEqual, type Contestant, timed } from '../bench.ts';
import { byCallers } from '../load/callers.ts';
import { COLD_CALLERS, COLD_WORK, openColdGrains } from '../subjects/cold-grains.ts';
import { addOne, addUp, NACT_LIMIT_MS } from '../subjects/totals.ts';

async function openPlain(): Promise<Contestant> {
  return await Promise.resolve({
    async run(count: number) {
      const objects = new Map<string, { total: number }>();
      async function read(key: string): Promise<number> {
        let object = objects.get(key);
        if (!object) objects.set(key, (object = { total: 0 }));
        return object.total;
      }
      let sum = 0;
      const sample = await timed(() => {
        return byCallers(count, COLD_CALLERS, async (index) => {
          const total = await read(`new-${index}`);
          sum += total;
        });
      });
      checkEqual(sum, 0, 'sum of the totals');
      checkEqual(objects.size, count, 'objects');
      return sample;
    },
  });
}

async function openNact(): Promise<Contestant> {
  return await Promise.resolve({
    async run(count: number) {
      const system = start();
      const actors = new Map<string, Ref<Parameters<typeof addUp>[1]>>();
      async function add(key: string): Promise<number> {
        let actor = actors.get(key);
        if (!actor) actors.set(key, (actor = spawn(system, addUp, key, { initialState: { total: 0 } })));
        return (await query(actor, addOne, NACT_LIMIT_MS)) as number;
      }
      let sum = 0;
      const sample = await timed(() => {
        return byCallers(count, COLD_CALLERS, async (index) => {
          const total = await add(`new-${index}`);
          sum += total;
        });
      });
      checkEqual(sum, count, 'sum of the totals');
      return sample;
    },
  });
}

export const bench: Bench = {
  name: 'cold-new',
  title: 'First call on 20,000 cold keys, no stored memory (embedded store)',
  file: import.meta.url,
  unit: 'rate',
  work: COLD_WORK,
  contestants: [
    {
      name: 'granary',
      label: 'granary',
      open: (setting) => openColdGrains(setting, { keyOf: (index) => `new-${index}`, totalOf: () => 0 }),
    },
    { name: 'plain', label: 'async function on a Map of objects', open: openPlain },
    { name: 'nact', label: 'nact, spawn and query', open: openNact },
  ],
  targets: [{ of: 'granary', atLeast: 200_000 }],
};
