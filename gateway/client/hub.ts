// Hub: puts one connection, calls, subscriptions and the event stream together.
// Owns: which of them a frame, a loss or the end is told, and in which order. Does not own: their state.
//   H1. All are told of a loss before any of them is told of the next connection.
//   H2. After the end nothing is taken any more.
import { GrainError } from '../../lib/index.ts';
import { CLOSE, type HelloFrame, type WelcomeFrame } from '../protocol.ts';
import { CallTable } from './calls.ts';
import { SessionStream } from './event-stream.ts';
import type { EventStreamOptions } from './event-types.ts';
import { Link, type LinkUser, type Loss, type TrafficFrame } from './link.ts';
import type { ResolvedClientOptions } from './options.ts';
import type { Sender } from './sender.ts';
import type { Dialer } from './socket.ts';
import { SubscriptionTable } from './subscriptions.ts';

/** The close code by which WebSocket libraries themselves say that a message is too large. */
const MESSAGE_TOO_BIG = 1009;

interface ConnectWaiter {
  readonly resolve: () => void;
  readonly reject: (error: GrainError) => void;
}

export class Hub implements LinkUser, Sender {
  readonly link: Link;
  readonly calls: CallTable;
  readonly subscriptions: SubscriptionTable;
  readonly closed: Promise<GrainError | undefined>;
  readonly #options: ResolvedClientOptions;
  #resolveClosed: (error: GrainError | undefined) => void = () => undefined;
  #stream: SessionStream | undefined;
  /** Of the connection that is open. */
  #welcome: WelcomeFrame | undefined;
  #lastError: GrainError | undefined;
  /** Why there will be no further connection. */
  #end: GrainError | undefined;
  #lastId = 0;
  #connecting: ConnectWaiter[] = [];

  constructor(url: string, options: ResolvedClientOptions, dialer: Dialer) {
    this.#options = options;
    this.link = new Link(url, options, dialer, this);
    this.calls = new CallTable(this, options);
    this.subscriptions = new SubscriptionTable(this, options);
    this.closed = new Promise((resolve) => (this.#resolveClosed = resolve));
  }

  get stream(): SessionStream {
    return this.#stream ?? this.openStream({});
  }

  /** @throws ERR_OPTION_INVALID when there is a stream, or when the session that `state` would resume cannot be asked for. */
  openStream(options: EventStreamOptions): SessionStream {
    if (this.#stream || (options.state && this.link.state !== 'idle')) {
      const what = this.#stream ? 'options of events()' : 'the state of events()';
      const message = `${what} must be given before the client is used in another way: its session has begun`;
      throw new GrainError('ERR_OPTION_INVALID', { message, option: 'events' });
    }
    const stream = new SessionStream(this, this.#options, options);
    this.#stream = stream;
    if (this.#end) stream.fail(this.#end);
    else if (this.#welcome) stream.opened(this.#welcome);
    return stream;
  }

  /** @throws (as a rejection) what ended the client, before or instead of connecting. */
  connect(): Promise<void> {
    if (this.#end) return Promise.reject(this.#end);
    if (this.#welcome) return Promise.resolve();
    this.link.wake();
    return new Promise((resolve, reject) => this.#connecting.push({ resolve, reject }));
  }

  // ---- Sender ----

  get isOpen(): boolean {
    return this.link.isOpen;
  }

  get lastError(): GrainError | undefined {
    return this.#lastError;
  }

  get end(): GrainError | undefined {
    return this.#end;
  }

  send(text: string): void {
    this.link.send(text);
  }

  wake(): void {
    this.link.wake();
  }

  nextId(): number {
    this.#lastId += 1;
    return this.#lastId;
  }

  drop(problem: string): void {
    const message = `the server broke the protocol: ${problem}`;
    this.link.drop(new GrainError('ERR_CONNECTION_FAILED', { message }));
  }

  // ---- LinkUser ----

  async hello(): Promise<Pick<HelloFrame, 'session' | 'acked'>> {
    return this.#stream ? this.#stream.hello() : {};
  }

  opened(welcome: WelcomeFrame): void {
    this.#welcome = welcome;
    this.#lastError = undefined;
    this.#stream?.opened(welcome);
    this.subscriptions.opened();
    this.calls.opened(welcome);
    for (const waiter of this.#connecting.splice(0)) waiter.resolve();
  }

  frame(frame: TrafficFrame): void {
    switch (frame.t) {
      case 'ack':
        return this.#stream?.onAck(frame.seq);
      case 'nack':
        return this.#stream?.onNack(frame);
      case 'credit':
        return this.#stream?.onCredit(frame.upto);
      case 'push':
        return this.subscriptions.onPush(frame);
      case 'gap':
        return this.subscriptions.onGap(frame);
      case 'result':
        return this.calls.onResult(frame);
      case 'error':
        if (!this.calls.onError(frame)) this.subscriptions.onError(frame);
        return;
      default:
      // A frame of a newer protocol: nothing of ours waits for it.
    }
  }

  refused(loss: Loss): void {
    this.#lastError = loss.error;
    this.#tellSession(loss);
  }

  lost(loss: Loss): void {
    this.#welcome = undefined;
    this.#lastError = loss.error;
    const isTooLarge = loss.code === CLOSE.tooLarge || loss.code === MESSAGE_TOO_BIG;
    const event = isTooLarge ? this.#stream?.largestSent : undefined;
    const call = isTooLarge ? this.calls.largestSent : undefined;
    const tooLarge = new GrainError('ERR_FRAME_TOO_LARGE', {}, { cause: loss.error });
    const isCall = call !== undefined && call.bytes >= (event?.bytes ?? 0);
    if (isCall) call.reject(tooLarge);
    this.calls.lost(loss);
    this.subscriptions.lost();
    this.#stream?.lost();
    if (!isCall) event?.reject(tooLarge);
    this.#tellSession(loss);
  }

  ended(error: GrainError | undefined): void {
    this.#end = error ?? new GrainError('ERR_CLIENT_CLOSED');
    this.calls.ended(this.#end);
    this.subscriptions.ended(error, this.#end);
    this.#stream?.fail(this.#end);
    for (const waiter of this.#connecting.splice(0)) waiter.reject(this.#end);
    this.#resolveClosed(error);
  }

  isQuiet(): boolean {
    return this.calls.sentCount === 0 && (this.#stream?.sentCount ?? 0) === 0;
  }

  /** What a close code says of the session. */
  #tellSession({ code, error }: Loss): void {
    if (code === CLOSE.replaced) this.#stream?.fail(error);
    if (code === CLOSE.sessionLost) this.#stream?.forgetSession();
  }
}
