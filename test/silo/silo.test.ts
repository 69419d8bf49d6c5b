import assert from 'node:assert/strict';
import { type AnyCore, defineCore, entity, singleton, stateless } from '../../lib/index.ts';
import type { GrainStorage } from '../../silo/internal.ts';
import { codeIn, codeOf, Latch, SiloHarness } from '../support/silo-harness.ts';

function work(version = '1.0.0', gate?: Latch) {
  return defineCore({
    name: 'work',
    version,
    instance: entity({ entityKey: 'id' }),
    memory: { count: 0 },
    events: { happened: 'add' },
  }).flows((flow) => ({
    add: flow({ run: (ctx) => (ctx.memory.count += 1) }),
    slow: flow({
      async run(ctx) {
        await gate?.promise;
        return (ctx.memory.count += 1);
      },
    }),
    version: flow({ readonly: true, run: () => version }),
    slowCall: flow({
      async run(ctx) {
        await gate?.promise;
        return await ctx.call(helper).help();
      },
    }),
    quiet: flow({ level: 'volatile', run: (ctx) => (ctx.memory.count += 1) }),
  }));
}

const helper = defineCore({
  name: 'helper',
  version: '1.0.0',
  instance: singleton(),
  memory: { count: 0 },
}).flows((flow) => ({ help: flow({ run: (ctx) => (ctx.memory.count += 1) }) }));

describe('Silo: addresses (hazards.md 23)', () => {
  const order = defineCore({ name: 'order', version: '1.0.0', instance: entity({ entityKey: 'id' }) }).flows(
    (flow) => ({ key: flow({ run: (ctx) => ctx.key }) }),
  );
  const one = defineCore({ name: 'one', version: '1.0.0', instance: singleton() }).flows((flow) => ({
    key: flow({ run: (ctx) => ctx.key }),
  }));
  const pure = defineCore({ name: 'pure', version: '1.0.0', instance: stateless() }).flows((flow) => ({
    key: flow({ run: (ctx) => ctx.key }),
  }));

  const cases: readonly (readonly [
    what: string,
    core: AnyCore,
    key: string | undefined,
    input: unknown,
    told: string,
  ])[] = [
    ['named', order, 'a', undefined, 'a'],
    ['named, and the same in the input', order, 'a', { id: 'a' }, 'a'],
    ['in the input', order, undefined, { id: 'b' }, 'b'],
    ['a number in the input', order, undefined, { id: 42 }, '42'],
    ['text and number of the same decimals', order, '42', { id: 42 }, '42'],
    ['of 512 bytes', order, 'x'.repeat(512), undefined, 'x'.repeat(512)],
    ['of 513 bytes', order, 'x'.repeat(513), undefined, 'ERR_KEY_INVALID'],
    ['of 171 letters of 3 bytes', order, '\u20ac'.repeat(171), undefined, 'ERR_KEY_INVALID'],
    ['of 170 letters of 3 bytes', order, '\u20ac'.repeat(170), undefined, '\u20ac'.repeat(170)],
    ['empty', order, '', undefined, 'ERR_KEY_INVALID'],
    ['with a control character', order, 'a\nb', undefined, 'ERR_KEY_INVALID'],
    ['with half a surrogate pair', order, 'a\ud800', undefined, 'ERR_KEY_INVALID'],
    ['different from the input’s', order, 'a', { id: 'b' }, 'ERR_KEY_MISMATCH'],
    ['different in form only', order, '\u00e9', { id: 'e\u0301' }, 'ERR_KEY_MISMATCH'],
    ['missing', order, undefined, { other: 1 }, 'ERR_KEY_REQUIRED'],
    ['inherited in the input', order, undefined, Object.create({ id: 'a' }), 'ERR_KEY_REQUIRED'],
    ['an object in the input', order, undefined, { id: { toString: () => 'a' } }, 'ERR_KEY_INVALID'],
    ['__proto__', order, '__proto__', undefined, '__proto__'],
    ['constructor', order, 'constructor', undefined, 'constructor'],
    ['none, of a singleton', one, undefined, undefined, ''],
    ['empty, of a singleton', one, '', undefined, ''],
    ['any, of a singleton', one, 'a', undefined, 'ERR_KEY_MISMATCH'],
    ['none, of a stateless Core', pure, undefined, undefined, ''],
    ['any, of a stateless Core', pure, 'a', undefined, 'ERR_KEY_MISMATCH'],
  ];
  for (const [what, core, key, input, told] of cases) {
    it(`a key that is ${what}`, async () => {
      const harness = new SiloHarness({ cores: [order, one, pure] });
      const sent = harness.send(core, key, { flow: 'key', input });
      await harness.settle();
      const output = sent.outcome && 'output' in sent.outcome ? sent.outcome.output : codeIn(sent);
      assert.equal(output, told);
    });
  }

  it('names of Object’s members are no Cores, flows or events', async () => {
    const harness = new SiloHarness({ cores: [order] });
    for (const name of ['constructor', '__proto__', 'toString', 'hasOwnProperty']) {
      assert.equal(codeIn(await settled(harness, { flow: name })), 'ERR_FLOW_UNKNOWN', name);
      assert.equal(codeIn(await settled(harness, { kind: 'event', flow: name })), 'ERR_EVENT_UNKNOWN', name);
      assert.equal(await codeOf(harness.silo.ref(name, 'a') as unknown as Promise<unknown>), 'no error');
    }
    async function settled(of: SiloHarness, facts: object): Promise<ReturnType<SiloHarness['send']>> {
      const sent = of.send(order, 'a', facts);
      await of.settle();
      return sent;
    }
  });

  it('tenants do not see each other’s grains', async () => {
    const core = work();
    const harness = new SiloHarness({ cores: [core, helper] });
    await harness.send(core, 'a', { flow: 'add', tenant: 'left' }).envelope.promise;
    assert.equal(await harness.send(core, 'a', { flow: 'add', tenant: 'right' }).envelope.promise, 1);
    assert.equal((await harness.silo.instances('left', 'work', { limit: 10 })).instances.length, 1);
    assert.equal((await harness.silo.instances('nobody', 'work', { limit: 10 })).instances.length, 0);
  });

  it('two Cores of one name are refused', () => {
    const harness = new SiloHarness({ cores: [helper] });
    assert.throws(() => harness.silo.host(helper), /names are unique/);
  });
});

