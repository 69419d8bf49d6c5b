// GrainTable: the activations of one Core on this silo.
// Owns: identity (one activation a grain), the idle list, the Core's cap, holding back what keeps failing.
// Does not own: what an activation does (activation.ts), or the silo's bounds over all Cores (collector.ts).
//   B1. At most one activation of a grain is in the table; the next one is made when it has left.
//   B2. The idle list holds exactly the idle activations, the longest idle first.
//   B3. `size` stays within maxActiveInstances, and within twice that for call chains (hazards.md 21).
//   B4. A busy activation is never evicted.
import { backoffMs, Fifo, fromUnknown, GrainError, type MaybePromise, WheelNode } from '../../lib/index.ts';
import type { ClaimOutcome } from '../storage/grain-storage.ts';
import { Activation } from './activation.ts';
import type { DeactivationReason } from './activation-state.ts';
import type { CoreHost } from './core-host.ts';
import type { Message } from './message.ts';

/** Messages that may wait for room in the table. */
const WAITING_MAX = 10_000;
const HOLD_BACK = { firstMs: 50, mostMs: 30_000 } as const;
/** The runtime's own work on many activations pauses after so long. */
const SLICE_MS = 2;

interface HeldBack {
  failures: number;
  untilMs: number;
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
      const retryAfterMs = held.untilMs - clock.nowMs();
      message.envelope.reject(
        new GrainError('ERR_ACTIVATION_FAILED', { failures: held.failures, retryAfterMs }),
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
    const { maxActiveInstances, overflow } = this.#host.definition.instance;
    if (this.#size < maxActiveInstances && this.#host.residents.hasRoom) return true;
    if (overflow === 'deactivate_lru') {
      this.evictOldest('overflow');
      if (this.#size < maxActiveInstances && this.#host.residents.hasRoom) return true;
    }
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
    if (overflow === 'reject' || this.#waiting.size >= WAITING_MAX) {
      envelope.reject(new GrainError('ERR_CAPACITY_FULL', { maxActiveInstances, retryAfterMs: 100 }));
      return;
    }
    this.#waiting.push({ message, tenant, key });
  }

  /** Room was made: lets in what waited for it, oldest first. */
  #letIn(): void {
    for (let next = this.#waiting.peek(); next; next = this.#waiting.peek()) {
      const { message, tenant, key } = next;
      const isSettled = message.envelope.isSettled;
      if (!isSettled && !this.get(tenant, key) && !this.#hasRoom(message)) return;
      this.#waiting.shift();
      if (!isSettled) this.admit(message, tenant, key);
    }
  }

  /** Deactivates the longest idle activation; false when none is idle. */
  evictOldest(reason: DeactivationReason): boolean {
    const oldest = this.#idleFirst;
    if (!oldest) return false;
    oldest.deactivate(reason);
    return true;
  }

  get oldestIdleSinceMs(): number | undefined {
    return this.#idleFirst?.idleSinceMs;
  }

  // --- claims ------------------------------------------------------------------------------------------------------

  /** Claims the grain for the activation, which then runs the message. Storage that answers at once is not awaited. */
  #claim(activation: Activation, message: Message): void {
    let outcome: MaybePromise<ClaimOutcome>;
    try {
      outcome = this.#host.claim(activation, activation.seq);
    } catch (error) {
      this.#failed(activation, fromUnknown(error), message);
      return;
    }
    if (outcome instanceof Promise) {
      activation.accept(message);
      outcome.then(
        (answer) => this.#claimed(activation, answer, undefined),
        (error: unknown) => this.#failed(activation, fromUnknown(error), undefined),
      );
    } else this.#claimed(activation, outcome, message);
  }

  /** `first` is the message that began this, where it does not wait in the mailbox. */
  #claimed(activation: Activation, outcome: ClaimOutcome, first: Message | undefined): void {
    if (outcome.kind !== 'claimed') {
      this.#failed(
        activation,
        new GrainError('ERR_STORE_FENCED', { owner: outcome.owner.incarnation }),
        first,
      );
      return;
    }
    try {
      activation.load(outcome.claim, outcome.memory);
    } catch (error) {
      this.#host.releaseQuietly(outcome.claim);
      this.#failed(activation, fromUnknown(error), first);
      return;
    }
    this.#host.metrics.activated += 1;
    if (this.#heldBack.size > 0) this.#heldBack.delete(`${activation.tenant}/${activation.key}`);
    activation.begin(first);
  }

  /** The grain could not be activated: those who wait are told, and the next try is held back for longer each time. */
  #failed(activation: Activation, cause: GrainError, first: Message | undefined): void {
    const { tenant, key } = activation;
    const name = `${tenant}/${key}`;
    const failures = (this.#heldBack.get(name)?.failures ?? 0) + 1;
    const retryAfterMs = backoffMs(failures, HOLD_BACK);
    this.#heldBack.set(name, { failures, untilMs: this.#host.clock.nowMs() + retryAfterMs });
    if (this.#heldBack.size > WAITING_MAX) this.#dropHeldBack();
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
    first?.envelope.reject(error);
    for (const { envelope } of activation.abandon()) envelope.reject(error);
    this.#letIn();
  }

  #dropHeldBack(): void {
    const nowMs = this.#host.clock.nowMs();
    for (const [name, { untilMs }] of this.#heldBack) if (untilMs <= nowMs) this.#heldBack.delete(name);
  }

  // --- leaving -----------------------------------------------------------------------------------------------------

  /** The activation is a tombstone: the grain may be activated anew. */
  removed(activation: Activation): void {
    this.#remove(activation);
    if (this.#waiting.size > 0) this.#letIn();
  }

  #remove(activation: Activation): void {
    const activations = this.#tenants.get(activation.tenant);
    if (activations?.get(activation.key) !== activation) return;
    activations.delete(activation.key);
    this.#size -= 1;
    this.#host.residents.count -= 1;
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
    if (this.#waiting.size > 0) this.#letIn();
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
      oldest.deactivate('idle');
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
    while (this.#idleFirst) {
      this.#idleFirst.deactivate(reason);
      if (clock.nowMs() - sliceStartMs <= SLICE_MS) continue;
      await new Promise<void>((resolve) => clock.defer(resolve));
      sliceStartMs = clock.nowMs();
    }
  }

  /** Ends whatever is still there: its time is up. */
  endAll(reason: DeactivationReason): void {
    for (const activation of [...this.all()]) activation.endNow(reason);
  }

  stop(): void {
    this.#isDraining = true;
    this.#host.wheel.cancel(this);
    for (let next = this.#waiting.shift(); next; next = this.#waiting.shift()) {
      next.message.envelope.reject(new GrainError('ERR_SILO_DRAINING'));
    }
  }
}
