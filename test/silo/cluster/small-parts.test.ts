import assert from 'node:assert/strict';
import { MemoryDirectory } from '../../../directory/index.ts';
import { GrainError, type GrainId } from '../../../lib/index.ts';
import type { Emission, EmissionSink } from '../../../silo/index.ts';
import {
  type Activation,
  type Addressing,
  ASK_TIMEOUT_MS,
  Asks,
  type CoreHost,
  EarlyRequests,
  type EmissionPage,
  EmissionFeed,
  type Envelope,
  ExclusiveGate,
  type GrainCommit,
  keyOf,
  PromiseEnvelope,
  Rebalancer,
  SharedVolatileStorage,
  type StoredEmission,
} from '../../../silo/internal.ts';
import { macrotask } from '../../support/system-macrotask.ts';
import { codeOf } from '../../support/silo-harness.ts';
import { fakeClock, FakeLink, inbound, member, viewOf } from './cluster-support.ts';

const NO_CHANGE: GrainCommit = {
  number: 1,
  schema: 1,
  fieldNames: [],
  values: [],
  changed: [],
  collections: [],
  marks: [],
  commands: [],
  emissions: [],
  emissionEpoch: 1,
  emissionsKept: 100,
  reminders: [],
  forget: false,
};

const declared = (isBuried: boolean) => ({ reason: 'gone', cause: 'declared', isBuried }) as const;
const LEFT = { reason: 'it stopped', cause: 'left', isBuried: true } as const;

describe('ExclusiveGate: when an activation of an exclusive Core may start', () => {
  const dead = (name: string, isBuried: boolean) =>
    member(name, { state: 'dead', cores: {}, death: declared(isBuried) });

  it('X1: waits for the tombstone, and from then on for the time that the dead may still have', async () => {
    const clock = fakeClock();
    const gate = new ExclusiveGate(clock, 2_550);
    gate.viewChanged(viewOf(1, [member('a')]));
    assert.equal(gate.wait(), undefined);
    gate.viewChanged(viewOf(2, [member('a'), dead('b', false)]));
    let isOpen = false;
    void gate.wait()?.then(() => (isOpen = true));
    clock.advance(60_000);
    await macrotask();
    assert.equal(isOpen, false, 'it may renew as long as it is not buried');
    gate.viewChanged(viewOf(3, [member('a'), dead('b', true)]));
    clock.advance(2_549);
    await macrotask();
    assert.equal(isOpen, false);
    // Another view says nothing new about it.
    gate.viewChanged(viewOf(4, [member('a'), dead('b', true)]));
    clock.advance(1);
    await macrotask();
    assert.equal(isOpen, true);
    assert.equal(gate.wait(), undefined);
  });

  it('X1: of several dead the last one counts', async () => {
    const clock = fakeClock();
    const gate = new ExclusiveGate(clock, 1_000);
    gate.viewChanged(viewOf(1, [dead('b', true)]));
    let isOpen = false;
    void gate.wait()?.then(() => (isOpen = true));
    clock.advance(900);
    gate.viewChanged(viewOf(2, [dead('b', true), dead('c', true)]));
    clock.advance(999);
    await macrotask();
    assert.equal(isOpen, false);
    clock.advance(1);
    await macrotask();
    assert.equal(isOpen, true);
  });

  it('X2: nobody waits for who left by its own word', () => {
    const gate = new ExclusiveGate(fakeClock(), 1_000);
    gate.viewChanged(viewOf(1, [member('b', { state: 'dead', cores: {}, death: LEFT })]));
    assert.equal(gate.wait(), undefined);
  });

  it('who is forgotten by the view is waited for no more', () => {
    const gate = new ExclusiveGate(fakeClock(), 1_000);
    gate.viewChanged(viewOf(1, [dead('b', false)]));
    gate.viewChanged(viewOf(2, [member('a')]));
    assert.equal(gate.wait(), undefined);
  });
});

