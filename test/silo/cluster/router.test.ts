import assert from 'node:assert/strict';
import { type Member, PARTITION_COUNT, partitionOf } from '../../../directory/index.ts';
import { type Clock, type ErrorCode, type FakeClock, GrainError, SeededRng } from '../../../lib/index.ts';
import { type Envelope, HOPS_MAX, Placement, Router } from '../../../silo/internal.ts';
import { call, fakeClock, FakeLink, inbound, member, viewOf, type Watched } from './cluster-support.ts';
import { macrotask } from '../../support/system-macrotask.ts';

const BOOK = { tenant: 'acme', core: 'book', key: 'k1' };

/** One process, `me`, that has links to `a`, `b` and `c`, and routes calls of the Core `book`. */
class RouterWorld {
  readonly clock: FakeClock = fakeClock();
  readonly links = new Map<string, FakeLink>();
  /** What was taken here. */
  readonly taken: Envelope[] = [];
  readonly router: Router;
  #view = 1;

  constructor(members: readonly Member[], role: 'silo' | 'gateway' = 'gateway', clock?: Clock) {
    for (const { incarnation } of members)
      if (incarnation !== 'me') this.links.set(incarnation, new FakeLink(incarnation));
    this.router = new Router(
      {
        clock: clock ?? this.clock,
        rng: new SeededRng(1),
        self: 'me',
        linkTo: (incarnation) => this.links.get(incarnation),
        siloLinks: () => [...this.links.values()].filter(({ isOpen }) => isOpen),
        takeHere: role === 'silo' ? (envelope) => this.taken.push(envelope) : undefined,
        watch: (envelope) => {
          if (clock) return;
          this.clock.setTimer(envelope.deadlineMs - this.clock.nowMs(), () => envelope.onDue());
        },
      },
      new Placement(viewOf(1, members)),
    );
  }

  link(incarnation: string): FakeLink {
    const link = this.links.get(incarnation);
    assert.ok(link);
    return link;
  }

  /** No other silo can be reached. */
  cutAll(): void {
    for (const link of this.links.values()) link.isOpen = false;
  }

