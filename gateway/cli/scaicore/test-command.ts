// `scaicore test`: runs the `@test` blocks of programs.
import { runTest, type TestOutcome } from '../../../lib/lang/index.ts';
import type { Cli, ExitCode } from '../cli.ts';
import { printable } from '../terminal.ts';
import { tellDiagnostics } from './diagnostics.ts';
import { compileFile, shownName, sourceFile } from './source-files.ts';

export interface TestFlags {
  readonly seed?: number;
  readonly json?: boolean;
}

const SEED = 1;

export async function runTests(cli: Cli, named: readonly string[], flags: TestFlags): Promise<ExitCode> {
  const { seed = SEED, json = false } = flags;
  let passed = 0;
  let failed = 0;
  for (const name of named) {
    const file = sourceFile(name, cli);
    const result = compileFile(file, cli, { debug: true });
    if (!result.module) {
      tellDiagnostics(cli, result, json ? 'json' : 'text');
      failed += 1;
      continue;
    }
    const shown = shownName(file, cli);
    if (!json) cli.terminal.out(`${shown}\n`);
    for (const test of result.tests) {
      const outcome = await runTest(result.module, test, { clock: cli.clock, seed });
      if (outcome.passed) passed += 1;
      else failed += 1;
      if (json) cli.terminal.out(`${JSON.stringify({ file: shown, ...outcome })}\n`);
      else tellOutcome(cli, shown, outcome);
    }
  }
  if (!json) cli.terminal.out(`${passed} passed, ${failed} failed\n`);
  return failed === 0 ? 0 : 1;
}

function tellOutcome({ terminal }: Cli, file: string, { title, line, passed, failures }: TestOutcome): void {
  const mark = passed ? terminal.paint('green', '✓') : terminal.paint('red', '✗');
  terminal.out(`  ${mark} ${printable(title)}${passed ? '' : ` (${file}:${line})`}\n`);
  for (const { check, detail } of failures) {
    terminal.out(`      ${printable(check)}\n`);
    if (detail !== undefined) terminal.out(`        ${terminal.paint('dim', printable(detail))}\n`);
  }
}
