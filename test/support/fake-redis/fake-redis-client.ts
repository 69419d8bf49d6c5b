// FakeRedisClient: the RedisClient of one process to a FakeRedis, over a wire that decides when, and whether, something
// arrives. Keeps R1 to R3 of redis-client.ts; a real one is in directory/redis/system-redis-client.ts.
//   C1. Nothing is sent while the connection is not up, and nothing twice.
//   C2. A connection that ends tells everything in flight at once that its outcome is unknown.
import { type Clock, GrainError, type TimerHandle } from '../../../lib/index.ts';
import {
  type RedisArgument,
  type RedisClient,
  type RedisEvent,
  RedisRefusal,
  type RedisReply,
  type RedisScript,
  RedisSilence,
} from '../../../directory/index.ts';
import type { FakeRedis } from './fake-redis.ts';
import { type FakeReply, RedisError, RedisStatus } from './redis-data.ts';

/** What lies between a client and its server; one per connection. */
export interface RedisWire {
  /** Runs it at the server, later and in order of the calls; or never. */
  toServer(run: () => void): void;
  /** Runs it at the client, later and in order of the calls; or never. */
  toClient(run: () => void): void;
  /** The same for messages of channels: these come over a connection of their own. */
  toSubscriber(run: () => void): void;
  close(): void;
}

export interface FakeRedisClientParts {
  readonly server: FakeRedis;
  readonly clock: Clock;
  /** Undefined: no connection can be made now. `onClosed`: the connection broke. */
  readonly dial: (onClosed: (reason: string) => void) => RedisWire | undefined;
  /** @default 1_000 */
  readonly commandTimeoutMs?: number;
  /** Pause before the next try to connect. @default 100 */
  readonly reconnectMs?: number;
}

/** A command that waits for its answer. A class: thousands are made, and closures cost more. */
class Flight {
  readonly promise: Promise<FakeReply>;
  readonly sentMs: number;
  readonly words: readonly string[];
  #resolve: (reply: FakeReply) => void = () => undefined;
  #reject: (error: Error) => void = () => undefined;

  constructor(words: readonly string[], sentMs: number) {
    this.words = words;
    this.sentMs = sentMs;
    this.promise = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }

  resolve(reply: FakeReply): void {
    this.#resolve(reply);
  }

  reject(error: Error): void {
    this.#reject(error);
  }
}

interface Subscriber {
  readonly channel: string;
  readonly onMessage: (message: Uint8Array) => void;
  readonly onReady: (() => void) | undefined;
  stop: (() => void) | undefined;
}

/** A connection: what is in flight on it. */
class Connection {
  readonly wire: RedisWire;
  readonly inFlight = new Set<Flight>();
  heardMs = -Infinity;
  timer: TimerHandle | undefined;
  /** The server that answered, by its run id; undefined until the greeting is over. */
  runId: string | undefined;

  constructor(wire: RedisWire) {
    this.wire = wire;
  }
}

export class FakeRedisClient implements RedisClient {
  readonly #parts: FakeRedisClientParts;
  readonly #listeners = new Set<(event: RedisEvent) => void>();
  readonly #subscribers = new Set<Subscriber>();
  #connection: Connection | undefined;
  #lastRunId: string | undefined;
  /** Every script that was run: loaded anew on each connection, as the real client does. */
  readonly #scripts = new Set<RedisScript>();
  #isClosed = false;
  #timer: TimerHandle | undefined;

