// First call of grains with memory in Redis: claim and load in one script call, activate, run.
import { type Bench, checkEqual, type Contestant, type Setting, timed } from '../bench.ts';
import { byCallers } from '../load/callers.ts';
import { openColdCluster } from '../subjects/cold-cluster.ts';
import { COLD_WORK } from '../subjects/cold-grains.ts';
import { keepRedis } from '../subjects/kept-redis.ts';
import { RawRedis } from '../subjects/raw-redis.ts';

const CALLERS = 256;

/** A silo comes in for each round, and leaves; neither is measured. */
async function openGranary(setting: Setting): Promise<Contestant> {
  const cluster = await openColdCluster(setting);
  return {
    async run(count) {
      const silo = await cluster.start();
      const sample = await timed(() => byCallers(count, CALLERS, (index) => silo.first(index)));
      await silo.stop(count);
      return sample;
    },
    close: () => cluster.close(),
  };
}

/** The floor: two plain commands for each key, one that writes the owner and one that reads the total. */
async function openPlain(setting: Setting): Promise<Contestant> {
  const redis = await keepRedis(setting, 'everysec');
  const raw = await RawRedis.open(redis.port);
  let round = 0;
  return {
    async run(count) {
      round += 1;
      let claimed = 0;
      let sum = 0;
      const sample = await timed(() =>
        byCallers(count, CALLERS, async (index) => {
          const key = `plain:stored-${index}`;
          const answers = [
            raw.call('HSET', key, `o${round}`, 'owner'),
            raw.call('HINCRBY', key, 'total', '1'),
          ];
          const [owner = '', total = ''] = await Promise.all(answers);
          claimed += Number(owner.slice(1));
          sum += Number(total.slice(1));
        }),
      );
      checkEqual(claimed, count, 'owners written');
      checkEqual(sum, count * round, 'sum of the totals');
      return sample;
    },
    async close() {
      raw.close();
      await redis.close();
    },
  };
}

export const bench: Bench = {
  name: 'cold-redis',
  title: 'First call on 20,000 cold keys with memory in Redis: 256 callers, one silo',
  file: import.meta.url,
  unit: 'rate',
  work: COLD_WORK,
  contestants: [
    { name: 'granary', label: 'granary, silo and Redis', open: openGranary },
    { name: 'floor', label: 'two plain commands a key, pipelined', open: openPlain },
  ],
  targets: [{ of: 'granary', atLeast: 25_000 }],
};
