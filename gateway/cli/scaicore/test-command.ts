// `scaicore test`: runs the `@test` blocks of programs.
import { type CompileResult, type IRTest, runTest, type TestOutcome } from '../../../lib/lang/index.ts';
import type { Cli, ExitCode } from '../cli.ts';
import { printable } from '../terminal.ts';
import { tellDiagnostics } from './diagnostics.ts';
import { compileFile, shownName, sourceFiles } from './source-files.ts';
import { WorkingNote } from './working-note.ts';

export interface TestFlags {
  readonly seed?: number;
  readonly json?: boolean;
}

const SEED = 1;

export async function runTests(cli: Cli, named: readonly string[], flags: TestFlags): Promise<ExitCode> {
  const run = new TestRun(cli, flags);
  for (const { file, isFound } of sourceFiles(named, cli)) {
    if (cli.stopSignal.aborted) return run.end(true);
    const result = compileFile(file, cli, { debug: true });
    // Files that others import have no Core, and no tests; nobody asked for this one.
    if (isFound && isOnlyImported(result)) continue;
    await run.file(shownName(file, cli), result);
  }
  return run.end(cli.stopSignal.aborted);
}

function isOnlyImported({ diagnostics }: CompileResult): boolean {
  return diagnostics.some(({ code, span }) => code === 'E107' && span.end === 0);
}

/** Prints as it goes, and counts. */
class TestRun {
  readonly #cli: Cli;
  readonly #seed: number;
  readonly #isJson: boolean;
  readonly #note: WorkingNote;
  #passed = 0;
  #failed = 0;

  constructor(cli: Cli, { seed = SEED, json = false }: TestFlags) {
    this.#cli = cli;
    this.#seed = seed;
    this.#isJson = json;
    this.#note = new WorkingNote(cli.terminal);
  }

  async file(file: string, result: CompileResult): Promise<void> {
    if (!result.module) {
      tellDiagnostics(this.#cli, result, this.#isJson ? 'json' : 'text');
      this.#failed += 1;
      return;
    }
    if (result.tests.length === 0) return;
    if (!this.#isJson) this.#cli.terminal.out(`${file}\n`);
    for (const test of result.tests) {
      if (this.#cli.stopSignal.aborted) return;
      this.#tell(file, await this.#outcome(result.module, test));
    }
  }

  /** @param isCut somebody stopped it */
  end(isCut: boolean): ExitCode {
    const text = `${this.#passed} passed, ${this.#failed} failed`;
    if (!this.#isJson) this.#cli.terminal.out(`${text}${isCut ? ', stopped before the end' : ''}\n`);
    return this.#failed === 0 && !isCut ? 0 : 1;
  }

  async #outcome(module: NonNullable<CompileResult['module']>, test: IRTest): Promise<TestOutcome> {
    this.#note.show(`  … ${test.title}`);
    const outcome = await runTest(module, test, { clock: this.#cli.clock, seed: this.#seed });
    this.#note.clear();
    if (outcome.passed) this.#passed += 1;
    else this.#failed += 1;
    return outcome;
  }

  #tell(file: string, outcome: TestOutcome): void {
    const { terminal } = this.#cli;
    if (this.#isJson) {
      terminal.out(`${JSON.stringify({ file, ...outcome, seed: this.#seed })}\n`);
      return;
    }
    const { title, line, passed, failures } = outcome;
    const mark = passed ? terminal.paint('green', '✓') : terminal.paint('red', '✗');
    const place = passed ? '' : terminal.paint('dim', ` (${printable(file)}:${line})`);
    terminal.out(`  ${mark} ${printable(title)}${place}\n`);
    for (const { check, detail } of failures) {
      terminal.out(`      ${printable(check)}\n`);
      if (detail !== undefined) terminal.out(`        ${terminal.paint('dim', printable(detail))}\n`);
    }
  }
}
