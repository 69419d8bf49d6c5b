// What becomes of requests when links are slow, full, cut, or their messages long.
import assert from 'node:assert/strict';
import { GrainError, randomBelow, SeededRng } from '../../../lib/index.ts';
import type { InboundRequest } from '../../../silo/internal.ts';
import { macrotask } from '../../support/system-macrotask.ts';
import { message, type PairEnd, type Peer, SentRequest, World } from './link-world.ts';

const MIB = 1024 * 1024;

function last(world: World): readonly [PairEnd, PairEnd] {
  const [dialler, listener] = world.network.ends.slice(-2);
  assert.ok(dialler && listener);
  return [dialler, listener];
}

function codeOf(request: SentRequest): string {
  const [outcome] = request.outcomes;
  assert.equal(request.outcomes.length, 1, 'answered once');
  return outcome?.kind === 'error' ? outcome.error.code : String(outcome?.kind);
}

function keep(peer: Peer): InboundRequest[] {
  peer.onRequest = () => undefined;
  return peer.requests;
}

describe('Requests over a link', () => {
  it('many, in pieces of one byte, all come back with their own result', async () => {
    const world = new World();
    const [a, b] = await world.two();
    const asked = Array.from({ length: 40 }, (_, n) =>
      a.ask(b, { input: { n, text: 'x'.repeat(n) }, key: `k${n}` }),
    );
    await world.settle(1);
    asked.forEach((request, n) => {
      assert.deepEqual(request.outcomes, [
        { kind: 'result', value: { n, text: 'x'.repeat(n) }, host: undefined },
      ]);
    });
  });

  it('of one tick, leave in one write', async () => {
    const world = new World();
    const [a, b] = await world.two();
    let writes = 0;
    const [dialler] = last(world);
    const write = dialler.write.bind(dialler);
    dialler.write = (bytes) => {
      writes += 1;
      return write(bytes);
    };
    for (let n = 0; n < 100; n += 1) a.ask(b, { input: n });
    await world.settle();
    assert.equal(writes, 1);
  });

  it('the same envelope fields again, take fewer bytes: names are told once', async () => {
    const world = new World();
    const [a, b] = await world.two();
    const [dialler] = last(world);
    const bytesOf = async (): Promise<number> => {
      const before = dialler.deliveredBytes;
      a.ask(b, { core: 'aCoreOfALongName', flow: 'aFlowOfALongName' });
      await world.settle();
      return dialler.deliveredBytes - before;
    };
    const first = await bytesOf();
    assert.ok(first - (await bytesOf()) > 32);
  });

  it('an input that is no value, is refused, and names that it would have told are told later', async () => {
    const world = new World();
    const [a, b] = await world.two();
    const odd = a.ask(b, { core: 'fresh', input: { deep: () => 1 } });
    assert.equal(odd.outcomes.length, 0, 'nothing is told inside the call');
    const good = a.ask(b, { core: 'fresh', input: 1 });
    await world.settle();
    assert.equal(codeOf(odd), 'ERR_VALUE_INVALID');
    assert.equal(codeOf(good), 'result');
    assert.equal(b.requests.length, 1);
    assert.equal(b.requests[0]?.core, 'fresh');
  });

  it('more names than a link knows by number, arrive all', async () => {
    const world = new World();
    const [a, b] = await world.two();
    const asked = Array.from({ length: 6_000 }, (_, n) =>
      a.ask(b, { flow: `flow${n}`, principal: `user${n % 900}` }),
    );
    await world.settle();
    const again = Array.from({ length: 6_000 }, (_, n) =>
      a.ask(b, { flow: `flow${n}`, principal: `user${n % 900}` }),
    );
    await world.settle();
    for (const request of [...asked, ...again]) assert.equal(codeOf(request), 'result');
    b.requests.forEach(({ flow, principal }, n) => {
      assert.equal(flow, `flow${n % 6_000}`);
      assert.equal(principal, `user${(n % 6_000) % 900}`);
    });
  });

  it('a deadline, on another clock, is what is left of it at the sender', async () => {
    const world = new World();
    const [a, b] = await world.two();
    const requests = keep(b);
    a.ask(b, { deadlineMs: world.clock.nowMs() + 1_500.7 });
    a.ask(b, { deadlineMs: world.clock.nowMs() - 5 });
    a.ask(b, {});
    await world.settle();
    const left = requests.map(({ deadlineMs }) => deadlineMs - world.clock.nowMs());
    assert.deepEqual(left, [1_500, 0, Infinity]);
  });

  it('an input that nobody opened, is sent on as it came; the answer, too', async () => {
    const world = new World();
    const [a, b] = await world.two();
    const c = await world.peer('c');
    b.dial(c);
    await world.settle();
    b.onRequest = (request) => {
      const onward = new SentRequest(request.envelope, { hops: request.routing.hops - 1 });
      onward.onReply = (reply) => {
        if (reply.kind !== 'lost') request.passOn({ ...reply, host: 'c' });
      };
      // Later, when the bytes that were read are gone.
      void Promise.resolve().then(() => world.clock.defer(() => b.to(c).request(onward)));
    };
    const small = a.ask(b, { input: { n: 1 } });
    const long = a.ask(b, { input: 'y'.repeat(200_000) });
    await world.settle();
    assert.deepEqual(small.outcomes, [{ kind: 'result', value: { n: 1 }, host: 'c' }]);
    assert.deepEqual(long.outcomes, [{ kind: 'result', value: 'y'.repeat(200_000), host: 'c' }]);
    assert.equal(c.requests[0]?.routing.hops, 3);
  });

  it('a handler that throws, gives the caller an error, and the link stays', async () => {
    const world = new World();
    const [a, b] = await world.two();
    b.onRequest = () => {
      throw new Error('planted');
    };
    const asked = a.ask(b);
    await world.settle();
    assert.equal(codeOf(asked), 'ERR_INTERNAL');
    assert.ok(b.log.some(({ message: text }) => text.startsWith('link.handler_failed')));
    asked.onReply = () => {
      throw new Error('planted');
    };
    b.onRequest = (request) => request.resolve(1);
    a.to(b).request(asked);
    await world.settle();
    assert.ok(a.to(b).isOpen);
  });

  it('answered twice, only the first answer leaves', async () => {
    const world = new World();
    const [a, b] = await world.two();
    b.onRequest = (request) => {
      request.settle({ kind: 'result', payload: undefined, host: undefined });
      request.settle({ kind: 'error', error: new GrainError('ERR_INTERNAL'), host: undefined });
      request.resolve(3);
    };
    const asked = a.ask(b);
    await world.settle();
    assert.deepEqual(asked.outcomes, [{ kind: 'result', value: undefined, host: undefined }]);
  });

  it('an output that is no value, or an error with odd details, is told as such', async () => {
    const world = new World();
    const [a, b] = await world.two();
    b.onRequest = (request) => request.resolve(() => 1);
    const output = a.ask(b);
    await world.settle();
    b.onRequest = (request) => request.reject(new GrainError('ERR_FLOW_REFUSED', { message: 'no', odd: 1n }));
    const details = a.ask(b);
    await world.settle();
    assert.equal(codeOf(output), 'ERR_OUTPUT_INVALID');
    const [outcome] = details.outcomes;
    assert.ok(outcome?.kind === 'error');
    assert.equal(outcome.error.code, 'ERR_FLOW_REFUSED');
    assert.equal(outcome.error.message, 'no');
  });

  describe('cancelled', () => {
    it('while it runs, the peer is told, the answer is dropped, and its number does not confuse the next', async () => {
      const world = new World();
      const [a, b] = await world.two();
      const requests = keep(b);
      const asked = a.ask(b, { input: 1 });
      await world.settle();
      let cancelled = 0;
      const [first] = requests;
      assert.ok(first);
      first.onCancel = () => (cancelled += 1);
      // The answer crosses the cancellation.
      first.settle({ kind: 'result', payload: undefined, host: 'late' });
      a.to(b).cancel(asked);
      const next = a.ask(b, { input: 2 });
      await world.settle();
      assert.equal(cancelled, 0, 'it was answered before');
      a.to(b).cancel(next);
      await world.settle();
      assert.equal(asked.outcomes.length + next.outcomes.length, 0);
      assert.ok(requests[1]?.isSettled, 'without onCancel the envelope is cancelled');
    });

    it('before it left, it never arrives', async () => {
      const world = new World();
      const [a, b] = await world.two();
      const [dialler] = last(world);
      dialler.roomBytes = 0;
      const full = a.ask(b, { input: 'fills the stream' });
      await macrotask();
      const asked = a.ask(b, { input: 'waits' });
      a.to(b).cancel(asked);
      dialler.roomBytes = Infinity;
      await world.settle();
      assert.equal(codeOf(full), 'result');
      assert.equal(b.requests.length, 1);
      assert.equal(asked.outcomes.length, 0);
    });

    it('in the middle of a long one, the rest of it does not leave', async () => {
      const world = new World();
      const [a, b] = await world.two();
      const [dialler] = last(world);
      const before = dialler.deliveredBytes;
      const long = a.ask(b, { input: new Uint8Array(4 * MIB) });
      for (let step = 0; step < 3; step += 1) {
        await macrotask();
        world.network.step();
      }
      a.to(b).cancel(long);
      const next = a.ask(b, { input: new Uint8Array(MIB) });
      await world.settle();
      assert.equal(b.requests.length, 1);
      assert.equal(codeOf(next), 'result');
      assert.equal(long.outcomes.length, 0);
      assert.ok(dialler.deliveredBytes - before < 2 * MIB);
    });
  });

  describe('when the other end reads slowly', () => {
    it('what waits is bounded by count, refused beyond it with no effect, and leaves when there is room', async () => {
      const world = new World();
      const [a, b] = await world.two({ requestsMax: 50 });
      const [dialler] = last(world);
      dialler.roomBytes = 10;
      const asked = Array.from({ length: 80 }, (_, n) => a.ask(b, { input: n }));
      await macrotask();
      assert.equal(asked.filter(({ outcomes }) => outcomes.length > 0).length, 30);
      await world.settle();
      const codes = asked.map(codeOf);
      assert.deepEqual(codes, [
        ...new Array<string>(50).fill('result'),
        ...new Array<string>(30).fill('ERR_LINK_FULL'),
      ]);
    });

    it('what waits is bounded by bytes, too', async () => {
      const world = new World();
      const [a, b] = await world.two({ queuedBytesMax: 256 * 1024 });
      const [dialler] = last(world);
      dialler.roomBytes = 10;
      a.ask(b, { input: 'first' });
      await macrotask();
      const asked = Array.from({ length: 20 }, () => a.ask(b, { input: new Uint8Array(30_000) }));
      await world.settle();
      const refused = asked.filter((request) => codeOf(request) === 'ERR_LINK_FULL');
      assert.ok(refused.length >= 10 && refused.length <= 12, `${refused.length} refused`);
    });

    it('what waits past its deadline, does not leave', async () => {
      const world = new World();
      const [a, b] = await world.two();
      const [dialler] = last(world);
      dialler.roomBytes = 0;
      a.ask(b, { input: 'fills' });
      await macrotask();
      const late = a.ask(b, { deadlineMs: world.clock.nowMs() + 100 });
      const inTime = a.ask(b, { deadlineMs: world.clock.nowMs() + 300 });
      world.clock.stall(200);
      dialler.roomBytes = Infinity;
      const requests = keep(b);
      await world.settle();
      assert.equal(codeOf(late), 'ERR_CALL_EXPIRED');
      assert.equal(requests.length, 2);
      assert.equal(requests[1]?.deadlineMs, world.clock.nowMs() + 100);
      assert.equal(inTime.outcomes.length, 0);
    });

    it('answers that nobody reads, end the link before they fill the memory', async () => {
      const world = new World();
      const [a, b] = await world.two({ queuedBytesMax: 256 * 1024 });
      const requests = keep(b);
      for (let n = 0; n < 60; n += 1) a.ask(b);
      await world.settle();
      const [, listener] = last(world);
      listener.roomBytes = 0;
      for (const request of requests) request.resolve(new Uint8Array(20_000));
      await world.settle();
      assert.deepEqual(b.closed, ['the other end reads its answers too slowly']);
    });

    it('requests beyond what a peer may have open, are refused one by one, and the rest is answered', async () => {
      const world = new World();
      const a = await world.peer('a', { options: { requestsMax: 100 } });
      const b = await world.peer('b', { options: { requestsMax: 10 } });
      a.dial(b);
      await world.settle();
      const requests = keep(b);
      const asked = Array.from({ length: 30 }, (_, n) => a.ask(b, { input: n }));
      await world.settle();
      assert.equal(requests.length, 10);
      assert.equal(asked.filter(({ outcomes }) => outcomes.length > 0).length, 20);
      for (const request of requests) request.resolve(undefined);
      await world.settle();
      const again = a.ask(b);
      await world.settle();
      assert.equal(requests.length, 11);
      assert.equal(again.outcomes.length, 0);
    });
  });

  describe('that are long', () => {
    it('inputs and outputs of many sizes come through, beside short ones', async () => {
      const world = new World();
      const [a, b] = await world.two();
      const sizes = [65_000, 65_400, 65_480, 65_510, 65_536, 65_600, 131_072, 131_200, 1_000_003];
      const asked = sizes.flatMap((size) => [
        a.ask(b, { input: new Uint8Array(size).fill(size), core: `core${size}` }),
        a.ask(b, { input: size, core: `core${size}` }),
      ]);
      await world.settle();
      asked.forEach((request, n) => {
        const size = sizes[n >> 1] ?? 0;
        const [outcome] = request.outcomes;
        assert.ok(outcome?.kind === 'result', `${size}: ${outcome?.kind}`);
        assert.deepEqual(outcome.value, n % 2 === 0 ? new Uint8Array(size).fill(size) : size);
      });
    });

    it('16 MB under way, and a ping or a view is behind one chunk at most', async () => {
      const world = new World();
      const [a, b] = await world.two();
      const [dialler] = last(world);
      dialler.roomBytes = 64 * 1024;
      a.ask(b, { input: new Uint8Array(16 * MIB) });
      for (let step = 0; step < 20; step += 1) {
        await macrotask();
        if (step % 2 === 0) world.network.step();
      }
      const before = dialler.deliveredBytes;
      a.to(b).control('view', { number: 8 });
      let after = 0;
      while (b.controls.length === 0) {
        await macrotask();
        world.network.step();
        after = dialler.deliveredBytes - before;
      }
      assert.ok(after < 3 * 66 * 1024, `${after} bytes were ahead`);
      await world.settle();
      assert.deepEqual(b.controls, [{ kind: 'view', body: { number: 8 } }]);
      assert.equal(b.requests.length, 1);
    });

    it('a control frame that is long itself, arrives', async () => {
      const world = new World();
      const [a, b] = await world.two();
      const view = { members: Array.from({ length: 5_000 }, (_, n) => ({ name: `silo ${n}`, port: n })) };
      a.ask(b, { input: new Uint8Array(MIB) });
      // In the middle of the other one.
      for (let step = 0; step < 3; step += 1) {
        await macrotask();
        world.network.step();
      }
      a.to(b).control('view', view);
      await world.settle();
      assert.deepEqual(b.controls, [{ kind: 'view', body: view }]);
      assert.equal(b.requests.length, 1);
    });

    it('longer than the limit, they are refused: inputs with no effect, outputs with an unknown one', async () => {
      const world = new World();
      const [a, b] = await world.two({ messageBytesMax: 200_000 });
      const input = a.ask(b, { input: new Uint8Array(200_001) });
      b.onRequest = (request) => request.resolve(new Uint8Array(200_001));
      const output = a.ask(b, {});
      await world.settle();
      assert.equal(codeOf(input), 'ERR_BODY_TOO_LARGE');
      assert.equal(codeOf(output), 'ERR_OUTPUT_TOO_LARGE');
      assert.ok(a.to(b).isOpen);
    });
  });

  it('the link cut at any byte: each is answered or lost once, and "was not sent" is true', async function () {
    this.timeout(60_000);
    for (let seed = 0; seed < 150; seed += 1) {
      const rng = new SeededRng(seed);
      const world = new World();
      const [a, b] = await world.two();
      const [dialler] = last(world);
      const ran = new Set<unknown>();
      b.onRequest = (request) => {
        ran.add(request.commandId);
        request.envelope.open();
        request.resolve(request.input);
      };
      dialler.roomBytes = randomBelow(rng, 100_000);
      const link = a.to(b);
      const asked: SentRequest[] = [];
      const ask = (): void => {
        const input = rng.next() < 0.2 ? new Uint8Array(randomBelow(rng, 400_000)) : randomBelow(rng, 100);
        const request = new SentRequest(message({ input, commandId: `c${asked.length}` }));
        asked.push(request);
        link.request(request);
      };
      const steps = randomBelow(rng, 60);
      for (let step = 0; step < steps; step += 1) {
        for (let count = randomBelow(rng, 4); count > 0; count -= 1) ask();
        await macrotask();
        if (rng.next() < 0.7) world.network.step(1 + randomBelow(rng, 70_000));
      }
      if (rng.next() < 0.3) link.destroy('planted');
      else dialler.cut('planted');
      ask();
      await world.settle();
      for (const request of asked) {
        const [outcome] = request.outcomes;
        assert.ok(
          outcome && request.outcomes.length === 1,
          `seed ${seed}: ${request.outcomes.length} outcomes`,
        );
        if (outcome.kind !== 'lost') continue;
        const { commandId } = request.envelope;
        if (!outcome.wasSent)
          assert.ok(!ran.has(commandId), `seed ${seed}: ${commandId} ran and "was not sent"`);
      }
      assert.equal(a.closed.length, 1);
    }
  });
});
