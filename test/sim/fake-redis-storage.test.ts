// The Redis drivers on the simulated server keep the same contract as on a real one: so the simulation runs the real thing.
import type { RedisClient } from '../../directory/index.ts';
import { SeededRng } from '../../lib/index.ts';
import { systemClock } from '../../lib/internal.ts';
import { storageContract } from '../contract/storage.contract.ts';
import { freshKeys } from '../directory/redis-support.ts';
import { openUnderTest } from '../silo/storage/redis-harness.ts';
import { connectFakeRedis, FakeRedis } from '../support/fake-redis/index.ts';

async function connected(): Promise<RedisClient> {
  const server = new FakeRedis({ clock: systemClock, rng: new SeededRng(1) });
  const client = connectFakeRedis(server, systemClock);
  await new Promise<void>((resolve) => client.onEvent(({ kind }) => kind === 'up' && resolve()));
  return client;
}

describe('Redis storage on the simulated Redis', () => {
  storageContract('RedisStorage', async () => await openUnderTest(await connected(), freshKeys()));
});
