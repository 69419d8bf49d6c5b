// Contract of GrainStorage, part 5: emissions, the log, reminders, records and listings.
import assert from 'node:assert/strict';
import type { GrainId } from '../../lib/index.ts';
import type { LogEntry } from '../../silo/internal.ts';
import {
  claimed,
  commitOf,
  done,
  emissionOf,
  GRAIN,
  hand,
  laterTurns,
  partialCommit,
  reminderOf,
  type StorageFactory,
  storageTest,
  type StorageUnderTest,
} from './storage-harness.ts';

const LAX: GrainId = { ...GRAIN, key: 'LAX' };

const said = ({ source, emission }: LogEntry): string => `${source.key} ${emission.n}`;

async function emit(under: StorageUnderTest, grain: GrainId, ...numbers: readonly number[]): Promise<void> {
  const { claim } = await claimed(under, grain);
  await done(under, claim, commitOf(1, { emissions: numbers.map((n) => emissionOf(n)), emissionEpoch: 4 }));
  await under.storage.release(claim);
}

export function emissionContract(open: StorageFactory): void {
  storageTest('Emissions: are read in pages, by anybody, once they are durable', open, async (under) => {
    const { storage } = under;
    assert.deepEqual(await storage.readEmissions(GRAIN, 0, 9), {
      emissionEpoch: 0,
      first: 1,
      last: 0,
      emissions: [],
    });
    await emit(under, GRAIN, 1, 2, 3, 4, 5);
    const page = await storage.readEmissions(GRAIN, 0, 2);
    assert.deepEqual(page, {
      emissionEpoch: 4,
      first: 1,
      last: 5,
      emissions: [emissionOf(1), emissionOf(2)],
    });
    assert.deepEqual((await storage.readEmissions(GRAIN, 4, 9)).emissions, [emissionOf(5)]);
    assert.deepEqual((await storage.readEmissions(GRAIN, 5, 9)).emissions, []);
    const { claim, memory } = await claimed(under);
    assert.deepEqual([memory.emitted, memory.emissionEpoch], [5, 4]);
    under.hold();
    const outcome = hand(storage, claim, commitOf(1, { emissions: [emissionOf(6)], emissionEpoch: 4 }));
    assert.equal((await storage.readEmissions(GRAIN, 0, 9)).last, 5, 'not durable yet');
    under.letGo();
    await outcome;
    assert.equal((await storage.readEmissions(GRAIN, 0, 9)).last, 6);
  });

  storageTest(
    'Emissions: beyond the number kept, go with the commit that exceeds it',
    open,
    async (under) => {
      const { storage } = under;
      const { claim } = await claimed(under);
      const give = (number: number, ...numbers: readonly number[]): Promise<void> =>
        done(
          under,
          claim,
          commitOf(number, { emissions: numbers.map((n) => emissionOf(n)), emissionsKept: 3 }),
        );
      await give(1, 1, 2);
      await give(2, 3, 4);
      let page = await storage.readEmissions(GRAIN, 0, 9);
      assert.deepEqual([page.first, page.last, page.emissions.map(({ n }) => n)], [2, 4, [2, 3, 4]]);
      await give(3, 5, 6, 7, 8, 9);
      page = await storage.readEmissions(GRAIN, 1, 2);
      assert.deepEqual([page.first, page.last, page.emissions.map(({ n }) => n)], [7, 9, [7, 8]]);
      const next = await under.crash();
      assert.deepEqual(
        (await next.storage.readEmissions(GRAIN, 0, 9)).emissions.map(({ n }) => n),
        [7, 8, 9],
      );
      assert.equal((await claimed(next)).memory.emitted, 9);
    },
  );

  storageTest('Log: keeps the order of each source, in pages, over crashes', open, async (under) => {
    const { claim } = await claimed(under);
    const other = await claimed(under, LAX);
    const outcomes = [1, 2, 3].flatMap((number) => [
      hand(
        under.storage,
        claim,
        commitOf(number, { emissions: [emissionOf(2 * number - 1), emissionOf(2 * number)] }),
      ),
      hand(under.storage, other.claim, commitOf(number, { emissions: [emissionOf(number)] })),
    ]);
    await Promise.all(outcomes);
    const next = await under.crash();
    const seen: string[] = [];
    let last = 0;
    for (;;) {
      const page = await next.storage.readLog(last, 2);
      assert.equal(page.first, 1);
      assert(page.entries.length <= 2);
      for (const entry of page.entries) {
        assert(entry.position > last);
        last = entry.position;
        assert.deepEqual(entry.emission, emissionOf(entry.emission.n));
        seen.push(said(entry));
      }
      if (page.last === last && page.entries.length === 0) break;
      last = page.last;
    }
    assert.deepEqual(
      seen.filter((text) => text.startsWith('JFK')),
      [1, 2, 3, 4, 5, 6].map((n) => `JFK ${n}`),
    );
    assert.deepEqual(
      seen.filter((text) => text.startsWith('LAX')),
      [1, 2, 3].map((n) => `LAX ${n}`),
    );
    assert.deepEqual(await next.storage.readLog(last, 2), { first: 1, last, entries: [] });
  });

  storageTest(
    'Log: beyond the number that a grain keeps, stays whole until it is trimmed',
    open,
    async (under) => {
      const { claim } = await claimed(under);
      const give = (number: number, n: number, kept: number): Promise<void> =>
        done(under, claim, commitOf(number, { emissions: [emissionOf(n)], emissionsKept: kept }));
      for (let n = 1; n <= 5; n += 1) await give(n, n, n === 5 ? 0 : 2);
      assert.deepEqual((await under.storage.readEmissions(GRAIN, 0, 9)).emissions, []);
      const { entries } = await under.storage.readLog(0, 9);
      assert.deepEqual(
        entries.map(said),
        [1, 2, 3, 4, 5].map((n) => `JFK ${n}`),
      );
      await under.storage.trimLog(entries[2]?.position ?? 0);
      const next = await under.crash();
      assert.deepEqual((await next.storage.readLog(0, 9)).entries.map(said), ['JFK 4', 'JFK 5']);
      // What a grain forgets is gone from the log too, also what only the log still had.
      const again = await claimed(next);
      await done(next, again.claim, commitOf(1, { forget: true }));
      assert.deepEqual((await next.storage.readLog(0, 9)).entries, []);
    },
  );

  storageTest('Log: wakes its readers when entries are there, until they end it', open, async (under) => {
    const { storage } = under;
    const seen: (number | Promise<number>)[] = [];
    const end = storage.onAppend(() => {
      const page = storage.readLog(0, 99);
      seen.push(page instanceof Promise ? page.then(({ entries }) => entries.length) : page.entries.length);
    });
    const whenWoken = async (count: number): Promise<void> => {
      while (seen.length < count) await laterTurns();
    };
    await emit(under, GRAIN, 1, 2);
    await whenWoken(1);
    await emit(under, LAX, 1);
    await whenWoken(2);
    const { claim } = await claimed(under);
    await done(under, claim, commitOf(1));
    end();
    await emit(under, { ...GRAIN, key: 'ATL' }, 1);
    assert.equal((await storage.readLog(0, 99)).entries.length, 4);
    assert.deepEqual(await Promise.all(seen.map(async (count) => await count)), [2, 3]);
  });

  storageTest(
    'Log: trimmed, begins later, also after restarts; positions never come again',
    open,
    async (under) => {
      await emit(under, GRAIN, 1, 2, 3);
      const { last } = await under.storage.readLog(0, 9);
      const second = (await under.storage.readLog(0, 2)).last;
      await under.storage.trimLog(second);
      const page = await under.storage.readLog(0, 9);
      assert.deepEqual([page.first, page.entries.map(said)], [second + 1, ['JFK 3']]);
      assert.equal(
        (await under.storage.readEmissions(GRAIN, 0, 9)).emissions.length,
        3,
        'the grain keeps its own',
      );
      await under.storage.trimLog(last);
      await under.storage.trimLog(1);
      await under.storage.trimLog(last + 1_000);
      const next = await under.crash();
      assert.deepEqual(await next.storage.readLog(0, 9), { first: last + 1, last, entries: [] });
      await emit(next, LAX, 1);
      const after = await next.storage.readLog(0, 9);
      assert.deepEqual(after.entries.map(said), ['LAX 1']);
      assert(after.last > last);
      const reopened = await next.reopen();
      assert.deepEqual(await reopened.storage.readLog(0, 9), after);
    },
  );
}

