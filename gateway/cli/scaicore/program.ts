// The commands of `scaicore` and their flags; each is imported when it is run.
import { type Command, Option } from 'commander';
import type { Cli, ExitCode } from '../cli.ts';
import { type Choose, examples, programNamed, runCommandLine, wholeNumber } from '../command-line.ts';
import type { CheckFlags, CompileFlags } from './compile-command.ts';
import type { FmtFlags } from './fmt-command.ts';
import type { InspectFlags } from './inspect-command.ts';
import type { RunFlags } from './run-command.ts';
import type { TestFlags } from './test-command.ts';

/** Runs a command line, without the name of the program. Never rejects. */
export function runScaicore(args: readonly string[], cli: Cli): Promise<ExitCode> {
  return runCommandLine(args, cli, makeProgram);
}

const SOURCE = 'a .scaicore file, or a folder with exactly one';
const SOURCES = '.scaicore files, and folders for all below them';
const PROGRAM = 'a .scaicore or .scaicore-ir file, or a folder with exactly one source';

function makeProgram(cli: Cli, choose: Choose): Command {
  const program = programNamed(
    'scaicore',
    'Checks, compiles, runs and tests programs in ScaiCore.',
    cli,
  ).addHelpText(
    'after',
    examples('scaicore check greet.scaicore', 'scaicore run greet.scaicore --input \'{"name":"Ada"}\'') +
      '\nExit codes: 0 done, 1 the program has errors or failed, 2 it could not start.\n',
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
    .addHelpText('after', examples('scaicore compile greet.scaicore', 'scaicore compile . --emit-ir'))
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
    .addHelpText(
      'after',
      examples('scaicore check . --strict', 'scaicore check . --format sarif > out.sarif'),
    )
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
    .option('--input <json>', "its input as JSON, @FILE, or - for standard input (default '{}')")
    .option('--key <key>', 'the instance of an entity, where the input does not say it')
    .option('--mock <file>', 'scripted answers of models, plugins and other Cores')
    .option('--models <file>', 'services of models, as `models` in granary.config.json')
    .option('--plugins <file>', 'services of plugins, as `plugins` in granary.config.json')
    .option('--state <folder>', 'keep memory and checkpoints there')
    .option('--resume <id>', 'go on with the run that stopped at this checkpoint of --state')
    .option('--resolution <json>', 'what was decided, such as \'{"decision":"approve"}\'; or @FILE, or -')
    .option('--config <name=value>', 'a @config parameter; may be repeated', collect)
    .option('--reference <file>', 'data of @reference as JSON')
    .option('--telemetry', 'print the events of the runtime')
    .option('--json', 'the result on one line of JSON')
    .addHelpText(
      'after',
      examples(
        'scaicore run greet.scaicore --flow greet --input \'{"name":"Ada"}\'',
        'scaicore run . --flow ask --state .state',
        'scaicore run . --resume ID --resolution \'{"decision":"yes"}\' --state .state',
      ) +
        '\nModels without --models: OPENAI_API_KEY, and OPENAI_BASE_URL for another service of the same kind;' +
        '\nGRANARY_MODELS_API_KEY and GRANARY_MODELS_BASE_URL win over these.\n',
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
    .addHelpText('after', examples('scaicore inspect build/Greeter.scaicore-ir'))
    .action((source: string, flags: InspectFlags) =>
      choose(async () => (await import('./inspect-command.ts')).runInspect(cli, source, flags)),
    );
}

function addTest(program: Command, cli: Cli, choose: Choose): void {
  program
    .command('test')
    .summary('run the @test blocks of programs')
    .argument('<source...>', SOURCES)
    .option('--seed <n>', 'seed of generated cases (default 1)', seedOf)
    .option('--json', 'one line of JSON for each test')
    .addHelpText('after', examples('scaicore test .', 'scaicore test greet.scaicore --seed 7'))
    .action((sources: string[], flags: TestFlags) =>
      choose(async () => (await import('./test-command.ts')).runTests(cli, sources, flags)),
    );
}

function addFmt(program: Command, cli: Cli, choose: Choose): void {
  program
    .command('fmt')
    .summary('bring programs into their one form')
    .argument('[source...]', SOURCES)
    .option('--check', 'change nothing; exit code 1 if something would change')
    .option('--stdin', 'from standard input to standard output, for editors')
    .addHelpText('after', examples('scaicore fmt .', 'scaicore fmt --check greet.scaicore'))
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

function collect(value: string, all: readonly string[] = []): readonly string[] {
  return [...all, value];
}

function seedOf(text: string): number {
  return wholeNumber(text, 9);
}
