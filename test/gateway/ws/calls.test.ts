import assert from 'node:assert/strict';
import { GrainError } from '../../../lib/index.ts';
import { codeOf, Rig, type RigOptions, settle } from '../../support/stream-client.ts';

describe('Stream, calls', () => {
  let rig: Rig;
  const start = async (options?: RigOptions): Promise<Rig> => (rig = await Rig.start(options));
  afterEach(() => rig.stop());
  const call = { t: 'call', core: 'airport', key: 'JFK', flow: 'record' };

  it('a call is answered with its output, in both encodings, under its own id', async () => {
    await start();
    rig.cluster.handler = ({ input }) => ({ echo: input });
    for (const isBinary of [false, true]) {
      const [client] = await rig.join({}, { isBinary });
      client.send({ ...call, id: 'a', input: { n: 1 } });
      client.send({ ...call, id: 7, key: undefined });
      assert.deepEqual(await client.expect('result'), { t: 'result', id: 'a', output: { echo: { n: 1 } } });
      const second = await client.expect('result');
      assert.equal(second['id'], 7);
    }
    rig.cluster.handler = () => undefined;
    const [client] = await rig.join();
    client.send({ ...call, id: 1 });
    assert.deepEqual(await client.expect('result'), { t: 'result', id: 1, output: null });
  });

  it('the envelope has what the frame said, and a deadline on the own clock', async () => {
    await start({ limits: { callMs: 5_000, callMsMax: 20_000 } });
    rig.clock.advance(500);
    rig.cluster.intercept = () => 'hold';
    const [client] = await rig.join();
    client.send({ ...call, id: 1, input: 5, command_id: 'order-1' });
    client.send({ ...call, id: 2, key: 42, deadline_ms: 900 });
    client.send({ ...call, id: 3, deadline_ms: 900_000 });
    await client.fence();
    const [first, second, third] = rig.cluster.held;
    assert.deepEqual(
      [first?.kind, first?.core, first?.key, first?.flow],
      ['call', 'airport', 'JFK', 'record'],
    );
    assert.deepEqual([first?.input, first?.commandId, first?.principal], [5, 'order-1', 'dev']);
    assert.deepEqual([first?.deadlineMs, second?.deadlineMs, third?.deadlineMs], [5_500, 1_400, 20_500]);
    assert.equal(second?.key, '42');
    rig.clock.advance(1_000);
    const error = await client.expect('error');
    assert.deepEqual([error['id'], codeOf(error)], [2, 'ERR_CALL_EXPIRED']);
  });

  it('what is refused answers the call and is no strike: rights, key, value, Core', async () => {
    await start({ tokens: [{ token: 's', principal: 'ann', cores: ['airport', 'missing'] }] });
    const [client] = await rig.join({ token: 's' });
    const wrong = [
      [{ core: 'vault' }, 'ERR_AUTH_FORBIDDEN'],
      [{ core: 'other/airport' }, 'ERR_AUTH_FORBIDDEN'],
      [{ core: 'missing' }, 'ERR_CORE_UNKNOWN'],
      [{ key: '\u0007' }, 'ERR_KEY_INVALID'],
      [{ input: { $bytes: 'no base64!' } }, 'ERR_VALUE_INVALID'],
    ] as const;
    for (const [fields, code] of wrong) {
      client.send({ ...call, id: 'x', ...fields });
      const error = await client.expect('error');
      assert.deepEqual([error['id'], codeOf(error)], ['x', code]);
    }
    await client.fence();
  });

  it('rights across tenants let a caller name tenant/core', async () => {
    await start({ tokens: [{ token: 's', principal: 'ops', anyTenant: true }] });
    const [client] = await rig.join({ token: 's' });
    client.send({ ...call, id: 1, core: 'acme/airport' });
    await client.expect('result');
    assert.deepEqual(
      rig.cluster.dispatched.map(({ tenant, core }) => `${tenant}/${core}`),
      ['acme/airport'],
    );
  });

  it('an error of the flow is answered as it is; details that no encoding has stay behind', async () => {
    await start();
    rig.cluster.handler = ({ input }) => {
      throw input === 1
        ? new GrainError('ERR_FLOW_FAILED', { message: 'closed', gate: 'A1' })
        : new GrainError('ERR_FLOW_FAILED', { message: 'closed', big: 5n });
    };
    const [client] = await rig.join();
    client.send({ ...call, id: 1, input: 1 });
    const report = { code: 'ERR_FLOW_FAILED', message: 'closed', effect: 'none' };
    assert.deepEqual((await client.expect('error'))['error'], { ...report, details: { gate: 'A1' } });
    client.send({ ...call, id: 2, input: 2 });
    assert.deepEqual((await client.expect('error'))['error'], report);
  });

  it('calls beyond max_calls are refused until one is answered; an id in use is malformed', async () => {
    await start({ limits: { maxCalls: 2 } });
    const [client] = await rig.join();
    rig.cluster.intercept = () => 'hold';
    client.send({ ...call, id: 1 });
    client.send({ ...call, id: 2 });
    client.send({ ...call, id: 3 });
    const full = await client.expect('error');
    assert.deepEqual([full['id'], codeOf(full)], [3, 'ERR_LIMIT_REACHED']);
    client.send({ ...call, id: 2 });
    const twice = await client.expect('error');
    assert.deepEqual([twice['id'], codeOf(twice)], [undefined, 'ERR_FRAME_INVALID']);
    rig.cluster.intercept = () => undefined;
    rig.cluster.release();
    await client.expect('result');
    await client.expect('result');
    client.send({ ...call, id: 2 });
    assert.equal((await client.expect('result'))['id'], 2);
  });

  it('cancel: the call ends as cancelled and its envelope is told; an unknown id is no mistake', async () => {
    await start();
    const [client] = await rig.join();
    let aborted: unknown;
    rig.cluster.handler = (envelope) => {
      envelope.abandoned = (error) => (aborted = error.code);
      return new Promise(() => {});
    };
    client.send({ ...call, id: 1 });
    client.send({ t: 'cancel', id: 1 });
    client.send({ t: 'cancel', id: 99 });
    const error = await client.expect('error');
    assert.deepEqual([error['id'], codeOf(error), aborted], [1, 'ERR_CALL_CANCELLED', 'ERR_CALL_CANCELLED']);
    assert.deepEqual(await client.fence(), []);
  });

  it('the client goes away: its open calls are cancelled', async () => {
    await start();
    const [client] = await rig.join();
    rig.cluster.intercept = () => 'hold';
    client.send({ ...call, id: 1 });
    await client.fence();
    client.socket.terminate();
    await client.closed;
    await settle();
    assert.equal(rig.cluster.held[0]?.isSettled, true);
  });
});

