// RedisSubscriber: channels of Redis over a connection of its own, made with the first of them.
// Messages that pass while it is not connected are lost: pub/sub keeps nothing.
//   S1. Whenever the connection is ready, exactly the channels of `#listeners` are subscribed on it.
import type { Redis } from 'ioredis';
import { backoffMs } from '../../lib/index.ts';
import { type ConnectionOptions, ioredis, ioredisOptions, RECONNECT } from './redis-connection-options.ts';

/** A connection without traffic is asked this often whether it still lives. */
const PING_MS = 5_000;
const CHANNELS_AT_ONCE = 500;

interface Listener {
  readonly onMessage: (message: Uint8Array) => void;
  /** The channel is open (again). */
  readonly onReady: (() => void) | undefined;
}

export class RedisSubscriber {
  readonly #redis: Redis;
  readonly #listeners = new Map<string, Set<Listener>>();
  readonly #pings: NodeJS.Timeout;
  #failureCount = 0;
  #isClosed = false;

  constructor(options: ConnectionOptions) {
    const retry = (): number | null =>
      this.#isClosed ? null : backoffMs((this.#failureCount += 1), RECONNECT);
    const { Redis: Ioredis } = ioredis();
    this.#redis = new Ioredis({
      ...ioredisOptions(options),
      retryStrategy: retry,
      sentinelRetryStrategy: retry,
    });
    this.#redis.on('ready', () => {
      this.#failureCount = 0;
      this.#listen([...this.#listeners.keys()]);
    });
    // Told by RedisConnection, which talks to the same server.
    this.#redis.on('error', () => undefined);
    this.#redis.on('messageBuffer', (channel: Buffer, message: Buffer) => {
      for (const { onMessage } of this.#listeners.get(channel.toString()) ?? []) onMessage(message);
    });
    this.#pings = setInterval(() => this.#ping(), PING_MS);
    this.#pings.unref();
  }

  subscribe(channel: string, onMessage: Listener['onMessage'], onReady?: () => void): () => void {
    const own: Listener = { onMessage, onReady };
    const listeners = this.#listeners.get(channel) ?? new Set();
    this.#listeners.set(channel, listeners);
    listeners.add(own);
    // Also for one that comes later: subscribed twice is subscribed, and the answer says since when.
    if (listeners.size === 1 || onReady) this.#listen([channel]);
    return () => {
      const current = this.#listeners.get(channel);
      if (!current?.delete(own) || current.size > 0) return;
      this.#listeners.delete(channel);
      if (this.#isReady) this.#redis.unsubscribe(channel).catch(() => this.#drop());
    };
  }

  close(): void {
    this.#isClosed = true;
    clearInterval(this.#pings);
    this.#redis.disconnect();
  }

  get #isReady(): boolean {
    return this.#redis.status === 'ready';
  }

  #listen(channels: readonly string[]): void {
    if (!this.#isReady) return;
    for (let from = 0; from < channels.length; from += CHANNELS_AT_ONCE) {
      const some = channels.slice(from, from + CHANNELS_AT_ONCE);
      this.#redis.subscribe(...some).then(
        () => this.#ready(some),
        () => this.#drop(),
      );
    }
  }

  #ready(channels: readonly string[]): void {
    for (const channel of channels) for (const { onReady } of this.#listeners.get(channel) ?? []) onReady?.();
  }

  #ping(): void {
    if (this.#isReady && this.#listeners.size > 0) this.#redis.ping().catch(() => this.#drop());
  }

  /** What is subscribed on it is not known any more, or it is silent. */
  #drop(): void {
    if (!this.#isClosed) this.#redis.stream.destroy();
  }
}
