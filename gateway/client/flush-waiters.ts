interface FlushWaiter {
  /** Events that were handed over before this one are waited for … */
  readonly ordinal: number;
  /** … and so many of them are open. */
  openCount: number;
  readonly done: () => void;
}

/** Who waits until all events up to some point are settled. Costs nothing per event while nobody does. */
export class FlushWaiters {
  #waiters: FlushWaiter[] = [];

  get isEmpty(): boolean {
    return this.#waiters.length === 0;
  }

  /** Resolves when `openCount` events with an ordinal below `ordinal` are settled. */
  wait(ordinal: number, openCount: number): Promise<void> {
    if (openCount === 0) return Promise.resolve();
    return new Promise((done) => this.#waiters.push({ ordinal, openCount, done }));
  }

  onSettled(ordinal: number): void {
    for (const waiter of this.#waiters) {
      if (ordinal < waiter.ordinal) waiter.openCount -= 1;
    }
  }

  /** Lets those go that wait for nothing any more. */
  release(): void {
    const done = this.#waiters.filter(({ openCount }) => openCount <= 0);
    this.#waiters = this.#waiters.filter(({ openCount }) => openCount > 0);
    for (const waiter of done) waiter.done();
  }
}
