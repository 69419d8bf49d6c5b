// HotRoute: flows and events, answered on the bare `node:http` server before Koa sees them.
// Owns: one HttpEnvelope per request, from its head to its answer. Does not own: what the call means (the grain).
//   H1. A request gets exactly one answer: everything ends in the envelope, which settles once.
//   H2. No promise, timer or controller is made for a request; the cluster watches the deadline.
//   H3. A caller who goes away cancels the envelope. Bodies beyond the limit are not kept.
//   H4. Bodies that are still arriving hold a bounded number of bytes together: whoever drips many of them keeps out
//       others that come in pieces, but not those that come whole.
import { isUtf8 } from 'node:buffer';
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http';
import { fromParsedJson, fromUnknown, GrainError } from '../../lib/index.ts';
import { type ClusterClient, Envelope } from '../../silo/index.ts';
import { type Access, checkCore, checkKey } from './access.ts';
import type { HotPath } from './hot-path.ts';
import type { ResolvedHttpOptions } from './http-options.ts';
import { failureBody, failureHeaders, send, successBody } from './reply.ts';
import { checkBodyType, commandIdOf, deadlineOf, declaredBytes } from './request-checks.ts';

/** A body that was refused is read on up to this many times its limit, so that its sender sees the answer. */
const LINGER_FACTOR = 16;
/** Bodies of the largest size that may be arriving at once. */
const ARRIVING_MAX = 256;
const BUSY_RETRY_MS = 1_000;

export interface HotRouteDeps {
  readonly cluster: ClusterClient;
  readonly access: Access;
  readonly options: ResolvedHttpOptions;
  /** Told of errors whose details stay here. */
  readonly logError: (error: GrainError, requestId: string) => void;
  /** Headers that every answer to this request gets (CORS, and `Connection: close` while draining). */
  readonly headersFor: (request: IncomingMessage) => readonly string[];
}

/** A call on behalf of one HTTP request, which it answers. */
export class HttpEnvelope extends Envelope {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly requestId: string;
  /** Of a body that has not arrived whole. */
  arrivingBytes = 0;
  readonly #deps: HotRouteDeps;

  constructor(deps: HotRouteDeps, request: IncomingMessage, response: ServerResponse, requestId: string) {
    super();
    this.#deps = deps;
    this.request = request;
    this.response = response;
    this.requestId = requestId;
  }

