// The handlers of all routes that Koa serves: they read the request, ask the cluster, and set `ctx.body`.
import { type Clock, GrainError } from '../../lib/index.ts';
import { type ClusterClient, type CoreManifest, PromiseEnvelope, shownCores } from '../../silo/index.ts';
import { type Caller, checkCore, checkKey } from './access.ts';
import type { EventStreams } from './event-streams.ts';
import { homePage } from './home-page.ts';
import type { ResolvedHttpOptions } from './http-options.ts';
import type { Metrics } from './metrics.ts';
import { openApiDocument } from './openapi.ts';
import { JSON_TYPE, successBody } from './reply.ts';
import { commandIdOf, deadlineOf, invalidRequest } from './request-checks.ts';
import type { AppContext, RouteId } from './routes.ts';

export interface HandlerDeps {
  readonly cluster: ClusterClient;
  readonly clock: Clock;
  readonly options: ResolvedHttpOptions;
  readonly streams: EventStreams;
  readonly metrics: Metrics;
  /** The response stops counting as an open request: it lasts as long as its reader wants. */
  readonly exempt: (ctx: AppContext) => void;
  readonly isReady: () => boolean;
}

export type Handler = (ctx: AppContext) => Promise<void> | void;
/** The hot routes answer before Koa; their handlers would never run. */
export type KoaRouteId = Exclude<RouteId, 'callFlow' | 'callFlowByInput' | 'sendEvent' | 'sendEventByData'>;

const CURSOR = /^\d{1,16}\.\d{1,16}$/;

export function handlersFor(deps: HandlerDeps): Record<KoaRouteId, Handler> {
  const startMs = deps.clock.nowMs();
  return {
    eraseGrain: (ctx) => eraseGrain(ctx, deps),
    watchGrain: (ctx) => watch(ctx, deps, parameterOf(ctx, 'key')),
    watchSingleton: (ctx) => watch(ctx, deps, undefined),
    listCores: (ctx) => replyWith(ctx, visibleCores(ctx, deps.cluster)),
    getCore: (ctx) => replyWith(ctx, coreOf(ctx, deps.cluster)),
    listInstances: (ctx) => listInstances(ctx, deps.cluster),
    getCluster: (ctx) => getCluster(ctx, deps.cluster),
    openStream: () => {
      throw new GrainError('ERR_UPGRADE_REQUIRED');
    },
    getHealth: (ctx) => replyWith(ctx, { uptimeMs: Math.round(deps.clock.nowMs() - startMs) }),
    getReadiness: (ctx) => {
      if (!deps.isReady()) throw new GrainError('ERR_SILO_DRAINING');
      replyWith(ctx, { ready: true });
    },
    getMetrics: async (ctx) => {
      ctx.body = await deps.metrics.text();
      ctx.type = deps.metrics.contentType;
    },
    getOpenApi: (ctx) => {
      ctx.body = JSON.stringify(openApiDocument(shownCores(visibleCores(ctx, deps.cluster))));
      ctx.type = JSON_TYPE;
    },
    getHome: (ctx) => {
      ctx.set('Content-Security-Policy', "default-src 'none'; style-src 'unsafe-inline'");
      ctx.body = homePage(shownCores(visibleCores(ctx, deps.cluster)), ctx.host);
      ctx.type = 'text/html; charset=utf-8';
    },
  };
}

function replyWith(ctx: AppContext, data: unknown): void {
  ctx.body = successBody(data);
  ctx.type = JSON_TYPE;
}

/** Set by the rim for every path that is not public. */
function callerOf(ctx: AppContext): Caller {
  const { caller } = ctx.state;
  if (caller) return caller;
  throw new GrainError('ERR_AUTH_REQUIRED');
}

function parameterOf(ctx: AppContext, name: string): string {
  return ctx.params[name] ?? '';
}

/** @throws ERR_REQUEST_INVALID when it is given more than once */
function queryOf(ctx: AppContext, name: string): string | undefined {
  const value = ctx.query[name];
  if (Array.isArray(value)) throw invalidRequest(`the query has ${name} more than once`);
  return value;
}

