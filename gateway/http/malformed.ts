// What is answered on the bare socket when the bytes on it never became a request.
import type { ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { type ErrorCode, GrainError } from '../../lib/index.ts';
import { failureBody, failureHeaders, JSON_TYPE } from './reply.ts';

/** What node:http keeps on a socket: the response that is being written, if any. It has no public name for it. */
interface HttpSocket extends Duplex {
  readonly _httpMessage?: ServerResponse | null;
}

const REASONS: Readonly<Record<number, string>> = {
  400: 'Bad Request',
  403: 'Forbidden',
  404: 'Not Found',
  408: 'Request Timeout',
  431: 'Request Header Fields Too Large',
  503: 'Service Unavailable',
};

/** The coded error for what the HTTP parser says. */
export function parserError(error: NodeJS.ErrnoException): GrainError {
  let code: ErrorCode = 'ERR_REQUEST_INVALID';
  if (error.code === 'HPE_HEADER_OVERFLOW') code = 'ERR_HEADERS_TOO_LARGE';
  if (error.code === 'ERR_HTTP_REQUEST_TIMEOUT') code = 'ERR_REQUEST_TIMEOUT';
  return new GrainError(
    code,
    code === 'ERR_REQUEST_INVALID' ? { message: `Not HTTP: ${error.message}` } : {},
  );
}

/** Answers on a socket that no response belongs to, and closes it. */
export function refuseSocket(socket: Duplex, error: GrainError, requestId: string): void {
  const isAnswering = (socket as HttpSocket)._httpMessage?.headersSent === true;
  // In the middle of another answer anything that we wrote would be taken for a part of it.
  if (!socket.writable || isAnswering) {
    socket.destroy();
    return;
  }
  const { http } = error.spec;
  const body = failureBody(error, requestId);
  const headers = ['Content-Type', JSON_TYPE, 'Content-Length', String(Buffer.byteLength(body))];
  headers.push('X-Request-Id', requestId, 'Connection', 'close', ...failureHeaders(error));
  let head = `HTTP/1.1 ${http} ${REASONS[http] ?? 'Error'}\r\n`;
  for (let at = 0; at < headers.length; at += 2) head += `${headers[at]}: ${headers[at + 1]}\r\n`;
  socket.end(`${head}\r\n${body}`, () => socket.destroy());
}
