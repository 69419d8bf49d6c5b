// For tests and benches: parts of the silo that nobody outside needs.
export * from './reminders/schedule.ts';
export type * from './storage/grain-storage.ts';
export type * from './cluster-client.ts';
export { EmissionHub, type EmissionHubOptions } from './emissions/emission-hub.ts';
export type { LogBusOptions } from './bus/bus-options.ts';
export { findLogEnd } from './bus/log-end.ts';
export type { BusGap, DeadLetter } from './bus/event-bus.ts';
export { LogBus, type LogBusParts } from './bus/log-bus.ts';
export { type Addressing, keyOf } from './messaging/address.ts';
export { SseParser } from './models/sse-parser.ts';
export { Envelope, PromiseEnvelope } from './messaging/envelope.ts';
export { InboundEnvelope } from './messaging/inbound-envelope.ts';
export { Asks, ASK_TIMEOUT_MS } from './cluster/asks.ts';
export { EarlyRequests } from './cluster/early-requests.ts';
export { EmissionFeed } from './cluster/emission-feed.ts';
export { ExclusiveGate } from './cluster/exclusive-gate.ts';
export type { Neighbours } from './cluster/neighbours.ts';
export { NO_PLACEMENT, Placement } from './cluster/placement.ts';
export { Rebalancer } from './cluster/rebalancer.ts';
export { RouteCache } from './cluster/route-cache.ts';
export { HOPS_MAX, Router, type RouterParts } from './cluster/router.ts';
export { SharedVolatileStorage } from './cluster/shared-volatile-storage.ts';
export { SiloPause } from './cluster/silo-pause.ts';
export type { Activation } from './catalog/activation.ts';
export type { CoreHost } from './catalog/core-host.ts';
export {
  LmdbStorage,
  type LmdbStorageOptions,
  openLmdbStorage,
  type StoreEnvironment,
} from './storage/lmdb-storage.ts';
export { MemoryStorage } from './storage/memory-storage.ts';
export {
  openRedisStorage,
  RedisStorage,
  type RedisStorageOptions,
  type RedisStorageParts,
} from './storage/redis/redis-storage.ts';
export {
  type ReminderReport,
  ReminderService,
  type ReminderServiceOptions,
} from './reminders/reminder-service.ts';
export type * from './checkpoints/checkpoint-store.ts';
export { coreNamed, kebabOf, pascalOf } from './host/core-names.ts';
export { programCores } from './host/program-host.ts';
export type { ProgramParts } from './host/program-parts.ts';
export { resumeCheckpoint } from './host/resume-checkpoint.ts';
export { assigneeOf } from './host/stored-checkpoint.ts';
export { LazyCheckpointStore } from './checkpoints/lazy-checkpoint-store.ts';
export { MemoryCheckpointStore } from './checkpoints/memory-checkpoint-store.ts';
export { openSqliteCheckpointStore } from './checkpoints/sqlite-checkpoint-store.ts';
export { Collector, type HeapUse } from './catalog/collector.ts';
export { CommandMemory, inputHash, storedCommand } from './catalog/commands.ts';
export { CommitLedger } from './catalog/commit-ledger.ts';
export { Mailbox } from './catalog/mailbox.ts';
export { advanceMark, decideMark, REFUSAL_WINDOW } from './catalog/marks.ts';
export { type Message } from './catalog/message.ts';
export { migrateValues } from './catalog/migrate.ts';
export { TurnBudget } from './catalog/turn-budget.ts';
export { refClassFor } from './messaging/grain-refs.ts';
export { EPOCH_BLOCK, Epochs } from './storage/epochs.ts';
export { ByteWriter } from './transport/byte-writer.ts';
export * from './transport/frames.ts';
export { Handshake, type HandshakeStep, type Party } from './transport/handshake.ts';
export type * from './transport/link-messages.ts';
export { type LinkOptions, resolveLinkOptions } from './transport/link-options.ts';
export { type LinksHandlers, Links, type LinksParts } from './transport/links.ts';
export type * from './transport/network.ts';
export { packInto, packValue, unpackValue } from './transport/packed-values.ts';
export { Meeting } from './transport/meeting.ts';
export { MessageOutlet } from './transport/message-outlet.ts';
export { StreamLink } from './transport/stream-link.ts';
export {
  createSystemNetwork,
  type NetworkTls,
  type SystemNetworkOptions,
} from './transport/system-network.ts';
