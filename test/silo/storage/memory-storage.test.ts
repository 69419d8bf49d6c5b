import assert from 'node:assert/strict';
import { MemoryDirectory } from '../../../directory/index.ts';
import { FakeClock } from '../../../lib/index.ts';
import { systemClock } from '../../../lib/internal.ts';
import { type Claim, MemoryStorage } from '../../../silo/internal.ts';
import {
  claimer,
  commitOf,
  emissionOf,
  hand,
  markOf,
  push,
  set,
  type StorageUnderTest,
} from '../../contract/storage-harness.ts';
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

describe('MemoryStorage: retention of volatile Cores', () => {
  const GRAIN = { tenant: 'default', core: 'airport', key: 'JFK' };

  async function volatileStorage(): Promise<{ storage: MemoryStorage; next: () => Promise<Claim> }> {
    const clock = new FakeClock({ defer: systemClock.defer });
    const storage = new MemoryStorage({ directory: newDirectory(), clock, retention: 'activation' });
    const next = async (): Promise<Claim> => {
      const outcome = await storage.claim(GRAIN, claimer());
      assert(outcome.kind === 'claimed');
      assert.deepEqual([outcome.memory.values, outcome.memory.marks], [{}, undefined]);
      return outcome.claim;
    };
    return { storage, next };
  }

  const all = commitOf(1, {
    collections: [set('by', 'a', 1), push('log', 1)],
    emissions: [emissionOf(1)],
    marks: [markOf('s', 1, 1)],
  });

  for (const isReleased of [true, false]) {
    it(`Next owner: ${isReleased ? 'after a release' : 'without a release'}, begins with nothing`, async () => {
      const { storage, next } = await volatileStorage();
      const first = await next();
      assert.equal((await hand(storage, first, all)).kind, 'done');
      assert.equal(storage.readEntry(first, 'by', 'a'), 1);
      assert.equal(storage.readEmissions(GRAIN, 0, 9).emissions.length, 1);
      if (isReleased) storage.release(first);
      const second = await next();
      assert.equal(storage.readEntry(second, 'by', 'a'), undefined);
      assert.equal(storage.listLength(second, 'log'), 0);
      assert.deepEqual(storage.readEmissions(GRAIN, 0, 9).emissions, []);
    });
  }

  it('Same owner: asked again, keeps what it has and goes on counting', async () => {
    const { storage } = await volatileStorage();
    const who = claimer();
    const first = await storage.claim(GRAIN, who);
    assert(first.kind === 'claimed');
    await hand(storage, first.claim, all);
    const second = await storage.claim(GRAIN, who);
    assert(second.kind === 'claimed');
    assert.equal(storage.readEntry(second.claim, 'by', 'a'), 1);
    assert.equal((await hand(storage, second.claim, all)).kind, 'done');
    assert.equal(storage.listLength(second.claim, 'log'), 1);
    assert.deepEqual(await hand(storage, second.claim, commitOf(3)), { kind: 'gap', stored: 1 });
  });
});
