// Hostile HTTP, against the assembled host.
import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { request as httpRequest, Agent } from 'node:http';
import { randomBelow, SeededRng } from '../../lib/index.ts';
import { type Answer, ask, call, codeOf, exchange } from '../gateway/http/support.ts';
import {
  callFlow,
  Cleanup,
  eventually,
  flowPath,
  metric,
  realHost,
  type RealHost,
} from '../support/real-host.ts';
import { echo, ledger, pure, tally, villain } from './cores.ts';
import { mutated } from './mutations.ts';
import { drip } from './system-misdeeds.ts';

const NAMES = ['__proto__', 'constructor', 'prototype', 'toString', 'hasOwnProperty', 'valueOf', 'then', ''];
const JSON_HEADERS = { 'Content-Type': 'application/json' };

describe('Hostile HTTP', () => {
  const cleanup = new Cleanup();
  let real: RealHost;

  before(async () => {
    real = await realHost(cleanup, [echo, ledger, villain, tally, pure], {
      headersTimeoutMs: 300,
      requestTimeoutMs: 400,
      timeoutCheckMs: 25,
      keepAliveMs: 200,
    });
  });

  after(() => cleanup.run());

  /** Nothing that strangers send is an error of ours, and the host serves on. */
  afterEach(async () => {
    assert.deepEqual(real.errors(), []);
    const answer = await callFlow(real, 'villain', 'healthy', 'ok');
    assert.equal(codeOf(answer), 'ok');
  });

  function assertCoded(answer: Answer, about: string): void {
    const { status, body } = answer;
    assert.ok(status >= 200 && status < 500, `${about}: ${status} ${answer.text.slice(0, 200)}`);
    if (status < 300) return;
    assert.match(body?.error?.code ?? '', /^ERR_[A-Z_]+$/, about);
    assert.ok(body?.error?.effect === 'none', `${about}: effect of ${body?.error?.code}`);
    assert.ok(body.meta?.request_id, about);
  }

  describe('bodies', () => {
    it('3,000 mutations of good ones, each gets an answer with a code, and none runs half', async function () {
      this.timeout(15_000);
      const rng = new SeededRng(7);
      const agent = new Agent({ keepAlive: true, maxSockets: 8 });
      const seeds = [
        '{"name":"fuzz","list":[1,2.5e3,null,true],"text":"a\\u00e9\\n","deep":{"a":{"b":[[[]]]}}}',
        '{"event":"keep","data":{"x":[{"$bytes":"AQID"}]}}',
        '"\\ud83d\\ude00"',
        '[{"__proto__":{"a":1}},{"constructor":{"prototype":{}}}]',
      ].map((text) => Buffer.from(text));
      const targets = [flowPath('echo', 'fuzz', 'keep'), '/v1/cores/echo/instances/fuzz/events'];
      const send = (body: Buffer, target: string): Promise<Answer> => post(real.port, target, body, agent);
      let refused = 0;
      for (let round = 0; round < 3_000 / 30; round += 1) {
        const bodies = Array.from({ length: 30 }, () => mutated(rng, seeds));
        const answers = await Promise.all(
          bodies.map((body) => send(body, targets[randomBelow(rng, 2)] ?? '')),
        );
        for (const [at, answer] of answers.entries()) {
          assertCoded(answer, bodies[at]?.toString('latin1') ?? '');
          if (answer.status >= 400) refused += 1;
        }
      }
      agent.destroy();
      assert.ok(refused > 500, `${refused} of 3,000 were refused`);
      assert.equal(({} as Record<string, unknown>)['a'], undefined, 'no prototype was polluted');
    });

    it('deep nesting, up to the limit taken, beyond it refused, a million levels refused', async () => {
      const arrays = (depth: number): string => '['.repeat(depth) + ']'.repeat(depth);
      for (const [depth, code] of [
        [64, 'ok'],
        [67, 'ERR_VALUE_INVALID'],
        [500_000, 'ERR_VALUE_INVALID'],
      ] as const) {
        const answer = await call(real, flowPath('echo', 'deep', 'say'), {
          body: arrays(depth),
          headers: JSON_HEADERS,
        });
        assert.equal(codeOf(answer), code, `${depth} levels`);
      }
    });

    it('names of prototypes as properties: __proto__ is refused, the others are data', async () => {
      for (const name of NAMES) {
        const body = `{"inner":{${JSON.stringify(name)}:{"polluted":true}}}`;
        const answer = await call(real, flowPath('echo', 'names', 'keep'), { body, headers: JSON_HEADERS });
        if (name === '__proto__') assert.equal(codeOf(answer), 'ERR_VALUE_INVALID');
        else assert.deepEqual(answer.body?.data, JSON.parse(body), name);
      }
      const kept = await callFlow(real, 'echo', 'names', 'recall');
      assert.deepEqual(kept.body?.data, { inner: { '': { polluted: true } } });
      assert.equal(({} as Record<string, unknown>)['polluted'], undefined);
    });

    it('an entity key of a wrong type, or that differs from the path, is refused with a code', async () => {
      const told = async (input: unknown): Promise<string> =>
        codeOf(await callFlow(real, 'ledger', undefined, 'record', input));
      assert.equal(await told({ by: 'x', n: 1 }), 'ERR_KEY_REQUIRED');
      for (const account of [null, true, [], {}, '', 'a\u0000b', '\ud800', 'x'.repeat(513)]) {
        assert.equal(await told({ account, by: 'x', n: 1 }), 'ERR_KEY_INVALID', JSON.stringify(account));
      }
      assert.equal(await told({ account: 'a', by: 1, n: 1 }), 'ERR_INPUT_INVALID');
      const other = await callFlow(real, 'ledger', 'b', 'record', { account: 'a', by: 'x', n: 1 });
      assert.equal(codeOf(other), 'ERR_KEY_MISMATCH');
      assert.deepEqual((await callFlow(real, 'ledger', 'b', 'read')).body?.data, { count: 0, entries: [] });
    });
  });

  describe('names', () => {
    it('of prototypes, empty or unknown, as Core and flow and event, are unknown', async () => {
      for (const name of [...NAMES, 'nothing', 'x'.repeat(1_000), 'ünï']) {
        const part = encodeURIComponent(name);
        const core = await callFlow(real, part, 'k', 'say');
        assert.ok(['ERR_CORE_UNKNOWN', 'ERR_PATH_UNKNOWN'].includes(codeOf(core)), `core ${name}`);
        const flow = await call(real, `/v1/cores/echo/instances/k/flows/${part}`, { json: null });
        assert.ok(['ERR_FLOW_UNKNOWN', 'ERR_PATH_UNKNOWN'].includes(codeOf(flow)), `flow ${name}`);
        const event = await call(real, '/v1/cores/echo/instances/k/events', { json: { event: name } });
        assert.ok(['ERR_EVENT_UNKNOWN', 'ERR_BODY_INVALID'].includes(codeOf(event)), `event ${name}`);
        const shown = await ask(real, `/v1/cores/${part}`);
        assert.ok(name === '' || codeOf(shown) === 'ERR_CORE_UNKNOWN', `shown ${name}: ${codeOf(shown)}`);
        const listed = await ask(real, `/v1/cores/${part}/instances`);
        assert.ok(['ERR_CORE_UNKNOWN', 'ERR_PATH_UNKNOWN'].includes(codeOf(listed)), `listed ${name}`);
      }
    });

    it('of prototypes as keys of grains, name grains of their own that survive a look at all of them', async () => {
      for (const name of NAMES.filter((each) => each !== '')) {
        await callFlow(real, 'echo', name, 'keep', `kept by ${name}`);
      }
      for (const name of NAMES.filter((each) => each !== '')) {
        const { body } = await callFlow(real, 'echo', name, 'recall');
        assert.equal(body?.data, `kept by ${name}`);
      }
      const { body } = await ask(real, '/v1/cores/echo/instances?limit=1000');
      const keys = (body?.data as { instances: { key: string }[] }).instances.map(({ key }) => key);
      assert.ok(keys.includes('__proto__') && keys.includes('constructor'));
    });

    it('of prototypes as keys of map entries, are entries like others', async () => {
      for (const field of NAMES.filter((each) => each !== ''))
        assert.equal(codeOf(await callFlow(real, 'echo', 'entries', 'put', { field, item: field })), 'ok');
      const { body } = await callFlow(real, 'echo', 'entries', 'things');
      const expected = NAMES.filter((each) => each !== '').sort();
      assert.deepEqual(
        body?.data,
        expected.map((name) => [name, name]),
      );
    });

    it('keys of 1 and 512 bytes are taken and kept, of 0 and 513 bytes and with control characters refused', async () => {
      const good = [
        'a',
        'k'.repeat(512),
        'é'.repeat(256),
        '😀'.repeat(128),
        ' ',
        '/',
        '..',
        '%',
        'a b',
        '\u200b',
      ];
      for (const key of good) {
        assert.equal(codeOf(await callFlow(real, 'echo', key, 'keep', key)), 'ok', key);
        assert.equal((await callFlow(real, 'echo', key, 'recall')).body?.data, key);
      }
      for (const key of [
        'k'.repeat(513),
        'é'.repeat(257),
        '\u0000',
        'a\nb',
        '\u007f',
        '\u009f',
        '\u001b[0m',
      ]) {
        const code = codeOf(await callFlow(real, 'echo', key, 'keep', 1));
        assert.equal(code, 'ERR_KEY_INVALID', JSON.stringify(key.slice(0, 20)));
      }
      // NFC and NFD look the same, and are two keys.
      await callFlow(real, 'echo', '\u00e9', 'keep', 'nfc');
      assert.equal((await callFlow(real, 'echo', 'e\u0301', 'recall')).body?.data, null);
    });
  });

  describe('the head', () => {
    it('header names of prototypes are headers like others', async () => {
      const head = NAMES.filter((name) => name !== '').map((name) => `${name}: x\r\n`);
      const text = await exchange(
        real,
        `GET /health HTTP/1.1\r\nHost: localhost\r\n${head.join('')}Connection: close\r\n\r\n`,
      );
      assert.match(text, /^HTTP\/1\.1 200 /);
    });

    const SMUGGLED = 'POST /v1/cores/villain/instances/smuggled/flows/ok HTTP/1.1\r\nHost: localhost\r\n\r\n';
    const good = flowPath('echo', 'outer', 'say');
    for (const [what, head, body] of [
      [
        'Content-Length and Transfer-Encoding',
        'Content-Length: 6\r\nTransfer-Encoding: chunked',
        `0\r\n\r\n`,
      ],
      [
        'Transfer-Encoding and Content-Length',
        'Transfer-Encoding: chunked\r\nContent-Length: 6',
        `0\r\n\r\n`,
      ],
      ['two lengths', 'Content-Length: 0\r\nContent-Length: 60', ''],
      ['a list of lengths', 'Content-Length: 0, 60', ''],
      ['a signed length', 'Content-Length: +0', ''],
      ['a length in hexadecimal', 'Content-Length: 0x00', ''],
      ['chunked twice', 'Transfer-Encoding: chunked, chunked', '0\r\n\r\n'],
      ['an unknown coding', 'Transfer-Encoding: xchunked', '0\r\n\r\n'],
      ['chunked that is not last', 'Transfer-Encoding: chunked, identity', '0\r\n\r\n'],
      ['a space before the colon', 'Content-Length : 0', ''],
      ['a folded header', 'Content-Length:\r\n 0', ''],
      ['a bare line feed', 'X-A: b\nTransfer-Encoding: chunked', '0\r\n\r\n'],
      ['a chunk with an overflowing size', 'Transfer-Encoding: chunked', 'FFFFFFFFFFFFFFFFF\r\n'],
      ['a chunk size that is no number', 'Transfer-Encoding: chunked', 'zz\r\n'],
      ['a chunk that ends with a bare line feed', 'Transfer-Encoding: chunked', '1\r\n1\n0\r\n\r\n'],
    ] as const) {
      it(`smuggling by ${what}, hides no request in a body`, async () => {
        const text = await exchange(
          real,
          `POST ${good} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n${head}\r\n\r\n${body}${SMUGGLED}`,
        );
        // Either the first is refused and the connection ends, or its body was read to its true end.
        const statuses = [...text.matchAll(/^HTTP\/1\.1 (\d+)/gm)].map(([, status]) => Number(status));
        assert.ok(statuses.length <= 1 || statuses[0] === 200, text);
        assert.ok(statuses.length === 0 || [200, 400].includes(statuses[0] ?? 0), text);
        if (statuses[0] === 400) {
          const { body: count } = await callFlow(real, 'villain', 'smuggled', 'count');
          assert.equal(count?.data, 0, 'the hidden request ran');
        }
      });
    }

    it('400 mutated requests on raw sockets: each is answered or cut off in bounded time, no request is invented', async function () {
      this.timeout(15_000);
      const rng = new SeededRng(11);
      const request =
        `POST ${flowPath('echo', 'raw', 'say')}?a=b HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n` +
        'X-Deadline-Ms: 1000\r\nIdempotency-Key: k\r\nConnection: close\r\nContent-Length: 9\r\n\r\n{"a":"b"}';
      const seeds = [
        Buffer.from(request),
        Buffer.from(request.replace('Content-Length: 9', 'Expect: 100-continue')),
      ];
      for (let round = 0; round < 2; round += 1) {
        const texts = await Promise.all(
          Array.from({ length: 200 }, () => exchange(real, mutated(rng, seeds))),
        );
        for (const text of texts) {
          if (text === '') continue;
          assert.match(text, /^HTTP\/1\.1 (100|200|4\d\d) /, text);
        }
      }
    });

    it('headers of 1 MB and a URL of 100 KB are refused with a code', async () => {
      const big = await exchange(
        real,
        `GET /health HTTP/1.1\r\nHost: localhost\r\nX-Big: ${'b'.repeat(1_048_576)}\r\n\r\n`,
      );
      assert.ok(big === '' || /ERR_HEADERS_TOO_LARGE/.test(big), big.slice(0, 300));
      const long = await exchange(real, `GET /${'u'.repeat(100_000)} HTTP/1.1\r\nHost: localhost\r\n\r\n`);
      assert.ok(long === '' || /ERR_HEADERS_TOO_LARGE|ERR_URL_TOO_LONG/.test(long), long.slice(0, 300));
    });

    it('garbage pipelined behind a good call: the call is answered, the garbage refused, the socket closed', async () => {
      const text = await exchange(
        real,
        `POST ${flowPath('villain', 'piped', 'ok')} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n`,
        '\u0000\u0001 garbage \r\n\r\n',
      );
      assert.match(text, /^HTTP\/1\.1 (200|400) /);
      const { body } = await callFlow(real, 'villain', 'piped', 'count');
      const isAnswered = text.startsWith('HTTP/1.1 200');
      assert.ok(!isAnswered || body?.data === 1);
    });

    it('1,000 pipelined calls in one write are answered in order', async () => {
      const one = `POST ${flowPath('villain', 'many', 'ok')} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n`;
      const last = one.replace('Host', 'Connection: close\r\nHost');
      const text = await exchange(real, one.repeat(999) + last);
      const numbers = [...text.matchAll(/"data":(\d+)/g)].map(([, number]) => Number(number));
      assert.deepEqual(
        numbers,
        Array.from({ length: 1_000 }, (_none, at) => at + 1),
      );
    });
  });

  it('callers that pipeline 40 calls and leave: every call is cancelled, and its place given back', async () => {
    const inFlight = (): Promise<number> => metric(real, 'granary_http_in_flight');
    for (let round = 0; round < 5; round += 1) {
      const socket = connect(real.port, '127.0.0.1');
      const head = 'HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n';
      const calls = Array.from(
        { length: 40 },
        (_none, at) => `POST ${flowPath('villain', `p${at}`, 'wait')} ${head}`,
      );
      socket.write(calls.join(''));
      await eventually(inFlight, (count) => count > 30);
      socket.destroy();
      // This look is one of them.
      await eventually(inFlight, (count) => count === 1);
    }
    const aborted = real.log.lines.filter(({ message }) => message === 'aborted').length;
    const waiting = real.log.lines.filter(({ message }) => message === 'waiting').length;
    assert.equal(aborted, waiting, 'each flow that ran was told');
  });

  describe('time', () => {
    it('slowloris: 200 heads and bodies that drip are cut off in time, others are served meanwhile', async function () {
      this.timeout(15_000);
      const ended: Promise<void>[] = [];
      const drips: (() => void)[] = [];
      for (let at = 0; at < 200; at += 1) {
        const socket = connect(real.port, '127.0.0.1');
        socket.on('error', () => undefined).resume();
        ended.push(new Promise((resolve) => socket.on('close', () => resolve())));
        const head = `POST ${flowPath('villain', 'slow', 'ok')} HTTP/1.1\r\nHost: localhost\r\n`;
        socket.write(
          at % 2 === 0 ? head : `${head}Content-Type: application/json\r\nContent-Length: 1000\r\n\r\n`,
        );
        drips.push(drip(socket, at % 2 === 0 ? 'X: y\r\n' : '1'));
      }
      for (let at = 0; at < 20; at += 1) {
        assert.equal(codeOf(await callFlow(real, 'villain', 'beside', 'ok')), 'ok');
      }
      await Promise.all(ended);
      for (const stop of drips) stop();
      const { body } = await callFlow(real, 'villain', 'slow', 'count');
      assert.equal(body?.data, 0, 'half a request ran');
    });

    it('600 bodies of which the last byte never comes: what they hold is bounded, whole bodies are served beside them', async function () {
      this.timeout(15_000);
      const small = await realHost(cleanup, [villain], { bodyBytes: 65_536 });
      const head =
        `POST ${flowPath('villain', 'partly', 'ok')} HTTP/1.1\r\nHost: localhost\r\n` +
        'Content-Type: application/json\r\nContent-Length: 60000\r\n\r\n';
      let busy = 0;
      const sockets = Array.from({ length: 600 }, () => {
        const socket = connect(small.port, '127.0.0.1');
        cleanup.add(() => socket.destroy());
        socket.on('error', () => undefined);
        socket.on('data', (data) => {
          assert.match(String(data), /ERR_GATEWAY_BUSY/);
          busy += 1;
        });
        socket.write(head + ' '.repeat(59_999));
        return socket;
      });
      // 256 bodies of 64 KiB may be arriving; these are a little smaller.
      const room = Math.floor((256 * 65_536) / 59_999);
      await eventually(
        () => callFlow(small, 'villain', 'whole', 'ok'),
        (answer) => codeOf(answer) === 'ok' && busy >= 600 - room,
      );
      assert.equal(busy, 600 - room);
      for (const socket of sockets) socket.destroy();
      await eventually(
        () => metric(small, 'granary_http_in_flight'),
        (count) => count === 1,
      );
      // Their room is given back: a body that comes in two pieces is taken.
      const text = await exchange(
        small,
        head.replace('\r\n\r\n', '\r\nConnection: close\r\n\r\n'),
        ' '.repeat(30_000),
        `${' '.repeat(29_999)}1`,
      );
      assert.match(text, /^HTTP\/1\.1 200 /);
      await small.stop();
    });

    it('a deadline of 1 ms: an outcome is told, and the effect told is true', async () => {
      const headers = { ...JSON_HEADERS, 'X-Deadline-Ms': '1' };
      const answers = await Promise.all(
        Array.from({ length: 50 }, () => callFlow(real, 'villain', 'hurried', 'ok', null, { headers })),
      );
      const codes = new Map<string, number>();
      for (const answer of answers) codes.set(codeOf(answer), (codes.get(codeOf(answer)) ?? 0) + 1);
      for (const code of codes.keys())
        assert.ok(['ok', 'ERR_CALL_TIMEOUT', 'ERR_CALL_EXPIRED'].includes(code), code);
      const { body } = await callFlow(real, 'villain', 'hurried', 'count');
      const applied = Number(body?.data);
      const sure = codes.get('ok') ?? 0;
      const unknown = codes.get('ERR_CALL_TIMEOUT') ?? 0;
      assert.ok(applied >= sure && applied <= sure + unknown, `${applied} of ${JSON.stringify([...codes])}`);
    });
  });
});

function post(port: number, path: string, body: Buffer, agent: Agent): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const headers = { 'Content-Type': 'application/json', 'Content-Length': String(body.length) };
    const request = httpRequest(
      { host: '127.0.0.1', port, path, method: 'POST', agent, headers },
      (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('end', () => {
          const text = Buffer.concat(chunks).toString();
          const answer = { status: response.statusCode ?? 0, headers: response.headers, text };
          resolve({ ...answer, body: JSON.parse(text) as Answer['body'] });
        });
      },
    );
    request.on('error', reject);
    request.end(body);
  });
}
