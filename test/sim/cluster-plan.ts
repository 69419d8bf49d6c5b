// What happens in one seeded run of the cluster, decided before it begins: so that a run can be tried again with less of it.
import { randomBelow, randomOf, type Rng, SeededRng } from '../../lib/index.ts';
import type { SimEvent } from './sim-cores.ts';

export const BOOKS = ['a', 'b', 'c', 'd', 'e'] as const;
export const VAULTS = ['v', 'w'] as const;
export const CLIENTS = 3;
export const SILOS = 3;
export const GATEWAYS = 2;

/** What goes wrong, how often in relation to each other. Times are in milliseconds. */
const NEMESES = {
  killSilo: { weight: 6, mostMs: 4_000 },
  killGateway: { weight: 2, mostMs: 3_000 },
  drainSilo: { weight: 3, mostMs: 3_000 },
  /** Main loop and guardian. */
  stallSilo: { weight: 4, mostMs: 8_000 },
  stallMain: { weight: 3, mostMs: 8_000 },
  stallGuardian: { weight: 2, mostMs: 6_000 },
  stallGateway: { weight: 1, mostMs: 4_000 },
  stallRedis: { weight: 2, mostMs: 3_000 },
  /** Nobody gets through between two silos; one way only. */
  partSilos: { weight: 3, mostMs: 6_000 },
  partSilosOneWay: { weight: 3, mostMs: 6_000 },
  /** A silo and everybody else, Redis not included. */
  partSilo: { weight: 2, mostMs: 6_000 },
  partFromRedis: { weight: 2, mostMs: 6_000 },
  /** Commands arrive, answers do not; and the reverse. */
  partRedisAnswers: { weight: 2, mostMs: 5_000 },
  partRedisCommands: { weight: 2, mostMs: 5_000 },
  partGateway: { weight: 2, mostMs: 4_000 },
  /** The machine is gone without a word. */
  vanishSilo: { weight: 2, mostMs: 5_000 },
  slowNetwork: { weight: 1, mostMs: 2_000 },
  resetLink: { weight: 2, mostMs: 1 },
  truncateFrame: { weight: 1, mostMs: 1 },
  duplicateFrame: { weight: 1, mostMs: 1 },
  reorderFrames: { weight: 1, mostMs: 1 },
  resetRedis: { weight: 3, mostMs: 1 },
  restartRedis: { weight: 2, mostMs: 1_500 },
  /** As after a failover: the last writes are gone. */
  loseWrites: { weight: 1, mostMs: 1_500 },
  flushScripts: { weight: 2, mostMs: 1 },
  refuseWrites: { weight: 1, mostMs: 2_000 },
  outOfMemory: { weight: 1, mostMs: 2_000 },
  jumpWall: { weight: 2, mostMs: 1 },
  jumpRedisWall: { weight: 1, mostMs: 1 },
  reattach: { weight: 3, mostMs: 1 },
} as const satisfies Record<string, { readonly weight: number; readonly mostMs: number }>;

export type NemesisKind = keyof typeof NEMESES;

export interface NemesisAction {
  readonly atMs: number;
  readonly kind: NemesisKind;
  /** Which silo, gateway or client. */
  readonly target: number;
  readonly other: number;
  readonly forMs: number;
}

export type LoadItem =
  | { readonly atMs: number; readonly kind: 'event'; readonly client: number; readonly event: SimEvent }
  | {
      readonly atMs: number;
      readonly kind: 'command' | 'read' | 'checked';
      readonly id: string;
      readonly book: string;
      readonly through: number;
    }
  | {
      readonly atMs: number;
      readonly kind: 'open';
      readonly id: string;
      readonly vault: string;
      readonly through: number;
    }
  | { readonly atMs: number; readonly kind: 'remind'; readonly through: number };