describe('Silo: stop', () => {
  it('running turns and queued messages are finished, new ones are turned away', async () => {
    const gate = new Latch();
    const core = work('1.0.0', gate);
    const harness = new SiloHarness({ cores: [core, helper] });
    const running = harness.send(core, 'a', { flow: 'slowCall' });
    const queued = harness.send(core, 'a', { flow: 'add' });
    const stopped = harness.stop();
    await harness.settle();
    const late = harness.send(core, 'a', { flow: 'add' });
    gate.open();
    await stopped;
    assert.deepEqual([running.outcome, queued.outcome], [{ output: 1 }, { output: 1 }]);
    assert.equal(codeIn(late), 'ERR_SILO_DRAINING');
    assert.equal(late.outcome && 'error' in late.outcome ? late.outcome.error.effect : '', 'none');
  });

  it('dirty values of volatile flows are stored', async () => {
    const core = work();
    const harness = new SiloHarness({ cores: [core, helper] });
    await harness.ref(core, 'a').quiet();
    await harness.stop();
    harness.restart();
    assert.equal(await harness.ref(core, 'a').add(), 2);
  });

  it('calls of stateless Cores are waited for, those that wait for a place included', async () => {
    const gate = new Latch();
    const pool = defineCore({
      name: 'pool',
      version: '1.0.0',
      instance: stateless({ maxConcurrent: 1 }),
    }).flows((flow) => ({
      slow: flow({
        async run(ctx) {
          await gate.promise;
          return await ctx.call(helper).help();
        },
      }),
    }));
    const harness = new SiloHarness({ cores: [pool, helper] });
    const running = harness.send(pool, undefined, { flow: 'slow' });
    const waiting = harness.send(pool, undefined, { flow: 'slow' });
    const stopped = harness.silo.stop();
    await harness.settle();
    gate.open();
    await harness.advance(100);
    await stopped;
    assert.deepEqual([running.outcome, waiting.outcome], [{ output: 1 }, { output: 2 }]);
  });

  it('a turn that does not end, is ended at the drain’s limit: it and what waits behind it are told', async () => {
    const core = work('1.0.0', new Latch());
    const pool = defineCore({
      name: 'pool',
      version: '1.0.0',
      instance: stateless({ maxConcurrent: 1 }),
    }).flows((flow) => ({ hang: flow({ run: () => new Promise(() => {}) }) }));
    const harness = new SiloHarness({ cores: [core, helper, pool], silo: { drainMs: 500 } });
    const sent = [
      harness.send(core, 'a', { flow: 'slow' }),
      harness.send(core, 'a', { flow: 'add' }),
      harness.send(pool, undefined, { flow: 'hang' }),
      harness.send(pool, undefined, { flow: 'hang' }),
    ];
    await harness.stop();
    assert.ok(harness.clock.nowMs() >= 500 && harness.clock.nowMs() < 600);
    assert.deepEqual(sent.map(codeIn), Array<string>(4).fill('ERR_SILO_DRAINING'));
    assert.ok(harness.logged('warn').includes('drain.incomplete'));
    harness.restart();
    assert.equal(await harness.ref(core, 'a').add(), 1);
  });

  it('a claim that is never answered, holds up neither the stop nor those who wait for it', async () => {
    const core = work();
    const harness = new SiloHarness({
      cores: [core, helper],
      silo: { drainMs: 500 },
      storage: (storage) => withMember(storage, 'claim', () => new Promise(() => {})),
    });
    const sent = harness.send(core, 'a', { flow: 'add' });
    await harness.stop();
    assert.equal(codeIn(sent), 'ERR_SILO_DRAINING');
  });

  it('a claim that is answered after the drain, is given back', async () => {
    const core = work();
    const answer = new Latch();
    const harness = new SiloHarness({
      cores: [core, helper],
      silo: { drainMs: 500 },
      storage: (storage) =>
        withMember(storage, 'claim', async (...args) => {
          await answer.promise;
          return await storage.claim(...(args as Parameters<GrainStorage['claim']>));
        }),
    });
    const sent = harness.send(core, 'a', { flow: 'add' });
    const stopped = harness.silo.stop();
    await harness.advance(600);
    answer.open();
    await harness.advance(10);
    await stopped;
    assert.equal(codeIn(sent), 'ERR_SILO_DRAINING');
  });

  it('called twice, it is one stop', async () => {
    const harness = new SiloHarness({ cores: [helper] });
    assert.equal(harness.silo.stop(), harness.silo.stop());
    await harness.stop();
  });
});

