// The generations of the partitions: what tells a store that lost its data from one that never had any (hazards.md 6).
import { PARTITION_COUNT } from '../partition.ts';
import type { RedisClient } from './redis-client.ts';
import { replyText } from './redis-directory.ts';
import { storeError } from './redis-errors.ts';
import type { RedisKeys } from './redis-keys.ts';

export interface PartitionReport {
  /** Partitions that have no generation: they were never made, or lost. */
  readonly missing: readonly number[];
  /** Partitions of another generation. */
  readonly different: readonly number[];
}

export interface EnsurePartitionsOptions {
  /**
   * Whether missing ones are made; never over a generation that is there. Only for who creates the cluster, or after
   * the operator decided to start empty. The report then tells what is still wrong afterwards.
   */
  readonly create: boolean;
}

/**
 * Looks at the generation of each partition, all at once.
 * @throws (rejects) what `storeError` makes; asked again it goes on
 */
export async function ensurePartitions(
  client: RedisClient,
  keys: RedisKeys,
  generation: string,
  { create }: EnsurePartitionsOptions,
): Promise<PartitionReport> {
  const partitions = Array.from({ length: PARTITION_COUNT }, (_unused, partition) => partition);
  try {
    if (create) {
      await Promise.all(
        partitions.map((partition) => client.call('SET', [keys.generation(partition), generation, 'NX'])),
      );
    }
    const found = await Promise.all(
      partitions.map((partition) => client.call('GET', [keys.generation(partition)])),
    );
    return {
      missing: partitions.filter((partition) => found[partition] === null),
      different: partitions.filter((partition) => {
        const reply = found[partition];
        return reply !== null && replyText(reply) !== generation;
      }),
    };
  } catch (error) {
    throw storeError(error);
  }
}
