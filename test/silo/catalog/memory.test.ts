import assert from 'node:assert/strict';
import { defineCore, entity, GrainError, list, map, value } from '../../../lib/index.ts';
import { type GrainStorage, migrateValues } from '../../../silo/internal.ts';
import { codeOf, SiloHarness } from '../../support/silo-harness.ts';

/** Runs `act` inside a turn of a Core with all kinds of fields. */
type Act = (ctx: ActContext) => unknown;
interface ActContext {
  readonly memory: {
    tags: readonly string[];
    config: { readonly deep: { readonly level: number } };
    raw: Uint8Array;
    boxed: { readonly raw: Uint8Array };
    count: number;
    readonly entries: {
      get(key: string): Promise<unknown>;
      has(key: string): Promise<boolean>;
      set(key: string, item: unknown): void;
      delete(key: string): void;
      increment(key: string, by?: number): void;
      clear(): void;
      entries(options?: object): AsyncIterable<readonly [string, unknown]>;
    };
    readonly items: {
      push(...items: readonly unknown[]): void;
      length(): Promise<number>;
      last(count?: number): Promise<readonly unknown[]>;
      range(start: number, end?: number): Promise<readonly unknown[]>;
      trim(count: number): void;
      clear(): void;
    };
    update(name: string, change: (current: never) => unknown): void;
  };
  refuse(message: string, details?: object): never;
  emit(event: string, data?: unknown): void;
}

let act: Act = () => undefined;

const box = defineCore({
  name: 'box',
  version: '1.0.0',
  instance: entity({ entityKey: 'id', idleTimeoutMs: 1_000 }),
  memory: {
    tags: value<readonly string[]>([]),
    config: { deep: { level: 1 } },
    raw: new Uint8Array([1, 2, 3]),
    boxed: value<{ raw: Uint8Array }>({ raw: new Uint8Array([1]) }),
    count: 0,
    entries: map<unknown>(),
    items: list<unknown>(),
  },
}).flows((flow) => ({
  act: flow({ run: (ctx) => act(ctx as unknown as ActContext) }),
}));

async function run(harness: SiloHarness, what: Act, key = 'a'): Promise<unknown> {
  act = what;
  return await harness.ref(box, key).act();
}

async function collect(
  entries: AsyncIterable<readonly [string, unknown]>,
): Promise<(readonly [string, unknown])[]> {
  const all: (readonly [string, unknown])[] = [];
  for await (const entry of entries) all.push(entry);
  return all;
}

