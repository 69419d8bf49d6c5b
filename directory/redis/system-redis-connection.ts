// RedisConnection: one connection to one Redis server, or to the primary of a Sentinel group.
// ioredis finds the server, connects, authenticates and connects again. Once it is ready the socket's bytes are ours:
// gathering the writes of a tick and reading replies with our own reader costs a quarter of its `sendCommand`.
// Owns: order of commands and replies, time-outs, the scripts on the server, the verdict that a server is silent.
//   C1. Replies settle `#pending` in its order; nothing leaves it in any other way while the connection lives.
//   C2. The last `#unsentCount` of `#pending` are not on the socket yet. They are written before the next macrotask.
//   C3. What is pending when the connection is lost fails as sent; nothing is sent again (R2).
//   C4. `up` is told when all scripts are loaded, and the server's run id is known.
//   C5. A server is silent when it sent no byte for `commandTimeoutMs` while something waited: the connection is dropped,
//       for a reply that came later would answer nobody. A slow one that still answers keeps it; late calls fail alone.
import type { Redis } from 'ioredis';
import { backoffMs, Fifo } from '../../lib/index.ts';
import {
  type RedisArgument,
  type RedisClient,
  type RedisEvent,
  type RedisRefusal,
  type RedisReply,
  type RedisScript,
  RedisSilence,
} from './redis-client.ts';
import { type ConnectionOptions, ioredis, ioredisOptions, RECONNECT } from './redis-connection-options.ts';
import { loadedScripts } from './redis-script.ts';
import { RespReader } from './resp-reader.ts';
import { RespWriter } from './resp-writer.ts';
import { RedisSubscriber } from './system-redis-subscriber.ts';

type SocketOf = Redis['stream'];

/** More than this waits for a socket that takes nothing: further calls are refused. */
const BACKLOG_BYTES_MAX = 32 * 1024 * 1024;
/** A connection that did not hold for so long counts as a failed one: the next try waits longer. */
const STEADY_MS = 10_000;

const UNSET = (): void => undefined;

class Pending {
  readonly sentMs: number;
  readonly promise: Promise<RedisReply>;
  isOver = false;
  resolve: (reply: RedisReply) => void = UNSET;
  reject: (error: Error) => void = UNSET;

  constructor(sentMs: number) {
    this.sentMs = sentMs;
    this.promise = new Promise((resolve, reject) => {
      this.resolve = resolve;
      this.reject = reject;
    });
  }
}

export class RedisConnection implements RedisClient {
  readonly #options: ConnectionOptions;
  readonly #redis: Redis;
  readonly #listeners = new Set<(event: RedisEvent) => void>();
  /** First words of `EVALSHA <sha>`, for the scripts that are on the server. */
  readonly #scripts = new Map<RedisScript, Buffer>();
  readonly #flush = (): void => this.#flushNow();
  #subscriber: RedisSubscriber | undefined;
  #socket: SocketOf | undefined;
  #writer = new RespWriter();
  #pending = new Fifo<Pending>();
  #unsentCount = 0;
  #isFlushPlanned = false;
  #tickMs = 0;
  #lastBytesMs = 0;
  #timer: NodeJS.Timeout | undefined;
  #isReloading = false;
  #isUp = false;
  #isFull = false;
  /** Takes no calls any more, and is dropped when nothing is pending. */
  #isRetiring = false;
  #isClosed = false;
  #runId = '';
  #failureCount = 0;
  #upSinceMs = Infinity;
  #isAwayTold = false;
  #lastError = '';
  #onDrained: (() => void) | undefined;

