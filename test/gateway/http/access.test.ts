import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { RateLimiter } from '../../../gateway/internal.ts';
import { ask, call, codeOf, exchange, fakeClock, startGateway, stopGateways } from './support.ts';

const RECORD = '/v1/cores/airport/instances/JFK/flows/record';
const PROTECTED = [
  '/',
  '/v1/cores',
  '/v1/cores/airport',
  '/v1/cores/airport/instances',
  '/v1/cores/airport/instances/JFK/events',
  '/v1/cluster',
  '/metrics',
  '/openapi.json',
  '/nothing',
];
const bearer = (token: string): { Authorization: string } => ({ Authorization: `Bearer ${token}` });

describe('HTTP, access: who may ask', () => {
  afterEach(stopGateways);

  describe('with tokens', () => {
    const tokens = [
      { token: 'tom-secret', principal: 'tom' },
      {
        tokenSha256: createHash('sha256').update('ann-secret').digest('hex'),
        principal: 'ann',
        tenant: 'acme',
        cores: ['airport'],
      },
      { token: 'root-secret', principal: 'root', rights: ['call', 'admin'] as const, anyTenant: true },
      { token: 'old-secret', principal: 'old', expiresAtMs: 1_700_000_000_000 - 1 },
    ];

    it('no token, a wrong one, an expired one or another scheme, is refused everywhere but at health checks', async () => {
      const running = await startGateway({ tokens }, { clock: fakeClock() });
      const basic = { Authorization: `Basic ${Buffer.from('tom:tom-secret').toString('base64')}` };
      for (const headers of [
        {},
        bearer('wrong'),
        bearer('old-secret'),
        basic,
        { Authorization: 'tom-secret' },
      ]) {
        for (const path of PROTECTED) {
          const answer = await ask(running, path, { headers });
          assert.equal(answer.status, 401, path);
          assert.equal(codeOf(answer), 'ERR_AUTH_REQUIRED', path);
          assert.equal(answer.headers['www-authenticate'], 'Bearer realm="granary"');
        }
        assert.equal((await call(running, RECORD, { headers })).status, 401);
        assert.equal((await ask(running, '/health', { headers })).status, 200);
        assert.equal((await ask(running, '/health/ready', { headers })).status, 200);
      }
      assert.equal(running.cluster.sent.length, 0);
    });

    it('a valid token, names tenant and principal of the call; Host and Origin do not matter', async () => {
      const running = await startGateway({ tokens });
      const headers = {
        ...bearer('ann-secret'),
        Host: 'api.example.com',
        Origin: 'https://elsewhere.example',
      };
      const answer = await call(running, RECORD, { headers });
      assert.equal(codeOf(answer), 'ok');
      const [envelope] = running.cluster.sent;
      assert.deepEqual([envelope?.tenant, envelope?.principal], ['acme', 'ann']);
    });

    it('a token for some Cores, is refused the others and does not see them', async () => {
      const running = await startGateway({ tokens });
      const headers = bearer('ann-secret');
      for (const answer of [
        await call(running, '/v1/cores/board/flows/stats', { headers }),
        await call(running, '/v1/cores/nothing/flows/stats', { headers }),
        await ask(running, '/v1/cores/board', { headers }),
        await ask(running, '/v1/cores/board/instances', { headers }),
        await ask(running, '/v1/cores/board/events', { headers }),
      ]) {
        assert.equal(answer.status, 403);
        assert.equal(codeOf(answer), 'ERR_AUTH_FORBIDDEN');
      }
      assert.ok(!(await ask(running, '/v1/cores', { headers })).text.includes('board'));
      assert.ok(!(await ask(running, '/openapi.json', { headers })).text.includes('board'));
      assert.ok(!(await ask(running, '/', { headers })).text.includes('board'));
    });

    it('X-Tenant, is for tokens with rights across tenants', async () => {
      const running = await startGateway({ tokens });
      const asTom = await call(running, RECORD, { headers: { ...bearer('tom-secret'), 'X-Tenant': 'acme' } });
      assert.equal(codeOf(asTom), 'ERR_AUTH_FORBIDDEN');
      const own = await call(running, RECORD, {
        headers: { ...bearer('tom-secret'), 'X-Tenant': 'default' },
      });
      assert.equal(codeOf(own), 'ok');
      await call(running, RECORD, { headers: { ...bearer('root-secret'), 'X-Tenant': 'acme' } });
      assert.equal(running.cluster.sent.at(-1)?.tenant, 'acme');
      const strange = await call(running, RECORD, {
        headers: { ...bearer('root-secret'), 'X-Tenant': 'a/b' },
      });
      assert.equal(codeOf(strange), 'ERR_REQUEST_INVALID');
    });

    it('erasing, is for administrators; so are the keys in the cluster report', async () => {
      const running = await startGateway({ tokens });
      const path = '/v1/cores/airport/instances/JFK';
      const byTom = await ask(running, path, { method: 'DELETE', headers: bearer('tom-secret') });
      assert.equal(codeOf(byTom), 'ERR_AUTH_FORBIDDEN');
      const byRoot = await ask(running, path, { method: 'DELETE', headers: bearer('root-secret') });
      assert.equal(codeOf(byRoot), 'ok');
      assert.ok(!(await ask(running, '/v1/cluster', { headers: bearer('tom-secret') })).text.includes('JFK'));
      assert.ok((await ask(running, '/v1/cluster', { headers: bearer('root-secret') })).text.includes('JFK'));
    });
  });

  describe('without tokens, on loopback', () => {
    for (const host of ['localhost', 'localhost:7400', '127.0.0.1:1', '[::1]:7400', 'LOCALHOST']) {
      it(`Host ${host}, is let in`, async () => {
        const running = await startGateway();
        assert.equal(codeOf(await call(running, RECORD, { headers: { Host: host } })), 'ok');
      });
    }

    for (const host of [
      'evil.example',
      'localhost.evil.example',
      '127.0.0.1.nip.io',
      '0.0.0.0',
      '192.168.1.1',
    ]) {
      it(`Host ${host}, as DNS rebinding sends it, is refused everywhere`, async () => {
        const running = await startGateway();
        const answers = [await call(running, RECORD, { headers: { Host: host } })];
        for (const path of PROTECTED) answers.push(await ask(running, path, { headers: { Host: host } }));
        for (const answer of answers) {
          assert.equal(answer.status, 403);
          assert.equal(codeOf(answer), 'ERR_AUTH_ORIGIN');
        }
        assert.equal(running.cluster.sent.length, 0);
      });
    }

    it('an empty Host or none, is refused', async () => {
      const running = await startGateway();
      const post = `POST ${RECORD} HTTP/1.1\r\nConnection: close\r\n`;
      assert.match(await exchange(running, `${post}Host: \r\n\r\n`), /^HTTP\/1.1 403 .*ERR_AUTH_ORIGIN/s);
      assert.match(await exchange(running, `${post}\r\n`), /^HTTP\/1.1 400 .*ERR_REQUEST_INVALID/s);
      const old = `POST ${RECORD} HTTP/1.0\r\n\r\n`;
      assert.match(await exchange(running, old), /^HTTP\/1.1 403 .*ERR_AUTH_ORIGIN/s);
    });

    for (const origin of ['https://evil.example', 'null', 'http://localhost:3000', '']) {
      it(`Origin ${origin || '(empty)'} that nobody listed, is refused`, async () => {
        const running = await startGateway();
        for (const answer of [
          await call(running, RECORD, { headers: { Origin: origin } }),
          await ask(running, '/v1/cluster', { headers: { Origin: origin } }),
        ]) {
          assert.equal(codeOf(answer), 'ERR_AUTH_ORIGIN');
          assert.equal(answer.headers['access-control-allow-origin'], undefined);
        }
      });
    }
  });

  describe('CORS', () => {
    const allowedOrigins = ['https://app.example', 'http://localhost:5173'];
    const preflight = {
      'Access-Control-Request-Method': 'POST',
      'Access-Control-Request-Headers': 'authorization',
    };

    it('a listed origin, may read every answer, also failures', async () => {
      const running = await startGateway({ allowedOrigins });
      const headers = { Origin: 'http://localhost:5173' };
      for (const answer of [
        await call(running, RECORD, { headers }),
        await call(running, '/v1/cores/1/flows/x', { headers }),
        await ask(running, '/v1/cores', { headers }),
        await ask(running, '/nothing', { headers }),
        await ask(running, '/v1/cores/%', { headers }),
      ]) {
        assert.equal(answer.headers['access-control-allow-origin'], 'http://localhost:5173');
        assert.equal(answer.headers['access-control-expose-headers'], 'X-Request-Id, Retry-After');
        assert.equal(answer.headers['access-control-allow-credentials'], undefined);
        assert.equal(answer.headers.vary, 'Origin');
      }
    });

    it('a preflight of a listed origin, is answered without token', async () => {
      const running = await startGateway({ allowedOrigins, tokens: [{ token: 't', principal: 'p' }] });
      const { status, headers } = await ask(running, RECORD, {
        method: 'OPTIONS',
        headers: { ...preflight, Origin: 'https://app.example' },
      });
      assert.equal(status, 204);
      assert.equal(headers['access-control-allow-origin'], 'https://app.example');
      assert.equal(headers['access-control-allow-methods'], 'POST, OPTIONS');
      assert.match(String(headers['access-control-allow-headers']), /Authorization, .*Idempotency-Key/);
      assert.equal(headers['access-control-max-age'], '600');
    });

    it('a preflight of another origin, gets nothing', async () => {
      const running = await startGateway({ allowedOrigins, tokens: [{ token: 't', principal: 'p' }] });
      const headers = { ...preflight, Origin: 'https://evil.example' };
      const answer = await ask(running, RECORD, { method: 'OPTIONS', headers });
      assert.equal(answer.status, 401);
      assert.equal(answer.headers['access-control-allow-origin'], undefined);
      assert.equal(answer.headers.vary, 'Origin');
    });

    it('by default, there are no CORS headers', async () => {
      const running = await startGateway();
      const { headers } = await call(running, RECORD);
      assert.deepEqual([headers.vary, headers['access-control-allow-origin']], [undefined, undefined]);
    });
  });

  describe('rate', () => {
    it('above the limit, is refused with the time to wait; later there is more', async () => {
      const clock = fakeClock();
      const running = await startGateway({ rateLimit: { perSecond: 2, burst: 3 } }, { clock });
      for (let index = 0; index < 3; index += 1) assert.equal(codeOf(await call(running, RECORD)), 'ok');
      const refused = await call(running, RECORD);
      assert.equal(refused.status, 429);
      assert.equal(codeOf(refused), 'ERR_LIMIT_RATE');
      assert.equal(refused.body?.error?.retry_after_ms, 500);
      assert.equal(refused.headers['retry-after'], '1');
      assert.equal(codeOf(await ask(running, '/v1/cores')), 'ERR_LIMIT_RATE');
      assert.equal((await ask(running, '/health')).status, 200);
      clock.advance(500);
      assert.equal(codeOf(await call(running, RECORD)), 'ok');
      assert.equal(codeOf(await call(running, RECORD)), 'ERR_LIMIT_RATE');
    });

    it('of one principal, does not touch another; who has no token pays by address', async () => {
      const tokens = [
        { token: 'a', principal: 'ann' },
        { token: 'b', principal: 'bob' },
      ];
      const running = await startGateway(
        { tokens, rateLimit: { perSecond: 1, burst: 1 } },
        { clock: fakeClock() },
      );
      const codes: string[] = [];
      for (const token of ['a', 'a', 'b', 'wrong', 'wrong']) {
        codes.push(codeOf(await call(running, RECORD, { headers: bearer(token) })));
      }
      assert.deepEqual(codes, ['ok', 'ERR_LIMIT_RATE', 'ok', 'ERR_AUTH_REQUIRED', 'ERR_LIMIT_RATE']);
    });

    it('table of callers, stays bounded and forgets who asked longest ago', () => {
      const limiter = new RateLimiter({ perSecond: 1, burst: 1 });
      assert.equal(limiter.take('first', 0), 0);
      assert.equal(limiter.take('second', 0), 0);
      assert.ok(limiter.take('first', 1) > 0);
      for (let index = 0; index < 9_999; index += 1) limiter.take(`other ${index}`, 1);
      assert.ok(limiter.take('first', 2) > 0, 'still known');
      assert.equal(limiter.take('second', 2), 0, 'forgotten');
    });
  });
});
