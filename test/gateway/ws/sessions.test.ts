import assert from 'node:assert/strict';
import { openSession, signSession } from '../../../gateway/internal.ts';
import { GrainError } from '../../../lib/index.ts';
import { FakeCluster } from '../../support/fake-cluster.ts';
import { codeOf, type Frame, Rig, type RigOptions, settle } from '../../support/stream-client.ts';

const ANN = { token: 'ann-secret', principal: 'ann' };
const BOB = { token: 'bob-secret', principal: 'bob' };
const CAT = { token: 'cat-secret', principal: 'ann', tenant: 'other' };

describe('Stream, sessions', () => {
  let rig: Rig;
  const others: Rig[] = [];
  const start = async (options?: RigOptions): Promise<Rig> => (rig = await Rig.start(options));
  /** Another gateway before the same cluster, at the same time. */
  const startBeside = async (options: RigOptions = {}): Promise<Rig> => {
    const other = await Rig.start({ ...options, cluster: rig.cluster, clock: rig.clock });
    others.push(other);
    return other;
  };
  afterEach(async () => {
    for (const other of others.splice(0)) await other.stop();
    await rig.stop();
  });
  const seqs = (): number[] => rig.cluster.applied.map(({ seq }) => seq);
  const told = (frames: readonly Frame[]): string[] =>
    frames.filter(({ t }) => t === 'ack' || t === 'nack').map(({ t, seq }) => `${t} ${seq}`);

  it('hello, first time, answers a welcome with a new session, its credit and limits', async () => {
    await start({ limits: { maxCalls: 7, maxSubs: 8, heartbeatMs: 9_000, maxFrameBytes: 10_000 } });
    const [, { session, ...welcome }] = await rig.join();
    assert.deepEqual(welcome, {
      t: 'welcome',
      resumed: false,
      acked: 0,
      credit: { upto: 1_024 },
      max_calls: 7,
      max_subs: 8,
      heartbeat_ms: 9_000,
      max_frame_bytes: 10_000,
    });
    const claims = openSession(String(session), rig.cluster.clusterKey, rig.clock.wallMs());
    assert.deepEqual([claims?.tenant, claims?.principal, claims?.attach], ['default', 'dev', 1]);
  });

  it('a session resumed here goes on after all that settled, also what the client did not see', async () => {
    await start();
    const [client, { session }] = await rig.join();
    rig.cluster.intercept = () => 'hold';
    for (let seq = 1; seq <= 5; seq += 1) client.event(seq);
    await client.fence();
    client.socket.terminate();
    await client.closed;
    await settle();
    rig.cluster.intercept = () => undefined;
    rig.cluster.release();
    const [again, welcome] = await rig.join({ session, acked: 0 });
    assert.deepEqual([welcome['resumed'], welcome['acked']], [true, 5]);
    assert.notEqual(welcome['session'], session);
    again.event(6);
    await again.until(6);
    assert.deepEqual(seqs(), [1, 2, 3, 4, 5, 6]);
    assert.equal(rig.cluster.dispatched.at(-1)?.mark?.attach, 2);
    assert.equal(rig.stream.report.stats.resumed, 1);
  });

  it('a session resumed on a gateway that never saw it: the marks of the grain keep each event at once', async () => {
    await start();
    const [client, { session }] = await rig.join();
    for (let seq = 1; seq <= 5; seq += 1) client.event(seq);
    await client.until(5);
    const other = await startBeside();
    client.socket.terminate();
    const [again, welcome] = await other.join({ session, acked: 2 });
    assert.deepEqual([welcome['resumed'], welcome['acked']], [true, 2]);
    assert.deepEqual(welcome['credit'], { upto: 2 + 1_024 });
    for (let seq = 3; seq <= 7; seq += 1) again.event(seq);
    assert.deepEqual(told(await again.until(7)).at(-1), 'ack 7');
    assert.deepEqual(seqs(), [1, 2, 3, 4, 5, 6, 7]);
  });

  it('nack, then the gateway dies, then the event comes again: it is nacked again and never run', async () => {
    await start();
    let isShut = true;
    rig.cluster.handler = ({ mark }) => {
      if (mark?.seq === 2 && isShut) throw new GrainError('ERR_FLOW_FAILED', { message: 'shut' });
    };
    const [client, { session }] = await rig.join();
    for (let seq = 1; seq <= 3; seq += 1) client.event(seq);
    assert.deepEqual(told(await client.until(3)).slice(-2), ['nack 2', 'ack 3']);
    const other = await startBeside();
    client.socket.terminate();
    isShut = false; // now it would succeed
    const [again] = await other.join({ session, acked: 1 });
    again.event(2);
    again.event(3);
    const frames = await again.until(3);
    assert.deepEqual(told(frames), ['nack 2', 'ack 3']);
    assert.equal(codeOf(frames[0] ?? assert.fail()), 'ERR_FLOW_FAILED');
    assert.deepEqual(seqs(), [1, 3]);
  });

  it('a nack that the client may not have seen is not passed over by the acked of a welcome', async () => {
    await start();
    rig.cluster.handler = ({ mark }) => {
      if (mark?.seq === 3) throw new Error('no');
    };
    const [client, { session }] = await rig.join();
    rig.cluster.intercept = () => 'hold';
    for (let seq = 1; seq <= 5; seq += 1) client.event(seq);
    await client.fence();
    client.socket.terminate();
    await client.closed;
    await settle();
    rig.cluster.release(); // 3 is refused while nobody listens
    rig.cluster.intercept = () => undefined;
    const [again, welcome] = await rig.join({ session });
    assert.equal(welcome['acked'], 2);
    for (let seq = 3; seq <= 5; seq += 1) again.event(seq);
    assert.deepEqual(told(await again.until(5)), ['nack 3', 'ack 5']);
    again.socket.terminate();
    await again.closed;
    await settle();
    const [, third] = await rig.join({ session: welcome['session'], acked: 5 });
    assert.equal(third['acked'], 5);
  });

  it('a retry that is due when its client has gone is not sent: the next connection sends it', async () => {
    await start();
    const [client, { session }] = await rig.join();
    rig.cluster.intercept = () => new GrainError('ERR_MAILBOX_FULL');
    client.event(1);
    await client.fence();
    client.socket.terminate();
    await client.closed;
    await settle();
    rig.cluster.intercept = () => undefined;
    rig.clock.advance(5_000);
    assert.deepEqual(seqs(), []);
    const [again, welcome] = await rig.join({ session });
    assert.equal(welcome['acked'], 0);
    again.event(1);
    await again.until(1);
    assert.deepEqual(seqs(), [1]);
  });

  it("hijack: another principal, or the same name of another tenant, with someone's session gets 4003", async () => {
    await start({ tokens: [ANN, BOB, CAT] });
    const [client, { session }] = await rig.join({ token: ANN.token });
    for (const { token } of [BOB, CAT]) {
      const thief = await rig.connect();
      thief.send({ t: 'hello', token, session });
      assert.equal(codeOf(await thief.expect('error')), 'ERR_AUTH_FORBIDDEN');
      assert.equal(await thief.closed, 4003);
    }
    client.event(1); // the owner is not disturbed
    await client.until(1);
    assert.deepEqual(seqs(), [1]);
  });

  it('two sockets with one session: the older is closed with 4010 at once, the newer goes on', async () => {
    await start();
    const [older, { session }] = await rig.join();
    older.event(1);
    await older.until(1);
    const [newer, welcome] = await rig.join({ session, acked: 1 });
    assert.equal(await older.closed, 4010);
    assert.deepEqual([welcome['resumed'], welcome['acked']], [true, 1]);
    newer.event(2);
    await newer.until(2);
    assert.deepEqual(seqs(), [1, 2]);
    assert.equal(rig.stream.report.sessions, 1);
  });

  it('two sockets on two gateways: the grain refuses the older attach, and its socket is closed with 4010', async () => {
    await start();
    const [older, { session }] = await rig.join();
    older.event(1);
    await older.until(1);
    const other = await startBeside();
    const [newer] = await other.join({ session, acked: 1 });
    newer.event(2);
    await newer.until(2);
    older.event(2, 'JFK', 'poison');
    assert.equal(await older.closed, 4010);
    assert.deepEqual(rig.cluster.applied.at(-1)?.data, { seq: 2 });
  });

  it('a session that was forged, changed, expired, or is of another store starts anew: resumed false', async () => {
    await start();
    const [, { session }] = await rig.join();
    const good = String(session);
    const { clusterKey, generation } = rig.cluster;
    const claims = { id: 'a'.repeat(32), tenant: 'default', principal: 'dev', generation, attach: 1 };
    const nowMs = rig.clock.wallMs();
    const wrong = [
      'nonsense',
      '',
      '.',
      'x'.repeat(3_000),
      `${good}x`,
      good.replace(/^./, (first) => (first === 'A' ? 'B' : 'A')),
      signSession({ ...claims, expiresAtMs: nowMs + 1_000 }, 'ee'.repeat(32)),
      signSession({ ...claims, expiresAtMs: nowMs - 1 }, clusterKey),
      signSession({ ...claims, generation: 'older', expiresAtMs: nowMs + 1_000 }, clusterKey),
    ];
    for (const token of wrong) {
      const [client, welcome] = await rig.join({ session: token, acked: 40 });
      assert.deepEqual([welcome['resumed'], welcome['acked']], [false, 0], token.slice(0, 20));
      client.socket.close();
    }
    const [, welcome] = await rig.join({ session: good });
    assert.equal(welcome['resumed'], true);
  });

  it('a session lives 24 h after its last hello', async () => {
    await start();
    const [first, { session }] = await rig.join();
    first.socket.close();
    await first.closed;
    rig.clock.jumpWall(86_400_000 - 1);
    const [second, welcome] = await rig.join({ session });
    assert.equal(welcome['resumed'], true);
    second.socket.close();
    rig.clock.jumpWall(86_400_000);
    assert.equal((await rig.join({ session: welcome['session'] }))[1]['resumed'], false);
  });

  it('the store is replaced while clients are connected: their sessions are lost, 4011', async () => {
    await start();
    const [client] = await rig.join();
    rig.cluster.generation = 'generation-2';
    rig.clock.advance(1_000);
    assert.equal(await client.closed, 4011);
  });

  it('sessions without a connection are forgotten beyond the bound, and their clients lose nothing', async () => {
    await start({ limits: { sessionsRemembered: 2 } });
    const sessions: unknown[] = [];
    for (let index = 0; index < 4; index += 1) {
      const [client, { session }] = await rig.join();
      client.event(1, `K${index}`);
      await client.until(1);
      client.socket.close();
      await client.closed;
      await settle();
      sessions.push(session);
    }
    assert.equal(rig.stream.report.sessionsRemembered, 2);
    const [client, welcome] = await rig.join({ session: sessions[0] });
    assert.deepEqual([welcome['resumed'], welcome['acked']], [true, 0]);
    client.event(1, 'K0');
    await client.until(1);
    assert.equal(rig.cluster.applied.length, 4);
  });

  describe('who is let in', () => {
    it('a token in the header, and one in the hello, both work; a wrong one does not', async () => {
      await start({ tokens: [ANN] });
      await rig.join({}, { headers: { authorization: 'Bearer ann-secret' } });
      await rig.join({ token: 'ann-secret' });
      for (const token of [undefined, '', 'ann-secre', 'ann-secrets']) {
        const client = await rig.connect();
        client.send({ t: 'hello', token });
        assert.equal(codeOf(await client.expect('error')), 'ERR_AUTH_REQUIRED');
        assert.equal(await client.closed, 4001);
      }
      const headers = { authorization: 'Bearer wrong' };
      await assert.rejects(rig.connect({ headers }), /Unexpected server response: 401/);
    });

    it('without tokens and not on loopback nobody gets in', async () => {
      await start({ isLoopback: false });
      const client = await rig.connect();
      client.send({ t: 'hello' });
      assert.equal(await client.closed, 4001);
    });

    it('no hello within 5 s closes the connection', async () => {
      await start();
      const client = await rig.connect();
      rig.clock.advance(4_000);
      await settle();
      assert.equal(client.socket.readyState, 1);
      rig.clock.advance(2_000);
      assert.equal(await client.closed, 4008);
    });

    it('a first frame over 8 KB closes the connection with 4009, larger ones pass after hello', async () => {
      await start();
      for (const bytes of [8_300, 200_000]) {
        const client = await rig.connect();
        client.send({ t: 'hello', token: 'x'.repeat(bytes) });
        assert.equal(await client.closed, 4009);
      }
      const [client] = await rig.join();
      client.event(1, 'JFK', 'x'.repeat(200_000));
      await client.until(1);
    });

    it('anything before hello closes the connection, a second hello is only an error', async () => {
      await start();
      for (const frame of [{ t: 'ping' }, { t: 'event', seq: 1 }, { t: 'auth', token: 'x' }]) {
        const client = await rig.connect();
        client.send(frame);
        assert.equal(codeOf(await client.expect('error')), 'ERR_FRAME_INVALID');
        assert.equal(await client.closed, 4008);
      }
      const [client] = await rig.join();
      client.send({ t: 'hello' });
      assert.equal(codeOf(await client.expect('error')), 'ERR_FRAME_INVALID');
      client.event(1);
      await client.until(1);
    });

    it('a token that expires closes with 4001; one renewed in time does not', async () => {
      const clock = new Rig().clock;
      const expiresAtMs = clock.wallMs() + 10_000;
      const tokens = [
        { token: 'old', principal: 'ann', expiresAtMs },
        { token: 'new', principal: 'ann', expiresAtMs: expiresAtMs + 10_000 },
      ];
      await start({ tokens, clock, cluster: new FakeCluster(clock).core('airport') });
      const [lax] = await rig.join({ token: 'old' });
      const [keen] = await rig.join({ token: 'old' });
      keen.send({ t: 'auth', token: 'new' });
      await keen.fence();
      clock.advance(11_000);
      assert.equal(codeOf(await lax.expect('error')), 'ERR_AUTH_REQUIRED');
      assert.equal(await lax.closed, 4001);
      keen.event(1);
      await keen.until(1);
      clock.advance(10_000);
      assert.equal(await keen.closed, 4001);
    });

    it('auth: a wrong token closes with 4001, one of someone else with 4003, new rights hold at once', async () => {
      const less = { token: 'less', principal: 'ann', cores: ['other'] };
      await start({ tokens: [ANN, BOB, less] });
      for (const [token, code] of [
        ['nobody', 4001],
        [BOB.token, 4003],
      ] as const) {
        const [client] = await rig.join({ token: ANN.token });
        client.send({ t: 'auth', token });
        assert.equal(await client.closed, code);
      }
      const [client] = await rig.join({ token: ANN.token });
      client.send({ t: 'sub', id: 's', core: 'airport', key: 'JFK' });
      client.event(1);
      await client.until(1);
      client.send({ t: 'auth', token: 'less' });
      client.event(2);
      const frames = await client.until(2);
      assert.deepEqual(told(frames), ['nack 2']);
      const error = frames.find(({ t }) => t === 'error');
      assert.deepEqual([error?.['id'], error && codeOf(error)], ['s', 'ERR_AUTH_FORBIDDEN']);
    });

    it('in dev mode only loopback hosts and listed origins are let in', async () => {
      await start({ allowedOrigins: ['http://localhost:5173'] });
      const refused = [{ origin: 'https://evil.example' }, { host: 'evil.example' }, { origin: 'null' }];
      for (const headers of refused) {
        await assert.rejects(rig.connect({ headers }), /Unexpected server response: 403/);
      }
      const welcome = [
        { origin: 'http://localhost:5173' },
        { host: 'localhost:7400' },
        { host: '[::1]:7400' },
        {},
      ];
      for (const headers of welcome) await rig.join({}, { headers });
    });
  });
});
