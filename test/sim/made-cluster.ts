// The record and partitions of a cluster that was made before: so that not every run begins with making one.
import { openCluster, RedisKeys } from '../../directory/index.ts';
import { type Logger, SeededRng } from '../../lib/index.ts';
import { systemClock } from '../../lib/internal.ts';
import { connectFakeRedis, FakeRedis, type RedisValue } from '../support/fake-redis/index.ts';

const SILENT: Logger = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
};

let made: Promise<ReadonlyMap<string, RedisValue>> | undefined;

/** What Redis holds of a cluster of this name in which nobody has been yet. */
export function madeCluster(name: string): Promise<ReadonlyMap<string, RedisValue>> {
  made ??= makeCluster(name);
  return made;
}

async function makeCluster(name: string): Promise<ReadonlyMap<string, RedisValue>> {
  const rng = new SeededRng(1);
  const server = new FakeRedis({ clock: systemClock, rng });
  const client = connectFakeRedis(server, systemClock);
  await new Promise<void>((resolve) => client.onEvent(({ kind }) => kind === 'up' && resolve()));
  const witness = { read: () => undefined, write: () => undefined };
  const keys = new RedisKeys(name);
  await openCluster({ client, keys, clock: systemClock, rng, log: SILENT, onDataLoss: 'refuse', witness });
  await client.close();
  return server.data.copy();
}
