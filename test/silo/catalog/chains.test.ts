import assert from 'node:assert/strict';
import { defineCore, entity, type InstanceOptions, type LooseRef } from '../../../lib/index.ts';
import { codeIn, codeOf, Latch, SiloHarness } from '../../support/silo-harness.ts';

/** Grains that call along a path: the first of `path` is called with the rest. */
function walker(options: InstanceOptions = {}) {
  const gate = new Latch();
  const core = defineCore({
    name: 'walker',
    version: '1.0.0',
    instance: entity({ entityKey: 'id', ...options }),
    memory: { visits: 0, other: 0 },
  }).flows((flow) => ({
    walk: flow({
      async run(ctx, input): Promise<unknown> {
        const { path, waits = false } = input as { path: readonly string[]; waits?: boolean };
        const [next, ...rest] = path;
        if (waits) await gate.promise;
        if (next === undefined) return ctx.key;
        const ref = ctx.call('walker', next) as unknown as LooseRef;
        return [ctx.key, await ref['walk']?.({ path: rest, waits })];
      },
    }),
    look: flow({
      readonly: true,
      async run(ctx, input): Promise<unknown> {
        const [next, ...rest] = (input as { path: readonly string[] }).path;
        if (next === undefined) return ctx.key;
        const ref = ctx.call('walker', next) as unknown as LooseRef;
        return [ctx.key, await ref['look']?.({ path: rest })];
      },
    }),
    bump: flow({ run: (ctx) => (ctx.memory.other += 1) }),
    bumpSelf: flow({
      async run(ctx) {
        ctx.memory.visits += 1;
        return await ctx.self['bump']?.();
      },
    }),
    count: flow({ readonly: true, run: (ctx) => [ctx.memory.visits, ctx.memory.other] }),
  }));
  return { core, gate };
}

