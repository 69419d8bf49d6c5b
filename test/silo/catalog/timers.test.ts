import assert from 'node:assert/strict';
import {
  type CommitLevel,
  defineCore,
  entity,
  stateless,
  type TimerSchedule,
  value,
} from '../../../lib/index.ts';
import { codeIn, codeOf, Latch, SiloHarness } from '../../support/silo-harness.ts';

function clockCore(level: CommitLevel = 'committed') {
  const gate: { latch: Latch | undefined } = { latch: undefined };
  const core = defineCore({
    name: 'ticker',
    version: '1.0.0',
    level,
    instance: entity({ entityKey: 'id', idleTimeoutMs: 1_000 }),
    memory: { ticks: 0, last: value<unknown>(null) },
  }).flows((flow) => ({
    timer: flow({
      run(ctx, input) {
        const { name = 't', then = 'tick', ...schedule } = input as { name?: string; then?: string };
        ctx.timer.set(name, { ...schedule, flow: then } as TimerSchedule);
      },
    }),
    own: flow({
      run(ctx, input) {
        const list = [1];
        ctx.timer.set('t', { everyMs: 100, flow: 'mutate', input: { list } });
        list.push(2);
        return input;
      },
    }),
    mutate: flow({
      run(ctx, input) {
        const { list } = input as { list: number[] };
        list.push(9);
        ctx.memory.last = list;
      },
    }),
    cancel: flow({ run: (ctx) => ctx.timer.cancel('t') }),
    tick: flow({
      async run(ctx) {
        ctx.memory.ticks += 1;
        await gate.latch?.promise;
      },
    }),
    fails: flow({
      run() {
        throw new Error('every time');
      },
    }),
    read: flow({ readonly: true, run: (ctx) => [ctx.memory.ticks, ctx.memory.last] }),
    remind: flow({
      run(ctx, input) {
        ctx.reminder.set('r', { flow: 'tick', ...(input as { everyMs: number }) });
      },
    }),
    reminders: flow({ readonly: true, run: (ctx) => ctx.reminder.all() }),
    unremind: flow({ run: (ctx) => ctx.reminder.cancel('r') }),
  }));
  return { core, gate };
}

describe('Timers', () => {
  it('a timer runs its flow once, at its time, through the mailbox', async () => {
    const { core } = clockCore();
    const harness = new SiloHarness({ cores: [core] });
    await harness.ref(core, 'a').timer({ inMs: 100 });
    await harness.advance(90);
    assert.deepEqual((await harness.ref(core, 'a').read())[0], 0);
    await harness.advance(40);
    assert.deepEqual((await harness.ref(core, 'a').read())[0], 1);
    await harness.advance(500);
    assert.deepEqual((await harness.ref(core, 'a').read())[0], 1);
  });

  it('an interval begins anew when its flow has ended, so ticks never overlap', async () => {
    const { core, gate } = clockCore();
    const harness = new SiloHarness({ cores: [core] });
    gate.latch = new Latch();
    await harness.ref(core, 'a').timer({ everyMs: 100 });
    await harness.advance(350);
    gate.latch.open();
    await harness.settle();
    gate.latch = undefined;
    assert.deepEqual((await harness.ref(core, 'a').read())[0], 1);
    await harness.advance(240);
    assert.deepEqual((await harness.ref(core, 'a').read())[0], 3);
  });

  it('set again it is replaced, cancelled it is gone', async () => {
    const { core } = clockCore();
    const harness = new SiloHarness({ cores: [core] });
    await harness.ref(core, 'a').timer({ inMs: 100 });
    await harness.ref(core, 'a').timer({ inMs: 300 });
    await harness.advance(200);
    assert.deepEqual((await harness.ref(core, 'a').read())[0], 0);
    await harness.ref(core, 'a').cancel();
    await harness.advance(300);
    assert.deepEqual((await harness.ref(core, 'a').read())[0], 0);
  });

  it('an interval goes on when its flow fails, and says so in the log', async () => {
    const { core } = clockCore();
    const harness = new SiloHarness({ cores: [core] });
    await harness.ref(core, 'a').timer({ everyMs: 100, then: 'fails' });
    await harness.advance(350);
    assert.ok(harness.logged('warn').filter((message) => message === 'timer.failed').length >= 2);
  });

  it('what is no valid timer is refused under its code, and leaves the one of that name alone', async () => {
    const { core } = clockCore();
    const harness = new SiloHarness({ cores: [core] });
    await harness.ref(core, 'a').timer({ inMs: 100 });
    for (const odd of [
      { inMs: -1 },
      { everyMs: 0 },
      { inMs: Number.MAX_VALUE * 2 },
      {},
      { inMs: 5, then: 'nope' },
    ])
      assert.equal(codeIn(await sent(odd)), 'ERR_REMINDER_INVALID', JSON.stringify(odd));
    await harness.advance(150);
    assert.deepEqual((await harness.ref(core, 'a').read())[0], 1);
    async function sent(input: object): Promise<ReturnType<SiloHarness['send']>> {
      const one = harness.send(core, 'a', { flow: 'timer', input });
      await harness.settle();
      return one;
    }
  });

  it('each tick gets the input as it was set', async () => {
    const { core } = clockCore();
    const harness = new SiloHarness({ cores: [core] });
    await harness.ref(core, 'a').own();
    await harness.advance(350);
    assert.deepEqual((await harness.ref(core, 'a').read())[1], [1, 9]);
  });

  it('a timer does not keep its activation in memory', async () => {
    const { core } = clockCore();
    const harness = new SiloHarness({ cores: [core] });
    await harness.ref(core, 'a').timer({ everyMs: 300 });
    await harness.advance(900);
    assert.equal((await harness.instances(core)).length, 1);
    await harness.advance(700);
    assert.equal((await harness.instances(core)).length, 0);
    await harness.advance(5_000);
    assert.equal((await harness.instances(core)).length, 0);
    assert.deepEqual((await harness.report()).deactivated, { idle: 1 });
  });

  it('a tick that waits when its activation ends, does not wake the next one', async () => {
    const { core, gate } = clockCore();
    const harness = new SiloHarness({ cores: [core] });
    gate.latch = new Latch();
    await harness.ref(core, 'a').timer({ inMs: 100 });
    const hung = harness.send(core, 'a', { flow: 'tick' });
    await harness.advance(30_200);
    assert.equal(codeIn(hung), 'ERR_TURN_TIMEOUT');
    assert.equal((await harness.instances(core)).length, 0);
  });
});

