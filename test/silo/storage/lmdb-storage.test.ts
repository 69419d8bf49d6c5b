import { storageContract } from '../../contract/storage.contract.ts';
import { Folders, newClock, openUnderTest } from './lmdb-harness.ts';

storageContract('LmdbStorage', async () => {
  const folders = new Folders();
  return await openUnderTest(folders, folders.next(), newClock());
});
