export interface BackoffOptions {
  /** The first delay, in milliseconds. */
  readonly firstMs: number;
  /** No delay is longer than this, in milliseconds. */
  readonly mostMs: number;
}

/** The delay after `failureCount` failures in a row (1 = the first): doubles each time, up to the most. */
export function backoffMs(failureCount: number, { firstMs, mostMs }: BackoffOptions): number {
  return Math.min(mostMs, firstMs * 2 ** Math.min(failureCount - 1, 30));
}
