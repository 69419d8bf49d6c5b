// What an error of Redis means for the one who asked.
import { RedisRefusal, RedisSilence, storeError } from '../../../directory/index.ts';
import { GrainError } from '../../../lib/index.ts';

/** Refusals that end by themselves: a failover, a restart, scripts that have to be loaded, a disk that is full for now. */
const PASSING: ReadonlySet<string> = new Set([
  'NOSCRIPT',
  'LOADING',
  'READONLY',
  'MASTERDOWN',
  'CLUSTERDOWN',
  'TRYAGAIN',
  'MOVED',
  'ASK',
  'BUSY',
  'NOREPLICAS',
  'MISCONF',
  'UNBLOCKED',
]);

/** Whether asking again, unchanged, makes sense. */
export function isPassing(error: unknown): boolean {
  return error instanceof RedisSilence || (error instanceof RedisRefusal && PASSING.has(error.code));
}

/** A refusal that asking again would only repeat. */
export function lastingError(error: unknown): GrainError {
  return storeError(error);
}

/** Asked until the limit, and never an answer that could be used. */
export function silentError(mayHaveRun: boolean, error: unknown): GrainError {
  const said = error instanceof Error ? error.message : 'no answer';
  const message = `Redis: ${said}`;
  return new GrainError(
    mayHaveRun ? 'ERR_STORE_FAILED' : 'ERR_STORE_UNAVAILABLE',
    { message },
    { cause: error },
  );
}

export function mayHaveRun(error: unknown): boolean {
  return error instanceof RedisSilence && error.wasSent;
}
