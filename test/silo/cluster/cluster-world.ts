// ClusterWorld: whole processes in one test, on the simulator's network, Redis and clocks. The test says what happens and
// when; the seed only draws the order of what may happen in any order.
import { RedisKeys } from '../../../directory/index.ts';
import { type AnyCore, GrainError, type Logger } from '../../../lib/index.ts';
import { PromiseEnvelope } from '../../../silo/internal.ts';
import { SimNetwork } from '../../sim/sim-network.ts';
import { SimNode } from '../../sim/sim-node.ts';
import { SimRedis } from '../../sim/sim-redis.ts';
import { SimWorld } from '../../sim/sim-world.ts';
import type { Watched } from './cluster-support.ts';

export interface Line {
  readonly host: string;
  readonly level: string;
  readonly message: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

export class ClusterWorld {
  readonly world: SimWorld;
  readonly net: SimNetwork;
  readonly redis: SimRedis;
  readonly lines: Line[] = [];
  readonly #keys = new RedisKeys('sim');

  constructor(seed = 1) {
    this.world = new SimWorld(seed);
    this.net = new SimNetwork(this.world);
    this.redis = new SimRedis(this.net);
  }

  /** A machine with a process that begins. */
  node(role: 'silo' | 'gateway', host: string, cores: readonly AnyCore[] = []): SimNode {
    const { net, redis } = this;
    const log = (of: string): Logger => this.#log(of);
    const node = new SimNode({
      role,
      host,
      name: host,
      net,
      redis,
      keys: this.#keys,
      rate: 1,
      cores: () => cores,
      log,
    });
    node.start();
    return node;
  }

  silo(host: string, cores: readonly AnyCore[]): SimNode {
    return this.node('silo', host, cores);
  }

  #log(host: string): Logger {
    const at =
      (level: string) =>
      (fields: object, message: string): void =>
        void this.lines.push({ host, level, message, fields: fields as Line['fields'] });
    return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
  }

  /** Lets time pass until it is so. @throws when it is not in time */
  async until(isSo: () => boolean, what: string, mostMs = 30_000): Promise<void> {
    const endMs = this.world.nowMs + mostMs;
    while (!isSo()) {
      if (this.world.nowMs > endMs) throw new Error(`not within ${mostMs} ms: ${what}`);
      // A step may find only timers of the dead, and leave the tasks to the next one.
      if (!(await this.world.step()) && !(await this.world.step()))
        throw new Error(`nothing happens any more: ${what}`);
    }
  }

  async ready(...nodes: readonly SimNode[]): Promise<void> {
    await this.until(
      () => nodes.every(({ isReady }) => isReady),
      `${nodes.map(({ host }) => host).join()} ready`,
    );
  }

  async pass(ms: number): Promise<void> {
    const endMs = this.world.nowMs + ms;
    this.world.addTimer(undefined, ms, () => undefined);
    await this.until(() => this.world.nowMs >= endMs, 'time passes', ms + 1_000);
  }

  /** A call through this process. */
  call(
    node: SimNode,
    core: string,
    key: string,
    flow: string,
    facts: Partial<PromiseEnvelope> = {},
  ): Watched {
    const envelope = Object.assign(new PromiseEnvelope(), {
      ...{ tenant: 'default', principal: 'test', core, key, flow },
      deadlineMs: node.process.nowMs() + 10_000,
      ...facts,
    });
    const watched: Watched = { envelope, outcome: undefined };
    envelope.promise.then(
      (output) => (watched.outcome = { output }),
      (error: unknown) =>
        (watched.outcome = { code: error instanceof GrainError ? error.code : String(error) }),
    );
    node.node.dispatch(envelope);
    return watched;
  }

  async answered(...calls: readonly Watched[]): Promise<readonly unknown[]> {
    await this.until(() => calls.every(({ outcome }) => outcome), 'answers');
    return calls.map(({ outcome }) => (outcome && 'output' in outcome ? outcome.output : outcome?.code));
  }

  /** One call, and its answer. */
  async ask(node: SimNode, core: string, key: string, flow: string, input?: unknown): Promise<unknown> {
    return (await this.answered(this.call(node, core, key, flow, { input })))[0];
  }
}

/** Hosts that have an activation of the grain. */
export function hostsOf(nodes: readonly SimNode[], core: string, key: string): readonly string[] {
  const grain = { tenant: 'default', core, key };
  return nodes.filter(({ isUp, node }) => isUp && node.life?.silo?.hosts(grain)).map(({ host }) => host);
}
