// Cores for attacks: one that counts what was acknowledged, and some that do what no flow should.
import { z } from 'zod';
import { defineCore, entity, list, map, singleton, stateless, value } from '../../gateway/granary.ts';
import { blockLoop, throwFromTimer } from './system-misdeeds.ts';

const entry = z.object({ account: z.string(), by: z.string(), n: z.number() });
export type Entry = z.infer<typeof entry>;

/** Keeps every event in the order in which it took effect. */
export const ledger = defineCore({
  name: 'ledger',
  version: '1.0.0',
  instance: entity({ entityKey: 'account' }),
  memory: { count: 0, byAuthor: map<number>(), entries: list<{ by: string; n: number }>() },
  events: { entry: 'record' },
}).flows((flow) => ({
  record: flow({
    input: entry,
    run(ctx, { by, n }) {
      ctx.memory.count += 1;
      ctx.memory.byAuthor.increment(by);
      ctx.memory.entries.push({ by, n });
      ctx.emit('recorded', { by, n });
      return ctx.memory.count;
    },
  }),
  read: flow({
    readonly: true,
    async run({ memory }) {
      return { count: memory.count, entries: await memory.entries.range(0, memory.count + 100) };
    },
  }),
}));

/** Its inputs, results and memory are whatever the caller says. */
export const echo = defineCore({
  name: 'echo',
  version: '1.0.0',
  instance: entity({ entityKey: 'name', idleTimeoutMs: 600_000 }),
  memory: { kept: value<unknown>(null), things: map<unknown>() },
  events: { keep: 'keep' },
}).flows((flow) => ({
  say: flow({ readonly: true, run: (_ctx, input) => input }),
  keep: flow({
    run(ctx, input) {
      ctx.memory.kept = input;
      return ctx.memory.kept;
    },
  }),
  put: flow({
    run(ctx, input) {
      const { field, item } = input as { field: string; item: unknown };
      ctx.memory.things.set(field, item);
    },
  }),
  things: flow({
    readonly: true,
    async run({ memory }) {
      const all: [string, unknown][] = [];
      for await (const pair of memory.things.entries()) all.push([...pair]);
      return all;
    },
  }),
  recall: flow({ readonly: true, run: (ctx) => ctx.memory.kept }),
  whoami: flow({ readonly: true, run: ({ principal, tenant, key }) => ({ principal, tenant, key }) }),
}));

class Instance {
  readonly field = 1;
}

function nested(depth: number): unknown {
  let inner: unknown = 1;
  for (let level = 0; level < depth; level += 1) inner = { inner };
  return inner;
}

function cycle(): unknown {
  const self: Record<string, unknown> = {};
  self['self'] = self;
  return self;
}

/** Values that no encoding has, by name. */
export const UNENCODABLE: Readonly<Record<string, () => unknown>> = {
  function: () => () => 1,
  symbol: () => Symbol('s'),
  bigint: () => 1n,
  cycle,
  instance: () => new Instance(),
  date: () => new Date(0),
  map: () => new Map([['a', 1]]),
  error: () => new Error('inside'),
  promise: () => ({ later: new Promise(() => undefined) }),
  NaN: () => NaN,
  infinity: () => [1, Infinity],
  hole: () => [1, undefined],
  proto: () => JSON.parse('{"__proto__": {"admin": true}}') as unknown,
  deep: () => nested(100_000),
  getter: () => ({
    get broken(): never {
      throw new Error('from a getter');
    },
  }),
  proxy: () =>
    new Proxy(
      {},
      {
        ownKeys: () => {
          throw new Error('from a proxy');
        },
      },
    ),
};

/** Things to throw that are no errors, by name. */
const THROWN: Readonly<Record<string, () => unknown>> = {
  undefined: () => undefined,
  null: () => null,
  text: () => 'just text',
  proxy: () =>
    new Proxy(new Error('x'), {
      get: () => {
        throw new Error('from a proxy');
      },
    }),
  cycle: () => {
    const error: Error & { cause?: unknown } = new Error('cyclic');
    error.cause = error;
    return error;
  },
  'bad message': () => ({
    get message(): never {
      throw new Error('from a message');
    },
  }),
  'long message': () => new Error('m'.repeat(5_000_000)),
};

const TIME_LIMIT_MS = 250;

