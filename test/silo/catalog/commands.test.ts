import assert from 'node:assert/strict';
import { defineCore, entity, GrainError, map } from '../../../lib/index.ts';
import {
  CommandMemory,
  inputHash,
  type Message,
  PromiseEnvelope,
  storedCommand,
} from '../../../silo/internal.ts';
import { codeIn, Latch, SiloHarness } from '../../support/silo-harness.ts';

interface PayInput {
  readonly amount: number;
  readonly lines?: number[];
  readonly latch?: boolean;
  readonly fails?: boolean;
}

function shop() {
  const runs: unknown[] = [];
  const gate = new Latch();
  const bank = defineCore({
    name: 'bank',
    version: '1.0.0',
    instance: entity({ entityKey: 'id' }),
    memory: { paid: 0 },
  }).flows((flow) => ({
    pay: flow({
      run(ctx, input) {
        ctx.memory.paid += (input as { amount: number }).amount;
        return ctx.memory.paid;
      },
    }),
    paid: flow({ readonly: true, run: (ctx) => ctx.memory.paid }),
  }));
  const order = defineCore({
    name: 'order',
    version: '1.0.0',
    instance: entity({ entityKey: 'id', idleTimeoutMs: 3_600_000 }),
    memory: { total: 0, byKey: map<number>() },
    events: { paid: 'pay' },
  }).flows((flow) => ({
    pay: flow({
      async run(ctx, input) {
        const given = input as PayInput;
        runs.push(ctx.principal);
        given.lines?.sort();
        if (given.latch) await gate.promise;
        if (given.fails) throw new Error('card refused');
        ctx.memory.total += given.amount;
        return { total: ctx.memory.total };
      },
    }),
    large: flow({
      run(_ctx, input) {
        runs.push('large');
        const text = 'x'.repeat(5_000);
        return (input as { asText?: boolean }).asText ? text : { text };
      },
    }),
    nested: flow({
      async run(ctx) {
        runs.push('nested');
        await ctx.call(bank, 'b').pay({ amount: 10 });
        await ctx.call(bank, 'b').pay({ amount: 10 });
        ctx.memory.total += 1;
        return ctx.memory.total;
      },
    }),
  }));
  return { order, bank, runs, gate };
}

