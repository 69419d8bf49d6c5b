// BackendClient: requests to the services behind the providers' names, again and again within a call's limits.
// Owns: addresses, keys, retries, and what a failure is called. Does not own: what is asked and what the answer means.
//   B1. A key is in the header of a request and nowhere else: what services say is redacted before it is an error.
//   B2. No attempt outlasts the call: its time is what is left of the call's.
import type { Clock, Rng } from '../../lib/index.ts';
import { ScaiCoreError } from '../../lib/lang/index.ts';
import { exchange, type Fetch, type OutboundAnswer, OutboundError } from '../outbound/exchange.ts';
import { createRedactor } from '../outbound/redact.ts';
import { pause, retryAfterMs, retryDelayMs } from '../outbound/retry.ts';
import type { OpenAiBackend, ResolvedOpenAiOptions } from './model-options.ts';
import { AnswerError, type ModelTarget, providerError } from './provider-error.ts';

/** What one call of a program may take, over all of its requests. */
export interface CallLimits {
  /** By the clock's monotonic time. */
  readonly deadlineMs: number | undefined;
  readonly signal: AbortSignal | undefined;
}

export interface BackendRequest<T> {
  readonly target: ModelTarget;
  /** After the base URL: `chat/completions`. */
  readonly path: string;
  /** Made anew for each attempt. */
  readonly body: () => string | FormData;
  readonly isStream?: boolean;
  /** @throws AnswerError */
  readonly read: (answer: OutboundAnswer) => Promise<T>;
}

interface Backend {
  readonly given: OpenAiBackend;
  readonly headers: Readonly<Record<string, string>>;
  readonly redact: (text: string) => string;
}

export class BackendClient {
  readonly #options: ResolvedOpenAiOptions;
  readonly #backends: ReadonlyMap<string, Backend>;
  readonly #clock: Clock;
  readonly #rng: Rng;
  readonly #fetch: Fetch;

  constructor(options: ResolvedOpenAiOptions, parts: { clock: Clock; rng: Rng; fetch: Fetch }) {
    this.#options = options;
    this.#clock = parts.clock;
    this.#rng = parts.rng;
    this.#fetch = parts.fetch;
    const entries = Object.entries(options.providers);
    this.#backends = new Map(entries.map(([name, given]) => [name, backendOf(given)]));
  }

  /** @throws ModelProviderError when no provider has that name */
  backend(target: ModelTarget): OpenAiBackend {
    return this.#backend(target).given;
  }

