// What the compiler has to say, in the form that was asked for.
import { type CompileResult, renderDiagnostic, toJson, toSarif } from '../../../lib/lang/index.ts';
import type { Cli, ExitCode } from '../cli.ts';

export type DiagnosticFormat = 'text' | 'json' | 'sarif';

/** Errors go to standard error as text; JSON and SARIF, which machines read, to standard output. */
export function tellDiagnostics(
  { terminal, version }: Cli,
  { diagnostics, droppedCount }: CompileResult,
  format: DiagnosticFormat,
): void {
  if (format === 'json') {
    terminal.out(`${JSON.stringify({ diagnostics: diagnostics.map(toJson) })}\n`);
    return;
  }
  if (format === 'sarif') {
    terminal.out(`${JSON.stringify(toSarif(diagnostics, version), undefined, 2)}\n`);
    return;
  }
  const color = terminal.paint('bold', 'x') !== 'x';
  for (const diagnostic of diagnostics) terminal.err(`${renderDiagnostic(diagnostic, { color })}\n\n`);
  if (droppedCount > 0) terminal.err(`… and ${droppedCount} more\n`);
}

export function exitCodeOf({ ok }: CompileResult): ExitCode {
  return ok ? 0 : 1;
}
