// Plugins behind HTTP: one POST for each call of a method.
// Owns: which plugin an alias means, signatures, retries, and what a failure is called. Does not own: what the plugin does
// with a call that it gets twice; the call's id is for that.
//   H1. All attempts of a call have its one id, also those after a crash of the silo (PluginCall.callId).
//   H2. A call is sent again only when no answer began, or the answer says that nothing was done: 429, 502, 503, 504.
//   H3. Addresses come from the operator alone. Redirects are refused, so that they cannot come from a plugin either.
import { checkValue, type Clock, type Rng } from '../../lib/index.ts';
import { type JsonValue, type PluginCall, type PluginHost, ScaiCoreError } from '../../lib/lang/index.ts';
import { isPlainObject } from '../outbound/check-settings.ts';
import { exchange, type Fetch, type OutboundAnswer, OutboundError } from '../outbound/exchange.ts';
import { createRedactor } from '../outbound/redact.ts';
import { pause, retryAfterMs, retryDelayMs } from '../outbound/retry.ts';
import { type HttpPluginsOptions, type ResolvedHttpPlugin, resolveHttpPlugins } from './plugin-options.ts';
import { signatureOf } from './signature.ts';

export interface HttpPluginsParts {
  readonly clock: Clock;
  /** For the pauses between attempts. */
  readonly rng: Rng;
  /** @default the runtime's */
  readonly fetch?: Fetch | undefined;
}

const BACKOFF = { firstMs: 200, mostMs: 5_000, retryAfterMostMs: 20_000 };
/** The gateway or the plugin says that the call was not taken. */
const NOT_DONE: ReadonlySet<number> = new Set([429, 502, 503, 504]);

/** @throws ERR_CONFIG_INVALID */
export function createHttpPlugins(options: HttpPluginsOptions, parts: HttpPluginsParts): PluginHost {
  return new HttpPlugins(resolveHttpPlugins(options), parts);
}

interface Attempt {
  readonly call: PluginCall;
  readonly plugin: ResolvedHttpPlugin;
  readonly name: string;
  readonly body: string;
  /** By the clock's monotonic time. */
  readonly deadlineMs: number;
  readonly redact: (text: string) => string;
}

class HttpPlugins implements PluginHost {
  readonly #plugins: ReadonlyMap<string, ResolvedHttpPlugin>;
  /** Alias → what modules that were loaded mean by it, for calls that do not say. */
  readonly #meant = new Map<string, Set<string>>();
  readonly #clock: Clock;
  readonly #rng: Rng;
  readonly #fetch: Fetch;

  constructor(plugins: ReadonlyMap<string, ResolvedHttpPlugin>, { clock, rng, fetch }: HttpPluginsParts) {
    this.#plugins = plugins;
    this.#clock = clock;
    this.#rng = rng;
    this.#fetch = fetch ?? ((url, init) => globalThis.fetch(url, init));
  }

  has({ alias, publisher, name }: Parameters<PluginHost['has']>[0]): boolean {
    const full = `${publisher}/${name}`;
    if (!this.#plugins.has(alias) && !this.#plugins.has(full)) return false;
    this.#meant.set(alias, (this.#meant.get(alias) ?? new Set()).add(full));
    return true;
  }

  async call(call: PluginCall): Promise<JsonValue> {
    const name = this.#nameOf(call);
    const plugin = this.#plugins.get(call.alias) ?? this.#plugins.get(name);
    if (plugin === undefined) {
      const known = [...this.#plugins.keys()].join(', ') || 'none';
      throw failure(call, `is not configured; there are: ${known}`, { code: 'unknown_plugin' });
    }
    if (plugin.methods !== undefined && !plugin.methods.has(call.method))
      throw failure(call, 'is not among the methods that the operator allows', {
        code: 'method_not_allowed',
      });
    const secrets = [
      ...Object.values(plugin.headers),
      ...(plugin.secret === undefined ? [] : [plugin.secret]),
    ];
    return this.#attempts({
      call,
      plugin,
      name,
      body: JSON.stringify(bodyOf(call, name)),
      deadlineMs: this.#clock.nowMs() + plugin.timeoutMs,
      redact: createRedactor(secrets),
    });
  }

  /** `publisher/name`; the alias when nobody said what it stands for. @throws PluginError when it stands for two */
  #nameOf(call: PluginCall): string {
    if (call.plugin !== undefined) return `${call.plugin.publisher}/${call.plugin.name}`;
    const [first, second] = this.#meant.get(call.alias) ?? [];
    if (second === undefined || this.#plugins.has(call.alias)) return first ?? call.alias;
    throw failure(call, `may be ${first} or ${second}: configure it by its alias`, {
      code: 'unknown_plugin',
    });
  }

