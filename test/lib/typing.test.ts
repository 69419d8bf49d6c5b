// The programming model as the compiler sees it. `tsc` is the real test here; mocha only runs the definitions.
import assert from 'node:assert/strict';
import * as v from 'valibot';
import { z } from 'zod';
import { defineCore, entity, type GrainRef, list, map, singleton, value } from '../../lib/index.ts';

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
function expectType<_T extends true>(): void {
  // Nothing to do at run time.
}

const flight = z.object({ origin: z.string(), destination: z.string(), delay: z.number().default(0) });

const airport = defineCore({
  name: 'airport',
  version: '1.0.0',
  instance: entity({ entityKey: 'origin' }),
  memory: {
    flights: 0,
    status: 'open',
    last: value<string | null>(null),
    tags: value<string[]>([]),
    byDestination: map<number>(),
    log: list<{ at: number }>(),
  },
  events: { flight: 'record' },
}).flows((flow) => ({
  record: flow({
    input: flight,
    async run(ctx, input) {
      expectType<Equal<typeof input, { origin: string; destination: string; delay: number }>>();
      expectType<Equal<typeof ctx.memory.flights, number>>();
      expectType<Equal<typeof ctx.memory.status, string>>();
      expectType<Equal<typeof ctx.memory.last, string | null>>();
      expectType<Equal<typeof ctx.memory.tags, readonly string[]>>();
      ctx.memory.flights += 1;
      ctx.memory.last = input.destination;
      ctx.memory.update('tags', (tags) => [...tags, input.destination]);
      ctx.memory.byDestination.increment(input.destination);
      ctx.memory.log.push({ at: 1 });
      const count = await ctx.memory.byDestination.get('JFK');
      expectType<Equal<typeof count, number | undefined>>();
      // @ts-expect-error a field that does not exist
      ctx.memory.flight = 1;
      // @ts-expect-error a value of the wrong type
      ctx.memory.flights = 'one';
      // @ts-expect-error what is read from memory is frozen
      ctx.memory.tags.push('x');
      // @ts-expect-error a collection cannot be assigned
      ctx.memory.byDestination = ctx.memory.byDestination;
    },
  }),
  stats: flow({ readonly: true, run: (ctx) => ({ flights: ctx.memory.flights }) }),
}));

const checks = (ref: GrainRef<typeof airport>): void => {
  const stats = ref.stats();
  expectType<Equal<typeof stats, Promise<{ flights: number }>>>();
  const recorded = ref.record({ origin: 'JFK', destination: 'LAX' });
  expectType<Equal<typeof recorded, Promise<void>>>();
  // @ts-expect-error an input of the wrong type
  void ref.record({ origin: 'JFK', destination: 5 });
  // @ts-expect-error a flow with an input needs one
  void ref.record();
  // @ts-expect-error a flow that does not exist
  void ref.recrod();
};

const wrongKey = (): unknown =>
  defineCore({ name: 'wrong', version: '1.0.0', instance: entity({ entityKey: 'orign' }) }).flows(
    // @ts-expect-error the entity key is not an input of any flow
    (flow) => ({ record: flow({ input: flight, run: () => undefined }) }),
  );

const bareDefaults = (): void => {
  // @ts-expect-error a bare null does not say what else the field may hold
  defineCore({ name: 'bare', version: '1.0.0', memory: { last: null } });
  // @ts-expect-error a bare [] does not say what it holds
  defineCore({ name: 'bare', version: '1.0.0', memory: { tags: [] } });
};

const caller = defineCore({ name: 'caller', version: '1.0.0', instance: singleton() }).flows((flow) => ({
  ask: flow({
    input: v.object({ from: v.string() }),
    async run(ctx, { from }) {
      const { flights } = await ctx.call(airport, from).stats();
      expectType<Equal<typeof flights, number>>();
      const again = await ctx.self.ask?.({ from });
      expectType<Equal<typeof again, unknown>>();
      return flights;
    },
  }),
}));

describe('Programming model: types', () => {
  it('definitions of every kind, resolved, keep their fields and flows', () => {
    assert.deepEqual([...airport.definition.flows.keys()], ['record', 'stats']);
    assert.deepEqual(
      airport.definition.fields.map((field) => field.kind),
      ['value', 'value', 'value', 'value', 'map', 'list'],
    );
    assert.equal(caller.definition.instance.mode, 'singleton');
    assert.equal(typeof checks, 'function');
    assert.equal(typeof wrongKey, 'function');
    assert.equal(typeof bareDefaults, 'function');
  });
});
