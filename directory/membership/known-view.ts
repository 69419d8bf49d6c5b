// KnownView: the newest view that this process took, and who was ever dead in one.
//   K1. Its number only grows, and nobody who was dead in a view comes back in a later one (V1, V2): a view that says
//       otherwise is not taken, whatever its number. Only a store that went back makes such a view.
import type { Clock } from '../../lib/index.ts';
import { isLiving, type Member, type MembershipView } from './membership-view.ts';
import { DEAD_KEPT_MS, revived } from './view-changes.ts';

export type Taken = 'taken' | 'old' | 'revives';

export class KnownView {
  readonly #clock: Clock;
  #view: MembershipView | undefined;
  /** Since when we know that it is dead, oldest first. Outlives the member in the view by as long again. */
  readonly #deadSinceMs = new Map<string, number>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get view(): MembershipView | undefined {
    return this.#view;
  }

  take(view: MembershipView): Taken {
    if (this.#view && view.number <= this.#view.number) return 'old';
    if (revived(view, this.wasDead).length > 0) return 'revives';
    this.#view = Object.freeze(view);
    this.#noteDead(view);
    return 'taken';
  }

  readonly wasDead = (incarnation: string): boolean => this.#deadSinceMs.has(incarnation);

  /** Measured on our own monotonic clock, from when we learnt of it: no clock that jumps makes anybody forget early. */
  readonly mayForget = ({ incarnation }: Member): boolean => {
    const sinceMs = this.#deadSinceMs.get(incarnation);
    return sinceMs !== undefined && this.#clock.nowMs() - sinceMs >= DEAD_KEPT_MS;
  };

  get hasForgettable(): boolean {
    return this.#view?.members.some((each) => !isLiving(each) && this.mayForget(each)) ?? false;
  }

  #noteDead({ members }: MembershipView): void {
    const nowMs = this.#clock.nowMs();
    for (const member of members) {
      if (isLiving(member) || this.#deadSinceMs.has(member.incarnation)) continue;
      this.#deadSinceMs.set(member.incarnation, nowMs);
    }
    for (const [incarnation, sinceMs] of this.#deadSinceMs) {
      if (nowMs - sinceMs < 2 * DEAD_KEPT_MS) break;
      this.#deadSinceMs.delete(incarnation);
    }
  }
}
