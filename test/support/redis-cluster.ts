// A Redis Cluster of a few primaries without replicas, and a Sentinel group, for tests.
import { openRedisClient, type RedisClient, untilUp } from '../../directory/index.ts';
import { systemClock } from '../../lib/internal.ts';
import { TestLog } from '../gateway/http/support.ts';
import { askRaw, freePort, type RedisServer, startRedis } from './redis-server.ts';

const SLOTS = 16_384;
const POLL_MS = 20;
const WAIT_MAX_MS = 15_000;

export interface RedisClusterServers {
  readonly nodes: readonly RedisServer[];
  dispose(): Promise<void>;
}

async function withClient<T>(server: RedisServer, use: (client: RedisClient) => Promise<T>): Promise<T> {
  const client = openRedisClient({ url: server.url }, { log: new TestLog() });
  try {
    await untilUp(client);
    return await use(client);
  } finally {
    await client.close();
  }
}

/** Asks again until the answer is good. */
async function until(what: string, isSo: () => Promise<boolean>): Promise<void> {
  for (const endMs = systemClock.nowMs() + WAIT_MAX_MS; !(await isSo());) {
    if (systemClock.nowMs() > endMs) throw new Error(`in ${WAIT_MAX_MS} ms, not: ${what}`);
    await new Promise<void>((resolve) => systemClock.setTimer(POLL_MS, resolve));
  }
}

const text = (reply: unknown): string => (reply instanceof Uint8Array ? Buffer.from(reply).toString() : '');

/** Slots are dealt evenly; resolves when every node agrees that the cluster is whole. */
export async function startRedisCluster(nodeCount = 3): Promise<RedisClusterServers> {
  const nodes: RedisServer[] = [];
  const dispose = async (): Promise<void> => {
    for (const node of nodes) await node.dispose();
  };
  try {
    const busPorts: number[] = [];
    for (let index = 0; index < nodeCount; index += 1) {
      const busPort = await freePort();
      busPorts.push(busPort);
      const cluster = ['--cluster-enabled', 'yes', '--cluster-config-file', 'nodes.conf'];
      const args = [...cluster, '--cluster-port', `${busPort}`, '--cluster-node-timeout', '1000'];
      nodes.push(await startRedis({ args }));
    }
    for (const [index, node] of nodes.entries()) {
      const first = Math.floor((SLOTS * index) / nodeCount);
      const last = Math.floor((SLOTS * (index + 1)) / nodeCount) - 1;
      await withClient(node, async (client) => {
        await client.call('CLUSTER', ['ADDSLOTSRANGE', first, last]);
        await client.call('CLUSTER', ['SET-CONFIG-EPOCH', index + 1]);
        const [seed] = nodes;
        if (seed && index > 0) {
          await client.call('CLUSTER', ['MEET', '127.0.0.1', seed.port, busPorts[0] ?? 0]);
        }
      });
    }
    for (const node of nodes) {
      await withClient(node, (client) =>
        until('the cluster is whole', async () => {
          const info = text(await client.call('CLUSTER', ['INFO']));
          return info.includes('cluster_state:ok') && info.includes(`cluster_known_nodes:${nodeCount}`);
        }),
      );
    }
    return { nodes, dispose };
  } catch (error) {
    await dispose();
    throw error;
  }
}

export interface SentinelServers {
  readonly name: string;
  readonly primary: RedisServer;
  readonly replica: RedisServer;
  readonly sentinels: readonly RedisServer[];
  dispose(): Promise<void>;
}

/** A primary, a replica that has caught up, and three Sentinels that know each other. */
export async function startSentinels(): Promise<SentinelServers> {
  const servers: RedisServer[] = [];
  const start = async (...options: Parameters<typeof startRedis>): Promise<RedisServer> => {
    const server = await startRedis(...options);
    servers.push(server);
    return server;
  };
  const dispose = async (): Promise<void> => {
    for (const server of servers.reverse()) await server.dispose();
  };
  try {
    // By default a replica waits 5 s for others that may want the same copy.
    const primary = await start({ args: ['--repl-diskless-sync-delay', '0'] });
    const replica = await start({ args: ['--replicaof', '127.0.0.1', `${primary.port}`] });
    await withClient(replica, (client) =>
      until('the replica is in step', async () =>
        text(await client.call('INFO', ['replication'])).includes('master_link_status:up'),
      ),
    );
    const sentinels: RedisServer[] = [];
    for (let index = 0; index < 3; index += 1) sentinels.push(await start({ sentinelOf: primary.port }));
    await until('the Sentinels know each other', async () => {
      const reports = await Promise.all(sentinels.map(({ port }) => askRaw(port, 'INFO sentinel')));
      return reports.every((report) => report.includes('slaves=1,sentinels=3'));
    });
    return { name: 'mymaster', primary, replica, sentinels, dispose };
  } catch (error) {
    await dispose();
    throw error;
  }
}
