// What the two programs of the command line, `granary` and `scaicore`, have in common: how a command is chosen and run,
// how help looks, and the kinds of values that flags take.
import { Command, CommanderError, InvalidArgumentError } from 'commander';
import { AnswerError } from './ask.ts';
import type { Cli, ExitCode } from './cli.ts';
import { tellFailure } from './failure.ts';

export type Run = () => Promise<ExitCode>;
/** Called by the command that was named; it is run when the whole line was understood. */
export type Choose = (run: Run) => void;

/** Runs a command line, without the name of the program. Never rejects. */
export async function runCommandLine(
  args: readonly string[],
  cli: Cli,
  makeProgram: (cli: Cli, choose: Choose) => Command,
): Promise<ExitCode> {
  let chosen: Run | undefined;
  const program = makeProgram(cli, (run) => (chosen = run));
  try {
    await program.parseAsync([...args], { from: 'user' });
    return chosen ? await chosen() : 0;
  } catch (thrown) {
    // Help and version end by throwing, too; commander has said everything.
    if (thrown instanceof CommanderError) return thrown.exitCode === 0 ? 0 : 2;
    tellFailure(cli.terminal, thrown, args.includes('--json'));
    // A host that answers was asked, and said no.
    return thrown instanceof AnswerError ? 1 : 2;
  }
}

/** A program without commands, which speaks through the terminal. */
export function programNamed(name: string, description: string, { terminal, version }: Cli): Command {
  return new Command(name)
    .description(description)
    .version(version)
    .exitOverride()
    .showSuggestionAfterError()
    .configureOutput({
      writeOut: (text) => terminal.out(text),
      writeErr: (text) => terminal.err(text),
      getOutHelpWidth: () => terminal.columns,
      getErrHelpWidth: () => terminal.columns,
      getOutHasColors: () => terminal.paint('bold', 'x') !== 'x',
      getErrHasColors: () => terminal.paint('bold', 'x') !== 'x',
    });
}

/** `digitsMax` bounds it; 15 digits are exact. */
export function wholeNumber(text: string, digitsMax = 15): number {
  if (/^\d+$/.test(text) && text.length <= digitsMax) return Number(text);
  throw new InvalidArgumentError('It must be a whole number.');
}

export function examples(...lines: readonly string[]): string {
  return `\nExample${lines.length > 1 ? 's' : ''}:\n${lines.map((line) => `  $ ${line}`).join('\n')}\n`;
}
