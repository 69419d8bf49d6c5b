import assert from 'node:assert/strict';
import fc from 'fast-check';
import { programArbitrary } from '../program-arbitrary.ts';
import { sampleTexts } from './mutate.ts';
import { inFlow, printedText } from './syntax-kit.ts';

/** A body, printed, without the flow around it and its indentation. */
function printedBody(text: string): string {
  const lines = printedText(inFlow(text)).trimEnd().split('\n');
  return lines
    .slice(1, -1)
    .map((line) => line.replace(/^ {4}/, ''))
    .join('\n');
}

/** Each prints as it stands. */
function checkSame(...texts: readonly string[]): void {
  for (const text of texts) assert.equal(printedBody(text), text);
}

describe('Printer', () => {
  it('Layout: four spaces, a statement a line, `=` for fields, no spare blank lines', () => {
    const text = `@flow   f( a:int,b : string="x" ):int{


  if a>1{x=a*2}else{ x=1 }



  @checkpoint approval{options=["a","b"] timeout:1h}
  return x
}
@core C{version:"1" instance=:stateless}`;
    assert.equal(
      printedText(text),
      `@flow f(a: int, b: string = "x"): int {
    if a > 1 {
        x = a * 2
    } else {
        x = 1
    }

    @checkpoint approval {
        options = ["a", "b"]
        timeout = 1h
    }
    return x
}

@core C {
    version = "1"
    instance = :stateless
}
`,
    );
  });

  it('Parentheses: only where the tree needs them', () => {
    assert.equal(printedBody('x = (a * b) + (c)'), 'x = a * b + c');
    checkSame(
      'x = (a + b) * c',
      'x = a - (b - c)',
      'x = -(a + b).c',
      'x = (-a).abs()',
      'x = !(a && b)',
      'x = (x => y)(1)',
      'x = f((a |~> b), max = 3)',
      'x = (a |> b).c',
      'x = a |> (if b { c } else { d })',
      'x = xs.map(y => (y |> f))',
      'x = (if a { 1 } else { 2 }) + 1',
      'x: (A | B)? = null',
      '(if a { f } else { g })(1)',
      '@while (f(max_iterations = 1)) (max_iterations = 2) {}',
    );
  });

  it('Statements that begin like others: keep their parentheses', () => {
    assert.equal(printedBody('(match a { _ => 1 })'), '(match a {\n    _ => 1\n})');
    assert.equal(printedBody('x = (@match a { _ => 1 })'), 'x = (@match a {\n    _ => 1\n})');
    assert.equal(printedBody('x = @match a { _ => 1 }'), 'x = @match a {\n    _ => 1\n}');
  });

  it('Brackets: broken where the source broke them, or where they are too wide', () => {
    checkSame(
      'x = [1, 2, 3]',
      'x = [\n    1,\n    2\n]',
      'x = { a: 1, b: 2 }',
      'x = {\n    a: 1\n    b: 2\n}',
    );
    checkSame('f(a, {\n    b: 1\n})', 'f(\n    a,\n    b\n)', 'x = [{\n    a: 1\n}]');
    const wide = `x = [${Array.from({ length: 20 }, () => '"a text"').join(', ')}]`;
    assert.equal(printedBody(wide).split('\n').length, 22);
  });

  it('Chains: keep their lines', () => {
    checkSame(
      'x = items\n    .filter(y => y.a)\n    .map(y => {\n        b: y\n    })',
      'x = a &&\n    b',
      'x = a\n    |> b\n    |> c',
    );
    assert.equal(printedBody('x = a\n&& b'), 'x = a &&\n    b');
    assert.equal(printedBody('x = a |> b\n|> c'), 'x = a\n    |> b\n    |> c');
  });

  it('Texts: as they were written; those with line breaks move with the code', () => {
    checkSame('x = "a ${ b+c } \\n"', 'x = """one ${a}\ntwo"""');
    assert.equal(
      printedBody('x = """\n  a\n    b\n\n  c ${d}\n  """'),
      'x = """\n    a\n      b\n\n    c ${d}\n    """',
    );
  });

  it('Numbers, dates and durations: as they were written', () => {
    checkSame('x = 1_000', 'x = 2026-01-31T10:00Z', 'x = 90m');
  });

  it('Fields: names that are no words stay quoted; `in` is kept from the line before', () => {
    checkSame('x = { "two words": 1 }', 'x = {\n    a: 1,\n    in: 2\n}');
    assert.equal(printedBody('x = { "a": 1 }'), 'x = { a: 1 }');
  });

  it('Arms: objects and statements stay what they were', () => {
    checkSame('match a {\n    1 => { b: 1 }\n    2 => {\n        b = 1\n    }\n    _ if c => {}\n}');
  });

  it('Files: a blank line between declarations, none needed between imports and types', () => {
    const text =
      'import "./a" as a\nimport "./b" as b\ntype A = int\ntype B = int\n@flow f() { }\n@flow g() { }\n';
    assert.equal(
      printedText(text),
      'import "./a" as a\nimport "./b" as b\n\ntype A = int\ntype B = int\n\n@flow f() {}\n\n@flow g() {}\n',
    );
    assert.equal(printedText(''), '');
  });
});

