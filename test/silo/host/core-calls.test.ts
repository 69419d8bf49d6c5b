import assert from 'node:assert/strict';
import { type TestHost, testHost } from '../../../gateway/testing/index.ts';
import { type CallOptions, defineCore, entity, type LooseRef, value } from '../../../lib/index.ts';
import type { EngineEvent, IRModule, JsonValue, PluginCall } from '../../../lib/lang/index.ts';
import { programCores, type ProgramParts } from '../../../silo/internal.ts';
import {
  checkpoint,
  coreCall,
  emit,
  flow,
  give,
  INT,
  literal,
  memory,
  object,
  plus,
  program,
  ref,
  rigid,
  STRING,
} from './ir-programs.ts';

/** A Core in TypeScript that programs call, and that listens to them. */
const stock = defineCore({
  name: 'StockRoom',
  version: '1.2.0',
  instance: entity({ entityKey: 'sku' }),
  memory: { taken: value<number>(0), by: value<string>('') },
  on: { 'core://Shop/sold': 'sold' },
}).flows((make) => ({
  take: make({
    run(ctx, input) {
      const { count = 1 } = (input ?? {}) as { count?: number };
      if (count > 100) throw new Error('so many');
      ctx.memory.taken += count;
      ctx.memory.by = ctx.principal;
      return ctx.memory.taken;
    },
  }),
  sold: make({
    run(ctx) {
      ctx.memory.taken += 1_000;
    },
  }),
  read: make({ readonly: true, run: (ctx) => [ctx.memory.taken, ctx.memory.by] }),
  waiting: make({ run: (ctx) => ctx.call('Shop', 'x') }),
}));

const sku = { sku: ref('sku') };

const shop = program({
  name: 'Shop',
  instance: { mode: 'entity', entity_key: 'shop' },
  memory: { bought: INT },
  plugins: [{ alias: 'mail', publisher: 'acme', name: 'mail', version: '1.0' }],
  subscriptions: [{ event: 'opened', source_core: 'core://acme/shop', target_flow: 'on_opened' }],
  flows: [
    flow('buy', { shop: STRING, sku: STRING, count: INT }, [
      coreCall('core://acme/stock-room', {
        flow_name: 'take',
        input_bindings: { ...sku, count: ref('count') },
        result_binding: 'left',
      }),
      rigid(memory('write', 'bought', [ref('left')]), emit('sold', { ...sku }), give(ref('left'))),
    ]),
    flow('both', { shop: STRING }, [
      coreCall('core://StockRoom', {
        flow_name: 'take',
        instance_key: literal('a'),
        is_async: true,
        result_binding: 'first',
      }),
      coreCall('core://stock-room', {
        flow_name: 'take',
        instance_key: literal('b'),
        input_bindings: { count: literal(5) },
        is_async: true,
        result_binding: 'second',
      }),
      { kind: 'await_responses', handles: [ref('first'), ref('second')], mode: 'all', result_binding: 'all' },
      rigid(give(ref('all'))),
    ]),
    flow('nobody', { shop: STRING }, [coreCall('core://acme/nobody', { flow_name: 'x' })]),
    flow('caught', { shop: STRING, count: INT }, [
      {
        kind: 'try',
        body: [
          coreCall('core://stock-room', {
            flow_name: 'take',
            instance_key: literal('a'),
            input_bindings: { count: ref('count') },
            result_binding: 'left',
          }),
          rigid(give(ref('left'))),
        ],
        catches: [{ error_type: 'CoreCallError', binding: 'err', body: [rigid(give(ref('err')))] }],
      },
    ]),
    flow('mail', { shop: STRING, text: STRING }, [
      rigid(
        { kind: 'plugin_call', plugin: 'mail', method: 'send', args: [ref('text')], result_binding: 'sent' },
        give(ref('sent')),
      ),
    ]),
    flow('open', { shop: STRING }, [
      rigid(emit('opened', { shop: plus(ref('shop'), literal('-next'), 'string') })),
    ]),
    flow('on_opened', { shop: STRING }, [rigid(memory('write', 'bought', [literal(77)]))]),
    flow('read', { shop: STRING }, [rigid(memory('read', 'bought', [], 'bought'), give(ref('bought')))]),
    flow('waiting', { shop: STRING }, [
      coreCall('core://shop', { flow_name: 'ask', instance_key: literal('other'), result_binding: 'answer' }),
      rigid(give(ref('answer'))),
    ]),
    flow('ask', { shop: STRING }, [
      checkpoint('decision'),
      rigid(give(object({ decision: ref('decision') }))),
    ]),
    flow('hidden', { shop: STRING }, [rigid(give(literal('told')))]),
    flow('uses_hidden', { shop: STRING }, [
      coreCall('core://shop', { flow_name: 'hidden', instance_key: literal('h'), result_binding: 'told' }),
      rigid(give(ref('told'))),
    ]),
  ],
  internal_flows: ['hidden'],
});

function pluginsFor(calls: PluginCall[]): NonNullable<ProgramParts['plugins']> {
  return {
    has: () => true,
    call(call) {
      calls.push(call);
      return `sent ${String(call.args[0])}`;
    },
  };
}

async function start(parts: ProgramParts = {}, module: IRModule = shop): Promise<TestHost> {
  const plugins = pluginsFor([]);
  return await testHost({ cores: [...programCores(module, { plugins, ...parts }), stock] });
}

function callOf(running: TestHost, core: string, key?: string) {
  const target = running.silo.ref(core, key) as unknown as LooseRef;
  return async (name: string, input: object = {}, options: CallOptions = {}): Promise<unknown> =>
    await target[name]?.(input, options);
}

