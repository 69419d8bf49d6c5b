import assert from 'node:assert/strict';
import {
  FakeClock,
  GrainError,
  type GrainId,
  type Logger,
  randomBelow,
  SeededRng,
} from '../../../lib/index.ts';
import { EmissionHub, type EmissionPage, type StoredEmission } from '../../../silo/internal.ts';
import type { Emission, EmissionSink, Subscription } from '../../../silo/internal.ts';

const GRAIN: GrainId = { tenant: 'default', core: 'airport', key: 'JFK' };
const QUIET: Logger = { debug() {}, info() {}, warn() {}, error() {} };

/** Work that was deferred or is in flight, run when the test says so. */
class Steps {
  readonly #queue: (() => void)[] = [];
  readonly add = (run: () => void): void => {
    this.#queue.push(run);
  };
  get size(): number {
    return this.#queue.length;
  }
  /** Runs one at a chosen place. */
  async runAt(index: number): Promise<void> {
    this.#queue.splice(index, 1)[0]?.();
    await settle();
  }
  async runAll(): Promise<void> {
    while (this.#queue.length > 0) await this.runAt(0);
  }
}

async function settle(): Promise<void> {
  for (let turn = 0; turn < 5; turn += 1) await Promise.resolve();
}

/** The emissions of one grain as storage has them: reads answer at once, or when `steps` says so. */
class Source {
  epoch = 7;
  kept: StoredEmission[] = [];
  last = 0;
  failures = 0;
  reads: { after: number; limit: number }[] = [];
  readonly #steps: Steps | undefined;

  constructor(steps?: Steps) {
    this.#steps = steps;
  }

  emit(...events: string[]): StoredEmission[] {
    const fresh = events.map((event) => ({ n: ++this.last, event, data: { n: this.last }, wallMs: 0 }));
    this.kept.push(...fresh);
    return fresh;
  }

  keep(count: number): void {
    this.kept = this.kept.slice(-count);
  }

  restart(epoch: number): void {
    this.epoch = epoch;
    this.kept = [];
    this.last = 0;
  }

  readEmissions(_grain: GrainId, after: number, limit: number): EmissionPage | Promise<EmissionPage> {
    this.reads.push({ after, limit });
    if (this.failures > 0) {
      this.failures -= 1;
      throw new GrainError('ERR_STORE_FAILED');
    }
    const page = (): EmissionPage => ({
      emissionEpoch: this.epoch,
      first: this.last - this.kept.length + 1,
      last: this.last,
      emissions: this.kept.filter(({ n }) => n > after).slice(0, limit),
    });
    const steps = this.#steps;
    if (!steps) return page();
    // What is read is fixed at one moment, and known at a later one.
    return new Promise((resolve) => {
      steps.add(() => {
        const read = page();
        steps.add(() => resolve(read));
      });
    });
  }
}

class Log implements EmissionSink {
  readonly lines: string[] = [];
  readonly pushes: Emission[] = [];
  ended: GrainError | undefined = undefined;
  onPush: ((emission: Emission) => void) | undefined = undefined;

