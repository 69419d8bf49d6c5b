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

  describe('Types found by inference', () => {
    /** Variables `v0`, `v1`, …, each made of the one before; then `ask` of the last. */
    const chain = (levels: number, around: (inner: string) => string, ask: string): readonly string[] => {
      const lines = Array.from({ length: levels }, (_none, at) => `v${at + 1} = ${around(`v${at}`)}`);
      const text = flowText(`v0 = 1\n${lines.join('\n')}\nreturn v${levels}.${ask}`);
      return saidOf(text).filter((said) => !said.startsWith('W'));
    };
    const list = (inner: string): string => `[${inner}]`;
    const twice = (inner: string): string => `{ a: ${inner}, b: ${inner} }`;

    it('64 levels, are known; what is deeper is dynamic', () => {
      assert.deepEqual(chain(64, list, 'nope()'), ['E303 67:12']);
      assert.deepEqual(chain(65, list, 'nope()'), []);
    });

    it('objects that share their parts, are known to 5,000 parts; 60 levels of two would be 2^60', () => {
      assert.deepEqual(chain(11, twice, 'c'), ['E302 14:12']);
      assert.deepEqual(chain(60, twice, 'c'), []);
    });

    it('what branches and calls give, is bounded, too', () => {
      const grown = Array.from({ length: 40 }, (_none, at) => `if n > ${at} { x = [{ a: x, b: x }] }`);
      saidOf(flowText(`x = [null]\n${grown.join('\n')}\nreturn x`));
      const flows = Array.from(
        { length: 60 },
        (_none, at) => `@flow g${at + 1}() { return { a: g${at}(), b: g${at}() } }`,
      );
      saidOf(`@flow g0() { return { a: 1 } }\n${flows.join('\n')}${CORE}`);
      const lists = Array.from(
        { length: 60 },
        (_none, at) => `v${at + 1} = [1].map(y => { a: v${at}, b: v${at} })`,
      );
      saidOf(flowText(`v0 = 1\n${lists.join('\n')}\nreturn v60`));
    });

    it('wide objects, are known', () => {
      const fields = Array.from({ length: 500 }, (_none, at) => `f${at}: ${at}`);
      const said = saidOf(flowText(`x = { ${fields.join(', ')} }\nreturn x.g`));
      assert.deepEqual(said, ['E302 3:10']);
    });
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
