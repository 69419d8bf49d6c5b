// The connection of the client: hello, back-off, heartbeat, close codes, drain, tokens.
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { connect, type GranaryClient } from '../../../gateway/client/node.ts';
import { SeededRng } from '../../../lib/index.ts';
import { errorOf, type Peer, settle, Stage, turn, until, WELCOME } from './fake-gateway.ts';

describe('Client: connection', () => {
  let stage: Stage;
  beforeEach(async () => {
    stage = await Stage.open();
  });
  afterEach(() => stage.close());

  /** An open connection, and the client behind it. */
  async function open(welcome = {}): Promise<{ client: GranaryClient; peer: Peer }> {
    const client = stage.client();
    const connected = client.connect();
    const peer = await stage.accept(welcome);
    await connected;
    return { client, peer };
  }

  it('a client, unused, opens no connection', async () => {
    const client = stage.client();
    client.core('a').get('k');
    client.events();
    await settle();
    assert.deepEqual([client.state, stage.gateway.connectionCount], ['idle', 0]);
  });

  it('a URL that is none of ours, is refused when the client is made', () => {
    for (const url of ['nonsense', 'ftp://127.0.0.1', 'ws://user:secret@127.0.0.1']) {
      assert.throws(() => connect(url), { code: 'ERR_OPTION_INVALID' }, url);
    }
    assert.throws(() => connect('ws://127.0.0.1', { reconectFirstMs: 5 } as object), /reconnectFirstMs/);
  });

  it('a token, given or fetched, travels in the Authorization header and is fetched for each connection', async () => {
    const tokens = ['first', 'second'];
    const client = stage.client({ token: () => Promise.resolve(tokens.shift() ?? '') });
    void client.connect();
    const first = await stage.gateway.accept();
    assert.deepEqual(await first.welcome(), { t: 'hello' }, 'no token in the frame');
    first.cut();
    const second = await stage.reconnect(client);
    assert.deepEqual([first.authorization, second.authorization], ['Bearer first', 'Bearer second']);
    tokens.push('third');
    await until(() => client.state === 'open');
    await client.renewToken();
    assert.deepEqual(await second.take('auth'), { t: 'auth', token: 'third' });
  });

  it('a token that cannot be fetched, is asked for again after the back-off', async () => {
    let count = 0;
    const token = async (): Promise<string> => {
      count += 1;
      if (count === 1) throw new Error('no network');
      return 'token';
    };
    const client = stage.client({ token });
    const connected = client.connect();
    await settle();
    assert.equal(client.state, 'connecting');
    stage.clock.advance(100);
    await stage.accept();
    await connected;
  });

  it('states, over a life, are told with what caused them', async () => {
    const states: string[] = [];
    const client = stage.client({
      onState: (state, cause) => states.push(cause ? `${state} ${cause.code}` : state),
    });
    const connected = client.connect();
    const peer = await stage.accept();
    await connected;
    peer.cut();
    await stage.reconnect(client);
    await until(() => client.state === 'open');
    await client.close();
    const lost = 'connecting ERR_CONNECTION_FAILED';
    assert.deepEqual(states, ['connecting', 'open', lost, 'open', 'closed']);
  });

  describe('back-off', () => {
    /** The delays before the next dials, while every connection ends at once. */
    async function delays(count: number, treat: (peer: Peer) => void): Promise<number[]> {
      stage.rng.value = 0.999;
      stage.gateway.onPeer = treat;
      const client = stage.client({
        reconnectFirstMs: 100,
        reconnectMostMs: 1_000,
        connectTimeoutMs: 60_000,
      });
      const seen: number[] = [];
      void client.connect().catch(() => undefined);
      for (let dial = 1; dial <= count; dial += 1) {
        await until(() => stage.gateway.connectionCount === dial);
        // The connect timeout of the dial under way is due much later than any back-off.
        await until(() => (stage.clock.nextDueMs ?? Infinity) - stage.clock.nowMs() < 30_000);
        const delayMs = (stage.clock.nextDueMs ?? 0) - stage.clock.nowMs();
        seen.push(Math.round(delayMs));
        stage.clock.advance(delayMs);
      }
      return seen;
    }

    it('connections that fail, wait twice as long each time up to the most', async () => {
      const seen = await delays(6, (peer) => peer.cut());
      assert.deepEqual(seen, [100, 200, 400, 799, 999, 999]);
    });

    it('connections that are welcomed and closed at once, are no reason to begin anew', async () => {
      const seen = await delays(5, (peer) => {
        peer.onFrame = () => {
          peer.send({ ...WELCOME, heartbeat_ms: 60_000 });
          peer.close(4013);
        };
      });
      assert.deepEqual(seen, [100, 200, 400, 799, 999]);
    });

    it('a connection that lived, makes the next delay the first again', async () => {
      const seen = await delays(3, (peer) => peer.cut());
      assert.deepEqual(seen, [100, 200, 400]);
      const lived = stage.gateway;
      lived.onPeer = undefined;
      const peer = await stage.accept();
      await settle();
      stage.clock.advance(6_000);
      peer.cut();
      await until(() => (stage.clock.nextDueMs ?? Infinity) - stage.clock.nowMs() <= 100);
    });

    it('a hundred clients of a gateway that goes, come back spread over the delay', async () => {
      const rng = new SeededRng(7);
      const clients = Array.from({ length: 100 }, () => stage.client({ rng, reconnectFirstMs: 1_000 }));
      const peers: Peer[] = [];
      stage.gateway.onPeer = (peer) => {
        peers.push(peer);
        peer.onFrame = ({ t }) => t === 'hello' && peer.send(WELCOME);
      };
      await Promise.all(clients.map((client) => client.connect()));
      for (const peer of peers) peer.cut();
      await until(() => clients.every(({ state }) => state === 'connecting'));
      const perTenth: number[] = [];
      for (let tenth = 0; tenth < 10; tenth += 1) {
        const before = stage.gateway.connectionCount;
        stage.clock.advance(100);
        await settle();
        perTenth.push(stage.gateway.connectionCount - before);
      }
      assert.equal(
        perTenth.reduce((total, count) => total + count),
        100,
      );
      assert.ok(Math.max(...perTenth) <= 20, `${perTenth.join(' ')}`);
    });

    it('reconnectCountMax failures in a row, close the client and reject what waits', async () => {
      const client = stage.client({ reconnectCountMax: 2 });
      stage.gateway.onPeer = (peer) => peer.cut();
      const call = errorOf(client.core('a').call('f'));
      await until(() => stage.gateway.connectionCount === 1);
      await settle();
      stage.clock.advance(1_000);
      assert.equal((await call).code, 'ERR_CONNECTION_FAILED');
      assert.equal((await client.closed)?.code, 'ERR_CONNECTION_FAILED');
      assert.equal(client.state, 'closed');
    });

    it('no welcome in time, gives the connection up and tries another', async () => {
      const client = stage.client({ connectTimeoutMs: 1_000 });
      const connected = client.connect();
      const first = await stage.gateway.accept();
      await first.take('hello');
      stage.clock.advance(1_000);
      await first.closed;
      stage.clock.advance(100);
      await stage.accept();
      await connected;
    });
  });

  describe('heartbeat', () => {
    it('a ping of the server, is answered', async () => {
      const { peer } = await open();
      peer.send({ t: 'ping' });
      await peer.take('pong');
    });

    it('silence, asks after 1.25 beats and gives up after 2.5', async () => {
      const { client, peer } = await open({ heartbeat_ms: 1_000 });
      stage.clock.advance(1_249);
      await settle();
      assert.equal(peer.waitingCount, 0);
      stage.clock.advance(1);
      await peer.take('ping');
      stage.clock.advance(1_249);
      await settle();
      assert.equal(client.state, 'open');
      stage.clock.advance(1);
      await until(() => client.state === 'connecting');
      await peer.closed;
    });

    it('a stall of this process, messages waiting, is not taken for silence', async () => {
      const { client, peer } = await open({ heartbeat_ms: 1_000 });
      await turn(); // Out of the phase in which input is read: the next input comes after the timers, as in life.
      peer.send({ t: 'pong' });
      stage.clock.stall(10_000);
      stage.clock.advance(1);
      await settle();
      assert.equal(client.state, 'open');
    });
  });

  describe('close codes', () => {
    for (const [code, expected] of [
      [4001, 'ERR_AUTH_REQUIRED'],
      [4003, 'ERR_AUTH_FORBIDDEN'],
      [4008, 'ERR_FRAME_INVALID'],
    ] as const) {
      it(`${code}, with calls and events open, closes the client for good and says why`, async () => {
        const { client, peer } = await open({ max_calls: 1 });
        const sent = errorOf(client.core('a').call('f'));
        const waiting = errorOf(client.core('a').call('f'));
        const event = errorOf(client.core('a').send('k', 'e'));
        await peer.take('call');
        peer.send({ t: 'error', error: { code: expected, message: 'because', effect: 'none' } });
        peer.close(code);
        assert.equal((await client.closed)?.message, 'because');
        assert.equal((await sent).code, 'ERR_CONNECTION_LOST');
        assert.equal((await waiting).code, expected);
        assert.equal((await event).code, 'ERR_CONNECTION_LOST');
        stage.clock.advance(60_000);
        await settle();
        assert.equal(stage.gateway.connectionCount, 1);
        assert.equal((await errorOf(client.connect())).code, expected);
      });
    }

    it('4001 on an open connection, somebody gives tokens, connects again with a fresh one', async () => {
      let count = 0;
      const client = stage.client({ token: () => `token ${(count += 1)}` });
      void client.connect();
      const first = await stage.accept();
      await until(() => client.state === 'open');
      first.close(4001);
      const second = await stage.reconnect(client);
      assert.equal(second.authorization, 'Bearer token 2');
    });

    it('4001 before the welcome, closes the client also where somebody gives tokens', async () => {
      const client = stage.client({ token: () => 'wrong' });
      const connected = errorOf(client.connect());
      const peer = await stage.gateway.accept();
      peer.close(4001);
      assert.equal((await connected).code, 'ERR_AUTH_REQUIRED');
    });

    for (const code of [4012, 4013]) {
      it(`${code}, connects again`, async () => {
        const { client, peer } = await open();
        peer.close(code);
        await stage.reconnect(client);
      });
    }
  });

  describe('drain', () => {
    it('calls open and new, settles the open ones there and sends the new ones to the next connection', async () => {
      const { client, peer } = await open();
      const open1 = client.core('a').call('f', 1);
      await peer.take('call');
      peer.send({ t: 'drain', reconnect_after_ms: 1_000 });
      await settle();
      const later = client.core('a').call('f', 2);
      const event = client.core('a').send('k', 'e', 3);
      await settle();
      assert.equal(peer.waitingCount, 0);
      stage.clock.advance(1_000);
      await settle();
      assert.equal(stage.gateway.connectionCount, 1, 'it waits for the open call');
      peer.send({ t: 'result', id: 1, output: 'there' });
      assert.equal(await open1, 'there');
      await until(() => client.state === 'connecting');
      stage.clock.advance(100);
      const next = await stage.accept({ session: 's2' });
      await next.take('event');
      const { id } = await next.take('call');
      next.send({ t: 'ack', seq: 1 });
      next.send({ t: 'result', id, output: 'here' });
      assert.equal(await later, 'here');
      await event;
    });

    it('the gateway closes first, the delay that it named is kept all the same', async () => {
      const { client, peer } = await open();
      peer.send({ t: 'drain', reconnect_after_ms: 5_000 });
      peer.close(4013);
      await until(() => client.state === 'connecting');
      await settle();
      stage.clock.advance(4_900);
      await settle();
      assert.equal(stage.gateway.connectionCount, 1);
      stage.clock.advance(200);
      await stage.accept();
    });

    it('another URL, is dialled once and the own one after that', async () => {
      const other = await Stage.open();
      const { client, peer } = await open();
      peer.send({ t: 'drain', reconnect_after_ms: 0, url: other.gateway.url });
      await settle();
      stage.clock.advance(0);
      await until(() => client.state === 'connecting');
      stage.clock.advance(100);
      const there = await other.accept();
      await until(() => client.state === 'open');
      there.cut();
      await stage.reconnect(client);
      await other.close();
    });

    it('an open call that is never answered, is left after ten seconds', async () => {
      const { client, peer } = await open();
      const call = errorOf(client.core('a').call('f'));
      await peer.take('call');
      peer.send({ t: 'drain', reconnect_after_ms: 0 });
      await settle();
      stage.clock.advance(0);
      stage.clock.advance(10_000);
      assert.equal((await call).code, 'ERR_CONNECTION_LOST');
      await stage.reconnect(client);
    });
  });

  it('frames that are none, and answers that nobody waits for, cost at most the connection', async () => {
    const { client, peer } = await open();
    peer.send({ t: 'result', id: 99, output: 1 });
    peer.send({ t: 'error', id: 'x', error: { code: 'ERR_NEW', message: 'new', effect: 'none' } });
    peer.send({ t: 'push', id: 5 });
    peer.send({ t: 'a frame of a later protocol' });
    await settle();
    assert.equal(client.state, 'open');
    peer.socket.send('{"t":');
    const next = await stage.reconnect(client);
    await until(() => client.state === 'open');
    next.send({ t: 'nack', seq: 1, error: { code: 'ERR_INPUT_INVALID' } });
    assert.equal(client.state, 'open', 'without a stream there is nobody to tell');
  });

  it('a first frame that is no welcome, and one that lacks a field, is not built upon', async () => {
    const client = stage.client();
    void client.connect().catch(() => undefined);
    const first = await stage.gateway.accept();
    first.send({ t: 'ack', seq: 1 });
    await first.closed;
    stage.clock.advance(100);
    const second = await stage.gateway.accept();
    second.send({ ...WELCOME, credit: null });
    await second.closed;
    assert.equal(client.state, 'connecting');
  });

  it('HTTP 401 and 503 in place of the handshake, are not permitted and try again', async () => {
    let status = 503;
    let count = 0;
    const server = createServer((_request, response) => response.end());
    server.on('upgrade', (_request, socket) => {
      count += 1;
      socket.end(`HTTP/1.1 ${status} Refused\r\nContent-Length: 0\r\nConnection: close\r\n\r\n`);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const url = `ws://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const client = connect(url, { clock: stage.clock, rng: stage.rng });
    const connected = errorOf(client.connect());
    await until(() => count === 1);
    await settle();
    status = 401;
    stage.clock.advance(100);
    assert.equal((await connected).code, 'ERR_AUTH_REQUIRED');
    assert.equal(count, 2);
    server.close();
  });
});
