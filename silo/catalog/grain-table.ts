// GrainTable: the activations of one Core on this silo.
// Owns: identity (one activation a grain), the idle list, the Core's cap, holding back what keeps failing.
// Does not own: what an activation does (activation.ts), or the silo's bounds over all Cores (collector.ts).
//   B1. At most one activation of a grain is in the table; the next one is made when it has left.
//   B2. The idle list holds exactly the idle activations, the longest idle first.
//   B3. `size` stays within maxActiveInstances, and within twice that for call chains (hazards.md 21).
//   B4. A busy activation is never evicted.
import {
  backoffMs,
  type ErrorCode,
  Fifo,
  fromUnknown,
  GrainError,
  type MaybePromise,
  WheelNode,
} from '../../lib/index.ts';
import type { GrainAddress } from '../../directory/index.ts';
import type { Claim, ClaimOutcome } from '../storage/grain-storage.ts';
import { Activation } from './activation.ts';
import type { DeactivationReason } from './activation-state.ts';
import type { CoreHost } from './core-host.ts';
import type { Message } from './message.ts';

/** Messages that may wait for room in the table, and bytes of their inputs. */
const WAITING_MAX = 10_000;
const WAITING_BYTES_MAX = 64 * 1024 * 1024;
/** Grains that are remembered to be held back. */
const HELD_BACK_MAX = 10_000;
const HOLD_BACK = { firstMs: 50, mostMs: 30_000 } as const;
const HOLD_BACK_PASSING = { firstMs: 20, mostMs: 250 } as const;
const PASSING: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'ERR_ROUTE_FAILED',
  'ERR_STORE_FENCED',
  'ERR_STORE_UNAVAILABLE',
]);
/** The runtime's own work on many activations pauses after so long. */
const SLICE_MS = 2;

interface HeldBack {
  readonly failures: number;
  readonly untilMs: number;
  readonly error: GrainError;
}

interface WaitingForRoom {
  readonly message: Message;
  readonly tenant: string;
  readonly key: string;
}

export class GrainTable extends WheelNode {
  /** Activations with messages that wait; so that reports need not look at all. */
  readonly contended = new Set<Activation>();
  readonly #host: CoreHost;
  readonly #tenants = new Map<string, Map<string, Activation>>();
  readonly #waiting = new Fifo<WaitingForRoom>();
  #waitingBytes = 0;
  #isLettingIn = false;
  readonly #heldBack = new Map<string, HeldBack>();
  #size = 0;
  #idleFirst: Activation | null = null;
  #idleLast: Activation | null = null;
  #isDraining = false;

  constructor(host: CoreHost) {
    super();
    this.#host = host;
  }

  get size(): number {
    return this.#size;
  }

  /** Messages that wait for room. */
  get waiting(): number {
    return this.#waiting.size;
  }

  get(tenant: string, key: string): Activation | undefined {
    return this.#tenants.get(tenant)?.get(key);
  }