  view(members: readonly Member[]): void {
    this.router.viewChanged(new Placement(viewOf((this.#view += 1), members)));
  }

  /** A message of this process to the grain `key`. */
  send(facts: Parameters<typeof call>[0] = {}): Watched {
    const watched = call({ deadlineMs: this.clock.nowMs() + 30_000, ...facts });
    this.router.sendOn(watched.envelope, { ...BOOK, key: watched.envelope.key ?? '' });
    return watched;
  }

  async pass(ms: number): Promise<void> {
    this.clock.advance(ms);
    await macrotask();
  }
}

/** A key whose partition prefers this silo. */
function keyFor(router: Router, incarnation: string): string {
  for (let count = 0; count < PARTITION_COUNT * 8; count += 1) {
    const key = `k${count}`;
    const partition = partitionOf({ ...BOOK, key });
    if (router.placement.preferred('book', partition)?.incarnation === incarnation) return key;
  }
  throw new Error(`nothing prefers ${incarnation}`);
}

const frozen: Omit<Clock, 'defer'> = {
  nowMs: () => 0,
  wallMs: () => 0,
  setTimer: () => ({ cancel: () => undefined }),
};

const ABC = [member('a'), member('b'), member('c')];

describe('Router: the way to the silo that has the grain', () => {
  it('a call goes to the silo that the view prefers, and its answer comes back unpacked', async () => {
    const world = new RouterWorld(ABC);
    const sent = world.send({ key: keyFor(world.router, 'b') });
    const [request] = world.link('b').requests;
    assert.deepEqual(request?.routing, { hops: HOPS_MAX, toOwner: false, view: 1 });
    assert.equal(world.router.report().inFlight, 1);
    world.link('b').answer({ count: 7 });
    await macrotask();
    assert.deepEqual(sent.outcome, { output: { count: 7 } });
    assert.deepEqual([world.router.report().inFlight, world.router.report().routes], [0, 0]);
  });

  it('an answer that names another host is remembered: the next call goes there at once', async () => {
    const world = new RouterWorld(ABC);
    const key = keyFor(world.router, 'b');
    world.send({ key });
    world.link('b').answer(1, 'c');
    world.send({ key });
    assert.deepEqual([world.link('b').requests.length, world.link('c').requests.length], [0, 1]);
    // The grain moved home: the hint is corrected.
    world.link('c').answer(2, 'b');
    world.send({ key });
    assert.deepEqual([world.link('b').requests.length, world.router.report().routes], [1, 0]);
  });

  it('a hint to a silo that leaves the view is dropped with the view', () => {
    const world = new RouterWorld(ABC);
    const key = keyFor(world.router, 'b');
    world.send({ key });
    world.link('b').answer(1, 'c');
    world.view([member('a'), member('b'), member('c', { state: 'dead', cores: {} })]);
    assert.equal(world.router.report().routes, 0);
    world.send({ key });
    assert.equal(world.link('b').requests.length, 1);
  });

  it('a hint to a silo without a link costs a way round or a pause, not the call', async () => {
    const world = new RouterWorld(ABC);
    const key = keyFor(world.router, 'b');
    world.send({ key });
    world.link('b').answer(1, 'c');
    world.cutAll();
    const sent = world.send({ key });
    assert.deepEqual([world.router.report().parked, world.router.report().routes], [1, 0]);
    world.link('b').isOpen = true;
    await world.pass(200);
    world.link('b').answer(2);
    await macrotask();
    assert.deepEqual(sent.outcome, { output: 2 });
  });

  it('what cannot be sent to its silo goes by way of another one; a forward does not', () => {
    const world = new RouterWorld(ABC);
    const key = keyFor(world.router, 'b');
    world.link('b').isOpen = false;
    world.send({ key });
    assert.equal(world.link('a').requests.length + world.link('c').requests.length, 1);
    const { envelope, replies } = inbound('a');
    world.router.sendOn(envelope, { ...BOOK, key });
    assert.deepEqual(
      replies.map((reply) => reply.kind === 'error' && reply.error.code),
      ['ERR_ROUTE_FAILED'],
    );
  });

  it('a silent link is gone round while there is another one, and used where there is none', () => {
    const world = new RouterWorld(ABC);
    const key = keyFor(world.router, 'b');
    world.link('b').heardMs = -5_000;
    world.send({ key });
    assert.equal(world.link('b').requests.length, 0);
    world.link('a').isOpen = false;
    world.link('c').isOpen = false;
    world.send({ key });
    assert.equal(world.link('b').requests.length, 1);
  });

  it('a grain that answers `moved` from a hint is asked for where the view has it', async () => {
    const world = new RouterWorld(ABC);
    const key = keyFor(world.router, 'b');
    world.send({ key });
    world.link('b').answer(1, 'c');
    const sent = world.send({ key });
    world.link('c').refuse('ERR_GRAIN_MOVED');
    await world.pass(200);
    world.link('b').answer(2);
    await macrotask();
    assert.deepEqual(sent.outcome, { output: 2 });
  });

  it('in a silo, what is preferred here is taken here', () => {
    const world = new RouterWorld([member('me'), member('a')], 'silo');
    const watched = world.send({ key: keyFor(world.router, 'me') });
    assert.deepEqual(world.taken, [watched.envelope]);
  });
});

describe('Router: forwards (T3)', () => {
  it('each forward takes a hop; without hops a message is never sent on', () => {
    const world = new RouterWorld([member('me'), ...ABC], 'silo');
    const grain = { ...BOOK, key: keyFor(world.router, 'b') };
    const first = inbound('a', { hops: 3 });
    world.router.sendOn(first.envelope, grain);
    assert.equal(world.link('b').requests[0]?.routing.hops, 2);
    const last = inbound('a', { hops: 0 });
    assert.equal(world.router.isElsewhere(last.envelope, grain, false), false);
    world.router.toOwner(last.envelope, { grain, incarnation: 'b', activation: 1, epoch: 1, view: 1 });
    assert.equal(world.link('b').requests.length, 1);
    assert.deepEqual(
      last.replies.map((reply) => reply.kind === 'error' && reply.error.code),
      ['ERR_ROUTE_FAILED'],
    );
  });

  it('silos whose hints point at each other do not send a message in a circle', () => {
    const world = new RouterWorld([member('me'), ...ABC], 'silo');
    const grain = { ...BOOK, key: keyFor(world.router, 'me') };
    world.router.toOwner(call().envelope, { grain, incarnation: 'a', activation: 1, epoch: 1, view: 1 });
    // `a`, which the hint names, sends it to us: it has not got it.
    assert.equal(world.router.isElsewhere(inbound('a').envelope, grain, false), false);
    assert.equal(world.router.report().routes, 0);
  });

  it('what another silo was found to have is known; what was found here, or nowhere, is not', () => {
    const world = new RouterWorld([member('me'), ...ABC], 'silo');
    const grain = { ...BOOK, key: keyFor(world.router, 'b') };
    assert.equal(world.router.isKnownElsewhere(grain), false);
    for (const [incarnation, isElsewhere] of [
      ['c', true],
      ['me', false],
    ] as const) {
      world.router.toOwner(call().envelope, { grain, incarnation, activation: 1, epoch: 1, view: 1 });
      assert.equal(world.router.isKnownElsewhere(grain), isElsewhere);
    }
  });

  it('whom the directory called the owner takes the message, unless the grain has just left', () => {
    const world = new RouterWorld([member('me'), ...ABC], 'silo');
    const grain = { ...BOOK, key: keyFor(world.router, 'b') };
    const { envelope } = inbound('a', { toOwner: true });
    assert.equal(world.router.isElsewhere(envelope, grain, false), false);
    assert.equal(world.router.isElsewhere(envelope, grain, true), true);
  });

  it('an answer is passed on as it came, with the host that gave it', () => {
    const world = new RouterWorld([member('me'), ...ABC], 'silo');
    const { envelope, replies } = inbound('a');
    world.router.sendOn(envelope, { ...BOOK, key: keyFor(world.router, 'b') });
    world.link('b').answer('packed');
    const [reply] = replies;
    assert.equal(replies.length, 1);
    assert.ok(reply?.kind === 'result' && reply.host === 'b' && reply.payload);
  });

  it('a forwarded message that fails is told back, never tried again in between', async () => {
    const world = new RouterWorld([member('me'), ...ABC], 'silo');
    const { envelope, replies } = inbound('a');
    world.router.sendOn(envelope, { ...BOOK, key: keyFor(world.router, 'b') });
    world.link('b').refuse('ERR_GRAIN_MOVED');
    await world.pass(1_000);
    assert.deepEqual([replies.length, world.router.report().parked], [1, 0]);
    const lost = inbound('a');
    world.router.sendOn(lost.envelope, { ...BOOK, key: keyFor(world.router, 'b') });
    world.link('b').lose(false);
    assert.deepEqual(
      lost.replies.map((reply) => reply.kind === 'error' && reply.error.code),
      ['ERR_ROUTE_FAILED'],
    );
  });

  it('a caller that gives up cancels the forward, and hears nothing of its answer', () => {
    const world = new RouterWorld([member('me'), ...ABC], 'silo');
    const { envelope, replies } = inbound('a');
    world.router.sendOn(envelope, { ...BOOK, key: keyFor(world.router, 'b') });
    const [request] = world.link('b').requests;
    envelope.cancel();
    assert.deepEqual(world.link('b').cancelled, [request]);
    assert.deepEqual([replies.length, world.router.report().inFlight], [1, 0]);
  });
});

describe('Router: trying again (T2)', () => {
  const codes: readonly ErrorCode[] = [
    'ERR_GRAIN_MOVED',
    'ERR_ROUTE_FAILED',
    'ERR_SILO_DRAINING',
    'ERR_STORE_FENCED',
    'ERR_STORE_UNAVAILABLE',
  ];

  for (const code of codes) {
    it(`a call that was refused with ${code} is tried again until it succeeds`, async () => {
      const world = new RouterWorld(ABC);
      const sent = world.send({ key: keyFor(world.router, 'b') });
      for (let tries = 0; tries < 3; tries += 1) {
        world.link('b').refuse(code);
        assert.equal(world.router.report().parked, 1);
        await world.pass(1_000);
      }
      world.link('b').answer('at last');
      await macrotask();
      assert.deepEqual(sent.outcome, { output: 'at last' });
      assert.equal(world.router.report().retried, 3);
    });
  }

  for (const code of ['ERR_LINK_LOST', 'ERR_STORE_FAILED', 'ERR_FLOW_FAILED', 'ERR_STORE_LOST'] as const) {
    it(`a call that failed with ${code} is told so at once`, async () => {
      const world = new RouterWorld(ABC);
      const sent = world.send({ key: keyFor(world.router, 'b') });
      world.link('b').refuse(code);
      await macrotask();
      assert.deepEqual(sent.outcome, { code });
      assert.equal(world.router.report().parked, 0);
    });
  }

  for (const kind of ['event', 'bus', 'reminder', 'timer'] as const) {
    it(`a message of the kind ${kind} is never tried again: its sender keeps the order`, async () => {
      const world = new RouterWorld(ABC);
      const key = keyFor(world.router, 'b');
      const refused = world.send({ key, kind });
      world.link('b').refuse('ERR_GRAIN_MOVED');
      const unsent = world.send({ key, kind });
      world.link('b').lose(false);
      world.cutAll();
      const unlinked = world.send({ key, kind });
      await macrotask();
      assert.deepEqual(refused.outcome, { code: 'ERR_GRAIN_MOVED' });
      assert.deepEqual(unsent.outcome, { code: 'ERR_ROUTE_FAILED' });
      assert.deepEqual(unlinked.outcome, { code: 'ERR_ROUTE_FAILED' });
    });
  }

  it('erasing a grain is tried again, as calls are', async () => {
    const world = new RouterWorld(ABC);
    const sent = world.send({ key: keyFor(world.router, 'b'), kind: 'forget' });
    world.link('b').refuse('ERR_GRAIN_MOVED');
    await world.pass(1_000);
    world.link('b').answer(null);
    await macrotask();
    assert.deepEqual(sent.outcome, { output: null });
  });

  it('of a link that closed, what was sent is unknown and what was not is tried again', async () => {
    const world = new RouterWorld(ABC);
    const key = keyFor(world.router, 'b');
    const sent = world.send({ key });
    const unsent = world.send({ key });
    world.link('b').lose(true);
    world.link('b').lose(false);
    await macrotask();
    assert.deepEqual(sent.outcome, { code: 'ERR_LINK_LOST' });
    assert.equal(unsent.outcome, undefined);
    await world.pass(500);
    world.link('b').answer('again');
    await macrotask();
    assert.deepEqual(unsent.outcome, { output: 'again' });
  });

  it('a new view sends what waits on its way at once', async () => {
    const world = new RouterWorld(ABC);
    const key = keyFor(world.router, 'b');
    const sent = world.send({ key });
    world.link('b').refuse('ERR_SILO_DRAINING', { retryAfterMs: 500 });
    assert.equal(world.router.report().parked, 1);
    world.view([member('a'), member('b', { state: 'draining' })]);
    assert.equal(world.router.report().parked, 0);
    world.link('a').answer('elsewhere');
    await macrotask();
    assert.deepEqual(sent.outcome, { output: 'elsewhere' });
  });

  it('in a silo, what waited is looked at anew: it may be for here by now', async () => {
    const world = new RouterWorld([member('me'), member('b')], 'silo');
    const sent = world.send({ key: keyFor(world.router, 'b') });
    world.link('b').refuse('ERR_GRAIN_MOVED');
    world.view([member('me')]);
    assert.deepEqual(world.taken, [sent.envelope]);
  });

  it('a call to any silo, of a stateless Core, is tried again at any silo', async () => {
    const world = new RouterWorld(ABC);
    const grain = { ...BOOK, key: '' };
    const preferred = world.router.placement.preferred('book', partitionOf(grain))?.incarnation ?? '';
    const counts = new Map<string, number>();
    for (let count = 0; count < 60; count += 1) {
      const { envelope } = call({ key: '', deadlineMs: Infinity });
      world.router.sendAnywhere(envelope, grain);
      const first = [...world.links.values()].find(({ requests }) => requests.length > 0);
      first?.refuse('ERR_GRAIN_MOVED');
      await world.pass(1_000);
      const second = [...world.links.values()].find(({ requests }) => requests.length > 0);
      assert.ok(second);
      counts.set(second.peer.incarnation, (counts.get(second.peer.incarnation) ?? 0) + 1);
      second.answer(1);
    }
    assert.ok(counts.size === 3, `all were tried again at ${[...counts.keys()].join()}, ${preferred}`);
    assert.equal(world.router.report().routes, 0, 'there is no place to remember');
  });
});

describe('Router: every message gets one outcome (T1), and what waits is bounded (T4)', () => {
  it('without a silo that hosts the Core a call waits until its deadline', async () => {
    const world = new RouterWorld([]);
    const sent = world.send({ deadlineMs: 1_000 });
    for (let round = 0; round < 12; round += 1) await world.pass(100);
    const { outcome } = sent;
    assert.ok(outcome && 'code' in outcome);
    assert.ok(['ERR_ROUTE_FAILED', 'ERR_CALL_EXPIRED'].includes(outcome.code), outcome.code);
    assert.equal(world.router.report().parked, 0);
  });

  it('a parked call that is cancelled settles at once, as not executed, and is not sent again', async () => {
    const world = new RouterWorld(ABC);
    const sent = world.send({ key: keyFor(world.router, 'b') });
    world.link('b').refuse('ERR_GRAIN_MOVED', { retryAfterMs: 400 });
    sent.envelope.cancel();
    await macrotask();
    assert.deepEqual(sent.outcome, { code: 'ERR_CALL_CANCELLED' });
    await world.pass(2_000);
    assert.deepEqual([world.link('b').requests.length, world.router.report().parked], [0, 0]);
  });

  it('a call in flight that is cancelled or expires cancels its request', async () => {
    const world = new RouterWorld(ABC);
    const key = keyFor(world.router, 'b');
    const cancelled = world.send({ key });
    const expired = world.send({ key, deadlineMs: 50 });
    const [first, second] = world.link('b').requests;
    cancelled.envelope.cancel();
    expired.envelope.onDue();
    await macrotask();
    assert.deepEqual(world.link('b').cancelled, [first, second]);
    assert.deepEqual(cancelled.outcome, { code: 'ERR_CALL_CANCELLED' });
    assert.deepEqual(expired.outcome, { code: 'ERR_CALL_TIMEOUT' });
    assert.equal(world.router.report().inFlight, 0);
  });

  it('an answer that cannot be read is an error of the call, not of the link', async () => {
    const world = new RouterWorld(ABC);
    const sent = world.send({ key: keyFor(world.router, 'b') });
    world
      .link('b')
      .take()
      .onReply({ kind: 'result', payload: new Uint8Array([0xc1]), host: undefined });
    await macrotask();
    assert.ok(sent.outcome && 'code' in sent.outcome);
  });

  it('more calls than may wait are told at once; who was told makes room', async () => {
    // A fake clock would look through all its timers for each of them.
    const still: Clock = { ...frozen, defer: (run) => void macrotask().then(run) };
    const world = new RouterWorld([], 'gateway', still);
    const parked = Array.from({ length: 10_000 }, () => world.send());
    const over = world.send();
    await macrotask();
    assert.deepEqual(over.outcome, { code: 'ERR_ROUTE_FAILED' });
    assert.equal(world.router.report().parked, 10_000);
    for (const { envelope } of parked) envelope.cancel();
    world.view([]);
    assert.equal(world.router.report().parked, 0);
    const again = world.send();
    await macrotask();
    assert.equal(again.outcome, undefined);
  });

  it('bytes of inputs that wait are bounded, too', async () => {
    const world = new RouterWorld([]);
    const half = 33 * 1024 * 1024;
    const first = world.send({ inputBytes: half });
    const second = world.send({ inputBytes: half });
    await macrotask();
    assert.equal(first.outcome, undefined);
    assert.deepEqual(second.outcome, { code: 'ERR_ROUTE_FAILED' });
    first.envelope.cancel();
    world.view([]);
    const third = world.send({ inputBytes: half });
    await macrotask();
    assert.equal(third.outcome, undefined);
  });

  it('closing tells what waits; afterwards nothing is sent, and what was lost is not tried again', async () => {
    const world = new RouterWorld(ABC);
    const key = keyFor(world.router, 'b');
    const parked = world.send({ key });
    world.link('b').refuse('ERR_GRAIN_MOVED');
    const inFlight = world.send({ key });
    world.router.close(new GrainError('ERR_SILO_DRAINING'));
    world.link('b').lose(false);
    const late = world.send({ key });
    await macrotask();
    for (const each of [parked, late]) assert.deepEqual(each.outcome, { code: 'ERR_SILO_DRAINING' });
    assert.deepEqual(inFlight.outcome, { code: 'ERR_ROUTE_FAILED' });
    await world.pass(5_000);
    assert.equal(world.link('b').requests.length, 0);
  });
});
