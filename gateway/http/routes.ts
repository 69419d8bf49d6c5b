// Every path of the HTTP surface, once: the router, 404 and 405, and /openapi.json are all made from this list.
import type { RouterContext } from '@koa/router';
import type { Caller } from './access.ts';
import type { RouteKind } from './http-stats.ts';

export type Method = 'GET' | 'POST' | 'DELETE';

export interface AppState {
  requestId: string;
  /** Undefined on public paths. */
  caller: Caller | undefined;
}

export type AppContext = RouterContext<AppState>;

export interface Route {
  readonly method: Method;
  /** As in OpenAPI: `/v1/cores/{core}`. */
  readonly path: string;
  /** Its `operationId`. */
  readonly id: string;
  readonly kind: RouteKind;
  readonly summary: string;
  /** Needs no token, and is answered whatever the Host is. */
  readonly isPublic?: boolean;
  /** Names of PARAMETERS. */
  readonly parameters?: readonly ParameterName[];
  readonly body?: 'input' | 'event';
  /** Of the success. */
  readonly status: number;
  /** @default 'application/json' */
  readonly contentType?: string;
  /** Schema of `data` in the reply; any value when left out. */
  readonly data?: object;
  /** Codes that this path is about, beside those that any request may get. */
  readonly errors?: readonly string[];
}

export const PARAMETERS = {
  limit: { in: 'query', schema: { type: 'integer', minimum: 1, maximum: 1_000, default: 100 } },
  cursor: { in: 'query', schema: { type: 'string' }, description: 'The cursor of the page before.' },
  event: { in: 'query', schema: { type: 'string' }, description: 'Only emissions of this name.' },
  'Last-Event-ID': {
    in: 'header',
    schema: { type: 'string' },
    description: 'Goes on after this emission; 0.0 begins with the oldest that is kept.',
  },
  'Idempotency-Key': {
    in: 'header',
    schema: { type: 'string', minLength: 1, maxLength: 255 },
    description: 'Command id: within 10 minutes, or the last 1,000 commands of the grain, it runs once.',
  },
  'X-Deadline-Ms': {
    in: 'header',
    schema: { type: 'integer', minimum: 1, maximum: 600_000 },
    description: 'How long the caller waits.',
  },
  'X-Tenant': {
    in: 'header',
    schema: { type: 'string' },
    description: 'For tokens with rights across tenants: the tenant that is meant.',
  },
  'X-Request-Id': {
    in: 'header',
    schema: { type: 'string', maxLength: 128 },
    description: 'The name of this request in replies and logs; one is made up without it.',
  },
} as const;

export type ParameterName = keyof typeof PARAMETERS;

const CALL = ['Idempotency-Key', 'X-Deadline-Ms', 'X-Tenant'] as const;
const APPLIED = { type: 'object', properties: { applied: { const: true } }, required: ['applied'] };
const READY = { type: 'object', properties: { ready: { const: true } }, required: ['ready'] };
const MANIFEST = { $ref: '#/components/schemas/Core' };
const CALL_ERRORS = [
  'ERR_CORE_UNKNOWN',
  'ERR_FLOW_UNKNOWN',
  'ERR_INPUT_INVALID',
  'ERR_FLOW_FAILED',
  'ERR_CALL_TIMEOUT',
];
const EVENT_ERRORS = ['ERR_CORE_UNKNOWN', 'ERR_EVENT_UNKNOWN', 'ERR_INPUT_INVALID', 'ERR_FLOW_FAILED'];

