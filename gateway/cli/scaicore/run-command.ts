// `scaicore run`: compiles in memory and runs one flow here, or goes on with one that stopped (`--resume`).
import path from 'node:path';
import { GrainError, nearestName } from '../../../lib/index.ts';
import {
  CoreEngine,
  type EngineEvent,
  type ExecutionResult,
  hostEnvironment,
  type HostEnvironment,
  InMemoryReferenceStore,
  type IRModule,
  type JsonValue,
  type ModelProvider,
  ScaiCoreError,
} from '../../../lib/lang/index.ts';
import { createOpenAiProvider } from '../../../silo/index.ts';
import type { Cli, ExitCode } from '../cli.ts';
import { printable } from '../terminal.ts';
import { FileCheckpoints, FileMemory } from './file-state.ts';
import { loadModule } from './inspect-command.ts';
import { readMocks } from './mock-file.ts';
import { readText, shownName, sourceFile } from './source-files.ts';

export interface RunFlags {
  readonly flow?: string;
  readonly input?: string;
  readonly mock?: string;
  readonly state?: string;
  readonly resume?: string;
  readonly resolution?: string;
  readonly config?: readonly string[];
  readonly reference?: string;
  readonly telemetry?: boolean;
  readonly json?: boolean;
}

export async function runRun(cli: Cli, named: string, flags: RunFlags): Promise<ExitCode> {
  const { json = false, resume } = flags;
  const file = sourceFile(named, cli);
  if (!json) cli.terminal.err(`Compiling ${shownName(file, cli)}...\n`);
  const module = loadModule(cli, named);
  if (!module) return 1;
  const memory = flags.state === undefined ? undefined : new FileMemory(stateFolder(cli, flags.state));
  const env = environmentOf(cli, module, flags, file, memory);
  const engine = loadEngine(module, env);
  const result =
    resume === undefined
      ? await invoke(cli, engine, flags, json)
      : await engine.resume({
          checkpointId: resume,
          resolution: objectOf(cli, flags.resolution, 'resolution'),
        });
  memory?.store();
  return tellResult(cli, result, flags, json);
}

function stateFolder({ folder }: Cli, state: string): string {
  return path.resolve(folder, state);
}

function invoke(cli: Cli, engine: CoreEngine, flags: RunFlags, json: boolean): Promise<ExecutionResult> {
  const { module } = engine;
  const flow = flags.flow ?? onlyFlow(module);
  if (!module.flows.some(({ name }) => name === flow)) {
    const names = module.flows.map(({ name }) => name);
    const near = nearestName(flow, names);
    const hint = near === undefined ? `it has ${names.join(', ')}` : `did you mean ${near}?`;
    throw new GrainError('ERR_FLOW_UNKNOWN', {
      message: `${module.name} has no flow '${flow}': ${hint}`,
      flow,
    });
  }
  if (!json) cli.terminal.err(`Running ${module.name}:${flow}...\n`);
  const input = flags.input === undefined ? {} : objectOf(cli, flags.input, 'input');
  return engine.invoke({ flow, input, trigger: { type: 'API' }, signal: cli.stopSignal });
}

function onlyFlow({ name, flows }: IRModule): string {
  const [only] = flows;
  if (flows.length === 1 && only) return only.name;
  const message = `${name} has ${flows.length} flows: say which with --flow`;
  throw new GrainError('ERR_OPTION_INVALID', { message, option: 'flow' });
}

// ---- Environment ----

function environmentOf(
  cli: Cli,
  module: IRModule,
  flags: RunFlags,
  file: string,
  memory: FileMemory | undefined,
): HostEnvironment {
  const { state, reference, telemetry = false } = flags;
  const mocks = flags.mock === undefined ? undefined : readMocks(jsonOf(cli, `@${flags.mock}`, 'mock'));
  const models = mocks?.models ?? modelsFrom(cli) ?? NO_MODELS;
  return hostEnvironment({
    clock: cli.clock,
    rng: cli.rng,
    ...(memory && { memory }),
    ...(state !== undefined && {
      checkpoints: new FileCheckpoints(stateFolder(cli, state), shownName(file, cli)),
    }),
    modelProviders: models,
    ...(mocks && { plugins: mocks.plugins }),
    ...(reference !== undefined && {
      reference: new InMemoryReferenceStore(objectOf(cli, `@${reference}`, 'reference')),
    }),
    config: configOf(module, flags.config ?? []),
    events: { publish: (event) => tellEvent(cli, event, telemetry) },
    log: (level, message) => cli.terminal.err(`${level}: ${printable(textOf(message))}\n`),
  });
}

/** Flows that ask no model run without one. */
const NO_MODELS: ModelProvider = {
  complete: ({ role }) =>
    Promise.reject(
      new ScaiCoreError(
        'ModelProviderError',
        `there is no model for '${role}': give answers with --mock FILE, or set OPENAI_API_KEY (and OPENAI_BASE_URL)`,
      ),
    ),
};

