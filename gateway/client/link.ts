// Link: the one connection of a client, made again whenever it is lost.
// Owns: the socket, hello and welcome, heartbeat, back-off, and what a close code means for the connection. Does not
// own: what travels on it (calls.ts, event-stream.ts, subscription.ts), nor what a loss means for that.
//   L1. At most one socket counts; whatever an earlier one still says is ignored (`#attempt`).
//   L2. `opened` and `lost` of the user alternate; frames come only in between.
//   L3. Between two dials lies a delay with full jitter, whose most doubles until a connection has lived for
//       `reconnectStableMs`: a server that accepts and closes at once is not stormed.
//   L4. `closed` is final.
import {
  backoffMs,
  type ErrorCode,
  fromReport,
  fromUnknown,
  GrainError,
  type TimerHandle,
} from '../../lib/index.ts';
import {
  CLOSE,
  type DrainFrame,
  type ErrorFrame,
  type HelloFrame,
  type ServerFrame,
  type WelcomeFrame,
} from '../protocol.ts';
import { Heartbeat } from './heartbeat.ts';
import { type ClientState, type ResolvedClientOptions, streamUrl } from './options.ts';
import type { ClientSocket, Dialer } from './socket.ts';
import { checkWelcome, parseFrame } from './wire.ts';

/** Frames that are about what travels, not about the connection. */
export type TrafficFrame = Exclude<ServerFrame, WelcomeFrame | DrainFrame | { readonly t: 'ping' | 'pong' }>;

export interface Loss {
  /** WebSocket close code; 1006 where there was none. */
  readonly code: number;
  readonly error: GrainError;
}

export interface LinkUser {
  /** What to say first; asked for every connection. */
  hello(): Promise<Pick<HelloFrame, 'session' | 'acked'>>;
  opened(welcome: WelcomeFrame): void;
  frame(frame: TrafficFrame): void;
  /** An open connection was lost; another one will follow, unless `ended` comes next. */
  lost(loss: Loss): void;
  /** An attempt to connect failed. */
  refused(loss: Loss): void;
  /** There will be no further connection. `error` is undefined when the client was closed on purpose. */
  ended(error: GrainError | undefined): void;
  /** Whether nothing that was sent still waits for its outcome. */
  isQuiet(): boolean;
}

/** Close codes after which another attempt would end the same way. */
const FATAL: Readonly<Record<number, ErrorCode>> = {
  [CLOSE.unauthenticated]: 'ERR_AUTH_REQUIRED',
  [CLOSE.forbidden]: 'ERR_AUTH_FORBIDDEN',
  [CLOSE.violation]: 'ERR_FRAME_INVALID',
};

/** How long a connection that drains may be kept for outcomes that are still to come. */
const LEAVE_MS = 10_000;

export class Link {
  readonly #options: ResolvedClientOptions;
  readonly #dialer: Dialer;
  readonly #user: LinkUser;
  readonly #url: string;
  /** Where a draining gateway sent us; for one attempt. */
  #otherUrl: string | undefined;
  #state: ClientState = 'idle';
  #attempt = 0;
  #failureCount = 0;
  #openedMs = 0;
  #socket: ClientSocket | undefined;
  #timer: TimerHandle | undefined;
  #heartbeat: Heartbeat | undefined;
  #drain: 'no' | 'waiting' | 'leaving' = 'no';
  /** When to dial again after a drain, in monotonic milliseconds. */
  #dialAtMs = 0;
  /** What the server last complained about, to say why it closed. */
  #complaint: GrainError | undefined;

  constructor(url: string, options: ResolvedClientOptions, dialer: Dialer, user: LinkUser) {
    this.#url = streamUrl(url);
    this.#options = options;
    this.#dialer = dialer;
    this.#user = user;
  }

  get state(): ClientState {
    return this.#state;
  }

  /** Whether something new may be sent now. */
  get isOpen(): boolean {
    return this.#state === 'open' && this.#drain === 'no';
  }

