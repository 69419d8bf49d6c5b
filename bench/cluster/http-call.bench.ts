// One flow call per HTTP request over 64 keep-alive connections, beside servers that do the same JSON work and no more.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import Router from '@koa/router';
import Koa from 'koa';
import { type Bench, check, checkEqual, type Contestant } from '../bench.ts';
import { openLoad, underLoad } from '../load/load-generator.ts';
import { openHost } from '../subjects/granary-host.ts';
import { meterCore } from '../subjects/meter.ts';

const CONNECTIONS = 64;
const KEYS_PER_CONNECTION = 16;

/** What answers on a port, and how much it says that it added up. */
interface Served {
  readonly port: number;
  total(): Promise<number>;
  close(): Promise<void>;
}

async function underHttpLoad({ port, total, close }: Served): Promise<Contestant> {
  const options = { port, connections: CONNECTIONS, keysPerConnection: KEYS_PER_CONNECTION };
  const load = await openLoad('http-load.ts', options);
  let amount = 0;
  return {
    async run(count) {
      const sample = await underLoad(load, count);
      amount += sample.amount;
      checkEqual(await total(), amount, 'sum of the totals');
      return sample;
    },
    async close() {
      await load.close();
      await close();
    },
  };
}

async function openGranary(): Promise<Contestant> {
  const core = meterCore({ level: 'volatile' });
  const host = await openHost({ cores: [core], data: 'memory' });
  const total = async (): Promise<number> => {
    let sum = 0;
    for (let at = 0; at < CONNECTIONS * KEYS_PER_CONNECTION; at += 1) {
      const key = `meter-${Math.floor(at / KEYS_PER_CONNECTION)}-${at % KEYS_PER_CONNECTION}`;
      sum += await host.ref(core, key).read();
    }
    return sum;
  };
  return await underHttpLoad({ port: Number(new URL(host.url).port), total, close: () => host.stop() });
}

/** Objects in a Map. */
class Meters {
  readonly #objects = new Map<string, { total: number }>();

  record(core: string, key: string, flow: string, input: unknown): { total: number } {
    check(core === 'meter' && flow === 'record', `no flow ${flow} of ${core}`);
    let object = this.#objects.get(key);
    if (!object) this.#objects.set(key, (object = { total: 0 }));
    object.total += (input as { readonly amount: number }).amount;
    return { total: object.total };
  }

  total(): Promise<number> {
    let sum = 0;
    for (const { total } of this.#objects.values()) sum += total;
    return Promise.resolve(sum);
  }
}

function readJson(request: IncomingMessage): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      try {
        resolve(JSON.parse(Buffer.concat(chunks).toString('utf8')));
      } catch (error) {
        reject(error instanceof Error ? error : new Error(String(error)));
      }
    });
    request.on('error', reject);
  });
}

async function listen(server: Server, meters: Meters): Promise<Contestant> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const close = async (): Promise<void> => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  };
  return await underHttpLoad({ port, total: () => meters.total(), close });
}

async function openKoa(): Promise<Contestant> {
  const meters = new Meters();
  const app = new Koa<{ body: unknown }>();
  const router = new Router<{ body: unknown }>();
  router.post('/v1/cores/:core/instances/:key/flows/:flow', (ctx) => {
    const { core = '', key = '', flow = '' } = ctx.params;
    ctx.body = { status: 'ok', data: meters.record(core, key, flow, ctx.state.body) };
  });
  app.use(async (ctx, next) => {
    if (ctx.is('application/json')) ctx.state.body = await readJson(ctx.req);
    await next();
  });
  app.use(router.routes()).use(router.allowedMethods());
  const handle = app.callback();
  return await listen(
    createServer((request, response) => void handle(request, response)),
    meters,
  );
}

/** `/v1/cores/{core}/instances/{key}/flows/{flow}` */
const PATH = /^\/v1\/cores\/([^/]+)\/instances\/([^/]+)\/flows\/([^/]+)$/;

async function openNodeHttp(): Promise<Contestant> {
  const meters = new Meters();
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const [, core = '', key = '', flow = ''] = PATH.exec(request.url ?? '') ?? [];
    const data = meters.record(core, key, flow, await readJson(request));
    const body = JSON.stringify({ status: 'ok', data });
    response.writeHead(200, {
      'Content-Type': 'application/json; charset=utf-8',
      'Content-Length': Buffer.byteLength(body),
    });
    response.end(body);
  };
  return await listen(
    createServer((request, response) => void answer(request, response)),
    meters,
  );
}

export const bench: Bench = {
  name: 'http-call',
  title: 'HTTP call, 64 connections',
  file: import.meta.url,
  unit: 'rate',
  work: { step: CONNECTIONS },
  contestants: [
    { name: 'granary', label: 'granary', open: openGranary },
    { name: 'koa', label: 'bare Koa, @koa/router, body as JSON', open: openKoa },
    { name: 'http', label: 'bare node:http, the same JSON work', open: openNodeHttp },
  ],
  targets: [
    { of: 'granary', beside: 'koa', atLeast: 1 },
    { of: 'granary', beside: 'http', atLeast: 0.75, isAim: true },
  ],
};
