// A world for links: a network in memory whose streams can be cut, slowed and changed, and processes on it.
import { FakeClock, type GrainError, type Logger, SeededRng } from '../../../lib/index.ts';
import {
  type ByteStream,
  type ByteStreamHandlers,
  type ConnectOutcome,
  type ControlKind,
  Envelope,
  type InboundRequest,
  type Link,
  type LinkOptions,
  type LinkPeer,
  type LinkReply,
  type LinkRequest,
  Links,
  type Listener,
  type Network,
  type Routing,
  unpackValue,
} from '../../../silo/internal.ts';
import { macrotask } from '../../support/system-macrotask.ts';

/** One end of a pair. What is written arrives at the other end when the world is told to deliver. */
export class PairEnd implements ByteStream {
  handlers: ByteStreamHandlers | undefined = undefined;
  readonly remote: string;
  other: PairEnd | undefined = undefined;
  /** Written here, not delivered yet. */
  readonly written: Uint8Array[] = [];
  /** More than this that was not delivered, and the stream is full. */
  roomBytes = Infinity;
  /** Bytes that were delivered to the other end. */
  deliveredBytes = 0;
  isEnded = false;
  isClosed = false;
  /** Changes what is written. */
  spoil: ((bytes: Uint8Array) => Uint8Array) | undefined = undefined;
  #isFull = false;

  constructor(remote: string) {
    this.remote = remote;
  }

  get backlogBytes(): number {
    return this.written.reduce((sum, { byteLength }) => sum + byteLength, 0);
  }

  write(bytes: Uint8Array): boolean {
    if (this.isClosed || this.isEnded) return true;
    this.written.push(this.spoil ? this.spoil(bytes) : bytes);
    this.#isFull = this.backlogBytes > this.roomBytes;
    return !this.#isFull;
  }

  end(): void {
    this.isEnded = true;
  }

  /** What was written before still arrives, as with sockets. */
  destroy(): void {
    if (this.isClosed) return;
    this.isClosed = true;
    this.isEnded = true;
    this.closeReason = 'closed';
  }

  /** Closes both ends; what was not delivered is lost. */
  cut(reason: string): void {
    for (const end of [this, this.other]) {
      if (!end || end.isClosed) continue;
      end.isClosed = true;
      end.written.length = 0;
      end.closeReason = reason;
    }
  }

  closeReason: string | undefined = undefined;

  /** Delivers the next piece, in parts of at most `partBytes`; answers whether there was anything to do. */
  deliver(partBytes = Infinity): boolean {
    if (this.closeReason !== undefined && this.handlers) {
      const { handlers, closeReason } = this;
      this.closeReason = undefined;
      handlers.onClose(closeReason);
      return true;
    }
    const { other } = this;
    if (other?.isClosed) this.written.length = 0;
    const piece = this.written[0];
    if (!piece) {
      if (!this.isEnded || !other || other.isClosed) return false;
      other.isClosed = true;
      other.closeReason = 'the other end closed it';
      if (!this.isClosed) this.cut('ended');
      return true;
    }
    if (!other?.handlers) return false;
    const part = piece.subarray(0, Math.min(piece.byteLength, partBytes));
    if (part.byteLength === piece.byteLength) this.written.shift();
    else this.written[0] = piece.subarray(part.byteLength);
    this.deliveredBytes += part.byteLength;
    // A copy that is spoilt afterwards: nobody may keep what the socket read.
    const copy = Buffer.from(part);
    other.handlers.onBytes(copy);
    copy.fill(0xee);
    if (this.#isFull && this.backlogBytes <= this.roomBytes) {
      this.#isFull = false;
      this.handlers?.onDrain();
    }
    return true;
  }
}

export function pair(): readonly [PairEnd, PairEnd] {
  const left = new PairEnd('left');
  const right = new PairEnd('right');
  left.other = right;
  right.other = left;
  return [left, right];
}

/** All processes' network. Ports are given out in order. */
export class FakeNetwork implements Network {
  readonly #listeners = new Map<number, (stream: ByteStream) => void>();
  readonly ends: PairEnd[] = [];
  readonly held: (() => void)[] = [];
  /** Connections wait in `held` until they are let go. */
  isHolding = false;
  /** Told of each new pair: dialling end first. */
  onPair: ((dialler: PairEnd, listener: PairEnd) => void) | undefined = undefined;
  #port = 1_000;

  listen(host: string, port: number, onStream: (stream: ByteStream) => void): Promise<Listener> {
    const bound = port === 0 ? (this.#port += 1) : port;
    this.#listeners.set(bound, onStream);
    const close = (): Promise<void> => {
      this.#listeners.delete(bound);
      return Promise.resolve();
    };
    return Promise.resolve({ host, port: bound, close });
  }

  async connect(_host: string, port: number): Promise<ConnectOutcome> {
    if (this.isHolding) await new Promise<void>((resolve) => this.held.push(resolve));
    const onStream = this.#listeners.get(port);
    if (!onStream) return { kind: 'refused' };
    const [dialler, listener] = pair();
    this.ends.push(dialler, listener);
    this.onPair?.(dialler, listener);
    onStream(listener);
    return { kind: 'connected', stream: dialler };
  }

  /** Delivers one piece somewhere; answers whether there was any. */
  step(partBytes = Infinity): boolean {
    let hasMoved = false;
    for (const end of [...this.ends]) if (end.deliver(partBytes)) hasMoved = true;
    return hasMoved;
  }
}

export class SentEnvelope extends Envelope {
  protected override onResult(): void {
    // Only sent.
  }
  protected override onError(): void {
    // Only sent.
  }
}

export type Outcome =
  | { readonly kind: 'result'; readonly value: unknown; readonly host: string | undefined }
  | { readonly kind: 'error'; readonly error: GrainError; readonly host: string | undefined }
  | { readonly kind: 'lost'; readonly wasSent: boolean };

export class SentRequest implements LinkRequest {
  readonly envelope: Envelope;
  readonly routing: Routing;
  readonly outcomes: Outcome[] = [];
  readonly settled: Promise<Outcome>;
  #resolve: (outcome: Outcome) => void = () => undefined;

