import assert from 'node:assert/strict';
import { defineCore, entity, type ErrorCode, GrainError, type MaybePromise } from '../../../lib/index.ts';
import { type CallChain, PromiseEnvelope } from '../../../silo/index.ts';
import {
  type Activation,
  type ClaimOutcome,
  type GrainStorage,
  InboundEnvelope,
  type LinkReply,
  packValue,
} from '../../../silo/internal.ts';
import { codeIn, type HarnessOptions, Latch, type Sent, SiloHarness } from '../../support/silo-harness.ts';
import { FakeNeighbours, ownerOf, standIn } from '../cluster/fake-neighbours.ts';

const ran: string[] = [];
let latch = new Latch();

const book = defineCore({
  name: 'book',
  version: '1.0.0',
  instance: entity({ entityKey: 'id', idleTimeoutMs: 60_000, reentrant: true }),
  memory: { count: 0, dirty: 0 },
}).flows((flow) => ({
  add: flow({
    run(ctx, input) {
      ran.push(String((input as { name?: string } | undefined)?.name));
      ctx.memory.count += 1;
      return ctx.memory.count;
    },
  }),
  note: flow({
    level: 'volatile',
    run(ctx) {
      ctx.memory.dirty += 1;
    },
  }),
  dirty: flow({ readonly: true, run: (ctx) => ctx.memory.dirty }),
  hold: flow({ run: () => latch.promise }),
  checked: flow({ readonly: true, read: 'checked', run: (ctx) => ctx.memory.count }),
  arm: flow({ run: (ctx) => ctx.timer.set('t', { inMs: 100, flow: 'add' }) }),
}));

const vault = defineCore({
  name: 'vault',
  version: '1.0.0',
  instance: entity({ entityKey: 'id', ownership: 'exclusive' }),
  memory: { count: 0 },
}).flows((flow) => ({
  add: flow({
    run(ctx) {
      ctx.memory.count += 1;
      return ctx.memory.count;
    },
  }),
}));

const near = defineCore({
  name: 'near',
  version: '1.0.0',
  instance: entity({ entityKey: 'id', placement: 'prefer_local' }),
  memory: { count: 0 },
}).flows((flow) => ({
  add: flow({
    run(ctx) {
      ctx.memory.count += 1;
      return ctx.memory.count;
    },
  }),
  hold: flow({ run: () => latch.promise }),
}));

const narrow = defineCore({
  name: 'narrow',
  version: '1.0.0',
  instance: entity({ entityKey: 'id', maxActiveInstances: 1, overflow: 'queue' }),
}).flows((flow) => ({
  hold: flow({ run: () => latch.promise }),
}));

type Plan = (next: () => MaybePromise<ClaimOutcome>) => MaybePromise<ClaimOutcome>;

interface World {
  readonly harness: SiloHarness;
  readonly around: FakeNeighbours;
  /** How the storage answers claims of these keys, in order, instead of as it would. */
  readonly claims: Map<string, Plan[]>;
  claimCount: number;
  isOwner: boolean;
}

function worldOf(options: Omit<HarnessOptions, 'cores' | 'neighbours' | 'storage'> = {}): World {
  ran.length = 0;
  latch = new Latch();
  const around = new FakeNeighbours();
  const storage = (inner: GrainStorage): GrainStorage =>
    standIn(inner, {
      claim: (grain, next) => {
        world.claimCount += 1;
        const plan = world.claims.get(grain.key)?.shift();
        return plan ? plan(next) : next();
      },
      isOwner: () => world.isOwner,
    });
  const harness = new SiloHarness({
    ...options,
    cores: [book, vault, near, narrow],
    neighbours: around,
    storage,
  });
  const world: World = { harness, around, claims: new Map(), claimCount: 0, isOwner: true };
  return world;
}

function grain(key: string): { tenant: string; core: string; key: string } {
  return { tenant: 'default', core: 'book', key };
}

const taken = (key: string): ClaimOutcome => ({ kind: 'taken', owner: ownerOf(grain(key), 'b', 1) });
const viewOld = (key: string, view: number): ClaimOutcome => ({
  kind: 'view_old',
  owner: ownerOf(grain(key), 'b', view),
});

function fails(code: ErrorCode): Plan {
  return () => {
    throw new GrainError(code);
  };
}

function told(sent: Sent): unknown {
  return sent.outcome && 'output' in sent.outcome ? sent.outcome.output : codeIn(sent);
}