describe('Memory: values (hazards.md 13)', () => {
  it('what is handed out is frozen: a change in place throws, and is never silently lost', async () => {
    const harness = new SiloHarness({ cores: [box] });
    const attempts: readonly Act[] = [
      ({ memory }) => (memory.tags as string[]).push('x'),
      ({ memory }) => ((memory.config.deep as { level: number }).level = 2),
      ({ memory }) => {
        memory.tags = ['a'];
        (memory.tags as string[]).push('b');
      },
    ];
    for (const attempt of attempts) assert.equal(await codeOf(run(harness, attempt)), 'ERR_FLOW_FAILED');
    assert.deepEqual(await run(harness, ({ memory }) => memory.tags), []);
  });

  it('an object that was assigned and is changed afterwards, does not change the memory', async () => {
    const harness = new SiloHarness({ cores: [box] });
    const tags = ['a'];
    await run(harness, ({ memory }) => {
      memory.tags = tags;
      tags.push('b');
    });
    tags.push('c');
    assert.deepEqual(await run(harness, ({ memory }) => memory.tags), ['a']);
  });

  it('update gets a copy that it may change and return', async () => {
    const harness = new SiloHarness({ cores: [box] });
    await run(harness, ({ memory }) => {
      memory.update('tags', (tags: string[]) => {
        tags.push('x');
        return tags;
      });
    });
    assert.deepEqual(await run(harness, ({ memory }) => memory.tags), ['x']);
    assert.equal(
      await codeOf(run(harness, ({ memory }) => memory.update('entries', () => 1))),
      'ERR_FLOW_FAILED',
    );
  });

  it('bytes are never shared: not of defaults between grains, not of values between turns', async () => {
    const harness = new SiloHarness({ cores: [box] });
    const smear: Act = ({ memory }) => {
      memory.raw[0] = 99;
      memory.boxed.raw[0] = 99;
    };
    await run(harness, smear, 'a');
    assert.deepEqual(await run(harness, ({ memory }) => memory.raw, 'b'), new Uint8Array([1, 2, 3]));
    await run(harness, ({ memory }) => void (memory.boxed = { raw: new Uint8Array([5]) }), 'c');
    await run(harness, smear, 'c');
    assert.deepEqual(await run(harness, ({ memory }) => memory.boxed.raw, 'c'), new Uint8Array([5]));
    harness.restart();
    assert.deepEqual(await run(harness, ({ memory }) => memory.boxed.raw, 'c'), new Uint8Array([5]));
  });

  it('what is no value, is refused with its path and code', async () => {
    const harness = new SiloHarness({ cores: [box] });
    for (const odd of [1n, () => 1, new Date(0), Number.NaN, { a: [undefined] }, new Map()]) {
      assert.equal(
        await codeOf(run(harness, ({ memory }) => void (memory.tags = odd as never))),
        'ERR_VALUE_INVALID',
        String(odd),
      );
    }
  });

  it('a field that the Core does not have, cannot be written', async () => {
    const harness = new SiloHarness({ cores: [box] });
    for (const name of ['nonsense', '__proto__', 'constructor', 'toString']) {
      const write: Act = ({ memory }) => {
        (memory as unknown as Record<string, unknown>)[name] = { polluted: true };
      };
      assert.equal(await codeOf(run(harness, write)), 'ERR_FLOW_FAILED', name);
    }
    assert.equal(({} as { polluted?: boolean }).polluted, undefined);
  });

  it('fields with the names of Object’s own members, are fields', async () => {
    const names = ['toString', 'hasOwnProperty', 'valueOf', 'then', 'toJSON'];
    const core = defineCore({
      name: 'odd',
      version: '1.0.0',
      instance: entity({ entityKey: 'id' }),
      memory: Object.fromEntries(names.map((name) => [name, 0])),
    }).flows((flow) => ({
      bump: flow({
        run(ctx) {
          const memory = ctx.memory as Record<string, number>;
          for (const name of names) memory[name] = (memory[name] ?? 0) + 1;
          return names.map((name) => memory[name]);
        },
      }),
    }));
    const harness = new SiloHarness({ cores: [core] });
    await harness.ref(core, 'a').bump();
    harness.restart();
    assert.deepEqual(await harness.ref(core, 'a').bump(), [2, 2, 2, 2, 2]);
  });
});

describe('Memory: isolation of calls', () => {
  it('input and result are copies on both sides', async () => {
    const kept: { input?: { list: number[] }; output?: { list: number[] } } = {};
    const core = defineCore({ name: 'echo', version: '1.0.0', instance: entity({ entityKey: 'id' }) }).flows(
      (flow) => ({
        echo: flow({
          run(_ctx, input) {
            kept.input = input as { list: number[] };
            kept.output = { list: [1] };
            return kept.output;
          },
        }),
      }),
    );
    const harness = new SiloHarness({ cores: [core] });
    const input = { list: [1] };
    const output = (await harness.ref(core, 'a').echo(input)) as { list: number[] };
    kept.input?.list.push(2);
    kept.output?.list.push(2);
    assert.deepEqual([input, output], [{ list: [1] }, { list: [1] }]);
  });

  it('the details of a refusal are a copy, and only values', async () => {
    const harness = new SiloHarness({ cores: [box] });
    const details = { wanted: [1] };
    const told = await run(harness, (ctx) => ctx.refuse('no', details)).catch((error: unknown) => error);
    assert.ok(told instanceof GrainError);
    assert.equal(told.code, 'ERR_FLOW_REFUSED');
    details.wanted.push(2);
    assert.deepEqual(told.details['wanted'], [1]);
    assert.equal(await codeOf(run(harness, (ctx) => ctx.refuse('no', { big: 1n }))), 'ERR_VALUE_INVALID');
  });
});

