import assert from 'node:assert/strict';
import { CoreEngine, InMemoryEventSink, type IRBlock, type JsonValue } from '../../../../lib/lang/index.ts';
import {
  assign,
  attempt,
  call,
  flow,
  giveBack,
  lit,
  load,
  loop,
  moduleOf,
  op,
  outputOf,
  ref,
  rigid,
  run,
  testEnv,
} from './ir-kit.ts';

async function fails(body: string, problem: RegExp): Promise<void> {
  await assert.rejects(run(body), problem, body);
}

describe('Statements', () => {
  it('Arithmetic: ints, floats and money, each by its rules', async () => {
    const cases: readonly (readonly [string, JsonValue])[] = [
      ['return 7 / 2', 3.5],
      ['return 7 % 3', 1],
      ['return 2 + 3 * 4 - 1', 13],
      ['a = 0.1 b = 0.2 return a + b > 0.3', true],
      ['return -(3)', -3],
      ['return "a" + "b"', 'ab'],
      ['return [1] + [2]', [1, 2]],
      ['return 1h / 2', 1_800_000],
      ['return 2026-01-31 + 1', '2026-02-01'],
      ['return 2026-01-31T10:00:00Z + 90s', '2026-01-31T10:01:30.000Z'],
      ['return 2 in [1, 2] && !("z" in { a: 1 })', true],
      ['return null ?? 4', 4],
      ['return { a: [1] } == { a: [1] }', true],
      ['return 2026-01-31 < 2026-02-01', true],
    ];
    for (const [body, expected] of cases) {
      const lines = body.replaceAll(/ (?=return|b =)/g, '\n');
      assert.deepEqual(await run(lines), expected, body);
    }
  });

  it('Bound blocks: the value of the way that was taken, also where other ways leave', async () => {
    const leave = async (n: number, block: string): Promise<unknown> =>
      outputOf(load(`@flow main(n: int) { x = ${block}\nreturn [x] }`, testEnv()), {
        flow: 'main',
        input: { n },
      });
    const ways = (leaving: string): string => `match n { 1 => { ${leaving} }  _ => 7 }`;
    for (const leaving of ['return 5', '@rigid { return 5 }', 'if n > 0 { return 5 } else { return 6 }'])
      for (const block of [
        '@rigid { IT }',
        '@try { IT } @catch { 0 }',
        '@budget { max_duration = 1m\nIT }',
      ]) {
        const text = block.replace('IT', ways(leaving));
        assert.deepEqual(await leave(2, text), [7], text);
        assert.equal(await leave(1, text), 5, text);
      }
  });

  it('Bound @try of another builder: the value of its last block, whether it may wait or not', async () => {
    const five: IRBlock = rigid({ kind: 'expression', expression: lit(5) });
    const fails: IRBlock = rigid({ kind: 'expression', expression: call('fail', lit('no')) });
    for (const block of [
      attempt([five], []),
      attempt([fails], [{ body: [five] }]),
      attempt([{ kind: 'budget', limits: {}, body: [five] }], []),
    ]) {
      const body = [{ ...block, result_binding: 'x' }, rigid(giveBack('x'))];
      const engine = CoreEngine.load(moduleOf([flow('main', [], body)]), testEnv());
      assert.equal(await outputOf(engine, { flow: 'main' }), 5);
    }
  });

  it('Money: sums have no digits that nobody wrote', async () => {
    const engine = load(`@flow main(a: money, b: money): money { return a + b }`, testEnv());
    assert.equal(await outputOf(engine, { flow: 'main', input: { a: 0.1, b: 0.2 } }), 0.3);
    const product = load(`@flow main(a: money, n: int): money { return a * n / 3 }`, testEnv());
    assert.equal(await outputOf(product, { flow: 'main', input: { a: 10, n: 1 } }), 3.333333);
  });

  it('Arithmetic: what has no result is an error that says so', async () => {
    await fails('x = 0\nreturn 1 / x', /ArithmeticError: division by zero/);
    await fails('x = 0\nreturn 1 % x', /ArithmeticError: division by zero/);
    await fails('x = 9007199254740991\nreturn x + 1', /ArithmeticError: .*2\^53/);
    await fails('x = 9007199254740991\nreturn x * x', /ArithmeticError: .*2\^53/);
    await fails('x = json.parse("null")\nreturn x + 1', /NullError/);
    await fails('x = json.parse("\\"a\\"")\nreturn x * 2', /TypeError: expected a number, found text/);
    await fails('xs = [1]\nreturn xs[3]', /IndexError: index 3/);
  });

  it('Paths: changing a field leaves other holders of the object alone', async () => {
    const body = `
      a = { x: { y: 1 }, list: [1, 2] }
      b = a
      b.x.y = 2
      b.list[0] = 9
      return [a.x.y, b.x.y, a.list[0], b.list[0]]`;
    assert.deepEqual(await run(body), [1, 2, 1, 9]);
  });

  it('Keys: names of the prototype are data, __proto__ is refused', async () => {
    assert.equal(await run('m = json.parse("{}")\nreturn m.constructor'), null);
    assert.equal(await run('m = json.parse("{\\"constructor\\": 1}")\nreturn m.constructor'), 1);
    assert.equal(await run('m = json.parse("{}")\nreturn m.toString ?? "none"'), 'none');
    await fails('return json.parse("{\\"__proto__\\": 1}")', /TypeError: .*__proto__/);
    await fails('m = json.parse("{}")\nm["__proto__"] = 1\nreturn m', /TypeError: '__proto__'/);
    await fails('return ["__proto__"].group_by(k => k)', /TypeError: '__proto__'/);
  });

  it('Match: the first arm that fits; guards, alternatives, objects; none is a MatchError', async () => {
    const source = `
      @flow main(d: string, n: int): string {
        r = @match d {
          "a" | "b" if n > 1 => "big"
          "a" => { x = n * 2
            "small \${x}" }
          _ if n == 7 => "seven"
        }
        return r
      }`;
    const engine = load(source, testEnv());
    const ask = (d: string, n: number): Promise<JsonValue> =>
      outputOf(engine, { flow: 'main', input: { d, n } });
    assert.equal(await ask('b', 2), 'big');
    assert.equal(await ask('a', 1), 'small 2');
    assert.equal(await ask('z', 7), 'seven');
    await assert.rejects(ask('z', 1), /MatchError: no arm fits z/);
  });

  it('Blocks: the value of one whose arms may also leave the flow', async () => {
    const source = `
      @transformer add(n: int, by: int): int { return n + by }
      @flow main(n: int): array[int] {
        a = @rigid {
          match n {
            1 => add(n, 10)
            2 => { return [-1] }
            _ => { b = n * 2
              b }
          }
        }
        return [a]
      }`;
    const engine = load(source, testEnv());
    for (const [n, output] of [
      [1, [11]],
      [2, [-1]],
      [3, [6]],
    ] as const)
      assert.deepEqual(await outputOf(engine, { flow: 'main', input: { n } }), output);
  });

  it('Loops: break, continue, yield, index; over maps by their entries', async () => {
    const body = `
      xs = @foreach x, i in [5, 6, 7, 8] {
        if x == 6 { continue }
        if x == 8 { break }
        yield x * 10 + i
      }
      m: map[string, int] = { b: 1, a: 2 }
      ys = @foreach e in m { yield "\${e.key}\${e.value}" }
      n = 0
      @while n < 10 (max_iterations = 20) { n = n + 3 }
      return [xs, ys, n]`;
    assert.deepEqual(await run(body), [[50, 72], ['b1', 'a2'], 12]);
  });

  it('Loops: reaching the bound is a LoopLimitError, and not one iteration earlier', async () => {
    const source = (max: number): string =>
      `n = 0\n@while n < 3 (max_iterations = ${max}) { n = n + 1 }\nreturn n`;
    assert.equal(await run(source(3)), 3);
    await fails(source(2), /LoopLimitError: .*2 iterations/);
  });

  it('Return: leaves loops and tries at once', async () => {
    const body = `
      @foreach x in [1, 2, 3] {
        @try { if x == 2 { return x } } @catch e { return 99 }
      }
      return 0`;
    assert.equal(await run(body), 2);
  });

  it('Flows: arguments, defaults, recursion, pipes', async () => {
    const source = `
      @transformer double(n: int): int { return n * 2 }
      @transformer add(n: int, by: int = 10): int { return n + by }
      @evaluator big(n: int): bool { return n > 50 }
      @flow fact(n: int): int { if n < 2 { return 1 }
        return n * fact(n - 1) }
      @transformer total(xs: array[int]): int { return xs.sum() }
      @flow main(n: int): { a: int, b: int, c: int, d: int, e: array[int] } {
        a = add(n)
        b = n |> double |?> (n > 1) add
        c = fact(5)
        d = n |~> double, until = big, max = 10
        e = [1, 2].map(x => double(x))
        return { a: a, b: b, c: c, d: d, e: e }
      }`;
    const value = await outputOf(load(source, testEnv()), { flow: 'main', input: { n: 3 } });
    assert.deepEqual(value, { a: 13, b: 16, c: 120, d: 96, e: [2, 4] });
  });

  it('Calls: a recursion without end is a StackError, deep ones below the bound are fine', async () => {
    const source = `
      @flow down(n: int): int { if n == 0 { return 0 }
        return 1 + down(n - 1) }
      @flow main(n: int): int { return down(n) }`;
    const engine = load(source, testEnv());
    assert.equal(await outputOf(engine, { flow: 'main', input: { n: 900 } }), 900);
    await assert.rejects(outputOf(engine, { flow: 'main', input: { n: 5000 } }), /StackError/);
    const caught = `@flow main(): string { @try { return main() } @catch StackError e { return e.type }
      return "no" }`;
    assert.equal(await outputOf(load(caught, testEnv()), 'main'), 'StackError');
  });

  it('Calls: a recursion of flows that wait is bounded too', async () => {
    const source = `
      @core Test { version = "1.0.0"
        @memory { n: int } }
      @flow main(): int { memory.n = 1
        return main() }`;
    await assert.rejects(outputOf(load(source, testEnv()), 'main'), /StackError/);
  });

  it('Emit: exactly the fields that were written, no telemetry', async () => {
    const events = new InMemoryEventSink();
    const engine = load(`@flow main() { emit paid { total = 3 } }`, testEnv({ events }), {
      autoTelemetry: false,
    });
    await engine.invoke({ flow: 'main', executionId: 'x' });
    assert.deepEqual(events.events, [
      {
        type: 'paid',
        core_id: 'Test',
        timestamp: '2023-11-14T22:13:20.000Z',
        payload: { total: 3 },
        is_telemetry: false,
        execution_id: 'x',
      },
    ]);
  });

  it('Values: what a flow is given is not changed, and what it gives is no list of its own', () => {
    const module = moduleOf([
      flow(
        'main',
        ['xs'],
        [
          rigid(
            assign('ys', ref('xs')),
            { kind: 'assign', target: { name: 'ys', path: [lit(0)] }, value: lit(9) },
            giveBack('ys'),
          ),
        ],
      ),
    ]);
    const xs = [1, 2];
    const result = CoreEngine.load(module, testEnv()).execute({ flow: 'main', input: { xs } });
    assert.ok(!(result instanceof Promise));
    assert.deepEqual(
      [xs, result.output],
      [
        [1, 2],
        [9, 2],
      ],
    );
  });
});

