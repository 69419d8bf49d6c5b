import { blobParts, cursorAfter, pageSize, placeOf } from './checkpoint-keys.ts';
import type {
  CheckpointPage,
  CheckpointQuery,
  CheckpointRow,
  CheckpointSettlement,
  CheckpointStore,
} from './checkpoint-store.ts';

/** Keeps rows and blobs as long as the process runs: for tests, and for hosts that keep nothing. */
export class MemoryCheckpointStore implements CheckpointStore {
  readonly #rows = new Map<string, CheckpointRow>();
  readonly #blobs = new Map<string, Uint8Array>();

  put(row: CheckpointRow): Promise<'stored' | 'stale'> {
    const stored = this.#rows.get(row.id);
    if (stored && stored.version >= row.version) return Promise.resolve('stale');
    this.#rows.set(row.id, structuredClone(row));
    return Promise.resolve('stored');
  }

  settle(id: string, settlement: CheckpointSettlement): Promise<'stored' | 'stale' | 'unknown'> {
    const row = this.#rows.get(id);
    if (!row) return Promise.resolve('unknown');
    if (row.version >= settlement.version) return Promise.resolve('stale');
    this.#rows.set(id, { ...row, ...structuredClone(settlement), state_s3_key: null });
    return Promise.resolve('stored');
  }

  get(id: string): Promise<CheckpointRow | undefined> {
    return Promise.resolve(structuredClone(this.#rows.get(id)));
  }

  async list({ tenant, core, status, limit, cursor }: CheckpointQuery): Promise<CheckpointPage> {
    const after = await Promise.resolve(placeOf(cursor));
    const size = pageSize(limit);
    const found = [...this.#rows.values()]
      .filter((row) => row.tenant_id === tenant)
      .filter((row) => core === undefined || row.core_id === core)
      .filter((row) => status === undefined || row.status === status)
      .filter((row) => after === undefined || compare(row, after.createdAtMs, after.id) > 0)
      .sort((left, right) => compare(left, right.created_at_ms, right.id));
    const rows = structuredClone(found.slice(0, size));
    const last = rows.at(-1);
    return { rows, cursor: found.length > size && last ? cursorAfter(last) : undefined };
  }

  async putBlob(key: string, bytes: Uint8Array): Promise<void> {
    await Promise.resolve(this.#blobs.set(blobParts(key).join('/'), new Uint8Array(bytes)));
  }

  async getBlob(key: string): Promise<Uint8Array | undefined> {
    const bytes = await Promise.resolve(this.#blobs.get(blobParts(key).join('/')));
    return bytes && new Uint8Array(bytes);
  }

  async deleteBlob(key: string): Promise<void> {
    await Promise.resolve(this.#blobs.delete(blobParts(key).join('/')));
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}

function compare(row: CheckpointRow, createdAtMs: number, id: string): number {
  if (row.created_at_ms !== createdAtMs) return row.created_at_ms - createdAtMs;
  return row.id < id ? -1 : row.id > id ? 1 : 0;
}
