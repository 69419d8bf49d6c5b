// Entry: where every HTTP request comes in, on the bare server.
// Owns: request ids, admission, counts, and the choice between the hot route and Koa.
//   I1. Every answer carries X-Request-Id, also those of requests that are refused here.
//   I2. A request that was let in leaves exactly once: when its response closes, whoever closed it.
import type { IncomingMessage, ServerResponse } from 'node:http';
import { type Clock, fromUnknown, GrainError, type Logger, type Rng } from '../../lib/index.ts';
import type { ClusterClient } from '../../silo/index.ts';
import type { TokenAuth } from '../auth/token-auth.ts';
import { Access } from './access.ts';
import { Admission } from './admission.ts';
import { type App, createApp } from './app.ts';
import { Cors } from './cors.ts';
import { EventStreams } from './event-streams.ts';
import { parseHotPath } from './hot-path.ts';
import { HotRoute } from './hot-route.ts';
import type { ResolvedHttpOptions } from './http-options.ts';
import { HttpStats, type RouteKind } from './http-stats.ts';
import { type GatewayGauges, Metrics } from './metrics.ts';
import { Pipelines } from './pipelines.ts';
import { failureBody, failureHeaders, send } from './reply.ts';
import { checkTarget, invalidRequest, pathOf } from './request-checks.ts';
import { RequestIds } from './request-id.ts';
import { methodsOf, routesAt } from './routes.ts';

/** What to tell a caller who is turned away because too many others are here. */
const BUSY_RETRY_MS = 1_000;
const CLOSE = ['Connection', 'close'] as const;

export interface EntryDeps {
  readonly cluster: ClusterClient;
  readonly auth: TokenAuth;
  readonly clock: Clock;
  readonly rng: Rng;
  readonly log: Logger;
  readonly options: ResolvedHttpOptions;
  readonly gauges: Pick<GatewayGauges, 'connections' | 'stream'>;
}

export class HttpEntry {
  readonly app: App;
  readonly admission: Admission;
  readonly streams: EventStreams;
  readonly stats = new HttpStats();
  readonly #deps: EntryDeps;
  readonly #ids: RequestIds;
  readonly #cors: Cors;
  readonly #hot: HotRoute;
  readonly #koa: (request: IncomingMessage, response: ServerResponse) => Promise<void>;
  /** Responses that no longer count as open requests. */
  readonly #exempt = new WeakSet<ServerResponse>();
  readonly #pipelines = new Pipelines((request, response) => this.#begin(request, response));
  #isDraining = false;

