// Clients that take what they are sent too slowly, never, or in great number. The host runs in a process of its own, so
// that its memory can be watched.
import assert from 'node:assert/strict';
import { execSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { connect, type Socket } from 'node:net';
import path from 'node:path';
import { SUBPROTOCOL_JSON } from '../../gateway/internal.ts';
import { ask, codeOf } from '../gateway/http/support.ts';
import {
  callFlow,
  Cleanup,
  eventually,
  flowPath,
  HostProcess,
  join,
  metric,
  unread,
} from '../support/real-host.ts';
import { codeOf as frameCode, type StreamClient } from '../support/stream-client.ts';

const MB = 1024 * 1024;
/** What a few full buffers and a lazy garbage collector may take; what is sent in each test is much more. */
const GROWTH_MAX = 160 * MB;
/** Descriptors that the test and the host need besides the idle connections. */
const SPARE_FDS = 300;
const IDLE = Math.min(10_000, Number(execSync('ulimit -n', { shell: '/bin/sh' })) - SPARE_FDS || 10_000);

describe('Hostile readers', () => {
  const cleanup = new Cleanup();
  let host: HostProcess;

  before(async function () {
    this.timeout(20_000);
    host = await HostProcess.start(cleanup, {
      data: path.join(cleanup.folder(), 'data'),
      heapMb: 256,
      config: { heartbeatMs: 200, eventStreams: 500, eventStreamBytes: MB, logLevel: 'warn' },
    });
  });

  after(() => cleanup.run());

  afterEach(async () => {
    assert.equal(codeOf(await callFlow(host, 'villain', 'healthy', 'ok')), 'ok');
  });

  /** Emits `mb` MB in pieces of 1 MB, as fast as commits go; answers the largest memory seen. */
  async function emit(name: string, mb: number): Promise<number> {
    let most = 0;
    for (let sent = 0; sent < mb; sent += 1) {
      const answer = await callFlow(host, 'chatter', name, 'burst', { name, count: 16, bytes: 65_536 });
      assert.equal(codeOf(answer), 'ok');
      if (sent % 10 === 9) most = Math.max(most, await residentBytes());
    }
    return most;
  }

  function residentBytes(): Promise<number> {
    return metric(host, 'granary_process_resident_memory_bytes');
  }

  /** The socket below is read no more; what the host sends stays in its hands. */
  function stopReading(client: StreamClient): void {
    client.socket.pause();
  }

  it('20 subscribers that never read, a fast emitter: each is closed with 4012, memory is bounded, others get all', async function () {
    this.timeout(20_000);
    const deaf: StreamClient[] = [];
    for (let count = 0; count < 20; count += 1) {
      const [client] = await join(cleanup, host);
      client.send({ t: 'sub', id: 1, core: 'chatter', key: 'loud' });
      await client.fence();
      stopReading(client);
      deaf.push(client);
    }
    const [reader] = await join(cleanup, host);
    reader.send({ t: 'sub', id: 1, core: 'chatter', key: 'loud' });
    await reader.fence();
    const before = await residentBytes();
    const most = await emit('loud', 40);
    for (let n = 1; n <= 40 * 16; n += 1) {
      const push = await reader.expect('push');
      assert.deepEqual([push['n'], push['prev']], [n, n - 1]);
    }
    const closed = /granary_stream_closed_total\{code="4012"\} 20/;
    await eventually(
      () => ask(host, '/metrics'),
      ({ text }) => closed.test(text),
    );
    assert.ok(most - before < GROWTH_MAX + 20 * 8 * MB, `grew by ${Math.round((most - before) / MB)} MB`);
    for (const client of [...deaf, reader]) client.socket.terminate();
  });

  it('a subscriber that asks for n and never for more: gets n, holds nothing, whatever is emitted', async () => {
    const [client] = await join(cleanup, host);
    client.send({ t: 'sub', id: 1, core: 'chatter', key: 'metered', n: 3 });
    await client.fence();
    await emit('metered', 5);
    const pushes = (await client.fence()).filter(({ t }) => t === 'push');
    assert.deepEqual(
      pushes.map(({ n }) => n),
      [1, 2, 3],
    );
    client.send({ t: 'more', id: 1, n: 1 });
    // 50 emissions are kept, 80 were made: the hole is told, not passed over.
    const gap = await client.expect('gap');
    const push = await client.expect('push');
    assert.equal(push['n'], 31);
    assert.match(String(gap['to']), /\.30$/);
    client.socket.terminate();
  });

  it('a client that calls for large results and never reads: not read any more, then given up; memory is bounded', async function () {
    this.timeout(20_000);
    const [client] = await join(cleanup, host);
    const before = await residentBytes();
    stopReading(client);
    for (let id = 0; id < 200; id += 1) {
      client.send({ t: 'call', id, core: 'villain', key: `r${id % 10}`, flow: 'returnsText', input: MB });
    }
    await eventually(
      () => metric(host, 'granary_stream_connections'),
      (count) => count === 0,
    );
    const after = await residentBytes();
    assert.ok(after - before < GROWTH_MAX, `grew by ${Math.round((after - before) / MB)} MB`);
    client.socket.terminate();
  });

  it('8 clients that send 400 MB of events to grains that do not answer: not read above their bound', async function () {
    this.timeout(20_000);
    const before = await residentBytes();
    const clients = await Promise.all(Array.from({ length: 8 }, async () => (await join(cleanup, host))[0]));
    const data = 'd'.repeat(1_000_000);
    for (const [at, client] of clients.entries()) {
      for (let seq = 1; seq <= 50; seq += 1)
        client.send({ t: 'event', seq, core: 'villain', key: `stuck ${at}`, event: 'wait', data });
    }
    // Whoever is not read keeps what it could not send.
    await eventually(
      () => callFlow(host, 'villain', 'beside', 'ok'),
      () => clients.every((client) => client.socket.bufferedAmount > 5_000_000),
    );
    const most = await residentBytes();
    assert.ok(most - before < GROWTH_MAX + 8 * 16 * MB, `grew by ${Math.round((most - before) / MB)} MB`);
    for (const client of clients) client.socket.terminate();
    // A socket that is not read tells of its end late, at the next heartbeat: nobody waits for that here.
  });

  it('100 event streams that are never read: cut off, memory is bounded, the streams are given back', async function () {
    this.timeout(20_000);
    await Promise.all(
      Array.from({ length: 100 }, () => unread(cleanup, host, '/v1/cores/chatter/instances/sse/events')),
    );
    assert.equal(await metric(host, 'granary_http_event_streams'), 100);
    const before = await residentBytes();
    const most = await emit('sse', 30);
    assert.ok(most - before < GROWTH_MAX + 100 * MB, `grew by ${Math.round((most - before) / MB)} MB`);
    await eventually(
      () => metric(host, 'granary_http_event_streams'),
      (count) => count === 0,
    );
  });

  it('event streams above the limit are refused with a code, and make room when they go', async () => {
    const target = '/v1/cores/chatter/instances/many/events';
    const mine = new Cleanup();
    await Promise.all(Array.from({ length: 500 }, () => unread(mine, host, target)));
    assert.equal(codeOf(await ask(host, target)), 'ERR_LIMIT_REACHED');
    await mine.run();
    await eventually(
      () => metric(host, 'granary_http_event_streams'),
      (count) => count === 0,
    );
  });

  it('pipelined requests for 1 GB whose answers are never read: reading stops, memory is bounded', async function () {
    this.timeout(20_000);
    const socket = connect(host.port, '127.0.0.1');
    cleanup.add(() => socket.destroy());
    socket.on('error', () => undefined).pause();
    const before = await residentBytes();
    const request =
      `POST ${flowPath('villain', 'pipe', 'returnsText')} HTTP/1.1\r\nHost: localhost\r\n` +
      'Content-Type: application/json\r\nContent-Length: 7\r\n\r\n1048576';
    socket.write(request.repeat(1_000));
    let most = 0;
    for (let look = 0; look < 30; look += 1) {
      most = Math.max(most, await residentBytes());
      await callFlow(host, 'villain', 'beside', 'ok');
    }
    const answered = await callFlow(host, 'villain', 'beside', 'count');
    assert.equal(codeOf(answered), 'ok');
    assert.ok(most - before < GROWTH_MAX, `grew by ${Math.round((most - before) / MB)} MB`);
    socket.destroy();
  });

  it(`${IDLE.toLocaleString('en')} idle connections: all are welcomed, a call is served at once, the last one in speaks`, async function () {
    this.timeout(30_000);
    const before = await residentBytes();
    const sockets: Socket[] = [];
    cleanup.add(() => {
      for (const socket of sockets) socket.destroy();
    });
    for (let at = 0; at < IDLE; at += 250) {
      const some = Array.from({ length: Math.min(250, IDLE - at) }, () => welcomed(host.port));
      sockets.push(...(await Promise.all(some)));
    }
    assert.ok((await metric(host, 'granary_stream_connections')) >= IDLE);
    const perSocket = ((await residentBytes()) - before) / IDLE;
    assert.ok(perSocket < 40_000, `${Math.round(perSocket)} bytes a connection`);
    const answer = await callFlow(host, 'villain', 'idle', 'ok');
    assert.equal(codeOf(answer), 'ok');
    const last = sockets[IDLE - 1];
    assert.ok(last);
    const pong = new Promise<string>((resolve) => last.once('data', (data) => resolve(String(data))));
    last.write(masked('{"t":"ping"}'));
    assert.match(await pong, /"pong"|"ping"/);
    for (const socket of sockets) socket.destroy();
    await eventually(
      () => metric(host, 'granary_stream_connections'),
      (count) => count < 10,
    );
  });

  it('calls above what a mailbox holds: refused as not executed with the time to come back, none is lost or doubled', async () => {
    const [client] = await join(cleanup, host);
    client.send({ t: 'call', id: 'hold', core: 'villain', key: 'full', flow: 'wait' });
    const answers = await Promise.all(
      Array.from({ length: 1_500 }, () =>
        callFlow(host, 'villain', 'full', 'ok').then((answer) => {
          // The last that fit have been let in: whoever was refused came too late.
          if (codeOf(answer) === 'ERR_MAILBOX_FULL') client.send({ t: 'cancel', id: 'hold' });
          return answer;
        }),
      ),
    );
    assert.equal(frameCode(await client.expect('error')), 'ERR_CALL_CANCELLED');
    const refused = answers.filter((answer) => codeOf(answer) === 'ERR_MAILBOX_FULL');
    assert.ok(refused.length > 0, 'some were refused');
    for (const { status, headers, body } of refused) {
      assert.deepEqual([status, headers['retry-after'], body?.error?.effect], [429, '1', 'none']);
    }
    const { body } = await callFlow(host, 'villain', 'full', 'count');
    assert.equal(body?.data, answers.filter((answer) => codeOf(answer) === 'ok').length);
    client.socket.terminate();
  });
});

/** A raw WebSocket, without what a library would add, after its welcome. */
function welcomed(port: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1');
    socket.on('error', reject);
    socket.on('data', function onData(data: Buffer) {
      if (!data.includes('"welcome"')) return;
      socket.off('data', onData);
      resolve(socket);
    });
    const head =
      'GET /v1/stream HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n' +
      `Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${randomBytes(16).toString('base64')}\r\n` +
      `Sec-WebSocket-Protocol: ${SUBPROTOCOL_JSON}\r\n\r\n`;
    socket.write(Buffer.concat([Buffer.from(head), masked('{"t":"hello"}')]));
  });
}

/** A text frame below 126 bytes; a mask of zeros leaves the bytes as they are. */
function masked(text: string): Buffer {
  return Buffer.concat([Buffer.from([0x81, 0x80 | text.length, 0, 0, 0, 0]), Buffer.from(text)]);
}