  constructor(parts: FakeRedisClientParts) {
    this.#parts = parts;
    parts.clock.defer(() => this.#dial());
  }

  get isUp(): boolean {
    return this.#connection?.runId !== undefined;
  }

  async call(command: string, args: readonly RedisArgument[]): Promise<RedisReply> {
    return toReply(await this.#send([command, ...args.map(toWord)]));
  }

  async run(
    script: RedisScript,
    keys: readonly string[],
    args: readonly RedisArgument[],
  ): Promise<RedisReply> {
    if (!this.#scripts.has(script) && this.isUp) {
      this.#scripts.add(script);
      // On the same connection, so it is there when the server reads what follows.
      void this.#load(script);
    }
    const words = ['EVALSHA', script.sha, String(keys.length), ...keys.map(toWord), ...args.map(toWord)];
    try {
      return toReply(await this.#send(words));
    } catch (error) {
      if (error instanceof RedisRefusal && error.code === 'NOSCRIPT') await this.#load(script);
      throw error;
    }
  }

  async #load({ lua }: RedisScript): Promise<void> {
    // When this fails, the next run meets NOSCRIPT once more.
    await this.#send(['SCRIPT', 'LOAD', toWord(lua)]).catch(() => undefined);
  }

  subscribe(channel: string, onMessage: (message: Uint8Array) => void, onReady?: () => void): () => void {
    const subscriber: Subscriber = { channel, onMessage, onReady, stop: undefined };
    this.#subscribers.add(subscriber);
    if (this.#connection && this.isUp) this.#listen(this.#connection, subscriber);
    return () => {
      this.#subscribers.delete(subscriber);
      subscriber.stop?.();
    };
  }

  onEvent(listener: (event: RedisEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  close(): Promise<void> {
    this.#isClosed = true;
    this.#timer?.cancel();
    this.#down('closed by us');
    return Promise.resolve();
  }

  // --- the connection ----------------------------------------------------------------------------------------------

  #dial(): void {
    if (this.#isClosed || this.#connection) return;
    const wire = this.#parts.dial((reason) => {
      if (this.#connection === connection) this.#down(reason);
    });
    const connection = wire && new Connection(wire);
    if (!connection) return this.#dialLater();
    this.#connection = connection;
    this.#transmit(connection, ['INFO']).then(
      (info) => this.#greeted(connection, info),
      () => this.#down('no greeting'),
    );
  }

  #greeted(connection: Connection, info: FakeReply): void {
    if (this.#connection !== connection) return;
    const text = typeof info === 'string' ? info : '';
    const runId = /run_id:(\w+)/.exec(text)?.[1];
    // A server that loads its data cannot run scripts yet: to us it is not there.
    if (runId === undefined || !text.includes('loading:0')) return this.#down('loading');
    connection.runId = runId;
    for (const script of this.#scripts) void this.#load(script);
    const isSame = this.#lastRunId === runId;
    this.#lastRunId = runId;
    for (const subscriber of this.#subscribers) this.#listen(connection, subscriber);
    this.#tell({ kind: 'up', isSame });
  }

  #listen({ wire }: Connection, subscriber: Subscriber): void {
    wire.toServer(() => {
      if (!this.#subscribers.has(subscriber)) return;
      subscriber.stop = this.#parts.server.subscribe(toWord(subscriber.channel), (message) => {
        wire.toSubscriber(() => {
          if (this.#subscribers.has(subscriber)) subscriber.onMessage(toBytes(message));
        });
      });
      wire.toSubscriber(() => {
        if (this.#subscribers.has(subscriber)) subscriber.onReady?.();
      });
    });
  }

  #down(reason: string): void {
    const connection = this.#connection;
    if (!connection) return;
    this.#connection = undefined;
    connection.timer?.cancel();
    connection.wire.close();
    for (const subscriber of this.#subscribers) subscriber.stop?.();
    for (const flight of connection.inFlight) flight.reject(new RedisSilence(reason, true));
    connection.inFlight.clear();
    if (connection.runId !== undefined) this.#tell({ kind: 'down', reason });
    this.#dialLater();
  }

  #dialLater(): void {
    if (this.#isClosed) return;
    this.#timer?.cancel();
    this.#timer = this.#parts.clock.setTimer(this.#parts.reconnectMs ?? 100, () => this.#dial());
  }

  #tell(event: RedisEvent): void {
    for (const listener of [...this.#listeners]) listener(event);
  }

  // --- commands ----------------------------------------------------------------------------------------------------

  #send(words: readonly string[]): Promise<FakeReply> {
    const connection = this.#connection;
    if (connection?.runId !== undefined) return this.#transmit(connection, words);
    return Promise.reject(new RedisSilence('not connected', false));
  }

  #transmit(connection: Connection, words: readonly string[]): Promise<FakeReply> {
    const { server, clock } = this.#parts;
    const flight = new Flight(words, clock.nowMs());
    connection.inFlight.add(flight);
    if (!connection.timer) this.#watch(connection, this.#timeoutMs);
    connection.wire.toServer(() => {
      const reply = server.execute(words);
      connection.wire.toClient(() => this.#answered(connection, flight, reply));
    });
    return flight.promise;
  }

  #answered(connection: Connection, flight: Flight, reply: FakeReply): void {
    connection.heardMs = this.#parts.clock.nowMs();
    if (!connection.inFlight.delete(flight)) return;
    if (reply instanceof RedisError) flight.reject(this.#refusal(connection, reply));
    else flight.resolve(reply);
  }

  #refusal(connection: Connection, { text }: RedisError): RedisRefusal {
    const refusal = new RedisRefusal(text);
    // It is a replica now: its successor is found by connecting again.
    if (refusal.code === 'READONLY' && this.#connection === connection) {
      this.#parts.clock.defer(() => {
        if (this.#connection === connection) this.#down(text);
      });
    }
    return refusal;
  }

  get #timeoutMs(): number {
    return this.#parts.commandTimeoutMs ?? 1_000;
  }

  #watch(connection: Connection, delayMs: number): void {
    const { clock } = this.#parts;
    // After a stall the replies may be waiting: they are read first.
    connection.timer = clock.setTimer(delayMs, () => clock.defer(() => this.#judge(connection)));
  }

  /** A server that said nothing for the whole time is silent; from a slow one only the late answers are given up. */
  #judge(connection: Connection): void {
    connection.timer = undefined;
    if (this.#connection !== connection || connection.inFlight.size === 0) return;
    const timeoutMs = this.#timeoutMs;
    const nowMs = this.#parts.clock.nowMs();
    const late = [...connection.inFlight].filter(({ sentMs }) => nowMs - sentMs >= timeoutMs);
    if (late.length > 0 && nowMs - connection.heardMs >= timeoutMs) {
      return this.#down(`silent for ${timeoutMs} ms`);
    }
    for (const flight of late) {
      connection.inFlight.delete(flight);
      flight.reject(new RedisSilence('no answer in time', true));
    }
    const oldestMs = Math.min(nowMs, ...[...connection.inFlight].map(({ sentMs }) => sentMs));
    this.#watch(connection, Math.max(1, oldestMs + timeoutMs - nowMs));
  }
}

function toWord(value: RedisArgument): string {
  if (typeof value === 'string')
    return isAscii(value) ? value : Buffer.from(value, 'utf8').toString('latin1');
  if (typeof value === 'number') return String(value);
  return Buffer.from(value.buffer, value.byteOffset, value.length).toString('latin1');
}

function isAscii(text: string): boolean {
  for (let index = 0; index < text.length; index += 1) {
    if (text.charCodeAt(index) > 127) return false;
  }
  return true;
}

function toBytes(text: string): Uint8Array {
  return Buffer.from(text, 'latin1');
}

function toReply(reply: FakeReply): RedisReply {
  if (reply === null || typeof reply === 'number') return reply;
  if (typeof reply === 'string') return toBytes(reply);
  if (reply instanceof RedisStatus) return reply.text;
  if (reply instanceof RedisError) throw new GrainError('ERR_INTERNAL', { message: reply.text });
  return reply.map(toReply);
}

/** A client in a world without faults: everything arrives, one macrotask later. */
export function connectFakeRedis(server: FakeRedis, clock: Clock): FakeRedisClient {
  const wire: RedisWire = {
    toServer: (run) => clock.defer(run),
    toClient: (run) => clock.defer(run),
    toSubscriber: (run) => clock.defer(run),
    close: () => undefined,
  };
  return new FakeRedisClient({ server, clock, dial: () => wire });
}
