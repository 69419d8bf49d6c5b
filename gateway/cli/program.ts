// The commands and their flags. Commands that do real work are imported when they are run: `--help` should be quick.
import { type Command, InvalidArgumentError, Option } from 'commander';
import type { CallFlags } from './call-command.ts';
import type { Cli, ExitCode } from './cli.ts';
import type { GatewayFlags } from './cluster/gateway-command.ts';
import { BY_HAND } from './cluster/role.ts';
import type { SiloFlags } from './cluster/silo-command.ts';
import { type Choose, examples, programNamed, runCommandLine, wholeNumber } from './command-line.ts';
import type { DevFlags } from './dev/dev-command.ts';
import type { DoctorFlags } from './doctor-command.ts';
import type { InspectFlags } from './inspect-command.ts';
import type { SampleFlags } from './sample/sample-command.ts';
import type { SendFlags } from './send/send-command.ts';
import type { TopFlags } from './top/top-command.ts';

const CORE_FILES = 'files of TypeScript, JavaScript or ScaiCore, folders, patterns';

/** Runs a command line, without the name of the program. Never rejects. */
export function runProgram(args: readonly string[], cli: Cli): Promise<ExitCode> {
  return runCommandLine(args, cli, makeProgram);
}

function makeProgram(cli: Cli, choose: Choose): Command {
  const program = programNamed('granary', 'Durable, single-writer grains behind HTTP and WebSocket.', cli);
  program.addHelpText(
    'after',
    examples('granary dev counter.ts', 'granary call counter/one add \'{"name":"one","by":2}\''),
  );
  addDev(program, cli, choose);
  addSilo(program, cli, choose);
  addGateway(program, cli, choose);
  addCall(program, cli, choose);
  addSend(program, cli, choose);
  addInspect(program, cli, choose);
  addTop(program, cli, choose);
  addDoctor(program, cli, choose);
  addSample(program, cli, choose);
  return program;
}

function addDev(program: Command, cli: Cli, choose: Choose): void {
  program
    .command('dev')
    .summary('host the Cores of some files here, and follow the files as they change')
    .description(
      'Hosts every exported Core of the files, and programs in ScaiCore (.scaicore, .scaicore-ir), on the embedded durable ' +
        'store, and reloads them as they change. ' +
        'FILE may be a file, a folder or a pattern; without one it is `cores` of the configuration, or the folder cores/.',
    )
    .argument('[FILE...]', CORE_FILES)
    .option('--port <port>', 'port to listen on, 0 for a free one (default 7400)', count)
    .option('--host <address>', 'address to listen on; beyond loopback it needs a token (default 127.0.0.1)')
    .option('--data <folder>', '`memory` keeps nothing (default .granary)')
    .option('--token <secret>', 'bearer token that callers must bring')
    .option('--no-watch', 'do not follow changes of the files')
    .addOption(logLevelOption())
    .addOption(jsonOption('first line of standard output: {"url","stream","pid"}; logs as JSON lines'))
    .addOption(configOption())
    .addHelpText('after', examples('granary dev counter.ts', "granary dev 'cores/**/*.ts' --port 0 --json"))
    .action((files: string[], flags: DevFlags) =>
      choose(async () => (await import('./dev/dev-command.ts')).runDev(cli, files, flags)),
    );
}

function addSilo(program: Command, cli: Cli, choose: Choose): void {
  clusterRole(program.command('silo'))
    .summary('host the Cores of some files as a part of a cluster')
    .description(
      'Hosts every exported Core of the files, and programs in ScaiCore, together with the other silos of the cluster: each ' +
        'grain is active in one of them. What grains remember is kept in Redis, executions that wait at a checkpoint ' +
        'too. FILE is as for `granary dev`.',
    )
    .argument('[FILE...]', CORE_FILES)
    .option('--name <name>', 'what people call it (default `silo-` and the process id)')
    .option('--link-host <address>', 'address for the other silos and gateways (default 127.0.0.1)')
    .option('--link-port <port>', 'port for them (default a free one)', count)
    .option('--advertise-host <address>', 'where they reach it, when that is another address')
    .option('--advertise-port <port>', 'and another port', count)
    .option('--health-port <port>', 'answer /health and /health/ready on this port', count)
    .addOption(
      jsonOption('first line of standard output: {"silo","incarnation","link","pid"}; logs as JSON lines'),
    )
    .addHelpText('after', BY_HAND)
    .action((files: string[], flags: SiloFlags) =>
      choose(async () => (await import('./cluster/silo-command.ts')).runSilo(cli, files, flags)),
    );
}

