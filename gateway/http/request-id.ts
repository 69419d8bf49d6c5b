import { type Rng } from '../../lib/index.ts';

/** Letters that are harmless in logs, headers and HTML. */
const SAFE = /^[A-Za-z0-9._:~@/+=-]{1,128}$/;

/** Names requests: as the caller does where that is harmless, else by a number that is unique with our prefix. */
export class RequestIds {
  readonly #prefix: string;
  #count = 0;

  constructor(rng: Rng) {
    this.#prefix = `${rng.hex(6)}-`;
  }

  next(given: string | readonly string[] | undefined): string {
    if (typeof given === 'string' && SAFE.test(given)) return given;
    this.#count += 1;
    return this.#prefix + this.#count.toString(36);
  }
}
