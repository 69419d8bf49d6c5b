// Contract of GrainStorage, part 4: values, marks, commands, forgetting.
import assert from 'node:assert/strict';
import {
  add,
  ALL,
  changing,
  claimed,
  claimer,
  commandOf,
  commitOf,
  done,
  emissionOf,
  GRAIN,
  hand,
  laterTurns,
  markOf,
  partialCommit,
  push,
  reminderOf,
  set,
  type StorageFactory,
  storageTest,
  type StorageUnderTest,
} from './storage-harness.ts';
import { assertFrozen, freezeDeep, VALUES } from './storage-values.ts';

/** Reads the grain as the next owner after a crash does. */
async function afterCrash(under: StorageUnderTest): ReturnType<typeof claimed> {
  return await claimed(await under.crash(), GRAIN, claimer('next'));
}

export function valueContract(open: StorageFactory): void {
  storageTest('Values: of every kind, read back equal and frozen', open, async (under) => {
    const { claim } = await claimed(under);
    const [fieldNames, values] = [Object.keys(VALUES), Object.values(VALUES).map(freezeDeep)];
    await done(
      under,
      claim,
      commitOf(1, { fieldNames, values, changed: values.map((_, at) => at), schema: 3 }),
    );
    const { memory } = await afterCrash(under);
    assert.deepEqual(memory.values, VALUES);
    assert.equal(memory.schema, 3);
    assertFrozen(memory.values);
  });

  storageTest('Values: of one megabyte, read back equal; then small again', open, async (under) => {
    const { claim } = await claimed(under);
    const large = { text: 'ü'.repeat(500_000), bytes: new Uint8Array(50_000).fill(7) };
    await done(under, claim, commitOf(1, { values: [1, freezeDeep(large)] }));
    await done(under, claim, partialCommit(2, { values: [1, large], collections: [push('log', 1)] }));
    const next = await under.crash();
    const held = await claimed(next);
    assert.deepEqual(held.memory.values, { count: 1, note: large });
    await done(next, held.claim, commitOf(1, { values: [2, 'small'] }));
    await done(next, held.claim, partialCommit(2, { values: [2, 'small'], collections: [push('log', 2)] }));
    assert.deepEqual((await afterCrash(next)).memory.values, { count: 2, note: 'small' });
  });

  storageTest('Values: of a commit that changes only something else, stay', open, async (under) => {
    const { claim } = await claimed(under);
    await done(under, claim, commitOf(1, { values: [5, 'kept'] }));
    const wallMs = under.clock.wallMs();
    const values = [5, 'kept'];
    await done(under, claim, partialCommit(2, { values, marks: [markOf('s', 1, wallMs)] }));
    await done(under, claim, partialCommit(3, { values, emissions: [emissionOf(1)] }));
    await done(under, claim, partialCommit(4, { values, commands: [commandOf('c', wallMs)] }));
    await done(under, claim, partialCommit(5, { values, reminders: [['r', reminderOf('r', 9)]] }));
    assert.deepEqual((await afterCrash(under)).memory.values, { count: 5, note: 'kept' });
  });

  storageTest('Fields: another version of the Core, replaces names and schema', open, async (under) => {
    const { claim } = await claimed(under);
    await done(under, claim, commitOf(1));
    await done(under, claim, commitOf(2, { schema: 2, fieldNames: ['total'], values: [9], changed: [0] }));
    const { memory } = await afterCrash(under);
    assert.deepEqual([memory.schema, memory.values], [2, { total: 9 }]);
  });

  storageTest('Keys: of grains, 512 bytes and beyond ASCII, are kept apart', open, async (under) => {
    const keys = [
      'a',
      'A',
      'a ',
      '',
      'ü',
      'u\u0308',
      '😀',
      'k'.repeat(512),
      `${'k'.repeat(511)}l`,
      'ü'.repeat(256),
    ];
    const who = claimer();
    for (const [at, key] of keys.entries()) {
      const { claim } = await claimed(under, { ...GRAIN, key }, { ...who, activation: at });
      await done(
        under,
        claim,
        commitOf(1, { values: [at, key], collections: [set('by', 'k'.repeat(512), at)] }),
      );
    }
    const after = await under.crash();
    for (const [at, key] of keys.entries()) {
      const { claim, memory } = await claimed(after, { ...GRAIN, key });
      assert.deepEqual(memory.values, { count: at, note: key });
      assert.equal(await after.storage.readEntry(claim, 'by', 'k'.repeat(512)), at);
    }
  });
}

