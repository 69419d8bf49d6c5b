import assert from 'node:assert/strict';
import { GrainError } from '../../../lib/index.ts';
import { World } from './link-world.ts';

describe('Links', () => {
  it('a request, to a peer that answers, comes back with the result', async () => {
    const world = new World();
    const [a, b] = await world.two();
    const asked = a.ask(b, {
      input: { text: 'hello', numbers: [1, -2, 3.5], bytes: new Uint8Array([1, 2]) },
    });
    await world.settle();
    assert.deepEqual(asked.outcomes, [
      {
        kind: 'result',
        value: { text: 'hello', numbers: [1, -2, 3.5], bytes: new Uint8Array([1, 2]) },
        host: undefined,
      },
    ]);
    assert.equal(b.to(a).peer.incarnation, 'a');
  });

  it('a request, with everything that a message can have, arrives with it', async () => {
    const world = new World();
    const [a, b] = await world.two();
    b.onRequest = () => undefined;
    const chain = {
      grain: 'acme/echo/k0',
      activation: 'a:7',
      core: 'echo',
      depth: 2,
      parent: { grain: 'acme/x/ü', activation: 'a:3', core: 'x', depth: 1, parent: undefined },
    };
    const fields = {
      kind: 'event',
      tenant: 't2',
      core: 'other',
      key: 'ключ',
      flow: 'happened',
      principal: 'core:acme/echo/k0',
      commandId: 'c-1',
      chain,
      mark: {
        source: 's',
        attach: 3,
        seq: 12,
        prev: 11,
        refusal: { code: 'ERR_INPUT_INVALID', message: 'no' },
      },
      tick: { name: 'daily', dueMs: 1_700_000_000_123.5, giveUp: true },
      deadlineMs: world.clock.nowMs() + 1_234,
    } as const;
    a.ask(b, fields, { hops: 2, toOwner: true, view: 2 ** 40 });
    await world.settle();
    const [request] = b.requests;
    assert.ok(request);
    assert.deepEqual(request.routing, { hops: 2, toOwner: true, view: 2 ** 40 });
    assert.equal(request.from.incarnation, 'a');
    for (const [name, value] of Object.entries(fields)) {
      assert.deepEqual(request.envelope[name as keyof typeof fields], value, name);
    }
  });

  it('an error, from the peer, comes back with its code and details', async () => {
    const world = new World();
    const [a, b] = await world.two();
    b.onRequest = (request) =>
      request.settle({
        kind: 'error',
        error: new GrainError('ERR_MAILBOX_FULL', { retryAfterMs: 20, depth: 5 }),
        host: 'c',
      });
    const [outcome] = await Promise.all([a.ask(b).settled, world.settle()]);
    assert.ok(outcome.kind === 'error');
    assert.equal(outcome.error.code, 'ERR_MAILBOX_FULL');
    assert.equal(outcome.error.retryAfterMs, 20);
    assert.equal(outcome.error.details['depth'], 5);
    assert.equal(outcome.host, 'c');
  });
});
