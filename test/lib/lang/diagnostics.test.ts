// Each diagnostic by the smallest program that it is said of. The table in lib/lang/README.md shows these programs.
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { compile, DIAGNOSTICS, SourceText } from '../../../lib/lang/index.ts';

const FOLDER = new URL('./diagnostics/', import.meta.url);

function read(name: string): SourceText | undefined {
  const file = new URL(name, FOLDER);
  return existsSync(file) ? new SourceText(name, readFileSync(file, 'utf8')) : undefined;
}

describe('ScaiCore diagnostics', () => {
  const programs = readdirSync(FOLDER).filter((name) => name.endsWith('.scaicore'));

  it('Programs: each code has one, and each program a code', () => {
    assert.deepEqual(
      programs.sort(),
      Object.keys(DIAGNOSTICS)
        .map((code) => `${code}.scaicore`)
        .sort(),
    );
  });

  for (const program of programs) {
    const code = program.replace('.scaicore', '');
    it(`${code}: its program, said once and nothing else`, () => {
      const source = read(program);
      assert.ok(source);
      assert.deepEqual(
        compile(source, { read }).diagnostics.map((diagnostic) => diagnostic.code),
        [code],
      );
    });
  }
});
