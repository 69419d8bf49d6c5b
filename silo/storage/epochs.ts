// Epochs that never come twice, in this process or a later one, without a write for each (directory D2).
//   N1. A number is given out only when a ceiling above it is durable.
//   N2. A process begins at the ceiling that the one before it left: what that one did not use is skipped.
import { GrainError } from '../../lib/index.ts';

export const EPOCH_BLOCK = 1_000_000;

export class Epochs {
  #next: number;
  #ceiling: number;
  /** The reservation that is under way. */
  #raising: Promise<void> | undefined = undefined;
  readonly #reserve: (ceiling: number) => Promise<void>;

  /** @param first the old ceiling; `ceiling`, the new one, is durable. `reserve` makes a higher one durable. */
  constructor(first: number, ceiling: number, reserve: (ceiling: number) => Promise<void>) {
    this.#next = first;
    this.#ceiling = ceiling;
    this.#reserve = reserve;
  }

  /** The last number given out; the floor before the first. */
  get last(): number {
    return this.#next;
  }

  /**
   * Undefined while there is a number to give; else settles when the next block is durable. Claims that follow each other
   * without a pause can use a block up before the loop gets to write the next.
   * @throws (as a rejection) what the store says when it cannot reserve one
   */
  whenReserved(): Promise<void> | undefined {
    return this.#next < this.#ceiling ? undefined : this.#raise();
  }

  /** @throws ERR_STORE_FAILED when nothing is reserved: ask `whenReserved` first */
  readonly next = (): number => {
    if (this.#next >= this.#ceiling)
      throw new GrainError('ERR_STORE_FAILED', { message: 'no epoch is reserved' });
    this.#next += 1;
    if (this.#ceiling - this.#next < EPOCH_BLOCK / 2 && !this.#raising) {
      // The disk is full, perhaps. The next claim tries again; half a block is left until it matters.
      this.#raise().catch(() => undefined);
    }
    return this.#next;
  };

  #raise(): Promise<void> {
    this.#raising ??= this.#reserveBlock().finally(() => (this.#raising = undefined));
    return this.#raising;
  }

  async #reserveBlock(): Promise<void> {
    const ceiling = this.#ceiling + EPOCH_BLOCK;
    await this.#reserve(ceiling);
    this.#ceiling = ceiling;
  }
}
