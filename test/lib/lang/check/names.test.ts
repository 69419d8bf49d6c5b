import { strict as assert } from 'node:assert';
import { checkText, CORE, describe as describeAll, flowText, runCases, said, saidOf } from './check-text.ts';

describe('ScaiCore checker: names', () => {
  runCases('Names', {
    'of params, variables and parts of the core, nothing said': [
      `x = n + config.limit
       y = reference.rates.get("a") ?? 1.0
       memory.names.add(text)
       z = files.read(text)
       return [x, y, z, memory.totals, core.identity]`,
    ],
    'unknown, E200': ['x = nn', 'E200 2:5'],
    'unknown function, E203': ['x = doubel(2)', 'E203 2:5'],
    'callable without a call, E200': ['x = double', 'E200 2:5'],
    'read before it is set, E200': ['y = x\nx = 1', 'E200 2:5'],
    'set on one way only, E200': ['if n > 1 { x = 1 }\nreturn x', 'E200 3:8'],
    'set on all ways, nothing said': ['if n > 1 { x = 1 } else { x = 2 }\nreturn x + 1'],
    'not set where the way ends, nothing said': ['if n > 1 { x = 1 } else { return 0 }\nreturn x + 1'],
    'set in a loop only, E200': ['@foreach i in items { x = i }\nreturn x', 'E200 3:8'],
    'of a loop, behind it, E200': ['@foreach i in items { y = i.name }\nreturn i', 'E200 3:8'],
    'of a loop twice, nothing said': [
      '@foreach i in items { memory.names.add(i.name) }\n@foreach i in [1, 2] { memory.count = i }',
    ],
    'of a loop that hides a variable, E201': [
      'i = 1\n@foreach i in items { memory.names.add(i.name) }',
      'E201 3:10',
    ],
    'of a branch in another branch of @parallel, E200': [
      `@parallel {
         a = double(1)
         b = double(a)
       }
       return a + b`,
      'E200 4:21',
    ],
    'of a try in its catch, E200': ['@try { x = files.read(text) } @catch { return x }', 'E200 2:47'],
    'of a catch, nothing said': ['@try { x = files.read(text) } @catch PluginError e { return e.message }'],
    'of an unknown class of errors, E113': [
      '@try { files.read(text) } @catch PlugError { return 1 }',
      'E113 2:34',
    ],
    'of a part of the core as variable, E201': ['memory = 1', 'E201 2:1'],
    'of a plugin as variable, E201': ['files = 1', 'E201 2:1'],
    'memory without a field, E200': ['x = memory', 'E200 2:5'],
    'unknown fields of memory, reference, config and core, E209': [
      'return [memory.counts, reference.rate, config.limits, core.name]',
      'E209 2:16',
      'E209 2:34',
      'E209 2:47',
      'E209 2:60',
    ],
    'unknown scheme of an address, E205': ['x = nothing://a/b', 'E205 2:5'],
    'unknown scheme of an address that is called, only E205': [
      'x = nothing://read(text)\nnothing://read(text).a(n)',
      'E205 2:5',
      'E205 3:1',
    ],
    'unknown scheme of an address that is used as something else, only E205': [
      'return nothing://a + n',
      'E205 2:8',
    ],
    'address that is called, E301': ['x = files://read(text)', 'E301 2:5'],
    'unknown role, E204': [
      'x = @flexible { goal = "g", input = n, llm = second, output = { a: int } }',
      'E204 2:46',
    ],
    'role, nothing said': [
      'x = @flexible { goal = "g", input = n, llm = primary, output = { a: int } }\nreturn x.a',
    ],
    'unknown function of the library, E203': ['x = math.abc(1)', 'E203 2:10'],
    'lambda parameter that hides a variable, nothing said': [
      'x = 1\nreturn items.map(x => x.name).length + x',
    ],
  });

  runCases(
    'Declarations',
    {
      'flow twice, E201': ['@flow a() { return 1 }\n@flow a() { return 1 }', 'E201 2:7'],
      'type twice, E201': ['type A = int\ntype A = string', 'E201 2:6'],
      'param twice, E201': ['@flow a(x: int, x: int) { return x }', 'E201 1:17'],
      'field of a type twice, E201': ['type A = { a: int, a: int }', 'E201 1:20'],
      'unknown type, E202': ['@flow a(x: Thing) { return x }', 'E202 1:12'],
      'any, E202': ['type A = { a: Any }', 'E202 1:15'],
      'type of itself only, E202': ['type A = B\ntype B = A?', 'E202 1:1'],
      'recursive type, nothing said': ['type A = { next: A? }\n@flow f(a: A) { return a.next }'],
      'keys of maps that are no text, E300': ['type A = map[int, string]', 'E300 1:14'],
      'plugin interface without a plugin, E205': [
        '@core A { version = "1.0.0" }\n@plugin_interface mail { send(to: string): bool }',
        'E205 2:19',
      ],
      'plugin twice, E201': ['@core A { @plugins {\na = x/y@1.0\na = x/z@1.0\n} }', 'E201 3:1'],
      'model twice, E112': ['@core A { @models {\na = { model = "m" }\na = { model = "n" }\n} }', 'E112 3:1'],
      'second core, E201': ['@core A { }\n@core B { }', 'E201 2:7'],
    },
    (text) => saidOf(text),
  );

  it('Names: a slip of the pen, the nearest name as hint', () => {
    const { diagnostics } = checkText(`@flow f(amount: int) { return amuont }${CORE}`);
    assert.deepEqual(diagnostics.filter(({ code }) => code === 'E200').map(describeAll), [
      "E200 1:31 there is nothing named 'amuont' here (did you mean 'amount'?)",
    ]);
  });

  it('Declarations: declared twice, the first place is told', () => {
    const { diagnostics } = checkText('@flow a() { return 1 }\n@flow a() { return 1 }');
    assert.deepEqual(
      diagnostics.map(({ related }) => related?.map(({ span }) => span.start)),
      [[6]],
    );
  });

  it('Names: unused ones, W401, but not those that begin with _', () => {
    const text = `import { A, B } from "./a"
@flow f() {
  x = 1
  _y = 2
  z = 3
  return z
}
type Lost = int
@transformer lost(a: A): A { return a }
pub @transformer kept(n: int): int { return n }`;
    const files = { 'a.scaicore': 'pub type A = int\npub type B = int' };
    assert.deepEqual(checkText(text, files).diagnostics.map(describeAll), [
      "W401 1:13 'B' is imported and never used",
      "W401 3:3 'x' is never read",
      "W401 8:6 type 'Lost' is never used",
      "W401 9:14 transformer 'lost' is never used",
    ]);
  });

  it('Names: in a file without a core, fields of the core are not asked for', () => {
    assert.deepEqual(saidOf('@flow f() { return memory.anything }'), []);
  });

  it('Names: errors of the parser, no further ones follow', () => {
    assert.deepEqual(
      said('x = )\ny = x + 1\nreturn y').filter((each) => !each.startsWith('E1')),
      [],
    );
  });

  it('Names of other languages: with the name here', () => {
    const hints: Readonly<Record<string, string>> = {
      'x = None': 'write null',
      'x = True': 'write true',
      'x = await double(1)': 'leave out await',
      'print(n)': 'write @debug { log(x) }',
      'return len(items)': 'write x.length',
      'return items.size': "write 'length'",
      'memory.names.append(text)': "write 'add'",
      'x = [1]\nx.append(2)': 'write xs = xs.push(item)',
      'x: str = text': 'write string',
      'x: number = n': 'write int or float',
      'x = @checkpoint ask { options = ["a"] }': 'there are approval, hitl_review, choice',
    };
    for (const [text, hint] of Object.entries(hints)) {
      const said = checkText(flowText(text)).diagnostics.map(describeAll).join('\n');
      assert.ok(said.includes(hint), `${text}: ${said}`);
    }
  });

  it('Names of one letter: no other one is near', () => {
    const said = checkText(flowText('return q + g(n)')).diagnostics.map(describeAll).join('\n');
    assert.ok(!said.includes('did you mean'), said);
  });
});
