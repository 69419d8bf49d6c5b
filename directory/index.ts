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
export { RedisKeys } from './redis/redis-keys.ts';
export { FOREVER, type Lease } from './session/lease.ts';
