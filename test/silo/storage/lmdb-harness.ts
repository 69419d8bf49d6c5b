// LMDB stores of a test, each in a folder of its own, and a disk whose every flush the test controls.
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { FakeClock, GrainError } from '../../../lib/index.ts';
import { systemClock, systemRng } from '../../../lib/internal.ts';
import {
  type LmdbStorage,
  type LmdbStorageOptions,
  openLmdbStorage,
  type StoreEnvironment,
} from '../../../silo/internal.ts';
import { Child } from './child-process.ts';
import type { FlushFault, StorageUnderTest } from '../../contract/storage-harness.ts';

/** The folders and stores of one test. */
export class Folders {
  readonly #root = mkdtempSync(path.join(tmpdir(), 'granary-store-'));
  readonly #atEnd: (() => Promise<void>)[] = [];
  #count = 0;

  next(): string {
    this.#count += 1;
    return path.join(this.#root, `store-${this.#count}`);
  }

  atEnd(action: () => Promise<void>): void {
    this.#atEnd.push(action);
  }

  async open(folder: string, options: Partial<LmdbStorageOptions> = {}): Promise<LmdbStorage> {
    const storage = await openLmdbStorage({ path: folder, clock: systemClock, rng: systemRng, ...options });
    this.atEnd(() => storage.close());
    return storage;
  }

  /** A process on one of the folders; it does not outlive the test. */
  spawn(...given: ConstructorParameters<typeof Child>): Child {
    const child = new Child(...given);
    this.atEnd(() => child.kill());
    return child;
  }

  async dispose(): Promise<void> {
    for (const action of this.#atEnd.splice(0).reverse()) await action();
    rmSync(this.#root, { recursive: true, force: true });
  }
}

/** Stands between driver and LMDB: holds writes, fails them, and copies the file each time that one has settled. */
export class Disk {
  readonly #folder: string;
  readonly #snapshot: string;
  #isHeld = false;
  #held: (() => void)[] = [];
  #faults: FlushFault[] = [];

  constructor(folder: string, snapshot: string) {
    this.#folder = folder;
    this.#snapshot = snapshot;
  }

  readonly wrap = (environment: StoreEnvironment): StoreEnvironment => ({
    ...environment,
    write: async (rows) => {
      await this.#gate();
      const fault = this.#faults.shift();
      if (fault === 'none') throw new GrainError('ERR_STORE_FULL');
      if (fault === 'unknown_lost') throw new GrainError('ERR_STORE_FAILED');
      await environment.write(rows);
      this.#copy();
      await this.#gate(); // of a crash in the meantime: the dead process must not tell anybody
      if (fault === 'unknown_stored') throw new GrainError('ERR_STORE_FAILED');
    },
  });

  async #gate(): Promise<void> {
    while (this.#isHeld) await new Promise<void>((resolve) => this.#held.push(resolve));
  }

  #copy(): void {
    mkdirSync(this.#snapshot, { recursive: true, mode: 0o700 });
    for (const name of ['data.mdb', 'granary.json']) {
      const file = path.join(this.#folder, name);
      if (existsSync(file)) copyFileSync(file, path.join(this.#snapshot, name));
    }
  }

  /** A folder with what was on the disk after the last flush. */
  restore(folder: string): void {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    for (const name of ['data.mdb', 'granary.json']) {
      const file = path.join(this.#snapshot, name);
      if (existsSync(file)) copyFileSync(file, path.join(folder, name));
    }
  }

  failNext(fault: FlushFault): void {
    this.#faults.push(fault);
  }

  hold(): void {
    this.#isHeld = true;
  }

  letGo(): void {
    this.#isHeld = false;
    for (const go of this.#held.splice(0)) go();
  }
}

type Wrap = (environment: StoreEnvironment) => StoreEnvironment;

/** @param wrap what the disk writes to; for tests that count and look. */
export async function openUnderTest(
  folders: Folders,
  folder: string,
  clock: FakeClock,
  wrap: Wrap = (environment) => environment,
): Promise<StorageUnderTest> {
  const disk = new Disk(folder, folders.next());
  const storage = await folders.open(folder, { clock, wrapEnvironment: (opened) => disk.wrap(wrap(opened)) });
  folders.atEnd(async () => disk.letGo());
  return {
    storage,
    directory: storage.directory,
    clock,
    hold: () => disk.hold(),
    letGo: () => disk.letGo(),
    failNext: (fault) => disk.failNext(fault),
    crash: async () => {
      disk.hold(); // the old process writes no more
      const next = folders.next();
      disk.restore(next);
      return await openUnderTest(folders, next, clock);
    },
    reopen: async () => {
      await storage.close();
      return await openUnderTest(folders, folder, clock);
    },
    dispose: () => folders.dispose(),
  };
}

export function newClock(): FakeClock {
  return new FakeClock({ defer: systemClock.defer });
}