describe('Rebalancer: grains move towards their silo, at a bounded rate', () => {
  interface Fake {
    readonly moved: string[];
    readonly rebalancer: Rebalancer;
    readonly clock: ReturnType<typeof fakeClock>;
  }

  function fake(hosts: readonly { count: number; isVolatile?: boolean; placement?: string }[]): Fake {
    const clock = fakeClock();
    const moved: string[] = [];
    const made = hosts.map(({ count, isVolatile = false, placement = 'hash' }, index) => {
      const activations = Array.from({ length: count }, (_unused, at) => {
        const key = `${index}/${at}`;
        return { key, move: () => moved.push(key) };
      });
      const table = { all: () => activations.values() };
      return { isVolatile, definition: { instance: { placement } }, table } as unknown as CoreHost;
    });
    const isHome = ({ key }: Activation): boolean => key.endsWith('0');
    return { clock, moved, rebalancer: new Rebalancer(clock, () => made, isHome) };
  }

  it('only what is not at home moves, and at most 100 in 50 ms', () => {
    const { clock, moved, rebalancer } = fake([{ count: 1_000 }]);
    rebalancer.start();
    assert.equal(moved.length, 0);
    for (let tick = 1; tick <= 9; tick += 1) {
      clock.advance(50);
      assert.equal(moved.length, tick * 100);
    }
    clock.advance(10_000);
    assert.deepEqual([moved.length, moved.filter((key) => key.endsWith('0')).length], [900, 0]);
    assert.equal(clock.nextDueMs, undefined, 'then it rests');
  });

  it('M2: volatile grains and those of prefer_local stay', () => {
    const { clock, moved, rebalancer } = fake([
      { count: 5, isVolatile: true },
      { count: 5, placement: 'prefer_local' },
      { count: 5 },
    ]);
    rebalancer.start();
    clock.advance(1_000);
    assert.deepEqual(moved, ['2/1', '2/2', '2/3', '2/4']);
  });

  it('a look at very many takes more than one turn of the loop', () => {
    const { clock, moved, rebalancer } = fake([{ count: 4_999 }, { count: 10, placement: 'hash' }]);
    rebalancer.start();
    clock.advance(50);
    assert.ok(moved.length <= 100);
  });

  it('begins anew with each view, and stops when it is told', () => {
    const { clock, moved, rebalancer } = fake([{ count: 300 }]);
    rebalancer.start();
    clock.advance(50);
    rebalancer.start();
    clock.advance(50);
    assert.equal(new Set(moved).size, 100, 'from the beginning');
    rebalancer.stop();
    clock.advance(1_000);
    assert.equal(moved.length, 200);
  });
});