describe('Call chains: cycles', () => {
  it('a call that would wait for its own caller, is refused at once, with the chain in the error', async () => {
    const { core } = walker();
    const harness = new SiloHarness({ cores: [core] });
    const sent = harness.send(core, 'a', { flow: 'walk', input: { path: ['b', 'c', 'a'] } });
    await harness.settle();
    assert.equal(codeIn(sent), 'ERR_FLOW_FAILED');
    const codes: string[] = [];
    let cause: unknown = sent.outcome && 'error' in sent.outcome ? sent.outcome.error : undefined;
    let chain: unknown;
    while (cause instanceof Error && 'code' in cause) {
      codes.push(String(cause.code));
      chain = (cause as { details?: { chain?: unknown } }).details?.chain;
      cause = cause.cause;
    }
    assert.equal(codes.at(-1), 'ERR_CALL_CYCLE');
    assert.deepEqual(chain, ['default/walker/a', 'default/walker/b', 'default/walker/c', 'default/walker/a']);
    assert.equal(harness.clock.nowMs(), 0);
  });

  it('a call that its turn did not await, comes back as any other: nothing waits for itself', async () => {
    const gate = new Latch();
    const hold = new Latch();
    const core = defineCore({
      name: 'casual',
      version: '1.0.0',
      instance: entity({ entityKey: 'id' }),
      memory: { came: 0 },
    }).flows((flow) => ({
      fire: flow({
        run(ctx) {
          void (ctx.call('casual', 'b') as unknown as LooseRef)['back']?.();
        },
      }),
      back: flow({
        async run(ctx) {
          await gate.promise;
          return await (ctx.call('casual', 'a') as unknown as LooseRef)['come']?.();
        },
      }),
      come: flow({ run: (ctx) => (ctx.memory.came += 1) }),
      hold: flow({ run: () => hold.promise }),
      came: flow({ readonly: true, run: (ctx) => ctx.memory.came }),
    }));
    const harness = new SiloHarness({ cores: [core] });
    await harness.ref(core, 'a').fire();
    harness.send(core, 'a', { flow: 'hold' });
    gate.open();
    await harness.settle();
    hold.open();
    await harness.settle();
    assert.equal(await harness.ref(core, 'a').came(), 1);
  });

  it('the grains of a broken cycle work on', async () => {
    const { core } = walker();
    const harness = new SiloHarness({ cores: [core] });
    assert.equal(await codeOf(harness.ref(core, 'a').walk({ path: ['b', 'a'] })), 'ERR_FLOW_FAILED');
    assert.deepEqual(await harness.ref(core, 'b').walk({ path: ['a'] }), ['b', 'a']);
    assert.equal((await harness.report()).turnsRunning, 0);
  });

  it('a reentrant Core lets its own chain in, also ahead of messages that wait', async () => {
    const { core, gate } = walker({ reentrant: true });
    const harness = new SiloHarness({ cores: [core] });
    const chain = harness.send(core, 'a', { flow: 'walk', input: { path: ['b', 'a'], waits: true } });
    const waiting = harness.send(core, 'a', { flow: 'bump' });
    await harness.settle();
    assert.equal(codeIn(waiting), undefined);
    gate.open();
    await harness.settle();
    assert.deepEqual(chain.outcome, { output: ['a', ['b', 'a']] });
    assert.deepEqual(waiting.outcome, { output: 1 });
  });

  it('a reentrant turn and the one it called, keep what each wrote to its own fields', async () => {
    const { core } = walker({ reentrant: true });
    const harness = new SiloHarness({ cores: [core] });
    assert.equal(await harness.ref(core, 'a').bumpSelf(), 1);
    assert.deepEqual(await harness.ref(core, 'a').count(), [1, 1]);
  });

  it('readonly flows may call in a circle', async () => {
    const { core } = walker();
    const harness = new SiloHarness({ cores: [core] });
    assert.deepEqual(await harness.ref(core, 'a').look({ path: ['b', 'a'] }), ['a', ['b', 'a']]);
  });

  it('two chains that cross, end by their deadlines at the latest, and the grains work on', async () => {
    const { core, gate } = walker();
    const harness = new SiloHarness({ cores: [core] });
    const left = harness.send(core, 'a', {
      flow: 'walk',
      input: { path: ['b'], waits: true },
      deadlineMs: 1_000,
    });
    const right = harness.send(core, 'b', {
      flow: 'walk',
      input: { path: ['a'], waits: true },
      deadlineMs: 1_000,
    });
    await harness.settle();
    gate.open();
    await harness.advance(1_100);
    for (const sent of [left, right]) assert.match(codeIn(sent) ?? '', /ERR_CALL_TIMEOUT|ERR_FLOW_FAILED|ok/);
    await harness.advance(40_000);
    assert.deepEqual(await harness.ref(core, 'a').walk({ path: ['b'] }), ['a', 'b']);
  });

  it('a chain of more than 64 calls, is refused', async () => {
    const { core } = walker({ maxConcurrent: 1_000 });
    const harness = new SiloHarness({ cores: [core] });
    const path = Array.from({ length: 80 }, (_unused, index) => `k${index}`);
    assert.equal(await codeOf(harness.ref(core, 'a').walk({ path })), 'ERR_FLOW_FAILED');
    assert.deepEqual(await harness.ref(core, 'a').walk({ path: ['b'] }), ['a', 'b']);
  });
});

describe('Call chains: the cap of activations (hazards.md 21)', () => {
  for (const overflow of ['queue', 'deactivate_lru', 'reject'] as const) {
    it(`with ${overflow}, busy grains that call others of their Core do not wait for each other for ever`, async () => {
      const { core, gate } = walker({ maxActiveInstances: 2, overflow });
      const harness = new SiloHarness({ cores: [core] });
      const left = harness.send(core, 'a', { flow: 'walk', input: { path: ['x'], waits: true } });
      const right = harness.send(core, 'b', { flow: 'walk', input: { path: ['y'], waits: true } });
      await harness.settle();
      gate.open();
      await harness.settle();
      assert.deepEqual(left.outcome, { output: ['a', 'x'] });
      assert.deepEqual(right.outcome, { output: ['b', 'y'] });
    });
  }

  it('chains get as much room again above the cap, and are then refused', async () => {
    const { core } = walker({ maxActiveInstances: 2, overflow: 'queue' });
    const harness = new SiloHarness({ cores: [core] });
    assert.deepEqual(await harness.ref(core, 'a').walk({ path: ['b', 'c', 'd'] }), ['a', ['b', ['c', 'd']]]);
    await harness.advance(700_000);
    const tooLong = harness.send(core, 'a', { flow: 'walk', input: { path: ['b', 'c', 'd', 'e'] } });
    await harness.settle();
    let cause: unknown = tooLong.outcome && 'error' in tooLong.outcome ? tooLong.outcome.error : undefined;
    while (cause instanceof Error && cause.cause) cause = cause.cause;
    assert.equal((cause as { code?: string }).code, 'ERR_CAPACITY_CHAIN');
  });
});
