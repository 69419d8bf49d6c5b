import assert from 'node:assert/strict';
import { defineCore, entity, list, map, value } from '../../../lib/index.ts';
import { codeIn, codeOf, Latch, type Sent, SiloHarness } from '../../support/silo-harness.ts';

/** A Core whose turns end when the test says so: each call brings the name of its latch. */
function wideCore(options: { maxConcurrent?: number; reentrant?: boolean } = {}) {
  const latches = new Map<string, Latch>();
  const runs: string[] = [];
  const wait = async (name: string | undefined): Promise<void> => {
    if (name === undefined) return;
    runs.push(name);
    await latches.get(name)?.promise;
  };
  const core = defineCore({
    name: 'wide',
    version: '1.0.0',
    instance: entity({ entityKey: 'id', maxConcurrent: 1, ...options }),
    memory: {
      count: 0,
      other: 0,
      entries: map<number>(),
      items: list<string>(),
      tags: value<readonly string[]>([]),
    },
  }).flows((flow) => ({
    add: flow({
      async run(ctx, input) {
        const { latch, by = 1, fails = false } = input as { latch?: string; by?: number; fails?: boolean };
        ctx.memory.count += by;
        await wait(latch);
        if (fails) throw new Error('as asked');
        return ctx.memory.count;
      },
    }),
    other: flow({
      async run(ctx, input) {
        await wait((input as { latch?: string }).latch);
        ctx.memory.other += 1;
        return [ctx.memory.count, ctx.memory.other];
      },
    }),
    read: flow({
      readonly: true,
      async run(ctx, input) {
        await wait((input as { latch?: string } | undefined)?.latch);
        return [ctx.memory.count, ctx.memory.other];
      },
    }),
    put: flow({
      async run(ctx, input) {
        const { latch, key } = input as { latch?: string; key: string };
        const before = (await ctx.memory.entries.get(key)) ?? 0;
        await wait(latch);
        ctx.memory.entries.set(key, before + 1);
        return before + 1;
      },
    }),
    bump: flow({
      async run(ctx, input) {
        const { latch, key } = input as { latch?: string; key: string };
        ctx.memory.entries.increment(key);
        ctx.memory.items.push(key);
        await wait(latch);
      },
    }),
    clear: flow({
      async run(ctx, input) {
        ctx.memory.entries.clear();
        await wait((input as { latch?: string }).latch);
      },
    }),
    erase: flow({ run: (ctx) => ctx.forget() }),
    look: flow({
      readonly: true,
      async run(ctx) {
        const entries: Record<string, number> = {};
        for await (const [key, count] of ctx.memory.entries.entries()) entries[key] = count;
        return { entries, items: await ctx.memory.items.length() };
      },
    }),
    mutate: flow({
      async run(ctx, input) {
        const order = input as { lines: number[]; latch?: string };
        order.lines.push(99);
        ctx.memory.count += order.lines.length;
        await wait(order.latch);
        return order.lines;
      },
    }),
  }));
  const latch = (name: string): Latch => {
    const made = new Latch();
    latches.set(name, made);
    return made;
  };
  return { core, latch, runs };
}

function outputOf(sent: Sent): unknown {
  return sent.outcome && 'output' in sent.outcome ? sent.outcome.output : codeIn(sent);
}

