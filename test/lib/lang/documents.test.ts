// Programs in the documents: each compiles, and its own tests pass.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { FakeClock } from '../../../lib/index.ts';
import { compile, renderDiagnostics, runTest } from '../../../lib/lang/index.ts';

const root = fileURLToPath(new URL('../../../', import.meta.url));

describe('documents', () => {
  for (const doc of ['README.md', 'lib/lang/LANGUAGE.md']) {
    const text = readFileSync(`${root}${doc}`, 'utf8');
    const programs = [...text.matchAll(/^```scaicore\n([\s\S]*?)^```$/gm)].map(([, program = '']) => program);

    it(`${doc}, its programs in ScaiCore, compile and pass their tests`, async () => {
      assert.ok(programs.length > 0);
      for (const program of programs) {
        const { module, tests, diagnostics } = compile(program, { name: doc });
        assert.equal(renderDiagnostics(diagnostics), '');
        assert.ok(module);
        for (const test of tests) {
          const { failures } = await runTest(module, test, {
            clock: new FakeClock({ defer: queueMicrotask }),
            seed: 7,
          });
          assert.deepEqual(failures, [], test.title);
        }
      }
    });
  }
});