export const villain = defineCore({
  name: 'villain',
  version: '1.0.0',
  instance: entity({ entityKey: 'name' }),
  memory: { count: 0, loot: value<unknown>(null), stash: map<unknown>(), pile: list<unknown>() },
  events: { throw: 'throwIt', hang: 'hang', wait: 'wait' },
}).flows((flow) => ({
  ok: flow({
    run(ctx) {
      ctx.memory.count += 1;
      return ctx.memory.count;
    },
  }),
  count: flow({ readonly: true, run: (ctx) => ctx.memory.count }),
  throwIt: flow({
    run(ctx, input) {
      ctx.memory.count += 1_000;
      throw THROWN[String(input)]?.() ?? new Error('the flow broke');
    },
  }),
  rejectIt: flow({
    async run(ctx, input) {
      ctx.memory.count += 1_000;
      await Promise.resolve();
      throw THROWN[String(input)]?.() ?? new Error('the flow broke');
    },
  }),
  hang: flow({
    timeLimitMs: TIME_LIMIT_MS,
    run(ctx) {
      ctx.memory.count += 1_000;
      return new Promise(() => undefined);
    },
  }),
  /** Ends well when its signal says so. */
  wait: flow({
    run: (ctx) =>
      new Promise((resolve) => {
        ctx.log.info({}, 'waiting');
        ctx.signal.addEventListener('abort', () => {
          ctx.log.info({}, 'aborted');
          resolve('aborted');
        });
      }),
  }),
  block: flow({
    run(ctx, input) {
      blockLoop(Number(input));
      ctx.memory.count += 1;
    },
  }),
  blockLater: flow({
    async run(ctx, input) {
      await ctx.memory.pile.last(1);
      await Promise.resolve();
      blockLoop(Number(input));
      ctx.memory.count += 1;
    },
  }),
  returns: flow({ run: (_ctx, input) => UNENCODABLE[String(input)]?.() }),
  returnsLater: flow({
    async run(_ctx, input) {
      await Promise.resolve();
      return UNENCODABLE[String(input)]?.();
    },
  }),
  returnsText: flow({ readonly: true, run: (_ctx, input) => 'x'.repeat(Number(input)) }),
  keeps: flow({
    run(ctx, input) {
      ctx.memory.count += 1_000;
      ctx.memory.loot = UNENCODABLE[String(input)]?.();
    },
  }),
  keepsText: flow({
    run(ctx, input) {
      ctx.memory.loot = 'x'.repeat(Number(input));
    },
  }),
  stashes: flow({
    run(ctx, input) {
      ctx.memory.count += 1_000;
      ctx.memory.stash.set('loot', UNENCODABLE[String(input)]?.());
    },
  }),
  piles: flow({
    run(ctx, input) {
      ctx.memory.count += 1_000;
      ctx.memory.pile.push(UNENCODABLE[String(input)]?.());
    },
  }),
  emits: flow({
    run(ctx, input) {
      ctx.memory.count += 1_000;
      ctx.emit('loot', UNENCODABLE[String(input)]?.());
    },
  }),
  refuses: flow({
    run(ctx, input) {
      ctx.refuse('no', { why: UNENCODABLE[String(input)]?.() });
    },
  }),
  /** Answers, and leaves a rejection behind that nobody handles. */
  rejectsLater: flow({
    run(ctx) {
      ctx.memory.count += 1;
      void Promise.resolve().then(() => {
        throw new Error('a promise that nobody awaits');
      });
      return ctx.memory.count;
    },
  }),
  throwsLater: flow({
    run(ctx) {
      ctx.memory.count += 1;
      throwFromTimer('a timer of a flow');
      return ctx.memory.count;
    },
  }),
  /** Uses its ctx after its turn. */
  usesCtxLater: flow({
    run(ctx) {
      void Promise.resolve()
        .then(() => undefined)
        .then(() => {
          ctx.memory.count += 1_000;
        });
      return 'done';
    },
  }),
  /** Throws where its signal is told: nobody can catch that either. */
  throwsAtAbort: flow({
    timeLimitMs: TIME_LIMIT_MS,
    run(ctx) {
      ctx.signal.addEventListener('abort', () => {
        throw new Error('a listener of the signal');
      });
      return new Promise(() => undefined);
    },
  }),
  callsItself: flow({
    async run(ctx) {
      return await ctx.self['callsItself']?.();
    },
  }),
}));

const burst = z.object({ name: z.string(), count: z.number(), bytes: z.number() });

/** Emits as fast as it can. */
export const chatter = defineCore({
  name: 'chatter',
  version: '1.0.0',
  instance: entity({ entityKey: 'name' }),
  memory: { emitted: 0 },
  events: { burst: 'burst' },
  emissionsKept: 50,
}).flows((flow) => ({
  burst: flow({
    input: burst,
    run(ctx, { count, bytes }) {
      for (let at = 0; at < count; at += 1) {
        ctx.memory.emitted += 1;
        ctx.emit('noise', { at: ctx.memory.emitted, text: 'n'.repeat(bytes) });
      }
      return ctx.memory.emitted;
    },
  }),
}));

/** Turns take as long as their caller wants, without blocking anybody. */
export const tally = defineCore({
  name: 'tally',
  version: '1.0.0',
  instance: singleton({ mailboxDepthMax: 64 }),
  memory: { count: 0 },
  events: { add: 'add' },
}).flows((flow) => ({
  add: flow({
    run(ctx) {
      ctx.memory.count += 1;
      return ctx.memory.count;
    },
  }),
  read: flow({ readonly: true, run: (ctx) => ctx.memory.count }),
}));

export const pure = defineCore({ name: 'pure', version: '1.0.0', instance: stateless() }).flows((flow) => ({
  double: flow({ run: (_ctx, input) => Number(input) * 2 }),
}));
