// SiloSession: the lease of this silo, as its main loop sees it (lease.ts).
// Owns: the published deadline, and who is told what about it. Does not own: renewals (guardian.ts).
//   P1. `untilMs` changes only here. So whoever found it in the past is told by `onRegained` when it no longer is: the
//       guardian may renew between two looks at its deadline, without anybody but that reader having seen a lapse.
//   P2. After a lapse it holds again only when `confirm` said, after the renewal, that no view calls this incarnation dead:
//       tombstones can be lost, or have passed (L2).
//   P3. Once dead or ended, it never holds again.
import { type Clock, GrainError, type TimerHandle } from '../../lib/index.ts';
import type { Guardian } from './guardian.ts';
import type { Lease } from './lease.ts';

export interface SiloSessionOptions {
  readonly guardian: Guardian;
  readonly clock: Clock;
  /**
   * Whether no view calls the incarnation dead, read anew from the membership record. Rejects: asked again at the next
   * renewal. @default always so
   */
  readonly confirm?: () => Promise<boolean>;
}

type State = 'new' | 'held' | 'lapsed' | 'dead' | 'ended';
type Listeners = Set<() => void>;

export class SiloSession implements Lease {
  readonly incarnation: string;
  #state: State = 'new';
  #untilMs = -Infinity;
  #isConfirming = false;
  #timer: TimerHandle | undefined;
  readonly #guardian: Guardian;
  readonly #clock: Clock;
  readonly #confirm: () => Promise<boolean>;
  readonly #regained: Listeners = new Set();
  readonly #lapsed: Listeners = new Set();
  readonly #dead: Listeners = new Set();

  constructor({ guardian, clock, confirm = async () => true }: SiloSessionOptions) {
    this.incarnation = guardian.incarnation;
    this.#guardian = guardian;
    this.#clock = clock;
    this.#confirm = confirm;
  }

  get untilMs(): number {
    return this.#untilMs;
  }

  get isDead(): boolean {
    return this.#state === 'dead';
  }

  /** Takes the session for the first time. Once only. @throws (rejects) ERR_CLUSTER_FAILED */
  async start(): Promise<void> {
    if (this.#state !== 'new') throw this.#failed('was started before');
    await this.#guardian.acquire();
    // Ended meanwhile.
    if (this.#state !== 'new') throw this.#failed('ended while it started');
    this.#guardian.onChange(() => this.#look());
    this.#hold();
    // Also who asked before the start found the deadline in the past (P1).
    tell(this.#regained);
  }

  onRegained(listener: () => void): () => void {
    return listen(this.#regained, listener);
  }

  /** Told each time that it is found to hold no more, at the latest before `onRegained` or `onDead`. */
  onLapsed(listener: () => void): () => void {
    return listen(this.#lapsed, listener);
  }

  /** Told once: this incarnation is over, its process must drop what it hosts and join anew under another. */
  onDead(listener: () => void): () => void {
    return listen(this.#dead, listener);
  }

  /** Gives the session up: it holds no more from now on, and nobody has to wait for it to lapse. */
  async end(): Promise<void> {
    if (this.#state !== 'dead') this.#state = 'ended';
    this.#untilMs = -Infinity;
    this.#timer?.cancel();
    await this.#guardian.end();
  }

  /** Looks at what the guardian has. */
  #look(): void {
    if (this.#state !== 'held' && this.#state !== 'lapsed') return;
    if (this.#guardian.isDead) return this.#die();
    if (this.#clock.nowMs() >= this.#untilMs) {
      this.#lapse();
      void this.#regain();
    } else {
      this.#untilMs = Math.max(this.#untilMs, this.#guardian.untilMs);
    }
  }

  #hold(): void {
    this.#state = 'held';
    this.#untilMs = this.#guardian.untilMs;
    this.#watch();
  }

  /** One timer, set anew when it runs, not with every renewal. */
  #watch(): void {
    this.#timer = this.#clock.setTimer(this.#untilMs - this.#clock.nowMs(), () => {
      this.#look();
      if (this.#state === 'held') this.#watch();
    });
  }

  #lapse(): void {
    if (this.#state !== 'held') return;
    this.#state = 'lapsed';
    this.#timer?.cancel();
    tell(this.#lapsed);
  }

  async #regain(): Promise<void> {
    // Read first: the answer of `confirm` must be younger than the renewal that it is about.
    const untilMs = this.#guardian.untilMs;
    if (this.#isConfirming || this.#clock.nowMs() >= untilMs) return;
    this.#isConfirming = true;
    const isLiving = await this.#confirm().catch(() => undefined);
    this.#isConfirming = false;
    if (this.#state !== 'lapsed' || isLiving === undefined) return;
    if (this.#guardian.isDead || !isLiving) return this.#die();
    // Not later than that: it may have lapsed and been judged meanwhile, after `confirm` looked.
    if (this.#clock.nowMs() >= untilMs) return;
    this.#hold();
    tell(this.#regained);
  }

  #die(): void {
    this.#untilMs = -Infinity;
    this.#lapse();
    this.#state = 'dead';
    this.#timer?.cancel();
    tell(this.#dead);
    // By a view, perhaps: then the lock nodes don't know, and it would be renewed for ever.
    void this.#guardian.end();
  }

  #failed(what: string): GrainError {
    return new GrainError('ERR_CLUSTER_FAILED', { message: `The session of ${this.incarnation} ${what}.` });
  }
}

function listen(listeners: Listeners, listener: () => void): () => void {
  listeners.add(listener);
  return () => void listeners.delete(listener);
}

function tell(listeners: Listeners): void {
  for (const listener of [...listeners]) listener();
}
