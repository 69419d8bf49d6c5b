import assert from 'node:assert/strict';
import fc from 'fast-check';
import {
  type DeathJudge,
  FailureDetector,
  type FailureDetectorOptions,
  type Membership,
  type MembershipView,
  type PeerLink,
  type ProbeOutcome,
} from '../../directory/index.ts';
import { GrainError, SeededRng } from '../../lib/index.ts';
import { candidate, pass, soon, TestCluster } from './membership-support.ts';
import { macrotask } from '../support/system-macrotask.ts';

/** Silos with links between them, of which each may be cut, and sessions of which each may lapse. */
class World {
  readonly cluster = new TestCluster();
  readonly detectors: FailureDetector[] = [];
  /** Pairs `from>to` where nothing arrives at `from` from `to`. */
  readonly silent = new Set<string>();
  /** Pairs whose link is closed, seen from the first. */
  readonly closed = new Set<string>();
  /** What a fresh connect to a port comes to; connected when not named. */
  readonly ports = new Map<number, ProbeOutcome>();
  readonly sessions = new Map<string, 'lapsed' | 'alive' | 'dead' | 'unknown'>();
  readonly buried: string[] = [];
  readonly counts = { probe: 0, judge: 0, vote: 0 };
  canBury = true;
  #heard = new Map<string, number>();

  async silo(name: string, options: Partial<FailureDetectorOptions> = {}): Promise<Membership> {
    const membership = await this.cluster.active(name);
    this.detect(membership, options);
    for (const other of this.cluster.members) await soon(this.cluster.clock, other.refresh());
    return membership;
  }

  detect(membership: Membership, options: Partial<FailureDetectorOptions> = {}): FailureDetector {
    const { clock, log, table } = this.cluster;
    const detector = new FailureDetector({
      membership,
      table: {
        read: () => table.read(),
        version: () => table.version(),
        change: (next, base) => table.change(next, base),
        vote: (...args) => {
          this.counts.vote += 1;
          return table.vote(...args);
        },
      },
      judge: this.judge,
      peers: () => this.links(membership),
      probe: async (_host, port) => {
        this.counts.probe += 1;
        await macrotask();
        return this.ports.get(port) ?? 'connected';
      },
      loopDelayMs: () => 0,
      clock,
      rng: new SeededRng(this.detectors.length + 100),
      log,
      ...options,
    });
    detector.start();
    this.detectors.push(detector);
    return detector;
  }

  readonly judge: DeathJudge = {
    hasLapsed: async (incarnation) => {
      this.counts.judge += 1;
      return Promise.resolve(this.sessions.get(incarnation) ?? 'alive');
    },
    bury: async (incarnation) => {
      if (!this.canBury) return Promise.resolve(false);
      this.buried.push(`${incarnation}:${this.cluster.states()[incarnation]}`);
      return Promise.resolve(true);
    },
  };