describe('Memory: maps', () => {
  it('reads see what the turn staged before them, over what is stored', async () => {
    const harness = new SiloHarness({ cores: [box] });
    await run(harness, ({ memory }) => {
      memory.entries.set('a', 1);
      memory.entries.set('b', 2);
      memory.entries.set('d', 4);
    });
    const seen = await run(harness, async ({ memory: { entries } }) => {
      entries.set('c', 3);
      entries.delete('a');
      entries.increment('b', 5);
      entries.increment('e');
      const before = await collect(entries.entries());
      entries.clear();
      entries.increment('d');
      return [
        before,
        await collect(entries.entries()),
        await entries.has('b'),
        (await entries.get('d')) ?? null,
      ];
    });
    assert.deepEqual(seen, [
      [
        ['b', 7],
        ['c', 3],
        ['d', 4],
        ['e', 1],
      ],
      [['d', 1]],
      false,
      1,
    ]);
    assert.deepEqual(await run(harness, ({ memory }) => collect(memory.entries.entries())), [['d', 1]]);
  });

  it('entries come in bytewise order, page by page, within prefix, from and limit', async () => {
    const harness = new SiloHarness({ cores: [box] });
    const keys = Array.from({ length: 600 }, (_unused, index) => `k${String(index).padStart(4, '0')}`);
    await run(harness, ({ memory }) => {
      for (const key of keys) memory.entries.set(key, 1);
      memory.entries.set('a', 1);
      memory.entries.set('\u{1F600}', 1);
      memory.entries.set('\uFF5E', 1);
    });
    const keysOf = async (options?: object): Promise<unknown> =>
      await run(harness, async ({ memory }) => {
        memory.entries.set('k0300x', 2);
        memory.entries.delete('k0301');
        return (await collect(memory.entries.entries(options))).map(([key]) => key);
      });
    const expected = [...keys.slice(0, 301), 'k0300x', ...keys.slice(302)];
    assert.deepEqual(await keysOf({ prefix: 'k' }), expected);
    assert.deepEqual(await keysOf({ prefix: 'k', from: 'k0599' }), ['k0599']);
    assert.deepEqual(await keysOf({ from: 'l' }), ['\uFF5E', '\u{1F600}']);
    assert.deepEqual(await keysOf({ limit: 2 }), ['a', 'k0000']);
    assert.deepEqual(await keysOf({ limit: 0 }), []);
  });

  it('bytes in entries and items are never shared with storage', async () => {
    const harness = new SiloHarness({ cores: [box] });
    await run(harness, async ({ memory }) => {
      memory.entries.set('raw', new Uint8Array([1]));
      memory.entries.set('boxed', { raw: new Uint8Array([1]) });
      memory.items.push({ raw: new Uint8Array([1]) });
      // Staged ones neither: what is handed over must not change.
      ((await memory.entries.get('raw')) as Uint8Array)[0] = 99;
      ((await memory.entries.get('boxed')) as { raw: Uint8Array }).raw[0] = 99;
      ((await memory.items.last()) as { raw: Uint8Array }[])[0]?.raw.fill(99);
    });
    const read: Act = async ({ memory }) => {
      const found: unknown[] = [await memory.entries.get('raw'), await memory.entries.get('boxed')];
      for (const [, entry] of await collect(memory.entries.entries())) found.push(entry);
      found.push(...(await memory.items.range(0)));
      const bytes = found.map((item) =>
        item instanceof Uint8Array ? item : (item as { raw: Uint8Array }).raw,
      );
      const before = bytes.map(([first]) => first);
      for (const each of bytes) each.fill(99);
      return before;
    };
    assert.deepEqual(await run(harness, read), [1, 1, 1, 1, 1]);
    assert.deepEqual(await run(harness, read), [1, 1, 1, 1, 1]);
  });

  it('keys and values that cannot be stored, fail the turn', async () => {
    const harness = new SiloHarness({ cores: [box] });
    for (const key of ['', 'a\u0000', 'x'.repeat(513), '\ud800', 5 as unknown as string])
      await assert.rejects(run(harness, ({ memory }) => memory.entries.set(key, 1)));
    await assert.rejects(run(harness, ({ memory }) => memory.entries.set('a', 1n)));
    await assert.rejects(run(harness, ({ memory }) => memory.entries.increment('a', Number.NaN)));
    for (const key of ['x'.repeat(512), '__proto__', 'constructor'])
      await run(harness, ({ memory }) => memory.entries.set(key, key));
    assert.equal(await run(harness, ({ memory }) => memory.entries.get('__proto__')), '__proto__');
  });
});

