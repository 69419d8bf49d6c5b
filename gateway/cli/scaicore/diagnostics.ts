// What the compiler has to say, in the form that was asked for.
import {
  type CompileResult,
  type Diagnostic,
  renderDiagnostic,
  toJson,
  toSarif,
} from '../../../lib/lang/index.ts';
import type { Cli, ExitCode } from '../cli.ts';

export type DiagnosticFormat = 'text' | 'json' | 'sarif';

/** Errors go to standard error as text; JSON and SARIF, which machines read, to standard output. */
export function tellDiagnostics(
  cli: Cli,
  { diagnostics, droppedCount }: Pick<CompileResult, 'diagnostics' | 'droppedCount'>,
  format: DiagnosticFormat,
): void {
  const { terminal, version } = cli;
  if (format === 'json') terminal.out(`${JSON.stringify({ diagnostics: diagnostics.map(toJson) })}\n`);
  else if (format === 'sarif')
    terminal.out(`${JSON.stringify(toSarif(diagnostics, version), undefined, 2)}\n`);
  else tellAsText(cli, diagnostics, droppedCount);
}

function tellAsText(cli: Cli, diagnostics: readonly Diagnostic[], droppedCount: number): void {
  const { terminal } = cli;
  const color = hasErrorColors(cli);
  for (const diagnostic of diagnostics) terminal.err(`${renderDiagnostic(diagnostic, { color })}\n\n`);
  if (droppedCount > 0) terminal.err(`… and ${droppedCount} more\n`);
}

/** The terminal decides by standard output; a file that standard error goes to should stay plain. */
function hasErrorColors({ terminal, env }: Cli): boolean {
  const isForced = (env['FORCE_COLOR'] ?? '0') !== '0';
  return terminal.paint('bold', 'x') !== 'x' && (terminal.isErrTty || isForced);
}

export function exitCodeOf({ ok }: CompileResult): ExitCode {
  return ok ? 0 : 1;
}
