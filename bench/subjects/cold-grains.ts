// Grains that are asked for the first time since their host started, on the embedded store.
import path from 'node:path';
import { checkEqual, type Contestant, type Sample, type Setting, timed } from '../bench.ts';
import { byCallers } from '../load/callers.ts';
import { activationsOf, openHost } from './granary-host.ts';
import { type Meter, meterCore } from './meter.ts';

export const COLD_WORK = { fixed: 20_000, smoke: 500 } as const;
export const COLD_CALLERS = 64;

/** Total that is stored of a key; differs, so that a mixed-up grain is found. */
export const storedTotal = (index: number): number => 1 + (index % 1_000);

export interface ColdGrains {
  /** Key of the grain, and what it must answer. */
  readonly keyOf: (index: number) => string;
  readonly totalOf: (index: number) => number;
}

/** A host on a store with 20,000 grains is started for each round; the start is not measured. */
export async function openColdGrains(setting: Setting, { keyOf, totalOf }: ColdGrains): Promise<Contestant> {
  const core = meterCore({ level: 'committed' });
  const data = path.join(setting.scratch, 'granary');
  await store(core, data, setting.isSmoke ? COLD_WORK.smoke : COLD_WORK.fixed);
  return { run: (count) => runCold(core, data, count, { keyOf, totalOf }) };
}

export const storedKey = (index: number): string => `stored-${index}`;

async function store(core: Meter, data: string, count: number): Promise<void> {
  const host = await openHost({ cores: [core], data });
  await byCallers(count, 1_000, (index) => host.ref(core, storedKey(index)).add(storedTotal(index)));
  await host.stop();
}

async function runCold(core: Meter, data: string, count: number, grains: ColdGrains): Promise<Sample> {
  const { keyOf, totalOf } = grains;
  const host = await openHost({ cores: [core], data });
  let sum = 0;
  let expected = 0;
  for (let index = 0; index < count; index += 1) expected += totalOf(index);
  const sample = await timed(() => {
    return byCallers(count, COLD_CALLERS, async (index) => {
      const total = await host.ref(core, keyOf(index)).read();
      sum += total;
    });
  });
  checkEqual(sum, expected, 'sum of the totals');
  checkEqual(await activationsOf(host), count, 'activations');
  await host.stop();
  return sample;
}
