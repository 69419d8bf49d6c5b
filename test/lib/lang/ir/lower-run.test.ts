// What lowering has to keep, seen from outside: programs give what their text says.
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { FakeClock, SeededRng } from '../../../../lib/index.ts';
import {
  check,
  compile,
  CoreEngine,
  hostEnvironment,
  IRSerializer,
  type JsonValue,
  verifyModule,
} from '../../../../lib/lang/index.ts';
import { programArbitrary } from '../program-arbitrary.ts';

const HEAD = '@core T { version = "1.0.0"  instance = :stateless  @models { primary = { model = "m" } } }\n';
const TRACED = `
@transformer t(n: int): int {
    emit t { n = n }
    return n
}
@transformer yes(n: int): bool {
    emit yes { n = n }
    return true
}
`;

interface Ran {
  readonly output: JsonValue | undefined;
  /** What was emitted, in order: the effects that ran. */
  readonly effects: readonly JsonValue[];
}

async function run(body: string, input: Readonly<Record<string, JsonValue>> = { n: 1 }): Promise<Ran> {
  const { module, diagnostics } = compile(`${HEAD}@flow f(n: int) {\n${body}\n}${TRACED}`);
  assert.ok(module, diagnostics.map(({ code, message }) => `${code} ${message}`).join('\n'));
  // As it is run elsewhere: out of its bundle.
  const serializer = new IRSerializer();
  const loaded = serializer.deserialize(serializer.serialize(module));
  const effects: JsonValue[] = [];
  const engine = CoreEngine.load(
    loaded,
    hostEnvironment({
      clock: new FakeClock({ defer: queueMicrotask }),
      rng: new SeededRng(1),
      events: {
        publish: ({ payload, is_telemetry: isTelemetry }) => {
          if (!isTelemetry) effects.push(payload['n'] ?? null);
        },
      },
    }),
  );
  const { output, error } = await engine.invoke({ flow: 'f', input });
  assert.equal(error, undefined, error?.message);
  return { output, effects };
}

/** Title → body, what it gives, and which effects it has. */
const CASES: Readonly<Record<string, readonly [string, JsonValue, readonly JsonValue[]]>> = {
  'effects in a list, are in order': ['return [t(1), n, t(2), t(t(3))]', [1, 1, 2, 3], [1, 2, 3, 3]],
  'the right of && and ||, run only when they are asked': [
    'return [n > 5 && yes(1), n > 0 && yes(2), n > 0 || yes(3), n > 5 || yes(4)]',
    [false, true, true, true],
    [2, 4],
  ],
  'the right of ??, runs only for null': [
    'a: int? = null\n b: int? = 7\n return [a ?? t(1), b ?? t(2)]',
    [1, 7],
    [1],
  ],
  'one side of a conditional, runs': ['return if n > 1 { t(1) } else { t(2) }', 2, [2]],
  'one arm of a match, runs': ['return match n { 1 => t(1), _ => t(2) }', 1, [1]],
  'stages of a pipe, run as its conditions say': ['return n |> t |?> (n > 5) t |> t', 1, [1, 1]],
  'the condition of a loop, is asked before each turn': [
    'i = 0\n @while t(i) < 2 (max_iterations = 9) {\n i = i + 1\n if i == 1 { continue }\n }\n return i',
    2,
    [0, 1, 2],
  ],
  'the value of @try, is that of a last match': [
    'x = @try {\n match n {\n 1 => 2\n _ => 3\n }\n } @catch e { 0 }\n return x',
    2,
    [],
  ],
  'the value of a catch, is that of its last expression': [
    'x = @try { fail("no") } @catch e { e.message }\n return x',
    'no',
    [],
  ],
  'the value of @rigid, is that of a last match': [
    'x = @rigid {\n match n {\n 1 => "one"\n _ => "more"\n }\n }\n return x',
    'one',
    [],
  ],
  'the value of an arm, is that of a match at its end': [
    'x = @match n {\n 1 => {\n match n {\n 1 => 7\n _ => 8\n }\n }\n _ => 3\n }\n return x',
    7,
    [],
  ],
  'the value of a body without an expression, is null': [
    'x = @rigid { y = 1 }\n return [x, y]',
    [null, 1],
    [],
  ],
  'the value of @budget, is that of its last expression': [
    'x = @budget {\n max_tokens = 5\n t(n) + 1\n }\n return x',
    2,
    [1],
  ],
  'continue in a concurrent loop, ends the iteration': [
    'xs = @foreach x in [1, 2, 3] (max_concurrent = 2) {\n if x == 2 { continue }\n yield x\n }\n return xs',
    [1, 3],
    [],
  ],
  'break and return in a loop one at a time, end it': [
    'xs = @foreach x in [1, 2, 3] (max_concurrent = 1) {\n if x == 2 { break }\n yield x\n }\n return xs',
    [1],
    [],
  ],
  'dates and durations, are reckoned': [
    'd = 2026-01-31\n at = 2026-01-31T10:00:00Z\n return [d + 1, at + 1h, 1h + at, 1h / 30m, 2026-02-02 - d]',
    ['2026-02-01', '2026-01-31T11:00:00.000Z', '2026-01-31T11:00:00.000Z', 2, 2],
    [],
  ],
  'names of prototypes, are names': [
    'constructor = { toString: n, valueOf: 2 }\n return constructor.toString + constructor.valueOf',
    3,
    [],
  ],
};

