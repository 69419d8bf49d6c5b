// The verifier's rules, seen through the compiler: each finds what it should, and leaves its neighbours alone.
import assert from 'node:assert/strict';
import { compile } from '../../../../lib/lang/index.ts';

const MODELS = '@models { primary = { model = "m" } }';

/** `code line` of all errors. */
function errorsOf(text: string): readonly string[] {
  const { diagnostics } = compile(text);
  return diagnostics
    .filter(({ severity }) => severity === 'error')
    .map(({ code, source, span }) => `${code} ${source.positionAt(span.start).line}`);
}

function core(members: string, flows: string): string {
  return `@core T {\nversion = "1.0.0"\n${members}\n}\n${flows}`;
}

const CASES: readonly (readonly [title: string, program: string, errors: readonly string[]])[] = [
  ['now() in @rigid', core('', '@flow f(): datetime {\n@rigid {\nat = now()\nreturn at\n}\n}'), ['E400 7']],
  ['now() outside of @rigid', core('', '@flow f(): datetime {\nreturn now()\n}'), []],
  ['log() in @rigid', core('', '@flow f(): int {\n@rigid {\nlog("x")\nreturn 1\n}\n}'), []],
  [
    '@core_call in @rigid',
    core('', '@flow f(): int {\n@rigid {\nx = @core_call core://a/b { flow = "g" }\n}\nreturn 1\n}'),
    ['E400 7'],
  ],
  [
    'a function that asks for the time, called in @rigid',
    core(
      '',
      '@transformer t(): datetime {\nreturn now()\n}\n@flow f(): datetime {\n@rigid {\nx = t()\nreturn x\n}\n}',
    ),
    ['E400 10'],
  ],
  [
    '@flexible in @rigid',
    core(
      MODELS,
      '@flow f(): string {\n@rigid {\nx = @flexible { goal = "g", input = 1, output = string }\nreturn x\n}\n}',
    ),
    ['E405 7'],
  ],
  [
    'a function that asks a model, called in @rigid',
    core(
      MODELS,
      '@transformer t(): string {\nx = @flexible { goal = "g", input = 1, output = string }\nreturn x\n}\n@flow f(): string {\n@rigid {\ny = t()\nreturn y\n}\n}',
    ),
    ['E405 11'],
  ],
  [
    'the entity key in no flow',
    core('instance = :entity(key = "id")', '@flow f(other: string): int {\nreturn 1\n}'),
    ['E402 1'],
  ],
  [
    'the entity key in one of two flows',
    core(
      'instance = :entity(key = "id")',
      '@flow f(other: string): int {\nreturn 1\n}\n@flow g(id: string): int {\nreturn 1\n}',
    ),
    [],
  ],
  ['code behind return', core('', '@flow f(): int {\nreturn 1\nx = 2\n}'), ['E404 7']],
  [
    'code behind an if whose sides both return',
    core('', '@flow f(a: bool): int {\nif a { return 1 } else { return 2 }\nx = 2\n}'),
    ['E404 7'],
  ],
  [
    'code behind an if of which one side returns',
    core('', '@flow f(a: bool): int {\nif a { return 1 }\nx = 2\nreturn x\n}'),
    [],
  ],
  [
    'a checkpoint in a parallel branch',
    core(
      '',
      '@flow f(): int {\n@parallel {\na = @checkpoint approval { present = { prompt = "?" } }\n}\nreturn 1\n}',
    ),
    ['E406 7'],
  ],
  [
    'a checkpoint behind a call in a concurrent loop',
    core(
      '',
      '@transformer ask(x: int): int {\nd = @checkpoint approval { present = { prompt = "?" } }\nreturn x\n}\n@flow f(): int {\n@foreach x in [1] (max_concurrent = 2) {\nyield ask(x)\n}\nreturn 1\n}',
    ),
    ['E406 11'],
  ],
  [
    'a checkpoint in a loop that runs one after the other',
    core(
      '',
      '@flow f(): int {\n@foreach x in [1, 2] {\nd = @checkpoint approval { present = { prompt = "?" } }\n}\nreturn 1\n}',
    ),
    [],
  ],
  [
    'a schedule with four fields',
    core('@triggers { @schedule s { flow = f, cron = "0 2 * *" } }', '@flow f(): int {\nreturn 1\n}'),
    ['E408 3'],
  ],
  [
    'a schedule at minute 60',
    core('@triggers { @schedule s { flow = f, cron = "60 2 * * *" } }', '@flow f(): int {\nreturn 1\n}'),
    ['E408 3'],
  ],
  [
    'a schedule in no time zone',
    core(
      '@triggers { @schedule s { flow = f, cron = "*/5 2-4 * jan mon", timezone = "Mars/Base" } }',
      '@flow f(): int {\nreturn 1\n}',
    ),
    ['E408 3'],
  ],
  [
    'transformers that call each other',
    core(
      '',
      '@transformer a(x: int): int {\nreturn b(x)\n}\n@transformer b(x: int): int {\nreturn a(x)\n}\n@flow f(): int {\nreturn a(1)\n}',
    ),
    ['E409 5', 'E409 8'],
  ],
  [
    'transformers that call each other in lambdas',
    core(
      '',
      `@transformer a(xs: array[int]): int {\nreturn xs.map(x => b([x])).sum()\n}
@transformer b(xs: array[int]): int {\nreturn if xs.length == 0 { 0 } else { xs.sum(x => a([x])) }\n}
@flow f(): int {\nreturn a([1])\n}`,
    ),
    ['E409 5', 'E409 8'],
  ],
  [
    'a search without a model for embeddings',
    core(
      `${MODELS}\ninstance = :entity(key = "id")\n@memory { notes: array[string] }`,
      '@flow f(id: string): int {\nx = memory.notes.search(query = "a")\nreturn x.length\n}',
    ),
    ['E403 8'],
  ],
  [
    'a search with one',
    core(
      'instance = :entity(key = "id")\n@models { e = { model = "m", modalities = [:embedding] } }\n@memory { notes: array[string] }',
      '@flow f(id: string): int {\nx = memory.notes.search(query = "a")\nreturn x.length\n}',
    ),
    [],
  ],
];

describe('Verifier', () => {
  for (const [title, program, errors] of CASES) {
    const result = errors.length === 0 ? 'is accepted' : `is ${errors.join(', ')}`;
    it(`a program with ${title}, ${result}`, () => {
      assert.deepEqual(errorsOf(program), errors);
    });
  }
});