describe('Asks: questions from process to process', () => {
  function asksOf(responders: Record<string, (body: unknown) => unknown> = {}) {
    const clock = fakeClock();
    return { clock, asks: new Asks(clock, new Map(Object.entries(responders))), link: new FakeLink('b') };
  }

  /** What was sent over the link since the last time. */
  const bodies = (link: FakeLink): readonly unknown[] => link.controls.splice(0).map(({ body }) => body);

  it('an answer, a refusal and a garbled answer find their question; later ones find nobody', async () => {
    const { asks, link, clock } = asksOf();
    const first = asks.ask(link, 'report', 1);
    const second = asks.ask(link, 'report', 2);
    const [one, two] = bodies(link) as { id: number; kind: string; body: number }[];
    assert.ok(one && two);
    assert.deepEqual([one.kind, one.body, two.body], ['report', 1, 2]);
    asks.onAnswer(null);
    asks.onAnswer({ id: 'x' });
    asks.onAnswer({ id: 99, body: 'stray' });
    asks.onAnswer({ id: two.id, error: { code: 'ERR_CORE_UNKNOWN', message: 'no', effect: 'none' } });
    asks.onAnswer({ id: one.id, body: 'answer' });
    asks.onAnswer({ id: one.id, body: 'twice' });
    assert.equal(await first, 'answer');
    assert.equal(await codeOf(second), 'ERR_CORE_UNKNOWN');
    assert.equal(clock.nextDueMs, undefined);
  });

  it('Q1: without an answer in time, or when the link closes, it fails; other links are no concern', async () => {
    const { asks, link, clock } = asksOf();
    const other = new FakeLink('c');
    const [slow, cut] = [asks.ask(other, 'report', null), asks.ask(link, 'report', null)];
    const [answered] = [asks.ask(other, 'report', null)];
    asks.onClosed(link);
    assert.equal(await codeOf(cut), 'ERR_LINK_LOST');
    asks.onAnswer({ id: (other.controls.at(-1)?.body as { id: number }).id, body: 'still there' });
    assert.equal(await answered, 'still there');
    clock.advance(ASK_TIMEOUT_MS);
    assert.equal(await codeOf(slow), 'ERR_LINK_LOST');
    assert.equal(clock.nextDueMs, undefined);
  });

  it("a question is answered, at once or later; one that is unknown or fails is refused; a garbled one is nobody's", async () => {
    const { asks, link } = asksOf({
      now: (body) => [body],
      later: async (body) => await Promise.resolve([body]),
      fails: () => {
        throw new GrainError('ERR_CORE_UNKNOWN');
      },
      rejects: () => Promise.reject(new Error('broken')),
    });
    for (const [id, kind] of ['now', 'later', 'fails', 'rejects', 'unheard'].entries())
      asks.onAsk(link, { id, kind, body: 7 });
    for (const garbled of [null, 1, {}, { id: 1 }, { kind: 'now' }]) asks.onAsk(link, garbled);
    await macrotask();
    const answers = (bodies(link) as { id: number; body?: unknown; error?: { code: string } }[])
      .sort((left, right) => left.id - right.id)
      .map(({ body, error }) => error?.code ?? body);
    assert.deepEqual(answers, [[7], [7], 'ERR_CORE_UNKNOWN', 'ERR_INTERNAL', 'ERR_LINK_INVALID']);
    link.isOpen = false;
    asks.onAsk(link, { id: 9, kind: 'now', body: 7 });
    await macrotask();
    assert.deepEqual(bodies(link), []);
  });

  it('an answer that cannot travel is told as a failure, and a link that takes nothing ends no process', async () => {
    const { asks, link } = asksOf({ odd: () => () => 'a function', now: () => 1 });
    const { control } = link;
    link.control = (kind, body) => {
      if (typeof (body as { body?: unknown }).body === 'function') throw new GrainError('ERR_VALUE_INVALID');
      control.call(link, kind, body);
    };
    asks.onAsk(link, { id: 1, kind: 'odd', body: null });
    await macrotask();
    const [answer] = bodies(link) as { error?: { code: string } }[];
    assert.equal(answer?.error?.code, 'ERR_VALUE_INVALID');
    link.control = () => {
      throw new Error('full');
    };
    asks.onAsk(link, { id: 2, kind: 'now', body: null });
    await macrotask(); // an unhandled rejection would end the run
    assert.equal(await codeOf(asks.ask(link, 'now', null)), 'ERR_INTERNAL');
  });
});

describe('EarlyRequests: messages of senders that know a later view', () => {
  function earlyOf() {
    const clock = fakeClock();
    const taken: unknown[] = [];
    const asked: number[] = [];
    let answer: () => void = () => undefined;
    const early = new EarlyRequests({
      clock,
      refresh: (view) => {
        asked.push(view);
        return new Promise((resolve) => (answer = resolve));
      },
      take: (envelope) => taken.push(envelope),
    });
    return { clock, taken, asked, early, answer: () => answer() };
  }

  it('wait for their view, and go on in order; one question is asked for all', async () => {
    const { early, taken, asked, clock } = earlyOf();
    const [first, second, third] = [7, 7, 8].map((view) => inbound('b', { view }).envelope);
    assert.ok(first && second && third);
    for (const each of [first, second, third]) early.hold(each);
    assert.deepEqual([asked, taken], [[7], []]);
    early.viewChanged(7);
    assert.deepEqual(taken, [first, second]);
    early.viewChanged(8);
    assert.deepEqual(taken, [first, second, third]);
    assert.equal(clock.nextDueMs, undefined);
    await macrotask();
    assert.equal(taken.length, 3);
  });

  it('go on without it when it cannot be had, or not in time; who gave up does not', async () => {
    const { early, taken, clock, answer } = earlyOf();
    const envelopes = [7, 8, 9].map((view) => inbound('b', { view }).envelope);
    const [first, second, third] = envelopes;
    assert.ok(first && second && third);
    early.hold(first);
    early.hold(second);
    second.cancel();
    answer();
    await macrotask();
    assert.deepEqual(taken, [first]);
    early.hold(third);
    clock.advance(499);
    assert.equal(taken.length, 1);
    clock.advance(1);
    assert.deepEqual(taken, [first, third]);
  });
});

