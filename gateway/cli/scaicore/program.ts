// The commands of `scaicore` and their flags; each is imported when it is run.
import { Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import type { Cli, ExitCode } from '../cli.ts';
import { tellFailure } from '../failure.ts';
import type { CheckFlags, CompileFlags } from './compile-command.ts';
import type { FmtFlags } from './fmt-command.ts';
import type { InspectFlags } from './inspect-command.ts';
import type { RunFlags } from './run-command.ts';
import type { TestFlags } from './test-command.ts';

type Run = () => Promise<ExitCode>;
type Choose = (run: Run) => void;

/** Runs a command line, without the name of the program. Never rejects. */
export async function runScaicore(args: readonly string[], cli: Cli): Promise<ExitCode> {
  let chosen: Run | undefined;
  const program = makeProgram(cli, (run) => (chosen = run));
  try {
    await program.parseAsync([...args], { from: 'user' });
    return chosen ? await chosen() : 0;
  } catch (thrown) {
    if (thrown instanceof CommanderError) return thrown.exitCode === 0 ? 0 : 2;
    tellFailure(cli.terminal, thrown, args.includes('--json'));
    return 2;
  }
}

const SOURCE = 'a .scaicore file, or a folder with exactly one';
const PROGRAM = 'a .scaicore or .scaicore-ir file, or a folder with exactly one source';

function makeProgram(cli: Cli, choose: Choose): Command {
  const { terminal } = cli;
  const program = new Command('scaicore')
    .description('Checks, compiles, runs and tests programs in ScaiCore.')
    .version(cli.version)
    .exitOverride()
    .showSuggestionAfterError()
    .configureOutput({
      writeOut: (text) => terminal.out(text),
      writeErr: (text) => terminal.err(text),
      getOutHelpWidth: () => terminal.columns,
      getErrHelpWidth: () => terminal.columns,
      getOutHasColors: () => terminal.paint('bold', 'x') !== 'x',
      getErrHasColors: () => terminal.paint('bold', 'x') !== 'x',
    })
    .addHelpText(
      'after',
      '\nExamples:\n  $ scaicore check greet.scaicore\n  $ scaicore run greet.scaicore --flow hello --input \'{"name":"Ada"}\'\n\nExit codes: 0 done, 1 the program has errors or failed, 2 it could not start.',
    );
  addCompile(program, cli, choose);
  addCheck(program, cli, choose);
  addRun(program, cli, choose);
  addInspect(program, cli, choose);
  addTest(program, cli, choose);
  addFmt(program, cli, choose);
  return program;
}

function addCompile(program: Command, cli: Cli, choose: Choose): void {
  program
    .command('compile')
    .summary('compile a program into a bundle')
    .argument('<source>', SOURCE)
    .option('-o, --output <path>', 'where the bundle goes (default build/NAME.scaicore-ir)')
    .option('--emit-ir', 'print a readable form of the IR, and write nothing')
    .option('--emit-manifest', 'print the manifest as JSON, and write nothing')
    .option('--debug', 'keep @debug blocks')
    .option('--strict', 'warnings are errors')
    .addOption(formatOption())
    .action((source: string, flags: CompileFlags) =>
      choose(async () => (await import('./compile-command.ts')).runCompile(cli, source, flags)),
    );
}

function addCheck(program: Command, cli: Cli, choose: Choose): void {
  program
    .command('check')
    .summary('look for mistakes, and write nothing')
    .argument('<source>', SOURCE)
    .option('--strict', 'warnings are errors')
    .addOption(formatOption())
    .action((source: string, flags: CheckFlags) =>
      choose(async () => (await import('./compile-command.ts')).runCheck(cli, source, flags)),
    );
}

function addRun(program: Command, cli: Cli, choose: Choose): void {
  program
    .command('run')
    .summary('run a flow here')
    .argument('<source>', PROGRAM)
    .option('--flow <name>', 'which flow; not needed where there is one')
    .option('--input <json>', "its input as JSON, or @FILE (default '{}')")
    .option('--mock <file>', 'scripted answers of models and plugins')
    .option('--state <folder>', 'keep memory and checkpoints there')
    .option('--resume <id>', 'go on with the run that stopped at this checkpoint of --state')
    .option('--resolution <json>', 'what was decided, such as \'{"decision":"approve"}\'')
    .option('--config <name=value>', 'a @config parameter; may be repeated', collect, [])
    .option('--reference <file>', 'data of @reference as JSON')
    .option('--telemetry', 'print the events of the runtime')
    .option('--json', 'the result on one line of JSON')
    .addHelpText(
      'after',
      '\nModels: OPENAI_API_KEY, and OPENAI_BASE_URL for another service of the same kind.\n',
    )
    .action((source: string, flags: RunFlags) =>
      choose(async () => (await import('./run-command.ts')).runRun(cli, source, flags)),
    );
}

function addInspect(program: Command, cli: Cli, choose: Choose): void {
  program
    .command('inspect')
    .summary('what is in a program')
    .argument('<source>', PROGRAM)
    .option('--json', 'the manifest on one line of JSON')
    .action((source: string, flags: InspectFlags) =>
      choose(async () => (await import('./inspect-command.ts')).runInspect(cli, source, flags)),
    );
}

function addTest(program: Command, cli: Cli, choose: Choose): void {
  program
    .command('test')
    .summary('run the @test blocks of programs')
    .argument('<source...>', SOURCE)
    .option('--seed <n>', 'seed of generated cases (default 1)', wholeNumber)
    .option('--json', 'one line of JSON for each test')
    .action((sources: string[], flags: TestFlags) =>
      choose(async () => (await import('./test-command.ts')).runTests(cli, sources, flags)),
    );
}

function addFmt(program: Command, cli: Cli, choose: Choose): void {
  program
    .command('fmt')
    .summary('bring programs into their one form')
    .argument('<source...>', SOURCE)
    .option('--check', 'change nothing; exit code 1 if something would change')
    .action((sources: string[], flags: FmtFlags) =>
      choose(async () => (await import('./fmt-command.ts')).runFmt(cli, sources, flags)),
    );
}

function formatOption(): Option {
  return new Option('--format <form>', 'form of the diagnostics (default text)').choices([
    'text',
    'json',
    'sarif',
  ]);
}

function collect(value: string, all: readonly string[]): readonly string[] {
  return [...all, value];
}

function wholeNumber(text: string): number {
  if (/^\d{1,9}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('It must be a whole number.');
}
