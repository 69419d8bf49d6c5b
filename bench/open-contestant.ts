// Opens one contestant of a bench; called in the contestant's own process.
import { type Bench, BenchError, type Contestant, type Setting } from './bench.ts';

export async function openContestant(file: string, name: string, setting: Setting): Promise<Contestant> {
  const { bench } = (await import(file)) as { readonly bench: Bench };
  const spec = bench.contestants.find((contestant) => contestant.name === name);
  if (!spec) throw new BenchError(`${bench.name} has no contestant ${name}`);
  return await spec.open(setting);
}
