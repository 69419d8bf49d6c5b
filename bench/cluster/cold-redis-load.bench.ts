// The same first calls on a schedule of 70 % of the rate at which the first half of the keys was activated a moment before.
import { type Bench, checkEqual, type Contestant, cpuMsSince, type Setting } from '../bench.ts';
import { byCallers } from '../load/callers.ts';
import { onSchedule } from '../load/open-loop.ts';
import { quantileOf } from '../statistics.ts';
import { openColdCluster } from '../subjects/cold-cluster.ts';
import { COLD_WORK } from '../subjects/cold-grains.ts';

const CALLERS = 256;
const LOAD = 0.7;

async function openGranary(setting: Setting): Promise<Contestant> {
  const cluster = await openColdCluster(setting);
  return {
    async run(count) {
      const silo = await cluster.start();
      const half = count >> 1;
      const startMs = performance.now();
      checkEqual(await byCallers(half, CALLERS, silo.first), half, 'first calls at the peak');
      const peak = (half / (performance.now() - startMs)) * 1_000;
      const cpu = process.cpuUsage();
      const first = (index: number): Promise<void> => silo.first(half + index);
      const { answered, elapsedMs, latenciesMs } = await onSchedule(count - half, peak * LOAD, first);
      const cpuMs = cpuMsSince(cpu);
      await silo.stop(count);
      return {
        done: half + answered,
        elapsedMs,
        cpuMs,
        value: quantileOf(latenciesMs, 0.99),
        notes: { p50: quantileOf(latenciesMs, 0.5), 'peak /s': peak, 'asked /s': peak * LOAD },
      };
    },
    close: () => cluster.close(),
  };
}

export const bench: Bench = {
  name: 'cold-redis-load',
  title: 'First call on cold keys with memory in Redis: at 70 % of the peak, p99',
  file: import.meta.url,
  unit: 'ms',
  work: COLD_WORK,
  contestants: [{ name: 'granary', label: 'granary, silo and Redis', open: openGranary }],
  targets: [
    { of: 'granary', atMost: 4 },
    { of: 'granary', note: 'p50', atMost: 1 },
  ],
};
