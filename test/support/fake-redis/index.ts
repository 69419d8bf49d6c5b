export { FakeRedis, type FakeRedisOptions } from './fake-redis.ts';
export {
  connectFakeRedis,
  FakeRedisClient,
  type FakeRedisClientParts,
  type RedisWire,
} from './fake-redis-client.ts';
export { type FakeReply, RedisError, RedisStatus, type RedisValue } from './redis-data.ts';
