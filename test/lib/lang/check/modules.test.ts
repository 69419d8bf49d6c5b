import { strict as assert } from 'node:assert';
import { Diagnostics, loadProgram, resolvePath, SourceText } from '../../../../lib/lang/index.ts';
import { checkText, saidOf } from './check-text.ts';

const SHARED = `pub type Money2 = { amount: money }
type Hidden = int
pub @transformer twice(n: int): int { return helper(n) }
@transformer helper(n: int): int { return n * 2 }`;

describe('ScaiCore checker: modules', () => {
  it('Modules: names, aliases and namespaces, nothing said', () => {
    const text = `import { twice, Money2 as M } from "./lib/shared"
import "./lib/shared" as shared
@flow f(m: M, k: shared.Money2): int { return twice(1) + shared.twice(2) |> shared.twice }`;
    assert.deepEqual(saidOf(text, { 'lib/shared.scaicore': SHARED }), []);
  });

  it('Modules: not found, E206, and no further errors', () => {
    const text = 'import { a } from "./gone"\nimport "std" as s\n@flow f() { return [a(1), s.b(2)] }';
    assert.deepEqual(saidOf(text), ['E206 1:19', 'E206 2:8']);
  });

  it('Modules: not public or not there, E208', () => {
    const text = 'import { Hidden, helper, nothing } from "./s"\n@flow f(h: Hidden) { return helper(h) }';
    assert.deepEqual(saidOf(text, { 's.scaicore': SHARED }), ['E208 1:10', 'E208 1:18', 'E208 1:26']);
  });

  it('Modules: by way of themselves, E207', () => {
    const files = {
      'a.scaicore': 'import { b } from "./b"\npub @flow a() { return b() }',
      'b.scaicore': 'import { a } from "./a"\npub @flow b() { return a() }',
    };
    assert.deepEqual(saidOf('import { a } from "./a"\n@flow f() { return a() }', files), [
      'b.scaicore E207 1:19',
    ]);
  });

  it('Modules: one file by two ways, parsed once, ids unique', () => {
    const files: Record<string, string> = {
      'a.scaicore': 'import { s } from "./s"\npub @flow a() { return s() }',
      'b.scaicore': 'import { s } from "./x/../s.scaicore"\npub @flow b() { return s() }',
      's.scaicore': 'pub @flow s() { return 1 }',
    };
    const asked: string[] = [];
    const diagnostics = new Diagnostics();
    const entry = 'import { a } from "./a"\nimport { b } from "./b"\n@flow f() { return [a(), b()] }';
    const { modules, nextId } = loadProgram(
      new SourceText('main.scaicore', entry),
      (path) => {
        asked.push(path);
        return new SourceText(path, files[path] ?? '');
      },
      diagnostics,
    );
    assert.deepEqual(asked, ['a.scaicore', 's.scaicore', 'b.scaicore']);
    assert.equal(modules.length, 4);
    assert.ok(nextId >= 9);
    assert.deepEqual(diagnostics.all, []);
  });

  it('Modules: equal names in different files, the entry keeps its own', () => {
    const files = { 's.scaicore': `${SHARED}\n@flow helper2() { return helper(1) }` };
    const text = 'import { twice } from "./s"\n@transformer helper(n: int): int { return twice(n) }';
    const { program } = checkText(text, files);
    assert.deepEqual([...program.callables.keys()], ['helper', 'twice', 'helper_2', 'helper2']);
    assert.deepEqual([...program.types.keys()], ['Money2', 'Hidden']);
  });

  it('Modules: a core in an imported file, E114', () => {
    const files = { 's.scaicore': '@core B { }\npub type T = int' };
    assert.deepEqual(saidOf('import { T } from "./s"\n@flow f(t: T) { return t }', files), [
      's.scaicore E114 1:7',
    ]);
  });

  it('resolvePath: relative to the file, .scaicore added, above the folder', () => {
    assert.equal(resolvePath('a/b/main.scaicore', './x'), 'a/b/x.scaicore');
    assert.equal(resolvePath('a/b/main.scaicore', '../x.scaicore'), 'a/x.scaicore');
    assert.equal(resolvePath('main.scaicore', '../x'), '../x.scaicore');
    assert.equal(resolvePath('/main.scaicore', '../x'), undefined);
    assert.equal(resolvePath('main.scaicore', 'x'), undefined);
  });
});
