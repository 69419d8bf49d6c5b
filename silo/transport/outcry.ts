// Outcry: warnings that strangers can cause, so many per minute and no more.
import type { Clock, Logger } from '../../lib/index.ts';

const LINES_MAX = 20;
const WINDOW_MS = 60_000;

export class Outcry {
  readonly #clock: Clock;
  readonly #log: Logger;
  #windowMs = -Infinity;
  #lines = 0;
  #suppressed = 0;

  constructor(clock: Clock, log: Logger) {
    this.#clock = clock;
    this.#log = log;
  }

  warn(fields: object, message: string): void {
    const nowMs = this.#clock.nowMs();
    if (nowMs - this.#windowMs >= WINDOW_MS) {
      this.#windowMs = nowMs;
      this.#lines = 0;
    }
    if (this.#lines >= LINES_MAX) {
      this.#suppressed += 1;
      return;
    }
    this.#lines += 1;
    const suppressed = this.#suppressed;
    this.#suppressed = 0;
    this.#log.warn(
      { code: 'ERR_LINK_INVALID', ...fields, ...(suppressed === 0 ? {} : { suppressed }) },
      message,
    );
  }
}
