// Membership: what this process knows of the cluster's members, and its own part in it.
// Owns: the current view, the state of this incarnation, and every change that this process makes of the record.
// Does not own: the record (MembershipTable), sessions and tombstones (session), links (silo), who is suspected
// (FailureDetector).
//   M1. The number of `view` only grows, and nobody who was dead in a view comes back in a later one, also where the store
//       went back in a failover that lost writes: then the record is mended before it is taken.
//   M2. `dead`, `lost` and `stopped` are final. After them this object changes nothing in the record.
import { assert, type Clock, GrainError, type Logger, type Rng } from '../../lib/index.ts';
import { KnownView } from './known-view.ts';
import {
  type HostedCore,
  type Member,
  memberOf,
  type MembershipTable,
  type MembershipView,
  type ViewVersion,
} from './membership-view.ts';
import { Retry, Sleeper } from './retry.ts';
import {
  advance,
  bury,
  type Candidate,
  declareDead,
  join,
  leave,
  type Manifests,
  setCores,
} from './view-changes.ts';
import { viewFrom } from './view-codec.ts';
import { ViewReader } from './view-reader.ts';
import { type ViewOwner, type ViewSource, ViewWriter } from './view-writer.ts';

/** watching: no member (yet); gateways stay there. lost: the record is gone, or of another generation. */
export type MembershipState =
  'new' | 'watching' | 'joining' | 'active' | 'draining' | 'dead' | 'lost' | 'stopped';

const NEXT: Readonly<Record<MembershipState, readonly MembershipState[]>> = {
  new: ['watching', 'lost', 'stopped'],
  watching: ['joining', 'active', 'draining', 'dead', 'lost', 'stopped'],
  joining: ['active', 'draining', 'dead', 'lost', 'stopped'],
  active: ['draining', 'dead', 'lost', 'stopped'],
  draining: ['dead', 'lost', 'stopped'],
  dead: [],
  lost: [],
  stopped: [],
};

export interface MembershipOptions {
  readonly table: MembershipTable;
  readonly incarnation: string;
  /** From `openCluster`. */
  readonly generation: string;
  readonly clock: Clock;
  readonly rng: Rng;
  readonly log: Logger;
  /** Pause between looks at the version of the record; pushes are faster. @default 5_000 */
  readonly pollMs?: number;
  /** How long a change is tried before it fails. @default 10_000 */
  readonly changeMs?: number;
}

export type ViewListener = (view: MembershipView, source: ViewSource) => void;
/** Whether a link to the member is open. */
export type Reaches = (member: Member) => boolean;

/** A push that is so far ahead is looked into, not believed. */
const PUSH_AHEAD_MAX = 10_000;

export class Membership {
  readonly incarnation: string;
  readonly generation: string;
  readonly #rng: Rng;
  readonly #log: Logger;
  readonly #known: KnownView;
  readonly #sleeper: Sleeper;
  readonly #writer: ViewWriter;
  readonly #reader: ViewReader;
  readonly #viewListeners = new Set<ViewListener>();
  readonly #deadListeners = new Set<() => void>();
  readonly #lostListeners = new Set<() => void>();
  #state: MembershipState = 'new';
  #isLeaving = false;

