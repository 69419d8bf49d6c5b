// Silos and gateways as processes of their own: the cluster's part, the witness and the way in, started and stopped in order.
//   C1. What was started is stopped in the opposite order, also when a later part fails to start.
//   C2. A gateway lets clients go first and leaves the cluster last; a silo answers `not ready` before it lets go of grains.
import { type AnyCore, type Clock, type Logger, type Rng } from '../lib/index.ts';
import type { GenerationWitness } from '../directory/index.ts';
import type { ClusterClient, SiloOptions } from '../silo/index.ts';
import {
  CLUSTER_OPTIONS,
  type ClusterOptions,
  resolveClusterOptions,
  type ResolvedClusterOptions,
  type ServerAddress,
} from './cluster-options.ts';
import { Gateway, type GatewayOptions } from './gateway.ts';
import { stderrLog } from './host.ts';
import { joinCluster } from './system-cluster.ts';
import { type HealthServer, startHealthServer } from './system-health-server.ts';
import { type ProcessGauges, systemClock, systemRng, watchProcess } from './system-process.ts';
import { readWitness, writeWitness } from './witness-file.ts';

export interface SiloProcessOptions extends ClusterOptions {
  /** What it hosts. */
  readonly cores: readonly AnyCore[];
  /** Name and bounds of the silo. */
  readonly silo?: SiloOptions | undefined;
  /** Answers `/health` and `/health/ready` on this port of `linkHost`; 0 takes a free one. @default nobody answers */
  readonly healthPort?: number | undefined;
  /** Where it logs. @default JSON lines on standard error, from `info` up */
  readonly log?: Logger | undefined;
}

export interface SiloProcess {
  readonly incarnation: string;
  /** Where it listens for other silos and for gateways. */
  readonly linkAddress: ServerAddress;
  /** `http://host:port`, where there is one. */
  readonly health: string | undefined;
  /** Hands its grains over and leaves; calling it again waits for the same stop. */
  stop(): Promise<void>;
}

export interface GatewayProcessOptions extends ClusterOptions, GatewayOptions {
  readonly log?: Logger | undefined;
}

export interface GatewayProcess {
  /** `http://host:port` */
  readonly url: string;
  /** `ws://host:port/v1/stream` */
  readonly stream: string;
  readonly gateway: Gateway;
  /** Sends clients elsewhere, finishes what is open, and leaves. */
  stop(): Promise<void>;
}

/** What a process needs of the machine. */
export interface MemberSystem extends ProcessGauges {
  readonly clock: Clock;
  readonly rng: Rng;
  readonly log: Logger;
}

export interface JoinParts {
  readonly options: ResolvedClusterOptions;
  readonly system: MemberSystem;
  /** Hosted by a silo; a gateway hosts nothing. */
  readonly hosting:
    { readonly cores: readonly AnyCore[]; readonly silo: SiloOptions | undefined } | undefined;
  /** What this machine remembers of the cluster, outside of it. */
  readonly witness: GenerationWitness;
}

/** This process as a part of the cluster. */
export interface ClusterMember {
  readonly client: ClusterClient;
  readonly incarnation: string;
  /** Undefined in a gateway: it dials, and nobody dials it. */
  readonly linkAddress: ServerAddress | undefined;
  /** Whether it is in the view and may serve. */
  readonly isReady: boolean;
  /** Hands over what it hosts within the silo's `drainMs`, then leaves. */
  stop(): Promise<void>;
}

/** @throws ERR_CLUSTER_FAILED, ERR_STORE_*, ERR_LISTEN_FAILED, ERR_CONFIG_INVALID, ERR_OPTION_INVALID, ERR_CORE_INVALID */
export async function startSilo(options: SiloProcessOptions): Promise<SiloProcess> {
  const { cores, silo, healthPort, log = stderrLog(), ...cluster } = options;
  const system = systemFor(log);
  let member: ClusterMember | undefined;
  let health: HealthServer | undefined;
  const { linkHost } = resolveClusterOptions(cluster);
  const stop = async (): Promise<void> => {
    // Whoever looks at its health sees it go before it goes.
    health?.drain();
    await member?.stop();
    await health?.close();
    system.stop();
  };
  try {
    const isReady = (): boolean => member?.isReady ?? false;
    if (healthPort !== undefined)
      health = await startHealthServer({ host: linkHost, port: healthPort, isReady });
    member = await join(cluster, system, { cores, silo });
  } catch (thrown) {
    await stop();
    throw thrown;
  }
  return {
    incarnation: member.incarnation,
    linkAddress: member.linkAddress ?? { host: linkHost, port: 0 },
    health: health?.url,
    stop: once(stop),
  };
}

/** @throws as `startSilo` */
export async function startGateway(options: GatewayProcessOptions): Promise<GatewayProcess> {
  const { log = stderrLog(), ...given } = options;
  const [cluster, http] = divide(given);
  const system = systemFor(log);
  let member: ClusterMember | undefined;
  let gateway: Gateway | undefined;
  const stop = async (): Promise<void> => {
    await gateway?.stop();
    await member?.stop();
    system.stop();
  };
  try {
    member = await join(cluster, system, undefined);
    gateway = new Gateway({ cluster: member.client, ...system }, http);
    const { url, stream } = await gateway.start();
    return { url, stream, gateway, stop: once(stop) };
  } catch (thrown) {
    await stop();
    throw thrown;
  }
}

async function join(
  given: ClusterOptions,
  system: MemberSystem,
  hosting: JoinParts['hosting'],
): Promise<ClusterMember> {
  const options = resolveClusterOptions(given);
  const { cluster, data } = options;
  const witness: GenerationWitness = {
    read: () => readWitness(data, cluster)?.generation,
    write: (generation) => writeWitness(data, { cluster, generation }),
  };
  return await joinCluster({ options, system, hosting, witness });
}

function divide(given: ClusterOptions & GatewayOptions): [ClusterOptions, GatewayOptions] {
  const isOfCluster = ([name]: [string, unknown]): boolean => CLUSTER_OPTIONS.has(name);
  const entries = Object.entries(given) as [string, unknown][];
  const cluster = Object.fromEntries(entries.filter(isOfCluster));
  const http = Object.fromEntries(entries.filter((entry) => !isOfCluster(entry)));
  return [cluster, http];
}

function systemFor(log: Logger): MemberSystem {
  return { clock: systemClock, rng: systemRng, log, ...watchProcess() };
}

function once(stop: () => Promise<void>): () => Promise<void> {
  let stopping: Promise<void> | undefined;
  return () => (stopping ??= stop());
}
