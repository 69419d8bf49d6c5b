// What goes wrong in the simulated cluster: each kind of nemesis action, done and undone.
import { randomBelow } from '../../lib/index.ts';
import type { NemesisAction, NemesisKind } from './cluster-plan.ts';
import type { SimNetwork } from './sim-network.ts';
import type { SimNode } from './sim-node.ts';
import { REDIS_HOST, type SimRedis } from './sim-redis.ts';
import type { SimWorld } from './sim-world.ts';

export interface NemesisWorld {
  readonly world: SimWorld;
  readonly net: SimNetwork;
  readonly redis: SimRedis;
  readonly silos: readonly SimNode[];
  readonly gateways: readonly SimNode[];
  /** A client leaves its gateway for another one. */
  readonly reattach: (client: number) => void;
  readonly note: (text: string) => void;
}

type Act = (world: NemesisWorld, action: NemesisAction) => void;

const LOST_MOST_MS = 400;
const DRAIN_MOST_MS = 15_000;

function nodeOf(nodes: readonly SimNode[], index: number): SimNode {
  const node = nodes[index % nodes.length];
  if (!node) throw new Error('no node');
  return node;
}

/** Another one than the target. */
function otherSilo({ silos }: NemesisWorld, { target, other }: NemesisAction): SimNode {
  return nodeOf(silos, target + 1 + (other % (silos.length - 1)));
}

function part(world: NemesisWorld, ways: readonly (readonly [string, string])[], forMs: number): void {
  for (const [from, to] of ways) world.net.block(from, to);
  world.world.addTimer(undefined, forMs, () => {
    for (const [from, to] of ways) world.net.unblock(from, to);
  });
}

function both(one: string, other: string): readonly (readonly [string, string])[] {
  return [
    [one, other],
    [other, one],
  ];
}

function restartLater({ world }: NemesisWorld, node: SimNode, delayMs: number): void {
  world.addTimer(undefined, delayMs, () => node.start());
}

const ACTS: Readonly<Record<NemesisKind, Act>> = {
  killSilo(world, { target, forMs }) {
    const silo = nodeOf(world.silos, target);
    silo.kill();
    restartLater(world, silo, forMs);
  },
  killGateway(world, { target, forMs }) {
    const gateway = nodeOf(world.gateways, target);
    gateway.kill();
    restartLater(world, gateway, forMs);
  },
  drainSilo(world, { target, forMs }) {
    const silo = nodeOf(world.silos, target);
    if (!silo.isUp) return;
    silo.process.onDeath(() => restartLater(world, silo, forMs));
    silo.stop(DRAIN_MOST_MS);
  },
  stallSilo({ silos }, { target, forMs }) {
    const silo = nodeOf(silos, target);
    silo.process.stall(forMs);
    silo.guardian?.stall(forMs);
  },
  stallMain: ({ silos }, { target, forMs }) => nodeOf(silos, target).process.stall(forMs),
  stallGuardian: ({ silos }, { target, forMs }) => nodeOf(silos, target).guardian?.stall(forMs),
  stallGateway: ({ gateways }, { target, forMs }) => nodeOf(gateways, target).process.stall(forMs),
  stallRedis: ({ redis }, { forMs }) => redis.process.stall(forMs),
  partSilos(world, action) {
    part(world, both(nodeOf(world.silos, action.target).host, otherSilo(world, action).host), action.forMs);
  },
  partSilosOneWay(world, action) {
    part(world, [[nodeOf(world.silos, action.target).host, otherSilo(world, action).host]], action.forMs);
  },
  partSilo(world, { target, forMs }) {
    const { host } = nodeOf(world.silos, target);
    const others = [...world.silos, ...world.gateways].filter((node) => node.host !== host);
    part(
      world,
      others.flatMap((node) => both(host, node.host)),
      forMs,
    );
  },
  partFromRedis(world, { target, forMs }) {
    part(world, both(nodeOf(world.silos, target).host, REDIS_HOST), forMs);
  },
  partRedisAnswers(world, { target, forMs }) {
    part(world, [[REDIS_HOST, nodeOf(world.silos, target).host]], forMs);
  },
  partRedisCommands(world, { target, forMs }) {
    part(world, [[nodeOf(world.silos, target).host, REDIS_HOST]], forMs);
  },
  partGateway(world, { target, other, forMs }) {
    part(world, both(nodeOf(world.gateways, target).host, nodeOf(world.silos, other).host), forMs);
  },
  vanishSilo(world, { target, forMs }) {
    const silo = nodeOf(world.silos, target);
    const others = [...world.silos, ...world.gateways].filter(({ host }) => host !== silo.host);
    const ways = [...others.flatMap(({ host }) => both(silo.host, host)), ...both(silo.host, REDIS_HOST)];
    part(world, ways, forMs);
    silo.kill();
    restartLater(world, silo, forMs + 1);
  },
  slowNetwork({ net, world }, { forMs }) {
    net.slowness = 50;
    world.addTimer(undefined, forMs, () => (net.slowness = 1));
  },
  resetLink: ({ net }) => net.resetOne(),
  truncateFrame: ({ net }) => net.failNextWrite('truncate'),
  duplicateFrame: ({ net }) => net.failNextWrite('duplicate'),
  reorderFrames: ({ net }) => net.failNextWrite('reorder'),
  resetRedis: ({ redis }) => redis.resetOne(),
  restartRedis: ({ redis }, { forMs }) => void redis.restart(forMs, 0),
  loseWrites({ redis, world, note }, { forMs }) {
    const lost = redis.restart(forMs, randomBelow(world.rng, LOST_MOST_MS));
    note(`${lost} writes are lost`);
  },
  flushScripts: ({ redis }) => redis.server.flushScripts(),
  refuseWrites: ({ redis }, { forMs }) => redis.refuse('readonly', forMs),
  outOfMemory: ({ redis }, { forMs }) => redis.refuse('memory', forMs),
  jumpWall({ silos }, { target, other }) {
    nodeOf(silos, target).process.jumpWall((other - 500) * 7);
  },
  jumpRedisWall: ({ redis }, { other }) => redis.process.jumpWall((other - 500) * 7),
  reattach: ({ reattach }, { target }) => reattach(target),
};

export function actNemesis(world: NemesisWorld, action: NemesisAction): void {
  world.note(`nemesis: ${action.kind} ${action.target} for ${action.forMs} ms`);
  ACTS[action.kind](world, action);
}

/** Nothing goes wrong any more: everybody runs, and reaches everybody. */
export function heal(world: NemesisWorld): void {
  world.note('healed');
  world.net.unblockAll();
  world.net.slowness = 1;
  world.net.takeFault();
  world.redis.heal();
  for (const node of [...world.silos, ...world.gateways]) {
    node.process.resume();
    node.guardian?.resume();
    node.start();
  }
}
