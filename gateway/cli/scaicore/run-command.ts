// `scaicore run`: compiles in memory and runs one flow here, or goes on with one that stopped (`--resume`).
import { GrainError, nearestName } from '../../../lib/index.ts';
import {
  CoreEngine,
  type ExecutionResult,
  type HostEnvironment,
  type IRModule,
  ScaiCoreError,
} from '../../../lib/lang/index.ts';
import type { Cli, ExitCode } from '../cli.ts';
import { printable } from '../terminal.ts';
import { loadModule } from './inspect-command.ts';
import { asObject, invalidOption, jsonOption } from './json-option.ts';
import { type EnvironmentFlags, runEnvironment } from './run-environment.ts';
import { shownName, sourceFile } from './source-files.ts';

export interface RunFlags extends EnvironmentFlags {
  readonly flow?: string;
  readonly input?: string;
  readonly key?: string;
  readonly resume?: string;
  readonly resolution?: string;
  readonly json?: boolean;
}

export async function runRun(cli: Cli, named: string, flags: RunFlags): Promise<ExitCode> {
  const { json = false } = flags;
  requireParts(flags);
  const file = sourceFile(named, cli);
  if (!json) cli.terminal.err(`Compiling ${shownName(file, cli)}...\n`);
  const module = loadModule(cli, named);
  if (!module) return 1;
  const { env, memory } = runEnvironment(cli, module, flags);
  const engine = loadEngine(module, env);
  const { resume } = flags;
  const result = await (resume === undefined ? invoke(cli, engine, flags) : goOn(cli, engine, flags, resume));
  memory?.store(result);
  tellResult(cli, result, flags);
  return result.status === 'FAILED' ? 1 : 0;
}

/** @throws ERR_OPTION_INVALID */
function requireParts({ resume, resolution, state, flow, input }: RunFlags): void {
  if (resume === undefined) {
    if (resolution !== undefined) throw invalidOption('resolution', '--resolution goes with --resume ID');
    return;
  }
  if (state === undefined)
    throw invalidOption('resume', '--resume needs --state FOLDER, where the run stopped');
  if (resolution === undefined)
    throw invalidOption('resume', '--resume needs --resolution, such as \'{"decision":"approve"}\'');
  if (flow !== undefined || input !== undefined)
    throw invalidOption('resume', '--resume goes on with what was begun: it takes no --flow and no --input');
}

function loadEngine(module: IRModule, env: HostEnvironment): CoreEngine {
  try {
    return CoreEngine.load(module, env);
  } catch (thrown) {
    if (!(thrown instanceof ScaiCoreError)) throw thrown;
    const next = 'script the answers of plugins with --mock FILE, or name services with --plugins FILE';
    const advice = module.plugins.length > 0 ? { next } : {};
    throw new GrainError('ERR_CORE_FILE', { message: thrown.message, ...advice }, { cause: thrown });
  }
}

function invoke(cli: Cli, engine: CoreEngine, flags: RunFlags): Promise<ExecutionResult> {
  const { module } = engine;
  const flow = flowOf(module, flags.flow);
  const input = asObject(flags.input === undefined ? {} : jsonOption(cli, flags.input, 'input'), 'input');
  if (flags.json !== true) cli.terminal.err(`Running ${module.name}:${flow}...\n`);
  return engine.invoke({
    flow,
    input,
    trigger: { type: 'API' },
    signal: cli.stopSignal,
    ...(flags.key !== undefined && { instanceKey: flags.key }),
  });
}

function goOn(cli: Cli, engine: CoreEngine, flags: RunFlags, id: string): Promise<ExecutionResult> {
  const resolution = asObject(jsonOption(cli, flags.resolution ?? '', 'resolution'), 'resolution');
  if (flags.json !== true) cli.terminal.err(`Resuming ${engine.module.name} at ${printable(id)}...\n`);
  return engine.resume({ checkpointId: id, resolution, signal: cli.stopSignal });
}

/** @throws ERR_FLOW_UNKNOWN, ERR_OPTION_INVALID */
function flowOf({ name, flows }: IRModule, wanted: string | undefined): string {
  const names = flows.map((flow) => flow.name);
  const [only] = names;
  if (wanted === undefined) {
    if (names.length === 1 && only !== undefined) return only;
    throw invalidOption(
      'flow',
      `${name} has ${names.length} flows, say which with --flow: ${names.join(', ')}`,
    );
  }
  if (names.includes(wanted)) return wanted;
  const near = nearestName(wanted, names);
  const hint = near === undefined ? `it has ${names.join(', ')}` : `did you mean ${near}?`;
  const message = `${name} has no flow '${wanted}': ${hint}`;
  throw new GrainError('ERR_FLOW_UNKNOWN', { message, flow: wanted, next: 'scaicore inspect lists them' });
}

// ---- Result ----

function tellResult({ terminal }: Cli, result: ExecutionResult, flags: RunFlags): void {
  const { status, output, error, checkpoint } = result;
  if (flags.json === true) terminal.out(`${JSON.stringify(jsonResult(result))}\n`);
  else if (status === 'COMPLETED') terminal.out(`${JSON.stringify(output ?? null, undefined, 2)}\n`);
  else if (error) {
    const message = error.message.split('\n').map(printable).join('\n');
    terminal.err(`${terminal.paint('red', error.errorType)}: ${message}\n`);
  } else if (checkpoint) {
    const { checkpointId, prompt, options } = checkpoint;
    terminal.out(`Suspended at checkpoint ${checkpointId}\n`);
    terminal.err(`  ${printable(prompt)}\n`);
    if (options.length > 0) terminal.err(`  options: ${options.map(printable).join(', ')}\n`);
    const decision = JSON.stringify({ decision: options[0] ?? 'approve' });
    terminal.err(
      flags.state === undefined
        ? '  next: run it with --state FOLDER to be able to go on\n'
        : `  next: --resume ${checkpointId} --resolution '${printable(decision)}' --state ${flags.state}\n`,
    );
  }
}

function jsonResult(result: ExecutionResult): object {
  const { status, executionId, output, error, checkpoint } = result;
  return {
    status,
    execution_id: executionId,
    ...(status === 'COMPLETED' && { output: output ?? null }),
    ...(error && {
      error: {
        error_type: error.errorType,
        message: error.message,
        ...(error.details !== undefined && { details: error.details }),
      },
    }),
    ...(checkpoint && {
      checkpoint: {
        checkpoint_id: checkpoint.checkpointId,
        type: checkpoint.type,
        prompt: checkpoint.prompt,
        payload: checkpoint.payload,
        options: checkpoint.options,
      },
    }),
  };
}
