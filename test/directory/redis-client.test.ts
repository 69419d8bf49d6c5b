import assert from 'node:assert/strict';
import {
  hadNoEffect,
  openRedisClient,
  type RedisClient,
  type RedisEvent,
  RedisRefusal,
  type RedisReply,
  RedisSilence,
  scriptOf,
  storeError,
} from '../../directory/index.ts';
import { GrainError, type Logger } from '../../lib/index.ts';
import { systemClock } from '../../lib/internal.ts';
import { TestLog } from '../gateway/http/support.ts';
import { startChaosProxy } from '../support/chaos-proxy.ts';
import {
  needsRedis,
  type RedisServer,
  type RedisServerOptions,
  startRedis,
} from '../support/redis-server.ts';
import { connectRedis, eventually } from './redis-support.ts';

const TIMEOUT_MS = 150;
const count = scriptOf('count', `return redis.call('HINCRBY', KEYS[1], 'n', ARGV[1])`);

const text = (reply: RedisReply): string => Buffer.from(reply as Uint8Array).toString();

async function failure(call: Promise<unknown>): Promise<Error> {
  const thrown: unknown = await call.then(
    () => undefined,
    (error: unknown) => error,
  );
  assert(thrown instanceof Error, 'the call did not fail');
  return thrown;
}

async function silence(call: Promise<unknown>, wasSent: boolean): Promise<void> {
  const error = await failure(call);
  assert(error instanceof RedisSilence, `${error.name}: ${error.message}`);
  assert.equal(error.wasSent, wasSent, error.message);
}

/** A log, and the reason why Redis is away as soon as it is told. */
function awayLog(): { readonly log: Logger; readonly told: Promise<string> } {
  const ignore = (): void => undefined;
  let tell: (reason: string) => void = ignore;
  const told = new Promise<string>((resolve) => (tell = resolve));
  const warn = (fields: object): void => {
    if ('reason' in fields) tell(String(fields.reason));
  };
  return { log: { debug: ignore, info: ignore, warn, error: ignore }, told };
}

function nextEvent<K extends RedisEvent['kind']>(
  client: RedisClient,
  kind: K,
): Promise<RedisEvent & { kind: K }> {
  return new Promise((resolve) => {
    const stop = client.onEvent((event) => {
      if (event.kind !== kind) return;
      stop();
      resolve(event as RedisEvent & { kind: K });
    });
  });
}

