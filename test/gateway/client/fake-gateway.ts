// A gateway that does exactly what a test tells it, on a real socket, and the time that the client lives in.
import assert from 'node:assert/strict';
import type { AddressInfo } from 'node:net';
import { type WebSocket, WebSocketServer } from 'ws';
import { FakeClock, type GrainError, type Rng } from '../../../lib/index.ts';
import { systemClock } from '../../../lib/internal.ts';
import { type ClientOptions, connect, type GranaryClient } from '../../../gateway/client/node.ts';

/** A frame of the client, as it came. */
export type Frame = Readonly<Record<string, unknown>>;

export const WELCOME = {
  t: 'welcome',
  session: 's1',
  resumed: false,
  acked: 0,
  credit: { upto: 1_000 },
  max_calls: 100,
  max_subs: 100,
  heartbeat_ms: 10_000,
  max_frame_bytes: 65_536,
};

/** A queue whose `take` waits for what has not come yet. */
class Inbox<T> {
  readonly #items: T[] = [];
  readonly #takers: ((item: T) => void)[] = [];

  put(item: T): void {
    const taker = this.#takers.shift();
    if (taker) taker(item);
    else this.#items.push(item);
  }

  take(): Promise<T> {
    const item = this.#items.shift();
    return item === undefined ? new Promise((resolve) => this.#takers.push(resolve)) : Promise.resolve(item);
  }

  get size(): number {
    return this.#items.length;
  }
}

/** One connection of a client, seen from the other side. */
export class Peer {
  readonly socket: WebSocket;
  readonly authorization: string | undefined;
  readonly closed: Promise<number>;
  readonly #frames = new Inbox<Frame>();
  /** Instead of the inbox. */
  onFrame: ((frame: Frame) => void) | undefined;

  constructor(socket: WebSocket, authorization: string | undefined) {
    this.socket = socket;
    this.authorization = authorization;
    this.closed = new Promise((resolve) => socket.on('close', resolve));
    socket.on('error', () => undefined);
    socket.on('message', (data) => {
      const frame = JSON.parse(data.toString()) as Frame;
      if (this.onFrame) this.onFrame(frame);
      else this.#frames.put(frame);
    });
  }

  /** The next frame, which must be of this kind. */
  async take(t: string): Promise<Frame> {
    const frame = await this.#frames.take();
    assert.equal(frame.t, t, `expected ${t}, got ${JSON.stringify(frame)}`);
    return frame;
  }

  /** Frames that came and were not taken. */
  get waitingCount(): number {
    return this.#frames.size;
  }

  /** Takes the hello and welcomes. */
  async welcome(given: Frame = {}): Promise<Frame> {
    const hello = await this.take('hello');
    this.send({ ...WELCOME, ...given });
    return hello;
  }

  send(frame: Frame): void {
    this.socket.send(JSON.stringify(frame));
  }

  close(code: number): void {
    this.socket.close(code);
  }

  /** Breaks the connection, as a cable would. */
  cut(): void {
    this.socket.terminate();
  }
}

export class FakeGateway {
  readonly #server: WebSocketServer;
  readonly #peers = new Inbox<Peer>();
  /** Instead of the inbox. */
  onPeer: ((peer: Peer) => void) | undefined;
  connectionCount = 0;

  private constructor(server: WebSocketServer) {
    this.#server = server;
    server.on('connection', (socket, request) => {
      this.connectionCount += 1;
      const peer = new Peer(socket, request.headers.authorization);
      if (this.onPeer) this.onPeer(peer);
      else this.#peers.put(peer);
    });
  }

  static async listen(): Promise<FakeGateway> {
    const server = new WebSocketServer({ host: '127.0.0.1', port: 0 });
    await new Promise((resolve) => server.once('listening', resolve));
    return new FakeGateway(server);
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** The next connection. */
  accept(): Promise<Peer> {
    return this.#peers.take();
  }

  async close(): Promise<void> {
    for (const socket of this.#server.clients) socket.terminate();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

export class FixedRng implements Pick<Rng, 'next'> {
  value: number;

  constructor(value = 0.5) {
    this.value = value;
  }

  next(): number {
    return this.value;
  }
}

/** A gateway, a clock, and clients of both; all gone after `close`. */
export class Stage {
  readonly gateway: FakeGateway;
  readonly clock = new FakeClock({ defer: (run) => systemClock.defer(run) });
  readonly rng = new FixedRng();
  readonly #clients: GranaryClient[] = [];

  private constructor(gateway: FakeGateway) {
    this.gateway = gateway;
  }

  static async open(): Promise<Stage> {
    return new Stage(await FakeGateway.listen());
  }

  client(options: ClientOptions = {}): GranaryClient {
    const client = connect(this.gateway.url, { clock: this.clock, rng: this.rng, ...options });
    this.#clients.push(client);
    return client;
  }

  /** The next connection, welcomed. */
  async accept(welcome: Frame = {}): Promise<Peer> {
    const peer = await this.gateway.accept();
    await peer.welcome(welcome);
    return peer;
  }

  /** Waits until the client has noticed that its connection is gone, then lets its back-off pass. */
  async reconnect(client: GranaryClient, welcome: Frame = {}): Promise<Peer> {
    await until(() => client.state === 'connecting');
    await settle();
    this.clock.advance(10_000);
    return this.accept(welcome);
  }

  async close(): Promise<void> {
    for (const client of this.#clients) await client.close();
    await this.gateway.close();
  }
}

/** Turns after which what is waited for will not come: about a second. */
const TURNS_MAX = 200_000;

/** Lets input and output happen until something is so. */
export async function until(isSo: () => boolean): Promise<void> {
  for (let left = TURNS_MAX; !isSo(); left -= 1) {
    assert.ok(left > 0, `it never came to be that ${isSo.toString()}`);
    await turn();
  }
}

/** One turn of the event loop. */
export function turn(): Promise<void> {
  return new Promise((resolve) => systemClock.defer(resolve));
}

/** Enough turns that whatever the client was about to do has happened. */
export async function settle(): Promise<void> {
  for (let count = 0; count < 20; count += 1) await turn();
}

/** The coded error that a promise rejects with. */
export async function errorOf(promise: Promise<unknown>): Promise<GrainError> {
  try {
    await promise;
  } catch (thrown) {
    return thrown as GrainError;
  }
  throw new assert.AssertionError({ message: 'it did not reject' });
}
