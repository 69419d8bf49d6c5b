// openRedisClient: the RedisClient over real servers. Which servers is a matter of options only; nobody above knows.
import type { ConnectionOptions as TlsOptions } from 'node:tls';
import { GrainError, type Logger, resolveOptions } from '../../lib/index.ts';
import type { RedisClient } from './redis-client.ts';
import type { RedisAccess } from './redis-connection-options.ts';
import { RedisConnection } from './system-redis-connection.ts';
import { RedisClusterClient } from './system-redis-cluster.ts';

export interface RedisNode {
  readonly host: string;
  readonly port: number;
}

/** Exactly one of `url`, `sentinel` and `cluster` says where Redis is. */
export interface RedisClientOptions {
  /** `redis://[user:password@]host[:port][/db]`; `rediss://` is TLS. */
  readonly url?: string;
  /** A primary and its replicas, watched by Sentinels. */
  readonly sentinel?: {
    /** Name of the group in the Sentinels' configuration. */
    readonly name: string;
    readonly nodes: readonly RedisNode[];
    readonly username?: string;
    readonly password?: string;
  };
  /** A Redis Cluster: some of its nodes, the others are found. */
  readonly cluster?: { readonly nodes: readonly RedisNode[] };
  /** For Sentinel and Cluster; in `url` otherwise. */
  readonly username?: string;
  readonly password?: string;
  /** TLS for Sentinel and Cluster; with `url`, certificates for `rediss://`. */
  readonly tls?: TlsOptions;
  /** A call without an answer fails after this time; a server that says nothing for as long is silent. @default 1_000 */
  readonly commandTimeoutMs?: number;
  /** @default 2_000 */
  readonly connectTimeoutMs?: number;
}

export interface RedisClientDependencies {
  readonly log: Logger;
}

const TIME_RULES = { commandTimeoutMs: { least: 10 }, connectTimeoutMs: { least: 10 } };
const TIMES = { commandTimeoutMs: 1_000, connectTimeoutMs: 2_000 };

/**
 * Begins to connect, and goes on for ever; calls are refused (`wasSent: false`) until it is up: see `untilUp`.
 * @throws ERR_OPTION_INVALID
 */
export function openRedisClient(options: RedisClientOptions, { log }: RedisClientDependencies): RedisClient {
  const { url, sentinel, cluster, username, password, tls, ...given } = options;
  const times = resolveOptions(TIMES, given, TIME_RULES);
  if ([url, sentinel, cluster].filter((where) => where !== undefined).length !== 1) {
    throw new GrainError('ERR_OPTION_INVALID', {
      message: 'Say where Redis is by exactly one of url, sentinel and cluster.',
      option: 'redis',
    });
  }
  const access: RedisAccess = {
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password }),
    ...(tls === undefined ? {} : { tls }),
  };
  if (cluster) return new RedisClusterClient({ nodes: cluster.nodes, access, ...times, log });
  const redis = sentinel
    ? { ...access, ...sentinelOptions(sentinel) }
    : { ...access, ...urlOptions(url ?? '') };
  const server = sentinel ? `sentinel:${sentinel.name}` : `${redis.host}:${redis.port}`;
  return new RedisConnection({ server, redis, ...times, log });
}

/** Resolves when the client is up; at once when it is. @throws (rejects) ERR_STORE_UNAVAILABLE after `timeoutMs` */
export function untilUp(client: RedisClient, timeoutMs = 10_000): Promise<void> {
  if (client.isUp) return Promise.resolve();
  return new Promise((resolve, reject) => {
    const end = (): void => {
      clearTimeout(timer);
      stop();
    };
    const stop = client.onEvent(({ kind }) => {
      if (kind !== 'up') return;
      end();
      resolve();
    });
    const timer = setTimeout(() => {
      end();
      const message = `Redis did not answer within ${timeoutMs} ms.`;
      reject(new GrainError('ERR_STORE_UNAVAILABLE', { message }));
    }, timeoutMs);
  });
}

function sentinelOptions(sentinel: NonNullable<RedisClientOptions['sentinel']>): RedisAccess {
  return {
    name: sentinel.name,
    sentinels: sentinel.nodes.map(({ host, port }) => ({ host, port })),
    ...(sentinel.username === undefined ? {} : { sentinelUsername: sentinel.username }),
    ...(sentinel.password === undefined ? {} : { sentinelPassword: sentinel.password }),
  };
}

function urlOptions(text: string): RedisAccess {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (!url || !/^rediss?:$/.test(url.protocol) || url.hostname === '') {
    // The text may hold a password.
    const message = 'The address of Redis is not of the form redis://[user:password@]host[:port][/db].';
    throw new GrainError('ERR_OPTION_INVALID', { message, option: 'url' });
  }
  const db = Number(url.pathname.slice(1) || '0');
  if (!Number.isInteger(db)) {
    throw new GrainError('ERR_OPTION_INVALID', {
      message: 'The database of Redis is a number.',
      option: 'url',
    });
  }
  return {
    host: url.hostname.replace(/^\[|\]$/g, ''),
    port: url.port === '' ? 6_379 : Number(url.port),
    db,
    ...(url.username === '' ? {} : { username: decodeURIComponent(url.username) }),
    ...(url.password === '' ? {} : { password: decodeURIComponent(url.password) }),
    ...(url.protocol === 'rediss:' ? { tls: { servername: url.hostname } } : {}),
  };
}