describe('Memory: lists', () => {
  it('reads see what the turn staged before them, over what is stored', async () => {
    const harness = new SiloHarness({ cores: [box] });
    await run(harness, ({ memory }) => memory.items.push(1, 2, 3, 4));
    const seen = await run(harness, async ({ memory: { items } }) => {
      items.push(5);
      items.trim(3);
      items.push(6);
      const out: unknown[] = [
        await items.length(),
        await items.range(0),
        await items.last(2),
        await items.range(1, 3),
      ];
      items.clear();
      items.push(7);
      out.push(await items.range(0), await items.length());
      return out;
    });
    assert.deepEqual(seen, [4, [3, 4, 5, 6], [5, 6], [4, 5], [7], 1]);
    assert.deepEqual(await run(harness, ({ memory }) => memory.items.range(0)), [7]);
  });

  it('ranges outside of the list are empty, and a trim that is no count is refused', async () => {
    const harness = new SiloHarness({ cores: [box] });
    await run(harness, ({ memory }) => memory.items.push(1, 2));
    const seen = await run(harness, async ({ memory: { items } }) => [
      await items.range(5),
      await items.range(1, 1),
      await items.range(-3, 1),
      await items.last(0),
      await items.last(9),
    ]);
    assert.deepEqual(seen, [[], [], [1], [], [1, 2]]);
    await assert.rejects(run(harness, ({ memory }) => memory.items.trim(-1)));
    await assert.rejects(run(harness, ({ memory }) => memory.items.trim(1.5)));
  });
});

