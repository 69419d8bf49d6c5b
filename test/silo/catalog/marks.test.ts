import assert from 'node:assert/strict';
import { defineCore, entity, GrainError, list } from '../../../lib/index.ts';
import { advanceMark, decideMark, REFUSAL_WINDOW, type StoredMark } from '../../../silo/internal.ts';
import { codeIn, Latch, SiloHarness } from '../../support/silo-harness.ts';

const MARK: StoredMark = {
  source: 's',
  seq: 5,
  attach: 2,
  refusals: [[4, 'ERR_FLOW_FAILED', 'no']],
  wallMs: 0,
};

function decide(seq: number, prev: number, attach = 2, stored: StoredMark | null = MARK): string {
  const decision = decideMark(stored ?? undefined, { source: 's', attach, seq, prev });
  return decision.kind === 'refused' ? decision.error.code : decision.kind;
}

describe('Marks (hazards.md 3 and 11): what a grain does with a number', () => {
  it('the one that follows the mark, and the first of an attach above it, are applied', () => {
    assert.equal(decide(6, 5), 'apply');
    assert.equal(decide(9, 0), 'apply');
    assert.equal(decide(1, 0, 1, null), 'apply');
  });

  it('at or below the mark it is done, or refused as it was', () => {
    assert.equal(decide(5, 3), 'done');
    assert.equal(decide(1, 0), 'done');
    assert.equal(decide(4, 3), 'ERR_FLOW_FAILED');
  });

  it('one that follows something that never came, is asked for again', () => {
    assert.equal(decide(8, 7), 'ERR_EVENT_GAP');
    assert.equal(decide(2, 1, 1, null), 'ERR_EVENT_GAP');
    assert.equal(decide(7, 3), 'ERR_EVENT_GAP');
  });

  it('from a lower attach it is refused, even when it would follow', () => {
    assert.equal(decide(6, 5, 1), 'ERR_SESSION_REPLACED');
    assert.equal(decide(5, 4, 1), 'ERR_SESSION_REPLACED');
    assert.equal(decide(6, 5, 3), 'apply');
  });

  it('a refusal is remembered beside the mark while it can be asked for, and cut to 500 letters', () => {
    const error = new GrainError('ERR_FLOW_REFUSED', { message: 'x'.repeat(600) });
    const mark = advanceMark(MARK, { source: 's', attach: 2, seq: 6, prev: 5 }, error, 9);
    assert.deepEqual(
      mark.refusals.map(([seq, code, message]) => [seq, code, message.length]),
      [
        [4, 'ERR_FLOW_FAILED', 2],
        [6, 'ERR_FLOW_REFUSED', 500],
      ],
    );
    assert.deepEqual([mark.seq, mark.wallMs], [6, 9]);
    const later = advanceMark(
      mark,
      { source: 's', attach: 2, seq: 5 + REFUSAL_WINDOW, prev: 6 },
      undefined,
      9,
    );
    assert.deepEqual(
      later.refusals.map(([seq]) => seq),
      [6],
    );
  });

  it('an unknown code of another version, is still a refusal', () => {
    const stored: StoredMark = { ...MARK, refusals: [[4, 'ERR_OF_TOMORROW', 'no']] };
    assert.equal(decide(4, 3, 2, stored), 'ERR_FLOW_FAILED');
  });
});

function journal(options: { maxConcurrent?: number } = {}) {
  const latches = new Map<number, Latch>();
  const running = new Set<number>();
  let most = 0;
  const seen: number[] = [];
  const visit = async (n: number): Promise<void> => {
    running.add(n);
    most = Math.max(most, running.size);
    seen.push(n);
    await latches.get(n)?.promise;
    running.delete(n);
  };
  const core = defineCore({
    name: 'journal',
    version: '1.0.0',
    instance: entity({ entityKey: 'id', idleTimeoutMs: 1_000, ...options }),
    memory: { count: 0, lines: list<number>() },
    events: { happened: 'write', looked: 'look', mutated: 'mutate' },
  }).flows((flow) => ({
    write: flow({
      async run(ctx, input) {
        const { n, fails = false } = input as { n: number; fails?: boolean };
        ctx.memory.count += 1;
        ctx.memory.lines.push(n);
        await visit(n);
        if (fails) throw new Error(`poison ${n}`);
      },
    }),
    look: flow({
      readonly: true,
      async run(_ctx, input) {
        await visit((input as { n: number }).n);
      },
    }),
    mutate: flow({
      run(ctx, input) {
        const given = input as { lines: number[] };
        given.lines.push(0);
        for (const line of given.lines) ctx.memory.lines.push(line);
      },
    }),
    read: flow({ readonly: true, run: (ctx) => ctx.memory.lines.range(0) }),
  }));
  const latch = (n: number): Latch => {
    const made = new Latch();
    latches.set(n, made);
    return made;
  };
  return { core, latch, seen, mostAtOnce: () => most };
}

