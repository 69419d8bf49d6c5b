import assert from 'node:assert/strict';
import { connect, type Socket } from 'node:net';
import { GrainError } from '../../../lib/index.ts';
import { systemClock } from '../../../lib/internal.ts';
import type { Envelope } from '../../../silo/index.ts';
import { call, codeOf, exchange, type Running, startGateway, stopGateways, until } from './support.ts';

const RECORD = '/v1/cores/airport/instances/JFK/flows/record';

describe('HTTP, hot route: calls and events', () => {
  let running: Running;

  beforeEach(async () => {
    running = await startGateway();
  });

  afterEach(stopGateways);

  const last = (): Envelope => running.cluster.sent.at(-1) ?? assert.fail('nothing was dispatched');

  describe('a call', () => {
    it('with key and input, is dispatched as such and answered with the result', async () => {
      running.cluster.onDispatch = (envelope) => envelope.resolve({ flights: 3, list: [1, null, 'ü'] });
      const { status, headers, body } = await call(running, RECORD, { json: { origin: 'JFK' } });
      assert.equal(status, 200);
      assert.deepEqual(body, { status: 'ok', data: { flights: 3, list: [1, null, 'ü'] } });
      assert.equal(headers['content-type'], 'application/json; charset=utf-8');
      const { kind, tenant, core, key, flow, input, principal, mark, commandId, inputBytes } = last();
      assert.deepEqual(
        { kind, tenant, core, key, flow, input, principal, mark, commandId, inputBytes },
        {
          kind: 'call',
          tenant: 'default',
          core: 'airport',
          key: 'JFK',
          flow: 'record',
          input: { origin: 'JFK' },
          principal: 'dev',
          mark: undefined,
          commandId: undefined,
          inputBytes: 16,
        },
      );
    });

    it('without key in the path, leaves the key to the host', async () => {
      const { status } = await call(running, '/v1/cores/airport/flows/record', { json: { origin: 'JFK' } });
      assert.equal(status, 200);
      assert.equal(last().key, undefined);
    });

    it('without body, has no input', async () => {
      const { status, body } = await call(running, RECORD);
      assert.equal(status, 200);
      assert.equal(last().input, undefined);
      assert.deepEqual(body, { status: 'ok', data: null });
    });

    it('with an empty chunked body, has no input', async () => {
      const head = `POST ${RECORD} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n`;
      const text = await exchange(
        running,
        `${head}Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
      );
      assert.match(text, /^HTTP\/1.1 200 /);
      assert.equal(last().input, undefined);
    });

    it('with a query, ignores it', async () => {
      await call(running, `${RECORD}?a=/b`, { json: 1 });
      assert.equal(last().flow, 'record');
    });

    it('with bytes, hands bytes to the flow and shows bytes of the result', async () => {
      const { body } = await call(running, RECORD, { json: { $bytes: 'AQID' } });
      assert.deepEqual(last().input, new Uint8Array([1, 2, 3]));
      assert.deepEqual(body?.data, { $bytes: 'AQID' });
    });

    it('that arrives in many pieces, is put together', async () => {
      const input = { text: 'ü'.repeat(2_000) };
      const body = Buffer.from(JSON.stringify(input));
      const head = `POST ${RECORD} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: application/json\r\n`;
      const pieces: Buffer[] = [];
      for (let at = 0; at < body.length; at += 333) {
        const part = body.subarray(at, at + 333);
        pieces.push(
          Buffer.concat([Buffer.from(`${part.length.toString(16)}\r\n`), part, Buffer.from('\r\n')]),
        );
      }
      await exchange(running, `${head}Transfer-Encoding: chunked\r\n\r\n`, ...pieces, '0\r\n\r\n');
      assert.deepEqual(last().input, input);
    });

    it('answered with what cannot be written, is an internal error without details', async () => {
      running.cluster.onDispatch = (envelope) => envelope.resolve({ big: 1n });
      const answer = await call(running, RECORD);
      assert.equal(answer.status, 500);
      assert.equal(codeOf(answer), 'ERR_INTERNAL');
    });
  });

  describe('an event', () => {
    const EVENTS = '/v1/cores/airport/instances/JFK/events';

    it('is dispatched without mark, and answered 202 after the outcome', async () => {
      const { status, body } = await call(running, EVENTS, {
        json: { event: 'flight', data: { n: 1 } },
        headers: { 'Idempotency-Key': 'e-1' },
      });
      assert.equal(status, 202);
      assert.deepEqual(body, { status: 'ok', data: { applied: true } });
      const { kind, flow, key, input, mark, commandId } = last();
      assert.deepEqual(
        { kind, flow, key, input, mark, commandId },
        { kind: 'event', flow: 'flight', key: 'JFK', input: { n: 1 }, mark: undefined, commandId: 'e-1' },
      );
    });

    it('without key in the path, leaves the key to the host', async () => {
      const { status } = await call(running, '/v1/cores/airport/events', { json: { event: 'flight' } });
      assert.equal(status, 202);
      assert.equal(last().key, undefined);
    });

    for (const [problem, json] of [
      ['no object', [1]],
      ['bytes', { $bytes: 'AQID' }],
      ['no event', { data: 1 }],
      ['an event that is no text', { event: 7 }],
      ['an empty event', { event: '' }],
      ['a strange property', { event: 'flight', date: 1 }],
    ] as const) {
      it(`with ${problem} as body, is refused`, async () => {
        const answer = await call(running, EVENTS, { json });
        assert.equal(codeOf(answer), 'ERR_BODY_INVALID');
        assert.equal(running.cluster.sent.length, 0);
      });
    }

    it('without body, is refused', async () => {
      assert.equal(codeOf(await call(running, EVENTS)), 'ERR_BODY_INVALID');
    });

    it('named like a property of every object, reaches the cluster as that name', async () => {
      await call(running, EVENTS, { json: { event: '__proto__' } });
      assert.equal(last().flow, '__proto__');
    });
  });

  describe('the head', () => {
    it('X-Deadline-Ms, sets how long the caller waits; without it 30 s', async () => {
      const before = systemClock.nowMs();
      await call(running, RECORD, { headers: { 'X-Deadline-Ms': '1500' } });
      const given = last().deadlineMs;
      await call(running, RECORD);
      const after = systemClock.nowMs();
      assert.ok(given >= before + 1_500 && given <= after + 1_500);
      assert.ok(last().deadlineMs >= before + 30_000 && last().deadlineMs <= after + 30_000);
    });

    for (const value of ['0', '600001', '-1', '1.5', 'soon', '1e3', '0x10', '1, 2', '9999999999']) {
      it(`X-Deadline-Ms ${value}, is refused`, async () => {
        assert.equal(
          codeOf(await call(running, RECORD, { headers: { 'X-Deadline-Ms': value } })),
          'ERR_REQUEST_INVALID',
        );
      });
    }

    it('Idempotency-Key of 1 and 255 characters, is the command id', async () => {
      for (const id of ['a', '!'.repeat(255)]) {
        await call(running, RECORD, { headers: { 'Idempotency-Key': id } });
        assert.equal(last().commandId, id);
      }
    });

    for (const [what, value] of [
      ['empty', ''],
      ['too long', 'a'.repeat(256)],
      ['with a blank', 'a b'],
      ['not ASCII', 'a\u00fc'],
    ] as const) {
      it(`Idempotency-Key that is ${what}, is refused`, async () => {
        const answer = await call(running, RECORD, { headers: { 'Idempotency-Key': value } });
        assert.equal(codeOf(answer), 'ERR_REQUEST_INVALID');
        assert.equal(running.cluster.sent.length, 0);
      });
    }

    it('X-Request-Id, is kept when harmless, and replaced when not', async () => {
      const kept = await call(running, RECORD, { headers: { 'X-Request-Id': 'trace-1:a/b=' } });
      assert.equal(kept.headers['x-request-id'], 'trace-1:a/b=');
      for (const value of ['a b', '<b>', 'x'.repeat(129), '"']) {
        const { headers } = await call(running, RECORD, { headers: { 'X-Request-Id': value } });
        assert.match(String(headers['x-request-id']), /^[0-9a-f]{12}-[0-9a-z]+$/);
      }
    });

    it('X-Request-Id, is also in the body of a failure, and differs from request to request', async () => {
      running.cluster.onDispatch = (envelope) => envelope.reject(new GrainError('ERR_FLOW_UNKNOWN'));
      const first = await call(running, RECORD);
      const second = await call(running, RECORD);
      assert.equal(first.body?.meta?.request_id, first.headers['x-request-id']);
      assert.notEqual(first.headers['x-request-id'], second.headers['x-request-id']);
    });
  });

  describe('names in the path', () => {
    const keyed = (key: string): string => `/v1/cores/airport/instances/${key}/flows/record`;

    for (const [what, text, key] of [
      ['1 byte', 'a', 'a'],
      ['512 bytes', 'k'.repeat(512), 'k'.repeat(512)],
      ['512 bytes of umlauts', '%C3%BC'.repeat(256), 'ü'.repeat(256)],
      ['a slash', 'a%2Fb', 'a/b'],
      ['a percent sign', '100%25', '100%'],
      ['a question mark and a number sign', '%3Fa%23', '?a#'],
      ['a plus', 'a+b', 'a+b'],
      ['blanks', '%20a%20', ' a '],
      ['an emoji', '%F0%9F%9B%AB', '🛫'],
      ['dots', '..', '..'],
      ['__proto__', '__proto__', '__proto__'],
      ['constructor', 'constructor', 'constructor'],
    ] as const) {
      it(`key of ${what}, reaches the cluster as it is`, async () => {
        const answer = await call(running, keyed(text));
        assert.equal(codeOf(answer), 'ok');
        assert.equal(last().key, key);
      });
    }

    for (const [what, text, code] of [
      ['no bytes', '', 'ERR_KEY_INVALID'],
      ['513 bytes', 'k'.repeat(513), 'ERR_KEY_INVALID'],
      ['514 bytes of umlauts', '%C3%BC'.repeat(257), 'ERR_KEY_INVALID'],
      ['a NUL', 'a%00', 'ERR_KEY_INVALID'],
      ['a line break', 'a%0Ab', 'ERR_KEY_INVALID'],
      ['a control character of Latin-1', 'a%C2%85', 'ERR_KEY_INVALID'],
      ['a lone surrogate', '%ED%A0%80', 'ERR_REQUEST_INVALID'],
      ['overlong UTF-8', '%C0%AF', 'ERR_REQUEST_INVALID'],
      ['Latin-1', '%FC', 'ERR_REQUEST_INVALID'],
      ['half an escape', 'a%2', 'ERR_REQUEST_INVALID'],
      ['no escape', '%zz', 'ERR_REQUEST_INVALID'],
    ] as const) {
      it(`key of ${what}, is refused`, async () => {
        const answer = await call(running, keyed(text));
        assert.equal(answer.status, 400);
        assert.equal(codeOf(answer), code);
        assert.equal(running.cluster.sent.length, 0);
      });
    }

    it('a key in bytes above ASCII, is refused with a hint', async () => {
      const text = await exchange(
        running,
        Buffer.from(`POST ${keyed('ü')} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`, 'utf8'),
      );
      assert.match(text, /^HTTP\/1.1 400 .*ERR_REQUEST_INVALID/s);
    });

    for (const core of ['__proto__', 'a%2Fb', '%20', '1a', 'a'.repeat(65), 'ü'.replace('ü', '%C3%BC')]) {
      it(`core ${core.slice(0, 12)}, which cannot be a name, is unknown`, async () => {
        const answer = await call(running, `/v1/cores/${core}/flows/record`);
        assert.equal(answer.status, 404);
        assert.equal(codeOf(answer), 'ERR_CORE_UNKNOWN');
        assert.equal(running.cluster.sent.length, 0);
      });
    }

    for (const flow of ['__proto__', 'constructor', 'toString']) {
      it(`core and flow ${flow}, are left to the cluster`, async () => {
        running.cluster.onDispatch = (envelope) => envelope.reject(new GrainError('ERR_FLOW_UNKNOWN'));
        const answer = await call(running, `/v1/cores/constructor/flows/${flow}`);
        assert.equal(codeOf(answer), 'ERR_FLOW_UNKNOWN');
        assert.equal(last().flow, flow);
      });
    }

    for (const path of [
      '/v1/cores//flows/record',
      '/v1/cores/airport/flows/',
      '/v1/cores/airport/flows/a/b',
      '/v1/cores/airport/instances/JFK/flows/',
      '/v1/cores/airport/instances/JFK/events/',
      '/v1/cores/airport/instances/JFK/other',
      '/V1/cores/airport/flows/record',
    ]) {
      it(`POST ${path}, is no path`, async () => {
        assert.equal(codeOf(await call(running, path)), 'ERR_PATH_UNKNOWN');
      });
    }

    it('a target with scheme and host, as proxies send it, is the same path', async () => {
      const { status } = await call(running, `http://localhost:1${RECORD}`);
      assert.equal(status, 200);
      assert.equal(last().key, 'JFK');
    });
  });

  describe('the body', () => {
    for (const [what, body] of [
      ['half a document', '{"a":'],
      ['no JSON', 'a=1'],
      ['a byte order mark', '\ufeff{}'],
      ['NaN', '{"a":NaN}'],
      ['two documents', '{}{}'],
    ] as const) {
      it(`${what}, is refused`, async () => {
        const headers = { 'Content-Type': 'application/json' };
        const answer = await call(running, RECORD, { body, headers });
        assert.equal(answer.status, 400);
        assert.equal(codeOf(answer), 'ERR_BODY_INVALID');
      });
    }

    it('that is not UTF-8, is refused', async () => {
      const body = Buffer.from([0x22, 0xff, 0x22]);
      const answer = await call(running, RECORD, { body, headers: { 'Content-Type': 'application/json' } });
      assert.equal(codeOf(answer), 'ERR_BODY_INVALID');
    });

    for (const [what, body] of [
      ['own __proto__', '{"a":{"__proto__":{"isAdmin":true}}}'],
      ['65 levels', '['.repeat(66) + ']'.repeat(66)],
      ['100,000 levels', '['.repeat(100_000) + ']'.repeat(100_000)],
      ['bytes that are no base64', '{"$bytes":"?"}'],
    ] as const) {
      it(`with ${what}, is no value`, async () => {
        const answer = await call(running, RECORD, { body, headers: { 'Content-Type': 'application/json' } });
        assert.equal(answer.status, 400);
        assert.equal(codeOf(answer), 'ERR_VALUE_INVALID');
        assert.equal(({} as Record<string, unknown>)['isAdmin'], undefined);
      });
    }

    it('with a property named constructor, is a value like others', async () => {
      await call(running, RECORD, { json: { constructor: { prototype: 1 } } });
      assert.deepEqual(last().input, { constructor: { prototype: 1 } });
    });

    for (const type of [
      'text/plain',
      'application/x-www-form-urlencoded',
      'application/json; charset=latin1',
      'application/jsonp',
      'text/plain; application/json',
    ]) {
      it(`of type ${type}, is refused`, async () => {
        const answer = await call(running, RECORD, { body: '{}', headers: { 'Content-Type': type } });
        assert.equal(answer.status, 415);
        assert.equal(codeOf(answer), 'ERR_BODY_TYPE');
        assert.equal(running.cluster.sent.length, 0);
      });
    }

    it('without type, is refused: a page could send that without asking', async () => {
      assert.equal(codeOf(await call(running, RECORD, { body: '{}' })), 'ERR_BODY_TYPE');
    });

    it('with a compressed body, is refused', async () => {
      const headers = { 'Content-Type': 'application/json', 'Content-Encoding': 'gzip' };
      assert.equal(codeOf(await call(running, RECORD, { body: 'x', headers })), 'ERR_BODY_TYPE');
    });

    for (const type of ['application/json; charset=utf-8', 'APPLICATION/JSON;charset="UTF-8"']) {
      it(`of type ${type}, is taken`, async () => {
        assert.equal(
          codeOf(await call(running, RECORD, { body: '{}', headers: { 'Content-Type': type } })),
          'ok',
        );
      });
    }
  });

  describe('a connection', () => {
    const request = (name: string): string =>
      `POST /v1/cores/airport/instances/JFK/flows/${name} HTTP/1.1\r\nHost: localhost\r\n` +
      'Content-Type: application/json\r\nContent-Length: 3\r\n';

    it('with pipelined requests that end in another order, gets the answers in the order of the requests', async () => {
      const waiting: Envelope[] = [];
      running.cluster.onDispatch = (envelope) => {
        waiting.push(envelope);
        if (waiting.length < 3) return;
        for (const each of waiting.reverse()) each.resolve(each.flow);
      };
      const text = await exchange(
        running,
        `${request('first')}\r\n"1"${request('second')}\r\n"2"${request('third')}Connection: close\r\n\r\n"3"`,
      );
      const order = [...text.matchAll(/"data":"(\w+)"/g)].map(([, name]) => name);
      assert.deepEqual(order, ['first', 'second', 'third']);
    });

    it('that the caller closes while the flow runs, cancels the call', async () => {
      running.cluster.onDispatch = () => undefined;
      const socket: Socket = connect(running.port, '127.0.0.1');
      socket.write(`${request('record')}\r\n"1"`);
      await until(() => running.cluster.sent.length === 1);
      assert.equal(last().isSettled, false);
      socket.destroy();
      await until(() => last().isSettled);
    });

    it('that the caller closes in the middle of the body, leads to no call', async () => {
      const socket: Socket = connect(running.port, '127.0.0.1');
      socket.write(`${request('record')}\r\n"`);
      await new Promise((resolve) => socket.once('connect', resolve));
      socket.destroy();
      // The next request is answered only after the gateway has seen the end of the first.
      await call(running, RECORD);
      assert.equal(running.cluster.sent.length, 1);
    });

    it('that the caller closes after the answer, cancels nothing', async () => {
      let cancelled = false;
      running.cluster.onDispatch = (envelope) => {
        envelope.abandoned = () => {
          cancelled = true;
        };
        envelope.resolve(1);
      };
      await exchange(running, `${request('record')}Connection: close\r\n\r\n"1"`);
      assert.equal(cancelled, false);
    });
  });
});
