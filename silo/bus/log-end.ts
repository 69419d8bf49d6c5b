import type { GrainStorage } from '../storage/grain-storage.ts';

/**
 * Position of the log's last entry; `known` when there is none after that. Reads about 2 x log2(new entries) single entries
 * by galloping and halving: a page always ends after its start when anything follows it.
 */
export async function findLogEnd(storage: Pick<GrainStorage, 'readLog'>, known: number): Promise<number> {
  const lastFrom = async (after: number): Promise<number> => (await storage.readLog(after, 1)).last;
  let low = await lastFrom(known);
  if (low <= known) return known;
  let high: number;
  for (let step = 1; ; step *= 2) {
    high = low + step;
    const last = await lastFrom(high);
    if (last <= high) break;
    low = last;
  }
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    const last = await lastFrom(middle);
    if (last > middle) low = last;
    else high = middle;
  }
  return low;
}
