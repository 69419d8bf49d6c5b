// What can go wrong in a run. Each fault does its harm, waits, and puts it right again; it resolves when whatever it broke
// has been started or connected again.
import { randomBelow, randomOf, type Rng } from '../../lib/index.ts';
import { type ChaosCluster, REDIS } from './chaos-cluster.ts';
import { type MemberProcess, pause } from './member-process.ts';

export interface Fault {
  readonly kind: string;
  /** Whom it hits. */
  readonly detail: string;
  /** Who takes no other fault meanwhile. */
  readonly victims: readonly string[];
  run(): Promise<void>;
}

export interface FaultParts {
  readonly cluster: ChaosCluster;
  readonly rng: Rng;
  readonly sessionTtlMs: number;
}

type Draw = (parts: FaultParts) => Fault | undefined;

/** Most of them within the time in which a system should cope with them, some far beyond it. */
function between(rng: Rng, leastMs: number, mostMs: number): number {
  return leastMs + randomBelow(rng, mostMs - leastMs);
}

function one(rng: Rng, members: readonly MemberProcess[]): MemberProcess | undefined {
  return randomOf(
    rng,
    members.filter(({ state }) => state === 'up'),
  );
}

function kill(kind: string, choose: (parts: FaultParts) => MemberProcess | undefined): Draw {
  return (parts) => {
    const member = choose(parts);
    if (!member) return undefined;
    const downMs = between(parts.rng, 0, 2_000);
    return {
      kind,
      detail: `${member.name}, back after ${downMs} ms`,
      victims: [member.name],
      async run() {
        await member.kill();
        await pause(downMs);
        await member.start();
      },
    };
  };
}

function drain(kind: string, choose: (parts: FaultParts) => MemberProcess | undefined): Draw {
  return (parts) => {
    const member = choose(parts);
    if (!member) return undefined;
    return {
      kind,
      detail: member.name,
      victims: [member.name],
      async run() {
        await member.stop();
        await member.start();
      },
    };
  };
}

function suspend(kind: string, choose: (parts: FaultParts) => MemberProcess | undefined): Draw {
  return (parts) => {
    const member = choose(parts);
    if (!member) return undefined;
    // Longer than a session lives: the others take its grains, and it wakes up in the belief that they are its own.
    const forMs = between(parts.rng, Math.ceil(parts.sessionTtlMs * 1.1), parts.sessionTtlMs * 2);
    return {
      kind,
      detail: `${member.name} for ${forMs} ms`,
      victims: [member.name],
      async run() {
        member.suspend();
        await pause(forMs);
        member.resume();
      },
    };
  };
}

const silo = ({ cluster, rng }: FaultParts): MemberProcess | undefined => one(rng, cluster.silos);
const gateway = ({ cluster, rng }: FaultParts): MemberProcess | undefined => one(rng, cluster.gateways);

const killAllSilos: Draw = ({ cluster, rng }) => {
  const downMs = between(rng, 0, 1_000);
  return {
    kind: 'kill all silos',
    detail: `back after ${downMs} ms`,
    victims: cluster.silos.map(({ name }) => name),
    async run() {
      await Promise.all(cluster.silos.map((member) => member.kill()));
      await pause(downMs);
      await Promise.all(cluster.silos.map((member) => member.start()));
    },
  };
};

const rollingRestart: Draw = ({ cluster }) => ({
  kind: 'rolling restart',
  detail: 'all silos and gateways, one by one',
  victims: cluster.members.map(({ name }) => name),
  async run() {
    for (const member of cluster.members) {
      await member.stop();
      await member.start();
    }
  },
});

const killRedis: Draw = ({ cluster, rng }) => {
  const downMs = between(rng, 0, 2_000);
  return {
    kind: 'kill Redis',
    detail: `back after ${downMs} ms`,
    victims: [REDIS],
    async run() {
      await cluster.redis.kill9();
      await pause(downMs);
      await cluster.redis.restart();
    },
  };
};

const suspendRedis: Draw = ({ cluster, rng, sessionTtlMs }) => {
  const forMs = between(rng, 500, sessionTtlMs * 2);
  return {
    kind: 'suspend Redis',
    detail: `for ${forMs} ms`,
    victims: [REDIS],
    async run() {
      cluster.redis.pause();
      await pause(forMs);
      cluster.redis.resume();
    },
  };
};

type Break = 'one way' | 'both ways' | 'reset';
const BREAKS: readonly Break[] = ['one way', 'both ways', 'reset'];

/** A cut between a silo, or gateway, and somebody else. */
function cut(kind: string, choose: (parts: FaultParts) => readonly [string, string] | undefined): Draw {
  return (parts) => {
    const ends = choose(parts);
    if (!ends) return undefined;
    const { rng, sessionTtlMs, cluster } = parts;
    const how = randomOf(rng, BREAKS) ?? 'reset';
    const [from, to] = rng.next() < 0.5 ? ends : ([ends[1], ends[0]] as const);
    const forMs = between(rng, 300, sessionTtlMs * 2);
    return {
      kind,
      detail: `${from} to ${to}, ${how}, for ${forMs} ms`,
      victims: [...ends],
      async run() {
        if (how === 'reset') cluster.network.break(from, to);
        else cluster.network.hold(from, to);
        if (how === 'both ways') cluster.network.hold(to, from);
        await pause(forMs);
        cluster.network.heal(from, to);
      },
    };
  };
}

function twoSilos({ cluster, rng }: FaultParts): readonly [string, string] | undefined {
  const first = one(rng, cluster.silos);
  const second = one(
    rng,
    cluster.silos.filter((other) => other !== first),
  );
  return first && second && [first.name, second.name];
}

function gatewayAndSilo(parts: FaultParts): readonly [string, string] | undefined {
  const [first, second] = [gateway(parts), silo(parts)];
  return first && second && [first.name, second.name];
}

function siloAndRedis(parts: FaultParts): readonly [string, string] | undefined {
  const first = silo(parts);
  return first && [first.name, REDIS];
}

/** With how often each is drawn. */
const DRAWS: readonly (readonly [weight: number, draw: Draw])[] = [
  [4, kill('kill silo', silo)],
  [2, kill('kill gateway', gateway)],
  [4, suspend('suspend silo', silo)],
  [1, suspend('suspend gateway', gateway)],
  [3, drain('drain silo', silo)],
  [2, drain('drain gateway', gateway)],
  [1, killAllSilos],
  [1, rollingRestart],
  [2, killRedis],
  [2, suspendRedis],
  [3, cut('cut silo from silo', twoSilos)],
  [2, cut('cut gateway from silo', gatewayAndSilo)],
  [3, cut('cut silo from Redis', siloAndRedis)],
];

export const FAULT_COUNT = DRAWS.length;

/** Draws a fault; `only` names the position of one. Undefined when nobody is there to be hit. */
export function drawFault(parts: FaultParts, only?: number): Fault | undefined {
  if (only !== undefined) return DRAWS[only % DRAWS.length]?.[1](parts);
  const total = DRAWS.reduce((sum, [weight]) => sum + weight, 0);
  let left = randomBelow(parts.rng, total);
  for (const [weight, draw] of DRAWS) {
    if (left < weight) return draw(parts);
    left -= weight;
  }
  return undefined;
}
