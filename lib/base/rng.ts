/** Randomness as the rest of the code sees it; the simulator hands in a seeded one. */
export interface Rng {
  /** A number in [0, 1). */
  next(): number;
  /** `count` random bytes as lower-case hexadecimal. */
  hex(count: number): string;
}

/** A whole number in [0, below). */
export function randomBelow(rng: Rng, below: number): number {
  return Math.floor(rng.next() * below);
}

/** One of `items`; undefined when there are none. */
export function randomOf<T>(rng: Rng, items: readonly T[]): T | undefined {
  return items[randomBelow(rng, items.length)];
}

/** Deterministic generator (mulberry32): good enough to choose schedules, not to make secrets. */
export class SeededRng implements Rng {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = this.#state;
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  }

  hex(count: number): string {
    let text = '';
    for (let index = 0; index < count; index += 1) {
      text += randomBelow(this, 256).toString(16).padStart(2, '0');
    }
    return text;
  }
}
