import { strict as assert } from 'node:assert';
import { readdirSync, readFileSync } from 'node:fs';
import fc from 'fast-check';
import { checkText, CORE, describe as describeAll, flowText, saidOf } from './check-text.ts';

const EXAMPLES = new URL('../../../examples/scaicore/', import.meta.url);

function examples(): readonly (readonly [string, string])[] {
  const texts: [string, string][] = [];
  for (const folder of readdirSync(EXAMPLES, { withFileTypes: true })) {
    if (!folder.isDirectory()) continue;
    const inside = new URL(`${folder.name}/`, EXAMPLES);
    for (const file of readdirSync(inside))
      if (file.endsWith('.scaicore')) texts.push([file, readFileSync(new URL(file, inside), 'utf8')]);
  }
  return texts;
}

describe('ScaiCore checker: whole and broken programs', () => {
  for (const [name, text] of examples())
    it(`Examples: ${name}, nothing said`, () => {
      assert.deepEqual(checkText(text).diagnostics.map(describeAll), []);
    });

  it('Broken programs: pieces taken out, doubled and moved, never an exception', () => {
    const texts = [
      ...examples().map(([, text]) => text),
      flowText(
        'x = @flexible { goal = "g", input = n, output = Item }\nreturn match kind { :small => x.name  _ => text |> loud }',
      ),
    ];
    const piece = fc.record({ text: fc.nat(), from: fc.nat(), length: fc.nat({ max: 40 }), to: fc.nat() });
    fc.assert(
      fc.property(fc.array(piece, { minLength: 1, maxLength: 6 }), fc.nat(), (pieces, which) => {
        let text = texts[which % texts.length] ?? '';
        for (const { from, length, to, text: other } of pieces) {
          const start = from % (text.length + 1);
          const source = texts[other % texts.length] ?? '';
          const moved = source.slice(to % (source.length + 1)).slice(0, length);
          text = text.slice(0, start) + (other % 2 === 0 ? moved : '') + text.slice(start + (to % 12));
        }
        checkText(text);
      }),
      { numRuns: 300, seed: Number(process.env['GRANARY_SEED'] ?? 1) },
    );
  });

  it('Broken programs: a flow with a syntax error, its callers hear nothing of it', () => {
    const text = '@flow a(: int { return 1 }\n@flow b(n: int): int { return a(n) + other(n) }';
    assert.deepEqual(
      saidOf(text).filter((each) => !/^E(0|1)/.test(each)),
      [],
    );
  });

  it('Broken programs: a line that could not be read, its types are not judged; the next line is', () => {
    for (const line of [
      'if n = 1 { return 2 }',
      'return n > 1 ? 2 : 3',
      'if n is null { return 1 }',
      'x = [n][1:2]',
    ])
      assert.deepEqual(
        saidOf(`@flow b(n: int): int {\n${line}\nreturn "a"\n}`).map((said) => said.slice(0, 6)),
        [line.startsWith('if') ? 'E104 2' : line.startsWith('x') ? 'E101 2' : 'E100 2', 'E306 3'],
        line,
      );
  });

  it('Long programs: results found out over many callables and deep trees, never an exception', () => {
    const deep = (inner: string): string => `${'['.repeat(150)}${inner}${']'.repeat(150)}`;
    const flows = Array.from({ length: 200 }, (_none, index) => {
      return `@flow f${index}(n: int) { return ${deep(`f${index + 1}(n)`)} }`;
    });
    assert.deepEqual(saidOf(`${flows.join('\n')}\n@flow f200(n: int) { return n }`), []);
  });

  it('Messages: of a program with many mistakes, as they were', () => {
    const text = `import { Shared } from "./shared"
@flow handle(id: string, amount: money, kind: Kind, note: string?): Shared {
    total = 0
    total = total + amount
    size = note.length
    label = "x" + total
    item: Item = { name: 5, kind: :smal, prise: 1.0 }
    found = memory.totls.get(id)
    if kind == :huge { retrun(1) }
    rate = match kind { :small => 1 }
    xs = [1, 2].map(x => files.read(x))
    @while amount > 1.00 { amount = amount - 1.00 }
    yield rate
    config.limit = 5
    ask = @flexible { goal = "g", input = id, llm = primry, output = Itm }
    return amount
}${CORE}`;
    const files = { 'shared.scaicore': 'pub type Shared = { id: string }' };
    const { diagnostics } = checkText(text, files);
    const golden = readFileSync(new URL('mistakes.golden.txt', import.meta.url), 'utf8');
    assert.equal(`${diagnostics.map(describeAll).join('\n')}\n`, golden);
  });
});