  /** Dials, if nothing has yet. */
  wake(): void {
    if (this.#state === 'idle') this.#dial();
  }

  /** Sends on the open connection; what is sent while there is none is dropped, because `lost` tells of it. */
  send(text: string): void {
    if (this.#state === 'open') this.#socket?.send(text);
  }

  /** The server broke the protocol, or went silent: this connection is worth nothing. */
  drop(error: GrainError): void {
    this.#onClosed({ code: 1006, error });
  }

  /** Ends the link for good. */
  end(error: GrainError | undefined): void {
    if (this.#state === 'closed') return;
    const wasOpen = this.#state === 'open';
    this.#release('politely');
    this.#enter('closed', error);
    if (wasOpen) this.#user.lost({ code: 1000, error: error ?? new GrainError('ERR_CLIENT_CLOSED') });
    this.#user.ended(error);
  }

  async renewToken(): Promise<void> {
    const token = await this.#token();
    if (token !== undefined) this.send(JSON.stringify({ t: 'auth', token }));
  }

  // ---- Dialling ----

  #dial(): void {
    this.#enter('connecting', undefined);
    const attempt = this.#renew();
    const timeout = new GrainError('ERR_CONNECTION_FAILED', {
      message: `no welcome from ${this.#url} within ${this.#options.connectTimeoutMs} ms`,
    });
    const close = (loss: Loss): void => {
      if (attempt === this.#attempt) this.#onClosed(loss);
    };
    this.#timer = this.#options.clock.setTimer(this.#options.connectTimeoutMs, () =>
      close({ code: 1006, error: timeout }),
    );
    // A dial that throws is a failed attempt like any other; the next one may get its token.
    this.#open(attempt).catch((thrown: unknown) => close({ code: 1006, error: fromUnknown(thrown) }));
  }

  async #open(attempt: number): Promise<void> {
    const token = await this.#token();
    const hello = await this.#user.hello();
    if (attempt !== this.#attempt) return;
    const inHello = this.#dialer.tokenIn === 'hello' && token !== undefined ? { token } : {};
    const text = JSON.stringify({ t: 'hello', ...inHello, ...hello } satisfies HelloFrame);
    const url = this.#otherUrl ?? this.#url;
    this.#otherUrl = undefined;
    const isStale = (): boolean => attempt !== this.#attempt;
    this.#socket = this.#dialer.dial(url, token, {
      opened: () => isStale() || this.#socket?.send(text),
      message: (message) => isStale() || this.#onMessage(message),
      closed: (code, reason) => isStale() || this.#onClosed({ code, error: this.#explain(code, reason) }),
    });
  }

