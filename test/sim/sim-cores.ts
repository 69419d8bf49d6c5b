// The Cores that the simulation drives. What they keep is a history of what happened to them, for the checkers.
import { type AnyCore, defineCore, entity, list, map, singleton } from '../../lib/index.ts';

export interface SimEvent {
  readonly id: string;
  readonly book: string;
  /** Awaits once in the middle of the turn, between two writes. */
  readonly pauses: boolean;
  /** Throws after having written. */
  readonly throws: boolean;
  /** Calls another grain in the middle of the turn. */
  readonly calls: boolean;
}

export type Pause = () => Promise<void>;

/** `pause` is user code that awaits something of the outside. */
export function simCores(pause: Pause): Readonly<Record<'audit' | 'ledger' | 'board', AnyCore>> {
  const audit = defineCore({
    name: 'audit',
    version: '1.0.0',
    instance: entity({ entityKey: 'audit', idleTimeoutMs: 40 }),
    memory: { notes: map<number>() },
  }).flows((flow) => ({
    note: flow({
      async run(ctx, input) {
        const { id } = input as { readonly id: string };
        await pause();
        ctx.memory.notes.increment(id);
      },
    }),
    all: flow({
      readonly: true,
      async run(ctx) {
        return await collect(ctx.memory.notes.entries());
      },
    }),
  }));

  const ledger = defineCore({
    name: 'ledger',
    version: '1.0.0',
    instance: entity({
      entityKey: 'book',
      idleTimeoutMs: 30,
      maxActiveInstances: 2,
      overflow: 'deactivate_lru',
    }),
    memory: { count: 0, applied: list<string>(), commands: map<number>(), ticks: 0 },
    events: { apply: 'apply' },
  }).flows((flow) => ({
    apply: flow({
      async run(ctx, input) {
        const event = input as SimEvent;
        ctx.memory.count += 1;
        if (event.pauses) await pause();
        ctx.memory.applied.push(event.id);
        if (event.calls) await ctx.call(audit, 'one').note({ id: event.id });
        if (event.throws) throw new Error(`poison ${event.id}`);
        ctx.emit('applied', { id: event.id, board: 'main' });
      },
    }),
    command: flow({
      async run(ctx, input) {
        const { id } = input as { readonly id: string };
        ctx.memory.count += 1;
        await pause();
        ctx.memory.commands.increment(id);
        return ctx.memory.count;
      },
    }),
    remind: flow({
      run(ctx) {
        ctx.reminder.set('tick', { inMs: 1_000, flow: 'tick' });
      },
    }),
    tick: flow({
      run(ctx) {
        ctx.memory.ticks += 1;
      },
    }),
    read: flow({ readonly: true, run: (ctx) => ctx.memory.count }),
    history: flow({
      readonly: true,
      async run(ctx) {
        const commands = await collect(ctx.memory.commands.entries());
        return {
          count: ctx.memory.count,
          applied: await ctx.memory.applied.range(0),
          commands,
          ticks: ctx.memory.ticks,
        };
      },
    }),
  }));

  const board = defineCore({
    name: 'board',
    version: '1.0.0',
    instance: singleton(),
    memory: { seen: map<number>() },
    on: { 'core://ledger/applied': 'saw' },
  }).flows((flow) => ({
    saw: flow({
      async run(ctx, input) {
        await pause();
        ctx.memory.seen.increment((input as { readonly id: string }).id);
      },
    }),
    all: flow({
      readonly: true,
      async run(ctx) {
        return await collect(ctx.memory.seen.entries());
      },
    }),
  }));
  return { audit, ledger, board };
}

async function collect(entries: AsyncIterable<readonly [string, number]>): Promise<Record<string, number>> {
  const all: Record<string, number> = {};
  for await (const [key, value] of entries) all[key] = value;
  return all;
}