describe('Silo: replacing a Core', () => {
  it('grains go on with the new definition and their memory; calls meanwhile wait', async () => {
    const gate = new Latch();
    const old = work('1.0.0', gate);
    const harness = new SiloHarness({ cores: [old, helper] });
    await harness.ref(old, 'a').add();
    const running = harness.send(old, 'a', { flow: 'slow' });
    const replaced = harness.silo.replace(work('2.0.0'));
    await harness.settle();
    const waiting = harness.send(old, 'a', { flow: 'version' });
    await harness.settle();
    assert.equal(codeIn(waiting), undefined);
    gate.open();
    await harness.advance(50);
    await replaced;
    await harness.settle();
    assert.deepEqual([running.outcome, waiting.outcome], [{ output: 2 }, { output: '2.0.0' }]);
    assert.equal(await harness.ref(old, 'a').add(), 3);
  });

  it('a turn that does not end, is ended at the limit; what waited behind it goes to the new definition', async () => {
    const old = work('1.0.0', new Latch());
    const harness = new SiloHarness({ cores: [old, helper], silo: { drainMs: 500 } });
    const running = harness.send(old, 'a', { flow: 'slow' });
    const behind = harness.send(old, 'a', { flow: 'version' });
    const replaced = harness.silo.replace(work('2.0.0'));
    await harness.advance(600);
    await replaced;
    await harness.settle();
    assert.equal(codeIn(running), 'ERR_GRAIN_MOVED');
    assert.deepEqual(behind.outcome, { output: '2.0.0' });
    assert.deepEqual(
      (await harness.instances(old)).map(({ key }) => key),
      ['a'],
    );
  });

  it('twice at once: the last one stands, and nothing is left of the one between', async () => {
    const old = work('1.0.0');
    const harness = new SiloHarness({ cores: [old, helper] });
    await harness.ref(old, 'a').add();
    const both = [harness.silo.replace(work('2.0.0')), harness.silo.replace(work('3.0.0'))];
    const call = harness.send(old, 'a', { flow: 'version' });
    await harness.advance(100);
    await Promise.all(both);
    await harness.settle();
    assert.match(String(call.outcome && 'output' in call.outcome ? call.outcome.output : ''), /^[123]/);
    assert.equal(await harness.ref(old, 'a').version(), '3.0.0');
    assert.equal(harness.silo.manifests().get('work')?.version, '3.0.0');
    assert.equal(await harness.ref(old, 'a').add(), 2);
  });

  it('envelopes that wait for the new definition, keep their deadlines', async () => {
    const old = work('1.0.0', new Latch());
    const harness = new SiloHarness({ cores: [old, helper], silo: { drainMs: 5_000 } });
    harness.send(old, 'a', { flow: 'slow' });
    const replaced = harness.silo.replace(work('2.0.0'));
    await harness.settle();
    const waiting = harness.send(old, 'b', { flow: 'add', deadlineMs: harness.clock.nowMs() + 100 });
    await harness.advance(200);
    assert.equal(codeIn(waiting), 'ERR_CALL_EXPIRED');
    await harness.advance(6_000);
    await replaced;
  });
});

