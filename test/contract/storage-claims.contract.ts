// Contract of GrainStorage, part 1: claims and the fence (S2).
import assert from 'node:assert/strict';
import {
  changing,
  claimed,
  claimer,
  commitOf,
  done,
  GRAIN,
  hand,
  kindOf,
  laterTurns,
  push,
  set,
  type StorageFactory,
  storageTest,
} from './storage-harness.ts';

export function claimContract(open: StorageFactory): void {
  storageTest('Claim: a grain that nobody committed, claims and has no memory', open, async (under) => {
    const { claim, memory } = await claimed(under);
    assert.deepEqual(claim.address.grain, GRAIN);
    assert.deepEqual(memory, {
      schema: 0,
      values: {},
      marks: undefined,
      commands: undefined,
      reminders: undefined,
      emitted: 0,
      emissionEpoch: 0,
    });
    assert.equal(await under.storage.isOwner(claim), true);
  });

  storageTest(
    'Claim: asked again by the owner, answers the same address and goes on counting',
    open,
    async (under) => {
      const who = claimer();
      const first = await claimed(under, GRAIN, who);
      const second = await claimed(under, GRAIN, who);
      assert.deepEqual(second.claim.address, first.claim.address);
      await done(under, first.claim, changing(1, push('log', 'a')));
      assert.equal((await hand(under.storage, second.claim, changing(1, push('log', 'a')))).kind, 'done');
      await done(under, second.claim, changing(2, push('log', 'b')));
      assert.equal((await hand(under.storage, first.claim, changing(2, push('log', 'b')))).kind, 'done');
      const third = await claimed(under, GRAIN, who);
      await done(under, third.claim, changing(3, push('log', 'c')));
      assert.deepEqual(await under.storage.readItems(first.claim, 'log', 0, 9), ['a', 'b', 'c']);
    },
  );

  storageTest('Claim: a living owner of another incarnation, answers taken', open, async (under) => {
    const { claim } = await claimed(under, GRAIN, claimer('A'));
    const outcome = await under.storage.claim(GRAIN, claimer('B', 1, ['A', 'B']));
    assert.deepEqual(outcome, { kind: 'taken', owner: claim.address });
    await done(under, claim, commitOf(1));
  });

  storageTest('Claim: an owner that claimed under a later view, answers view_old', open, async (under) => {
    const { claim } = await claimed(under, GRAIN, claimer('A', 58));
    const outcome = await under.storage.claim(GRAIN, claimer('B', 57, ['B']));
    assert.deepEqual(outcome, { kind: 'view_old', owner: claim.address });
    await done(under, claim, commitOf(1));
  });

  storageTest(
    'Claim: released, then claimed anew, has a greater epoch and counts from 1',
    open,
    async (under) => {
      const first = await claimed(under);
      await done(under, first.claim, commitOf(1));
      await done(under, first.claim, commitOf(2));
      await under.storage.release(first.claim);
      const second = await claimed(under);
      assert(second.claim.address.epoch > first.claim.address.epoch);
      assert.deepEqual(second.memory.values, { count: 2, note: null });
      await done(under, second.claim, commitOf(1));
    },
  );

  storageTest(
    'Claim: epochs after an orderly end, and after a crash, are greater than all before',
    open,
    async (under) => {
      const first = await claimed(under);
      await under.storage.release(first.claim);
      const reopened = await under.reopen();
      const second = await claimed(reopened, GRAIN, claimer('B'));
      assert(second.claim.address.epoch > first.claim.address.epoch);
      const crashed = await reopened.crash();
      const third = await claimed(crashed, GRAIN, claimer('C'));
      assert(third.claim.address.epoch > second.claim.address.epoch);
    },
  );

  storageTest(
    'Claim: the last owner has commits in flight, waits for them and sees them',
    open,
    async (under) => {
      const { claim } = await claimed(under);
      under.hold();
      const outcome = hand(under.storage, claim, commitOf(1));
      const released = under.storage.release(claim); // may wait for the outcome, too
      const next = claimed(under);
      const state = await Promise.race([next.then(() => 'claimed'), laterTurns().then(() => 'waiting')]);
      assert.equal(state, 'waiting', 'memory that may still be lost is not handed out');
      under.letGo();
      assert.equal((await outcome).kind, 'done');
      assert.deepEqual((await next).memory.values, { count: 1, note: null });
      await released;
    },
  );

  storageTest(
    'Claim: the commits in flight of the last owner fail, sees what was there before',
    open,
    async (under) => {
      const first = await claimed(under);
      await done(under, first.claim, commitOf(1));
      under.hold();
      const outcome = hand(under.storage, first.claim, commitOf(2));
      const next = claimed(under); // its own incarnation: takes over
      under.failNext('none');
      under.letGo();
      assert.equal(kindOf(await outcome), 'failed ERR_STORE_FULL none');
      const { claim, memory } = await next;
      assert.deepEqual(memory.values, { count: 1, note: null });
      await done(under, claim, commitOf(1, { values: [10, null] }));
    },
  );
}

