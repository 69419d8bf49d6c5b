// A silo with many grains goes, by kill -9 or by hanging, and each of its grains is called until it answers from elsewhere.
import { GrainError } from '../../lib/index.ts';
import type { GrainRef } from '../../gateway/granary.ts';
import { check, checkEqual, type Contestant, type Sample, type Setting, timed } from '../bench.ts';
import { byCallers } from '../load/callers.ts';
import type { Remote } from '../remote.ts';
import { quantileOf } from '../statistics.ts';
import { closeAll, type Joined, join, placeOf, spawnSilos } from './cluster-members.ts';
import { keepRedis } from './kept-redis.ts';
import { type Change, ledgerCore } from './ledger.ts';
import { at } from './totals.ts';

export type HowItGoes = 'kill' | 'stop';

const SILOS = 3;
const CALLERS = 512;
/** About so long between a failed call and the next try of the same, where the answer does not say longer. */
const RETRY_MS = 50;
/** Calls that are on their way to a silo, or being executed by it, when it stops. */
const CAUGHT_MAX = 1_000;
/** Any grain that takes longer is lost. */
const GIVE_UP_MS = 60_000;
/** How long a silo that goes on has to show what it would still do. */
const AFTERMATH_MS = 3_000;

type Ledger = GrainRef<typeof ledgerCore>;

interface Cluster {
  readonly silos: readonly Remote[];
  readonly caller: Joined;
}

export function openFailover(how: HowItGoes): (setting: Setting) => Promise<Contestant> {
  return async (setting) => {
    const redis = await keepRedis(setting, 'everysec');
    const place = placeOf(setting, redis);
    const silos = await spawnSilos(place, SILOS);
    const caller = await join(place);
    return {
      run: (count) => fail({ silos, caller }, how, count),
      async close() {
        // Handing the grains over would take longer than all the rest.
        for (const silo of silos) silo.kill();
        await closeAll([redis, { close: () => caller.stop() }]);
      },
    };
  };
}

async function fail(cluster: Cluster, how: HowItGoes, count: number): Promise<Sample> {
  const victim = at(cluster.silos, 0);
  const grains = await grainsOn(cluster, victim, count);
  const times = new Float64Array(count);
  const caught = how === 'stop' ? grains.slice(0, CAUGHT_MAX) : [];
  let startMs = 0;
  const sample = await timed(async () => {
    const before = caught.map((grain) => addUntilDone(grain, 'before'));
    await new Promise((resolve) => setImmediate(resolve));
    startMs = performance.now();
    if (how === 'kill') victim.kill();
    else victim.signal('SIGSTOP');
    const after = grains.map(async (grain, index) => {
      await addUntilDone(grain, 'after');
      times[index] = performance.now() - startMs;
    });
    await Promise.all([...before, ...after]);
    return count;
  });
  if (how === 'stop') {
    victim.signal('SIGCONT');
    await pause(AFTERMATH_MS);
  }
  const doubles = await doubleCommits(grains, caught.length);
  checkEqual(doubles, 0, 'commits by two owners');
  return {
    ...sample,
    value: quantileOf(times, 0.99),
    notes: {
      first: quantileOf(times, 0),
      p50: quantileOf(times, 0.5),
      longest: quantileOf(times, 1),
      'double commits': doubles,
    },
  };
}

/** Makes grains until the silo has so many; each has one change then. */
async function grainsOn({ caller }: Cluster, silo: Remote, count: number): Promise<readonly Ledger[]> {
  const pid = await silo.call<number>('pid');
  const found: Ledger[] = [];
  let made = 0;
  while (found.length < count) {
    check(made < count * SILOS * 4, `${made} grains were made, only ${found.length} of them on one silo`);
    await byCallers(count, CALLERS, async (index) => {
      const grain = caller.client.ref(ledgerCore, `ledger-${made + index}`, {});
      if ((await grain.where()) !== pid || found.length >= count) return;
      found.push(grain);
      await grain.add('first', { commandId: 'first' });
    });
    made += count;
  }
  return found;
}

/** The same command, again and again: what was executed already is not executed twice. */
async function addUntilDone(grain: Ledger, command: string): Promise<void> {
  const giveUpMs = performance.now() + GIVE_UP_MS;
  for (;;) {
    try {
      await grain.add(command, { commandId: command });
      return;
    } catch (error) {
      if (!(error instanceof GrainError) || performance.now() > giveUpMs) throw error;
      // Spread: what failed together should not come back together.
      await pause(Math.max(RETRY_MS, error.retryAfterMs ?? 0) * (0.5 + Math.random()));
    }
  }
}

/**
 * Changes that an owner committed beside another: made twice, missing, out of order, or by an activation that was followed
 * by another one already.
 */
async function doubleCommits(grains: readonly Ledger[], caught: number): Promise<number> {
  let doubles = 0;
  await byCallers(grains.length, CALLERS, async (index) => {
    const changes = (await at(grains, index).changes()) as readonly Change[];
    checkEqual(
      changes.length,
      index < caught ? 3 : 2,
      `changes of grain ${index}: ${JSON.stringify(changes)}`,
    );
    if (!hasOneOwnerAtATime(changes)) doubles += 1;
  });
  return doubles;
}

function hasOneOwnerAtATime(changes: readonly Change[]): boolean {
  const commands = new Set(changes.map(({ command }) => command));
  return (
    commands.size === changes.length &&
    changes.every(({ total, epoch, pid }, index) => {
      const before = changes[index - 1];
      if (total !== index + 1) return false;
      return !before || epoch > before.epoch || (epoch === before.epoch && pid === before.pid);
    })
  );
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
