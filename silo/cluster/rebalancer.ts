// Rebalancer: after a view change, moves grains towards the silo that their hash prefers now, at a bounded rate.
//   M1. A grain moves between its turns only (Activation.move), and loses nothing: it is claimed anew over there.
//   M2. Volatile grains stay: their memory would go. So do grains that were placed where they were called first.
import type { Clock, TimerHandle } from '../../lib/index.ts';
import type { Activation } from '../catalog/activation.ts';
import type { CoreHost } from '../catalog/core-host.ts';

/** At most 2,000 grains a second leave: each is a release here and a claim over there. */
const MOVES_A_TICK = 100;
const TICK_MS = 50;
const LOOKS_A_TICK = 5_000;

export class Rebalancer {
  readonly #clock: Clock;
  readonly #hosts: () => Iterable<CoreHost>;
  readonly #isHome: (activation: Activation) => boolean;
  #timer: TimerHandle | undefined = undefined;
  #left: Iterator<Activation> | undefined = undefined;
  /** Grains that were asked to leave. */
  moved = 0;

  constructor(clock: Clock, hosts: () => Iterable<CoreHost>, isHome: (activation: Activation) => boolean) {
    this.#clock = clock;
    this.#hosts = hosts;
    this.#isHome = isHome;
  }

  /** Looks at all grains, from the beginning. */
  start(): void {
    this.#left = this.#all();
    this.#timer ??= this.#clock.setTimer(TICK_MS, () => this.#tick());
  }

  stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#left = undefined;
  }

  *#all(): Generator<Activation> {
    for (const host of this.#hosts()) {
      if (host.isVolatile || host.definition.instance.placement !== 'hash') continue;
      yield* host.table.all();
    }
  }

  #tick(): void {
    this.#timer = undefined;
    const left = this.#left;
    if (!left) return;
    let moves = 0;
    for (let looks = 0; looks < LOOKS_A_TICK && moves < MOVES_A_TICK; looks += 1) {
      const next = left.next();
      if (next.done) {
        this.#left = undefined;
        return;
      }
      if (this.#isHome(next.value)) continue;
      next.value.move();
      moves += 1;
    }
    this.moved += moves;
    this.#timer = this.#clock.setTimer(TICK_MS, () => this.#tick());
  }
}
