// `models` of the configuration: checked, and with its defaults.
import { GrainError } from '../../lib/index.ts';
import {
  callable,
  type Check,
  flag,
  headers,
  headerValue,
  httpUrl,
  list,
  number,
  oneOf,
  plainObject,
  record,
  shape,
  text,
  whole,
} from '../outbound/check-settings.ts';
import { OPENAI_DEFAULTS, type OpenAiOptions, type ResolvedOpenAiOptions } from './model-options.ts';

const price = shape({ '!input': number(0), '!output': number(0) });
const backend = shape({
  '!baseUrl': httpUrl,
  apiKey: headerValue,
  headers,
  structuredOutput: oneOf('json_schema', 'json_object', 'prompt'),
  stream: flag,
  prices: record(price),
});
const toolName: Check = (value, path) => {
  text(value, path);
  if (/^[\w-]{1,64}$/.test(value as string)) return;
  const message = `${path} must be 1 to 64 letters, digits, _ or -`;
  throw new GrainError('ERR_CONFIG_INVALID', { message, option: path });
};
const tool = shape({
  '!name': toolName,
  '!description': text,
  '!parameters': plainObject,
  roles: list(text),
  '!run': callable,
});

const models = shape({
  '!providers': record(backend),
  embedding: shape({ '!provider': text, '!model': text }),
  tools: list(tool),
  toolRoundsMax: whole(1, 100),
  timeoutMs: number(1, 3_600_000),
  firstByteTimeoutMs: number(1, 3_600_000),
  retries: whole(0, 20),
  backoffFirstMs: number(0, 600_000),
  backoffMostMs: number(0, 600_000),
  retryAfterMostMs: number(0, 3_600_000),
  maxResponseBytes: whole(1),
  embeddingBatch: whole(1, 100_000),
  onUsage: callable,
});

/**
 * Settings as they stand in a file. `$NAME` as the whole of an `apiKey` is the variable NAME of `env`, so that keys stay out
 * of files. @throws ERR_CONFIG_INVALID naming the place, and the nearest key that is known
 */
export function readModelSettings(
  given: unknown,
  env: Readonly<Record<string, string | undefined>> = {},
  path = 'models',
): OpenAiOptions {
  models(given, path);
  const options = given as OpenAiOptions;
  const providers = Object.entries(options.providers).map(([name, { apiKey, ...rest }]) => [
    name,
    apiKey === undefined
      ? rest
      : { ...rest, apiKey: fromEnv(apiKey, env, `${path}.providers.${name}.apiKey`) },
  ]);
  return { ...options, providers: Object.fromEntries(providers) as OpenAiOptions['providers'] };
}

/** The value itself, or what the variable of that name holds. @throws ERR_CONFIG_INVALID */
export function fromEnv(
  value: string,
  env: Readonly<Record<string, string | undefined>>,
  path: string,
): string {
  const name = /^\$([A-Za-z_]\w*)$/.exec(value)?.[1];
  if (name === undefined) return value;
  const held = env[name];
  if (held !== undefined && held !== '') {
    headerValue(held, `${path} (${name})`);
    return held;
  }
  const message = `${path} is to come from the variable ${name}, which is not set`;
  throw new GrainError('ERR_CONFIG_INVALID', { message, option: path });
}

/** @throws ERR_CONFIG_INVALID */
export function resolveOpenAiOptions(given: OpenAiOptions): ResolvedOpenAiOptions {
  models(given, 'models');
  const set = Object.entries(given).filter(([, value]) => value !== undefined);
  const options = {
    ...OPENAI_DEFAULTS,
    ...(Object.fromEntries(set) as OpenAiOptions),
  } as ResolvedOpenAiOptions;
  const { embedding, providers } = options;
  if (embedding !== undefined && !Object.hasOwn(providers, embedding.provider)) {
    const message = `models.embedding.provider is ${embedding.provider}, which is not in models.providers`;
    throw new GrainError('ERR_CONFIG_INVALID', { message, option: 'models.embedding.provider' });
  }
  return Object.freeze(options);
}
