// Diagnostics as people, programs and code scanners see them.
import assert from 'node:assert/strict';
import {
  compile,
  type Diagnostic,
  renderDiagnostic,
  renderDiagnostics,
  SourceText,
  toJson,
  toSarif,
} from '../../../lib/lang/index.ts';

const PROGRAM = '@core T { version = "1.0.0" }\n@flow f(count: int): int {\n\treturn coutn + 1\n}\n';
const ESCAPE = '\u001b';

function firstOf(text: string): Diagnostic {
  const [first] = compile(new SourceText('a.scaicore', text)).diagnostics;
  assert.ok(first);
  return first;
}

/** A diagnostic about the first `what` in a text. */
function about(what: string, text: string, extras: Partial<Diagnostic> = {}): Diagnostic {
  const source = new SourceText('b.scaicore', text);
  const start = text.indexOf(what);
  const span = { start, end: start + what.length };
  return { code: 'E200', severity: 'error', message: 'it is wrong', source, span, ...extras };
}

/** What stands above the marks. */
function marked(rendered: string): string | undefined {
  const lines = rendered.split('\n');
  const at = lines.findIndex((line) => line.includes('^'));
  const marks = lines[at] ?? '';
  return lines[at - 1]?.slice(marks.indexOf('^'), marks.lastIndexOf('^') + 1);
}

describe('renderDiagnostic', () => {
  it('a wrong name behind a tab, shows code, place, line, marks and what to do', () => {
    const text = renderDiagnostic(firstOf(PROGRAM));
    assert.deepEqual(text.split('\n').slice(0, 5), [
      "error[E200]: there is nothing named 'coutn' here",
      ' --> a.scaicore:3:9',
      '  |',
      '3 |     return coutn + 1',
      '  |            ^^^^^',
    ]);
    assert.match(text, /\n {2}= hint: .*count/);
  });

  it('in colour, is the same text', () => {
    const diagnostic = firstOf(PROGRAM);
    const colored = renderDiagnostic(diagnostic, { color: true });
    const [first = '', ...parts] = colored.split(ESCAPE);
    const plain = first + parts.map((part) => part.replace(/^\[[\d;]*m/, '')).join('');
    assert.ok(parts.length > 4);
    assert.equal(plain, renderDiagnostic(diagnostic));
  });

  it('in the middle of a very long line, shows the part around the place', () => {
    const text = `x = [${'1, '.repeat(90)}nothere${', 1'.repeat(90)}]`;
    const rendered = renderDiagnostic(about('nothere', text));
    assert.ok(rendered.split('\n').every((line) => line.length < 140));
    assert.equal(marked(rendered), 'nothere');
  });

  it('over several lines, and behind the end of the text, marks something', () => {
    const rendered = renderDiagnostic(about('a\nb\nc', 'x = a\nb\nc'));
    assert.equal(marked(rendered), 'a');
    const end = renderDiagnostic(about('', '', { span: { start: 0, end: 0 } }));
    assert.match(end, /b\.scaicore:1:1/);
    assert.match(end, /\^$/);
  });

  it('wide letters in front, do not move the marks', () => {
    const rendered = renderDiagnostic(about('bad', '"日本" + bad'));
    const lines = rendered.split('\n');
    assert.equal(lines.at(-1), `  | ${' '.repeat('"日本" + '.length + 2)}^^^`);
  });

  it('letters that would move the cursor or turn the text round, are shown as what cannot be shown', () => {
    const rendered = renderDiagnostic(about('bad', `${ESCAPE}[2J\u202e bad`));
    assert.ok(!rendered.includes(ESCAPE) && !rendered.includes('\u202e'));
  });

  it('with other places, shows these too', () => {
    const source = new SourceText('c.scaicore', 'first = 1\n');
    const related = [{ source, span: { start: 0, end: 5 }, message: 'the first of them' }];
    const rendered = renderDiagnostic(about('bad', 'bad', { related }));
    assert.match(rendered, /= the first of them\n --> c\.scaicore:1:1\n/);
    assert.match(rendered, /1 \| first = 1\n {2}\| \^\^\^\^\^$/);
  });

  it('several, stand apart', () => {
    const diagnostic = about('bad', 'bad', { severity: 'warning', code: 'W401' });
    assert.match(renderDiagnostics([diagnostic, diagnostic]), /\^\n\nwarning\[W401\]/);
  });
});

describe('diagnostics for programs', () => {
  it('as JSON, name file, lines and columns', () => {
    const { hint, ...diagnostic } = toJson(firstOf(PROGRAM));
    assert.match(hint ?? '', /count/);
    assert.deepEqual(diagnostic, {
      code: 'E200',
      severity: 'error',
      message: "there is nothing named 'coutn' here",
      file: 'a.scaicore',
      line: 3,
      column: 9,
      end_line: 3,
      end_column: 14,
    });
  });

  it('as SARIF, are results of rules with their places', () => {
    const warning = about('bad', 'bad', { severity: 'warning', code: 'W401' });
    const log = JSON.parse(JSON.stringify(toSarif([firstOf(PROGRAM), warning], '1.2.3'))) as {
      readonly version: string;
      readonly runs: readonly {
        readonly tool: {
          readonly driver: { readonly version: string; readonly rules: readonly { readonly id: string }[] };
        };
        readonly results: readonly {
          readonly ruleId: string;
          readonly ruleIndex: number;
          readonly level: string;
          readonly locations: readonly {
            readonly physicalLocation: {
              readonly artifactLocation: { readonly uri: string };
              readonly region: object;
            };
          }[];
        }[];
      }[];
    };
    assert.equal(log.version, '2.1.0');
    const [run] = log.runs;
    assert.ok(run);
    assert.equal(run.tool.driver.version, '1.2.3');
    assert.deepEqual(
      run.results.map(({ ruleId, ruleIndex, level }) => [
        ruleId,
        run.tool.driver.rules[ruleIndex]?.id,
        level,
      ]),
      [
        ['E200', 'E200', 'error'],
        ['W401', 'W401', 'warning'],
      ],
    );
    assert.deepEqual(run.results[0]?.locations[0]?.physicalLocation, {
      artifactLocation: { uri: 'a.scaicore' },
      region: { startLine: 3, startColumn: 9, endLine: 3, endColumn: 14 },
    });
  });
});
