import type { RedisClient } from '../../../directory/index.ts';
import { storageContract } from '../../contract/storage.contract.ts';
import { connectRedis, freshKeys } from '../../directory/redis-support.ts';
import { needsRedis, type RedisServer, startRedis } from '../../support/redis-server.ts';
import { openUnderTest } from './redis-harness.ts';

needsRedis('Redis storage', () => {
  let server: RedisServer;
  let client: RedisClient;

  before(async () => {
    server = await startRedis();
    client = await connectRedis({ url: server.url });
  });
  after(async () => {
    await client.close();
    await server.dispose();
  });

  storageContract('RedisStorage', () => openUnderTest(client, freshKeys()));
});