describe('Turns: isolation (hazards.md 4)', () => {
  it('a turn that throws, leaves nothing', async () => {
    const { core, latch } = wideCore();
    const harness = new SiloHarness({ cores: [core] });
    const first = latch('a');
    const failing = harness.send(core, 'k', { flow: 'add', input: { latch: 'a', by: 5, fails: true } });
    const behind = harness.send(core, 'k', { flow: 'read' });
    await harness.settle();
    first.open();
    await harness.settle();
    assert.equal(codeIn(failing), 'ERR_FLOW_FAILED');
    assert.deepEqual(outputOf(behind), [0, 0]);
    assert.equal((await harness.report()).commits, 0);
  });

  it('what a running turn has written, is seen by nobody before it ends', async () => {
    const { core, latch } = wideCore({ maxConcurrent: 4 });
    const harness = new SiloHarness({ cores: [core] });
    const first = latch('a');
    const writer = harness.send(core, 'k', { flow: 'add', input: { latch: 'a', by: 5 } });
    const other = harness.send(core, 'k', { flow: 'other', input: {} });
    await harness.settle();
    assert.deepEqual(outputOf(other), [0, 1]);
    first.open();
    await harness.settle();
    assert.equal(outputOf(writer), 5);
    assert.deepEqual(await harness.ref(core, 'k').read(), [5, 1]);
  });

  it('a turn that throws beside one that commits, takes nothing of the other back', async () => {
    const { core, latch } = wideCore({ maxConcurrent: 2 });
    const harness = new SiloHarness({ cores: [core] });
    const first = latch('a');
    const failing = harness.send(core, 'k', { flow: 'add', input: { latch: 'a', by: 5, fails: true } });
    const fine = harness.send(core, 'k', { flow: 'add', input: { by: 1 } });
    await harness.settle();
    assert.equal(outputOf(fine), 1);
    first.open();
    await harness.settle();
    assert.equal(codeIn(failing), 'ERR_FLOW_FAILED');
    assert.deepEqual(await harness.ref(core, 'k').read(), [1, 0]);
  });

  it('overlapping turns that wrote different fields, both keep theirs', async () => {
    const { core, latch } = wideCore({ maxConcurrent: 2 });
    const harness = new SiloHarness({ cores: [core] });
    const [first, second] = [latch('a'), latch('b')];
    harness.send(core, 'k', { flow: 'add', input: { latch: 'a' } });
    harness.send(core, 'k', { flow: 'other', input: { latch: 'b' } });
    await harness.settle();
    second.open();
    await harness.settle();
    first.open();
    await harness.settle();
    assert.deepEqual(await harness.ref(core, 'k').read(), [1, 1]);
    harness.restart();
    assert.deepEqual(await harness.ref(core, 'k').read(), [1, 1]);
  });

  it('of overlapping turns that wrote the same field, the later one runs again, on what the other left', async () => {
    const { core, latch, runs } = wideCore({ maxConcurrent: 2 });
    const harness = new SiloHarness({ cores: [core] });
    const first = latch('a');
    const slow = harness.send(core, 'k', { flow: 'add', input: { latch: 'a' } });
    const fast = harness.send(core, 'k', { flow: 'add', input: { by: 10 } });
    await harness.settle();
    assert.equal(outputOf(fast), 10);
    first.open();
    await harness.settle();
    assert.equal(outputOf(slow), 11);
    assert.deepEqual(runs, ['a', 'a']);
  });

  it('one that meets a second conflict, is refused and leaves nothing', async () => {
    const { core, latch } = wideCore({ maxConcurrent: 2 });
    const harness = new SiloHarness({ cores: [core] });
    let gate = latch('a');
    const slow = harness.send(core, 'k', { flow: 'add', input: { latch: 'a' } });
    for (let round = 0; round < 2; round += 1) {
      await harness.ref(core, 'k').add({ by: 10 });
      const old = gate;
      gate = latch('a');
      old.open();
      await harness.settle();
    }
    assert.equal(codeIn(slow), 'ERR_TURN_CONFLICT');
    assert.deepEqual(await harness.ref(core, 'k').read(), [20, 0]);
  });

  it('a conflicted turn whose caller has gone meanwhile, does not run again', async () => {
    const { core, latch, runs } = wideCore({ maxConcurrent: 2 });
    const harness = new SiloHarness({ cores: [core] });
    const first = latch('a');
    const deadlineMs = harness.clock.nowMs() + 100;
    const slow = harness.send(core, 'k', { flow: 'add', input: { latch: 'a' }, deadlineMs });
    await harness.ref(core, 'k').add({ by: 10 });
    await harness.advance(200);
    assert.equal(codeIn(slow), 'ERR_CALL_TIMEOUT');
    first.open();
    await harness.settle();
    assert.deepEqual(runs, ['a']);
    assert.deepEqual(await harness.ref(core, 'k').read(), [10, 0]);
  });

  it('a turn that runs again, gets the input as it was sent', async () => {
    const { core, latch } = wideCore({ maxConcurrent: 2 });
    const harness = new SiloHarness({ cores: [core] });
    const first = latch('a');
    const slow = harness.send(core, 'k', { flow: 'mutate', input: { lines: [1], latch: 'a' } });
    await harness.ref(core, 'k').add({});
    first.open();
    await harness.settle();
    assert.deepEqual(outputOf(slow), [1, 99]);
  });

  it('map entries that were read and written by two overlapping turns, lose no write', async () => {
    const { core, latch, runs } = wideCore({ maxConcurrent: 2 });
    const harness = new SiloHarness({ cores: [core] });
    const first = latch('a');
    const slow = harness.send(core, 'k', { flow: 'put', input: { latch: 'a', key: 'x' } });
    await harness.settle();
    assert.equal(await harness.ref(core, 'k').put({ key: 'x' }), 1);
    assert.equal(await harness.ref(core, 'k').put({ key: 'y' }), 1);
    first.open();
    await harness.settle();
    assert.equal(outputOf(slow), 2);
    assert.deepEqual(runs, ['a', 'a']);
  });

  it('increments and pushes of overlapping turns, collide with nothing', async () => {
    const { core, latch, runs } = wideCore({ maxConcurrent: 2 });
    const harness = new SiloHarness({ cores: [core] });
    const first = latch('a');
    const slow = harness.send(core, 'k', { flow: 'bump', input: { latch: 'a', key: 'x' } });
    await harness.settle();
    await harness.ref(core, 'k').bump({ key: 'x' });
    first.open();
    await harness.settle();
    assert.equal(codeIn(slow), 'ok');
    assert.deepEqual(runs, ['a']);
    assert.deepEqual(await harness.ref(core, 'k').look(), { entries: { x: 2 }, items: 2 });
  });

  it('a clear beside a write of an entry, runs again', async () => {
    const { core, latch, runs } = wideCore({ maxConcurrent: 2 });
    const harness = new SiloHarness({ cores: [core] });
    const first = latch('a');
    harness.send(core, 'k', { flow: 'clear', input: { latch: 'a' } });
    await harness.settle();
    await harness.ref(core, 'k').put({ key: 'x' });
    first.open();
    await harness.settle();
    assert.deepEqual(runs, ['a', 'a']);
    assert.deepEqual((await harness.ref(core, 'k').look()).entries, {});
  });

  it('a turn that read an entry before an overlapping one erased the grain, runs again', async () => {
    const { core, latch, runs } = wideCore({ maxConcurrent: 2 });
    const harness = new SiloHarness({ cores: [core] });
    await harness.ref(core, 'k').put({ key: 'x' });
    const first = latch('a');
    const slow = harness.send(core, 'k', { flow: 'put', input: { latch: 'a', key: 'x' } });
    await harness.settle();
    await harness.ref(core, 'k').erase();
    first.open();
    await harness.settle();
    assert.deepEqual(runs, ['a', 'a']);
    assert.equal(outputOf(slow), 1);
  });

  it('a forget message, waits for the turns that run', async () => {
    const { core, latch } = wideCore({ maxConcurrent: 4 });
    const harness = new SiloHarness({ cores: [core] });
    await harness.ref(core, 'k').add({ by: 7 });
    const first = latch('a');
    const slow = harness.send(core, 'k', { flow: 'other', input: { latch: 'a' } });
    await harness.settle();
    const erased = harness.send(core, 'k', { kind: 'forget' });
    const behind = harness.send(core, 'k', { flow: 'other', input: {} });
    await harness.settle();
    assert.equal(codeIn(erased), undefined);
    first.open();
    await harness.settle();
    assert.deepEqual(outputOf(slow), [7, 1]);
    assert.equal(codeIn(erased), 'ok');
    assert.deepEqual(outputOf(behind), [0, 1]);
  });
});

