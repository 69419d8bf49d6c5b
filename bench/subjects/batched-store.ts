// The floor under committed work: LMDB alone, with the settings that make it safe, and what is written in a tick put
// into one transaction.
import { open, type RootDatabase } from 'lmdb';

export interface Row {
  readonly key: string;
  readonly value: Buffer;
}

interface Waiting {
  readonly rows: readonly Row[];
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

export class BatchedStore {
  readonly #root: RootDatabase<Buffer, string>;
  #waiting: Waiting[] = [];
  #isBusy = false;

  constructor(folder: string) {
    this.#root = open<Buffer, string>({
      path: folder,
      noSubdir: false,
      encoding: 'binary',
      overlappingSync: false,
      eventTurnBatching: false,
    });
  }

  /** Settles when the rows are on disk. */
  write(rows: readonly Row[]): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ rows, resolve, reject });
      if (this.#isBusy) return;
      this.#isBusy = true;
      setImmediate(() => void this.#writeBatches());
    });
  }

  read(key: string): Buffer | undefined {
    return this.#root.get(key);
  }

  async close(): Promise<void> {
    await this.#root.close();
  }

  async #writeBatches(): Promise<void> {
    while (this.#waiting.length > 0) {
      const batch = this.#waiting;
      this.#waiting = [];
      try {
        await this.#root.batch(() => {
          // Their promises mean nothing inside of a batch.
          for (const { rows } of batch) for (const { key, value } of rows) void this.#root.put(key, value);
        });
        for (const { resolve } of batch) resolve();
      } catch (error) {
        for (const { reject } of batch) reject(error);
      }
      // The others had their answer: what they write next goes into the next batch together.
      await new Promise((resolve) => setImmediate(resolve));
    }
    this.#isBusy = false;
  }
}