describe('Command ids (hazards.md 10): one that is brought again', () => {
  it('is answered from memory, now and after a restart, and runs once', async () => {
    const { order, bank, runs } = shop();
    const harness = new SiloHarness({ cores: [order, bank] });
    const facts = { flow: 'pay', input: { amount: 5 }, commandId: 'c1' };
    const first = harness.send(order, 'o', facts);
    await harness.settle();
    const second = harness.send(order, 'o', facts);
    await harness.settle();
    harness.restart();
    const third = harness.send(order, 'o', facts);
    await harness.settle();
    for (const sent of [first, second, third]) assert.deepEqual(sent.outcome, { output: { total: 5 } });
    assert.equal(runs.length, 1);
  });

  it('while the first still runs, waits for its outcome', async () => {
    const { order, bank, runs, gate } = shop();
    const harness = new SiloHarness({ cores: [order, bank] });
    const facts = { flow: 'pay', input: { amount: 5, latch: true }, commandId: 'c1' };
    const wide = [harness.send(order, 'o', facts), harness.send(order, 'o', facts)];
    await harness.settle();
    gate.open();
    await harness.settle();
    for (const sent of wide) assert.deepEqual(sent.outcome, { output: { total: 5 } });
    assert.equal(runs.length, 1);
  });

  it('with an error as its outcome, meets the error again', async () => {
    const { order, bank, runs } = shop();
    const harness = new SiloHarness({ cores: [order, bank] });
    const facts = { flow: 'pay', input: { amount: 5, fails: true }, commandId: 'c1' };
    const first = harness.send(order, 'o', facts);
    await harness.settle();
    harness.restart();
    const second = harness.send(order, 'o', facts);
    await harness.settle();
    for (const sent of [first, second]) {
      const error = sent.outcome && 'error' in sent.outcome ? sent.outcome.error : undefined;
      assert.deepEqual([error?.code, error?.message], ['ERR_FLOW_FAILED', 'card refused']);
    }
    assert.equal(runs.length, 1);
  });

  it('with another input, is refused; with the same properties in another order, it is the same', async () => {
    const { order, bank, runs } = shop();
    const harness = new SiloHarness({ cores: [order, bank] });
    const first = harness.send(order, 'o', { flow: 'pay', input: { amount: 5, id: 'o' }, commandId: 'c1' });
    const other = harness.send(order, 'o', { flow: 'pay', input: { amount: 6, id: 'o' }, commandId: 'c1' });
    const flow = harness.send(order, 'o', { flow: 'large', input: { amount: 5, id: 'o' }, commandId: 'c1' });
    const same = harness.send(order, 'o', { flow: 'pay', input: { id: 'o', amount: 5 }, commandId: 'c1' });
    await harness.settle();
    assert.deepEqual([first, other, flow, same].map(codeIn), [
      'ok',
      'ERR_COMMAND_CONFLICT',
      'ERR_COMMAND_CONFLICT',
      'ok',
    ]);
    assert.equal(runs.length, 1);
  });

  it('of another principal, is another command: it neither runs nor reads the first one’s', async () => {
    const { order, bank, runs } = shop();
    const harness = new SiloHarness({ cores: [order, bank] });
    const facts = { flow: 'pay', input: { amount: 5 }, commandId: 'order-1' };
    harness.send(order, 'o', { ...facts, principal: 'alice' });
    const spy = harness.send(order, 'o', { ...facts, principal: 'mallory' });
    await harness.settle();
    assert.deepEqual(spy.outcome, { output: { total: 10 } });
    assert.deepEqual(runs, ['alice', 'mallory']);
  });

  it('whose flow changed its input meanwhile, is still the same command', async () => {
    const { order, bank, runs } = shop();
    const harness = new SiloHarness({ cores: [order, bank] });
    const facts = (): { flow: string; input: PayInput; commandId: string } => ({
      flow: 'pay',
      input: { amount: 5, lines: [3, 1, 2] },
      commandId: 'c1',
    });
    harness.send(order, 'o', facts());
    const again = harness.send(order, 'o', facts());
    await harness.settle();
    assert.deepEqual(again.outcome, { output: { total: 5 } });
    assert.equal(runs.length, 1);
  });

  it('answers each caller with a result of its own: changing one changes no other', async () => {
    const { order, bank } = shop();
    const harness = new SiloHarness({ cores: [order, bank] });
    const facts = { flow: 'pay', input: { amount: 5 }, commandId: 'c1' };
    for (let round = 0; round < 3; round += 1) {
      const sent = harness.send(order, 'o', facts);
      await harness.settle();
      assert.deepEqual(sent.outcome, { output: { total: 5 } });
      ((await sent.envelope.promise) as { total: number }).total = 999;
    }
    harness.restart();
    const sent = harness.send(order, 'o', facts);
    await harness.settle();
    assert.deepEqual(sent.outcome, { output: { total: 5 } });
  });

  for (const asText of [false, true]) {
    it(`whose result was larger than 4 KB${asText ? ', a text' : ''}, reads as done without its body`, async () => {
      const { order, bank, runs } = shop();
      const harness = new SiloHarness({ cores: [order, bank] });
      const facts = { flow: 'large', input: { asText }, commandId: 'c1' };
      const first = harness.send(order, 'o', facts);
      await harness.settle();
      assert.equal(codeIn(first), 'ok');
      const again = harness.send(order, 'o', facts);
      await harness.settle();
      assert.deepEqual(again.outcome, { output: { done: true } });
      assert.equal(runs.length, 1);
    });
  }

  it('is forgotten after 10 minutes, and after a thousand others', async () => {
    const { order, bank, runs } = shop();
    const harness = new SiloHarness({ cores: [order, bank] });
    const facts = { flow: 'pay', input: { amount: 1 }, commandId: 'c1' };
    harness.send(order, 'o', facts);
    await harness.settle();
    await harness.advance(9 * 60_000);
    harness.send(order, 'o', facts);
    await harness.settle();
    assert.equal(runs.length, 1);
    await harness.advance(60_000 + 1);
    assert.equal((await harness.instances(order)).length, 1, 'resident all the time');
    harness.send(order, 'o', facts);
    await harness.settle();
    assert.equal(runs.length, 2);
    for (let index = 0; index < 1_000; index += 1) {
      harness.send(order, 'o', { ...facts, commandId: `other-${index}` });
      if (index % 100 === 99) await harness.settle();
    }
    harness.send(order, 'o', facts);
    await harness.settle();
    assert.equal(runs.length, 1_003);
  });

  it('does not leave before the first one’s commit is durable, nor when that fails', async () => {
    const { order, bank, runs } = shop();
    const harness = new SiloHarness({ cores: [order, bank], commits: 'held' });
    const facts = { flow: 'pay', input: { amount: 5 }, commandId: 'c1' };
    const first = harness.send(order, 'o', facts);
    await harness.settle();
    const second = harness.send(order, 'o', facts);
    const conflict = harness.send(order, 'o', { ...facts, input: { amount: 6 } });
    await harness.settle();
    for (const sent of [first, second, conflict]) assert.equal(sent.outcome, undefined);
    harness.storage.failNext('none');
    await harness.flush();
    for (const sent of [first, second, conflict]) assert.equal(codeIn(sent), 'ERR_STORE_FULL');
    const third = harness.send(order, 'o', facts);
    await harness.settle();
    await harness.flush();
    assert.deepEqual(third.outcome, { output: { total: 5 } });
    assert.equal(runs.length, 2);
  });

  it('as an event, waits and is answered like a call', async () => {
    const { order, bank, runs, gate } = shop();
    const harness = new SiloHarness({ cores: [order, bank] });
    const facts = {
      kind: 'event',
      flow: 'paid',
      input: { amount: 5, latch: true },
      commandId: 'c1',
    } as const;
    const first = harness.send(order, 'o', facts);
    const second = harness.send(order, 'o', facts);
    await harness.settle();
    gate.open();
    await harness.settle();
    assert.deepEqual([codeIn(first), codeIn(second)], ['ok', 'ok']);
    assert.equal(runs.length, 1);
  });

  it('as an event that waits for one whose turn is given up, runs in the next activation', async () => {
    const { order, bank, gate } = shop();
    const harness = new SiloHarness({ cores: [order, bank] });
    const facts = {
      kind: 'event',
      flow: 'paid',
      input: { amount: 5, latch: true },
      commandId: 'c1',
    } as const;
    const first = harness.send(order, 'o', facts);
    const second = harness.send(order, 'o', facts);
    await harness.advance(30_100);
    assert.equal(codeIn(first), 'ERR_TURN_TIMEOUT');
    gate.open();
    await harness.settle();
    assert.deepEqual(second.outcome, { output: { total: 5 } });
  });
});

