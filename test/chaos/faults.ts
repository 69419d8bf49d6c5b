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

interface Kind {
  readonly name: string;
  /** How often it is drawn. */
  readonly weight: number;
  readonly draw: Draw;
}

const KINDS: readonly Kind[] = [
  { name: 'kill silo', weight: 4, draw: kill('kill silo', silo) },
  { name: 'kill gateway', weight: 2, draw: kill('kill gateway', gateway) },
  { name: 'suspend silo', weight: 4, draw: suspend('suspend silo', silo) },
  { name: 'suspend gateway', weight: 1, draw: suspend('suspend gateway', gateway) },
  { name: 'drain silo', weight: 3, draw: drain('drain silo', silo) },
  { name: 'drain gateway', weight: 2, draw: drain('drain gateway', gateway) },
  { name: 'kill all silos', weight: 1, draw: killAllSilos },
  { name: 'rolling restart', weight: 1, draw: rollingRestart },
  { name: 'kill Redis', weight: 2, draw: killRedis },
  { name: 'suspend Redis', weight: 2, draw: suspendRedis },
  { name: 'cut silo from silo', weight: 3, draw: cut('cut silo from silo', twoSilos) },
  { name: 'cut gateway from silo', weight: 2, draw: cut('cut gateway from silo', gatewayAndSilo) },
  { name: 'cut silo from Redis', weight: 3, draw: cut('cut silo from Redis', siloAndRedis) },
];

export const FAULT_KINDS: readonly string[] = KINDS.map(({ name }) => name);

/** Draws a fault of one of these kinds, by weight. Undefined when nobody is there to be hit. */
export function drawFault(parts: FaultParts, names: readonly string[]): Fault | undefined {
  const kinds = KINDS.filter(({ name }) => names.includes(name));
  let left = randomBelow(
    parts.rng,
    kinds.reduce((sum, { weight }) => sum + weight, 0),
  );
  for (const { weight, draw } of kinds) {
    if (left < weight) return draw(parts);
    left -= weight;
  }
  return undefined;
}