  protected override onResult(output: unknown): void {
    try {
      const isEvent = this.kind === 'event';
      const body = isEvent ? '{"status":"ok","data":{"applied":true}}' : successBody(output);
      send(this.response, this.requestId, isEvent ? 202 : 200, body, this.#deps.headersFor(this.request));
    } catch (thrown) {
      // The outcome is decided, only its text cannot be made; the flow may have run and committed.
      this.onError(new GrainError('ERR_INTERNAL', {}, { cause: thrown }));
    }
  }

  protected override onError(error: GrainError): void {
    if (!error.spec.public) this.#deps.logError(error, this.requestId);
    const headers = [...this.#deps.headersFor(this.request), ...failureHeaders(error)];
    send(this.response, this.requestId, error.spec.http, failureBody(error, this.requestId), headers);
  }
}

export class HotRoute {
  readonly #deps: HotRouteDeps;
  #arrivingBytes = 0;

  constructor(deps: HotRouteDeps) {
    this.#deps = deps;
  }

  /** Takes over the request that came at `nowMs`. The envelope is returned so that whoever sees the connection end can cancel it. */
  handle(
    path: HotPath,
    request: IncomingMessage,
    response: ServerResponse,
    requestId: string,
    nowMs: number,
  ): HttpEnvelope {
    const envelope = new HttpEnvelope(this.#deps, request, response, requestId);
    try {
      const declared = this.#readHead(envelope, path, request.headers, nowMs);
      if (declared === 0) this.#dispatch(envelope, undefined, 0);
      else this.#readBody(envelope, declared);
    } catch (thrown) {
      this.#refuse(envelope, fromUnknown(thrown), 0);
    }
    return envelope;
  }

  /** Everything that the head tells; answers how long the body will be. */
  #readHead(
    envelope: HttpEnvelope,
    path: HotPath,
    headers: IncomingHttpHeaders,
    nowMs: number,
  ): number | undefined {
    const { access, options } = this.#deps;
    const caller = access.check(envelope.request);
    checkCore(caller, path.core);
    if (path.key !== undefined) checkKey(path.key);
    envelope.kind = path.flow === undefined ? 'event' : 'call';
    envelope.tenant = caller.tenant;
    envelope.principal = caller.principal.name;
    envelope.core = path.core;
    envelope.key = path.key;
    envelope.flow = path.flow ?? '';
    envelope.commandId = commandIdOf(headers);
    envelope.deadlineMs = nowMs + deadlineOf(headers, options.deadlineMs);
    const declared = declaredBytes(headers);
    if (declared === 0) return 0;
    checkBodyType(headers);
    if (declared !== undefined && declared > options.bodyBytes) throw tooLarge(options.bodyBytes);
    return declared;
  }

  #readBody(envelope: HttpEnvelope, declared: number | undefined): void {
    const { request } = envelope;
    const limit = this.#deps.options.bodyBytes;
    let first: Buffer | undefined;
    let rest: Buffer[] | undefined;
    let received = 0;
    const finish = (): void => {
      this.release(envelope);
      this.#receive(envelope, first !== undefined && rest ? Buffer.concat([first, ...rest]) : first);
    };
    const onData = (chunk: Buffer): void => {
      received += chunk.length;
      const problem = received > limit ? tooLarge(limit) : undefined;
      const refusal = problem ?? (received === declared ? undefined : this.#hold(envelope, chunk.length));
      if (refusal) {
        request.off('data', onData).off('end', finish);
        first = rest = undefined;
        this.release(envelope);
        this.#refuse(envelope, refusal, received);
        return;
      }
      if (first === undefined) first = chunk;
      else (rest ??= []).push(chunk);
      if (received === declared) finish();
    };
    request.on('data', onData);
    if (declared === undefined) request.on('end', finish);
  }

  /** H4. Answers why there is no room. */
  #hold(envelope: HttpEnvelope, bytes: number): GrainError | undefined {
    this.#arrivingBytes += bytes;
    envelope.arrivingBytes += bytes;
    if (this.#arrivingBytes <= this.#deps.options.bodyBytes * ARRIVING_MAX) return undefined;
    return new GrainError('ERR_GATEWAY_BUSY', { retryAfterMs: BUSY_RETRY_MS });
  }

  /** Nothing more of its body is kept here; also when its connection has gone. */
  release(envelope: HttpEnvelope): void {
    this.#arrivingBytes -= envelope.arrivingBytes;
    envelope.arrivingBytes = 0;
  }

  #receive(envelope: HttpEnvelope, body: Buffer | undefined): void {
    try {
      if (body) this.#dispatch(envelope, parseBody(body), body.length);
      else this.#dispatch(envelope, undefined, 0);
    } catch (thrown) {
      envelope.reject(fromUnknown(thrown));
    }
  }

  #dispatch(envelope: HttpEnvelope, value: unknown, bytes: number): void {
    envelope.inputBytes = bytes;
    if (envelope.kind === 'event') readEvent(envelope, value);
    else envelope.input = value;
    this.#deps.cluster.dispatch(envelope);
  }

  /**
   * Answers before the body has arrived, and lets the rest pass by unread. Were the connection closed at once, the
   * caller, who is still sending, would see a reset and never the answer.
   */
  #refuse(envelope: HttpEnvelope, error: GrainError, alreadyBytes: number): void {
    const { request } = envelope;
    const most = this.#deps.options.bodyBytes * LINGER_FACTOR;
    let passed = alreadyBytes;
    request.on('data', (chunk: Buffer) => {
      passed += chunk.length;
      if (passed > most) request.socket.destroy();
    });
    envelope.reject(error);
  }
}

function tooLarge(limit: number): GrainError {
  return new GrainError('ERR_BODY_TOO_LARGE', { bytes_max: limit });
}

/** @throws ERR_BODY_INVALID, ERR_VALUE_INVALID */
function parseBody(body: Buffer): unknown {
  if (!isUtf8(body)) throw new GrainError('ERR_BODY_INVALID', { message: 'The body is not UTF-8.' });
  let parsed: unknown;
  try {
    parsed = JSON.parse(body.toString());
  } catch (thrown) {
    const reason = thrown instanceof Error ? thrown.message : '';
    throw new GrainError('ERR_BODY_INVALID', { message: `The body is not JSON: ${reason}` });
  }
  return fromParsedJson(parsed);
}

/** `{event, data}` of a body. @throws ERR_BODY_INVALID */
function readEvent(envelope: HttpEnvelope, value: unknown): void {
  const refuse = (problem: string): never => {
    throw new GrainError('ERR_BODY_INVALID', {
      message: `The body must be {"event": NAME, "data": …}: ${problem}`,
    });
  };
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return refuse('it is no object');
  if (value instanceof Uint8Array) return refuse('it is no object');
  const { event, data, ...others } = value as Readonly<Record<string, unknown>>;
  if (typeof event !== 'string' || event === '') return refuse('event is no name');
  const [stranger] = Object.keys(others);
  if (stranger !== undefined) return refuse(`there is no ${JSON.stringify(stranger.slice(0, 64))}`);
  envelope.flow = event;
  envelope.input = data;
}
