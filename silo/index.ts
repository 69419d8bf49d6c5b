export type {
  ClusterClient,
  ClusterReport,
  CoreManifest,
  Emission,
  EmissionSink,
  FlowManifest,
  HotKey,
  InstancePage,
  InstanceReport,
  SiloReport,
  SlowTurn,
  SubscribeOptions,
  Subscription,
} from './cluster-client.ts';
export { shownCores } from './cluster-client.ts';
export {
  type CallChain,
  Envelope,
  type EnvelopeKind,
  type MessageMark,
  PromiseEnvelope,
} from './messaging/envelope.ts';
export { type CallSender, outsideRef, type RefOptions } from './messaging/callers.ts';
export type {
  ModelTool,
  OpenAiBackend,
  OpenAiOptions,
  StructuredOutput,
  TokenPrice,
  ToolContext,
  UsageReport,
} from './models/model-options.ts';
export { createOpenAiProvider, type OpenAiParts, type OpenAiProvider } from './models/openai-provider.ts';
export { RoutingModelProvider, type Routes } from './models/routing-model-provider.ts';
export { readModelSettings } from './models/settings.ts';
export { createHttpPlugins, type HttpPluginsParts } from './plugins/http-plugins.ts';
export { type HttpPlugin, type HttpPluginsOptions, readPluginSettings } from './plugins/plugin-options.ts';
export { isSignatureValid, type SignatureCheck } from './plugins/signature.ts';
export { Silo, type SiloParts } from './silo.ts';
export { resolveSiloOptions, type SiloOptions } from './silo-options.ts';
export { type LmdbStorageOptions, openLmdbStorage } from './storage/lmdb-storage.ts';
export { MemoryStorage } from './storage/memory-storage.ts';
export {
  openRedisStorage,
  RedisStorage,
  type RedisStorageOptions,
  type RedisStorageParts,
} from './storage/redis/redis-storage.ts';
export { type LinkOptions, resolveLinkOptions } from './transport/link-options.ts';
export type {
  ControlKind,
  InboundRequest,
  Link,
  LinkHandlers,
  LinkPeer,
  LinkReply,
  LinkRequest,
  Routing,
} from './transport/link-messages.ts';
export { type DialTarget, Links, type LinksHandlers, type LinksParts } from './transport/links.ts';
export type {
  ByteStream,
  ByteStreamHandlers,
  ConnectOutcome,
  Listener,
  Network,
} from './transport/network.ts';
export {
  createSystemNetwork,
  type NetworkTls,
  type SystemNetworkOptions,
} from './transport/system-network.ts';
export {
  ClusterNode,
  type ClusterNodeOptions,
  type ClusterNodeParts,
  type NodeSession,
  type NodeStorage,
} from './cluster/cluster-node.ts';
export type * from './checkpoints/checkpoint-store.ts';
export { LazyCheckpointStore } from './checkpoints/lazy-checkpoint-store.ts';
export { MemoryCheckpointStore } from './checkpoints/memory-checkpoint-store.ts';
export { openSqliteCheckpointStore } from './checkpoints/sqlite-checkpoint-store.ts';
export { programCores } from './host/program-host.ts';
export type { ProgramParts } from './host/program-parts.ts';
export { keepsCheckpoints } from './host/reserved-flows.ts';
export { type Resolution, resumeCheckpoint } from './host/resume-checkpoint.ts';
export type { SuspendedReply } from './host/suspended-reply.ts';
