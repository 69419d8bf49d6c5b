// The same work by three means: totals that are added to by asynchronous calls.
import { dispatch, query, type Ref, spawn, start } from 'nact';
import type { Host } from '../../gateway/granary.ts';
import type { Setting } from '../bench.ts';
import { openHost } from './granary-host.ts';
import { meterCore } from './meter.ts';

export interface Totals {
  /** Adds 1 to the total at `index`, and answers it. */
  add(index: number): Promise<number>;
  close?(): Promise<void>;
}

export function at<T>(items: readonly T[], index: number): T {
  const item = items[index];
  if (item === undefined) throw new RangeError(`no item ${index} of ${items.length}`);
  return item;
}

export const keysOf = (count: number): string[] =>
  Array.from({ length: count }, (_, index) => `meter-${index}`);

/** Grains; nothing of them is stored. */
export async function openGrains(count: number, _setting: Setting): Promise<Totals> {
  const core = meterCore({ level: 'volatile' });
  const host: Host = await openHost({ cores: [core], data: 'memory' });
  const grains = keysOf(count).map((key) => host.ref(core, key));
  return { add: (index) => at(grains, index).add(1), close: () => host.stop() };
}

/** The same with an object as input and as output: what is copied on the way in and out. */
export async function openGrainsOfObjects(count: number, _setting: Setting): Promise<Totals> {
  const core = meterCore({ level: 'volatile' });
  const host: Host = await openHost({ cores: [core], data: 'memory' });
  const grains = keysOf(count).map((key) => host.ref(core, key));
  return {
    add: async (index) => (await at(grains, index).record({ amount: 1 })).total,
    close: () => host.stop(),
  };
}

/** The floor: objects in a Map, and an asynchronous function. */
export async function openPlain(count: number, _setting: Setting): Promise<Totals> {
  const keys = keysOf(count);
  const objects = new Map<string, { total: number }>();
  async function add(key: string, amount: number): Promise<number> {
    let object = objects.get(key);
    if (!object) objects.set(key, (object = { total: 0 }));
    object.total += amount;
    return object.total;
  }
  return await Promise.resolve({ add: (index: number) => add(at(keys, index), 1) });
}

interface AddMessage {
  readonly amount: number;
  readonly sender: Ref<number>;
}
interface Total {
  total: number;
}

export const NACT_LIMIT_MS = 30_000;

/** Adds the amount of each message to its state, and tells the sender. */
export function addUp(state: Total, { amount, sender }: AddMessage): Total {
  state.total += amount;
  dispatch(sender, state.total);
  return state;
}

export const addOne = (sender: Ref<number>): AddMessage => ({ amount: 1, sender });

/** Actors of nact. */
export async function openNact(count: number, _setting: Setting): Promise<Totals> {
  const system = start();
  const actors = keysOf(count).map((key) => spawn(system, addUp, key, { initialState: { total: 0 } }));
  return await Promise.resolve({
    add: (index: number) => query(at(actors, index), addOne, NACT_LIMIT_MS) as Promise<number>,
  });
}
