// A client of a real server for the tests of what stands on it.
import type { RedisClient, RedisClientOptions } from '../../directory/index.ts';
import { openRedisClient, RedisKeys, untilUp } from '../../directory/index.ts';
import { systemClock } from '../../lib/internal.ts';
import { TestLog } from '../gateway/http/support.ts';

export async function connectRedis(options: RedisClientOptions): Promise<RedisClient> {
  const client = openRedisClient(options, { log: new TestLog() });
  await untilUp(client);
  return client;
}

let clusterCount = 0;

/** Names of a cluster that no other test uses on the same server. */
export function freshKeys(): RedisKeys {
  clusterCount += 1;
  return new RedisKeys(`t${clusterCount}`);
}

/** Asks again, a little later each time, until it is so. */
export async function eventually(isSo: () => Promise<boolean>): Promise<void> {
  while (!(await isSo())) await new Promise<void>((resolve) => systemClock.setTimer(5, resolve));
}
