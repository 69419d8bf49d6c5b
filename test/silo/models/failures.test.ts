import assert from 'node:assert/strict';
import { inspect } from 'node:util';
import { SeededRng } from '../../../lib/index.ts';
import { createOpenAiProvider, RoutingModelProvider } from '../../../silo/index.ts';
import { chat, failing, sse, stream } from '../../support/fake-model-server.ts';
import { json } from '../../support/fake-service.ts';
import { macrotask } from '../../support/system-macrotask.ts';
import { API_KEY, asking, Bench, errorOf, model } from './support.ts';

const OTHER = { provider: 'openai', model: 'm-2' };
const withFallback = asking({ model: model({ fallback: [OTHER] }) });

describe('silo/models: failures', () => {
  let bench: Bench;
  beforeEach(async () => {
    bench = await Bench.start();
  });
  afterEach(() => bench.server.stop());

  const modelsAsked = (): unknown[] => bench.server.asked.map(({ body }) => body['model']);

  describe('retries', () => {
    it('Provider: 429 and 503, tried again after growing pauses with jitter', async () => {
      bench.server.script(failing(429), failing(503), chat('yes'));
      assert.equal((await bench.provider().complete(asking())).text, 'yes');
      const [first = -1, second = -1] = bench.clock.pausesMs;
      assert.ok(first >= 0 && first < 500 && second >= 0 && second < 1_000, `${first}, ${second}`);
    });

    it('Provider: Retry-After in seconds or as a date, waited for', async () => {
      const date = new Date(bench.clock.wallMs() + 9_000).toUTCString();
      bench.server.script(
        failing(429, 'slow down', { 'retry-after': '7' }),
        failing(503, 'later', { 'retry-after': date }),
        chat('yes'),
      );
      await bench.provider().complete(asking());
      const [first = 0, second = 0] = bench.clock.pausesMs;
      assert.equal(first, 7_000);
      assert.ok(second <= 2_000 && second >= 1_000, String(second)); // 7 of the 9 seconds have passed
    });

    it('Provider: a Retry-After over the limit, given up at once', async () => {
      bench.server.script(failing(429, 'tomorrow', { 'retry-after': '3600' }), chat('from the other'));
      assert.equal((await bench.provider().complete(withFallback)).model, 'openai/m-2');
      assert.deepEqual(bench.clock.pausesMs, []);
    });

    it('Provider: nobody listens, a retryable error that says so', async () => {
      const provider = bench.provider();
      await bench.server.stop();
      const error = await errorOf(provider.complete(asking()));
      assert.deepEqual(error.details, {
        provider: 'openai',
        model: 'm-1',
        reason: 'network',
        retryable: true,
      });
      assert.match(error.message, /ECONNREFUSED/);
      assert.equal(bench.clock.pausesMs.length, 2);
      bench = await Bench.start();
    });

    it('Provider: cancelled while it waits, ended without another request', async () => {
      const controller = new AbortController();
      bench.server.script(failing(429, 'wait', { 'retry-after': '25' }));
      const provider = bench.provider({ retryAfterMostMs: 30_000 });
      const answer = errorOf(provider.complete({ ...withFallback, signal: controller.signal }));
      while (bench.clock.nextDueMs !== 25_000) await macrotask();
      controller.abort();
      const error = await answer;
      assert.equal(bench.clock.nextDueMs, undefined);
      assert.equal(error.errorType, 'CancelledError');
      assert.equal(bench.server.asked.length, 1);
    });
  });

  describe('fallbacks', () => {
    it('Provider: retries are used up, the next model answers', async () => {
      bench.server.script(failing(500), failing(500), failing(500), chat('from the other'));
      const result = await bench.provider().complete(withFallback);
      assert.deepEqual([result.text, result.model], ['from the other', 'openai/m-2']);
      assert.deepEqual(modelsAsked(), ['m-1', 'm-1', 'm-1', 'm-2']);
    });

    it('Provider: a wrong key or an unknown model, the next model at once', async () => {
      bench.server.script(failing(404), chat('from the other'));
      await bench.provider().complete(withFallback);
      assert.deepEqual(modelsAsked(), ['m-1', 'm-2']);
    });

    it('Provider: a bad request, no other model is asked', async () => {
      bench.server.script(failing(400, 'bad'));
      assert.equal((await errorOf(bench.provider().complete(withFallback))).details['retryable'], false);
      assert.deepEqual(modelsAsked(), ['m-1']);
    });

    it('Provider: none answers, the error lists what was tried', async () => {
      bench.server.script(failing(401), failing(404));
      const error = await errorOf(bench.provider().complete(withFallback));
      assert.match(error.message, /none of 2 models answered/);
      assert.deepEqual(error.details['attempts'], [
        { provider: 'openai', model: 'm-1', reason: 'status', status: 401 },
        { provider: 'openai', model: 'm-2', reason: 'status', status: 404 },
      ]);
    });

    it('Provider: a provider that is not configured, passed over', async () => {
      const request = asking({ model: model({ provider: 'nowhere', fallback: [OTHER] }) });
      assert.equal((await bench.provider().complete(request)).model, 'openai/m-2');
      const error = await errorOf(
        bench.provider().complete(asking({ model: model({ provider: 'nowhere' }) })),
      );
      assert.match(error.message, /nowhere\/m-1: there is no provider of that name.*there are: openai/);
    });
  });

  describe('time', () => {
    it('Provider: no first byte in time, the next model without a retry', async () => {
      bench.server.script({ then: 'silent' }, chat('from the other'));
      const answer = bench.provider({ firstByteTimeoutMs: 30_000 }).complete(withFallback);
      await bench.server.untilAsked(1);
      bench.clock.advance(30_000);
      assert.equal((await answer).model, 'openai/m-2');
    });

    it('Provider: a stream that stops after its first byte, ended by the timeout of the request', async () => {
      bench.server.script(stream([sse({ choices: [] })], 'hang'));
      const provider = bench.provider({ firstByteTimeoutMs: 30_000, timeoutMs: 90_000 });
      const answer = errorOf(provider.complete(asking()));
      while (bench.clock.nextDueMs !== 90_000) await macrotask();
      bench.clock.advance(90_000);
      const error = await answer;
      assert.deepEqual([error.details['reason'], error.details['retryable']], ['timeout', true]);
      assert.equal(bench.clock.nextDueMs, undefined);
    });

    it("Provider: the program's time is used up, nobody else is asked", async () => {
      bench.server.script({ then: 'silent' });
      const answer = errorOf(bench.provider().complete({ ...withFallback, timeoutMs: 40_000 }));
      await bench.server.untilAsked(1);
      bench.clock.advance(40_000);
      assert.equal((await answer).details['reason'], 'deadline');
      assert.equal(bench.server.asked.length, 1);
    });

    it('Provider: cancelled while the model answers, a CancelledError and no timer left', async () => {
      const controller = new AbortController();
      bench.server.script(stream([sse({ choices: [] })], 'hang'));
      const answer = errorOf(bench.provider().complete({ ...withFallback, signal: controller.signal }));
      await bench.server.untilAsked(1);
      controller.abort();
      assert.equal((await answer).errorType, 'CancelledError');
      assert.equal(bench.clock.nextDueMs, undefined);
    });
  });

  describe('hostile services', () => {
    it('Provider: an endless answer, ended at the limit', async () => {
      bench.server.script(
        stream(
          Array.from({ length: 64 }, () => `: ${'x'.repeat(1_000)}\n`),
          'hang',
        ),
      );
      const error = await errorOf(bench.provider({ maxResponseBytes: 10_000 }).complete(asking()));
      assert.equal(error.details['reason'], 'too_large');
    });

    it('Provider: a redirect, refused', async () => {
      bench.server.script({ status: 307, headers: { location: 'http://127.0.0.1:1/' } });
      assert.equal((await errorOf(bench.provider().complete(asking()))).details['reason'], 'redirected');
    });

    it('Provider: an error that quotes the key, told without it, and nowhere else either', async () => {
      bench.server.script(failing(401, `Incorrect API key provided: ${API_KEY}. Or Bearer abc.def`));
      const provider = bench.provider();
      const error = await errorOf(provider.complete(asking()));
      assert.match(error.message, /Incorrect API key provided: \[secret\]/);
      assert.doesNotMatch(
        inspect([error, provider], { depth: 20, showHidden: true }),
        /very-secret|abc\.def/,
      );
    });

    it('Provider: the page of a proxy in place of an error, left out', async () => {
      bench.server.script({
        status: 403,
        headers: { 'content-type': 'text/html' },
        pieces: ['<html>no</html>'],
      });
      assert.equal(
        (await errorOf(bench.provider().complete(asking()))).message,
        'openai/m-1: answered with 403',
      );
    });

    it('Provider: answers without choices, or that are no JSON, malformed', async () => {
      bench.server.script(json({ object: 'nothing' }), json([1]), { pieces: ['oops'] });
      const error = await errorOf(bench.provider().complete(asking()));
      assert.equal(error.details['reason'], 'malformed');
      assert.equal(bench.server.asked.length, 3);
    });
  });

  describe('routing', () => {
    it('Router: providers by name, with fallbacks over their borders', async () => {
      const one = bench.provider();
      const other = createOpenAiProvider(
        { providers: { scaigrid: { baseUrl: bench.server.baseUrl } } },
        { clock: bench.clock, rng: new SeededRng(2) },
      );
      const router = new RoutingModelProvider({ providers: { openai: one, scaigrid: other } });
      bench.server.script(failing(404), failing(404), chat('third'));
      const fallback = [OTHER, { provider: 'scaigrid', model: 'g-1' }];
      const result = await router.complete(asking({ model: model({ fallback }) }));
      assert.equal(result.model, 'scaigrid/g-1');
      assert.deepEqual(modelsAsked(), ['m-1', 'm-2', 'g-1']);
    });

    it('Router: a name that nobody has, an error that lists those that there are', async () => {
      const router = new RoutingModelProvider({ providers: { openai: bench.provider() } });
      const error = await errorOf(router.complete(asking({ model: model({ provider: 'nowhere' }) })));
      assert.match(error.message, /there are: openai/);
      assert.deepEqual(router.providers, ['openai']);
      const otherwise = new RoutingModelProvider({ providers: {}, otherwise: bench.provider() });
      assert.equal(otherwise.providers, undefined);
      assert.equal((await otherwise.complete(asking())).text, 'hello there');
    });
  });
});
