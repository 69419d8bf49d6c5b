/** A value now, or a promise of it. Drivers that answer from memory save their callers a trip through the job queue. */
export type MaybePromise<T> = T | Promise<T>;

export function isPromise<T>(value: MaybePromise<T>): value is Promise<T> {
  return value instanceof Promise;
}
