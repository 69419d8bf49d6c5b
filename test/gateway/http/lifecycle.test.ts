import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { Gateway, type GatewayOptions } from '../../../gateway/index.ts';
import { isLoopback } from '../../../gateway/internal.ts';
import { SeededRng } from '../../../lib/index.ts';
import { systemClock } from '../../../lib/internal.ts';
import {
  ask,
  call,
  codeOf,
  exchange,
  fakeClock,
  ScriptedCluster,
  startGateway,
  stopGateways,
  TestLog,
  turns,
  until,
} from './support.ts';

const RECORD = '/v1/cores/airport/instances/JFK/flows/record';

function gatewayOf(options: GatewayOptions): Gateway {
  const parts = {
    cluster: new ScriptedCluster(),
    clock: systemClock,
    rng: new SeededRng(1),
    log: new TestLog(),
  };
  return new Gateway(parts, options);
}

/** Whether a new connection gets through to an answer. */
async function isListening(port: number): Promise<boolean> {
  return ask({ port }, '/health').then(
    () => true,
    () => false,
  );
}

describe('Gateway: start and stop', () => {
  afterEach(stopGateways);

  it('start on port 0, answers the port that it took, and its URLs', async () => {
    const { host, port, url, stream } = await startGateway();
    assert.equal(host, '127.0.0.1');
    assert.ok(port > 0);
    assert.equal(url, `http://127.0.0.1:${port}`);
    assert.equal(stream, `ws://127.0.0.1:${port}/v1/stream`);
    assert.equal(await isListening(port), true);
  });

  it('start on a port that is taken, says so and what to do', async () => {
    const { port } = await startGateway();
    await assert.rejects(gatewayOf({ port }).start(), {
      code: 'ERR_LISTEN_FAILED',
      message: new RegExp(`^Port ${port} of 127\\.0\\.0\\.1 is taken\\. .*--port`),
    });
  });

  it('start on an address that this machine does not have, says so', async () => {
    const tokens = [{ token: 't', principal: 'p' }];
    await assert.rejects(gatewayOf({ host: '203.0.113.7', port: 0, tokens }).start(), {
      code: 'ERR_LISTEN_FAILED',
      message: /no address 203\.0\.113\.7/,
    });
  });

  for (const host of ['0.0.0.0', '::', '192.168.1.1', 'example.com', '127.0.0.1.example.com', '']) {
    it(`host ${host || '(empty)'} without tokens, is refused unless the operator insists`, () => {
      assert.throws(() => gatewayOf({ host }), { code: 'ERR_CONFIG_INVALID', message: /insecureOpen/ });
      gatewayOf({ host, insecureOpen: true });
      gatewayOf({ host, tokens: [{ token: 't', principal: 'p' }] });
      assert.equal(isLoopback(host), false);
    });
  }

  it('insecureOpen, lets any Host in but no page of an origin that nobody listed', async () => {
    const running = await startGateway({ host: '0.0.0.0', insecureOpen: true });
    assert.equal(running.url, `http://127.0.0.1:${running.port}`);
    const headers = { Host: 'granary.internal' };
    assert.equal(codeOf(await call(running, RECORD, { headers })), 'ok');
    const fromPage = await call(running, RECORD, { headers: { ...headers, Origin: 'https://evil.example' } });
    assert.equal(codeOf(fromPage), 'ERR_AUTH_ORIGIN');
  });

  it('drain, says not ready and closes connections after the answer, but still answers', async () => {
    const running = await startGateway();
    await running.gateway.drain();
    assert.equal((await ask(running, '/health/ready')).status, 503);
    assert.equal((await ask(running, '/health')).status, 200);
    const head = 'HTTP/1.1\r\nHost: localhost\r\n\r\n';
    // The connections are kept by the caller, so these only come back because the gateway closes them.
    assert.match(
      await exchange(running, `POST ${RECORD} ${head}`),
      /^HTTP\/1.1 200 .*\r\nConnection: close\r\n/s,
    );
    assert.match(
      await exchange(running, `GET /v1/cores ${head}`),
      /^HTTP\/1.1 200 .*\r\nConnection: close\r\n/s,
    );
    assert.match(
      await exchange(running, `GET /v1/cores/% ${head}`),
      /^HTTP\/1.1 400 .*\r\nConnection: close\r\n/s,
    );
  });

  it('stop, waits for what is open, takes nothing new, then is closed', async () => {
    const running = await startGateway();
    running.cluster.onDispatch = () => undefined;
    const answer = call(running, RECORD);
    await until(() => running.cluster.sent.length === 1);
    let isStopped = false;
    const stopped = running.gateway.stop().then(() => {
      isStopped = true;
    });
    await turns();
    assert.equal(isStopped, false);
    assert.equal(await isListening(running.port), false);
    running.cluster.sent[0]?.resolve('late');
    assert.equal((await answer).body?.data, 'late');
    await stopped;
    await running.gateway.stop();
  });

  it('stop past its budget, cancels what is still open', async () => {
    const clock = fakeClock();
    const running = await startGateway({}, { clock });
    running.cluster.onDispatch = () => undefined;
    const answer = call(running, RECORD);
    answer.catch(() => undefined);
    await until(() => running.cluster.sent.length === 1);
    const stopped = running.gateway.stop({ budgetMs: 5_000 });
    clock.advance(4_999);
    await turns();
    assert.equal(running.cluster.sent[0]?.isSettled, false);
    clock.advance(1);
    await stopped;
    await assert.rejects(answer);
    await until(() => running.cluster.sent[0]?.isSettled === true);
  });

  it('stop, with idle connections and half a request open, ends at once', async () => {
    const running = await startGateway();
    const idle = connect(running.port, '127.0.0.1');
    const half = connect(running.port, '127.0.0.1');
    half.write('POST /v1');
    for (const socket of [idle, half]) socket.on('error', () => undefined);
    await ask(running, '/health');
    await running.gateway.stop({ budgetMs: 5_000 });
    idle.destroy();
    half.destroy();
  });

  it('stop before start, is done at once', async () => {
    await gatewayOf({ port: 0 }).stop();
  });

  it('what is mounted on the app, is behind the same door and rim', async () => {
    const running = await startGateway({ tokens: [{ token: 't', principal: 'p' }] });
    running.gateway.app.use((ctx, next) => {
      if (ctx.path !== '/admin') return next();
      ctx.body = `hello ${ctx.state.caller?.principal.name ?? ''}`;
      return undefined;
    });
    assert.equal((await ask(running, '/admin')).status, 401);
    const answer = await ask(running, '/admin', { headers: { Authorization: 'Bearer t' } });
    assert.equal(answer.text, 'hello p');
    const missing = await ask(running, '/other', { headers: { Authorization: 'Bearer t' } });
    assert.equal(codeOf(missing), 'ERR_PATH_UNKNOWN');
  });
});