describe('Memory: schema and migration (hazards.md 15)', () => {
  const v1 = (memory: object = { delay: 5, gone: 'x' }) =>
    defineCore({
      name: 'trip',
      version: '1.0.0',
      instance: entity({ entityKey: 'id', idleTimeoutMs: 1_000 }),
      memory: memory as { delay: number },
    }).flows((flow) => ({
      add: flow({ run: (ctx) => (ctx.memory.delay += 5) }),
      get: flow({ readonly: true, run: (ctx) => ctx.memory.delay as unknown }),
    }));
  const v2 = (step: (old: Readonly<Record<string, unknown>>) => Readonly<Record<string, unknown>>) =>
    defineCore({
      name: 'trip',
      version: '2.0.0',
      schema: 2,
      migrate: { 2: step },
      instance: entity({ entityKey: 'id', idleTimeoutMs: 1_000 }),
      memory: { delay: { sum: 0, n: 0 }, added: 'default' },
    }).flows((flow) => ({
      add: flow({
        run: (ctx) => {
          ctx.memory.delay = { sum: ctx.memory.delay.sum + 5, n: ctx.memory.delay.n + 1 };
        },
      }),
      get: flow({ readonly: true, run: (ctx) => [ctx.memory.delay, ctx.memory.added] as unknown }),
    }));
  const step = (old: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> => ({
    ...old,
    delay: { sum: old['delay'], n: 1 },
  });

  it('memory of an older schema is migrated at activation, and stored with the first commit', async () => {
    const old = v1();
    const now = v2(step);
    const harness = new SiloHarness({ cores: [old] });
    await harness.ref(old, 'a').add();
    harness.restart([now]);
    assert.deepEqual(await harness.ref(now, 'a').get(), [{ sum: 10, n: 1 }, 'default']);
    assert.equal((await harness.report()).commits, 0);
    await harness.ref(now, 'a').add();
    harness.restart([now]);
    assert.deepEqual(await harness.ref(now, 'a').get(), [{ sum: 15, n: 2 }, 'default']);
  });

  it('the first commit of an activation names all values, so that a migration is stored with it; later ones what changed', async () => {
    const commits: (readonly number[])[] = [];
    const now = v2(step);
    const harness = new SiloHarness({
      cores: [now],
      storage: (storage) =>
        new Proxy(storage, {
          get(target, name) {
            if (name === 'commit') {
              return (...args: Parameters<GrainStorage['commit']>): void => {
                commits.push(args[1].changed);
                target.commit(...args);
              };
            }
            const member: unknown = Reflect.get(target, name, target);
            return typeof member === 'function'
              ? (member as (...args: unknown[]) => unknown).bind(target)
              : member;
          },
        }),
    });
    await harness.ref(now, 'a').add();
    await harness.ref(now, 'a').add();
    assert.deepEqual(commits, [[0, 1], [0]]);
  });

  it('memory of a newer schema is refused, and nothing of it is touched', async () => {
    const old = v1();
    const now = v2(step);
    const harness = new SiloHarness({ cores: [now] });
    await harness.ref(now, 'a').add();
    harness.restart([old]);
    assert.equal(await codeOf(harness.ref(old, 'a').add()), 'ERR_SCHEMA_NEWER');
    harness.restart([now]);
    assert.deepEqual(await harness.ref(now, 'a').get(), [{ sum: 5, n: 1 }, 'default']);
  });

  for (const [what, broken] of [
    ['throws', () => assert.fail('on purpose')],
    ['is asynchronous', () => Promise.resolve({}) as never],
    ['answers nothing', () => undefined as never],
    ['answers null', () => null as never],
    ['answers what is no value', () => ({ delay: 1n })],
  ] as const) {
    it(`a migration that ${what}, keeps the grain from activating: its memory stays as it is`, async () => {
      const old = v1();
      const now = v2(broken);
      const harness = new SiloHarness({ cores: [old] });
      await harness.ref(old, 'a').add();
      harness.restart([now]);
      const code = await codeOf(harness.ref(now, 'a').add());
      assert.ok(['ERR_ACTIVATION_FAILED', 'ERR_VALUE_INVALID'].includes(code), code);
      harness.restart([old]);
      assert.equal(await harness.ref(old, 'a').get(), 10);
    });
  }

  it('steps run in order, each on what the one before made', () => {
    const core = defineCore({
      name: 'trip',
      version: '3.0.0',
      schema: 3,
      migrate: { 2: (old) => ({ a: [old['a'], 2] }), 3: (old) => ({ a: [old['a'], 3] }) },
      memory: { a: 0 },
    }).flows(() => ({}));
    const { definition } = core;
    assert.deepEqual(migrateValues(definition, definition.fields, { schema: 1, values: { a: 1 } }), [
      [[1, 2], 3],
    ]);
    assert.deepEqual(migrateValues(definition, definition.fields, { schema: 2, values: { a: 1 } }), [[1, 3]]);
    assert.deepEqual(migrateValues(definition, definition.fields, { schema: 3, values: { a: 1 } }), [1]);
  });
});
