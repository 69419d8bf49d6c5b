import assert from 'node:assert/strict';
import {
  defineCore,
  entity,
  type InstanceOptions,
  type LooseRef,
  stateless,
  value,
} from '../../../lib/index.ts';
import { codeIn, Latch, type Sent, SiloHarness } from '../../support/silo-harness.ts';

function slots(options: InstanceOptions = {}, name = 'slots') {
  const gates = new Map<string, Latch>();
  const core = defineCore({
    name,
    version: '1.0.0',
    instance: entity({ entityKey: 'id', ...options }),
    memory: { count: 0, text: value<string>('') },
  }).flows((flow) => ({
    add: flow({
      async run(ctx) {
        await gates.get(ctx.key)?.promise;
        return (ctx.memory.count += 1);
      },
    }),
    fast: flow({ run: (ctx) => (ctx.memory.count += 1) }),
    peek: flow({ readonly: true, run: (ctx) => ctx.memory.count }),
    dirty: flow({ level: 'volatile', run: (ctx) => (ctx.memory.count += 1) }),
    fill: flow({
      run(ctx, input) {
        ctx.memory.text = 'x'.repeat((input as { bytes: number }).bytes);
      },
    }),
  }));
  const gate = (key: string): Latch => {
    const latch = new Latch();
    gates.set(key, latch);
    return latch;
  };
  return { core, gate };
}

describe('Capacity of a Core', () => {
  it('deactivate_lru: the longest idle grain makes room, and the count stays within the cap', async () => {
    const { core } = slots({ maxActiveInstances: 3 });
    const harness = new SiloHarness({ cores: [core] });
    for (const key of ['a', 'b', 'c', 'a', 'd']) await harness.ref(core, key).add();
    assert.deepEqual(
      (await harness.instances(core)).map(({ key }) => key),
      ['a', 'c', 'd'],
    );
    assert.deepEqual((await harness.report()).deactivated, { overflow: 1 });
  });

  it('deactivate_lru: a busy grain is never evicted; what needs room waits for it', async () => {
    const { core, gate } = slots({ maxActiveInstances: 1 });
    const harness = new SiloHarness({ cores: [core] });
    const busy = gate('a');
    const first = harness.send(core, 'a', { flow: 'add' });
    const second = harness.send(core, 'b', { flow: 'add' });
    await harness.settle();
    assert.equal(codeIn(second), undefined);
    busy.open();
    await harness.settle();
    assert.deepEqual([first.outcome, second.outcome], [{ output: 1 }, { output: 1 }]);
  });

  it('deactivate_lru: one whose values are still dirty, is committed before its room is given away', async () => {
    const { core } = slots({ maxActiveInstances: 1 });
    const harness = new SiloHarness({ cores: [core] });
    await harness.ref(core, 'a').dirty();
    await harness.ref(core, 'b').fast();
    assert.equal(await harness.ref(core, 'a').fast(), 2);
  });

  it('reject: refused at once, not executed, with a hint when to come again', async () => {
    const { core } = slots({ maxActiveInstances: 1, overflow: 'reject' });
    const harness = new SiloHarness({ cores: [core] });
    await harness.ref(core, 'a').add();
    const refused = harness.send(core, 'b', { flow: 'add' });
    await harness.settle();
    const error = refused.outcome && 'error' in refused.outcome ? refused.outcome.error : undefined;
    assert.deepEqual([error?.code, error?.effect, error?.retryAfterMs], ['ERR_CAPACITY_FULL', 'none', 100]);
    assert.equal(await harness.ref(core, 'a').add(), 2);
  });

  it('queue: waits for room that idleness makes, in order', async () => {
    const { core } = slots({ maxActiveInstances: 1, overflow: 'queue', idleTimeoutMs: 1_000 });
    const harness = new SiloHarness({ cores: [core] });
    await harness.ref(core, 'a').add();
    const second = harness.send(core, 'b', { flow: 'add' });
    const third = harness.send(core, 'c', { flow: 'add' });
    await harness.settle();
    assert.deepEqual([codeIn(second), codeIn(third)], [undefined, undefined]);
    await harness.advance(1_100);
    assert.deepEqual([codeIn(second), codeIn(third)], ['ok', undefined]);
    await harness.advance(1_100);
    assert.equal(codeIn(third), 'ok');
  });

  it('a message whose deadline passes while it waits for room, is not executed', async () => {
    const { core, gate } = slots({ maxActiveInstances: 1 });
    const harness = new SiloHarness({ cores: [core] });
    const busy = gate('a');
    harness.send(core, 'a', { flow: 'add' });
    const late = harness.send(core, 'b', { flow: 'add', deadlineMs: 100 });
    await harness.advance(200);
    assert.equal(codeIn(late), 'ERR_CALL_EXPIRED');
    busy.open();
    await harness.settle();
    assert.deepEqual(
      (await harness.instances(core)).map(({ key }) => key),
      ['a'],
    );
  });

  it('thousands that waited for one place, run one after the other without exhausting the stack', async () => {
    const { core, gate } = slots({ maxActiveInstances: 1 });
    const harness = new SiloHarness({ cores: [core] });
    const busy = gate('a');
    harness.send(core, 'a', { flow: 'add' });
    const waiting: Sent[] = [];
    for (let index = 0; index < 9_000; index += 1)
      waiting.push(harness.send(core, `k${index}`, { flow: 'peek' }));
    await harness.settle();
    busy.open();
    await harness.settle();
    assert.equal(waiting.filter((sent) => codeIn(sent) === 'ok').length, 9_000);
    assert.equal((await harness.instances(core)).length, 1);
  });

  it('what waits for room is bounded, by count and by bytes', async () => {
    const { core, gate } = slots({ maxActiveInstances: 1 });
    const harness = new SiloHarness({ cores: [core] });
    gate('a');
    harness.send(core, 'a', { flow: 'add' });
    const text = 'x'.repeat(1_000_000);
    const waiting: Sent[] = [];
    for (let index = 0; index < 200; index += 1) {
      const sent = harness.send(core, `k${index}`, { flow: 'fast', input: text });
      waiting.push(sent);
    }
    await harness.settle();
    const refused = waiting.filter((sent) => codeIn(sent) === 'ERR_CAPACITY_FULL').length;
    assert.ok(refused > 50, `only ${refused} of 200 MB were refused`);
  });
});

