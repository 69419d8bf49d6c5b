import assert from 'node:assert/strict';
import { Diagnostics, lex, SourceText, tokensText } from '../../../../lib/lang/index.ts';
import { exprOf, inFlow, parseText, placesOf } from './syntax-kit.ts';

/** Kinds and texts, without places. */
function tokens(text: string): string[] {
  const lines = tokensText(new SourceText('t', text)).trimEnd().split('\n');
  return lines.map((line) => line.replace(/^[ ^] \d+:\d+ /, '')).filter((line) => line !== 'Eof');
}

function values(text: string): unknown {
  const expr = exprOf(text);
  return 'value' in expr ? expr.value : undefined;
}

describe('Lexer', () => {
  it('Tokens: the first of a line, marked; places, from 1', () => {
    const text = tokensText(new SourceText('t', 'a = 1 // note\n  b'));
    assert.equal(
      text,
      '^ 1:1 Ident a\n  1:3 Eq =\n  1:5 Int 1\n^ 2:3 Ident b\n^ 2:4 Eof\n  1:7 Comment // note\n',
    );
  });

  it('Words: reserved ones, names, types, and names that only begin like reserved ones', () => {
    assert.deepEqual(tokens('if iffy IF _x @flow'), [
      'If if',
      'Ident iffy',
      'TypeIdent IF',
      'Ident _x',
      'At @flow',
    ]);
  });

  it('Colon: behind a word a colon, elsewhere a symbol', () => {
    assert.deepEqual(tokens('x:int'), ['Ident x', 'Colon :', 'Ident int']);
    assert.deepEqual(tokens('x: :a'), ['Ident x', 'Colon :', 'Symbol :a']);
    assert.deepEqual(tokens('[:a,:b]'), ['LBracket [', 'Symbol :a', 'Comma ,', 'Symbol :b', 'RBracket ]']);
    assert.deepEqual(tokens('mood::a'), ['Ident mood', 'Colon :', 'Symbol :a']);
  });

  it('Signs: the longest that fits', () => {
    const signs = '|> |?> |*> |~> || | => == = ?? ? <= < != ! && -> -';
    assert.deepEqual(
      tokens(signs).map((line) => line.split(' ')[1]),
      signs.split(' '),
    );
  });

  it('Addresses: up to where a path ends', () => {
    assert.deepEqual(tokens('core://a/b-c.d{'), ['Uri core://a/b-c.d', 'LBrace {']);
    assert.deepEqual(tokens('files://x y'), ['Uri files://x', 'Ident y']);
    assert.deepEqual(tokens('a :// note'), ['Ident a', 'Colon :', 'Comment // note']);
  });

  it('Plugins: publisher/name@version is one token, only in @plugins', () => {
    const inPlugins = tokens('@plugins { a = acme/doc-ocr@1.0 }');
    assert.deepEqual(inPlugins.slice(2, 5), ['Ident a', 'Eq =', 'PluginRef acme/doc-ocr@1.0']);
    assert.ok(!tokens('a = acme/doc@1.0').some((line) => line.startsWith('PluginRef')));
  });

  it('Interpolation: pieces of text around tokens, nested', () => {
    assert.deepEqual(tokens('"a ${b + "${c}"} d"'), [
      'TemplateStart "a ${',
      'Ident b',
      'Plus +',
      'TemplateStart "${',
      'Ident c',
      'TemplateEnd }"',
      'TemplateEnd } d"',
    ]);
    assert.deepEqual(tokens('"${ { a: 1 }.a }"').at(-1), 'TemplateEnd }"');
  });

  it('Byte order mark and Windows line breaks: not seen', () => {
    assert.deepEqual(tokens('\ufeffa\r\nb'), ['Ident a', 'Ident b']);
  });

  it('Tokens and comments: cover the text, in order, without overlap', () => {
    const text = inFlow('x = "a ${b} c" /* d */ + """e\n${f}""" // g');
    const source = new SourceText('t', text);
    const { starts, ends, count, comments } = lex(source, () => undefined);
    const spans = comments.map(({ span }) => span);
    for (let index = 0; index < count; index += 1)
      spans.push({ start: starts[index] ?? -1, end: ends[index] ?? -1 });
    spans.sort((left, right) => left.start - right.start || left.end - right.end);
    let at = 0;
    for (const { start, end } of spans) {
      assert.match(text.slice(at, start), /^\s*$/);
      at = end;
    }
    assert.equal(at, text.length);
  });
});

