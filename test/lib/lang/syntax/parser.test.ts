import assert from 'node:assert/strict';
import { parseFile, SourceText } from '../../../../lib/lang/index.ts';
import { bareTree } from '../tree-text.ts';
import {
  exprOf,
  groupedText,
  inCore,
  inFlow,
  itemOf,
  itemsOf,
  parseText,
  statementOf,
  statementsOf,
} from './syntax-kit.ts';

const grouped = (text: string): string => groupedText(exprOf(text));

describe('Expressions', () => {
  it('Operators: tightest first, from the left', () => {
    assert.equal(grouped('a + b * c - d'), '((a + (b * c)) - d)');
    assert.equal(
      grouped('a ?? b || c && d == e < f + g * -h.i'),
      '(a ?? (b || (c && (d == (e < (f + (g * (-h.i))))))))',
    );
    assert.equal(grouped('!a.b(c) && d'), '((!a.b(c)) && d)');
    assert.equal(grouped('a in [1, 2] == b'), '((a in [1, 2]) == b)');
    assert.equal(grouped('(a + b) * c'), '((a + b) * c)');
    assert.equal(grouped('a - b - c'), '((a - b) - c)');
  });

  it('Lambdas: looser than operators, tighter than pipes', () => {
    assert.equal(grouped('xs.map(x => x + 1)'), 'xs.map((x => (x + 1)))');
    assert.equal(grouped('f((a, b) => a, () => 1)'), 'f((a, b => a), ( => 1))');
    assert.equal(grouped('x => y => x'), '(x => (y => x))');
    assert.equal(grouped('x => x |> f'), '((x => x) |> f)');
    assert.equal(grouped('(a)'), 'a');
  });

  it('Pipes: from the left, with conditions and options', () => {
    assert.equal(grouped('a |> b |?> (c) d |> e(1)'), '(((a |> b) |?> (c) d) |> e(1))');
    assert.equal(grouped('a |*> [b, c], merge = d |> e'), '((a |*> b, c, merge = d) |> e)');
    assert.equal(
      grouped('a |~> b, until = x => x > 1, max = 3'),
      '(a |~> b, until = (x => (x > 1)), max = 3)',
    );
    assert.equal(grouped('f(a |~> b, max = 3, other = 4)'), 'f((a |~> b, max = 3), other=4)');
  });

  it('Line breaks: operators, dots and pipes go on; minus and brackets begin anew', () => {
    assert.equal(statementsOf('x = a\n  + b\n  .c\n  && e\n  |> d').length, 1);
    assert.equal(statementsOf('x = a +\n  b').length, 1);
    assert.deepEqual(
      statementsOf('x = a\n-b\n(c)\n[d]').map(({ kind }) => kind),
      ['assign', 'expression', 'expression', 'expression'],
    );
  });

  it('Objects: both signs, commas, line breaks, words and texts as names', () => {
    assert.equal(grouped('{ a: 1, b = 2 }'), '{a: 1, b: 2}');
    assert.equal(grouped('{\n a: 1\n b = 2,\n type: 3\n}'), '{a: 1, b: 2, type: 3}');
    assert.equal(grouped('{ "two words": 1 }'), '{two words: 1}');
    assert.equal(grouped('{ a = 1  b = 2 }'), '{a: 1, b: 2}');
    assert.equal(grouped('{}'), '{}');
    assert.equal(grouped('{ a :b, c::d }'), '{a: b, c: :d}');
  });

  it('Choices: if and match as values', () => {
    assert.equal(grouped('if a { 1 } else if b { 2 } else { 3 }'), '(if a 1 (if b 2 3))');
    const match = exprOf('match a { "x" => 1  :y => 2, 3 | -4 => 3 _ => 4 }');
    assert.ok(match.kind === 'match_expr');
    assert.equal(match.arms.length, 4);
  });

  it('Fields: reserved words too', () => {
    assert.equal(grouped('error.type.from'), 'error.type.from');
    assert.equal(grouped('f(from = 1, type = 2)'), 'f(from=1, type=2)');
  });

  it('Ids: unique, counted on from the first one', () => {
    const { file, nextId } = parseFile(new SourceText('t', inFlow('x = a + b * f(c)')), () => undefined, {
      firstId: 10,
    });
    const ids: number[] = [];
    JSON.stringify(file.items, (key, value: unknown) => {
      if (key === 'id' && typeof value === 'number') ids.push(value);
      return value;
    });
    assert.equal(new Set(ids).size, ids.length);
    assert.ok(ids.every((id) => id >= 10 && id < nextId));
  });

  it('Spans: the text of each expression', () => {
    const source = new SourceText('t', inFlow('x = foo.bar(a, b)[0] + -c'));
    const { file } = parseFile(source, () => undefined);
    const [flow] = file.items;
    assert.ok(flow?.kind === 'flow' && flow.body[0]?.kind === 'assign');
    const { value } = flow.body[0];
    assert.ok(value.kind === 'binary');
    const text = ({ start, end }: { readonly start: number; readonly end: number }): string =>
      source.text.slice(start, end);
    assert.equal(text(value.span), 'foo.bar(a, b)[0] + -c');
    assert.equal(text(value.left.span), 'foo.bar(a, b)[0]');
    assert.equal(text(value.right.span), '-c');
  });
});

