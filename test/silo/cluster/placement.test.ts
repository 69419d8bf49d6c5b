import assert from 'node:assert/strict';
import { PARTITION_COUNT } from '../../../directory/index.ts';
import { hash53, SeededRng } from '../../../lib/index.ts';
import { NO_PLACEMENT, Placement, RouteCache } from '../../../silo/internal.ts';
import { member, viewOf } from './cluster-support.ts';

const NAMES = Array.from({ length: 8 }, (_unused, index) => new SeededRng(index + 1).hex(16));
const PARTITIONS = Array.from({ length: PARTITION_COUNT }, (_unused, partition) => partition);

function placementOf(names: readonly string[]): Placement {
  return new Placement(
    viewOf(
      1,
      names.map((name) => member(name)),
    ),
  );
}

function winners(placement: Placement, core = 'book'): readonly (string | undefined)[] {
  return PARTITIONS.map((partition) => placement.preferred(core, partition)?.incarnation);
}

describe('Placement: which silo should host a grain', () => {
  it('L1: the same members in any order prefer the same silo for every partition', () => {
    const there = winners(placementOf(NAMES));
    assert.deepEqual(winners(placementOf([...NAMES].reverse())), there);
    assert.deepEqual(winners(placementOf([...NAMES.slice(3), ...NAMES.slice(0, 3)])), there);
  });

  it('two silos whose names hash alike are told apart by the smaller name, in any order', () => {
    // 2^16 names are enough for two with the same low 32 bits of their hash.
    const seen = new Map<number, string>();
    let twins: readonly [string, string] | undefined;
    for (let count = 0; !twins; count += 1) {
      const name = `silo-${count}`;
      const seed = hash53(name) >>> 0;
      const other = seen.get(seed);
      if (other) twins = [other, name];
      else seen.set(seed, name);
    }
    const [left, right] = twins;
    const smaller = left < right ? left : right;
    for (const names of [
      [left, right],
      [right, left],
    ]) {
      assert.deepEqual(new Set(winners(placementOf(names))), new Set([smaller]));
    }
  });

  it('L2: a silo that comes takes partitions from all, and moves no other', () => {
    const before = winners(placementOf(NAMES.slice(0, 7)));
    const after = winners(placementOf(NAMES));
    const newcomer = NAMES[7];
    const moved = PARTITIONS.filter((partition) => before[partition] !== after[partition]);
    for (const partition of moved) assert.equal(after[partition], newcomer);
    assert.ok(
      moved.length > PARTITION_COUNT / 16 && moved.length < PARTITION_COUNT / 4,
      `${moved.length} moved`,
    );
  });

  it('L2: a silo that goes loses its partitions to all others, and moves no other', () => {
    const before = winners(placementOf(NAMES));
    const after = winners(placementOf(NAMES.slice(1)));
    const heirs = new Set<string | undefined>();
    for (const partition of PARTITIONS) {
      if (before[partition] === NAMES[0]) heirs.add(after[partition]);
      else assert.equal(after[partition], before[partition]);
    }
    assert.equal(heirs.size, 7);
  });

  it('the share of each silo is fair', () => {
    const counts = new Map<string | undefined, number>();
    for (const name of winners(placementOf(NAMES))) counts.set(name, (counts.get(name) ?? 0) + 1);
    for (const count of counts.values()) assert.ok(count > 64 && count < 192, `${count} of 1024 by 8`);
  });

  it('L3: silos that join, drain or are dead are not chosen', () => {
    const [a = '', b = '', c = '', d = ''] = NAMES;
    const placement = new Placement(
      viewOf(1, [
        member(a, { state: 'joining' }),
        member(b),
        member(c, { state: 'draining' }),
        member(d, { state: 'dead', cores: {} }),
      ]),
    );
    assert.deepEqual(new Set(winners(placement)), new Set([b]));
    assert.deepEqual(new Set(PARTITIONS.map((each) => placement.keeper(each)?.incarnation)), new Set([b]));
  });

  it('L3: only silos that host the Core are chosen, and of those the ones with the lowest schema', () => {
    const [a = '', b = '', c = '', d = ''] = NAMES;
    const placement = new Placement(
      viewOf(1, [
        member(a, { cores: { book: 2 } }),
        member(b, { cores: { book: 1 } }),
        member(c, { cores: { book: 1, desk: 4 } }),
        member(d, { cores: { desk: 4 } }),
      ]),
    );
    assert.deepEqual(new Set(winners(placement)), new Set([b, c]));
    assert.deepEqual(new Set(winners(placement, 'desk')), new Set([c, d]));
    assert.deepEqual(new Set(winners(placement, 'nobody')), new Set([undefined]));
    assert.equal(new Set(PARTITIONS.map((each) => placement.keeper(each)?.incarnation)).size, 4);
  });

  it('a new schema takes the grains when the last older silo is gone', () => {
    const [a = '', b = ''] = NAMES;
    const both = [member(a, { cores: { book: 2 } }), member(b, { cores: { book: 1 }, state: 'draining' })];
    assert.deepEqual(new Set(winners(new Placement(viewOf(2, both)))), new Set([a]));
  });

  it('what is done once in the cluster has one doer, the same in every process; without silos nobody', () => {
    const doers = [NAMES, [...NAMES].reverse()].map(
      (names) => placementOf(names).chosen('bus/board')?.incarnation,
    );
    assert.equal(doers[0], doers[1]);
    assert.ok(doers[0]);
    assert.equal(NO_PLACEMENT.chosen('bus/board'), undefined);
    assert.equal(NO_PLACEMENT.preferred('book', 0), undefined);
  });
});

describe('RouteCache: grains that were found elsewhere', () => {
  const grain = (key: number): { tenant: string; core: string; key: string } => ({
    tenant: 'acme',
    core: 'book',
    key: String(key),
  });

  it('is bounded: the route that was learned longest ago is forgotten first', () => {
    const cache = new RouteCache();
    for (let key = 0; key < 20_000; key += 1) cache.learn(grain(key), 'a');
    cache.learn(grain(0), 'b'); // learned again: now the newest
    for (let key = 20_000; key < 20_010; key += 1) cache.learn(grain(key), 'a');
    assert.equal(cache.size, 20_000);
    assert.equal(cache.get(grain(0)), 'b');
    for (let key = 1; key <= 10; key += 1) assert.equal(cache.get(grain(key)), undefined);
    assert.equal(cache.get(grain(11)), 'a');
  });

  it('keeps only routes to silos that the new view still has', () => {
    const cache = new RouteCache();
    cache.learn(grain(1), 'a');
    cache.learn(grain(2), 'b');
    cache.retain((incarnation) => incarnation === 'b');
    assert.deepEqual([cache.get(grain(1)), cache.get(grain(2)), cache.size], [undefined, 'b', 1]);
    cache.forget(grain(2));
    assert.equal(cache.size, 0);
  });
});
