import assert from 'node:assert/strict';
import { defineCore, entity, GrainError, stateless } from '../../../lib/index.ts';
import type { CallChain } from '../../../silo/index.ts';
import { SiloPause } from '../../../silo/internal.ts';
import { codeIn, Latch, type Sent, SiloHarness } from '../../support/silo-harness.ts';
import { FakeNeighbours, TestLease } from '../cluster/fake-neighbours.ts';

const ran: string[] = [];
let latch = new Latch();

const note = (input: unknown): void => void ran.push(String((input as { name?: string } | undefined)?.name));

const other = defineCore({
  name: 'other',
  version: '1.0.0',
  instance: entity({ entityKey: 'id' }),
}).flows((flow) => ({
  saw: flow({ level: 'volatile', run: (_ctx, input) => note(input) }),
}));

const book = defineCore({
  name: 'book',
  version: '1.0.0',
  instance: entity({ entityKey: 'id', idleTimeoutMs: 1_000 }),
  memory: { count: 0 },
  events: { happened: 'add' },
}).flows((flow) => ({
  add: flow({
    run(ctx, input) {
      note(input);
      ctx.memory.count += 1;
      return ctx.memory.count;
    },
  }),
  read: flow({ readonly: true, run: (ctx) => ctx.memory.count }),
  slowAdd: flow({
    async run(ctx) {
      await latch.promise;
      ctx.memory.count += 1;
      return ctx.memory.count;
    },
  }),
  slowRead: flow({
    readonly: true,
    async run(ctx) {
      await latch.promise;
      return ctx.memory.count;
    },
  }),
  slowTell: flow({
    async run(ctx) {
      await latch.promise;
      await ctx.call(other, 'o').saw({ name: 'told' });
    },
  }),
  tell: flow({
    async run(ctx) {
      ctx.memory.count += 1;
      await ctx.call(other, 'o').saw({ name: 'told' });
    },
  }),
  arm: flow({ run: (ctx) => ctx.timer.set('t', { inMs: 100, flow: 'rang' }) }),
  rang: flow({ run: () => note({ name: 'rang' }) }),
}));

const open = defineCore({
  name: 'open',
  version: '1.0.0',
  instance: entity({ entityKey: 'id', reentrant: true }),
  memory: { count: 0 },
}).flows((flow) => ({
  hold: flow({ run: () => latch.promise }),
  add: flow({ run: (_ctx, input) => note(input) }),
}));

const shared = defineCore({
  name: 'shared',
  version: '1.0.0',
  instance: entity({ entityKey: 'id', maxConcurrent: 4 }),
  memory: { count: 0 },
}).flows((flow) => ({
  add: flow({
    async run(ctx, input) {
      note(input);
      const { count } = ctx.memory;
      await latch.promise;
      ctx.memory.count = count + 1;
    },
  }),
}));

const calc = defineCore({ name: 'calc', version: '1.0.0', instance: stateless() }).flows((flow) => ({
  twice: flow({
    run(_ctx, input) {
      note(input);
      return 2;
    },
  }),
}));

interface World {
  readonly harness: SiloHarness;
  readonly near: FakeNeighbours;
  readonly lease: TestLease;
}

function worldOf(commits: 'at_once' | 'held' = 'at_once'): World {
  ran.length = 0;
  latch = new Latch();
  const near = new FakeNeighbours();
  const harness = new SiloHarness({ cores: [book, other, open, shared, calc], commits, neighbours: near });
  return { harness, near, lease: near.lease };
}

function chainHolding(harness: SiloHarness, core: string, key: string): CallChain {
  const activation = harness.silo.cores.get(core)?.table.get('default', key);
  assert.ok(activation, `${core}/${key} is not there`);
  const { name, id } = activation;
  return { grain: name, activation: id, core, parent: undefined, depth: 1 };
}

const outcomes = (sent: readonly Sent[]): readonly unknown[] =>
  sent.map((each) => (each.outcome && 'output' in each.outcome ? each.outcome.output : codeIn(each)));

