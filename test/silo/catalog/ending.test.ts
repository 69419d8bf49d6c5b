import assert from 'node:assert/strict';
import { type AnyCore, defineCore, entity, GrainError, list, map, value } from '../../../lib/index.ts';
import { type GrainStorage, PromiseEnvelope } from '../../../silo/internal.ts';
import { codeIn, codeOf, Latch, type Sent, SiloHarness } from '../../support/silo-harness.ts';

function counterCore(
  latches: Map<string, Latch> = new Map<string, Latch>(),
  level: 'committed' | 'async' | 'volatile' = 'committed',
) {
  return defineCore({
    name: 'counter',
    version: '1.0.0',
    instance: entity({ entityKey: 'id', idleTimeoutMs: 1_000 }),
    memory: { count: 0, entries: map<number>(), items: list<string>(), note: value<string | null>(null) },
    events: { happened: 'add', slow: 'hang' },
  }).flows((flow) => ({
    add: flow({
      level,
      run(ctx) {
        ctx.memory.count += 1;
        return ctx.memory.count;
      },
    }),
    get: flow({ readonly: true, run: (ctx) => ctx.memory.count }),
    keep: flow({
      run(ctx) {
        ctx.memory.entries.set('a', 1);
        ctx.memory.items.push('x');
        ctx.memory.note = 'kept';
        ctx.emit('kept');
        ctx.reminder.set('soon', { everyMs: 60_000, flow: 'add' });
      },
    }),
    look: flow({
      readonly: true,
      async run(ctx) {
        return {
          count: ctx.memory.count,
          entry: (await ctx.memory.entries.get('a')) ?? null,
          items: await ctx.memory.items.range(0),
          note: ctx.memory.note,
          reminders: ctx.reminder.all().length,
        };
      },
    }),
    erase: flow({
      run(ctx) {
        ctx.forget();
      },
    }),
    eraseAndLook: flow({
      async run(ctx) {
        const { entries, items } = ctx.memory;
        entries.set('b', 2);
        ctx.forget();
        entries.increment('a', 5);
        return {
          a: (await ctx.memory.entries.get('a')) ?? null,
          b: (await entries.get('b')) ?? null,
          length: await items.length(),
          size: (await collect(ctx.memory.entries.entries())).length,
        };
      },
    }),
    hang: flow({
      timeLimitMs: 500,
      async run(ctx) {
        ctx.memory.count += 100;
        await latches.get(ctx.key)?.promise;
        return ctx.memory.count;
      },
    }),
    wait: flow({
      async run(ctx) {
        await latches.get(ctx.key)?.promise;
        ctx.memory.count += 10;
        return ctx.memory.count;
      },
    }),
  }));
}

async function collect<T>(entries: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const entry of entries) all.push(entry);
  return all;
}

describe('Activation: idle', () => {
  it('a grain that gets no message for its idle time, leaves, and comes back with its memory', async () => {
    const counter = counterCore();
    const harness = new SiloHarness({ cores: [counter] });
    await harness.ref(counter, 'a').add();
    assert.equal((await harness.instances(counter)).length, 1);
    await harness.advance(900);
    assert.equal((await harness.instances(counter)).length, 1);
    await harness.advance(200);
    assert.equal((await harness.instances(counter)).length, 0);
    assert.equal(await harness.ref(counter, 'a').get(), 1);
    assert.deepEqual((await harness.report()).deactivated, { idle: 1 });
  });

  it('a grain that is used just before its time, stays for another', async () => {
    const counter = counterCore();
    const harness = new SiloHarness({ cores: [counter] });
    await harness.ref(counter, 'a').add();
    await harness.advance(990);
    await harness.ref(counter, 'a').add();
    await harness.advance(900);
    assert.equal((await harness.instances(counter)).length, 1);
    await harness.advance(200);
    assert.equal((await harness.instances(counter)).length, 0);
  });

  it('a silo with nothing to do sets no timer: nothing is left in the wheel', async () => {
    const counter = counterCore();
    const harness = new SiloHarness({ cores: [counter] });
    for (let key = 0; key < 20; key += 1)
      await harness.ref(counter, key).add(undefined, { deadlineMs: 5_000 });
    await codeOf(harness.ref(counter, 'x').add(undefined, { deadlineMs: 0 }));
    await harness.advance(1_200);
    assert.equal((await harness.instances(counter)).length, 0);
    await harness.advance(100);
    assert.equal(harness.clock.nextDueMs, undefined);
  });

  it('what a volatile flow left dirty, is committed before the grain leaves', async () => {
    const counter = counterCore(new Map(), 'volatile');
    const harness = new SiloHarness({ cores: [counter] });
    await harness.ref(counter, 'a').add();
    assert.equal((await harness.report()).commits, 0);
    await harness.advance(1_100);
    assert.equal((await harness.report()).commits, 1);
    harness.restart();
    assert.equal(await harness.ref(counter, 'a').get(), 1);
  });

  it('what a volatile flow changed and a commit took along, is not committed again at the end', async () => {
    const counter = counterCore(new Map(), 'volatile');
    const harness = new SiloHarness({ cores: [counter] });
    await harness.ref(counter, 'a').add();
    await harness.ref(counter, 'a').keep();
    await harness.advance(1_100);
    assert.equal((await harness.report()).commits, 1);
    assert.equal(await harness.ref(counter, 'a').get(), 1);
  });
});