describe('keyOf: which grain a message is for (hazards.md 23)', () => {
  const entityCore: Addressing = { core: 'book', mode: 'entity', entityKey: 'isbn' };
  const message = (facts: Partial<Envelope>): Envelope => Object.assign(new PromiseEnvelope(), facts);
  const codeFor = (facts: Partial<Envelope>, core: Addressing = entityCore): string => {
    try {
      return `key ${keyOf(message(facts), core)}`;
    } catch (error) {
      return error instanceof GrainError ? error.code : String(error);
    }
  };

  it('from the envelope, from the raw input, or from both where they agree', () => {
    assert.equal(codeFor({ key: 'k' }), 'key k');
    assert.equal(codeFor({ input: { isbn: 'k' } }), 'key k');
    assert.equal(codeFor({ input: { isbn: 42 } }), 'key 42');
    assert.equal(codeFor({ key: '42', input: { isbn: 42 } }), 'key 42');
    assert.equal(codeFor({ key: 'k', input: { other: 1 } }), 'key k');
    assert.equal(codeFor({ key: 'k', input: { isbn: 'other' } }), 'ERR_KEY_MISMATCH');
    assert.equal(codeFor({ key: '042', input: { isbn: 42 } }), 'ERR_KEY_MISMATCH');
  });

  it('never from a prototype, and never without a key', () => {
    assert.equal(codeFor({ input: Object.create({ isbn: 'k' }) as object }), 'ERR_KEY_REQUIRED');
    assert.equal(
      codeFor({ input: { toString: 1 } }, { ...entityCore, entityKey: 'constructor' }),
      'ERR_KEY_REQUIRED',
    );
    assert.equal(codeFor({}), 'ERR_KEY_REQUIRED');
    assert.equal(codeFor({ input: null }), 'ERR_KEY_REQUIRED');
  });

  it('within its bounds: 1 to 512 bytes, no control characters', () => {
    assert.equal(codeFor({ key: '' }), 'ERR_KEY_INVALID');
    assert.equal(codeFor({ key: 'a\u0000b' }), 'ERR_KEY_INVALID');
    assert.equal(codeFor({ key: 'é'.repeat(257) }), 'ERR_KEY_INVALID');
    assert.equal(codeFor({ key: 'é'.repeat(256) }), `key ${'é'.repeat(256)}`);
    assert.equal(codeFor({ input: { isbn: Number.NaN } }), 'ERR_KEY_INVALID');
  });

  it('a mismatch of a marked message is recorded at its mark; reminders and timers name no key in their input', () => {
    const mark = { source: 's', attach: 1, seq: 1, prev: 0 };
    const marked = message({ key: 'k', input: { isbn: 'x' }, mark });
    assert.equal(keyOf(marked, entityCore), 'k');
    assert.equal(marked.mark?.refusal?.code, 'ERR_KEY_MISMATCH');
    for (const kind of ['reminder', 'timer'] as const)
      assert.equal(codeFor({ kind, key: 'k', input: { isbn: 'x' } }), 'key k');
  });

  it('singletons and stateless Cores have none', () => {
    for (const mode of ['singleton', 'stateless'] as const) {
      const core = { ...entityCore, mode, entityKey: undefined };
      assert.equal(codeFor({ key: '' }, core), 'key ');
      assert.equal(codeFor({}, core), 'key ');
      assert.equal(codeFor({ key: 'k' }, core), 'ERR_KEY_MISMATCH');
    }
  });
});

