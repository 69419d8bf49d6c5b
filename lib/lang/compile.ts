// The compiler, as a list: text → tokens and tree → modules → names and types → IR → verified IR.
import { checkProgram } from './check/check-program.ts';
import type { CheckedProgram } from './check/checked.ts';
import { checkReservedNames } from './check/reserved-names.ts';
import { loadProgram, type ReadSource } from './check/resolve-modules.ts';
import type { IRModule } from './ir/ir.ts';
import type { IRTest } from './ir/ir-test.ts';
import { lower } from './ir/lower.ts';
import { type Diagnostic, Diagnostics } from './source/diagnostic.ts';
import { SourceText } from './source/source-text.ts';
import { verifyModule } from './verify/index.ts';

export interface CompileOptions {
  /** Of a text without one. @default 'main.scaicore' */
  readonly name?: string;
  /** Gives the texts of imported files; without it every import is E206. */
  readonly read?: ReadSource;
  /** Keeps `@debug` blocks. @default false */
  readonly debug?: boolean;
  /** Warnings are errors. @default false */
  readonly strict?: boolean;
}

export interface CompileResult {
  /** Whether it may run: no errors, and no warnings where they count as such. */
  readonly ok: boolean;
  /** With `ok`. */
  readonly module?: IRModule;
  /** With `ok`: the `@test` blocks. */
  readonly tests: readonly IRTest[];
  /** In the order of files and text. */
  readonly diagnostics: readonly Diagnostic[];
  /** Those that were left out because there were too many. */
  readonly droppedCount: number;
  readonly files: readonly SourceText[];
}

const NO_FILES: ReadSource = () => undefined;

/** Never throws, whatever the text. */
export function compile(source: SourceText | string, options: CompileOptions = {}): CompileResult {
  const { name = 'main.scaicore', read = NO_FILES, debug = false, strict = false } = options;
  const entry = typeof source === 'string' ? new SourceText(name, source) : source;
  const diagnostics = new Diagnostics();
  const loaded = loadProgram(entry, read, diagnostics);
  const checked = checkProgram(loaded, diagnostics);
  requireCore(checked, diagnostics);
  checkReservedNames(
    checked.files.map((file) => file.source),
    diagnostics,
  );
  const lowered = diagnostics.hasErrors ? undefined : lower(checked, { debug });
  if (lowered && verifyModule(lowered.module).length > 0) reportFindings(checked, debug, diagnostics);
  const all = diagnostics.sorted();
  const ok = all.every(({ severity }) => severity === 'warning' && !strict);
  return {
    ok,
    ...(ok && lowered && { module: lowered.module }),
    tests: ok && lowered ? lowered.tests : [],
    diagnostics: all,
    droppedCount: diagnostics.droppedCount,
    files: checked.files.map((file) => file.source),
  };
}

export type CheckResult = Omit<CompileResult, 'module' | 'tests'>;

/** What `compile` says, without what it makes. */
export function check(source: SourceText | string, options: CompileOptions = {}): CheckResult {
  const { module: _module, tests: _tests, ...result } = compile(source, options);
  return result;
}

function requireCore({ core, entry }: CheckedProgram, diagnostics: Diagnostics): void {
  if (core || diagnostics.hasErrors) return;
  const hint = 'a program is made of one: @core Name { version = "1.0.0" }';
  diagnostics.reportFor(entry.source)('E107', { start: 0, end: 0 }, 'there is no @core', { hint });
}

/** Lowers once more, with the places of all nodes, which only programs with findings need. */
function reportFindings(checked: CheckedProgram, debug: boolean, diagnostics: Diagnostics): void {
  const { entry } = checked;
  const lowered = lower(checked, { debug, isTraced: true });
  for (const { code, message, node } of verifyModule(lowered.module)) {
    const { source, span } = (node && lowered.originOf(node)) ?? {
      source: entry.source,
      span: { start: 0, end: 0 },
    };
    diagnostics.reportFor(source)(code, span, message);
  }
}
