import assert from 'node:assert/strict';
import { MemoryDirectory } from '../../../directory/index.ts';
import {
  FakeClock,
  formatGrainId,
  GrainError,
  type GrainId,
  type Logger,
  SeededRng,
} from '../../../lib/index.ts';
import { systemClock } from '../../../lib/internal.ts';
import {
  advanceReminder,
  type Claim,
  decideTick,
  type Envelope,
  MemoryStorage,
  ReminderService,
  type ReminderServiceOptions,
  resolveReminder,
  type StoredReminder,
} from '../../../silo/internal.ts';

const QUIET: Logger = { debug() {}, info() {}, warn() {}, error() {} };
const busy = new GrainError('ERR_MAILBOX_FULL');
const threw = new GrainError('ERR_FLOW_FAILED');

async function settle(): Promise<void> {
  for (let turn = 0; turn < 12; turn += 1) await new Promise<void>((resolve) => systemClock.defer(resolve));
}

interface Grain {
  readonly id: GrainId;
  readonly claim: Claim;
  number: number;
  readonly reminders: Map<string, StoredReminder>;
}

type Verdict = GrainError | undefined;

/** Grains that keep and advance their reminders as activations do, over a real storage. */
class World {
  readonly clock = new FakeClock({ defer: (run) => systemClock.defer(run), wallMs: 1_750_000_000_000 });
  readonly rng = new SeededRng(7);
  storage: MemoryStorage;
  service: ReminderService;
  script: (envelope: Envelope) => Verdict | Promise<Verdict> = () => undefined;
  /** Runs of flows, as `key name` with seconds since the beginning; they survive a crash. */
  readonly runs: string[] = [];
  readonly dispatched: Envelope[] = [];
  areHintsLost = false;
  /** Commits become durable when `flush` is called. */
  isHeldBack = false;
  running = 0;
  mostRunning = 0;
  #flushes: (() => void)[] = [];
  #grains = new Map<string, Grain>();
  readonly #startMs = this.clock.wallMs();
  readonly #options: ReminderServiceOptions;
  #epoch = 0;
  #life = 0;