  constructor(envelope: Envelope, routing: Partial<Routing> = {}) {
    this.envelope = envelope;
    this.routing = { hops: 4, toOwner: false, view: 7, ...routing };
    this.settled = new Promise((resolve) => (this.#resolve = resolve));
  }

  onReply(reply: LinkReply): void {
    const outcome: Outcome =
      reply.kind === 'result'
        ? {
            kind: 'result',
            value: reply.payload === undefined ? undefined : unpackValue(reply.payload),
            host: reply.host,
          }
        : reply;
    this.outcomes.push(outcome);
    this.#resolve(outcome);
  }
}

export function message(fields: Partial<Envelope> = {}): SentEnvelope {
  const envelope = new SentEnvelope();
  return Object.assign(
    envelope,
    { tenant: 'acme', core: 'echo', key: 'k1', flow: 'say', principal: 'alice' },
    fields,
  );
}

export interface LogLine {
  readonly level: string;
  readonly fields: Readonly<Record<string, unknown>>;
  readonly message: string;
}

export function listLog(lines: LogLine[]): Logger {
  const at =
    (level: string) =>
    (fields: object, text: string): void => {
      lines.push({ level, fields: fields as LogLine['fields'], message: text });
    };
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
}

export interface PeerOptions {
  readonly options?: LinkOptions;
  readonly secret?: string;
  readonly cluster?: string;
  readonly seed?: number;
}

/** A process: its links, and what came to it. It answers inputs with themselves, unless `onRequest` is set. */
export class Peer {
  readonly self: LinkPeer;
  readonly links: Links;
  readonly log: LogLine[] = [];
  readonly requests: InboundRequest[] = [];
  readonly controls: { readonly kind: ControlKind; readonly body: unknown }[] = [];
  readonly closed: string[] = [];
  readonly opened: Link[] = [];
  readonly replaced: string[] = [];
  readonly dialFailures: string[] = [];
  onRequest: (request: InboundRequest) => void = (request) => {
    request.envelope.open();
    request.envelope.resolve(request.envelope.input);
  };
  port = 0;

  constructor(network: Network, clock: FakeClock, incarnation: string, given: PeerOptions = {}) {
    this.self = { incarnation, name: `name of ${incarnation}`, role: 'silo' };
    this.links = new Links({
      network,
      clock,
      rng: new SeededRng(given.seed ?? 1),
      log: listLog(this.log),
      self: this.self,
      cluster: given.cluster ?? 'test',
      secret: given.secret ?? 'a secret',
      options: given.options,
      handlers: {
        onRequest: (_link, request) => {
          this.requests.push(request);
          this.onRequest(request);
        },
        onControl: (_link, kind, body) => this.controls.push({ kind, body }),
        onClosed: (_link, reason) => this.closed.push(reason),
        onOpen: (link) => this.opened.push(link),
        onReplaced: (expected, found) => this.replaced.push(`${expected} -> ${found.incarnation}`),
        onDialFailed: (incarnation, outcome) => this.dialFailures.push(`${incarnation} ${outcome}`),
      },
    });
  }

  async listen(): Promise<this> {
    this.port = (await this.links.listen('127.0.0.1', 0)).port;
    return this;
  }

  dial(other: Peer): void {
    this.links.dial({ incarnation: other.self.incarnation, host: '127.0.0.1', port: other.port });
  }

  to(other: Peer): Link {
    const link = this.links.get(other.self.incarnation);
    if (!link) throw new Error(`no link from ${this.self.incarnation} to ${other.self.incarnation}`);
    return link;
  }

  ask(other: Peer, fields: Partial<Envelope> = {}, routing: Partial<Routing> = {}): SentRequest {
    const request = new SentRequest(message(fields), routing);
    this.to(other).request(request);
    return request;
  }
}

export class World {
  readonly clock: FakeClock;
  readonly network = new FakeNetwork();

  constructor() {
    this.clock = new FakeClock({ defer: (run) => void macrotask().then(run) });
  }

  /** Lets everything happen that needs no time. */
  async settle(partBytes = Infinity): Promise<void> {
    for (let quiet = 0; quiet < 3;) {
      await macrotask();
      quiet = this.network.step(partBytes) ? 0 : quiet + 1;
    }
  }

  async peer(incarnation: string, given: PeerOptions = {}): Promise<Peer> {
    return await new Peer(this.network, this.clock, incarnation, given).listen();
  }

  async two(options: LinkOptions = {}): Promise<readonly [Peer, Peer]> {
    const left = await this.peer('a', { options, seed: 1 });
    const right = await this.peer('b', { options, seed: 2 });
    left.dial(right);
    await this.settle();
    return [left, right];
  }
}
