// The contract of GrainStorage: every driver runs it.
import { claimContract, fenceContract } from './storage-claims.contract.ts';
import { collectionContract } from './storage-collections.contract.ts';
import { durabilityContract, failureContract, numberContract } from './storage-commits.contract.ts';
import type { StorageFactory } from './storage-harness.ts';
import { emissionContract, recordContract, reminderContract } from './storage-log.contract.ts';
import { forgetContract, markContract, valueContract } from './storage-memory.contract.ts';

/** Registers the whole suite. `open` gives an empty store. */
export function storageContract(driver: string, open: StorageFactory): void {
  describe(`${driver}: contract of GrainStorage`, () => {
    claimContract(open);
    fenceContract(open);
    numberContract(open);
    failureContract(open);
    durabilityContract(open);
    valueContract(open);
    collectionContract(open);
    markContract(open);
    forgetContract(open);
    emissionContract(open);
    reminderContract(open);
    recordContract(open);
  });
}
