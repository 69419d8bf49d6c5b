// The event stream: order, acknowledgement, credit, bounds, and that resuming applies every event exactly once.
import assert from 'node:assert/strict';
import type { EventStreamOptions, GranaryClient, StreamPosition } from '../../../gateway/client/node.ts';
import { randomBelow, SeededRng } from '../../../lib/index.ts';
import { errorOf, type Frame, type Peer, settle, Stage, turn, until, WELCOME } from './fake-gateway.ts';

const refusal = { code: 'ERR_INPUT_INVALID', message: 'no', effect: 'none' };

/** Outcomes of promises in the order in which they came. */
function record(log: string[], name: string, promise: Promise<unknown>): void {
  promise.then(
    () => log.push(`${name} ok`),
    (error: { readonly code: string }) => log.push(`${name} ${error.code}`),
  );
}

describe('Client: event stream', () => {
  let stage: Stage;
  beforeEach(async () => {
    stage = await Stage.open();
  });
  afterEach(() => stage.close());

  const send = (client: GranaryClient, data: unknown): Promise<void> => client.core('a').send('k', 'e', data);

  it('events, acknowledged and refused, settle in order and tell which one it was', async () => {
    const client = stage.client();
    const refused: unknown[] = [];
    const stream = client.events({ onNack: (error, event) => refused.push([error.code, event]) });
    const log: string[] = [];
    for (const n of [1, 2, 3, 4]) record(log, `e${n}`, stream.send('a', 'k', 'e', n));
    void stream.push('a', 'k', 'e', { at: 5 });
    const peer = await stage.accept();
    const frames = [];
    for (let count = 0; count < 5; count += 1) frames.push(await peer.take('event'));
    assert.deepEqual(frames[0], { t: 'event', seq: 1, core: 'a', event: 'e', key: 'k', data: 1 });
    assert.deepEqual(
      frames.map(({ seq }) => seq),
      [1, 2, 3, 4, 5],
    );
    peer.send({ t: 'nack', seq: 3, error: refusal });
    await until(() => log.length === 3);
    assert.deepEqual(log, ['e1 ok', 'e2 ok', 'e3 ERR_INPUT_INVALID']);
    peer.send({ t: 'ack', seq: 4 });
    peer.send({ t: 'nack', seq: 5, error: refusal });
    const counts = await stream.flush();
    assert.deepEqual(counts, { acknowledged: 3, refused: 2, unknown: 0 });
    const event = { core: 'a', key: 'k', event: 'e', data: { at: 5 } };
    assert.deepEqual(refused, [['ERR_INPUT_INVALID', event]]);
  });

  it('credit, used up, stops sending until it grows', async () => {
    const client = stage.client();
    const sent = [1, 2, 3, 4].map((n) => send(client, n));
    const peer = await stage.accept({ credit: { upto: 2 } });
    await peer.take('event');
    await peer.take('event');
    peer.send({ t: 'ack', seq: 2 });
    await settle();
    assert.equal(peer.waitingCount, 0, 'an ack is no credit');
    peer.send({ t: 'credit', upto: 3 });
    assert.equal((await peer.take('event')).seq, 3);
    await settle();
    assert.equal(peer.waitingCount, 0);
    peer.send({ t: 'credit', upto: 10 });
    assert.equal((await peer.take('event')).seq, 4);
    peer.send({ t: 'credit', upto: 4 });
    peer.send({ t: 'ack', seq: 4 });
    await Promise.all(sent);
    void send(client, 5);
    assert.equal((await peer.take('event')).seq, 5, 'credit never goes back');
  });

  describe('resuming', () => {
    it('connection cut before anything was sent, sends all on the next one', async () => {
      const client = stage.client();
      const sent = send(client, 1);
      const dead = await stage.accept({ credit: { upto: 0 } });
      await until(() => client.state === 'open');
      dead.cut();
      const peer = await stage.reconnect(client, { session: 's2', resumed: true });
      assert.deepEqual([(await peer.take('event')).seq, peer.waitingCount], [1, 0]);
      peer.send({ t: 'ack', seq: 1 });
      await sent;
    });

    it('connection cut after sending, names session and ack, sends again from the ack of the welcome', async () => {
      const client = stage.client();
      const sent = [1, 2, 3, 4].map((n) => send(client, n));
      const first = await stage.accept();
      for (let count = 0; count < 4; count += 1) await first.take('event');
      first.send({ t: 'ack', seq: 1 });
      await sent[0];
      first.cut();
      await until(() => client.state === 'connecting');
      await settle();
      stage.clock.advance(10_000);
      const second = await stage.gateway.accept();
      const hello = await second.welcome({ session: 's2', resumed: true, acked: 2 });
      assert.deepEqual(hello, { t: 'hello', session: 's1', acked: 1 });
      await sent[1];
      const again = [await second.take('event'), await second.take('event')];
      assert.deepEqual(
        again.map(({ seq, data }) => [seq, data]),
        [
          [3, 3],
          [4, 4],
        ],
      );
      second.send({ t: 'ack', seq: 4 });
      await Promise.all(sent);
      second.cut();
      await until(() => client.state === 'connecting');
      await settle();
      stage.clock.advance(10_000);
      const third = await stage.gateway.accept();
      assert.deepEqual(await third.take('hello'), { t: 'hello', session: 's2', acked: 4 });
    });

    it('session gone, unacknowledged events are reported as unknown, unsent ones go out under new numbers', async () => {
      const client = stage.client();
      const log: string[] = [];
      [1, 2, 3].forEach((n) => record(log, `e${n}`, send(client, n)));
      const first = await stage.accept({ credit: { upto: 2 } });
      await first.take('event');
      await first.take('event');
      first.cut();
      const second = await stage.reconnect(client, { session: 'other', resumed: false });
      const frame = await second.take('event');
      assert.deepEqual([frame.seq, frame.data], [1, 3]);
      second.send({ t: 'ack', seq: 1 });
      await until(() => log.length === 3);
      assert.deepEqual(log, ['e1 ERR_SESSION_LOST', 'e2 ERR_SESSION_LOST', 'e3 ok']);
      assert.deepEqual(client.events().counts, { acknowledged: 1, refused: 0, unknown: 2 });
    });

    it('close code 4011, the next hello names no session and what was sent is unknown', async () => {
      const client = stage.client();
      const sent = errorOf(send(client, 1));
      const first = await stage.accept();
      await first.take('event');
      first.close(4011);
      await until(() => client.state === 'connecting');
      await settle();
      stage.clock.advance(10_000);
      const second = await stage.gateway.accept();
      assert.deepEqual(await second.welcome({ session: 's2' }), { t: 'hello' });
      const error = await sent;
      assert.deepEqual([error.code, error.effect], ['ERR_SESSION_LOST', 'unknown']);
    });

    it('close code 4010, the stream ends and the client goes on with a session of its own', async () => {
      const client = stage.client();
      const log: string[] = [];
      record(log, 'sent', send(client, 1));
      record(log, 'unsent', send(client, 2));
      const first = await stage.accept({ credit: { upto: 1 } });
      await first.take('event');
      first.close(4010);
      await until(() => log.length === 2);
      assert.deepEqual(log, ['sent ERR_SESSION_LOST', 'unsent ERR_SESSION_REPLACED']);
      await settle();
      stage.clock.advance(10_000);
      const second = await stage.gateway.accept();
      assert.deepEqual(await second.welcome({ session: 's2' }), { t: 'hello' });
      assert.equal((await errorOf(send(client, 3))).code, 'ERR_SESSION_REPLACED');
      const call = client.core('a').call('f');
      const { id } = await second.take('call');
      second.send({ t: 'result', id, output: 1 });
      assert.equal(await call, 1);
    });

    it('a welcome that acknowledges what was never sent, ends the stream', async () => {
      const client = stage.client();
      const sent = errorOf(send(client, 1));
      const first = await stage.accept();
      await first.take('event');
      first.cut();
      await stage.reconnect(client, { session: 's2', resumed: true, acked: 9 });
      assert.equal((await sent).code, 'ERR_SESSION_LOST');
      assert.equal((await errorOf(send(client, 2))).code, 'ERR_SESSION_REPLACED');
    });

    it('an ack of what was never sent, drops the connection and settles nothing', async () => {
      const client = stage.client();
      const sent = send(client, 1);
      const first = await stage.accept();
      await first.take('event');
      first.send({ t: 'ack', seq: 2 });
      const second = await stage.reconnect(client, { session: 's2', resumed: true });
      assert.equal((await second.take('event')).seq, 1);
      second.send({ t: 'ack', seq: 1 });
      await sent;
    });

    for (let seed = 1; seed <= 25; seed += 1) {
      it(`cuts at random points, seed ${seed}, apply every event exactly once and in order`, async () => {
        const rng = new SeededRng(seed);
        const model = new SessionModel(rng, 60);
        stage.gateway.onPeer = (peer) => model.serve(peer);
        const client = stage.client();
        const log: string[] = [];
        for (let n = 1; n <= 60; n += 1) {
          record(log, `e${n}`, send(client, n));
          if (randomBelow(rng, 3) === 0) await settle();
          if (client.state === 'connecting') stage.clock.advance(10_000);
        }
        while (log.length < 60) {
          await settle();
          if (client.state === 'connecting') stage.clock.advance(10_000);
        }
        const expected = Array.from({ length: 60 }, (_unused, index) => index + 1);
        assert.deepEqual(model.applied, expected);
        assert.deepEqual(
          log,
          expected.map((n) => (n % 7 === 0 ? `e${n} ERR_INPUT_INVALID` : `e${n} ok`)),
        );
        assert.ok(model.cutCount > 0, 'the faults happened');
      });
    }
  });

  describe('bounds', () => {
    it('push, buffer full, holds back until there is room', async () => {
      const stream = stage.client().events({ bufferCountMax: 3 });
      await stream.push('a', 'k', 'e', 1);
      await stream.push('a', 'k', 'e', 2);
      assert.equal(stream.hasRoom, true);
      let isDone = false;
      const held = stream.push('a', 'k', 'e', 3).then(() => (isDone = true));
      assert.equal(stream.hasRoom, false);
      const peer = await stage.accept();
      for (let count = 0; count < 3; count += 1) await peer.take('event');
      assert.equal(isDone, false);
      peer.send({ t: 'ack', seq: 1 });
      await held;
      assert.equal(stream.pendingCount, 2);
    });

    it('pushes that nobody awaits, twice the bound, are refused', async () => {
      const stream = stage.client().events({ bufferCountMax: 2 });
      const pushes = [1, 2, 3, 4].map((n) => stream.push('a', 'k', 'e', n));
      const error = await errorOf(stream.push('a', 'k', 'e', 5));
      assert.deepEqual([error.code, error.effect], ['ERR_LIMIT_REACHED', 'none']);
      assert.equal((await errorOf(stream.send('a', 'k', 'e', 5))).code, 'ERR_LIMIT_REACHED');
      const peer = await stage.accept();
      for (let count = 0; count < 4; count += 1) await peer.take('event');
      peer.send({ t: 'ack', seq: 4 });
      await Promise.all(pushes);
    });

    it('bytes above the bound, hold back as well', async () => {
      const stream = stage.client().events({ bufferBytesMax: 1_000 });
      await stream.push('a', 'k', 'e', 'x'.repeat(500));
      const held = stream.push('a', 'k', 'e', 'x'.repeat(500));
      assert.equal(stream.hasRoom, false);
      const peer = await stage.accept();
      await peer.take('event');
      peer.send({ t: 'ack', seq: 1 });
      await held;
    });

    it('an event above max_frame_bytes, is refused in its place and takes no number', async () => {
      const client = stage.client();
      const log: string[] = [];
      record(log, 'small', send(client, 1));
      record(log, 'large', send(client, 'x'.repeat(2_000)));
      record(log, 'next', send(client, 2));
      const peer = await stage.accept({ max_frame_bytes: 1_000 });
      await peer.take('event');
      assert.deepEqual([(await peer.take('event')).seq, peer.waitingCount], [2, 0]);
      peer.send({ t: 'ack', seq: 2 });
      await until(() => log.length === 3);
      assert.deepEqual(log, ['large ERR_FRAME_TOO_LARGE', 'small ok', 'next ok']);
    });

    it('close code 4009, the largest event is refused and the others move up', async () => {
      const client = stage.client();
      const log: string[] = [];
      record(log, 'small', send(client, 1));
      record(log, 'large', send(client, 'x'.repeat(2_000)));
      record(log, 'next', send(client, 2));
      const first = await stage.accept();
      for (let count = 0; count < 3; count += 1) await first.take('event');
      first.close(4009);
      const second = await stage.reconnect(client, { session: 's2', resumed: true, acked: 1 });
      const again = await second.take('event');
      assert.deepEqual([again.seq, again.data, second.waitingCount], [2, 2, 0]);
      second.send({ t: 'ack', seq: 2 });
      await until(() => log.length === 3);
      assert.deepEqual(log, ['large ERR_FRAME_TOO_LARGE', 'small ok', 'next ok']);
    });

    it('close code 4009 for an event that an earlier connection had sent, it is unknown and a session begins', async () => {
      const client = stage.client();
      const log: string[] = [];
      record(log, 'large', send(client, 'x'.repeat(2_000)));
      record(log, 'next', send(client, 2));
      const first = await stage.accept({ credit: { upto: 1 } });
      await first.take('event');
      first.cut();
      const second = await stage.reconnect(client, { session: 's2', resumed: true, credit: { upto: 1 } });
      await second.take('event');
      second.close(4009);
      await until(() => client.state === 'connecting');
      await settle();
      stage.clock.advance(10_000);
      const third = await stage.gateway.accept();
      assert.deepEqual(await third.welcome({ session: 's3' }), { t: 'hello' });
      assert.deepEqual([(await third.take('event')).seq, third.waitingCount], [1, 0]);
      third.send({ t: 'ack', seq: 1 });
      await until(() => log.length === 2);
      assert.deepEqual(log, ['large ERR_SESSION_LOST', 'next ok']);
    });

    it('a key that is none, and data that is no value, reject before they get a number', async () => {
      const client = stage.client();
      assert.equal((await errorOf(client.core('a').send('', 'e'))).code, 'ERR_KEY_INVALID');
      assert.equal((await errorOf(send(client, NaN))).code, 'ERR_VALUE_INVALID');
      assert.equal((await errorOf(client.events().push('a', 'k', 'e', () => 1))).code, 'ERR_VALUE_INVALID');
      assert.equal(client.events().pendingCount, 0);
    });
  });

  describe('flush and close', () => {
    it('flush, events before and after it, waits for those before', async () => {
      const client = stage.client();
      const stream = client.events({});
      void stream.push('a', 'k', 'e', 1);
      void stream.push('a', 'k', 'e', 2);
      let isFlushed = false;
      const flushed = stream.flush().then(() => (isFlushed = true));
      void stream.push('a', 'k', 'e', 3);
      const peer = await stage.accept();
      for (let count = 0; count < 3; count += 1) await peer.take('event');
      peer.send({ t: 'ack', seq: 1 });
      await until(() => stream.counts.acknowledged === 1);
      await settle();
      assert.equal(isFlushed, false);
      peer.send({ t: 'ack', seq: 2 });
      await flushed;
      assert.equal(stream.pendingCount, 1);
    });

    it('close, events open, settles them and takes nothing new', async () => {
      const stream = stage.client().events({});
      void stream.push('a', 'k', 'e', 1);
      const closed = stream.close();
      assert.equal((await errorOf(stream.push('a', 'k', 'e', 2))).code, 'ERR_CLIENT_CLOSED');
      const peer = await stage.accept();
      await peer.take('event');
      peer.send({ t: 'ack', seq: 1 });
      assert.deepEqual(await closed, { acknowledged: 1, refused: 0, unknown: 0 });
    });

    it('the client closed, sent and unsent events, are unknown and refused, and flush ends', async () => {
      const client = stage.client();
      const codes: string[] = [];
      const stream = client.events({ onNack: ({ code }) => codes.push(code) });
      void stream.push('a', 'k', 'e', 1);
      void stream.push('a', 'k', 'e', 2);
      const peer = await stage.accept({ credit: { upto: 1 } });
      await peer.take('event');
      const flushed = stream.flush();
      await client.close();
      assert.deepEqual(await flushed, { acknowledged: 0, refused: 1, unknown: 1 });
      assert.deepEqual(codes, ['ERR_CONNECTION_LOST', 'ERR_CLIENT_CLOSED']);
    });

    it('events() with options, stream begun, is refused; without, it is the same stream', async () => {
      const client = stage.client();
      const stream = client.events({ bufferCountMax: 5 });
      assert.equal(client.events(), stream);
      assert.throws(() => client.events({ bufferCountMax: 6 }), { code: 'ERR_OPTION_INVALID' });
      const other = stage.client();
      const connected = other.connect();
      await stage.accept();
      await connected;
      const state = { load: () => undefined, save: () => undefined };
      assert.throws(() => other.events({ state }), { code: 'ERR_OPTION_INVALID' });
      assert.doesNotThrow(() => other.events({ bufferCountMax: 5 }));
    });

    it('a stream made on an open connection, first event, goes out at once', async () => {
      const client = stage.client();
      const connected = client.connect();
      const peer = await stage.accept();
      await connected;
      const sent = send(client, 1);
      await peer.take('event');
      peer.send({ t: 'ack', seq: 1 });
      await sent;
    });
  });

  describe('a position that is kept', () => {
    /** What a process writes to disk. */
    class Disk {
      position: StreamPosition | undefined;
      readonly saves: StreamPosition[] = [];
      hold: Promise<void> | undefined;

      get options(): EventStreamOptions {
        return {
          state: {
            load: () => this.position,
            save: async (position) => {
              this.saves.push(position);
              await this.hold;
              this.position = position;
            },
          },
        };
      }
    }

    it('a new session, its name is saved before any event leaves', async () => {
      const disk = new Disk();
      let release = (): void => undefined;
      disk.hold = new Promise((resolve) => (release = resolve));
      const stream = stage.client().events(disk.options);
      void stream.push('a', 'k', 'e', 1);
      const peer = await stage.accept();
      await until(() => disk.saves.length === 1);
      await settle();
      assert.equal(peer.waitingCount, 0);
      assert.deepEqual(disk.saves[0], { session: 's1', acked: 0, nextSeq: 1 });
      release();
      await peer.take('event');
    });

    it('acks, many in a short time, are saved once; flush saves at once', async () => {
      const disk = new Disk();
      const stream = stage.client().events(disk.options);
      for (const n of [1, 2, 3]) void stream.push('a', 'k', 'e', n);
      const peer = await stage.accept();
      for (let count = 0; count < 3; count += 1) await peer.take('event');
      peer.send({ t: 'ack', seq: 1 });
      peer.send({ t: 'ack', seq: 2 });
      await until(() => stream.counts.acknowledged === 2);
      assert.equal(disk.saves.length, 1);
      stage.clock.advance(500);
      await settle();
      assert.deepEqual(disk.saves.slice(1), [{ session: 's1', acked: 2, nextSeq: 4 }]);
      peer.send({ t: 'ack', seq: 3 });
      await stream.flush();
      assert.equal(disk.position?.acked, 3);
    });

    it('a save that fails, ends the stream', async () => {
      const state = { load: () => undefined, save: () => Promise.reject(new Error('disk full')) };
      const stream = stage.client().events({ state });
      const sent = errorOf(stream.send('a', 'k', 'e', 1));
      const peer = await stage.accept();
      assert.equal(((await sent).cause as Error).message, 'disk full');
      await settle();
      assert.equal(peer.waitingCount, 0);
    });

    it('a process that starts again, session known, learns from where to go on and uses the old numbers', async () => {
      const disk = new Disk();
      disk.position = { session: 'old', acked: 5, nextSeq: 9 };
      const client = stage.client();
      const stream = client.events(disk.options);
      const ready = stream.ready();
      const peer = await stage.gateway.accept();
      const hello = await peer.welcome({ session: 's2', resumed: true, acked: 6, credit: { upto: 100 } });
      assert.deepEqual(hello, { t: 'hello', session: 'old', acked: 5 });
      assert.deepEqual(await ready, { resumed: true, nextSeq: 7, unknown: undefined });
      void stream.push('a', 'k', 'e', 'line 7');
      assert.equal((await peer.take('event')).seq, 7);
    });

    it('a process that starts again, session gone, learns which numbers are unknown', async () => {
      const disk = new Disk();
      disk.position = { session: 'old', acked: 5, nextSeq: 9 };
      const stream = stage.client().events(disk.options);
      const ready = stream.ready();
      await stage.accept({ session: 's2', resumed: false });
      assert.deepEqual(await ready, { resumed: false, nextSeq: 1, unknown: { from: 6, to: 8 } });
    });

    it('a session that somebody else took over, is not saved any more', async () => {
      const disk = new Disk();
      const client = stage.client();
      const stream = client.events(disk.options);
      const sent = errorOf(stream.send('a', 'k', 'e', 1));
      const first = await stage.accept();
      await first.take('event');
      first.close(4010);
      await sent;
      await stage.reconnect(client, { session: 's9' });
      await until(() => client.state === 'open');
      await stream.flush();
      assert.deepEqual(disk.saves, [{ session: 's1', acked: 0, nextSeq: 1 }]);
    });

    it('a load that fails, ends the stream and says why', async () => {
      const state = {
        load: (): never => {
          throw new Error('not JSON');
        },
        save: () => undefined,
      };
      const error = await errorOf(stage.client().events({ state }).ready());
      assert.equal((error.cause as Error).message, 'not JSON');
    });

    for (let seed = 1; seed <= 15; seed += 1) {
      it(`a process that dies and starts again, seed ${seed}, gets every line in exactly once`, async () => {
        const rng = new SeededRng(seed);
        const model = new SessionModel(rng, 80);
        stage.gateway.onPeer = (peer) => model.serve(peer);
        const disk = new Disk();
        let deathCount = 0;
        for (let isDone = false; !isDone; deathCount += 1) {
          isDone = await sendLines(stage, disk.options, deathCount < 4 ? randomBelow(rng, 60) : Infinity);
        }
        assert.deepEqual(
          model.applied,
          Array.from({ length: 80 }, (_unused, index) => index + 1),
        );
        assert.ok(deathCount > 1, 'it died');
      });
    }
  });
});

