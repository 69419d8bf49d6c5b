// What a cluster asks of Redis while nobody asks anything of it: sessions, views, sweeps; grains that sit there cost nothing.
import { type Bench, checkEqual, type Contestant, type Setting } from '../bench.ts';
import { byCallers } from '../load/callers.ts';
import { closeAll, cpuMsOf, join, placeOf, spawnSilos } from '../subjects/cluster-members.ts';
import { keepRedis } from '../subjects/kept-redis.ts';
import { meterCore } from '../subjects/meter.ts';
import { watchCommands } from '../subjects/redis-monitor.ts';
import type { SiloReport } from '../../silo/index.ts';

const SILOS = 3;
const CALLERS = 512;
/** Longer than anything that is done now and then, but for the sweep of outboxes. */
const WINDOW_MS = 30_000;
const SMOKE_WINDOW_MS = 1_000;
/** What the activations left behind: caches, releases, a view that is passed on. */
const SETTLE_MS = 3_000;

async function openIdle(setting: Setting): Promise<Contestant> {
  const redis = await keepRedis(setting, 'everysec');
  const place = placeOf(setting, redis);
  const silos = await spawnSilos(place, SILOS);
  return {
    async run(count) {
      const core = meterCore({ level: 'committed' });
      const caller = await join(place);
      await byCallers(count, CALLERS, (index) => caller.client.ref(core, `idle-${index}`, {}).read());
      await caller.stop();
      await sleep(setting.isSmoke ? 0 : SETTLE_MS);
      const beforeMs = await cpuMsOf(silos);
      const startMs = performance.now();
      const watch = await watchCommands(redis.port);
      await sleep(setting.isSmoke ? SMOKE_WINDOW_MS : WINDOW_MS);
      const { sent, inScripts, byName } = await watch.end();
      const elapsedMs = performance.now() - startMs;
      const cpuMs = (await cpuMsOf(silos)) - beforeMs;
      const reports = (await silos[0]?.call<readonly SiloReport[]>('reports')) ?? [];
      checkEqual(reports.length, SILOS, 'silos');
      const activations = reports.reduce((sum, report) => sum + report.activations, 0);
      checkEqual(activations, count, 'activations');
      const seconds = elapsedMs / 1_000;
      return {
        done: count,
        elapsedMs,
        cpuMs,
        value: sent / SILOS / seconds,
        notes: {
          ...Object.fromEntries([...byName].map(([name, times]) => [`${name}, /s`, times / SILOS / seconds])),
          'commands inside of scripts, /s': inScripts / SILOS / seconds,
          'CPU of a silo, %': (cpuMs / elapsedMs / SILOS) * 100,
        },
      };
    },
    close: () => closeAll([redis, ...silos]),
  };
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

export const bench: Bench = {
  name: 'idle-redis',
  title: 'Redis operations per silo and second, 100,000 idle grains on 3 silos',
  file: import.meta.url,
  unit: 'use',
  work: { fixed: 100_000, smoke: 300 },
  contestants: [{ name: 'granary', label: 'granary, three silos', open: openIdle }],
  targets: [{ of: 'granary', atMost: 3 }],
  processes: 'fresh',
  roundsMax: 3,
};
