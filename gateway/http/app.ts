// The Koa application: all routes but the hot ones, and the rim that gives every one its error mapping and its door.
import { Router, type RouterMiddleware } from '@koa/router';
import Koa from 'koa';
import { fromUnknown, GrainError } from '../../lib/index.ts';
import type { Access } from './access.ts';
import { type Handler, handlersFor, type HandlerDeps, type KoaRouteId } from './handlers.ts';
import { failureBody, failureHeaders, JSON_TYPE } from './reply.ts';
import { type AppState, methodsOf, type Route, ROUTES, routesAt } from './routes.ts';

export interface AppDeps extends HandlerDeps {
  readonly access: Access;
  readonly logError: (error: GrainError, requestId: string) => void;
}

export type App = Koa<AppState>;

/** Further middleware (an admin UI, say) may be added with `use`; it runs inside of the rim, after the routes. */
export function createApp(deps: AppDeps): App {
  const app: App = new Koa<AppState>();
  // The rim answers and logs; what still gets past it is a broken connection.
  app.silent = true;
  app.use(async (ctx, next) => {
    const requestId = String(ctx.res.getHeader('X-Request-Id') ?? '');
    ctx.state.requestId = requestId;
    try {
      const [route] = routesAt(ctx.path);
      if (route?.isPublic !== true) ctx.state.caller = deps.access.check(ctx.req);
      ctx.set('Cache-Control', 'no-store');
      ctx.set('X-Content-Type-Options', 'nosniff');
      if (ctx.method === 'OPTIONS' && route) return answerOptions(ctx, routesAt(ctx.path));
      await next();
    } catch (thrown) {
      const error = fromUnknown(thrown);
      if (!error.spec.public) deps.logError(error, requestId);
      answerFailure(ctx, error, requestId);
    }
  });
  const router = routerOf(handlersFor(deps));
  app.use(router.routes());
  // Only when nothing that was added later took the request.
  app.use(async (ctx, next) => {
    await next();
    const isTaken =
      ctx.respond === false || ctx.status !== 404 || (ctx.body !== undefined && ctx.body !== null);
    if (!isTaken) throw unknownPath(ctx.path);
  });
  return app;
}

function routerOf(handlers: Readonly<Record<KoaRouteId, Handler>>): Router<AppState> {
  const router = new Router<AppState>({ strict: true, sensitive: true });
  for (const route of ROUTES) {
    // Served before Koa (hot-route.ts).
    if (route.method === 'POST') continue;
    const path = route.path.replace(/\{(\w+)\}/g, ':$1');
    const handler = handlers[route.id];
    const serve: RouterMiddleware<AppState> = (ctx) => handler(ctx);
    if (route.method === 'DELETE') router.delete(path, serve);
    else router.get(path, serve);
  }
  return router;
}

function answerOptions(ctx: Koa.ParameterizedContext<AppState>, routes: readonly Route[]): void {
  ctx.status = 204;
  ctx.set('Allow', methodsOf(routes).join(', '));
}

function answerFailure(ctx: Koa.ParameterizedContext<AppState>, error: GrainError, requestId: string): void {
  ctx.status = error.spec.http;
  ctx.body = failureBody(error, requestId);
  ctx.type = JSON_TYPE;
  const headers = failureHeaders(error);
  for (let at = 0; at < headers.length; at += 2) ctx.set(headers[at] ?? '', headers[at + 1] ?? '');
}

function unknownPath(path: string): GrainError {
  const routes = routesAt(path);
  if (routes.length > 0) return new GrainError('ERR_METHOD_UNKNOWN', { allow: methodsOf(routes) });
  return new GrainError('ERR_PATH_UNKNOWN', { path: path.slice(0, 200) });
}