describe('SharedVolatileStorage: memory that goes with its activation, of one owner in the cluster', () => {
  const grain: GrainId = { tenant: 'default', core: 'cache', key: 'k' };
  const living = new Set(['a', 'b']);
  const claimer = (incarnation: string, activation: number) => ({ incarnation, activation, view: 1, living });

  function shared() {
    let epoch = 0;
    const directory = new MemoryDirectory({ nextEpoch: () => ++epoch });
    const clock = fakeClock();
    return {
      directory,
      a: new SharedVolatileStorage(directory, clock),
      b: new SharedVolatileStorage(directory, clock),
    };
  }

  it('V1: the directory decides who has it, and gives the epoch', async () => {
    const { a, b, directory } = shared();
    const other = await b.claim({ ...grain, key: 'else' }, claimer('b', 1));
    const own = await a.claim(grain, claimer('a', 1));
    assert.ok(own.kind === 'claimed' && other.kind === 'claimed');
    assert.equal(own.claim.address.epoch, 2);
    assert.equal(own.memory.schema, 0);
    const refused = await b.claim(grain, claimer('b', 2));
    assert.ok(refused.kind === 'taken' && refused.owner.incarnation === 'a');
    assert.equal(await a.isOwner(own.claim), true);
    directory.release(grain, 'a', 1);
    assert.equal(await a.isOwner(own.claim), false);
  });

  it('claims at the same time have each their own epoch', async () => {
    const { a } = shared();
    const keys = ['1', '2', '3', '4'];
    const claims = await Promise.all(keys.map((key, at) => a.claim({ ...grain, key }, claimer('a', at + 1))));
    const epochs = claims.map((each) => each.kind === 'claimed' && each.claim.address.epoch);
    assert.deepEqual(epochs, [1, 2, 3, 4]);
  });

  it('V2: given up, its memory is gone before another silo may have it', async () => {
    const { a, b, directory } = shared();
    const own = await a.claim(grain, claimer('a', 1));
    assert.ok(own.kind === 'claimed');
    a.commit(
      own.claim,
      { ...NO_CHANGE, emissions: [{ n: 1, event: 'e', data: 1, wallMs: 0 }] },
      () => undefined,
    );
    await macrotask();
    const count = (): number => (a.readEmissions(grain, 0, 10) as EmissionPage).emissions.length;
    assert.equal(count(), 1);
    let wasHere: number | undefined;
    const { release } = directory;
    directory.release = (...args) => {
      wasHere = count();
      return release.apply(directory, args);
    };
    await a.release(own.claim);
    assert.equal(wasHere, 0);
    const next = await b.claim(grain, claimer('b', 1));
    assert.ok(next.kind === 'claimed' && next.claim.address.epoch === 2);
    assert.equal(next.memory.schema, 0);
  });
});