/** What `granary send` does with 80 lines; dies after so many acknowledgements. Line n is number n of the session. */
async function sendLines(stage: Stage, options: EventStreamOptions, dieAfter: number): Promise<boolean> {
  const client = stage.client();
  const stream = client.events(options);
  let start;
  void stream.ready().then((told) => (start = told.nextSeq));
  const patience = async (): Promise<void> => {
    await settle();
    if (client.state === 'connecting') stage.clock.advance(10_000);
  };
  while (start === undefined) await patience();
  for (let line: number = start; line <= 80; line += 1) {
    void stream.push('a', 'k', 'e', line);
    if (line % 10 === 0) await patience();
    if (stream.counts.acknowledged > dieAfter) break;
  }
  while (stream.pendingCount > 0 && stream.counts.acknowledged <= dieAfter) await patience();
  const isDone = stream.pendingCount === 0;
  await client.close();
  return isDone;
}

/** Sessions as a gateway and its grains keep them: one mark, one list, and a cable that breaks. */
class SessionModel {
  readonly applied: unknown[] = [];
  cutCount = 0;
  readonly #rng: SeededRng;
  readonly #cutsMax: number;
  #mark = 0;
  #attach = 0;

  constructor(rng: SeededRng, cutsMax: number) {
    this.#rng = rng;
    this.#cutsMax = cutsMax;
  }