describe('Statements', () => {
  it('Assignments: names, types, fields, items', () => {
    assert.deepEqual(
      statementsOf('x = 1\nx: int = 1\nx.y = 1\nx.y[0].z = 1').map((statement) =>
        statement.kind === 'assign'
          ? `${groupedText(statement.target)}${statement.type ? ':' : ''}`
          : statement.kind,
      ),
      ['x', 'x:', 'x.y', 'x.y[0].z'],
    );
    assert.equal(statementsOf('x :int = 1').length, 1);
  });

  it('Several in one line: where one ends is clear', () => {
    assert.deepEqual(
      statementsOf('if a { x = 1 y = 2 f(x) } else { return 1 }').map(({ kind }) => kind),
      ['if'],
    );
  });

  it('else if: one if inside of the other', () => {
    const statement = statementOf('if a { }\nelse if b { } else { x = 1 }');
    assert.ok(statement.kind === 'if' && statement.otherwise?.[0]?.kind === 'if');
    assert.equal(statement.otherwise[0].otherwise?.length, 1);
  });

  it('match: as a statement, as a block with a name, and as part of an expression', () => {
    assert.equal(statementOf('match a { _ => { } }').kind, 'match');
    const block = statementOf('x = @match a { _ => 1 }');
    assert.ok(block.kind === 'match' && block.is_block && block.binding?.text === 'x');
    const value = statementOf('x = match a { _ => 1 }');
    assert.ok(value.kind === 'assign' && value.value.kind === 'match_expr');
    const part = statementOf('x = @match a { _ => 1 } + 2');
    assert.ok(part.kind === 'assign' && part.value.kind === 'binary');
  });

  it('Arms: objects, and statements in braces', () => {
    const statement = statementOf(
      'match a { 1 => { b: 1 }  2 => { b = 1 }  3 => {}  4 => { b: int = 1 }  5 => { f(b) }  6 => { "b": 1 } }',
    );
    assert.ok(statement.kind === 'match');
    const kinds = statement.arms.map(({ body }) => ('kind' in body ? body.kind : `${body.length} statement`));
    assert.deepEqual(kinds, ['object', '1 statement', 'object', '1 statement', '1 statement', 'object']);
  });

  it('Patterns: all of them, with guards', () => {
    const statement = statementOf(
      'match a { "x" | :y | 3 => 1\n -4.5 => 2\n null if b => 3\n { c, d: :e, f: { g: 1 } } => 4\n 2026-01-01 => 5\n else => 6 }',
    );
    assert.ok(statement.kind === 'match');
    assert.deepEqual(
      statement.arms.map(({ pattern, guard }) => pattern.kind + (guard ? ' if' : '')),
      [
        'pattern_or',
        'pattern_literal',
        'pattern_literal if',
        'pattern_object',
        'pattern_literal',
        'pattern_any',
      ],
    );
  });

  it('return: with a value in its line only', () => {
    const statements = statementsOf('if a { return }\nreturn\nf(a)');
    assert.deepEqual(
      statements.map(({ kind }) => kind),
      ['if', 'return', 'expression'],
    );
  });
});