describe('Turns: how many at once', () => {
  it('with maxConcurrent 1, messages of one grain follow each other in order', async () => {
    const { core, latch, runs } = wideCore();
    const harness = new SiloHarness({ cores: [core] });
    const [first, second] = [latch('a'), latch('b')];
    harness.send(core, 'k', { flow: 'add', input: { latch: 'a' } });
    harness.send(core, 'k', { flow: 'add', input: { latch: 'b' } });
    harness.send(core, 'k', { flow: 'add', input: { latch: 'c' } });
    await harness.settle();
    assert.deepEqual(runs, ['a']);
    first.open();
    await harness.settle();
    assert.deepEqual(runs, ['a', 'b']);
    second.open();
    await harness.settle();
    assert.deepEqual(await harness.ref(core, 'k').read(), [3, 0]);
  });

  it('readonly flows run beside each other, and a writer that waits is not overtaken by readers', async () => {
    const { core, latch, runs } = wideCore();
    const harness = new SiloHarness({ cores: [core] });
    const [first, second] = [latch('r1'), latch('r2')];
    harness.send(core, 'k', { flow: 'read', input: { latch: 'r1' } });
    harness.send(core, 'k', { flow: 'read', input: { latch: 'r2' } });
    harness.send(core, 'k', { flow: 'add', input: { latch: 'w' } });
    const late = harness.send(core, 'k', { flow: 'read', input: { latch: 'r3' } });
    await harness.settle();
    assert.deepEqual(runs, ['r1', 'r2']);
    first.open();
    await harness.settle();
    assert.deepEqual(runs, ['r1', 'r2']);
    second.open();
    await harness.settle();
    assert.deepEqual(runs, ['r1', 'r2', 'w', 'r3']);
    assert.deepEqual(outputOf(late), [1, 0]);
  });

  it('no more than maxConcurrent run at once', async () => {
    const { core, latch, runs } = wideCore({ maxConcurrent: 3 });
    const harness = new SiloHarness({ cores: [core] });
    const gate = latch('a');
    for (let index = 0; index < 5; index += 1)
      harness.send(core, 'k', { flow: 'bump', input: { latch: 'a', key: 'x' } });
    await harness.settle();
    assert.equal(runs.length, 3);
    gate.open();
    await harness.settle();
    assert.deepEqual(await harness.ref(core, 'k').look(), { entries: { x: 5 }, items: 5 });
  });
});

