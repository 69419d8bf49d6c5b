// Settings: flags over GRANARY_* variables over the configuration file. Defaults belong to whoever uses a setting.
// What nobody knows is an error that names the nearest thing that is known: a slip must not pass in silence.
import { GrainError, nearestName } from '../../lib/index.ts';
import type { GranaryConfig } from './config-keys.ts';

type Kind = 'text' | 'redis' | 'number' | 'flag' | 'texts' | 'object' | 'objects';

/** Every key, and what it holds. Objects have no variable; their insides are checked by whom they are for. */
const KEYS = {
  cores: 'texts',
  data: 'text',
  onDataLoss: 'text',
  host: 'text',
  port: 'number',
  url: 'text',
  token: 'text',
  tokens: 'objects',
  logLevel: 'text',
  allowedOrigins: 'texts',
  insecureOpen: 'flag',
  bodyBytes: 'number',
  headerBytes: 'number',
  urlLength: 'number',
  inFlight: 'number',
  eventStreams: 'number',
  eventStreamBytes: 'number',
  heartbeatMs: 'number',
  rateLimit: 'object',
  deadlineMs: 'number',
  headersTimeoutMs: 'number',
  requestTimeoutMs: 'number',
  timeoutCheckMs: 'number',
  keepAliveMs: 'number',
  connections: 'number',
  silo: 'object',
  stream: 'object',
  cluster: 'text',
  redis: 'redis',
  lockNodes: 'texts',
  linkHost: 'text',
  linkPort: 'number',
  advertiseHost: 'text',
  advertisePort: 'number',
  linkSecret: 'text',
  linkTls: 'object',
  insecureLinks: 'flag',
  sessionTtlMs: 'number',
  name: 'text',
  healthPort: 'number',
  models: 'object',
  plugins: 'object',
  coreConfig: 'object',
  reference: 'object',
} as const satisfies Readonly<Record<keyof GranaryConfig, Kind>>;

type Key = keyof typeof KEYS;
const NAMES = Object.keys(KEYS) as Key[];

/** `deadlineMs` → `GRANARY_DEADLINE_MS`. */
function variableOf(key: Key): string {
  return `GRANARY_${key.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase()}`;
}

const VARIABLES = new Map(
  NAMES.filter((key) => !KEYS[key].startsWith('object')).map((key) => [variableOf(key), key]),
);
/** Set by the scripts of this repository for each other. */
const NOT_SETTINGS: ReadonlySet<string> = new Set(['GRANARY_TESTS_RAN']);

/** @throws ERR_CONFIG_INVALID */
export function settingsFromEnv(env: Readonly<Record<string, string | undefined>>): Partial<GranaryConfig> {
  const found: Record<string, unknown> = {};
  for (const [variable, text] of Object.entries(env)) {
    if (!variable.startsWith('GRANARY_') || text === undefined || NOT_SETTINGS.has(variable)) continue;
    const key = VARIABLES.get(variable);
    if (key === undefined) throw unknown(`the variable ${variable}`, variable, [...VARIABLES.keys()]);
    found[key] = parse(key, text, variable);
  }
  return found;
}

function parse(key: Key, text: string, variable: string): unknown {
  const wrong = (must: string): GrainError => broken(`${variable} must be ${must}, not ${text}`, key);
  switch (KEYS[key]) {
    case 'text':
    case 'redis':
      return text;
    case 'texts':
      return text.split(',').map((part) => part.trim());
    case 'number':
      if (!/^-?\d+(\.\d+)?$/.test(text)) throw wrong('a number');
      return Number(text);
    case 'flag':
      if (!/^(true|false|1|0)$/.test(text)) throw wrong('true or false');
      return text === 'true' || text === '1';
    default:
      throw wrong('set in the configuration file');
  }
}

/** @throws ERR_CONFIG_INVALID */
export function checkSettings(given: unknown, file: string): Partial<GranaryConfig> {
  if (!isObject(given)) throw broken(`${file} must hold an object of settings`, file);
  for (const [name, value] of Object.entries(given)) {
    if (!Object.hasOwn(KEYS, name)) throw unknown(`the key ${name} in ${file}`, name, NAMES);
    const kind = KEYS[name as Key];
    if (value !== undefined && !fits(kind, value))
      throw broken(`${name} in ${file} must be ${SAID[kind]}`, name);
  }
  return given;
}

const SAID: Readonly<Record<Kind, string>> = {
  text: 'a string',
  redis: 'a URL, or an object of Sentinels or cluster nodes',
  number: 'a number',
  flag: 'true or false',
  texts: 'an array of strings',
  object: 'an object',
  objects: 'an array of objects',
};

function fits(kind: Kind, value: unknown): boolean {
  switch (kind) {
    case 'text':
      return typeof value === 'string';
    case 'redis':
      return typeof value === 'string' || isObject(value);
    case 'number':
      return typeof value === 'number';
    case 'flag':
      return typeof value === 'boolean';
    case 'texts':
      return Array.isArray(value) && value.every((item) => typeof item === 'string');
    case 'object':
      return isObject(value);
    case 'objects':
      return Array.isArray(value) && value.every(isObject);
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function unknown(what: string, name: string, known: readonly string[]): GrainError {
  const nearest = nearestName(name, known);
  const hint = nearest === undefined ? `; there are ${known.join(', ')}` : `; did you mean ${nearest}?`;
  return new GrainError('ERR_CONFIG_INVALID', {
    message: `${what} is not a setting${hint}`,
    option: name,
    nearest,
  });
}

function broken(message: string, option: string): GrainError {
  return new GrainError('ERR_CONFIG_INVALID', { message, option });
}