  *all(): IterableIterator<Activation> {
    for (const activations of this.#tenants.values()) yield* activations.values();
  }

  ofTenant(tenant: string): ReadonlyMap<string, Activation> {
    return this.#tenants.get(tenant) ?? new Map<string, Activation>();
  }

  /** Sends the message to the grain's activation, making one if there is none. */
  admit(message: Message, tenant: string, key: string): void {
    const activation = this.get(tenant, key);
    if (activation) activation.accept(message);
    else this.#create(message, tenant, key);
  }

  #create(message: Message, tenant: string, key: string): void {
    const { clock } = this.#host;
    const held = this.#heldBack.size > 0 ? this.#heldBack.get(`${tenant}/${key}`) : undefined;
    if (held && held.untilMs > clock.nowMs()) {
      const { error, untilMs } = held;
      const retryAfterMs = untilMs - clock.nowMs();
      message.envelope.reject(
        new GrainError(error.code, { ...error.details, retryAfterMs }, { cause: error }),
      );
      return;
    }
    if (!this.#hasRoom(message)) {
      this.#overflow(message, tenant, key);
      return;
    }
    const activation = new Activation(this.#host, tenant, key, this.#host.nextSeq());
    let activations = this.#tenants.get(tenant);
    if (!activations) this.#tenants.set(tenant, (activations = new Map()));
    activations.set(key, activation);
    this.#size += 1;
    this.#host.residents.count += 1;
    this.#claim(activation, message);
  }

  // --- the cap -----------------------------------------------------------------------------------------------------

  #hasRoom({ envelope }: Message): boolean {
    const { residents, definition } = this.#host;
    const { maxActiveInstances, overflow } = definition.instance;
    if (this.#size >= maxActiveInstances && overflow === 'deactivate_lru') this.evictOldest('overflow');
    // The policy is for the Core's own cap. The silo's bound makes idle grains of any Core leave.
    if (this.#size < maxActiveInstances && (residents.hasRoom || residents.makeRoom())) return true;
    for (let link = envelope.chain; link; link = link.parent) {
      if (link.core === envelope.core) return this.#size < 2 * maxActiveInstances;
    }
    return false;
  }

  #overflow(message: Message, tenant: string, key: string): void {
    const { overflow, maxActiveInstances } = this.#host.definition.instance;
    const { envelope } = message;
    for (let link = envelope.chain; link; link = link.parent) {
      if (link.core !== envelope.core) continue;
      envelope.reject(new GrainError('ERR_CAPACITY_CHAIN', { maxActiveInstances, retryAfterMs: 100 }));
      return;
    }
    const isFull =
      this.#waiting.size >= WAITING_MAX ||
      (this.#waitingBytes > 0 && this.#waitingBytes + envelope.inputBytes > WAITING_BYTES_MAX);
    if (this.#isDraining) envelope.reject(new GrainError('ERR_SILO_DRAINING'));
    else if (overflow === 'reject' || isFull) {
      envelope.reject(new GrainError('ERR_CAPACITY_FULL', { maxActiveInstances, retryAfterMs: 100 }));
    } else {
      this.#waitingBytes += envelope.inputBytes;
      this.#waiting.push({ message, tenant, key });
      if (!this.#host.residents.hasRoom) this.#host.residents.wait(this);
    }
  }

  /**
   * There may be room: lets in what waited for it, oldest first. One loop at a time, because what is let in may be over,
   * and make room again, before `admit` returns.
   */
  letIn(): void {
    if (this.#isLettingIn) return;
    this.#isLettingIn = true;
    for (let next = this.#waiting.peek(); next; next = this.#waiting.peek()) {
      const { message, tenant, key } = next;
      const isSettled = message.envelope.isSettled;
      if (!isSettled && !this.get(tenant, key) && !this.#hasRoom(message)) break;
      if (!isSettled && !this.#host.budget.take()) {
        this.#host.budget.defer(() => this.letIn());
        break;
      }
      this.#takeFirst();
      if (!isSettled) this.admit(message, tenant, key);
    }
    this.#isLettingIn = false;
  }

  #takeFirst(): WaitingForRoom | undefined {
    const first = this.#waiting.shift();
    if (first) this.#waitingBytes -= first.message.envelope.inputBytes;
    return first;
  }

  /** Deactivates the longest idle activation, and answers which; undefined when none is idle. */
  evictOldest(reason: DeactivationReason): Activation | undefined {
    const oldest = this.#idleFirst;
    if (!oldest) return undefined;
    oldest.deactivate(reason);
    // B2, made sure of: what cannot leave must not be met again, or the loops over the list would not end.
    if (this.#idleFirst === oldest) {
      this.nowBusy(oldest);
      this.#host.logger.error({ grain: oldest.name, state: oldest.state }, 'idle_list.broken');
    }
    return oldest;
  }

  get oldestIdleSinceMs(): number | undefined {
    return this.#idleFirst?.idleSinceMs;
  }

  // --- claims ------------------------------------------------------------------------------------------------------

  /** Claims the grain for the activation, which then runs the message. Storage that answers at once is not awaited. */
  #claim(activation: Activation, message: Message | undefined): void {
    let outcome: MaybePromise<ClaimOutcome>;
    try {
      outcome = this.#host.claim(activation, activation.seq);
    } catch (error) {
      this.#failed(activation, fromUnknown(error), message);
      return;
    }
    if (outcome instanceof Promise) {
      if (message) activation.accept(message);
      outcome.then(
        (answer) => this.#claimed(activation, answer, undefined),
        (error: unknown) => this.#failed(activation, fromUnknown(error), undefined),
      );
    } else this.#claimed(activation, outcome, message);
  }

  /** `first` is the message that began this, where it does not wait in the mailbox. */
  #claimed(activation: Activation, outcome: ClaimOutcome, first: Message | undefined): void {
    if (this.#host.isClosed) {
      // Its silo's time is up, or another definition has the grain by now.
      if (outcome.kind === 'claimed') this.#host.releaseQuietly(outcome.claim);
      this.#remove(activation);
      for (const message of [...(first ? [first] : []), ...activation.abandon()])
        this.#host.admit(message, activation.tenant, activation.key);
      return;
    }
    if (outcome.kind !== 'claimed') return this.#notClaimed(activation, outcome, first);
    const { gate } = this.#host;
    if (gate) {
      // Its last owner may be dead and not know it: until it can start no turn, none starts here (P2).
      if (first) activation.accept(first);
      gate.then(
        () => this.#begin(activation, outcome, undefined),
        (error: unknown) => this.#failed(activation, fromUnknown(error), undefined),
      );
    } else this.#begin(activation, outcome, first);
  }

  /** Another silo has the grain, or may have it. */
  #notClaimed(
    activation: Activation,
    outcome: Exclude<ClaimOutcome, { readonly kind: 'claimed' }>,
    first: Message | undefined,
  ): void {
    const { neighbours } = this.#host;
    const { owner } = outcome;
    if (!neighbours) {
      this.#failed(activation, new GrainError('ERR_STORE_FENCED', { owner: owner.incarnation }), first);
    } else if (outcome.kind === 'taken') {
      this.#remove(activation);
      for (const { envelope } of [...(first ? [first] : []), ...activation.abandon()])
        neighbours.toOwner(envelope, owner);
      this.letIn();
    } else {
      if (first) activation.accept(first);
      neighbours.refreshView(owner.view).then(
        () => this.#claimAgain(activation, owner.view),
        (error: unknown) => this.#failed(activation, fromUnknown(error), undefined),
      );
    }
  }

  #claimAgain(activation: Activation, view: number): void {
    const known = this.#host.neighbours?.claimView().view ?? 0;
    if (known < view) {
      this.#failed(activation, new GrainError('ERR_ROUTE_FAILED', { view, known }), undefined);
    } else this.#claim(activation, undefined);
  }

  #begin(
    activation: Activation,
    outcome: Extract<ClaimOutcome, { readonly kind: 'claimed' }>,
    first: Message | undefined,
  ): void {
    if (activation.state !== 'activating' || this.#host.isClosed) {
      this.#claimed(activation, outcome, first); // the host closed while it waited
      return;
    }
    try {
      activation.load(outcome.claim, outcome.memory);
    } catch (thrown) {
      const error = fromUnknown(thrown);
      const stored = error.code === 'ERR_SCHEMA_NEWER' ? error.details['stored'] : undefined;
      const able =
        typeof stored === 'number' ? this.#host.neighbours?.hostOfSchema(activation, stored) : undefined;
      if (able) {
        if (first) activation.accept(first);
        void this.#handOver(activation, outcome.claim, able);
        return;
      }
      this.#host.releaseQuietly(outcome.claim);
      this.#failed(activation, error, first);
      return;
    }
    this.#host.metrics.activated += 1;
    if (this.#heldBack.size > 0) this.#heldBack.delete(`${activation.tenant}/${activation.key}`);
    activation.begin(first);
  }

  /** A silo of a newer schema has written its memory, and can go on with it (hazards.md 15). Never rejects. */
  async #handOver(activation: Activation, claim: Claim, able: GrainAddress): Promise<void> {
    const { tenant, key } = activation;
    try {
      await this.#host.releaseClaim(claim);
    } catch (err) {
      this.#host.logger.warn({ grain: activation.name, err }, 'claim.release_failed');
    }
    this.#remove(activation);
    for (const message of activation.abandon()) {
      if (this.#host.isClosed) this.#host.admit(message, tenant, key);
      else this.#host.neighbours?.toOwner(message.envelope, able);
    }
    this.letIn();
  }

  /** The grain could not be activated: those who wait are told, and the next try is held back for longer each time. */
  #failed(activation: Activation, cause: GrainError, first: Message | undefined): void {
    const { tenant, key } = activation;
    const name = `${tenant}/${key}`;
    const failures = (this.#heldBack.get(name)?.failures ?? 0) + 1;
    // What is not the grain's own trouble passes for all grains at once: none of them should come back much later.
    const isItsOwn = !PASSING.has(cause.code);
    if (cause.code === 'ERR_STORE_LOST') this.#host.neighbours?.storeLost();
    const retryAfterMs = backoffMs(failures, isItsOwn ? HOLD_BACK : HOLD_BACK_PASSING);
    this.#host.logger.warn(
      { grain: activation.name, failures, code: cause.code, err: cause },
      'activation.failed',
    );
    this.#remove(activation);
    const isKnown = cause.code !== 'ERR_INTERNAL' && cause.effect === 'none';
    const details = { ...cause.details, message: cause.message, failures, retryAfterMs };
    const error = new GrainError(
      isKnown ? cause.code : 'ERR_ACTIVATION_FAILED',
      isKnown ? details : { failures, retryAfterMs },
      { cause },
    );
    this.#holdBack(name, { failures, untilMs: this.#host.clock.nowMs() + retryAfterMs, error });
    first?.envelope.reject(error);
    for (const { envelope } of activation.abandon()) envelope.reject(error);
    this.letIn();
  }

