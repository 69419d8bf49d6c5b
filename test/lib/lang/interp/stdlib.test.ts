// Every entry of the standard library, through source. A test asserts that none is missing here or in the engine.
import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { FUNCTIONS, HOST_FUNCTIONS, type JsonValue, METHODS } from '../../../../lib/lang/index.ts';
import { SeededRng } from '../../../../lib/index.ts';
import { load, outputOf, run, testEnv } from './ir-kit.ts';

type Case = readonly [expression: string, expected: JsonValue];

const METHOD_CASES: Readonly<Record<string, Readonly<Record<string, readonly Case[]>>>> = {
  string: {
    length: [['"añb".length', 3]],
    lower: [['"AbC".lower()', 'abc']],
    upper: [['"AbC".upper()', 'ABC']],
    trim: [['"  a b ".trim()', 'a b']],
    trim_start: [['" a ".trim_start()', 'a ']],
    trim_end: [['" a ".trim_end()', ' a']],
    contains: [
      ['"abc".contains("bc")', true],
      ['"abc".contains("")', true],
    ],
    starts_with: [['"abc".starts_with("ab")', true]],
    ends_with: [['"abc".ends_with("bc")', true]],
    replace: [
      ['"a-b-c".replace("-", "$&")', 'a$&b$&c'],
      ['"ab".replace("", ".")', '.a.b.'],
    ],
    replace_first: [['"a-b-c".replace_first("-", "$1")', 'a$1b-c']],
    split: [['"a,b,,c".split(",")', ['a', 'b', '', 'c']]],
    slice: [
      ['"abcdef".slice(1, 3)', 'bc'],
      ['"abcdef".slice(-2)', 'ef'],
      ['"abc".slice(5)', ''],
    ],
    index_of: [
      ['"abc".index_of("c")', 2],
      ['"abc".index_of("z")', null],
    ],
    pad_start: [
      ['"7".pad_start(3, "0")', '007'],
      ['"7".pad_start(2)', ' 7'],
    ],
    pad_end: [['"7".pad_end(3, "-")', '7--']],
    repeat: [
      ['"ab".repeat(3)', 'ababab'],
      ['"ab".repeat(0)', ''],
    ],
    matches: [
      ['"invoice-7.pdf".matches("invoice-?.p*")', true],
      ['"abc".matches("a*d")', false],
      ['"".matches("*")', true],
    ],
    is_empty: [['"".is_empty()', true]],
    to_int: [
      ['" 42 ".to_int()', 42],
      ['"4.2".to_int()', null],
      ['"99999999999999999999".to_int()', null],
    ],
    to_float: [
      ['"4.25".to_float()', 4.25],
      ['"1e3".to_float()', 1000],
      ['"x".to_float()', null],
      ['"Infinity".to_float()', null],
    ],
  },
  array: {
    length: [['[1, 2].length', 2]],
    first: [['[1, 2].first', 1]],
    last: [['[1, 2].last', 2]],
    is_empty: [['[1].is_empty()', false]],
    map: [['[1, 2].map((x, i) => x * 10 + i)', [10, 21]]],
    filter: [['[1, 2, 3].filter(x => x > 1)', [2, 3]]],
    reduce: [['[1, 2, 3].reduce(10, (sum, x) => sum + x)', 16]],
    find: [
      ['[1, 2, 3].find(x => x > 1)', 2],
      ['[1].find(x => x > 1)', null],
    ],
    find_index: [
      ['[1, 2].find_index(x => x == 2)', 1],
      ['[1].find_index(x => x == 2)', null],
    ],
    any: [['[1, 2].any(x => x > 1)', true]],
    all: [['[1, 2].all(x => x > 1)', false]],
    none: [['[1, 2].none(x => x > 2)', true]],
    count: [
      ['[1, 2, 3].count(x => x > 1)', 2],
      ['[1, 2].count()', 2],
    ],
    sum: [
      ['[1, 2, 3].sum()', 6],
      ['[0.1, 0.2].sum()', 0.3],
      ['["a", "bb"].sum(s => s.length)', 3],
    ],
    min: [
      ['[3, 1, 2].min()', 1],
      ['["aa", "b"].min(s => s.length)', 'b'],
    ],
    max: [
      ['[3, 1, 2].max()', 3],
      ['["aa", "b"].max(s => s.length)', 'aa'],
    ],
    avg: [
      ['[1, 2].avg()', 1.5],
      ['[1].filter(x => x > 1).avg()', null],
    ],
    sort: [
      ['[3, 10, 2].sort()', [2, 3, 10]],
      ['["b", "B", "a"].sort()', ['B', 'a', 'b']],
    ],
    sort_by: [['["bb", "a", "c"].sort_by(s => s.length)', ['a', 'c', 'bb']]],
    reverse: [['[1, 2].reverse()', [2, 1]]],
    slice: [
      ['[1, 2, 3].slice(1)', [2, 3]],
      ['[1, 2, 3].slice(0, -1)', [1, 2]],
    ],
    take: [
      ['[1, 2, 3].take(2)', [1, 2]],
      ['[1].take(-1)', []],
    ],
    skip: [['[1, 2, 3].skip(2)', [3]]],
    concat: [['[1].concat([2])', [1, 2]]],
    push: [['[1].push(2)', [1, 2]]],
    contains: [['[{ a: 1 }].contains({ a: 1 })', true]],
    index_of: [
      ['[1, 2].index_of(2)', 1],
      ['[1].index_of(3)', null],
    ],
    join: [
      ['[1, 2].join("-")', '1-2'],
      ['["a", "b"].join()', 'a, b'],
    ],
    unique: [
      ['[1, 2, 1].unique()', [1, 2]],
      ['[{ a: 1, b: 2 }, { b: 2, a: 1 }].unique().length', 1],
    ],
    flatten: [['[[1], [2, 3]].flatten()', [1, 2, 3]]],
    flat_map: [['[1, 2].flat_map(x => [x, x])', [1, 1, 2, 2]]],
    group_by: [['["a", "bb", "c"].group_by(s => s.length.to_string())', { 1: ['a', 'c'], 2: ['bb'] }]],
    zip: [['[1, 2].zip(["a"])', [{ left: 1, right: 'a' }]]],
    chunk: [['[1, 2, 3].chunk(2)', [[1, 2], [3]]]],
  },
  map: {
    length: [['m.length', 2]],
    keys: [['m.keys()', ['b', 'a']]],
    values: [['m.values()', [1, 2]]],
    entries: [
      [
        'm.entries()',
        [
          { key: 'b', value: 1 },
          { key: 'a', value: 2 },
        ],
      ],
    ],
    get: [
      ['m.get("a")', 2],
      ['m.get("constructor")', null],
    ],
    has: [
      ['m.has("a")', true],
      ['m.has("toString")', false],
    ],
    set: [['m.set("c", 3)', { b: 1, a: 2, c: 3 }]],
    remove: [['m.remove("b")', { a: 2 }]],
    merge: [['m.merge(m.set("a", 9))', { b: 1, a: 9 }]],
    map_values: [['m.map_values(v => v * 2)', { b: 2, a: 4 }]],
    is_empty: [['m.is_empty()', false]],
  },
  int: {
    abs: [['(0 - 3).abs()', 3]],
    to_string: [['(0 - 3).to_string()', '-3']],
    to_float: [['(3).to_float()', 3]],
    clamp: [
      ['(30).clamp(1, 10)', 10],
      ['(0 - 3).clamp(1, 10)', 1],
    ],
  },
  float: {
    abs: [['(0.0 - 1.5).abs()', 1.5]],
    round: [
      ['(1.005).round(2)', 1.01],
      ['(2.5).round()', 3],
      ['(0.0 - 2.5).round()', -3],
      ['(1234.5).round(-2)', 1200],
    ],
    floor: [
      ['(1.7).floor()', 1],
      ['(0.0 - 1.2).floor()', -2],
    ],
    ceil: [['(1.2).ceil()', 2]],
    to_string: [['(1.50).to_string()', '1.5']],
    to_int: [['(0.0 - 1.7).to_int()', -1]],
    clamp: [['(1.5).clamp(0.0, 1.0)', 1]],
  },
  money: {
    abs: [['money("-2.5").abs()', 2.5]],
    round: [
      ['money("2.345").round()', 2.35],
      ['money("2.345").round(1)', 2.3],
    ],
    to_float: [['money("2.5").to_float()', 2.5]],
    to_string: [['money("2.50").to_string()', '2.5']],
    format: [
      ['money("2.5").format()', '2.50'],
      ['money("1234.567").format(1)', '1234.6'],
    ],
  },
  bool: { to_string: [['(1 < 2).to_string()', 'true']] },
  date: {
    year: [['2026-03-01.year', 2026]],
    month: [['2026-03-01.month', 3]],
    day: [['2026-03-01.day', 1]],
    weekday: [
      ['2026-03-01.weekday', 7],
      ['2026-03-02.weekday', 1],
      ['date("1969-12-31").weekday', 3],
    ],
    plus_days: [
      ['2024-02-28.plus_days(1)', '2024-02-29'],
      ['2023-03-01.plus_days(-1)', '2023-02-28'],
    ],
    days_until: [['2026-01-01.days_until(2027-01-01)', 365]],
    to_string: [['2026-03-01.to_string()', '2026-03-01']],
    at_start: [['2026-03-01.at_start()', '2026-03-01T00:00:00.000Z']],
  },
  datetime: {
    year: [['t.year', 2026]],
    month: [['t.month', 1]],
    day: [['t.day', 31]],
    hour: [['t.hour', 23]],
    minute: [['t.minute', 59]],
    second: [['t.second', 58]],
    date: [['t.date', '2026-01-31']],
    plus: [['t.plus(2s)', '2026-02-01T00:00:00.000Z']],
    minus: [['t.minus(1d)', '2026-01-30T23:59:58.000Z']],
    since: [['t.since(2026-01-31T23:59:00Z)', 58_000]],
    to_string: [['t.to_string()', '2026-01-31T23:59:58.000Z']],
  },
  duration: {
    seconds: [['(90s).seconds', 90]],
    minutes: [['(90s).minutes', 1.5]],
    hours: [['(90m).hours', 1.5]],
    days: [['(12h).days', 0.5]],
    milliseconds: [['(2s).milliseconds', 2000]],
    to_string: [
      ['(90m).to_string()', '1h30m'],
      ['(1s - 1s).to_string()', '0s'],
    ],
  },
};

