// The same first calls on a schedule of 70 % of the rate at which the first half of the keys was activated a moment before.
import { type Bench, checkEqual, type Contestant, cpuMsSince, type Setting } from '../bench.ts';
import { byCallers } from '../load/callers.ts';
import { onSchedule } from '../load/open-loop.ts';
import { quantileOf } from '../statistics.ts';
import { openColdCluster } from '../subjects/cold-cluster.ts';
import { COLD_WORK } from '../subjects/cold-grains.ts';

const CALLERS = 256;
const LOAD = 0.7;

function opening(share: number): (setting: Setting) => Promise<Contestant> {
  return async (setting) => {
    const cluster = await openColdCluster(setting);
    return {
      async run(count) {
        const silo = await cluster.start();
        const warm = count >> 1;
        const startMs = performance.now();
        checkEqual(await byCallers(warm, CALLERS, silo.first), warm, 'first calls at the peak');
        const peak = (warm / (performance.now() - startMs)) * 1_000;
        const cpu = process.cpuUsage();
        const first = (index: number): Promise<void> => silo.first(warm + index);
        const { answered, elapsedMs, latenciesMs } = await onSchedule(count - warm, peak * LOAD, first);
        const cpuMs = cpuMsSince(cpu);
        await silo.stop(count);
        return {
          done: warm + answered,
          elapsedMs,
          cpuMs,
          value: quantileOf(latenciesMs, share),
          notes: { 'peak /s': peak, 'asked /s': peak * LOAD },
        };
      },
      close: () => cluster.close(),
    };
  };
}

export const bench: Bench = {
  name: 'cold-redis-load',
  title: 'First call on cold keys with memory in Redis: at 70 % of the peak',
  file: import.meta.url,
  unit: 'ms',
  work: COLD_WORK,
  contestants: [
    { name: 'p50', label: 'granary, p50', open: opening(0.5) },
    { name: 'p99', label: 'granary, p99', open: opening(0.99) },
  ],
  targets: [
    { of: 'p50', atMost: 1 },
    { of: 'p99', atMost: 4 },
  ],
};
