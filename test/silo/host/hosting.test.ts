import assert from 'node:assert/strict';
import { type TestHost, testHost } from '../../../gateway/testing/index.ts';
import type { AnyCore, LooseRef } from '../../../lib/index.ts';
import type { IRBlock, IRExpr, IRModule } from '../../../lib/lang/index.ts';
import { programCores, type ProgramParts } from '../../../silo/internal.ts';
import {
  ANY,
  assign,
  emit,
  fail,
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

const MAP_OF_INT = { kind: 'map', key: STRING, value: INT } as const;
const LIST_OF_INT = { kind: 'array', item: INT } as const;

const orders = program({
  name: 'Orders',
  instance: { mode: 'entity', entity_key: 'order_id' },
  memory: { total: INT, counts: MAP_OF_INT, lines: { kind: 'named', name: 'Lines' }, update: STRING },
  types: { Lines: LIST_OF_INT },
  flows: [
    flow('add', { order_id: STRING, by: INT }, [
      rigid(
        memory('read', 'total', [], 'old'),
        assign(
          'now',
          plus(
            { kind: 'conditional', condition: isNull('old'), then: literal(0), otherwise: ref('old') },
            ref('by'),
          ),
        ),
        memory('write', 'total', [ref('now')]),
        memory('set', 'counts', [ref('order_id'), ref('now')]),
        memory('add', 'lines', [ref('by')]),
        memory('write', 'update', [literal('a field that ctx.memory has for itself')]),
        emit('added', { by: ref('by') }),
        give(ref('now')),
      ),
    ]),
    flow('read', { order_id: STRING }, [
      rigid(
        memory('read', 'total', [], 'total'),
        memory('read', 'counts', [], 'counts'),
        memory('read', 'lines', [], 'lines'),
        memory('last', 'lines', [literal(2)], 'last'),
        memory('read', 'update', [], 'update'),
        give(
          object({
            total: ref('total'),
            counts: ref('counts'),
            lines: ref('lines'),
            last: ref('last'),
            update: ref('update'),
          }),
        ),
      ),
    ]),
    flow('replace', { order_id: STRING }, [
      rigid(
        memory('write', 'lines', [literal([7, 8])]),
        memory('write', 'counts', [literal({ z: 1 })]),
        memory('add', 'lines', [literal(9)]),
      ),
    ]),
    flow('break', { order_id: STRING }, [
      rigid(memory('write', 'total', [literal(1000)]), emit('added', { by: literal(1000) }), fail('no')),
    ]),
    flow('bad_key', { order_id: STRING, key: STRING }, [
      rigid(memory('set', 'counts', [ref('key'), literal(1)])),
    ]),
    flow('secret', { order_id: STRING }, [rigid(give(literal('told')))]),
  ],
  internal_flows: ['secret'],
});

function isNull(name: string): IRExpr {
  return { kind: 'binary', op: '==', operands: 'any', left: ref(name), right: literal(null) };
}

async function host(
  module: IRModule,
  parts: ProgramParts = {},
  more: readonly AnyCore[] = [],
): Promise<TestHost> {
  return await testHost({ cores: [...programCores(module, parts), ...more] });
}

function grain(running: TestHost, core: string, key?: string): LooseRef {
  return running.silo.ref(core, key) as unknown as LooseRef;
}

describe('Hosted program: memory and routing', () => {
  let running: TestHost;
  const order = (key?: string): LooseRef => grain(running, 'Orders', key);
  beforeEach(async () => {
    running = await host(orders);
  });
  afterEach(async () => {
    await running.stop();
  });

  it('values, maps and lists, are written and read, each grain its own', async () => {
    assert.equal(await order('a')['add']?.({ order_id: 'a', by: 2 }), 2);
    assert.equal(await order('a')['add']?.({ order_id: 'a', by: 3 }), 5);
    assert.equal(await order('b')['add']?.({ order_id: 'b', by: 10 }), 10);
    assert.deepEqual(await order('a')['read']?.({}), {
      total: 5,
      counts: { a: 5 },
      lines: [2, 3],
      last: [2, 3],
      update: 'a field that ctx.memory has for itself',
    });
  });

  it('whole fields, written, have what was written and nothing of before', async () => {
    await order('a')['add']?.({ by: 2 });
    await order('a')['replace']?.({});
    const { lines, counts } = (await order('a')['read']?.({})) as { lines: unknown; counts: unknown };
    assert.deepEqual([lines, counts], [[7, 8, 9], { z: 1 }]);
  });

  it('the key, from the input alone, is the grain', async () => {
    assert.equal(await order()['add']?.({ order_id: 'c', by: 1 }), 1);
    const { total } = (await order('c')['read']?.({})) as { total: number };
    assert.equal(total, 1);
    await assert.rejects(async () => await order()['add']?.({ by: 1 }), { code: 'ERR_KEY_REQUIRED' });
    await assert.rejects(async () => await order('a')['add']?.({ order_id: 'b', by: 1 }), {
      code: 'ERR_KEY_MISMATCH',
    });
  });

  it('memory, after a crash, is what was committed', async () => {
    await order('a')['add']?.({ by: 4 });
    await running.restart();
    assert.equal(await grain(running, 'Orders', 'a')['add']?.({ by: 1 }), 5);
  });

  it('input that does not fit, is refused with ERR_INPUT_INVALID', async () => {
    for (const input of [{ by: 'much' }, {}, { by: null }])
      await assert.rejects(async () => await order('a')['add']?.(input), { code: 'ERR_INPUT_INVALID' });
    for (const input of [[1], 'x', 7])
      await assert.rejects(async () => await order('a')['add']?.(input), { code: 'ERR_INPUT_INVALID' });
  });

  it('a flow that fails, leaves nothing, and tells the type and the message', async () => {
    await order('a')['add']?.({ by: 1 });
    await assert.rejects(
      async () => await order('a')['break']?.({}),
      (error: { code?: string; details?: object }) => {
        assert.equal(error.code, 'ERR_FLOW_FAILED');
        const { error_type, message } = error.details as { error_type: string; message: string };
        assert.deepEqual([error_type, message], ['FailError', 'no']);
        return true;
      },
    );
    assert.equal(((await order('a')['read']?.({})) as { total: number }).total, 1);
    const [core] = programCores(orders);
    const emitted = await running.emissions(core ?? assert.fail(), 'a');
    assert.deepEqual(
      emitted.map(({ event, data }) => [event, data]),
      [['added', { by: 1 }]],
    );
  });

  it('keys of a map that no store takes, are refused under their own code', async () => {
    for (const key of ['', 'a\u0000b', 'x'.repeat(600)])
      await assert.rejects(async () => await order('a')['bad_key']?.({ key }), { code: 'ERR_KEY_INVALID' });
  });

  it('names that objects have by themselves, are data like others', async () => {
    for (const key of ['constructor', 'toString', 'hasOwnProperty', 'prototype'])
      await order('a')['bad_key']?.({ key });
    const { counts } = (await order('a')['read']?.({})) as { counts: object };
    assert.deepEqual(Object.keys(counts).sort(), ['constructor', 'hasOwnProperty', 'prototype', 'toString']);
  });

  it('a command id, used twice, has run once', async () => {
    const options = { commandId: 'once' };
    assert.equal(await order('a')['add']?.({ by: 1 }, options), 1);
    assert.equal(await order('a')['add']?.({ by: 1 }, options), 1);
    assert.equal(await order('a')['add']?.({ by: 1 }), 2);
  });

  it('internal flows, called from outside, are refused', async () => {
    await assert.rejects(async () => await order('a')['secret']?.({}), { code: 'ERR_AUTH_FORBIDDEN' });
    const asCore = running.silo.ref('Orders', 'a', {
      principal: 'core:default/Orders/a',
    }) as unknown as LooseRef;
    await assert.rejects(async () => await asCore['secret']?.({}), { code: 'ERR_AUTH_FORBIDDEN' });
  });

  it('events, by the name of a flow, run it', async () => {
    const [core] = programCores(orders);
    await running.send(core ?? assert.fail(), 'a', 'add', { by: 6 });
    assert.equal(((await order('a')['read']?.({})) as { total: number }).total, 6);
  });
});

describe('Hosted program: definitions', () => {
  it('manifest, has types of the program, and hides what is internal', async () => {
    const running = await host(orders);
    const manifest = running.silo.manifests().get('Orders');
    assert.equal(manifest?.entityKey, 'order_id');
    const add = manifest.flows.find(({ name }) => name === 'add');
    const { required } = add?.input as { required: readonly string[] };
    assert.deepEqual(required, ['order_id', 'by']);
    assert.equal(manifest.flows.find(({ name }) => name === 'secret')?.isInternal, true);
    assert.equal(manifest.events['secret'], undefined);
    await running.stop();
  });

  it('options of the instance, are those of the Core', () => {
    const [core] = programCores({
      ...orders,
      instance: {
        mode: 'entity',
        entity_key: 'order_id',
        idle_timeout_ms: 5_000,
        max_concurrent: 3,
        max_active_instances: 7,
        overflow: 'reject',
      },
    });
    const { idleTimeoutMs, maxConcurrent, maxActiveInstances, overflow } =
      core?.definition.instance ?? assert.fail();
    assert.deepEqual([idleTimeoutMs, maxConcurrent, maxActiveInstances, overflow], [5_000, 3, 7, 'reject']);
  });

  it('programs that no Core can be, are refused with ERR_CORE_INVALID', () => {
    const schedule = (cron: string, timezone?: string): IRModule['triggers'] => [
      {
        kind: 'schedule',
        name: 's',
        target_flow: 'add',
        cron,
        ...(timezone === undefined ? {} : { timezone }),
      },
    ];
    const broken: readonly IRModule[] = [
      { ...orders, triggers: schedule('every day') },
      { ...orders, triggers: schedule('0 2 * * *', 'Mars/Olympus') },
      { ...orders, flows: [flow('then', {}, [])] },
      { ...orders, name: '9 lives' },
      { ...orders, instance: { mode: 'entity' } },
    ];
    for (const module of broken)
      assert.throws(() => programCores(module), /./, JSON.stringify(module.triggers));
  });

  it('time limits, are five minutes where models are asked, and can be set', () => {
    const asking: IRBlock = {
      kind: 'flexible',
      goal: literal('g'),
      output_type: { kind: 'object', fields: [] },
      llm_role: null,
      input_bindings: { x: literal(1) },
      context_bindings: {},
    };
    const module = program({
      name: 'Asker',
      instance: { mode: 'singleton' },
      models: {
        primary: { provider: 'scaigrid', model: 'm', modalities: ['structured_output'], fallback: [] },
      },
      flows: [flow('ask', {}, [asking]), flow('plain', {}, [rigid(give(literal(1)))], ANY)],
    });
    const models = { complete: () => Promise.reject(new Error('never')) };
    const limitsOf = (parts: ProgramParts): unknown[] =>
      [...(programCores(module, { models, ...parts })[0]?.definition.flows.values() ?? [])].map(
        ({ timeLimitMs }) => timeLimitMs,
      );
    assert.deepEqual(limitsOf({}), [300_000, 30_000]);
    assert.deepEqual(limitsOf({ modelTimeLimitMs: 9, timeLimitMs: 8 }), [9, 8]);
  });
});
