// `scaicore fmt`: the one form of a program. Files with mistakes are left as they are.
import { readFileSync } from 'node:fs';
import { GrainError } from '../../../lib/index.ts';
import { Diagnostics, parseFile, printFile, SourceText } from '../../../lib/lang/index.ts';
import type { Cli, ExitCode } from '../cli.ts';
import { tellDiagnostics } from './diagnostics.ts';
import { readExactText, shownName, sourceFiles } from './source-files.ts';
import { writeWhole } from './whole-file.ts';
import { WorkingNote } from './working-note.ts';

export interface FmtFlags {
  readonly check?: boolean;
  readonly stdin?: boolean;
}

const STANDARD_INPUT = 0;

export function runFmt(cli: Cli, named: readonly string[], flags: FmtFlags): ExitCode {
  const { check = false, stdin = false } = flags;
  if (stdin) return formatInput(cli, named, check);
  if (named.length === 0) {
    const message = 'name files or folders, or pass --stdin';
    throw new GrainError('ERR_OPTION_INVALID', { message, option: 'source' });
  }
  const note = new WorkingNote(cli.terminal);
  let changed = 0;
  let broken = 0;
  for (const { file } of sourceFiles(named, cli)) {
    const shown = shownName(file, cli);
    note.show(`formatting ${shown}`);
    const text = readExactText(file, cli);
    const { printed, problems } = formatted(shown, text);
    if (printed === text) continue;
    note.clear();
    if (printed === undefined) {
      tellDiagnostics(cli, problems, 'text');
      broken += 1;
      continue;
    }
    if (!check) writeWhole(file, printed);
    changed += 1;
    cli.terminal.out(`${shown}${check ? ' would change' : ''}\n`);
  }
  note.clear();
  return broken > 0 || (check && changed > 0) ? 1 : 0;
}

/** For editors: from standard input to standard output; one name may be given, for messages. */
function formatInput(cli: Cli, [name = 'stdin', ...more]: readonly string[], check: boolean): ExitCode {
  if (more.length > 0) {
    const message = '--stdin takes one name at most';
    throw new GrainError('ERR_OPTION_INVALID', { message, option: 'stdin' });
  }
  const text = readFileSync(STANDARD_INPUT, 'utf8');
  const { printed, problems } = formatted(name, text);
  if (printed === undefined) {
    tellDiagnostics(cli, problems, 'text');
    return 1;
  }
  if (!check) cli.terminal.out(printed);
  return check && printed !== text ? 1 : 0;
}

interface Formatted {
  /** Undefined when there are mistakes. */
  readonly printed?: string;
  readonly problems: Parameters<typeof tellDiagnostics>[1];
}

function formatted(name: string, text: string): Formatted {
  // Lines end with a line feed, also those inside of texts, whose values do not have the others anyway.
  const { file, diagnostics } = parsed(name, text.replaceAll('\r\n', '\n'));
  const problems = { diagnostics: diagnostics.sorted(), droppedCount: diagnostics.droppedCount };
  if (diagnostics.hasErrors) return { problems };
  const printed = printFile(file);
  // Somebody's work is about to be replaced: better nothing than something that cannot be read again.
  const again = parsed(name, printed);
  if (again.diagnostics.hasErrors || printFile(again.file) !== printed) {
    const message = `${name} was left as it is: its form could not be read back, which is a mistake of the formatter`;
    throw new GrainError('ERR_CORE_FILE', { message, file: name });
  }
  return { printed, problems };
}

function parsed(name: string, text: string): ReturnType<typeof parseFile> & { diagnostics: Diagnostics } {
  const source = new SourceText(name, text);
  const diagnostics = new Diagnostics();
  return { ...parseFile(source, diagnostics.reportFor(source)), diagnostics };
}
