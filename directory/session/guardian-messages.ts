// What the main loop and the guardian's thread tell each other. Whatever is urgent, or has to work while the main loop is
// busy, goes through the shared memory.
import type { RedisClientOptions } from '../redis/system-redis-client.ts';
import type { SessionTiming } from './session-timing.ts';

/** Cells of 64 bits: the main loop's heartbeat, and the deadline by `process.hrtime` in microseconds (0: none). */
export const CELLS = { beat: 0, untilUs: 1, bytes: 16 } as const;

export interface ThreadData {
  readonly incarnation: string;
  readonly cluster: string;
  readonly nodes: readonly RedisClientOptions[];
  readonly timing: SessionTiming;
  readonly shared: ArrayBufferLike;
}

/** Give the session up, then end. */
export type ToThread = 'end';

export type LogLevel = 'debug' | 'info' | 'warn' | 'error';

export type FromThread =
  | { readonly kind: 'acquired' }
  | { readonly kind: 'failed'; readonly message: string }
  /** It holds again after a lapse: look now, not at the next beat. */
  | { readonly kind: 'changed' }
  | { readonly kind: 'dead' }
  | { readonly kind: 'log'; readonly level: LogLevel; readonly fields: object; readonly message: string };