// ---- Marks, commands, forgetting ----

const HOUR_MS = 3_600_000;

export function markContract(open: StorageFactory): void {
  storageTest('Marks: the last of each source is kept, with its refusals', open, async (under) => {
    const { claim } = await claimed(under);
    const wallMs = under.clock.wallMs();
    const refused = markOf('session/ü', 7, wallMs, {
      attach: 3,
      refusals: [[6, 'ERR_FLOW_FAILED', 'no seat']],
    });
    await done(
      under,
      claim,
      commitOf(1, { marks: [markOf('session/ü', 5, wallMs), markOf('grain', 1, wallMs)] }),
    );
    await done(under, claim, commitOf(2, { marks: [refused] }));
    const { memory } = await afterCrash(under);
    assert.deepEqual(
      memory.marks,
      new Map([
        ['grain', markOf('grain', 1, wallMs)],
        ['session/ü', refused],
      ]),
    );
  });

  storageTest('Marks: older than 48 hours, are gone when the grain is claimed', open, async (under) => {
    const first = await claimed(under);
    const wallMs = under.clock.wallMs();
    const marks = [markOf('old', 1, wallMs), markOf('new', 1, wallMs + HOUR_MS)];
    await done(under, first.claim, commitOf(1, { marks }));
    await under.storage.release(first.claim);
    under.clock.jumpWall(48 * HOUR_MS + 1);
    const second = await claimed(under);
    assert.deepEqual(second.memory.marks, new Map([['new', marks[1]]]));
    await done(
      under,
      second.claim,
      partialCommit(1, { values: [1, null], marks: [markOf('third', 1, wallMs)] }),
    );
    under.clock.jumpWall(-48 * HOUR_MS);
    const { memory } = await afterCrash(under);
    assert.deepEqual([...(memory.marks?.keys() ?? [])].sort(), ['new', 'third'], 'deleted in passing');
    assert.deepEqual(memory.values, { count: 1, note: null });
  });

  storageTest(
    'Commands: are kept in order with every kind of outcome; a repetition is the newest',
    open,
    async (under) => {
      const { claim } = await claimed(under);
      const wallMs = under.clock.wallMs();
      const failed = {
        ...commandOf('p\u0000b', wallMs),
        outcome: { kind: 'error', code: 'ERR_X', message: 'no' },
      } as const;
      const big = { ...commandOf('p\u0000c', wallMs), outcome: { kind: 'done' } } as const;
      const bare = commandOf('p\u0000d', wallMs, undefined);
      await done(under, claim, commitOf(1, { commands: [commandOf('p\u0000a', wallMs), failed] }));
      await done(under, claim, commitOf(2, { commands: [big, bare] }));
      await done(under, claim, commitOf(3, { commands: [commandOf('p\u0000a', wallMs, { n: [1] })] }));
      const { memory } = await afterCrash(under);
      const expected = [failed, big, bare, commandOf('p\u0000a', wallMs, { n: [1] })];
      assert.deepEqual([...(memory.commands?.values() ?? [])], expected);
      assert.deepEqual(
        [...(memory.commands?.keys() ?? [])],
        expected.map(({ id }) => id),
      );
    },
  );

  storageTest('Commands: beyond the last thousand, or ten minutes old, are gone', open, async (under) => {
    const { claim } = await claimed(under);
    const wallMs = under.clock.wallMs();
    for (let number = 1; number <= 3; number += 1) {
      const commands = Array.from({ length: 600 }, (_, at) =>
        commandOf(`${number}.${at}`, wallMs + number * 60_000),
      );
      await done(under, claim, commitOf(number, { commands }));
    }
    const kept = async (): Promise<readonly string[]> => {
      const { memory, claim } = await claimed(under);
      await under.storage.release(claim);
      return [...(memory.commands?.keys() ?? [])];
    };
    assert.deepEqual(
      [(await kept()).length, (await kept())[0], (await kept())[999]],
      [1_000, '2.200', '3.599'],
    );
    under.clock.jumpWall(12 * 60_000);
    assert.deepEqual([(await kept()).length, (await kept())[0]], [600, '3.0']);
    const next = await claimed(under);
    await done(under, next.claim, commitOf(1, { commands: [commandOf('last', wallMs + 12 * 60_000)] }));
    under.clock.jumpWall(-12 * 60_000);
    assert.deepEqual([(await kept()).length, (await kept())[0], (await kept())[600]], [601, '3.0', 'last']);
  });
}