  /** @throws ModelProviderError, CancelledError */
  async post<T>(request: BackendRequest<T>, limits: CallLimits): Promise<T> {
    const { retries, backoffFirstMs: firstMs, backoffMostMs: mostMs, retryAfterMostMs } = this.#options;
    const policy = { retries, firstMs, mostMs, retryAfterMostMs };
    for (let failures = 1; ; failures += 1) {
      try {
        return await this.#attempt(request, limits);
      } catch (thrown) {
        const error = this.#errorOf(thrown, request.target, limits);
        const { retryable, reason, retry_after_ms: afterMs } = error.details;
        const isAgain = retryable === true && reason !== 'timeout' && reason !== 'deadline';
        const asked = typeof afterMs === 'number' ? afterMs : undefined;
        const delayMs = isAgain ? retryDelayMs(failures, asked, policy, this.#rng) : undefined;
        if (delayMs === undefined || delayMs >= this.#leftMs(limits)) throw error;
        await this.#pause(delayMs, limits);
      }
    }
  }

  async #attempt<T>(request: BackendRequest<T>, limits: CallLimits): Promise<T> {
    const { target, path, body, isStream = false, read } = request;
    const backend = this.#backend(target);
    if (this.#leftMs(limits) <= 0) throw timeUsedUp(target);
    const content = body();
    const { maxResponseBytes, firstByteTimeoutMs } = this.#options;
    const timeoutMs = Math.max(0, Math.min(this.#options.timeoutMs, this.#leftMs(limits)));
    const type = typeof content === 'string' ? { 'content-type': 'application/json' } : {};
    return exchange(
      {
        url: addressOf(backend.given.baseUrl, path),
        headers: { ...type, ...backend.headers },
        body: content,
        timeoutMs,
        // An answer in one piece begins when it is finished: only streams are waited for by their first byte.
        firstByteTimeoutMs: isStream ? Math.min(firstByteTimeoutMs, timeoutMs) : timeoutMs,
        maxResponseBytes,
        signal: limits.signal,
      },
      { clock: this.#clock, fetch: this.#fetch },
      async (answer) => {
        if (answer.isOk) return read(answer);
        throw await this.#refused(answer, target);
      },
    );
  }

  async #refused(answer: OutboundAnswer, target: ModelTarget): Promise<ScaiCoreError> {
    const said = messageIn(await answer.excerpt());
    const { status } = answer;
    return providerError(
      target,
      `answered with ${status}${said === '' ? '' : `: ${this.redact(target, said)}`}`,
      {
        reason: 'status',
        status,
        retryable: status === 429 || status >= 500,
        retryAfterMs: retryAfterMs(answer.headers, this.#clock),
      },
    );
  }

  redact(target: ModelTarget, said: string): string {
    return this.#backends.get(target.provider)?.redact(said) ?? '';
  }

  #errorOf(thrown: unknown, target: ModelTarget, limits: CallLimits): ScaiCoreError {
    if (thrown instanceof ScaiCoreError) return thrown;
    if (thrown instanceof AnswerError) {
      const { status, isRetryable: retryable } = thrown;
      const reason = status === undefined ? 'malformed' : 'status';
      return providerError(target, this.redact(target, thrown.message), { reason, status, retryable });
    }
    if (!(thrown instanceof OutboundError)) throw thrown;
    if (thrown.problem === 'cancelled') return new ScaiCoreError('CancelledError', thrown.message);
    const isTimeout = thrown.problem === 'timeout' || thrown.problem === 'first_byte_timeout';
    if (isTimeout && this.#leftMs(limits) <= 0) return timeUsedUp(target);
    const retryable = isTimeout || thrown.problem === 'network' || thrown.problem === 'cut';
    return providerError(target, thrown.message, {
      reason: isTimeout ? 'timeout' : thrown.problem,
      retryable,
    });
  }

  async #pause(delayMs: number, limits: CallLimits): Promise<void> {
    try {
      await pause(delayMs, this.#clock, limits.signal);
    } catch (thrown) {
      throw new ScaiCoreError('CancelledError', 'the call was cancelled', {}, { cause: thrown });
    }
  }

  #leftMs(limits: CallLimits): number {
    return limits.deadlineMs === undefined ? Infinity : limits.deadlineMs - this.#clock.nowMs();
  }

  #backend(target: ModelTarget): Backend {
    const backend = this.#backends.get(target.provider);
    if (backend !== undefined) return backend;
    const known = [...this.#backends.keys()].join(', ') || 'none';
    const message = `there is no provider of that name in the configuration; there are: ${known}`;
    throw providerError(target, message, { reason: 'unknown_provider', retryable: false });
  }
}

function timeUsedUp(target: ModelTarget): ScaiCoreError {
  return providerError(target, 'the time of the call is used up', { reason: 'deadline', retryable: true });
}

function backendOf(given: OpenAiBackend): Backend {
  const { apiKey, headers = {} } = given;
  const key: Record<string, string> = apiKey === undefined ? {} : { authorization: `Bearer ${apiKey}` };
  const secrets = [...Object.values(headers), ...(apiKey === undefined ? [] : [apiKey])];
  return { given, headers: { ...key, ...headers }, redact: createRedactor(secrets) };
}

function addressOf(baseUrl: string, path: string): URL {
  const url = new URL(baseUrl);
  url.pathname = `${url.pathname.replace(/\/+$/, '')}/${path}`;
  return url;
}

/** What a service says of an error, in any of the usual forms. */
function messageIn(body: string): string {
  try {
    const parsed = JSON.parse(body) as { error?: unknown; message?: unknown; detail?: unknown } | null;
    const error = parsed?.error;
    const inner =
      typeof error === 'object' && error !== null ? (error as { message?: unknown }).message : error;
    for (const said of [inner, parsed?.message, parsed?.detail]) if (typeof said === 'string') return said;
    return '';
  } catch {
    return body.trimStart().startsWith('<') ? '' : body; // pages of proxies say nothing that a caller could use
  }
}