  constructor(options: ReminderServiceOptions = {}) {
    this.#options = options;
    const durability = {
      flush: (run: () => void): void => {
        if (this.isHeldBack) this.#flushes.push(run);
        else queueMicrotask(run);
      },
    };
    this.storage = new MemoryStorage({ directory: this.#directory(), clock: this.clock, durability });
    this.service = this.makeService();
  }

  #directory(): MemoryDirectory {
    return new MemoryDirectory({ nextEpoch: () => ++this.#epoch });
  }

  makeService(): ReminderService {
    const life = this.#life;
    return new ReminderService({
      storage: this.storage,
      clock: this.clock,
      rng: this.rng,
      log: QUIET,
      options: this.#options,
      dispatch: (envelope) => {
        if (life === this.#life) this.#dispatch(envelope);
      },
    });
  }

  get seconds(): number {
    return Math.round((this.clock.wallMs() - this.#startMs) / 1_000);
  }

  flush(): void {
    for (const run of this.#flushes.splice(0)) run();
  }

  async start(): Promise<void> {
    await this.service.start();
    await settle();
  }

  async crash(): Promise<void> {
    this.#life += 1;
    this.running = 0;
    this.#flushes = [];
    this.#grains = new Map();
    this.storage = this.storage.crash({ directory: this.#directory() });
    this.service = this.makeService();
    await this.start();
  }

  grain(key: string): Grain {
    let grain = this.#grains.get(key);
    if (grain) return grain;
    const id = { tenant: 'default', core: 'alarm', key };
    const incarnation = `silo-${this.#life}`;
    const claimer = {
      incarnation,
      activation: this.#grains.size + 1,
      view: 1,
      living: new Set([incarnation]),
    };
    const outcome = this.storage.claim(id, claimer);
    assert.ok(!(outcome instanceof Promise) && outcome.kind === 'claimed');
    grain = { id, claim: outcome.claim, number: 0, reminders: new Map(outcome.memory.reminders) };
    this.#grains.set(key, grain);
    return grain;
  }

  set(key: string, name: string, schedule: object): void {
    const reminder = resolveReminder(name, { flow: 'ring', ...schedule } as never, this.clock.wallMs());
    this.#commit(this.grain(key), name, reminder, () => undefined);
  }

  #commit(grain: Grain, name: string, reminder: StoredReminder | undefined, done: () => void): void {
    if (reminder) grain.reminders.set(name, reminder);
    else grain.reminders.delete(name);
    const none = {
      schema: 1,
      fieldNames: [],
      values: [],
      changed: [],
      collections: [],
      marks: [],
      commands: [],
    };
    const rest = { emissions: [], emissionEpoch: 0, emissionsKept: 0, forget: false };
    grain.number += 1;
    const reminders = [[name, reminder]] as const;
    this.storage.commit(grain.claim, { ...none, ...rest, number: grain.number, reminders }, ({ kind }) => {
      assert.equal(kind, 'done');
      done();
    });
    // As activations do: before the commit is durable.
    if (reminder && !this.areHintsLost) this.service.hint(reminder.dueMs);
  }

  #dispatch(envelope: Envelope): void {
    this.dispatched.push(envelope);
    assert.ok(envelope.begin());
    this.running += 1;
    this.mostRunning = Math.max(this.mostRunning, this.running);
    const verdict = this.script(envelope);
    const life = this.#life;
    if (verdict instanceof Promise)
      void verdict.then((later) => life === this.#life && this.#turn(envelope, later));
    else this.#turn(envelope, verdict);
  }

  #turn(envelope: Envelope, verdict: Verdict): void {
    const { tick, key } = envelope;
    assert.ok(tick && key !== undefined);
    const grain = this.grain(key);
    const reminder = grain.reminders.get(tick.name);
    const decision = decideTick(reminder, tick, this.clock.wallMs());
    const end = (): void => {
      this.running -= 1;
      if (verdict && !tick.giveUp && decision !== 'gone') envelope.reject(verdict);
      else envelope.resolve(undefined);
    };
    if (decision === 'gone' || !reminder || (verdict && !tick.giveUp)) {
      end();
      return;
    }
    if (decision === 'run') this.runs.push(`${key} ${tick.name} ${this.seconds}`);
    this.#commit(grain, tick.name, advanceReminder(reminder, tick.dueMs, this.clock.wallMs()), end);
  }

  async pass(ms: number, steps: number): Promise<void> {
    for (let step = 0; step < steps; step += 1) {
      this.clock.advance(ms / steps);
      await settle();
    }
  }
}

describe('Reminder service', () => {
  it('a tick, when due, is a message to the grain that names it; the grain knows the flow', async () => {
    const world = new World();
    await world.start();
    world.set('a', 'wake', { inMs: 5_000 });
    await settle();
    await world.pass(4_999, 1);
    assert.equal(world.dispatched.length, 0);
    await world.pass(1, 1);
    const [envelope] = world.dispatched;
    assert.ok(envelope);
    const { kind, tenant, core, key, flow, input, tick, principal } = envelope;
    assert.deepEqual(
      { kind, tenant, core, key, flow, input, tick, principal },
      {
        kind: 'reminder',
        tenant: 'default',
        core: 'alarm',
        key: 'a',
        flow: '',
        input: undefined,
        tick: { name: 'wake', dueMs: world.clock.wallMs() },
        principal: 'core:default/alarm/a',
      },
    );
    assert.deepEqual(world.runs, ['a wake 5']);
    await world.pass(120_000, 8);
    assert.equal(world.dispatched.length, 1);
  });

  it('intervals of several grains: each tick once, on its grid', async () => {
    const world = new World();
    await world.start();
    world.set('a', 'r', { everyMs: 10_000 });
    world.set('b', 'r', { everyMs: 15_000 });
    await settle();
    await world.pass(30_000, 30);
    assert.deepEqual([...world.runs].sort(), ['a r 10', 'a r 20', 'a r 30', 'b r 15', 'b r 30']);
  });

  it('an earlier one set by a commit is not kept waiting by a later one; a lost hint costs 30 s at most', async () => {
    const world = new World();
    await world.start();
    world.set('a', 'late', { inMs: 20_000 });
    await settle();
    world.set('a', 'soon', { inMs: 2_000 });
    await world.pass(2_000, 2);
    assert.deepEqual(world.runs, ['a soon 2']);
    world.areHintsLost = true;
    world.set('b', 'lost', { inMs: 1_000 });
    await world.pass(31_000, 31);
    const lost = world.runs.find((run) => run.startsWith('b lost'));
    assert.ok(lost !== undefined && Number(lost.split(' ')[2]) <= 33, lost);
  });

  it('set for now, its hint before its commit is durable: fires within about a second of the commit', async () => {
    const world = new World();
    await world.start();
    world.isHeldBack = true;
    world.set('a', 'now', { inMs: 0 });
    await world.pass(200, 2);
    world.isHeldBack = false;
    world.flush();
    await world.pass(1_000, 4);
    assert.equal(world.runs.length, 1);
  });

  it('the wall clock jumps ahead: found within 30 s; back: nothing fires twice, nothing is lost', async () => {
    const world = new World();
    await world.start();
    world.set('a', 'r', { inMs: 3_600_000 });
    await settle();
    world.clock.jumpWall(3_600_000);
    await world.pass(30_000, 30);
    assert.equal(world.runs.length, 1);
    world.set('a', 'again', { everyMs: 60_000, missed: 'once' });
    await settle();
    world.clock.jumpWall(-600_000);
    await world.pass(600_000, 20);
    assert.equal(world.runs.length, 1);
    await world.pass(61_000, 61);
    assert.equal(world.runs.length, 2);
  });

  it('due while nothing ran: fires after the start', async () => {
    const world = new World();
    world.set('a', 'once', { inMs: 1_000 });
    world.set('a', 'each', { everyMs: 1_000, missed: { catchUp: 3 } });
    await settle();
    world.clock.advance(10_500);
    await world.start();
    await world.pass(10, 1);
    assert.deepEqual(world.runs.filter((run) => run.startsWith('a once')).length, 1);
    assert.deepEqual(
      world.runs.filter((run) => run.startsWith('a each')).length,
      3,
      'caught up without pauses',
    );
  });

  it('one that fails for a passing reason: sent again after growing pauses, for ever', async () => {
    const world = new World();
    const at: number[] = [];
    world.script = () => {
      at.push(world.seconds);
      return at.length <= 10 ? busy : undefined;
    };
    await world.start();
    world.set('a', 'r', { inMs: 1_000 });
    await world.pass(400_000, 400);
    const pauses = at.slice(1).map((moment, index) => moment - (at[index] ?? 0));
    assert.equal(at.length, 11);
    assert.ok((pauses[0] ?? 9) <= 2 && (pauses[3] ?? 0) >= 8, pauses.join(' '));
    assert.ok(
      pauses.every((pause) => pause <= 67),
      pauses.join(' '),
    );
    assert.equal(world.runs.length, 1);
  });

  it('found at the start and failing later: sent again after its own pause, not at the next full look', async () => {
    const world = new World();
    let tries = 0;
    world.script = async () => await Promise.resolve(++tries === 1 ? busy : undefined);
    world.set('a', 'r', { inMs: 1_000 });
    await settle();
    world.clock.advance(5_000);
    await world.start();
    await world.pass(2_000, 2);
    assert.equal(world.runs.length, 1);
  });

  it('set while a look is under way that cannot have seen it: not late', async () => {
    const world = new World();
    const due = world.storage.dueReminders.bind(world.storage);
    let answer: () => void = () => undefined;
    world.storage.dueReminders = ((untilMs: number, limit: number) => {
      const page = due(untilMs, limit);
      return new Promise((resolve) => (answer = (): void => resolve(page)));
    }) as never;
    await world.start();
    world.set('a', 'r', { inMs: 3_000 });
    await settle();
    for (let step = 0; step < 6; step += 1) {
      answer();
      await world.pass(1_000, 1);
    }
    assert.deepEqual(world.dispatched.length, 1);
    assert.deepEqual(world.runs.length, 1);
  });

  it('one whose flow throws: 5 tries, then the schedule goes on without it', async () => {
    const world = new World();
    world.script = ({ tick }) => (tick?.name === 'bad' ? threw : undefined);
    await world.start();
    world.set('a', 'bad', { everyMs: 60_000 });
    world.set('a', 'good', { everyMs: 1_000 });
    await settle();
    await world.pass(118_000, 118);
    const bad = world.dispatched.filter(({ tick }) => tick?.name === 'bad');
    assert.deepEqual(
      bad.map(({ tick }) => tick?.giveUp ?? false),
      [false, false, false, false, false, true],
    );
    assert.equal(
      world.runs.filter((run) => run.startsWith('a good')).length,
      118,
      'the other one never waited',
    );
    assert.deepEqual(world.service.report(), { running: 0, failing: 0, fired: 118, retried: 5, gaveUp: 1 });
    await world.pass(60_000, 60);
    const next = world.dispatched.filter(({ tick }) => tick?.name === 'bad').at(6);
    assert.equal(next?.tick?.giveUp, undefined, 'the next tick begins anew');
  });

  it('one whose Core is not loaded waits for it, and is never given up', async () => {
    const world = new World();
    let isLoaded = false;
    world.script = () => (isLoaded ? undefined : new GrainError('ERR_CORE_UNKNOWN'));
    await world.start();
    world.set('a', 'r', { inMs: 0 });
    await world.pass(1_000_000, 100);
    isLoaded = true;
    await world.pass(70_000, 70);
    assert.equal(world.runs.length, 1);
    assert.ok(world.dispatched.every(({ tick }) => tick?.giveUp !== true));
  });

  it('cancelled or set anew while it fails: the old tick is sent no more', async () => {
    const world = new World();
    world.script = ({ tick }) => (tick?.name === 'r' ? busy : undefined);
    await world.start();
    world.set('a', 'r', { inMs: 1_000 });
    await world.pass(5_000, 5);
    world.set('a', 'r', { inMs: 100_000 });
    await settle();
    const before = world.dispatched.length;
    await world.pass(90_000, 90);
    assert.equal(world.dispatched.length, before);
    assert.equal(world.service.report().failing, 0);
    world.script = () => undefined;
    await world.pass(20_000, 20);
    assert.equal(world.runs.length, 1);
  });

  it('10,000 due at once after a pause: at most 256 on their way, all fire once', async () => {
    const world = new World();
    for (let grain = 0; grain < 100; grain += 1) {
      for (let name = 0; name < 100; name += 1) world.set(`g${grain}`, `r${name}`, { inMs: 1_000 });
    }
    await settle();
    world.clock.advance(60_000);
    world.script = async () => {
      await new Promise<void>((resolve) => systemClock.defer(resolve));
      return undefined;
    };
    let most = 0;
    const due = world.storage.dueReminders.bind(world.storage);
    world.storage.dueReminders = (untilMs, limit) => {
      most = Math.max(most, limit);
      return due(untilMs, limit);
    };
    await world.start();
    for (let turn = 0; turn < 100 && world.runs.length < 10_000; turn += 1) await settle();
    assert.equal(new Set(world.runs).size, 10_000);
    assert.equal(world.dispatched.length, 10_000);
    assert.equal(world.mostRunning, 256);
    assert.ok(most <= 2_048, `a look asked for ${most}`);
  });

  it('200 that never end and 50 that fail: the others are not held up', async () => {
    const world = new World();
    world.script = ({ key }) =>
      key === 'stuck' ? new Promise<Verdict>(() => undefined) : key === 'failing' ? busy : undefined;
    await world.start();
    for (let name = 0; name < 200; name += 1) world.set('stuck', `r${name}`, { inMs: 500 });
    for (let name = 0; name < 50; name += 1) world.set('failing', `r${name}`, { inMs: 500 });
    for (let name = 0; name < 300; name += 1) world.set('good', `r${name}`, { inMs: 1_000 });
    await world.pass(3_000, 6);
    assert.equal(world.runs.length, 300);
    assert.ok(world.runs.every((run) => Number(run.split(' ')[2]) <= 2));
  });

  it('more failing than may wait: stands still, holds no more than that, goes on when they recover', async () => {
    const world = new World({ failingMax: 20, concurrency: 8 });
    let isDown = true;
    world.script = () => (isDown ? busy : undefined);
    await world.start();
    for (let name = 0; name < 100; name += 1) world.set('a', `r${name}`, { inMs: 500 });
    await world.pass(60_000, 60);
    assert.ok(world.service.report().failing <= 28, String(world.service.report().failing));
    isDown = false;
    await world.pass(130_000, 130);
    assert.equal(new Set(world.runs).size, 100);
    assert.equal(world.runs.length, 100);
  });

  it('storage that fails: looked at again, nothing is lost', async () => {
    const world = new World();
    let failures = 6;
    const due = world.storage.dueReminders.bind(world.storage);
    world.storage.dueReminders = (untilMs, limit) => {
      if (failures-- > 0) throw new GrainError('ERR_STORE_FAILED');
      return due(untilMs, limit);
    };
    world.set('a', 'r', { inMs: 1_000 });
    await world.start();
    await world.pass(100_000, 100);
    assert.equal(world.runs.length, 1);
  });

  it('a tick answered before its commit is durable is not sent in a loop', async () => {
    const world = new World();
    await world.start();
    world.set('a', 'r', { inMs: 1_000 });
    await settle();
    // Level `async`: the answer leaves at once, the commit later.
    world.script = (envelope) => {
      envelope.resolve(undefined);
      return undefined;
    };
    world.isHeldBack = true;
    await world.pass(1_000, 1);
    world.service.hint(world.clock.wallMs());
    await world.pass(900, 9);
    assert.equal(world.dispatched.length, 1);
    world.flush();
    await world.pass(60_000, 60);
    assert.equal(world.runs.length, 1);
  });

  it('a stop waits for what is on its way, within its bound, and sends nothing more', async () => {
    const world = new World({ stopMs: 5_000, concurrency: 1 });
    let release: () => void = () => undefined;
    world.script = () => new Promise<Verdict>((resolve) => (release = (): void => resolve(undefined)));
    await world.start();
    world.set('a', 'r1', { inMs: 100 });
    world.set('a', 'r2', { inMs: 100 });
    await settle();
    await world.pass(100, 1);
    let isStopped = false;
    const stopping = world.service.stop().then(() => (isStopped = true));
    await settle();
    assert.equal(isStopped, false);
    release();
    await stopping;
    await world.pass(60_000, 10);
    assert.equal(world.dispatched.length, 1);
    world.script = () => undefined;
    await world.crash();
    await settle();
    assert.equal(world.runs.length, 2);
    world.script = () => new Promise<Verdict>(() => undefined);
    world.set('a', 'r3', { inMs: 10 });
    await settle();
    await world.pass(10, 1);
    assert.equal(world.running, 1);
    const second = world.service.stop();
    world.clock.advance(5_000);
    await second;
  });

  it('two services on one storage: each tick runs once (any number of firers is harmless)', async () => {
    const world = new World();
    await world.start();
    const other = world.makeService();
    await other.start();
    world.set('a', 'r', { everyMs: 40_000 });
    await world.pass(400_000, 400);
    assert.equal(world.runs.length, 10);
    assert.ok(world.dispatched.length > 10, 'both sent some of them');
    await other.stop();
  });

  it('60 seeds, crashing in the middle of ticks: each fires at least once, each committed tick once (P7)', async () => {
    for (let seed = 1; seed <= 60; seed += 1) await crashRun(seed);
  });
});

/** One seeded run of one-shot reminders with failures and crashes: none is lost, and none runs after it was committed. */
async function crashRun(seed: number): Promise<void> {
  const world = new World({ concurrency: 3 });
  const random = new SeededRng(seed);
  const committed = new Set<string>();
  world.script = async () => {
    for (let wait = Math.floor(random.next() * 6); wait > 0; wait -= 1) await Promise.resolve();
    return random.next() < 0.2 ? busy : undefined;
  };
  await world.start();
  let count = 0;
  for (let round = 0; round < 5; round += 1) {
    for (let index = 0; index < 4; index += 1) {
      world.set(`g${index}`, `r${count++}`, { inMs: Math.floor(random.next() * 5_000) });
    }
    await settle();
    await world.pass(random.next() * 4_000, 3);
    for (let wait = Math.floor(random.next() * 30); wait > 0; wait -= 1) await Promise.resolve();
    if (random.next() < 0.7) await world.crash();
  }
  await world.pass(130_000, 65);
  const names = world.runs.map((run) => run.split(' ').slice(0, 2).join(' '));
  for (const name of names) committed.add(name);
  assert.equal(committed.size, count, `seed ${seed}: ${count - committed.size} never fired`);
  assert.deepEqual(world.storage.dueReminders(Infinity, 99), [], `seed ${seed}`);
  assert.ok(formatGrainId(world.grain('g0').id).endsWith('g0'));
}
