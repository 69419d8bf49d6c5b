// WebSocket event to committed ack through a gateway of its own: gateway, silo, Redis and the load are four processes, and
// all of them share the machine.
import { type Bench, checkEqual, type Contestant, type Setting } from '../bench.ts';
import { type LoadResult, openLoad } from '../load/load-generator.ts';
import { keyOf } from '../load/ws-load.ts';
import { closeAll, cpuMsOf, placeOf, spawnGateway, spawnSilo } from '../subjects/cluster-members.ts';
import { type Fsync, keepRedis } from '../subjects/kept-redis.ts';
import { openEcho, STREAM_LOAD } from '../subjects/stream-servers.ts';

async function openCluster(setting: Setting, fsync: Fsync): Promise<Contestant> {
  const redis = await keepRedis(setting, fsync);
  const place = placeOf(setting, redis);
  const silo = await spawnSilo(place);
  const gateway = await spawnGateway(place);
  const load = await openLoad('ws-load.ts', { ...STREAM_LOAD, url: await gateway.call<string>('stream') });
  const keys = allKeys();
  let amount = 0;
  return {
    async run(count) {
      const beforeMs = await cpuMsOf([gateway, silo]);
      const { done, elapsedMs, amount: sent } = await load.call<LoadResult>('run', count);
      const cpuMs = (await cpuMsOf([gateway, silo])) - beforeMs;
      amount += sent;
      checkEqual(await silo.call<number>('sumOfTotals', keys), amount, 'sum of the totals');
      return { done, elapsedMs, cpuMs };
    },
    close: () => closeAll([redis, silo, gateway, load]),
  };
}

function allKeys(): string[] {
  const { sockets, keysPerSocket } = STREAM_LOAD;
  return Array.from({ length: sockets * keysPerSocket }, (_, index) =>
    keyOf(Math.floor(index / keysPerSocket), index % keysPerSocket),
  );
}

export const bench: Bench = {
  name: 'ws-cluster',
  title: 'WebSocket event to committed ack, 50 sockets x 16 in flight, through a gateway process',
  file: import.meta.url,
  unit: 'rate',
  work: { step: STREAM_LOAD.sockets * STREAM_LOAD.keysPerSocket },
  contestants: [
    {
      name: 'granary',
      label: 'gateway, silo, Redis everysec',
      open: (setting) => openCluster(setting, 'everysec'),
    },
    {
      name: 'always',
      label: 'gateway, silo, Redis always',
      open: (setting) => openCluster(setting, 'always'),
    },
    { name: 'echo', label: 'bare ws echo, JSON both ways', open: openEcho },
  ],
  targets: [
    { of: 'granary', atLeast: 15_000 },
    { of: 'always', atLeast: 15_000 },
  ],
};