describe('Hosted program: calls, events and plugins', () => {
  it('core_call, by slug, reaches the grain that the input names, as this Core', async () => {
    const running = await start();
    assert.equal(await callOf(running, 'Shop', 's')('buy', { sku: 'pen', count: 3 }), 3);
    assert.deepEqual(await callOf(running, 'StockRoom', 'pen')('read'), [3, 'core:default/Shop/s']);
    await running.stop();
  });

  it('emit, reaches a Core in TypeScript that listens, once', async () => {
    const running = await start();
    await callOf(running, 'Shop', 's')('buy', { sku: 'pen', count: 3 });
    await running.settle();
    await running.restart();
    await running.advance(5_000);
    assert.deepEqual((await callOf(running, 'StockRoom', 'pen')('read')) as unknown[], [
      1_003,
      'core:default/Shop/s',
    ]);
    await running.stop();
  });

  it('@on, by slug, runs the flow in the grain that the event names', async () => {
    const running = await start();
    await callOf(running, 'Shop', 's')('open');
    await running.settle();
    assert.equal(await callOf(running, 'Shop', 's-next')('read'), 77);
    assert.equal(await callOf(running, 'Shop', 's')('read'), null);
    await running.stop();
  });

  it('async calls, awaited, give their results in order', async () => {
    const running = await start();
    assert.deepEqual(await callOf(running, 'Shop', 's')('both'), [1, 5]);
    await running.stop();
  });

  it('a Core that is not there, is a CoreCallError', async () => {
    const running = await start();
    await assert.rejects(
      async () => await callOf(running, 'Shop', 's')('nobody'),
      (error: { code?: string; details?: { error_type?: string } }) =>
        error.code === 'ERR_FLOW_FAILED' && error.details?.error_type === 'CoreCallError',
    );
    await running.stop();
  });

  it('a call that failed, can be caught with its code', async () => {
    const running = await start();
    const caught = (await callOf(running, 'Shop', 's')('caught', { count: 101 })) as {
      type: string;
      details: { code: string };
    };
    assert.deepEqual([caught.type, caught.details.code], ['CoreCallError', 'ERR_FLOW_FAILED']);
    assert.equal(await callOf(running, 'Shop', 's')('caught', { count: 2 }), 2);
    await running.stop();
  });

  it('a call whose flow is suspended, is an error of the caller, and waits where it is', async () => {
    const running = await start();
    await assert.rejects(async () => await callOf(running, 'Shop', 's')('waiting'), {
      code: 'ERR_FLOW_FAILED',
    });
    assert.equal(((await callOf(running, 'Shop', 'other')('checkpoints')) as unknown[]).length, 1);
    await running.stop();
  });

  it('internal flows, called by Cores, run', async () => {
    const running = await start();
    assert.equal(await callOf(running, 'Shop', 's')('uses_hidden'), 'told');
    await running.stop();
  });

  it('calls of plugins, for a message that comes again, have the same id', async () => {
    const calls: PluginCall[] = [];
    const failing = {
      ...pluginsFor(calls),
      call(call: PluginCall): JsonValue {
        calls.push(call);
        if (calls.length === 1) throw new Error('once');
        return 'sent';
      },
    };
    const running = await start({ plugins: failing });
    const [core] = programCores(shop, { plugins: failing });
    // A delivery of the bus that failed is made again; here, by a command that a crash took before its outcome was stored.
    const call = callOf(running, 'Shop', 's');
    await assert.rejects(async () => await call('mail', { text: 'a' }, { commandId: 'm1' }));
    assert.ok(core);
    await assert.rejects(async () => await call('mail', { text: 'a' }, { commandId: 'm1' }));
    assert.equal(calls.length, 1, 'the outcome of the command is remembered');
    await call('mail', { text: 'a' }, { commandId: 'm2' });
    assert.notEqual(calls[0]?.callId, calls[1]?.callId);
    await running.stop();
  });

  it('telemetry, goes to its hook and not to the bus', async () => {
    const events: EngineEvent[] = [];
    const running = await start({ telemetry: (event) => events.push(event) });
    await callOf(running, 'Shop', 's')('read');
    const types = events.map(({ type }) => type);
    assert.equal(types[0], 'scaicore.runtime.invocation.started');
    assert.equal(types.at(-1), 'scaicore.runtime.invocation.completed');
    const [core] = programCores(shop, { plugins: pluginsFor([]) });
    assert.deepEqual(await running.emissions(core ?? assert.fail(), 's'), []);
    await running.stop();
  });

  it('telemetry that throws, fails nothing', async () => {
    const running = await start({
      telemetry: () => {
        throw new Error('broken');
      },
    });
    assert.equal(await callOf(running, 'Shop', 's')('read'), null);
    await running.stop();
  });

  it('configuration and references, are those of the host', async () => {
    const module = program({
      name: 'Settings',
      instance: { mode: 'singleton' },
      config: [{ name: 'limit', type: INT, default: 3 }],
      reference: { prices: { kind: 'map', key: STRING, value: INT } },
      flows: [
        flow('read', {}, [
          rigid(
            give(
              object({
                limit: { kind: 'config', name: 'limit' },
                prices: { kind: 'reference', field: 'prices' },
              }),
            ),
          ),
        ]),
      ],
    });
    const reference = { read: (core: string, field: string) => ({ [`${core}.${field}`]: 1 }) };
    const running = await testHost({ cores: programCores(module, { config: { limit: 9 }, reference }) });
    assert.deepEqual(await callOf(running, 'Settings')('read'), {
      limit: 9,
      prices: { 'Settings.prices': 1 },
    });
    await running.stop();
  });
});
