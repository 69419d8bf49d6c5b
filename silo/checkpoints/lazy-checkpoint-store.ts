import type {
  CheckpointPage,
  CheckpointQuery,
  CheckpointRow,
  CheckpointSettlement,
  CheckpointStore,
} from './checkpoint-store.ts';

/** Opens its store with the first use: most hosts never have a checkpoint. A store that failed to open is tried again. */
export class LazyCheckpointStore implements CheckpointStore {
  readonly #open: () => Promise<CheckpointStore>;
  #opened: Promise<CheckpointStore> | undefined = undefined;

  constructor(open: () => Promise<CheckpointStore>) {
    this.#open = open;
  }

  #store(): Promise<CheckpointStore> {
    if (this.#opened) return this.#opened;
    const opened = this.#open();
    this.#opened = opened;
    opened.catch(() => {
      if (this.#opened === opened) this.#opened = undefined;
    });
    return opened;
  }

  async put(row: CheckpointRow): Promise<'stored' | 'stale'> {
    return await (await this.#store()).put(row);
  }

  async settle(id: string, settlement: CheckpointSettlement): Promise<'stored' | 'stale' | 'unknown'> {
    return await (await this.#store()).settle(id, settlement);
  }

  async get(id: string): Promise<CheckpointRow | undefined> {
    return await (await this.#store()).get(id);
  }

  async list(query: CheckpointQuery): Promise<CheckpointPage> {
    return await (await this.#store()).list(query);
  }

  async putBlob(key: string, bytes: Uint8Array): Promise<void> {
    await (await this.#store()).putBlob(key, bytes);
  }

  async getBlob(key: string): Promise<Uint8Array | undefined> {
    return await (await this.#store()).getBlob(key);
  }

  async deleteBlob(key: string): Promise<void> {
    await (await this.#store()).deleteBlob(key);
  }

  async close(): Promise<void> {
    const opened = this.#opened;
    if (!opened) return;
    const store = await opened.catch(() => undefined);
    await store?.close();
  }
}