describe('Capacity of a silo', () => {
  it('a Core’s first call on a full silo, evicts the longest idle grain of another Core', async () => {
    const { core: left } = slots({}, 'left');
    const { core: right } = slots({}, 'right');
    const harness = new SiloHarness({ cores: [left, right], silo: { activationsMax: 2 } });
    await harness.ref(left, 'a').add();
    await harness.ref(left, 'b').add();
    const sent = harness.send(right, 'c', { flow: 'add' });
    await harness.settle();
    assert.deepEqual(sent.outcome, { output: 1 });
    assert.deepEqual(
      (await harness.instances(left)).map(({ key }) => key),
      ['b'],
    );
  });

  it('a message that waits while all are busy, is let in when a grain of another Core becomes idle', async () => {
    const { core: left, gate } = slots({}, 'left');
    const { core: right } = slots({}, 'right');
    const harness = new SiloHarness({ cores: [left, right], silo: { activationsMax: 1 } });
    const busy = gate('a');
    harness.send(left, 'a', { flow: 'add' });
    const sent = harness.send(right, 'c', { flow: 'add' });
    await harness.settle();
    assert.equal(codeIn(sent), undefined);
    busy.open();
    await harness.settle();
    assert.deepEqual(sent.outcome, { output: 1 });
  });

  it('values above the bound of bytes make idle grains leave', async () => {
    const { core } = slots();
    const harness = new SiloHarness({ cores: [core], silo: { valueBytesMax: 10_000, sweepMs: 1_000 } });
    await harness.silo.start();
    for (let index = 0; index < 8; index += 1) await harness.ref(core, `k${index}`).fill({ bytes: 2_000 });
    await harness.advance(1_100);
    const { activationBytes } = await harness.report();
    assert.ok(activationBytes <= 10_000, `${activationBytes} bytes`);
    await harness.stop();
  });

  it('bytes are given back when grains leave, whatever they wrote', async () => {
    const { core } = slots({ idleTimeoutMs: 1_000 });
    const harness = new SiloHarness({ cores: [core] });
    for (const bytes of [10, 5_000, 0, 300]) await harness.ref(core, 'a').fill({ bytes });
    await harness.ref(core, 'b').add();
    harness.send(core, 'c', { kind: 'forget' });
    await harness.advance(1_100);
    const { activationBytes, activations } = await harness.report();
    assert.deepEqual([activationBytes, activations], [0, 0]);
  });

  it('a heap above its share makes a tenth of the grains leave at each look, the longest idle first', async () => {
    const { core } = slots();
    let usedBytes = 10;
    const harness = new SiloHarness({ cores: [core], heapUse: () => ({ usedBytes, limitBytes: 100 }) });
    await harness.silo.start();
    for (let index = 0; index < 20; index += 1) {
      await harness.ref(core, `k${String(index).padStart(2, '0')}`).add();
      await harness.advance(1);
    }
    await harness.advance(1_100);
    assert.equal((await harness.instances(core)).length, 20);
    usedBytes = 90;
    await harness.advance(1_000);
    const left = (await harness.instances(core)).map(({ key }) => key);
    assert.deepEqual([left.length, left[0]], [18, 'k02']);
    await harness.stop();
  });

  it('eviction counts those that are still committing: it does not empty the silo', async () => {
    const { core } = slots();
    const harness = new SiloHarness({ cores: [core], silo: { activationsMax: 20 }, commits: 'held' });
    const started = harness.silo.start();
    await harness.flush();
    await started;
    for (let index = 0; index < 20; index += 1) harness.send(core, `k${index}`, { flow: 'dirty' });
    await harness.settle();
    await harness.advance(1_100);
    const states = (await harness.instances(core)).map(({ state }) => state);
    assert.equal(states.filter((state) => state === 'deactivating').length, 2);
    await harness.stop();
  });
});

