export type { Claimer, GrainAddress, GrainDirectory, RegisterOutcome } from './grain-directory.ts';
export { MemoryDirectory, type MemoryDirectoryOptions } from './memory-directory.ts';
export {
  type ChangeOutcome,
  type HostedCore,
  livingOf,
  type Member,
  memberOf,
  type MembershipTable,
  type MembershipView,
  type MemberState,
} from './membership/membership-view.ts';
export { PARTITION_COUNT, partitionOf } from './partition.ts';
export {
  hadNoEffect,
  type RedisArgument,
  type RedisClient,
  type RedisEvent,
  RedisRefusal,
  type RedisReply,
  type RedisScript,
  RedisSilence,
} from './redis/redis-client.ts';
export { checkRedis, type RedisPersistence, type RedisReport } from './redis/redis-check.ts';
export {
  CLAIM_SCRIPT,
  claimArguments,
  ownerAddress,
  RedisDirectory,
  type RedisDirectoryOptions,
  registerOutcome,
  RELEASE_SCRIPT,
  replyText,
} from './redis/redis-directory.ts';
export { storeError, storeLost } from './redis/redis-errors.ts';
export { RedisKeys } from './redis/redis-keys.ts';
export {
  ensurePartitions,
  type EnsurePartitionsOptions,
  type PartitionReport,
} from './redis/redis-partitions.ts';
export { loadScript, scriptOf } from './redis/redis-script.ts';
export {
  openRedisClient,
  type RedisClientDependencies,
  type RedisClientOptions,
  type RedisNode,
  untilUp,
} from './redis/system-redis-client.ts';
export { FOREVER, type Lease } from './session/lease.ts';
