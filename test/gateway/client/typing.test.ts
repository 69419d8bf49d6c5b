// The client as the compiler sees it. `tsc` is the real test here; mocha only sees that the names exist.
import assert from 'node:assert/strict';
import { z } from 'zod';
import { connect, type CoreClient, type GranaryClient } from '../../../gateway/client/node.ts';
import { defineCore, entity, singleton } from '../../../lib/index.ts';

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
function expectType<_T extends true>(): void {
  // Nothing to do at run time.
}

const flight = z.object({ origin: z.string(), delay: z.number().default(0) });
const airport = defineCore({
  name: 'airport',
  version: '1.0.0',
  instance: entity({ entityKey: 'origin' }),
  memory: { flights: 0 },
  events: { flight: 'record' },
}).flows((flow) => ({
  record: flow({ input: flight, run: (ctx) => ctx.memory.flights }),
  stats: flow({ readonly: true, run: (ctx) => ({ flights: ctx.memory.flights }) }),
}));

const counter = defineCore({ name: 'counter', version: '1.0.0', instance: singleton() }).flows((flow) => ({
  add: flow({ input: z.number().optional(), run: (_ctx, by) => by ?? 1 }),
}));

const typeChecks = async (client: GranaryClient): Promise<void> => {
  const byType = client.core<typeof airport>('airport');
  const byValue = client.core(airport);
  expectType<Equal<typeof byType, typeof byValue>>();
  expectType<Equal<typeof byType, CoreClient<typeof airport>>>();
  const stats = await byType.get('JFK').stats();
  expectType<Equal<typeof stats, { flights: number }>>();
  const recorded = await byType.call('record', { origin: 'JFK' }, { deadlineMs: 5 });
  expectType<Equal<typeof recorded, number>>();
  // @ts-expect-error a flow that does not exist
  void byType.get('JFK').recrod();
  // @ts-expect-error an input of the wrong type
  void byType.get('JFK').record({ origin: 5 });
  // @ts-expect-error a flow with an input needs one
  void byType.call('record');
  // @ts-expect-error a flow that does not exist
  void byType.call('recrod', { origin: 'JFK' });
  const added = await client.core(counter).get().add();
  expectType<Equal<typeof added, number>>();
  // @ts-expect-error a type that is no Core
  client.core<number>('airport');
  const loose = await client.core('airport').call('anything', { at: 1 });
  expectType<Equal<typeof loose, unknown>>();
  for await (const item of byType.subscribe('JFK')) {
    if (item.kind === 'event') expectType<Equal<typeof item.data, unknown>>();
    else expectType<Equal<typeof item.from, string | undefined>>();
  }
};

describe('Client: types', () => {
  it('a client, by type and by value, has the flows of the Core', () => {
    assert.equal(typeof typeChecks, 'function');
    const client = connect('ws://127.0.0.1:1');
    assert.equal(client.core(airport).name, client.core<typeof airport>('airport').name);
  });
});
