// Hostile WebSocket clients, against the assembled host.
import assert from 'node:assert/strict';
import { connect as connectSocket } from 'node:net';
import { Packr } from 'msgpackr';
import { WebSocket } from 'ws';
import { CLOSE, SUBPROTOCOL_JSON, SUBPROTOCOL_MSGPACK } from '../../gateway/internal.ts';
import { SeededRng } from '../../lib/index.ts';
import { ask, codeOf as httpCode } from '../gateway/http/support.ts';
import { callFlow, Cleanup, join, metric, realHost, type RealHost } from '../support/real-host.ts';
import { codeOf, type Frame } from '../support/stream-client.ts';
import { echo, ledger, pure, tally, villain } from './cores.ts';
import { mutated } from './mutations.ts';

const NAMES = ['__proto__', 'constructor', 'prototype', 'toString', 'hasOwnProperty', 'valueOf', 'then'];
const packr = new Packr({ useRecords: false });

describe('Hostile streams', () => {
  const cleanup = new Cleanup();
  let real: RealHost;

  before(async () => {
    const stream = { maxCalls: 32, maxSubs: 16, maxFrameBytes: 65_536, heartbeatMs: 200 };
    real = await realHost(cleanup, [echo, ledger, villain, tally, pure], { stream });
  });

  after(() => cleanup.run());

  /** Nothing that strangers send is an error of ours, and the host serves on. */
  afterEach(async () => {
    assert.deepEqual(real.errors(), []);
    const answer = await callFlow(real, 'villain', 'healthy', 'ok');
    assert.equal(httpCode(answer), 'ok');
  });

  const SEEDS: readonly object[] = [
    { t: 'event', seq: 1, core: 'echo', key: 'fuzz', event: 'keep', data: { a: [1, 2.5, null, 'é'] } },
    {
      t: 'call',
      id: 1,
      core: 'echo',
      key: 'fuzz',
      flow: 'say',
      input: { b: { c: [true] } },
      deadline_ms: 900,
    },
    { t: 'call', id: 'x', core: 'pure', flow: 'double', input: 21, command_id: 'id' },
    { t: 'sub', id: 'y', core: 'ledger', key: 'fuzz', event: 'recorded', from: '0.0', n: 1 },
    { t: 'more', id: 'y', n: 1 },
    { t: 'unsub', id: 'y' },
    { t: 'cancel', id: 1 },
    { t: 'auth', token: 'nonsense' },
    { t: 'ping' },
    { t: 'hello', session: 'e30.e30', acked: 1 },
  ];

  for (const isBinary of [false, true]) {
    const spelt = isBinary ? 'msgpack' : 'JSON';

    it(`3,000 mutated ${spelt} frames: errors are coded, connections end in order, the rest is served`, async function () {
      this.timeout(15_000);
      const rng = new SeededRng(isBinary ? 5 : 3);
      const seeds = SEEDS.map((frame) => (isBinary ? packr.pack(frame) : Buffer.from(JSON.stringify(frame))));
      const codes = new Map<number, number>();
      for (let round = 0; round < 3_000 / 300; round += 1) {
        const closed = await Promise.all(
          Array.from({ length: 30 }, () => fuzzOnce(isBinary, () => mutated(rng, seeds))),
        );
        for (const code of closed) codes.set(code, (codes.get(code) ?? 0) + 1);
      }
      const known = new Set<number>([1000, CLOSE.unauthenticated, CLOSE.violation, CLOSE.tooLarge, 1007]);
      for (const code of codes.keys()) assert.ok(known.has(code), `closed with ${code}`);
      assert.ok((codes.get(CLOSE.violation) ?? 0) > 10, 'some were given up on');
      assert.equal(({} as Record<string, unknown>)['a'], undefined, 'no prototype was polluted');
    });

    it(`mutated first frames in ${spelt}: each connection ends or is welcomed`, async () => {
      const rng = new SeededRng(isBinary ? 19 : 17);
      const hello = { t: 'hello', token: 'x', session: 'e30.e30', acked: 2 };
      const seeds = [isBinary ? packr.pack(hello) : Buffer.from(JSON.stringify(hello))];
      await Promise.all(
        Array.from({ length: 200 }, async () => {
          const socket = await openSocket(isBinary);
          const told = new Promise((resolve) => socket.once('message', resolve).once('close', resolve));
          socket.send(mutated(rng, seeds), { binary: isBinary });
          await told;
          socket.terminate();
        }),
      );
    });
  }

  /** Ten frames in one burst, then a polite end; answers how the connection closed. */
  async function fuzzOnce(isBinary: boolean, make: () => Buffer): Promise<number> {
    const socket = await openSocket(isBinary);
    const closed = new Promise<number>((resolve) => socket.on('close', resolve));
    socket.on('message', (data: Buffer, isBinaryFrame) => {
      if (isBinaryFrame) return;
      const frame = JSON.parse(data.toString()) as Frame;
      if (frame.t === 'error' || frame.t === 'nack') assert.match(String(codeOf(frame)), /^ERR_/);
    });
    const hello = { t: 'hello' };
    socket.send(isBinary ? packr.pack(hello) : JSON.stringify(hello), { binary: isBinary });
    for (let count = 0; count < 10; count += 1) socket.send(make(), { binary: isBinary });
    socket.close(1000);
    return await closed;
  }

  async function openSocket(isBinary: boolean): Promise<WebSocket> {
    const protocol = isBinary ? SUBPROTOCOL_MSGPACK : SUBPROTOCOL_JSON;
    const socket = new WebSocket(real.host.stream, protocol, { perMessageDeflate: false });
    cleanup.add(() => socket.terminate());
    await new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject));
    socket.on('error', () => undefined);
    return socket;
  }

  it('names of prototypes as Core, flow, event and key: unknown or a grain of its own, never a crash', async () => {
    for (const isBinary of [false, true]) {
      const [client] = await join(cleanup, real, { isBinary });
      let seq = 0;
      for (const name of NAMES) {
        client.send({ t: 'event', seq: ++seq, core: name, key: 'k', event: 'keep', data: 1 });
        assert.equal(codeOf(await client.expect('nack')), 'ERR_CORE_UNKNOWN', name);
        client.send({ t: 'event', seq: ++seq, core: 'echo', key: 'k', event: name, data: 1 });
        assert.equal(codeOf(await client.expect('nack')), 'ERR_EVENT_UNKNOWN', name);
        client.send({ t: 'call', id: name, core: 'echo', key: 'k', flow: name });
        assert.equal(codeOf(await client.expect('error')), 'ERR_FLOW_UNKNOWN', name);
        client.send({ t: 'sub', id: name, core: name, key: 'k' });
        assert.equal(codeOf(await client.expect('error')), 'ERR_CORE_UNKNOWN', name);
        client.send({ t: 'sub', id: name, core: 'echo', key: name, event: name });
        client.send({ t: 'call', id: `w${name}`, core: 'echo', key: name, flow: 'whoami' });
        const { output } = await client.expect('result');
        assert.deepEqual(output, { principal: 'dev', tenant: 'default', key: name });
      }
      client.socket.terminate();
    }
  });

  it('names of prototypes as fields of frames and data, in both encodings, change nothing', async () => {
    const [client] = await join(cleanup, real);
    client.socket.send(
      '{"t":"call","id":1,"core":"echo","key":"k","flow":"say","input":{"constructor":{"prototype":{"a":1}}},"__proto__":{"deadline_ms":0}}',
    );
    const { output } = await client.expect('result');
    assert.deepEqual(output, { constructor: { prototype: { a: 1 } } });
    client.socket.send('{"__proto__":{"t":"ping"}}');
    assert.equal(codeOf(await client.expect('error')), 'ERR_FRAME_INVALID');
    const [binary] = await join(cleanup, real, { isBinary: true });
    // {t: 'ping', "__proto__": {}} with the raw map, which no library of ours would write
    const raw = Buffer.concat([
      Buffer.from([0x82, 0xa1]),
      Buffer.from('t'),
      Buffer.from([0xa4]),
      Buffer.from('ping'),
      Buffer.from([0xa9]),
      Buffer.from('__proto__'),
      Buffer.from([0x80]),
    ]);
    binary.socket.send(raw);
    assert.equal(codeOf(await binary.expect('error')), 'ERR_FRAME_INVALID');
    assert.equal(({} as Record<string, unknown>)['a'], undefined);
  });

  it('keys of 1 and 512 bytes are taken, of 513 bytes and with control characters nacked, in both encodings', async () => {
    for (const isBinary of [false, true]) {
      const [client] = await join(cleanup, real, { isBinary });
      let seq = 0;
      const send = async (key: unknown): Promise<unknown> => {
        client.send({ t: 'event', seq: ++seq, core: 'echo', key, event: 'keep', data: key });
        const [last] = (await client.until(seq)).slice(-1);
        return last?.t === 'ack' ? 'ack' : last && codeOf(last);
      };
      for (const key of ['a', 'k'.repeat(512), '😀'.repeat(128), 42]) assert.equal(await send(key), 'ack');
      for (const key of ['k'.repeat(513), '😀'.repeat(129), 'a\u0000b', '\u0085', true, [], {}, Infinity]) {
        if (isBinary && key === Infinity) continue; // the frame itself is refused
        const expected = key === Infinity && !isBinary ? 'ERR_KEY_REQUIRED' : 'ERR_KEY_INVALID';
        assert.equal(await send(key), expected, String(key).slice(0, 20));
      }
      client.socket.terminate();
    }
  });

  it('a frame above the limit ends its connection with 4009, in one piece or in fragments', async () => {
    const [client] = await join(cleanup, real);
    client.socket.send(
      JSON.stringify({ t: 'call', id: 1, core: 'echo', key: 'k', flow: 'say', input: 'x'.repeat(70_000) }),
    );
    assert.equal(await client.closed, CLOSE.tooLarge);
    const [parts] = await join(cleanup, real);
    for (let part = 0; part < 70; part += 1) parts.socket.send('x'.repeat(1_000), { fin: false });
    assert.equal(await parts.closed, CLOSE.tooLarge);
  });

  it('bytes that are no WebSocket frames, after the upgrade: the connection ends, nobody else notices', async () => {
    const [bystander] = await join(cleanup, real);
    const rng = new SeededRng(23);
    await Promise.all(
      Array.from({ length: 50 }, async () => {
        const socket = connectSocket(real.port, '127.0.0.1');
        cleanup.add(() => socket.destroy());
        const ended = new Promise((resolve) => socket.on('close', resolve));
        socket.on('error', () => undefined);
        socket.write(
          'GET /v1/stream HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n' +
            `Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Protocol: ${SUBPROTOCOL_JSON}\r\n\r\n`,
        );
        await new Promise((resolve) => socket.once('data', resolve));
        socket.write(Buffer.from(rng.hex(200), 'hex'));
        await ended;
      }),
    );
    assert.deepEqual(
      (await bystander.fence()).filter(({ t }) => t !== 'ping'),
      [],
    );
  });

  it('a flood of calls above max_calls: each is answered once, those above the limit as not executed', async () => {
    const [client] = await join(cleanup, real);
    const count = 500;
    for (let id = 0; id < count; id += 1) {
      client.send({ t: 'call', id, core: 'villain', key: 'flood', flow: 'wait', deadline_ms: 60_000 });
    }
    const refused = new Set<unknown>();
    while (refused.size < count - 32) {
      const frame = await client.expect('error');
      assert.equal(codeOf(frame), 'ERR_LIMIT_REACHED');
      assert.equal((frame['error'] as { effect?: unknown }).effect, 'none');
      assert.ok(!refused.has(frame['id']), 'answered twice');
      refused.add(frame['id']);
    }
    for (let id = 0; id < count; id += 1) client.send({ t: 'cancel', id });
    const cancelled = new Set<unknown>();
    while (cancelled.size < 32) {
      const frame = await client.expect('error');
      assert.equal(codeOf(frame), 'ERR_CALL_CANCELLED');
      cancelled.add(frame['id']);
    }
    client.socket.terminate();
  });

  it('cancel in flight: the flow is told by its signal, the caller gets its code once, the grain goes on', async () => {
    const [client] = await join(cleanup, real);
    client.send({ t: 'call', id: 'c', core: 'villain', key: 'cancelled', flow: 'wait' });
    await logged(real, 'waiting', 'default/villain/cancelled');
    client.send({ t: 'cancel', id: 'c' });
    client.send({ t: 'cancel', id: 'c' });
    client.send({ t: 'cancel', id: 'nobody' });
    assert.equal(codeOf(await client.expect('error')), 'ERR_CALL_CANCELLED');
    await logged(real, 'aborted', 'default/villain/cancelled');
    client.send({ t: 'call', id: 'c', core: 'villain', key: 'cancelled', flow: 'ok' });
    assert.equal((await client.expect('result'))['output'], 1);
    client.socket.terminate();
  });

  it('a caller who goes away in the middle of 32 calls: the flows are told, the grains go on', async () => {
    const [client] = await join(cleanup, real);
    for (let id = 0; id < 32; id += 1)
      client.send({ t: 'call', id, core: 'villain', key: `left ${id}`, flow: 'wait' });
    for (let id = 0; id < 32; id += 1) await logged(real, 'waiting', `default/villain/left ${id}`);
    client.socket.terminate();
    for (let id = 0; id < 32; id += 1) {
      await logged(real, 'aborted', `default/villain/left ${id}`);
      assert.equal(httpCode(await callFlow(real, 'villain', `left ${id}`, 'ok')), 'ok');
    }
  });

  it('subscriptions: 16 on one connection, more are refused; 200 connections that come and go leave none', async function () {
    this.timeout(15_000);
    const connections = (): Promise<number> => metric(real, 'granary_stream_connections');
    const [client] = await join(cleanup, real);
    const before = await connections();
    for (let id = 0; id < 20; id += 1) client.send({ t: 'sub', id, core: 'ledger', key: `s${id}` });
    for (let id = 16; id < 20; id += 1) {
      const frame = await client.expect('error');
      assert.deepEqual([frame['id'], codeOf(frame)], [id, 'ERR_LIMIT_REACHED']);
    }
    await Promise.all(
      Array.from({ length: 200 }, async (_none, at) => {
        const [guest] = await join(cleanup, real);
        for (let id = 0; id < 16; id += 1) guest.send({ t: 'sub', id, core: 'ledger', key: `s${id}` });
        if (at % 2 === 0) await guest.fence();
        guest.socket.terminate();
      }),
    );
    while ((await connections()) > before);
    client.socket.terminate();
  });

  it('an event loses nothing when the client cuts the socket in the middle of its frame', async () => {
    const [client, welcome] = await join(cleanup, real);
    const event = (seq: number): object => ({
      t: 'event',
      seq,
      core: 'ledger',
      key: 'cut',
      event: 'entry',
      data: { account: 'cut', by: 'me', n: seq },
    });
    client.send(event(1));
    await client.until(1);
    const raw = (client.socket as unknown as { _socket: import('node:net').Socket })._socket;
    raw.write(Buffer.from([0x81, 0xfe, 0x00, 0xff, 1, 2, 3, 4, 5]));
    raw.end();
    await client.closed;
    const [again, second] = await join(cleanup, real, {}, { session: welcome['session'], acked: 1 });
    assert.deepEqual([second['resumed'], second['acked']], [true, 1]);
    again.send(event(2));
    await again.until(2);
    const { body } = await callFlow(real, 'ledger', 'cut', 'read');
    assert.deepEqual(body?.data, {
      count: 2,
      entries: [
        { by: 'me', n: 1 },
        { by: 'me', n: 2 },
      ],
    });
  });

  it('a half-open socket, of a client that is gone without a word, is ended after two heartbeats', async () => {
    const [client] = await join(cleanup, real, { isMute: true });
    client.socket.removeAllListeners('message');
    assert.equal(await client.closed, 1006);
    const [alive] = await join(cleanup, real);
    alive.socket.terminate();
  });
});

/** Resolves when a flow of that grain has logged this. */
async function logged(real: RealHost, message: string, grain: string): Promise<void> {
  const isThere = (): boolean =>
    real.log.lines.some((line) => line.message === message && line.fields['grain'] === grain);
  while (!isThere()) await ask(real, '/health');
}
