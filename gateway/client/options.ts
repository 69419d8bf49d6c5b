import { type Clock, GrainError, resolveOptions, type Rng } from '../../lib/index.ts';
import { STREAM_PATH } from '../protocol.ts';

export type ClientState = 'idle' | 'connecting' | 'open' | 'closed';

export interface ClientOptions {
  /** Bearer token, or what fetches one; asked again for every connection. @default none */
  readonly token?: string | (() => string | Promise<string>);
  /** How frames are written. @default 'json' */
  readonly encoding?: 'json';
  /** How long calls wait that name no `deadlineMs` of their own. @default 30_000 */
  readonly deadlineMs?: number;
  /** How often a call that was surely not executed is tried again. @default 8 */
  readonly retryCountMax?: number;
  /** The longest delay before the first such retry; doubles up to `retryMostMs`. @default 25 */
  readonly retryFirstMs?: number;
  /** @default 1_000 */
  readonly retryMostMs?: number;
  /** Calls that may wait for a connection or a free place; more are refused. @default 10_000 */
  readonly callsWaitingMax?: number;
  /** From dialling to the server's welcome; longer counts as failed. @default 10_000 */
  readonly connectTimeoutMs?: number;
  /** The longest delay before the first reconnect; doubles up to `reconnectMostMs`. @default 100 */
  readonly reconnectFirstMs?: number;
  /** @default 10_000 */
  readonly reconnectMostMs?: number;
  /** Connections that may fail in a row before the client closes itself. @default Infinity */
  readonly reconnectCountMax?: number;
  /** A connection that lived so long makes the delays start again from the first. @default 5_000 */
  readonly reconnectStableMs?: number;
  /** Told of each change of state, with the cause where there is one. */
  readonly onState?: (state: ClientState, cause: GrainError | undefined) => void;
  /** For tests. */
  readonly clock?: Clock;
  /** For tests. */
  readonly rng?: Pick<Rng, 'next'>;
}

const DEFAULTS = {
  deadlineMs: 30_000,
  retryCountMax: 8,
  retryFirstMs: 25,
  retryMostMs: 1_000,
  callsWaitingMax: 10_000,
  connectTimeoutMs: 10_000,
  reconnectFirstMs: 100,
  reconnectMostMs: 10_000,
  reconnectCountMax: Infinity,
  reconnectStableMs: 5_000,
  encoding: 'json' as const,
  token: undefined as ClientOptions['token'],
  onState: undefined as ClientOptions['onState'],
};

export interface ClientRuntime {
  readonly clock: Clock;
  readonly rng: Pick<Rng, 'next'>;
}

export type ResolvedClientOptions = Readonly<typeof DEFAULTS> & ClientRuntime;

/** @throws ERR_OPTION_INVALID */
export function resolveClientOptions(given: ClientOptions, system: ClientRuntime): ResolvedClientOptions {
  const { clock = system.clock, rng = system.rng, ...rest } = given;
  const options = resolveOptions(DEFAULTS, rest, {
    deadlineMs: { least: 1 },
    retryCountMax: { least: 0 },
    retryFirstMs: { least: 1 },
    retryMostMs: { least: 1 },
    callsWaitingMax: { least: 1 },
    connectTimeoutMs: { least: 1 },
    reconnectFirstMs: { least: 1 },
    reconnectMostMs: { least: 1 },
    reconnectCountMax: { least: 1 },
    reconnectStableMs: { least: 0 },
  });
  if (options.encoding !== 'json') {
    const message = `encoding must be json, not ${String(options.encoding)}`;
    throw new GrainError('ERR_OPTION_INVALID', { message, option: 'encoding' });
  }
  return { ...options, clock, rng };
}

/** The address of the stream: `http` becomes `ws`, no path becomes `/v1/stream`. @throws ERR_OPTION_INVALID */
export function streamUrl(given: string): string {
  const broken = (problem: string): GrainError =>
    new GrainError('ERR_OPTION_INVALID', { message: `url ${given} ${problem}`, option: 'url' });
  const url = parseUrl(given);
  if (!url) throw broken('is not a URL');
  if (url.protocol === 'http:') url.protocol = 'ws:';
  if (url.protocol === 'https:') url.protocol = 'wss:';
  if (url.protocol !== 'ws:' && url.protocol !== 'wss:') throw broken('must be http, https, ws or wss');
  if (url.username !== '' || url.password !== '') throw broken('holds credentials; use the token option');
  if (url.pathname === '/') url.pathname = STREAM_PATH;
  url.hash = '';
  return url.href;
}

function parseUrl(text: string): URL | undefined {
  try {
    return new URL(text);
  } catch {
    return undefined;
  }
}
