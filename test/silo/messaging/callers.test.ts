import assert from 'node:assert/strict';
import { defineCore, entity, type LooseRef } from '../../../lib/index.ts';
import { codeOf, Latch, SiloHarness } from '../../support/silo-harness.ts';

const echo = defineCore({ name: 'echo', version: '1.0.0', instance: entity({ entityKey: 'id' }) }).flows(
  (flow) => ({
    who: flow({ run: (ctx) => ctx.principal }),
    left: flow({ run: (ctx) => ctx.deadline.remainingMs }),
    relay: flow({
      timeLimitMs: 5_000,
      async run(ctx, input) {
        const { flow: name, options } = input as { flow: string; options?: object };
        return await (ctx.call('echo', 'target') as unknown as LooseRef)[name]?.(undefined, options);
      },
    }),
    hang: flow({ run: () => new Promise(() => {}) }),
    refused: flow({
      async run(ctx) {
        try {
          await (ctx.call('echo', 'target') as unknown as LooseRef)['who']?.(() => 1);
        } catch (error) {
          return (error as { code: string }).code;
        }
        return 'no error';
      },
    }),
  }),
);

describe('Callers', () => {
  it('a call from a grain is the grain’s own, not its caller’s', async () => {
    const harness = new SiloHarness({ cores: [echo] });
    assert.equal(await harness.ref(echo, 'a', 'alice').who(), 'alice');
    assert.equal(await harness.ref(echo, 'a', 'alice').relay({ flow: 'who' }), 'core:default/echo/a');
  });

  it('a nested call ends no later than its caller, its caller’s time limit, or its own deadline (hazards.md 20)', async () => {
    const harness = new SiloHarness({ cores: [echo] });
    const grain = harness.ref(echo, 'a');
    assert.equal(await grain.relay({ flow: 'left' }, { deadlineMs: 1_000 }), 1_000);
    assert.equal(await grain.relay({ flow: 'left' }), 5_000);
    assert.equal(await grain.relay({ flow: 'left', options: { deadlineMs: 300 } }), 300);
    assert.equal(await grain.relay({ flow: 'left', options: { deadlineMs: 60_000 } }), 5_000);
  });

  it('an input that is no value, is refused before it leaves', async () => {
    const harness = new SiloHarness({ cores: [echo] });
    for (const odd of [() => 1, 1n, new Date(0), { deep: Symbol('x') }, Number.NaN])
      assert.equal(await codeOf(harness.ref(echo, 'a').who(odd)), 'ERR_VALUE_INVALID');
    assert.equal(await harness.ref(echo, 'a').refused(), 'ERR_VALUE_INVALID');
    assert.equal((await harness.report()).turnsFailed, 0);
  });

  it('a signal that is aborted already, sends nothing', async () => {
    const harness = new SiloHarness({ cores: [echo] });
    const call = harness.ref(echo, 'a').who(undefined, { signal: AbortSignal.abort() });
    assert.equal(await codeOf(call), 'ERR_CALL_CANCELLED');
    assert.equal((await harness.report()).activated, 0);
  });

  it('a signal that outlives its calls, keeps no listener of theirs', async () => {
    const harness = new SiloHarness({ cores: [echo] });
    const abort = new AbortController();
    let listeners = 0;
    const { signal } = abort;
    const add = signal.addEventListener.bind(signal);
    const remove = signal.removeEventListener.bind(signal);
    signal.addEventListener = (...args: Parameters<typeof add>) => ((listeners += 1), add(...args));
    signal.removeEventListener = (...args: Parameters<typeof remove>) => ((listeners -= 1), remove(...args));
    for (let index = 0; index < 10; index += 1) await harness.ref(echo, 'a').who(undefined, { signal });
    await harness.settle();
    assert.equal(listeners, 0);
  });

  it('a call without an answer, ends after 30 s at the latest', async () => {
    const harness = new SiloHarness({ cores: [echo] });
    const hung = codeOf(harness.ref(echo, 'a').hang());
    await harness.advance(30_100);
    assert.match(await hung, /ERR_CALL_TIMEOUT|ERR_TURN_TIMEOUT/);
  });

  it('an unknown Core is refused', async () => {
    const harness = new SiloHarness({ cores: [echo] });
    const ref = harness.silo.ref('nope', 'a') as unknown as LooseRef;
    assert.equal(await codeOf(ref['go']?.() ?? Promise.resolve()), 'ERR_CORE_UNKNOWN');
  });

  it('a nested call that fails while nobody awaits it, does not end the process', async () => {
    const gate = new Latch();
    const careless = defineCore({
      name: 'careless',
      version: '1.0.0',
      instance: entity({ entityKey: 'id' }),
    }).flows((flow) => ({
      fire: flow({
        run(ctx) {
          void (ctx.call('nope', 'x') as unknown as LooseRef)['go']?.();
          return 'done';
        },
      }),
    }));
    const seen: unknown[] = [];
    const onUnhandled = (error: unknown): void => void seen.push(error);
    process.on('unhandledRejection', onUnhandled);
    try {
      const harness = new SiloHarness({ cores: [careless] });
      assert.equal(await harness.ref(careless, 'a').fire(), 'done');
      await harness.settle();
      gate.open();
      assert.deepEqual(seen, []);
    } finally {
      process.off('unhandledRejection', onUnhandled);
    }
  });
});
