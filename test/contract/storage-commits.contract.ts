// Contract of GrainStorage, part 2: numbers, outcomes, failures and power loss (S1 to S6).
import assert from 'node:assert/strict';
import type { CommitOutcome } from '../../silo/internal.ts';
import {
  add,
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

export function numberContract(open: StorageFactory): void {
  storageTest('Commit: a number too far ahead, answers gap and stores nothing', open, async (under) => {
    const { claim } = await claimed(under);
    assert.deepEqual(await hand(under.storage, claim, commitOf(2)), { kind: 'gap', stored: 0 });
    await done(under, claim, commitOf(1));
    assert.deepEqual(await hand(under.storage, claim, commitOf(3)), { kind: 'gap', stored: 1 });
    assert.deepEqual((await claimed(await under.reopen())).memory.values, { count: 1, note: null });
  });

  storageTest(
    'Commit: asked again when it is stored, answers done and is not applied twice',
    open,
    async (under) => {
      const { claim } = await claimed(under);
      const commit = changing(1, push('log', 'x'), add('by', 'LAX', 1));
      await done(under, claim, commit);
      await done(under, claim, changing(2));
      await done(under, claim, commit);
      assert.equal(await under.storage.listLength(claim, 'log'), 1);
      assert.equal(await under.storage.readEntry(claim, 'by', 'LAX'), 1);
      const again = await under.crash();
      assert.equal(await again.storage.readEntry((await claimed(again)).claim, 'by', 'LAX'), 1);
    },
  );

  storageTest(
    'Commit: asked again while it is in flight, both are told and it is applied once',
    open,
    async (under) => {
      const { claim } = await claimed(under);
      under.hold();
      const commit = changing(1, push('log', 'x'));
      const outcomes = [hand(under.storage, claim, commit)];
      await laterTurns();
      outcomes.push(
        hand(under.storage, claim, commit),
        hand(under.storage, claim, changing(2, push('log', 'y'))),
      );
      outcomes.push(hand(under.storage, claim, changing(2, push('log', 'y'))));
      under.letGo();
      assert.deepEqual((await Promise.all(outcomes)).map(kindOf), ['done', 'done', 'done', 'done']);
      assert.deepEqual(await under.storage.readItems(claim, 'log', 0, 9), ['x', 'y']);
    },
  );

  storageTest(
    'Outcomes: of many commits, are told in order and never inside of the call',
    open,
    async (under) => {
      const { claim } = await claimed(under);
      const told: string[] = [];
      let isInside = false;
      const give = (number: number): void => {
        isInside = true;
        under.storage.commit(claim, commitOf(number), (outcome: CommitOutcome) => {
          assert.equal(isInside, false, 'told inside of the call');
          told.push(`${number} ${outcome.kind}`);
        });
        isInside = false;
      };
      for (const number of [1, 2, 3, 5, 3]) give(number);
      while (told.length < 5) await laterTurns(1);
      for (const number of [4, 9, 1, 5]) give(number);
      await done(under, claim, commitOf(6));
      assert.deepEqual(told, [
        '1 done',
        '2 done',
        '3 done',
        '5 gap',
        '3 done',
        '4 done',
        '9 gap',
        '1 done',
        '5 done',
      ]);
      const releasing = claim;
      await under.storage.release(releasing);
      give(7);
      await laterTurns();
      assert.equal(told.at(-1), '7 fenced');
    },
  );

  storageTest('Outcomes: a refusal behind a commit in flight, waits for its turn', open, async (under) => {
    const { claim } = await claimed(under);
    under.hold();
    const told: string[] = [];
    under.storage.commit(claim, commitOf(1), ({ kind }) => told.push(kind));
    await laterTurns();
    under.storage.commit(claim, commitOf(7), ({ kind }) => told.push(kind));
    const released = under.storage.release(claim);
    under.storage.commit(claim, commitOf(2), ({ kind }) => told.push(kind));
    await laterTurns();
    assert.deepEqual(told, []);
    under.letGo();
    await claimed(under); // waits for what is in flight
    assert.deepEqual(told, ['done', 'gap', 'fenced']);
    await released;
  });

  storageTest(
    'Commit: one part cannot be stored, stores none of it and may be given again',
    open,
    async (under) => {
      const who = claimer();
      const { claim } = await claimed(under, GRAIN, who);
      await done(under, claim, changing(1, set('by', 'x', 'text')));
      const bad = [push('log', 1), set('by', 'y', 1), add('by', 'x', 1)];
      const outcome = await hand(under.storage, claim, commitOf(2, { collections: bad, values: [2, 'bad'] }));
      assert.equal(kindOf(outcome), 'failed ERR_VALUE_INVALID none');
      assert.equal((await hand(under.storage, claim, commitOf(3))).kind, 'gap');
      assert.deepEqual((await claimed(under, GRAIN, who)).memory.values, { count: 1, note: null });
      assert.equal(await under.storage.listLength(claim, 'log'), 0);
      assert.equal(await under.storage.readEntry(claim, 'by', 'y'), undefined);
      await done(under, claim, changing(2, set('by', 'y', 2)));
      assert.deepEqual((await claimed(await under.crash())).memory.values, { count: 2, note: null });
    },
  );

  storageTest('Commit: names and keys that cannot be stored, fail and leave nothing', open, async (under) => {
    const { claim } = await claimed(under);
    const bad = [
      set('by', 'half \ud800 a pair', 1),
      set('by', 'k'.repeat(2_000), 1),
      set('a\u0000b', 'x', 1),
      push('', 1),
    ];
    for (const change of bad) {
      assert.equal(
        kindOf(await hand(under.storage, claim, changing(1, change))),
        'failed ERR_VALUE_INVALID none',
      );
    }
    await done(under, claim, changing(1, set('by', 'k'.repeat(512), 1)));
  });
}

export function failureContract(open: StorageFactory): void {
  storageTest(
    'Failed flush: surely not stored, fails all that was queued, and goes on when asked again',
    open,
    async (under) => {
      const { claim } = await claimed(under);
      await done(under, claim, changing(1, push('log', 1)));
      under.hold();
      under.failNext('none');
      const outcomes = [hand(under.storage, claim, changing(2, push('log', 2)))];
      await laterTurns();
      outcomes.push(hand(under.storage, claim, changing(3, push('log', 3))));
      under.letGo();
      assert.deepEqual((await Promise.all(outcomes)).map(kindOf), [
        'failed ERR_STORE_FULL none',
        'failed ERR_STORE_FULL none',
      ]);
      assert.equal((await hand(under.storage, claim, changing(4, push('log', 4)))).kind, 'gap');
      assert.equal((await hand(under.storage, claim, changing(3, push('log', 3)))).kind, 'gap');
      assert.deepEqual(await under.storage.readItems(claim, 'log', 0, 9), [1]);
      await done(under, claim, changing(2, push('log', 2)));
      await done(under, claim, changing(3, push('log', 3)));
      const again = await under.crash();
      assert.deepEqual(await again.storage.readItems((await claimed(again)).claim, 'log', 0, 9), [1, 2, 3]);
    },
  );

  storageTest('Failed flush: unknown but stored, answers done when asked again', open, async (under) => {
    const { claim } = await claimed(under);
    under.failNext('unknown_stored');
    const commit = changing(1, push('log', 1));
    assert.equal(kindOf(await hand(under.storage, claim, commit)), 'failed ERR_STORE_FAILED unknown');
    await done(under, claim, commit);
    await done(under, claim, changing(2, push('log', 2)));
    const again = await under.crash();
    assert.deepEqual(await again.storage.readItems((await claimed(again)).claim, 'log', 0, 9), [1, 2]);
  });

  storageTest('Failed flush: unknown and lost, is applied once when asked again', open, async (under) => {
    const { claim } = await claimed(under);
    under.failNext('unknown_lost');
    const commit = changing(1, push('log', 1));
    assert.equal(kindOf(await hand(under.storage, claim, commit)), 'failed ERR_STORE_FAILED unknown');
    await done(under, claim, commit);
    const again = await under.crash();
    assert.deepEqual(await again.storage.readItems((await claimed(again)).claim, 'log', 0, 9), [1]);
  });

  storageTest('Failed flush: another grain afterwards, commits as ever', open, async (under) => {
    const { claim } = await claimed(under);
    const other = await claimed(under, { ...GRAIN, key: 'LAX' });
    under.failNext('none');
    assert.equal((await hand(under.storage, claim, commitOf(1))).kind, 'failed');
    await done(under, other.claim, commitOf(1));
  });
}

export function durabilityContract(open: StorageFactory): void {
  storageTest(
    'Power loss: at any moment, keeps what was acknowledged and a beginning of the rest',
    open,
    async (under) => {
      let current = under;
      const acknowledged = new Map<string, number>();
      for (let round = 0; round < 4; round += 1) {
        const { storage } = current;
        for (let at = 0; at < 20; at += 1) {
          const grain = { ...GRAIN, key: `g${at}` };
          const { claim, memory } = await claimed(current, grain, claimer(`silo ${round}`));
          const before = Number(memory.values['count'] ?? 0);
          assert(before >= (acknowledged.get(grain.key) ?? 0), `${grain.key} lost a commit`);
          assert.equal(
            await storage.listLength(claim, 'log'),
            before,
            'a commit was stored in part, or twice',
          );
          for (let number = 1; number <= 5; number += 1) {
            const values = [before + number, null];
            storage.commit(
              claim,
              commitOf(number, { values, collections: [push('log', number)] }),
              ({ kind }) => {
                if (kind === 'done') acknowledged.set(grain.key, before + number);
              },
            );
            if ((at + number) % 7 === 0) await laterTurns(1);
          }
          // Some are surely durable, some surely not; of those in between either will do.
          if (at % 5 === 4 && at < 12) await done(current, claim, commitOf(5));
          if (at === 12) current.hold();
        }
        await laterTurns(3);
        assert(acknowledged.size > 0);
        current = await current.crash();
      }
    },
  );

  storageTest('Power loss: commits that wait for the flush, are gone whole', open, async (under) => {
    const { claim } = await claimed(under);
    await done(under, claim, changing(1, set('by', 'a', 1)));
    under.hold();
    const told: string[] = [];
    const commit = commitOf(2, { collections: [set('by', 'a', 2), push('log', 1)], values: [2, 'new'] });
    under.storage.commit(claim, commit, ({ kind }) => told.push(kind));
    await laterTurns();
    assert.deepEqual(told, [], 'acknowledged before it was durable');
    const after = await under.crash();
    const held = await claimed(after, GRAIN, claimer('B'));
    assert.deepEqual(held.memory.values, { count: 1, note: null });
    assert.equal(await after.storage.readEntry(held.claim, 'by', 'a'), 1);
    assert.equal(await after.storage.listLength(held.claim, 'log'), 0);
  });

  storageTest('Close: waits for what was handed over, then refuses everything', open, async (under) => {
    const { storage } = under;
    const { claim } = await claimed(under);
    const outcome = hand(storage, claim, commitOf(1));
    const record = storage.putRecord('r', 1);
    await storage.close();
    assert.equal((await outcome).kind, 'done');
    await record;
    const scan = { prefix: '', from: '', after: undefined, limit: 1 };
    const uses: (() => unknown)[] = [
      () => storage.claim(GRAIN, claimer()),
      () => storage.readEntry(claim, 'by', 'a'),
      () => storage.readEntries(claim, 'by', scan),
      () => storage.listLength(claim, 'log'),
      () => storage.readItems(claim, 'log', 0, 1),
      () => storage.readEmissions(GRAIN, 0, 1),
      () => storage.readLog(0, 1),
      () => storage.trimLog(1),
      () => storage.dueReminders(1, 1),
      () => storage.nextReminderMs(),
      () => storage.getRecord('r'),
      () => storage.putRecord('r', 2),
      () => storage.listRecords('', '', 1),
      () => storage.listGrains('default', 'airport', '', 1),
    ];
    for (const use of uses) await assert.rejects(async () => await use(), { code: 'ERR_SILO_DRAINING' });
    assert.equal(kindOf(await hand(storage, claim, commitOf(2))), 'failed ERR_SILO_DRAINING none');
    await storage.release(claim);
    storage.onAppend(() => undefined)();
    await storage.close();
  });
}
