import { createRequire } from 'node:module';
import type { RedisOptions } from 'ioredis';
import type { Logger } from '../../lib/index.ts';
import type { RedisRefusal } from './redis-client.ts';

/** Which server, and who we are to it. */
export type RedisAccess = Omit<RedisOptions, 'replyMapping'>;

export interface ConnectionOptions {
  /** For logs. */
  readonly server: string;
  readonly redis: RedisAccess;
  readonly commandTimeoutMs: number;
  readonly connectTimeoutMs: number;
  readonly log: Logger;
  /** Sees every refusal. */
  readonly onRefusal?: (refusal: RedisRefusal) => void;
}

const load = createRequire(import.meta.url);

/** Loaded with the first client: a process without Redis does not wait for it at its start. */
export function ioredis(): typeof import('ioredis') {
  return load('ioredis') as typeof import('ioredis');
}

export const RECONNECT = { firstMs: 25, mostMs: 1_000 };

/** Settings of ioredis that make it keep the contract of RedisClient, whatever the user's server is. */
export function ioredisOptions({
  redis,
  commandTimeoutMs,
  connectTimeoutMs,
}: ConnectionOptions): RedisAccess {
  return {
    ...redis,
    // Our reader reads the older protocol, in which nothing comes unasked.
    protocol: 2,
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    autoResubscribe: false,
    maxRetriesPerRequest: 0,
    disableClientInfo: true,
    connectTimeout: connectTimeoutMs,
    // For its own commands at the start: a server that accepts connections and then says nothing.
    commandTimeout: commandTimeoutMs,
    sentinelCommandTimeout: commandTimeoutMs,
    disconnectTimeout: 100,
    keepAlive: 5_000,
    noDelay: true,
  };
}
