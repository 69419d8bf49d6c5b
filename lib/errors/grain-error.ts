import { type ErrorCode, type ErrorSpec, errorSpec, isErrorCode } from './catalogue.ts';

export type ErrorDetails = Readonly<Record<string, unknown>>;

/** What a peer or client is told of an error: the shape of `error` in HTTP replies and WebSocket frames. */
export interface ErrorReport {
  readonly code: string;
  readonly message: string;
  readonly effect: 'none' | 'unknown';
  readonly retry_after_ms?: number;
  readonly details?: ErrorDetails;
}

/** A coded error of the catalogue. `details` help whoever gets it; `cause` is only for the log. */
export class GrainError extends Error {
  override readonly name = 'GrainError';
  readonly code: ErrorCode;
  readonly details: ErrorDetails;

  constructor(code: ErrorCode, details: ErrorDetails = {}, options?: { readonly cause?: unknown }) {
    super(messageOf(code, details), options);
    this.code = code;
    this.details = details;
  }

  get spec(): ErrorSpec {
    return errorSpec(this.code);
  }

  get effect(): 'none' | 'unknown' {
    return this.spec.effect;
  }

  get retryAfterMs(): number | undefined {
    const value = this.details['retryAfterMs'];
    return typeof value === 'number' ? Math.ceil(value) : undefined;
  }
}

function messageOf(code: ErrorCode, details: ErrorDetails): string {
  const said = details['message'];
  return typeof said === 'string' ? said : errorSpec(code).help;
}

/** The error as a coded one: itself, or `ERR_INTERNAL` around whatever was thrown. */
export function fromUnknown(thrown: unknown): GrainError {
  return thrown instanceof GrainError ? thrown : new GrainError('ERR_INTERNAL', {}, { cause: thrown });
}

/** What may leave the process: details of codes that are not public stay behind. */
export function toReport(error: GrainError): ErrorReport {
  if (!error.spec.public) return { code: error.code, message: error.spec.help, effect: error.effect };
  const { message: _message, retryAfterMs: _retry, ...details } = error.details;
  return {
    code: error.code,
    message: error.message,
    effect: error.effect,
    ...(error.retryAfterMs === undefined ? {} : { retry_after_ms: error.retryAfterMs }),
    ...(Object.keys(details).length === 0 ? {} : { details }),
  };
}

/** The error that a report tells of; codes that we do not know become `ERR_INTERNAL` with the report as details. */
export function fromReport(report: ErrorReport): GrainError {
  if (!isErrorCode(report.code)) return new GrainError('ERR_INTERNAL', { message: report.message, report });
  const retry = report.retry_after_ms === undefined ? {} : { retryAfterMs: report.retry_after_ms };
  return new GrainError(report.code, { ...report.details, ...retry, message: report.message });
}