describe('Turns: deadlines (P4, P5)', () => {
  it('a message whose deadline passed while the loop was stuck, does not start', async () => {
    const { core, latch, runs } = wideCore();
    const harness = new SiloHarness({ cores: [core] });
    const first = latch('a');
    harness.send(core, 'k', { flow: 'add', input: { latch: 'a' } });
    const late = harness.send(core, 'k', {
      flow: 'add',
      input: { latch: 'late' },
      deadlineMs: harness.clock.nowMs() + 50,
    });
    harness.clock.stall(60); // no timer runs: a process that was stopped, or a flow that blocked the loop
    first.open();
    await harness.settle();
    assert.equal(codeIn(late), 'ERR_CALL_EXPIRED');
    assert.deepEqual(runs, ['a']);
  });

  it('a message that comes with no time left, does not start', async () => {
    const { core, runs } = wideCore();
    const harness = new SiloHarness({ cores: [core] });
    assert.equal(
      await codeOf(harness.ref(core, 'k').add({ latch: 'x' }, { deadlineMs: 0 })),
      'ERR_CALL_EXPIRED',
    );
    assert.deepEqual(runs, []);
  });

  it('one that waits past its deadline is not executed, one that runs is unknown and its signal aborted', async () => {
    const aborted: string[] = [];
    const gate = new Latch();
    const core = defineCore({
      name: 'patient',
      version: '1.0.0',
      instance: entity({ entityKey: 'id' }),
    }).flows((flow) => ({
      wait: flow({
        async run(ctx) {
          ctx.signal.addEventListener('abort', () =>
            aborted.push(String((ctx.signal.reason as { code?: string }).code)),
          );
          await gate.promise;
        },
      }),
    }));
    const harness = new SiloHarness({ cores: [core] });
    const deadlineMs = harness.clock.nowMs() + 100;
    const running = harness.send(core, 'k', { flow: 'wait', deadlineMs });
    const waiting = harness.send(core, 'k', { flow: 'wait', deadlineMs });
    await harness.advance(150);
    assert.deepEqual([codeIn(running), codeIn(waiting)], ['ERR_CALL_TIMEOUT', 'ERR_CALL_EXPIRED']);
    assert.deepEqual(aborted, ['ERR_CALL_TIMEOUT']);
  });
});