export function fenceContract(open: StorageFactory): void {
  storageTest('Commit: after the release, is fenced and leaves nothing', open, async (under) => {
    const { claim } = await claimed(under);
    await done(under, claim, commitOf(1));
    await under.storage.release(claim);
    assert.equal((await hand(under.storage, claim, commitOf(2))).kind, 'fenced');
    assert.equal(await under.storage.isOwner(claim), false);
    assert.deepEqual((await claimed(under)).memory.values, { count: 1, note: null });
  });

  storageTest(
    'Commit: of an owner that was taken over, is fenced; also one that was stored before',
    open,
    async (under) => {
      const old = await claimed(under, GRAIN, claimer('A'));
      await done(under, old.claim, commitOf(1));
      const heir = await claimed(under, GRAIN, claimer('B', 2, ['B']));
      assert.equal((await hand(under.storage, old.claim, commitOf(1))).kind, 'fenced');
      assert.equal((await hand(under.storage, old.claim, commitOf(2))).kind, 'fenced');
      await done(under, heir.claim, commitOf(1, { values: [50, null] }));
      assert.deepEqual((await claimed(await under.crash(), GRAIN, claimer('C', 3))).memory.values, {
        count: 50,
        note: null,
      });
    },
  );

  storageTest(
    'Commit: late, after another owned the grain and a third owns it now, is fenced',
    open,
    async (under) => {
      const a = await claimed(under, GRAIN, claimer('A'));
      const b = await claimed(under, GRAIN, claimer('B', 2, ['B', 'C']));
      await under.storage.release(b.claim);
      const c = await claimed(under, GRAIN, claimer('C', 2, ['B', 'C']));
      assert.equal((await hand(under.storage, a.claim, commitOf(1, { values: [1, 'A'] }))).kind, 'fenced');
      await done(under, c.claim, commitOf(1, { values: [1, 'C'] }));
      assert.equal((await hand(under.storage, a.claim, commitOf(2, { values: [2, 'A'] }))).kind, 'fenced');
      await under.storage.release(c.claim);
      assert.deepEqual((await claimed(under, GRAIN, claimer('C'))).memory.values, { count: 1, note: 'C' });
    },
  );

  storageTest(
    'Release: by an owner that was taken over, leaves the new owner in place',
    open,
    async (under) => {
      const old = await claimed(under, GRAIN, claimer('A'));
      const heir = await claimed(under, GRAIN, claimer('B', 2, ['B']));
      await under.storage.release(old.claim);
      assert.equal(await under.storage.isOwner(heir.claim), true);
      await done(under, heir.claim, commitOf(1));
    },
  );

  storageTest('Read of a collection: by an owner that was taken over, is refused', open, async (under) => {
    const old = await claimed(under, GRAIN, claimer('A'));
    await done(under, old.claim, changing(1, set('by', 'x', 1), push('log', 1)));
    await claimed(under, GRAIN, claimer('B', 2, ['B']));
    const { storage } = under;
    const scan = { prefix: '', from: '', after: undefined, limit: 9 };
    const reads: (() => unknown)[] = [
      () => storage.readEntry(old.claim, 'by', 'x'),
      () => storage.readEntries(old.claim, 'by', scan),
      () => storage.listLength(old.claim, 'log'),
      () => storage.readItems(old.claim, 'log', 0, 9),
    ];
    for (const read of reads) await assert.rejects(async () => await read(), { code: 'ERR_STORE_FENCED' });
  });
}
