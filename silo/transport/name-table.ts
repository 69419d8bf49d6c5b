// Names that a link knows by number: tenants, Cores and flows come again with every message.
//   N1. Both ends add a name with the same frame, in the same order, so that a number means the same at both.
//   N2. The tables are bounded: names beyond that are spelt out each time.
import { broken } from './frames.ts';

export const NAMES_MAX = 4_096;
/** In place of a number: the name follows, and is not kept. */
export const SPELT = 0xffff;

/** The numbers of the sending end. */
export class NameNumbers {
  readonly #numbers = new Map<string, number>();
  readonly #max: number;

  constructor(max: number) {
    this.#max = max;
  }

  get size(): number {
    return this.#numbers.size;
  }

  /** The number to write; `SPELT`, or the number that is equal to the size before the call: write the name, too. */
  numberOf(name: string, isKept: boolean): number {
    const known = this.#numbers.get(name);
    if (known !== undefined) return known;
    if (!isKept || this.#numbers.size >= this.#max) return SPELT;
    const number = this.#numbers.size;
    this.#numbers.set(name, number);
    return number;
  }

  /** Forgets all names after the first `size`: the frame that had them was not sent. */
  shrink(size: number): void {
    if (this.#numbers.size === size) return;
    for (const [name, number] of this.#numbers) if (number >= size) this.#numbers.delete(name);
  }
}

/** The names of the receiving end. */
export class NameList {
  readonly #names: string[] = [];
  readonly #max: number;

  constructor(max: number) {
    this.#max = max;
  }

  get size(): number {
    return this.#names.length;
  }

  at(number: number): string {
    const name = this.#names[number];
    if (name === undefined) throw broken('a name that was never told');
    return name;
  }

  add(name: string): void {
    if (this.#names.length >= this.#max) throw broken('more names than there may be');
    this.#names.push(name);
  }
}
