import assert from 'node:assert/strict';
import { GrainError } from '../../../lib/index.ts';
import { findLogEnd, type LogBusOptions } from '../../../silo/internal.ts';
import { board, BusWorld, Hold, mailer, range, settle, tower } from './bus-world.ts';

const busy = new GrainError('ERR_MAILBOX_FULL');
const invalid = new GrainError('ERR_INPUT_INVALID');
const many = (count: number): object[] => Array.from({ length: count }, () => ({}));

/** A world whose storage fails when told, at the calls of these names. */
function failing(
  world: BusWorld,
  names: readonly ('readLog' | 'putRecord' | 'trimLog' | 'getRecord')[],
): { left: number } {
  const plan = { left: 0 };
  for (const name of names) {
    const { storage } = world;
    const original = storage[name].bind(storage) as (...args: never[]) => never;
    (storage as unknown as Record<string, unknown>)[name] = (...args: never[]): unknown => {
      if (plan.left <= 0) return original(...args);
      plan.left -= 1;
      const error = new GrainError('ERR_STORE_FAILED');
      if (name === 'putRecord') return Promise.reject(error);
      throw error;
    };
  }
  return plan;
}

describe('Log bus, over crashes, retention and operators', () => {
  describe('position', () => {
    it('a Core that listens for the first time begins at the end, or at the start when asked to', async () => {
      for (const [newReaders, expected] of [
        ['end', [4, 5]],
        ['start', [1, 2, 3, 4, 5]],
      ] as const) {
        const world = new BusWorld({ newReaders });
        world.emit('JFK', many(3));
        await settle();
        await world.start(tower);
        world.emit('JFK', many(2));
        await settle();
        assert.deepEqual(world.numbers('tower', 'JFK'), expected);
      }
    });

    it('a crash right after the first subscription, before anything was read: nothing emitted since is missed', async () => {
      const world = new BusWorld();
      world.emit('JFK', many(3));
      await world.start(tower);
      const old = world.storage;
      await world.crash();
      assert.notEqual(old, world.storage);
      world.emit('JFK', many(2));
      await settle();
      await world.crash(tower);
      assert.deepEqual(world.numbers('tower', 'JFK'), [4, 5]);
    });

    it('a Core hosted while the bus runs is delivered to as well', async () => {
      const world = new BusWorld();
      await world.start();
      world.bus.subscribeCore(tower);
      await settle();
      world.emit('JFK', many(1));
      await settle();
      assert.equal(world.applied.length, 1);
    });

    it('a definition that changes what it listens for: takes effect for what is read from then on', async () => {
      const world = new BusWorld();
      await world.start(tower);
      world.bus.subscribeCore({ ...tower, on: new Map([['core://airport/closed', 'note']]) });
      world.emit('JFK', many(1));
      world.emit('JFK', many(1), { event: 'closed' });
      await settle();
      assert.deepEqual(world.numbers('tower', 'JFK'), [2]);
    });

    it('a clean stop and start redelivers nothing, a crash redelivers and marks recognise it', async () => {
      const world = new BusWorld();
      await world.start(tower);
      world.emit('JFK', many(5));
      await settle();
      await world.bus.stop();
      await world.crash(tower);
      assert.equal(world.dispatched.length, 5);
      world.emit('JFK', many(5));
      await settle();
      assert.equal(world.dispatched.length, 10);
      await world.crash(tower);
      assert.equal(world.dispatched.length, 15, 'the position was not written yet');
      assert.deepEqual(world.numbers('tower', 'JFK'), range(1, 10));
    });

    it('positions are written at most once a second, or each 1,000 events; an idle reader writes nothing', async () => {
      const world = new BusWorld();
      let writes = 0;
      const put = world.storage.putRecord.bind(world.storage);
      world.storage.putRecord = (name, value) => {
        writes += 1;
        return put(name, value);
      };
      await world.start(tower);
      writes = 0;
      for (let round = 0; round < 90; round += 1) {
        world.emit('JFK', many(10));
        await settle();
      }
      assert.equal(writes, 0);
      await world.pass(1_000);
      assert.equal(writes, 1);
      await world.pass(100_000);
      assert.equal(writes, 1);
      world.emit('JFK', many(2_500));
      for (let turn = 0; turn < 10; turn += 1) await settle();
      assert.equal(writes, 3);
    });

    it('a stop waits for what runs, counts it, and starts nothing new', async () => {
      const world = new BusWorld();
      const hold = new Hold();
      world.script = () => hold.promise;
      await world.start(tower);
      world.emit('JFK', many(3));
      await settle();
      let isStopped = false;
      const stopping = world.bus.stop().then(() => (isStopped = true));
      await settle();
      assert.equal(isStopped, false);
      hold.release();
      await stopping;
      await settle();
      assert.deepEqual(world.dispatched, ['JFK 1']);
      await world.crash(tower);
      assert.deepEqual(world.dispatched, ['JFK 1', 'JFK 2', 'JFK 3']);
    });

    it('a delivery that never ends: a stop gives up after its bound', async () => {
      const world = new BusWorld({ stopMs: 5_000 });
      world.script = () => new Hold().promise;
      await world.start(tower);
      world.emit('JFK', many(1));
      await settle();
      let isStopped = false;
      const stopping = world.bus.stop().then(() => (isStopped = true));
      world.clock.advance(4_999);
      await settle();
      assert.equal(isStopped, false);
      world.clock.advance(1);
      await stopping;
    });
  });

  describe('crashes', () => {
    it('40 seeds, crashing again and again in the middle of deliveries: each event takes effect once, in order', async () => {
      for (let seed = 1; seed <= 40; seed += 1) await crashRun(seed);
    });

    it('stateless Cores have no marks: each event at least once', async () => {
      const world = new BusWorld();
      await world.start(mailer);
      world.emit('JFK', [{ n: 1 }, { n: 2 }]);
      await settle();
      await world.crash(mailer);
      assert.deepEqual(world.numbers('mailer', 'JFK'), [1, 2, 1, 2]);
    });

    it('storage that fails while reading, and while storing positions and letters: all is delivered in the end', async () => {
      const world = new BusWorld({ positionMs: 10 });
      await world.start(tower);
      const plan = failing(world, ['readLog', 'putRecord']);
      world.script = ({ mark }) => (mark?.seq === 3 ? invalid : undefined);
      for (let round = 0; round < 10; round += 1) {
        plan.left = 3;
        world.emit('JFK', many(2));
        await world.pass(500, 5);
      }
      plan.left = 0;
      await world.pass(120_000, 60);
      assert.deepEqual(world.numbers('tower', 'JFK'), [1, 2, ...range(4, 20)]);
      assert.equal((await world.bus.deadLetters('tower', { limit: 9 })).length, 1);
      const record = world.storage.getRecord('bus/position/tower') as { position: number };
      assert.equal(record.position, 20);
    });

    it('storage that fails when a Core is hosted: it is tried again', async () => {
      const world = new BusWorld();
      await world.start();
      const plan = failing(world, ['getRecord']);
      plan.left = 2;
      world.bus.subscribeCore(tower);
      await world.pass(10_000);
      world.emit('JFK', many(1));
      await settle();
      assert.equal(world.applied.length, 1);
    });
  });

  describe('dead letters', () => {
    it('a crash after the letter and before the position: it is not delivered again', async () => {
      const world = new BusWorld();
      world.script = ({ mark }) => (mark?.seq === 2 ? invalid : undefined);
      await world.start(tower);
      world.emit('JFK', many(3));
      await settle();
      world.script = () => undefined;
      await world.crash(tower);
      assert.deepEqual(world.numbers('tower', 'JFK'), [1, 3]);
      assert.equal(world.dispatched.filter((line) => line === 'JFK 2').length, 1);
    });

    it('redelivered while an earlier event of another source still fails, then a crash: it took effect once', async () => {
      const world = new BusWorld();
      let isDown = true;
      world.script = ({ principal }) =>
        principal.endsWith('slow') ? busy : isDown && principal.endsWith('JFK') ? invalid : undefined;
      await world.start(tower);
      world.emit('slow', many(1));
      world.emit('JFK', many(1));
      await settle();
      const [letter] = await world.bus.deadLetters('tower', { limit: 9 });
      assert.ok(letter);
      isDown = false;
      await world.bus.redeliver(letter.id);
      assert.deepEqual(world.numbers('tower', 'JFK'), [1]);
      assert.deepEqual(await world.bus.deadLetters('tower', { limit: 9 }), []);
      await world.crash(tower);
      assert.deepEqual(world.numbers('tower', 'JFK'), [1], 'not again');
    });

    it('redelivered after later events of its source took effect, twice at once: takes effect once', async () => {
      const world = new BusWorld();
      let isBad = true;
      world.script = ({ mark }) => (isBad && mark?.seq === 2 ? invalid : undefined);
      await world.start(tower);
      world.emit('JFK', many(3));
      await settle();
      isBad = false;
      const [letter] = await world.bus.deadLetters('tower', { limit: 9 });
      const outcomes = await Promise.allSettled([
        world.bus.redeliver(letter?.id ?? ''),
        world.bus.redeliver(letter?.id ?? ''),
      ]);
      assert.ok(outcomes.some(({ status }) => status === 'fulfilled'));
      assert.deepEqual(world.numbers('tower', 'JFK'), [1, 3, 2]);
    });

    it('redelivered in vain: the error, one try more; deleted; unknown', async () => {
      const world = new BusWorld();
      world.script = () => invalid;
      await world.start(tower);
      world.emit('JFK', many(1));
      await settle();
      const [letter] = await world.bus.deadLetters('tower', { limit: 9 });
      const id = letter?.id ?? '';
      world.script = () => new GrainError('ERR_FLOW_FAILED', { message: 'still' });
      await assert.rejects(world.bus.redeliver(id), { code: 'ERR_FLOW_FAILED' });
      const [again] = await world.bus.deadLetters('tower', { limit: 9 });
      assert.deepEqual([again?.attempts, again?.error], [2, { code: 'ERR_FLOW_FAILED', message: 'still' }]);
      await world.bus.deleteDeadLetter(id);
      assert.deepEqual(await world.bus.deadLetters('tower', { limit: 9 }), []);
      await assert.rejects(world.bus.deleteDeadLetter(id), { code: 'ERR_LETTER_UNKNOWN' });
      await assert.rejects(world.bus.redeliver(id), { code: 'ERR_LETTER_UNKNOWN' });
      await assert.rejects(world.bus.redeliver('nobody/1'), { code: 'ERR_LETTER_UNKNOWN' });
    });

    it('more letters than the bound: the oldest are dropped and counted, also counted anew after a restart', async () => {
      const world = new BusWorld({ lettersMax: 5 });
      world.script = () => invalid;
      await world.start(tower, board);
      world.emit('JFK', many(8));
      await settle();
      const numbers = async (core: string): Promise<number[]> =>
        (await world.bus.deadLetters(core, { limit: 99 })).map(({ n }) => n);
      assert.deepEqual(await numbers('tower'), range(4, 8));
      assert.equal(world.bus.report().lettersDropped, 6, 'three for each Core');
      await world.bus.stop();
      await world.crash(tower, board);
      world.emit('JFK', many(1));
      await settle();
      assert.deepEqual(await numbers('tower'), range(5, 9));
    });

    it('listed in pages', async () => {
      const world = new BusWorld();
      world.script = () => invalid;
      await world.start(tower, board);
      world.emit('JFK', many(5));
      await settle();
      const first = await world.bus.deadLetters('tower', { limit: 2 });
      const rest = await world.bus.deadLetters('tower', { limit: 99, after: first.at(-1)?.id });
      assert.deepEqual(
        [...first, ...rest].map(({ n }) => n),
        [1, 2, 3, 4, 5],
      );
    });
  });

  describe('retention', () => {
    const small: LogBusOptions = { entriesMax: 10, trimMs: 1_000 };

    it('by count, and by age: the log keeps what its bounds say', async () => {
      const world = new BusWorld({ ...small, ageMs: 3_600_000 });
      await world.start(tower);
      world.emit('JFK', many(30));
      await settle();
      await world.pass(1_000, 1);
      assert.equal(world.storage.readLog(0, 1).first, 21);
      await world.pass(3_500_000, 1);
      world.emit('JFK', many(2));
      await world.pass(200_000, 1);
      assert.equal(world.storage.readLog(0, 1).first, 31, 'the young ones stay');
      await world.pass(3_600_000, 2);
      assert.equal(world.storage.readLog(0, 1).first, 33);
      assert.equal(world.bus.report().trimmed, 32);
      assert.deepEqual(world.gaps, []);
      world.emit('JFK', many(1));
      await settle();
      assert.equal(world.applied.length, 33);
    });

    it('trimmed while the Core was not there: a reported gap, then what is left', async () => {
      const world = new BusWorld(small);
      await world.start(tower);
      world.emit('JFK', many(2));
      await settle();
      await world.bus.stop();
      await world.crash(board);
      world.emit('JFK', many(30));
      await world.pass(2_000);
      await world.bus.stop();
      await world.crash(tower);
      assert.deepEqual(world.gaps, [{ core: 'tower', replayId: undefined, from: 2, to: 22 }]);
      assert.deepEqual(world.numbers('tower', 'JFK'), [1, 2, ...range(23, 32)]);
      assert.equal(world.bus.report().readers[0]?.gaps, 1);
    });

    it('events beyond the number that their grain keeps: are delivered all the same', async () => {
      const world = new BusWorld();
      await world.start(tower);
      await world.bus.stop();
      await world.crash();
      world.emit('JFK', many(10), { kept: 3 });
      await settle();
      await world.crash(tower);
      assert.deepEqual(world.numbers('tower', 'JFK'), range(1, 10));
      assert.equal(world.bus.report().readers[0]?.holes, 0);
    });

    it('events that their grain forgot before the Core read them: counted as holes, not silently passed over', async () => {
      const world = new BusWorld();
      await world.start(tower);
      await world.bus.stop();
      await world.crash();
      world.emit('JFK', many(7));
      world.emit('JFK', many(3), { forget: true });
      await settle();
      await world.crash(tower);
      assert.deepEqual(world.numbers('tower', 'JFK'), range(8, 10));
      assert.equal(world.bus.report().readers[0]?.holes, 7);
    });

    it('trimming that passes a reader is counted; what a failing source had let go is a gap', async () => {
      const world = new BusWorld({ ...small, windowMax: 4 });
      let isDown = true;
      world.script = () => (isDown ? busy : undefined);
      await world.start(tower);
      world.emit('JFK', many(100));
      for (let turn = 0; turn < 5; turn += 1) await settle();
      await world.pass(2_000);
      isDown = false;
      await world.pass(120_000, 20);
      assert.deepEqual(world.numbers('tower', 'JFK'), [1, ...range(91, 100)]);
      assert.ok(world.gaps.length > 0);
    });

    it('storage that fails to trim: tried again later', async () => {
      const world = new BusWorld(small);
      await world.start();
      world.emit('JFK', many(30));
      const plan = failing(world, ['trimLog']);
      plan.left = 1;
      await world.pass(1_000, 1);
      assert.equal(world.storage.readLog(0, 1).first, 1);
      await world.pass(1_000, 1);
      assert.equal(world.storage.readLog(0, 1).first, 21);
    });

    it('the end of the log is found in few reads: empty, trimmed, from a known place', async () => {
      const world = new BusWorld();
      const { storage } = world;
      assert.equal(await findLogEnd(storage, 0), 0);
      for (const count of [1, 2, 61, 936]) {
        world.emit('JFK', many(count));
        await settle();
      }
      let reads = 0;
      const counted = {
        readLog: (after: number, limit: number) => {
          reads += 1;
          return storage.readLog(after, limit);
        },
      };
      assert.equal(await findLogEnd(counted, 0), 1_000);
      assert.ok(reads < 30, `${reads} reads`);
      assert.equal(await findLogEnd(storage, 999), 1_000);
      assert.equal(await findLogEnd(storage, 1_000), 1_000);
      storage.trimLog(1_000);
      assert.equal(await findLogEnd(storage, 0), 1_000);
    });
  });

  describe('replay', () => {
    it('from a position and from a time: takes effect again, beside the live reader, and ends', async () => {
      const world = new BusWorld();
      await world.start(tower);
      world.emit('JFK', many(3));
      await settle();
      world.clock.advance(60_000);
      const fromWallMs = world.clock.wallMs();
      world.emit('JFK', many(3));
      await settle();
      world.applied.length = 0;
      const id = await world.bus.replay('tower', { fromPosition: 1 });
      world.emit('JFK', many(1));
      await settle();
      assert.deepEqual(world.numbers('tower', 'JFK').sort(), [2, 3, 4, 5, 6, 7]);
      assert.equal(world.bus.report().readers.length, 1, 'the replay has ended');
      assert.equal(await world.bus.cancelReplay(id), false);
      world.applied.length = 0;
      await world.bus.replay('tower', { fromWallMs });
      await settle();
      assert.deepEqual(world.numbers('tower', 'JFK'), [4, 5, 6, 7]);
      assert.deepEqual(world.storage.listRecords('bus/replay/', '', 9), []);
    });

    it('a crash in the middle of a replay: it goes on, and each event takes effect once for it', async () => {
      const world = new BusWorld({ positionEntries: 3, concurrency: 1 });
      await world.start(tower);
      world.emit('JFK', many(20));
      await settle();
      world.applied.length = 0;
      let count = 0;
      world.script = () => (++count > 8 ? new Hold().promise : undefined);
      await world.bus.replay('tower', { fromPosition: 0 });
      await settle();
      assert.equal(world.applied.length, 8);
      world.script = () => undefined;
      await world.crash(tower);
      await settle();
      assert.deepEqual(world.numbers('tower', 'JFK'), range(1, 20));
      assert.deepEqual(world.storage.listRecords('bus/replay/', '', 9), []);
    });

    it('poison in a replay: a letter of its own; cancelled in the middle: it ends; older than the log: a gap', async () => {
      const world = new BusWorld();
      await world.start(tower);
      world.emit('JFK', many(6));
      await settle();
      world.storage.trimLog(2);
      const hold = new Hold();
      world.script = ({ mark }) => (mark?.seq === 4 ? invalid : mark?.seq === 5 ? hold.promise : undefined);
      const id = await world.bus.replay('tower', { fromPosition: 0 });
      await settle();
      assert.deepEqual(world.gaps, [{ core: 'tower', replayId: id, from: 0, to: 2 }]);
      const [letter] = await world.bus.deadLetters('tower', { limit: 9 });
      assert.deepEqual([letter?.n, letter?.replayId], [4, id]);
      const cancelled = world.bus.cancelReplay(id);
      hold.release();
      assert.equal(await cancelled, true);
      await settle();
      assert.equal(world.dispatched.at(-1), 'JFK 5');
      assert.deepEqual(world.storage.listRecords('bus/replay/', '', 9), []);
      world.script = () => undefined;
      await world.bus.redeliver(letter?.id ?? '');
      assert.equal(world.numbers('tower', 'JFK').filter((n) => n === 4).length, 2);
    });

    it('of a Core that is not there or listens to nothing: ERR_CORE_UNKNOWN; of an empty log: ends at once', async () => {
      const world = new BusWorld();
      await world.start(tower, { ...board, on: new Map() });
      await assert.rejects(world.bus.replay('board', { fromPosition: 0 }), { code: 'ERR_CORE_UNKNOWN' });
      await assert.rejects(world.bus.replay('nobody', { fromPosition: 0 }), { code: 'ERR_CORE_UNKNOWN' });
      await world.bus.replay('tower', { fromPosition: 0 });
      await settle();
      assert.equal(world.bus.report().readers.length, 1);
    });
  });
});

