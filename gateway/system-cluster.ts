// The one place where a process is made a part of a cluster, from the parts that touch the machine.
//   J1. Connections that were opened are closed, whether it came in or not, and after everything that uses them.
import {
  checkRedis,
  type GuardedSessionOptions,
  openCluster,
  openGuardedSession,
  openRedisClient,
  type RedisClient,
  RedisDirectory,
  RedisKeys,
  RedisLockNode,
  RedisMembershipTable,
  SessionJudge,
  sessionTiming,
  untilUp,
} from '../directory/index.ts';
import { fromUnknown, GrainError, type Logger } from '../lib/index.ts';
import { ClusterNode, createSystemNetwork, type Network, openRedisStorage } from '../silo/index.ts';
import type { ClusterMember, JoinParts } from './cluster-host.ts';
import { type RedisAddress, type ResolvedClusterOptions, shownRedis } from './cluster-options.ts';
import { isLoopback } from './http/http-options.ts';

type RedisOptions = GuardedSessionOptions['nodes'][number];

/** Longer, and whoever started the process should hear of it. */
const REDIS_START_MS = 5_000;
/** Pause between looks of a gateway for the first silo. */
const SILO_LOOK_MS = 250;

/** @throws (rejects) ERR_CLUSTER_FAILED, ERR_STORE_*, ERR_LISTEN_FAILED, ERR_CORE_INVALID */
export async function joinCluster(parts: JoinParts): Promise<ClusterMember> {
  const { options, system } = parts;
  const { log } = system;
  const redis = openRedisClient(redisOptions(options.redis), { log });
  const locks = options.lockNodes.map((url) => openRedisClient({ url }, { log }));
  const close = async (): Promise<void> => {
    await Promise.all([redis, ...locks].map((client) => client.close()));
  };
  try {
    await reach(redis, options.redis, log);
    const node = makeNode(parts, redis, locks);
    for (const core of parts.hosting?.cores ?? []) node.host(core);
    await node.start();
    if (!parts.hosting) await silosKnown(node, parts);
    return memberOf(node, close);
  } catch (thrown) {
    await close();
    throw advised(thrown);
  }
}

/**
 * A gateway that knows no Core would refuse for good what is only not there yet: events that it nacks are not sent again.
 * Nobody pushes views to it before the first silo is there, so it looks.
 */
async function silosKnown(node: ClusterNode, { system, options }: JoinParts): Promise<void> {
  const { clock, log } = system;
  if (node.manifests().size > 0) return;
  log.warn({ cluster: options.cluster }, 'gateway.waiting: no silo of the cluster hosts anything yet');
  while (node.manifests().size === 0) {
    await new Promise<void>((resolve) => clock.setTimer(SILO_LOOK_MS, resolve));
    await node.life?.membership.refresh().catch(() => undefined);
  }
}

function makeNode(parts: JoinParts, redis: RedisClient, locks: readonly RedisClient[]): ClusterNode {
  const { options, system, hosting, witness } = parts;
  const { clock, rng, log } = system;
  const keys = new RedisKeys(options.cluster);
  const timing = sessionTiming({ ttlMs: options.sessionTtlMs });
  const nodes = (locks.length > 0 ? locks : [redis]).map((client) => new RedisLockNode(client, keys));
  // The thread that keeps the session has connections of its own.
  const guarded: readonly RedisOptions[] =
    locks.length > 0 ? options.lockNodes.map((url) => ({ url })) : [redisOptions(options.redis)];
  return new ClusterNode({
    role: hosting ? 'silo' : 'gateway',
    name: hosting?.silo?.name ?? `gateway-${process.pid}`,
    clock,
    rng,
    log,
    keys,
    network: guardedNetwork(options),
    table: new RedisMembershipTable(redis, keys),
    gauges: system,
    options: nodeOptions(parts),
    openCluster: () =>
      openCluster({ client: redis, keys, clock, rng, log, onDataLoss: options.onDataLoss, witness }),
    openSession: (incarnation, confirm) => {
      const session = { incarnation, cluster: options.cluster, nodes: guarded, timing };
      return openGuardedSession({ ...session, clock, log, confirm });
    },
    openJudge: (session) => new SessionJudge({ nodes, clock, timing, ...(session ? { session } : {}) }),
    openStorage: (generation) =>
      openRedisStorage({ client: redis, keys, generation: () => generation, clock, log }),
    makeDirectory: (generation) => new RedisDirectory({ client: redis, keys, generation: () => generation }),
  });
}

function nodeOptions({
  options,
  hosting,
}: JoinParts): ConstructorParameters<typeof ClusterNode>[0]['options'] {
  const { sessionTtlMs, linkSecret, linkHost, linkPort, advertiseHost, advertisePort } = options;
  const listen = { host: bare(linkHost), port: linkPort, advertiseHost: bare(advertiseHost), advertisePort };
  return { sessionTtlMs, linkSecret, listen, silo: hosting?.silo };
}

function memberOf(node: ClusterNode, close: () => Promise<void>): ClusterMember {
  return {
    client: node,
    incarnation: node.incarnation,
    linkAddress: node.address,
    get isReady() {
      return node.isReady;
    },
    async stop() {
      await node.stop();
      await close();
    },
  };
}

/** @throws (rejects) ERR_STORE_UNAVAILABLE, ERR_STORE_UNSAFE */
async function reach(redis: RedisClient, address: RedisAddress, log: Logger): Promise<void> {
  try {
    await untilUp(redis, REDIS_START_MS);
  } catch (cause) {
    const message = `there is no Redis at ${shownRedis(address)}, or it does not let us in`;
    throw new GrainError('ERR_STORE_UNAVAILABLE', { message }, { cause });
  }
  await checkRedis(redis, log);
}

function redisOptions(address: RedisAddress): RedisOptions {
  if (typeof address === 'string') return { url: address };
  const { username, password } = address;
  const access = {
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password }),
  };
  if ('nodes' in address) return { ...access, cluster: { nodes: address.nodes } };
  const { sentinels, name, sentinelPassword } = address;
  const secret = sentinelPassword === undefined ? {} : { password: sentinelPassword };
  return { ...access, sentinel: { name, nodes: sentinels, ...secret } };
}

/** Whoever listens was checked with the options (O1); who only dials learns from the membership where it leads. */
function guardedNetwork({ linkTls, insecureLinks }: ResolvedClusterOptions): Network {
  const network = createSystemNetwork({ tls: linkTls });
  if (linkTls || insecureLinks) return network;
  return {
    listen: (host, port, onStream) => network.listen(host, port, onStream),
    connect: async (host, port, timeoutMs) => {
      if (isLoopback(host)) return await network.connect(host, port, timeoutMs);
      const reason = `${host} is beyond this machine, and neither linkTls nor insecureLinks is set`;
      return { kind: 'unreachable', reason };
    },
  };
}

function advised(thrown: unknown): GrainError {
  const error = fromUnknown(thrown);
  if (error.code !== 'ERR_STORE_LOST') return error;
  const next = 'bring back the data of Redis, or give it up with --on-data-loss start_empty';
  return new GrainError(error.code, { ...error.details, message: error.message, next }, { cause: thrown });
}

/** As sockets want it. */
function bare(host: string): string {
  return host.replace(/^\[(.*)\]$/, '$1');
}
