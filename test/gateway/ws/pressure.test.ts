import assert from 'node:assert/strict';
import { connect, type Socket } from 'node:net';
import { GrainError } from '../../../lib/index.ts';
import { codeOf, Rig, type RigOptions, settle, type StreamClient } from '../../support/stream-client.ts';

const JFK = { tenant: 'default', core: 'airport', key: 'JFK' };
const rawOf = (client: StreamClient): Socket => (client.socket as unknown as { _socket: Socket })._socket;

describe('Stream, pressure', () => {
  let rig: Rig;
  const start = async (options?: RigOptions): Promise<Rig> => (rig = await Rig.start(options));
  afterEach(() => rig.stop());

  it('a client that reads slowly and falls behind the bound is closed with 4012, others are not disturbed', async () => {
    await start({ limits: { bufferBytesMax: 2_000_000, pauseBytes: 100_000 } });
    const [slow] = await rig.join();
    const [other] = await rig.join();
    slow.send({ t: 'sub', id: 1, core: 'airport', key: 'JFK' });
    await slow.fence();
    rawOf(slow).pause();
    // The kernels' buffers take some; what they do not take is ours to bound.
    while (rig.stream.report.stats.closed.get(4012) === undefined) {
      rig.cluster.emit(JFK, 'noise', 'x'.repeat(100_000));
      await settle(1);
    }
    assert.equal(rig.cluster.subscriberCount(JFK), 0);
    rawOf(slow).resume();
    assert.equal(await slow.closed, 4012);
    other.event(1);
    await other.until(1);
  });

  it('too much at once, within one turn of the loop, is bounded too', async () => {
    await start({ limits: { bufferBytesMax: 1_000_000, pauseBytes: 100_000 } });
    const [client] = await rig.join();
    client.send({ t: 'sub', id: 1, core: 'airport', key: 'JFK' });
    await client.fence();
    for (let count = 0; count < 20; count += 1) rig.cluster.emit(JFK, 'noise', 'x'.repeat(100_000));
    assert.equal(await client.closed, 4012);
  });

  it('a client that sends calls and never reads: it is not read any more, then given up', async () => {
    await start({ limits: { pauseBytes: 100_000, heartbeatMs: 1_500 } });
    rig.cluster.handler = () => 'x'.repeat(50_000);
    const [client] = await rig.join();
    rawOf(client).pause();
    let sent = 0;
    // More and more calls are sent; from some point on the gateway takes no more of them.
    for (let round = 0; round < 300; round += 1) {
      for (let count = 0; count < 20; count += 1) {
        client.send({
          t: 'call',
          id: (sent += 1),
          core: 'airport',
          key: 'A',
          flow: 'record',
          input: 'y'.repeat(2_000),
        });
      }
      await settle(2);
    }
    const taken = rig.cluster.dispatched.length;
    assert.ok(taken < sent / 2, `${taken} of ${sent} calls were taken`);
    for (let beat = 0; beat < 6; beat += 1) {
      rig.clock.advance(1_500);
      await settle();
    }
    assert.equal(rig.stream.report.stats.closed.get(4012), 1);
    rig.clock.advance(1_500);
    await settle();
    assert.equal(rig.stream.report.connections, 0);
  });

  it('a client that sends pings and reads no pongs is ended', async () => {
    await start({ limits: { heartbeatMs: 600_000 } });
    const [client] = await rig.join();
    rawOf(client).pause();
    const payload = Buffer.alloc(125);
    for (let round = 0; round < 2_000 && rig.stream.report.connections > 0; round += 1) {
      for (let count = 0; count < 1_000; count += 1) client.socket.ping(payload);
      await settle(2);
    }
    assert.equal(rig.stream.report.connections, 0); // ws bounds the pongs that wait
  });

  it('a slow reader that catches up is read again', async () => {
    await start({ limits: { pauseBytes: 100_000 } });
    rig.cluster.handler = () => 'x'.repeat(100_000);
    const [client] = await rig.join();
    rawOf(client).pause();
    const call = { t: 'call', core: 'airport', key: 'A', flow: 'record' };
    for (let id = 1; id <= 60; id += 1) {
      client.send({ ...call, id });
      await settle(1);
    }
    rawOf(client).resume();
    for (let id = 1; id <= 60; id += 1) assert.equal((await client.expect('result'))['id'], id);
    await client.fence();
  });

  it('unsettled bytes above the bound stop the reading until they settle', async () => {
    await start({ limits: { unsettledBytesMax: 100_000 } });
    const [client] = await rig.join();
    rig.cluster.intercept = () => 'hold';
    for (let seq = 1; seq <= 200; seq += 1) client.event(seq, `K${seq}`, 'x'.repeat(10_000));
    for (let turn = 0; turn < 50; turn += 1) await settle();
    const taken = rig.cluster.dispatched.length;
    assert.ok(taken >= 10 && taken < 100, `${taken} events were taken`);
    rig.cluster.intercept = () => undefined;
    rig.cluster.release();
    await client.until(200);
    assert.equal(rig.cluster.applied.length, 200);
  });

  it('quiet connections are pinged; one that says nothing for two intervals is ended, one that answers is not', async () => {
    await start({ limits: { heartbeatMs: 1_500 } });
    const [alive] = await rig.join();
    const [dead] = await rig.join({}, { isMute: true });
    for (let tick = 0; tick < 60; tick += 1) {
      rig.clock.advance(100);
      await settle(4);
    }
    assert.equal(await dead.closed, 1006);
    assert.equal(alive.socket.readyState, 1);
    assert.ok(alive.frames.some(({ t }) => t === 'ping'));
    assert.equal(rig.stream.report.connections, 1);
    await alive.fence();
  });

  it('a socket that never speaks WebSocket after the upgrade is ended too', async () => {
    await start({ limits: { heartbeatMs: 1_500 } });
    const socket = connect(rig.port, '127.0.0.1');
    socket.write(
      'GET /v1/stream HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n' +
        'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n' +
        'Sec-WebSocket-Protocol: granary.v1+json\r\n\r\n',
    );
    const closed = new Promise((resolve) => socket.on('close', resolve));
    await new Promise((resolve) => socket.once('data', resolve));
    for (let tick = 0; tick < 100; tick += 1) {
      rig.clock.advance(100);
      await settle(1);
    }
    socket.resume();
    await closed;
    assert.equal(rig.stream.report.connections, 0);
  });

  it('one timer serves any number of connections, and none is set without them', async () => {
    await start();
    assert.equal(rig.clock.nextDueMs, undefined);
    const [first] = await rig.join();
    const [second] = await rig.join();
    for (const client of [first, second]) {
      client.socket.close();
      await client.closed;
    }
    await settle();
    rig.clock.advance(1_000);
    assert.equal(rig.clock.nextDueMs, undefined);
  });

  it('drain: told when to come back, in-flight work settles, nothing new is taken, then 4013', async () => {
    await start();
    const [client, { session }] = await rig.join();
    const [idle] = await rig.join();
    const silent = await rig.connect();
    rig.cluster.intercept = () => 'hold';
    client.event(1);
    client.send({ t: 'call', id: 'c', core: 'airport', key: 'A', flow: 'record', input: 5 });
    await client.fence();
    const drained = rig.stream.drain(5_000);
    const notice = await client.expect('drain');
    assert.ok(Number(notice['reconnect_after_ms']) >= 0 && Number(notice['reconnect_after_ms']) <= 2_000);
    assert.equal(await idle.closed, 4013);
    assert.equal(await silent.closed, 4013);
    client.event(2);
    client.send({ t: 'call', id: 'd', core: 'airport', key: 'A', flow: 'record' });
    const refused = await client.expect('error');
    assert.deepEqual([refused['id'], codeOf(refused)], ['d', 'ERR_SILO_DRAINING']);
    await assert.rejects(rig.connect(), /Unexpected server response: 503/);
    rig.cluster.intercept = () => undefined;
    rig.cluster.release();
    const frames = [await client.next(), await client.next()];
    assert.deepEqual(frames.map(({ t }) => t).sort(), ['ack', 'result']);
    assert.equal(await client.closed, 4013);
    await drained;
    assert.equal(rig.cluster.applied.length, 1);
    assert.ok(session);
  });

  it('drain: an event that waits for another try is left to the next gateway', async () => {
    await start();
    const [client] = await rig.join();
    const [other] = await rig.join();
    rig.cluster.intercept = ({ key }) => (key === 'HELD' ? 'hold' : new GrainError('ERR_MAILBOX_FULL'));
    client.event(1, 'A');
    client.event(2, 'HELD');
    await client.fence();
    await other.fence();
    const tries = rig.cluster.dispatched.length;
    const drained = rig.stream.drain(3_000);
    await client.expect('drain');
    rig.clock.advance(2_000);
    assert.equal(rig.cluster.dispatched.length, tries);
    rig.cluster.release();
    assert.equal(await client.closed, 4013);
    await drained;
  });

  it('drain: what does not settle within the budget is left, and the connections end all the same', async () => {
    await start();
    const [client] = await rig.join();
    rig.cluster.intercept = () => 'hold';
    client.event(1);
    await client.fence();
    const drained = rig.stream.drain(2_000);
    await client.expect('drain');
    rig.clock.advance(1_600);
    assert.equal(await client.closed, 4013);
    await drained;
  });
});

describe('Stream, many connections', () => {
  let rig: Rig;
  afterEach(() => rig.stop());

  it('2,000 idle connections: none is lost over the heartbeats, and one that speaks is served', async () => {
    rig = await Rig.start({ limits: { heartbeatMs: 1_500 } });
    const clients: StreamClient[] = [];
    while (clients.length < 2_000) {
      const joined = await Promise.all(Array.from({ length: 100 }, () => rig.join()));
      clients.push(...joined.map(([client]) => client));
    }
    for (let tick = 0; tick < 45; tick += 1) {
      rig.clock.advance(100);
      await settle(6);
    }
    assert.equal(rig.stream.report.connections, 2_000);
    clients[1_234]?.event(1);
    await clients[1_234]?.until(1);
  });
});
