import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { inspect } from 'node:util';
import { SeededRng } from '../../../lib/index.ts';
import type { PluginCall, PluginHost } from '../../../lib/lang/index.ts';
import { createHttpPlugins, type HttpPlugin, isSignatureValid } from '../../../silo/index.ts';
import { FakePluginServer } from '../../support/fake-plugin-server.ts';
import { json } from '../../support/fake-service.ts';
import { SkippingClock } from '../../support/skipping-clock.ts';
import { errorOf, SCOPE } from '../models/support.ts';

const SECRET = 'a very secret word';

function calling(parts: Partial<PluginCall> = {}): PluginCall {
  return {
    scope: { ...SCOPE, instanceKey: 'k-1' },
    alias: 'files',
    method: 'read',
    args: ['a.txt'],
    namedArgs: { encoding: 'utf8' },
    settings: { root: '/' },
    callId: 'x-1:7',
    signal: undefined,
    ...parts,
  };
}

describe('silo/plugins: HTTP', () => {
  let server: FakePluginServer;
  let clock: SkippingClock;
  beforeEach(async () => {
    server = await FakePluginServer.start();
    clock = new SkippingClock(25_000);
  });
  afterEach(() => server.stop());

  const host = (settings: Partial<HttpPlugin> = {}, name = 'files'): PluginHost =>
    createHttpPlugins(
      { plugins: { [name]: { url: server.url, secret: SECRET, ...settings } } },
      { clock, rng: new SeededRng(1) },
    );
  const fails = async (call: PluginCall, settings: Partial<HttpPlugin> = {}): ReturnType<typeof errorOf> =>
    errorOf(Promise.resolve(host(settings).call(call)));

  it('Plugins: a call, sent with all that the plugin needs to know and answered', async () => {
    const result = await host({ headers: { 'x-team': 'blue' } }).call(calling());
    assert.deepEqual(result, { method: 'read', args: ['a.txt'] });
    const [asked] = server.asked;
    assert.deepEqual(asked?.body, {
      plugin: 'files',
      alias: 'files',
      method: 'read',
      args: ['a.txt'],
      named_args: { encoding: 'utf8' },
      execution_id: 'x-1',
      core: 'shop/orders',
      instance_key: 'k-1',
      call_id: 'x-1:7',
      settings: { root: '/' },
    });
    assert.equal(asked.headers['idempotency-key'], 'x-1:7');
    assert.equal(asked.headers['x-granary-call-id'], 'x-1:7');
    assert.equal(asked.headers['x-team'], 'blue');
    assert.equal(clock.nextDueMs, undefined);
  });

  it('Plugins: the signature, made of the time and the raw body', async () => {
    await host().call(calling());
    const [asked] = server.asked;
    const signature = asked?.headers['x-granary-signature'] ?? '';
    const seconds = Math.floor(clock.wallMs() / 1_000);
    const mac = createHmac('sha256', SECRET).update(`${seconds}.${asked?.text}`).digest('hex');
    assert.equal(signature, `t=${seconds},v1=${mac}`);
    const body = asked?.text ?? '';
    const wallMs = clock.wallMs();
    assert.equal(isSignatureValid(signature, body, { secret: SECRET, wallMs }), true);
    assert.equal(isSignatureValid(signature, `${body} `, { secret: SECRET, wallMs }), false);
    assert.equal(isSignatureValid(signature, body, { secret: 'other', wallMs }), false);
    assert.equal(isSignatureValid(signature, body, { secret: SECRET, wallMs: wallMs + 301_000 }), false);
    assert.equal(isSignatureValid('t=1', body, { secret: SECRET, wallMs }), false);
  });

  it('Plugins: no secret, no signature', async () => {
    await host({ secret: undefined }).call(calling());
    assert.equal(server.asked[0]?.headers['x-granary-signature'], undefined);
  });

  it('Plugins: an id that no header can hold, encoded', async () => {
    await host().call(calling({ callId: 'ü\r\nx: y' }));
    assert.equal(server.asked[0]?.headers['idempotency-key'], '%C3%BC%0D%0Ax%3A%20y');
  });

  describe('which plugin', () => {
    const plugin = { publisher: 'acme', name: 'files', version: '1.0' };

    it('Plugins: by alias or by publisher and name, there; others not', () => {
      assert.equal(host().has({ alias: 'files', publisher: 'x', name: 'y', version: '1.0' }), true);
      assert.equal(host({}, 'acme/files').has({ alias: 'f', ...plugin }), true);
      assert.equal(host().has({ alias: 'f', ...plugin }), false);
    });

    it('Plugins: configured by publisher and name, called as what the Core means by its alias', async () => {
      const named = host({}, 'acme/files');
      assert.ok(await named.call(calling({ alias: 'f', plugin })));
      assert.equal(server.asked[0]?.body['plugin'], 'acme/files');
      // A call that does not say: what the modules that were loaded mean by it.
      named.has({ alias: 'f', ...plugin });
      assert.ok(await named.call(calling({ alias: 'f' })));
    });

    it('Plugins: a plugin or a method that the operator did not allow, refused without a request', async () => {
      assert.match((await fails(calling({ alias: 'mail' }))).message, /not configured; there are: files/);
      const error = await fails(calling({ method: 'drop' }), { methods: ['read'] });
      assert.equal(error.details['code'], 'method_not_allowed');
      assert.equal(server.asked.length, 0);
    });
  });

  describe('errors', () => {
    it('Plugins: an error of the plugin, told with its code', async () => {
      server.script(json({ error: { code: 'not_found', message: 'no a.txt' } }, 404));
      const error = await fails(calling());
      assert.equal(error.errorType, 'PluginError');
      assert.equal(error.message, 'files.read: no a.txt');
      assert.deepEqual(error.details, {
        plugin: 'files',
        method: 'read',
        retryable: false,
        code: 'not_found',
        status: 404,
      });
      server.script(json({ error: { code: 'late', message: 'no' } }));
      assert.equal((await fails(calling())).details['code'], 'late');
    });

    for (const [name, reply] of [
      ['no JSON', { pieces: ['oops'] }],
      ['no object', json(4)],
      ['neither result nor error', json({ results: 4 })],
      ['too deep', { pieces: [`{"result":${'['.repeat(100)}${']'.repeat(100)}}`] }],
      ['a prototype', { pieces: ['{"result":{"__proto__":{"a":1}}}'] }],
    ] as const)
      it(`Plugins: an answer that is ${name}, malformed`, async () => {
        server.script(reply);
        assert.equal((await fails(calling())).details['code'], 'malformed');
        assert.equal(server.asked.length, 1);
      });

    it('Plugins: an answer without content, null', async () => {
      server.script({ status: 204 });
      assert.equal(await host().call(calling()), null);
    });

    it('Plugins: an answer over the limit, ended while it comes', async () => {
      server.script({ pieces: Array.from({ length: 50 }, () => 'x'.repeat(1_000)), then: 'hang' });
      assert.equal((await fails(calling(), { maxResponseBytes: 9_000 })).details['code'], 'too_large');
    });

    it('Plugins: a redirect, refused', async () => {
      server.script({ status: 302, headers: { location: `${server.origin}/other` } });
      assert.equal((await fails(calling())).details['code'], 'redirected');
      assert.equal(server.asked.length, 1);
    });

    it('Plugins: an error that quotes the secret, told without it', async () => {
      server.script(json({ error: { code: 'bad', message: `expected ${SECRET}` } }, 401));
      const error = await fails(calling());
      assert.equal(error.message, 'files.read: expected [secret]');
      assert.doesNotMatch(inspect([error, host()], { depth: 20, showHidden: true }), /very secret/);
    });
  });

  describe('again', () => {
    it('Plugins: 429 and 503, sent again with the same id and a signature of their own time', async () => {
      server.script(json({}, 429, { 'retry-after': '3' }), json({ error: { message: 'busy' } }, 503));
      assert.ok(await host().call(calling()));
      assert.deepEqual(
        server.asked.map(({ headers }) => headers['idempotency-key']),
        ['x-1:7', 'x-1:7', 'x-1:7'],
      );
      const [first, second] = server.asked.map(({ headers }) => headers['x-granary-signature']);
      assert.notEqual(first, second);
      assert.equal(clock.pausesMs[0], 3_000);
    });

    it('Plugins: retries are used up, the last error', async () => {
      server.script(json({}, 502), json({}, 503), json({}, 504));
      assert.equal((await fails(calling())).details['code'], 'http_504');
      assert.equal(server.asked.length, 3);
    });

    for (const [name, reply, code] of [
      ['a 500', json({}, 500), 'http_500'],
      ['an answer that is cut off', { pieces: ['{"res'], then: 'cut' }, 'cut'],
    ] as const)
      it(`Plugins: ${name}, not sent again: it may have been done`, async () => {
        server.script(reply);
        assert.equal((await fails(calling())).details['code'], code);
        assert.equal(server.asked.length, 1);
      });

    it('Plugins: nobody listens, tried again and then an error', async () => {
      const gone = host();
      await server.stop();
      const error = await errorOf(Promise.resolve(gone.call(calling())));
      assert.deepEqual([error.details['code'], error.details['retryable']], ['network', true]);
      assert.equal(clock.pausesMs.length, 2);
      server = await FakePluginServer.start();
    });

    it('Plugins: no answer in time, an error and not sent again', async () => {
      server.script({ then: 'silent' });
      const answer = fails(calling());
      await server.untilAsked(1);
      clock.advance(30_000);
      assert.equal((await answer).details['code'], 'timeout');
      assert.equal(server.asked.length, 1);
    });

    it("Plugins: the runtime's own limit, a timeout as well", async () => {
      const cause = Object.assign(new Error('late'), { code: 'UND_ERR_HEADERS_TIMEOUT' });
      const late = createHttpPlugins(
        { plugins: { files: { url: server.url } } },
        { clock, rng: new SeededRng(1), fetch: () => Promise.reject(new TypeError('failed', { cause })) },
      );
      assert.equal((await errorOf(Promise.resolve(late.call(calling())))).details['code'], 'timeout');
    });

    it('Plugins: cancelled, a CancelledError', async () => {
      const controller = new AbortController();
      server.script({ then: 'silent' });
      const answer = fails(calling({ signal: controller.signal }));
      await server.untilAsked(1);
      controller.abort();
      assert.equal((await answer).errorType, 'CancelledError');
      assert.equal(clock.nextDueMs, undefined);
    });
  });

  it('Plugins: settings that would break the protocol, refused', () => {
    assert.throws(() => host({ headers: { 'Idempotency-Key': 'x' } }), /is set by Granary itself/);
    assert.throws(() => host({ url: 'file:///etc/passwd' }), /must be an http/);
    assert.throws(() => host({ headers: { 'x-a': 'b\r\nc: d' } }), /printable ASCII/);
  });
});
