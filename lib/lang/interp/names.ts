// Names of a flow and the slots that they live in, while the flow is compiled. Slot 0 is the execution's.
//   N1. A flow has one flat scope (IR1): a name has one slot, wherever it is set.
//   N2. Names of lambdas, and `input` and `output` of guards, hide the flow's while their expressions are compiled; their
//       slots have no name, so no checkpoint sees them.
export class FlowNames {
  readonly #slots = new Map<string, number>();
  readonly #owners = new Map<number, number>();
  #overlays: ReadonlyMap<string, number>[] = [];
  #count = 1;

  slotOf(name: string): number {
    for (let at = this.#overlays.length - 1; at >= 0; at -= 1) {
      const slot = this.#overlays[at]?.get(name);
      if (slot !== undefined) return slot;
    }
    const known = this.#slots.get(name);
    if (known !== undefined) return known;
    const slot = this.hidden();
    this.#slots.set(name, slot);
    return slot;
  }

  /** Makes the name one that its flow adds to (growing.ts): before anything that reads it is compiled. */
  own(name: string): void {
    this.#owners.set(this.slotOf(name), this.hidden());
  }

  /** The slot that says whether the value of `slot` is nobody else's. */
  ownerOf(slot: number): number | undefined {
    return this.#owners.get(slot);
  }

  get owners(): readonly number[] {
    return [...this.#owners.values()];
  }

  /** A slot that no name leads to. */
  hidden(): number {
    const slot = this.#count;
    this.#count += 1;
    return slot;
  }

  /** Compiles something in which `names` are others than the flow's. */
  within<T>(names: ReadonlyMap<string, number>, compile: () => T): T {
    this.#overlays.push(names);
    const result = compile();
    this.#overlays.pop();
    return result;
  }

  /** How many slots a frame needs, with slot 0. */
  get count(): number {
    return this.#count;
  }

  entries(): IterableIterator<[string, number]> {
    return this.#slots.entries();
  }
}