describe('Fuel and signals', () => {
  const endless = moduleOf([
    flow('main', [], [rigid(assign('i', 0)), loop(lit(true), [rigid(assign('i', op('i', '+', 1)))])]),
  ]);

  it('Fuel: a loop without end stops in time, and no catch gets it', async () => {
    const result = await CoreEngine.load(endless, testEnv()).invoke({ flow: 'main', fuelMax: 10_000 });
    assert.equal(result.error?.errorType, 'FuelError');
    assert.equal(result.usage.steps, 10_000);
    const source = `@flow main() { @try { n = 0
      @while true (max_iterations = 100000000) { n = n + 1 } } @catch e { return 1 } }`;
    const caught = await load(source, testEnv()).invoke({ flow: 'main', fuelMax: 10_000 });
    assert.equal(caught.error?.errorType, 'FuelError');
  });

  it('Fuel: lambdas over long lists burn it too', async () => {
    const source = `@flow main(): int { return range(1000000).map(x => x + 1).length }`;
    const result = await load(source, testEnv()).invoke({ flow: 'main', fuelMax: 10_000 });
    assert.equal(result.error?.errorType, 'FuelError');
  });

  it('Signal: one that was aborted ends the execution with CancelledError', async () => {
    const signal = AbortSignal.abort();
    const result = await CoreEngine.load(endless, testEnv()).invoke({ flow: 'main', signal });
    assert.equal(result.error?.errorType, 'CancelledError');
  });

  it('Execute: answers at once when nothing was awaited', () => {
    const source = `
      @core Test { version = "1.0.0"
        @memory { n: int } }
      @flow main(): int { memory.n = 3
        return memory.n ?? 0 }`;
    const result = load(source, testEnv()).execute({ flow: 'main' });
    assert.ok(!(result instanceof Promise));
    assert.equal(result.output, 3);
  });
});