const ways = ({ around }: World): readonly string[] => around.sent.map(({ how }) => how);
const isHere = ({ harness }: World, key: string, core = 'book'): boolean =>
  harness.silo.hosts({ tenant: 'default', core, key });

function activationOf({ harness }: World, key: string, core = 'book'): Activation {
  const activation = harness.silo.cores.get(core)?.table.get('default', key);
  assert.ok(activation, `${core}/${key} is not there`);
  return activation;
}

function chainOf({ name, id, core }: Activation): CallChain {
  return { grain: name, activation: id, core, parent: undefined, depth: 1 };
}

describe('GrainTable among neighbours: claims', () => {
  it('of a grain that another silo owns all that waits goes to the owner, in order, and nothing stays', async () => {
    const world = worldOf();
    const answer = new Latch<ClaimOutcome>();
    world.claims.set('k', [() => answer.promise]);
    const sent = ['a', 'b', 'c'].map((name) =>
      world.harness.send(book, 'k', { flow: 'add', input: { name } }),
    );
    await world.harness.settle();
    answer.open(taken('k'));
    await world.harness.settle();
    assert.deepEqual(ways(world), ['to b', 'to b', 'to b']);
    assert.deepEqual(
      world.around.sent.map(({ envelope }) => envelope),
      sent.map(({ envelope }) => envelope),
    );
    assert.equal(isHere(world, 'k'), false);
    assert.deepEqual(world.harness.logged('warn'), [], 'that is no failure');
    // Nor is it held back.
    world.harness.send(book, 'k', { flow: 'add' });
    await world.harness.settle();
    assert.equal(isHere(world, 'k'), true);
  });

  it("a view that is too old is refreshed to the owner's, and the grain claimed again with it", async () => {
    const world = worldOf();
    world.claims.set('k', [() => viewOld('k', 7)]);
    world.around.onRefresh = () => void (world.around.view = 7);
    const sent = world.harness.send(book, 'k', { flow: 'add' });
    const second = world.harness.send(book, 'k', { flow: 'add' });
    await world.harness.settle();
    assert.deepEqual([told(sent), told(second)], [1, 2]);
    assert.deepEqual([world.around.refreshes, world.claimCount], [[7], 2]);
  });

  it('where the view cannot be had, it is told as not executed, and tried again a moment later', async () => {
    const world = worldOf();
    world.claims.set('k', [() => viewOld('k', 7)]);
    const sent = world.harness.send(book, 'k', { flow: 'add' });
    await world.harness.settle();
    assert.equal(told(sent), 'ERR_ROUTE_FAILED');
    assert.equal(world.claimCount, 1, 'no loop');
    await world.harness.advance(30);
    const again = world.harness.send(book, 'k', { flow: 'add' });
    await world.harness.settle();
    assert.equal(told(again), 1);
  });

  it('after the refresh the owner may prove to be alive', async () => {
    const world = worldOf();
    world.claims.set('k', [() => viewOld('k', 7), () => taken('k')]);
    world.around.onRefresh = () => void (world.around.view = 7);
    world.harness.send(book, 'k', { flow: 'add' });
    await world.harness.settle();
    assert.deepEqual(ways(world), ['to b']);
  });

  it("what passes for all grains is held back for a quarter of a second at most, a grain's own trouble for longer", async () => {
    for (const [code, isShort] of [
      ['ERR_STORE_UNAVAILABLE', true],
      ['ERR_STORE_CORRUPT', false],
    ] as const) {
      const world = worldOf();
      world.claims.set(
        'k',
        Array.from({ length: 8 }, () => fails(code)),
      );
      let last: Sent | undefined;
      for (let tries = 0; tries < 8; tries += 1) {
        last = world.harness.send(book, 'k', { flow: 'add' });
        await world.harness.settle();
        if (tries < 7) await world.harness.advance(10_000);
      }
      assert.equal(last && told(last), code);
      await world.harness.advance(260);
      const after = world.harness.send(book, 'k', { flow: 'add' });
      await world.harness.settle();
      assert.equal(told(after), isShort ? 1 : code);
    }
  });

  it('a store that lost its data is reported', async () => {
    const world = worldOf();
    world.claims.set('k', [fails('ERR_STORE_LOST')]);
    const sent = world.harness.send(book, 'k', { flow: 'add' });
    await world.harness.settle();
    assert.deepEqual([told(sent), world.around.lostCount], ['ERR_STORE_LOST', 1]);
  });

  it('memory of a newer schema: who can read it gets what waits, after the grain was given back; else it is refused', async () => {
    const world = worldOf();
    const newer: Plan = async (next) => {
      const outcome = await next();
      return outcome.kind === 'claimed' ? { ...outcome, memory: { ...outcome.memory, schema: 2 } } : outcome;
    };
    world.claims.set('k', [newer, newer]);
    const refused = world.harness.send(book, 'k', { flow: 'add' });
    await world.harness.settle();
    assert.equal(told(refused), 'ERR_SCHEMA_NEWER');
    await world.harness.advance(1_000);
    world.around.able = 'young';
    world.harness.send(book, 'k', { flow: 'add' });
    world.harness.send(book, 'k', { flow: 'add' });
    await world.harness.settle();
    assert.deepEqual([ways(world), isHere(world, 'k')], [['to young', 'to young'], false]);
  });

  it('an exclusive grain is claimed, and starts when nobody else can start a turn any more', async () => {
    const world = worldOf();
    const gate = new Latch();
    world.around.gate = gate.promise;
    const sent = [1, 2].map(() => world.harness.send(vault, 'v', { flow: 'add' }));
    await world.harness.settle();
    sent.push(world.harness.send(vault, 'v', { flow: 'add' }));
    const fenced = world.harness.send(book, 'k', { flow: 'add' });
    await world.harness.settle();
    assert.deepEqual([...sent, fenced].map(told), [undefined, undefined, undefined, 1]);
    gate.open();
    await world.harness.settle();
    assert.deepEqual(sent.map(told), [1, 2, 3]);
  });

  it('a silo that is given up while an exclusive grain waits tells those who wait, and gives the claim back', async () => {
    const world = worldOf();
    const gate = new Latch();
    world.around.gate = gate.promise;
    const sent = world.harness.send(vault, 'v', { flow: 'add' });
    await world.harness.settle();
    world.harness.silo.abandon();
    gate.open();
    await world.harness.settle();
    assert.equal(told(sent), 'ERR_GRAIN_MOVED');
    assert.equal(isHere(world, 'v', 'vault'), false);
    assert.deepEqual(world.harness.logged('error'), []);
  });
});

