// Each checker of the simulation is shown a silo that breaks its promise, and has to see it.
import assert from 'node:assert/strict';
import type { CommitOutcome, GrainCommit, GrainStorage } from '../../silo/internal.ts';
import { runSilo } from './silo-run.ts';

const SEEDS_MAX = 200;

type CommitCall = GrainStorage['commit'];

/** The storage with `commit` replaced by what `breakIt` makes of it. */
function withCommit(breakIt: (commit: CommitCall) => CommitCall): (storage: GrainStorage) => GrainStorage {
  return (storage) => {
    const broken = breakIt(storage.commit.bind(storage));
    return new Proxy(storage, {
      get(target, name) {
        if (name === 'commit') return broken;
        const member: unknown = Reflect.get(target, name, target);
        return typeof member === 'function'
          ? (member as (...args: unknown[]) => unknown).bind(target)
          : member;
      },
    });
  };
}

function changing(change: (commit: GrainCommit) => GrainCommit): (storage: GrainStorage) => GrainStorage {
  return withCommit((commit) => (claim, given, done) => commit(claim, change(given), done));
}

const FAULTS: readonly {
  readonly what: string;
  readonly storage: (storage: GrainStorage) => GrainStorage;
  readonly seen: RegExp;
}[] = [
  {
    what: 'commits are reported before they are durable',
    storage: withCommit((commit) => (claim, given, done) => {
      let isTold = false;
      const tell = (outcome: CommitOutcome): void => {
        if (!isTold) done(outcome);
        isTold = true;
      };
      commit(claim, given, tell);
      queueMicrotask(() => tell({ kind: 'done' }));
    }),
    seen: /applied \[|after a reply had shown/,
  },
  {
    what: 'marks are not stored',
    storage: changing((commit) => ({ ...commit, marks: [] })),
    seen: /applied \[/,
  },
  {
    what: 'command ids are not stored',
    storage: changing((commit) => ({ ...commit, commands: [] })),
    seen: /ran [2-9] times/,
  },
  {
    what: 'emissions are not stored',
    storage: changing((commit) => ({ ...commit, emissions: [] })),
    seen: /the bus delivered it 0 times/,
  },
  {
    what: 'reminders are not stored',
    storage: changing((commit) => ({ ...commit, reminders: [] })),
    seen: /the reminder never fired/,
  },
  {
    what: 'collections are stored and values are not',
    storage: changing((commit) => ({ ...commit, values: commit.values.map(() => 0) })),
    seen: /count is/,
  },
  {
    what: 'outcomes are not told any more',
    storage: withCommit((commit) => {
      let count = 0;
      return (claim, given, done) =>
        commit(claim, given, (outcome) => ((count += 1) > 5 ? undefined : done(outcome)));
    }),
    seen: /stuck at|never settled|is open/,
  },
];

describe('Simulation of one silo: faults planted to see the checkers fail', () => {
  for (const { what, storage, seen } of FAULTS) {
    it(`when ${what}, a seed shows it`, async () => {
      const found: string[] = [];
      for (let seed = 1; seed <= SEEDS_MAX; seed += 1) {
        const { violations } = await runSilo(seed, { storage });
        if (violations.some((violation) => seen.test(violation))) return;
        found.push(...violations);
      }
      assert.fail(
        `no seed of ${SEEDS_MAX} showed it; seen instead: ${found.slice(0, 5).join('; ') || 'nothing'}`,
      );
    }).timeout(120_000);
  }
});
