// RedisClient: the seam between our drivers and a Redis server, Sentinel group or Redis Cluster.
// The simulator has a server of its own behind it; `system-redis-client.ts` has ioredis.
//   R1. Commands whose keys share a hash tag reach the server in the order of the calls, unless one of them fails.
//   R2. Nothing is sent twice, and nothing is kept to be sent later: a command is written to a socket now, or fails.
//   R3. Every call settles: with a reply, or with one of the two errors below, at most `commandTimeoutMs` later.

export type RedisArgument = string | Uint8Array | number;
/** Bulk strings come as bytes. */
export type RedisReply = null | number | string | Uint8Array | readonly RedisReply[];

/** A Lua script; its text never changes once released: a changed script is another script. */
export interface RedisScript {
  /** For logs: the name of its file. */
  readonly name: string;
  readonly lua: string;
  /** SHA-1 of the text, in hexadecimal. */
  readonly sha: string;
}

/**
 * The server answered with an error: the command did nothing (scripts of ours write only after their last check).
 * `code` is its first word: OOM, READONLY, LOADING, NOSCRIPT, ERR…
 */
export class RedisRefusal extends Error {
  override readonly name = 'RedisRefusal';
  readonly code: string;

  constructor(message: string) {
    super(message);
    this.code = message.slice(0, Math.max(0, message.indexOf(' '))) || message;
  }
}

/** No answer. `wasSent: false`: it surely never reached the server; else it may have been executed, or may be yet. */
export class RedisSilence extends Error {
  override readonly name = 'RedisSilence';
  readonly wasSent: boolean;

  constructor(message: string, wasSent: boolean) {
    super(message);
    this.wasSent = wasSent;
  }
}

/** What became of the connection, and of the server behind it. */
export type RedisEvent =
  /** Connected, scripts can be run. `isSame`: the same server process as before, with all its data (run id). */
  { readonly kind: 'up'; readonly isSame: boolean } | { readonly kind: 'down'; readonly reason: string };

export interface RedisClient {
  readonly isUp: boolean;
  /** @throws (rejects) RedisRefusal, RedisSilence */
  call(command: string, args: readonly RedisArgument[]): Promise<RedisReply>;
  /**
   * Runs a script by its SHA. On NOSCRIPT the script is loaded, and the call is refused with code NOSCRIPT: what was sent
   * behind it may have run, so only the caller can know in which order to send again.
   */
  run(script: RedisScript, keys: readonly string[], args: readonly RedisArgument[]): Promise<RedisReply>;
  /**
   * Messages on a channel, over a connection of its own; at most once each. `onReady` is told each time that the channel is
   * open (again): what was published before may have been missed. The answer ends that.
   */
  subscribe(channel: string, onMessage: (message: Uint8Array) => void, onReady?: () => void): () => void;
  onEvent(listener: (event: RedisEvent) => void): () => void;
  close(): Promise<void>;
}

/** Whether the failed command surely had no effect. */
export function hadNoEffect(error: unknown): boolean {
  return error instanceof RedisRefusal || (error instanceof RedisSilence && !error.wasSent);
}
