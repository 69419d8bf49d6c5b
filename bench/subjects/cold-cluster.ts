// Grains that are asked for the first time since their silo came in: one script call claims the grain and loads its memory.
import { check, checkEqual, type Setting } from '../bench.ts';
import { byCallers } from '../load/callers.ts';
import { COLD_WORK, storedKey, storedTotal } from './cold-grains.ts';
import { type ClusterPlace, join, placeOf } from './cluster-members.ts';
import { keepRedis, type KeptRedis } from './kept-redis.ts';
import { meterCore } from './meter.ts';

/** A silo that has no activations, on a Redis that has the memory of all its grains. */
export interface ColdSilo {
  /** @throws BenchError when the answer is not what is stored */
  first(index: number): Promise<void>;
  /** Checks how many grains it activated, and lets all go. */
  stop(activations: number): Promise<void>;
}

export interface ColdCluster {
  start(): Promise<ColdSilo>;
  close(): Promise<void>;
}

const core = meterCore({ level: 'committed' });

export async function openColdCluster(setting: Setting): Promise<ColdCluster> {
  const redis: KeptRedis = await keepRedis(setting, 'everysec');
  const place = placeOf(setting, redis);
  await store(place, setting.isSmoke ? COLD_WORK.smoke : COLD_WORK.fixed);
  return { start: () => startSilo(place), close: () => redis.close() };
}

async function store(place: ClusterPlace, count: number): Promise<void> {
  const { client, stop } = await join(place, [core]);
  await byCallers(count, 256, (index) => client.ref(core, storedKey(index), {}).add(storedTotal(index)));
  await stop();
}

async function startSilo(place: ClusterPlace): Promise<ColdSilo> {
  const { client, stop } = await join(place, [core]);
  return {
    async first(index) {
      const total = await client.ref(core, storedKey(index), {}).read();
      check(total === storedTotal(index), `${storedKey(index)} has ${total}, not ${storedTotal(index)}`);
    },
    async stop(activations) {
      const { silos } = await client.cluster();
      checkEqual(silos[0]?.activations ?? 0, activations, 'activations');
      await stop();
    },
  };
}