describe('Activation: forget', () => {
  it('an idle resident grain that is erased, leaves the idle list: sweeps and drains end', async () => {
    const counter = counterCore();
    const harness = new SiloHarness({ cores: [counter] });
    await harness.ref(counter, 'a').add();
    const erased = harness.send(counter, 'a', { kind: 'forget' });
    await harness.settle();
    assert.equal(codeIn(erased), 'ok');
    assert.equal((await harness.instances(counter)).length, 0);
    await harness.advance(3_000);
    assert.deepEqual((await harness.report()).deactivated, { forgotten: 1 });
    assert.equal(await harness.ref(counter, 'a').get(), 0);
    await harness.stop();
    assert.deepEqual(harness.logged('error'), []);
  });

  for (const how of ['a forget message', 'ctx.forget'] as const) {
    it(`after ${how}, nothing of the grain is stored`, async () => {
      const counter = counterCore();
      const harness = new SiloHarness({ cores: [counter] });
      const grain = harness.ref(counter, 'a');
      await grain.add();
      await grain.keep();
      if (how === 'ctx.forget') await grain.erase();
      else await harness.send(counter, 'a', { kind: 'forget' }).envelope.promise;
      await harness.settle();
      assert.deepEqual(harness.storage.listGrains('default', 'counter', '', 10), []);
      assert.equal(harness.storage.nextReminderMs(), undefined);
      harness.restart();
      const looked = await harness.ref(counter, 'a').look();
      assert.deepEqual(looked, { count: 0, entry: null, items: [], note: null, reminders: 0 });
    });
  }

  it('a turn that forgets and then reads and writes collections, sees only what it wrote since', async () => {
    const counter = counterCore();
    const harness = new SiloHarness({ cores: [counter] });
    const grain = harness.ref(counter, 'a');
    await grain.keep();
    assert.deepEqual(await grain.eraseAndLook(), { a: 5, b: null, length: 0, size: 1 });
    assert.equal((await grain.look()).entry, 5);
  });

  it('a reminder whose flow erases the grain, is gone with it', async () => {
    const core = defineCore({
      name: 'mortal',
      version: '1.0.0',
      instance: entity({ entityKey: 'id' }),
      memory: { count: 0 },
    }).flows((flow) => ({
      begin: flow({ run: (ctx) => ctx.reminder.set('end', { everyMs: 1_000, flow: 'end' }) }),
      end: flow({ run: (ctx) => ctx.forget() }),
    }));
    const harness = new SiloHarness({ cores: [core] });
    await harness.ref(core, 'a').begin();
    const dueMs = Number(harness.storage.nextReminderMs());
    await harness.advance(1_000);
    const tick = harness.send(core, 'a', { kind: 'reminder', tick: { name: 'end', dueMs } });
    await harness.settle();
    assert.equal(codeIn(tick), 'ok');
    assert.equal(harness.storage.nextReminderMs(), undefined);
  });

  it('messages that come while an erased grain still commits, run in its next activation', async () => {
    const counter = counterCore();
    const harness = new SiloHarness({ cores: [counter], commits: 'held' });
    const first = harness.send(counter, 'a', { flow: 'add' });
    const erased = harness.send(counter, 'a', { kind: 'forget' });
    const second = harness.send(counter, 'a', { flow: 'add' });
    await harness.settle();
    assert.equal(codeIn(second), undefined);
    await harness.flush();
    await harness.flush();
    assert.deepEqual(first.outcome, { output: 1 });
    assert.equal(codeIn(erased), 'ok');
    assert.deepEqual(second.outcome, { output: 1 });
  });
});

