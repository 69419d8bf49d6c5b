import assert from 'node:assert/strict';
import { connect, type Socket } from 'node:net';
import type { Envelope } from '../../../silo/index.ts';
import { parseHotPath, resolveHttpOptions } from '../../../gateway/internal.ts';
import { ask, call, codeOf, exchange, startGateway, stopGateways, until } from './support.ts';

const RECORD = '/v1/cores/airport/instances/JFK/flows/record';
const POST = `POST ${RECORD} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n`;

describe('HTTP, limits: what is too much, too slow, or no HTTP', () => {
  afterEach(stopGateways);

  describe('a body', () => {
    it('of the limit, is taken; one byte more is refused', async () => {
      const running = await startGateway({ bodyBytes: 100 });
      const json = 'x'.repeat(98);
      assert.equal(codeOf(await call(running, RECORD, { json })), 'ok');
      const answer = await call(running, RECORD, { json: `${json}x` });
      assert.equal(answer.status, 413);
      assert.equal(codeOf(answer), 'ERR_BODY_TOO_LARGE');
      assert.deepEqual(answer.body?.error?.details, { bytes_max: 100 });
      assert.equal(running.cluster.sent.length, 1);
    });

    it('that says it will be too large, is refused before it is sent, and the connection goes on', async () => {
      const running = await startGateway({ bodyBytes: 100 });
      const text = await exchange(
        running,
        `${POST}Content-Length: 200\r\n\r\n`,
        'x'.repeat(200),
        `${POST}Connection: close\r\nContent-Length: 1\r\n\r\n1`,
      );
      assert.match(text, /^HTTP\/1.1 413 .*HTTP\/1.1 200 /s);
    });

    it('in chunks beyond the limit, is refused, and the connection goes on', async () => {
      const running = await startGateway({ bodyBytes: 100 });
      const chunk = `40\r\n${'x'.repeat(64)}\r\n`;
      const text = await exchange(
        running,
        `${POST}Transfer-Encoding: chunked\r\n\r\n${chunk}`,
        chunk,
        `${chunk}0\r\n\r\n`,
        `${POST}Connection: close\r\nContent-Length: 1\r\n\r\n1`,
      );
      assert.match(text, /^HTTP\/1.1 413 .*HTTP\/1.1 200 /s);
      assert.equal(running.cluster.sent.length, 1);
    });

    it('in chunks without end, is answered, then cut off', async () => {
      const running = await startGateway({ bodyBytes: 100 });
      const chunk = `400\r\n${'x'.repeat(1_024)}\r\n`;
      const socket: Socket = connect(running.port, '127.0.0.1');
      let text = '';
      let isClosed = false;
      socket.on('data', (data: Buffer) => {
        text += data.toString();
      });
      socket.on('error', () => undefined);
      socket.on('close', () => {
        isClosed = true;
      });
      socket.write(`${POST}Transfer-Encoding: chunked\r\n\r\n`);
      await until(() => {
        if (socket.writable) socket.write(chunk);
        return isClosed;
      });
      assert.match(text, /^HTTP\/1.1 413 /);
    });

    it('that does not arrive in time, is a timeout', async () => {
      const running = await startGateway({ headersTimeoutMs: 50, requestTimeoutMs: 50, timeoutCheckMs: 10 });
      const text = await exchange(running, `${POST}Content-Length: 10\r\n\r\n"1`);
      assert.match(text, /^HTTP\/1.1 408 .*"ERR_REQUEST_TIMEOUT"/s);
      assert.equal(running.cluster.sent.length, 0);
    });

    it('that is announced with Expect, is asked for when it fits, and not when it does not', async () => {
      const running = await startGateway({ bodyBytes: 100 });
      const expect = `${POST}Connection: close\r\nExpect: 100-continue\r\n`;
      assert.match(
        await exchange(running, `${expect}Content-Length: 1\r\n\r\n1`),
        /^HTTP\/1.1 100 .*HTTP\/1.1 200 /s,
      );
      assert.match(await exchange(running, `${expect}Content-Length: 101\r\n\r\n`), /^HTTP\/1.1 413 /);
    });

    it('with an expectation that nobody knows, is taken', async () => {
      const running = await startGateway();
      const text = await exchange(
        running,
        `${POST}Connection: close\r\nExpect: tea\r\nContent-Length: 1\r\n\r\n1`,
      );
      assert.match(text, /^HTTP\/1.1 200 /);
    });
  });

  describe('a head', () => {
    it('beyond the limit, is refused with a code', async () => {
      const running = await startGateway({ headerBytes: 2_048 });
      const text = await exchange(running, `${POST}X-Long: ${'a'.repeat(3_000)}\r\n\r\n`);
      assert.match(text, /^HTTP\/1.1 431 .*"ERR_HEADERS_TOO_LARGE"/s);
    });

    it('with a long URL, is refused with a code', async () => {
      const running = await startGateway({ urlLength: 200 });
      const answer = await ask(running, `/${'a'.repeat(200)}`);
      assert.equal(answer.status, 414);
      assert.equal(codeOf(answer), 'ERR_URL_TOO_LONG');
    });

    it('with very many headers, is read to the end: the last one counts too', async () => {
      const running = await startGateway({ headerBytes: 65_536 });
      const many = Array.from({ length: 3_000 }, (_unused, index) => `x${index}: 1\r\n`).join('');
      const text = await exchange(
        running,
        `${POST}${many}Origin: https://evil.example\r\nConnection: close\r\nContent-Length: 1\r\n\r\n1`,
      );
      assert.match(text, /^HTTP\/1.1 403 /);
    });

    it('that does not arrive in time, is a timeout', async () => {
      const running = await startGateway({ headersTimeoutMs: 50, requestTimeoutMs: 50, timeoutCheckMs: 10 });
      assert.match(await exchange(running, 'POST /v1'), /^HTTP\/1.1 408 /);
    });

    for (const [what, bytes] of [
      ['no HTTP', 'hello\r\n\r\n'],
      ['a TLS hello', Buffer.from('16030100a5010000a10303', 'hex')],
      ['two lengths', `${POST}Content-Length: 1\r\nContent-Length: 2\r\n\r\n1`],
      ['a length and chunks', `${POST}Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n1`],
      ['a length that is no number', `${POST}Content-Length: x\r\n\r\n`],
      ['a negative length', `${POST}Content-Length: -1\r\n\r\n`],
      ['a NUL in a header', `${POST}X-A: a\0b\r\n\r\n`],
      ['a broken chunk', `${POST}Transfer-Encoding: chunked\r\n\r\nzz\r\n`],
      ['a folded header', `${POST}X-A: a\r\n b\r\n\r\n`],
    ] as const) {
      it(`that is ${what}, is refused with a code or the connection ends, and the gateway lives`, async () => {
        const running = await startGateway();
        const text = await exchange(running, bytes);
        assert.match(text, /^HTTP\/1.1 400 .*"ERR_REQUEST_INVALID".*"request_id":"[^"]+"/s);
        assert.equal(codeOf(await call(running, RECORD)), 'ok');
        assert.equal(running.cluster.sent.length, 1);
      });
    }

    it('with headers that are properties of every object, is a request like others', async () => {
      const running = await startGateway();
      const headers = { __proto__: 'a', constructor: 'b' } as Record<string, string>;
      Object.defineProperty(headers, '__proto__', { value: 'a', enumerable: true });
      assert.equal(codeOf(await call(running, RECORD, { headers })), 'ok');
    });
  });

  describe('requests at once', () => {
    it('beyond the limit, are refused without effect; when one ends there is room', async () => {
      const running = await startGateway({ inFlight: 2 });
      const waiting: Envelope[] = [];
      running.cluster.onDispatch = (envelope) => waiting.push(envelope);
      const first = call(running, RECORD);
      const second = call(running, RECORD);
      await until(() => waiting.length === 2);
      const refused = await call(running, RECORD);
      assert.equal(refused.status, 503);
      assert.equal(codeOf(refused), 'ERR_GATEWAY_BUSY');
      assert.equal(refused.body?.error?.effect, 'none');
      assert.equal(refused.headers['retry-after'], '1');
      assert.equal((await ask(running, '/health')).status, 200, 'busy is not dead');
      waiting[0]?.resolve(1);
      assert.equal(codeOf(await first), 'ok');
      running.cluster.onDispatch = (envelope) => envelope.resolve(1);
      assert.equal(codeOf(await call(running, RECORD)), 'ok');
      waiting[1]?.resolve(1);
      await second;
    });

    it('that their callers gave up, make room', async () => {
      const running = await startGateway({ inFlight: 1 });
      running.cluster.onDispatch = () => undefined;
      const socket = connect(running.port, '127.0.0.1');
      socket.write(`${POST}Content-Length: 1\r\n\r\n1`);
      await until(() => running.cluster.sent.length === 1);
      socket.destroy();
      await until(() => running.cluster.sent[0]?.isSettled === true);
      running.cluster.onDispatch = (envelope) => envelope.resolve(1);
      assert.equal(codeOf(await call(running, RECORD)), 'ok');
    });
  });

  describe('an upgrade', () => {
    const offer =
      'Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n';

    it('to h2c, as Java and curl offer it, is answered as if it were not there', async () => {
      const running = await startGateway();
      const text = await exchange(
        running,
        `${POST}${offer}Content-Length: 6\r\n\r\n"on`,
        'e"\n',
        `${POST}Connection: close\r\nContent-Length: 5\r\n\r\n"two"`,
      );
      const answers = [...text.matchAll(/HTTP\/1.1 (\d+) .*?"data":"(\w+)"/gs)].map(([, code, data]) => [
        code,
        data,
      ]);
      assert.deepEqual(answers, [
        ['200', 'one'],
        ['200', 'two'],
      ]);
    });

    it('to WebSocket at another path, is refused with a code', async () => {
      const running = await startGateway();
      const key = 'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n';
      const text = await exchange(
        running,
        `GET /v1/other HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n${key}\r\n`,
      );
      assert.match(text, /^HTTP\/1.1 404 .*"ERR_PATH_UNKNOWN"/s);
    });

    it('to WebSocket at the stream, is taken over', async () => {
      const running = await startGateway();
      const socket = connect(running.port, '127.0.0.1');
      let text = '';
      socket.on('data', (data: Buffer) => {
        text += data.toString('latin1');
      });
      socket.write(
        'GET /v1/stream HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n' +
          'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n' +
          'Sec-WebSocket-Protocol: granary.v1+json\r\n\r\n',
      );
      await until(() => text.includes('\r\n\r\n'));
      assert.match(text, /^HTTP\/1.1 101 /);
      socket.destroy();
    });
  });

  it('hot path, of texts that fuzzers like, never throws but for percent signs', () => {
    const parts = [
      '',
      '/',
      'v1',
      'cores',
      'a',
      'instances',
      'flows',
      'events',
      '%2F',
      '?',
      '..',
      '__proto__',
    ];
    let seed = 7;
    for (let round = 0; round < 5_000; round += 1) {
      let url = round % 2 === 0 ? '/v1/cores/' : '/';
      for (let count = 0; count < 8; count += 1) {
        seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648;
        url += `${parts[seed % parts.length] ?? ''}${seed % 3 === 0 ? '/' : ''}`;
      }
      const path = parseHotPath(url);
      if (!path) continue;
      // What is taken apart can be put together again.
      const key = path.key === undefined ? '' : `/instances/${encodeURIComponent(path.key)}`;
      const tail = path.flow === undefined ? '/events' : `/flows/${encodeURIComponent(path.flow)}`;
      const [again] = url.split('?');
      assert.equal(`/v1/cores/${encodeURIComponent(path.core)}${key}${tail}`, again);
    }
  });

  describe('options', () => {
    for (const [given, word] of [
      [{ port: 65_536 }, /port must be/],
      [{ bodyBytes: 0 }, /bodyBytes must be/],
      [{ rateLimit: { perSecond: 0, burst: 1 } }, /perSecond must be/],
      [{ headersTimeoutMs: 61_000 }, /headersTimeoutMs \(61000\) must not exceed requestTimeoutMs \(60000\)/],
      [{ bodybytes: 1 } as object, /unknown option bodybytes; did you mean bodyBytes/],
    ] as const) {
      it(`${JSON.stringify(given)}, are refused`, () => {
        assert.throws(() => resolveHttpOptions(given), { code: 'ERR_OPTION_INVALID', message: word });
      });
    }
  });
});
