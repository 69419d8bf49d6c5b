// SimCluster: a Redis, three silos and two gateways on machines of their own, in one world.
import { RedisKeys } from '../../directory/index.ts';
import { GrainError, InvariantError, type Logger, randomBelow, randomOf } from '../../lib/index.ts';
import { clusterCores, type Witness } from './cluster-cores.ts';
import { type ClusterPlan, GATEWAYS, SILOS } from './cluster-plan.ts';
import { SimNetwork } from './sim-network.ts';
import { type NodePlant, SimNode } from './sim-node.ts';
import type { SimProcess } from './sim-process.ts';
import { SimRedis } from './sim-redis.ts';
import { SimWorld } from './sim-world.ts';

export const CLUSTER = 'sim';
/** Clocks run at most so much too fast or too slow. */
const SKEW = 0.01;
const USER_PAUSE_MOST_MS = 300;

export interface SimClusterOptions {
  readonly witness: Witness;
  readonly note: (text: string) => void;
  readonly violated: (text: string) => void;
  readonly plant?: NodePlant | undefined;
}

export class SimCluster {
  readonly world: SimWorld;
  readonly net: SimNetwork;
  readonly redis: SimRedis;
  readonly silos: readonly SimNode[];
  readonly gateways: readonly SimNode[];
  readonly #options: SimClusterOptions;

  constructor({ seed, isSameName }: ClusterPlan, options: SimClusterOptions) {
    this.#options = options;
    this.world = new SimWorld(seed);
    this.net = new SimNetwork(this.world);
    this.redis = new SimRedis(this.net, options.plant?.rewrite);
    const keys = new RedisKeys(CLUSTER);
    const { net, redis } = this;
    const make = (role: 'silo' | 'gateway', index: number): SimNode => {
      const host = `${role}-${index}`;
      const rate = 1 + (2 * this.world.rng.next() - 1) * SKEW;
      return new SimNode({
        role,
        host,
        name: isSameName ? role : host,
        net,
        redis,
        keys,
        rate,
        cores: (process) => clusterCores({ witness: options.witness, pause: () => this.#pause(process) }),
        log: (of) => this.#log(of),
        plant: options.plant,
      });
    };
    this.silos = Array.from({ length: SILOS }, (_unused, index) => make('silo', index));
    this.gateways = Array.from({ length: GATEWAYS }, (_unused, index) => make('gateway', index));
  }

  get nodes(): readonly SimNode[] {
    return [...this.silos, ...this.gateways];
  }

  /** A node that runs, to make a call through. */
  through(index: number): SimNode | undefined {
    const up = this.nodes.filter((node) => node.isUp);
    return up[index % Math.max(1, up.length)];
  }

  anyGateway(): SimNode | undefined {
    return randomOf(
      this.world.rng,
      this.gateways.filter((gateway) => gateway.isUp),
    );
  }

  /** User code that awaits something, mostly for no time. */
  #pause(process: SimProcess): Promise<void> {
    const { rng } = this.world;
    if (rng.next() < 0.7) return process.pause(`user ${randomBelow(rng, 4)}`);
    return new Promise((resolve) => process.setTimer(rng.next() ** 3 * USER_PAUSE_MOST_MS, resolve));
  }

  /** What a node calls an error may be the world's fault; what is a fault of ours may not happen in any world. */
  #log(host: string): Logger {
    const { note, violated } = this.#options;
    const text = (fields: object, message: string): string => `${host}: ${message} ${describe(fields)}`;
    return {
      debug: () => undefined,
      info: (fields, message) => note(text(fields, message)),
      warn: (fields, message) => {
        note(text(fields, message));
        if (isOurFault(fields)) violated(text(fields, message));
      },
      error: (fields, message) => {
        note(text(fields, message));
        if (isOurFault(fields)) violated(text(fields, message));
      },
    };
  }
}

function isOurFault(fields: object): boolean {
  return Object.values(fields).some((value) => {
    for (let error: unknown = value; error instanceof Error; error = error.cause) {
      if (error instanceof InvariantError || error instanceof TypeError || error instanceof RangeError)
        return true;
      if (error instanceof GrainError && error.code === 'ERR_INTERNAL') return true;
    }
    return false;
  });
}

export function describe(fields: object): string {
  return Object.entries(fields)
    .map(([name, value]) => `${name}=${value instanceof Error ? errorText(value) : asText(value)}`)
    .join(' ');
}

function errorText(error: Error): string {
  const code = error instanceof GrainError ? `${error.code}: ` : '';
  const cause = error.cause instanceof Error ? ` (${errorText(error.cause)})` : '';
  const isKnown = error instanceof GrainError && error.code !== 'ERR_INTERNAL';
  return isKnown ? `${code}${error.message}${cause}` : `${code}${error.stack ?? error.message}${cause}`;
}

function asText(value: unknown): string {
  if (typeof value !== 'object' || value === null) return String(value);
  try {
    return JSON.stringify(value);
  } catch {
    return value.constructor.name; // it goes in circles
  }
}
