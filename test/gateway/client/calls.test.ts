// Calls of the client: typed references, outcomes, deadlines, cancellation, and what is tried again.
import assert from 'node:assert/strict';
import { z } from 'zod';
import { type GranaryClient, GrainError } from '../../../gateway/client/node.ts';
import { defineCore, entity } from '../../../lib/index.ts';
import { errorOf, type Peer, settle, Stage, until } from './fake-gateway.ts';

const flight = z.object({ origin: z.string(), delay: z.number().default(0) });
const airport = defineCore({
  name: 'airport',
  version: '1.0.0',
  instance: entity({ entityKey: 'origin' }),
  memory: { flights: 0 },
  events: { flight: 'record' },
}).flows((flow) => ({
  record: flow({ input: flight, run: (ctx) => ctx.memory.flights }),
  stats: flow({ readonly: true, run: (ctx) => ({ flights: ctx.memory.flights }) }),
}));

const busy = { code: 'ERR_MAILBOX_FULL', message: 'full', effect: 'none' };

describe('Client: calls', () => {
  let stage: Stage;
  beforeEach(async () => {
    stage = await Stage.open();
  });
  afterEach(() => stage.close());

  it('a typed reference, a flow called, sends the frame and resolves with the output', async () => {
    const jfk = stage.client().core<typeof airport>('airport').get('JFK');
    const stats = jfk.stats();
    const recorded = jfk.record({ origin: 'JFK', delay: 3 });
    const peer = await stage.accept();
    const first = await peer.take('call');
    assert.deepEqual(first, {
      t: 'call',
      id: 1,
      deadline_ms: 30_000,
      core: 'airport',
      key: 'JFK',
      flow: 'stats',
    });
    const second = await peer.take('call');
    assert.deepEqual(second.input, { origin: 'JFK', delay: 3 });
    peer.send({ t: 'result', id: 2, output: 7 });
    peer.send({ t: 'result', id: 1, output: { flights: 6 } });
    assert.equal(await recorded, 7);
    assert.deepEqual(await stats, { flights: 6 });
  });

  it('a reference, awaited and inspected, is no call', async () => {
    const client = stage.client();
    const jfk = client.core(airport).get('JFK');
    assert.equal(await Promise.resolve(jfk), jfk);
    assert.equal(JSON.stringify({ jfk }), '{"jfk":{}}');
    assert.equal(jfk.stats, jfk.stats, 'methods are made once');
    assert.equal(client.state, 'idle');
  });

  it('bytes in input and output, over JSON, arrive as bytes', async () => {
    const call = stage
      .client()
      .core('files')
      .call('put', { body: new Uint8Array([1, 2, 3]) });
    const peer = await stage.accept();
    const frame = await peer.take('call');
    assert.deepEqual(frame.input, { body: { $bytes: 'AQID' } });
    peer.send({ t: 'result', id: 1, output: { $bytes: 'BAU=' } });
    assert.deepEqual(await call, new Uint8Array([4, 5]));
  });

  it('a call that cannot be encoded, or whose key is no key, rejects without a connection', async () => {
    const client = stage.client();
    const broken = await errorOf(client.core('a').call('f', { at: new Map() }));
    assert.equal(broken.code, 'ERR_VALUE_INVALID');
    const wrongKey = await errorOf(client.core('a').get('').f?.() ?? Promise.resolve());
    assert.equal(wrongKey.code, 'ERR_KEY_INVALID');
    assert.equal(client.state, 'idle');
  });

  it('a refusal, lasting, rejects with the code and details of the report and is not tried again', async () => {
    const call = stage.client().core('a').call('f');
    const peer = await stage.accept();
    await peer.take('call');
    const error = { code: 'ERR_INPUT_INVALID', message: 'no', effect: 'none', details: { issues: [1] } };
    peer.send({ t: 'error', id: 1, error });
    const thrown = await errorOf(call);
    assert.ok(thrown instanceof GrainError);
    assert.deepEqual([thrown.code, thrown.effect, thrown.details.issues], ['ERR_INPUT_INVALID', 'none', [1]]);
    await settle();
    assert.equal(peer.waitingCount, 0);
  });

  it('a call not executed, temporary refusal, is sent again after its back-off under a new id', async () => {
    const call = stage.client().core('a').call('f', 1);
    const peer = await stage.accept();
    await peer.take('call');
    peer.send({ t: 'error', id: 1, error: { ...busy, retry_after_ms: 1_000 } });
    await settle();
    stage.clock.advance(999);
    await settle();
    assert.equal(peer.waitingCount, 0, 'retry_after_ms is kept');
    stage.clock.advance(50);
    const again = await peer.take('call');
    assert.deepEqual([again.id, again.input, again.deadline_ms], [2, 1, 30_000 - 1_024]);
    peer.send({ t: 'result', id: 1, output: 'late' });
    peer.send({ t: 'result', id: 2, output: 'right' });
    assert.equal(await call, 'right');
  });

  it('a temporary refusal, retry_after_ms beyond the deadline, rejects at once with the refusal', async () => {
    const call = stage.client().core('a').call('f', 1, { deadlineMs: 500 });
    const peer = await stage.accept();
    await peer.take('call');
    peer.send({ t: 'error', id: 1, error: { ...busy, retry_after_ms: 1_000 } });
    const error = await errorOf(call);
    assert.deepEqual([error.code, error.retryAfterMs], ['ERR_MAILBOX_FULL', 1_000]);
  });

  it('temporary refusals without end, rejects with the last one after retryCountMax retries', async () => {
    const call = stage.client({ retryCountMax: 3 }).core('a').call('f');
    const peer = await stage.accept();
    let count = 0;
    peer.onFrame = ({ id }) => {
      count += 1;
      peer.send({ t: 'error', id, error: busy });
    };
    const outcome = errorOf(call);
    let isDone = false;
    void outcome.then(() => (isDone = true));
    while (!isDone) {
      stage.clock.advance(100);
      await settle();
    }
    assert.equal((await outcome).code, 'ERR_MAILBOX_FULL');
    assert.equal(count, 4);
  });

  it('an outage, many calls refused at once, retries no more than the budget allows', async () => {
    const client = stage.client();
    const calls = Array.from({ length: 50 }, () => errorOf(client.core('a').call('f')));
    const peer = await stage.accept();
    let count = 0;
    peer.onFrame = ({ id }) => {
      count += 1;
      peer.send({ t: 'error', id, error: busy });
    };
    let doneCount = 0;
    for (const call of calls) void call.then(() => (doneCount += 1));
    while (doneCount < calls.length) {
      stage.clock.advance(16);
      await settle();
    }
    // 50 first attempts, 50 x 0.2 + 10 retries, and 10 a second while it lasts: unbounded it would be 50 x 9.
    assert.ok(count > 60 && count < 110, `${count} attempts`);
  });

  it('a call sent, connection lost, rejects as unknown and is not sent again', async () => {
    const client = stage.client();
    const call = client.core('a').call('f');
    const first = await stage.accept();
    await first.take('call');
    first.cut();
    const error = await errorOf(call);
    assert.deepEqual([error.code, error.effect], ['ERR_CONNECTION_LOST', 'unknown']);
    const second = await stage.reconnect(client);
    await settle();
    assert.equal(second.waitingCount, 0);
  });

  it('a call with a command id, connection lost, is sent again with the same command id', async () => {
    const client = stage.client();
    const call = client.core('a').call('f', 1, { commandId: 'order-1' });
    const first = await stage.accept();
    await first.take('call');
    first.cut();
    const second = await stage.reconnect(client);
    const again = await second.take('call');
    assert.deepEqual([again.command_id, again.input], ['order-1', 1]);
    second.send({ t: 'result', id: again.id, output: 2 });
    assert.equal(await call, 2);
  });

  it('a call with a command id, lost once and then refused for now, stays unknown', async () => {
    const client = stage.client({ retryCountMax: 0 });
    const call = client.core('a').call('f', 1, { commandId: 'order-1' });
    const first = await stage.accept();
    await first.take('call');
    first.cut();
    const second = await stage.reconnect(client);
    const again = await second.take('call');
    second.send({ t: 'error', id: again.id, error: busy });
    const error = await errorOf(call);
    assert.deepEqual(
      [error.code, (error.cause as GrainError).code],
      ['ERR_CONNECTION_LOST', 'ERR_MAILBOX_FULL'],
    );
  });

  it('a call never sent, connection lost meanwhile, goes out on the next one', async () => {
    const client = stage.client();
    const call = client.core('a').call('f');
    const dead = await stage.gateway.accept();
    await dead.take('hello');
    dead.cut();
    const peer = await stage.reconnect(client);
    const { id } = await peer.take('call');
    peer.send({ t: 'result', id, output: 'done' });
    assert.equal(await call, 'done');
  });

  it('calls above max_calls, wait until one is answered', async () => {
    const client = stage.client();
    const calls = [1, 2, 3].map((input) => client.core('a').call('f', input));
    const peer = await stage.accept({ max_calls: 2 });
    await peer.take('call');
    await peer.take('call');
    await settle();
    assert.equal(peer.waitingCount, 0);
    peer.send({ t: 'result', id: 1, output: 1 });
    const third = await peer.take('call');
    assert.equal(third.input, 3);
    peer.send({ t: 'result', id: 2, output: 2 });
    peer.send({ t: 'result', id: third.id, output: 3 });
    assert.deepEqual(await Promise.all(calls), [1, 2, 3]);
  });

  describe('deadlines and cancellation', () => {
    let client: GranaryClient;
    let peer: Peer;
    beforeEach(async () => {
      client = stage.client();
      const connected = client.connect();
      peer = await stage.accept({ max_calls: 1 });
      await connected;
    });

    it('a call sent, deadline passes, rejects as unknown and cancels it at the server', async () => {
      const call = errorOf(client.core('a').call('f', 1, { deadlineMs: 100 }));
      assert.equal((await peer.take('call')).deadline_ms, 100);
      stage.clock.advance(150);
      const error = await call;
      assert.deepEqual([error.code, error.effect], ['ERR_CALL_TIMEOUT', 'unknown']);
      assert.equal((await peer.take('cancel')).id, 1);
    });

    it('a call waiting for a place, deadline passes, rejects as not executed and never leaves', async () => {
      void errorOf(client.core('a').call('f', 1));
      const call = errorOf(client.core('a').call('f', 2, { deadlineMs: 100 }));
      await peer.take('call');
      stage.clock.advance(150);
      const error = await call;
      assert.deepEqual([error.code, error.effect], ['ERR_CALL_EXPIRED', 'none']);
      peer.send({ t: 'result', id: 1, output: 1 });
      await settle();
      assert.equal(peer.waitingCount, 0);
    });

    it('a call sent, signal aborted, rejects at once and cancels it at the server', async () => {
      const abort = new AbortController();
      const call = errorOf(client.core('a').call('f', 1, { signal: abort.signal }));
      const { id } = await peer.take('call');
      abort.abort(new Error('enough'));
      const error = await call;
      assert.equal(error.code, 'ERR_CALL_CANCELLED');
      assert.equal((error.cause as Error).message, 'enough');
      assert.equal((await peer.take('cancel')).id, id);
    });

    it('a call waiting, signal aborted before and after, says that it was not executed', async () => {
      void errorOf(client.core('a').call('f', 1));
      const abort = new AbortController();
      const waiting = errorOf(client.core('a').call('f', 2, { signal: abort.signal }));
      await peer.take('call');
      abort.abort();
      assert.equal((await waiting).details.executed, false);
      const late = await errorOf(client.core('a').call('f', 3, { signal: abort.signal }));
      assert.equal(late.details.executed, false);
      await settle();
      assert.equal(peer.waitingCount, 0);
    });

    it('a frame above max_frame_bytes, rejects before it is sent', async () => {
      const error = await errorOf(client.core('a').call('f', 'x'.repeat(70_000)));
      assert.equal(error.code, 'ERR_FRAME_TOO_LARGE');
      await settle();
      assert.equal(peer.waitingCount, 0);
    });

    it('close code 4009, rejects the call that was too large and keeps the client', async () => {
      const call = errorOf(client.core('a').call('f', 'x'.repeat(100)));
      await peer.take('call');
      peer.close(4009);
      assert.equal((await call).code, 'ERR_FRAME_TOO_LARGE');
      await stage.reconnect(client);
      await until(() => client.state === 'open');
    });
  });

  it('callsWaitingMax, one more call than may wait, is refused', async () => {
    const client = stage.client({ callsWaitingMax: 2 });
    const waiting = [1, 2].map((input) => errorOf(client.core('a').call('f', input)));
    assert.equal((await errorOf(client.core('a').call('f', 3))).code, 'ERR_LIMIT_REACHED');
    await client.close();
    const codes = (await Promise.all(waiting)).map(({ code }) => code);
    assert.deepEqual(codes, ['ERR_CLIENT_CLOSED', 'ERR_CLIENT_CLOSED']);
  });

  it('the client closed, calls open and new ones, reject as unknown and as not executed', async () => {
    const client = stage.client();
    const open = errorOf(client.core('a').call('f'));
    const peer = await stage.accept();
    await peer.take('call');
    await client.close();
    assert.equal((await open).code, 'ERR_CONNECTION_LOST');
    assert.equal((await errorOf(client.core('a').call('f'))).code, 'ERR_CLIENT_CLOSED');
    assert.equal(await client.closed, undefined);
    await until(() => peer.socket.readyState === 3);
  });
});
