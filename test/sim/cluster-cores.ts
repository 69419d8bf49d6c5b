// The Cores that the cluster's simulation drives. What they keep is a history of what happened to them, for the checkers.
import { type AnyCore, defineCore, entity, list, map, singleton } from '../../lib/index.ts';
import type { SimEvent } from './sim-cores.ts';

/** What user code tells the checkers, beside what it stores: it sees every turn, also those that never commit. */
export interface Witness {
  /** A turn of an `exclusive` grain starts. */
  vaultTurn(key: string, epoch: number): void;
  /** A turn for this message starts; its id is known to whoever sent it. */
  turnStarted(id: string): void;
}

export interface CoreParts {
  readonly witness: Witness;
  /** User code that awaits something of the outside, for a moment or for long. */
  readonly pause: () => Promise<void>;
}

interface WithId {
  readonly id: string;
}

export interface BookHistory {
  readonly count: number;
  /** Ids of events and commands, in the order in which they took effect. */
  readonly log: readonly string[];
  readonly ticks: number;
}

/** Of one silo. */
export function clusterCores({ witness, pause }: CoreParts): readonly AnyCore[] {
  const audit = defineCore({
    name: 'audit',
    version: '1.0.0',
    instance: entity({ entityKey: 'audit', idleTimeoutMs: 400 }),
    memory: { notes: map<number>() },
  }).flows((flow) => ({
    note: flow({
      async run(ctx, input) {
        await pause();
        ctx.memory.notes.increment((input as WithId).id);
      },
    }),
    all: flow({ readonly: true, read: 'checked', run: (ctx) => collect(ctx.memory.notes.entries()) }),
  }));

  const book = defineCore({
    name: 'book',
    version: '1.0.0',
    instance: entity({
      entityKey: 'book',
      idleTimeoutMs: 500,
      maxActiveInstances: 3,
      overflow: 'deactivate_lru',
    }),
    memory: { count: 0, log: list<string>(), ticks: 0 },
    events: { apply: 'apply' },
  }).flows((flow) => ({
    apply: flow({
      async run(ctx, input) {
        const event = input as SimEvent;
        ctx.memory.count += 1;
        if (event.pauses) await pause();
        ctx.memory.log.push(event.id);
        if (event.calls) await ctx.call(audit, 'one').note({ id: event.id });
        if (event.throws) throw new Error(`poison ${event.id}`);
        ctx.emit('applied', { id: event.id, board: 'main' });
      },
    }),
    command: flow({
      async run(ctx, input) {
        const { id } = input as WithId;
        witness.turnStarted(id);
        ctx.memory.count += 1;
        await pause();
        ctx.memory.log.push(id);
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
    checked: flow({ readonly: true, read: 'checked', run: (ctx) => ctx.memory.count }),
    history: flow({
      readonly: true,
      read: 'checked',
      async run(ctx) {
        return { count: ctx.memory.count, log: await ctx.memory.log.range(0), ticks: ctx.memory.ticks };
      },
    }),
  }));

  const vault = defineCore({
    name: 'vault',
    version: '1.0.0',
    instance: entity({ entityKey: 'vault', idleTimeoutMs: 2_000, ownership: 'exclusive' }),
    memory: { count: 0 },
  }).flows((flow) => ({
    open: flow({
      async run(ctx, input) {
        witness.vaultTurn(ctx.key, ctx.epoch);
        witness.turnStarted((input as WithId).id);
        await pause();
        ctx.memory.count += 1;
        return ctx.memory.count;
      },
    }),
  }));

  const board = defineCore({
    name: 'board',
    version: '1.0.0',
    instance: singleton(),
    memory: { seen: map<number>() },
    on: { 'core://book/applied': 'saw' },
  }).flows((flow) => ({
    saw: flow({
      async run(ctx, input) {
        await pause();
        ctx.memory.seen.increment((input as WithId).id);
      },
    }),
    all: flow({ readonly: true, read: 'checked', run: (ctx) => collect(ctx.memory.seen.entries()) }),
  }));
  return [audit, book, vault, board];
}

async function collect(entries: AsyncIterable<readonly [string, number]>): Promise<Record<string, number>> {
  const all: Record<string, number> = {};
  for await (const [key, value] of entries) all[key] = value;
  return all;
}
