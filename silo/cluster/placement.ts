// Placement: which silo should host a grain, as a pure function of one view (rendezvous hashing of its partition).
//   L1. The same view gives the same answer in every process.
//   L2. When a silo comes or goes, only grains change their place that it has won or had.
//   L3. Only active silos are chosen. Of those that host the Core, only the ones with the lowest schema: a silo never
//       activates memory of a higher one (hazards.md 15).
import { type Member, type MembershipView, PARTITION_COUNT, partitionOf } from '../../directory/index.ts';
import { type GrainId, hash53 } from '../../lib/index.ts';

/** Whoever is asked when there is nobody. */
const NOBODY: readonly Member[] = [];

export class Placement {
  readonly view: MembershipView;
  /** Silos that may be chosen. */
  readonly active: readonly Member[];
  /** Members that may host, by Core. */
  readonly #hosts = new Map<string, readonly Member[]>();
  /** Winner of each partition, by the members that take part: Cores hosted by the same silos share a table. */
  readonly #tables = new Map<string, Uint16Array>();
  readonly #tableOf = new Map<readonly Member[], Uint16Array>();

  constructor(view: MembershipView) {
    this.view = view;
    this.active = view.members.filter(({ state }) => state === 'active');
  }

  /** Active silos that may activate grains of the Core. */
  hostsOf(core: string): readonly Member[] {
    const known = this.#hosts.get(core);
    if (known) return known;
    const hosting = this.active.filter(({ cores }) => cores.some(({ name }) => name === core));
    const schemas = hosting.map((member) => schemaOf(member, core));
    const lowest = Math.min(...schemas);
    const hosts = hosting.filter((_member, index) => schemas[index] === lowest);
    this.#hosts.set(core, hosts);
    return hosts;
  }

  /** The silo that the hash prefers for the grain; undefined when none hosts its Core. */
  homeOf(grain: GrainId): Member | undefined {
    const hosts = this.hostsOf(grain.core);
    return hosts.length <= 1 ? hosts[0] : this.#winner(hosts, partitionOf(grain));
  }

  /** An active silo that can read memory of this schema, whoever is preferred. */
  hostOfSchema(grain: GrainId, schema: number): Member | undefined {
    const able = this.active.filter((member) => schemaOf(member, grain.core) >= schema);
    return this.#winner(able, partitionOf(grain));
  }

  /** The same for a partition. */
  preferred(core: string, partition: number): Member | undefined {
    return this.#winner(this.hostsOf(core), partition);
  }

  /** Who looks after the partition itself, whatever Cores it hosts. */
  keeper(partition: number): Member | undefined {
    return this.#winner(this.active, partition);
  }

  /** Who does what is to be done once in the cluster for this name. */
  chosen(name: string, among: readonly Member[] = this.active): Member | undefined {
    return this.#winner(among, hash53(name) % PARTITION_COUNT);
  }

  #winner(members: readonly Member[], partition: number): Member | undefined {
    if (members.length <= 1) return members[0];
    return members[this.#tableFor(members)[partition] ?? 0];
  }

  #tableFor(members: readonly Member[]): Uint16Array {
    const known = this.#tableOf.get(members);
    if (known) return known;
    const name = members.map(({ incarnation }) => incarnation).join();
    let table = this.#tables.get(name);
    if (!table) this.#tables.set(name, (table = rendezvous(members)));
    this.#tableOf.set(members, table);
    return table;
  }
}

export const NO_PLACEMENT = new Placement({
  number: 0,
  generation: '',
  stamp: '',
  members: NOBODY,
  manifests: {},
});

/** 0: it does not host the Core. */
export function schemaOf({ cores }: Member, core: string): number {
  return cores.find(({ name }) => name === core)?.schema ?? 0;
}

function rendezvous(members: readonly Member[]): Uint16Array {
  const seeds = members.map(({ incarnation }) => hash53(incarnation) >>> 0);
  const table = new Uint16Array(PARTITION_COUNT);
  for (let partition = 0; partition < PARTITION_COUNT; partition += 1) {
    let best = 0;
    let bestScore = -1;
    for (const [index, seed] of seeds.entries()) {
      const score = mix(seed, partition);
      // Equal scores go to the smaller incarnation, wherever it stands in the list.
      const isBetter =
        score > bestScore ||
        (score === bestScore && (members[index]?.incarnation ?? '') < (members[best]?.incarnation ?? ''));
      if (isBetter) [best, bestScore] = [index, score];
    }
    table[partition] = best;
  }
  return table;
}

/** A good 32-bit mix of both (murmur3's finalizer). */
function mix(seed: number, partition: number): number {
  let mixed = seed ^ Math.imul(partition + 1, 0x9e3779b1);
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return (mixed ^ (mixed >>> 16)) >>> 0;
}