const FUNCTION_CASES: Readonly<Record<string, readonly Case[]>> = {
  'math.abs': [['math.abs(0.0 - 2.5)', 2.5]],
  'math.min': [['math.min(2, 1)', 1]],
  'math.max': [['math.max(2, 1)', 2]],
  'math.floor': [['math.floor(1.9)', 1]],
  'math.ceil': [['math.ceil(1.1)', 2]],
  'math.round': [['math.round(1.25, 1)', 1.3]],
  'math.sqrt': [['math.sqrt(9.0)', 3]],
  'math.pow': [['math.pow(2.0, 10.0)', 1024]],
  'math.clamp': [['math.clamp(5, 1, 3)', 3]],
  'json.parse': [['json.parse("{\\"a\\": [1, null]}")', { a: [1, null] }]],
  'json.stringify': [['json.stringify({ a: [1] })', '{"a":[1]}']],
  int: [
    ['int("12")', 12],
    ['int(1.9)', 1],
    ['int(true)', 1],
  ],
  float: [['float("1.5")', 1.5]],
  string: [
    ['string(1.5)', '1.5'],
    ['string([1])', '[1]'],
    ['string(null)', 'null'],
  ],
  bool: [
    ['bool("true")', true],
    ['bool(0)', false],
  ],
  money: [['money("1.2345678")', 1.234568]],
  date: [['date("2026-02-28")', '2026-02-28']],
  datetime: [
    ['datetime("2026-01-31T10:00:00+02:00")', '2026-01-31T08:00:00.000Z'],
    ['datetime("2026-01-31")', '2026-01-31T00:00:00.000Z'],
  ],
  duration: [['duration("1h30m")', 5_400_000]],
  range: [
    ['range(3)', [0, 1, 2]],
    ['range(2, 4)', [2, 3]],
    ['range(4, 2)', []],
  ],
  fail: [],
};