export const ROUTES = [
  {
    method: 'POST',
    path: '/v1/cores/{core}/instances/{key}/flows/{flow}',
    id: 'callFlow',
    kind: 'flow',
    summary: 'Call a flow of one grain',
    parameters: CALL,
    body: 'input',
    status: 200,
    errors: [...CALL_ERRORS, 'ERR_KEY_MISMATCH'],
  },
  {
    method: 'POST',
    path: '/v1/cores/{core}/flows/{flow}',
    id: 'callFlowByInput',
    kind: 'flow',
    summary: 'Call a flow; the entity key is in the input, or the Core is stateless or a singleton',
    parameters: CALL,
    body: 'input',
    status: 200,
    errors: [...CALL_ERRORS, 'ERR_KEY_REQUIRED'],
  },
  {
    method: 'POST',
    path: '/v1/cores/{core}/instances/{key}/events',
    id: 'sendEvent',
    kind: 'event',
    summary: 'Send an event to one grain; answered after the commit',
    parameters: CALL,
    body: 'event',
    status: 202,
    data: APPLIED,
    errors: [...EVENT_ERRORS, 'ERR_KEY_MISMATCH'],
  },
  {
    method: 'POST',
    path: '/v1/cores/{core}/events',
    id: 'sendEventByData',
    kind: 'event',
    summary: 'Send an event; the entity key is in the data, or the Core is stateless or a singleton',
    parameters: CALL,
    body: 'event',
    status: 202,
    data: APPLIED,
    errors: [...EVENT_ERRORS, 'ERR_KEY_REQUIRED'],
  },
  {
    method: 'DELETE',
    path: '/v1/cores/{core}/instances/{key}',
    id: 'eraseGrain',
    kind: 'erase',
    summary: 'Erase a grain with all that it keeps',
    parameters: CALL,
    status: 200,
    data: { type: 'object', properties: { erased: { const: true } }, required: ['erased'] },
    errors: ['ERR_CORE_UNKNOWN', 'ERR_AUTH_FORBIDDEN'],
  },
  {
    method: 'GET',
    path: '/v1/cores/{core}/instances/{key}/events',
    id: 'watchGrain',
    kind: 'stream',
    summary: 'What the grain emits, as Server-Sent Events',
    parameters: ['event', 'Last-Event-ID', 'X-Tenant'],
    status: 200,
    contentType: 'text/event-stream',
    errors: ['ERR_CORE_UNKNOWN', 'ERR_CURSOR_INVALID', 'ERR_LIMIT_REACHED'],
  },
  {
    method: 'GET',
    path: '/v1/cores/{core}/events',
    id: 'watchSingleton',
    kind: 'stream',
    summary: 'What a singleton emits, as Server-Sent Events',
    parameters: ['event', 'Last-Event-ID', 'X-Tenant'],
    status: 200,
    contentType: 'text/event-stream',
    errors: ['ERR_CORE_UNKNOWN', 'ERR_KEY_REQUIRED', 'ERR_CURSOR_INVALID', 'ERR_LIMIT_REACHED'],
  },
  {
    method: 'GET',
    path: '/v1/cores',
    id: 'listCores',
    kind: 'read',
    summary: 'The Cores that are loaded, by name',
    status: 200,
    data: { type: 'array', items: MANIFEST },
  },
  {
    method: 'GET',
    path: '/v1/cores/{core}',
    id: 'getCore',
    kind: 'read',
    summary: 'One Core, with its flows, events and schemas',
    status: 200,
    data: MANIFEST,
    errors: ['ERR_CORE_UNKNOWN'],
  },
  {
    method: 'GET',
    path: '/v1/cores/{core}/instances',
    id: 'listInstances',
    kind: 'read',
    summary: 'The resident grains of a Core, in key order; without `cursor` in the reply there are no more',
    parameters: ['limit', 'cursor', 'X-Tenant'],
    status: 200,
    data: {
      type: 'object',
      properties: { instances: { type: 'array', items: { type: 'object' } }, cursor: { type: 'string' } },
      required: ['instances'],
    },
    errors: ['ERR_CORE_UNKNOWN', 'ERR_CURSOR_INVALID'],
  },
  {
    method: 'GET',
    path: '/v1/cluster',
    id: 'getCluster',
    kind: 'read',
    summary: 'Membership view, silos and their load; what names grains is for administrators only',
    status: 200,
    data: {
      type: 'object',
      properties: { view: { type: 'integer' }, silos: { type: 'array', items: { type: 'object' } } },
      required: ['view', 'silos'],
    },
  },
  {
    method: 'GET',
    path: '/v1/stream',
    id: 'openStream',
    kind: 'stream',
    summary:
      'WebSocket for events, calls and subscriptions (subprotocols granary.v1+json, granary.v1+msgpack)',
    status: 101,
    errors: ['ERR_UPGRADE_REQUIRED'],
  },
  {
    method: 'GET',
    path: '/health',
    id: 'getHealth',
    kind: 'health',
    summary: 'Liveness: the process answers',
    isPublic: true,
    status: 200,
    data: { type: 'object', properties: { uptimeMs: { type: 'number' } }, required: ['uptimeMs'] },
  },
  {
    method: 'GET',
    path: '/health/ready',
    id: 'getReadiness',
    kind: 'health',
    summary: 'Readiness: new work is welcome',
    isPublic: true,
    status: 200,
    data: READY,
    errors: ['ERR_SILO_DRAINING'],
  },
  {
    method: 'GET',
    path: '/metrics',
    id: 'getMetrics',
    kind: 'read',
    summary: 'Metrics in the text format of Prometheus',
    status: 200,
    contentType: 'text/plain',
  },
  {
    method: 'GET',
    path: '/openapi.json',
    id: 'getOpenApi',
    kind: 'read',
    summary: 'This document',
    status: 200,
    contentType: 'application/openapi+json',
  },
  {
    method: 'GET',
    path: '/',
    id: 'getHome',
    kind: 'read',
    summary: 'A page for people: what this is and what is loaded',
    status: 200,
    contentType: 'text/html',
  },
] as const satisfies readonly Route[];

export type RouteId = (typeof ROUTES)[number]['id'];

interface Entry {
  readonly parts: readonly string[];
  readonly routes: Route[];
}

const ENTRIES: readonly Entry[] = entriesOf(ROUTES);

function entriesOf(routes: readonly Route[]): Entry[] {
  const entries = new Map<string, Entry>();
  for (const route of routes) {
    const entry = entries.get(route.path) ?? { parts: route.path.split('/'), routes: [] };
    entry.routes.push(route);
    entries.set(route.path, entry);
  }
  return [...entries.values()];
}

/** The routes of a path; none when there is nothing at it. */
export function routesAt(path: string): readonly Route[] {
  const parts = path.split('/');
  const entry = ENTRIES.find(
    (candidate) =>
      candidate.parts.length === parts.length &&
      candidate.parts.every(
        (part, index) => part === parts[index] || (part.startsWith('{') && parts[index] !== ''),
      ),
  );
  return entry?.routes ?? [];
}

/** What `Allow` says. */
export function methodsOf(routes: readonly Route[]): string[] {
  const methods = routes.flatMap(({ method }) => (method === 'GET' ? ['GET', 'HEAD'] : [method]));
  return [...methods, 'OPTIONS'];
}
