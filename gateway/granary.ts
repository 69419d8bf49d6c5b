// `granary`: define Cores, run a host of them. Clients import `granary/client`, tests `granary/testing`.
export {
  type AnyCore,
  type CallOptions,
  type CommitLevel,
  type Core,
  type CoreDefinition,
  type CoreSpec,
  defineCore,
  entity,
  type ErrorCode,
  type ErrorReport,
  ERRORS,
  type Flow,
  type FlowContext,
  type FlowInput,
  type FlowName,
  type FlowOptions,
  type FlowResult,
  type Frozen,
  GrainError,
  type GrainRef,
  type InstanceOptions,
  isCore,
  isErrorCode,
  list,
  type Logger,
  type LooseRef,
  map,
  type MemoryList,
  type MemoryMap,
  type MemoryOf,
  type MigrationStep,
  type MissedTicks,
  type OverflowPolicy,
  type OwnershipMode,
  type PlacementPolicy,
  type ReminderSchedule,
  type ScanOptions,
  singleton,
  type StandardSchema,
  stateless,
  type TimerSchedule,
  value,
} from '../lib/index.ts';
export {
  type CheckpointPage,
  type CheckpointRow,
  type CheckpointStore,
  type ClusterReport,
  type InstanceReport,
  programCores,
  type ProgramParts,
  resumeCheckpoint,
  Silo,
  type SiloOptions,
  type SiloReport,
} from '../silo/index.ts';
export {
  type GatewayProcess,
  type GatewayProcessOptions,
  type SiloProcess,
  type SiloProcessOptions,
  startGateway,
  startSilo,
} from './cluster-host.ts';
export type { ClusterOptions, LinkTlsFiles, RedisAddress } from './cluster-options.ts';
export type { GranaryConfig } from './config/config-keys.ts';
export { Gateway, type GatewayAddress, type GatewayOptions } from './gateway.ts';
export { type Host, type HostOptions, startHost } from './host.ts';
export type { RateLimit } from './http/http-options.ts';
export type { TokenOptions } from './auth/token-auth.ts';
export type { StreamLimits } from './ws/stream-options.ts';
