// FailureDetector: finds out who is gone, and says so in the view.
//   F1. Refused: its link is closed and two fresh connects in a row are refused. Its process is gone: dead at once. Where we
//       never heard from it, its address may be wrong: then its session must have lapsed, too.
//   F2. Silent: nothing was heard for `silentMs` and our own loop delay. Dead when its session lapsed, or when more than
//       half of the other active members vote so. A lone voter is no agreement: it waits for `aloneMs`.
//   F3. Our own stall proves nothing about others: after one, all counting starts anew, and what was under way is void.
//   F4. At most one verdict per tick, looked at again before it is written, tried again while the store is away.
//   F5. The view comes first, the tombstone after it (V4): of two that call each other dead, the record picks one, and only
//       the other is buried. Whoever declared a death buries; where it cannot, another member does.
//   F6. It says itself that its lease lapsed (it is cut off from the lock nodes, not from us): dead when its session did.
import {
  backoffMs,
  type Clock,
  fromUnknown,
  type Logger,
  type Rng,
  type TimerHandle,
} from '../../lib/index.ts';
import type { Membership } from './membership.ts';
import { isLiving, type Member, type MembershipTable, type MembershipView } from './membership-view.ts';
import { Sleeper } from './retry.ts';
import { Undertaker } from './undertaker.ts';

/** What a link to a member tells; members without one count as closed and never heard. */
export interface PeerLink {
  readonly incarnation: string;
  readonly isOpen: boolean;
  /** Monotonic, of our clock; undefined: nothing was ever heard. */
  readonly heardMs: number | undefined;
}

/** What the sessions say. */
export interface DeathJudge {
  /**
   * dead: a tombstone. unknown: the lock nodes do not answer, or cannot be trusted yet (they restarted, or the connection
   * was lost, less than a TTL ago): it never counts against anybody.
   */
  hasLapsed(incarnation: string): Promise<'lapsed' | 'alive' | 'dead' | 'unknown'>;
  /** Lays a tombstone on most lock nodes; false: it could not. Asked again, it does the same. */
  bury(incarnation: string): Promise<boolean>;
}

export type ProbeOutcome = 'refused' | 'connected' | 'unreachable';

export interface FailureDetectorOptions {
  readonly membership: Membership;
  readonly table: MembershipTable;
  readonly judge: DeathJudge;
  readonly peers: () => Iterable<PeerLink>;
  /** A fresh connect, bounded in time. */
  readonly probe: (host: string, port: number) => Promise<ProbeOutcome>;
  /** The longest delay of our own loop in the last seconds. */
  readonly loopDelayMs: () => number;
  readonly clock: Clock;
  readonly rng: Rng;
  readonly log: Logger;
  /** @default 200 */
  readonly tickMs?: number;
  /** Silence that makes somebody suspected; to it comes our own loop delay. @default 1_000 */
  readonly silentMs?: number;
  /** Silence after which a lone voter's vote counts: about what a session lasts. @default 2_500 */
  readonly aloneMs?: number;
  /** A tick that is later than this was a stall of ours. @default 500 */
  readonly stallMs?: number;
}

/** What we believe of one member. */
interface Watch {
  /** From when its silence counts: when it was last heard, first seen, or when our own last stall ended. */
  sinceMs: number;
  wasHeard: boolean;
  isProbing: boolean;
  isAsking: boolean;
  nextProbeMs: number;
  /** Since its link closed. */
  probes: number;
  nextAskMs: number;
  /** When it last said itself that its lease had lapsed. */
  saidLapsedMs: number;
  /** Why it is to be declared dead. */
  verdict: string | undefined;
}

const PROBE_PAUSE_MS = 50;
/** A listener that is just being closed may still accept: soon again at first, then at leisure. */
const PROBE_AGAIN = { firstMs: 50, mostMs: 400 } as const;
const ASK_AGAIN_MS = 400;
/** Longer than `ASK_AGAIN_MS` and a slow answer, shorter than what two suspicions that have nothing to do with each other lie apart. */
const VOTE_TTL_MS = 1_500;
/** How long it is believed that a lease has lapsed, after its owner said so: it says it again. */
const SAID_TTL_MS = 1_500;

