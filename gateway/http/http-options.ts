import { GrainError, resolveOptions } from '../../lib/index.ts';

/** A bucket of requests per caller: `burst` at once, then `perSecond`. */
export interface RateLimit {
  readonly perSecond: number;
  readonly burst: number;
}

export interface HttpOptions {
  /** Address to listen on. Anything but loopback needs tokens, or `insecureOpen`. @default '127.0.0.1' */
  readonly host?: string | undefined;
  /** Port to listen on; 0 takes a free one. @default 7400 */
  readonly port?: number | undefined;
  /** Origins (`https://app.example.com`) whose pages may use this gateway: they get CORS headers. @default [] */
  readonly allowedOrigins?: readonly string[] | undefined;
  /** Listens beyond loopback without tokens: everyone who reaches the port may do everything. @default false */
  readonly insecureOpen?: boolean | undefined;
  /** Largest request body, in bytes. @default 1_048_576 */
  readonly bodyBytes?: number | undefined;
  /** Largest request head (request line and headers), in bytes. @default 16_384 */
  readonly headerBytes?: number | undefined;
  /** Longest request target, in characters. @default 8_192 */
  readonly urlLength?: number | undefined;
  /** Requests that may be open at once; more are refused with ERR_GATEWAY_BUSY. @default 10_000 */
  readonly inFlight?: number | undefined;
  /** Streams of Server-Sent Events that may be open at once. @default 1_000 */
  readonly eventStreams?: number | undefined;
  /** Bytes that may wait in the socket of one event stream before it is ended. @default 1_048_576 */
  readonly eventStreamBytes?: number | undefined;
  /** Pause between heartbeat comments on event streams. @default 15_000 */
  readonly heartbeatMs?: number | undefined;
  /** Requests per principal, or per remote address where there is none; undefined for no limit. @default undefined */
  readonly rateLimit?: RateLimit | undefined;
  /** Deadline of a call that names none. @default 30_000 */
  readonly deadlineMs?: number | undefined;
  /** Time for the head of a request to arrive. @default 10_000 */
  readonly headersTimeoutMs?: number | undefined;
  /** Time for a whole request, with its body, to arrive. @default 60_000 */
  readonly requestTimeoutMs?: number | undefined;
  /** How often the two above are looked at, so how late they may be. @default 1_000 */
  readonly timeoutCheckMs?: number | undefined;
  /** How long an idle connection is kept. @default 30_000 */
  readonly keepAliveMs?: number | undefined;
  /** Connections that may be open at once; more are closed on arrival. @default 60_000 */
  readonly connections?: number | undefined;
}

export type ResolvedHttpOptions = {
  readonly [Name in keyof HttpOptions]-?: Name extends 'rateLimit'
    ? RateLimit | undefined
    : Exclude<HttpOptions[Name], undefined>;
};

const DEFAULTS: ResolvedHttpOptions = {
  host: '127.0.0.1',
  port: 7400,
  allowedOrigins: [],
  insecureOpen: false,
  bodyBytes: 1_048_576,
  headerBytes: 16_384,
  urlLength: 8_192,
  inFlight: 10_000,
  eventStreams: 1_000,
  eventStreamBytes: 1_048_576,
  heartbeatMs: 15_000,
  rateLimit: undefined,
  deadlineMs: 30_000,
  headersTimeoutMs: 10_000,
  requestTimeoutMs: 60_000,
  timeoutCheckMs: 1_000,
  keepAliveMs: 30_000,
  connections: 60_000,
};

/** The longest time that a caller may ask for, and that we give by ourselves. */
export const DEADLINE_MAX_MS = 600_000;

const COUNT = { least: 1, isWhole: true };
const RULES = {
  port: { least: 0, most: 65_535, isWhole: true },
  bodyBytes: COUNT,
  headerBytes: { least: 1_024, most: 1_048_576, isWhole: true },
  urlLength: { least: 64, isWhole: true },
  inFlight: COUNT,
  eventStreams: COUNT,
  eventStreamBytes: COUNT,
  heartbeatMs: { least: 10 },
  deadlineMs: { least: 1, most: DEADLINE_MAX_MS },
  headersTimeoutMs: COUNT,
  requestTimeoutMs: COUNT,
  timeoutCheckMs: COUNT,
  keepAliveMs: COUNT,
  connections: COUNT,
};

/** @throws ERR_OPTION_INVALID */
export function resolveHttpOptions(given: HttpOptions | undefined): ResolvedHttpOptions {
  const options = resolveOptions(DEFAULTS, given, RULES);
  if (options.rateLimit) {
    resolveOptions({ perSecond: 1, burst: 1 }, options.rateLimit, {
      perSecond: { least: 0.001 },
      burst: { least: 1 },
    });
  }
  if (options.headersTimeoutMs <= options.requestTimeoutMs) return options;
  const { headersTimeoutMs, requestTimeoutMs } = options;
  throw new GrainError('ERR_OPTION_INVALID', {
    message: `headersTimeoutMs (${headersTimeoutMs}) must not exceed requestTimeoutMs (${requestTimeoutMs})`,
    option: 'headersTimeoutMs',
  });
}

/** Whether only processes of this machine can reach a socket that listens on `host`. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || host === '[::1]' || /^127(\.\d{1,3}){3}$/.test(host);
}
