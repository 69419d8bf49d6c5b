import assert from 'node:assert/strict';
import type { GrainStorage, LogPage } from '../../../silo/internal.ts';
import { LogBus } from '../../../silo/internal.ts';
import { BusWorld, QUIET, settle, tower } from './bus-world.ts';

const POSITION = 'bus/position/tower';

/** A bus in this history of the store. */
function busOf(world: BusWorld, generation: string, storage: GrainStorage = world.storage): LogBus {
  const { clock, rng } = world;
  return new LogBus({
    ...{ storage, clock, rng, log: QUIET, generation },
    dispatch: (envelope) => {
      seen.push(Number(envelope.mark?.seq));
      envelope.begin();
      envelope.resolve(undefined);
    },
    onGap: ({ from, to }) => void gaps.push([from, to]),
  });
}

const seen: number[] = [];
const gaps: (readonly [number, number])[] = [];

describe('Log bus, when the store is not what it was', () => {
  beforeEach(() => {
    seen.length = 0;
    gaps.length = 0;
  });

  it('a position of a history that is gone is not one in the new history: reading begins with its first event', async () => {
    const world = new BusWorld();
    world.emit('JFK', [1, 2, 3]);
    await settle();
    await world.storage.putRecord(POSITION, { position: 2, buried: [1], generation: 'old' });
    const bus = busOf(world, 'new');
    bus.subscribeCore(tower);
    await bus.start();
    await settle();
    assert.deepEqual(seen, [1, 2, 3]);
    await bus.stop();
    const record = (await world.storage.getRecord(POSITION)) as { position: number; generation: string };
    assert.deepEqual([record.position, record.generation], [3, 'new']);
  });

  it('a position of this history, or of before histories were told apart, is gone on from', async () => {
    for (const generation of ['new', undefined]) {
      seen.length = 0;
      const world = new BusWorld();
      world.emit('JFK', [1, 2, 3]);
      await settle();
      await world.storage.putRecord(POSITION, {
        position: 2,
        buried: [],
        ...(generation ? { generation } : {}),
      });
      const bus = busOf(world, 'new');
      bus.subscribeCore(tower);
      await bus.start();
      await settle();
      assert.deepEqual(seen, [3]);
    }
  });

  it('a log that lost its end: the gap is told, and what it grows again is read', async () => {
    const world = new BusWorld();
    world.emit('JFK', [1, 2, 3, 4]);
    world.emit('LAX', [1, 2]);
    await settle();
    const { entries: all } = world.storage.readLog(0, 9);
    // What the store has: it loses its last two entries, and two of LAX take their positions.
    const kept = all.slice(0, 4);
    const storage = new Proxy(world.storage, {
      get(target, name): unknown {
        if (name === 'readLog')
          return (after: number, limit: number): LogPage => {
            const entries = kept
              .slice(after, after + limit)
              .map((entry, at) => ({ ...entry, position: after + at + 1 }));
            return { first: 1, last: Math.min(after, kept.length) + entries.length, entries };
          };
        const value: unknown = Reflect.get(target, name);
        return typeof value === 'function' ? value.bind(target) : value;
      },
    });
    const bus = busOf(world, 'g', storage);
    await world.storage.putRecord(POSITION, { position: 0, buried: [], generation: 'g' });
    bus.subscribeCore(tower);
    await bus.start();
    await settle();
    assert.deepEqual(seen.splice(0), [1, 2, 3, 4]);
    kept.splice(2);
    world.emit('DFW', [1]); // wakes the reader
    await settle();
    assert.deepEqual([seen, gaps, bus.report().readers[0]?.readTo], [[], [[2, 4]], 2]);
    kept.push(...all.slice(4));
    world.emit('DFW', [2]);
    await settle();
    assert.deepEqual([seen, bus.report().readers[0]?.readTo], [[1, 2], 4]);
  });

  it('a bus that is given up writes no position any more', async () => {
    const world = new BusWorld();
    const bus = busOf(world, 'g');
    bus.subscribeCore(tower);
    await bus.start();
    world.emit('JFK', [1, 2, 3]);
    await settle();
    bus.abandon();
    await bus.stop();
    world.clock.advance(60_000);
    await settle();
    assert.deepEqual(seen, [1, 2, 3]);
    assert.equal(((await world.storage.getRecord(POSITION)) as { position: number }).position, 0);
  });
});
