// Who is dialled, which of two connections is kept, and how links end.
import assert from 'node:assert/strict';
import { randomBelow, SeededRng } from '../../../lib/index.ts';
import { macrotask } from '../../support/system-macrotask.ts';
import { message, SentRequest, World } from './link-world.ts';

async function pass(world: World, ms: number): Promise<void> {
  for (let left = ms; left > 0; left -= 25) {
    world.clock.advance(25);
    await world.settle();
  }
}

describe('Dialling', () => {
  it('a port where nobody listens, is told as refused, and dialled again ever more slowly until there is somebody', async () => {
    const world = new World();
    const a = await world.peer('a');
    const port = 1_002;
    a.links.dial({ incarnation: 'b', host: '127.0.0.1', port });
    await world.settle();
    assert.deepEqual(a.dialFailures, ['b refused']);
    await pass(world, 10_000);
    const failed = a.dialFailures.length;
    assert.ok(failed >= 10 && failed < 30, `${failed} dials in 10 s`);
    const b = await world.peer('b');
    assert.equal(b.port, port);
    await pass(world, 2_000);
    assert.ok(a.to(b).isOpen && b.to(a).isOpen);
    assert.equal(await a.links.probe('127.0.0.1', port), 'connected');
    assert.equal(await a.links.probe('127.0.0.1', 9), 'refused');
  });

  it('a link that was cut, comes back at once; one that was forgotten, does not', async () => {
    const world = new World();
    const [a, b] = await world.two();
    await pass(world, 2_000);
    const first = a.to(b);
    world.network.ends[0]?.cut('planted');
    await world.settle();
    assert.equal(a.closed.length, 1);
    await pass(world, 25);
    assert.ok(a.to(b) !== first && a.to(b).isOpen && b.to(a).isOpen);
    a.links.forget('b');
    await pass(world, 5_000);
    assert.equal(a.links.get('b') ?? b.links.get('a'), undefined);
    assert.equal(a.closed.at(-1), 'no longer wanted');
  });

  it('a link that only one end knows to be gone, is replaced by the new one', async () => {
    const world = new World();
    const [a, b] = await world.two();
    await pass(world, 2_000);
    const [dialler, listener] = world.network.ends;
    assert.ok(dialler && listener);
    const stale = b.to(a);
    dialler.cut('planted');
    listener.closeReason = undefined;
    await pass(world, 100);
    assert.deepEqual(b.closed, ['a newer link took its place']);
    assert.ok(b.to(a) !== stale && b.to(a).isOpen && a.to(b).isOpen);
  });

  it('a link that its dialler alone believes in, is replaced by the dial of the other end', async () => {
    const world = new World();
    const [a, b] = [await world.peer('a'), await world.peer('b')];
    b.dial(a);
    await world.settle();
    a.dial(b);
    await pass(world, 2_000);
    const [dialler, listener] = world.network.ends;
    assert.ok(dialler && listener);
    listener.cut('planted');
    dialler.closeReason = undefined;
    await pass(world, 100);
    assert.deepEqual(b.closed, ['a newer link took its place']);
    assert.ok(a.to(b).isOpen && b.to(a).isOpen);
  });

  it('links that end at once again and again, are dialled ever more slowly', async () => {
    const world = new World();
    const [a, b] = await world.two();
    const destroy = (): void => b.links.all().forEach((link) => link.destroy('not wanted here'));
    for (let left = 5_000; left > 0; left -= 10) {
      destroy();
      world.clock.advance(10);
      await world.settle();
    }
    assert.ok(a.opened.length < 25, `${a.opened.length} links in 5 s`);
  });

  it('another incarnation at the address, is told to the owner, and gets no link', async () => {
    const world = new World();
    const a = await world.peer('a');
    const b = await world.peer('b2');
    a.links.dial({ incarnation: 'b1', host: '127.0.0.1', port: b.port });
    await world.settle();
    assert.deepEqual(a.replaced, ['b1 -> b2']);
    assert.equal(a.opened.length + b.opened.length, 0);
    a.links.forget('b1');
    a.dial(b);
    await world.settle();
    assert.ok(a.to(b).isOpen);
  });

  it('an idle link, is pinged; one that answers nothing, is closed and what it had is lost', async () => {
    const world = new World();
    const [a, b] = await world.two({ silentMs: 2_000 });
    await pass(world, 3_000);
    assert.ok(world.clock.nowMs() - a.to(b).heardMs < 500);
    assert.equal(a.closed.length, 0);
    const asked = a.ask(b);
    // Nothing is delivered any more: neither end hears anything.
    for (let step = 0; step < 40; step += 1) {
      world.clock.advance(100);
      await macrotask();
    }
    assert.match(a.closed[0] ?? '', /nothing was heard for 20\d\d ms/);
    assert.deepEqual(asked.outcomes, [{ kind: 'lost', wasSent: true }]);
  });

  it('a process that was stopped itself, does not blame its peers', async () => {
    const world = new World();
    const [a, b] = await world.two({ silentMs: 2_000 });
    await pass(world, 1_000);
    // A ping is on its way when the process stops.
    world.clock.advance(300);
    world.clock.stall(30_000);
    await pass(world, 1_000);
    assert.equal(a.closed.length, 0);
    assert.ok(a.to(b).isOpen);
  });

  it('a link that ends, sends what is queued first; the other end is told, and nobody is dialled after close', async () => {
    const world = new World();
    const [a, b] = await world.two();
    a.ask(b, { input: 'last words' });
    a.to(b).control('bye', null);
    const closing = a.links.close('stopping');
    await world.settle();
    await closing;
    assert.equal(b.requests.length, 1);
    assert.deepEqual(b.controls, [{ kind: 'bye', body: null }]);
    assert.deepEqual(a.closed, ['stopping']);
    assert.equal(b.closed.length, 1);
    const late = a.opened[0];
    assert.ok(late);
    a.dial(b);
    await pass(world, 3_000);
    assert.equal(a.links.all().length, 0);
    assert.equal(await b.links.probe('127.0.0.1', a.port), 'refused');
  });

  it('a request over a closed link, is told that it was not sent, later', async () => {
    const world = new World();
    const [a, b] = await world.two();
    const link = a.to(b);
    link.destroy('planted');
    const request = new SentRequest(message());
    link.request(request);
    assert.equal(request.outcomes.length, 0);
    const cancelled = new SentRequest(message());
    link.request(cancelled);
    link.cancel(cancelled);
    await world.settle();
    assert.deepEqual(request.outcomes, [{ kind: 'lost', wasSent: false }]);
    assert.equal(cancelled.outcomes.length, 0);
    link.control('bye', 1);
    link.end('again');
  });

  it('both dial at once, in any order of events: both keep the same one connection', async function () {
    this.timeout(60_000);
    for (let seed = 0; seed < 400; seed += 1) {
      const rng = new SeededRng(seed);
      const world = new World();
      world.network.isHolding = true;
      const a = await world.peer('a', { seed: seed * 2 });
      const b = await world.peer('b', { seed: seed * 2 + 1 });
      const dials = [() => a.dial(b), () => b.dial(a)];
      for (let step = 0; step < 60; step += 1) {
        const dial = rng.next() < 0.2 ? dials.splice(randomBelow(rng, dials.length), 1)[0] : undefined;
        dial?.();
        if (rng.next() < 0.3) world.network.held.shift()?.();
        await macrotask();
        const end = world.network.ends[randomBelow(rng, Math.max(1, world.network.ends.length))];
        if (rng.next() < 0.7) end?.deliver(1 + randomBelow(rng, 300));
        if (seed % 4 === 0 && rng.next() < 0.02) end?.cut('planted');
        if (rng.next() < 0.1) world.clock.advance(randomBelow(rng, 100));
      }
      for (const dial of dials) dial();
      world.network.isHolding = false;
      for (const go of world.network.held.splice(0)) go();
      await world.settle();
      const isCut = seed % 4 === 0;
      if (isCut) await pass(world, 4_000);
      else
        assert.equal(a.closed.length + b.closed.length, 0, `seed ${seed}: nobody loses a link that it had`);
      const open = world.network.ends.filter(({ isClosed }) => !isClosed);
      assert.equal(open.length, 2, `seed ${seed}: ${open.length} open ends`);
      const asked = [a.ask(b, { input: 1 }), b.ask(a, { input: 2 })];
      await world.settle();
      for (const { outcomes } of asked) assert.equal(outcomes[0]?.kind, 'result', `seed ${seed}`);
      // The same connection: what one end asks and what the other end asks go over one pair.
      assert.equal(open[0]?.other, open[1], `seed ${seed}`);
      for (const { opened, closed } of [a, b]) assert.equal(opened.length - closed.length, 1, `seed ${seed}`);
    }
  });
});