export class FailureDetector {
  readonly #options: FailureDetectorOptions;
  readonly #tickMs: number;
  readonly #silentMs: number;
  readonly #aloneMs: number;
  readonly #stallMs: number;
  readonly #sleeper: Sleeper;
  readonly #undertaker: Undertaker;
  readonly #watches = new Map<string, Watch>();
  #links: ReadonlyMap<string, PeerLink> = new Map();
  #timer: TimerHandle | undefined;
  #dueMs = 0;
  /** Grows with each stall of ours: what began in an earlier round is void (F3). */
  #round = 0;
  #isDeclaring = false;

  constructor(options: FailureDetectorOptions) {
    this.#options = options;
    this.#tickMs = options.tickMs ?? 200;
    this.#silentMs = options.silentMs ?? 1_000;
    this.#aloneMs = options.aloneMs ?? 2_500;
    this.#stallMs = options.stallMs ?? 500;
    this.#sleeper = new Sleeper(options.clock);
    this.#undertaker = new Undertaker(options);
  }

  start(): void {
    this.#arm();
  }

  stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#sleeper.stop();
  }

  /** A link closed: looks at once, not only at the next tick. */
  hint(): void {
    if (this.#timer && !this.#isStalled()) this.#look();
  }

  /** A member says that its own lease has lapsed: it starts no turns, so its grains are better off elsewhere. */
  lapseTold(incarnation: string): void {
    const watch = this.#watches.get(incarnation);
    if (watch) watch.saidLapsedMs = this.#options.clock.nowMs();
    this.hint();
  }

  #arm(): void {
    const { clock } = this.#options;
    this.#dueMs = clock.nowMs() + this.#tickMs;
    this.#timer = clock.setTimer(this.#tickMs, () => this.#tick());
  }

  #tick(): void {
    if (this.#isStalled()) this.#startAnew();
    this.#arm();
    this.#look();
    this.#declareOne();
    const { membership } = this.#options;
    if (isMember(membership)) this.#undertaker.look(membership.view);
  }

  #isStalled(): boolean {
    return this.#options.clock.nowMs() - this.#dueMs > this.#stallMs;
  }

  #startAnew(): void {
    const { clock, log } = this.#options;
    const nowMs = clock.nowMs();
    this.#round += 1;
    for (const watch of this.#watches.values()) {
      watch.sinceMs = nowMs;
      watch.verdict = undefined;
    }
    log.warn(
      { lateMs: nowMs - this.#dueMs },
      'detector.stalled: this process stood still, suspicions start anew',
    );
  }

  #look(): void {
    const { membership, peers, clock } = this.#options;
    if (!isMember(membership)) return;
    const { view } = membership;
    const nowMs = clock.nowMs();
    this.#links = new Map([...peers()].map((link) => [link.incarnation, link]));
    const others = view.members.filter(
      (each) => isLiving(each) && each.incarnation !== membership.incarnation,
    );
    const present = new Set(others.map(({ incarnation }) => incarnation));
    for (const incarnation of this.#watches.keys()) {
      if (!present.has(incarnation)) this.#watches.delete(incarnation);
    }
    for (const member of others) this.#lookAt(member, this.#watchOf(member, nowMs), view, nowMs);
  }

  #watchOf({ incarnation }: Member, nowMs: number): Watch {
    let watch = this.#watches.get(incarnation);
    if (!watch) {
      watch = {
        sinceMs: nowMs,
        wasHeard: false,
        isProbing: false,
        isAsking: false,
        nextProbeMs: 0,
        probes: 0,
        nextAskMs: 0,
        saidLapsedMs: -Infinity,
        verdict: undefined,
      };
      this.#watches.set(incarnation, watch);
    }
    return watch;
  }

  #lookAt(member: Member, watch: Watch, view: MembershipView, nowMs: number): void {
    const link = this.#links.get(member.incarnation);
    if (link && (link.isOpen || link.heardMs !== undefined)) watch.wasHeard = true;
    const isClosed = !link?.isOpen;
    const isSilent = this.#isSilent(member, watch) || this.#saysLapsed(watch);
    if (!isClosed) watch.probes = 0;
    if (!isClosed && !isSilent) {
      watch.verdict = undefined;
      return;
    }
    if (watch.verdict !== undefined) return;
    if (isClosed && !watch.isProbing && nowMs >= watch.nextProbeMs) void this.#probe(member, watch, view);
    if (isSilent && !watch.isAsking && nowMs >= watch.nextAskMs) void this.#ask(member, watch);
  }

  #silenceMs({ incarnation }: Member, watch: Watch): number {
    // Kept here: whoever owns the links may forget a closed one, and when it was heard last.
    watch.sinceMs = Math.max(watch.sinceMs, this.#links.get(incarnation)?.heardMs ?? 0);
    return this.#options.clock.nowMs() - watch.sinceMs;
  }

  #isSilent(member: Member, watch: Watch): boolean {
    return this.#silenceMs(member, watch) > this.#silentMs + this.#options.loopDelayMs();
  }

  #saysLapsed({ saidLapsedMs }: Watch): boolean {
    return this.#options.clock.nowMs() - saidLapsedMs < SAID_TTL_MS;
  }

  /** F1. Never rejects. */
  async #probe(member: Member, watch: Watch, view: MembershipView): Promise<void> {
    const isOn = this.#roundCheck();
    watch.isProbing = true;
    try {
      const gone = await this.#whyGone(member, view);
      if (gone === undefined || !isOn()) return;
      if (!watch.wasHeard) {
        const lapse = await this.#options.judge.hasLapsed(member.incarnation);
        if (!isOn() || (lapse !== 'lapsed' && lapse !== 'dead')) return;
      }
      this.#condemn(member, watch, gone);
    } catch (error) {
      this.#options.log.warn({ error, silo: member.name }, 'detector.probe_failed');
    } finally {
      watch.isProbing = false;
      watch.probes += 1;
      watch.nextProbeMs = this.#options.clock.nowMs() + backoffMs(watch.probes, PROBE_AGAIN);
      this.#lookAgainIn(backoffMs(watch.probes, PROBE_AGAIN));
    }
  }

  /** Sooner than the next tick. */
  #lookAgainIn(delayMs: number): void {
    if (delayMs < this.#tickMs) void this.#sleeper.sleep(delayMs).then((isOn) => isOn && this.hint());
  }

  async #whyGone({ host, port, incarnation }: Member, view: MembershipView): Promise<string | undefined> {
    const { probe } = this.#options;
    const { joinedView = 0 } = view.members.find((each) => each.incarnation === incarnation) ?? {};
    const isReplaced = view.members.some(
      (each) => isLiving(each) && each.host === host && each.port === port && each.joinedView > joinedView,
    );
    if (isReplaced) return 'its link is closed, and another process has its address';
    if ((await probe(host, port)) !== 'refused') return undefined;
    // Once may be a listener that is just being opened, or closed.
    if (!(await this.#sleeper.sleep(PROBE_PAUSE_MS))) return undefined;
    return (await probe(host, port)) === 'refused'
      ? 'its link is closed, and it refuses new ones'
      : undefined;
  }

  /** F2 and F6. Never rejects. */
  async #ask(member: Member, watch: Watch): Promise<void> {
    const { judge, clock, log } = this.#options;
    const isOn = this.#roundCheck();
    watch.isAsking = true;
    try {
      const lapse = await judge.hasLapsed(member.incarnation);
      if (!isOn()) return;
      const isSilent = this.#isSilent(member, watch);
      const why = isSilent ? 'it is silent' : 'it cannot renew';
      if (lapse === 'lapsed') this.#condemn(member, watch, `${why}, and its session lapsed`);
      else if (lapse === 'dead') this.#condemn(member, watch, 'its session was ended');
      else if (isSilent) await this.#vote(member, watch, isOn);
    } catch (error) {
      log.warn({ error: fromUnknown(error), silo: member.name }, 'detector.ask_failed');
    } finally {
      watch.isAsking = false;
      watch.nextAskMs = clock.nowMs() + ASK_AGAIN_MS;
    }
  }

  async #vote(member: Member, watch: Watch, isOn: () => boolean): Promise<void> {
    const { membership, table, log } = this.#options;
    // Who is not in yet, or on the way out, has no vote; and who never was in has no links yet that could fall silent.
    if (membership.state !== 'active' || member.state === 'joining') return;
    const electorate = membership.view.members
      .filter(({ state, incarnation }) => state === 'active' && incarnation !== member.incarnation)
      .map(({ incarnation }) => incarnation);
    if (electorate.length === 1 && this.#silenceMs(member, watch) <= this.#aloneMs) return;
    const voters = await table.vote(member.incarnation, membership.incarnation, electorate, VOTE_TTL_MS);
    if (!isOn() || !this.#isSilent(member, watch)) return;
    const count = `${voters.length} of ${electorate.length}`;
    log.info({ silo: member.name, incarnation: member.incarnation, count }, 'detector.suspected');
    if (voters.length * 2 > electorate.length)
      this.#condemn(member, watch, `it is silent, say ${count} members`);
  }

  /** False when what began before this call is void by now (F3). */
  #roundCheck(): () => boolean {
    const round = this.#round;
    return () => this.#timer !== undefined && round === this.#round && !this.#isStalled();
  }

  #condemn(member: Member, watch: Watch, reason: string): void {
    if (!this.#isSuspect(member, watch)) return;
    watch.verdict = reason;
    this.#declareOne();
  }

  /** As the links are now, not as they were at the last tick. */
  #isSuspect(member: Member, watch: Watch): boolean {
    this.#links = new Map([...this.#options.peers()].map((link) => [link.incarnation, link]));
    const isClosed = !this.#links.get(member.incarnation)?.isOpen;
    return isClosed || this.#isSilent(member, watch) || this.#saysLapsed(watch);
  }

  #declareOne(): void {
    if (this.#isDeclaring || !isMember(this.#options.membership)) return;
    for (const member of this.#options.membership.view.members) {
      const watch = this.#watches.get(member.incarnation);
      if (watch?.verdict === undefined || !isLiving(member)) continue;
      this.#isDeclaring = true;
      void this.#declare(member, watch, watch.verdict);
      return;
    }
  }

  /** F4. Never rejects. */
  async #declare(member: Member, watch: Watch, reason: string): Promise<void> {
    const { membership, log } = this.#options;
    const { incarnation, name } = member;
    const isOn = this.#roundCheck();
    const isStill = (): boolean => isOn() && watch.verdict !== undefined && this.#isSuspect(member, watch);
    try {
      const view = await membership.declareDead(incarnation, reason, isStill);
      const death = view.members.find((each) => each.incarnation === incarnation)?.death;
      if (death?.reason === reason) {
        log.warn({ silo: name, incarnation, reason, view: view.number }, 'silo.declared_dead');
        this.#undertaker.buryNow(incarnation);
      }
    } catch (error) {
      // The verdict stays, and is looked at again at the next tick.
      log.warn({ error: fromUnknown(error), silo: name }, 'detector.verdict_failed');
    }
    // Until the next tick: a burst of verdicts is more likely our own fault than that of all others.
    await this.#sleeper.sleep(Math.max(0, this.#dueMs - this.#options.clock.nowMs()));
    this.#isDeclaring = false;
  }
}

function isMember({ state }: Membership): boolean {
  return state === 'joining' || state === 'active' || state === 'draining';
}
