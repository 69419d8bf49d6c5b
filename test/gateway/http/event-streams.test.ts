import assert from 'node:assert/strict';
import { type ClientRequest, type IncomingMessage, request as httpRequest } from 'node:http';
import type { Emission } from '../../../silo/index.ts';
import { GrainError, type FakeClock } from '../../../lib/index.ts';
import {
  ask,
  call,
  codeOf,
  fakeClock,
  type OpenSubscription,
  type Running,
  startGateway,
  stopGateways,
  turns,
  until,
} from './support.ts';

const EVENTS = '/v1/cores/airport/instances/JFK/events';

/** A reader of Server-Sent Events. */
class Reader {
  readonly #request: ClientRequest;
  response: IncomingMessage | undefined;
  text = '';
  isClosed = false;

  constructor(running: Running, path: string, headers: Readonly<Record<string, string>> = {}) {
    this.#request = httpRequest({ host: '127.0.0.1', port: running.port, path, headers, agent: false });
    this.#request.on('error', () => undefined);
    this.#request.on('close', () => {
      this.isClosed = true;
    });
    this.#request.on('response', (response) => {
      this.response = response;
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => {
        this.text += chunk;
      });
      response.on('error', () => undefined);
    });
    this.#request.end();
  }

  /** Resolves once the text has this. */
  async sees(text: string): Promise<void> {
    await until(() => this.text.includes(text));
  }

  close(): void {
    this.#request.destroy();
  }
}

const emission = (n: number, over: Partial<Emission> = {}): Emission => ({
  n,
  prev: n - 1,
  cursor: `3.${n}`,
  event: 'delayed',
  data: { minutes: n },
  ...over,
});

