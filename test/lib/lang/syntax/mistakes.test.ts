// What the parser says of mistakes: each once, at its place, and of everything else as if it were not there.
import assert from 'node:assert/strict';
import { parseFile, SourceText } from '../../../../lib/lang/index.ts';
import { inCore, inFlow, parseText, placesOf } from './syntax-kit.ts';

/** Text → what is said of it. */
function checkPlaces(cases: Readonly<Record<string, readonly string[]>>, around = inFlow): void {
  for (const [text, places] of Object.entries(cases)) assert.deepEqual(placesOf(around(text)), places, text);
}

const asIs = (text: string): string => text;

/** The hint, or the message, of the first mistake fits. */
function checkFirst(text: string, pattern: RegExp): void {
  assert.match(parseText(text).messages[0] ?? '', pattern, text);
}

describe('Mistakes of the parser', () => {
  it('E006: reserved words as names, with another name', () => {
    checkPlaces({
      'type = 1': ['E006 2:1'],
      'match = 1\nx = match': ['E006 2:1', 'E102 4:1'],
      'x = type + 1': ['E006 2:5'],
      '@foreach if in xs { }': ['E006 2:10'],
      'match a { { type } => 1 }': ['E006 2:13'],
    });
    checkPlaces({ '@flow return(enum: int) { }': ['E006 1:7', 'E006 1:14'] }, asIs);
    checkFirst(inFlow('type = 1'), /write 'type_'/);
  });

  it('E100: what cannot stand there', () => {
    checkPlaces({
      'a, b = 1': ['E100 2:2'],
      'else { }': ['E100 2:1'],
      'x = y = 1': ['E100 2:7'],
      'f() = 1': ['E100 2:5'],
      'x = a ? b : c': ['E100 2:7'],
      'x = a and b': ['E100 2:7'],
      'let x = 1\ny = (': ['E100 2:5', 'E102 4:1'],
      'for x in xs {\n  f(x)\n}': ['E100 2:5'],
      'x: T?? = 1': ['E100 2:5'],
      'return @flexible { goal = "g" }': ['E100 2:8'],
    });
    checkPlaces({ '}\n@flow f() { }': ['E100 1:1'], 'pub @types { }': ['E100 1:1'] }, asIs);
    checkPlaces({ '@memory { a: int = 1 }': ['E100 2:18'], '3': ['E100 2:1'] }, inCore);
  });

  it('E100: hints for what other languages have', () => {
    checkFirst(inFlow('x = a and b'), /"and" is written &&/);
    checkFirst(inFlow('x = not a'), /"not" is written !/);
    checkFirst(inFlow('const x = 1'), /variables need no word/);
    checkFirst(inFlow('while a { }'), /@while condition/);
    checkFirst(inFlow('x = a ? b : c'), /if a { b } else { c }/);
    checkFirst(inFlow('x += 1'), /write x = x \+/);
    checkFirst(inFlow('x = a === 1'), /there is no '===': write ==\)?$/);
    checkFirst(inFlow('x = a !== 1'), /there is no '!==': write !=\)?$/);
    checkFirst(inFlow('retrun 1'), /did you mean 'return'/);
    checkFirst(inFlow('emti done { }'), /did you mean 'emit'/);
    checkFirst(inFlow('a++'), /write x = x \+ 1/);
    checkFirst(inFlow('if a = 1 { }'), /to compare, write ==/);
    checkFirst(inFlow('if a is null { }'), /to compare, write ==/);
    checkFirst(inFlow('if a:\n  b = 1'), /bodies stand in braces/);
    checkFirst(inFlow('if a { } elif b { }'), /write else if/);
    checkFirst(inFlow('raise Error("x")'), /write fail/);
    checkFirst(inFlow('@try { } catch e { }'), /@catch e/);
    checkFirst(inFlow('@try { } @catch (e) { }'), /@catch e/);
    checkFirst(inFlow('emit("done")'), /emit name \{/);
    checkFirst(inFlow('Total = 1'), /begins with a small letter.*write 'total'/s);
  });

  it('Declarations of other languages, with the form here', () => {
    checkFirst('flow f() { }', /write @flow name/);
    checkFirst('def f(a):', /write @flow name/);
    checkFirst('interface A { b: string }', /write type Name = \{/);
    checkFirst('enum A { b }', /write type Name = enum\[a, b\]/);
    checkFirst(
      inCore('@triggers { @schedule "0 8 * * *" { flow = f } }'),
      /@schedule name \{ flow = f, cron = /,
    );
    checkFirst(inCore('@triggers { @api { flow = f } }'), /@api name \{ flow = f \}/);
    checkFirst(inCore('@config {\n@secret @param a: string = "" }'), /@param name: T = default @secret/);
  });

  it('Types of other languages: reported once, and understood', () => {
    checkPlaces(
      {
        '@flow f(a: int[]) { }': ['E101 1:15'],
        '@flow f(a: list[int]): dict[string, int] { }': ['E202 1:12', 'E202 1:24'],
      },
      asIs,
    );
    checkFirst('@flow f(a: int[]) { }', /array\[T\]/);
    checkFirst('@flow f(a: list[int]) { }', /write array\[T\]/);
    checkFirst('@flow f(a: dict[string, int]) { }', /write map\[string, T\]/);
    checkFirst(inFlow('x = .5'), /0\.5/);
    checkFirst(inFlow('x = @rigid { }.y + @rigid { }'), /./);
  });

  it('E101: what is missing, and what it would have closed', () => {
    checkPlaces({
      'x = f(a b)': ['E101 2:9'],
      'x = (1 + 2\ny = 1': ['E101 3:1'],
      'x = [1, 2': ['E101 3:1'],
      'f(a: 1)': ['E101 2:4'],
      'x = if a { 1 }\n': ['E101 4:1'],
      '@foreach x of xs { }': ['E101 2:12'],
      'x: array<int> = []': ['E101 2:9'],
      'match a { 1 -> 2 }': ['E101 2:13'],
      'x = { a, b }': ['E101 2:8', 'E101 2:12'],
      'x = "${a b}"': ['E101 2:10'],
    });
    checkPlaces(
      {
        '@flow f() -> int { }': ['E101 1:11'],
        '@flow f(x) { }': ['E101 1:10'],
        'type T int': ['E101 1:8'],
        'import { a } "x"': ['E101 1:14'],
        '@test foo { }': ['E101 1:7'],
        '@test "t" { @when f }': ['E101 1:19'],
        'async type T = int': ['E101 1:7'],
        'async @transformer f() { }': ['E101 1:7'],
        '@flow f(goto: int) { }': ['E006 1:9'],
      },
      asIs,
    );
    checkPlaces({ 'instance = entity': ['E101 2:12'], '@config { a: int = 1 }': ['E101 2:11'] }, inCore);
    checkFirst(inFlow('x = (1 + 2\ny = 1'), /expected '\)' to close '\(' in line 2, found 'y'/);
    checkFirst(inFlow('x = (a\n  - b)'), /leave the sign at the end of the line before/);
  });

  it('E101: a body without its end, where the next declaration shows it', () => {
    const text = '@flow f() {\n  if a {\n    x = 1\n}\n\n@flow g() {\n  y = )\n}\n';
    assert.deepEqual(placesOf(text), ['E101 6:1', 'E102 7:7']);
    assert.deepEqual(placesOf('@core A {\n  @memory { a: int\n}\n@flow f() { }\n'), ['E101 5:1']);
    assert.deepEqual(placesOf('@flow f() {\n  x = 1\n'), ['E101 3:1']);
  });

  it('E102: an expression is missing', () => {
    checkPlaces({
      'x = \ny = 1': ['E102 3:1'],
      'x = = 1\ny = )': ['E102 2:5', 'E102 3:5'],
      'x = 1 +': ['E102 3:1'],
      'x = [1, , 2]': ['E102 2:9'],
      'match a { 1 => b = 2 }': ['E102 2:16'],
      'x = (a + ) * b': ['E102 2:10'],
    });
  });

  it('E103: a type is missing', () => {
    checkPlaces({
      'x: = 1': ['E103 2:4'],
      'x: [int] = 1': ['E103 2:4'],
      'x: map[string, ] = 1': ['E103 2:16'],
    });
  });

  it('E104: a body is missing', () => {
    checkPlaces({
      'if a x = 1': ['E104 2:6'],
      'if a then { }': ['E104 2:6'],
      '@rigid\nx = 1': ['E104 3:1'],
      'match a\nx = 1': ['E104 3:1'],
    });
    checkPlaces({ '@flow f(): int\n@flow g() { }': ['E104 2:1'], '@core A': ['E104 1:8'] }, asIs);
  });

  it('E105: a name is missing, or is none of its kind', () => {
    checkPlaces({ 'emit 3': ['E105 2:6'], 'x = a.1': ['E105 2:7'], 'x = a.\ny = 1': ['E105 2:6'] });
    checkPlaces(
      {
        '@flow (a: int) { }': ['E105 1:7'],
        '@flow F(a: int) { }': ['E105 1:7'],
        'type t = int': ['E105 1:6'],
        '@core desk { }': ['E105 1:7'],
        'type T = enum[:a, b]': ['E105 1:15'],
      },
      asIs,
    );
  });

  it('E106: patterns that are none; the other arms stand', () => {
    const text = 'match a {\n  foo => 1\n  "a" => )\n  f(x) => 2\n  "${b}" => 3\n  - => 4\n  _ => 5\n}';
    assert.deepEqual(placesOf(inFlow(text)), ['E106 3:3', 'E102 4:10', 'E106 5:3', 'E106 6:3', 'E106 7:5']);
    checkFirst(inFlow('match a { foo => 1 }'), /"foo" is a text, :foo a symbol/);
  });

  it('E107: what is no declaration, once, and the next ones stand', () => {
    assert.deepEqual(placesOf('x = 1\ny = 2\n@flow f() { }\nz\ntype T = )\n'), [
      'E107 1:1',
      'E107 4:1',
      'E103 5:10',
    ]);
    assert.deepEqual(placesOf('pub x\n@flow f() { }'), ['E107 1:5']);
  });

  it('E108: nested more than 200 levels deep, in every way there is', () => {
    const nested = (open: string, close: string, count: number, core = ''): string =>
      open.repeat(count) + core + close.repeat(count);
    const forms: readonly ((count: number) => string)[] = [
      (count) => `x = ${nested('(', ')', count, 'a')}`,
      (count) => `x = ${nested('[', ']', count, 'a')}`,
      (count) => `x = ${nested('{ a: ', ' }', count, 'a')}`,
      (count) => `x = ${'!'.repeat(count)}a`,
      (count) => `x = ${'a => '.repeat(count)}a`,
      (count) => `x = a${'.b'.repeat(count)}`,
      (count) => `x = a${' + a'.repeat(count)}`,
      (count) => `x = a${' |> f'.repeat(count)}`,
      (count) => `x = ${nested('f(', ')', count, 'a')}`,
      (count) => `x = ${nested('"${', '}"', count, 'a')}`,
      (count) => nested('if a {\n', '}\n', count),
      (count) => `if a { }${' else if a { }'.repeat(count)}`,
      (count) => nested('@rigid {\n', '}\n', count),
      (count) => nested('match a { _ => {\nf(a)\n', '} }', count),
      (count) => `x: ${nested('array[', ']', count, 'int')} = []`,
      (count) => `match a { ${nested('{ b: ', ' }', count, '_')} => 1 }`,
    ];
    for (const form of forms) {
      const places = placesOf(inFlow(form(210)));
      assert.equal(places.length, 1, `${form(2)}: ${places.join()}`);
      assert.match(places[0] ?? '', /^E108/, form(2));
      assert.deepEqual(placesOf(inFlow(form(60))), [], form(2));
    }
  });

  it('E110: fields that are missing', () => {
    checkPlaces({
      'x = @flexible { input = a }': ['E110 2:5'],
      'x = @flexible { goal = "g"\n output = T }': ['E110 2:5'],
      'x = @guarded { goal = "g"\n input = a }': ['E110 2:5'],
      'x = @model_call { modality = :tts\n output = T }': ['E110 2:5'],
      'x = @core_call { flow = "f" }': ['E110 2:5'],
      'x = @await_responses { mode = :all }': ['E110 2:5'],
    });
    checkPlaces(
      {
        '@models { a = { provider = "p" } }': ['E110 2:11'],
        '@triggers { @api a { } }': ['E110 2:13'],
        '@triggers { @schedule a { flow = f } }': ['E110 2:13'],
        '@on e from core://a/b { }': ['E110 2:1'],
      },
      inCore,
    );
  });

  it('E111: fields that there are none of, with the nearest', () => {
    checkPlaces({
      '@checkpoint { presnt = 1 }': ['E111 2:15'],
      'x = @core_call core://a/b { inputs = 1 }': ['E111 2:29'],
      'x = @foreach y in ys (limit = 1, max_concurrent = 2) { }': [],
      '@while a (max_iterations = 1, max = 2) { }': ['E111 2:31'],
    });
    checkPlaces(
      {
        'autor = "me"': ['E111 2:1'],
        '@constraints { nevr = [] }': ['E111 2:16'],
        'instance = :entity(id = 1)': ['E111 2:20'],
        '@triggers { @webhook a { flow = f, url = "u" } }': ['E111 2:36'],
      },
      inCore,
    );
    checkFirst(inFlow('@checkpoint { presnt = 1 }'), /did you mean 'present'/);
  });

  it('E112: fields that are given twice', () => {
    checkPlaces({
      'x = { a: 1, b: 2, a: 3 }': ['E112 2:19'],
      'emit e { a = 1\n a = 2 }': ['E112 3:2'],
      'x = @flexible { goal = "g", input = a, output = T, goal = "h" }': ['E112 2:52'],
    });
    checkPlaces({ 'version = "1"\nversion = "2"': ['E112 3:1'] }, inCore);
    const many = Array.from({ length: 20 }, (_none, index) => `f${index}: 1`).join(', ');
    assert.deepEqual(placesOf(inFlow(`x = { ${many}, f7: 2 }`)).length, 1);
  });

  it('E113: values that there are none of', () => {
    checkPlaces({
      'x = @core_call files://a { }': ['E113 2:16'],
      'x = @flexible { goal = "g", input = a, output = T, on_failure = { refusl = retry } }': ['E113 2:67'],
      'x = @flexible { goal = "g", input = a, output = T, on_failure = { refusal = retri } }': ['E113 2:77'],
    });
    checkPlaces({ 'instance = :stateles': ['E113 2:12'], '@plugins { a = acme }': ['E113 2:16'] }, inCore);
  });

  it('E114: words in the wrong place, with the right one', () => {
    checkPlaces({
      '@memory { a: int }\nx = (': ['E114 2:1', 'E102 4:1'],
      '@catch e { }': ['E114 2:1'],
      'x = @param': ['E114 2:5'],
    });
    checkPlaces(
      { '@param a: int = 1': ['E114 2:1'], '@api a { flow = f }': ['E114 2:1'], '@rigid { }': ['E114 2:1'] },
      inCore,
    );
    checkPlaces(
      {
        '@memory { a: int }\n@flow f() { }': ['E114 1:1'],
        '@rigid { x = 1 }\n@flow f() { }': ['E114 1:1'],
        '@flow f() { }\nimport "./x" as y': ['E114 2:1'],
      },
      asIs,
    );
    checkFirst('@memory { a: int }', /directly in @core/);
  });

  it('Many mistakes: each is told, in one run', () => {
    const text = `@core A {
    version = 
    instance = :entty(key = "id")
    @memory { a = int }
    @models { primary = { modl = "m" } }
}

@flow f(x, y: int): {
    z = f(1 2)
    if z = 3 { }
    @flexible { goal = "g" } -> w
}

@flow g(): int {
    return 1 +
}
`;
    const codes = placesOf(text).map((place) => place.slice(0, 4));
    assert.ok(codes.length >= 8, codes.join());
    assert.equal(placesOf(text).at(-1), 'E102 16:1');
  });

  it('Trees with mistakes: hold all that could be read', () => {
    const { file } = parseText('@flow f() {\n  x = )\n  y = 1\n}\n@flow g() { }\n');
    const [first, second] = file.items;
    assert.ok(first?.kind === 'flow' && second?.kind === 'flow');
    assert.equal(first.body.at(-1)?.kind, 'assign');
  });

  it('Empty texts: no declarations, and nothing to say', () => {
    for (const text of ['', ' \n', '// note', '\ufeff']) {
      const { file } = parseFile(new SourceText('t', text), () => assert.fail('reported'));
      assert.equal(file.items.length, 0);
    }
  });
});
