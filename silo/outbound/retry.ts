// When to try again: pure policy, and the waiting that it asks for.
import { backoffMs, type Clock, type Rng } from '../../lib/index.ts';
import { OutboundError } from './exchange.ts';

export interface RetryPolicy {
  /** Attempts after the first one. */
  readonly retries: number;
  /** The first delay is anything up to this, in milliseconds; it doubles with each failure. */
  readonly firstMs: number;
  readonly mostMs: number;
  /** A service that asks for a longer pause than this is given up at once. */
  readonly retryAfterMostMs: number;
}

/**
 * The pause after `failureCount` failures in a row; undefined when it is time to give up. Full jitter: of many callers that
 * failed together no two come back together. A service that names a time is not asked before it.
 */
export function retryDelayMs(
  failureCount: number,
  retryAfterMs: number | undefined,
  policy: RetryPolicy,
  rng: Rng,
): number | undefined {
  if (failureCount > policy.retries) return undefined;
  const jitterMs = rng.next() * backoffMs(failureCount, policy);
  if (retryAfterMs === undefined) return jitterMs;
  return retryAfterMs > policy.retryAfterMostMs ? undefined : Math.max(jitterMs, retryAfterMs);
}

/** `Retry-After`: seconds, or a date. Undefined when there is none that can be read. */
export function retryAfterMs(headers: Headers, clock: Clock): number | undefined {
  const said = headers.get('retry-after')?.trim();
  if (said === undefined || said === '') return undefined;
  if (/^\d+(\.\d+)?$/.test(said)) return Number(said) * 1_000;
  const atMs = Date.parse(said);
  return Number.isNaN(atMs) ? undefined : Math.max(0, atMs - clock.wallMs());
}

/** @throws OutboundError when the signal is set off first */
export function pause(delayMs: number, clock: Clock, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const cancelled = (): void => {
      timer.cancel();
      reject(new OutboundError('cancelled', 'the call was cancelled'));
    };
    const timer = clock.setTimer(delayMs, () => {
      signal?.removeEventListener('abort', cancelled);
      resolve();
    });
    signal?.addEventListener('abort', cancelled, { once: true });
    if (signal?.aborted === true) cancelled();
  });
}