describe('Silo: reports', () => {
  it('instances come in key order, page by page', async () => {
    const core = work();
    const harness = new SiloHarness({ cores: [core, helper] });
    for (const key of ['d', 'a', 'c', 'b', 'e']) await harness.ref(core, key).add();
    const first = await harness.silo.instances('default', 'work', { limit: 2 });
    assert.deepEqual(
      first.instances.map(({ key }) => key),
      ['a', 'b'],
    );
    const second = await harness.silo.instances('default', 'work', { limit: 2, cursor: first.cursor ?? '' });
    assert.deepEqual(
      second.instances.map(({ key }) => key),
      ['c', 'd'],
    );
    const third = await harness.silo.instances('default', 'work', { limit: 2, cursor: second.cursor ?? '' });
    assert.deepEqual([third.instances.map(({ key }) => key), third.cursor], [['e'], undefined]);
    assert.equal(await codeOf(harness.silo.instances('default', 'nope', { limit: 2 })), 'ERR_CORE_UNKNOWN');
  });

  it('the report counts turns, commits, activations and what waits', async () => {
    const gate = new Latch();
    const core = work('1.0.0', gate);
    const harness = new SiloHarness({ cores: [core, helper] });
    await harness.ref(core, 'b').add();
    harness.send(core, 'a', { flow: 'slow' });
    harness.send(core, 'a', { flow: 'add' });
    harness.send(core, 'a', { flow: 'add' });
    await harness.settle();
    const busy = await harness.report();
    assert.deepEqual(
      [busy.turnsRunning, busy.messagesWaiting, busy.longestMailboxes, busy.activations],
      [1, 2, [{ core: 'work', key: 'a', waiting: 2 }], 2],
    );
    gate.open();
    await harness.settle();
    const done = await harness.report();
    assert.deepEqual(
      [done.turnsStarted, done.turnsRunning, done.messagesWaiting, done.commits, done.activated],
      [4, 0, 0, 4, 2],
    );
    assert.equal(
      done.turnMs.counts.reduce((sum, count) => sum + count, 0),
      4,
    );
  });
});

function withMember(
  storage: GrainStorage,
  name: keyof GrainStorage,
  member: (...args: unknown[]) => unknown,
): GrainStorage {
  return new Proxy(storage, {
    get(target, asked) {
      if (asked === name) return member;
      const own: unknown = Reflect.get(target, asked, target);
      return typeof own === 'function' ? (own as (...args: unknown[]) => unknown).bind(target) : own;
    },
  });
}
