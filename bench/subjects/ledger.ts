// A Core that keeps who committed what: each change with the number of the activation and the process that made it.
import { defineCore, entity, list } from '../../gateway/granary.ts';

export interface Change {
  /** Which of the caller's commands. */
  readonly command: string;
  /** The total after it. */
  readonly total: number;
  readonly epoch: number;
  readonly pid: number;
}

export interface Answer {
  readonly total: number;
  readonly pid: number;
}

export const ledgerCore = defineCore({
  name: 'ledger',
  version: '1.0.0',
  instance: entity({ entityKey: 'ledger', maxActiveInstances: 2_000_000 }),
  memory: { total: 0, changes: list<Change>() },
}).flows((flow) => ({
  add: flow({
    run(ctx, command): Answer {
      const total = ctx.memory.total + 1;
      ctx.memory.total = total;
      ctx.memory.changes.push({ command: String(command), total, epoch: ctx.epoch, pid: process.pid });
      return { total, pid: process.pid };
    },
  }),
  /** All changes, from the store. */
  changes: flow({
    readonly: true,
    read: 'checked',
    run: async (ctx) => [...(await ctx.memory.changes.range(0))],
  }),
  where: flow({ readonly: true, run: () => process.pid }),
}));
