// The runner of `@test` blocks: mocks, what is given, conditions with what was found, generated cases.
import assert from 'node:assert/strict';
import { FakeClock } from '../../../../lib/index.ts';
import { compile, renderDiagnostics, runTest, type TestOutcome } from '../../../../lib/lang/index.ts';

const CORE = `@core Shop {
    version = "1.0.0"
    instance = :singleton { max_concurrent = 1 }
    @memory { count: int }
    @reference { prices: map[string, int] }
    @config { @param factor: int = 2 }
    @models { primary = { model = "small" } }
    @plugins { files = acme/files@1.0 }
    @plugin_interface files { read(name: string): string }
}

type Item = { name: string, tags: array[string], price: int? }

@flow ask(text: string): string {
    a = @flexible { goal = "answer" input = text output = string }
    b = @flexible { goal = "answer" input = a output = string }
    return "\${a} \${b} \${files.read("x")}"
}

@flow price(of: string): int {
    memory.count = (memory.count ?? 0) + 1
    emit asked { what = of }
    return (reference.prices.get(of) ?? 0) * config.factor
}

@flow decide(): string {
    d = @checkpoint approval { present = { prompt = "Sure?" } options = ["yes", "no"] }
    return d
}

@flow fail(n: int): int {
    return 10 % n
}

@transformer size(items: array[Item]): int {
    return items.length
}
`;

async function outcomes(tests: string, seed = 1): Promise<readonly TestOutcome[]> {
  const compiled = compile(CORE + tests);
  const errors = compiled.diagnostics.filter(({ severity }) => severity === 'error');
  assert.equal(renderDiagnostics(errors), '');
  const { module } = compiled;
  assert.ok(module);
  const all: TestOutcome[] = [];
  for (const test of compiled.tests) {
    const clock = new FakeClock({ defer: queueMicrotask });
    all.push(await runTest(module, test, { clock, seed }));
  }
  return all;
}

async function failuresOf(body: string, seed?: number): Promise<TestOutcome['failures']> {
  const [outcome] = await outcomes(`@test "t" {\n${body}\n}\n`, seed);
  assert.ok(outcome);
  assert.equal(outcome.passed, outcome.failures.length === 0);
  return outcome.failures;
}

describe('ScaiCore test runner', () => {
  it('Mocks: several for one target are used in their order, and the last one stays', async () => {
    const body = `@mock primary = "one"
@mock primary = "two"
@mock files.read = "file"
@when out = ask(text = "q")
@then { out == "one two file" }`;
    assert.deepEqual(await failuresOf(body), []);
  });

  it('Mocks: a plugin without one, a failure that says how to script it', async () => {
    const [failure] = await failuresOf(
      '@mock primary = "a"\n@when out = ask(text = "q")\n@then { out == "a" }',
    );
    assert.match(`${failure?.check} ${failure?.detail}`, /PluginError: .*@mock files\.read/);
  });

  it('Given: memory, references and settings are there for the flow; what it emitted is seen', async () => {
    const body = `@given {
    memory.count = 4
    reference.prices = { tea: 3 }
    config.factor = 10
    what = "tea"
}
@when out = price(of = what)
@then {
    out == 30
    memory.count == 5
    status == "COMPLETED"
    emitted.length == 1
}`;
    assert.deepEqual(await failuresOf(body), []);
  });

  it('Worlds: what one test writes another does not see', async () => {
    const test = (title: string): string =>
      `@test "${title}" {\n@when out = price(of = "x")\n@then { memory.count == 1 }\n}\n`;
    assert.deepEqual(
      (await outcomes(test('a') + test('b'))).map(({ title, passed }) => [title, passed]),
      [
        ['a', true],
        ['b', true],
      ],
    );
  });

  it('Conditions: each that does not hold, with both of its sides', async () => {
    const found = await failuresOf('@given { n = 3 }\n@then {\n    n == 4\n    n > 1\n    n < 2\n}');
    assert.deepEqual(
      found.map(({ check }) => check),
      ['n == 4', 'n < 2'],
    );
    assert.match(found[0]?.detail ?? '', /^3\b.*\b4$/);
  });

  it('Outcomes: a checkpoint and an error are seen; a failure that nobody looks at, fails the test', async () => {
    assert.deepEqual(
      await failuresOf(
        '@when decide()\n@then {\n    status == "SUSPENDED"\n    checkpoint.prompt == "Sure?"\n}',
      ),
      [],
    );
    assert.deepEqual(
      await failuresOf(
        '@when fail(n = 0)\n@then {\n    status == "FAILED"\n    error.type == "ArithmeticError"\n}',
      ),
      [],
    );
    const [failure] = await failuresOf('@when fail(n = 0)');
    assert.equal(failure?.check, "'fail' completes");
    assert.match(failure.detail ?? '', /ArithmeticError/);
  });

  it('Properties: hold for all cases, or fail with the smallest case of their types', async () => {
    assert.deepEqual(await failuresOf('@property (items: array[Item]) { size(items) >= 0 }'), []);
    const params =
      'items: array[Item], kind: enum[big, small], day: date, at: datetime, note: string?, id: uuid';
    for (const seed of [1, 2, 3]) {
      const [failure] = await failuresOf(`@property (${params}) { size(items) < 2 }`, seed);
      assert.equal(failure?.check, 'size(items) < 2');
      const [, json = '', told] = /^fails for (.*) \(seed (\d)\)/.exec(failure.detail ?? '') ?? [];
      const { items, note, kind } = JSON.parse(json) as { items: unknown; note: unknown; kind: string };
      assert.deepEqual(items, [
        { name: '', tags: [] },
        { name: '', tags: [] },
      ]);
      assert.deepEqual([note, told], [null, String(seed)]);
      assert.ok(['big', 'small'].includes(kind));
    }
  });

  it('Properties: numbers shrink to the border, and the same seed gives the same', async () => {
    const body = '@property (n: int, m: int) { n <= 50 }';
    const first = await failuresOf(body, 9);
    assert.match(first[0]?.detail ?? '', /\{"n":51,"m":0\}/);
    assert.deepEqual(await failuresOf(body, 9), first);
    const [thrown] = await failuresOf('@property (n: int) { n % n == 0 }');
    assert.match(thrown?.detail ?? '', /^fails for \{"n":0\} \(seed 1\): .*ArithmeticError/);
  });
});
