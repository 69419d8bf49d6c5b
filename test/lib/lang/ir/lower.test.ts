// Lowering: the samples and the examples as golden IR, and what expressions with effects become.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { compile, disassemble, type IRModule, SourceText, verifyModule } from '../../../../lib/lang/index.ts';
import { checkGolden } from '../golden.ts';

const here = (place: string): string => fileURLToPath(new URL(place, import.meta.url));

function compiled(name: string, text: string): IRModule {
  const { module, diagnostics } = compile(new SourceText(name, text));
  assert.ok(module, diagnostics.map(({ code, message }) => `${code} ${message}`).join('\n'));
  return module;
}

function flowText(statements: string, members = ''): string {
  const program = `@core T {\nversion = "1.0.0"\ninstance = :entity(key = "id")\n@memory { n: map[string, int] }\n${members}\n}
@transformer twice(x: int): int {\nreturn x * 2\n}
@transformer inc(x: int, by: int = 1): int {\nreturn x + by\n}
@flow f(id: string, a: int, b: bool): dynamicless {\n${statements}\n}`;
  const text = disassemble(compiled('t.scaicore', program.replace(': dynamicless', '')));
  const lines = text.slice(text.indexOf('flow f')).split('\n');
  const end = lines.findIndex((line, at) => at > 0 && line === '');
  return lines
    .slice(2, end < 0 ? undefined : end)
    .map((line) => line.slice(4))
    .join('\n')
    .trimEnd();
}

describe('Lowering', () => {
  const folders = [
    '../samples',
    '../../../examples/scaicore/greeting',
    '../../../examples/scaicore/invoice-processor',
  ];
  for (const folder of folders)
    for (const file of readdirSync(here(folder)).filter((name) => name.endsWith('.scaicore')))
      it(`${file}, lowered, is its golden IR and passes the verifier`, () => {
        const module = compiled(file, readFileSync(path.join(here(folder), file), 'utf8'));
        checkGolden(`ir-${path.basename(file, '.scaicore')}`, disassemble(module));
        assert.deepEqual(verifyModule(module), []);
        assert.deepEqual(JSON.parse(JSON.stringify(module)), module);
      });

  it('effects in operands, are statements before, in their order', () => {
    assert.equal(
      flowText('return twice(a) + twice(2)'),
      "$1 = call twice(a)\n$2 = call twice(2)\nreturn ($1 +'int $2)",
    );
  });

  it('an effect behind &&, || and ??, is evaluated only when it is asked for', () => {
    assert.equal(
      flowText('return b && twice(a) > 2'),
      "$1 = b\nif $1\n  $2 = call twice(a)\n  $1 = ($2 >'int 2)\nreturn $1",
    );
    assert.equal(
      flowText('return memory.n.get(id) ?? twice(a)'),
      '$1 = memory.n get(id)\n$2 = $1\nif ($2 == null)\n  $3 = call twice(a)\n  $2 = $3\nreturn $2',
    );
    assert.equal(
      flowText('return b || twice(a) > 2'),
      "$1 = b\nif !$1\n  $2 = call twice(a)\n  $1 = ($2 >'int 2)\nreturn $1",
    );
  });

  it('a conditional with effects, becomes an if; a pure one stays', () => {
    assert.equal(
      flowText('return if b { twice(a) } else { 0 }'),
      'if b\n  $2 = call twice(a)\n  $1 = $2\nelse\n  $1 = 0\nreturn $1',
    );
    assert.equal(flowText('return if b { a } else { 0 }'), 'return (if b then a else 0)');
  });

  it('pipes, become calls, ifs and loops', () => {
    assert.equal(
      flowText('return a |> twice |?> (b) inc(by = 5)'),
      '$1 = call twice(a)\n$2 = $1\nif b\n  $3 = call inc($2, 5)\n  $2 = $3\nreturn $2',
    );
    assert.equal(
      flowText('return a |~> twice, until = (x => x > 100), max = 9'),
      "$1 = a\nwhile true max 9 lenient\n  do\n    $2 = call twice($1)\n    $1 = $2\n    if [$1].array:map((x) => (x >'int 100))[0]\n      break\nreturn $1",
    );
  });

  it('an own function in a lambda, is a pure call', () => {
    assert.equal(
      flowText('return [1, 2].map(x => twice(x) + 1)'),
      "return [1, 2].array:map((x) => (pure twice(x) +'int 1))",
    );
  });

  it('a write below a memory field, names its path', () => {
    assert.equal(flowText('memory.n["x"] = a\nreturn 1'), 'memory.n write_path("x", a)\nreturn 1');
  });

  it('@debug, is left out unless asked for', () => {
    const text = '@core T { version = "1.0.0" }\n@flow f(): int {\n@debug { log("x") }\nreturn 1\n}';
    assert.doesNotMatch(disassemble(compiled('t', text)), /debug/);
    const { module } = compile(text, { debug: true });
    assert.ok(module);
    assert.match(disassemble(module), /debug\n\s+\$1 = host log\("x"\)/);
  });
});
