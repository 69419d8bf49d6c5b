// LeaseRenewer: keeps one session alive on the lock nodes, as long as the main loop of its process is alive.
// Owns: when renewals are sent, and what their answers mean. Does not own: what the silo does meanwhile (silo-session.ts).
//   W1. The session holds until (moment before the renewals were sent) + validity, once a majority answered `held` to the
//       renewals of one round. An answer counts for the round that asked, with that round's moment, however late it comes.
//   W2. Nothing waits for a round: the next begins a fifth of a TTL after it, sooner while the session does not hold.
//   W3. Nothing is sent while the heartbeat has stood still for `stuckMs`. When it moves again, the same incarnation goes on.
//   W4. `dead` from a majority in one round is final; so is `end`. Then nothing is sent any more, and nothing extends it.
import { type Clock, GrainError, type TimerHandle } from '../../lib/index.ts';
import type { Guardian } from './guardian.ts';
import { type LockNode, majorityOf } from './lock-node.ts';
import type { SessionTiming } from './session-timing.ts';

export interface LeaseRenewerOptions {
  readonly incarnation: string;
  readonly nodes: readonly LockNode[];
  readonly clock: Clock;
  readonly timing: SessionTiming;
  /** A counter that the main loop moves. */
  readonly beat: () => number;
}

interface Start {
  readonly deadline: TimerHandle;
  resolve(): void;
  reject(error: GrainError): void;
}

export class LeaseRenewer implements Guardian {
  readonly incarnation: string;
  #untilMs = -Infinity;
  #state: 'new' | 'renewing' | 'dead' | 'ended' = 'new';
  #seenBeat = 0;
  #movedMs = 0;
  #timer: TimerHandle | undefined;
  #start: Start | undefined;
  #failure: unknown = undefined;
  #tell: () => void = () => undefined;
  readonly #nodes: readonly LockNode[];
  readonly #clock: Clock;
  readonly #timing: SessionTiming;
  readonly #beat: () => number;

  constructor({ incarnation, nodes, clock, timing, beat }: LeaseRenewerOptions) {
    this.incarnation = incarnation;
    this.#nodes = nodes;
    this.#clock = clock;
    this.#timing = timing;
    this.#beat = beat;
  }

  get untilMs(): number {
    return this.#untilMs;
  }

  get isDead(): boolean {
    return this.#state === 'dead';
  }

  onChange(listener: () => void): void {
    this.#tell = listener;
  }

  acquire(): Promise<void> {
    return new Promise((resolve, reject) => {
      const { startMs } = this.#timing;
      const deadline = this.#clock.setTimer(startMs, () => this.#stop('ended', this.#notAcquired(startMs)));
      this.#start = { deadline, resolve, reject };
      this.#state = 'renewing';
      this.#seenBeat = this.#beat();
      this.#movedMs = this.#clock.nowMs();
      this.#tick();
    });
  }

  async end(): Promise<void> {
    const mayBeHeld = this.#state === 'renewing';
    if (this.#state !== 'dead') this.#stop('ended', 'The session was given up before it was taken.');
    if (!mayBeHeld) return;
    // A node that is away forgets it after the TTL anyway.
    const ends = this.#nodes.map((node) => node.end(this.incarnation).catch(() => undefined));
    await new Promise<void>((resolve) => {
      const timer = this.#clock.setTimer(this.#timing.ttlMs, resolve);
      void Promise.all(ends).then(() => {
        timer.cancel();
        resolve();
      });
    });
  }

  #tick(): void {
    const nowMs = this.#clock.nowMs();
    const beat = this.#beat();
    if (beat !== this.#seenBeat) {
      this.#seenBeat = beat;
      this.#movedMs = nowMs;
    }
    const isMoving = nowMs - this.#movedMs <= this.#timing.stuckMs;
    if (isMoving) this.#renew(nowMs);
    const { renewEveryMs, recheckMs } = this.#timing;
    // In a hurry while it does not hold: what stood in the way may be over at any time.
    const leftMs = isMoving ? this.#untilMs - nowMs : 0;
    this.#tickIn(Math.min(renewEveryMs, Math.max(recheckMs, leftMs)));
  }

  #tickIn(delayMs: number): void {
    this.#timer?.cancel();
    this.#timer = this.#clock.setTimer(delayMs, () => this.#tick());
  }

  /** One round. */
  #renew(sentMs: number): void {
    const majority = majorityOf(this.#nodes);
    let held = 0;
    let dead = 0;
    for (const node of this.#nodes) {
      node.renew(this.incarnation, this.#timing.ttlMs).then(
        (answer) => {
          if (answer === 'dead') dead += 1;
          else held += 1;
          if (answer === 'dead' && dead === majority) this.#die();
          if (answer === 'held' && held === majority) this.#extend(sentMs);
        },
        (error: unknown) => {
          this.#failure = error;
        },
      );
    }
  }

  #extend(sentMs: number): void {
    const nowMs = this.#clock.nowMs();
    const untilMs = sentMs + this.#timing.validityMs;
    if (this.#state !== 'renewing' || untilMs <= this.#untilMs || nowMs >= untilMs) return;
    if (nowMs >= this.#untilMs) this.#tickIn(Math.max(sentMs + this.#timing.renewEveryMs - nowMs, 0));
    this.#untilMs = untilMs;
    const start = this.#start;
    this.#start = undefined;
    start?.deadline.cancel();
    start?.resolve();
    this.#tell();
  }

  #die(): void {
    if (this.#state !== 'renewing') return;
    const message = `The session of ${this.incarnation} has a tombstone: this process was declared dead.`;
    this.#stop('dead', message);
    this.#tell();
  }

  /** Whoever still waits for the first acquisition hears why there is none. */
  #stop(state: 'dead' | 'ended', message: string): void {
    this.#state = state;
    this.#untilMs = -Infinity;
    this.#timer?.cancel();
    const start = this.#start;
    this.#start = undefined;
    start?.deadline.cancel();
    start?.reject(new GrainError('ERR_CLUSTER_FAILED', { message }, { cause: this.#failure }));
  }

  #notAcquired(startMs: number): string {
    const count = this.#nodes.length;
    const nodes = count === 1 ? 'the lock node' : `${majorityOf(this.#nodes)} of ${count} lock nodes`;
    const why = this.#failure instanceof Error ? ` Last failure: ${this.#failure.message}` : '';
    return `No session: ${nodes} gave no answer in time within ${startMs} ms.${why}`;
  }
}
