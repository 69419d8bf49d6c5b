// The world that `scaicore run` gives to a program: models, plugins and other Cores as the flags and the environment say.
import path from 'node:path';
import {
  checkValue,
  type EngineEvent,
  hostEnvironment,
  type HostEnvironment,
  InMemoryReferenceStore,
  type IRModule,
  type JsonValue,
  type ModelProvider,
  type PluginHost,
  ScaiCoreError,
} from '../../../lib/lang/index.ts';
import {
  createHttpPlugins,
  createOpenAiProvider,
  readModelSettings,
  readPluginSettings,
} from '../../../silo/index.ts';
import { nearestName } from '../../../lib/index.ts';
import type { Cli } from '../cli.ts';
import { printable } from '../terminal.ts';
import { FileCheckpoints, FileMemory } from './file-state.ts';
import { asObject, invalidOption, jsonFile, jsonOrText } from './json-option.ts';
import { type Mocks, readMocks } from './mock-file.ts';

export interface EnvironmentFlags {
  readonly mock?: string;
  readonly models?: string;
  readonly plugins?: string;
  readonly state?: string;
  readonly config?: readonly string[];
  readonly reference?: string;
  readonly telemetry?: boolean;
}

export interface RunEnvironment {
  readonly env: HostEnvironment;
  /** With `--state`: to be stored when the run is over. */
  readonly memory: FileMemory | undefined;
}

/** @throws ERR_OPTION_INVALID, ERR_CONFIG_INVALID, ERR_FILE_UNREADABLE */
export function runEnvironment(cli: Cli, module: IRModule, flags: EnvironmentFlags): RunEnvironment {
  const { reference, state, telemetry = false } = flags;
  const folder = state === undefined ? undefined : path.resolve(cli.folder, state);
  const memory = folder === undefined ? undefined : new FileMemory(folder);
  const mocks = flags.mock === undefined ? undefined : readMocks(jsonFile(cli, flags.mock, 'mock'));
  const plugins = pluginsOf(cli, flags, mocks);
  const env = hostEnvironment({
    clock: cli.clock,
    rng: cli.rng,
    ...(memory && { memory }),
    ...(folder !== undefined && { checkpoints: new FileCheckpoints(folder) }),
    modelProviders: modelsOf(cli, flags, mocks),
    ...(plugins && { plugins }),
    ...(mocks && { dispatcher: mocks.dispatcher }),
    ...(reference !== undefined && {
      reference: new InMemoryReferenceStore(asObject(jsonFile(cli, reference, 'reference'), 'reference')),
    }),
    config: configOf(module, flags.config ?? []),
    events: { publish: (event) => tellEvent(cli, event, telemetry) },
    log: (level, message) => cli.terminal.err(`${level}: ${printable(textOf(message))}\n`),
  });
  return { env, memory };
}

// ---- Models and plugins ----

function modelsOf(cli: Cli, { models: file }: EnvironmentFlags, mocks: Mocks | undefined): ModelProvider {
  if (mocks?.models) return mocks.models;
  const { env, clock, rng } = cli;
  if (file !== undefined) {
    const settings = readModelSettings(sectionOf(cli, file, 'models'), env, '--models');
    return createOpenAiProvider(settings, { clock, rng });
  }
  return serviceOf(cli) ?? NO_MODELS;
}

/** A part of a host's configuration, in a file of its own or in the whole `granary.config.json`. */
function sectionOf(cli: Cli, file: string, section: 'models' | 'plugins'): JsonValue {
  const value = jsonFile(cli, file, section);
  const isObject = typeof value === 'object' && value !== null && !Array.isArray(value);
  return (isObject ? asObject(value, section)[section] : undefined) ?? value;
}

/** One OpenAI-compatible service for all models, where the environment names one. */
function serviceOf({ env, clock, rng }: Cli): ModelProvider | undefined {
  const given = (name: string): string | undefined => (env[name] === '' ? undefined : env[name]);
  const apiKey = given('GRANARY_MODELS_API_KEY') ?? given('OPENAI_API_KEY');
  const baseUrl = given('GRANARY_MODELS_BASE_URL') ?? given('OPENAI_BASE_URL');
  if (apiKey === undefined && baseUrl === undefined) return undefined;
  const service = {
    baseUrl: baseUrl ?? 'https://api.openai.com/v1',
    ...(apiKey !== undefined && { apiKey }),
  };
  // The two that programs can name.
  return createOpenAiProvider({ providers: { openai: service, scaigrid: service } }, { clock, rng });
}

const MODELS_ADVICE = 'give answers with --mock FILE or a service with --models FILE, or set OPENAI_API_KEY';

/** Flows that ask no model run without one. */
const NO_MODELS: ModelProvider = {
  complete: ({ role }) => Promise.reject(noModel(role)),
  call: ({ role }) => Promise.reject(noModel(role)),
};

function noModel(role: string): ScaiCoreError {
  return new ScaiCoreError('ModelProviderError', `there is no model for '${role}': ${MODELS_ADVICE}`);
}

function pluginsOf(
  cli: Cli,
  { plugins: file }: EnvironmentFlags,
  mocks: Mocks | undefined,
): PluginHost | undefined {
  const { env, clock, rng } = cli;
  const real =
    file === undefined
      ? undefined
      : createHttpPlugins(readPluginSettings(sectionOf(cli, file, 'plugins'), env, '--plugins'), {
          clock,
          rng,
        });
  return mocks ? mocks.plugins(real) : real;
}

// ---- Settings and events ----

/** `name=value`; the value is JSON, or else text, also where only the text is of the parameter's type. */
function configOf(module: IRModule, pairs: readonly string[]): Record<string, JsonValue> {
  const names = module.config.map(({ name }) => name);
  return Object.fromEntries(
    pairs.map((pair) => {
      const at = pair.indexOf('=');
      if (at < 0) throw invalidOption('config', `--config takes name=value, not ${pair}`);
      const name = pair.slice(0, at);
      if (!names.includes(name)) throw unknownParam(name, names);
      const text = pair.slice(at + 1);
      const type = module.config.find((param) => param.name === name)?.type;
      const isText = type !== undefined && checkValue(text, type, module.types).length === 0;
      const value = jsonOrText(text);
      const isValue = type !== undefined && checkValue(value, type, module.types).length === 0;
      return [name, isText && !isValue ? text : value];
    }),
  );
}

function unknownParam(name: string, names: readonly string[]): Error {
  const near = nearestName(name, names);
  const known = names.length === 0 ? 'it has none' : `it has ${names.join(', ')}`;
  const hint = near === undefined ? known : `did you mean ${near}?`;
  return invalidOption('config', `no @config parameter '${name}': ${hint}`);
}

/** Telemetry only when it was asked for; what the program emits always, beside the result. */
function tellEvent({ terminal }: Cli, event: EngineEvent, telemetry: boolean): void {
  const said = `${printable(event.type)} ${printable(JSON.stringify(event.payload))}\n`;
  if (!event.is_telemetry) terminal.err(`emit ${said}`);
  else if (telemetry) terminal.err(said);
}

function textOf(value: JsonValue): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}
