import type { Clock, TimerHandle } from '../../lib/index.ts';

/** Silence of so many heartbeats means that the other side is gone. */
const BEATS_MAX = 2.5;
/** After so many it is asked whether it is still there: a server that hears from us may have no reason to speak. */
const BEATS_TO_ASK = 1.25;

export interface HeartbeatUser {
  ask(): void;
  onSilent(): void;
}

/** Watches one connection for silence. `heard` is called for every message, so it does nothing but note the time. */
export class Heartbeat {
  readonly #clock: Clock;
  readonly #heartbeatMs: number;
  readonly #user: HeartbeatUser;
  #heardMs: number;
  #timer: TimerHandle | undefined;

  constructor(clock: Clock, heartbeatMs: number, user: HeartbeatUser) {
    this.#clock = clock;
    this.#heartbeatMs = heartbeatMs;
    this.#user = user;
    this.#heardMs = clock.nowMs();
    this.#arm();
  }

  heard(): void {
    this.#heardMs = this.#clock.nowMs();
  }

  stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  get #silentMs(): number {
    return this.#clock.nowMs() - this.#heardMs;
  }

  #arm(): void {
    const beats = this.#silentMs < this.#heartbeatMs * BEATS_TO_ASK ? BEATS_TO_ASK : BEATS_MAX;
    const leftMs = this.#heartbeatMs * beats - this.#silentMs;
    this.#timer = this.#clock.setTimer(Math.max(1, leftMs), () => this.#look());
  }

  #look(): void {
    if (this.#silentMs >= this.#heartbeatMs * BEATS_MAX) return this.#lookAgain();
    if (this.#silentMs >= this.#heartbeatMs * BEATS_TO_ASK) this.#user.ask();
    this.#arm();
  }

  /** After a stall of this process timers run before the messages that came in meanwhile: those get their turn first. */
  #lookAgain(): void {
    const timer = this.#timer;
    this.#clock.defer(() => {
      if (timer === undefined || this.#timer !== timer) return;
      if (this.#silentMs < this.#heartbeatMs * BEATS_MAX) this.#arm();
      else this.#user.onSilent();
    });
  }
}
