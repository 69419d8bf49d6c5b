/** A queue in a growing ring: constant time at both ends, and no garbage while its size is steady. */
export class Fifo<T> {
  #items: (T | undefined)[] = new Array<T | undefined>(8);
  #head = 0;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  push(item: T): void {
    if (this.#size === this.#items.length) this.#grow();
    this.#items[(this.#head + this.#size) & (this.#items.length - 1)] = item;
    this.#size += 1;
  }

  /** Puts an item before all others, for work that was taken out and could not start. */
  unshift(item: T): void {
    if (this.#size === this.#items.length) this.#grow();
    this.#head = (this.#head - 1) & (this.#items.length - 1);
    this.#items[this.#head] = item;
    this.#size += 1;
  }

  shift(): T | undefined {
    if (this.#size === 0) return undefined;
    const item = this.#items[this.#head];
    this.#items[this.#head] = undefined;
    this.#head = (this.#head + 1) & (this.#items.length - 1);
    this.#size -= 1;
    return item;
  }

  peek(): T | undefined {
    return this.#size === 0 ? undefined : this.#items[this.#head];
  }

  /** Takes out every item for which `isWanted` is false; keeps the order of the rest. Linear in the size. */
  retain(isWanted: (item: T) => boolean): void {
    for (let left = this.#size; left > 0; left -= 1) {
      const item = this.shift();
      if (item !== undefined && isWanted(item)) this.push(item);
    }
  }

  #grow(): void {
    const next = new Array<T | undefined>(this.#items.length * 2);
    for (let index = 0; index < this.#size; index += 1) {
      next[index] = this.#items[(this.#head + index) & (this.#items.length - 1)];
    }
    this.#items = next;
    this.#head = 0;
  }
}
