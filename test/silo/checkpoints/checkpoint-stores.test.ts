import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import {
  type CheckpointStore,
  MemoryCheckpointStore,
  openSqliteCheckpointStore,
} from '../../../silo/internal.ts';
import { checkpointStoreContract } from '../../contract/checkpoint-store.contract.ts';

checkpointStoreContract('in memory', () => {
  const store = new MemoryCheckpointStore();
  const open = (): Promise<CheckpointStore> => Promise.resolve(store);
  return { open, reopen: open, close: () => store.close() };
});

checkpointStoreContract('SQLite and a folder', () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'granary-checkpoints-'));
  let store: CheckpointStore | undefined;
  const open = async (): Promise<CheckpointStore> => (store = await openSqliteCheckpointStore(folder));
  return {
    open,
    reopen: async () => {
      await store?.close();
      return await open();
    },
    close: async () => {
      await store?.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
});

describe('BlobFolder', () => {
  it('blobs, written at the same time, leave no drafts behind', async () => {
    const folder = mkdtempSync(path.join(tmpdir(), 'granary-blobs-'));
    const store = await openSqliteCheckpointStore(folder);
    try {
      const writes = Array.from({ length: 8 }, (_, index) =>
        store.putBlob('checkpoints/default/one', new Uint8Array([index])),
      );
      await Promise.all(writes);
      assert.deepEqual(readdirSync(path.join(folder, 'blobs/checkpoints/default')), ['one']);
    } finally {
      await store.close();
      rmSync(folder, { recursive: true, force: true });
    }
  });
});
