// Diagnostics as people and tools see them.
import assert from 'node:assert/strict';
import {
  compile,
  diagnosticsToSarif,
  diagnosticToJson,
  renderDiagnostic,
  SourceText,
} from '../../../../lib/lang/index.ts';

const PROGRAM = '@core T { version = "1.0.0" }\n@flow f(count: int): int {\n\treturn coutn + 1\n}\n';

function firstOf(text: string): ReturnType<typeof compile>['diagnostics'][number] {
  const [first] = compile(new SourceText('a.scaicore', text)).diagnostics;
  assert.ok(first);
  return first;
}

describe('Diagnostics', () => {
  it('rendered, show code, place, line with carets, and what to do', () => {
    const text = renderDiagnostic(firstOf(PROGRAM));
    assert.deepEqual(text.split('\n').slice(0, 5), [
      "error[E200]: there is nothing named 'coutn' here",
      '  --> a.scaicore:3:9',
      '  |',
      '3 |  return coutn + 1',
      '  |         ^^^^^',
    ]);
    assert.match(text, /help: .*count/);
  });

  it('rendered in colour, have the same text', () => {
    const diagnostic = firstOf(PROGRAM);
    const colored = renderDiagnostic(diagnostic, { color: true });
    // eslint would rather not see control characters in a pattern.
    const plain = colored
      .split('\u001b')
      .map((part, at) => (at === 0 ? part : part.replace(/^\[[\d;]*m/, '')));
    assert.notEqual(colored, plain.join(''));
    assert.equal(plain.join(''), renderDiagnostic(diagnostic));
  });

  it('rendered on a very long line, show the part around the place', () => {
    const long = `@core T { version = "1.0.0" }\n@flow f(): array[int] { return [${'1, '.repeat(90)}nothere${', 1'.repeat(90)}] }`;
    const lines = renderDiagnostic(firstOf(long)).split('\n');
    assert.ok(lines.every((line) => line.length < 130));
    const at = lines[4]?.indexOf('^') ?? -1;
    assert.equal(lines[3]?.slice(at, at + 7), 'nothere');
  });

  it('as JSON and SARIF, name file, line and column', () => {
    const diagnostic = firstOf(PROGRAM);
    const { file, line, column, end_column, code } = diagnosticToJson(diagnostic);
    assert.deepEqual(
      { file, line, column, end_column, code },
      { file: 'a.scaicore', line: 3, column: 9, end_column: 14, code: 'E200' },
    );
    const sarif = diagnosticsToSarif([diagnostic], '1.2.3') as {
      readonly version: string;
      readonly runs: readonly {
        readonly results: readonly { readonly ruleId: string; readonly level: string }[];
      }[];
    };
    assert.equal(sarif.version, '2.1.0');
    assert.deepEqual(
      sarif.runs[0]?.results.map(({ ruleId, level }) => [ruleId, level]),
      [['E200', 'error']],
    );
  });
});