describe('Turns: what a flow may do', () => {
  it('every operation of a ctx whose turn has ended, is refused', async () => {
    const kept: { ctx?: unknown } = {};
    const core = defineCore({
      name: 'leaky',
      version: '1.0.0',
      instance: entity({ entityKey: 'id' }),
      memory: { count: 0, entries: map<number>(), items: list<number>() },
    }).flows((flow) => ({
      leak: flow({
        run(ctx) {
          kept.ctx = { ctx, memory: ctx.memory, entries: ctx.memory.entries, ref: ctx.call('leaky', 'b') };
        },
      }),
    }));
    const harness = new SiloHarness({ cores: [core] });
    await harness.ref(core, 'a').leak();
    const { ctx, memory, entries, ref } = kept.ctx as {
      ctx: {
        memory: { count: number };
        emit(event: string): void;
        forget(): void;
        call(core: string): unknown;
        timer: { set(name: string, schedule: object): void };
        reminder: { set(name: string, schedule: object): void; all(): unknown };
      };
      memory: { count: number };
      entries: { get(key: string): Promise<unknown>; set(key: string, count: number): void };
      ref: { leak(): Promise<unknown> };
    };
    const attempts: readonly (() => unknown)[] = [
      () => ctx.memory.count,
      () => (memory.count = 1),
      () => ctx.emit('x'),
      () => ctx.forget(),
      () => ctx.call('leaky'),
      () => ctx.timer.set('t', { inMs: 1, flow: 'leak' }),
      () => ctx.reminder.set('t', { inMs: 1, flow: 'leak' }),
      () => ctx.reminder.all(),
      () => entries.set('a', 1),
      () => entries.get('a'),
      () => ref.leak(),
    ];
    for (const attempt of attempts) {
      const code = await codeOf(Promise.resolve().then(attempt));
      assert.equal(code, 'ERR_TURN_ENDED', String(attempt));
    }
    assert.equal(await harness.ref(core, 'a').leak(), undefined);
  });

  it('a call by a reference that outlived its turn, is a rejection and never a throw', async () => {
    const kept: { ref?: { go(): Promise<unknown> } } = {};
    const core = defineCore({ name: 'leaky', version: '1.0.0', instance: entity({ entityKey: 'id' }) }).flows(
      (flow) => ({
        leak: flow({
          run(ctx) {
            kept.ref = ctx.call('leaky', 'b') as unknown as { go(): Promise<unknown> };
          },
        }),
        go: flow({ run: () => 1 }),
      }),
    );
    const harness = new SiloHarness({ cores: [core] });
    await harness.ref(core, 'a').leak();
    const answer = kept.ref?.go();
    assert.ok(answer instanceof Promise);
    assert.equal(await codeOf(answer), 'ERR_TURN_ENDED');
  });

  it('a readonly flow that writes, is refused whatever it writes', async () => {
    const core = defineCore({
      name: 'reader',
      version: '1.0.0',
      instance: entity({ entityKey: 'id' }),
      memory: { count: 0, entries: map<number>(), items: list<number>() },
    }).flows((flow) => ({
      value: flow({ readonly: true, run: (ctx) => void (ctx.memory.count = 1) }),
      update: flow({ readonly: true, run: (ctx) => ctx.memory.update('count', (count) => count + 1) }),
      set: flow({ readonly: true, run: (ctx) => ctx.memory.entries.set('a', 1) }),
      push: flow({ readonly: true, run: (ctx) => ctx.memory.items.push(1) }),
      emit: flow({ readonly: true, run: (ctx) => ctx.emit('x') }),
      forget: flow({ readonly: true, run: (ctx) => ctx.forget() }),
      remind: flow({ readonly: true, run: (ctx) => ctx.reminder.set('r', { inMs: 1, flow: 'emit' }) }),
    }));
    const harness = new SiloHarness({ cores: [core] });
    for (const flow of ['value', 'update', 'set', 'push', 'emit', 'forget', 'remind'] as const) {
      assert.equal(await codeOf(harness.ref(core, 'a')[flow]()), 'ERR_MEMORY_READONLY', flow);
    }
  });

  it('what a flow throws or returns, whatever it is, ends its call and nothing else', async () => {
    const odd: Readonly<Record<string, () => unknown>> = {
      throwsText: () => {
        throw 'text';
      },
      throwsUndefined: () => {
        throw undefined;
      },
      throwsNull: () => Promise.reject(null),
      returnsBigint: () => 1n,
      returnsCycle: () => {
        const cycle: { self?: unknown } = {};
        cycle.self = cycle;
        return cycle;
      },
      returnsClass: () => new Map([[1, 2]]),
      returnsNaN: () => ({ deep: [NaN] }),
      returnsPolluted: () => JSON.parse('{"__proto__": {"admin": true}}') as unknown,
      returnsEvilThen: () =>
        Object.defineProperty({}, 'then', {
          get() {
            throw new Error('evil getter');
          },
        }),
      returnsSyncThen: () => ({
        then: () => {
          throw new Error('evil then');
        },
      }),
      returnsTwice: () => ({
        then: (resolve: (output: unknown) => void, reject: (error: unknown) => void) => {
          resolve('first');
          reject(new Error('second'));
        },
      }),
    };
    const core = defineCore({ name: 'odd', version: '1.0.0', instance: entity({ entityKey: 'id' }) }).flows(
      (flow) => Object.fromEntries(Object.entries(odd).map(([name, run]) => [name, flow({ run })])),
    );
    const harness = new SiloHarness({ cores: [core] });
    const codes: Record<string, string | undefined> = {};
    for (const name of Object.keys(odd)) {
      const sent = harness.send(core, 'a', { flow: name });
      await harness.settle();
      codes[name] = codeIn(sent);
    }
    assert.deepEqual(codes, {
      throwsText: 'ERR_FLOW_FAILED',
      throwsUndefined: 'ERR_FLOW_FAILED',
      throwsNull: 'ERR_FLOW_FAILED',
      returnsBigint: 'ERR_OUTPUT_INVALID',
      returnsCycle: 'ERR_OUTPUT_INVALID',
      returnsClass: 'ERR_OUTPUT_INVALID',
      returnsNaN: 'ERR_OUTPUT_INVALID',
      returnsPolluted: 'ERR_OUTPUT_INVALID',
      returnsEvilThen: 'ERR_FLOW_FAILED',
      returnsSyncThen: 'ERR_FLOW_FAILED',
      returnsTwice: 'ok',
    });
    assert.equal((await harness.report()).turnsRunning, 0);
    const [instance] = await harness.instances(core);
    assert.equal(instance?.running, 0);
  });
});
