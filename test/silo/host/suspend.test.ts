import assert from 'node:assert/strict';
import { type TestHost, testHost } from '../../../gateway/testing/index.ts';
import type { CallOptions, LooseRef } from '../../../lib/index.ts';
import type { IRModule } from '../../../lib/lang/index.ts';
import { MemoryCheckpointStore, programCores, resumeCheckpoint } from '../../../silo/internal.ts';
import {
  checkpoint,
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

const MINUTE = 60_000;

interface Suspended {
  readonly status: string;
  readonly execution_id: string;
  readonly checkpoint: { readonly checkpoint_id: string; readonly expires_at: string | null };
}

function desk(mode: 'entity' | 'singleton', more: Partial<IRModule> = {}): IRModule {
  const params = mode === 'entity' ? { desk_id: STRING } : {};
  return program({
    name: 'Desk',
    instance: mode === 'entity' ? { mode, entity_key: 'desk_id' } : { mode },
    memory: { sent: INT },
    flows: [
      flow('send', { ...params, text: STRING }, [
        rigid(memory('write', 'sent', [literal(1)])),
        checkpoint('decision'),
        rigid(
          memory('read', 'sent', [], 'before'),
          memory('write', 'sent', [plus(ref('before'), literal(10))]),
          emit('sent', { text: ref('text') }),
          give(object({ decision: ref('decision'), text: ref('text') })),
        ),
      ]),
      flow('twice', params, [checkpoint('first'), checkpoint('second'), rigid(give(ref('second')))]),
      flow('timed', params, [
        {
          kind: 'try',
          body: [checkpoint('decision', { timeout: literal(MINUTE) }), rigid(give(ref('decision')))],
          catches: [
            {
              error_type: 'CheckpointTimeoutError',
              body: [rigid(memory('write', 'sent', [literal(-1)]), give(literal('too late')))],
            },
          ],
        },
      ]),
      flow('strict', params, [
        rigid(memory('write', 'sent', [literal(3)])),
        checkpoint('decision', { timeout: literal(MINUTE) }),
        rigid(give(ref('decision'))),
      ]),
      flow('climbing', params, [
        checkpoint('decision', { timeout: literal(MINUTE), on_timeout: literal('escalate') }),
        rigid(give(ref('decision'))),
      ]),
      flow('fragile', params, [
        rigid(memory('write', 'sent', [literal(5)])),
        checkpoint('decision'),
        rigid(memory('write', 'sent', [literal(99)]), fail('after')),
      ]),
      flow('read', params, [rigid(memory('read', 'sent', [], 'sent'), give(ref('sent')))]),
    ],
    ...more,
  });
}

function method(running: TestHost, key: string, name: string) {
  const target = running.silo.ref('Desk', key) as unknown as LooseRef;
  return async (input: object = {}, options: CallOptions = {}): Promise<unknown> =>
    await target[name]?.(input, options);
}

async function suspend(
  running: TestHost,
  key: string,
  name = 'send',
  input: object = {},
): Promise<Suspended> {
  const reply = (await method(running, key, name)(input)) as Suspended;
  assert.equal(reply.status, 'SUSPENDED');
  return reply;
}

const decided = (id: string, decision = 'send'): object => ({
  checkpoint_id: id,
  resolution: { decision },
});

describe('Hosted program: suspended executions', () => {
  let running: TestHost;
  let store: MemoryCheckpointStore;
  beforeEach(async () => {
    store = new MemoryCheckpointStore();
    running = await testHost({ cores: programCores(desk('entity'), { checkpoints: store }) });
  });
  afterEach(async () => {
    await running.stop();
  });
  const call = (name: string, input: object = {}, options: CallOptions = {}): Promise<unknown> =>
    method(running, 'a', name)(input, options);

  it('a checkpoint, replies SUSPENDED with what a person needs, and memory before it is committed', async () => {
    const reply = await suspend(running, 'a', 'send', { text: 'hello' });
    const { checkpoint_id, ...told } = reply.checkpoint as Suspended['checkpoint'] & Record<string, unknown>;
    assert.match(checkpoint_id, /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/);
    assert.deepEqual(told, {
      type: 'approval',
      prompt: 'Send it?',
      payload: { size: 3 },
      options: ['send', 'drop'],
      expires_at: null,
    });
    assert.equal(await call('read'), 1);
  });

  it('resumed, goes on with the decision, its scope and its memory', async () => {
    const { checkpoint: point } = await suspend(running, 'a', 'send', { text: 'hello' });
    assert.deepEqual(await call('resume', decided(point.checkpoint_id)), { decision: 'send', text: 'hello' });
    assert.equal(await call('read'), 11);
  });

  it('a crash between, changes nothing', async () => {
    const { checkpoint: point } = await suspend(running, 'a', 'send', { text: 'hello' });
    await running.restart();
    assert.deepEqual(await call('resume', decided(point.checkpoint_id)), { decision: 'send', text: 'hello' });
    await running.restart();
    await assert.rejects(async () => await call('resume', decided(point.checkpoint_id)), {
      code: 'ERR_CHECKPOINT_UNKNOWN',
    });
  });

  it('resumed by many at once, goes on once', async () => {
    const { checkpoint: point } = await suspend(running, 'a', 'send', { text: 'x' });
    const outcomes = await Promise.allSettled(
      Array.from({ length: 8 }, (_, index) =>
        call('resume', decided(point.checkpoint_id, index % 2 === 0 ? 'send' : 'drop')),
      ),
    );
    const refused = outcomes.filter(({ status }) => status === 'rejected');
    assert.equal(refused.length, 7);
    for (const outcome of refused)
      assert.equal((outcome as { reason: { code: string } }).reason.code, 'ERR_CHECKPOINT_UNKNOWN');
    assert.equal(await call('read'), 11);
  });

  it('resumed with a decision that is none of its options, is refused and stays', async () => {
    const { checkpoint: point } = await suspend(running, 'a', 'send', { text: 'x' });
    await assert.rejects(async () => await call('resume', decided(point.checkpoint_id, 'sned')), {
      code: 'ERR_INPUT_INVALID',
      message: /"sned" is none of the options: send, drop/,
    });
    assert.deepEqual(await call('resume', decided(point.checkpoint_id)), { decision: 'send', text: 'x' });
  });

  it('resumed twice with one command id, answers the same and went on once', async () => {
    const { checkpoint: point } = await suspend(running, 'a', 'send', { text: 'x' });
    const options = { commandId: 'decide-1' };
    const first = await call('resume', decided(point.checkpoint_id), options);
    await running.restart();
    assert.deepEqual(await call('resume', decided(point.checkpoint_id), options), first);
    assert.equal(await call('read'), 11);
  });

  it('suspended again, has another checkpoint; the first is used up', async () => {
    const first = await suspend(running, 'a', 'twice');
    const second = (await call('resume', decided(first.checkpoint.checkpoint_id, 'send'))) as Suspended;
    assert.equal(second.status, 'SUSPENDED');
    assert.equal(second.execution_id, first.execution_id);
    assert.notEqual(second.checkpoint.checkpoint_id, first.checkpoint.checkpoint_id);
    assert.equal(await call('resume', decided(second.checkpoint.checkpoint_id, 'drop')), 'drop');
  });

  it('an execution that fails after it was resumed, left nothing, and can be resumed again', async () => {
    const { checkpoint: point } = await suspend(running, 'a', 'fragile');
    for (let time = 0; time < 2; time += 1)
      await assert.rejects(async () => await call('resume', decided(point.checkpoint_id)), {
        code: 'ERR_FLOW_FAILED',
      });
    assert.equal(await call('read'), 5);
  });

  it('unknown ids and resolutions of no shape, are refused', async () => {
    const unknown = { code: 'ERR_CHECKPOINT_UNKNOWN' };
    const invalid = { code: 'ERR_INPUT_INVALID' };
    await assert.rejects(async () => await call('resume', decided('nobody')), unknown);
    await assert.rejects(async () => await call('resume', decided('__proto__')), unknown);
    await assert.rejects(async () => await call('resume', decided('')), invalid);
    await assert.rejects(async () => await call('resume', { checkpoint_id: 7, resolution: {} }), invalid);
    await assert.rejects(
      async () => await call('resume', { checkpoint_id: 'x', resolution: 'send' }),
      invalid,
    );
    const { checkpoint: point } = await suspend(running, 'a', 'send', { text: 'x' });
    const elsewhere = method(running, 'b', 'resume');
    await assert.rejects(async () => await elsewhere(decided(point.checkpoint_id)), unknown);
  });

  it('another body of the flow, is a mismatch, and the checkpoint stays', async () => {
    const { checkpoint: point } = await suspend(running, 'a', 'send', { text: 'x' });
    const changed = desk('entity', {
      flows: desk('entity').flows.map((other) =>
        other.name === 'send' ? { ...other, body: [rigid(give(literal(1))), ...other.body] } : other,
      ),
    });
    const [replaced] = programCores(changed, { checkpoints: store });
    const [original] = programCores(desk('entity'), { checkpoints: store });
    const replacing = running.silo.replace(replaced ?? assert.fail());
    await running.advance(50);
    await replacing;
    await assert.rejects(async () => await call('resume', decided(point.checkpoint_id)), {
      code: 'ERR_CHECKPOINT_MISMATCH',
    });
    const back = running.silo.replace(original ?? assert.fail());
    await running.advance(50);
    await back;
    assert.deepEqual(await call('resume', decided(point.checkpoint_id)), { decision: 'send', text: 'x' });
  });

  it('pending ones, are listed per grain', async () => {
    const { checkpoint: point } = await suspend(running, 'a', 'send', { text: 'x' });
    await suspend(running, 'b', 'send', { text: 'y' });
    const listed = (await call('checkpoints')) as { checkpoint_id: string; flow: string }[];
    assert.deepEqual(
      listed.map(({ checkpoint_id, flow: name }) => [checkpoint_id, name]),
      [[point.checkpoint_id, 'send']],
    );
    await call('resume', decided(point.checkpoint_id));
    assert.deepEqual(await call('checkpoints'), []);
  });

  it('given up, cannot be resumed', async () => {
    const { checkpoint: point } = await suspend(running, 'a', 'send', { text: 'x' });
    await call('checkpoint.cancel', { checkpoint_id: point.checkpoint_id });
    await assert.rejects(async () => await call('resume', decided(point.checkpoint_id)), {
      code: 'ERR_CHECKPOINT_UNKNOWN',
    });
    await running.settle();
    assert.equal((await store.get(point.checkpoint_id))?.status, 'cancelled');
  });
});

describe('Hosted program: timeouts of checkpoints', () => {
  let running: TestHost;
  let store: MemoryCheckpointStore;
  beforeEach(async () => {
    store = new MemoryCheckpointStore();
    running = await testHost({ cores: programCores(desk('entity'), { checkpoints: store }) });
  });
  afterEach(async () => {
    await running.stop();
  });
  const call = (name: string, input: object = {}): Promise<unknown> => method(running, 'a', name)(input);

  it('time that is up, and a program that catches it, goes on without anybody', async () => {
    const { checkpoint: point } = await suspend(running, 'a', 'timed');
    assert.equal(point.expires_at, '2023-11-14T22:14:20.000Z');
    await running.advance(MINUTE - 1_000);
    assert.equal(((await call('checkpoints')) as unknown[]).length, 1);
    await running.restart();
    await running.advance(2_000);
    assert.equal(await call('read'), -1);
    assert.deepEqual(await call('checkpoints'), []);
    assert.equal((await store.get(point.checkpoint_id))?.status, 'expired');
  });

  it('time that is up, and a program that does not care, ends the execution for good', async () => {
    const { checkpoint: point } = await suspend(running, 'a', 'strict');
    await running.advance(MINUTE + 1_000);
    assert.deepEqual(await call('checkpoints'), []);
    assert.equal(await call('read'), 3);
    await assert.rejects(async () => await call('resume', decided(point.checkpoint_id)), {
      code: 'ERR_CHECKPOINT_UNKNOWN',
    });
    assert.equal((await store.get(point.checkpoint_id))?.status, 'expired');
  });

  it("resumed in time, its time is nobody's any more", async () => {
    const { checkpoint: point } = await suspend(running, 'a', 'timed');
    assert.equal(await call('resume', decided(point.checkpoint_id)), 'send');
    await running.advance(2 * MINUTE);
    assert.equal(await call('read'), null);
    assert.equal((await store.get(point.checkpoint_id))?.status, 'resolved');
  });

  it('time that is up, and an escalation, keeps the checkpoint for somebody else, without an end', async () => {
    const { checkpoint: point } = await suspend(running, 'a', 'climbing');
    await running.advance(3 * MINUTE);
    const [waiting] = (await call('checkpoints')) as { payload: object; expires_at: unknown }[];
    assert.deepEqual([waiting?.payload, waiting?.expires_at], [{ size: 3, escalated: true }, null]);
    const row = await store.get(point.checkpoint_id);
    assert.deepEqual([row?.status, row?.version, row?.expires_at_ms], ['pending', 2, null]);
    assert.equal(await call('resume', decided(point.checkpoint_id)), 'send');
    await running.settle();
    assert.deepEqual((await store.get(point.checkpoint_id))?.status, 'resolved');
  });

  it('the flow behind the reminder, called from outside, is refused', async () => {
    const { checkpoint: point } = await suspend(running, 'a', 'timed');
    await assert.rejects(
      async () => await call('checkpoint.expire', { checkpoint_id: point.checkpoint_id }),
      { code: 'ERR_AUTH_FORBIDDEN' },
    );
  });
});

describe('Hosted program: rows of checkpoints', () => {
  it('suspended and resolved, are told to the store with the state between', async () => {
    const store = new MemoryCheckpointStore();
    const running = await testHost({ cores: programCores(desk('entity'), { checkpoints: store }) });
    const { checkpoint: point, execution_id } = await suspend(running, 'a', 'send', { text: 'x' });
    await running.settle();
    const row = (await store.get(point.checkpoint_id)) ?? assert.fail('no row');
    assert.equal(row.status, 'pending');
    assert.deepEqual(
      [row.core_id, row.grain_core, row.grain_key, row.execution_id, row.flow_name],
      ['Desk', 'Desk', 'a', execution_id, 'send'],
    );
    assert.ok(await store.getBlob(row.state_s3_key ?? ''));
    const output = await resumeCheckpoint(running.silo, store, {
      checkpointId: point.checkpoint_id,
      resolution: { decision: 'drop' },
      tenant: 'default',
      principal: 'ann',
    });
    assert.deepEqual(output, { decision: 'drop', text: 'x' });
    await running.settle();
    const after = (await store.get(point.checkpoint_id)) ?? assert.fail('no row');
    assert.deepEqual(
      [after.status, after.resolved_by, after.resolution],
      ['resolved', 'ann', { decision: 'drop' }],
    );
    assert.equal(await store.getBlob(row.state_s3_key ?? ''), undefined);
    await running.stop();
  });

  it('of another tenant, are unknown', async () => {
    const store = new MemoryCheckpointStore();
    const running = await testHost({ cores: programCores(desk('singleton'), { checkpoints: store }) });
    const { checkpoint: point } = await suspend(running, '', 'send', { text: 'x' });
    await running.settle();
    const resuming = resumeCheckpoint(running.silo, store, {
      checkpointId: point.checkpoint_id,
      resolution: {},
      tenant: 'other',
      principal: 'eve',
    });
    await assert.rejects(resuming, { code: 'ERR_CHECKPOINT_UNKNOWN' });
    await running.stop();
  });

  it('the state, is not shown to subscribers of the grain', async () => {
    const running = await testHost({ cores: programCores(desk('entity')) });
    const { checkpoint: point } = await suspend(running, 'a', 'send', { text: 'x' });
    await method(running, 'a', 'resume')(decided(point.checkpoint_id));
    const [core] = programCores(desk('entity'));
    const emitted = await running.emissions(core ?? assert.fail(), 'a');
    assert.deepEqual(
      emitted.map(({ event }) => event),
      ['sent'],
    );
    await running.stop();
  });

  it('a program with a flow that is called resume, and checkpoints, is refused', () => {
    const module = desk('entity');
    const taken = { ...module, flows: [...module.flows, flow('resume', {}, [])] };
    assert.throws(() => programCores(taken), { code: 'ERR_CORE_INVALID' });
  });
});
