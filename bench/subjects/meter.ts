// The Core that all benches use: it adds up, so that what was done can be compared with what was asked.
import { type Core, defineCore, entity, type Flow, type InstanceOptions } from '../../gateway/granary.ts';

export interface Reading {
  readonly amount: number;
}

export interface MeterFlows {
  readonly [flow: string]: Flow<never, unknown>;
  /** Adds an amount; answers the total. */
  readonly add: Flow<number, number>;
  /** The same with an object as input, and as output. */
  readonly record: Flow<Reading, { total: number }>;
  readonly read: Flow<unknown, number>;
  /** The total with an amount that is not kept. */
  readonly peek: Flow<Reading, { total: number }>;
}
export type Meter = Core<MeterFlows>;

export interface MeterOptions extends InstanceOptions {
  readonly level: 'committed' | 'volatile';
}

export const METER = 'meter';

export function meterCore({ level, ...instance }: MeterOptions): Meter {
  return defineCore({
    name: METER,
    version: '1.0.0',
    instance: entity({ entityKey: 'meter', maxActiveInstances: 2_000_000, ...instance }),
    memory: { total: 0 },
    level,
    events: { reading: 'record' },
  }).flows((flow) => ({
    add: flow({
      run(ctx, amount) {
        ctx.memory.total += amount as number;
        return ctx.memory.total;
      },
    }),
    record: flow({
      run(ctx, reading) {
        ctx.memory.total += (reading as Reading).amount;
        return { total: ctx.memory.total };
      },
    }),
    read: flow({ readonly: true, run: (ctx) => ctx.memory.total }),
    peek: flow({
      readonly: true,
      run: (ctx, reading) => ({ total: ctx.memory.total + (reading as Reading).amount }),
    }),
  }));
}