describe('CoreHost among neighbours: where a message goes', () => {
  it('a grain that is here stays, wherever it belongs; one that is not goes where it belongs', async () => {
    const world = worldOf();
    const first = world.harness.send(book, 'k', { flow: 'add' });
    world.around.elsewhere = () => true;
    const second = world.harness.send(book, 'k', { flow: 'add' });
    world.harness.send(book, 'other', { flow: 'add' });
    await world.harness.settle();
    assert.deepEqual([told(first), told(second), ways(world)], [1, 2, ['on to other']]);
  });

  it('a grain of prefer_local starts where it is called first, unless its owner is known', async () => {
    const world = worldOf();
    world.around.elsewhere = () => true;
    world.around.known.add('known');
    const sent = world.harness.send(near, 'k', { flow: 'add' });
    world.harness.send(near, 'known', { flow: 'add' });
    await world.harness.settle();
    assert.equal(told(sent), 1);
    assert.deepEqual(ways(world), ['on to known']);
  });

  it('a grain of prefer_local that left for elsewhere is not started here again by what waited for it', async () => {
    const world = worldOf();
    world.around.elsewhere = () => true;
    world.harness.send(near, 'k', { flow: 'hold' });
    await world.harness.settle();
    activationOf(world, 'k', 'near').move();
    const waiting = world.harness.send(near, 'k', { flow: 'add' });
    latch.open();
    await world.harness.settle();
    assert.deepEqual(ways(world), ['on to k']);
    assert.equal(world.around.sent[0]?.envelope, waiting.envelope);
  });

  it('a silo that stops starts no grain of prefer_local', async () => {
    const world = worldOf();
    world.around.elsewhere = () => true;
    world.harness.send(near, 'k', { flow: 'hold' });
    await world.harness.settle();
    const stopping = world.harness.silo.stop();
    await world.harness.settle();
    world.harness.send(near, 'late', { flow: 'add' });
    latch.open();
    await world.harness.advance(100);
    await stopping;
    assert.deepEqual(ways(world), ['on to late']);
  });

  it('a message for a Core that is not hosted here is sent away', () => {
    const world = worldOf();
    const envelope = Object.assign(new PromiseEnvelope(), { core: 'unheard', key: 'k', flow: 'f' });
    world.harness.silo.dispatch(envelope);
    assert.deepEqual(ways(world), ['away']);
  });

  it('what comes over a link is sent on unopened, or opened for a grain that is here; garbage is refused', async () => {
    const world = worldOf();
    const replies: LinkReply[] = [];
    const receive = (core: string, key: string, payload: Uint8Array): InboundEnvelope => {
      const from = { incarnation: 'b', name: 'b', role: 'silo' as const };
      const routing = { hops: 3, toOwner: false, view: 1 };
      const envelope = new InboundEnvelope(from, routing, payload, (reply) => replies.push(reply));
      Object.assign(envelope, { tenant: 'default', core, key, flow: 'add' });
      world.harness.silo.receive(envelope);
      return envelope;
    };
    const garbage = new Uint8Array([0xc1]);
    world.around.elsewhere = ({ key }) => key === 'there';
    receive('book', 'there', garbage);
    assert.deepEqual([ways(world), replies.length], [['on to there'], 0]);
    receive('book', 'here', packValue({ name: 'x' }));
    await world.harness.settle();
    assert.deepEqual(ran, ['x']);
    assert.equal(replies.shift()?.kind, 'result');
    receive('book', 'here', garbage);
    receive('unheard', 'k', packValue(1));
    await world.harness.settle();
    const codes = replies.map((reply) => (reply.kind === 'error' ? reply.error.code : reply.kind));
    assert.equal(codes.length, 2);
    assert.equal(codes[1], 'ERR_ROUTE_FAILED');
  });

  it('a checked read that finds another owner is fenced, and ends the activation', async () => {
    const world = worldOf();
    world.harness.send(book, 'k', { flow: 'add' });
    await world.harness.settle();
    world.isOwner = false;
    const sent = world.harness.send(book, 'k', { flow: 'checked' });
    await world.harness.settle();
    assert.equal(told(sent), 'ERR_STORE_FENCED');
    assert.equal(isHere(world, 'k'), false);
  });
});