function visibleCores(ctx: AppContext, cluster: ClusterClient): CoreManifest[] {
  const { principal } = callerOf(ctx);
  const visible = [...cluster.manifests().values()].filter(({ name }) => principal.canUse(name));
  return visible.sort((left, right) => (left.name < right.name ? -1 : 1));
}

/** The Core of the path. @throws ERR_CORE_UNKNOWN, ERR_AUTH_FORBIDDEN */
function coreOf(ctx: AppContext, cluster: ClusterClient): CoreManifest {
  const core = parameterOf(ctx, 'core');
  checkCore(callerOf(ctx), core);
  const manifest = cluster.manifests().get(core);
  if (manifest) return manifest;
  throw new GrainError('ERR_CORE_UNKNOWN', { core });
}

async function listInstances(ctx: AppContext, cluster: ClusterClient): Promise<void> {
  const { name } = coreOf(ctx, cluster);
  const given = queryOf(ctx, 'limit') ?? '100';
  const limit = /^\d{1,4}$/.test(given) ? Number(given) : 0;
  if (limit < 1 || limit > 1_000) throw invalidRequest('limit must be a whole number from 1 to 1000');
  const cursor = queryOf(ctx, 'cursor');
  const page = await cluster.instances(callerOf(ctx).tenant, name, {
    limit,
    ...(cursor === undefined ? {} : { cursor }),
  });
  replyWith(ctx, page);
}

async function getCluster(ctx: AppContext, cluster: ClusterClient): Promise<void> {
  const { principal } = callerOf(ctx);
  const report = await cluster.cluster();
  if (principal.isAdmin) return replyWith(ctx, report);
  // Keys name people and orders, also those of other tenants.
  const silos = report.silos.map((silo) => ({ ...silo, hottest: [], longestMailboxes: [], slowest: [] }));
  replyWith(ctx, { ...report, silos });
}

async function eraseGrain(ctx: AppContext, deps: HandlerDeps): Promise<void> {
  const { name } = coreOf(ctx, deps.cluster);
  const key = parameterOf(ctx, 'key');
  checkKey(key);
  const { principal, tenant } = callerOf(ctx);
  if (!principal.isAdmin)
    throw new GrainError('ERR_AUTH_FORBIDDEN', { message: 'Only administrators erase grains.' });
  const envelope = new PromiseEnvelope();
  envelope.kind = 'forget';
  envelope.tenant = tenant;
  envelope.core = name;
  envelope.key = key;
  envelope.principal = principal.name;
  envelope.commandId = commandIdOf(ctx.headers);
  envelope.deadlineMs = deps.clock.nowMs() + deadlineOf(ctx.headers, deps.options.deadlineMs);
  ctx.res.on('close', () => {
    if (!envelope.isSettled) envelope.cancel();
  });
  deps.cluster.dispatch(envelope);
  await envelope.promise;
  replyWith(ctx, { erased: true });
}

async function watch(ctx: AppContext, deps: HandlerDeps, key: string | undefined): Promise<void> {
  const { name: core, mode } = coreOf(ctx, deps.cluster);
  if (key !== undefined) checkKey(key);
  else if (mode !== 'singleton') throw new GrainError('ERR_KEY_REQUIRED', { core });
  const { principal, tenant } = callerOf(ctx);
  const from = lastEventId(ctx);
  const event = queryOf(ctx, 'event');
  if (ctx.method === 'HEAD') {
    ctx.status = 200;
    ctx.type = 'text/event-stream';
    return;
  }
  deps.exempt(ctx);
  const { expiresAtMs } = principal;
  await deps.streams.open({ grain: { tenant, core, key: key ?? '' }, event, from, expiresAtMs }, ctx.res);
  // The head is sent: Koa has nothing left to answer.
  ctx.respond = false;
}

/** @throws ERR_CURSOR_INVALID */
function lastEventId(ctx: AppContext): string | undefined {
  const given = ctx.headers['last-event-id'];
  if (given === undefined || given === '') return undefined;
  if (typeof given === 'string' && CURSOR.test(given)) return given;
  throw new GrainError('ERR_CURSOR_INVALID', { cursor: String(given).slice(0, 64) });
}
