// Admission: how much may be under way at once, and how fast one caller may ask.
// Owns: the count of open requests and the bucket of each caller.
//   N1. Every `enter` that said yes is followed by exactly one `leave`.
//   N2. The table of callers is bounded; who asked longest ago is forgotten first.
import type { RateLimit } from './http-options.ts';

const CALLERS_MAX = 10_000;

export class Admission {
  readonly #max: number;
  #open = 0;
  #whenIdle: (() => void) | undefined;

  constructor(max: number) {
    this.#max = max;
  }

  get open(): number {
    return this.#open;
  }

  enter(): boolean {
    if (this.#open >= this.#max) return false;
    this.#open += 1;
    return true;
  }

  leave(): void {
    this.#open -= 1;
    if (this.#open === 0) this.#whenIdle?.();
  }

  /** Resolves once nothing is open. */
  idle(): Promise<void> {
    if (this.#open === 0) return Promise.resolve();
    return new Promise((resolve) => {
      this.#whenIdle = resolve;
    });
  }
}

interface Bucket {
  tokens: number;
  atMs: number;
}

export class RateLimiter {
  readonly #limit: RateLimit;
  readonly #buckets = new Map<string, Bucket>();

  constructor(limit: RateLimit) {
    this.#limit = limit;
  }

  /** Takes one from the caller's bucket; answers 0, or how many milliseconds to wait for the next one. */
  take(caller: string, nowMs: number): number {
    const { perSecond, burst } = this.#limit;
    const bucket = this.#touch(caller, nowMs);
    const tokens = Math.min(burst, bucket.tokens + ((nowMs - bucket.atMs) * perSecond) / 1_000);
    bucket.atMs = nowMs;
    bucket.tokens = tokens >= 1 ? tokens - 1 : tokens;
    return tokens >= 1 ? 0 : Math.ceil(((1 - tokens) * 1_000) / perSecond);
  }

  #touch(caller: string, nowMs: number): Bucket {
    const known = this.#buckets.get(caller);
    // A Map keeps the order of insertion: moved to the end, the first is who asked longest ago.
    if (known) this.#buckets.delete(caller);
    const bucket = known ?? { tokens: this.#limit.burst, atMs: nowMs };
    this.#buckets.set(caller, bucket);
    if (this.#buckets.size > CALLERS_MAX) {
      for (const oldest of this.#buckets.keys()) {
        this.#buckets.delete(oldest);
        break;
      }
    }
    return bucket;
  }
}
