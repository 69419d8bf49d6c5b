// The examples in ScaiCore: each compiles without a remark, is in canonical form, and passes its own tests.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { FakeClock } from '../../../lib/index.ts';
import {
  compile,
  parseFile,
  printFile,
  renderDiagnostics,
  runTest,
  SourceText,
} from '../../../lib/lang/index.ts';
import { readModelSettings } from '../../../silo/index.ts';

const folder = fileURLToPath(new URL('./', import.meta.url));
const programs = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((file) =>
  file.endsWith('.scaicore'),
);

describe('examples in ScaiCore', () => {
  it('support-agent, the configuration of its README, has the provider that the program names', () => {
    const text = readFileSync(`${folder}support-agent/README.md`, 'utf8');
    const json = /```json\n([\s\S]*?)```/.exec(text)?.[1] ?? '';
    const { models } = JSON.parse(json) as { readonly models: unknown };
    const { providers } = readModelSettings(models, { OPENAI_API_KEY: 'k' });
    const program = readFileSync(`${folder}support-agent/support-agent.scaicore`, 'utf8');
    const [, named = ''] = /provider = "(\w+)"/.exec(program) ?? [];
    assert.ok(Object.hasOwn(providers, named), named);
  });

  for (const file of programs) {
    const { module, tests, diagnostics } = compile(
      new SourceText(file, readFileSync(`${folder}${file}`, 'utf8')),
    );

    it(`${file}, compiled, leaves nothing to remark`, () => {
      assert.equal(renderDiagnostics(diagnostics), '');
      assert.ok(tests.length > 0, 'it has tests of its own');
    });

    it(`${file}, formatted, is as it stands there`, () => {
      const source = new SourceText(file, readFileSync(`${folder}${file}`, 'utf8'));
      const { file: tree } = parseFile(source, () => undefined);
      assert.equal(printFile(tree), source.text);
    });

    for (const test of tests)
      it(`${file}, its own test "${test.title}", passes`, async () => {
        assert.ok(module);
        const { failures } = await runTest(module, test, {
          clock: new FakeClock({ defer: queueMicrotask }),
          seed: 1,
        });
        assert.deepEqual(failures, []);
      });
  }
});