describe('Lowering, run', () => {
  for (const [title, [body, output, effects]] of Object.entries(CASES))
    it(title, async () => {
      assert.deepEqual(await run(body), { output, effects });
    });

  it('a try whose ways all return, with a binding, compiles', () => {
    const text = `${HEAD}@flow f(n: int): int {\n x = @try { if n > 1 { return 1 } else { return 2 } } @catch e { 5 }\n return x\n}`;
    assert.deepEqual(check(text).diagnostics, []);
  });

  it('break and return in a concurrent loop, and the name __proto__, are refused', () => {
    const codesOf = (body: string): readonly string[] =>
      check(`${HEAD}@flow f(n: int) {\n${body}\n}`)
        .diagnostics.filter(({ severity }) => severity === 'error')
        .map(({ code, source, span }) => `${code} ${source.positionAt(span.start).line}`);
    const loop = (jump: string): string =>
      `@foreach x in [1] (max_concurrent = 2) {\n if x > n { ${jump} }\n}`;
    assert.deepEqual(codesOf(loop('break')), ['E310 4']);
    assert.deepEqual(codesOf(loop('return')), ['E310 4']);
    assert.deepEqual(codesOf('x = { __proto__: n }\n log(x)'), ['E006 3']);
    assert.deepEqual(codesOf('log("__proto__ ${n}") // __proto__'), []);
  });

  it('a budget in a model call, stands around it', () => {
    const body =
      'x = @model_call {\n modality = :tts\n input = n\n output = string\n @budget { max_retries = 1 }\n }\n return x';
    const { module } = compile(`${HEAD}@flow f(n: int): string {\n${body}\n}`);
    const [block] = module?.flows[0]?.body ?? [];
    assert.ok(block?.kind === 'budget');
    assert.deepEqual(block.limits, { max_retries: 1 });
    assert.deepEqual(
      block.body.map(({ kind, result_binding: name }) => [kind, name]),
      [['model_call', 'x']],
    );
  });

  it('programs nested as deeply as the parser takes, are bundled and read', () => {
    const deep = {
      conditions: `return ${'if n > 1 { 1 } else { '.repeat(180)}n${' }'.repeat(180)}`,
      ifs: `${'if n > 1 {\n'.repeat(190)}log(n)${'\n}'.repeat(190)}`,
      objects: `x = ${'{ a: '.repeat(190)}n${' }'.repeat(190)}\nlog(x)`,
      sums: `return n${' + now().year'.repeat(180)}`,
    };
    const serializer = new IRSerializer();
    for (const [title, body] of Object.entries(deep)) {
      const { module } = compile(`${HEAD}@flow f(n: int) {\n${body}\n}`);
      assert.ok(module, title);
      assert.deepEqual(serializer.deserialize(serializer.serialize(module)), module);
    }
  });

  it('any program that the checker takes, passes the verifier and survives its bundle', () => {
    const serializer = new IRSerializer();
    fc.assert(
      fc.property(programArbitrary(), (text) => {
        const { module, diagnostics } = compile(text);
        assert.ok(module, diagnostics.map(({ code, message }) => `${code} ${message}`).join('\n'));
        assert.deepEqual(verifyModule(module), []);
        assert.deepEqual(serializer.deserialize(serializer.serialize(module)), module);
      }),
      { numRuns: Number(process.env['GRANARY_FUZZ'] ?? 50), seed: Number(process.env['GRANARY_SEED'] ?? 1) },
    );
  });
});
