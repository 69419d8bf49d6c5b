import { backoffMs, type BackoffOptions, type Clock, type Rng, type TimerHandle } from '../../lib/index.ts';

/** Pauses between tries: they double, and each is between half and all of that, so that rivals fall out of step. */
export class Retry {
  #failures = 0;
  readonly #rng: Rng;
  readonly #options: BackoffOptions;

  constructor(rng: Rng, options: BackoffOptions) {
    this.#rng = rng;
    this.#options = options;
  }

  nextMs(): number {
    this.#failures += 1;
    return backoffMs(this.#failures, this.#options) * (0.5 + this.#rng.next() / 2);
  }
}

/** Sleeps that end when their owner stops. */
export class Sleeper {
  readonly #clock: Clock;
  readonly #sleeping = new Map<TimerHandle, (isOn: boolean) => void>();
  #isStopped = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** False: it ended because of `stop`. */
  sleep(ms: number): Promise<boolean> {
    if (this.#isStopped) return Promise.resolve(false);
    return new Promise((resolve) => {
      const timer = this.#clock.setTimer(ms, () => {
        this.#sleeping.delete(timer);
        resolve(true);
      });
      this.#sleeping.set(timer, resolve);
    });
  }

  stop(): void {
    this.#isStopped = true;
    for (const [timer, end] of this.#sleeping) {
      timer.cancel();
      end(false);
    }
    this.#sleeping.clear();
  }
}
