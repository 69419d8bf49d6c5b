export type { Claimer, GrainAddress, GrainDirectory, RegisterOutcome } from './grain-directory.ts';
export { MemoryDirectory, type MemoryDirectoryOptions } from './memory-directory.ts';
export {
  type DeathJudge,
  FailureDetector,
  type FailureDetectorOptions,
  type PeerLink,
  type ProbeOutcome,
} from './membership/failure-detector.ts';
export {
  Membership,
  type MembershipOptions,
  type MembershipState,
  type Reaches,
} from './membership/membership.ts';
export {
  type ChangeOutcome,
  type Death,
  type HostedCore,
  isLiving,
  livingOf,
  type Member,
  memberOf,
  type MembershipTable,
  type MembershipView,
  type MemberState,
  type ViewVersion,
} from './membership/membership-view.ts';
export { MemoryMembershipTable } from './membership/memory-membership-table.ts';
export { RedisMembershipTable } from './membership/redis-membership-table.ts';
export {
  type GenerationWitness,
  openCluster,
  type OpenClusterOptions,
  type OpenedCluster,
} from './membership/redis-open-cluster.ts';
export type { Candidate, Manifests } from './membership/view-changes.ts';
export { viewFrom } from './membership/view-codec.ts';
export type { ViewSource } from './membership/view-writer.ts';
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
export type { Guardian } from './session/guardian.ts';
export { type InProcessSessionOptions, openInProcessSession } from './session/in-process-session.ts';
export { LeaseRenewer, type LeaseRenewerOptions } from './session/lease-renewer.ts';
export { FOREVER, type Lease } from './session/lease.ts';
export { type LockNode, type Sighting, TOMBSTONE_MS } from './session/lock-node.ts';
export { RedisLockNode } from './session/redis-lock-node.ts';
export { SessionJudge, type SessionJudgeOptions, type Verdict } from './session/session-judge.ts';
export { sessionTiming, type SessionTiming, type SessionTimingOptions } from './session/session-timing.ts';
export { SiloSession, type SiloSessionOptions } from './session/silo-session.ts';
export { type GuardedSessionOptions, openGuardedSession } from './session/system-guardian.ts';
