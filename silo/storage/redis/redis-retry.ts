// Asking Redis again, unchanged, until it answers or the limit has passed. For what is idempotent: claims, reads, records.
import type { RedisClient, RedisReply } from '../../../directory/index.ts';
import { backoffMs, type Clock } from '../../../lib/index.ts';
import { isPassing, lastingError, mayHaveRun, silentError } from './redis-errors.ts';

export const RETRY_BACKOFF = { firstMs: 5, mostMs: 250 };

export class RedisRetry {
  readonly client: RedisClient;
  readonly clock: Clock;
  readonly limitMs: number;
  /** Waits that end at once when the connection is up again. */
  readonly #waiting = new Set<() => void>();

  constructor(client: RedisClient, clock: Clock, limitMs: number) {
    this.client = client;
    this.clock = clock;
    this.limitMs = limitMs;
  }

  /** @throws ERR_STORE_FULL, ERR_STORE_FAILED, ERR_STORE_UNAVAILABLE */
  async ask(call: () => Promise<RedisReply>): Promise<RedisReply> {
    try {
      return await call();
    } catch (error) {
      return await this.#askAgain(call, error, this.clock.nowMs());
    }
  }

  async #askAgain(call: () => Promise<RedisReply>, first: unknown, sinceMs: number): Promise<RedisReply> {
    let last = first;
    let ran = false;
    for (let failures = 1; ; failures += 1) {
      if (!isPassing(last)) throw lastingError(last);
      ran ||= mayHaveRun(last);
      if (this.clock.nowMs() - sinceMs >= this.limitMs) throw silentError(ran, last);
      await this.pause(backoffMs(failures, RETRY_BACKOFF));
      try {
        return await call();
      } catch (error) {
        last = error;
      }
    }
  }

  pause(delayMs: number): Promise<void> {
    return new Promise((resolve) => {
      const end = (): void => {
        timer.cancel();
        this.#waiting.delete(end);
        resolve();
      };
      const timer = this.clock.setTimer(delayMs, end);
      this.#waiting.add(end);
    });
  }

  /** The connection is up: nobody waits any longer. */
  wake(): void {
    for (const end of [...this.#waiting]) end();
  }
}
