// The entry point for browsers, on a WebSocket of the standard's shape.
import assert from 'node:assert/strict';
import { WebSocket } from 'ws';
import { connect } from '../../../gateway/client/index.ts';
import { errorOf, settle, Stage, until, WELCOME } from './fake-gateway.ts';

const globals = globalThis as { WebSocket?: unknown };

describe('Client: in a browser', () => {
  const before = globals.WebSocket;
  let stage: Stage;
  beforeEach(async () => {
    stage = await Stage.open();
    globals.WebSocket = WebSocket;
  });
  afterEach(async () => {
    globals.WebSocket = before;
    await stage.close();
  });

  it('a token, goes into the hello frame and not into headers; calls, events and reconnects work', async () => {
    const client = connect(stage.gateway.url, { token: 'secret', clock: stage.clock, rng: stage.rng });
    const sent = client.core('a').send('k', 'e', 1);
    const first = await stage.gateway.accept();
    assert.equal(first.socket.protocol, 'granary.v1+json');
    assert.equal(first.authorization, undefined);
    assert.deepEqual(await first.welcome(), { t: 'hello', token: 'secret' });
    await first.take('event');
    first.cut();
    await until(() => client.state === 'connecting');
    await settle();
    stage.clock.advance(10_000);
    const second = await stage.gateway.accept();
    const hello = await second.welcome({ session: 's2', resumed: true, acked: 1 });
    assert.deepEqual(hello, { t: 'hello', token: 'secret', session: 's1', acked: 0 });
    await sent;
    await client.close();
    await second.closed;
  });

  it('a gateway that drains, naming an unprotected address, does not get the token there', async () => {
    const urls: string[] = [];
    let last: FakeSocket | undefined;
    class FakeSocket {
      onopen: (() => void) | undefined;
      onmessage: ((event: { readonly data: string }) => void) | undefined;
      onclose: ((event: { readonly code: number; readonly reason: string }) => void) | undefined;
      constructor(url: string) {
        urls.push(url);
        last = this;
      }
      send(): void {
        this.onmessage?.({ data: JSON.stringify(WELCOME) });
      }
      close(): void {
        // Nobody is on the other side.
      }
    }
    globals.WebSocket = FakeSocket;
    const client = connect('wss://granary.test', { token: 'secret', clock: stage.clock, rng: stage.rng });
    void client.connect();
    for (const url of ['ws://elsewhere.test', 'wss://elsewhere.test', 'nonsense']) {
      await until(() => last !== undefined);
      last?.onopen?.();
      await until(() => client.state === 'open');
      last?.onmessage?.({ data: JSON.stringify({ t: 'drain', reconnect_after_ms: 0, url }) });
      last = undefined;
      stage.clock.advance(0);
      await settle();
      stage.clock.advance(10_000);
      await until(() => last !== undefined);
    }
    const own = 'wss://granary.test/v1/stream';
    assert.deepEqual(urls, [own, own, 'wss://elsewhere.test/v1/stream', own]);
    await client.close();
  });

  it('a runtime without WebSocket, the cause says what to do', async () => {
    delete globals.WebSocket;
    const client = connect(stage.gateway.url, { clock: stage.clock, rng: stage.rng, reconnectCountMax: 1 });
    const error = await errorOf(client.connect());
    assert.match(String(error.cause), /no WebSocket/);
  });
});
