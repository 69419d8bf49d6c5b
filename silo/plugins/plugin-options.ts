// What an operator says about plugins that are called over HTTP.
import { GrainError } from '../../lib/index.ts';
import {
  headers,
  headerValue,
  httpUrl,
  list,
  number,
  record,
  shape,
  text,
  whole,
} from '../outbound/check-settings.ts';
import { fromEnv } from '../models/settings.ts';

export interface HttpPluginsOptions {
  /** By the alias that programs use, or by `publisher/name`; the alias is looked for first. */
  readonly plugins: Readonly<Record<string, HttpPlugin>>;
}

export interface HttpPlugin {
  /** Any host that the operator names, also of the own machine or network: programs cannot choose one. */
  readonly url: string;
  /** Calls are signed with it. @default none: they are not signed */
  readonly secret?: string | undefined;
  /** For a call with all its attempts. @default 30_000 */
  readonly timeoutMs?: number | undefined;
  /** Attempts after the first one, where that is safe. @default 2 */
  readonly retries?: number | undefined;
  /** @default 4_194_304 */
  readonly maxResponseBytes?: number | undefined;
  /** Sent with every call; their values are kept out of errors. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** Methods that programs may call. @default all */
  readonly methods?: readonly string[] | undefined;
}

export interface ResolvedHttpPlugin {
  readonly url: string;
  readonly secret: string | undefined;
  readonly timeoutMs: number;
  readonly retries: number;
  readonly maxResponseBytes: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly methods: ReadonlySet<string> | undefined;
}

const plugin = shape({
  '!url': httpUrl,
  secret: text,
  timeoutMs: number(1, 3_600_000),
  retries: whole(0, 20),
  maxResponseBytes: whole(1),
  headers,
  methods: list(text),
});
const NAME = /^[A-Za-z_][\w-]*$|^[a-z0-9][a-z0-9-]*\/[a-z0-9][a-z0-9-]*$/;
const plugins = record(plugin, NAME, 'an alias, or publisher/name');

/**
 * `plugins` of the configuration: an object of plugins. `$NAME` as the whole of a secret is the variable NAME of `env`.
 * @throws ERR_CONFIG_INVALID naming the place, and the nearest key that is known
 */
export function readPluginSettings(
  given: unknown,
  env: Readonly<Record<string, string | undefined>> = {},
  path = 'plugins',
): HttpPluginsOptions {
  plugins(given, path);
  const entries = Object.entries(given as HttpPluginsOptions['plugins']).map(
    ([name, { secret, ...rest }]) => [
      name,
      secret === undefined ? rest : { ...rest, secret: fromEnv(secret, env, `${path}.${name}.secret`) },
    ],
  );
  return { plugins: Object.fromEntries(entries) as HttpPluginsOptions['plugins'] };
}

/** @throws ERR_CONFIG_INVALID */
export function resolveHttpPlugins(given: HttpPluginsOptions): ReadonlyMap<string, ResolvedHttpPlugin> {
  shape({ '!plugins': plugins })(given, 'options');
  return new Map(Object.entries(given.plugins).map(([name, settings]) => [name, resolve(name, settings)]));
}

const RESERVED: ReadonlySet<string> = new Set([
  'content-type',
  'idempotency-key',
  'x-granary-call-id',
  'x-granary-signature',
]);

function resolve(name: string, settings: HttpPlugin): ResolvedHttpPlugin {
  const { url, secret, timeoutMs = 30_000, retries = 2, maxResponseBytes = 4_194_304, methods } = settings;
  const own = settings.headers ?? {};
  for (const [header, value] of Object.entries(own)) {
    const option = `plugins.${name}.headers.${header}`;
    headerValue(value, option);
    if (RESERVED.has(header.toLowerCase()))
      throw new GrainError('ERR_CONFIG_INVALID', { message: `${option} is set by Granary itself`, option });
  }
  const allowed = methods === undefined ? undefined : new Set(methods);
  return Object.freeze({ url, secret, timeoutMs, retries, maxResponseBytes, headers: own, methods: allowed });
}
