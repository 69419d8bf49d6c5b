// What the variables of a signature stand for. There are four, so there is a field for each: calls are many.
import type { Type } from './type.ts';

/** Named types of these names are variables in signatures; declared types never meet them. */
export const VARIABLES: ReadonlySet<string> = new Set(['T', 'U', 'K', 'V']);

export class TypeArguments {
  #T: Type | undefined;
  #U: Type | undefined = undefined;
  #K: Type | undefined;
  #V: Type | undefined;

  constructor(known: { readonly T?: Type; readonly K?: Type; readonly V?: Type } = {}) {
    this.#T = known.T;
    this.#K = known.K;
    this.#V = known.V;
  }

  has(name: string): boolean {
    return this.get(name) !== undefined;
  }

  get(name: string): Type | undefined {
    switch (name) {
      case 'T':
        return this.#T;
      case 'U':
        return this.#U;
      case 'K':
        return this.#K;
      case 'V':
        return this.#V;
      default:
        return undefined;
    }
  }

  /** `name` is one of `VARIABLES`. */
  set(name: string, type: Type): void {
    if (name === 'T') this.#T = type;
    else if (name === 'U') this.#U = type;
    else if (name === 'K') this.#K = type;
    else this.#V = type;
  }
}