describe('Activation.move: a grain leaves between its turns', () => {
  it('an idle one leaves at once, and its next message goes where it belongs', async () => {
    const world = worldOf();
    world.harness.send(book, 'k', { flow: 'add' });
    await world.harness.settle();
    world.around.elsewhere = () => true;
    activationOf(world, 'k').move();
    await world.harness.settle();
    assert.equal(isHere(world, 'k'), false);
    world.harness.send(book, 'k', { flow: 'add' });
    assert.deepEqual(ways(world), ['on to k']);
  });

  it('a busy one ends its turn, lets its own chains in meanwhile, and takes what waits along, in order', async () => {
    const world = worldOf();
    const held = world.harness.send(book, 'k', { flow: 'hold' });
    await world.harness.settle();
    const activation = activationOf(world, 'k');
    activation.move();
    const waiting = ['a', 'b'].map((name) => world.harness.send(book, 'k', { flow: 'add', input: { name } }));
    const entering = world.harness.send(book, 'k', {
      flow: 'add',
      input: { name: 'enters' },
      chain: chainOf(activation),
    });
    await world.harness.settle();
    assert.deepEqual([ran, told(entering), isHere(world, 'k')], [['enters'], 1, true]);
    world.around.elsewhere = (_grain, hasLeft) => hasLeft;
    latch.open();
    await world.harness.settle();
    assert.equal(codeIn(held), 'ok');
    assert.deepEqual(
      world.around.sent.map(({ envelope }) => envelope),
      waiting.map(({ envelope }) => envelope),
    );
    assert.equal(isHere(world, 'k'), false);
  });

  it('what volatile flows left is committed before the grain is given up', async () => {
    const world = worldOf({ commits: 'held' });
    world.harness.send(book, 'k', { flow: 'note' });
    await world.harness.settle();
    activationOf(world, 'k').move();
    await world.harness.settle();
    assert.equal(isHere(world, 'k'), true, 'its commit is not durable yet');
    const waiting = world.harness.send(book, 'k', { flow: 'dirty' });
    await world.harness.settle();
    assert.equal(waiting.outcome, undefined);
    await world.harness.flush();
    assert.equal(told(waiting), 1);
  });

  it('its timers stay behind', async () => {
    const world = worldOf();
    world.harness.send(book, 'k', { flow: 'arm' });
    await world.harness.settle();
    activationOf(world, 'k').move();
    await world.harness.advance(500);
    assert.deepEqual([ran, isHere(world, 'k'), ways(world)], [[], false, []]);
  });

  it('a timer that waits for its turn is dropped, not sent along', async () => {
    const world = worldOf();
    world.harness.send(book, 'k', { flow: 'arm' });
    world.harness.send(book, 'k', { flow: 'hold' });
    await world.harness.advance(500);
    activationOf(world, 'k').move();
    world.around.elsewhere = () => true;
    const call = world.harness.send(book, 'k', { flow: 'add' });
    latch.open();
    await world.harness.settle();
    assert.deepEqual(
      world.around.sent.map(({ envelope }) => envelope),
      [call.envelope],
    );
    assert.deepEqual(ran, []);
  });

  it('one that is being claimed does not leave', async () => {
    const world = worldOf();
    const answer = new Latch();
    world.claims.set('k', [async (next) => (await answer.promise, await next())]);
    const sent = world.harness.send(book, 'k', { flow: 'add' });
    activationOf(world, 'k').move();
    answer.open();
    await world.harness.settle();
    assert.equal(told(sent), 1);
  });
});

