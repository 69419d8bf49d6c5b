import assert from 'node:assert/strict';
import { GrainError } from '../../../lib/index.ts';
import type { Envelope } from '../../../silo/index.ts';
import { codeOf, type Frame, Rig, type RigOptions, settle } from '../../support/stream-client.ts';

// Interleavings of hazards.md 3 that do not need a second connection; those that do are in sessions.test.ts.
describe('Stream, events', () => {
  let rig: Rig;
  const start = async (options?: RigOptions): Promise<Rig> => (rig = await Rig.start(options));
  afterEach(() => rig.stop());

  const seqs = (): number[] => rig.cluster.applied.map(({ seq }) => seq);
  const marks = (envelopes: readonly Envelope[]): string[] =>
    envelopes.map(({ mark }) => `${mark?.seq}<${mark?.prev}`);
  const told = (frames: readonly Frame[]): string[] =>
    frames.filter(({ t }) => t === 'ack' || t === 'nack').map(({ t, seq }) => `${t} ${seq}`);

  it('many events at once, all applied, are acknowledged up to the last one with few frames', async () => {
    await start();
    const [client] = await rig.join();
    for (let seq = 1; seq <= 200; seq += 1) client.event(seq, `K${seq % 7}`);
    const frames = await client.until(200);
    assert.equal(frames.at(-1)?.['seq'], 200);
    assert.ok(frames.length < 40, `${frames.length} frames for 200 events`);
    assert.deepEqual(
      seqs(),
      [...Array(200).keys()].map((index) => index + 1),
    );
    const { tenant, core, key, flow, kind, principal, input } = rig.cluster.dispatched[0] ?? assert.fail();
    const expected = ['default', 'airport', 'K1', 'flight', 'event', 'dev', { seq: 1 }];
    assert.deepEqual([tenant, core, key, flow, kind, principal, input], expected);
  });

  it('each event names the one before it to the same grain, 0 for the first', async () => {
    await start();
    const [client] = await rig.join();
    for (const [seq, key] of [
      [1, 'A'],
      [2, 'B'],
      [3, 'A'],
      [4, 'A'],
      [5, 'B'],
    ] as const)
      client.event(seq, key);
    await client.until(5);
    assert.deepEqual(marks(rig.cluster.dispatched), ['1<0', '2<0', '3<1', '4<3', '5<2']);
  });

  it('two names of one Core share their lane, so that prev is true', async () => {
    await start();
    const [client] = await rig.join();
    client.event(1, 'A');
    client.send({ t: 'event', seq: 2, core: 'default/airport', key: 'A', event: 'flight', data: {} });
    await client.until(2);
    assert.deepEqual(marks(rig.cluster.dispatched), ['1<0', '2<1']);
  });

  it('an event that settles later than those behind it holds their ack back', async () => {
    await start();
    const [client] = await rig.join();
    rig.cluster.intercept = ({ key }) => (key === 'SLOW' ? 'hold' : undefined);
    client.event(1, 'A');
    client.event(2, 'SLOW');
    client.event(3, 'B');
    assert.deepEqual(told(await client.fence()), ['ack 1']);
    assert.deepEqual(seqs(), [1, 3]);
    rig.cluster.release();
    assert.deepEqual(told(await client.until(3)), ['ack 3']);
  });

  it('a lasting refusal is nacked in its place: 7 refused, then 8 applied, ack covers 8 only after the nack', async () => {
    await start();
    const [client] = await rig.join();
    rig.cluster.handler = ({ mark }) => {
      if (mark?.seq === 7) throw new GrainError('ERR_FLOW_FAILED', { message: 'no such gate' });
    };
    for (let seq = 1; seq <= 8; seq += 1) client.event(seq);
    const frames = await client.until(8);
    assert.deepEqual(told(frames).slice(-2), ['nack 7', 'ack 8']);
    const nack = frames.find(({ t }) => t === 'nack') ?? assert.fail();
    assert.deepEqual(nack['error'], { code: 'ERR_FLOW_FAILED', message: 'no such gate', effect: 'none' });
    assert.deepEqual(seqs(), [1, 2, 3, 4, 5, 6, 8]);
  });

  it('a refusal that settles first waits for what is below it', async () => {
    await start();
    const [client] = await rig.join();
    rig.cluster.intercept = ({ key }) => (key === 'SLOW' ? 'hold' : undefined);
    rig.cluster.handler = ({ key }) => {
      if (key === 'BAD') throw new Error('bad');
    };
    client.event(1, 'SLOW');
    client.event(2, 'BAD');
    assert.deepEqual(told(await client.fence()), []);
    rig.cluster.release();
    assert.deepEqual(told(await client.until(2)), ['nack 2']); // which acknowledges 1 too
    assert.deepEqual(told(await client.fence()), []);
  });

  it('a temporary refusal of 7 keeps the order: 8 waits, both are applied once, nothing is nacked', async () => {
    await start();
    const [client] = await rig.join();
    let refusals = 0;
    rig.cluster.intercept = ({ mark }) => {
      if (mark?.seq !== 7 || refusals++ > 0) return undefined;
      return new GrainError('ERR_MAILBOX_FULL');
    };
    for (let seq = 1; seq <= 9; seq += 1) client.event(seq);
    assert.deepEqual(told(await client.fence()), ['ack 6']);
    assert.deepEqual(seqs(), [1, 2, 3, 4, 5, 6]);
    rig.clock.advance(1_000);
    assert.deepEqual(told(await client.until(9)), ['ack 9']);
    assert.deepEqual(seqs(), [1, 2, 3, 4, 5, 6, 7, 8, 9]);
    // 7 goes again with the last that was settled before it.
    assert.deepEqual(marks(rig.cluster.dispatched).slice(7), ['7<6', '8<7', '9<8']);
  });

  it('after a temporary refusal nothing is sent again before everything in flight is back', async () => {
    await start();
    const [client] = await rig.join();
    rig.cluster.intercept = () => 'hold';
    client.event(1);
    client.event(2);
    client.event(3);
    await client.fence();
    const [first, second, third] = rig.cluster.held.splice(0);
    first?.reject(new GrainError('ERR_STORE_FAILED'));
    third?.reject(new GrainError('ERR_EVENT_GAP'));
    rig.clock.advance(5_000);
    await client.fence();
    assert.equal(rig.cluster.dispatched.length, 3);
    second?.reject(new GrainError('ERR_EVENT_GAP'));
    rig.cluster.intercept = () => undefined;
    rig.clock.advance(5_000);
    await client.until(3);
    assert.deepEqual(seqs(), [1, 2, 3]);
  });

  it('an unknown outcome that did take effect is not applied again', async () => {
    await start();
    const [client] = await rig.join();
    let isLost = true;
    rig.cluster.intercept = (envelope) => {
      if (envelope.mark?.seq !== 2 || !isLost) return undefined;
      isLost = false;
      // The commit went through, its answer did not.
      rig.cluster.applied.push({ grain: 'default/airport/JFK', seq: 2, data: envelope.input });
      const marksOfSource = rig.cluster.marksOf({ tenant: 'default', core: 'airport', key: 'JFK' });
      const mark = marksOfSource.get(envelope.mark.source) as { seq: number };
      mark.seq = 2;
      return new GrainError('ERR_STORE_FAILED');
    };
    for (let seq = 1; seq <= 4; seq += 1) client.event(seq);
    await client.fence();
    rig.clock.advance(10_000);
    assert.deepEqual(told(await client.until(4)), ['ack 4']);
    assert.deepEqual(seqs(), [1, 2, 3, 4]);
  });

  it('a lasting refusal behind a temporary one is not believed before its turn', async () => {
    await start();
    const [client] = await rig.join();
    rig.cluster.intercept = () => 'hold';
    client.event(1);
    client.event(2);
    await client.fence();
    const [first, second] = rig.cluster.held.splice(0);
    second?.reject(new GrainError('ERR_INPUT_INVALID'));
    first?.reject(new GrainError('ERR_GRAIN_MOVED'));
    assert.deepEqual(told(await client.fence()), []);
    rig.cluster.intercept = () => undefined;
    rig.clock.advance(5_000);
    assert.deepEqual(told(await client.until(2)), ['ack 2']);
    assert.deepEqual(seqs(), [1, 2]);
  });

  it('after a failure one event goes first, more only as they settle', async () => {
    await start();
    const [client] = await rig.join();
    rig.cluster.intercept = () => new GrainError('ERR_MAILBOX_FULL');
    for (let seq = 1; seq <= 50; seq += 1) client.event(seq);
    await client.fence();
    rig.cluster.intercept = () => 'hold';
    rig.clock.advance(5_000);
    assert.equal(rig.cluster.held.length, 1);
    rig.cluster.release();
    assert.equal(rig.cluster.held.length, 2);
    rig.cluster.release();
    assert.equal(rig.cluster.held.length, 4);
  });

  it('a grain that forgot its mark (volatile) gets the event with prev 0, at once', async () => {
    await start();
    const [client] = await rig.join();
    client.event(1);
    client.event(2);
    await client.until(2);
    rig.cluster.forgetMarks();
    client.event(3);
    await client.until(3);
    assert.deepEqual(seqs(), [1, 2, 3]);
    assert.deepEqual(marks(rig.cluster.dispatched), ['1<0', '2<1', '3<2', '3<0']);
  });

  it('events refused by the gateway are nacked in order and reach no grain', async () => {
    const tokens = [{ token: 'secret', principal: 'ann', cores: ['airport'] }];
    await start({ tokens });
    rig.cluster.core('vault').core('clock', { mode: 'singleton' });
    const [client] = await rig.join({ token: 'secret' });
    const send = (seq: number, fields: object): void =>
      client.send({ t: 'event', seq, core: 'airport', key: 'A', event: 'flight', data: {}, ...fields });
    send(1, {});
    send(2, { core: 'vault' });
    send(3, { core: 'missing' });
    send(4, { core: 'other/airport' });
    send(5, { key: 'x\u0000' });
    send(6, { key: 'x'.repeat(513) });
    send(7, { key: undefined });
    send(8, { event: 5 });
    send(9, { core: '__proto__' });
    send(10, { data: { constructor: { prototype: 1 } } });
    const frames = await client.until(10);
    const codes = frames.filter(({ t }) => t === 'nack').map((frame) => `${frame['seq']} ${codeOf(frame)}`);
    assert.deepEqual(codes, [
      '2 ERR_AUTH_FORBIDDEN',
      '3 ERR_AUTH_FORBIDDEN',
      '4 ERR_AUTH_FORBIDDEN',
      '5 ERR_KEY_INVALID',
      '6 ERR_KEY_INVALID',
      '7 ERR_KEY_REQUIRED',
      '8 ERR_FRAME_INVALID',
      '9 ERR_CORE_UNKNOWN',
    ]);
    assert.deepEqual(seqs(), [1, 10]);
    assert.deepEqual({ ...(rig.cluster.applied[1]?.data as object) }, { constructor: { prototype: 1 } });
  });

  it('keys: a number is its decimal text, an entity key comes from the data, a singleton has none', async () => {
    await start();
    rig.cluster.core('clock', { mode: 'singleton' });
    const [client] = await rig.join();
    client.send({ t: 'event', seq: 1, core: 'airport', key: 42, event: 'flight', data: {} });
    client.send({ t: 'event', seq: 2, core: 'airport', event: 'flight', data: { origin: 'LAX' } });
    client.send({ t: 'event', seq: 3, core: 'clock', event: 'flight', data: {} });
    client.send({ t: 'event', seq: 4, core: 'airport', key: 'ü'.repeat(256), event: 'flight' });
    await client.until(4);
    assert.deepEqual(
      rig.cluster.dispatched.map(({ key }) => key),
      ['42', 'LAX', undefined, 'ü'.repeat(256)],
    );
  });

  it('credit: moves with what is settled, never with what is not, and one above it ends the connection', async () => {
    await start({ limits: { windowEvents: 8 } });
    const [client, welcome] = await rig.join();
    assert.deepEqual(welcome['credit'], { upto: 8 });
    rig.cluster.intercept = ({ mark }) => ((mark?.seq ?? 0) > 4 ? 'hold' : undefined);
    for (let seq = 1; seq <= 8; seq += 1) client.event(seq);
    const frames = await client.fence();
    const credits = frames.filter(({ t }) => t === 'credit').map(({ upto }) => Number(upto));
    assert.equal(credits.at(-1), 12);
    assert.deepEqual(
      credits,
      [...credits].sort((left, right) => left - right),
    );
    for (let seq = 9; seq <= 13; seq += 1) client.event(seq);
    const error = await client.expect('error');
    assert.match(String((error['error'] as { message: string }).message), /seq 13 is above the credit.*12/);
    assert.equal(await client.closed, 4008);
  });

  it('a seq with a hole, or again, ends the connection and says which seq is due', async () => {
    await start();
    for (const wrong of [3, 1, 0, -1]) {
      const [client] = await rig.join();
      client.event(1);
      client.event(wrong);
      const error = await client.expect('error');
      assert.match(String((error['error'] as { message: string }).message), /seq must be 2/);
      assert.equal(await client.closed, 4008);
    }
  });

  it('a grain that answers that the session is elsewhere closes with 4010, that it is lost with 4011', async () => {
    await start();
    for (const [code, close] of [
      ['ERR_SESSION_REPLACED', 4010],
      ['ERR_SESSION_LOST', 4011],
    ] as const) {
      const [client] = await rig.join();
      rig.cluster.intercept = () => new GrainError(code);
      client.event(1);
      assert.equal(await client.closed, close);
    }
  });

  it('a grain that keeps failing is tried again with growing pauses, not hammered', async () => {
    await start({ limits: { retryFirstMs: 10, retryMostMs: 1_000 } });
    const [client] = await rig.join();
    rig.cluster.intercept = () => new GrainError('ERR_ACTIVATION_FAILED');
    client.event(1);
    await client.fence();
    rig.clock.advance(10_000);
    const tries = rig.cluster.dispatched.length;
    assert.ok(tries > 8 && tries < 20, `${tries} tries in 10 s`);
  });

  it('no more than the lane holds are on their way to one grain', async () => {
    await start({ limits: { laneEventsMax: 4 } });
    const [client] = await rig.join();
    rig.cluster.intercept = () => 'hold';
    for (let seq = 1; seq <= 20; seq += 1) client.event(seq);
    await client.fence();
    assert.equal(rig.cluster.held.length, 4);
    for (let round = 0; round < 5; round += 1) rig.cluster.release();
    await client.until(20);
    assert.deepEqual(
      seqs(),
      [...Array(20).keys()].map((index) => index + 1),
    );
  });

  it('more grains, and more tenants, than a session keeps in mind: order and numbers stay true', async () => {
    await start({ limits: { windowEvents: 64 } });
    const [client] = await rig.join();
    let seq = 0;
    const send = async (fields: object): Promise<void> => {
      client.send({ t: 'event', seq: (seq += 1), core: 'airport', key: 'A', event: 'flight', ...fields });
      if (seq % 40 === 0) await client.until(seq);
    };
    await send({ key: 'FIRST' });
    for (let count = 0; count < 4_500; count += 1) await send({ key: `K${count}` });
    for (let count = 0; count < 1_100; count += 1) await send({ core: `t${count}/airport` });
    await send({ key: 'FIRST' });
    await send({ key: 'FIRST' });
    await client.until(seq);
    assert.equal(rig.cluster.applied.length, seq);
    const first = rig.cluster.dispatched.filter(({ key }) => key === 'FIRST');
    assert.deepEqual(marks(first), ['1<0', `${seq - 1}<0`, `${seq}<${seq - 1}`]);
  });

  it('any mix of refusals, losses and late answers over several grains applies each event once, in order', async () => {
    await start({ limits: { laneEventsMax: 8, retryFirstMs: 1, retryMostMs: 8 } });
    const [client] = await rig.join();
    let state = 7;
    const random = (below: number): number => (state = (state * 48_271) % 2_147_483_647) % below;
    const codes = ['ERR_MAILBOX_FULL', 'ERR_STORE_FAILED', 'ERR_GRAIN_MOVED', 'ERR_SILO_DRAINING'] as const;
    rig.cluster.intercept = () => {
      const dice = random(10);
      if (dice < 3) return new GrainError(codes[random(codes.length)] ?? 'ERR_INTERNAL');
      return dice < 6 ? 'hold' : undefined;
    };
    const count = 400;
    for (let seq = 1; seq <= count; seq += 1) client.event(seq, `K${random(5)}`);
    let acked = 0;
    while (acked < count) {
      await settle(1);
      rig.clock.advance(8);
      rig.cluster.release(() => random(2) === 0);
      for (const frame of client.frames.splice(0)) if (frame.t === 'ack') acked = Number(frame['seq']);
    }
    const byGrain = new Map<string, number[]>();
    for (const { grain, seq } of rig.cluster.applied)
      byGrain.set(grain, [...(byGrain.get(grain) ?? []), seq]);
    for (const [grain, applied] of byGrain) {
      assert.deepEqual(
        applied,
        [...new Set(applied)].sort((a, b) => a - b),
        grain,
      );
    }
    assert.equal(rig.cluster.applied.length, count);
  });
});