/** One seeded run: events, failures and crashes; checks order and effect at the end. */
async function crashRun(seed: number): Promise<void> {
  const world = new BusWorld({ positionEntries: 7, windowMax: 12, concurrency: 4 });
  const random = (): number => world.rng.next();
  for (let skip = 0; skip < seed; skip += 1) random();
  world.script = async () => {
    for (let wait = Math.floor(random() * 6); wait > 0; wait -= 1) await Promise.resolve();
    return random() < 0.1 ? busy : undefined;
  };
  const sources = ['a', 'b', 'c'];
  const last: Record<string, number> = {};
  await world.start(tower, board);
  for (let round = 0; round < 6; round += 1) {
    for (const source of sources) {
      last[source] = world.emit(
        source,
        [{ to: 'x' }, { to: 'y' }, { to: 'x' }].slice(0, 1 + Math.floor(random() * 3)),
      );
    }
    for (let wait = Math.floor(random() * 40); wait > 0; wait -= 1) await Promise.resolve();
    if (random() < 0.5) await world.pass(random() * 3_000, 2);
    if (random() < 0.7) await world.crash(tower, board);
  }
  await world.pass(120_000, 30);
  for (const source of sources) {
    for (const core of ['tower', 'board']) {
      const expected = range(1, last[source] ?? 0);
      assert.deepEqual(world.numbers(core, source), expected, `seed ${seed}, ${core} from ${source}`);
    }
  }
}