  constructor(deps: EntryDeps) {
    const { cluster, auth, clock, options } = deps;
    this.#deps = deps;
    this.#ids = new RequestIds(deps.rng);
    this.#cors = new Cors(options.allowedOrigins);
    this.admission = new Admission(options.inFlight);
    this.streams = new EventStreams(cluster, clock, options);
    const access = new Access(auth, clock, options);
    const logError = (error: GrainError, requestId: string): void => this.#logError(error, requestId);
    this.#hot = new HotRoute({
      cluster,
      access,
      options,
      logError,
      headersFor: (request) => this.#headersFor(request),
    });
    const metrics = new Metrics(cluster, this.stats, {
      inFlight: () => this.admission.open,
      eventStreams: () => this.streams.count,
      ...deps.gauges,
    });
    const isReady = (): boolean => !this.#isDraining && !cluster.isDraining;
    this.app = createApp({
      cluster,
      clock,
      options,
      streams: this.streams,
      metrics,
      access,
      logError,
      isReady,
      exempt: (ctx) => {
        this.#exempt.add(ctx.res);
        this.admission.leave();
      },
    });
    // Made at the first use, so that whoever mounts more on the app can do so after construction.
    let callback: ReturnType<App['callback']> | undefined;
    this.#koa = (request, response) => (callback ??= this.app.callback())(request, response);
  }

  /** From now on `/health/ready` says no, event streams end, and connections are closed after the answer. */
  drain(): void {
    this.#isDraining = true;
    this.streams.endAll();
  }

  /** For answers to what never became a request. */
  nextRequestId(): string {
    return this.#ids.next(undefined);
  }

  /** The listener of the server's `request` event. */
  readonly handle = (request: IncomingMessage, response: ServerResponse): void => {
    this.#pipelines.enter(request, response);
  };

  #begin(request: IncomingMessage, response: ServerResponse): void {
    const requestId = this.#ids.next(request.headers['x-request-id']);
    try {
      const url = checkTarget(request.url ?? '', this.#deps.options.urlLength);
      request.url = url;
      if (request.headers.host === undefined && request.httpVersion === '1.1') {
        throw invalidRequest('the Host header is missing');
      }
      // Whoever watches over this process must not take it for dead because it is busy.
      if (url.startsWith('/health')) this.#exempt.add(response);
      else if (!this.admission.enter())
        throw new GrainError('ERR_GATEWAY_BUSY', { retryAfterMs: BUSY_RETRY_MS });
      this.#serve(url, request, response, requestId);
    } catch (thrown) {
      response.on('close', () => this.#pipelines.left(request, response));
      this.#refuse(fromUnknown(thrown), request, response, requestId);
    }
  }

  #serve(url: string, request: IncomingMessage, response: ServerResponse, requestId: string): void {
    const startMs = this.#deps.clock.nowMs();
    const path = request.method === 'POST' ? parseHotPath(url) : undefined;
    if (path) {
      const envelope = this.#hot.handle(path, request, response, requestId, startMs);
      response.on('close', () => {
        this.#leave(path.flow === undefined ? 'event' : 'flow', response, startMs);
        if (!envelope.isSettled) envelope.cancel();
        this.#hot.release(envelope);
        this.#pipelines.left(request, response);
      });
      return;
    }
    const [route] = routesAt(pathOf(url));
    response.on('close', () => {
      this.#leave(route?.kind ?? 'none', response, startMs);
      this.#pipelines.left(request, response);
    });
    setAll(response, ['X-Request-Id', requestId, ...this.#headersFor(request)]);
    if (this.#answerOptions(url, request, response)) return;
    this.#koa(request, response).catch((thrown: unknown) => this.#logError(fromUnknown(thrown), requestId));
  }

  /** `OPTIONS *`, and the questions of browsers that come without a token. */
  #answerOptions(url: string, request: IncomingMessage, response: ServerResponse): boolean {
    const { method, headers } = request;
    if (url !== '*' && !this.#cors.isPreflight(method, headers)) return false;
    const methods = url === '*' ? ['GET', 'HEAD', 'POST', 'DELETE', 'OPTIONS'] : methodsOf(routesAt(url));
    if (url !== '*') setAll(response, this.#cors.preflightHeaders(methods));
    response.setHeader('Allow', methods.join(', '));
    response.writeHead(204).end();
    return true;
  }

  #leave(kind: RouteKind, response: ServerResponse, startMs: number): void {
    if (!this.#exempt.delete(response)) this.admission.leave();
    if (!response.writableFinished) this.stats.cancelled += 1;
    this.stats.ended(
      kind,
      response.headersSent ? response.statusCode : 499,
      this.#deps.clock.nowMs() - startMs,
    );
  }

  #refuse(error: GrainError, request: IncomingMessage, response: ServerResponse, requestId: string): void {
    if (!error.spec.public) this.#logError(error, requestId);
    this.stats.ended('none', error.spec.http, 0);
    const headers = [...this.#headersFor(request), ...failureHeaders(error)];
    send(response, requestId, error.spec.http, failureBody(error, requestId), headers);
  }

  #headersFor(request: IncomingMessage): readonly string[] {
    const headers = this.#cors.headersFor(request.headers);
    return this.#isDraining ? [...headers, ...CLOSE] : headers;
  }

  #logError(error: GrainError, requestId: string): void {
    const { code, cause = error, details } = error;
    this.#deps.log.error({ request_id: requestId, code, details, err: cause }, 'request.failed');
  }
}

/** Sets a flat list of names and values. */
function setAll(response: ServerResponse, headers: readonly string[]): void {
  for (let at = 0; at < headers.length; at += 2) response.setHeader(headers[at] ?? '', headers[at + 1] ?? '');
}
