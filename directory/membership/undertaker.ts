import type { Clock, Logger, Rng } from '../../lib/index.ts';
import type { DeathJudge } from './failure-detector.ts';
import type { Membership } from './membership.ts';
import type { MembershipView } from './membership-view.ts';
import { Retry } from './retry.ts';

export interface UndertakerOptions {
  readonly membership: Membership;
  readonly judge: DeathJudge;
  readonly clock: Clock;
  readonly rng: Rng;
  readonly log: Logger;
}

interface Grave {
  nextMs: number;
  readonly retry: Retry;
}

/** Members other than the one that declared the death leave it to that one for so long. */
const LEAVE_MS = 1_500;

/** Lays tombstones over the sessions of those whom the view calls dead, and notes that in the view. */
export class Undertaker {
  readonly #options: UndertakerOptions;
  readonly #graves = new Map<string, Grave>();
  #isBusy = false;

  constructor(options: UndertakerOptions) {
    this.#options = options;
  }

  /** We declared it dead. */
  buryNow(incarnation: string): void {
    this.#graveOf(incarnation).nextMs = this.#options.clock.nowMs();
    void this.#buryNext();
  }

  /** Once per tick: another one's death may still have to be dealt with. */
  look({ members }: MembershipView): void {
    const open = members
      .filter(({ death }) => death && !death.isBuried)
      .map(({ incarnation }) => incarnation);
    const present = new Set(open);
    for (const incarnation of this.#graves.keys())
      if (!present.has(incarnation)) this.#graves.delete(incarnation);
    for (const incarnation of open) this.#graveOf(incarnation);
    if (open.length > 0) void this.#buryNext();
  }

  #graveOf(incarnation: string): Grave {
    const { clock, rng } = this.#options;
    let grave = this.#graves.get(incarnation);
    if (!grave) {
      const retry = new Retry(rng, { firstMs: 500, mostMs: 30_000 });
      grave = { nextMs: clock.nowMs() + LEAVE_MS * (1 + rng.next()), retry };
      this.#graves.set(incarnation, grave);
    }
    return grave;
  }

  /** One at a time. Never rejects. */
  async #buryNext(): Promise<void> {
    const { membership, judge, clock, log } = this.#options;
    if (this.#isBusy) return;
    for (const [incarnation, grave] of this.#graves) {
      if (grave.nextMs > clock.nowMs()) continue;
      this.#isBusy = true;
      grave.nextMs = clock.nowMs() + grave.retry.nextMs();
      try {
        if (await judge.bury(incarnation)) await membership.markBuried(incarnation);
        else log.warn({ incarnation }, 'detector.bury_failed: it is tried again');
      } catch (error) {
        log.warn({ error, incarnation }, 'detector.bury_failed: it is tried again');
      }
      this.#isBusy = false;
      return;
    }
  }
}
