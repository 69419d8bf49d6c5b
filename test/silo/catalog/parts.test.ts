import assert from 'node:assert/strict';
import { FakeClock, GrainError } from '../../../lib/index.ts';
import {
  CommitLedger,
  type CommitOutcome,
  Mailbox,
  type Message,
  PromiseEnvelope,
  TurnBudget,
} from '../../../silo/internal.ts';

function message(facts: Partial<PromiseEnvelope> = {}): Message {
  const envelope = Object.assign(new PromiseEnvelope(), facts);
  envelope.promise.catch(() => undefined);
  return { envelope, flow: undefined };
}

const BOUNDS = { mailboxDepthMax: 3, mailboxBytesMax: 100 };
const DONE: CommitOutcome = { kind: 'done' };

describe('Mailbox', () => {
  it('M1: the control lane goes first, within a lane first in is first out', () => {
    const mailbox = new Mailbox();
    const [first, second, control] = [message(), message(), message({ kind: 'forget' })];
    for (const each of [first, second, control]) assert.ok(mailbox.push(each, BOUNDS));
    assert.deepEqual(
      [mailbox.shift(), mailbox.shift(), mailbox.shift(), mailbox.shift()],
      [control, first, second, undefined],
    );
  });

  it('M2: full by count, it takes control messages still', () => {
    const mailbox = new Mailbox();
    for (let index = 0; index < 3; index += 1) assert.ok(mailbox.push(message(), BOUNDS));
    assert.ok(!mailbox.push(message(), BOUNDS));
    assert.ok(mailbox.push(message({ kind: 'forget' }), BOUNDS));
    assert.equal(mailbox.depth, 4);
  });

  it('M2: full by bytes, and one that is larger than the bound alone is taken when it is empty', () => {
    const mailbox = new Mailbox();
    assert.ok(mailbox.push(message({ inputBytes: 60 }), BOUNDS));
    assert.ok(!mailbox.push(message({ inputBytes: 60 }), BOUNDS));
    assert.ok(mailbox.push(message({ inputBytes: 40 }), BOUNDS));
    mailbox.shift();
    assert.ok(mailbox.push(message({ inputBytes: 60 }), BOUNDS));
    mailbox.shift();
    mailbox.shift();
    assert.ok(mailbox.push(message({ inputBytes: 1_000 }), BOUNDS));
    assert.ok(!mailbox.push(message({ inputBytes: 1 }), BOUNDS));
  });

  for (const facts of [{ inputBytes: 0 }, { inputBytes: 33 }]) {
    it(`M3: full of messages that are settled, it drops them for a new one (${facts.inputBytes} bytes each)`, () => {
      const mailbox = new Mailbox();
      const old = Array.from({ length: 3 }, () => message(facts));
      for (const each of old) mailbox.push(each, BOUNDS);
      const late = message({ inputBytes: 33 });
      assert.ok(!mailbox.push(late, BOUNDS));
      old[1]?.envelope.reject(new GrainError('ERR_CALL_EXPIRED'));
      assert.ok(mailbox.push(late, BOUNDS));
      assert.deepEqual(
        [mailbox.shift(), mailbox.shift(), mailbox.shift(), mailbox.depth],
        [old[0], old[2], late, 0],
      );
    });
  }

  it('one that is put first, goes before all of its lane and is never refused', () => {
    const mailbox = new Mailbox();
    const waiting = Array.from({ length: 3 }, () => message());
    for (const each of waiting) mailbox.push(each, BOUNDS);
    const first = message();
    mailbox.putFirst(first);
    assert.equal(mailbox.shift(), first);
    assert.equal(mailbox.shift(), waiting[0]);
  });
});

