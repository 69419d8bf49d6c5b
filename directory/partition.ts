// Partitions: the unit of placement, and of what lives together in a store of several nodes.
import { type GrainId, hash53 } from '../lib/index.ts';

/** Never changes: every stored key of a grain names its partition. */
export const PARTITION_COUNT = 1_024;

/** Hashes of tenant and Core, which are few, by Core: a message's way begins here, so nothing is hashed twice. */
let seeds = new Map<string, Map<string, number>>();
let seedCount = 0;
const SEEDS_MAX = 10_000;

/** The partition of a grain: 0 to 1023, the same in every process and version. */
export function partitionOf({ tenant, core, key }: GrainId): number {
  return hash53(key, seeds.get(core)?.get(tenant) ?? seedOf(tenant, core)) % PARTITION_COUNT;
}

function seedOf(tenant: string, core: string): number {
  // NUL is in neither, so different ones never have the same text.
  const seed = hash53(`${tenant}\u0000${core}`) >>> 0;
  if (seedCount >= SEEDS_MAX) {
    seeds = new Map();
    seedCount = 0;
  }
  const ofCore = seeds.get(core) ?? new Map<string, number>();
  seeds.set(core, ofCore.set(tenant, seed));
  seedCount += 1;
  return seed;
}