describe('Lease: a silo that may have lost its session starts nothing and says nothing (Ownership 7)', () => {
  it('from the very moment of its end no turn starts, though no timer told anybody', async () => {
    const { harness, lease } = worldOf();
    lease.untilMs = 100;
    harness.clock.stall(99);
    const before = harness.send(book, 'k', { flow: 'add', input: { name: 'in time' } });
    await harness.settle();
    harness.clock.stall(1);
    const after = harness.send(book, 'k', { flow: 'add', input: { name: 'late' } });
    const first = harness.send(book, 'never seen', { flow: 'add', input: { name: 'first' } });
    const call = harness.send(calc, undefined, { flow: 'twice', input: { name: 'stateless' } });
    const event = harness.event(book, 'e', 1, 0, { data: { name: 'event' } });
    await harness.settle();
    assert.deepEqual(ran, ['in time']);
    assert.deepEqual(outcomes([before, after, first, call, event]), [
      1,
      undefined,
      undefined,
      undefined,
      undefined,
    ]);
    lease.regain();
    await harness.settle();
    assert.deepEqual(outcomes([after, first, call]), [2, 1, 2]);
    assert.equal(codeIn(event), 'ok');
  });

  it('what was held goes on in the order in which it came', async () => {
    const { harness, lease } = worldOf();
    harness.send(book, 'k', { flow: 'add', input: { name: '0' } });
    await harness.settle();
    lease.lapse(harness.clock);
    for (let count = 1; count <= 20; count += 1)
      harness.send(book, 'k', { flow: 'add', input: { name: String(count) } });
    await harness.settle();
    lease.regain();
    await harness.settle();
    assert.deepEqual(
      ran,
      Array.from({ length: 21 }, (_unused, count) => String(count)),
    );
  });

  it('it may lapse again while what was held goes on: the rest is held again, in order', async () => {
    const { harness, lease } = worldOf();
    lease.lapse(harness.clock);
    for (const name of ['a', 'b', 'c']) harness.send(book, name, { flow: 'slowAdd', input: {} });
    const last = harness.send(book, 'a', { flow: 'add', input: { name: 'last' } });
    await harness.settle();
    lease.regain(harness.clock.nowMs() + 10);
    harness.clock.stall(20);
    latch.open();
    await harness.settle();
    assert.equal(last.outcome, undefined);
    lease.regain();
    await harness.settle();
    assert.deepEqual(outcomes([last]), [2]);
  });

  it('timers do not fire', async () => {
    const { harness, lease } = worldOf();
    harness.send(book, 'k', { flow: 'arm' });
    await harness.settle();
    lease.lapse(harness.clock);
    await harness.advance(500);
    assert.deepEqual(ran, []);
    lease.regain();
    await harness.settle();
    assert.deepEqual(ran, ['rang']);
  });

  it('replies of turns that ran are held, and delivered when it holds again', async () => {
    const { harness, lease } = worldOf();
    const write = harness.send(book, 'w', { flow: 'slowAdd' });
    const read = harness.send(book, 'r', { flow: 'slowRead' });
    await harness.settle();
    lease.lapse(harness.clock);
    latch.open();
    await harness.settle();
    assert.deepEqual(outcomes([write, read]), [undefined, undefined]);
    lease.regain();
    await harness.settle();
    assert.deepEqual(outcomes([write, read]), [1, 0]);
  });

  it('when it never holds again, what was read is refused and what was committed is told', async () => {
    const { harness, lease } = worldOf();
    const write = harness.send(book, 'w', { flow: 'slowAdd' });
    const read = harness.send(book, 'r', { flow: 'slowRead' });
    await harness.settle();
    lease.lapse(harness.clock);
    latch.open();
    await harness.settle();
    harness.silo.abandon();
    await harness.settle();
    assert.deepEqual(outcomes([write, read]), [1, 'ERR_GRAIN_MOVED']);
  });

  it('calls of turns that run are held', async () => {
    const { harness, lease } = worldOf();
    const sent = harness.send(book, 'k', { flow: 'slowTell' });
    await harness.settle();
    lease.lapse(harness.clock);
    latch.open();
    await harness.settle();
    assert.deepEqual([ran, sent.outcome], [[], undefined]);
    lease.regain();
    await harness.settle();
    assert.deepEqual([ran, codeIn(sent)], [['told'], 'ok']);
  });

  it('a call that waited for a commit does not leave when the lease has lapsed before the commit was durable', async () => {
    const { harness, near, lease } = worldOf('held');
    near.elsewhere = ({ core }) => core === 'other';
    const write = harness.send(book, 'k', { flow: 'add', input: { name: 'write' } });
    const tell = harness.send(book, 'k', { flow: 'tell' });
    await harness.settle();
    lease.lapse(harness.clock);
    await harness.flush();
    assert.equal(near.sent.length, 0, 'it left after the lease had ended');
    assert.deepEqual(outcomes([write]), [1]);
    lease.regain();
    await harness.settle();
    assert.equal(near.sent.length, 1);
    near.sent[0]?.envelope.resolve(undefined);
    await harness.settle();
    await harness.flush();
    assert.equal(codeIn(tell), 'ok');
  });

  it('what was read, and waited for a commit of another turn, does not leave after the end of the lease', async () => {
    const { harness, lease } = worldOf('held');
    const write = harness.send(book, 'k', { flow: 'add', input: { name: 'write' } });
    const read = harness.send(book, 'k', { flow: 'read' });
    await harness.settle();
    lease.lapse(harness.clock);
    await harness.flush();
    assert.deepEqual(outcomes([write, read]), [1, undefined]);
    lease.regain();
    await harness.settle();
    assert.deepEqual(outcomes([write, read]), [1, 1]);
  });

  it('a turn that collided is not run a second time', async () => {
    const { harness, lease } = worldOf();
    const sent = ['one', 'two'].map((name) => harness.send(shared, 'k', { flow: 'add', input: { name } }));
    await harness.settle();
    lease.lapse(harness.clock);
    latch.open();
    await harness.settle();
    assert.deepEqual(ran, ['one', 'two']);
    lease.regain();
    await harness.settle();
    for (const each of sent) assert.ok(each.outcome);
  });

  it('who waits for too long is told that it was not executed, and is not run later', async () => {
    const { harness, lease } = worldOf();
    lease.lapse(harness.clock);
    const sent = harness.send(book, 'k', { flow: 'add', input: { name: 'x' }, deadlineMs: 50 });
    await harness.advance(500);
    assert.equal(codeIn(sent), 'ERR_CALL_EXPIRED');
    lease.regain();
    await harness.settle();
    assert.deepEqual(ran, []);
    assert.equal((await harness.report()).turnsStarted, 0);
  });

  it('an activation with held messages is not evicted as idle, and is again when they are done (A4)', async () => {
    const { harness, lease } = worldOf();
    harness.send(book, 'k', { flow: 'add', input: { name: 'first' } });
    await harness.settle();
    lease.lapse(harness.clock);
    const held = harness.send(book, 'k', { flow: 'add', input: { name: 'held' }, deadlineMs: Infinity });
    await harness.advance(5_000);
    assert.equal((await harness.instances(book)).length, 1);
    assert.deepEqual(harness.logged('error'), []);
    lease.regain();
    await harness.settle();
    assert.deepEqual(outcomes([held]), [2]);
    await harness.advance(2_100);
    assert.equal((await harness.instances(book)).length, 0);
    assert.deepEqual(harness.logged('error'), []);
  });

  it('a cycle is told when it holds again, not while nobody can know what will be', async () => {
    const { harness, lease } = worldOf();
    harness.send(book, 'k', { flow: 'slowAdd' });
    await harness.settle();
    lease.lapse(harness.clock);
    // Something notices, and everything pauses.
    harness.send(book, 'else', { flow: 'read' });
    const before = harness.send(book, 'k', { flow: 'add', input: { name: 'before' } });
    const cyclic = harness.send(book, 'k', { flow: 'read', chain: chainHolding(harness, 'book', 'k') });
    await harness.settle();
    assert.deepEqual(outcomes([cyclic]), [undefined]);
    lease.regain();
    await harness.settle();
    assert.deepEqual(outcomes([cyclic, before]), ['ERR_CALL_CYCLE', undefined]);
    latch.open();
    await harness.settle();
    assert.deepEqual(outcomes([before]), [2]);
  });

  it('a call that enters again goes ahead of what waits, also when both were held', async () => {
    const { harness, lease } = worldOf();
    harness.send(open, 'k', { flow: 'hold' });
    await harness.settle();
    lease.lapse(harness.clock);
    harness.send(book, 'else', { flow: 'read' });
    harness.send(open, 'k', { flow: 'add', input: { name: 'waits' } });
    const chain = chainHolding(harness, 'open', 'k');
    harness.send(open, 'k', { flow: 'add', input: { name: 'enters' }, chain });
    await harness.settle();
    lease.regain();
    await harness.settle();
    assert.deepEqual(ran, ['enters']);
    latch.open();
    await harness.settle();
    assert.deepEqual(ran, ['enters', 'waits']);
  });
});

