// Load generators run in processes of their own: what they cost is not what is measured.
import type { Sample } from '../bench.ts';
import { cpuMsSince } from '../bench.ts';
import { Remote } from '../remote.ts';

/** What a generator answers after its work: only when every unit was answered, and right. */
export interface LoadResult {
  readonly done: number;
  /** From the first unit sent to the last one answered. */
  readonly elapsedMs: number;
  /** Sum of all amounts that were sent. */
  readonly amount: number;
}

export function openLoad(file: string, options: object): Promise<Remote> {
  return Remote.open({ module: new URL(file, import.meta.url).href, exported: 'openLoad', args: [options] });
}

/** Has the generator do `count` units, and measures this process meanwhile. */
export async function underLoad(load: Remote, count: number): Promise<Sample & { readonly amount: number }> {
  const cpu = process.cpuUsage();
  const result = await load.call<LoadResult>('run', count);
  return { ...result, cpuMs: cpuMsSince(cpu) };
}
