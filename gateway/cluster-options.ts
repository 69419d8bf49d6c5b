// What a process must be told to be part of a cluster, and what of it is not allowed.
//   O1. Links beyond loopback are encrypted, or the operator says `insecureLinks` (hazards.md 18).
//   O2. Nothing that is said of a Redis server shows its password.
import { readFileSync } from 'node:fs';
import { GrainError, isName, resolveOptions, unknownOption } from '../lib/index.ts';
import { DATA_FOLDER } from './host.ts';
import { isLoopback } from './http/http-options.ts';

export interface ServerAddress {
  readonly host: string;
  readonly port: number;
}

/** A server (`redis://user:password@host:6379/0`, `rediss://` for TLS), a Sentinel group, or a Redis Cluster. */
export type RedisAddress =
  | string
  | {
      readonly sentinels: readonly ServerAddress[];
      /** What the Sentinels call the group. */
      readonly name: string;
      readonly username?: string;
      readonly password?: string;
      readonly sentinelPassword?: string;
    }
  | {
      /** Some nodes of a Redis Cluster; the others are found. */
      readonly nodes: readonly ServerAddress[];
      readonly username?: string;
      readonly password?: string;
    };

/** PEM files of this process. Whoever links must show a certificate that `ca` signed. */
export interface LinkTlsFiles {
  readonly cert: string;
  readonly key: string;
  readonly ca: string;
}

export interface ClusterOptions {
  /** Name of the cluster: several may share a Redis. Letters, digits, `_` and `-`. @default 'granary' */
  readonly cluster?: string | undefined;
  /** Directory and memory of the grains. @default 'redis://127.0.0.1:6379' */
  readonly redis?: RedisAddress | undefined;
  /** Servers that keep the sessions of silos; a majority decides. @default the one above */
  readonly lockNodes?: readonly string[] | undefined;
  /** Address on which the silo listens for the others. @default '127.0.0.1' */
  readonly linkHost?: string | undefined;
  /** 0 takes a free one: the others read it in the membership. @default 0 */
  readonly linkPort?: number | undefined;
  /** Where the others reach it, when that is not where it listens. @default linkHost */
  readonly advertiseHost?: string | undefined;
  /** @default the port that it listens on */
  readonly advertisePort?: number | undefined;
  /** What all processes of the cluster know, and nobody else. @default a key that the cluster keeps in Redis */
  readonly linkSecret?: string | undefined;
  /** Encrypts links, with certificates on both sides. Asked for beyond loopback. */
  readonly linkTls?: LinkTlsFiles | undefined;
  /** Lets links leave this machine in clear text: for networks in which nobody else is. @default false */
  readonly insecureLinks?: boolean | undefined;
  /** How long a silo that says nothing is thought to be alive, in milliseconds. @default 2_500 */
  readonly sessionTtlMs?: number | undefined;
  /** What to do when Redis lost the cluster's data. @default 'refuse' */
  readonly onDataLoss?: 'refuse' | 'start_empty' | undefined;
  /** Folder in which this machine remembers which cluster it was part of. @default '.granary' */
  readonly data?: string | undefined;
}

export interface LinkTls {
  readonly cert: Buffer;
  readonly key: Buffer;
  readonly ca: Buffer;
}

export type ResolvedClusterOptions = {
  readonly [Name in keyof Omit<ClusterOptions, 'linkTls' | 'linkSecret' | 'advertisePort'>]-?: Exclude<
    ClusterOptions[Name],
    undefined
  >;
} & {
  readonly linkTls: LinkTls | undefined;
  readonly linkSecret: string | undefined;
  readonly advertisePort: number | undefined;
};

export const REDIS_URL = 'redis://127.0.0.1:6379';
const SECRET_LENGTH_LEAST = 16;

const DEFAULTS = {
  cluster: 'granary',
  redis: REDIS_URL as RedisAddress,
  lockNodes: [] as readonly string[],
  linkHost: '127.0.0.1',
  linkPort: 0,
  advertiseHost: undefined as string | undefined,
  advertisePort: undefined as number | undefined,
  linkSecret: undefined as string | undefined,
  linkTls: undefined as LinkTlsFiles | undefined,
  insecureLinks: false,
  sessionTtlMs: 2_500,
  onDataLoss: 'refuse' as 'refuse' | 'start_empty',
  data: DATA_FOLDER,
};

/** The names, for those who divide settings between the parts of a process. */
export const CLUSTER_OPTIONS: ReadonlySet<string> = new Set(Object.keys(DEFAULTS));

