// Subscriptions of the client: iteration, credit, resuming, gaps and holes.
import assert from 'node:assert/strict';
import type { Subscription, SubscriptionItem } from '../../../gateway/client/node.ts';
import { errorOf, type Frame, type Peer, settle, Stage, until } from './fake-gateway.ts';

/** Pushes number `n` after `prev`. */
function push(peer: Peer, id: unknown, n: number, prev: number): void {
  peer.send({ t: 'push', id, n, prev, cursor: `1.${n}`, event: 'e', data: { n } });
}

async function next(subscription: Subscription): Promise<SubscriptionItem> {
  const result = await subscription.next();
  assert.ok(!result.done);
  return result.value;
}

/** What came, in short: numbers of events, and gaps. */
function brief(item: SubscriptionItem): string {
  return item.kind === 'event' ? `${item.n}` : `gap ${item.from ?? '?'} to ${item.to ?? '?'}`;
}

describe('Client: subscriptions', () => {
  let stage: Stage;
  beforeEach(async () => {
    stage = await Stage.open();
  });
  afterEach(() => stage.close());

  async function take(subscription: Subscription, count: number): Promise<string[]> {
    const items = [];
    for (let left = count; left > 0; left -= 1) items.push(brief(await next(subscription)));
    return items;
  }

  it('pushes, iterated, come as typed items with their cursor; leaving the loop unsubscribes', async () => {
    const subscription = stage.client().core('a').subscribe('k', { event: 'e', from: '1.4' });
    const peer = await stage.accept();
    const frame = await peer.take('sub');
    assert.deepEqual(frame, { t: 'sub', id: 1, n: 64, from: '1.4', core: 'a', key: 'k', event: 'e' });
    push(peer, 1, 5, 4);
    push(peer, 1, 9, 5);
    const seen: SubscriptionItem[] = [];
    for await (const item of subscription) {
      seen.push(item);
      if (seen.length === 2) break;
    }
    assert.deepEqual(seen[1], { kind: 'event', n: 9, cursor: '1.9', event: 'e', data: { n: 9 } });
    assert.equal(subscription.cursor, '1.9');
    assert.deepEqual(await peer.take('unsub'), { t: 'unsub', id: 1 });
    push(peer, 1, 10, 9);
    assert.deepEqual(await subscription.next(), { done: true, value: undefined });
  });

  it('a consumer that does not read, gives credit for no more than the buffer', async () => {
    const subscription = stage.client().core('a').subscribe('k', { buffer: 4 });
    const peer = await stage.accept();
    assert.equal((await peer.take('sub')).n, 4);
    for (let n = 1; n <= 4; n += 1) push(peer, 1, n, n - 1);
    await settle();
    assert.equal(peer.waitingCount, 0);
    await next(subscription);
    await settle();
    assert.equal(peer.waitingCount, 0, 'credit comes half a buffer at a time');
    await next(subscription);
    assert.deepEqual(await peer.take('more'), { t: 'more', id: 1, n: 2 });
  });

  it('a server that pushes above the credit, is asked again from the last that fitted', async () => {
    const subscription = stage.client().core('a').subscribe('k', { buffer: 2 });
    const peer = await stage.accept();
    await peer.take('sub');
    for (let n = 1; n <= 5; n += 1) push(peer, 1, n, n - 1);
    await peer.take('unsub');
    assert.deepEqual(await take(subscription, 2), ['1', '2']);
    const again = await peer.take('sub');
    assert.deepEqual([again.id, again.from], [2, '1.2']);
    push(peer, 1, 6, 5);
    push(peer, 2, 3, 2);
    assert.deepEqual(await take(subscription, 1), ['3']);
  });

  it('connection lost, resumes after the last item that came and drops what comes twice', async () => {
    const client = stage.client();
    const subscription = client.core('a').subscribe('k');
    const first = await stage.accept();
    await first.take('sub');
    push(first, 1, 3, 2);
    assert.deepEqual(await take(subscription, 1), ['3']);
    push(first, 1, 4, 3);
    await settle();
    first.close(4012);
    const second = await stage.reconnect(client);
    const again = await second.take('sub');
    assert.deepEqual([again.id, again.from, again.n], [2, '1.4', 63]);
    push(second, 2, 4, 3);
    push(second, 2, 6, 4);
    assert.deepEqual(await take(subscription, 2), ['4', '6']);
  });

  it('connection lost before anything came, what may have been missed is told as a gap', async () => {
    const client = stage.client();
    const subscription = client.core('a').subscribe('k');
    const first = await stage.accept();
    await first.take('sub');
    first.cut();
    const second = await stage.reconnect(client);
    assert.equal((await second.take('sub')).from, undefined);
    push(second, 2, 8, 0);
    assert.deepEqual(await take(subscription, 2), ['gap ? to ?', '8']);
  });

  it('a gap that the server tells, comes as an item and the sequence goes on after it', async () => {
    const client = stage.client();
    const subscription = client.core('a').subscribe('k');
    const peer = await stage.accept();
    await peer.take('sub');
    push(peer, 1, 1, 0);
    peer.send({ t: 'gap', id: 1, from: '1.1', to: '2.7' });
    peer.send({ t: 'push', id: 1, n: 8, prev: 7, cursor: '2.8', event: 'e' });
    assert.deepEqual(await take(subscription, 3), ['1', 'gap 1.1 to 2.7', '8']);
    peer.send({ t: 'gap', id: 1, from: '2.8', to: '3.2' });
    assert.deepEqual(await take(subscription, 1), ['gap 2.8 to 3.2']);
    assert.equal(subscription.cursor, '3.2');
    peer.cut();
    const second = await stage.reconnect(client);
    assert.equal((await second.take('sub')).from, '3.2');
  });

  it('a hole that prev tells of, is asked for again; met a second time it is a gap', async () => {
    const subscription = stage.client().core('a').subscribe('k');
    const peer = await stage.accept();
    await peer.take('sub');
    push(peer, 1, 1, 0);
    push(peer, 1, 4, 3);
    await peer.take('unsub');
    assert.deepEqual((await peer.take('sub')).from, '1.1');
    push(peer, 2, 2, 1);
    push(peer, 2, 6, 5);
    await peer.take('unsub');
    await peer.take('sub');
    push(peer, 3, 6, 5);
    push(peer, 3, 7, 6);
    assert.deepEqual(await take(subscription, 5), ['1', '2', 'gap 1.2 to ?', '6', '7']);
  });

  it('a filter that skips numbers, is no hole', async () => {
    const subscription = stage.client().core('a').subscribe('k', { event: 'e' });
    const peer = await stage.accept();
    await peer.take('sub');
    push(peer, 1, 10, 0);
    push(peer, 1, 20, 10);
    assert.deepEqual(await take(subscription, 2), ['10', '20']);
    assert.equal(peer.waitingCount, 0);
  });

  it('a lasting refusal, rejects next() once and ends', async () => {
    const subscription = stage.client().core('nope').subscribe('k');
    const waiting = errorOf(subscription.next());
    const peer = await stage.accept();
    await peer.take('sub');
    peer.send({ t: 'error', id: 1, error: { code: 'ERR_CORE_UNKNOWN', message: 'no', effect: 'none' } });
    assert.equal((await waiting).code, 'ERR_CORE_UNKNOWN');
    assert.equal((await subscription.next()).done, true);
  });

  it('an end that is temporary, items buffered, delivers them and subscribes again from there', async () => {
    const subscription = stage.client().core('a').subscribe('k');
    const peer = await stage.accept();
    await peer.take('sub');
    push(peer, 1, 1, 0);
    peer.send({ t: 'error', id: 1, error: { code: 'ERR_GRAIN_MOVED', message: 'moved', effect: 'none' } });
    await settle();
    assert.equal(peer.waitingCount, 0, 'after a pause');
    stage.clock.advance(25);
    const again = await peer.take('sub');
    assert.equal(again.from, '1.1');
    push(peer, again.id, 2, 1);
    assert.deepEqual(await take(subscription, 2), ['1', '2']);
  });

  it('a signal, aborted while next() waits, rejects it and unsubscribes', async () => {
    const abort = new AbortController();
    const subscription = stage.client().core('a').subscribe('k', { signal: abort.signal });
    const peer = await stage.accept();
    await peer.take('sub');
    const waiting = errorOf(subscription.next());
    abort.abort();
    assert.equal((await waiting).code, 'ERR_CALL_CANCELLED');
    await peer.take('unsub');
    const late = stage.client().core('a').subscribe('k', { signal: abort.signal });
    assert.equal((await errorOf(late.next())).code, 'ERR_CALL_CANCELLED');
  });

  it('return() while next() waits, several at once, ends them all', async () => {
    const client = stage.client();
    const subscription = client.core('a').subscribe('k');
    const waiting = [subscription.next(), subscription.next()];
    await subscription.return();
    for (const result of await Promise.all(waiting)) assert.equal(result.done, true);
    const peer = await stage.accept();
    await settle();
    assert.equal(peer.waitingCount, 0, 'it never subscribed');
  });

  it('the client closed, ends the subscription; closed by the server, rejects with the cause', async () => {
    const client = stage.client();
    const ended = client.core('a').subscribe('k');
    const first = await stage.accept();
    await first.take('sub');
    await client.close();
    assert.equal((await ended.next()).done, true);
    const other = stage.client();
    const failed = other.core('a').subscribe('k');
    const second = await stage.accept();
    await second.take('sub');
    second.close(4003);
    assert.equal((await errorOf(failed.next())).code, 'ERR_AUTH_FORBIDDEN');
    assert.equal((await errorOf(other.core('a').subscribe('k').next())).code, 'ERR_AUTH_FORBIDDEN');
  });

  it('a push that lacks its cursor, drops the connection rather than losing its place', async () => {
    const client = stage.client();
    client.core('a').subscribe('k');
    const peer = await stage.accept();
    await peer.take('sub');
    peer.send({ t: 'push', id: 1, n: 1, prev: 0, event: 'e' } satisfies Frame);
    await until(() => client.state === 'connecting');
  });

  it('options out of range, and a key that is none, are refused at once', () => {
    const core = stage.client().core('a');
    assert.throws(() => core.subscribe('k', { buffer: 0 }), { code: 'ERR_OPTION_INVALID' });
    assert.throws(() => core.subscribe('\u0000'), { code: 'ERR_KEY_INVALID' });
  });
});