describe('Stream, subscriptions', () => {
  let rig: Rig;
  const start = async (options?: RigOptions): Promise<Rig> => (rig = await Rig.start(options));
  afterEach(() => rig.stop());
  const JFK = { tenant: 'default', core: 'airport', key: 'JFK' };
  const sub = { t: 'sub', id: 's', core: 'airport', key: 'JFK' };

  it('pushes carry n, prev and a cursor; with a filter prev tells a hole from what did not match', async () => {
    await start();
    for (const isBinary of [false, true]) {
      const [client] = await rig.join({}, { isBinary });
      client.send({ ...sub, id: 'all' });
      client.send({ ...sub, id: 'late', event: 'delayed' });
      await client.fence();
      const base = isBinary ? 3 : 0;
      rig.cluster.emit(JFK, 'delayed', { minutes: 5 });
      rig.cluster.emit(JFK, 'landed', null);
      rig.cluster.emit(JFK, 'delayed', { minutes: 9 });
      const frames = await client.fence();
      const pushes = frames.map(
        ({ id, n, prev }) => `${String(id)} ${Number(n) - base}<${Math.max(0, Number(prev) - base)}`,
      );
      assert.deepEqual(pushes.sort(), ['all 1<0', 'all 2<1', 'all 3<2', 'late 1<0', 'late 3<1']);
      const last = frames.find(({ id, n }) => id === 'late' && n === base + 3);
      assert.deepEqual(
        [last?.['event'], last?.['data'], last?.['cursor']],
        ['delayed', { minutes: 9 }, `1.${base + 3}`],
      );
      client.socket.terminate();
      await client.closed;
      await settle();
    }
  });

  it('from is exclusive: nothing twice, nothing missing; what is gone is a gap', async () => {
    await start();
    rig.cluster.retained = 3;
    for (let n = 1; n <= 5; n += 1) rig.cluster.emit(JFK, 'landed', n);
    const [client] = await rig.join();
    client.send({ ...sub, from: '1.3' });
    assert.deepEqual(
      (await client.take(2)).map(({ t, n }) => `${t} ${n}`),
      ['push 4', 'push 5'],
    );
    client.send({ ...sub, id: 'old', from: '0.0' });
    const [gap, ...rest] = await client.take(4);
    assert.deepEqual(gap, { t: 'gap', id: 'old', from: '1.0', to: '1.2' });
    assert.deepEqual(
      rest.map(({ n }) => n),
      [3, 4, 5],
    );
  });

  it('n and more bound what is pushed', async () => {
    await start();
    const [client] = await rig.join();
    client.send({ ...sub, n: 2 });
    await client.fence();
    for (let n = 1; n <= 10; n += 1) rig.cluster.emit(JFK, 'landed', n);
    assert.deepEqual(
      (await client.fence()).map(({ n }) => n),
      [1, 2],
    );
    client.send({ t: 'more', id: 's', n: 3 });
    assert.deepEqual(
      (await client.take(3)).map(({ n }) => n),
      [3, 4, 5],
    );
    assert.deepEqual(await client.fence(), []);
    client.send({ t: 'more', id: 's', n: 100 });
    client.send({ t: 'more', id: 'nobody', n: 1 });
    assert.deepEqual(
      (await client.take(5)).map(({ n }) => n),
      [6, 7, 8, 9, 10],
    );
  });

  it('more on a subscription without a bound sets one, and goes on where it was', async () => {
    await start();
    const [client] = await rig.join();
    client.send({ ...sub, from: '0.0' });
    await client.fence();
    rig.cluster.emit(JFK, 'landed', 1);
    client.send({ t: 'more', id: 's', n: 2 });
    await client.fence();
    for (let n = 2; n <= 6; n += 1) rig.cluster.emit(JFK, 'landed', n);
    assert.deepEqual(
      (await client.fence()).map(({ n }) => n),
      [2, 3],
    );
    assert.equal(rig.cluster.subscriberCount(JFK), 1);
  });

  it('unsub, and the end of the connection, end it in the cluster too', async () => {
    await start();
    const [client] = await rig.join();
    client.send(sub);
    client.send({ ...sub, id: 'b' });
    await client.fence();
    assert.equal(rig.cluster.subscriberCount(JFK), 2);
    client.send({ t: 'unsub', id: 's' });
    client.send({ t: 'unsub', id: 'nobody' });
    await client.fence();
    assert.equal(rig.cluster.subscriberCount(JFK), 1);
    client.socket.terminate();
    await client.closed;
    await settle();
    assert.equal(rig.cluster.subscriberCount(JFK), 0);
  });

  it('a subscription that cannot be, or ends, gets an error with its id, which is free again', async () => {
    await start({
      limits: { maxSubs: 1 },
      tokens: [{ token: 's', principal: 'ann', cores: ['airport', 'gone'] }],
    });
    const [client] = await rig.join({ token: 's' });
    const wrong = [
      [{ core: 'vault' }, 'ERR_AUTH_FORBIDDEN'],
      [{ core: 'gone' }, 'ERR_CORE_UNKNOWN'],
      [{ key: undefined }, 'ERR_KEY_REQUIRED'],
      [{ from: 'yesterday' }, 'ERR_CURSOR_INVALID'],
    ] as const;
    for (const [fields, code] of wrong) {
      client.send({ ...sub, ...fields });
      const error = await client.expect('error');
      assert.deepEqual([error['id'], codeOf(error)], ['s', code]);
    }
    client.send(sub);
    client.send({ ...sub, id: 'second' });
    assert.equal(codeOf(await client.expect('error')), 'ERR_LIMIT_REACHED');
    rig.cluster.endSubscriptions(JFK, new GrainError('ERR_SILO_DRAINING'));
    const ended = await client.expect('error');
    assert.deepEqual([ended['id'], codeOf(ended)], ['s', 'ERR_SILO_DRAINING']);
    client.send(sub);
    assert.deepEqual(await client.fence(), []);
  });
});