const names = (cases: Readonly<Record<string, unknown>>): readonly string[] => Object.keys(cases).sort();

async function check([expression, expected]: Case): Promise<void> {
  const body = `m: map[string, int] = { b: 1, a: 2 }
    t = 2026-01-31T23:59:58Z
    return [${expression}]`;
  assert.deepEqual(await run(body), [expected], expression);
}

describe('Standard library', () => {
  it('Entries: each has a test', () => {
    assert.deepEqual(names(METHOD_CASES), names(METHODS));
    for (const [type, cases] of Object.entries(METHOD_CASES))
      assert.deepEqual(names(cases), names(METHODS[type] ?? {}), type);
    assert.deepEqual(names(FUNCTION_CASES), names(FUNCTIONS));
  });

  for (const [type, methods] of Object.entries(METHOD_CASES)) {
    it(`Methods of ${type}: as listed`, async () => {
      for (const cases of Object.values(methods)) for (const each of cases) await check(each);
    });
  }

  it('Functions: as listed', async () => {
    for (const cases of Object.values(FUNCTION_CASES)) for (const each of cases) await check(each);
    await assert.rejects(run('fail("told so")'), /FailError: told so/);
  });

  it('Conversions: what cannot be converted is a TypeError', async () => {
    const wrong = [
      'int("1.5")',
      'int("")',
      'float("Infinity")',
      'bool("yes")',
      'date("2026-02-29")',
      'date("2026-2-1")',
      'datetime("2026-01-31T25:00:00Z")',
      'datetime("2026-01-31T10:00:00")',
      'duration("90")',
      'duration("1x")',
      'json.parse("{a: 1}")',
    ];
    for (const expression of wrong)
      await assert.rejects(run(`return ${expression}`), /TypeError/, expression);
    await assert.rejects(run('return money(json.parse("null"))'), /NullError/);
  });

  it('Bounds: nothing that a program builds outgrows them', async () => {
    const wrong = [
      '"ab".repeat(10000000)',
      '"a".pad_start(20000000)',
      'range(20000000)',
      '"a".repeat(5000).replace("a", "b".repeat(5000))',
      '"a".repeat(16000000) + "b".repeat(16000000)',
    ];
    for (const expression of wrong)
      await assert.rejects(
        run(`return ${expression}`),
        /RuntimeError: .* that a program may build/,
        expression,
      );
    await assert.rejects(run('return [1].chunk(0)'), /IndexError/);
  });

  it('Dynamic values: members are found by what the value is', async () => {
    const body = `x = json.parse("{\\"s\\": \\"aB\\", \\"xs\\": [3, 1], \\"n\\": -2}")
      return [x.s.upper(), x.xs.sort(), x.xs.length, x.n.abs(), x.keys()]`;
    assert.deepEqual(await run(body), ['AB', [1, 3], 2, 2, ['s', 'xs', 'n']]);
    await assert.rejects(run('x = json.parse("null")\nreturn x.upper()'), /NullError/);
    await assert.rejects(run('x = json.parse("1")\nreturn x.upper()'), /TypeError: a number has no 'upper'/);
  });

  it('Matches: never takes longer than text times pattern', async () => {
    const source = '@flow main(t: string, p: string): bool { return t.matches(p) }';
    const engine = load(source, testEnv());
    const input = { t: 'a'.repeat(20_000), p: `${'*a'.repeat(200)}b` };
    assert.equal(await outputOf(engine, { flow: 'main', input }), false);
  });

  it('Matches: any pattern, the same as a regular expression', async () => {
    const engine = load('@flow main(t: string, p: string): bool { return t.matches(p) }', testEnv());
    const letters = (of: string): fc.Arbitrary<string> =>
      fc.array(fc.constantFrom(...of), { maxLength: 8 }).map((all) => all.join(''));
    await fc.assert(
      fc.asyncProperty(letters('ab'), letters('ab*?'), async (t, p) => {
        const regex = new RegExp(`^${p.replaceAll('*', '.*').replaceAll('?', '.')}$`);
        assert.equal(await outputOf(engine, { flow: 'main', input: { t, p } }), regex.test(t));
      }),
    );
  });

  it('Host functions: time and chance of the environment', async () => {
    const env = testEnv({ rng: new SeededRng(5), log: () => undefined });
    const body = `a = now()
      b = today()
      c = random()
      d = random_int(3, 4)
      e = uuid()
      f = log("x", "warn")
      return [a, b, c, d, e]`;
    const [a, b, c, d, e] = (await run(body, env)) as readonly [string, string, number, number, string];
    assert.deepEqual([a, b], ['2023-11-14T22:13:20.000Z', '2023-11-14']);
    assert.ok(c >= 0 && c < 1);
    assert.ok(d === 3 || d === 4);
    assert.match(e, /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    assert.deepEqual(names(HOST_FUNCTIONS), ['log', 'now', 'random', 'random_int', 'today', 'uuid']);
  });
});