describe('Stateless Cores', () => {
  function pool(options: InstanceOptions = {}) {
    const gate = new Latch();
    const running = { now: 0, most: 0 };
    const core = defineCore({
      name: 'pool',
      version: '1.0.0',
      instance: stateless(options),
      memory: { count: 0 },
    }).flows((flow) => ({
      work: flow({
        async run(ctx) {
          running.now += 1;
          running.most = Math.max(running.most, running.now);
          await gate.promise;
          running.now -= 1;
          return (ctx.memory.count += 1);
        },
      }),
      fast: flow({ run: (ctx) => (ctx.memory.count += 1) }),
      peek: flow({ readonly: true, run: (ctx) => ctx.memory.count }),
      fan: flow({
        async run(ctx, input) {
          const { depth, width } = input as { depth: number; width: number };
          if (depth === 0) return 1;
          const refs = Array.from({ length: width }, () => ctx.call('pool') as unknown as LooseRef);
          const calls = refs.map(async (ref) => await ref['fan']?.({ depth: depth - 1, width }));
          const parts = await Promise.all(calls);
          return parts.reduce((sum: number, part) => sum + Number(part), 0);
        },
      }),
    }));
    return { core, gate, running };
  }

  it('each call begins with empty memory, and leaves nothing', async () => {
    const { core } = pool();
    const harness = new SiloHarness({ cores: [core] });
    assert.deepEqual([await harness.ref(core).fast(), await harness.ref(core).fast()], [1, 1]);
    assert.equal((await harness.report()).activationBytes, 0);
  });

  it('no more than maxConcurrent run at once; the others wait in order, within the mailbox’s bound', async () => {
    const { core, gate, running } = pool({ maxConcurrent: 2, mailboxDepthMax: 3 });
    const harness = new SiloHarness({ cores: [core] });
    const sent = Array.from({ length: 7 }, () => harness.send(core, undefined, { flow: 'work' }));
    await harness.settle();
    assert.equal(running.now, 2);
    assert.deepEqual(sent.map(codeIn).filter(Boolean), ['ERR_CAPACITY_FULL', 'ERR_CAPACITY_FULL']);
    gate.open();
    await harness.settle();
    assert.equal(sent.filter((each) => codeIn(each) === 'ok').length, 5);
    assert.equal(running.most, 2);
  });

  it('thousands that waited, run without exhausting the stack', async () => {
    const { core, gate } = pool({ maxConcurrent: 1, mailboxDepthMax: 50_000 });
    const harness = new SiloHarness({ cores: [core] });
    harness.send(core, undefined, { flow: 'work' });
    const waiting = Array.from({ length: 20_000 }, () => harness.send(core, undefined, { flow: 'peek' }));
    gate.open();
    await harness.settle();
    assert.equal(waiting.filter((sent) => codeIn(sent) === 'ok').length, 20_000);
  });

  it('calls of a chain are let in above the bound, so that it cannot wait for itself, but not without bound', async () => {
    const { core } = pool({ maxConcurrent: 4 });
    const harness = new SiloHarness({ cores: [core] });
    const deep = harness.send(core, undefined, { flow: 'fan', input: { depth: 6, width: 1 } });
    const wide = harness.send(core, undefined, { flow: 'fan', input: { depth: 1, width: 50 } });
    await harness.settle();
    assert.deepEqual(deep.outcome, { output: 1 });
    assert.equal(codeIn(wide), 'ERR_FLOW_FAILED');
    assert.equal((await harness.report()).turnsRunning, 0);
  });

  it('a call past its time limit is given up, and its place is free again', async () => {
    const { core } = pool({ maxConcurrent: 1 });
    const harness = new SiloHarness({ cores: [core] });
    const hung = harness.send(core, undefined, { flow: 'work' });
    const behind = harness.send(core, undefined, { flow: 'fast' });
    await harness.advance(30_100);
    assert.deepEqual([codeIn(hung), codeIn(behind)], ['ERR_TURN_TIMEOUT', 'ok']);
  });
});