  async #attempts(attempt: Attempt): Promise<JsonValue> {
    const { call, plugin, deadlineMs } = attempt;
    const policy = { ...BACKOFF, retries: plugin.retries };
    for (let failures = 1; ; failures += 1) {
      try {
        return await this.#attempt(attempt);
      } catch (thrown) {
        const error = errorOf(thrown, call);
        const { retryable, retry_after_ms: afterMs } = error.details;
        const asked = typeof afterMs === 'number' ? afterMs : undefined;
        const delayMs = retryable === true ? retryDelayMs(failures, asked, policy, this.#rng) : undefined;
        if (delayMs === undefined || this.#clock.nowMs() + delayMs >= deadlineMs) throw error;
        await this.#pause(delayMs, call);
      }
    }
  }

  async #attempt({ call, plugin, body, deadlineMs, redact }: Attempt): Promise<JsonValue> {
    const timeoutMs = Math.max(0, deadlineMs - this.#clock.nowMs());
    const id = /^[\x21-\x7e]+$/.test(call.callId) ? call.callId : encodeURIComponent(call.callId);
    const signed =
      plugin.secret === undefined
        ? {}
        : { 'x-granary-signature': signatureOf(body, plugin.secret, this.#clock.wallMs()) };
    return exchange(
      {
        url: new URL(plugin.url),
        headers: {
          ...plugin.headers,
          'content-type': 'application/json',
          accept: 'application/json',
          'idempotency-key': id,
          'x-granary-call-id': id,
          ...signed,
        },
        body,
        timeoutMs,
        firstByteTimeoutMs: timeoutMs,
        maxResponseBytes: plugin.maxResponseBytes,
        signal: call.signal,
      },
      { clock: this.#clock, fetch: this.#fetch },
      (answer) => this.#read(answer, call, redact),
    );
  }

  async #read(
    answer: OutboundAnswer,
    call: PluginCall,
    redact: (text: string) => string,
  ): Promise<JsonValue> {
    const { status, isOk } = answer;
    if (isOk && status === 204) return null;
    const said = parsed(isOk ? await answer.text() : await answer.excerpt());
    const error = errorIn(said);
    if (isOk && error === undefined) return resultIn(said, call);
    throw failure(call, error === undefined ? `answered with ${status}` : redact(error.message), {
      code: error === undefined ? `http_${status}` : redact(error.code),
      status,
      retryable: NOT_DONE.has(status),
      ...retryAfter(retryAfterMs(answer.headers, this.#clock)),
    });
  }

  async #pause(delayMs: number, call: PluginCall): Promise<void> {
    try {
      await pause(delayMs, this.#clock, call.signal);
    } catch (thrown) {
      throw errorOf(thrown, call);
    }
  }
}

function bodyOf(call: PluginCall, plugin: string): JsonValue {
  const { scope } = call;
  return {
    plugin,
    alias: call.alias,
    method: call.method,
    args: call.args,
    named_args: call.namedArgs,
    execution_id: scope.executionId,
    core: scope.core,
    instance_key: scope.instanceKey ?? null,
    call_id: call.callId,
    settings: call.settings,
  };
}

function retryAfter(afterMs: number | undefined): { readonly retry_after_ms?: number } {
  return afterMs === undefined ? {} : { retry_after_ms: Math.ceil(afterMs) };
}

/** Undefined when it is no JSON. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function errorIn(said: unknown): { readonly code: string; readonly message: string } | undefined {
  const error = isPlainObject(said) ? said['error'] : undefined;
  if (!isPlainObject(error)) return undefined;
  const { code, message } = error;
  return {
    code: typeof code === 'string' ? code : 'plugin_error',
    message: typeof message === 'string' ? message : 'failed without a message',
  };
}

/** @throws PluginError */
function resultIn(said: unknown, call: PluginCall): JsonValue {
  if (!isPlainObject(said) || !Object.hasOwn(said, 'result'))
    throw failure(call, 'answered with something that is not {"result": …} or {"error": …}', {
      code: 'malformed',
    });
  try {
    return checkValue(said['result']) as JsonValue;
  } catch (thrown) {
    const message = `answered with a value that programs cannot hold: ${(thrown as Error).message}`;
    throw failure(call, message, { code: 'malformed' });
  }
}

function errorOf(thrown: unknown, call: PluginCall): ScaiCoreError {
  if (thrown instanceof ScaiCoreError) return thrown;
  if (!(thrown instanceof OutboundError)) throw thrown;
  if (thrown.problem === 'cancelled') return new ScaiCoreError('CancelledError', thrown.message);
  const isTimeout = thrown.problem === 'timeout' || thrown.problem === 'first_byte_timeout';
  const code = isTimeout ? 'timeout' : thrown.problem;
  return failure(call, thrown.message, { code, retryable: thrown.problem === 'network' });
}

function failure(
  { alias, method }: PluginCall,
  message: string,
  details: Readonly<Record<string, unknown>>,
): ScaiCoreError {
  return new ScaiCoreError('PluginError', `${alias}.${method}: ${message}`, {
    plugin: alias,
    method,
    retryable: false,
    ...details,
  });
}