  constructor(options: ConnectionOptions) {
    this.#options = options;
    const { Redis: Ioredis } = ioredis();
    this.#redis = new Ioredis({
      ...ioredisOptions(options),
      retryStrategy: () => this.#retryDelayMs(),
      sentinelRetryStrategy: () => this.#retryDelayMs(),
    });
    this.#redis.on('ready', () => this.#takeOver());
    this.#redis.on('error', (error: Error) => (this.#lastError = error.message));
  }

  get isUp(): boolean {
    return this.#isUp;
  }

  /** The server process behind it, or the one that was there last. */
  get runId(): string {
    return this.#runId;
  }

  call(command: string, args: readonly RedisArgument[]): Promise<RedisReply> {
    return this.#isUp && !this.#isFull ? this.#send(command, args) : this.#refuse();
  }

  run(script: RedisScript, keys: readonly string[], args: readonly RedisArgument[]): Promise<RedisReply> {
    if (!this.#isUp || this.#isFull) return this.#refuse();
    let prefix = this.#scripts.get(script);
    if (!prefix) {
      prefix = RespWriter.prefix(['EVALSHA', script.sha]);
      // On the same connection, so it is there when the server reads what follows.
      this.#load(script).catch(() => this.#scripts.delete(script));
      this.#scripts.set(script, prefix);
    }
    const writer = this.#writer;
    writer.begin(3 + keys.length + args.length);
    writer.raw(prefix);
    writer.word(keys.length);
    for (const key of keys) writer.word(key);
    for (const arg of args) writer.word(arg);
    return this.#enqueue();
  }

  subscribe(channel: string, onMessage: (message: Uint8Array) => void, onReady?: () => void): () => void {
    this.#subscriber ??= new RedisSubscriber(this.#options);
    return this.#subscriber.subscribe(channel, onMessage, onReady);
  }

  onEvent(listener: (event: RedisEvent) => void): () => void {
    const own = (event: RedisEvent): void => listener(event);
    this.#listeners.add(own);
    return () => this.#listeners.delete(own);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#subscriber?.close();
    if (this.#pending.size > 0) {
      this.#isUp = false;
      await new Promise<void>((resolve) => (this.#onDrained = resolve));
    }
    this.#isUp = false;
    this.#redis.disconnect();
  }

  /** Finishes what is pending, then connects anew: the server is no longer the one to talk to. */
  reconnect(reason: string): void {
    if (this.#isRetiring || !this.#socket) return;
    this.#isRetiring = true;
    this.#setDown(reason);
    if (this.#pending.size === 0) this.#drop(reason);
  }

  // ---- Connecting ----

  #retryDelayMs(): number | null {
    if (this.#isClosed) return null;
    const wasSteady = performance.now() - this.#upSinceMs > STEADY_MS;
    this.#failureCount = wasSteady ? 1 : this.#failureCount + 1;
    this.#upSinceMs = Infinity;
    if (!this.#isAwayTold) {
      this.#isAwayTold = true;
      const { log, server } = this.#options;
      log.warn({ event: 'redis.unreachable', server, reason: this.#lastError || 'closed' }, 'Redis is away');
    }
    return backoffMs(this.#failureCount, RECONNECT) * (0.5 + Math.random() / 2);
  }

  #takeOver(): void {
    const socket = this.#redis.stream;
    if (this.#isClosed || socket.destroyed) return;
    socket.removeAllListeners('data');
    this.#socket = socket;
    this.#writer = new RespWriter();
    this.#isRetiring = false;
    this.#isFull = false;
    this.#lastBytesMs = performance.now();
    const reader = new RespReader(
      (reply) => this.#settle(reply),
      (refusal) => this.#settleRefused(refusal),
    );
    socket.on('data', (bytes: Buffer) => {
      this.#lastBytesMs = performance.now();
      try {
        reader.write(bytes);
      } catch (error) {
        this.#drop(error instanceof Error ? error.message : 'protocol error');
      }
    });
    socket.on('drain', () => (this.#isFull = false));
    socket.once('close', () => this.#lose(socket, this.#lastError || 'the server closed the connection'));
    this.#prepare().catch((error: Error) => {
      if (this.#socket === socket) this.#drop(`could not be prepared: ${error.message}`);
    });
  }

  /** C4 */
  async #prepare(): Promise<void> {
    const socket = this.#socket;
    const info = this.#send('INFO', ['server']);
    await Promise.all([info, this.#loadAll()]);
    if (this.#socket !== socket || this.#isClosed) return;
    const runId = /run_id:(\w+)/.exec(textOf(await info))?.[1] ?? '';
    const isSame = runId !== '' && runId === this.#runId;
    this.#runId = runId;
    this.#upSinceMs = performance.now();
    this.#isAwayTold = false;
    this.#lastError = '';
    this.#isUp = true;
    const { log, server } = this.#options;
    log.info({ event: 'redis.connected', server, runId, isSame }, 'Redis is there');
    this.#tell({ kind: 'up', isSame });
  }

  async #loadAll(): Promise<void> {
    const scripts = new Set([...loadedScripts(), ...this.#scripts.keys()]);
    for (const script of scripts) {
      if (!this.#scripts.has(script)) {
        this.#scripts.set(script, RespWriter.prefix(['EVALSHA', script.sha]));
      }
    }
    await Promise.all([...scripts].map((script) => this.#load(script)));
  }

  async #load(script: RedisScript): Promise<void> {
    const sha = textOf(await this.#send('SCRIPT', ['LOAD', script.lua]));
    if (sha !== script.sha) throw new Error(`script ${script.name}: the server's SHA is ${sha}`);
  }

  #drop(reason: string): void {
    const socket = this.#socket;
    if (!socket) return;
    this.#lose(socket, reason);
    socket.destroy();
  }

  #lose(socket: SocketOf, reason: string): void {
    if (this.#socket !== socket) return;
    this.#socket = undefined;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const pending = this.#pending;
    const sentCount = pending.size - this.#unsentCount;
    this.#pending = new Fifo();
    this.#unsentCount = 0;
    this.#setDown(reason);
    for (let index = 0; pending.size > 0; index += 1) {
      pending.shift()?.reject(new RedisSilence(`Redis: ${reason}`, index < sentCount));
    }
    this.#onDrained?.();
  }

  #setDown(reason: string): void {
    if (!this.#isUp) return;
    this.#isUp = false;
    this.#lastError = reason;
    this.#tell({ kind: 'down', reason });
  }

  #tell(event: RedisEvent): void {
    for (const listener of this.#listeners) listener(event);
  }

  // ---- Commands and replies ----

  #refuse(): Promise<RedisReply> {
    const why = this.#isFull ? 'too much waits for the server' : `not connected${this.#because()}`;
    return Promise.reject(new RedisSilence(`Redis: ${why}`, false));
  }

  #because(): string {
    return this.#lastError === '' ? '' : ` (${this.#lastError})`;
  }

  #send(command: string, args: readonly RedisArgument[]): Promise<RedisReply> {
    const writer = this.#writer;
    writer.begin(1 + args.length);
    writer.word(command);
    for (const arg of args) writer.word(arg);
    return this.#enqueue();
  }

  #enqueue(): Promise<RedisReply> {
    if (!this.#isFlushPlanned) {
      this.#isFlushPlanned = true;
      this.#tickMs = performance.now();
      process.nextTick(this.#flush);
    }
    const pending = new Pending(this.#tickMs);
    this.#pending.push(pending);
    this.#unsentCount += 1;
    return pending.promise;
  }

  #flushNow(): void {
    this.#isFlushPlanned = false;
    const socket = this.#socket;
    if (!socket || this.#writer.isEmpty) return;
    this.#unsentCount = 0;
    socket.write(this.#writer.take());
    if (socket.writableLength > BACKLOG_BYTES_MAX) this.#isFull = true;
    if (!this.#timer) this.#watch(this.#options.commandTimeoutMs);
  }

  #settle(reply: RedisReply): void {
    const pending = this.#pending.shift();
    if (!pending) throw new Error('a reply that nobody asked for');
    pending.resolve(reply);
    if (this.#pending.size === 0) this.#afterLast();
  }

  #settleRefused(refusal: RedisRefusal): void {
    const pending = this.#pending.shift();
    if (!pending) throw new Error(`an error that nobody asked for: ${refusal.message}`);
    if (refusal.code === 'NOSCRIPT') this.#reload();
    pending.reject(refusal);
    this.#options.onRefusal?.(refusal);
    // It is a replica now: its successor is found by connecting again.
    if (refusal.code === 'READONLY') this.reconnect(refusal.message);
    if (this.#pending.size === 0) this.#afterLast();
  }

  #afterLast(): void {
    this.#onDrained?.();
    if (this.#isRetiring) this.#drop(this.#lastError);
  }

  /** Once for all the calls that met the missing scripts together. */
  #reload(): void {
    if (!this.#isUp || this.#isReloading) return;
    this.#isReloading = true;
    const { log, server } = this.#options;
    this.#loadAll()
      .catch((error: Error) =>
        log.warn({ event: 'redis.scripts_missing', server, reason: error.message }, 'Scripts'),
      )
      .finally(() => (this.#isReloading = false));
  }

  // ---- Time ----

  #watch(delayMs: number): void {
    // After a stall of ours the replies may be waiting in the socket: they are read first.
    this.#timer = setTimeout(() => setImmediate(() => this.#judge()), delayMs);
    this.#timer.unref();
  }

  /** C5 */
  #judge(): void {
    this.#timer = undefined;
    if (!this.#socket || this.#pending.size === 0) return;
    const limitMs = this.#options.commandTimeoutMs;
    const nowMs = performance.now();
    let oldestMs = Infinity;
    const late: Pending[] = [];
    this.#pending.retain((pending) => {
      if (pending.isOver) return true;
      if (nowMs - pending.sentMs >= limitMs) late.push(pending);
      else oldestMs = Math.min(oldestMs, pending.sentMs);
      return true;
    });
    if (late.length > 0 && nowMs - this.#lastBytesMs >= limitMs) {
      this.#drop(`silent for ${limitMs} ms`);
      return;
    }
    for (const pending of late) {
      pending.isOver = true;
      pending.reject(new RedisSilence(`Redis: no answer within ${limitMs} ms`, true));
    }
    this.#watch(oldestMs === Infinity ? limitMs : Math.max(1, oldestMs + limitMs - nowMs));
  }
}

export function textOf(reply: RedisReply): string {
  if (typeof reply === 'string') return reply;
  return reply instanceof Uint8Array ? Buffer.from(reply).toString() : '';
}
