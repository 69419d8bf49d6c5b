import assert from 'node:assert/strict';
import { GrainError } from '../../../lib/index.ts';
import { board, BusWorld, Hold, mailer, range, settle, tower } from './bus-world.ts';

const busy = new GrainError('ERR_MAILBOX_FULL');
const threw = new GrainError('ERR_FLOW_FAILED', { message: 'planted' });
const to = (...keys: string[]): { to: string }[] => keys.map((key) => ({ to: key }));

describe('Log bus', () => {
  describe('delivery', () => {
    it('an event of one Core reaches the grain that its data names, in the same tenant, as itself', async () => {
      const world = new BusWorld();
      const envelopes: unknown[] = [];
      world.script = ({ kind, tenant, core, key, flow, input, principal, mark }) => {
        envelopes.push({ kind, tenant, core, key, flow, input, principal, mark });
        return undefined;
      };
      await world.start(board);
      world.emit('JFK', [{ to: 'LAX', minutes: 5 }], { tenant: 'acme' });
      world.emit('JFK', [{ to: 'LAX' }], { event: 'other' });
      world.emit('JFK', [{ to: 'LAX' }], { core: 'airports' });
      await settle();
      assert.deepEqual(envelopes, [
        {
          kind: 'bus',
          tenant: 'acme',
          core: 'board',
          key: 'LAX',
          flow: 'core://airport/delayed',
          input: { to: 'LAX', minutes: 5 },
          principal: 'core:acme/airport/JFK',
          mark: { source: 'bus:board:acme/airport/JFK#1', attach: 0, seq: 1, prev: 0 },
        },
      ]);
    });

    it('singleton and stateless Cores: the key is empty and undefined; without memory there is no mark', async () => {
      const world = new BusWorld();
      const keys: unknown[] = [];
      world.script = ({ core, key, mark }) => {
        keys.push([core, key, mark !== undefined]);
        return undefined;
      };
      await world.start(tower, mailer);
      world.emit('JFK', [{ n: 1 }]);
      await settle();
      assert.deepEqual(keys, [
        ['tower', '', true],
        ['mailer', undefined, false],
      ]);
    });

    it('prev is the number before to the same grain, 0 to another one', async () => {
      const world = new BusWorld();
      const marks: unknown[] = [];
      world.script = async ({ key, mark }) => {
        marks.push([key, mark?.prev, mark?.seq]);
        return await Promise.resolve(undefined);
      };
      await world.start(board);
      world.emit('JFK', to('a', 'a', 'b', 'a'));
      await settle();
      assert.deepEqual(marks, [
        ['a', 0, 1],
        ['a', 1, 2],
        ['b', 0, 3],
        ['a', 0, 4],
      ]);
    });

    it('a grain whose mark is behind (its memory was lost) is asked again as if for the first time', async () => {
      const world = new BusWorld();
      await world.start(tower);
      const hold = new Hold();
      world.script = ({ mark }) => (mark?.seq === 1 ? hold.promise : undefined);
      world.emit('JFK', to('a', 'a'));
      await settle();
      hold.release();
      await Promise.resolve();
      world.forgetMarks();
      await settle();
      await world.pass(2_000);
      assert.deepEqual(world.numbers('tower', 'JFK').at(-1), 2);
    });

    it('a Core that listens to itself hears its own events', async () => {
      const world = new BusWorld();
      world.script = ({ input, core, key }) => {
        const { left } = input as { left: number };
        if (left > 0) world.emit(key ?? '', [{ to: 'x', left: left - 1 }], { core, event: 'noted' });
        return undefined;
      };
      await world.start(board);
      world.emit('x', [{ to: 'x', left: 50 }], { core: 'board', event: 'noted' });
      for (let turn = 0; turn < 20; turn += 1) await settle();
      assert.deepEqual(world.numbers('board', 'x'), range(1, 51));
    });

    it('a cycle that emits twice for each event: other sources go on, no more than the bound runs', async () => {
      const world = new BusWorld({ concurrency: 8 });
      let cycles = 0;
      world.script = async ({ core, flow }) => {
        await Promise.resolve();
        if (flow === 'core://board/noted' && cycles++ < 3_000) {
          world.emit(String(cycles), to('x', 'y'), { core, event: 'noted' });
        }
        return undefined;
      };
      await world.start(board);
      world.emit('x', to('x'), { core: 'board', event: 'noted' });
      await settle();
      const before = cycles;
      world.emit('JFK', to('a', 'b'));
      for (let turn = 0; turn < 60 && world.numbers('board', 'JFK').length < 2; turn += 1) await settle();
      assert.deepEqual(world.numbers('board', 'JFK'), [1, 2]);
      assert.ok(before > 10, 'the cycle was going');
      assert.ok(world.mostRunning <= 8, `${world.mostRunning} ran at once`);
    });
  });

  describe('order', () => {
    it('one source: the next event waits for the one before; other sources do not', async () => {
      const world = new BusWorld();
      const hold = new Hold();
      world.script = ({ principal, mark }) =>
        principal.endsWith('JFK') && mark?.seq === 1 ? hold.promise : undefined;
      await world.start(board);
      world.emit('JFK', to('a', 'b', 'c'));
      world.emit('LAX', to('a', 'b', 'c'));
      await settle();
      assert.deepEqual(world.dispatched, ['JFK 1', 'LAX 1', 'LAX 2', 'LAX 3']);
      hold.release();
      await settle();
      assert.deepEqual(world.numbers('board', 'JFK'), [1, 2, 3]);
    });

    it('300 sources at once: 256 deliveries run, the rest follow', async () => {
      const world = new BusWorld();
      const hold = new Hold();
      world.script = () => hold.promise;
      await world.start(board);
      for (let source = 0; source < 300; source += 1) world.emit(`s${source}`, to('a', 'a'));
      await settle();
      assert.equal(world.running, 256);
      hold.release();
      await settle();
      await settle();
      assert.equal(world.applied.length, 600);
      assert.equal(world.mostRunning, 256);
    });

    it('100 sources of 20 events in random order and time, with failures: each source in order, each event once', async () => {
      const world = new BusWorld({ concurrency: 16, windowMax: 64 });
      world.script = async (_envelope, attempt) => {
        for (let wait = Math.floor(world.rng.next() * 4); wait > 0; wait -= 1) await Promise.resolve();
        return attempt < 3 && world.rng.next() < 0.1 ? busy : undefined;
      };
      await world.start(board);
      for (let round = 0; round < 10; round += 1) {
        for (let source = 0; source < 100; source += 1) world.emit(`s${source}`, to('a', 'b'));
        await settle();
      }
      for (let turn = 0; turn < 60 && world.applied.length < 2_000; turn += 1) await world.pass(5_000, 2);
      for (let source = 0; source < 100; source += 1) {
        assert.deepEqual(world.numbers('board', `s${source}`), range(1, 20), `source ${source}`);
      }
      assert.ok(world.mostRunning <= 16);
      const [reader] = world.bus.report().readers;
      assert.equal(reader?.waiting, 0);
      assert.ok((reader?.retried ?? 0) > 20);
    });
  });

  describe('failures', () => {
    it('temporary: tried again with growing pauses, for ever, the rest of its source behind it', async () => {
      const world = new BusWorld();
      const at: number[] = [];
      world.script = ({ mark }) => {
        if (mark?.seq !== 1) return undefined;
        at.push(Math.round(world.clock.nowMs() / 1_000));
        return at.length < 12 ? busy : undefined;
      };
      await world.start(board);
      world.emit('JFK', to('a', 'a'));
      await settle();
      for (let second = 0; second < 500; second += 1) await world.pass(1_000, 1);
      const pauses = at.slice(1).map((moment, index) => moment - (at[index] ?? 0));
      assert.equal(at.length, 12);
      assert.ok((pauses[0] ?? 9) <= 2 && (pauses[3] ?? 0) >= 8, pauses.join(' '));
      assert.ok(
        pauses.every((pause) => pause <= 67),
        pauses.join(' '),
      );
      assert.deepEqual(world.numbers('board', 'JFK'), [1, 2]);
      assert.deepEqual(await world.bus.deadLetters('board', { limit: 9 }), []);
    });

    it('a grain that asks for a longer pause gets it', async () => {
      const world = new BusWorld();
      world.script = (_envelope, attempt) =>
        attempt === 1 ? new GrainError('ERR_ACTIVATION_FAILED', { retryAfterMs: 20_000 }) : undefined;
      await world.start(board);
      world.emit('JFK', to('a'));
      await settle();
      await world.pass(19_000);
      assert.equal(world.dispatched.length, 1);
      await world.pass(4_000);
      assert.equal(world.applied.length, 1);
    });

    it('an outcome that nobody knows is asked for again, and takes effect once', async () => {
      const world = new BusWorld();
      await world.start(tower);
      let isLost = true;
      const { clock } = world;
      // The first delivery commits, but its answer is lost.
      world.script = (envelope) => {
        if (!isLost) return undefined;
        isLost = false;
        clock.setTimer(0, () => undefined);
        const { reject } = envelope;
        envelope.resolve = () => reject.call(envelope, new GrainError('ERR_STORE_FAILED'));
        return undefined;
      };
      world.emit('JFK', to('a'));
      await settle();
      await world.pass(3_000);
      assert.deepEqual(world.dispatched, ['JFK 1', 'JFK 1']);
      assert.deepEqual(world.numbers('tower', 'JFK'), [1]);
    });

    it('lasting: a dead letter at once, with its error; the source goes on', async () => {
      const world = new BusWorld();
      world.script = ({ mark }) =>
        mark?.seq === 2 ? new GrainError('ERR_INPUT_INVALID', { message: 'no' }) : undefined;
      await world.start(board);
      world.emit('JFK', to('a', 'a', 'a'));
      await settle();
      assert.deepEqual(world.numbers('board', 'JFK'), [1, 3]);
      const letters = await world.bus.deadLetters('board', { limit: 9 });
      assert.deepEqual(letters, [
        {
          id: 'board/0000000000000002',
          core: 'board',
          event: 'core://airport/delayed',
          source: { tenant: 'default', core: 'airport', key: 'JFK' },
          emissionEpoch: 1,
          n: 2,
          data: { to: 'a' },
          position: 2,
          error: { code: 'ERR_INPUT_INVALID', message: 'no' },
          attempts: 1,
          emittedWallMs: world.clock.wallMs(),
          wallMs: world.clock.wallMs(),
        },
      ]);
    });

    it('data that names no valid key: dead letters at once, nothing is dispatched for them', async () => {
      const world = new BusWorld();
      await world.start(board);
      const bad = [
        null,
        'text',
        7,
        [],
        {},
        { to: '' },
        { to: null },
        { to: 'x'.repeat(513) },
        { to: { a: 1 } },
      ];
      world.emit('JFK', [...bad, { to: 42 }]);
      await settle();
      assert.deepEqual(world.dispatched, ['JFK 10']);
      const letters = await world.bus.deadLetters('board', { limit: 99 });
      assert.deepEqual(
        new Set(letters.map(({ error }) => error.code)),
        new Set(['ERR_KEY_REQUIRED', 'ERR_KEY_INVALID']),
      );
      assert.deepEqual(
        letters.map(({ n }) => n),
        range(1, 9),
      );
      assert.equal(world.applied[0]?.target, 'default/board/42');
    });

    it('a flow that throws: 5 tries, then a dead letter; other sources never waited', async () => {
      const world = new BusWorld();
      world.script = ({ principal, mark }) =>
        principal.endsWith('JFK') && mark?.seq === 1 ? threw : undefined;
      await world.start(board);
      world.emit('JFK', to('a', 'a'));
      world.emit('LAX', to('a'));
      await settle();
      assert.deepEqual(world.numbers('board', 'LAX'), [1]);
      assert.deepEqual(world.numbers('board', 'JFK'), []);
      await world.pass(20_000, 20);
      assert.equal(world.dispatched.filter((line) => line === 'JFK 1').length, 5);
      assert.deepEqual(world.numbers('board', 'JFK'), [2]);
      const [letter] = await world.bus.deadLetters('board', { limit: 9 });
      assert.deepEqual([letter?.attempts, letter?.error.message], [5, 'planted']);
    });

    it('a source that fails, with 5,000 more events: the others go on through a window of 16; later it catches up in order', async () => {
      const world = new BusWorld({ windowMax: 16 });
      let isDown = true;
      world.script = ({ principal }) => (isDown && principal.endsWith('JFK') ? busy : undefined);
      await world.start(tower);
      for (let round = 0; round < 50; round += 1) {
        world.emit(
          'JFK',
          Array.from({ length: 100 }, () => ({})),
        );
        world.emit('LAX', [{}]);
      }
      for (let turn = 0; turn < 60; turn += 1) await settle();
      assert.deepEqual(world.numbers('tower', 'LAX'), range(1, 50));
      assert.equal(
        world.bus.report().readers[0]?.waiting,
        1,
        'it keeps only the first event of the failing source',
      );
      isDown = false;
      await world.pass(100_000, 50);
      for (let turn = 0; turn < 400 && world.numbers('tower', 'JFK').length < 5_000; turn += 1)
        await settle();
      world.emit('JFK', [{}]);
      await settle();
      assert.deepEqual(world.numbers('tower', 'JFK'), range(1, 5_001));
    });

    it('a source that fails after it has filled the window: lets go of the rest, and reads it again without doubles', async () => {
      const world = new BusWorld({ windowMax: 16 });
      const holds = [new Hold(), new Hold()];
      world.script = ({ principal, mark }, attempt) =>
        principal.endsWith('JFK') && mark?.seq === 1 ? holds[attempt - 1]?.promise : undefined;
      await world.start(tower);
      world.emit(
        'JFK',
        Array.from({ length: 100 }, () => ({})),
      );
      world.emit('LAX', [{}]);
      await settle();
      assert.deepEqual(world.dispatched, ['JFK 1'], 'the window is full');
      holds[0]?.release(busy);
      for (let turn = 0; turn < 5; turn += 1) await settle();
      assert.deepEqual(world.numbers('tower', 'LAX'), [1]);
      await world.pass(2_000);
      holds[1]?.release();
      for (let turn = 0; turn < 40 && world.applied.length < 101; turn += 1) {
        world.emit('LAX', [{}]);
        await settle();
      }
      assert.deepEqual(world.numbers('tower', 'JFK'), range(1, 100));
      assert.equal(
        world.dispatched.filter((line) => line.startsWith('JFK')).length,
        101,
        'one of them twice',
      );
    });

    it('more failing sources than the window holds: reading stops, memory is bounded, all is delivered in the end', async () => {
      const world = new BusWorld({ windowMax: 8 });
      let isDown = true;
      world.script = () => (isDown ? busy : undefined);
      await world.start(tower);
      for (let source = 0; source < 40; source += 1) world.emit(`s${source}`, [{}, {}]);
      await settle();
      const [reader] = world.bus.report().readers;
      assert.ok((reader?.waiting ?? 99) <= 8);
      isDown = false;
      await world.pass(100_000, 50);
      assert.equal(world.applied.length, 80);
      for (let source = 0; source < 40; source += 1)
        assert.deepEqual(world.numbers('tower', `s${source}`), [1, 2]);
    });

    it('events of 1 MB: what is held is bounded by bytes', async () => {
      const world = new BusWorld({ windowBytesMax: 4_000_000 });
      const hold = new Hold();
      world.script = () => hold.promise;
      await world.start(tower);
      for (let source = 0; source < 200; source += 1) world.emit(`s${source}`, ['x'.repeat(1_000_000)]);
      await settle();
      assert.ok((world.bus.report().readers[0]?.waiting ?? 999) <= 64);
      hold.release();
      for (let turn = 0; turn < 10; turn += 1) await settle();
      assert.equal(world.applied.length, 200);
    });
  });
});