  serve(peer: Peer): void {
    let isCut = false;
    const cut = (): boolean => {
      if (isCut || this.cutCount >= this.#cutsMax || randomBelow(this.#rng, 12) !== 0) return isCut;
      isCut = true;
      this.cutCount += 1;
      peer.cut();
      return true;
    };
    let told = 0;
    peer.onFrame = (frame) => {
      if (isCut) return;
      if (frame.t === 'hello') {
        // What the client has not heard may have been a refusal, so nothing above is acknowledged here.
        told = typeof frame.acked === 'number' ? frame.acked : 0;
        this.#attach += 1;
        if (cut()) return;
        const resumed = frame.session !== undefined;
        peer.send({
          ...WELCOME,
          session: `s${this.#attach}`,
          resumed,
          acked: told,
          credit: { upto: told + 8 },
        });
        cut();
      } else if (frame.t === 'event') this.#onEvent(peer, frame, cut);
    };
  }

  #onEvent(peer: Peer, frame: Frame, cut: () => boolean): void {
    if (cut()) return;
    const seq = Number(frame.seq);
    assert.ok(seq <= this.#mark + 1, `hole before ${seq}`);
    if (seq === this.#mark + 1) {
      this.applied.push(frame.data);
      this.#mark = seq;
    }
    if (cut()) return;
    const error = { code: 'ERR_INPUT_INVALID', message: 'no', effect: 'none' };
    if (Number(frame.data) % 7 === 0) peer.send({ t: 'nack', seq, error });
    else void this.#ackLater(peer, seq, cut);
  }

  async #ackLater(peer: Peer, seq: number, cut: () => boolean): Promise<void> {
    for (let left = randomBelow(this.#rng, 3); left > 0; left -= 1) await turn();
    if (cut()) return;
    peer.send({ t: 'ack', seq });
    peer.send({ t: 'credit', upto: seq + 8 });
    cut();
  }
}
