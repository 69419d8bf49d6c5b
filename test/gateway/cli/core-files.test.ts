import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { coreFiles, CoreLoader, sampleInput } from '../../../gateway/internal.ts';
import { cleanUp, COUNTER, tempFolder } from './spawned-cli.ts';

describe('Files of Cores', () => {
  after(cleanUp);

  function folderOf(...files: readonly string[]): string {
    const folder = tempFolder();
    for (const file of files) {
      mkdirSync(path.dirname(path.join(folder, file)), { recursive: true });
      writeFileSync(path.join(folder, file), 'export {};\n');
    }
    return folder;
  }

  it('files, folders and patterns: scripts in order, once, without tests and declarations', () => {
    const files = [
      'a.ts',
      'b/c.ts',
      'b/c.test.ts',
      'b/d.d.ts',
      'b/deep/e.js',
      'b/node_modules/x.js',
      'b/note.md',
    ];
    const folder = folderOf(...files);
    const found = (...named: string[]): string[] =>
      coreFiles(named, folder).map((file) => path.relative(folder, file));
    assert.deepEqual(found('a.ts', 'a.ts'), ['a.ts']);
    assert.deepEqual(found('b'), ['b/c.ts', 'b/deep/e.js']);
    assert.deepEqual(found('b/*.ts'), ['b/c.ts']);
    assert.deepEqual(found('**/*.{ts,js}'), ['a.ts', 'b/c.ts', 'b/deep/e.js']);
    assert.throws(() => found('z.ts'), /there is no file z.ts/);
    assert.throws(() => found('z/*.ts'), /has no file of TypeScript, JavaScript or ScaiCore/);
  });

  it('loader: a package.json that says CommonJS, or nothing, changes nothing for TypeScript', async () => {
    for (const type of ['{}', '{"type":"commonjs"}', '{"type":"module"}']) {
      const folder = tempFolder({ 'package.json': type, 'counter.ts': COUNTER });
      const { cores } = await new CoreLoader().load([path.join(folder, 'counter.ts')]);
      assert.deepEqual([...cores.keys()], ['counter'], type);
    }
  });

  it('loader: extensionless, .js and .ts imports find TypeScript, and are known as needed', async () => {
    const folder = tempFolder({
      'a.ts':
        "import { b } from './b';\nimport { c } from './c.js';\nexport { counter } from './counter.ts';\nexport const all = b + c;\n",
      'b.ts': 'export const b: number = 1;\n',
      'c.ts': 'export const c: number = 2;\n',
      'counter.ts': COUNTER,
    });
    const file = path.join(folder, 'a.ts');
    const { needs } = await new CoreLoader().load([file]);
    const names = [...(needs.get(file) ?? [])].map((needed) => path.basename(needed)).sort();
    assert.deepEqual(names, ['a.ts', 'b.ts', 'c.ts', 'counter.ts']);
  });

  it('loader: one Core exported by two files is one, two of the same name are an error with both files', async () => {
    const folder = tempFolder({ 'a.ts': COUNTER, 'b.ts': "export * from './a.ts';\n", 'c.ts': COUNTER });
    const file = (name: string): string => path.join(folder, name);
    assert.equal((await new CoreLoader().load([file('a.ts'), file('b.ts')])).cores.size, 1);
    await assert.rejects(
      new CoreLoader().load([file('a.ts'), file('c.ts')]),
      /two Cores are called counter: one in .*a\.ts, one in .*c\.ts/,
    );
  });

  it('loader: what is wrong with a file is told with its line', async () => {
    const folder = tempFolder({
      'syntax.ts': 'export const a = 1;\nconst x: = 2;\n',
      'throws.ts':
        'interface A { b: string }\n\nfunction f(): never {\n  throw new Error("boom");\n}\nf();\n',
      'missing.ts': "import { x } from './nowhere.ts';\nexport const y = x;\n",
      'plain.ts': 'export const a = 1;\n',
      'core.scaicore': '@core\n',
    });
    const load = (name: string): Promise<unknown> => new CoreLoader().load([path.join(folder, name)]);
    await assert.rejects(load('syntax.ts'), /syntax\.ts:2:10: Unexpected "="/);
    await assert.rejects(load('throws.ts'), /throws\.ts:4:\d+: boom/);
    await assert.rejects(load('missing.ts'), /nowhere\.ts/);
    await assert.rejects(load('plain.ts'), /plain\.ts exports no Core/);
    await assert.rejects(load('core.scaicore'), /error\[E105\]: .*\n --> .*core\.scaicore:2:1/);
  });

  it('sample input: made of the required properties, with the key of the path', () => {
    const schema = {
      type: 'object',
      properties: {
        name: { type: 'string' },
        by: { type: 'integer', minimum: 5 },
        kind: { enum: ['x', 'y'] },
        tags: { type: 'array', items: { type: 'string' } },
        note: { type: 'string' },
      },
      required: ['name', 'by', 'kind', 'tags'],
    };
    assert.deepEqual(sampleInput(schema, 'name', 'one'), { name: 'one', by: 5, kind: 'x', tags: ['text'] });
    assert.equal(sampleInput(undefined, 'name', 'one'), undefined);
  });
});
