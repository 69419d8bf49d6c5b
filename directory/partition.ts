// Partitions: the unit of placement, and of what lives together in a store of several nodes.
import { type GrainId, hash53 } from '../lib/index.ts';

/** Never changes: every stored key of a grain names its partition. */
export const PARTITION_COUNT = 1_024;

/** The partition of a grain: 0 to 1023, the same in every process and version. */
export function partitionOf({ tenant, core, key }: GrainId): number {
  // NUL is in no part, so different grains never have the same text.
  return hash53(`${tenant}\u0000${core}\u0000${key}`) % PARTITION_COUNT;
}
