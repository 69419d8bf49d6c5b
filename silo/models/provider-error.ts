// ModelProviderError: what programs and fallbacks are told when a model did not answer.
import { ScaiCoreError } from '../../lib/lang/index.ts';

/** A model, and who serves it. */
export interface ModelTarget {
  readonly provider: string;
  readonly model: string;
}

export interface ProviderFailure {
  /** What happened in one word: `status`, `network`, `timeout`, `malformed`, `too_large`, `tools`, `unknown_provider`, … */
  readonly reason: string;
  readonly status?: number | undefined;
  /** Whether the same request may do better later. */
  readonly retryable: boolean;
  readonly retryAfterMs?: number | undefined;
}

export function providerError(target: ModelTarget, message: string, failure: ProviderFailure): ScaiCoreError {
  return new ScaiCoreError('ModelProviderError', `${target.provider}/${target.model}: ${message}`, {
    provider: target.provider,
    model: target.model,
    reason: failure.reason,
    retryable: failure.retryable,
    ...(failure.status === undefined ? {} : { status: failure.status }),
    ...(failure.retryAfterMs === undefined ? {} : { retry_after_ms: Math.ceil(failure.retryAfterMs) }),
  });
}

/** The request itself is at fault: no other model would take it either. */
const REQUEST_AT_FAULT: ReadonlySet<unknown> = new Set([400, 413, 422]);

/** Whether the next model in `fallback` may be tried. */
export function mayFallBack(thrown: unknown): thrown is ScaiCoreError {
  return (
    thrown instanceof ScaiCoreError &&
    thrown.errorType === 'ModelProviderError' &&
    thrown.details['reason'] !== 'tools' &&
    thrown.details['reason'] !== 'deadline' &&
    !REQUEST_AT_FAULT.has(thrown.details['status'])
  );
}

/** Of several models none answered: the last one's error, with all that was tried. */
export function nobodyAnswered(failures: readonly ScaiCoreError[]): ScaiCoreError {
  const last = failures[failures.length - 1];
  if (last === undefined) return new ScaiCoreError('ModelProviderError', 'there is no model to ask');
  if (failures.length === 1) return last;
  const attempts = failures.map(({ details }) => ({
    provider: details['provider'],
    model: details['model'],
    reason: details['reason'],
    ...(details['status'] === undefined ? {} : { status: details['status'] }),
  }));
  const message = `none of ${failures.length} models answered; the last: ${last.message}`;
  return new ScaiCoreError('ModelProviderError', message, { ...last.details, attempts });
}

/** An answer that cannot be used, or says that something went wrong; thrown by readers, made a ModelProviderError. */
export class AnswerError extends Error {
  override readonly name = 'AnswerError';
  readonly status: number | undefined;

  /** @param status what the answer says of itself where it differs from that of HTTP; none when it is malformed */
  constructor(message: string, status?: number) {
    super(message);
    this.status = status;
  }

  get isRetryable(): boolean {
    return this.status === undefined || this.status === 429 || this.status >= 500;
  }
}