describe('HTTP, event streams: what a grain emits', () => {
  let clock: FakeClock;
  let running: Running;
  let readers: Reader[];

  beforeEach(async () => {
    clock = fakeClock();
    running = await startGateway({ heartbeatMs: 1_000, eventStreamBytes: 100_000 }, { clock });
    readers = [];
  });

  afterEach(async () => {
    for (const reader of readers) reader.close();
    await stopGateways();
  });

  const read = (path: string, headers?: Readonly<Record<string, string>>, at = running): Reader => {
    const reader = new Reader(at, path, headers);
    readers.push(reader);
    return reader;
  };

  /** A reader whose head has arrived, and its subscription. */
  const open = async (
    path = EVENTS,
    headers?: Record<string, string>,
  ): Promise<[Reader, OpenSubscription]> => {
    const count = running.cluster.subscriptions.length;
    const reader = read(path, headers);
    await until(() => running.cluster.subscriptions.length > count);
    clock.advance(25);
    await until(() => reader.response !== undefined);
    return [reader, running.cluster.subscriptions.at(-1) ?? assert.fail()];
  };

  it('an emission, has cursor, name and data; the stream says when to come back', async () => {
    const [reader, { sink, grain, options }] = await open();
    assert.deepEqual(grain, { tenant: 'default', core: 'airport', key: 'JFK' });
    assert.deepEqual([options.event, options.from], [undefined, undefined]);
    sink.push(emission(1, { data: { text: 'a\nb', bytes: new Uint8Array([1]) } }));
    await reader.sees('\n\nid: 3.1\n');
    assert.equal(
      reader.text,
      'retry: 2000\n\nid: 3.1\nevent: delayed\ndata: {"text":"a\\nb","bytes":{"$bytes":"AQ=="}}\n\n',
    );
    assert.equal(reader.response?.headers['content-type'], 'text/event-stream; charset=utf-8');
    assert.match(String(reader.response?.headers['x-request-id']), /./);
  });

  it('an emission before the stream counts as open, opens it', async () => {
    running.cluster.onSubscribe = ({ sink }) => queueMicrotask(() => sink.push(emission(1)));
    const reader = read(EVENTS);
    await reader.sees('id: 3.1\n');
  });

  it('a name with line breaks, starts no field of its own', async () => {
    const [reader, { sink }] = await open();
    sink.push(emission(1, { event: 'a\ndata: b\r\nid: 9' }));
    await reader.sees('event: a data: b id: 9\n');
  });

  it('?event, is the filter; Last-Event-ID goes on from there', async () => {
    const [, { options }] = await open(`${EVENTS}?event=delayed`, { 'Last-Event-ID': '3.17' });
    assert.deepEqual([options.event, options.from], ['delayed', '3.17']);
  });

  it('a gap, is an event with both ends, and is where a resume goes on', async () => {
    const [reader, { sink }] = await open();
    sink.gap('3.1', '3.9');
    await reader.sees('id: 3.9\nevent: gap\ndata: {"from":"3.1","to":"3.9"}\n\n');
  });

  it('a singleton, is watched without key; other Cores need one', async () => {
    const [, { grain }] = await open('/v1/cores/board/events');
    assert.deepEqual(grain, { tenant: 'default', core: 'board', key: '' });
    assert.equal(codeOf(await ask(running, '/v1/cores/airport/events')), 'ERR_KEY_REQUIRED');
  });

  it('a refusal before anything was sent, is an HTTP error', async () => {
    running.cluster.onSubscribe = ({ sink }) =>
      queueMicrotask(() => sink.end(new GrainError('ERR_CURSOR_INVALID')));
    const answer = await ask(running, EVENTS, { headers: { 'Last-Event-ID': '9.9' } });
    assert.equal(answer.status, 400);
    assert.equal(codeOf(answer), 'ERR_CURSOR_INVALID');
    assert.ok(running.cluster.subscriptions[0]?.isCancelled);
  });

  for (const [path, headers, code] of [
    [EVENTS, { 'Last-Event-ID': 'nonsense' }, 'ERR_CURSOR_INVALID'],
    [EVENTS, { 'Last-Event-ID': '1' }, 'ERR_CURSOR_INVALID'],
    ['/v1/cores/nothing/instances/a/events', {}, 'ERR_CORE_UNKNOWN'],
    [`/v1/cores/airport/instances/${'k'.repeat(513)}/events`, {}, 'ERR_KEY_INVALID'],
    [`${EVENTS}?event=a&event=b`, {}, 'ERR_REQUEST_INVALID'],
  ] as const) {
    it(`GET ${path.slice(0, 50)} with ${JSON.stringify(headers)}, is ${code}`, async () => {
      assert.equal(codeOf(await ask(running, path, { headers })), code);
      assert.equal(running.cluster.subscriptions.length, 0);
    });
  }

  it('an end after that, is told, and the stream ends', async () => {
    const [reader, { sink }] = await open();
    sink.end(new GrainError('ERR_CORE_UNKNOWN'));
    await until(() => reader.isClosed);
    assert.match(reader.text, /event: end\ndata: \{"code":"ERR_CORE_UNKNOWN"/);
  });

  it('a reader who leaves, ends the subscription', async () => {
    const [reader, subscription] = await open();
    reader.close();
    await until(() => subscription.isCancelled);
  });

  it('a quiet stream, gets a comment at every heartbeat', async () => {
    const [reader] = await open();
    clock.advance(1_000);
    await reader.sees(':\n\n');
    clock.advance(1_000);
    await reader.sees(':\n\n:\n\n');
  });

  it('credit, is given back as emissions are taken', async () => {
    const [reader, subscription] = await open();
    assert.equal(subscription.granted, 32);
    for (let n = 1; n <= 100; n += 1) subscription.sink.push(emission(n));
    await reader.sees('id: 3.100\n');
    assert.equal(subscription.granted, 32 + 96);
  });

  it('a reader who does not read, gets no further credit, then is cut off', async () => {
    const [reader, subscription] = await open();
    reader.response?.pause();
    const data = 'x'.repeat(60_000);
    let n = 0;
    // The system takes some megabytes before anything waits in the process.
    while (!subscription.isCancelled && n < 1_000) {
      subscription.sink.push(emission((n += 1), { data }));
      await turns(1);
    }
    assert.ok(subscription.isCancelled, 'cut off');
    assert.ok(subscription.granted < 32 + n, `granted ${subscription.granted} after ${n}`);
  });

  it('a reader who stays full for two heartbeats, is cut off', async () => {
    await stopGateways();
    running = await startGateway({ heartbeatMs: 1_000, eventStreamBytes: 1e9 }, { clock });
    const [reader, subscription] = await open();
    reader.response?.pause();
    for (let n = 1; n <= 30; n += 1) subscription.sink.push(emission(n, { data: 'x'.repeat(1_000_000) }));
    clock.advance(1_000);
    await turns();
    assert.equal(subscription.isCancelled, false);
    clock.advance(1_000);
    await until(() => subscription.isCancelled);
  });

  it('a token that ends, ends the stream', async () => {
    await stopGateways();
    const tokens = [{ token: 't', principal: 'p', expiresAtMs: clock.wallMs() + 2_500 }];
    running = await startGateway({ heartbeatMs: 1_000, tokens }, { clock });
    const [reader] = await open(EVENTS, { Authorization: 'Bearer t' });
    clock.advance(2_000);
    await reader.sees(':\n\n:\n\n');
    clock.advance(1_000);
    await until(() => reader.isClosed);
    assert.match(reader.text, /ERR_AUTH_REQUIRED/);
  });

  it('more than the limit, is refused; open ones do not count as open requests', async () => {
    await stopGateways();
    running = await startGateway({ eventStreams: 2, inFlight: 2 }, { clock });
    const [first] = await open();
    await open();
    const answer = await ask(running, EVENTS);
    assert.equal(answer.status, 429);
    assert.equal(codeOf(answer), 'ERR_LIMIT_REACHED');
    assert.equal(codeOf(await call(running, '/v1/cores/airport/flows/stats')), 'ok');
    first.close();
    await until(() => running.cluster.subscriptions[0]?.isCancelled === true);
    await open();
  });

  it('HEAD, opens no subscription', async () => {
    const { status, headers } = await ask(running, EVENTS, { method: 'HEAD' });
    assert.deepEqual([status, headers['content-type']], [200, 'text/event-stream; charset=utf-8']);
    assert.equal(running.cluster.subscriptions.length, 0);
  });

  it('a gateway that drains, ends the streams with the reason', async () => {
    const [reader] = await open();
    void running.gateway.drain();
    await until(() => reader.isClosed);
    assert.match(reader.text, /event: end\ndata: \{"code":"ERR_SILO_DRAINING"/);
  });
});