describe('CommitLedger', () => {
  function told(ledger: CommitLedger, own = 0): { said: string[] } {
    const held: { said: string[] } = { said: [] };
    ledger.whenOpen((failure) => held.said.push(failure?.code ?? 'open'), own);
    return held;
  }

  it('G1: what is held leaves when the last commit that it could have seen is durable, in order', () => {
    const ledger = new CommitLedger();
    const first = ledger.issue(true, undefined);
    const one = told(ledger, first);
    const second = ledger.issue(true, undefined);
    const two = told(ledger, second);
    ledger.settle(first, DONE);
    assert.deepEqual([one.said, two.said], [['open'], []]);
    ledger.settle(second, DONE);
    assert.deepEqual(two.said, ['open']);
    assert.ok(ledger.isSettled && ledger.isOpen);
  });

  it('commits that nobody waits for open no gate and shut none, but are waited for by what comes behind', () => {
    const ledger = new CommitLedger();
    ledger.issue(false, undefined);
    assert.deepEqual(told(ledger).said, ['open']);
    assert.ok(!ledger.isSettled);
    ledger.issue(true, undefined);
    const held = told(ledger, 2);
    ledger.settle(1, DONE);
    assert.deepEqual(held.said, []);
    ledger.settle(2, DONE);
    assert.deepEqual(held.said, ['open']);
  });

  it('publishes before it lets go, in the order of the commits', () => {
    const ledger = new CommitLedger();
    const seen: string[] = [];
    ledger.issue(true, () => seen.push('publish 1'));
    ledger.issue(true, () => seen.push('publish 2'));
    ledger.whenOpen(() => seen.push('reply 2'), 2);
    ledger.settle(1, DONE);
    ledger.settle(2, DONE);
    assert.deepEqual(seen, ['publish 1', 'publish 2', 'reply 2']);
  });

  for (const [what, outcome, own, behind] of [
    [
      'a full disk',
      { kind: 'failed', error: new GrainError('ERR_STORE_FULL') },
      'ERR_STORE_FULL',
      'ERR_STORE_FULL',
    ],
    [
      'an unknown outcome',
      { kind: 'failed', error: new GrainError('ERR_STORE_FAILED') },
      'ERR_STORE_FAILED',
      'ERR_GRAIN_MOVED',
    ],
    [
      'a value that cannot be stored',
      { kind: 'failed', error: new GrainError('ERR_VALUE_INVALID') },
      'ERR_VALUE_INVALID',
      'ERR_GRAIN_MOVED',
    ],
    ['a fence', { kind: 'fenced' }, 'ERR_STORE_FENCED', 'ERR_STORE_FENCED'],
    ['a gap', { kind: 'gap', stored: 0 }, 'ERR_STORE_FENCED', 'ERR_STORE_FENCED'],
  ] as const) {
    it(`G2: after ${what} only its own turn is told ${own}; readers and those behind ${behind}`, () => {
      const ledger = new CommitLedger();
      const published: string[] = [];
      ledger.issue(true, () => published.push('never'));
      const writer = told(ledger, 1);
      const reader = told(ledger);
      ledger.issue(true, undefined);
      const next = told(ledger, 2);
      assert.equal(ledger.settle(1, outcome)?.code, own);
      assert.equal(ledger.settle(2, outcome), undefined, 'it ends the activation once');
      assert.deepEqual([writer.said, reader.said, next.said], [[own], [behind], [behind]]);
      assert.deepEqual(told(ledger).said, [behind]);
      assert.ok(ledger.isSettled && !ledger.isOpen);
      assert.deepEqual(published, []);
    });
  }
});

describe('TurnBudget', () => {
  it('after its slice, queued turns wait for the loop’s next round, and then go on', () => {
    const deferred: (() => void)[] = [];
    const clock = new FakeClock({ defer: (run) => deferred.push(run) });
    const budget = new TurnBudget(clock);
    let started = 0;
    const go = (): void => {
      while (started < 1_000) {
        if (!budget.take()) return budget.defer(go);
        started += 1;
        clock.stall(0.1);
      }
    };
    go();
    assert.ok(started >= 40 && started <= 128, `${started} turns in 4 ms of 0.1 ms each`);
    for (let round = 0; started < 1_000 && round < 100; round += 1)
      for (const run of deferred.splice(0)) run();
    assert.equal(started, 1_000);
  });

  it('all that wait go on in the next round, in order', () => {
    const deferred: (() => void)[] = [];
    const clock = new FakeClock({ defer: (run) => deferred.push(run) });
    const budget = new TurnBudget(clock);
    while (budget.take()) clock.stall(1);
    const seen: string[] = [];
    budget.defer(() => seen.push('a'));
    budget.defer(() => seen.push('b'));
    for (const run of deferred.splice(0)) run();
    assert.deepEqual(seen, ['a', 'b']);
    assert.ok(budget.take());
  });
});