export function forgetContract(open: StorageFactory): void {
  for (const isHeld of [true, false]) {
    const state = isHeld ? 'together with what it erases' : 'after what it erases is flushed';
    storageTest(
      `Forget: ${state}, erases everything but marks, and what comes later is kept`,
      open,
      async (under) => {
        const { storage } = under;
        const { claim } = await claimed(under);
        const wallMs = under.clock.wallMs();
        if (isHeld) under.hold();
        const outcomes = [
          hand(
            storage,
            claim,
            commitOf(1, {
              values: [1, 'x'.repeat(10_000)],
              collections: [set('by', 'a', 1), set('by', 'b', 2), push('log', 1), push('log', 2)],
              marks: [markOf('s', 4, wallMs)],
              commands: [commandOf('c', wallMs)],
              emissions: [emissionOf(1), emissionOf(2)],
              reminders: [['r', reminderOf('r', 50)]],
            }),
          ),
        ];
        if (!isHeld) await outcomes[0];
        else await laterTurns();
        outcomes.push(
          hand(storage, claim, partialCommit(2, { forget: true, marks: [markOf('s', 5, wallMs)] })),
        );
        const reads = [storage.readEntries(claim, 'by', ALL), storage.listLength(claim, 'log')];
        under.letGo();
        assert.deepEqual(await Promise.all(reads.map(async (read) => await read)), [[], 0]);
        await Promise.all(outcomes);
        const next = await under.crash();
        const second = await claimed(next, GRAIN, claimer('B'));
        assert.deepEqual(second.memory.values, {});
        assert.deepEqual(second.memory.marks, new Map([['s', markOf('s', 5, wallMs)]]));
        assert.deepEqual(
          [second.memory.commands, second.memory.reminders, second.memory.emitted],
          [undefined, undefined, 0],
        );
        assert.deepEqual((await next.storage.readEmissions(GRAIN, 0, 9)).emissions, []);
        assert.deepEqual((await next.storage.readLog(0, 9)).entries, []);
        assert.deepEqual(await next.storage.dueReminders(1_000, 9), []);
        assert.deepEqual(await next.storage.listGrains('default', 'airport', '', 9), []);
        await done(next, second.claim, changing(1, set('by', 'b', 7), push('log', 9)));
        const last = await next.crash();
        const third = await claimed(last, GRAIN, claimer('C'));
        assert.deepEqual(third.memory.values, { count: 1, note: null });
        assert.deepEqual(await last.storage.readEntries(third.claim, 'by', ALL), [['b', 7]]);
        assert.deepEqual(await last.storage.readItems(third.claim, 'log', 0, 9), [9]);
      },
    );
  }

  storageTest('Forget: with new contents in the same commit, keeps exactly those', open, async (under) => {
    const { storage } = under;
    const { claim } = await claimed(under);
    await done(
      under,
      claim,
      commitOf(1, { collections: [set('by', 'a', 1), push('log', 1)], emissions: [emissionOf(1)] }),
    );
    under.hold();
    const outcomes = [hand(storage, claim, changing(2, set('by', 'b', 2), push('log', 2)))];
    const collections = [add('by', 'a', 5), push('log', 3)];
    const emissions = [emissionOf(1, 'anew')];
    outcomes.push(
      hand(storage, claim, commitOf(3, { forget: true, collections, emissions, emissionEpoch: 9 })),
    );
    const reads = [storage.readEntries(claim, 'by', ALL), storage.readItems(claim, 'log', 0, 9)];
    under.letGo();
    assert.deepEqual(await Promise.all(reads.map(async (read) => await read)), [[['a', 5]], [3]]);
    await Promise.all(outcomes);
    const next = await under.crash();
    const { memory, claim: heir } = await claimed(next);
    assert.deepEqual([memory.values, memory.emitted, memory.emissionEpoch], [{ count: 3, note: null }, 1, 9]);
    assert.deepEqual(await next.storage.readEntries(heir, 'by', ALL), [['a', 5]]);
    assert.deepEqual(await next.storage.readItems(heir, 'log', 0, 9), [3]);
    const page = await next.storage.readEmissions(GRAIN, 0, 9);
    assert.deepEqual(page, { emissionEpoch: 9, first: 1, last: 1, emissions: [emissionOf(1, 'anew')] });
    const log = (await next.storage.readLog(0, 9)).entries.map(({ emissionEpoch, emission }) => [
      emissionEpoch,
      emission,
    ]);
    assert.deepEqual(log, [[9, emissionOf(1, 'anew')]], 'the erased emission of the same number is a hole');
  });
}
