import type { IncomingHttpHeaders } from 'node:http';

const EXPOSED = 'X-Request-Id, Retry-After';
const ALLOWED_HEADERS =
  'Authorization, Content-Type, Idempotency-Key, Last-Event-ID, X-Deadline-Ms, X-Request-Id, X-Tenant';
const PREFLIGHT_SECONDS = '600';
const NONE: readonly string[] = [];

/** Lets pages of the listed origins, and no others, read what this gateway answers. */
export class Cors {
  readonly #headers: ReadonlyMap<string, readonly string[]>;

  constructor(allowedOrigins: readonly string[]) {
    this.#headers = new Map(
      allowedOrigins.map((origin) => [
        origin,
        ['Access-Control-Allow-Origin', origin, 'Access-Control-Expose-Headers', EXPOSED, 'Vary', 'Origin'],
      ]),
    );
  }

  /** For every answer to this request: a flat list of names and values. */
  headersFor(headers: IncomingHttpHeaders): readonly string[] {
    if (this.#headers.size === 0) return NONE;
    return this.#headers.get(headers.origin ?? '') ?? ['Vary', 'Origin'];
  }

  /** Whether this is a listed page's browser asking what it may send. */
  isPreflight(method: string | undefined, headers: IncomingHttpHeaders): boolean {
    const asked = headers['access-control-request-method'];
    return method === 'OPTIONS' && asked !== undefined && this.#headers.has(headers.origin ?? '');
  }

  preflightHeaders(methods: readonly string[]): string[] {
    const allowed = ['Access-Control-Allow-Methods', methods.join(', ')];
    return [
      ...allowed,
      'Access-Control-Allow-Headers',
      ALLOWED_HEADERS,
      'Access-Control-Max-Age',
      PREFLIGHT_SECONDS,
    ];
  }
}