describe('Activation: a turn that does not end (hazards.md 19)', () => {
  it('past its limit it is given up, and its late end changes nothing', async () => {
    const latches = new Map([['a', new Latch()]]);
    const counter = counterCore(latches);
    const harness = new SiloHarness({ cores: [counter] });
    const hung = harness.send(counter, 'a', { flow: 'hang' });
    const behind = harness.send(counter, 'a', { flow: 'add' });
    await harness.advance(400);
    assert.equal(codeIn(hung), undefined);
    await harness.advance(150);
    assert.equal(codeIn(hung), 'ERR_TURN_TIMEOUT');
    assert.deepEqual(behind.outcome, { output: 1 });
    latches.get('a')?.open();
    await harness.settle();
    assert.equal(await harness.ref(counter, 'a').get(), 1);
    const { turnsRunning, deactivated } = await harness.report();
    assert.deepEqual([turnsRunning, deactivated], [0, { turn_timeout: 1 }]);
  });

  it('an event whose turn is given up, is refused at its mark: sent again it is refused and never run', async () => {
    const latches = new Map([['a', new Latch()]]);
    const counter = counterCore(latches);
    const harness = new SiloHarness({ cores: [counter] });
    const hung = harness.event(counter, 'a', 1, 0, { event: 'slow' });
    const second = harness.event(counter, 'a', 2, 1);
    await harness.advance(600);
    assert.equal(codeIn(hung), 'ERR_TURN_TIMEOUT');
    assert.equal(codeIn(second), 'ok');
    harness.restart();
    latches.delete('a');
    const again = harness.event(counter, 'a', 1, 0, { event: 'slow', attach: 2 });
    await harness.settle();
    assert.equal(codeIn(again), 'ERR_TURN_TIMEOUT');
    assert.equal(await harness.ref(counter, 'a').get(), 1);
  });

  it('others that overlapped the turn that is given up, are told and counted', async () => {
    const latch = new Latch();
    const core = defineCore({
      name: 'wide',
      version: '1.0.0',
      instance: entity({ entityKey: 'id', maxConcurrent: 2 }),
      memory: { count: 0 },
    }).flows((flow) => ({
      hang: flow({ timeLimitMs: 100, run: () => latch.promise }),
      wait: flow({ run: () => latch.promise }),
    }));
    const harness = new SiloHarness({ cores: [core] });
    const hung = harness.send(core, 'a', { flow: 'hang' });
    const other = harness.send(core, 'a', { flow: 'wait' });
    await harness.advance(200);
    assert.equal(codeIn(hung), 'ERR_TURN_TIMEOUT');
    assert.equal(codeIn(other), 'ERR_GRAIN_MOVED');
    assert.equal((await harness.report()).turnsRunning, 0);
  });
});

describe('Activation: what is sent while it is told that it ends', () => {
  for (const how of ['the caller’s reaction', 'the flow’s reaction to its signal'] as const) {
    it(`by ${how}, runs in the next activation and is answered`, async () => {
      const react: { now: () => void } = { now: () => {} };
      const core = defineCore({
        name: 'eager',
        version: '1.0.0',
        instance: entity({ entityKey: 'id', maxConcurrent: 2 }),
      }).flows((flow) => ({
        hang: flow({
          timeLimitMs: 100,
          run(ctx) {
            if (how === 'the flow’s reaction to its signal')
              ctx.signal.addEventListener('abort', () => react.now());
            return new Promise(() => {});
          },
        }),
        epoch: flow({
          async run(ctx) {
            await Promise.resolve();
            return ctx.epoch;
          },
        }),
      }));
      const harness = new SiloHarness({ cores: [core] });
      const first = await harness.ref(core, 'a').epoch();
      const sent: Sent[] = [];
      react.now = () => {
        if (sent.length === 0) sent.push(harness.send(core, 'a', { flow: 'epoch' }));
      };
      class Eager extends PromiseEnvelope {
        protected override onError(error: GrainError): void {
          super.onError(error);
          if (how === 'the caller’s reaction') react.now();
        }
      }
      for (let round = 0; round < 2; round += 1) {
        const envelope = Object.assign(new Eager(), {
          tenant: 'default',
          core: 'eager',
          key: 'a',
          flow: 'hang',
        });
        envelope.promise.catch(() => undefined);
        harness.silo.dispatch(envelope);
      }
      await harness.advance(200);
      const [answer] = sent;
      assert.ok(answer);
      assert.equal(codeIn(answer), 'ok');
      const epoch = answer.outcome && 'output' in answer.outcome ? Number(answer.outcome.output) : 0;
      assert.ok(epoch > Number(first), `epoch ${epoch} after ${String(first)}`);
    });
  }
});

