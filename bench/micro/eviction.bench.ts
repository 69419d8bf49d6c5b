// How long the runtime keeps the loop to itself while all of its activations go, stored memory and all.
import { monitorEventLoopDelay } from 'node:perf_hooks';
import path from 'node:path';
import { type Bench, checkEqual, type Contestant, type Sample, type Setting, timed } from '../bench.ts';
import { systemRng } from '../../lib/internal.ts';
import { openLmdbStorage, Silo } from '../../silo/index.ts';
import { byCallers } from '../load/callers.ts';
import { LOG } from '../subjects/granary-host.ts';
import { type Meter, meterCore } from '../subjects/meter.ts';
import { TimedClock } from '../subjects/timed-clock.ts';

/** Longer than it takes to activate all, and short enough that moving the clock so far ahead is no work by itself. */
const IDLE_MS = 10_000;
const WORK = { fixed: 100_000, smoke: 2_000 } as const;

interface Rig {
  readonly silo: Silo;
  readonly core: Meter;
  readonly clock: TimedClock;
}

async function openSilo({ scratch, isSmoke }: Setting): Promise<Rig> {
  const clock = new TimedClock();
  const folder = path.join(scratch, `granary-${process.pid}`);
  const storage = await openLmdbStorage({ path: folder, clock, rng: systemRng });
  const { clusterKey, generation } = storage;
  const silo = new Silo({ storage, clock, rng: systemRng, log: LOG, clusterKey, generation });
  const core = meterCore({ level: 'committed', idleTimeoutMs: IDLE_MS });
  silo.host(core);
  await silo.start();
  // Every grain has something stored, which each later activation loads.
  const count = isSmoke ? WORK.smoke : WORK.fixed;
  await byCallers(count, 1_000, (index) => silo.ref(core, `meter-${index}`).add(1));
  await silo.replace(core);
  return { silo, core, clock };
}

async function activations(silo: Silo): Promise<number> {
  const { silos } = await silo.cluster();
  return silos.reduce((sum, report) => sum + report.activations, 0);
}

/** Activates all, lets `evict` begin, and watches until none is left. */
function evicting(evict: (rig: Rig) => Promise<void>): (setting: Setting) => Promise<Contestant> {
  return async (setting) => {
    const rig = await openSilo(setting);
    const { silo, core, clock } = rig;
    return {
      async run(count): Promise<Sample> {
        let sum = 0;
        await byCallers(count, 1_000, async (index) => {
          const total = await silo.ref(core, `meter-${index}`).read();
          sum += total;
        });
        checkEqual(sum, count, 'sum of the totals');
        checkEqual(await activations(silo), count, 'activations');
        globalThis.gc?.();
        const delay = monitorEventLoopDelay({ resolution: 1 });
        delay.enable();
        // Its first reading has nothing to be compared with.
        await new Promise((resolve) => setTimeout(resolve, 20));
        delay.reset();
        clock.watch();
        const sample = await timed(async () => {
          await evict(rig);
          while ((await activations(silo)) > 0) await new Promise((resolve) => setTimeout(resolve, 2));
          return count;
        });
        delay.disable();
        const { longestMs, longestWithGcMs, longestGcMs, p90Ms, count: slices } = await clock.watched();
        return {
          ...sample,
          value: longestMs,
          notes: {
            'p90, ms': p90Ms,
            'with GC, ms': longestWithGcMs,
            'longest GC pause, ms': longestGcMs,
            'longest turn of the loop, ms': delay.max / 1e6,
            slices,
            'all gone in, ms': sample.elapsedMs,
          },
        };
      },
      close: () => silo.stop(),
    };
  };
}

/** The floor: the same number of objects, deleted from a Map in one go. */
async function openPlain(): Promise<Contestant> {
  return await Promise.resolve({
    async run(count: number) {
      const objects = new Map<string, { total: number }>();
      for (let index = 0; index < count; index += 1) objects.set(`meter-${index}`, { total: 1 });
      globalThis.gc?.();
      const sample = await timed(() => {
        for (const key of objects.keys()) objects.delete(key);
        return Promise.resolve(count);
      });
      checkEqual(objects.size, 0, 'objects left');
      return { ...sample, value: sample.elapsedMs };
    },
  });
}

export const bench: Bench = {
  name: 'eviction',
  title: "The runtime's own longest slice while 100,000 grains are evicted (embedded store)",
  file: import.meta.url,
  unit: 'ms',
  work: WORK,
  contestants: [
    {
      name: 'granary',
      label: 'granary, idle for too long, all at once',
      open: evicting(({ clock }) => {
        clock.moveAhead(IDLE_MS + 1_000);
        return Promise.resolve();
      }),
    },
    {
      name: 'replaced',
      label: 'granary, the Core is replaced',
      open: evicting(({ silo, core }) => silo.replace(core)),
    },
    { name: 'plain', label: 'objects deleted from a Map in one go', open: openPlain },
  ],
  targets: [
    { of: 'granary', atMost: 5 },
    { of: 'replaced', atMost: 5 },
  ],
};
