// Contract of GrainStorage, part 3: maps and lists, their order, and that reads see what was handed over (S5).
// Reads that are asked for while nothing is flushed may answer at once or wait for the flush; what counts is what they see.
import assert from 'node:assert/strict';
import type { Claim, EntryScan, GrainStorage } from '../../silo/internal.ts';
import {
  add,
  ALL,
  changing,
  claimed,
  clear,
  del,
  done,
  hand,
  laterTurns,
  push,
  set,
  type StorageFactory,
  storageTest,
  trim,
} from './storage-harness.ts';
import { assertFrozen, bytes, freezeDeep, VALUES } from './storage-values.ts';

const ORDERED = [
  '',
  '\u007f',
  'A',
  'Z',
  'a',
  'ab',
  'b',
  'ü',
  '\ud7ff',
  '\ue000',
  '\uffff',
  '𐀀',
  '😀',
  '\u{10ffff}',
];

async function keysOf(
  storage: GrainStorage,
  claim: Claim,
  scan: Partial<EntryScan> = {},
): Promise<readonly string[]> {
  return (await storage.readEntries(claim, 'by', { ...ALL, ...scan })).map(([key]) => key);
}

export function collectionContract(open: StorageFactory): void {
  for (const isHeld of [true, false]) {
    const state = isHeld ? 'while nothing is flushed' : 'after it is flushed';
    storageTest(
      `Scan: keys of every plane ${state}, come in the order of their bytes`,
      open,
      async (under) => {
        const { claim } = await claimed(under);
        if (isHeld) under.hold();
        const mixed = [...ORDERED].reverse();
        const outcome = hand(
          under.storage,
          claim,
          changing(1, ...mixed.map((key) => set('by', key, key.length))),
        );
        if (!isHeld) await outcome;
        const { storage } = under;
        const sorted = [...ORDERED].sort((left, right) =>
          Buffer.compare(Buffer.from(left), Buffer.from(right)),
        );
        const expected: readonly (readonly [Partial<EntryScan>, readonly string[]])[] = [
          [{}, sorted],
          [{ from: '\ue000' }, sorted.slice(sorted.indexOf('\ue000'))],
          [{ after: '\uffff' }, sorted.slice(sorted.indexOf('\uffff') + 1)],
          [{ prefix: 'a' }, ['a', 'ab']],
          [{ prefix: 'a', after: 'a' }, ['ab']],
          [{ prefix: 'a', from: 'Z' }, ['a', 'ab']],
          [{ prefix: 'a', from: 'b' }, []],
          [{ limit: 3 }, sorted.slice(0, 3)],
          [{ limit: 3, after: sorted[2] }, sorted.slice(3, 6)],
          [{ limit: 0 }, []],
        ];
        const found = expected.map(([scan]) => keysOf(storage, claim, scan));
        under.letGo();
        assert.deepEqual(
          await Promise.all(found),
          expected.map(([, keys]) => keys),
        );
        await outcome;
      },
    );
  }

  storageTest('Reads: of a map, see every commit handed over, over two flushes', open, async (under) => {
    const { storage } = under;
    const { claim } = await claimed(under);
    await done(
      under,
      claim,
      changing(1, set('by', 'a', 1), set('by', 'b', 2), set('by', 'c', 3), set('by', 'd', 4)),
    );
    under.hold();
    const read = async (): Promise<readonly unknown[]> => await storage.readEntries(claim, 'by', ALL);
    const outcomes = [
      hand(storage, claim, changing(2, del('by', 'b'), add('by', 'a', 10), set('by', 'bb', 0))),
    ];
    await laterTurns();
    const first = read();
    outcomes.push(
      hand(storage, claim, changing(3, add('by', 'a', 100), set('by', 'b', 'back'), del('by', 'bb'))),
    );
    outcomes.push(hand(storage, claim, changing(4, add('by', 'new', -1), add('by', 'a', 1), del('by', 'd'))));
    const expected = [
      ['a', 112],
      ['b', 'back'],
      ['c', 3],
      ['new', -1],
    ];
    const later = [
      read(),
      storage.readEntries(claim, 'by', { ...ALL, limit: 2 }),
      storage.readEntries(claim, 'by', { ...ALL, limit: 2, after: 'b' }),
      storage.readEntry(claim, 'by', 'a'),
      storage.readEntry(claim, 'by', 'd'),
    ];
    under.letGo();
    assert.deepEqual(await first, [
      ['a', 11],
      ['bb', 0],
      ['c', 3],
      ['d', 4],
    ]);
    assert.deepEqual(await Promise.all(later), [
      expected,
      expected.slice(0, 2),
      expected.slice(2),
      112,
      undefined,
    ]);
    await Promise.all(outcomes);
    assert.deepEqual(await read(), expected);
    const next = await under.crash();
    assert.deepEqual(await next.storage.readEntries((await claimed(next)).claim, 'by', ALL), expected);
  });

  storageTest('Reads: of a map that was cleared, see only what came after', open, async (under) => {
    const { storage } = under;
    const { claim } = await claimed(under);
    await done(under, claim, changing(1, set('by', 'a', 1), set('by', 'b', 2), set('other', 'a', 9)));
    under.hold();
    const outcomes = [hand(storage, claim, changing(2, set('by', 'c', 3)))];
    await laterTurns();
    outcomes.push(hand(storage, claim, changing(3, set('by', 'd', 4), clear('by'), add('by', 'b', 5))));
    const reads = [
      storage.readEntries(claim, 'by', ALL),
      storage.readEntry(claim, 'by', 'a'),
      storage.readEntry(claim, 'by', 'c'),
    ];
    under.letGo();
    assert.deepEqual(await Promise.all(reads), [[['b', 5]], undefined, undefined]);
    await Promise.all(outcomes);
    assert.deepEqual(await storage.readEntries(claim, 'by', ALL), [['b', 5]]);
    const next = await under.crash();
    const held = await claimed(next);
    assert.deepEqual(await next.storage.readEntries(held.claim, 'by', ALL), [['b', 5]]);
    assert.deepEqual(await next.storage.readEntries(held.claim, 'other', ALL), [['a', 9]]);
  });

  storageTest('Reads: of a list, see every commit handed over, over two flushes', open, async (under) => {
    const { storage } = under;
    const { claim } = await claimed(under);
    await done(under, claim, changing(1, push('log', 'a'), push('log', 'b'), push('log', 'c')));
    under.hold();
    const outcomes = [hand(storage, claim, changing(2, push('log', 'd'), trim('log', 3)))];
    await laterTurns();
    const reads: unknown[] = [storage.readItems(claim, 'log', 0, 9)];
    outcomes.push(
      hand(storage, claim, changing(3, push('log', 'e'), push('log', 'f'), trim('log', 4), push('log', 'g'))),
    );
    reads.push(
      storage.readItems(claim, 'log', 0, 99),
      storage.readItems(claim, 'log', 1, 3),
      storage.readItems(claim, 'log', 4, 9),
      storage.readItems(claim, 'log', 5, 9),
      storage.listLength(claim, 'log'),
    );
    outcomes.push(hand(storage, claim, changing(4, clear('log'), push('log', 'h'))));
    reads.push(storage.readItems(claim, 'log', 0, 9));
    under.letGo();
    assert.deepEqual(await Promise.all(reads), [
      ['b', 'c', 'd'],
      ['c', 'd', 'e', 'f', 'g'],
      ['d', 'e'],
      ['g'],
      [],
      5,
      ['h'],
    ]);
    await Promise.all(outcomes);
    await done(under, claim, changing(5, push('log', Object.freeze({ i: bytes(1) }))));
    const next = await under.crash();
    const held = await claimed(next);
    const items = await next.storage.readItems(held.claim, 'log', 0, 9);
    assert.deepEqual(items, ['h', { i: bytes(1) }]);
    assertFrozen(items[1]);
    assert.equal(await next.storage.listLength(held.claim, 'log'), 2);
    assert.equal(await next.storage.listLength(held.claim, 'none'), 0);
  });

  storageTest('Increments: overlapping and many, add up exactly', open, async (under) => {
    const { storage } = under;
    const { claim } = await claimed(under);
    const outcomes: Promise<unknown>[] = [];
    for (let number = 1; number <= 200; number += 1) {
      const key = number % 2 === 0 ? 'even' : 'odd';
      outcomes.push(hand(storage, claim, changing(number, add('by', key, number), add('by', 'all', 1))));
      if (number % 30 === 0) await laterTurns();
    }
    assert.equal(await storage.readEntry(claim, 'by', 'all'), 200);
    await Promise.all(outcomes);
    const expected = [
      ['all', 200],
      ['even', 10_100],
      ['odd', 10_000],
    ];
    const next = await under.crash();
    assert.deepEqual(await next.storage.readEntries((await claimed(next)).claim, 'by', ALL), expected);
  });

  storageTest('Entries: values of every kind, read back equal and frozen', open, async (under) => {
    const { claim } = await claimed(under);
    await done(
      under,
      claim,
      changing(1, ...Object.entries(VALUES).map(([key, value]) => set('by', key, freezeDeep(value)))),
    );
    const next = await under.crash();
    const entries = await next.storage.readEntries((await claimed(next)).claim, 'by', ALL);
    assert.deepEqual(Object.fromEntries(entries), VALUES);
    for (const [, value] of entries) assertFrozen(value);
  });
}
