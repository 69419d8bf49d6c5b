import assert from 'node:assert/strict';
import { FakeClock, GrainError, TimerWheel } from '../../../lib/index.ts';
import { Envelope, refClassFor } from '../../../silo/internal.ts';

class Told extends Envelope {
  readonly told: string[] = [];

  protected override onResult(output: unknown): void {
    this.told.push(`result ${String(output)}`);
  }

  protected override onError(error: GrainError): void {
    this.told.push(`${error.code} ${error.effect}`);
  }
}

describe('Envelope (P4): one outcome, told once', () => {
  it('whatever comes first counts, and nothing after it', () => {
    const firsts: readonly ((envelope: Told) => void)[] = [
      (envelope) => envelope.resolve(1),
      (envelope) => envelope.reject(new GrainError('ERR_FLOW_FAILED')),
      (envelope) => envelope.cancel(),
      (envelope) => envelope.onDue(),
    ];
    for (const first of firsts) {
      const envelope = new Told();
      first(envelope);
      for (const then of firsts) then(envelope);
      assert.equal(envelope.told.length, 1);
      assert.ok(envelope.isSettled);
      assert.ok(!envelope.begin());
      envelope.putBack();
      assert.ok(envelope.isSettled);
    }
  });

  it('past its deadline it is not executed while it waits, and unknown once it ran', () => {
    const waiting = new Told();
    waiting.onDue();
    const running = new Told();
    running.begin();
    running.onDue();
    const back = new Told();
    back.begin();
    back.putBack();
    back.onDue();
    assert.deepEqual(
      [waiting.told, running.told, back.told],
      [['ERR_CALL_EXPIRED none'], ['ERR_CALL_TIMEOUT unknown'], ['ERR_CALL_EXPIRED none']],
    );
  });

  it('the turn that runs it is told that nobody waits any more, once', () => {
    const envelope = new Told();
    const abandoned: string[] = [];
    envelope.begin();
    envelope.abandoned = (error) => abandoned.push(error.code);
    envelope.cancel();
    envelope.onDue();
    assert.deepEqual(abandoned, ['ERR_CALL_CANCELLED']);
  });

  it('settled it leaves the wheel, so that nothing is kept until its deadline', () => {
    const clock = new FakeClock({ defer: (run) => run() });
    const wheel = new TimerWheel(clock);
    const envelope = new Told();
    wheel.schedule(envelope, 10_000);
    assert.equal(wheel.size, 1);
    envelope.resolve(1);
    assert.equal(wheel.size, 0);
    clock.advance(20_000);
    assert.deepEqual(envelope.told, ['result 1']);
  });
});

describe('Grain references', () => {
  type Ref = Record<string, (input?: unknown, options?: unknown) => Promise<unknown>>;
  const calls: unknown[][] = [];
  const caller = {
    invoke: (...args: unknown[]): Promise<unknown> => {
      calls.push(args);
      return Promise.resolve('answer');
    },
  };
  const make = (core: string, key: string | undefined): Ref =>
    new (refClassFor(core))(caller, core, key) as Ref;

  it('answer to any flow name, and pass on what they were given', async () => {
    calls.length = 0;
    assert.equal(await make('airport', 'JFK')['record']?.({ n: 1 }, { deadlineMs: 5 }), 'answer');
    await make('airport', 'LAX')['record']?.();
    assert.deepEqual(calls, [
      ['airport', 'JFK', 'record', { n: 1 }, { deadlineMs: 5 }],
      ['airport', 'LAX', 'record', undefined, undefined],
    ]);
  });

  it('are no promises, and can be awaited, printed and compared without a call', async () => {
    calls.length = 0;
    const ref = make('airport', 'JFK');
    assert.equal(await Promise.resolve(ref), ref);
    assert.equal((ref as { then?: unknown }).then, undefined);
    assert.equal(JSON.stringify({ ref }), '{"ref":{}}');
    assert.equal(Object.keys(ref).length, 0);
    assert.deepEqual(calls, []);
  });

  it('of many computed names share one class, and still know their own', async () => {
    calls.length = 0;
    for (let index = 0; index < 1_500; index += 1) await make(`core${index}`, 'k')['go']?.();
    assert.equal(calls.length, 1_500);
    assert.deepEqual(calls[1_499]?.slice(0, 3), ['core1499', 'k', 'go']);
  });
});
