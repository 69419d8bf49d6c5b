// The Core of the chaos run: an account that keeps every change in the order in which it took effect, with the number of
// the activation (`ctx.epoch`) and of the process that made it.
import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import { defineCore, entity, list } from '../../gateway/granary.ts';

/** Tells the processes apart, whatever the runtime says of them. */
const PROCESS = randomUUID().slice(0, 13);

const entry = z.object({ account: z.string(), source: z.string(), n: z.number() });
const page = z.object({ from: z.number(), to: z.number() });

/** One change, as the grain keeps it. */
export interface Change {
  readonly source: string;
  readonly n: number;
  /** The count after this change, as the activation had it in its memory. */
  readonly at: number;
  readonly epoch: number;
  readonly process: string;
}

export const account = defineCore({
  name: 'account',
  version: '1.0.0',
  // Short, so that accounts come and go by themselves, too.
  instance: entity({ entityKey: 'account', idleTimeoutMs: 3_000 }),
  memory: { count: 0, changes: list<Change>() },
  events: { entry: 'record' },
}).flows((flow) => ({
  record: flow({
    input: entry,
    run(ctx, { source, n }) {
      const at = ctx.memory.count + 1;
      ctx.memory.count = at;
      ctx.memory.changes.push({ source, n, at, epoch: ctx.epoch, process: PROCESS });
      return at;
    },
  }),
  count: flow({ readonly: true, read: 'checked', run: ({ memory }) => memory.count }),
  page: flow({
    input: page,
    readonly: true,
    read: 'checked',
    run: ({ memory }, { from, to }) => memory.changes.range(from, to),
  }),
}));
