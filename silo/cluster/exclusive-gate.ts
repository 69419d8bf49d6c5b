// ExclusiveGate: when an activation of an `exclusive` Core may start (architecture, Ownership 8; P2).
//   X1. After a silo was declared dead, none starts until a tombstone lies over its session, so that it renews no more, and
//       then TTL x 1.02 have passed on our own monotonic clock: by then its lease has ended on its own clock.
//   X2. Who left by its own word had stopped all turns: nobody waits for it.
import type { MembershipView } from '../../directory/index.ts';
import type { Clock, TimerHandle } from '../../lib/index.ts';

export class ExclusiveGate {
  readonly #clock: Clock;
  readonly #waitMs: number;
  /** When the lease of a dead silo has surely ended, by incarnation; absent while it is not buried. */
  readonly #untilMs = new Map<string, number>();
  #unburied = 0;
  #waiting: (() => void)[] = [];
  #timer: TimerHandle | undefined = undefined;

  constructor(clock: Clock, waitMs: number) {
    this.#clock = clock;
    this.#waitMs = waitMs;
  }

  viewChanged({ members }: MembershipView): void {
    const nowMs = this.#clock.nowMs();
    const dead = new Set<string>();
    this.#unburied = 0;
    for (const { incarnation, death } of members) {
      if (death?.cause !== 'declared') continue;
      dead.add(incarnation);
      if (!death.isBuried) this.#unburied += 1;
      else if (!this.#untilMs.has(incarnation)) this.#untilMs.set(incarnation, nowMs + this.#waitMs);
    }
    for (const incarnation of this.#untilMs.keys())
      if (!dead.has(incarnation)) this.#untilMs.delete(incarnation);
    if (this.#waiting.length > 0) this.#arm();
  }

  /** Undefined: at once. */
  wait(): Promise<void> | undefined {
    if (this.#pauseMs() <= 0) return undefined;
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
      this.#arm();
    });
  }

  /** Infinity while somebody is not buried. */
  #pauseMs(): number {
    if (this.#unburied > 0) return Infinity;
    let untilMs = -Infinity;
    for (const each of this.#untilMs.values()) untilMs = Math.max(untilMs, each);
    return untilMs - this.#clock.nowMs();
  }

  #arm(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    const pauseMs = this.#pauseMs();
    if (pauseMs === Infinity) return; // the next view tells
    if (pauseMs > 0) {
      this.#timer = this.#clock.setTimer(pauseMs, () => this.#arm());
      return;
    }
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resolve of waiting) resolve();
  }
}
