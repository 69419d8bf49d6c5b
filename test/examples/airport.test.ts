// How a user tests a Core: no server, no files, no sleeps.
import assert from 'node:assert/strict';
import type { FlowInput } from '../../gateway/granary.ts';
import { testHost } from '../../gateway/testing/index.ts';
import { airport, board } from './airport.ts';

type Flight = FlowInput<typeof airport, 'record'>;

function flight(origin: string, destination: string, delay: number): Flight {
  return { date: '2001/01/01 00:47', origin, destination, delay, distance: 100 };
}

describe('Example: airport', () => {
  it('counts flights, delays and destinations of its own, and keeps them over a crash', async () => {
    const host = await testHost({ cores: [airport, board] });
    const jfk = host.ref(airport, 'JFK');
    await jfk.record(flight('JFK', 'LAX', 10));
    await jfk.record(flight('JFK', 'MIA', -5));
    await host.send(airport, 'JFK', 'flight', flight('JFK', 'LAX', 20));
    await host.restart();
    const again = host.ref(airport, 'JFK');
    assert.deepEqual(await again.stats(), { flights: 3, delayMinutes: 30, maxDelay: 20, last: 'LAX' });
    assert.deepEqual(await again.destinations(), { LAX: 2, MIA: 1 });
    assert.equal((await host.ref(airport, 'LAX').stats()).flights, 0);
    await host.stop();
  });

  it('an hour late goes on the board, the longest first, until it is wiped', async () => {
    const host = await testHost({ cores: [airport, board] });
    await host.ref(airport, 'JFK').record(flight('JFK', 'LAX', 61));
    await host.ref(airport, 'SFO').record(flight('SFO', 'LAX', 90));
    await host.ref(airport, 'SFO').record(flight('SFO', 'LAX', 59));
    await host.settle();
    const { count, worst } = await host.ref(board).show();
    assert.equal(count, 2);
    assert.deepEqual(
      worst.map(({ origin, delay }) => [origin, delay]),
      [
        ['SFO', 90],
        ['JFK', 61],
      ],
    );
    await host.ref(board).clear();
    assert.deepEqual(await host.ref(board).show(), { count: 0, worst: [] });
    await host.stop();
  });

  it('a flight without a delay is refused and not counted', async () => {
    const host = await testHost({ cores: [airport] });
    const broken = { origin: 'JFK', destination: 'LAX' };
    await assert.rejects(host.send(airport, 'JFK', 'flight', broken), { code: 'ERR_INPUT_INVALID' });
    assert.equal((await host.ref(airport, 'JFK').stats()).flights, 0);
    await host.stop();
  });
});