describe('Printer: comments', () => {
  it('Before, behind, and in empty bodies: stay where they were', () => {
    checkSame(
      '// before\nx = 1 // behind\n\n// apart\ny = 2',
      'if a {\n    // nothing\n}',
      'x = {\n    // first\n    a: 1 // behind\n\n    // last\n}',
      'x = [\n    // first\n    1, // behind\n    2\n]',
      'f(\n    a, // behind\n    b\n)',
      'match a {\n    // first\n    1 => 2 // behind\n    // last\n}',
      'x = []\n// last',
    );
  });

  it('Inside of expressions: behind the statement', () => {
    assert.equal(printedBody('x = /* why */ a'), 'x = a /* why */');
  });

  it('Between pipes: before the stage', () => {
    checkSame('x = a\n    // why\n    |> b');
  });

  it('Between the parts of a chain that is on several lines: before the part', () => {
    checkSame('x = a\n    // why\n    .filter(y => y > 1)\n    // and\n    .length // so');
    checkSame('x = a &&\n    // why\n    b');
    assert.equal(printedBody('x = a + // why\n  b'), 'x = a +\n    // why\n    b');
  });

  it('In heads: kept', () => {
    printedText('@flow f(/* a */ a: int, // b\n b: int /* c */) /* d */ : /* e */ int /* f */ { /* g */ }');
    printedText(
      '@core /* a */ C /* b */ { @memory { /* c */ } instance /* d */ = :entity(/* e */ key = "k") }',
    );
    printedText(inFlow('if a /* b */ { /* c */ } /* d */ else /* e */ { }'));
    printedText(
      inFlow(
        'x = @flexible { // a\n goal /* b */ = "g" input = x // c\n output = T on_failure = { // d\n } // e\n }',
      ),
    );
  });

  it('File: before everything, between, and after everything', () => {
    const text = '// top\n\n// first\n@core A {}\n// under A\n\n// of f\n@flow f() {}\n\n// end\n';
    assert.equal(printedText(text), text);
  });

  it('Interpolations: part of the text', () => {
    checkSame('x = "a ${b /* c */}"', 'x = f("${a /* b */}", c)');
  });
});

/** The same cases each time; others with GRANARY_SEED. */
const SEED = Number(process.env['GRANARY_SEED'] ?? 1);

describe('Printer: properties', () => {
  for (const [name, text] of sampleTexts()) {
    it(`${name}: the same tree and comments; printing twice changes nothing`, () => {
      printedText(text);
    });
  }

  it('Generated programs: the same tree and comments; printing twice changes nothing', () => {
    fc.assert(
      fc.property(programArbitrary(), (text) => {
        printedText(text);
      }),
      { numRuns: 100, seed: SEED },
    );
  });

  it('Comments anywhere between tokens: none is lost', () => {
    const spots = fc.array(fc.nat(10_000), { minLength: 1, maxLength: 8 });
    const samples = [...sampleTexts().values()];
    fc.assert(
      fc.property(fc.nat(samples.length - 1), spots, (which, at) => {
        printedText(withComments(samples[which] ?? '', at));
      }),
      { numRuns: 200, seed: SEED },
    );
  });
});

/** Comments at spaces and line breaks outside of texts and comments; which, say the numbers. */
function withComments(text: string, at: readonly number[]): string {
  const places: number[] = [];
  // Texts are left out roughly: what stands between quotes, and lines with comments or parts of `"""`.
  let isMultiline = false;
  let offset = 0;
  for (const line of text.split('\n')) {
    const quotes = line.split('"""').length - 1;
    // The name of a plugin is one word, in which no comment can stand.
    const isPlugin = /=\s*[\w-]+\/[\w-]+@/.test(line);
    if (!isMultiline && quotes === 0 && !line.includes('//') && !isPlugin) {
      for (const { index } of line.matchAll(/ /g)) {
        if ((line.slice(0, index).split('"').length - 1) % 2 === 0) places.push(offset + index);
      }
    }
    if (quotes % 2 === 1) isMultiline = !isMultiline;
    offset += line.length + 1;
  }
  let result = text;
  const chosen = [...new Set(at.map((number) => places[number % places.length] ?? 0))].sort(
    (left, right) => right - left,
  );
  for (const [index, place] of chosen.entries()) {
    result = `${result.slice(0, place)} /* note ${index} */${result.slice(place)}`;
  }
  return result;
}