  async #token(): Promise<string | undefined> {
    const { token } = this.#options;
    return typeof token === 'function' ? token() : token;
  }

  // ---- An open connection ----

  #onMessage(text: string): void {
    this.#heartbeat?.heard();
    const frame = parseFrame(text);
    if (!frame) return this.drop(broken('it sent something that is not a frame'));
    if (this.#state !== 'open') return this.#onFirst(frame);
    switch (frame.t) {
      case 'ping':
        return this.send('{"t":"pong"}');
      case 'pong':
        return;
      case 'welcome':
        return this.drop(broken('it sent a second welcome'));
      case 'drain':
        return this.#onDrain(frame);
      default:
        if (frame.t === 'error' && frame.id === undefined) this.#complain(frame);
        this.#user.frame(frame);
        if (this.#drain === 'leaving' && this.#user.isQuiet()) this.#leave();
    }
  }

  #onFirst(frame: ServerFrame): void {
    if (frame.t === 'error') return this.#complain(frame);
    if (frame.t === 'ping') return this.#socket?.send('{"t":"pong"}');
    const problem = checkWelcome(frame);
    if (problem !== undefined || frame.t !== 'welcome') return this.drop(broken(problem ?? 'no welcome'));
    this.#timer?.cancel();
    this.#openedMs = this.#options.clock.nowMs();
    this.#drain = 'no';
    this.#complaint = undefined;
    this.#heartbeat = new Heartbeat(this.#options.clock, frame.heartbeat_ms, {
      ask: () => this.send('{"t":"ping"}'),
      onSilent: () =>
        this.drop(new GrainError('ERR_CONNECTION_FAILED', { message: 'the server has gone silent' })),
    });
    this.#enter('open', undefined);
    this.#user.opened(frame);
  }

  #complain({ error }: ErrorFrame): void {
    this.#complaint = fromReport(error);
  }

  // ---- Leaving a gateway that drains ----

  #onDrain({ reconnect_after_ms: afterMs, url }: DrainFrame): void {
    if (this.#drain !== 'no') return;
    this.#drain = 'waiting';
    this.#otherUrl = this.#checkRedirect(url);
    const { clock, rng } = this.#options;
    // Around the time that the server named, so that its clients do not come back all at once.
    const delayMs = Math.max(0, Number(afterMs) || 0) * (0.5 + rng.next());
    this.#dialAtMs = clock.nowMs() + delayMs;
    this.#timer = clock.setTimer(delayMs, () => {
      this.#drain = 'leaving';
      if (this.#user.isQuiet()) return this.#leave();
      this.#timer = clock.setTimer(LEAVE_MS, () => this.#leave());
    });
  }

  #leave(): void {
    this.#onClosed({ code: CLOSE.draining, error: new GrainError('ERR_SILO_DRAINING') });
  }

  /** The token goes there: never from a protected connection to an open one. */
  #checkRedirect(url: string | undefined): string | undefined {
    if (typeof url !== 'string') return undefined;
    try {
      const other = streamUrl(url);
      return this.#url.startsWith('wss:') && !other.startsWith('wss:') ? undefined : other;
    } catch {
      return undefined;
    }
  }

  // ---- The end of a connection ----

  #onClosed(loss: Loss): void {
    if (this.#state !== 'open' && this.#state !== 'connecting') return;
    const wasOpen = this.#state === 'open';
    this.#release(loss.code === 1006 ? 'at once' : 'politely');
    const isFatal = this.#isFatal(loss.code, wasOpen) || this.#isHopeless(wasOpen);
    this.#enter(isFatal ? 'closed' : 'connecting', loss.error);
    if (!isFatal) this.#scheduleDial();
    if (wasOpen) this.#user.lost(loss);
    else this.#user.refused(loss);
    if (isFatal) this.#user.ended(loss.error);
  }

  /** Counts the failures in a row, for L3. */
  #isHopeless(wasOpen: boolean): boolean {
    const { clock, reconnectStableMs, reconnectCountMax } = this.#options;
    if (wasOpen && clock.nowMs() - this.#openedMs >= reconnectStableMs) this.#failureCount = 0;
    this.#failureCount += 1;
    return !wasOpen && this.#failureCount >= reconnectCountMax;
  }

  #isFatal(code: number, wasOpen: boolean): boolean {
    // A token that expired is fetched again where there is somebody to ask.
    const mayRenew = wasOpen && code === CLOSE.unauthenticated && typeof this.#options.token === 'function';
    return FATAL[code] !== undefined && !mayRenew;
  }

  #scheduleDial(): void {
    const { clock, rng, reconnectFirstMs: firstMs, reconnectMostMs: mostMs } = this.#options;
    const delayMs = rng.next() * backoffMs(this.#failureCount, { firstMs, mostMs });
    this.#timer = clock.setTimer(Math.max(delayMs, this.#dialAtMs - clock.nowMs()), () => this.#dial());
  }

  #explain(code: number, reason: string): GrainError {
    const message = reason === '' ? {} : { message: reason };
    const cause = { cause: this.#complaint };
    const fatal = FATAL[code];
    if (fatal) return new GrainError(fatal, { ...this.#complaint?.details, ...message }, cause);
    if (code === CLOSE.replaced) return new GrainError('ERR_SESSION_REPLACED', {}, cause);
    if (code === CLOSE.sessionLost) return new GrainError('ERR_SESSION_LOST', {}, cause);
    if (code === CLOSE.tooLarge) return new GrainError('ERR_FRAME_TOO_LARGE', message, cause);
    const text = `the connection to ${this.#url} was closed (${code}${reason === '' ? '' : `: ${reason}`})`;
    return new GrainError('ERR_CONNECTION_FAILED', { message: text, code }, cause);
  }

  /** Lets go of the socket and every timer, so that nothing of this attempt is heard again. */
  #release(how: 'politely' | 'at once'): void {
    const socket = this.#socket;
    this.#renew();
    socket?.close(how);
  }

  #renew(): number {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#heartbeat?.stop();
    this.#heartbeat = undefined;
    this.#socket = undefined;
    this.#attempt += 1;
    return this.#attempt;
  }

  #enter(next: ClientState, cause: GrainError | undefined): void {
    if (this.#state === next) return;
    this.#state = next;
    // Later, because what the listener does (such as closing the client) must not happen inside of a transition.
    queueMicrotask(() => this.#options.onState?.(next, cause));
  }
}

function broken(problem: string): GrainError {
  return new GrainError('ERR_CONNECTION_FAILED', { message: `the server broke the protocol: ${problem}` });
}
