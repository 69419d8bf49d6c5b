import { MemoryDirectory } from '../../../directory/index.ts';
import { FakeClock } from '../../../lib/index.ts';
import { systemClock } from '../../../lib/internal.ts';
import { MemoryStorage } from '../../../silo/internal.ts';
import type { StorageUnderTest } from '../../contract/storage-harness.ts';
import { storageContract } from '../../contract/storage.contract.ts';

/** A flush that waits for the next turn of the loop, or as long as it is held. */
class Gate {
  #isHeld = false;
  #waiting: (() => void)[] = [];

  readonly flush = (run: () => void): void => {
    systemClock.defer(() => {
      if (this.#isHeld) this.#waiting.push(run);
      else run();
    });
  };

  hold(): void {
    this.#isHeld = true;
  }

  letGo(): void {
    this.#isHeld = false;
    for (const run of this.#waiting.splice(0)) run();
  }
}

let epoch = 0;
const newDirectory = (): MemoryDirectory => new MemoryDirectory({ nextEpoch: () => (epoch += 1) });

function underTest(
  storage: MemoryStorage,
  directory: MemoryDirectory,
  gate: Gate,
  clock: FakeClock,
): StorageUnderTest {
  const restart = (): StorageUnderTest => {
    const next = newDirectory();
    return underTest(storage.crash({ directory: next }), next, gate, clock);
  };
  return {
    storage,
    directory,
    clock,
    hold: () => gate.hold(),
    letGo: () => gate.letGo(),
    failNext: (fault) => storage.failNext(fault),
    crash: async () => {
      const next = restart();
      gate.letGo();
      return next;
    },
    reopen: async () => {
      await storage.close();
      return restart();
    },
    dispose: async () => gate.letGo(),
  };
}

storageContract('MemoryStorage', async () => {
  const directory = newDirectory();
  const clock = new FakeClock({ defer: systemClock.defer });
  const gate = new Gate();
  const durability = { flush: gate.flush };
  return underTest(new MemoryStorage({ directory, clock, durability }), directory, gate, clock);
});
