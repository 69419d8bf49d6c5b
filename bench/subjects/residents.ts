// How much memory things take that only sit there.
import path from 'node:path';
import { query, type Ref, spawn, start } from 'nact';
import {
  type Bench,
  checkEqual,
  type Contestant,
  type ContestantSpec,
  type Setting,
  timed,
} from '../bench.ts';
import { byCallers } from '../load/callers.ts';
import { activationsOf, openHost } from './granary-host.ts';
import { meterCore } from './meter.ts';
import { addOne, addUp, NACT_LIMIT_MS } from './totals.ts';

interface Residents {
  /** Makes the one with this number, by a call. */
  make(index: number): Promise<unknown>;
  /** What `make` answers when it is asked again: it is still there. */
  ask(index: number): Promise<number>;
  readonly answer: number;
  count(): Promise<number>;
}

/** Code, hidden classes and tables of the first ones are not what each further one takes. */
const WARM_UP = 1_000;
const ASKED = 1_000;

function measuring(open: (setting: Setting) => Promise<Residents>): ContestantSpec['open'] {
  return async (setting): Promise<Contestant> => {
    const residents = await open(setting);
    return {
      async run(count) {
        await byCallers(WARM_UP, WARM_UP, (index) => residents.make(index));
        const before = await settledMemory();
        const sample = await timed(() => {
          return byCallers(count, WARM_UP, (index) => residents.make(WARM_UP + index));
        });
        const after = await settledMemory();
        checkEqual(await residents.count(), WARM_UP + count, 'residents');
        for (let at = 0; at < ASKED; at += 1) {
          const answer = await residents.ask(Math.floor((at / ASKED) * count));
          checkEqual(answer, residents.answer, 'answer of a resident');
        }
        return {
          ...sample,
          value: (after.heapUsed - before.heapUsed) / count,
          notes: {
            'outside of the heap, B': (after.external - before.external) / count,
            'RSS, B': (after.rss - before.rss) / count,
            'made in, s': sample.elapsedMs / 1_000,
          },
        };
      },
    };
  };
}

async function settledMemory(): Promise<NodeJS.MemoryUsage> {
  // Whatever was begun ends, so that only the residents are left.
  for (let round = 0; round < 3; round += 1) {
    await new Promise((resolve) => setTimeout(resolve, 50));
    globalThis.gc?.();
  }
  return process.memoryUsage();
}

const nameOf = (index: number): string => `meter-${index}`;

/** Activations on the embedded store. With `isWritten` each has a value of its own, which is stored. */
function openGrains(isWritten: boolean): (setting: Setting) => Promise<Residents> {
  return async ({ scratch }) => {
    const core = meterCore({ level: 'committed' });
    const data = path.join(scratch, `granary-${process.pid}`);
    const host = await openHost({ cores: [core], data });
    const ask = (index: number): Promise<number> => host.ref(core, nameOf(index)).read();
    return {
      make: isWritten ? (index) => host.ref(core, nameOf(index)).add(1) : ask,
      ask,
      answer: isWritten ? 1 : 0,
      count: () => activationsOf(host),
    };
  };
}

async function openObjects(): Promise<Residents> {
  const objects = new Map<string, { key: string; total: number }>();
  async function ask(index: number): Promise<number> {
    const key = nameOf(index);
    let object = objects.get(key);
    if (!object) objects.set(key, (object = { key, total: 0 }));
    return object.total;
  }
  return await Promise.resolve({ make: ask, ask, answer: 0, count: () => Promise.resolve(objects.size) });
}

async function openActors(): Promise<Residents> {
  const system = start();
  const actors = new Map<string, Ref<Parameters<typeof addUp>[1]>>();
  async function make(index: number): Promise<number> {
    const key = nameOf(index);
    const actor = spawn(system, addUp, key, { initialState: { total: 0 } });
    actors.set(key, actor);
    return (await query(actor, addOne, NACT_LIMIT_MS)) as number;
  }
  async function ask(index: number): Promise<number> {
    const actor = actors.get(nameOf(index));
    return actor ? ((await query(actor, addOne, NACT_LIMIT_MS)) as number) : 0;
  }
  return await Promise.resolve({ make, ask, answer: 2, count: () => Promise.resolve(actors.size) });
}

export const GRANARY: ContestantSpec = {
  name: 'granary',
  label: 'granary, activation',
  open: measuring(openGrains(false)),
};
export const GRANARY_WRITTEN: ContestantSpec = {
  name: 'written',
  label: 'granary, with a stored value',
  open: measuring(openGrains(true)),
};
export const OBJECT: ContestantSpec = {
  name: 'object',
  label: 'object in a Map',
  open: measuring(openObjects),
};
export const NACT: ContestantSpec = { name: 'nact', label: 'nact, actor', open: measuring(openActors) };

/** At most 600 bytes each, whatever their number. */
export const TARGETS: Bench['targets'] = [{ of: 'granary', atMost: 600 }];
