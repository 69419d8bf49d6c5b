// What a failed call to Redis means to callers of the directory and of storage.
import { fromUnknown, GrainError } from '../../lib/index.ts';
import { RedisRefusal, RedisSilence } from './redis-client.ts';

/** A connection that was lost is usually there again, or known to be away, after this time. */
const RETRY_AFTER_MS = 250;

/**
 * The coded error of a failed call. Surely without effect: ERR_STORE_UNAVAILABLE, or ERR_STORE_FULL when Redis is out of
 * memory. Sent and not answered: ERR_STORE_FAILED (effect `unknown`).
 */
export function storeError(error: unknown): GrainError {
  if (error instanceof RedisRefusal) return refused(error);
  if (!(error instanceof RedisSilence)) return fromUnknown(error);
  if (!error.wasSent) return unavailable(error);
  return new GrainError('ERR_STORE_FAILED', {}, { cause: error });
}

/** A script answered `lost`: the partition's generation is not the one that we know. */
export function storeLost(partition: number, found: string): GrainError {
  return new GrainError('ERR_STORE_LOST', {
    partition,
    found: found === '' ? 'nothing' : 'another generation',
  });
}

function refused(refusal: RedisRefusal): GrainError {
  // Redis 6.2 wraps errors of commands inside scripts: `ERR Error running script …: -OOM command not allowed …`.
  if (refusal.code === 'OOM' || refusal.message.includes('-OOM ')) {
    const message =
      'Redis has reached its maxmemory: nothing was stored. Give it more memory, then try again.';
    return new GrainError('ERR_STORE_FULL', { message }, { cause: refusal });
  }
  return unavailable(refusal);
}

function unavailable(cause: Error): GrainError {
  return new GrainError('ERR_STORE_UNAVAILABLE', { retryAfterMs: RETRY_AFTER_MS }, { cause });
}