describe('Silo among neighbours: the end', () => {
  it('a silo that stops hands its grains over without a failed call', async () => {
    const world = worldOf();
    const held = world.harness.send(book, 'busy', { flow: 'hold' });
    world.harness.send(book, 'idle', { flow: 'add' });
    await world.harness.settle();
    world.around.elsewhere = () => true;
    const stopping = world.harness.silo.stop();
    const waiting = world.harness.send(book, 'busy', { flow: 'add' });
    await world.harness.advance(50);
    assert.deepEqual([isHere(world, 'idle'), isHere(world, 'busy')], [false, true]);
    const late = world.harness.send(book, 'idle', { flow: 'add' });
    latch.open();
    await world.harness.advance(100);
    await stopping;
    assert.equal(codeIn(held), 'ok');
    assert.deepEqual(new Set(ways(world)), new Set(['on to busy', 'on to idle']));
    for (const sent of [waiting, late]) assert.equal(sent.outcome, undefined, 'it is on its way');
  });

  it('what waits for room in a silo that stops goes elsewhere', async () => {
    const world = worldOf();
    world.harness.send(narrow, 'k', { flow: 'hold' });
    const waiting = world.harness.send(narrow, 'other', { flow: 'hold' });
    await world.harness.settle();
    assert.deepEqual(ways(world), []);
    world.around.elsewhere = () => true;
    const stopping = world.harness.silo.stop();
    await world.harness.settle();
    assert.deepEqual(ways(world), ['on to other']);
    assert.equal(world.around.sent[0]?.envelope, waiting.envelope);
    latch.open();
    await world.harness.advance(100);
    await stopping;
  });

  it('a turn that does not end in time ends the stop, as not executed for memory', async () => {
    const world = worldOf({ silo: { drainMs: 1_000 } });
    const held = world.harness.send(book, 'k', { flow: 'hold' });
    await world.harness.settle();
    world.around.elsewhere = () => true;
    const stopping = world.harness.silo.stop();
    const waiting = world.harness.send(book, 'k', { flow: 'add' });
    await world.harness.advance(1_500);
    await stopping;
    assert.equal(told(held), 'ERR_GRAIN_MOVED');
    assert.ok(waiting.outcome === undefined || told(waiting) === 'ERR_SILO_DRAINING');
  });

  it('a silo that is given up ends all at once: nothing it had goes on, nothing new is taken', async () => {
    const world = worldOf({ commits: 'held' });
    const answer = new Latch();
    world.claims.set('claiming', [async (next) => (await answer.promise, await next())]);
    const committing = world.harness.send(book, 'c', { flow: 'add' });
    const running = world.harness.send(book, 'k', { flow: 'hold' });
    const waiting = world.harness.send(book, 'k', { flow: 'add' });
    const claiming = world.harness.send(book, 'claiming', { flow: 'add' });
    await world.harness.settle();
    world.harness.silo.abandon();
    const late = world.harness.send(book, 'late', { flow: 'add' });
    await world.harness.settle();
    for (const sent of [running, waiting, claiming, late]) assert.equal(told(sent), 'ERR_GRAIN_MOVED');
    assert.equal(committing.outcome, undefined, 'nobody knows yet');
    answer.open();
    latch.open();
    await world.harness.flush();
    assert.equal(told(committing), 1);
    assert.deepEqual(world.harness.logged('error'), []);
    assert.equal(isHere(world, 'claiming'), false);
  });
});
