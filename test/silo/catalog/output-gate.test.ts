import assert from 'node:assert/strict';
import { type CommitLevel, defineCore, entity, GrainError, map } from '../../../lib/index.ts';
import { codeIn, Latch, SiloHarness } from '../../support/silo-harness.ts';

const effects: string[] = [];

const outside = defineCore({
  name: 'outside',
  version: '1.0.0',
  instance: entity({ entityKey: 'id' }),
}).flows((flow) => ({
  saw: flow({
    level: 'volatile',
    run(_ctx, input) {
      effects.push(JSON.stringify(input));
    },
  }),
}));

function bookCore(level: CommitLevel = 'committed') {
  return defineCore({
    name: 'book',
    version: '1.0.0',
    instance: entity({ entityKey: 'id' }),
    memory: { count: 0, entries: map<unknown>() },
    level,
    events: { happened: 'add', odd: 'addToText' },
  }).flows((flow) => ({
    add: flow({
      run(ctx) {
        ctx.memory.count += 1;
        ctx.emit('added', ctx.memory.count);
        return ctx.memory.count;
      },
    }),
    read: flow({ readonly: true, run: (ctx) => ctx.memory.count }),
    checked: flow({ readonly: true, read: 'checked', run: (ctx) => ctx.memory.count }),
    fails: flow({
      run(ctx) {
        throw new Error(`saw ${ctx.memory.count}`);
      },
    }),
    tell: flow({
      readonly: true,
      async run(ctx, input) {
        const { deadlineMs = 5_000 } = (input ?? {}) as { deadlineMs?: number };
        await ctx.call(outside, 'o').saw(ctx.memory.count, { deadlineMs });
      },
    }),
    setText: flow({ run: (ctx) => ctx.memory.entries.set('x', 'text') }),
    setNumber: flow({ run: (ctx) => ctx.memory.entries.set('x', 1) }),
    addToText: flow({ run: (ctx) => ctx.memory.entries.increment('x') }),
    entry: flow({ readonly: true, run: (ctx) => ctx.memory.entries.get('x') }),
  }));
}

function harnessOf(level: CommitLevel = 'committed') {
  effects.length = 0;
  const book = bookCore(level);
  return { book, harness: new SiloHarness({ cores: [book, outside], commits: 'held' }) };
}