needsRedis('Redis client', () => {
  const ends: (() => Promise<void>)[] = [];
  afterEach(async () => {
    for (const end of ends.splice(0).reverse()) await end();
  });

  async function server(options?: RedisServerOptions): Promise<RedisServer> {
    const started = await startRedis(options);
    ends.push(() => started.dispose());
    return started;
  }
  async function connect(url: string): Promise<RedisClient> {
    const client = await connectRedis({ url, commandTimeoutMs: TIMEOUT_MS, connectTimeoutMs: TIMEOUT_MS });
    ends.push(() => client.close());
    return client;
  }
  async function connectThroughProxy(to: RedisServer): Promise<{
    proxy: Awaited<ReturnType<typeof startChaosProxy>>;
    client: RedisClient;
  }> {
    const proxy = await startChaosProxy(to);
    ends.push(() => proxy.close());
    return { proxy, client: await connect(`redis://127.0.0.1:${proxy.port}`) };
  }

  it('Call: replies of all kinds, are bytes, text, numbers, null and arrays of them', async () => {
    const client = await connect((await server()).url);
    assert.equal(await client.call('SET', ['k', 'grün']), 'OK');
    assert.equal(text(await client.call('GET', ['k'])), 'grün');
    assert.equal(await client.call('GET', ['none']), null);
    assert.equal(await client.call('INCRBY', ['n', 12_345_678]), 12_345_678);
    const bytes = Uint8Array.from({ length: 256 }, (_unused, index) => index);
    await client.call('SET', ['b', bytes]);
    assert.deepEqual(new Uint8Array((await client.call('GET', ['b'])) as Uint8Array), bytes);
    const large = Buffer.alloc(5_000_000, 'large');
    const [, back] = await Promise.all([client.call('SET', ['l', large]), client.call('GET', ['l'])]);
    assert(large.equals(back as Uint8Array));
    const nested = await client.call('EVAL', ['return {1, {false, "x", {}}, ""}', 0]);
    assert.deepEqual(nested, [1, [null, Buffer.from('x'), []], Buffer.from('')]);
  });

  it('Call: 20,000 at once, are answered in order', async () => {
    const client = await connectRedis({ url: (await server()).url });
    ends.push(() => client.close());
    const calls = Array.from({ length: 20_000 }, () => client.run(count, ['{h}'], ['1']));
    const replies = await Promise.all(calls);
    replies.forEach((reply, index) => assert.equal(reply, index + 1));
  });

  it('Refusal: of a command and of a script, has its code and no effect', async () => {
    const client = await connect((await server()).url);
    await client.call('SET', ['k', 'text']);
    for (const call of [client.call('LPUSH', ['k', 'x']), client.run(count, ['k'], ['1'])]) {
      const error = await failure(call);
      assert(error instanceof RedisRefusal && hadNoEffect(error));
      assert.equal(error.code, 'WRONGTYPE');
    }
    assert.equal(text(await client.call('GET', ['k'])), 'text');
  });

  it('Refusal: out of memory, is OOM, nothing is written, and the caller reads ERR_STORE_FULL', async () => {
    const client = await connect((await server()).url);
    await client.call('CONFIG', ['SET', 'maxmemory', '1']);
    const error = await failure(client.run(count, ['{h}'], ['1']));
    assert(error instanceof RedisRefusal);
    assert.equal(error.code, 'OOM');
    const told = storeError(error);
    assert.deepEqual([told.code, told.effect], ['ERR_STORE_FULL', 'none']);
    assert.equal(await client.call('EXISTS', ['{h}']), 0);
  });

  it('Refusal: the server has become a replica, is READONLY, and the client connects anew', async () => {
    const client = await connect((await server()).url);
    await client.call('REPLICAOF', ['127.0.0.1', '1']);
    const down = nextEvent(client, 'down');
    const error = await failure(client.run(count, ['{h}'], ['1']));
    assert(error instanceof RedisRefusal);
    assert.equal(error.code, 'READONLY');
    assert.match((await down).reason, /READONLY/);
    assert.equal((await nextEvent(client, 'up')).isSame, true);
  });

  it('SCRIPT FLUSH: calls are refused as NOSCRIPT, and run after the script was loaded again', async () => {
    const client = await connect((await server()).url);
    assert.equal(await client.run(count, ['{h}'], ['1']), 1);
    await client.call('SCRIPT', ['FLUSH']);
    const errors = await Promise.all([1, 2, 3].map(() => failure(client.run(count, ['{h}'], ['1']))));
    for (const error of errors) assert(error instanceof RedisRefusal && error.code === 'NOSCRIPT');
    assert.equal(await client.run(count, ['{h}'], ['1']), 2);
  });

  it('kill -9: what was sent may have been executed, what comes later was not sent; comes back', async () => {
    const redis = await server();
    const client = await connect(redis.url);
    redis.pause();
    const sent = silence(client.run(count, ['{h}'], ['1']), true);
    const down = nextEvent(client, 'down');
    await new Promise<void>((resolve) => systemClock.defer(resolve));
    await redis.kill9();
    await sent;
    await down;
    await silence(client.run(count, ['{h}'], ['1']), false);
    const up = nextEvent(client, 'up');
    await redis.restart();
    assert.equal((await up).isSame, false);
    assert.equal(await client.run(count, ['{h}'], ['1']), 1);
  });

  it('SIGSTOP: the server is silent within the time-out, and the same one afterwards', async () => {
    const redis = await server();
    const client = await connect(redis.url);
    const down = nextEvent(client, 'down');
    redis.pause();
    const startedMs = systemClock.nowMs();
    await silence(client.call('INCR', ['n']), true);
    const waitedMs = systemClock.nowMs() - startedMs;
    assert(waitedMs >= TIMEOUT_MS && waitedMs < TIMEOUT_MS + 500, `${waitedMs} ms`);
    assert.match((await down).reason, /silent/);
    const up = nextEvent(client, 'up');
    redis.resume();
    assert.equal((await up).isSame, true);
    // The command of the lost connection was in the socket: executed late, and exactly once.
    assert.equal(text(await client.call('GET', ['n'])), '1');
  });

  it('Black hole: replies are swallowed, the call is unknown, and nothing is sent again', async () => {
    const redis = await server();
    const { proxy, client } = await connectThroughProxy(redis);
    proxy.mode = 'mute';
    await silence(client.run(count, ['{h}'], ['1']), true);
    const up = nextEvent(client, 'up');
    proxy.cut();
    proxy.mode = 'pass';
    assert.equal((await up).isSame, true);
    assert.equal(await client.run(count, ['{h}'], ['1']), 2);
    proxy.mode = 'hole';
    await silence(client.run(count, ['{h}'], ['1']), true);
  });

  it('Connection reset: fails what was sent, connects again', async () => {
    const { proxy, client } = await connectThroughProxy(await server());
    proxy.delayMs = 50;
    const sent = silence(client.call('PING', []), true);
    await new Promise<void>((resolve) => systemClock.defer(resolve));
    const up = nextEvent(client, 'up');
    proxy.cut();
    proxy.delayMs = 0;
    await sent;
    await up;
    assert.equal(await client.call('PING', []), 'PONG');
  });

  it('A server that accepts and says nothing: the client stays down, and is up when it speaks', async () => {
    const redis = await server();
    redis.pause();
    const { log, told } = awayLog();
    const client = openRedisClient(
      { url: redis.url, commandTimeoutMs: TIMEOUT_MS, connectTimeoutMs: TIMEOUT_MS },
      { log },
    );
    ends.push(() => client.close());
    await silence(client.call('PING', []), false);
    await told;
    assert.equal(client.isUp, false);
    const up = nextEvent(client, 'up');
    redis.resume();
    await up;
    assert.equal(await client.call('PING', []), 'PONG');
  });

  it('A server that takes nothing: what waits for it is bounded, more is refused unsent', async () => {
    const redis = await server();
    const client = await connectRedis({ url: redis.url, commandTimeoutMs: 5_000 });
    ends.push(() => client.close());
    redis.pause();
    const megabyte = Buffer.alloc(1024 * 1024);
    const calls: Promise<unknown>[] = [];
    let refused: unknown;
    while (!refused && calls.length < 200) {
      const call = client.call('SET', ['k', megabyte]);
      call.catch((error: unknown) => (refused = error));
      calls.push(call);
      await new Promise<void>((resolve) => systemClock.defer(resolve));
    }
    assert(refused instanceof RedisSilence && !refused.wasSent, `${calls.length} MB`);
    assert(calls.length > 30 && calls.length < 100, `${calls.length} MB`);
    redis.resume();
    await Promise.allSettled(calls);
    assert.equal(await client.call('PING', []), 'PONG');
  });

  it('Stall of our own loop: longer than the time-out, replies that wait in the socket count', async () => {
    const client = await connect((await server()).url);
    const call = client.call('PING', []);
    await new Promise<void>((resolve) => systemClock.defer(resolve));
    for (const untilMs = systemClock.nowMs() + 2 * TIMEOUT_MS; systemClock.nowMs() < untilMs;);
    assert.equal(await call, 'PONG');
    assert.equal(client.isUp, true);
  });

  it('Subscription: messages arrive, also after the connections were cut; none after its end', async () => {
    const redis = await server();
    const { proxy, client } = await connectThroughProxy(redis);
    const direct = await connect(redis.url);
    const got: string[] = [];
    let wake = (): void => undefined;
    const stop = client.subscribe('{c}:x', (message) => {
      got.push(text(message));
      wake();
    });
    const publish = async (message: string): Promise<void> => {
      // The subscription is made in the background.
      await eventually(async () => (await direct.call('PUBLISH', ['{c}:x', message])) === 1);
      while (!got.includes(message)) await new Promise<void>((resolve) => (wake = resolve));
    };
    await publish('one');
    proxy.cut();
    await nextEvent(client, 'up');
    await publish('two');
    assert.deepEqual(got, ['one', 'two']);
    stop();
    await eventually(async () => (await direct.call('PUBLISH', ['{c}:x', 'three'])) === 0);
    assert.deepEqual(got, ['one', 'two']);
  });

  it('Close: with calls under way, lets them end, and refuses later ones', async () => {
    const client = await connectRedis({ url: (await server()).url });
    const calls = Promise.all([1, 2, 3].map(() => client.call('INCR', ['n'])));
    await client.close();
    assert.deepEqual(await calls, [1, 2, 3]);
    await silence(client.call('INCR', ['n']), false);
  });

  it('Password: the right one is let in, a wrong one is not', async () => {
    const redis = await server({ args: ['--requirepass', 'p@ss'] });
    const client = await connect(`redis://:${encodeURIComponent('p@ss')}@127.0.0.1:${redis.port}/3`);
    assert.equal(await client.call('SET', ['k', 'v']), 'OK');
    const { log, told } = awayLog();
    const stranger = openRedisClient({ url: `redis://:no@127.0.0.1:${redis.port}` }, { log });
    ends.push(() => stranger.close());
    assert.match(await told, /WRONGPASS/);
    assert.equal(stranger.isUp, false);
  });

  it('Options: no place, two places, a broken address or a wrong time, are refused; no password is told', () => {
    const wrong = [
      {},
      { url: 'redis://127.0.0.1', cluster: { nodes: [] } },
      { url: 'http://:geheim@127.0.0.1' },
      { url: 'redis://127.0.0.1/x' },
      { url: 'redis://127.0.0.1', commandTimeoutMs: 0 },
    ];
    for (const options of wrong) {
      const error = (() => {
        try {
          openRedisClient(options, { log: new TestLog() });
        } catch (thrown) {
          return thrown;
        }
        return undefined;
      })();
      assert(error instanceof GrainError && error.code === 'ERR_OPTION_INVALID', JSON.stringify(options));
      assert.doesNotMatch(error.message + JSON.stringify(error.details), /geheim/);
    }
  });
});