/** An OpenAI-compatible service, where the environment names one. */
function modelsFrom({ env, clock, rng }: Cli): ModelProvider | undefined {
  const apiKey = env['OPENAI_API_KEY'];
  const baseUrl = env['OPENAI_BASE_URL'];
  if (apiKey === undefined && baseUrl === undefined) return undefined;
  const service = {
    baseUrl: baseUrl ?? 'https://api.openai.com/v1',
    ...(apiKey !== undefined && { apiKey }),
  };
  return createOpenAiProvider({ providers: { openai: service, scaigrid: service } }, { clock, rng });
}

/** `name=value`; the value is JSON, or else text. */
function configOf(module: IRModule, pairs: readonly string[]): Record<string, JsonValue> {
  const names = module.config.map(({ name }) => name);
  return Object.fromEntries(
    pairs.map((pair) => {
      const at = pair.indexOf('=');
      const name = at < 0 ? pair : pair.slice(0, at);
      if (at < 0 || !names.includes(name)) {
        const known = names.length === 0 ? 'it has none' : `it has ${names.join(', ')}`;
        const message =
          at < 0 ? `--config takes name=value, not ${pair}` : `no @config parameter '${name}': ${known}`;
        throw new GrainError('ERR_OPTION_INVALID', { message, option: 'config' });
      }
      return [name, parsed(pair.slice(at + 1)) ?? pair.slice(at + 1)];
    }),
  );
}

/** Telemetry only when it was asked for; what the program emits always, beside the result. */
function tellEvent({ terminal }: Cli, event: EngineEvent, telemetry: boolean): void {
  if (!event.is_telemetry) terminal.err(`emit ${event.type} ${JSON.stringify(event.payload)}\n`);
  else if (telemetry) terminal.err(`${event.type} ${JSON.stringify(event.payload)}\n`);
}

function loadEngine(module: IRModule, env: HostEnvironment): CoreEngine {
  try {
    return CoreEngine.load(module, env);
  } catch (thrown) {
    if (!(thrown instanceof ScaiCoreError)) throw thrown;
    const next = 'give answers of plugins with --mock FILE';
    throw new GrainError('ERR_CORE_FILE', { message: thrown.message, next }, { cause: thrown });
  }
}

// ---- JSON on the command line ----

/** JSON text, or `@FILE`. */
function jsonOf(cli: Cli, text: string, option: string): JsonValue {
  const value = parsed(text.startsWith('@') ? readText(text.slice(1), cli) : text);
  if (value !== undefined) return value;
  const message = `--${option} is not JSON: ${printable(text.slice(0, 80))}`;
  throw new GrainError('ERR_OPTION_INVALID', { message, option });
}

function parsed(text: string): JsonValue | undefined {
  try {
    return JSON.parse(text) as JsonValue;
  } catch {
    return undefined;
  }
}

function objectOf(cli: Cli, text: string | undefined, option: string): Readonly<Record<string, JsonValue>> {
  const value = text === undefined ? undefined : jsonOf(cli, text, option);
  if (typeof value === 'object' && value !== null && !Array.isArray(value))
    return value as Readonly<Record<string, JsonValue>>;
  const message = `--${option} has to be a JSON object, such as '{"name":"Ada"}'`;
  throw new GrainError('ERR_OPTION_INVALID', { message, option });
}

// ---- Result ----

function textOf(value: JsonValue): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}

function tellResult({ terminal }: Cli, result: ExecutionResult, flags: RunFlags, json: boolean): ExitCode {
  const { status, output, error, checkpoint } = result;
  const exit: ExitCode = status === 'FAILED' ? 1 : 0;
  if (json) {
    const shown = {
      status,
      execution_id: result.executionId,
      ...(status === 'COMPLETED' && { output: output ?? null }),
      ...(error && { error: { error_type: error.errorType, message: error.message } }),
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
    terminal.out(`${JSON.stringify(shown)}\n`);
  } else if (status === 'COMPLETED') terminal.out(`${JSON.stringify(output ?? null, undefined, 2)}\n`);
  else if (status === 'FAILED')
    terminal.err(
      `${terminal.paint('red', error?.errorType ?? 'failed')}: ${printable(error?.message ?? '')}\n`,
    );
  else if (checkpoint) {
    terminal.out(`Suspended at checkpoint ${checkpoint.checkpointId}\n`);
    terminal.err(`  ${printable(checkpoint.prompt)}\n`);
    if (checkpoint.options.length > 0)
      terminal.err(`  options: ${checkpoint.options.map(printable).join(', ')}\n`);
    terminal.err(
      flags.state === undefined
        ? '  to be able to go on, run it with --state FOLDER\n'
        : `  next: --resume ${checkpoint.checkpointId} --resolution '{"decision":"…"}' --state ${flags.state}\n`,
    );
  }
  return exit;
}