describe('Output gate (hazards.md 4): nothing leaves before what its turn could have seen is durable', () => {
  it('replies of writers, readers and failures, and calls of readers, all wait for the flush', async () => {
    const { book, harness } = harnessOf();
    const write = harness.send(book, 'k', { flow: 'add' });
    const second = harness.send(book, 'k', { flow: 'add' });
    const read = harness.send(book, 'k', { flow: 'read' });
    const failure = harness.send(book, 'k', { flow: 'fails' });
    const tell = harness.send(book, 'k', { flow: 'tell' });
    await harness.settle();
    for (const sent of [write, second, read, failure, tell]) assert.equal(sent.outcome, undefined);
    assert.deepEqual(effects, []);
    await harness.flush();
    assert.deepEqual(
      [write.outcome, second.outcome, read.outcome],
      [{ output: 1 }, { output: 2 }, { output: 2 }],
    );
    assert.equal(codeIn(failure), 'ERR_FLOW_FAILED');
    assert.equal(codeIn(tell), 'ok');
    assert.deepEqual(effects, ['2']);
  });

  it('the next turn does not wait: commits are handed over one behind the other', async () => {
    const { book, harness } = harnessOf();
    for (let index = 0; index < 5; index += 1) harness.send(book, 'k', { flow: 'add' });
    await harness.settle();
    assert.equal(harness.storage.unflushed, 5);
  });

  it('a reply that needs only a durable commit, does not wait for later ones', async () => {
    const { book, harness } = harnessOf();
    const first = harness.send(book, 'k', { flow: 'add' });
    await harness.flush();
    assert.deepEqual(first.outcome, { output: 1 });
    const read = harness.send(book, 'k', { flow: 'read' });
    harness.send(book, 'k', { flow: 'add' });
    await harness.settle();
    assert.deepEqual(read.outcome, { output: 1 });
  });

  it('pushes to subscribers wait for the flush, and come before the reply', async () => {
    const { book, harness } = harnessOf();
    const seen: string[] = [];
    const grain = { tenant: 'default', core: 'book', key: 'k' };
    harness.silo.subscribe(
      grain,
      { credit: Infinity },
      { push: ({ data }) => seen.push(`push ${JSON.stringify(data)}`), gap: () => {}, end: () => {} },
    );
    await harness.settle();
    const write = harness.send(book, 'k', { flow: 'add' });
    write.envelope.promise.then(() => seen.push('reply'), assert.fail);
    await harness.settle();
    assert.deepEqual(seen, []);
    await harness.flush();
    assert.deepEqual([...seen].sort(), ['push 1', 'reply']);
  });

  it('when a commit fails, neither its reply nor a reply or call that saw it, leaves', async () => {
    const { book, harness } = harnessOf();
    const write = harness.send(book, 'k', { flow: 'add' });
    const read = harness.send(book, 'k', { flow: 'read' });
    const tell = harness.send(book, 'k', { flow: 'tell' });
    const waiting = harness.send(book, 'k', { flow: 'add' });
    await harness.settle();
    harness.storage.failNext('none');
    await harness.flush();
    assert.equal(codeIn(write), 'ERR_STORE_FULL');
    for (const sent of [read, tell]) {
      const error = sent.outcome && 'error' in sent.outcome ? sent.outcome.error : undefined;
      assert.equal(error?.effect, 'none', codeIn(sent));
      assert.equal(error?.spec.lasting, false);
    }
    assert.deepEqual(effects, []);
    await harness.flush();
    assert.deepEqual(waiting.outcome ?? codeIn(waiting), waiting.outcome);
    harness.restart();
    const count = harness.send(book, 'k', { flow: 'read' });
    await harness.settle();
    assert.deepEqual(count.outcome, { output: codeIn(waiting) === 'ok' ? 1 : 0 });
  });

  it('an unknown outcome is told to the one whose commit it was; those behind are surely not executed', async () => {
    const { book, harness } = harnessOf();
    const first = harness.send(book, 'k', { flow: 'add' });
    const second = harness.send(book, 'k', { flow: 'add' });
    await harness.settle();
    harness.storage.failNext('unknown_stored');
    await harness.flush();
    await harness.flush();
    assert.equal(codeIn(first), 'ERR_STORE_FAILED');
    assert.equal(codeIn(second), 'ERR_GRAIN_MOVED');
    const count = harness.send(book, 'k', { flow: 'read' });
    await harness.flush();
    assert.deepEqual(count.outcome, { output: 1 });
  });

  it('a turn that was running when a commit before it failed, can do nothing more', async () => {
    const latch = new Latch();
    const core = defineCore({
      name: 'slow',
      version: '1.0.0',
      instance: entity({ entityKey: 'id' }),
      memory: { count: 0 },
    }).flows((flow) => ({
      add: flow({ run: (ctx) => void (ctx.memory.count += 1) }),
      slow: flow({
        async run(ctx) {
          await latch.promise;
          ctx.memory.count += 10;
        },
      }),
      read: flow({ readonly: true, run: (ctx) => ctx.memory.count }),
    }));
    const harness = new SiloHarness({ cores: [core], commits: 'held' });
    harness.send(core, 'k', { flow: 'add' });
    const slow = harness.send(core, 'k', { flow: 'slow' });
    await harness.settle();
    harness.storage.failNext('none');
    await harness.flush();
    assert.equal(codeIn(slow), 'ERR_GRAIN_MOVED');
    latch.open();
    await harness.flush();
    const count = harness.send(core, 'k', { flow: 'read' });
    await harness.flush();
    assert.deepEqual(count.outcome, { output: 0 });
    assert.equal((await harness.report()).turnsRunning, 0);
  });

  it('a commit that the store refuses for what is in it, is the error of its own turn alone', async () => {
    const { book, harness } = harnessOf();
    harness.send(book, 'k', { flow: 'setText' });
    await harness.flush();
    const odd = harness.send(book, 'k', { flow: 'addToText' });
    const innocent = harness.send(book, 'k', { flow: 'add' });
    const reader = harness.send(book, 'k', { flow: 'read' });
    await harness.flush();
    await harness.flush();
    assert.equal(codeIn(odd), 'ERR_VALUE_INVALID');
    for (const sent of [innocent, reader]) assert.notEqual(codeIn(sent), 'ERR_VALUE_INVALID');
  });

  it('an event whose commit is refused for what is in it, is refused at its mark, and sent again stays refused', async () => {
    const { book, harness } = harnessOf();
    harness.send(book, 'k', { flow: 'setText' });
    await harness.flush();
    const odd = harness.event(book, 'k', 1, 0, { event: 'odd' });
    const next = harness.event(book, 'k', 2, 1);
    for (let round = 0; round < 4; round += 1) await harness.flush();
    assert.equal(codeIn(odd), 'ERR_VALUE_INVALID');
    // The next one either went on behind it, or is asked for again; it is never the one that is refused.
    assert.notEqual(codeIn(next), 'ERR_VALUE_INVALID');
    harness.send(book, 'k', { flow: 'setNumber' });
    await harness.flush();
    const again = harness.event(book, 'k', 1, 0, { event: 'odd', attach: 2 });
    await harness.flush();
    assert.equal(codeIn(again), 'ERR_VALUE_INVALID');
    const entry = harness.send(book, 'k', { flow: 'entry' });
    await harness.flush();
    assert.deepEqual(entry.outcome, { output: 1 });
  });

  it('a nested call that waits for the gate, ends by its own deadline (P4)', async () => {
    const { book, harness } = harnessOf();
    harness.send(book, 'k', { flow: 'add' });
    const tell = harness.send(book, 'k', { flow: 'tell', input: { deadlineMs: 100 } });
    await harness.advance(150);
    await harness.flush();
    assert.equal(codeIn(tell), 'ERR_FLOW_FAILED');
    const cause = tell.outcome && 'error' in tell.outcome ? tell.outcome.error.details['cause'] : undefined;
    assert.equal(cause, 'ERR_CALL_EXPIRED');
    assert.deepEqual(effects, []);
  });

  it('async commits are not waited for, and still stored in order', async () => {
    const { book, harness } = harnessOf('async');
    const first = harness.send(book, 'k', { flow: 'add' });
    const second = harness.send(book, 'k', { flow: 'add' });
    await harness.settle();
    assert.deepEqual([first.outcome, second.outcome], [{ output: 1 }, { output: 2 }]);
    assert.equal(harness.storage.unflushed, 2);
    await harness.flush();
    harness.restart();
    const read = harness.send(book, 'k', { flow: 'read' });
    await harness.settle();
    assert.deepEqual(read.outcome, { output: 2 });
  });

  it('volatile Cores commit nothing durable', async () => {
    const { book, harness } = harnessOf('volatile');
    const first = harness.send(book, 'k', { flow: 'read' });
    const second = harness.send(book, 'k', { flow: 'setText' });
    await harness.settle();
    assert.deepEqual([codeIn(first), codeIn(second)], ['ok', 'ok']);
    assert.equal(harness.storage.unflushed, 0);
    assert.deepEqual(harness.storage.listGrains('default', 'book', '', 10), []);
  });

  it('a storage that throws at hand-over, fails the turn and ends the activation; the next one works', async () => {
    const book = bookCore();
    let isBroken = false;
    const harness = new SiloHarness({
      cores: [book, outside],
      storage: (storage) =>
        new Proxy(storage, {
          get(target, name) {
            if (name === 'commit' && isBroken) {
              return () => {
                throw new Error('broken driver');
              };
            }
            const member: unknown = Reflect.get(target, name, target);
            return typeof member === 'function'
              ? (member as (...args: unknown[]) => unknown).bind(target)
              : member;
          },
        }),
    });
    await harness.ref(book, 'k').add();
    isBroken = true;
    const failed = harness.send(book, 'k', { flow: 'add' });
    await harness.settle();
    const error = failed.outcome && 'error' in failed.outcome ? failed.outcome.error : undefined;
    assert.ok(error instanceof GrainError);
    isBroken = false;
    assert.equal(await harness.ref(book, 'k').add(), 2);
  });

  it('a checked read that is no longer the owner, is refused and ends the activation', async () => {
    const book = bookCore();
    let isOwner = true;
    const harness = new SiloHarness({
      cores: [book, outside],
      storage: (storage) =>
        new Proxy(storage, {
          get(target, name) {
            if (name === 'isOwner' && !isOwner) return () => Promise.resolve(false);
            const member: unknown = Reflect.get(target, name, target);
            return typeof member === 'function'
              ? (member as (...args: unknown[]) => unknown).bind(target)
              : member;
          },
        }),
    });
    await harness.ref(book, 'k').add();
    assert.equal(await harness.ref(book, 'k').checked(), 1);
    isOwner = false;
    const checked = harness.send(book, 'k', { flow: 'checked' });
    await harness.settle();
    assert.equal(codeIn(checked), 'ERR_STORE_FENCED');
    assert.equal((await harness.instances(book)).length, 0);
  });
});
