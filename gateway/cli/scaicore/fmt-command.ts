// `scaicore fmt`: the one form of a program. Files with mistakes are left as they are.
import { Diagnostics, parseFile, printFile, renderDiagnostic, SourceText } from '../../../lib/lang/index.ts';
import type { Cli, ExitCode } from '../cli.ts';
import { writeWhole } from './compile-command.ts';
import { readText, shownName, sourceFile } from './source-files.ts';

export interface FmtFlags {
  readonly check?: boolean;
}

export function runFmt(cli: Cli, named: readonly string[], { check = false }: FmtFlags): ExitCode {
  let changed = 0;
  let broken = 0;
  for (const name of named) {
    const file = sourceFile(name, cli);
    const text = readText(file, cli);
    const printed = formatted(cli, shownName(file, cli), text);
    if (printed === undefined) broken += 1;
    else if (printed !== text) {
      changed += 1;
      if (!check) writeWhole(file, printed);
      cli.terminal.out(`${shownName(file, cli)}${check ? ' would change' : ''}\n`);
    }
  }
  return broken > 0 || (check && changed > 0) ? 1 : 0;
}

/** Undefined when it has mistakes, which were told. */
function formatted({ terminal }: Cli, name: string, text: string): string | undefined {
  const source = new SourceText(name, text);
  const diagnostics = new Diagnostics();
  const { file } = parseFile(source, diagnostics.reportFor(source));
  if (!diagnostics.hasErrors) return printFile(file);
  const color = terminal.paint('bold', 'x') !== 'x';
  for (const diagnostic of diagnostics.sorted())
    terminal.err(`${renderDiagnostic(diagnostic, { color })}\n\n`);
  return undefined;
}
