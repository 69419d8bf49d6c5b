// Batcher: one write to the store at a time; what is handed over meanwhile waits and goes together into the next.
// Owns: when to write, and telling every part how it ended. Does not own: what is written.
//   B1. At most one batch is in flight: LMDB gains nothing from more, and coalescing gains from waiting.
//   B2. Each batch has a number of its own in it, so that after a failure it can be seen whether it is visible.
//   B3. Parts are told in the order in which they are listed, after all of them have been asked for rows.
import { type Clock, fromUnknown, GrainError } from '../../lib/index.ts';
import { type StoreEnvironment, WriteSet } from './lmdb-environment.ts';
import { decode, encode } from './record-codec.ts';

/** Something that has rows to write: grains, records, the log. */
export interface BatchPart {
  /** Whether rows wait that are not in a batch yet. */
  readonly isWaiting: boolean;
  /** Adds waiting rows. They are in flight until `settle`, which comes with the error when this throws. */
  seal(rows: WriteSet): void;
  settle(end: BatchEnd): void;
}

export interface BatchEnd {
  /** Undefined: all rows are durable. */
  readonly error: GrainError | undefined;
  /** After an error: the rows can be read all the same, and may or may not survive a crash. */
  readonly isVisible: boolean;
}

const WRITTEN: BatchEnd = { error: undefined, isVisible: true };
const COUNTER = 'batch';

export class Batcher {
  readonly #environment: StoreEnvironment;
  readonly #clock: Clock;
  #parts: readonly BatchPart[] = [];
  #unsealed = new Map<BatchPart, BatchEnd>();
  #count = 0;
  #isBusy = false;
  #onIdle: (() => void)[] = [];

  constructor(environment: StoreEnvironment, clock: Clock) {
    this.#environment = environment;
    this.#clock = clock;
    const bytes = environment.tables.meta.get(COUNTER);
    const count = bytes && decode(bytes);
    this.#count = typeof count === 'number' ? count : 0;
  }

  /** Which parts there are; once, before the first `wake`. */
  join(parts: readonly BatchPart[]): void {
    this.#parts = parts;
  }

  /** Rows wait. They are written after the input that is waiting now, so that its commits share the batch. */
  wake(): void {
    if (this.#isBusy) return;
    this.#isBusy = true;
    this.#clock.defer(this.#start);
  }

  /** Resolves when nothing waits and nothing is in flight. */
  async idle(): Promise<void> {
    while (this.#isBusy) await new Promise<void>((resolve) => this.#onIdle.push(resolve));
  }

  readonly #start = (): void => {
    const rows = new WriteSet();
    for (const part of this.#parts) {
      const before = rows.keys.length;
      try {
        part.seal(rows);
      } catch (thrown) {
        // A damaged page, perhaps. The other parts need not suffer.
        rows.cut(before);
        this.#unsealed.set(part, { error: fromUnknown(thrown), isVisible: false });
      }
    }
    this.#count += 1;
    rows.put('meta', COUNTER, encode(this.#count));
    // Both ways end in #finish, which does not throw.
    void this.#environment.write(rows).then(this.#finish, this.#finish);
  };

  readonly #finish = (thrown: unknown): void => {
    const end = thrown === undefined ? WRITTEN : this.#failure(thrown);
    const unsealed = this.#unsealed;
    this.#unsealed = new Map();
    for (const part of this.#parts) part.settle(unsealed.get(part) ?? end);
    if (this.#parts.some(({ isWaiting }) => isWaiting)) this.#clock.defer(this.#start);
    else {
      this.#isBusy = false;
      for (const resolve of this.#onIdle.splice(0)) resolve();
    }
  };

  #failure(thrown: unknown): BatchEnd {
    const error = fromUnknown(thrown);
    const isVisible = this.#isVisible();
    // What can be seen is not surely undone, whatever the disk said.
    if (!isVisible || error.effect === 'unknown') return { error, isVisible };
    return { error: new GrainError('ERR_STORE_FAILED', {}, { cause: error }), isVisible };
  }

  #isVisible(): boolean {
    try {
      const bytes = this.#environment.tables.meta.get(COUNTER);
      return bytes !== undefined && decode(bytes) === this.#count;
    } catch {
      return true; // cannot be told, so not ruled out
    }
  }
}