function addGateway(program: Command, cli: Cli, choose: Choose): void {
  clusterRole(program.command('gateway'))
    .summary('the way in to a cluster, over HTTP and WebSocket')
    .description(
      'Answers HTTP and WebSocket for the silos of a cluster. It loads no Cores: the silos tell it what they host. Any ' +
        'number of gateways may run; clients that lose one go on at another.',
    )
    .option('--port <port>', 'port to listen on, 0 for a free one (default 7400)', count)
    .option('--host <address>', 'address to listen on; beyond loopback it needs a token (default 127.0.0.1)')
    .option('--token <secret>', 'bearer token that callers must bring')
    .addOption(jsonOption('first line of standard output: {"url","stream","pid"}; logs as JSON lines'))
    .addHelpText('after', BY_HAND)
    .action((flags: GatewayFlags) =>
      choose(async () => (await import('./cluster/gateway-command.ts')).runGateway(cli, flags)),
    );
}

/** Flags of everything that is a part of a cluster. */
function clusterRole(command: Command): Command {
  return command
    .option('--cluster <name>', 'name of the cluster: several may share a Redis (default granary)')
    .option('--redis <url>', 'where grains are kept (default redis://127.0.0.1:6379)')
    .option('--insecure-links', 'let links leave this machine in clear text')
    .addOption(
      new Option('--on-data-loss <what>', 'when Redis lost what it had (default refuse)').choices([
        'refuse',
        'start_empty',
      ]),
    )
    .option('--data <folder>', 'where this machine remembers its cluster (default .granary)')
    .addOption(logLevelOption())
    .addOption(configOption());
}

function addCall(program: Command, cli: Cli, choose: Choose): void {
  remote(program.command('call'))
    .summary('call a flow of a grain')
    .description('Calls a flow and prints its result. Exit code 1 when the call was refused or failed.')
    .argument('<CORE[/KEY]>', 'the grain; without a key, the host takes it from the input')
    .argument('<FLOW>')
    .argument('[JSON]', 'the input; - reads it from standard input')
    .option('--deadline <ms>', 'how long the call may take (default 30000)', count)
    .option('--id <id>', 'command id: within 10 minutes the call runs once, however often it is sent')
    .addOption(jsonOption('the whole reply, on one line'))
    .addHelpText(
      'after',
      examples(
        'granary call counter/one add \'{"name":"one","by":2}\'',
        'granary call airport/JFK stats --json',
      ),
    )
    .action((grain: string, flow: string, input: string | undefined, flags: CallFlags) =>
      choose(async () => (await import('./call-command.ts')).runCall(cli, grain, flow, input, flags)),
    );
}

function addSend(program: Command, cli: Cli, choose: Choose): void {
  remote(program.command('send'))
    .summary('stream a file of events into grains')
    .description(
      'Streams JSON Lines, one event a line, each exactly once. Stopped or killed, the same command goes on where it ' +
        'was. Exit code 1 when lines were refused; they are told with their numbers.',
    )
    .argument('<FILE>', 'JSON Lines; - for standard input, which cannot be resumed')
    .requiredOption('--core <name>', 'the Core that gets the events')
    .requiredOption('--event <name>', 'the event that each line is')
    .option(
      '--key <property>',
      'property of the line that names the grain (default the entity key of the Core)',
    )
    .option('--rate <n>', 'most events a second (default as fast as they are taken)', positive)
    .option('--window <n>', 'most events on their way (default 1024)', positive)
    .option('--from <line>', 'begin with this line, whatever was sent before', positive)
    .option('--restart', 'begin with the first line, whatever was sent before')
    .option('--state <file>', 'where the position is kept (default below ~/.cache/granary)')
    .addOption(jsonOption('a summary on standard output, no progress'))
    .addHelpText('after', examples('granary send flights.jsonl --core airport --key origin --event flight'))
    .action((file: string, flags: SendFlags) =>
      choose(async () => (await import('./send/send-command.ts')).runSend(cli, file, flags)),
    );
}

