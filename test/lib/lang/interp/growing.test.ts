import assert from 'node:assert/strict';
import fc from 'fast-check';
import { CoreEngine, InMemoryEventSink, type JsonValue } from '../../../../lib/lang/index.ts';
import { flow, giveBack, lit, load, moduleOf, outputOf, rigid, testEnv } from './ir-kit.ts';

type Lists = Record<'a' | 'b', readonly number[]>;
interface World extends Lists {
  keep: readonly (readonly number[])[];
  m: Readonly<Record<string, readonly number[]>>;
  n: Readonly<Record<string, readonly number[]>>;
}
/** A statement, and what it means where values are values: each change makes a new one. */
interface Step {
  readonly text: string;
  readonly run: (world: World) => void;
}

const list = fc.constantFrom('a' as const, 'b' as const);
const item = fc.nat({ max: 9 });
const key = fc.constantFrom('k', 'l');
const map = fc.constantFrom('m' as const, 'n' as const);

const step: fc.Arbitrary<Step> = fc.oneof(
  fc.tuple(list, item).map(([x, i]) => ({
    text: `${x} = ${x}.push(${i})`,
    run: (w: World) => void (w[x] = [...w[x], i]),
  })),
  fc.tuple(list, list).map(([x, y]) => ({
    text: `${x} = ${x} + ${y}`,
    run: (w: World) => void (w[x] = [...w[x], ...w[y]].slice(0, 999)),
  })),
  fc.tuple(list, list).map(([x, y]) => ({ text: `${x} = ${y}`, run: (w: World) => void (w[x] = w[y]) })),
  fc.tuple(list, item).map(([x, i]) => ({
    text: `if ${x}.length > 0 { ${x}[0] = ${i} }`,
    run: (w: World) => void (w[x] = w[x].length > 0 ? [i, ...w[x].slice(1)] : w[x]),
  })),
  fc.tuple(list, list).map(([x, y]) => ({
    text: `@foreach i in ${x} { ${y} = ${y}.push(i + ${x}.length - ${x}.length) }`,
    run: (w: World) => {
      for (const i of w[x]) w[y] = [...w[y], i];
    },
  })),
  list.map((x) => ({
    text: `keep = keep.push(${x})`,
    run: (w: World) => void (w.keep = [...w.keep, w[x]]),
  })),
  fc.tuple(list, list).map(([x, y]) => ({
    text: `${x} = grown(${y})`,
    run: (w: World) => void (w[x] = [...w[y], 7]),
  })),
  fc.tuple(map, key, list).map(([x, k, y]) => ({
    text: `${x}["${k}"] = ${y}`,
    run: (w: World) => void (w[x] = { ...w[x], [k]: w[y] }),
  })),
  fc.tuple(map, key, list).map(([x, k, y]) => ({
    text: `${x} = ${x}.set("${k}", ${y})`,
    run: (w: World) => void (w[x] = { ...w[x], [k]: w[y] }),
  })),
  fc.tuple(map, map).map(([x, y]) => ({ text: `${x} = ${y}`, run: (w: World) => void (w[x] = w[y]) })),
  fc.tuple(map, key, list).map(([x, k, y]) => ({
    text: `${y} = ${x}.get("${k}") ?? []`,
    run: (w: World) => void (w[y] = w[x][k] ?? []),
  })),
  fc.tuple(list, item).map(([x, i]) => ({
    text: `@parallel { @rigid { ${x} = ${x}.push(${i}) } @rigid { keep = keep.push(${x}) } }`,
    run: (w: World) => {
      const before = w[x];
      w[x] = [...before, i];
      w.keep = [...w.keep, before];
    },
  })),
  fc.tuple(list, item).map(([x, i]) => ({
    text: `shown = @rigid { ${x} = ${x}.push(${i})\n${x} }\nkeep = keep.push(shown)`,
    run: (w: World) => {
      w[x] = [...w[x], i];
      w.keep = [...w.keep, w[x]];
    },
  })),
);

function source(steps: readonly Step[]): string {
  return `
    @transformer grown(xs: array[int]): array[int] { ys = xs
      ys = ys.push(7)
      return ys }
    @flow main() {
      a: array[int] = [1]
      b: array[int] = []
      keep: array[array[int]] = []
      m: map[string, array[int]] = {}
      n: map[string, array[int]] = {}
      ${steps.map(({ text }) => text).join('\n')}
      return { a: a, b: b, keep: keep, m: m, n: n }
    }`;
}

function meant(steps: readonly Step[]): World {
  const world: World = { a: [1], b: [], keep: [], m: {}, n: {} };
  for (const { run } of steps) run(world);
  return world;
}

describe('Growing lists and maps', () => {
  it('Values: whatever is added where, nobody else sees it', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 2, maxLength: 14 }), async (steps) => {
        const expected = meant(steps);
        fc.pre(expected.a.length < 999 && expected.b.length < 999);
        const text = source(steps);
        for (const events of [undefined, new InMemoryEventSink()]) {
          const engine = load(text, testEnv(events ? { events } : {}));
          assert.deepEqual(await outputOf(engine, { flow: 'main' }), expected, text);
        }
      }),
      { numRuns: 300, seed: Number(process.env['GRANARY_SEED'] ?? 1) },
    );
  });

  it('Values: what telemetry was told of a block does not change afterwards', async () => {
    const events = new InMemoryEventSink();
    const text = `@flow main() { xs = @rigid { [1].filter(x => true) }
      xs = xs.push(2)
      ys = @rigid { xs = xs.push(3)
        xs }
      xs = xs.push(4)
      return ys.length }`;
    await outputOf(load(text, testEnv({ events })), { flow: 'main' });
    const told = events.events.flatMap(({ payload }) => payload['result_binding_value'] ?? []);
    assert.deepEqual(told, [1, 1, 2, 3]);
  });

  it('Literals: data that looks like a statement is data', async () => {
    const data = { kind: 'assign', target: { name: 'xs' } };
    const module = moduleOf([flow('main', [], [rigid(giveBack(lit(data)))])]);
    assert.deepEqual(await outputOf(CoreEngine.load(module, testEnv()), { flow: 'main' }), data);
  });

  const adding: readonly (readonly [string, string, string, JsonValue])[] = [
    ['push', 'xs: array[int] = []', 'xs = xs.push(i)', 100_000],
    ['+', 'xs: array[int] = []', 'xs = xs + [i]', 100_000],
    ['an item', 'xs: array[int] = range(100000)', 'xs[i] = xs[i] + 1', 100_000],
    ['a key', 'xs: map[string, int] = {}', 'xs["k${i}"] = i', 100_000],
    ['set', 'xs: map[string, int] = {}', 'xs = xs.set("k${i}", i)', 100_000],
  ];
  for (const [what, first, statement, expected] of adding)
    it(`Cost: 100,000 times ${what}, by what is added and not by what is there`, async () => {
      const text = `@flow main(): int {
        ${first}
        i = 0
        @while i < 100000 (max_iterations = 100000) { ${statement}
          i = i + 1 }
        return xs.length }`;
      const result = await load(text, testEnv()).invoke({ flow: 'main', fuelMax: 1_000_000 });
      assert.deepEqual([result.output, result.error], [expected, undefined]);
    });
});
