import assert from 'node:assert/strict';
import { type TestHost, testHost } from '../../../gateway/testing/index.ts';
import type { CallOptions, LooseRef } from '../../../lib/index.ts';
import {
  MemoryCheckpointStore,
  programCores,
  type ProgramParts,
  resumeCheckpoint,
} from '../../../silo/internal.ts';
import {
  checkpoint,
  emit,
  flow,
  give,
  INT,
  literal,
  memory,
  object,
  program,
  ref,
  rigid,
  STRING,
} from './ir-programs.ts';

const DAY = 24 * 3_600_000;

const mailer = program({
  name: 'Mailer',
  memory: { seen: INT },
  flows: [
    flow('plain', { text: STRING }, [
      rigid(memory('read', 'seen', [], 'seen'), memory('write', 'seen', [literal(1)]), give(ref('seen'))),
    ]),
    flow('ask', { text: STRING }, [
      rigid(memory('write', 'seen', [literal(5)])),
      checkpoint('decision'),
      rigid(
        memory('read', 'seen', [], 'seen'),
        give(object({ decision: ref('decision'), seen: ref('seen') })),
      ),
    ]),
    flow('shout', { text: STRING }, [rigid(emit('shouted', { text: ref('text') }), give(literal('done')))]),
  ],
});

const listener = program({
  name: 'Listener',
  instance: { mode: 'singleton' },
  memory: { heard: { kind: 'array', item: STRING } },
  subscriptions: [{ event: 'shouted', source_core: 'core://acme/mailer', target_flow: 'hear' }],
  flows: [
    flow('hear', { text: STRING }, [rigid(memory('add', 'heard', [ref('text')]))]),
    flow('read', {}, [rigid(memory('read', 'heard', [], 'heard'), give(ref('heard')))]),
  ],
});

interface Suspended {
  readonly status: string;
  readonly execution_id: string;
  readonly checkpoint: { readonly checkpoint_id: string };
}

function callOf(running: TestHost, core: string, key?: string) {
  const target = running.silo.ref(core, key) as unknown as LooseRef;
  return async (name: string, input: object = {}, options: CallOptions = {}): Promise<unknown> =>
    await target[name]?.(input, options);
}

async function start(parts: ProgramParts = {}): Promise<TestHost> {
  // Days pass here: nobody has to look at the heap every second of them.
  const silo = { sweepMs: 600_000 };
  return await testHost({ cores: [...programCores(mailer, parts), ...programCores(listener, parts)], silo });
}

describe('Hosted program: stateless', () => {
  it('plain flows, begin with empty memory each time', async () => {
    const running = await start();
    const call = callOf(running, 'Mailer');
    assert.equal(await call('plain', { text: 'a' }), null);
    assert.equal(await call('plain', { text: 'a' }), null);
    await running.stop();
  });

  it('suspended, lives in a grain of its own, and can be resumed after a crash', async () => {
    const running = await start();
    const call = callOf(running, 'Mailer');
    const first = (await call('ask', { text: 'a' })) as Suspended;
    const second = (await call('ask', { text: 'b' })) as Suspended;
    assert.notEqual(first.execution_id, second.execution_id);
    await running.restart();
    const resume = (to: Suspended, decision: string): Promise<unknown> =>
      callOf(running, 'Mailer')('resume', {
        execution_id: to.execution_id,
        checkpoint_id: to.checkpoint.checkpoint_id,
        resolution: { decision },
      });
    assert.deepEqual(await resume(second, 'drop'), { decision: 'drop', seen: 5 });
    assert.deepEqual(await resume(first, 'send'), { decision: 'send', seen: 5 });
    await assert.rejects(async () => await resume(first, 'send'), { code: 'ERR_CHECKPOINT_UNKNOWN' });
    await running.stop();
  });

  it('resumed by the id alone, is found by its row', async () => {
    const store = new MemoryCheckpointStore();
    const running = await start({ checkpoints: store });
    const { checkpoint: point } = (await callOf(running, 'Mailer')('ask', { text: 'a' })) as Suspended;
    await running.settle();
    const output = await resumeCheckpoint(running.silo, store, {
      checkpointId: point.checkpoint_id,
      resolution: { decision: 'send' },
      tenant: 'default',
      principal: 'ann',
    });
    assert.deepEqual(output, { decision: 'send', seen: 5 });
    await running.settle();
    assert.equal((await store.get(point.checkpoint_id))?.resolved_by, 'ann');
    await running.stop();
  });

  it('one command id, is one execution', async () => {
    const running = await start();
    const call = callOf(running, 'Mailer');
    const options = { commandId: 'c1' };
    const [first, second] = [
      await call('ask', { text: 'a' }, options),
      await call('ask', { text: 'a' }, options),
    ];
    assert.deepEqual(first, second);
    await running.stop();
  });

  it('events, reach Cores that listen', async () => {
    const running = await start();
    assert.equal(await callOf(running, 'Mailer')('shout', { text: 'hey' }), 'done');
    await running.settle();
    assert.deepEqual(await callOf(running, 'Listener')('read'), ['hey']);
    await running.stop();
  });

  it('errors, come through as they are', async () => {
    const running = await start();
    await assert.rejects(async () => await callOf(running, 'Mailer')('ask', { text: 7 }), {
      code: 'ERR_INPUT_INVALID',
    });
    await running.stop();
  });

  it('grains behind it, called from outside, run nothing', async () => {
    const running = await start();
    const behind = callOf(running, 'Mailer.executions', 'exec_mine');
    const forged = {
      input: { text: 'x' },
      trigger: { type: 'API' },
      identity: null,
      execution_id: 'exec_mine',
    };
    await assert.rejects(async () => await behind('ask', forged), { code: 'ERR_AUTH_FORBIDDEN' });
    assert.equal(running.silo.manifests().get('Mailer.executions')?.isInternal, true);
    await running.stop();
  });

  it('an execution that is over, is erased a day later; one that waits is not', async () => {
    const running = await start();
    const call = callOf(running, 'Mailer');
    const waiting = (await call('ask', { text: 'a' })) as Suspended;
    await call('shout', { text: 'hey' });
    await running.advance(2 * DAY);
    const pending = await callOf(running, 'Mailer.executions', waiting.execution_id)('checkpoints');
    assert.equal((pending as unknown[]).length, 1);
    await running.stop();
  });

  it('shared memory, where the host says so, is one for all calls and lasts', async () => {
    const running = await start({ statelessMemory: 'shared' });
    const call = callOf(running, 'Mailer');
    assert.equal(await call('plain', { text: 'a' }), null);
    assert.equal(await call('plain', { text: 'a' }), 1);
    await running.restart();
    assert.equal(await callOf(running, 'Mailer')('plain', { text: 'a' }), 1);
    await running.stop();
  });
});