describe('SiloPause', () => {
  const lost = new GrainError('ERR_GRAIN_MOVED');

  it('lets go what was held, then resumes; when it is lost, all is told so, now and later', () => {
    const lease = new TestLease();
    const told: string[] = [];
    const pause = new SiloPause(
      lease,
      () => told.push('resumed'),
      () => told.push('broken'),
    );
    pause.isPaused = true;
    pause.whenHeld((failure) => told.push(`first ${failure?.code}`));
    lease.regain();
    assert.deepEqual([told.splice(0), pause.isPaused], [['first undefined', 'resumed'], false]);
    pause.whenHeld((failure) => told.push(`second ${failure?.code}`));
    pause.lost(lost);
    pause.whenHeld((failure) => told.push(`third ${failure?.code}`));
    lease.regain();
    assert.deepEqual(told, ['second ERR_GRAIN_MOVED', 'third ERR_GRAIN_MOVED']);
    assert.equal(pause.untilMs, -Infinity);
  });

  it('one that breaks when it is let go keeps nobody else back', () => {
    const lease = new TestLease();
    const told: string[] = [];
    const broken: unknown[] = [];
    const pause = new SiloPause(
      lease,
      () => told.push('resumed'),
      (error) => broken.push(error),
    );
    pause.whenHeld(() => {
      throw new Error('broken');
    });
    pause.whenHeld(() => told.push('second'));
    lease.regain();
    assert.deepEqual([told, broken.length], [['second', 'resumed'], 1]);
  });
});