/** @throws ERR_OPTION_INVALID, ERR_CONFIG_INVALID, ERR_FILE_UNREADABLE */
export function resolveClusterOptions(given: ClusterOptions): ResolvedClusterOptions {
  const { advertiseHost, linkTls, ...options } = resolveOptions(DEFAULTS, given, {
    linkPort: { least: 0, most: 65_535, isWhole: true },
    // Below it, a pause of the garbage collector would look like a death.
    sessionTtlMs: { least: 1_000, most: 60_000, isWhole: true },
  });
  const { cluster, redis, lockNodes, linkHost, linkSecret, onDataLoss, advertisePort } = options;
  if (!isName(cluster)) throw refused('cluster', `${cluster} is no name: letters, digits, _ and - only`);
  checkRedis('redis', redis);
  for (const node of lockNodes) checkRedis('lockNodes', node);
  if (lockNodes.length > 0 && lockNodes.length % 2 === 0) {
    throw refused(
      'lockNodes',
      'an even number of lock nodes survives no more failures than one less: name 1, 3 or 5',
    );
  }
  if (linkSecret !== undefined && linkSecret.length < SECRET_LENGTH_LEAST) {
    throw refused('linkSecret', `linkSecret must have at least ${SECRET_LENGTH_LEAST} characters`);
  }
  if (onDataLoss !== 'refuse' && onDataLoss !== 'start_empty') {
    throw refused('onDataLoss', `onDataLoss must be refuse or start_empty, not ${String(onDataLoss)}`);
  }
  if (
    advertisePort !== undefined &&
    !(Number.isInteger(advertisePort) && advertisePort > 0 && advertisePort < 65_536)
  ) {
    throw refused('advertisePort', `advertisePort must be a port, not ${advertisePort}`);
  }
  const reached = advertiseHost ?? linkHost;
  checkLinks({ linkHost, reached, isOpen: options.insecureLinks || linkTls !== undefined });
  return { ...options, advertiseHost: reached, linkTls: linkTls && readTls(linkTls) };
}

/** Where the addresses of one or more servers are, without user and password. */
export function shownRedis(redis: RedisAddress): string {
  if (typeof redis !== 'string') {
    const servers = 'nodes' in redis ? redis.nodes : redis.sentinels;
    const list = servers.map(({ host, port }) => `${host}:${port}`).join(',');
    return 'nodes' in redis ? `Redis Cluster ${list}` : `Sentinels ${list} (${redis.name})`;
  }
  const url = parseUrl(redis);
  return url ? `${url.protocol}//${url.host}${url.pathname}` : 'a malformed URL';
}

function parseUrl(text: string): URL | undefined {
  try {
    return new URL(text);
  } catch {
    return undefined;
  }
}

function checkRedis(option: 'redis' | 'lockNodes', redis: RedisAddress): void {
  if (typeof redis === 'string') {
    // What cannot be read may hold a password all the same, so it is not repeated.
    const url = parseUrl(redis);
    if (!url || !/^rediss?:$/.test(url.protocol) || url.hostname === '') {
      throw refused(option, `${option} must be URLs like ${REDIS_URL} (rediss: for TLS)`);
    }
    return;
  }
  const keys = 'nodes' in redis ? NODES_KEYS : SENTINEL_KEYS;
  for (const key of Object.keys(redis)) if (!keys.includes(key)) throw unknownOption(key, keys);
  const servers: unknown = 'nodes' in redis ? redis.nodes : redis.sentinels;
  if (!Array.isArray(servers) || servers.length === 0 || !servers.every(isServer)) {
    throw refused(
      option,
      `${option} must be a URL, {sentinels: [{host, port}], name} or {nodes: [{host, port}]}`,
    );
  }
  if ('sentinels' in redis && typeof redis.name !== 'string') {
    throw refused(option, `${option}.name must say what the Sentinels call the group`);
  }
}

const NODES_KEYS = ['nodes', 'username', 'password'];
const SENTINEL_KEYS = ['sentinels', 'name', 'username', 'password', 'sentinelPassword'];

function isServer(given: unknown): boolean {
  const { host, port } = (given ?? {}) as Partial<ServerAddress>;
  return typeof host === 'string' && typeof port === 'number';
}

function checkLinks(links: {
  readonly linkHost: string;
  readonly reached: string;
  readonly isOpen: boolean;
}): void {
  const { linkHost, reached, isOpen } = links;
  if (isEverywhere(reached)) {
    const message = `the other silos cannot reach ${reached}: say with advertiseHost under which address they do`;
    throw refused('advertiseHost', message);
  }
  if (isOpen || (isLoopback(linkHost) && isLoopback(reached))) return;
  const message =
    `Links of ${linkHost} leave this machine, where others could read and change them. Configure linkTls ` +
    '{cert, key, ca}, or set insecureLinks (--insecure-links) when nobody else is in that network.';
  throw new GrainError('ERR_CONFIG_INVALID', { message, option: 'linkTls' });
}

export function isEverywhere(host: string): boolean {
  return host === '0.0.0.0' || host === '::' || host === '[::]';
}

function readTls(files: LinkTlsFiles): LinkTls {
  const read = (name: keyof LinkTlsFiles): Buffer => {
    const file: unknown = files[name];
    if (typeof file !== 'string') throw refused('linkTls', `linkTls.${name} must be the path of a PEM file`);
    try {
      return readFileSync(file);
    } catch (cause) {
      throw new GrainError(
        'ERR_FILE_UNREADABLE',
        { message: `linkTls.${name}: cannot read ${file}`, file },
        { cause },
      );
    }
  };
  return { cert: read('cert'), key: read('key'), ca: read('ca') };
}

function refused(option: string, message: string): GrainError {
  return new GrainError('ERR_CONFIG_INVALID', { message, option });
}
