// One request to a service outside, and its answer: the only place from which silos speak HTTP to the world.
// Owns: the time and the size that an answer may take, and what is told of a failure. Does not own: trying again (retry.ts),
// what an answer means.
//   X1. When `exchange` settles, no timer and no listener of it is left, and what was not read of the body is dropped.
//   X2. Redirects are refused: they would carry credentials and data to a host that no operator named.
//   X3. Errors have no URL, header or body in them: those may hold secrets.
import type { Clock, TimerHandle } from '../../lib/index.ts';

export type Fetch = (url: string, init: RequestInit) => Promise<Response>;

export interface OutboundRequest {
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | FormData;
  /** Until the whole answer is read. */
  readonly timeoutMs: number;
  /** Until the first byte of the answer's body. */
  readonly firstByteTimeoutMs: number;
  readonly maxResponseBytes: number;
  readonly signal: AbortSignal | undefined;
}

export type OutboundProblem =
  /** No answer began: refused, reset, no such host. */
  | 'network'
  /** The answer ended before its end. */
  | 'cut'
  | 'timeout'
  | 'first_byte_timeout'
  | 'too_large'
  | 'redirected'
  | 'cancelled';

export class OutboundError extends Error {
  override readonly name = 'OutboundError';
  readonly problem: OutboundProblem;

  constructor(problem: OutboundProblem, message: string) {
    super(message);
    this.problem = problem;
  }
}

/** Sends the request and lets `read` take the answer apart. @throws OutboundError */
export async function exchange<T>(
  request: OutboundRequest,
  parts: { readonly clock: Clock; readonly fetch: Fetch },
  read: (answer: OutboundAnswer) => Promise<T>,
): Promise<T> {
  const limits = new Limits(request, parts.clock);
  try {
    const response = await respond(request, parts.fetch, limits);
    if (response.status >= 300 && response.status < 400)
      throw new OutboundError(
        'redirected',
        `answered with a redirect (${response.status}), which is refused`,
      );
    return await read(new OutboundAnswer(response, limits, request.maxResponseBytes));
  } finally {
    limits.end();
  }
}

async function respond(request: OutboundRequest, fetch: Fetch, limits: Limits): Promise<Response> {
  try {
    limits.check();
    return await fetch(request.url.href, {
      method: 'POST',
      headers: request.headers,
      body: request.body,
      redirect: 'manual',
      signal: limits.signal,
    });
  } catch (thrown) {
    throw limits.explain(thrown, 'network');
  }
}

/** What came back; its body can be read once, by one of the three methods. */
export class OutboundAnswer {
  readonly status: number;
  readonly headers: Headers;
  readonly #response: Response;
  readonly #limits: Limits;
  readonly #maxBytes: number;

  constructor(response: Response, limits: Limits, maxBytes: number) {
    this.status = response.status;
    this.headers = response.headers;
    this.#response = response;
    this.#limits = limits;
    this.#maxBytes = maxBytes;
  }

  get isOk(): boolean {
    return this.status >= 200 && this.status < 300;
  }

  /** Without its parameters, in lower case. */
  get mediaType(): string {
    return (this.headers.get('content-type') ?? '').split(';')[0]?.trim().toLowerCase() ?? '';
  }

  /** @throws OutboundError */
  async *chunks(maxBytes = this.#maxBytes): AsyncGenerator<Uint8Array> {
    const tooLarge = new OutboundError('too_large', `the answer is larger than ${maxBytes} bytes`);
    if (Number(this.headers.get('content-length') ?? 0) > maxBytes) throw tooLarge;
    let size = 0;
    const { body } = this.#response;
    if (body === null) return;
    const reader = (body as ReadableStream<Uint8Array>).getReader();
    try {
      for (;;) {
        const { done, value } = await reader.read().catch((thrown: unknown) => {
          throw this.#limits.explain(thrown, 'cut');
        });
        if (done) return;
        this.#limits.sawByte();
        size += value.byteLength;
        if (size > maxBytes) throw tooLarge;
        yield value;
      }
    } finally {
      reader.releaseLock();
    }
  }

  /** @throws OutboundError */
  async bytes(): Promise<Uint8Array> {
    const chunks: Uint8Array[] = [];
    for await (const chunk of this.chunks()) chunks.push(chunk);
    return Buffer.concat(chunks);
  }

  /** @throws OutboundError */
  async text(): Promise<string> {
    return new TextDecoder().decode(await this.bytes());
  }

  /** The first `maxBytes` of it, for messages about what went wrong; what cannot be read is left out. */
  async excerpt(maxBytes = 16_384): Promise<string> {
    const decoder = new TextDecoder();
    let text = '';
    try {
      for await (const chunk of this.chunks(this.#maxBytes)) {
        text += decoder.decode(chunk, { stream: true });
        if (text.length >= maxBytes) break;
      }
    } catch (thrown) {
      // The status says what happened; a body that ends early takes nothing from that. Time and cancelling do.
      if (thrown instanceof OutboundError && (thrown.problem === 'cut' || thrown.problem === 'too_large'))
        return text;
      throw thrown;
    }
    return text.slice(0, maxBytes);
  }
}

/** The two timers and the caller's signal, as one signal; and why it was set off. */
class Limits {
  readonly #controller = new AbortController();
  readonly #outer: AbortSignal | undefined;
  readonly #timers: TimerHandle[];
  #problem: OutboundError | undefined = undefined;

  constructor({ timeoutMs, firstByteTimeoutMs, signal }: OutboundRequest, clock: Clock) {
    this.#outer = signal;
    this.#timers = [
      clock.setTimer(firstByteTimeoutMs, () =>
        this.#stop('first_byte_timeout', `no answer began within ${firstByteTimeoutMs} ms`),
      ),
      clock.setTimer(timeoutMs, () => this.#stop('timeout', `no answer within ${timeoutMs} ms`)),
    ];
    signal?.addEventListener('abort', this.#cancel);
    if (signal?.aborted === true) this.#cancel();
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** @throws OutboundError */
  check(): void {
    if (this.#problem !== undefined) throw this.#problem;
  }

  sawByte(): void {
    this.#timers[0]?.cancel();
  }

  explain(thrown: unknown, otherwise: 'network' | 'cut'): OutboundError {
    if (this.#problem !== undefined) return this.#problem;
    const code = codeOf(thrown);
    // The runtime's own limits (five minutes) may be shorter than ours; a connection in time is another matter.
    if (code === 'UND_ERR_HEADERS_TIMEOUT' || code === 'UND_ERR_BODY_TIMEOUT')
      return new OutboundError('timeout', `no answer within the time of the runtime (${code})`);
    const what = otherwise === 'network' ? 'the connection failed' : 'the answer was cut off';
    return new OutboundError(otherwise, `${what} (${code})`);
  }

  end(): void {
    for (const timer of this.#timers) timer.cancel();
    this.#outer?.removeEventListener('abort', this.#cancel);
    this.#controller.abort();
  }

  readonly #cancel = (): void => this.#stop('cancelled', 'the call was cancelled');

  #stop(problem: OutboundProblem, message: string): void {
    this.#problem ??= new OutboundError(problem, message);
    this.#controller.abort();
  }
}

/** `ECONNREFUSED` and the like. Messages are left out: some runtimes quote headers in them. */
function codeOf(thrown: unknown): string {
  for (let at: unknown = thrown; at instanceof Error; at = at.cause) {
    const code = (at as { readonly code?: unknown }).code;
    if (typeof code === 'string') return code;
  }
  return thrown instanceof Error ? thrown.name : 'unknown';
}
