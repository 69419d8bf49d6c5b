import assert from 'node:assert/strict';
import { load, testEnv } from './ir-kit.ts';

const looped = (first: string, statement: string, times = 40): string => `@flow main(): int {
  x = ${first}
  i = 0
  @while i < ${times} (max_iterations = 100000) { ${statement}
    i = i + 1 }
  return i }`;

async function errorOf(text: string, builtMax?: number): Promise<readonly (string | undefined)[]> {
  const limits = builtMax === undefined ? {} : { builtMax };
  const { error } = await load(text, testEnv()).invoke({ flow: 'main', ...limits });
  return [error?.errorType, error?.message.replace(/\d{3,}/g, 'N')];
}

describe('Sizes of values', () => {
  const doubled: Readonly<Record<string, readonly [string, string]>> = {
    'text, added': ['"a"', 'x = x + x'],
    'text, put into text': ['"a"', 'x = "${x}${x}"'],
    'text, repeated': ['"a"', 'x = x.repeat(2)'],
    'text, padded': ['"a"', 'x = x.pad_end(x.length * 2)'],
    'text, joined': ['"a"', 'x = [x, x].join("")'],
    'text, replaced': ['"a"', 'x = x.replace_first("a", "aa".repeat(x.length))'],
    'list, added': ['[1]', 'x = x + x'],
    'list, added to another': ['[1]', 'y = x + x\nx = y'],
    'list, concatenated': ['[1]', 'x = x.concat(x)'],
    'list, flattened': ['[1]', 'x = [x, x].flatten()'],
    'list, of parts of text': ['["a"]', 'x = "${x.join("")}${x.join("")}".split("")'],
  };
  for (const [what, [first, statement]] of Object.entries(doubled))
    it(`Doubled 40 times: ${what}, a coded error`, async () => {
      const [type = '', message = ''] = await errorOf(looped(first, statement));
      assert.match(type, /^(RuntimeError|SizeError)$/);
      assert.match(message, /more than (the )?N/);
    }).timeout(20_000);

  it('Kept: large values again and again, SizeError before memory is full', async () => {
    const kept = (value: string): string => looped('[[1]]', `x = x.push(${value})`, 100_000);
    const expected = ['SizeError', 'the execution built more than N items'];
    for (const value of [
      'range(1000)',
      'range(9).concat(range(991))',
      'range(9) + range(991)',
      'range(1000).map(n => n)',
      '"a".repeat(8000).split("").map(n => 1)',
      '[i, i, i].zip(range(3)).map(n => 1)',
      '[i, i].concat([i])',
    ])
      assert.deepEqual(await errorOf(kept(value), 100_000), expected, value);
    assert.deepEqual(await errorOf(looped('{ a: 0 }', 'x = { a: i }', 100_000), 100_000), expected);
  });

  it('Kept: branches count together, and no catch gets the error', async () => {
    const branch = '@rigid { range(600).length }';
    const text = `@flow main(): int { @try { @parallel { ${branch} ${branch} } } @catch e { return 1 }\nreturn 0 }`;
    assert.deepEqual(await errorOf(text, 1200), [undefined, undefined]);
    assert.deepEqual(await errorOf(text, 1199), ['SizeError', 'the execution built more than N items']);
  });
});
