// The shape of every reply, and the one mapping of errors to it.
import type { ServerResponse } from 'node:http';
import { type GrainError, toJson, toReport } from '../../lib/index.ts';

export const JSON_TYPE = 'application/json; charset=utf-8';

export function successBody(data: unknown): string {
  return `{"status":"ok","data":${toJson(data)}}`;
}

export function failureBody(error: GrainError, requestId: string): string {
  return `{"status":"error","error":${reportJson(error)},"meta":{"request_id":${JSON.stringify(requestId)}}}`;
}

/** Details come from anywhere; some cannot be written. The code still leaves. */
function reportJson(error: GrainError): string {
  const { details, ...report } = toReport(error);
  try {
    return JSON.stringify(details === undefined ? report : { ...report, details });
  } catch {
    return JSON.stringify(report);
  }
}

/** Headers that say in HTTP what the error says, as a flat list of names and values. */
export function failureHeaders(error: GrainError): string[] {
  const headers: string[] = [];
  const retryMs = error.spec.public ? error.retryAfterMs : undefined;
  if (retryMs !== undefined) headers.push('Retry-After', String(Math.max(1, Math.ceil(retryMs / 1_000))));
  if (error.code === 'ERR_AUTH_REQUIRED') headers.push('WWW-Authenticate', 'Bearer realm="granary"');
  if (error.code === 'ERR_UPGRADE_REQUIRED') headers.push('Upgrade', 'websocket');
  const allow = error.code === 'ERR_METHOD_UNKNOWN' ? error.details['allow'] : undefined;
  if (Array.isArray(allow)) headers.push('Allow', allow.join(', '));
  return headers;
}

/** Sends a whole JSON reply at once, past Koa. `more` is a flat list of further headers. */
export function send(
  response: ServerResponse,
  requestId: string,
  status: number,
  body: string,
  more: readonly string[],
): void {
  // The caller is gone, or has had an answer: there is nobody to tell.
  if (response.destroyed || response.headersSent) return;
  const head = ['Content-Type', JSON_TYPE, 'Content-Length', String(Buffer.byteLength(body))];
  head.push('X-Request-Id', requestId);
  for (const text of more) head.push(text);
  response.writeHead(status, head);
  response.end(body);
}