export interface ClusterPlan {
  readonly seed: number;
  readonly faultyMs: number;
  readonly load: readonly LoadItem[];
  readonly nemesis: readonly NemesisAction[];
  /** When Redis forgets everything; undefined in most runs. */
  readonly flushMs: number | undefined;
  /** Two silos that have one name. */
  readonly isSameName: boolean;
}

export interface PlanOptions {
  /** Only these of the plan's nemesis actions, by place. */
  readonly keep?: readonly number[] | undefined;
  /** Only so many of the load's items. */
  readonly loadMost?: number | undefined;
}

const EVENTS = 30;
const COMMANDS = 8;
const READS = 14;
const OPENS = 10;

export function makePlan(seed: number, { keep, loadMost }: PlanOptions = {}): ClusterPlan {
  const rng = new SeededRng(seed ^ 0x5eed);
  const faultyMs = 4_000 + randomBelow(rng, 5_000);
  const isSameName = rng.next() < 0.2;
  const load = makeLoad(rng, faultyMs).slice(0, loadMost);
  const nemesis = makeNemesis(rng, faultyMs).filter((_action, place) => keep?.includes(place) ?? true);
  const flushMs = rng.next() < 0.04 ? randomBelow(rng, faultyMs) : undefined;
  return { seed, faultyMs, load, nemesis, flushMs, isSameName };
}

function makeLoad(rng: Rng, faultyMs: number): readonly LoadItem[] {
  // In bursts, and between them quietly.
  const when = (): number => (rng.next() < 0.3 ? Math.floor(faultyMs / 3) : randomBelow(rng, faultyMs));
  // One key is hot in some runs.
  const isHot = rng.next() < 0.3;
  const book = (): string => (isHot && rng.next() < 0.8 ? 'a' : (randomOf(rng, BOOKS) ?? 'a'));
  const through = (): number => randomBelow(rng, 1_000);
  const items: LoadItem[] = [];
  for (let index = 0; index < EVENTS; index += 1) {
    const event = {
      id: '',
      book: book(),
      pauses: rng.next() < 0.5,
      throws: rng.next() < 0.1,
      calls: rng.next() < 0.2,
    };
    items.push({ atMs: when(), kind: 'event', client: randomBelow(rng, CLIENTS), event });
  }
  for (let index = 0; index < COMMANDS; index += 1) {
    items.push({ atMs: when(), kind: 'command', id: `command-${index}`, book: book(), through: through() });
  }
  for (let index = 0; index < READS; index += 1) {
    const kind = rng.next() < 0.7 ? 'checked' : 'read';
    items.push({ atMs: when(), kind, id: `${kind}-${index}`, book: book(), through: through() });
  }
  for (let index = 0; index < OPENS; index += 1) {
    const vault = randomOf(rng, VAULTS) ?? 'v';
    items.push({ atMs: when(), kind: 'open', id: `open-${index}`, vault, through: through() });
  }
  items.push({ atMs: when(), kind: 'remind', through: through() });
  return items.sort((left, right) => left.atMs - right.atMs);
}

function makeNemesis(rng: Rng, faultyMs: number): readonly NemesisAction[] {
  const kinds = Object.keys(NEMESES) as NemesisKind[];
  const total = kinds.reduce((sum, kind) => sum + NEMESES[kind].weight, 0);
  const draw = (): NemesisKind => {
    let at = randomBelow(rng, total);
    for (const kind of kinds) {
      at -= NEMESES[kind].weight;
      if (at < 0) return kind;
    }
    return 'killSilo';
  };
  const actions = Array.from({ length: 1 + randomBelow(rng, 8) }, (): NemesisAction => {
    const kind = draw();
    // Short ones are as likely as long ones.
    const forMs = Math.floor(NEMESES[kind].mostMs * rng.next() ** 2) + 1;
    const [target, other] = [randomBelow(rng, 1_000), randomBelow(rng, 1_000)];
    return { atMs: randomBelow(rng, faultyMs), kind, target, other, forMs };
  });
  return actions.sort((left, right) => left.atMs - right.atMs);
}