describe('Blocks', () => {
  it('Every kind, with a name and a type', () => {
    const kinds = [
      '@rigid { }',
      '@debug { }',
      '@flexible { goal = "g" input = a output = T }',
      '@guarded { goal = "g" input = a output = T guard = { a } validate = b on_validation_failure = { } }',
      '@model_call { modality = :tts input = a output = T }',
      '@parallel { }',
      '@foreach x, i in xs { }',
      '@while a { }',
      '@match a { _ => 1 }',
      '@checkpoint approval { }',
      '@core_call core://a/b { }',
      '@await_responses { from = [h] }',
      '@try { } @catch E e { }',
      '@budget { }',
    ];
    for (const text of kinds) {
      const statement = statementOf(`x: T = ${text}`);
      const word = /@(\w+)/.exec(text)?.[1];
      assert.equal(statement.kind, word);
      assert.ok('binding' in statement && statement.binding?.text === 'x', text);
      assert.ok('type' in statement && statement.type, text);
    }
  });

  it('Options: in parentheses or first in the braces, the same tree', () => {
    const spellings = [
      [
        '@parallel (max_concurrent = 2, fail_fast = true) { a = 1 }',
        '@parallel { max_concurrent = 2\nfail_fast = true\na = 1 }',
      ],
      ['@while a < b (max_iterations = 3) { c = 1 }', '@while a < b { max_iterations = 3\nc = 1 }'],
    ];
    for (const [first = '', second = ''] of spellings) {
      assert.deepEqual(bareTree(statementOf(first)), bareTree(statementOf(second)));
    }
  });

  it('Options: behind a call, they belong to the loop', () => {
    const loop = statementOf('@foreach x in xs.take(2) (max_concurrent = 4) { }');
    assert.ok(loop.kind === 'foreach' && loop.options.length === 1);
    assert.equal(groupedText(loop.iterable), 'xs.take(2)');
    const call = statementOf('x = f(max_concurrent = 4)');
    assert.ok(call.kind === 'assign' && call.value.kind === 'call');
  });

  it('Model blocks: both spellings of output, and the budget', () => {
    const colon = statementOf(
      'x = @flexible { goal: "g", input: a, output: { b: int }, budget = { max_retries = 1 } }',
    );
    const equals = statementOf(
      'x = @flexible { goal = "g"\ninput = a\noutput = { b: int }\n@budget { max_retries = 1 } }',
    );
    assert.deepEqual(bareTree(colon), bareTree(equals));
  });

  it('Failures: chains of actions', () => {
    const block = statementOf(
      'x = @flexible { goal = "g" input = a output = T on_failure = { refusal = retry(max = 2) | escalate\n parse_error = flag_and_checkpoint } }',
    );
    assert.ok(block.kind === 'flexible');
    assert.deepEqual(
      block.on_failure?.map(({ failure, actions }) => [
        failure.text,
        ...actions.map(({ name }) => name.text),
      ]),
      [
        ['refusal', 'retry', 'escalate'],
        ['parse_error', 'flag_and_checkpoint'],
      ],
    );
  });

  it('Guards: a condition a line, or one without braces', () => {
    const block = statementOf(
      'x = @guarded { goal = "g" input = a output = T guard = a > 1\nvalidate = {\n output.b\n -c < 1\n (d)\n} }',
    );
    assert.ok(block.kind === 'guarded');
    assert.equal(block.guard?.length, 1);
    assert.equal(block.validate?.length, 3);
  });

  it('Arrow form: E109, and the name is bound all the same', () => {
    const { file, places, messages } = parseText(inFlow('@rigid { } -> y'));
    assert.deepEqual(places, ['E109 2:12']);
    assert.match(messages[0] ?? '', /write 'y = @rigid …'/);
    const [flow] = file.items;
    assert.ok(flow?.kind === 'flow' && flow.body[0]?.kind === 'rigid');
    assert.equal(flow.body[0].binding?.text, 'y');
  });
});

