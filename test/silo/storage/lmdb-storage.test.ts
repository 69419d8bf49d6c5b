import assert from 'node:assert/strict';
import { GrainError } from '../../../lib/index.ts';
import type { StoreEnvironment } from '../../../silo/internal.ts';
import {
  claimed,
  clear,
  commandOf,
  commitOf,
  done,
  emissionOf,
  GRAIN,
  markOf,
  partialCommit,
  push,
  reminderOf,
  set,
  type StorageUnderTest,
  trim,
} from '../../contract/storage-harness.ts';
import { storageContract } from '../../contract/storage.contract.ts';
import { Folders, newClock, openUnderTest } from './lmdb-harness.ts';

storageContract('LmdbStorage', async () => {
  const folders = new Folders();
  return await openUnderTest(folders, folders.next(), newClock());
});

type TableName = keyof StoreEnvironment['tables'];

function rowsOf({ tables }: StoreEnvironment, table: TableName): number {
  let count = 0;
  tables[table].scan('\u0000', '\u{10ffff}', () => {
    count += 1;
    return true;
  });
  return count;
}

describe('LmdbStorage: rows', () => {
  let folders: Folders;
  let environment: StoreEnvironment;
  let writes = 0;
  let isLogDamaged = false;
  let under: StorageUnderTest;
  beforeEach(async () => {
    folders = new Folders();
    isLogDamaged = false;
    under = await openUnderTest(folders, folders.next(), newClock(), (opened) => {
      environment = opened;
      const { log } = opened.tables;
      const scan: typeof log.scan = (...given) => {
        if (isLogDamaged) throw new GrainError('ERR_STORE_CORRUPT');
        log.scan(...given);
      };
      const damaged = { get: (key: string) => log.get(key), scan, lastKey: () => log.lastKey() };
      return {
        ...opened,
        tables: { ...opened.tables, log: damaged },
        write: (rows) => ((writes += 1), opened.write(rows)),
      };
    });
  });
  afterEach(async () => await folders.dispose());

  const count = (table: TableName): number => rowsOf(environment, table);

  it('Shortened and replaced: leave no rows behind', async () => {
    const { claim } = await claimed(under);
    const wallMs = under.clock.wallMs();
    const items = Array.from({ length: 10 }, (_, at) => push('log', at));
    const commands = Array.from({ length: 1_500 }, (_, at) => commandOf(`c${at}`, wallMs));
    const emissions = Array.from({ length: 8 }, (_, at) => emissionOf(at + 1));
    const large = [1, 'x'.repeat(9_000)];
    const parts = { commands, emissions, emissionsKept: 3, values: large };
    const reminders = [['r', reminderOf('r', 1)] as const];
    await done(under, claim, commitOf(1, { ...parts, collections: [...items, trim('log', 4)], reminders }));
    assert.deepEqual(
      [count('items'), count('commands'), count('emissions'), count('values')],
      [4, 1_000, 8, 1],
    );
    assert.deepEqual([count('log'), count('due'), count('reminders')], [8, 1, 1]);
    const collections = [set('by', 'a', 1), trim('log', 1), push('log', 9), trim('log', 1)];
    const moved = [['r', reminderOf('r', 5)] as const];
    await done(
      under,
      claim,
      commitOf(2, { collections, reminders: moved, commands: commands.slice(0, 700) }),
    );
    assert.deepEqual([count('items'), count('commands'), count('values')], [1, 1_000, 0]);
    assert.deepEqual([count('due'), count('reminders'), count('entries')], [1, 1, 1]);
    await under.storage.trimLog(1_000);
    await done(
      under,
      claim,
      commitOf(3, { collections: [clear('by'), clear('log')], reminders: [['r', undefined]] }),
    );
    assert.deepEqual(
      [count('items'), count('entries'), count('due'), count('reminders'), count('log')],
      [0, 0, 0, 0, 0],
    );
    assert.equal(count('emissions'), 3, 'the log is past all; the grain keeps three');
    await done(under, claim, commitOf(4, { emissions: [9, 10].map((n) => emissionOf(n)), emissionsKept: 1 }));
    assert.deepEqual([count('emissions'), count('log')], [2, 2], 'the grain keeps one, the log two');
  });

  it('Forgotten: leaves the head and marks only', async () => {
    const { claim } = await claimed(under);
    const wallMs = under.clock.wallMs();
    await done(
      under,
      claim,
      commitOf(1, {
        values: [1, 'x'.repeat(9_000)],
        collections: [set('by', 'a', 1), push('log', 1)],
        marks: [markOf('s', 1, wallMs)],
        commands: [commandOf('c', wallMs)],
        emissions: [emissionOf(1), emissionOf(2)],
        reminders: [['r', reminderOf('r', 1)]],
      }),
    );
    await done(under, claim, partialCommit(2, { forget: true }));
    const kept: readonly TableName[] = ['grains', 'marks', 'log', 'meta'];
    const left = (Object.keys(environment.tables) as TableName[]).filter((table) => count(table) > 0);
    assert.deepEqual(left.sort(), [...kept].sort());
  });

  it('Many grains at once: are written in more than one batch', async () => {
    const claims = await Promise.all(
      Array.from({ length: 2_500 }, async (_, at) => await claimed(under, { ...GRAIN, key: `g${at}` })),
    );
    writes = 0;
    await Promise.all(claims.map(({ claim }) => done(under, claim, commitOf(1))));
    assert.deepEqual([count('grains'), writes], [2_500, 3]);
  });

  it('Many commits of few grains: are written in few batches', async () => {
    const { claim } = await claimed(under);
    writes = 0;
    const numbers = Array.from({ length: 1_000 }, (_, at) => at + 1);
    await Promise.all(numbers.map((number) => done(under, claim, commitOf(number))));
    assert.equal(writes, 1);
  });

  it('Old rows of the log: go in as many batches as it takes', async () => {
    const { claim } = await claimed(under);
    const emissions = Array.from({ length: 2_400 }, (_, at) => emissionOf(at + 1));
    await done(under, claim, commitOf(1, { emissions, emissionsKept: 10_000 }));
    await under.storage.trimLog(2_399);
    const positions = (await under.storage.readLog(0, 9)).entries.map(({ position }) => position);
    assert.deepEqual(positions, [2_400], 'gone for readers at once');
    while (count('log') > 1) await new Promise<void>((resolve) => under.clock.defer(resolve));
  });

  it('Failed batches: are not tried again by themselves', async () => {
    const { claim } = await claimed(under);
    await done(under, claim, commitOf(1, { emissions: [emissionOf(1)] }));
    under.failNext('none');
    writes = 0;
    await assert.rejects(async () => await under.storage.trimLog(1), { code: 'ERR_STORE_FULL' });
    for (let turn = 0; turn < 20; turn += 1) await new Promise<void>((resolve) => under.clock.defer(resolve));
    assert.equal(writes, 0, 'the failure was before the write; a second try would have come here');
    assert.equal((await under.storage.readLog(0, 9)).first, 1);
    await under.storage.trimLog(1);
    assert.equal((await under.storage.readLog(0, 9)).first, 2);
  });

  it('Damaged log: trimming fails by its code, commits in the same batch do not', async () => {
    const { claim } = await claimed(under);
    await done(under, claim, commitOf(1, { emissions: [emissionOf(1), emissionOf(2)] }));
    isLogDamaged = true;
    const trimmed = assert.rejects(async () => await under.storage.trimLog(1), { code: 'ERR_STORE_CORRUPT' });
    await done(under, claim, commitOf(2));
    await trimmed;
    await done(under, claim, commitOf(3));
    assert.deepEqual((await claimed(await under.crash())).memory.values, { count: 3, note: null });
  });

  it('Epochs: a million claims in one process, go on past the block that was reserved', async () => {
    let last = 0;
    const { directory } = under;
    for (let activation = 1; activation <= 1_100_000; activation += 1) {
      const outcome = directory.register(GRAIN, {
        incarnation: 'A',
        activation,
        view: 1,
        living: new Set(['A']),
      });
      assert(!(outcome instanceof Promise) && outcome.kind === 'registered');
      assert(outcome.address.epoch > last);
      last = outcome.address.epoch;
      if (activation % 100_000 === 0) await new Promise<void>((resolve) => under.clock.defer(resolve));
      if (activation === 600_000) await under.storage.putRecord('any', 1);
    }
    const { claim } = await claimed(await under.crash());
    assert(claim.address.epoch > last);
  });
});
