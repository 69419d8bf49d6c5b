// SiloPause: what the silo's session means for its turns. While the session may have lapsed, none starts and nothing that
// they say leaves; when it holds again, all of that goes on; when it never will, it is told.
import type { Lease } from '../../directory/index.ts';
import type { GrainError } from '../../lib/index.ts';
import type { SiloLease } from '../catalog/core-host.ts';

type Go = (failure: GrainError | undefined) => void;

export class SiloPause implements SiloLease {
  isPaused = false;
  readonly #lease: Lease;
  readonly #onBroken: (error: unknown) => void;
  #held: Go[] = [];
  #lost: GrainError | undefined = undefined;

  /** `onBroken`: something that was let go threw, which is no concern of the others. */
  constructor(lease: Lease, onResume: () => void, onBroken: (error: unknown) => void) {
    this.#lease = lease;
    this.#onBroken = onBroken;
    lease.onRegained(() => {
      if (this.#lost) return;
      this.isPaused = false;
      this.#letGo(undefined);
      onResume();
    });
  }

  get untilMs(): number {
    return this.#lost ? -Infinity : this.#lease.untilMs;
  }

  whenHeld(go: Go): void {
    if (this.#lost) go(this.#lost);
    else this.#held.push(go);
  }

  /** It will never hold again. */
  lost(error: GrainError): void {
    if (this.#lost) return;
    this.#lost = error;
    this.#letGo(error);
  }

  #letGo(failure: GrainError | undefined): void {
    const held = this.#held;
    this.#held = [];
    for (const go of held) {
      try {
        go(failure);
      } catch (error) {
        this.#onBroken(error);
      }
    }
  }
}