export function reminderContract(open: StorageFactory): void {
  storageTest(
    'Reminders: set, moved and deleted, are found by due time over restarts',
    open,
    async (under) => {
      const { storage } = under;
      assert.equal(await storage.nextReminderMs(), undefined);
      const { claim } = await claimed(under);
      const other = await claimed(under, LAX);
      const cron = reminderOf('ü', 500.5, {
        cron: '0 * * * *',
        timeZone: 'Europe/Zurich',
        missed: { catchUp: 3 },
      });
      await done(
        under,
        claim,
        commitOf(1, {
          reminders: [
            ['a', reminderOf('a', 300)],
            ['ü', cron],
          ],
        }),
      );
      await done(
        under,
        other.claim,
        commitOf(1, { reminders: [['a', reminderOf('a', 400, { everyMs: 10, input: undefined })]] }),
      );
      assert.equal(await storage.nextReminderMs(), 300);
      const due = async (untilMs: number, limit = 9): Promise<readonly string[]> =>
        (await next.storage.dueReminders(untilMs, limit)).map(
          ({ grain, name, dueMs }) => `${grain.key} ${name} ${dueMs}`,
        );
      let next = under;
      const all = ['JFK a 300', 'LAX a 400', 'JFK ü 500.5'];
      assert.deepEqual(
        [await due(299), await due(300), await due(500), await due(501)],
        [[], all.slice(0, 1), all.slice(0, 2), all],
      );
      assert.deepEqual(await due(1_000, 2), all.slice(0, 2));
      next = await under.crash();
      assert.deepEqual(await due(1_000), all);
      const held = await claimed(next);
      assert.deepEqual(
        held.memory.reminders,
        new Map([
          ['a', reminderOf('a', 300)],
          ['ü', cron],
        ]),
      );
      const moved = partialCommit(1, {
        values: [1, null],
        reminders: [
          ['a', reminderOf('a', 900)],
          ['ü', undefined],
        ],
      });
      await done(next, held.claim, moved);
      await done(
        next,
        held.claim,
        partialCommit(2, { values: [1, null], reminders: [['never', undefined]] }),
      );
      assert.deepEqual(await due(1_000), ['LAX a 400', 'JFK a 900']);
      next = await next.crash();
      assert.deepEqual(await due(1_000), ['LAX a 400', 'JFK a 900']);
      assert.deepEqual((await claimed(next)).memory.reminders, new Map([['a', reminderOf('a', 900)]]));
    },
  );

  storageTest('Reminders: moved twice in one flush, leave one trace', open, async (under) => {
    const { claim } = await claimed(under);
    await done(under, claim, commitOf(1, { reminders: [['a', reminderOf('a', 100)]] }));
    await Promise.all([
      hand(
        under.storage,
        claim,
        commitOf(2, {
          reminders: [
            ['a', reminderOf('a', 200)],
            ['b', reminderOf('b', 1)],
          ],
        }),
      ),
      hand(
        under.storage,
        claim,
        commitOf(3, {
          reminders: [
            ['a', reminderOf('a', 300)],
            ['b', undefined],
          ],
        }),
      ),
    ]);
    const due = (await under.storage.dueReminders(1_000, 9)).map(({ name, dueMs }) => [name, dueMs]);
    assert.deepEqual(due, [['a', 300]]);
  });
}

