// Each checker of the cluster's simulation is shown a cluster that breaks its promise, and has to see it.
import assert from 'node:assert/strict';
import type { RedisStorage } from '../../silo/index.ts';
import type { GrainCommit } from '../../silo/internal.ts';
import { type ClusterPlan, makePlan } from './cluster-plan.ts';
import { runCluster } from './cluster-run.ts';
import type { NodePlant } from './sim-node.ts';

const SEEDS_MOST = 600;

/** The same object with some of its members replaced. */
function changed<T extends object>(target: T, members: Partial<Record<keyof T, unknown>>): T {
  return new Proxy(target, {
    get(of, name) {
      if (Object.hasOwn(members, name)) return members[name as keyof T];
      const member: unknown = Reflect.get(of, name, of);
      return typeof member === 'function' ? (member as (...args: unknown[]) => unknown).bind(of) : member;
    },
  });
}

function committing(change: (commit: GrainCommit) => GrainCommit): NodePlant {
  return {
    storage: (storage) =>
      changed<RedisStorage>(storage, {
        commit: (...[claim, commit, done]: Parameters<RedisStorage['commit']>) =>
          storage.commit(claim, change(commit), done),
      }),
  };
}

/** Replaces a piece of a script, which has to be there. */
function rewriting(script: RegExp, from: string, to: string): NodePlant {
  return {
    rewrite: (lua) => {
      if (!script.test(lua)) return lua;
      assert.ok(lua.includes(from), `the script has no ${from}`);
      return lua.replace(from, to);
    },
  };
}

const COMMIT = /Stores one commit of an activation/;
const CLAIM = /Claims a grain for an activation/;

interface Fault {
  readonly what: string;
  readonly plant: NodePlant;
  readonly seen: RegExp;
  /** Only runs in which it could show. */
  readonly only?: (plan: ClusterPlan) => boolean;
}

const FAULTS: readonly Fault[] = [
  {
    what: 'P1: commits of an activation that owns nothing any more are stored',
    plant: rewriting(COMMIT, "if not head[1] or head[1] .. ':' .. head[3] ~= ARGV[2] then", 'if false then'),
    seen: /committed, .* owns it/,
  },
  {
    what: 'P1: a claim takes a grain from a silo that lives',
    plant: rewriting(CLAIM, "return { 'taken', owner, epoch }", 'owned = false'),
    seen: /took effect twice|acknowledged|never|stuck|epoch/,
  },
  {
    what: 'P1: epochs do not grow',
    plant: rewriting(CLAIM, 'tonumber(epoch) + 1', 'math.max(1, tonumber(epoch))'),
    seen: /epoch 1 of .* follows 1/,
  },
  {
    what: 'P1: lost data is not noticed',
    plant: {
      rewrite: (lua) =>
        CLAIM.test(lua) || COMMIT.test(lua)
          ? lua.replace('if generation ~= ARGV[1] then', 'if false then')
          : lua,
    },
    seen: /a commit was stored after the data was lost/,
    only: ({ flushMs }) => flushMs !== undefined,
  },
  {
    what: 'commits are stored whatever their number is',
    plant: rewriting(COMMIT, 'if number <= stored then', 'stored = number - 1 if false then'),
    seen: /took effect twice|follows/,
  },
  {
    what: 'P2: a silo believes in its session for ever',
    plant: { session: (session) => changed(session, { untilMs: Infinity }) },
    seen: /a turn of epoch \d+ started after one of epoch/,
  },
  {
    what: 'P3: commits are reported before they are stored',
    plant: {
      storage: (storage) =>
        changed<RedisStorage>(storage, {
          commit: (...[claim, commit, done]: Parameters<RedisStorage['commit']>) => {
            let isTold = false;
            const tell: typeof done = (outcome) => {
              if (!isTold) done(outcome);
              isTold = true;
            };
            storage.commit(claim, commit, tell);
            queueMicrotask(() => tell({ kind: 'done' }));
          },
        }),
    },
    seen: /was acknowledged, and is not there|missed|applied \[/,
  },
  {
    what: 'P4 and P5: nobody watches deadlines',
    plant: { isWithoutDeadlines: true },
    seen: /after its deadline|after the deadline of the call/,
  },
  {
    what: 'P5: command ids are not stored',
    plant: committing((commit) => ({ ...commit, commands: [] })),
    seen: /took effect twice/,
  },
  {
    what: 'P6: emissions are published, and not kept',
    plant: rewriting(COMMIT, "callWith('RPUSH', KEYS[5], from, to, 1)", ''),
    seen: /subscribers were pushed|a gap from/,
  },
  {
    what: 'P7: reminders are not stored',
    plant: committing((commit) => ({ ...commit, reminders: [] })),
    seen: /the reminder never fired/,
  },
  {
    what: 'marks are not stored',
    plant: committing((commit) => ({ ...commit, marks: [] })),
    seen: /took effect twice|applied \[|stuck/,
  },
  {
    what: 'the bus is told nothing',
    plant: rewriting(COMMIT, "length = redis.call('RPUSH', KEYS[6], 'e' .. header .. ARGV[i])", ''),
    seen: /the bus delivered it 0 times/,
  },
  {
    what: 'checked reads are not checked',
    plant: { storage: (storage) => changed<RedisStorage>(storage, { isOwner: () => Promise.resolve(true) }) },
    seen: /checked-\d+ showed/,
    // A stall makes a silo miss its own death.
    only: ({ nemesis }) => nemesis.some(({ kind }) => kind === 'stallSilo'),
  },
  {
    what: 'a script fails after it has written',
    plant: rewriting(COMMIT, 'return answer', "if answer > 3 then error('late') end return answer"),
    seen: /a script wrote and then failed/,
  },
];

describe('Simulation of the cluster: faults planted to see the checkers fail', () => {
  for (const { what, plant, seen, only } of FAULTS) {
    it(`${what}: a seed shows it`, async () => {
      const others: string[] = [];
      for (let seed = 1; seed <= SEEDS_MOST; seed += 1) {
        const plan = makePlan(seed);
        if (only?.(plan) === false) continue;
        const { violations } = await runCluster(plan, plant);
        if (violations.some((violation) => seen.test(violation))) return;
        others.push(...violations);
      }
      assert.fail(
        `no seed of ${SEEDS_MOST} showed it; seen instead: ${others.slice(0, 5).join('; ') || 'nothing'}`,
      );
    }).timeout(300_000);
  }
});