describe('EmissionFeed: subscriptions to grains that may be anywhere', () => {
  const grain: GrainId = { tenant: 'default', core: 'book', key: 'k' };

  interface Listening {
    readonly publish: (epoch: number, emissions: readonly StoredEmission[]) => void;
    readonly ready: () => void;
    isOpen: boolean;
    closeCount: number;
  }

  function feedOf() {
    const clock = fakeClock();
    const channels: Listening[] = [];
    const stored: StoredEmission[] = [];
    const source = {
      reads: 0,
      readEmissions: (_of: GrainId, after: number, limit: number): EmissionPage => {
        source.reads += 1;
        const emissions = stored.filter(({ n }) => n > after).slice(0, limit);
        return { emissionEpoch: 1, first: 1, last: stored.length, emissions };
      },
    };
    const log = { debug() {}, info() {}, warn() {}, error() {} };
    const feed = new EmissionFeed({
      clock,
      log,
      listen: (_grain, publish, ready) => {
        const listening: Listening = { publish, ready, isOpen: true, closeCount: 0 };
        channels.push(listening);
        return () => {
          listening.isOpen = false;
          listening.closeCount += 1;
        };
      },
    });
    const emit = (data: string): readonly StoredEmission[] => {
      const emission = { n: stored.length + 1, event: 'said', data, wallMs: 0 };
      stored.push(emission);
      return [emission];
    };
    return { clock, feed, channels, source, emit };
  }

  function sinkOf() {
    const told: string[] = [];
    const sink: EmissionSink = {
      push: (emission: Emission) => told.push(String(emission.data)),
      gap: (from, to) => told.push(`gap ${from} ${to}`),
      end: (error) => told.push(`end ${error.code}`),
    };
    return { told, sink };
  }

  async function settled(): Promise<void> {
    for (let round = 0; round < 6; round += 1) await macrotask();
  }

  it('F1: the channel is open exactly while somebody listens', async () => {
    const { feed, channels, source } = feedOf();
    const [one, two] = [sinkOf(), sinkOf()];
    const first = feed.subscribe(grain, { credit: Infinity }, one.sink, source);
    const second = feed.subscribe(grain, { credit: Infinity }, two.sink, source);
    assert.equal(channels.length, 1);
    first.cancel();
    first.cancel();
    assert.equal(channels[0]?.isOpen, true);
    second.cancel();
    assert.deepEqual([channels[0]?.isOpen, channels[0]?.closeCount], [false, 1]);
    feed.subscribe(grain, { credit: Infinity }, one.sink, source);
    assert.equal(channels.length, 2);
    await settled();
  });

  it('what comes over the channel is pushed; what the channel lost is found at the next look', async () => {
    const { feed, channels, source, emit, clock } = feedOf();
    const { told, sink } = sinkOf();
    feed.subscribe(grain, { credit: Infinity }, sink, source);
    await settled();
    channels[0]?.publish(1, emit('a'));
    await settled();
    assert.deepEqual(told, ['a']);
    emit('lost');
    await settled();
    assert.deepEqual(told, ['a']);
    clock.advance(30_000);
    await settled();
    assert.deepEqual(told, ['a', 'lost']);
    emit('lost while the connection was away');
    channels[0]?.ready();
    await settled();
    assert.equal(told.length, 3);
    clock.advance(29_000);
    emit('again');
    clock.advance(1_000);
    await settled();
    assert.equal(told.length, 4, 'it looks every 30 s');
  });

  it('looks are spread: each of many is looked at once in 30 s, few at a time', async () => {
    const { feed, source, clock } = feedOf();
    for (let key = 0; key < 600; key += 1)
      feed.subscribe({ ...grain, key: String(key) }, { credit: Infinity }, sinkOf().sink, source);
    // The first timer was set when there was one.
    clock.advance(30_000);
    await settled();
    source.reads = 0;
    clock.advance(500);
    await settled();
    assert.equal(source.reads, 10);
    clock.advance(29_500);
    await settled();
    assert.equal(source.reads, 600);
  });

  it('a subscription that ends by itself, or whose sink breaks, leaves its channel', async () => {
    const { feed, channels, source, emit } = feedOf();
    const invalid = sinkOf();
    feed.subscribe(grain, { credit: Infinity, from: 'nonsense' }, invalid.sink, source);
    await settled();
    assert.equal(invalid.told.length, 1);
    assert.equal(channels[0]?.isOpen, false);
    const { sink } = sinkOf();
    const broken: EmissionSink = {
      ...sink,
      push() {
        throw new Error('the socket is gone');
      },
    };
    feed.subscribe(grain, { credit: Infinity }, broken, source);
    await settled();
    channels[1]?.publish(1, emit('a'));
    await settled();
    assert.equal(channels[1]?.isOpen, false);
  });

  it('closing ends all, and nothing goes on', async () => {
    const { feed, channels, source, clock } = feedOf();
    const { told, sink } = sinkOf();
    feed.subscribe(grain, { credit: Infinity }, sink, source);
    await settled();
    feed.close(new GrainError('ERR_SILO_DRAINING'));
    await settled();
    assert.deepEqual([told, channels[0]?.closeCount], [['end ERR_SILO_DRAINING'], 1]);
    assert.equal(clock.nextDueMs, undefined);
  });
});