export function recordContract(open: StorageFactory): void {
  storageTest(
    'Records: put, replaced and deleted, are read at once and after a crash',
    open,
    async (under) => {
      const { storage } = under;
      assert.equal(await storage.getRecord('bus/position'), undefined);
      const first = storage.putRecord('bus/position', { at: 1, bytes: new Uint8Array([1]) });
      assert.deepEqual(await storage.getRecord('bus/position'), { at: 1, bytes: new Uint8Array([1]) });
      await first;
      await Promise.all([storage.putRecord('a', 1), storage.putRecord('a', 2), storage.putRecord('gone', 1)]);
      await storage.putRecord('gone', undefined);
      under.hold();
      void storage.putRecord('a', 3).catch(() => undefined); // the process ends before it is told
      assert.equal(await storage.getRecord('a'), 3);
      const next = await under.crash();
      under.letGo();
      assert.equal(await next.storage.getRecord('a'), 2);
      assert.equal(await next.storage.getRecord('gone'), undefined);
      assert.deepEqual(await next.storage.getRecord('bus/position'), { at: 1, bytes: new Uint8Array([1]) });
    },
  );

  storageTest(
    'Records: listed, come by prefix in order and in pages, what waits included',
    open,
    async (under) => {
      const { storage } = under;
      for (const name of ['dead/1', 'dead/2', 'dead/𐀀', 'dead/\uffff', 'death', 'x'])
        await storage.putRecord(name, name);
      under.hold();
      const waiting = [storage.putRecord('dead/10', 'new'), storage.putRecord('dead/2', undefined)];
      const names = async (after: string, limit: number): Promise<readonly string[]> =>
        (await storage.listRecords('dead/', after, limit)).map(([name]) => name);
      assert.deepEqual(await names('', 9), ['dead/1', 'dead/10', 'dead/\uffff', 'dead/𐀀']);
      assert.deepEqual(await names('', 2), ['dead/1', 'dead/10']);
      assert.deepEqual(await names('dead/10', 2), ['dead/\uffff', 'dead/𐀀']);
      assert.equal((await storage.listRecords('', '', 99)).length, 6);
      under.letGo();
      await Promise.all(waiting);
      assert.deepEqual(await names('dead/1', 9), ['dead/10', 'dead/\uffff', 'dead/𐀀']);
    },
  );

  storageTest('Listing: grains of one Core and tenant, come in order and in pages', open, async (under) => {
    const keys = ['b', 'a', '\uffff', '𐀀', 'ab'];
    for (const key of keys) await emit(under, { ...GRAIN, key }, 1);
    await emit(under, { ...GRAIN, core: 'airports', key: 'no' }, 1);
    await emit(under, { ...GRAIN, tenant: 'default2', key: 'no' }, 1);
    await claimed(under, { ...GRAIN, key: 'never committed' });
    const list = async (after: string, limit: number): Promise<readonly string[]> =>
      await under.storage.listGrains('default', 'airport', after, limit);
    assert.deepEqual(await list('', 9), ['a', 'ab', 'b', '\uffff', '𐀀']);
    assert.deepEqual(await list('', 2), ['a', 'ab']);
    assert.deepEqual(await list('ab', 2), ['b', '\uffff']);
    assert.deepEqual(await list('𐀀', 2), []);
  });
}