  /** Keeps those that failed last: one that is forgotten is only tried earlier than it should be. */
  #holdBack(name: string, held: HeldBack): void {
    this.#heldBack.delete(name);
    this.#heldBack.set(name, held);
    if (this.#heldBack.size <= HELD_BACK_MAX) return;
    const oldest = this.#heldBack.keys().next();
    if (!oldest.done) this.#heldBack.delete(oldest.value);
  }

  // --- leaving -----------------------------------------------------------------------------------------------------

  /** The activation is a tombstone: the grain may be activated anew. */
  removed(activation: Activation): void {
    this.#remove(activation);
    if (this.#waiting.size > 0) this.letIn();
  }

  #remove(activation: Activation): void {
    const activations = this.#tenants.get(activation.tenant);
    if (activations?.get(activation.key) !== activation) return;
    activations.delete(activation.key);
    this.#size -= 1;
    const { residents } = this.#host;
    residents.count -= 1;
    if (residents.isAwaited) residents.mayHaveRoom();
  }

  // --- idle list ---------------------------------------------------------------------------------------------------

  nowIdle(activation: Activation): void {
    const last = this.#idleLast;
    activation.idlePrev = last ?? activation; // the first points to itself, so that null means "not in the list"
    activation.idleNext = null;
    if (last) last.idleNext = activation;
    else this.#idleFirst = activation;
    this.#idleLast = activation;
    if (this.wheelPrev === null) this.#scheduleSweep(activation);
    if (this.#waiting.size > 0) this.letIn();
    if (this.#host.residents.isAwaited) this.#host.residents.mayHaveRoom();
  }

  nowBusy(activation: Activation): void {
    const { idlePrev, idleNext } = activation;
    const prev = idlePrev === activation ? null : idlePrev;
    if (prev) prev.idleNext = idleNext;
    else this.#idleFirst = idleNext;
    if (idleNext) idleNext.idlePrev = prev ?? idleNext;
    else this.#idleLast = prev;
    activation.idlePrev = null;
    activation.idleNext = null;
  }

  #scheduleSweep(oldest: Activation): void {
    if (this.#isDraining) return;
    this.#host.wheel.schedule(this, oldest.idleSinceMs + this.#host.definition.instance.idleTimeoutMs);
  }

  /** The longest idle activation may be past its time (called by the wheel). */
  override onDue(): void {
    const { clock, definition } = this.#host;
    const startMs = clock.nowMs();
    const olderThanMs = startMs - definition.instance.idleTimeoutMs;
    for (let oldest = this.#idleFirst; oldest; oldest = this.#idleFirst) {
      if (oldest.idleSinceMs > olderThanMs) break;
      this.evictOldest('idle');
      if (clock.nowMs() - startMs > SLICE_MS) {
        clock.defer(() => this.onDue());
        return;
      }
    }
    if (this.#idleFirst && this.wheelPrev === null) this.#scheduleSweep(this.#idleFirst);
  }

  // --- draining ----------------------------------------------------------------------------------------------------

  /** Deactivates all that is idle, slice by slice; answers when a pass found nothing idle. */
  async deactivateIdle(reason: DeactivationReason): Promise<void> {
    const { clock } = this.#host;
    let sliceStartMs = clock.nowMs();
    while (this.evictOldest(reason)) {
      if (clock.nowMs() - sliceStartMs <= SLICE_MS) continue;
      await new Promise<void>((resolve) => clock.defer(resolve));
      sliceStartMs = clock.nowMs();
    }
  }

  /** Asks all to leave between turns, slice by slice. */
  async moveAll(): Promise<void> {
    const { clock } = this.#host;
    let sliceStartMs = clock.nowMs();
    for (const activation of this.all()) {
      activation.move();
      if (clock.nowMs() - sliceStartMs <= SLICE_MS) continue;
      await new Promise<void>((resolve) => clock.defer(resolve));
      sliceStartMs = clock.nowMs();
    }
  }

  /** The silo holds its session again: what was held back goes on. */
  resume(): void {
    for (const activation of [...this.contended]) activation.resume();
  }

  /** Ends whatever is still there: its time is up. */
  endAll(reason: DeactivationReason): void {
    for (const activation of [...this.all()]) activation.endNow(reason);
  }

  /** From now on nothing waits for room; gives back what did. */
  stop(): readonly Message[] {
    this.#isDraining = true;
    this.#host.wheel.cancel(this);
    const messages: Message[] = [];
    for (let next = this.#takeFirst(); next; next = this.#takeFirst()) messages.push(next.message);
    return messages;
  }
}