describe('Command ids: nested calls', () => {
  it('a turn that is run again under its id, does not double what it called', async () => {
    const { order, bank, runs } = shop();
    const harness = new SiloHarness({ cores: [order, bank] });
    await harness.ref(order, 'o').pay({ amount: 1 });
    harness.storage.failNext('none', { tenant: 'default', core: 'order', key: 'o' });
    const facts = { flow: 'nested', commandId: 'c1' };
    const first = harness.send(order, 'o', facts);
    await harness.settle();
    assert.equal(codeIn(first), 'ERR_STORE_FULL');
    const second = harness.send(order, 'o', facts);
    await harness.settle();
    assert.equal(codeIn(second), 'ok');
    assert.equal(runs.filter((run) => run === 'nested').length, 2);
    assert.equal(await harness.ref(bank, 'b').paid(), 20);
  });
});

describe('CommandMemory', () => {
  const message = (): Message => ({ envelope: new PromiseEnvelope(), flow: undefined });

  it('hands back those that wait, once, when their command cannot settle here any more', () => {
    const memory = new CommandMemory(undefined, { commandsCutShort: 0 });
    const [first, second] = [message(), message()];
    assert.deepEqual(memory.decide(first, 'p\u0000a', 1, 0), { kind: 'run' });
    assert.deepEqual(memory.decide(second, 'p\u0000a', 1, 0), { kind: 'wait' });
    assert.deepEqual(memory.takeWaiting(), [second]);
    assert.deepEqual(memory.takeWaiting(), []);
  });

  it('keeps no more than a thousand, the newest', () => {
    const gauge = { commandsCutShort: 0 };
    const memory = new CommandMemory(undefined, gauge);
    for (let index = 0; index < 1_001; index += 1) {
      const id = `p\u0000${index}`;
      memory.decide(message(), id, 1, 0);
      memory.settle(id, storedCommand(id, 1, 0, { output: index }));
    }
    assert.equal(gauge.commandsCutShort, 1, 'its window was not over: this is told');
    assert.equal(memory.decide(message(), 'p\u00000', 1, 0).kind, 'run');
    assert.equal(memory.decide(message(), 'p\u00001', 1, 0).kind, 'answer');
    assert.equal(memory.decide(message(), 'p\u00001000', 1, 0).kind, 'answer');
  });

  it('an unknown error code of an older version, is still an error', () => {
    const stored = storedCommand('p\u0000a', 1, 0, {
      error: new GrainError('ERR_FLOW_FAILED', { message: 'm' }),
    });
    assert.deepEqual(stored.outcome, { kind: 'error', code: 'ERR_FLOW_FAILED', message: 'm' });
  });

  it('hashes an input by its meaning', () => {
    assert.equal(
      inputHash('f', { a: 1, b: [{ c: 2, d: 3 }] }),
      inputHash('f', { b: [{ d: 3, c: 2 }], a: 1 }),
    );
    assert.notEqual(inputHash('f', { a: 1 }), inputHash('g', { a: 1 }));
    assert.notEqual(inputHash('f', [1, 2]), inputHash('f', [2, 1]));
    assert.notEqual(inputHash('f', new Uint8Array([1])), inputHash('f', new Uint8Array([2])));
  });
});