  links({ incarnation: from }: Membership): readonly PeerLink[] {
    const nowMs = this.cluster.clock.nowMs();
    const others = this.cluster.members.filter(({ incarnation }) => incarnation !== from);
    return others.map(({ incarnation }) => {
      const pair = `${from}>${incarnation}`;
      if (!this.silent.has(pair)) this.#heard.set(pair, nowMs);
      return { incarnation, isOpen: !this.closed.has(pair), heardMs: this.#heard.get(pair) };
    });
  }

  /** Nothing of `name` arrives anywhere. */
  hush(name: string, ...except: string[]): void {
    for (const { incarnation } of this.cluster.members) {
      if (!except.includes(incarnation)) this.silent.add(`${incarnation}>${name}`);
    }
  }

  /** Its process is gone: links close, its port refuses. */
  kill(name: string): void {
    this.hush(name);
    for (const { incarnation } of this.cluster.members) this.closed.add(`${incarnation}>${name}`);
    const member = this.cluster.table.record?.members.find(({ incarnation }) => incarnation === name);
    this.ports.set(member?.port ?? 0, 'refused');
    this.cluster.members.find(({ incarnation }) => incarnation === name)?.stop();
  }

  get states(): Record<string, string> {
    return this.cluster.states();
  }

  reasonOf(name: string): string | undefined {
    const { members = [] } = this.cluster.table.record ?? {};
    return members.find(({ incarnation }) => incarnation === name)?.death?.reason;
  }

  async pass(ms: number): Promise<void> {
    await pass(this.cluster.clock, ms);
  }

  stop(): void {
    for (const detector of this.detectors) detector.stop();
    this.cluster.stop();
  }
}

describe('FailureDetector', () => {
  let world: World;

  beforeEach(() => {
    world = new World();
  });

  afterEach(() => world.stop());

  async function silos(...names: string[]): Promise<void> {
    for (const name of names) await world.silo(name);
    await world.pass(500);
  }

  describe('refused', () => {
    it('FailureDetector: link closed and two connects refused, is dead within half a second, and buried after that', async () => {
      await silos('a', 'b', 'c');
      world.kill('b');
      await world.pass(500);
      assert.deepEqual(world.states, { a: 'active', b: 'dead', c: 'active' });
      assert.match(world.reasonOf('b') ?? '', /refuses/);
      assert.deepEqual(new Set(world.buried), new Set(['b:dead']));
      await world.pass(200);
      assert.equal(
        world.cluster.table.record?.members.find(({ name }) => name === 'b')?.death?.isBuried,
        true,
      );
    });

    it('FailureDetector: a hint of a closed link, is followed at once', async () => {
      const first = await world.cluster.active('a');
      const detector = world.detect(first, { tickMs: 100_000, stallMs: 1_000_000 });
      await world.cluster.active('b');
      await soon(world.cluster.clock, first.refresh());
      detector.hint();
      world.kill('b');
      detector.hint();
      await world.pass(100);
      assert.equal(world.states['b'], 'dead');
    });

    it('FailureDetector: link closed and connects unreachable or accepted, is not dead by that', async () => {
      await silos('a', 'b', 'c');
      for (const outcome of ['unreachable', 'connected'] as const) {
        world.closed.add('a>b');
        world.ports.set(7_002, outcome);
        await world.pass(3_000);
        assert.equal(world.states['b'], 'active', outcome);
      }
      assert.ok(world.counts.probe > 5);
    });

    it('FailureDetector: refused once and then not, is not dead', async () => {
      const answers: ProbeOutcome[] = [];
      await world.silo('a', {
        probe: async () => Promise.resolve(answers.push('refused') % 2 === 1 ? 'refused' : 'connected'),
      });
      await world.silo('b');
      await world.pass(300);
      world.closed.add('a>b');
      await world.pass(3_000);
      assert.ok(answers.length >= 4);
      assert.equal(world.states['b'], 'active');
    });

    it('FailureDetector: refused by one never heard, is dead only when its session lapsed', async () => {
      await world.cluster.active('b');
      const joiner = world.cluster.membership('j');
      await joiner.start();
      await soon(world.cluster.clock, joiner.join(candidate('j'), {}));
      world.kill('b');
      world.detect(joiner);
      const coming = joiner.activate(() => false);
      await world.pass(3_000);
      assert.deepEqual(world.states, { b: 'active', j: 'joining' });
      world.sessions.set('b', 'lapsed');
      await soon(world.cluster.clock, coming);
      assert.deepEqual(world.states, { b: 'dead', j: 'active' });
    });

    it('FailureDetector: link closed and its address taken by a later member, is dead without a connect', async () => {
      await silos('a', 'b');
      world.kill('b');
      world.ports.clear();
      const heir = world.cluster.membership('h');
      await heir.start();
      await soon(world.cluster.clock, heir.join(candidate('h', 7_002), {}));
      await soon(world.cluster.clock, world.cluster.members[0]?.refresh() ?? Promise.reject(new Error()));
      const { probe } = world.counts;
      await world.pass(500);
      assert.deepEqual(world.states, { a: 'active', b: 'dead', h: 'joining' });
      assert.ok(world.counts.probe <= probe + 1);
    });
  });

  describe('cut off from the lock nodes', () => {
    it('FailureDetector: says that its lease lapsed, is dead when its session did, though its links are well', async () => {
      await silos('a', 'b', 'c');
      world.sessions.set('b', 'lapsed');
      await world.pass(5_000);
      assert.equal(world.states['b'], 'active');
      for (const detector of world.detectors) detector.lapseTold('b');
      await world.pass(300);
      assert.equal(world.states['b'], 'dead');
      assert.match(world.reasonOf('b') ?? '', /cannot renew/);
    });

    it('FailureDetector: says that its lease lapsed while no session can be judged, is not voted out', async () => {
      await silos('a', 'b', 'c');
      world.sessions.set('b', 'unknown');
      for (let told = 0; told < 20; told += 1) {
        for (const detector of world.detectors) detector.lapseTold('b');
        await world.pass(400);
      }
      assert.equal(world.states['b'], 'active');
    });
  });

  describe('silent', () => {
    it('FailureDetector: silent with a lapsed session, is dead soon after a second', async () => {
      await silos('a', 'b', 'c');
      world.hush('b', 'c');
      world.sessions.set('b', 'lapsed');
      await world.pass(1_000);
      assert.equal(world.states['b'], 'active');
      await world.pass(500);
      assert.equal(world.states['b'], 'dead');
      assert.match(world.reasonOf('b') ?? '', /lapsed/);
    });

    it('FailureDetector: silent with a session that cannot be judged, is dead only by votes', async () => {
      await silos('a', 'b', 'c', 'd');
      world.sessions.set('b', 'unknown');
      world.hush('b', 'c', 'd');
      await world.pass(20_000);
      assert.equal(world.states['b'], 'active');
      world.hush('b');
      await world.pass(2_000);
      assert.equal(world.states['b'], 'dead');
    });

    it('FailureDetector: all sessions unknown after Redis restarted, links quiet on all sides, kills nobody', async () => {
      await silos('a', 'b', 'c');
      for (const name of ['a', 'b', 'c']) world.sessions.set(name, 'unknown');
      await world.pass(20_000);
      assert.deepEqual(world.states, { a: 'active', b: 'active', c: 'active' });
    });

    it('FailureDetector: our own loop delay, widens the silence that is allowed', async () => {
      let delayMs = 3_000;
      await world.silo('a', { loopDelayMs: () => delayMs });
      await world.silo('b');
      world.sessions.set('b', 'lapsed');
      await world.pass(500);
      world.silent.add('a>b');
      await world.pass(3_500);
      assert.equal(world.states['b'], 'active');
      delayMs = 0;
      await world.pass(500);
      assert.equal(world.states['b'], 'dead');
    });

    it('FailureDetector: our own stall, voids what is believed, also what was being asked', async () => {
      await world.silo('a');
      await world.silo('b');
      await world.pass(500);
      // The stall: nothing was heard for 5 s, because nothing was read.
      world.sessions.set('b', 'lapsed');
      world.silent.add('a>b');
      world.cluster.clock.stall(5_000);
      await world.pass(300);
      assert.equal(world.states['b'], 'active');
      await world.pass(600);
      world.silent.delete('a>b');
      await world.pass(3_000);
      assert.equal(world.states['b'], 'active');
      assert.ok(world.cluster.log.lines.some(({ message }) => message.startsWith('detector.stalled')));
    });

    it('FailureDetector: a stall while the judge is asked, voids its answer', async () => {
      let answer: (verdict: 'lapsed') => void = () => undefined;
      const judge: DeathJudge = {
        hasLapsed: async () => new Promise((resolve) => (answer = resolve)),
        bury: async () => Promise.resolve(true),
      };
      await world.silo('a', { judge });
      await world.silo('b');
      await world.pass(300);
      world.silent.add('a>b');
      await world.pass(1_500);
      world.cluster.clock.stall(3_000);
      // Input before timers: the answer is read before the late tick runs.
      answer('lapsed');
      await macrotask();
      await macrotask();
      assert.equal(world.states['b'], 'active');
    });

    it('FailureDetector: heard again while the judge was asked, is not dead', async () => {
      let answer: (verdict: 'lapsed') => void = () => undefined;
      const judge: DeathJudge = {
        hasLapsed: async () => new Promise((resolve) => (answer = resolve)),
        bury: async () => Promise.resolve(true),
      };
      await world.silo('a', { judge });
      await world.silo('b');
      await world.pass(300);
      world.silent.add('a>b');
      await world.pass(1_300);
      world.silent.delete('a>b');
      answer('lapsed');
      await world.pass(1_000);
      assert.equal(world.states['b'], 'active');
    });

    it('FailureDetector: heard again while the store was away, is not declared when it is back', async () => {
      await world.silo('a');
      await world.silo('b');
      const { change } = world.cluster.table;
      world.cluster.table.change = async () => Promise.reject(new GrainError('ERR_STORE_UNAVAILABLE'));
      world.sessions.set('b', 'lapsed');
      world.silent.add('a>b');
      await world.pass(3_000);
      world.silent.delete('a>b');
      await world.pass(300);
      world.cluster.table.change = change;
      await world.pass(3_000);
      assert.equal(world.states['b'], 'active');
    });

    it('FailureDetector: a verdict while the store is away, is written when it is back', async () => {
      await world.silo('a');
      await world.silo('b');
      const { change } = world.cluster.table;
      world.cluster.table.change = async () => Promise.reject(new GrainError('ERR_STORE_UNAVAILABLE'));
      world.kill('b');
      await world.pass(15_000);
      assert.equal(world.states['b'], 'active');
      world.cluster.table.change = change;
      await world.pass(1_000);
      assert.equal(world.states['b'], 'dead');
    });

    it('FailureDetector: a link that is forgotten when it closes, is silent only from when it was heard', async () => {
      let isGone = false;
      const first = await world.cluster.active('a');
      world.detect(first, { peers: () => (isGone ? [] : world.links(first)) });
      await world.cluster.active('b');
      await soon(world.cluster.clock, first.refresh());
      await world.pass(5_000);
      isGone = true;
      const { judge } = world.counts;
      await world.pass(900);
      assert.equal(world.counts.judge, judge);
      await world.pass(500);
      assert.ok(world.counts.judge > judge);
    });

    it('FailureDetector: votes, need more than half of the other active silos at the same time', async () => {
      await silos('a', 'b', 'c', 'd', 'e');
      world.hush('b', 'c', 'd');
      await world.pass(20_000);
      assert.equal(world.states['b'], 'active', '2 of 4 is no majority');
      // One more that loses it later, when the two hear it again: never three at once.
      world.silent.clear();
      await world.pass(2_000);
      world.hush('b', 'a', 'd', 'e');
      await world.pass(20_000);
      assert.equal(world.states['b'], 'active');
      world.hush('b', 'a');
      await world.pass(2_500);
      assert.equal(world.states['b'], 'dead');
      assert.match(world.reasonOf('b') ?? '', /3 of 4/);
    });

    it('FailureDetector: a lone voter, waits about as long as a session lasts', async () => {
      await silos('a', 'b');
      world.silent.add('a>b');
      await world.pass(2_300);
      assert.equal(world.states['b'], 'active');
      await world.pass(1_200);
      assert.equal(world.states['b'], 'dead');
    });

    it('FailureDetector: a joining member that vanished, is dead when its session lapsed, and before that waited for', async () => {
      await silos('a', 'b');
      const joiner = world.cluster.membership('j');
      await joiner.start();
      await soon(world.cluster.clock, joiner.join(candidate('j'), {}));
      joiner.stop();
      for (const each of world.cluster.members.slice(0, 2)) await soon(world.cluster.clock, each.refresh());
      world.hush('j');
      await world.pass(20_000);
      assert.equal(world.states['j'], 'joining');
      world.sessions.set('j', 'lapsed');
      await world.pass(1_000);
      assert.equal(world.states['j'], 'dead');
    });

    it('FailureDetector: a draining member that vanished, is dead', async () => {
      await silos('a', 'b', 'c');
      await soon(world.cluster.clock, world.cluster.members[1]?.drain() ?? Promise.reject(new Error()));
      await world.pass(6_000);
      world.hush('b');
      await world.pass(3_000);
      assert.equal(world.states['b'], 'dead');
    });
  });

  it('FailureDetector: all well for a minute, asks neither judge nor votes nor ports', async () => {
    await silos('a', 'b', 'c');
    await pass(world.cluster.clock, 60_000, 50);
    assert.deepEqual(world.counts, { probe: 0, judge: 0, vote: 0 });
  });

  it('FailureDetector: everybody else gone at once, is one verdict per tick', async () => {
    await silos('a', 'b', 'c', 'd');
    const deaths: number[] = [];
    world.cluster.members[0]?.onView((view) => {
      if (view.members.some(({ death }) => death && !death.isBuried))
        deaths.push(world.cluster.clock.nowMs());
    });
    world.detectors.slice(1).forEach((detector) => detector.stop());
    for (const name of ['b', 'c', 'd']) world.kill(name);
    await world.pass(3_000);
    assert.deepEqual(world.states, { a: 'active', b: 'dead', c: 'dead', d: 'dead' });
    const firsts = deaths.filter((at, index) => index === 0 || at - (deaths[index - 1] ?? 0) > 50);
    assert.ok(firsts.length >= 3, `${deaths.join()}`);
  });

  it('FailureDetector: two that do not reach each other, leave one, which nobody buried', async () => {
    await silos('a', 'b');
    world.hush('a', 'a');
    world.hush('b', 'b');
    await world.pass(12_000);
    const { states } = world;
    assert.deepEqual(new Set(Object.values(states)), new Set(['active', 'dead']));
    const winner = states['a'] === 'active' ? 'a' : 'b';
    assert.ok(world.buried.length > 0);
    assert.ok(world.buried.every((each) => !each.startsWith(winner) && each.endsWith(':dead')));
    const loser = world.cluster.members.find(({ incarnation }) => incarnation !== winner);
    assert.equal(loser?.state, 'dead');
    // It comes back under another name only when it reaches the winner.
    const again = world.cluster.membership('again');
    await again.start();
    await soon(world.cluster.clock, again.join(candidate('again'), {}));
    let isHealed = false;
    const coming = again.activate(() => isHealed);
    await world.pass(5_000);
    assert.equal(world.states['again'], 'joining');
    isHealed = true;
    await soon(world.cluster.clock, coming);
    assert.equal(world.states['again'], 'active');
  });

  it('FailureDetector: a tombstone that could not be laid by who declared the death, is laid later by another', async () => {
    await world.silo('a');
    const other = await world.cluster.active('c');
    await world.cluster.active('b');
    for (const each of world.cluster.members) await soon(world.cluster.clock, each.refresh());
    await world.pass(500);
    world.canBury = false;
    world.kill('b');
    await world.pass(2_000);
    assert.equal(world.states['b'], 'dead');
    world.detectors[0]?.stop();
    world.canBury = true;
    await soon(world.cluster.clock, other.refresh());
    world.detect(other);
    await world.pass(1_000);
    assert.deepEqual(world.buried, []);
    await world.pass(3_000);
    assert.deepEqual(world.buried, ['b:dead']);
    const { members = [] } = world.cluster.table.record ?? {};
    assert.equal(members.find(({ name }) => name === 'b')?.death?.isBuried, true);
  });

  it('FailureDetector: any faults, never bring a dead one back, in the record or in any view (V2)', async function () {
    this.timeout(60_000);
    const fault = fc.record({
      kind: fc.constantFrom('hush', 'heal', 'close', 'lapse', 'back', 'stall', 'lapse-heal', 'rewind'),
      from: fc.nat(3),
      to: fc.nat(3),
      ms: fc.nat(3_000),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(fault, { maxLength: 12 }), async (faults) => {
        world.stop();
        world = new World();
        const names = ['a', 'b', 'c', 'd'];
        const dead = new Map<string, Set<string>>(names.map((name) => [name, new Set<string>()]));
        const numbers = new Map<string, number>();
        const violations: string[] = [];
        for (const name of names) {
          const membership = await world.silo(name);
          membership.onView((view) => {
            if (view.number <= (numbers.get(name) ?? 0))
              violations.push(`${name} went back to ${view.number}`);
            numbers.set(name, view.number);
            for (const member of view.members) {
              if (member.state === 'dead') dead.get(name)?.add(member.incarnation);
              else if (dead.get(name)?.has(member.incarnation))
                violations.push(`${member.incarnation} rose for ${name}`);
            }
          });
        }
        const history: (MembershipView | undefined)[] = [];
        for (const { kind, from, to, ms } of faults) {
          const pair = `${names[from]}>${names[to]}`;
          const name = names[to] ?? '';
          history.push(world.cluster.table.record);
          if (kind === 'hush') world.silent.add(pair);
          if (kind === 'close') world.closed.add(pair);
          if (kind === 'heal') [world.silent, world.closed].forEach((set) => set.delete(pair));
          if (kind === 'lapse') world.sessions.set(name, 'lapsed');
          if (kind === 'lapse-heal') world.sessions.delete(name);
          if (kind === 'back') world.ports.set(7_001 + to, 'refused');
          if (kind === 'stall') world.cluster.clock.stall(ms);
          if (kind === 'rewind') world.cluster.table.record = history.at(-2) ?? world.cluster.table.record;
          await pass(world.cluster.clock, ms, 25);
        }
        await pass(world.cluster.clock, 15_000, 50);
        assert.deepEqual(violations, []);
        const { states } = world;
        for (const member of world.cluster.members) {
          if (member.state === 'dead') assert.notEqual(states[member.incarnation], 'active');
        }
      }),
      { numRuns: 40 },
    );
  });
});