function addInspect(program: Command, cli: Cli, choose: Choose): void {
  remote(program.command('inspect'))
    .summary('what a host has loaded, and which grains are in memory')
    .description('Lists the Cores of a host, the grains of one Core that are in memory, or shows one grain.')
    .argument('[CORE[/KEY]]')
    .option('--limit <n>', 'grains to list (default 50, at most 1000)', positive)
    .option('--cursor <cursor>', 'go on after this grain')
    .addOption(jsonOption('JSON on one line'))
    .addHelpText(
      'after',
      examples('granary inspect', 'granary inspect airport', 'granary inspect airport/JFK'),
    )
    .action((grain: string | undefined, flags: InspectFlags) =>
      choose(async () => (await import('./inspect-command.ts')).runInspect(cli, grain, flags)),
    );
}

function addTop(program: Command, cli: Cli, choose: Choose): void {
  remote(program.command('top'))
    .summary('the load of a host, live')
    .description('Rates, hottest grains, longest mailboxes, slowest turns. q quits.')
    .option('--interval <seconds>', 'pause between looks (default 1)', positive)
    .option('--once', 'one picture, then end')
    .addOption(jsonOption('one line of JSON for each look'))
    .addHelpText('after', examples('granary top', 'granary top --once --json'))
    .action((flags: TopFlags) =>
      choose(async () => (await import('./top/top-command.ts')).runTop(cli, flags)),
    );
}

function addDoctor(program: Command, cli: Cli, choose: Choose): void {
  remote(program.command('doctor'))
    .summary('look whether everything is as it should be')
    .description(
      'Looks at Node.js, the configuration, the data folder, the port and the host. Exit code 1 on a failure.',
    )
    .option('--port <port>', 'port to look at (default 7400)', count)
    .option('--host <address>', 'address to look at (default 127.0.0.1)')
    .option('--data <folder>', 'data folder to look at (default .granary)')
    .addOption(jsonOption('one line of JSON for each finding'))
    .addHelpText('after', examples('granary doctor', 'granary doctor --url http://127.0.0.1:7400'))
    .action((flags: DoctorFlags) =>
      choose(async () => (await import('./doctor-command.ts')).runDoctor(cli, flags)),
    );
}

function addSample(program: Command, cli: Cli, choose: Choose): void {
  program
    .command('sample', { hidden: true })
    .description(
      'The sample job of the repository: 20,000 flights, streamed over WebSocket into one grain per airport, checked ' +
        'against a plain fold over the file. Run again after a kill, it goes on; after its end, it begins anew.',
    )
    .option('--once', 'end after the job; exit code 1 when an event was lost or doubled')
    .option('--port <port>', 'port to listen on, 0 for a free one (default 7400)', count)
    .option('--data <folder>', 'where the sample keeps its data (default .granary/sample)')
    .addHelpText('after', examples('npm start', 'npm start -- --once'))
    .action((flags: SampleFlags) =>
      choose(async () => (await import('./sample/sample-command.ts')).runSample(cli, flags)),
    );
}

/** Flags of the commands that ask a running host. */
function remote(command: Command): Command {
  return command
    .option('--url <url>', 'the host (default http://127.0.0.1:7400)')
    .option('--token <secret>', 'bearer token')
    .addOption(configOption());
}

function logLevelOption(): Option {
  return new Option('--log-level <level>', 'what is logged on standard error (default info)').choices([
    'debug',
    'info',
    'warn',
    'error',
    'silent',
  ]);
}

function jsonOption(description: string): Option {
  return new Option('--json', description);
}

function configOption(): Option {
  return new Option('--config <file>', 'configuration file (default granary.config.{ts,js,json})');
}

/** Commander hands its flags' earlier value along, which is none of ours. */
function count(text: string): number {
  return wholeNumber(text);
}

function positive(text: string): number {
  if (wholeNumber(text) > 0) return Number(text);
  throw new InvalidArgumentError('It must be a whole number from 1.');
}
