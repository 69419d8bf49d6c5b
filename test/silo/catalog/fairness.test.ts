import assert from 'node:assert/strict';
import { defineCore, entity, type LooseRef } from '../../../lib/index.ts';
import { codeIn, Latch, SiloHarness } from '../../support/silo-harness.ts';

describe('Activation: a long mailbox', () => {
  it('gives the loop back between slices, and is emptied in order', async () => {
    const gate = new Latch();
    const order: number[] = [];
    const core = defineCore({
      name: 'hot',
      version: '1.0.0',
      instance: entity({ entityKey: 'id', mailboxDepthMax: 10_000 }),
      level: 'volatile',
    }).flows((flow) => ({
      hold: flow({ run: () => gate.promise }),
      work: flow({
        run(_ctx, input) {
          harness.clock.stall(0.1);
          order.push((input as { n: number }).n);
        },
      }),
    }));
    const harness = new SiloHarness({ cores: [core] });
    harness.send(core, 'a', { flow: 'hold' });
    for (let n = 0; n < 1_000; n += 1) harness.send(core, 'a', { flow: 'work', input: { n } });
    harness.isDeferHeld = true;
    gate.open();
    await harness.settle();
    assert.ok(order.length > 0 && order.length < 200, `${order.length} turns without a break`);
    harness.isDeferHeld = false;
    await harness.settle();
    assert.deepEqual(
      order,
      Array.from({ length: 1_000 }, (_unused, n) => n),
    );
  });

  it('is bounded: what does not fit is refused, not executed, with a hint when to come again', async () => {
    const core = defineCore({
      name: 'hot',
      version: '1.0.0',
      instance: entity({ entityKey: 'id', mailboxDepthMax: 4, mailboxBytesMax: 1_000 }),
    }).flows((flow) => ({ hang: flow({ run: () => new Promise(() => {}) }), work: flow({ run: () => 1 }) }));
    const harness = new SiloHarness({ cores: [core] });
    harness.send(core, 'a', { flow: 'hang' });
    const byCount = Array.from({ length: 6 }, () => harness.send(core, 'a', { flow: 'work' }));
    harness.send(core, 'b', { flow: 'hang' });
    const byBytes = Array.from({ length: 4 }, () => harness.ref(core, 'b').work('x'.repeat(400)));
    const refused = Promise.allSettled(byBytes);
    await harness.settle();
    assert.deepEqual(byCount.map(codeIn), [
      ...Array<undefined>(4).fill(undefined),
      'ERR_MAILBOX_FULL',
      'ERR_MAILBOX_FULL',
    ]);
    await harness.advance(31_000);
    const reasons = (await refused).map((each) =>
      each.status === 'rejected' ? (each.reason as { code: string }).code : 'ok',
    );
    assert.deepEqual(reasons.filter((code) => code === 'ERR_MAILBOX_FULL').length, 2);
  });

  it('a caller that gave up, is passed over', async () => {
    const gate = new Latch();
    const runs: string[] = [];
    const core = defineCore({ name: 'hot', version: '1.0.0', instance: entity({ entityKey: 'id' }) }).flows(
      (flow) => ({
        hold: flow({ run: () => gate.promise }),
        work: flow({ run: (_ctx, input) => void runs.push(String(input)) }),
      }),
    );
    const harness = new SiloHarness({ cores: [core] });
    const abort = new AbortController();
    const running = harness.ref(core, 'a').hold(undefined, { signal: abort.signal });
    const waiting = harness.ref(core, 'a').work('gone', { signal: abort.signal });
    const outcomes = Promise.allSettled([running, waiting]);
    const last = harness.send(core, 'a', { flow: 'work', input: 'last' });
    await harness.settle();
    abort.abort();
    gate.open();
    await harness.settle();
    const codes = (await outcomes).map((each) =>
      each.status === 'rejected' ? (each.reason as { code: string }).code : 'ok',
    );
    assert.deepEqual(codes, ['ERR_CALL_CANCELLED', 'ERR_CALL_CANCELLED']);
    assert.deepEqual([runs, codeIn(last)], [['last'], 'ok']);
  });

  it('a storm of calls between grains, ends with every call answered once', async () => {
    const core = defineCore({
      name: 'mesh',
      version: '1.0.0',
      instance: entity({ entityKey: 'id', maxActiveInstances: 8, maxConcurrent: 2, idleTimeoutMs: 50 }),
      memory: { count: 0 },
    }).flows((flow) => ({
      visit: flow({
        async run(ctx, input): Promise<unknown> {
          const { hops } = input as { hops: readonly string[] };
          const [next, ...rest] = hops;
          ctx.memory.count += 1;
          if (next === undefined) return 1;
          return await (ctx.call('mesh', next) as unknown as LooseRef)['visit']?.({ hops: rest });
        },
      }),
    }));
    const harness = new SiloHarness({ cores: [core] });
    const sent = Array.from({ length: 500 }, (_unused, index) => {
      const hops = [index % 5, (index + 1) % 7, (index + 3) % 11].map((key) => `k${key}`);
      return harness.send(core, `k${index % 13}`, { flow: 'visit', input: { hops }, deadlineMs: 20_000 });
    });
    await harness.advance(25_000);
    assert.equal(sent.filter((each) => each.outcome === undefined).length, 0);
    await harness.advance(40_000);
    const { turnsRunning, messagesWaiting, activations, activationBytes } = await harness.report();
    assert.deepEqual([turnsRunning, messagesWaiting, activations, activationBytes], [0, 0, 0, 0]);
    await harness.advance(100);
    assert.equal(harness.clock.nextDueMs, undefined);
  });
});
