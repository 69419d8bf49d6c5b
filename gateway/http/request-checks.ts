// What a request must be before anybody looks at its meaning: pure functions of its head.
import type { IncomingHttpHeaders } from 'node:http';
import { GrainError } from '../../lib/index.ts';
import { DEADLINE_MAX_MS } from './http-options.ts';

const VISIBLE = /^[\x21-\x7e]+$/;
const COMMAND_ID = /^[\x21-\x7e]{1,255}$/;
const JSON_CONTENT = /^application\/json\s*(?:;\s*charset\s*=\s*"?utf-?8"?\s*)?;?$/i;

export function invalidRequest(message: string, details: Readonly<Record<string, unknown>> = {}): GrainError {
  return new GrainError('ERR_REQUEST_INVALID', { message, ...details });
}

/**
 * The target as path and query, without the scheme and host that proxies put before it.
 * @throws ERR_URL_TOO_LONG, ERR_REQUEST_INVALID
 */
export function checkTarget(target: string, lengthMax: number): string {
  if (target.length > lengthMax) throw new GrainError('ERR_URL_TOO_LONG', { length_max: lengthMax });
  const isOrigin = target.startsWith('/');
  const url = isOrigin ? target : target.replace(/^https?:\/\/[^/?#]*/i, '');
  if (!isOrigin && !url.startsWith('/') && target !== '*')
    throw invalidRequest('the request target is no path');
  if (!VISIBLE.test(url) && target !== '*') {
    throw invalidRequest('the URL has characters that must be percent-encoded as UTF-8');
  }
  if (url.includes('%')) decodePart(pathOf(url));
  return target === '*' ? target : url;
}

/** The URL without its query. */
export function pathOf(url: string): string {
  const query = url.indexOf('?');
  return query < 0 ? url : url.slice(0, query);
}

/** @throws ERR_REQUEST_INVALID when it is not percent-encoded UTF-8. */
export function decodePart(text: string): string {
  try {
    return text.includes('%') ? decodeURIComponent(text) : text;
  } catch {
    throw invalidRequest('the path has a percent sign that starts no UTF-8 character');
  }
}

/** Bodies are JSON in UTF-8, as they are. @throws ERR_BODY_TYPE */
export function checkBodyType(headers: IncomingHttpHeaders): void {
  const type = headers['content-type'];
  const encoding = headers['content-encoding'];
  if (encoding !== undefined && encoding !== 'identity') {
    throw new GrainError('ERR_BODY_TYPE', { message: 'Send the body without content-encoding.', encoding });
  }
  if (type === 'application/json') return;
  if (type === undefined || !JSON_CONTENT.test(type))
    throw new GrainError('ERR_BODY_TYPE', { got: type ?? null });
}

/** The bytes that the body will have; undefined when only its end will tell. */
export function declaredBytes(headers: IncomingHttpHeaders): number | undefined {
  const length = headers['content-length'];
  if (length !== undefined) return Number(length);
  return headers['transfer-encoding'] === undefined ? 0 : undefined;
}

/** Milliseconds that the caller waits. @throws ERR_REQUEST_INVALID */
export function deadlineOf(headers: IncomingHttpHeaders, otherwise: number): number {
  const given = headers['x-deadline-ms'];
  if (given === undefined) return otherwise;
  const ms = typeof given === 'string' && /^\d{1,6}$/.test(given) ? Number(given) : 0;
  if (ms >= 1 && ms <= DEADLINE_MAX_MS) return ms;
  throw invalidRequest(`X-Deadline-Ms must be a whole number from 1 to ${DEADLINE_MAX_MS}`);
}

/** @throws ERR_REQUEST_INVALID */
export function commandIdOf(headers: IncomingHttpHeaders): string | undefined {
  const given = headers['idempotency-key'];
  if (given === undefined) return undefined;
  if (typeof given === 'string' && COMMAND_ID.test(given)) return given;
  throw invalidRequest('Idempotency-Key must be 1 to 255 visible ASCII characters');
}