describe('Hosted program: schedules', () => {
  const ticker = (mode: 'singleton' | 'stateless' | 'entity', cron = '* * * * *') =>
    program({
      name: 'Ticker',
      instance: mode === 'entity' ? { mode, entity_key: 'id' } : { mode },
      memory: { ticks: { kind: 'array', item: STRING } },
      triggers: [{ kind: 'schedule', name: 'often', target_flow: 'tick', cron }],
      flows: [
        flow('tick', mode === 'entity' ? { id: STRING } : {}, [
          rigid(memory('add', 'ticks', [literal('t')]), emit('ticked', { at: literal(1) })),
        ]),
        flow('read', mode === 'entity' ? { id: STRING } : {}, [
          rigid(memory('read', 'ticks', [], 'ticks'), give(ref('ticks'))),
        ]),
      ],
    });
  const MINUTE = 60_000;

  it('of a singleton, begin with the host, and go on after a crash without a double', async () => {
    const running = await testHost({ cores: programCores(ticker('singleton')) });
    await running.advance(MINUTE);
    assert.deepEqual(await callOf(running, 'Ticker')('read'), ['t']);
    await running.restart();
    await running.settle();
    await running.advance(MINUTE);
    assert.deepEqual(await callOf(running, 'Ticker')('read'), ['t', 't']);
    await running.stop();
  });

  it('a tick that was missed while nothing ran, is made up for once', async () => {
    const running = await testHost({ cores: programCores(ticker('singleton')) });
    await running.settle();
    await running.silo.stop();
    running.clock.advance(5 * MINUTE);
    await running.restart();
    await running.advance(1_000);
    assert.deepEqual(await callOf(running, 'Ticker')('read'), ['t']);
    await running.stop();
  });

  it('of entities, begin with the first turn of each', async () => {
    const running = await testHost({ cores: programCores(ticker('entity')) });
    assert.deepEqual(await callOf(running, 'Ticker', 'a')('read'), []);
    await running.advance(2 * MINUTE);
    assert.deepEqual(await callOf(running, 'Ticker', 'a')('read'), ['t', 't']);
    assert.deepEqual(await callOf(running, 'Ticker', 'b')('read'), []);
    await running.stop();
  });

  it('of a stateless Core, are executions of their own', async () => {
    const heard = program({
      ...listener,
      subscriptions: [{ event: 'ticked', source_core: 'core://ticker', target_flow: 'hear' }],
      flows: [
        flow('hear', { at: INT }, [rigid(memory('add', 'heard', [literal('tick')]))]),
        ...listener.flows.slice(1),
      ],
    });
    const running = await testHost({
      cores: [...programCores(ticker('stateless')), ...programCores(heard)],
    });
    await running.advance(3 * MINUTE);
    assert.deepEqual(await callOf(running, 'Listener')('read'), ['tick', 'tick', 'tick']);
    await running.stop();
  });

  it('changed in a new version, come at the new times only', async () => {
    const running = await testHost({ cores: programCores(ticker('singleton')) });
    await running.advance(MINUTE);
    const [next] = programCores(ticker('singleton', '0 0 1 1 *'));
    const replacing = running.silo.replace(next ?? assert.fail());
    await running.advance(50);
    await replacing;
    await running.advance(5 * MINUTE);
    assert.deepEqual(await callOf(running, 'Ticker')('read'), ['t']);
    await running.stop();
  });
});