describe('Literals', () => {
  it('Numbers: digits with separators, fractions', () => {
    assert.equal(values('1_000_000'), 1_000_000);
    assert.equal(values('0.25'), 0.25);
    assert.equal(values('1_0.5'), 10.5);
  });

  it('Durations: milliseconds', () => {
    const written = ['500ms', '30s', '5m', '2h', '1d', '1w'];
    const found = [500, 30_000, 300_000, 7_200_000, 86_400_000, 604_800_000];
    assert.deepEqual(written.map(values), found);
  });

  it('Dates: as written; times with seconds and milliseconds', () => {
    assert.equal(values('2024-02-29'), '2024-02-29');
    assert.equal(values('2026-01-31T10:00Z'), '2026-01-31T10:00:00.000Z');
    assert.equal(values('2026-01-31T10:00:05.25Z'), '2026-01-31T10:00:05.250Z');
  });

  it('Dates and numbers: what follows with a dot is a call', () => {
    assert.equal(exprOf('2026-01-31.year').kind, 'field');
    assert.equal(exprOf('1.to_string()').kind, 'call');
    assert.equal(exprOf('30s.seconds').kind, 'field');
  });

  it('Escapes: all of them', () => {
    assert.equal(values('"\\n\\t\\r\\"\\\\\\$\\u0041\\u{1F600}"'), '\n\t\r"\\$A\u{1F600}');
    assert.equal(values('"\\${x}"'), '${x}');
    assert.equal(values('"$ $5 {}"'), '$ $5 {}');
  });

  it('Three quotes: the first line break and the common indentation are left out', () => {
    assert.equal(values('"""\n    one\n      two\n\n    three\n    """'), 'one\n  two\n\nthree\n');
    assert.equal(values('"""\n    one\n    two"""'), 'one\ntwo');
    assert.equal(values('"""one\n    two"""'), 'one\ntwo');
    assert.equal(values('"""a "quoted" b"""'), 'a "quoted" b');
    assert.equal(values('""""""'), '');
    assert.equal(values('""'), '');
  });

  it('Three quotes with interpolations: the indentation is that of all their lines', () => {
    const expr = exprOf('"""\n    a ${b}\n      c ${d}\n    """');
    assert.ok(expr.kind === 'template');
    assert.deepEqual(
      expr.parts.map((part) => (typeof part === 'string' ? part : part.kind)),
      ['a ', 'ref', '\n  c ', 'ref', '\n'],
    );
  });
});

describe('Mistakes of the lexer', () => {
  it('E001: a character of no meaning, once for a word', () => {
    assert.deepEqual(placesOf(inFlow('x = 1 ¤ 2')), ['E001 2:7']);
    assert.deepEqual(placesOf(inFlow('größe = 1')), ['E001 2:3']);
    assert.deepEqual(placesOf(inFlow('x = 1;\ny = 2;')), ['E001 2:6', 'E001 3:6']);
    assert.deepEqual(placesOf(inFlow('x = 1 # note\ny = (')), ['E001 2:7', 'E102 4:1']);
  });

  it('E001: quotes of text programs, with a hint, and no more mistakes from it', () => {
    for (const quoted of ['“a”', '‘a’', "'a'", '«a»', '`a`']) {
      const { places, messages } = parseText(inFlow(`x = f(${quoted}, 1)\ny = 2`));
      assert.deepEqual(places, ['E001 2:7'], quoted);
      assert.match(messages[0] ?? '', /texts stand in straight double quotes/);
    }
    assert.deepEqual(placesOf(inFlow('x = “a\ny = (1')), ['E001 2:5', 'E101 4:1']);
  });

  it('E002: a text without an end', () => {
    assert.deepEqual(placesOf(inFlow('x = f("open)\ny = 1')), ['E002 2:7']);
    assert.deepEqual(placesOf(inFlow('x = """open\ny = 1')), ['E002 2:5']);
  });

  it('E003: a comment without an end', () => {
    assert.deepEqual(placesOf(inFlow('/* open\ny = 1')), ['E003 2:1']);
  });

  it('E004: an unknown escape; the text goes on', () => {
    assert.deepEqual(placesOf(inFlow('x = "\\q \\u12 \\u{110000}"')), ['E004 2:6', 'E004 2:9', 'E004 2:14']);
  });

  it('E005: numbers that are none', () => {
    for (const number of [
      '12abc',
      '1__0',
      '1_',
      '1.5h',
      '1e5',
      '5min',
      '2026-02-29',
      '2026-13-01',
      '2026-1-1x',
    ]) {
      const [place = '', ...rest] = placesOf(inFlow(`x = ${number}`));
      assert.match(place, /^E005 2:/, number);
      assert.deepEqual(rest, [], number);
    }
    assert.deepEqual(placesOf(inFlow('x = 2026-01-01T10:00:00')), ['E005 2:5']);
    assert.deepEqual(placesOf(inFlow('x = 9007199254740993')), ['E005 2:5']);
    assert.deepEqual(placesOf(inFlow('x = 9007199254740991')), []);
  });

  it('E007: an unknown @word, with the nearest', () => {
    const { places, messages } = parseText(inFlow('@forech x in y {\n  z = 1\n}\nq = ('));
    assert.deepEqual(places, ['E007 2:1', 'E102 6:1']);
    assert.match(messages[0] ?? '', /did you mean '@foreach'/);
    assert.match(parseText('@adaptive {}').messages[0] ?? '', /reserved for a later version/);
    assert.match(parseText(inFlow('@emit x {}')).messages[0] ?? '', /did you mean emit/);
  });

  it('E008: an interpolation without an end, and no more mistakes from it', () => {
    assert.deepEqual(placesOf(inFlow('x = "a ${b c"\ny = 1')), ['E008 2:8']);
    assert.deepEqual(placesOf(inFlow('x = "a ${f(b"\ny = 1')), ['E008 2:8']);
    assert.deepEqual(placesOf(inFlow('x = """a ${b"""\ny = 1')), ['E008 2:10']);
  });

  it('Places: a diagnostic for each, in one run', () => {
    const diagnostics = new Diagnostics();
    const source = new SourceText('t', '¤ "\\q" 1x @zzz');
    lex(source, diagnostics.reportFor(source));
    assert.deepEqual(
      diagnostics.sorted().map(({ code }) => code),
      ['E001', 'E004', 'E005', 'E007'],
    );
  });
});