describe('Events of a session at a grain (hazards.md 3)', () => {
  it('sent again after an acknowledgement, now or after a restart, is done and not run', async () => {
    const { core, seen } = journal();
    const harness = new SiloHarness({ cores: [core] });
    harness.event(core, 'j', 1, 0, { data: { n: 1 } });
    harness.event(core, 'j', 2, 1, { data: { n: 2 } });
    await harness.settle();
    const again = harness.event(core, 'j', 2, 1, { data: { n: 2 } });
    harness.restart();
    const later = harness.event(core, 'j', 1, 0, { data: { n: 1 }, attach: 2 });
    await harness.settle();
    assert.deepEqual([codeIn(again), codeIn(later)], ['ok', 'ok']);
    assert.deepEqual(seen, [1, 2]);
  });

  it('7 lost on its way and 8 behind it: 8 is not applied, so 7 is not acknowledged as done', async () => {
    const { core, seen } = journal();
    const harness = new SiloHarness({ cores: [core] });
    harness.event(core, 'j', 6, 0, { data: { n: 6 } });
    const eight = harness.event(core, 'j', 8, 7, { data: { n: 8 } });
    await harness.settle();
    assert.equal(codeIn(eight), 'ERR_EVENT_GAP');
    harness.event(core, 'j', 7, 6, { data: { n: 7 } });
    harness.event(core, 'j', 8, 7, { data: { n: 8 } });
    await harness.settle();
    assert.deepEqual(seen, [6, 7, 8]);
  });

  it('one that was refused, stays refused when it is sent again, also after a restart', async () => {
    const { core, seen } = journal();
    const harness = new SiloHarness({ cores: [core] });
    const refused = harness.event(core, 'j', 1, 0, { data: { n: 1, fails: true } });
    const next = harness.event(core, 'j', 2, 1, { data: { n: 2 } });
    await harness.settle();
    assert.deepEqual([codeIn(refused), codeIn(next)], ['ERR_FLOW_FAILED', 'ok']);
    harness.restart();
    const again = harness.event(core, 'j', 1, 0, { data: { n: 1 }, attach: 2 });
    await harness.settle();
    assert.equal(codeIn(again), 'ERR_FLOW_FAILED');
    assert.deepEqual(seen, [1, 2]);
    assert.deepEqual(await harness.ref(core, 'j').read(), [2]);
  });

  for (const [what, facts] of [
    ['an unknown event', { event: 'nonsense', data: { n: 1 } }],
    ['a key that differs from the input’s', { data: { n: 1, id: 'other' } }],
  ] as const) {
    it(`${what} is refused at the mark: what follows it runs, and sent again it is refused again`, async () => {
      const { core, seen } = journal();
      const harness = new SiloHarness({ cores: [core] });
      const odd = harness.event(core, 'j', 1, 0, facts);
      const next = harness.event(core, 'j', 2, 1, { data: { n: 2 } });
      await harness.settle();
      const error = odd.outcome && 'error' in odd.outcome ? odd.outcome.error : undefined;
      assert.equal(error?.spec.lasting, true);
      assert.equal(codeIn(next), 'ok');
      const again = harness.event(core, 'j', 1, 0, { data: { n: 1 } });
      await harness.settle();
      assert.equal(codeIn(again), error.code);
      assert.deepEqual(seen, [2]);
    });
  }

  for (const event of ['happened', 'looked']) {
    it(`${event === 'looked' ? 'readonly ' : ''}events of one session run one at a time, those of others beside them`, async () => {
      const { core, latch, seen, mostAtOnce } = journal({ maxConcurrent: event === 'looked' ? 1 : 4 });
      const harness = new SiloHarness({ cores: [core] });
      const [first, second] = [latch(1), latch(2)];
      harness.event(core, 'j', 1, 0, { event, data: { n: 1 } });
      harness.event(core, 'j', 1, 0, { event, data: { n: 11 }, source: 'other' });
      harness.event(core, 'j', 2, 1, { event, data: { n: 2 } });
      await harness.settle();
      assert.deepEqual(seen, [1, 11]);
      first.open();
      await harness.settle();
      assert.deepEqual(seen.slice(-1), [2]);
      second.open();
      await harness.settle();
      assert.ok(mostAtOnce() <= 2);
    });
  }

  it('an event that is sent again while it runs, does not run twice', async () => {
    for (const event of ['happened', 'looked']) {
      const { core, latch, seen } = journal({ maxConcurrent: event === 'looked' ? 1 : 4 });
      const harness = new SiloHarness({ cores: [core] });
      const first = latch(1);
      harness.event(core, 'j', 1, 0, { event, data: { n: 1 } });
      await harness.settle();
      const again = harness.event(core, 'j', 1, 0, { event, data: { n: 1 }, attach: 2 });
      await harness.settle();
      first.open();
      await harness.settle();
      assert.equal(codeIn(again), 'ok');
      assert.deepEqual(seen, [1], event);
    }
  });

  it('a failed commit leaves the mark: the event is applied once when it is sent again', async () => {
    const { core } = journal();
    const harness = new SiloHarness({ cores: [core] });
    harness.storage.failNext('none');
    const first = harness.event(core, 'j', 1, 0, { data: { n: 1 } });
    await harness.settle();
    assert.equal(codeIn(first), 'ERR_STORE_FULL');
    const again = harness.event(core, 'j', 1, 0, { data: { n: 1 } });
    await harness.settle();
    assert.equal(codeIn(again), 'ok');
    assert.deepEqual(await harness.ref(core, 'j').read(), [1]);
  });

  it('an unknown outcome that was stored, is found when the event is sent again', async () => {
    const { core, seen } = journal();
    const harness = new SiloHarness({ cores: [core] });
    harness.storage.failNext('unknown_stored');
    const first = harness.event(core, 'j', 1, 0, { data: { n: 1 } });
    await harness.settle();
    assert.equal(codeIn(first), 'ERR_STORE_FAILED');
    const again = harness.event(core, 'j', 1, 0, { data: { n: 1 } });
    await harness.settle();
    assert.equal(codeIn(again), 'ok');
    assert.deepEqual(seen, [1]);
  });

  it('a try again with the same data object, is not the data as the first try left it', async () => {
    const { core } = journal();
    const harness = new SiloHarness({ cores: [core] });
    const data = { lines: [7] };
    harness.storage.failNext('none');
    harness.event(core, 'j', 1, 0, { event: 'mutated', data });
    await harness.settle();
    harness.event(core, 'j', 1, 0, { event: 'mutated', data });
    await harness.settle();
    assert.deepEqual(await harness.ref(core, 'j').read(), [7, 0]);
  });

  for (const how of ['at once', 'later'] as const) {
    it(`a read that storage refuses ${how}, is no failure of the flow: the event is tried again, not refused for good`, async () => {
      let isBroken = true;
      const core = defineCore({
        name: 'reader',
        version: '1.0.0',
        instance: entity({ entityKey: 'id' }),
        memory: { lines: list<number>() },
        events: { happened: 'write' },
      }).flows((flow) => ({
        write: flow({
          async run(ctx) {
            ctx.memory.lines.push(await ctx.memory.lines.length());
          },
        }),
      }));
      const refusal = (): never => {
        throw new GrainError('ERR_STORE_CORRUPT');
      };
      const harness = new SiloHarness({
        cores: [core],
        storage: (storage) =>
          new Proxy(storage, {
            get(target, name) {
              if (name === 'listLength' && isBroken)
                return how === 'at once' ? refusal : () => Promise.resolve().then(refusal);
              const member: unknown = Reflect.get(target, name, target);
              return typeof member === 'function'
                ? (member as (...args: unknown[]) => unknown).bind(target)
                : member;
            },
          }),
      });
      const first = harness.event(core, 'r', 1, 0);
      await harness.settle();
      assert.equal(codeIn(first), 'ERR_STORE_CORRUPT');
      isBroken = false;
      const again = harness.event(core, 'r', 1, 0);
      await harness.settle();
      assert.equal(codeIn(again), 'ok');
    });
  }

  it('a newer attach takes the session over: what the older one still sends, is refused', async () => {
    const { core, seen } = journal();
    const harness = new SiloHarness({ cores: [core] });
    harness.event(core, 'j', 1, 0, { data: { n: 1 }, attach: 2 });
    const old = harness.event(core, 'j', 2, 1, { data: { n: 2 }, attach: 1 });
    await harness.settle();
    assert.equal(codeIn(old), 'ERR_SESSION_REPLACED');
    assert.deepEqual(seen, [1]);
  });

  it('marks outlive a forget: an event from before it is not applied to the new grain', async () => {
    const { core, seen } = journal();
    const harness = new SiloHarness({ cores: [core] });
    harness.event(core, 'j', 1, 0, { data: { n: 1 } });
    await harness.settle();
    harness.send(core, 'j', { kind: 'forget' });
    await harness.settle();
    const again = harness.event(core, 'j', 1, 0, { data: { n: 1 } });
    await harness.settle();
    assert.equal(codeIn(again), 'ok');
    assert.deepEqual(seen, [1]);
    assert.deepEqual(await harness.ref(core, 'j').read(), []);
  });
});
