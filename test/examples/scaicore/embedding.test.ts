// The embedding tutorial: the program of its page, run as it stands there.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { compile, IRSerializer, SourceText } from '../../../lib/lang/index.ts';

const here = (file: string): string => fileURLToPath(new URL(file, import.meta.url));

describe('embedding tutorial', () => {
  it('the program of the page, run against the compiled greeting, suspends, resumes and completes', async () => {
    const page = readFileSync(here('embedding/README.md'), 'utf8');
    const [, program = ''] = /^```ts\n\/\/ file: embed\.ts\n([\s\S]*?)^```$/m.exec(page) ?? [];
    const source = readFileSync(here('greeting/greet.scaicore'), 'utf8');
    const { module, diagnostics } = compile(new SourceText('greet.scaicore', source));
    assert.ok(module, diagnostics.map(({ message }) => message).join('\n'));
    const folder = mkdtempSync(path.join(tmpdir(), 'granary-embed-'));
    try {
      mkdirSync(path.join(folder, 'build'));
      writeFileSync(path.join(folder, 'build/hello.scaicore-ir'), new IRSerializer().serialize(module));
      writeFileSync(path.join(folder, 'package.json'), '{"type":"module"}');
      const engine = new URL('../../../silo/engine.ts', import.meta.url).href;
      writeFileSync(path.join(folder, 'embed.ts'), program.replaceAll("'granary/engine'", `'${engine}'`));
      const tsx = new URL('../../../node_modules/tsx/dist/loader.mjs', import.meta.url).href;
      const { stdout } = await promisify(execFile)(process.execPath, ['--import', tsx, 'embed.ts'], {
        cwd: folder,
      });
      assert.deepEqual(stdout.trimEnd().split('\n'), [
        'HelloWorld 1.0.0',
        'SUSPENDED',
        'ask a person true Send this greeting?',
        "COMPLETED { message: 'Hi Ada', mood: 'warm' }",
        'true',
      ]);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  }).timeout(60_000);
});