describe('Declarations', () => {
  it('Entities: both spellings, as they were written', () => {
    const first = itemOf(inCore('instance = :entity(key = "id") { idle_timeout = 30m }'));
    const second = itemOf(inCore('instance = :entity { entity_key = id }'));
    assert.ok(first.kind === 'core' && first.members[0]?.kind === 'instance');
    assert.ok(second.kind === 'core' && second.members[0]?.kind === 'instance');
    assert.deepEqual(
      [first.members[0].args.length, first.members[0].fields.length, second.members[0].fields.length],
      [1, 1, 1],
    );
  });

  it('Plugins: publisher, name and version, with settings', () => {
    const core = itemOf(
      inCore('@plugins {\n a = acme/document-ocr@1.0\n b = x/3d@2.1.0 { instance = "i" } }'),
    );
    assert.ok(core.kind === 'core' && core.members[0]?.kind === 'plugins');
    assert.deepEqual(
      core.members[0].entries.map(({ publisher, name, version, settings }) => [
        publisher.text,
        name.text,
        version.text,
        settings.length,
      ]),
      [
        ['acme', 'document-ocr', '1.0', 0],
        ['x', '3d', '2.1.0', 1],
      ],
    );
  });

  it('Configuration: defaults, modifiers, settings', () => {
    const core = itemOf(
      inCore('@config {\n @param a: int = 1 @hot_reload @secret { description = "d" }\n @param b: T? }'),
    );
    assert.ok(core.kind === 'core' && core.members[0]?.kind === 'config');
    const [first, second] = core.members[0].params;
    assert.deepEqual(
      first?.modifiers.map(({ text }) => text),
      ['@hot_reload', '@secret'],
    );
    assert.equal(first?.settings.length, 1);
    assert.equal(second?.type.kind, 'type_optional');
  });

  it('Types: all forms', () => {
    const types = itemsOf(
      'type A = array[map[string, int?]]\ntype B = { a: int, b: string? }\ntype C = enum[x, Y, type]\ntype D = "a" | "b" | null\ntype E = ns.T\ntype F = array\ntype G = (A | B)?',
    );
    assert.deepEqual(
      types.map((type) => (type.kind === 'type_decl' ? type.type.kind : type.kind)),
      ['type_array', 'type_object', 'type_enum', 'type_union', 'type_name', 'type_name', 'type_optional'],
    );
  });

  it('Modifiers: pub and async', () => {
    const [flow, type] = itemsOf('pub async @flow f() { }\npub type T = int');
    assert.ok(flow?.kind === 'flow' && flow.is_pub && flow.is_async);
    assert.ok(type?.kind === 'type_decl' && type.is_pub);
  });

  it('Imports: names with aliases, and namespaces', () => {
    const { file, places } = parseText('import { A, b as c } from "./x"\nimport "../y" as y\n@core Z { }');
    assert.deepEqual(places, []);
    const [first, second] = file.imports;
    assert.deepEqual(
      first?.specs.map(({ name, alias }) => [name.text, alias?.text]),
      [
        ['A', undefined],
        ['b', 'c'],
      ],
    );
    assert.equal(second?.namespace?.text, 'y');
    assert.equal(second?.path.text, '../y');
  });

  it('Interfaces: methods and flows with defaults', () => {
    const [plugin, core] = itemsOf(
      '@plugin_interface p { read(a: string): string  write(b: int = 1) }\n@core_interface core://a/b { run(): int }',
    );
    assert.ok(plugin?.kind === 'plugin_interface' && core?.kind === 'core_interface');
    assert.equal(plugin.methods.length, 2);
    assert.equal(core.target.text, 'core://a/b');
  });

  it('Tests: all parts', () => {
    const test = itemOf(
      '@test "t" { @mock primary = { a: 1 } @mock files.read = "x" @mock core://a/b = 1 @given { memory.f = 1  x = 2 } @when out = f(a = x) @then { out.y == 2  status == "COMPLETED" } @property (n: int) { g(n) == n } }',
    );
    assert.ok(test.kind === 'test');
    assert.deepEqual(
      test.parts.map((part) => (part.kind === 'mock' ? part.target.text : part.kind)),
      ['primary', 'files.read', 'core://a/b', 'given', 'when', 'then', 'property'],
    );
    const then = test.parts.find((part) => part.kind === 'then');
    assert.equal(then?.checks.length, 2);
  });
});
