// The contract of GrainDirectory: every driver runs it. Interleavings are those of hazards.md 1 and 8.
import assert from 'node:assert/strict';
import type { Claimer, GrainAddress, GrainDirectory } from '../../directory/index.ts';
import type { GrainId } from '../../lib/index.ts';

export interface DirectoryUnderTest {
  readonly directory: GrainDirectory;
  /** A new start of what the directory runs in, as far as that loses its entries. */
  restart(): Promise<GrainDirectory>;
  dispose(): Promise<void>;
}

const GRAIN: GrainId = { tenant: 'default', core: 'airport', key: 'JFK' };

function claimer(
  incarnation: string,
  activation: number,
  view: number,
  ...others: readonly string[]
): Claimer {
  return { incarnation, activation, view, living: new Set([incarnation, ...others]) };
}

async function registered(directory: GrainDirectory, who: Claimer, grain = GRAIN): Promise<GrainAddress> {
  const outcome = await directory.register(grain, who);
  assert(outcome.kind === 'registered', `register answered ${outcome.kind}`);
  return outcome.address;
}

/** Registers the whole suite. `open` gives an empty directory. */
export function directoryContract(driver: string, open: () => Promise<DirectoryUnderTest>): void {
  const test = (title: string, run: (under: DirectoryUnderTest) => Promise<void>): void => {
    it(title, async () => {
      const under = await open();
      try {
        await run(under);
      } finally {
        await under.dispose();
      }
    });
  };

  describe(`${driver}: contract of GrainDirectory`, () => {
    test('Register: no owner, answers the new address with everything that the claimer brought', async ({
      directory,
    }) => {
      const address = await registered(directory, claimer('A', 7, 3));
      assert.deepEqual(
        { ...address, epoch: 0 },
        { grain: GRAIN, incarnation: 'A', activation: 7, epoch: 0, view: 3 },
      );
      assert(Number.isSafeInteger(address.epoch) && address.epoch > 0);
      assert.deepEqual(await directory.lookup(GRAIN), address);
    });

    test('Register: again by the same activation, answers the same address also under a later view', async ({
      directory,
    }) => {
      const first = await registered(directory, claimer('A', 1, 3));
      assert.deepEqual(await registered(directory, claimer('A', 1, 3)), first);
      assert.deepEqual(await registered(directory, claimer('A', 1, 9, 'B')), first);
      assert.deepEqual(await directory.lookup(GRAIN), first);
    });

    test('Register: a living owner, answers taken and leaves it', async ({ directory }) => {
      const owner = await registered(directory, claimer('A', 1, 3));
      assert.deepEqual(await directory.register(GRAIN, claimer('B', 1, 3, 'A')), { kind: 'taken', owner });
      assert.deepEqual(await directory.register(GRAIN, claimer('B', 2, 9, 'A')), { kind: 'taken', owner });
      assert.deepEqual(await directory.lookup(GRAIN), owner);
    });

    test('Register: an older activation of the own incarnation, is taken over with a greater epoch', async ({
      directory,
    }) => {
      const first = await registered(directory, claimer('A', 1, 3));
      const second = await registered(directory, claimer('A', 2, 3));
      assert(second.epoch > first.epoch);
      assert.equal((await directory.lookup(GRAIN))?.activation, 2);
      assert.equal(await directory.release(GRAIN, 'A', 1), false);
    });

    test('Register: an owner that is not among the living, is taken over under the same or a later view', async ({
      directory,
    }) => {
      const first = await registered(directory, claimer('A', 1, 3));
      const second = await registered(directory, claimer('B', 1, 3, 'C'));
      const third = await registered(directory, claimer('C', 1, 4));
      assert(second.epoch > first.epoch && third.epoch > second.epoch);
    });

    test('Register: with an older view than the owner, answers view_old and robs nobody', async ({
      directory,
    }) => {
      const owner = await registered(directory, claimer('C', 1, 58));
      assert.deepEqual(await directory.register(GRAIN, claimer('B', 1, 57)), { kind: 'view_old', owner });
      assert.deepEqual(await directory.lookup(GRAIN), owner);
      assert.deepEqual(await directory.register(GRAIN, claimer('B', 1, 57, 'C')), { kind: 'taken', owner });
      assert.equal((await registered(directory, claimer('B', 1, 58))).incarnation, 'B');
    });

    test('Epoch: over releases and take-overs, only grows', async ({ directory }) => {
      let last = 0;
      for (let round = 1; round <= 50; round += 1) {
        const incarnation = round % 3 === 0 ? 'A' : 'B';
        const { epoch } = await registered(directory, claimer(incarnation, round, round));
        assert(epoch > last, `epoch ${epoch} after ${last}`);
        last = epoch;
        if (round % 2 === 0) assert.equal(await directory.release(GRAIN, incarnation, round), true);
      }
    });

    test('Epoch: after a restart that lost the entries, is greater than before', async ({
      directory,
      restart,
    }) => {
      const before = await registered(directory, claimer('A', 1, 1));
      const after = await registered(await restart(), claimer('B', 1, 1));
      assert(after.epoch > before.epoch);
    });

    test('Release: clears exactly this activation, once', async ({ directory }) => {
      await registered(directory, claimer('A', 1, 1));
      assert.equal(await directory.release(GRAIN, 'A', 2), false);
      assert.equal(await directory.release(GRAIN, 'B', 1), false);
      assert.notEqual(await directory.lookup(GRAIN), undefined);
      assert.equal(await directory.release(GRAIN, 'A', 1), true);
      assert.equal(await directory.lookup(GRAIN), undefined);
      assert.equal(await directory.release(GRAIN, 'A', 1), false);
    });

    test('Release: late, when another owns the grain, leaves it', async ({ directory }) => {
      await registered(directory, claimer('A', 1, 1));
      const heir = await registered(directory, claimer('B', 1, 2));
      assert.equal(await directory.release(GRAIN, 'A', 1), false);
      assert.deepEqual(await directory.lookup(GRAIN), heir);
    });

    test('Grains: that differ in one part of the id only, have owners of their own', async ({
      directory,
    }) => {
      const grains: readonly GrainId[] = [
        GRAIN,
        { ...GRAIN, key: '' },
        { ...GRAIN, key: 'jfk' },
        { ...GRAIN, key: 'JFK/x' },
        { ...GRAIN, key: 'ü'.repeat(256) },
        { ...GRAIN, key: 'u\u0308' },
        { ...GRAIN, tenant: 'other' },
        { ...GRAIN, core: 'airports' },
        { tenant: 'airport', core: 'default', key: 'JFK' },
      ];
      for (const [at, grain] of grains.entries()) await registered(directory, claimer('A', at, 1), grain);
      for (const [at, grain] of grains.entries()) {
        const owner = await directory.lookup(grain);
        assert.deepEqual([owner?.activation, owner?.grain], [at, grain]);
      }
    });
  });
}