  push(emission: Emission): void {
    assert.equal(this.ended, undefined);
    this.pushes.push(emission);
    this.lines.push(`${emission.prev}>${emission.n}`);
    this.onPush?.(emission);
  }
  gap(from: string, to: string): void {
    assert.equal(this.ended, undefined);
    this.lines.push(`gap ${from} ${to}`);
  }
  end(error: GrainError): void {
    assert.equal(this.ended, undefined);
    this.ended = error;
    this.lines.push(`end ${error.code}`);
  }
}

function setUp(isAsync = false): {
  steps: Steps;
  clock: FakeClock;
  hub: EmissionHub;
  source: Source;
  sink: Log;
  emit: (...events: string[]) => void;
  subscribe: (options?: { event?: string; from?: string; credit?: number }) => Subscription;
} {
  const steps = new Steps();
  const clock = new FakeClock({ defer: steps.add });
  const hub = new EmissionHub({ clock, log: QUIET });
  const source = new Source(isAsync ? steps : undefined);
  const sink = new Log();
  return {
    steps,
    clock,
    hub,
    source,
    sink,
    emit: (...events) => hub.publish(GRAIN, source.epoch, source.emit(...events)),
    subscribe: (options = {}) => hub.subscribe(GRAIN, { credit: Infinity, ...options }, sink, source),
  };
}

describe('Emission hub', () => {
  it('subscribed without a cursor, gives what is published from then on', async () => {
    const { source, sink, steps, emit, subscribe, hub } = setUp();
    source.emit('a', 'a');
    subscribe();
    assert.deepEqual(sink.lines, [], 'nothing from inside subscribe');
    await steps.runAll();
    emit('a');
    emit('b', 'a');
    assert.deepEqual(sink.lines, ['0>3', '3>4', '4>5']);
    assert.deepEqual(sink.pushes[1], { n: 4, prev: 3, cursor: '7.4', event: 'b', data: { n: 4 } });
    assert.equal(hub.size, 1);
  });

  it('published before the first look at storage, is not lost', async () => {
    const { source, sink, steps, emit, subscribe } = setUp();
    source.emit('a', 'a');
    subscribe();
    emit('a');
    emit('a');
    assert.deepEqual(sink.lines, [], 'nothing from inside subscribe');
    await steps.runAll();
    assert.deepEqual(sink.lines, ['0>3', '3>4']);
  });

  it('a cursor inside what is kept goes on after it, 0.0 begins with the first', async () => {
    const one = setUp();
    one.source.emit('a', 'a', 'a');
    one.subscribe({ from: '7.1' });
    await one.steps.runAll();
    assert.deepEqual(one.sink.lines, ['1>2', '2>3']);
    const all = setUp();
    all.source.emit('a', 'a');
    all.subscribe({ from: '0.0' });
    await all.steps.runAll();
    assert.deepEqual(all.sink.lines, ['0>1', '1>2']);
  });

  it('a history that began with a forget has a cursor of its own, which leads back to it', async () => {
    const { source, sink, steps, subscribe, hub } = setUp();
    source.restart(7.75);
    source.emit('a', 'a');
    subscribe({ from: '0.0' });
    await steps.runAll();
    assert.deepEqual(
      sink.pushes.map(({ cursor }) => cursor),
      ['7.75.1', '7.75.2'],
    );
    const again = new Log();
    hub.subscribe(GRAIN, { from: '7.75.1', credit: 1 }, again, source);
    const older = new Log();
    hub.subscribe(GRAIN, { from: '7.5', credit: 1 }, older, source);
    await steps.runAll();
    assert.deepEqual([again.lines, older.lines], [['1>2'], ['gap 7.5 7.75.0', '0>1']]);
  });

  it('0.0 on a grain that never emitted, then its first: no gap', async () => {
    const { source, sink, steps, emit, subscribe } = setUp();
    source.epoch = 0;
    subscribe({ from: '0.0' });
    await steps.runAll();
    source.epoch = 9;
    emit('a');
    await steps.runAll();
    assert.deepEqual(sink.lines, ['0>1']);
    assert.equal(sink.pushes[0]?.cursor, '9.1');
  });

  it('a cursor older than what is kept is a gap, then goes on', async () => {
    const { source, sink, steps, subscribe } = setUp();
    source.emit(...'abcdefgh');
    source.keep(2);
    subscribe({ from: '7.3' });
    await steps.runAll();
    assert.deepEqual(sink.lines, ['gap 7.3 7.6', '6>7', '7>8']);
  });

  it('a cursor of another epoch is a gap, then all that is kept', async () => {
    const { source, sink, steps, subscribe } = setUp();
    source.emit('a', 'a');
    subscribe({ from: '5.40' });
    await steps.runAll();
    assert.deepEqual(sink.lines, ['gap 5.40 7.0', '0>1', '1>2']);
  });

  it('a cursor of another epoch with a number that the new history has too: still all that is kept', async () => {
    const { source, sink, steps, subscribe } = setUp();
    source.emit('a', 'a');
    subscribe({ from: '5.1' });
    await steps.runAll();
    assert.deepEqual(sink.lines, ['gap 5.1 7.0', '0>1', '1>2']);
  });

  it('a cursor ahead of the history is a gap back to its end', async () => {
    const { source, sink, steps, emit, subscribe } = setUp();
    source.emit('a', 'a');
    subscribe({ from: '7.40' });
    await steps.runAll();
    emit('a');
    assert.deepEqual(sink.lines, ['gap 7.40 7.2', '2>3']);
  });

  for (const from of [
    '',
    '7',
    'x.y',
    '7.-1',
    '7.1.2',
    '1e3.1',
    `1.${'9'.repeat(17)}`,
    '9007199254740993.1',
  ]) {
    it(`cursor ${JSON.stringify(from.slice(0, 20))}, ends with ERR_CURSOR_INVALID, not from inside subscribe`, async () => {
      const { sink, steps, subscribe, hub } = setUp();
      subscribe({ from });
      assert.equal(sink.ended, undefined);
      await steps.runAll();
      assert.deepEqual(sink.lines, ['end ERR_CURSOR_INVALID']);
      assert.equal(hub.size, 0);
    });
  }

  it('filtered by event: prev is the last that matched, so a filter is told from a hole', async () => {
    const { source, sink, steps, emit, subscribe } = setUp();
    source.emit('a', 'b', 'a');
    subscribe({ from: '7.1', event: 'b' });
    await steps.runAll();
    emit('a');
    emit('b');
    emit('a', 'b');
    assert.deepEqual(sink.lines, ['1>2', '2>5', '5>7']);
  });

  it('no credit: reads and keeps nothing; a grant goes on where it stopped', async () => {
    const { source, sink, steps, emit, subscribe } = setUp();
    source.emit(...'aaaa');
    const subscription = subscribe({ from: '0.0', credit: 0 });
    await steps.runAll();
    assert.equal(source.reads.length, 0);
    subscription.grant(2);
    await steps.runAll();
    assert.deepEqual(sink.lines, ['0>1', '1>2']);
    assert.deepEqual(source.reads.at(-1), { after: 0, limit: 2 }, 'reads no more than it may push');
    for (let count = 0; count < 100; count += 1) emit('a');
    assert.equal(sink.lines.length, 2);
    subscription.grant(Infinity);
    await steps.runAll();
    assert.deepEqual(
      sink.pushes.map(({ n }) => n),
      Array.from({ length: 104 }, (_item, index) => index + 1),
    );
  });

  it('credit used up while live: the rest is read from storage after the grant', async () => {
    const { sink, steps, emit, subscribe } = setUp();
    const subscription = subscribe({ credit: 1 });
    await steps.runAll();
    emit('a', 'a', 'a');
    assert.deepEqual(sink.lines, ['0>1']);
    subscription.grant(NaN);
    subscription.grant(-5);
    await steps.runAll();
    assert.deepEqual(sink.lines, ['0>1']);
    subscription.grant(9);
    await steps.runAll();
    assert.deepEqual(sink.lines, ['0>1', '1>2', '2>3']);
  });

  it('granted from inside push, goes on without a hole', async () => {
    const { sink, steps, emit, subscribe } = setUp();
    const subscription = subscribe({ credit: 1 });
    sink.onPush = () => subscription.grant(1);
    await steps.runAll();
    emit('a', 'a', 'a');
    emit('a');
    await steps.runAll();
    assert.deepEqual(sink.lines, ['0>1', '1>2', '2>3', '3>4']);
  });

  it('published from inside push, is pushed after it, once', async () => {
    const { sink, steps, emit, subscribe } = setUp();
    subscribe();
    await steps.runAll();
    let depth = 0;
    sink.onPush = ({ n }) => {
      depth += 1;
      assert.equal(depth, 1, 'one at a time');
      if (n === 1) emit('a');
      depth -= 1;
    };
    emit('a', 'a');
    await steps.runAll();
    assert.deepEqual(sink.lines, ['0>1', '1>2', '2>3']);
  });

  it('cancelled from inside push, in the middle of a batch and before the first read: silence', async () => {
    const { sink, steps, emit, subscribe, hub } = setUp();
    const subscription = subscribe();
    await steps.runAll();
    sink.onPush = () => subscription.cancel();
    emit('a', 'a');
    await steps.runAll();
    assert.deepEqual(sink.lines, ['0>1']);
    const early = subscribe({ from: '0.0' });
    early.cancel();
    early.cancel();
    const wrong = subscribe({ from: 'wrong' });
    wrong.cancel();
    await steps.runAll();
    assert.deepEqual(sink.lines, ['0>1']);
    assert.equal(hub.size, 0);
  });

  it('a sink that throws gets nothing more; the others do', async () => {
    const { sink, steps, emit, subscribe, hub, source } = setUp();
    subscribe();
    const other = new Log();
    hub.subscribe(GRAIN, { credit: Infinity }, other, source);
    await steps.runAll();
    sink.onPush = () => {
      throw new Error('planted');
    };
    emit('a', 'a');
    assert.deepEqual([sink.lines, other.lines], [['0>1'], ['0>1', '1>2']]);
    assert.equal(hub.size, 1);
  });

  it('a grain that moves: doubled, late and missed publishes change nothing', async () => {
    const { source, sink, steps, emit, subscribe, hub } = setUp();
    subscribe();
    await steps.runAll();
    const batch = source.emit('a', 'a');
    hub.publish(GRAIN, 7, batch);
    hub.publish(GRAIN, 7, batch);
    source.emit('a'); // durable, but its activation died before it published
    emit('a');
    hub.publish(GRAIN, 7, batch);
    await steps.runAll();
    assert.deepEqual(sink.lines, ['0>1', '1>2', '2>3', '3>4']);
  });

  it('a volatile grain that starts anew, while live: a gap to its new history', async () => {
    const { source, sink, steps, emit, subscribe } = setUp();
    subscribe();
    await steps.runAll();
    emit('a', 'a');
    source.restart(8);
    emit('a');
    emit('a');
    await steps.runAll();
    assert.deepEqual(sink.lines, ['0>1', '1>2', 'gap 7.2 8.0', '0>1', '1>2']);
  });

  it('storage that fails 4 times, then answers: nothing is lost; 5 times: the subscription ends', async () => {
    const { source, sink, steps, clock, subscribe, hub } = setUp();
    source.emit('a');
    source.failures = 4;
    subscribe({ from: '0.0' });
    for (let tries = 0; tries < 5; tries += 1) {
      await steps.runAll();
      clock.advance(2_000);
    }
    assert.deepEqual(sink.lines, ['0>1']);
    source.failures = 5;
    const other = new Log();
    hub.subscribe(GRAIN, { from: '0.0', credit: 1 }, other, source);
    for (let tries = 0; tries < 5; tries += 1) {
      await steps.runAll();
      clock.advance(2_000);
    }
    await steps.runAll();
    assert.deepEqual(other.lines, ['end ERR_STORE_FAILED']);
    assert.equal(hub.size, 1);
  });

  it('closed, ends every subscription', async () => {
    const { sink, steps, subscribe, hub } = setUp();
    subscribe();
    subscribe();
    hub.close(new GrainError('ERR_SILO_DRAINING'));
    assert.equal(hub.size, 0);
    sink.end = (error) => sink.lines.push(error.code);
    await steps.runAll();
    assert.deepEqual(sink.lines, ['ERR_SILO_DRAINING', 'ERR_SILO_DRAINING']);
  });

  it('publishes, reads, grants, trims and restarts in 500 random orders: no hole without a gap, no double (P6)', async () => {
    for (let seed = 1; seed <= 500; seed += 1) await runRace(seed);
  });
});

/** One seeded race; checks what a client would: each push follows the one before it, or a gap. */
async function runRace(seed: number): Promise<void> {
  const rng = new SeededRng(seed);
  const { source, sink, steps, emit, subscribe, hub } = setUp(true);
  source.emit('a', 'b', 'a');
  const event = rng.next() < 0.5 ? 'a' : undefined;
  const from = ['0.0', '7.2', undefined][randomBelow(rng, 3)];
  const subscription = subscribe({ credit: 1, ...(event ? { event } : {}), ...(from ? { from } : {}) });
  const all = new Map<string, string>(source.kept.map(({ n, event: name }) => [`7.${n}`, name]));
  for (let step = 0; step < 60; step += 1) {
    const choice = randomBelow(rng, 12);
    if (choice < 3) {
      const events = Array.from({ length: 1 + randomBelow(rng, 3) }, () => (rng.next() < 0.5 ? 'a' : 'b'));
      const isPublished = rng.next() < 0.8;
      const fresh = source.emit(...events);
      for (const { n, event: name } of fresh) all.set(`${source.epoch}.${n}`, name);
      if (isPublished) hub.publish(GRAIN, source.epoch, fresh);
    } else if (choice < 4) subscription.grant(1 + randomBelow(rng, 4));
    else if (choice < 5 && rng.next() < 0.3) source.keep(1);
    else if (choice < 6 && rng.next() < 0.2) source.restart(source.epoch + 1);
    else if (steps.size > 0) await steps.runAt(randomBelow(rng, steps.size));
  }
  subscription.grant(Infinity);
  emit('a');
  all.set(`${source.epoch}.${source.last}`, 'a');
  await steps.runAll();
  check(seed, sink, all, event, from, `${source.epoch}.${source.last}`);
}

function check(
  seed: number,
  { lines, pushes }: Log,
  all: ReadonlyMap<string, string>,
  event: string | undefined,
  from: string | undefined,
  end: string,
): void {
  const problem = `seed ${seed}: ${lines.join(' ')}`;
  const cursors = new Set(pushes.map(({ cursor }) => cursor));
  assert.equal(cursors.size, pushes.length, `a double, ${problem}`);
  let at: string | undefined = from;
  let index = 0;
  for (const line of lines) {
    const gap = /^gap (\S+) (\S+)$/.exec(line);
    if (gap) {
      at = gap[2];
      continue;
    }
    const { n, prev, cursor, event: name } = pushes[index++] ?? assert.fail();
    const epoch = cursor.split('.')[0];
    assert.equal(all.get(cursor), name, `made up, ${problem}`);
    if (at !== undefined) {
      assert.equal(prev, Number(at.split('.')[1]), `prev of ${cursor}, ${problem}`);
      for (let missing = prev + 1; missing < n; missing += 1) {
        assert.notEqual(
          all.get(`${epoch}.${missing}`),
          event ?? all.get(`${epoch}.${missing}`),
          `hole, ${problem}`,
        );
      }
    }
    at = cursor;
  }
  assert.equal(pushes.at(-1)?.cursor, end, `stuck, ${problem}`);
}
