// Silos, gateways and callers of one cluster, each as a process of its own or in this one, started as users start them.
import path from 'node:path';
import {
  type ClusterMember,
  type GatewayProcess,
  joinCluster,
  resolveClusterOptions,
  startGateway,
  watchProcess,
} from '../../gateway/internal.ts';
import type { AnyCore, Logger } from '../../lib/index.ts';
import { systemClock, systemRng } from '../../lib/internal.ts';
import type { ClusterClient, SiloReport } from '../../silo/index.ts';
import type { Setting } from '../bench.ts';
import { Remote } from '../remote.ts';
import { LOG } from './granary-host.ts';
import type { KeptRedis } from './kept-redis.ts';
import { ledgerCore } from './ledger.ts';
import { meterCore } from './meter.ts';

export const CLUSTER = 'bench';

const EXPECTED: readonly RegExp[] = [
  // How Redis keeps its data is what a bench is about, not a doubt.
  /^Redis (keeps no append-only file|flushes its)/,
  // Told of each silo that comes in.
  /^membership\.waiting/,
  // What a silo that hung tries when it goes on.
  /^commit\.failed/,
];

const CLUSTER_LOG: Logger = {
  ...LOG,
  warn(fields, message) {
    if (!EXPECTED.some((pattern) => pattern.test(message))) LOG.warn(fields, message);
  },
};

/** What any member must be told; it crosses processes. */
export interface ClusterPlace {
  readonly redis: string;
  /** Folder of the witness. */
  readonly data: string;
}

export function placeOf({ scratch }: Setting, redis: KeptRedis): ClusterPlace {
  return { redis: redis.url, data: path.join(scratch, `witness-${redis.port}`) };
}

export interface Joined {
  readonly client: ClusterClient;
  /** Silos let go of their grains first. */
  stop(): Promise<void>;
}

/** This process as a silo of these Cores; without any, it only calls. */
export async function join(place: ClusterPlace, cores: readonly AnyCore[] = []): Promise<Joined> {
  const gauges = watchProcess();
  const options = resolveClusterOptions({ ...place, cluster: CLUSTER });
  const system = { clock: systemClock, rng: systemRng, log: CLUSTER_LOG, ...gauges };
  const silo = { name: `silo-${process.pid}`, drainMs: 60_000 };
  const hosting = cores.length === 0 ? undefined : { cores, silo };
  // Redis lives as long as the cluster here: there is nothing to witness.
  const witness = { read: () => undefined, write: () => undefined };
  const member: ClusterMember = await joinCluster({ options, system, hosting, witness });
  return {
    client: member.client,
    async stop() {
      await member.stop();
      gauges.stop();
    },
  };
}

/** What a process of the cluster answers about itself. */
interface MemberMethods {
  cpu(): NodeJS.CpuUsage;
  pid(): number;
  close(): Promise<void>;
}

interface SiloMethods extends MemberMethods {
  reports(): Promise<readonly SiloReport[]>;
  /** Of the meters with these keys. */
  sumOfTotals(keys: readonly string[]): Promise<number>;
}

interface GatewayMethods extends MemberMethods {
  stream(): string;
}

const ownMethods = (close: () => Promise<void>): MemberMethods => ({
  cpu: () => process.cpuUsage(),
  pid: () => process.pid,
  close,
});

/** Called in the silo's process. */
export async function openSilo(place: ClusterPlace): Promise<SiloMethods> {
  const meter = meterCore({ level: 'committed' });
  const { client, stop } = await join(place, [meter, ledgerCore]);
  return {
    ...ownMethods(stop),
    reports: async () => (await client.cluster()).silos,
    async sumOfTotals(keys) {
      const totals = await Promise.all(keys.map((key) => client.ref(meter, key, {}).read()));
      return totals.reduce((sum, total) => sum + total, 0);
    },
  };
}

/** Called in the gateway's process. */
export async function openGateway(place: ClusterPlace): Promise<GatewayMethods> {
  const gateway: GatewayProcess = await startGateway({
    ...place,
    cluster: CLUSTER,
    port: 0,
    log: CLUSTER_LOG,
  });
  return { ...ownMethods(() => gateway.stop()), stream: () => gateway.stream };
}

const SELF = import.meta.url;

/** Hosts meters and ledgers. */
export function spawnSilo(place: ClusterPlace): Promise<Remote> {
  return Remote.open({ module: SELF, exported: 'openSilo', args: [place] });
}

/** One after the other: each finds the ones before. */
export async function spawnSilos(place: ClusterPlace, count: number): Promise<readonly Remote[]> {
  const silos: Remote[] = [];
  for (let index = 0; index < count; index += 1) silos.push(await spawnSilo(place));
  return silos;
}

export function spawnGateway(place: ClusterPlace): Promise<Remote> {
  return Remote.open({ module: SELF, exported: 'openGateway', args: [place] });
}

/** CPU time of these processes, in milliseconds. */
export async function cpuMsOf(processes: readonly Remote[]): Promise<number> {
  const used = await Promise.all(processes.map((remote) => remote.call<NodeJS.CpuUsage>('cpu')));
  return used.reduce((sum, { user, system }) => sum + (user + system) / 1_000, 0);
}

/** What was opened, closed in the opposite order, also what comes after something that does not close. */
export async function closeAll(opened: readonly { close(): Promise<void> }[]): Promise<void> {
  let failure: unknown;
  for (const each of [...opened].reverse()) {
    await each.close().catch((error: unknown) => (failure ??= error));
  }
  if (failure !== undefined) throw failure;
}
