// The storage of the all-in-one host: a folder, or nothing that outlives the process.
import { MemoryDirectory } from '../directory/index.ts';
import type { Clock, Rng } from '../lib/index.ts';
import { MemoryStorage, openLmdbStorage, type SiloParts } from '../silo/index.ts';

/** Written instead of a folder. */
export const IN_MEMORY = 'memory';

/** With the storage come the secrets of its history: a session resumes after a restart, and not in another store. */
export type HostStorage = Pick<SiloParts, 'storage' | 'clusterKey' | 'generation'>;

export interface StorageParts {
  readonly clock: Clock;
  readonly rng: Rng;
  readonly onDataLoss?: 'refuse' | 'start_empty' | undefined;
}

/** @throws ERR_STORE_* */
export async function openStorage(
  data: string,
  { clock, rng, onDataLoss = 'refuse' }: StorageParts,
): Promise<HostStorage> {
  if (data === IN_MEMORY) return memoryStorage(clock, rng);
  const storage = await openLmdbStorage({ path: data, clock, rng, onDataLoss });
  return { storage, clusterKey: storage.clusterKey, generation: storage.generation };
}

function memoryStorage(clock: Clock, rng: Rng): HostStorage {
  let epoch = 0;
  const directory = new MemoryDirectory({ nextEpoch: () => ++epoch });
  return {
    storage: new MemoryStorage({ directory, clock }),
    clusterKey: rng.hex(32),
    generation: rng.hex(16),
  };
}
