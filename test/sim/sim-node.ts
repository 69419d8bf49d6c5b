// SimNode: one machine of the simulated cluster, with a silo or gateway on it that dies, drains and starts anew.
// The process is put together as gateway/system-cluster.ts does it; only what touches the machine is simulated.
import {
  type GenerationWitness,
  openCluster,
  RedisDirectory,
  type RedisKeys,
  RedisMembershipTable,
  RedisLockNode,
  SessionJudge,
  sessionTiming,
  SiloSession,
} from '../../directory/index.ts';
import { type AnyCore, fromUnknown, type Logger, type Rng, SeededRng } from '../../lib/index.ts';
import { ClusterNode, type NodeSession, openRedisStorage } from '../../silo/index.ts';
import type { FakeRedisClient } from '../support/fake-redis/index.ts';
import { SimGuardian } from './sim-guardian.ts';
import type { SimNetwork } from './sim-network.ts';
import { SimProcess } from './sim-process.ts';
import type { SimRedis } from './sim-redis.ts';

export const TTL_MS = 2_500;
const LINK_PORT = 7_401;

export interface SimNodeParts {
  readonly role: 'silo' | 'gateway';
  /** Of the machine. */
  readonly host: string;
  /** As the operator calls it. */
  readonly name: string;
  readonly net: SimNetwork;
  readonly redis: SimRedis;
  readonly keys: RedisKeys;
  readonly rate: number;
  /** Starts of this machine are told by it. */
  readonly cores: (process: SimProcess) => readonly AnyCore[];
  readonly log: (host: string) => Logger;
  readonly onDataLoss?: 'refuse' | 'start_empty';
  /** Breaks what a process is made of, to see a checker find it. */
  readonly plant?: NodePlant | undefined;
}

/** Faults that are planted on purpose. */
export interface NodePlant {
  /** Texts of scripts. */
  readonly rewrite?: (lua: string) => string;
  /** Nobody watches the deadlines of calls. */
  readonly isWithoutDeadlines?: boolean;
  readonly storage?: (storage: ReturnType<typeof openRedisStorage>) => ReturnType<typeof openRedisStorage>;
  readonly session?: (session: SiloSession) => NodeSession;
}

export class SimNode {
  readonly parts: SimNodeParts;
  process: SimProcess;
  /** The guardian's thread of the life that runs. */
  guardian: SimProcess | undefined;
  node: ClusterNode;
  onDataLoss: 'refuse' | 'start_empty';
  /** Code of what the last start met, or the last return into the cluster. */
  lastFailure: string | undefined;
  #isUp = false;
  #starts = 0;
  #witnessed: string | undefined;

  constructor(parts: SimNodeParts) {
    this.parts = parts;
    this.onDataLoss = parts.onDataLoss ?? 'refuse';
    this.process = this.#newProcess();
    this.node = this.#makeNode();
  }

  get host(): string {
    return this.parts.host;
  }

  /** Its process runs; whether it is in the cluster is another matter (`node.isReady`). */
  get isUp(): boolean {
    return this.#isUp && this.process.isAlive;
  }

  get isReady(): boolean {
    return this.isUp && this.node.isReady;
  }

  /** A new process; when its way in fails, it dies, and an operator's supervisor starts another one. */
  start(): void {
    if (this.isUp) return;
    if (this.#starts > 0) {
      this.process = this.#newProcess();
      this.node = this.#makeNode();
    }
    this.#starts += 1;
    this.#isUp = true;
    const { process, node } = this;
    node.start().catch((error: unknown) => {
      if (!process.isAlive) return;
      this.lastFailure = fromUnknown(error).code;
      this.parts.log(this.host).warn({ err: error }, 'start failed');
      this.kill();
      process.world.addTimer(undefined, 1_000, () => this.start());
    });
  }

  kill(): void {
    this.#isUp = false;
    this.process.kill();
  }

  /** Hands over and ends, or is killed when it takes too long. */
  stop(mostMs: number): void {
    const { process, node } = this;
    if (!this.isUp) return;
    const end = (): void => {
      if (process === this.process) this.kill();
    };
    node.stop().then(end, end);
    process.world.addTimer(undefined, mostMs, end);
  }

  #newProcess(): SimProcess {
    const { host, net, rate } = this.parts;
    const startMs = Math.floor(net.world.rng.next() * 1e6);
    return new SimProcess(net.world, { name: host, host, rate, startMs });
  }

  #makeNode(): ClusterNode {
    const { role, host, name, net, redis, keys } = this.parts;
    const clock = this.process;
    const said = this.parts.log(host);
    const log: Logger = {
      ...said,
      error: (fields, message) => {
        if (message === 'node.not_in') this.lastFailure = (fields as { readonly code?: string }).code;
        said.error(fields, message);
      },
    };
    const rng: Rng = new SeededRng(Math.floor(net.world.rng.next() * 2 ** 32));
    const client = redis.connect(clock);
    const timing = sessionTiming({ ttlMs: TTL_MS });
    const nodes = [new RedisLockNode(client, keys)];
    const witness: GenerationWitness = {
      read: () => this.#witnessed,
      write: (generation) => void (this.#witnessed = generation),
    };
    const node = new ClusterNode({
      role,
      name,
      clock,
      rng,
      log,
      keys,
      network: net.of(clock),
      table: new RedisMembershipTable(client, keys),
      gauges: { eventLoopDelayMs: () => clock.loopDelayMs },
      options: {
        sessionTtlMs: TTL_MS,
        linkSecret: undefined,
        listen: { host, port: LINK_PORT, advertiseHost: undefined, advertisePort: undefined },
        silo: undefined,
      },
      openCluster: async () => {
        await untilUp(client);
        return openCluster({ client, keys, clock, rng, log, onDataLoss: this.onDataLoss, witness });
      },
      openSession: (incarnation, confirm) => {
        const guardian = this.#openGuardian(incarnation, clock);
        const session = new SiloSession({ guardian, clock, confirm });
        return this.parts.plant?.session?.(session) ?? session;
      },
      openJudge: (session) => new SessionJudge({ nodes, clock, timing, ...(session ? { session } : {}) }),
      openStorage: (generation) => {
        const storage = openRedisStorage({ client, keys, generation: () => generation, clock, log });
        return this.parts.plant?.storage?.(storage) ?? storage;
      },
      makeDirectory: (generation) => new RedisDirectory({ client, keys, generation: () => generation }),
    });
    for (const core of role === 'silo' ? this.parts.cores(clock) : []) node.host(core);
    return node;
  }

  #openGuardian(incarnation: string, main: SimProcess): SimGuardian {
    const { redis, keys } = this.parts;
    const thread = main.thread('guardian');
    this.guardian = thread;
    return new SimGuardian(incarnation, main, thread, redis, keys, sessionTiming({ ttlMs: TTL_MS }));
  }
}

function untilUp(client: FakeRedisClient): Promise<void> {
  if (client.isUp) return Promise.resolve();
  return new Promise((resolve) => {
    const stop = client.onEvent(({ kind }) => {
      if (kind !== 'up') return;
      stop();
      resolve();
    });
  });
}