describe('Activation: release that takes its time', () => {
  function slowRelease(gate: Latch, fail = false): (storage: GrainStorage) => GrainStorage {
    return (storage) =>
      new Proxy(storage, {
        get(target, name) {
          if (name === 'release') {
            return async (claim: Parameters<GrainStorage['release']>[0]) => {
              await gate.promise;
              if (fail) throw new Error('the network is gone');
              await target.release(claim);
            };
          }
          const member: unknown = Reflect.get(target, name, target);
          return typeof member === 'function'
            ? (member as (...args: unknown[]) => unknown).bind(target)
            : member;
        },
      });
  }

  for (const fail of [false, true]) {
    it(`messages that come meanwhile, wait and run in the next activation${fail ? ', also when it fails' : ''}`, async () => {
      const gate = new Latch();
      const counter = counterCore();
      const harness = new SiloHarness({ cores: [counter], storage: slowRelease(gate, fail) });
      await harness.ref(counter, 'a').add();
      await harness.advance(1_100);
      const late = harness.send(counter, 'a', { flow: 'add' });
      await harness.settle();
      assert.equal(codeIn(late), undefined);
      gate.open();
      await harness.settle();
      assert.deepEqual(late.outcome, { output: 2 });
    });
  }

  it('a release that throws, does not keep the grain from coming back', async () => {
    const counter = counterCore();
    const harness = new SiloHarness({
      cores: [counter],
      storage: (storage) =>
        new Proxy(storage, {
          get(target, name) {
            if (name === 'release') {
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
    await harness.ref(counter, 'a').add();
    await harness.advance(1_100);
    assert.equal(await harness.ref(counter, 'a').add(), 2);
  });
});

describe('Activation: a claim that fails', () => {
  it('those who wait are told, and the next try is held back for longer each time', async () => {
    const counter: AnyCore = counterCore();
    const harness = new SiloHarness({ cores: [counter] });
    const delays: number[] = [];
    for (let failure = 0; failure < 3; failure += 1) {
      harness.storage.failNext('claim');
      const refused = harness.send(counter, 'a', { flow: 'add' });
      await harness.settle();
      assert.equal(codeIn(refused), 'ERR_ACTIVATION_FAILED');
      const heldBack = harness.send(counter, 'a', { flow: 'add' });
      await harness.settle();
      assert.equal(codeIn(heldBack), 'ERR_ACTIVATION_FAILED');
      const outcome = heldBack.outcome;
      const delayMs = outcome && 'error' in outcome ? (outcome.error.retryAfterMs ?? 0) : 0;
      delays.push(delayMs);
      await harness.advance(delayMs + 1);
    }
    assert.deepEqual(delays, [50, 100, 200]);
    const fine = harness.send(counter, 'a', { flow: 'add' });
    await harness.settle();
    assert.deepEqual(fine.outcome, { output: 1 });
  });

  it('a grain that works again, begins with the first delay when it fails later', async () => {
    const counter = counterCore();
    const harness = new SiloHarness({ cores: [counter] });
    harness.storage.failNext('claim');
    await codeOf(harness.ref(counter, 'a').add());
    await harness.advance(60);
    await harness.ref(counter, 'a').add();
    await harness.advance(1_100);
    harness.storage.failNext('claim');
    const failed = harness.send(counter, 'a', { flow: 'add' });
    await harness.settle();
    assert.equal(failed.outcome && 'error' in failed.outcome ? failed.outcome.error.retryAfterMs : 0, 50);
  });
});

describe('Activation: reads that the store refuses', () => {
  for (const code of ['ERR_STORE_FENCED', 'ERR_STORE_LOST'] as const) {
    it(`a read that is refused with ${code}, ends the activation: the grain goes on in its next one`, async () => {
      const counter = counterCore();
      let refused = 1;
      const harness = new SiloHarness({
        cores: [counter],
        storage: (storage) =>
          new Proxy(storage, {
            get(target, name) {
              if (name === 'readEntry' && refused > 0) {
                return () => {
                  refused -= 1;
                  return Promise.reject(new GrainError(code));
                };
              }
              const member: unknown = Reflect.get(target, name, target);
              return typeof member === 'function'
                ? (member as (...args: unknown[]) => unknown).bind(target)
                : member;
            },
          }),
      });
      await harness.ref(counter, 'a').keep();
      const hurt = harness.send(counter, 'a', { flow: 'look' });
      await harness.settle();
      assert.equal(codeIn(hurt), 'ERR_GRAIN_MOVED');
      assert.equal((await harness.ref(counter, 'a').look()).entry, 1);
      const { activated } = (await harness.silo.cluster()).silos[0] ?? {};
      assert.equal(activated, 2);
    });
  }
});
