import assert from 'node:assert/strict';
import { testHost } from '../../../gateway/testing/index.ts';
import { defineCore, entity, map, singleton } from '../../../lib/index.ts';

const order = defineCore({
  name: 'order',
  version: '1.0.0',
  instance: entity({ entityKey: 'id', idleTimeoutMs: 60_000 }),
  memory: { items: 0, isNagged: false, bySku: map<number>() },
  events: { added: 'add' },
}).flows((flow) => ({
  add: flow({
    run(ctx, input) {
      const { sku } = input as { readonly sku: string };
      ctx.memory.items += 1;
      ctx.memory.bySku.increment(sku);
      ctx.emit('item', { sku });
      ctx.reminder.set('nag', { inMs: 3_600_000, flow: 'nag' });
    },
  }),
  lose: flow({
    level: 'volatile',
    run(ctx) {
      ctx.memory.items += 100;
    },
  }),
  nag: flow({
    run(ctx) {
      ctx.memory.isNagged = true;
      ctx.emit('nagged', { shop: 'main' });
    },
  }),
  state: flow({
    readonly: true,
    async run(ctx) {
      return {
        items: ctx.memory.items,
        isNagged: ctx.memory.isNagged,
        pens: await ctx.memory.bySku.get('pen'),
      };
    },
  }),
}));

const shop = defineCore({
  name: 'shop',
  version: '1.0.0',
  instance: singleton(),
  memory: { nags: 0 },
  on: { 'core://order/nagged': 'count' },
}).flows((flow) => ({
  count: flow({
    run(ctx) {
      ctx.memory.nags += 1;
    },
  }),
  nags: flow({ readonly: true, run: (ctx) => ctx.memory.nags }),
}));

describe('Testing kit', () => {
  it('time, moved on by an hour, fires the reminder, and its event reaches the other Core', async () => {
    const host = await testHost({ cores: [order, shop] });
    await host.send(order, '7', 'added', { sku: 'pen' });
    await host.advance(3_599_000);
    assert.equal((await host.ref(order, 7).state()).isNagged, false);
    await host.advance(61_000);
    assert.equal((await host.ref(order, 7).state()).isNagged, true);
    assert.equal(await host.ref(shop).nags(), 1);
    await host.stop();
  });

  it('a restart keeps what was committed, and loses what was volatile', async () => {
    const host = await testHost({ cores: [order, shop] });
    const seven = host.ref(order, '7');
    await seven.add({ sku: 'pen' });
    await seven.lose();
    assert.equal((await seven.state()).items, 101);
    await host.restart();
    assert.deepEqual(await seven.state(), { items: 1, isNagged: false, pens: 1 });
    await host.stop();
  });

  it('an idle grain leaves memory after its timeout, with what was volatile written', async () => {
    const host = await testHost({ cores: [order, shop] });
    await host.ref(order, '7').add({ sku: 'pen' });
    await host.ref(order, '7').lose();
    assert.equal((await host.silo.instances('default', 'order', { limit: 10 })).instances.length, 1);
    await host.advance(61_000);
    assert.equal((await host.silo.instances('default', 'order', { limit: 10 })).instances.length, 0);
    await host.restart();
    assert.equal((await host.ref(order, '7').state()).items, 101);
    await host.stop();
  });

  it('what a grain emitted, asked for, comes in order', async () => {
    const host = await testHost({ cores: [order, shop] });
    await host.ref(order, '7').add({ sku: 'pen' });
    await host.ref(order, '7').add({ sku: 'ink' });
    const emissions = await host.emissions(order, '7');
    assert.deepEqual(
      emissions.map(({ n, prev, event, data }) => ({ n, prev, event, data })),
      [
        { n: 1, prev: 0, event: 'item', data: { sku: 'pen' } },
        { n: 2, prev: 1, event: 'item', data: { sku: 'ink' } },
      ],
    );
    await host.stop();
  });

  it('a grain, forgotten while it is in memory, begins anew, and the host still stops', async () => {
    const host = await testHost({ cores: [order, shop] });
    await host.ref(order, '7').add({ sku: 'pen' });
    await host.forget(order, '7');
    assert.deepEqual(await host.ref(order, '7').state(), { items: 0, isNagged: false });
    assert.deepEqual(await host.emissions(order, '7'), []);
    await host.advance(3_700_000);
    assert.equal((await host.ref(order, '7').state()).isNagged, false);
    await host.stop();
  });
});
