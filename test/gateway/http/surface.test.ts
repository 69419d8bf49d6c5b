import assert from 'node:assert/strict';
import { GrainError } from '../../../lib/index.ts';
import { ROUTES } from '../../../gateway/internal.ts';
import {
  type Answer,
  ask,
  call,
  codeOf,
  coreManifest,
  type Running,
  startGateway,
  stopGateways,
} from './support.ts';

interface Operation {
  readonly operationId: string;
  readonly parameters: readonly { readonly name: string; readonly in: string }[];
  readonly requestBody?: { readonly content: Readonly<Record<string, { readonly schema: unknown }>> };
  readonly responses: Readonly<Record<string, unknown>>;
}

interface Document {
  readonly openapi: string;
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
}

describe('HTTP, surface: what is there besides calls', () => {
  let running: Running;

  beforeEach(async () => {
    running = await startGateway();
  });

  afterEach(stopGateways);

  describe('Cores', () => {
    it('list, answers the manifests by name', async () => {
      const { status, body, headers } = await ask(running, '/v1/cores');
      assert.equal(status, 200);
      const cores = body?.data as { readonly name: string; readonly entityKey?: string }[];
      assert.deepEqual(
        cores.map(({ name }) => name),
        ['airport', 'board'],
      );
      assert.equal(cores[0]?.entityKey, 'origin');
      assert.equal(headers['cache-control'], 'no-store');
    });

    it('detail, answers one manifest with its schemas', async () => {
      const { body } = await ask(running, '/v1/cores/airport');
      const { flows, mode } = body?.data as {
        readonly mode: string;
        readonly flows: { readonly name: string }[];
      };
      assert.equal(mode, 'entity');
      assert.deepEqual(
        flows.map(({ name }) => name),
        ['record', 'stats'],
      );
    });

    for (const name of ['nothing', '__proto__', 'constructor', '%2F', 'toString']) {
      it(`detail of ${name}, is unknown`, async () => {
        const answer = await ask(running, `/v1/cores/${name}`);
        assert.equal(answer.status, 404);
        assert.equal(codeOf(answer), 'ERR_CORE_UNKNOWN');
      });
    }
  });

  describe('instances', () => {
    const instance = {
      key: 'JFK',
      state: 'active',
      epoch: 3,
      silo: 'silo-1',
      waiting: 0,
      running: 0,
      idleMs: 5,
      bytes: 80,
    };

    it('list, asks with 100 by default and passes limit and cursor on', async () => {
      const asked: unknown[] = [];
      running.cluster.onInstances = (...args) => {
        asked.push(args);
        return Promise.resolve({ instances: [instance], cursor: 'next' });
      };
      const { body } = await ask(running, '/v1/cores/airport/instances');
      assert.deepEqual(body?.data, { instances: [instance], cursor: 'next' });
      await ask(running, '/v1/cores/airport/instances?limit=1000&cursor=a%2Fb');
      assert.deepEqual(asked, [
        ['default', 'airport', { limit: 100 }],
        ['default', 'airport', { limit: 1_000, cursor: 'a/b' }],
      ]);
    });

    it('last page, has no cursor', async () => {
      const { body } = await ask(running, '/v1/cores/airport/instances');
      assert.deepEqual(body?.data, { instances: [] });
    });

    for (const query of [
      'limit=0',
      'limit=1001',
      'limit=-1',
      'limit=',
      'limit=a',
      'limit=1&limit=2',
      'limit=1.5',
    ]) {
      it(`list with ${query}, is refused`, async () => {
        const answer = await ask(running, `/v1/cores/airport/instances?${query}`);
        assert.equal(answer.status, 400);
        assert.equal(codeOf(answer), 'ERR_REQUEST_INVALID');
      });
    }

    it('list with a cursor that the cluster refuses, is a client error', async () => {
      running.cluster.onInstances = () => Promise.reject(new GrainError('ERR_CURSOR_INVALID'));
      const answer = await ask(running, '/v1/cores/airport/instances?cursor=x');
      assert.equal(answer.status, 400);
      assert.equal(codeOf(answer), 'ERR_CURSOR_INVALID');
    });

    it('erase, sends a forget and answers after it', async () => {
      running.cluster.onDispatch = (envelope) => envelope.resolve(undefined);
      const { status, body } = await ask(running, '/v1/cores/airport/instances/a%2Fb', {
        method: 'DELETE',
        headers: { 'Idempotency-Key': 'del-1', 'X-Tenant': 'other' },
      });
      assert.equal(status, 200);
      assert.deepEqual(body, { status: 'ok', data: { erased: true } });
      const [envelope] = running.cluster.sent;
      assert.deepEqual(
        [
          envelope?.kind,
          envelope?.core,
          envelope?.key,
          envelope?.tenant,
          envelope?.commandId,
          envelope?.principal,
        ],
        ['forget', 'airport', 'a/b', 'other', 'del-1', 'dev'],
      );
    });

    it('erase that the cluster refuses, is refused', async () => {
      running.cluster.onDispatch = (envelope) => envelope.reject(new GrainError('ERR_STORE_FULL'));
      const answer = await ask(running, '/v1/cores/airport/instances/JFK', { method: 'DELETE' });
      assert.equal(answer.status, 507);
      assert.equal(codeOf(answer), 'ERR_STORE_FULL');
    });

    for (const [path, code] of [
      ['/v1/cores/nothing/instances/JFK', 'ERR_CORE_UNKNOWN'],
      [`/v1/cores/airport/instances/${'k'.repeat(513)}`, 'ERR_KEY_INVALID'],
      ['/v1/cores/airport/instances/%00', 'ERR_KEY_INVALID'],
    ] as const) {
      it(`erase of ${path.slice(0, 40)}, is ${code}`, async () => {
        assert.equal(codeOf(await ask(running, path, { method: 'DELETE' })), code);
        assert.equal(running.cluster.sent.length, 0);
      });
    }
  });

  describe('operators', () => {
    it('cluster, answers the report as it is', async () => {
      const { body } = await ask(running, '/v1/cluster');
      assert.deepEqual(body?.data, JSON.parse(JSON.stringify(running.cluster.report)));
    });

    it('health, answers without looking at the cluster', async () => {
      running.cluster.isDraining = true;
      const { status, body } = await ask(running, '/health');
      assert.equal(status, 200);
      assert.equal(body?.status, 'ok');
    });

    it('readiness, says no while the cluster drains', async () => {
      assert.equal((await ask(running, '/health/ready')).status, 200);
      running.cluster.isDraining = true;
      const answer = await ask(running, '/health/ready');
      assert.equal(answer.status, 503);
      assert.equal(codeOf(answer), 'ERR_SILO_DRAINING');
    });

    it('health, is answered to probes that name any Host', async () => {
      const { status } = await ask(running, '/health/ready', { headers: { Host: 'pod-7.internal' } });
      assert.equal(status, 200);
    });

    it('metrics, has the series of process, HTTP, stream and silos', async () => {
      await call(running, '/v1/cores/airport/instances/JFK/flows/stats');
      await ask(running, '/nothing');
      await ask(running, '/metrics');
      const { text, headers } = await ask(running, '/metrics');
      assert.match(String(headers['content-type']), /^text\/plain; version=0\.0\.4/);
      for (const line of [
        'granary_http_requests_total{route="flow",status="200"} 1',
        'granary_http_requests_total{route="none",status="404"} 1',
        'granary_http_in_flight 1',
        'granary_cluster_view 7',
        'granary_silo_activations{silo="silo-1"} 3',
        'granary_silo_turns_started_total{silo="silo-1"} 10',
        'granary_silo_deactivated_total{silo="silo-1",reason="idle"} 1',
        '# TYPE granary_silo_turn_duration_seconds histogram',
        'granary_silo_turn_duration_seconds_bucket{silo="silo-1",le="0.001"} 6',
        'granary_silo_turn_duration_seconds_bucket{silo="silo-1",le="0.01"} 9',
        'granary_silo_turn_duration_seconds_bucket{silo="silo-1",le="+Inf"} 10',
        'granary_silo_turn_duration_seconds_sum{silo="silo-1"} 0.04',
        'granary_http_request_duration_seconds_count 3',
        'granary_stream_connections 0',
        'granary_stream_frames_in_total 0',
      ]) {
        assert.ok(text.split('\n').includes(line), `no line ${line} in\n${text}`);
      }
      assert.match(text, /^granary_process_cpu_seconds_total /m);
      for (const name of text.matchAll(/^([a-z_0-9]+)[ {]/gm)) assert.match(name[1] ?? '', /^granary_/);
    });
  });

  describe('the page for people', () => {
    it('shows the Cores, and its own address', async () => {
      const { status, text, headers } = await ask(running, '/');
      assert.equal(status, 200);
      assert.equal(headers['content-type'], 'text/html; charset=utf-8');
      assert.match(text, /<h3>airport /);
      assert.ok(
        text.includes(`http://127.0.0.1:${running.port}/v1/cores/airport/instances/KEY/flows/record`),
      );
    });

    it('with text that would be HTML, shows it as text', async () => {
      running.cluster.load(coreManifest({ name: 'evil', description: '<script>alert("1")</script>' }));
      const { text, headers } = await ask(running, '/');
      assert.ok(!text.includes('<script>'));
      assert.ok(text.includes('&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt;'));
      assert.match(String(headers['content-security-policy']), /default-src 'none'/);
    });
  });

  describe('paths and methods', () => {
    for (const path of [
      '/nothing',
      '/v1',
      '/v1/cores/',
      '/v1/cores/airport/x',
      '/health/',
      '/v1/cluster/x',
      '//',
    ]) {
      it(`GET ${path}, is unknown`, async () => {
        const answer = await ask(running, path);
        assert.equal(answer.status, 404);
        assert.equal(codeOf(answer), 'ERR_PATH_UNKNOWN');
        assert.equal(answer.body?.meta?.request_id, answer.headers['x-request-id']);
      });
    }

    for (const [method, path, allow] of [
      ['GET', '/v1/cores/airport/flows/record', 'POST, OPTIONS'],
      ['PUT', '/v1/cores/airport/instances/JFK/flows/record', 'POST, OPTIONS'],
      ['PATCH', '/v1/cores', 'GET, HEAD, OPTIONS'],
      ['POST', '/v1/cluster', 'GET, HEAD, OPTIONS'],
      ['POST', '/health', 'GET, HEAD, OPTIONS'],
      ['DELETE', '/v1/cores/airport/instances/JFK/events', 'POST, GET, HEAD, OPTIONS'],
      ['GET', '/v1/cores/airport/instances/JFK', 'DELETE, OPTIONS'],
      ['PROPFIND', '/', 'GET, HEAD, OPTIONS'],
    ] as const) {
      it(`${method} ${path}, is refused and says ${allow}`, async () => {
        const answer = await ask(running, path, { method });
        assert.equal(answer.status, 405);
        assert.equal(codeOf(answer), 'ERR_METHOD_UNKNOWN');
        assert.equal(answer.headers.allow, allow);
      });
    }

    it('OPTIONS of a path, says what it takes', async () => {
      const { status, headers, text } = await ask(running, '/v1/cores/airport/flows/record', {
        method: 'OPTIONS',
      });
      assert.deepEqual([status, headers.allow, text], [204, 'POST, OPTIONS', '']);
      assert.equal(headers['access-control-allow-origin'], undefined);
    });

    it('OPTIONS of nothing, is unknown; of *, is answered', async () => {
      assert.equal(codeOf(await ask(running, '/nothing', { method: 'OPTIONS' })), 'ERR_PATH_UNKNOWN');
      assert.equal((await ask(running, '*', { method: 'OPTIONS' })).status, 204);
    });

    it('HEAD, has the head of GET and no body', async () => {
      for (const path of ['/v1/cores', '/health', '/openapi.json', '/metrics', '/']) {
        const [get, head] = [await ask(running, path), await ask(running, path, { method: 'HEAD' })];
        assert.deepEqual([head.status, head.text], [get.status, ''], path);
        assert.equal(head.headers['content-type'], get.headers['content-type'], path);
      }
      const missing = await ask(running, '/nothing', { method: 'HEAD' });
      assert.deepEqual([missing.status, missing.text], [404, '']);
    });

    it('a malformed percent sign, is a client error on every path', async () => {
      for (const path of ['/v1/cores/%', '/%zz', '/v1/cores/airport/instances/%FF/events']) {
        assert.equal(codeOf(await ask(running, path)), 'ERR_REQUEST_INVALID', path);
      }
    });

    it('GET of the stream without upgrade, says what to do', async () => {
      const answer = await ask(running, '/v1/stream');
      assert.equal(answer.status, 426);
      assert.equal(codeOf(answer), 'ERR_UPGRADE_REQUIRED');
      assert.equal(answer.headers.upgrade, 'websocket');
    });
  });

  describe('/openapi.json', () => {
    const document = async (): Promise<Document> =>
      JSON.parse((await ask(running, '/openapi.json')).text) as Document;

    it('documents every route once, and every flow with the schema of its input', async () => {
      const { openapi, paths } = await document();
      assert.equal(openapi, '3.1.0');
      for (const { method, path, id } of ROUTES) {
        assert.equal(paths[path]?.[method.toLowerCase()]?.operationId, id, `${method} ${path}`);
      }
      const record = paths['/v1/cores/airport/instances/{key}/flows/record']?.['post'];
      assert.deepEqual(record?.requestBody?.content['application/json']?.schema, {
        type: 'object',
        properties: { origin: { type: 'string' } },
      });
      assert.ok(paths['/v1/cores/board/flows/record']);
      assert.equal(paths['/v1/cores/board/instances/{key}/flows/record'], undefined);
      const ids = Object.values(paths).flatMap((item) =>
        Object.values(item).map(({ operationId }) => operationId),
      );
      assert.equal(new Set(ids).size, ids.length, 'operation ids are unique');
      for (const [path, item] of Object.entries(paths)) {
        const named = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name);
        for (const { parameters } of Object.values(item)) {
          const given = parameters.filter((parameter) => parameter.in === 'path').map(({ name }) => name);
          assert.deepEqual(given, named, path);
        }
      }
    });

    it('documents nothing that does not answer', async () => {
      running.cluster.onInstances = () => Promise.resolve({ instances: [], cursor: undefined });
      running.cluster.onSubscribe = ({ sink }) =>
        queueMicrotask(() => sink.end(new GrainError('ERR_EVENT_UNKNOWN')));
      const { paths } = await document();
      for (const [template, item] of Object.entries(paths)) {
        const path = template
          .replace(
            '{core}',
            template.endsWith('}/events') || !template.includes('{key}') ? 'board' : 'airport',
          )
          .replace('{key}', 'JFK')
          .replace('{flow}', 'stats');
        for (const [method, operation] of Object.entries(item)) {
          const isEvent = method === 'post' && path.endsWith('/events');
          const json = isEvent ? { event: 'flight' } : {};
          const answer = await ask(running, path, {
            method: method.toUpperCase(),
            ...(method === 'post' ? { json } : {}),
          });
          const place = `${method} ${path}: ${answer.status} ${answer.text.slice(0, 200)}`;
          assert.ok(
            !['ERR_PATH_UNKNOWN', 'ERR_METHOD_UNKNOWN', 'ERR_INTERNAL'].includes(codeOf(answer)),
            place,
          );
          const isDocumented = String(answer.status) in operation.responses || isFailure(answer);
          assert.ok(isDocumented, `${place} is not documented`);
        }
      }
    });

    it('a schema with definitions of its own, keeps its references whole', async () => {
      const schema = { $defs: { a: { type: 'string' } }, $ref: '#/$defs/a' };
      const flow = { name: 'f', readonly: false, description: undefined, input: schema, output: undefined };
      running.cluster.load(coreManifest({ name: 'defs', mode: 'stateless', flows: [flow] }));
      const { paths } = await document();
      const body = paths['/v1/cores/defs/flows/f']?.['post']?.requestBody?.content['application/json'];
      assert.deepEqual(body?.schema, { $id: 'urn:granary:defs:1.0.0:f:input', ...schema });
    });
  });
});

function isFailure({ body }: Answer): boolean {
  return body?.status === 'error';
}
