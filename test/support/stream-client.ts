// A WebSocket client for tests of `GET /v1/stream`, and a server to connect it to. Every wait is for a frame or a
// close; none is for time.
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Packr, Unpackr } from 'msgpackr';
import { WebSocket } from 'ws';
import {
  STREAM_PATH,
  StreamServer,
  type StreamServerOptions,
  SUBPROTOCOL_JSON,
  SUBPROTOCOL_MSGPACK,
  TokenAuth,
  type TokenOptions,
} from '../../gateway/internal.ts';
import { FakeClock, type Logger, SeededRng } from '../../lib/index.ts';
import { systemClock, systemRng } from '../../lib/internal.ts';
import { FakeCluster } from './fake-cluster.ts';

export type Frame = Readonly<Record<string, unknown>> & { readonly t: string };

const quiet: Logger = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };

export interface RigOptions {
  readonly limits?: StreamServerOptions['limits'];
  readonly tokens?: readonly TokenOptions[];
  readonly allowedOrigins?: readonly string[];
  readonly isLoopback?: boolean;
  readonly cluster?: FakeCluster;
  readonly clock?: FakeClock;
}

/** A gateway with a fake cluster, listening on a free port of 127.0.0.1. */
export class Rig {
  readonly clock: FakeClock;
  readonly cluster: FakeCluster;
  readonly stream: StreamServer;
  readonly #server: Server;
  readonly #clients: StreamClient[] = [];

  constructor(options: RigOptions = {}) {
    this.clock = options.clock ?? new FakeClock({ defer: (run) => systemClock.defer(run) });
    this.cluster = options.cluster ?? new FakeCluster(this.clock).core('airport', { entityKey: 'origin' });
    const { tokens, isLoopback = true } = options;
    this.stream = new StreamServer({
      cluster: this.cluster,
      auth: new TokenAuth({ tokens, isLoopback, clock: this.clock }),
      clock: this.clock,
      rng: { next: () => new SeededRng(1).next(), hex: (count) => systemRng.hex(count) },
      log: quiet,
      limits: options.limits,
      allowedOrigins: options.allowedOrigins,
    });
    this.#server = createServer();
    this.#server.on('upgrade', (request, socket, head) => this.stream.handleUpgrade(request, socket, head));
  }

  static async start(options?: RigOptions): Promise<Rig> {
    const rig = new Rig(options);
    await new Promise<void>((resolve) => rig.#server.listen(0, '127.0.0.1', resolve));
    return rig;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** Connects, without a hello. */
  async connect(options: ConnectOptions = {}): Promise<StreamClient> {
    const client = new StreamClient(this.port, options);
    this.#clients.push(client);
    await client.opened;
    return client;
  }

  /** Connects and says hello; answers the client and its welcome. */
  async join(hello: object = {}, options: ConnectOptions = {}): Promise<[StreamClient, Frame]> {
    const client = await this.connect(options);
    client.send({ t: 'hello', ...hello });
    return [client, await client.expect('welcome')];
  }

  async stop(): Promise<void> {
    for (const client of this.#clients) client.socket.terminate();
    this.stream.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

export interface ConnectOptions {
  readonly isBinary?: boolean;
  readonly headers?: Readonly<Record<string, string>>;
  readonly protocols?: readonly string[];
  /** Do not answer pings. */
  readonly isMute?: boolean;
}

const packr = new Packr({ useRecords: false, encodeUndefinedAsNil: true });
const unpackr = new Unpackr({ useRecords: false, int64AsType: 'number' });

export class StreamClient {
  readonly socket: WebSocket;
  readonly opened: Promise<void>;
  /** The close code. */
  readonly closed: Promise<number>;
  /** Frames that nobody has asked for yet. */
  readonly frames: Frame[] = [];
  readonly #isBinary: boolean;
  #waiting: ((frame: Frame) => void)[] = [];

  constructor(port: number, { isBinary = false, headers = {}, protocols, isMute = false }: ConnectOptions) {
    this.#isBinary = isBinary;
    const offered = protocols ?? [isBinary ? SUBPROTOCOL_MSGPACK : SUBPROTOCOL_JSON];
    const url = `ws://127.0.0.1:${port}${STREAM_PATH}`;
    this.socket = new WebSocket(url, [...offered], { headers, autoPong: !isMute, perMessageDeflate: false });
    this.opened = new Promise((resolve, reject) => {
      this.socket.on('open', resolve).on('error', reject);
    });
    this.closed = new Promise((resolve) => this.socket.on('close', resolve));
    this.socket.on('message', (data: Buffer, isBinaryFrame) => {
      const frame = (isBinaryFrame ? unpackr.unpack(data) : JSON.parse(data.toString())) as Frame;
      const waiter = this.#waiting.shift();
      if (waiter) waiter(frame);
      else this.frames.push(frame);
    });
  }

  send(frame: object): void {
    this.socket.send(this.#isBinary ? packr.pack(frame) : JSON.stringify(frame));
  }

  /** Sends an event to `airport`. */
  event(seq: number, key = 'JFK', data: unknown = { seq }): void {
    this.send({ t: 'event', seq, core: 'airport', key, event: 'flight', data });
  }

  next(): Promise<Frame> {
    const frame = this.frames.shift();
    return frame ? Promise.resolve(frame) : new Promise((resolve) => this.#waiting.push(resolve));
  }

  /** The next frame with this `t`; others before it are left out. */
  async expect(t: string): Promise<Frame> {
    for (;;) {
      const frame = await this.next();
      if (frame.t === t) return frame;
    }
  }

  /** All frames until the answer to a ping that is sent now, so that "nothing came" can be seen. */
  async fence(): Promise<Frame[]> {
    this.send({ t: 'ping' });
    const seen: Frame[] = [];
    for (;;) {
      const frame = await this.next();
      if (frame.t === 'pong') return seen;
      seen.push(frame);
    }
  }

  /** The next `count` frames. */
  async take(count: number): Promise<Frame[]> {
    const seen: Frame[] = [];
    while (seen.length < count) seen.push(await this.next());
    return seen;
  }

  /** All frames up to and with the ack or nack of `seq` (or of a later one). */
  async until(seq: number): Promise<Frame[]> {
    const seen: Frame[] = [];
    for (;;) {
      const frame = await this.next();
      seen.push(frame);
      if ((frame.t === 'ack' || frame.t === 'nack') && Number(frame['seq']) >= seq) return seen;
    }
  }
}

/** Lets what is ready run: a few turns of the loop. */
export async function settle(turns = 3): Promise<void> {
  for (let turn = 0; turn < turns; turn += 1) {
    await new Promise<void>((resolve) => systemClock.defer(resolve));
  }
}

export function codeOf(frame: Frame): unknown {
  return (frame['error'] as { readonly code?: unknown } | undefined)?.code;
}
