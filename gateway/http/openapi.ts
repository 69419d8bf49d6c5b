// The OpenAPI 3.1 document: the fixed paths of routes.ts, and one operation per flow of the Cores that are loaded.
import { ERRORS } from '../../lib/index.ts';
import type { CoreManifest, FlowManifest } from '../../silo/index.ts';
import { PARAMETERS, type Route, ROUTES } from './routes.ts';

type Json = Readonly<Record<string, unknown>>;

const FAILURE = { $ref: '#/components/schemas/Failure' };
const EVENT_BODY = {
  type: 'object',
  properties: { event: { type: 'string' }, data: {} },
  required: ['event'],
  additionalProperties: false,
};

export function openApiDocument(cores: readonly CoreManifest[]): Json {
  const paths: Record<string, Record<string, unknown>> = {};
  const add = (path: string, method: string, operation: Json): void => {
    paths[path] = { ...paths[path], [method]: operation };
  };
  for (const route of ROUTES) add(route.path, route.method.toLowerCase(), operationOf(route));
  for (const core of cores) {
    for (const flow of core.flows) {
      for (const path of pathsOf(core, flow)) add(path, 'post', flowOperation(path, core, flow));
    }
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Granary',
      version: '1',
      description: 'Durable grains behind HTTP. Values are JSON; bytes are {"$bytes": base64}.',
    },
    security: [{ bearer: [] }],
    paths,
    components: { securitySchemes: { bearer: { type: 'http', scheme: 'bearer' } }, schemas: schemas() },
  };
}

function operationOf(route: Route): Json {
  const { id, summary, path, parameters = [], body, isPublic = false } = route;
  return {
    operationId: id,
    summary,
    ...(isPublic ? { security: [] } : {}),
    parameters: [...pathParameters(path), ...[...parameters, 'X-Request-Id' as const].map(parameterOf)],
    ...(body === undefined
      ? {}
      : { requestBody: jsonBody(body === 'event' ? EVENT_BODY : {}, body === 'event') }),
    responses: responsesOf(route),
  };
}

function responsesOf({ status, contentType = 'application/json', data, errors = [] }: Route): Json {
  const success = { description: 'Success', ...contentOf(contentType, data) };
  const problem = `Failure${errors.length === 0 ? '' : `, such as ${errors.join(', ')}`}`;
  return {
    [String(status)]: status === 101 ? { description: 'The connection is a WebSocket now' } : success,
    default: { description: problem, content: { 'application/json': { schema: FAILURE } } },
  };
}

function contentOf(contentType: string, data: object | undefined): Json {
  return {
    content: { [contentType]: { schema: contentType === 'application/json' ? successOf(data ?? {}) : {} } },
  };
}

function successOf(data: unknown): Json {
  return { type: 'object', properties: { status: { const: 'ok' }, data }, required: ['status', 'data'] };
}

function jsonBody(schema: unknown, required: boolean): Json {
  return { required, content: { 'application/json': { schema } } };
}

function pathParameters(path: string): Json[] {
  return [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => ({
    name,
    in: 'path',
    required: true,
    schema: name === 'key' ? { type: 'string', minLength: 1, maxLength: 512 } : { type: 'string' },
  }));
}

function parameterOf(name: keyof typeof PARAMETERS): Json {
  return { name, ...PARAMETERS[name] };
}

/** Where a flow can be called: with a key in the path, where the Core has one, and without. */
function pathsOf({ name, mode }: CoreManifest, flow: FlowManifest): string[] {
  const base = `/v1/cores/${encodeURIComponent(name)}`;
  const tail = `/flows/${encodeURIComponent(flow.name)}`;
  return mode === 'entity' ? [`${base}/instances/{key}${tail}`, `${base}${tail}`] : [`${base}${tail}`];
}

function flowOperation(path: string, core: CoreManifest, flow: FlowManifest): Json {
  const { name, description, input, output, readonly } = flow;
  const withKey = path.includes('{key}') ? 'ByKey' : '';
  const schemaId = `urn:granary:${core.name}:${core.version}:${name}`;
  return {
    operationId: `${core.name}.${name}${withKey}`,
    summary: `${core.name}: ${name}${readonly ? ' (read only)' : ''}`,
    ...(description === undefined ? {} : { description }),
    tags: [core.name],
    parameters: [
      ...pathParameters(path),
      ...(['Idempotency-Key', 'X-Deadline-Ms', 'X-Tenant'] as const).map(parameterOf),
    ],
    requestBody: jsonBody(embedded(input, `${schemaId}:input`), false),
    responses: {
      200: {
        description: 'What the flow returned',
        content: { 'application/json': { schema: successOf(embedded(output, `${schemaId}:output`)) } },
      },
      default: { description: 'Failure', content: { 'application/json': { schema: FAILURE } } },
    },
  };
}

/** A schema of its own inside the document: its `#/$defs/…` are found because the `$id` makes it a base. */
function embedded(schema: unknown, id: string): unknown {
  if (typeof schema !== 'object' || schema === null) return {};
  return '$id' in schema || !('$defs' in schema) ? schema : { $id: id, ...schema };
}

function schemas(): Json {
  const text = { type: 'string' };
  return {
    Failure: {
      type: 'object',
      properties: {
        status: { const: 'error' },
        error: { $ref: '#/components/schemas/Error' },
        meta: { type: 'object', properties: { request_id: text }, required: ['request_id'] },
      },
      required: ['status', 'error', 'meta'],
    },
    Error: {
      type: 'object',
      properties: {
        code: { type: 'string', enum: Object.keys(ERRORS) },
        message: text,
        effect: {
          enum: ['none', 'unknown'],
          description: 'none: surely not executed. unknown: it may have been.',
        },
        retry_after_ms: { type: 'integer', minimum: 0 },
        details: { type: 'object' },
      },
      required: ['code', 'message', 'effect'],
    },
    Core: {
      type: 'object',
      properties: {
        name: text,
        version: text,
        schema: { type: 'integer' },
        description: text,
        mode: { enum: ['entity', 'singleton', 'stateless'] },
        entityKey: text,
        level: text,
        flows: { type: 'array', items: { type: 'object' } },
        events: { type: 'object', additionalProperties: text },
        on: { type: 'object', additionalProperties: text },
      },
      required: ['name', 'version', 'schema', 'mode', 'level', 'flows', 'events', 'on'],
    },
  };
}
