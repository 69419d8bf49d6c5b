// The cluster of a run: real processes and a real Redis, with a cable between any two of them, and one in front of the
// gateways that clients dial.
import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { randomOf, type Rng } from '../../lib/index.ts';
import { freePort, type RedisServer, startRedis } from '../support/redis-server.ts';
import { Cable, Network } from './cable.ts';
import { MemberProcess } from './member-process.ts';
import { ownerOfPort } from './system-socket-owner.ts';

const CORES = fileURLToPath(new URL('chaos-cores.ts', import.meta.url));
export const REDIS = 'redis';
const CLIENTS = 'clients';

export interface ClusterShape {
  readonly silos: number;
  readonly gateways: number;
  readonly sessionTtlMs: number;
  readonly isFromSource: boolean;
  /** Everything that the run writes. */
  readonly folder: string;
  readonly rng: Rng;
  readonly violation: (kind: string, detail: string) => void;
}

export class ChaosCluster {
  readonly network = new Network();
  readonly silos: readonly MemberProcess[];
  readonly gateways: readonly MemberProcess[];
  readonly redis: RedisServer;
  readonly #cables: readonly Cable[];
  readonly #front: Cable;

  private constructor(parts: {
    readonly silos: readonly MemberProcess[];
    readonly gateways: readonly MemberProcess[];
    readonly redis: RedisServer;
    readonly network: Network;
    readonly cables: readonly Cable[];
    readonly front: Cable;
  }) {
    this.silos = parts.silos;
    this.gateways = parts.gateways;
    this.redis = parts.redis;
    this.network = parts.network;
    this.#cables = parts.cables;
    this.#front = parts.front;
  }

  static async start(shape: ClusterShape): Promise<ChaosCluster> {
    const { folder, rng } = shape;
    mkdirSync(folder, { recursive: true });
    const redis = await startRedis({ appendfsync: 'always', dir: path.join(folder, REDIS) });
    const maker = new Maker(shape, redis);
    const silos: MemberProcess[] = [];
    for (let index = 0; index < shape.silos; index += 1) silos.push(await maker.silo(`silo-${index + 1}`));
    const gateways: MemberProcess[] = [];
    for (let index = 0; index < shape.gateways; index += 1) {
      gateways.push(await maker.gateway(`gateway-${index + 1}`));
    }
    // As a load balancer would: each connection goes to some gateway that is there.
    const front = new Cable({
      network: maker.network,
      dialler: () => CLIENTS,
      target: () => {
        const up = gateways.filter(({ state, httpPort }) => state === 'up' && httpPort !== undefined);
        const chosen = randomOf(rng, up);
        return chosen && { name: chosen.name, port: chosen.httpPort ?? 0 };
      },
    });
    await front.plug();
    const { network, cables } = maker;
    const cluster = new ChaosCluster({ silos, gateways, redis, network, cables, front });
    await Promise.all(cluster.members.map((member) => member.start()));
    return cluster;
  }

  get members(): readonly MemberProcess[] {
    return [...this.silos, ...this.gateways];
  }

  /** Where clients dial. */
  get url(): string {
    return `http://127.0.0.1:${this.#front.port}`;
  }

  /** Whatever is wrong is put right; resolves when everything runs. */
  async heal(): Promise<void> {
    this.network.healAll();
    this.redis.resume();
    await Promise.all(
      this.members.map(async (member) => {
        member.resume();
        if (member.state === 'none') await member.start();
      }),
    );
  }

  async dispose(): Promise<void> {
    this.#front.close();
    await Promise.all(this.members.map((member) => member.kill()));
    for (const cable of this.#cables) cable.close();
    await this.redis.dispose();
  }
}

/** Makes members with their cables. */
class Maker {
  readonly network = new Network();
  readonly cables: Cable[] = [];
  readonly #shape: ClusterShape;
  readonly #redis: RedisServer;
  readonly #members: MemberProcess[] = [];

  constructor(shape: ClusterShape, redis: RedisServer) {
    this.#shape = shape;
    this.#redis = redis;
  }

  async silo(name: string): Promise<MemberProcess> {
    const linkPort = await freePort();
    const cable = this.#cable({
      target: () => ({ name, port: linkPort }),
      dialler: (port) => this.#nameOf(port),
    });
    await cable.plug();
    const link = ['--link-port', `${linkPort}`, '--advertise-port', `${cable.port}`, '--name', name];
    const member = await this.#member(name, 'silo', [CORES, ...link]);
    // Who dials a silo that is gone is refused; one that hangs still takes connections.
    member.onStart = () => cable.plug();
    member.onGone = () => cable.unplug();
    return member;
  }

  gateway(name: string): Promise<MemberProcess> {
    return this.#member(name, 'gateway', ['--port', '0']);
  }

  async #member(name: string, role: 'silo' | 'gateway', args: readonly string[]): Promise<MemberProcess> {
    const { folder, isFromSource, violation, sessionTtlMs } = this.#shape;
    const env = { GRANARY_SESSION_TTL_MS: `${sessionTtlMs}` };
    // Each reaches Redis over a cable of its own, so that it can be cut off alone.
    const cable = this.#cable({
      target: () => ({ name: REDIS, port: this.#redis.port }),
      dialler: () => name,
    });
    await cable.plug();
    const common = ['--redis', `redis://127.0.0.1:${cable.port}`, '--data', path.join(folder, 'data')];
    const member = new MemberProcess({
      name,
      role,
      args: [...args, ...common],
      folder,
      env,
      isFromSource,
      violation,
    });
    this.#members.push(member);
    return member;
  }

  #cable(options: Omit<ConstructorParameters<typeof Cable>[0], 'network'>): Cable {
    const cable = new Cable({ ...options, network: this.network });
    this.cables.push(cable);
    return cable;
  }

  #nameOf(port: number): string {
    const pids = new Map(this.#members.flatMap(({ pid, name }) => (pid === undefined ? [] : [[pid, name]])));
    const pid = ownerOfPort(port, pids.keys());
    return (pid === undefined ? undefined : pids.get(pid)) ?? 'somebody';
  }
}
