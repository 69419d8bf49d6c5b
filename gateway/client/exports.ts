// What both entry points give besides `connect`.
export { type ErrorCode, GrainError, type GrainRef, isErrorCode } from '../../lib/index.ts';
export type { GranaryClient } from './client.ts';
export type { CoreClient, LooseCore } from './core-client.ts';
export type {
  EventStream,
  EventStreamOptions,
  RefusedEvent,
  StreamCounts,
  StreamPosition,
  StreamStart,
  StreamState,
} from './event-types.ts';
export type { ClientOptions, ClientState } from './options.ts';
export type { Subscription, SubscribeOptions, SubscriptionItem } from './subscription.ts';