describe('Reminders as a grain keeps them', () => {
  const tickAt = (harness: SiloHarness): number => Number(harness.storage.nextReminderMs());

  it('a tick runs its flow once: sent twice, the second is answered without running', async () => {
    const { core } = clockCore();
    const harness = new SiloHarness({ cores: [core] });
    await harness.ref(core, 'a').remind({ everyMs: 60_000 });
    const dueMs = tickAt(harness);
    await harness.advance(60_000);
    for (let round = 0; round < 2; round += 1) {
      const tick = harness.send(core, 'a', { kind: 'reminder', tick: { name: 'r', dueMs } });
      await harness.settle();
      assert.equal(codeIn(tick), 'ok');
    }
    harness.restart();
    assert.equal((await harness.ref(core, 'a').read())[0], 1);
    assert.equal(tickAt(harness), dueMs + 60_000);
  });

  it('a failed turn sets no reminder, a failed commit none either', async () => {
    const { core } = clockCore();
    const harness = new SiloHarness({ cores: [core] });
    harness.storage.failNext('none');
    assert.equal(await codeOf(harness.ref(core, 'a').remind({ everyMs: 60_000 })), 'ERR_STORE_FULL');
    assert.equal(await codeOf(harness.ref(core, 'a').remind({ everyMs: 5 })), 'ERR_REMINDER_INVALID');
    assert.deepEqual(await harness.ref(core, 'a').reminders(), []);
    assert.equal(harness.storage.nextReminderMs(), undefined);
  });

  it('with missed: skip, a tick that is too late only moves the schedule on', async () => {
    const { core } = clockCore();
    const harness = new SiloHarness({ cores: [core] });
    const grain = harness.ref(core, 'a');
    await grain.remind({ everyMs: 600_000, missed: 'skip' });
    const dueMs = tickAt(harness);
    await harness.advance(600_000 + 120_000);
    const late = harness.send(core, 'a', { kind: 'reminder', tick: { name: 'r', dueMs } });
    await harness.settle();
    assert.equal(codeIn(late), 'ok');
    assert.equal((await grain.read())[0], 0);
    assert.equal(tickAt(harness), dueMs + 600_000);
  });

  it('a tick that is given up, moves the schedule on without running', async () => {
    const { core } = clockCore();
    const harness = new SiloHarness({ cores: [core] });
    await harness.ref(core, 'a').remind({ everyMs: 60_000 });
    const dueMs = tickAt(harness);
    await harness.advance(60_000);
    const tick = harness.send(core, 'a', { kind: 'reminder', tick: { name: 'r', dueMs, giveUp: true } });
    await harness.settle();
    assert.equal(codeIn(tick), 'ok');
    assert.equal((await harness.ref(core, 'a').read())[0], 0);
    assert.equal(tickAt(harness), dueMs + 60_000);
  });

  it('a reminder that is cancelled, does not run any more', async () => {
    const { core } = clockCore();
    const harness = new SiloHarness({ cores: [core] });
    await harness.ref(core, 'a').remind({ everyMs: 60_000 });
    const dueMs = tickAt(harness);
    await harness.ref(core, 'a').unremind();
    harness.send(core, 'a', { kind: 'reminder', tick: { name: 'r', dueMs } });
    await harness.settle();
    assert.equal((await harness.ref(core, 'a').read())[0], 0);
  });

  it('the service fires them, also of a grain that is not resident, and after a restart', async () => {
    const { core } = clockCore();
    const harness = new SiloHarness({ cores: [core] });
    await harness.silo.start();
    await harness.ref(core, 'a').remind({ everyMs: 60_000 });
    await harness.advance(61_000);
    harness.restart();
    await harness.silo.start();
    await harness.advance(60_000);
    assert.equal((await harness.ref(core, 'a').read())[0], 2);
    await harness.stop();
  });

  it('a Core that keeps nothing durable, has no reminders: it is told, not left waiting for ever', async () => {
    const { core } = clockCore('volatile');
    const pure = defineCore({ name: 'pure', version: '1.0.0', instance: stateless() }).flows((flow) => ({
      remind: flow({ run: (ctx) => ctx.reminder.set('r', { inMs: 1_000, flow: 'remind' }) }),
      timer: flow({ run: (ctx) => ctx.timer.set('t', { inMs: 1_000, flow: 'remind' }) }),
    }));
    const harness = new SiloHarness({ cores: [core, pure] });
    assert.equal(await codeOf(harness.ref(core, 'a').remind({ everyMs: 60_000 })), 'ERR_REMINDER_INVALID');
    assert.equal(await codeOf(harness.ref(pure).remind()), 'ERR_REMINDER_INVALID');
    assert.equal(await codeOf(harness.ref(pure).timer()), 'ERR_REMINDER_INVALID');
  });
});