  constructor({ table, incarnation, generation, clock, rng, log, pollMs, changeMs }: MembershipOptions) {
    this.incarnation = incarnation;
    this.generation = generation;
    this.#rng = rng;
    this.#log = log;
    this.#known = new KnownView(clock);
    this.#sleeper = new Sleeper(clock);
    const common = { owner: this.#asOwner(), table, sleeper: this.#sleeper, clock, rng, log };
    this.#writer = new ViewWriter({ ...common, changeMs: changeMs ?? 10_000 });
    this.#reader = new ViewReader({ ...common, writer: this.#writer, generation, pollMs: pollMs ?? 5_000 });
  }

  get state(): MembershipState {
    return this.#state;
  }

  /** @throws ERR_CLUSTER_FAILED before `start` */
  get view(): MembershipView {
    const { view } = this.#known;
    if (view) return view;
    throw new GrainError('ERR_CLUSTER_FAILED', { message: 'the membership has not been read yet' });
  }

  /** Our own record, as the view has it. */
  get self(): Member | undefined {
    return this.#known.view && memberOf(this.#known.view, this.incarnation);
  }

  /** Told of each view that is taken, in order. The answer ends that. */
  onView(listener: ViewListener): () => void {
    return added(this.#viewListeners, listener);
  }

  /** A view calls this incarnation dead, or does not know it any more: it is over, join anew under another one. */
  onSelfDead(listener: () => void): () => void {
    return added(this.#deadListeners, listener);
  }

  /** The record is gone or of another generation: the store lost data, what came from it is void. */
  onLost(listener: () => void): () => void {
    return added(this.#lostListeners, listener);
  }

  /** Reads the view and begins to poll. @throws (rejects) ERR_STORE_LOST, ERR_STORE_UNAVAILABLE, ERR_STORE_CORRUPT */
  async start(): Promise<MembershipView> {
    assert(this.#state === 'new', `membership started twice: ${this.#state}`);
    await this.#reader.refresh(undefined);
    this.#check();
    this.#enter('watching');
    this.#followSelf(this.view);
    void this.#reader.poll();
    return this.view;
  }

  /** Ends polling and whatever is still being tried; the record stays as it is. */
  stop(): void {
    this.#sleeper.stop();
    if (!this.#isOver) this.#enter('stopped');
  }

  /**
   * A view at least as new as `atLeast`; without it, one that was read after this call. Calls at the same time share
   * reads. @throws (rejects) as `start`
   */
  async refresh(atLeast?: number): Promise<MembershipView> {
    await this.#reader.refresh(atLeast);
    return this.view;
  }

  /** A view that a peer pushed, unchecked. Answers whether it was taken. */
  offer(data: unknown): boolean {
    const held = this.#known.view;
    const view = viewFrom(data);
    if (!view || !held || this.#isOver || view.stamp === held.stamp) return false;
    const isNewer = view.generation === held.generation && view.number > held.number;
    if (isNewer && view.number <= held.number + PUSH_AHEAD_MAX) return this.#take(view, 'push');
    // Of another generation or lineage: only the record can tell which of us is right.
    if (isNewer || view.generation !== held.generation || view.number === held.number)
      this.#reader.lookSoon();
    return false;
  }

  /** Comes in as joining. @throws (rejects) ERR_CLUSTER_FAILED, ERR_STORE_LOST; errors of the store after `changeMs` */
  async join(candidate: Omit<Candidate, 'incarnation'>, manifests: Manifests): Promise<MembershipView> {
    return this.#writer.change(join({ ...candidate, incarnation: this.incarnation }, manifests));
  }

  /** Active members that we do not reach: only who reaches all of them may come in (hazards.md 24). */
  unreached(reaches: Reaches, view: MembershipView = this.view): readonly Member[] {
    return view.members.filter(
      (member) => member.state === 'active' && member.incarnation !== this.incarnation && !reaches(member),
    );
  }

  canActivate(reaches: Reaches): boolean {
    return this.#state === 'joining' && this.unreached(reaches).length === 0;
  }

  /**
   * Becomes active as soon as it reaches every active member. Tries until then: whoever does not answer is reached later,
   * or declared dead meanwhile. @throws (rejects) ERR_CLUSTER_FAILED when we are dead or stopped; as `join`
   */
  async activate(reaches: Reaches): Promise<MembershipView> {
    const retry = new Retry(this.#rng, { firstMs: 20, mostMs: 250 });
    const become = advance(this.incarnation, 'active');
    let told = '';
    for (;;) {
      this.#check();
      assert(this.self, 'membership: activate comes after join');
      if (this.unreached(reaches).length === 0) {
        // Again on the very view that the change is made of: another one may have become active meanwhile.
        const canStill = (base: MembershipView): boolean => this.unreached(reaches, base).length === 0;
        const view = await this.#writer
          .change((base) => (canStill(base) ? become(base) : undefined))
          .catch((error: unknown) => {
            if (this.#isOver) throw error;
            this.#log.warn({ error }, 'membership.activate_failed: it is tried again');
            return this.view;
          });
        if (memberOf(view, this.incarnation)?.state !== 'joining') return view;
      }
      const missing = this.unreached(reaches).map(({ name, host, port }) => `${name} (${host}:${port})`);
      const whom = missing.join(', ');
      if (whom !== told && whom !== '') this.#log.warn({ missing }, `membership.waiting: no link to ${whom}`);
      told = whom;
      await this.#sleeper.sleep(retry.nextMs());
    }
  }

  async drain(): Promise<MembershipView> {
    return this.#writer.change(advance(this.incarnation, 'draining'));
  }

  /** Dead at once, by our own word: all turns have ended, all grains were released. Does not tell `onSelfDead`. */
  async leave(): Promise<void> {
    this.#isLeaving = true;
    if (this.#isOver || !this.self) return;
    await this.#writer.change(leave(this.incarnation)).catch((error: unknown) => {
      if (!this.#isOver) throw error;
    });
  }

  async setCores(cores: readonly HostedCore[], manifests: Manifests): Promise<MembershipView> {
    return this.#writer.change(setCores(this.incarnation, cores, manifests));
  }

  /**
   * Also of ourselves: a silo whose renewal meets a tombstone says so. `isStill` is asked before each try: what spoke for
   * it may have passed while the store was away.
   */
  async declareDead(
    incarnation: string,
    reason: string,
    isStill: () => boolean = () => true,
  ): Promise<MembershipView> {
    return this.#writer.change(declareDead(incarnation, reason, isStill));
  }

  /** Notes that a tombstone lies over its session. */
  async markBuried(incarnation: string): Promise<MembershipView> {
    return this.#writer.change(bury(incarnation));
  }

  #asOwner(): ViewOwner {
    const isOver = (): boolean => this.#isOver;
    return {
      known: this.#known,
      get isOver(): boolean {
        return isOver();
      },
      check: () => this.#check(),
      face: (base) => {
        this.#followSelf(base);
        this.#check();
      },
      take: (view, source) => void this.#take(view, source),
      lose: (found) => this.#lose(found),
    };
  }

  /** The door for every view. Answers whether it was taken. */
  #take(view: MembershipView, source: ViewSource): boolean {
    if (this.#isOver) return false;
    const taken = this.#known.take(view);
    if (taken === 'revives') this.#reader.mend();
    if (taken !== 'taken') return false;
    this.#followSelf(view);
    for (const listener of [...this.#viewListeners]) listener(view, source);
    return true;
  }

  #followSelf(view: MembershipView): void {
    if (this.#state === 'new' || this.#isOver) return;
    const self = memberOf(view, this.incarnation);
    if (!self && this.#state === 'watching') return;
    const state = self?.state ?? 'dead';
    if (NEXT[this.#state].includes(state)) this.#enter(state);
  }

  /** Answers the error to throw. */
  #lose(found: ViewVersion | undefined): GrainError {
    const message = found
      ? `The membership record is of generation ${found.generation}, not ${this.generation}: Redis lost data.`
      : 'The membership record is gone: Redis lost data.';
    if (!this.#isOver) this.#enter('lost');
    return new GrainError('ERR_STORE_LOST', { message });
  }

  /** The only place that sets the state. */
  #enter(state: MembershipState): void {
    assert(NEXT[this.#state].includes(state), `membership: ${this.#state} -> ${state}`);
    this.#state = state;
    this.#log.info({ state, view: this.#known.view?.number }, `membership.${state}`);
    if (!this.#isOver) return;
    this.#sleeper.stop();
    if (state === 'lost') for (const listener of [...this.#lostListeners]) listener();
    if (state !== 'dead' || this.#isLeaving) return;
    for (const listener of [...this.#deadListeners]) listener();
  }

  get #isOver(): boolean {
    return this.#state === 'dead' || this.#state === 'lost' || this.#state === 'stopped';
  }

  /** @throws ERR_STORE_LOST, ERR_CLUSTER_FAILED when this object changes nothing any more (M2) */
  #check(): void {
    if (!this.#isOver) return;
    if (this.#state === 'lost') throw this.#lose(undefined);
    const why = this.#state === 'dead' ? 'it is dead in the view of the others' : 'it stopped';
    throw new GrainError('ERR_CLUSTER_FAILED', { message: `The silo is no member of the cluster: ${why}.` });
  }
}

function added<T>(listeners: Set<T>, listener: T): () => void {
  listeners.add(listener);
  return () => void listeners.delete(listener);
}
