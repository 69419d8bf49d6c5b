// The LMDB driver against the memory driver: the same random commits, reads, take-overs and restarts must look the same. MemoryStorage applies commit by commit to plain collections, so it is the model.
import assert from 'node:assert/strict';
import { MemoryDirectory } from '../../../directory/index.ts';
import { randomBelow, randomOf, SeededRng } from '../../../lib/index.ts';
import { systemRng } from '../../../lib/internal.ts';
import { type CollectionChange, type GrainCommit, MemoryStorage } from '../../../silo/internal.ts';
import {
  add,
  ALL,
  claimed,
  claimer,
  clear,
  commandOf,
  commitOf,
  del,
  emissionOf,
  type Held,
  hand,
  kindOf,
  markOf,
  push,
  reminderOf,
  set,
  type StorageUnderTest,
  trim,
} from '../../contract/storage-harness.ts';
import { Folders, newClock, openUnderTest } from './lmdb-harness.ts';

const KEYS = ['a', 'b', 'c'];
const ENTRIES = ['k', 'k1', 'l', 'é', '\uffff', '𐀀'];
const FIELDS = ['by', 'by2', 'log'];
const ROUNDS = 6;
const STEPS = 60;

/** One grain, owned in both storages. */
interface Pair {
  readonly key: string;
  readonly real: Held;
  readonly model: Held;
  number: number;
  emitted: number;
  emissionEpoch: number;
}

class Run {
  readonly #rng: SeededRng;
  readonly #clock = newClock();
  #epoch = 0;
  #real: StorageUnderTest;
  #model: MemoryStorage;
  #pairs: Pair[] = [];

  constructor(seed: number, real: StorageUnderTest) {
    this.#rng = new SeededRng(seed);
    this.#real = real;
    this.#model = this.#newModel();
  }

  #directory(): MemoryDirectory {
    return new MemoryDirectory({ nextEpoch: () => (this.#epoch += 1) });
  }

  #newModel(): MemoryStorage {
    return new MemoryStorage({ directory: this.#directory(), clock: this.#clock });
  }

  async run(): Promise<void> {
    for (let round = 0; round < ROUNDS; round += 1) {
      await this.#claimAll();
      for (let step = 0; step < STEPS; step += 1) await this.#step();
      await this.#settle();
      await this.#compareShared();
      this.#real = this.#chance(0.5) ? await this.#real.crash() : await this.#real.reopen();
      this.#model = this.#model.crash({ directory: this.#directory() });
    }
    await this.#claimAll();
  }

  #chance(share: number): boolean {
    return this.#rng.next() < share;
  }

  async #claimAll(): Promise<void> {
    this.#pairs = [];
    for (const key of KEYS) this.#pairs.push(await this.#claim(key));
  }

  /** The loaded memories are compared at each claim. */
  async #claim(key: string): Promise<Pair> {
    const grain = { tenant: 'default', core: 'airport', key };
    const who = claimer(`round ${this.#epoch}`);
    const real = await claimed(this.#real, grain, who);
    const outcome = this.#model.claim(grain, who);
    assert(!(outcome instanceof Promise) && outcome.kind === 'claimed');
    assert.deepEqual(real.memory, outcome.memory);
    const { emitted, emissionEpoch } = real.memory;
    return { key, real, model: outcome, number: 0, emitted, emissionEpoch };
  }

  async #step(): Promise<void> {
    const pair = randomOf(this.#rng, this.#pairs);
    if (!pair) return;
    const dice = this.#rng.next();
    if (dice < 0.55) await this.#commit(pair);
    else if (dice < 0.65) await this.#compareCollections(pair);
    else if (dice < 0.9) await new Promise<void>((resolve) => this.#clock.defer(resolve));
    else if (dice < 0.95) await this.#replace(pair);
    else await this.#settle();
  }

  async #replace(pair: Pair): Promise<void> {
    if (this.#chance(0.5)) {
      await this.#real.storage.release(pair.real.claim);
      this.#model.release(pair.model.claim);
    }
    this.#pairs = this.#pairs.filter((other) => other !== pair);
    this.#pairs.push(await this.#claim(pair.key));
  }

  async #commit(pair: Pair): Promise<void> {
    const before = { ...pair };
    const commit = this.#randomCommit(pair);
    const outcome = hand(this.#real.storage, pair.real.claim, commit);
    const expected = await hand(this.#model, pair.model.claim, commit);
    void outcome.then((real) => this.#told.push([kindOf(real), kindOf(expected)]));
    this.#handed += 1;
    if (expected.kind !== 'done') Object.assign(pair, before);
    else if (commit.changed.length > 0) this.#values.set(pair.key, commit.values);
  }

  #told: [string, string][] = [];
  #handed = 0;

  async #settle(): Promise<void> {
    while (this.#told.length < this.#handed) await new Promise<void>((resolve) => this.#clock.defer(resolve));
    for (const [real, model] of this.#told.splice(0)) assert.equal(real, model);
    this.#handed = 0;
  }

  #randomCommit(pair: Pair): GrainCommit {
    const number = (pair.number += 1);
    const wallMs = this.#clock.wallMs();
    const some = <T>(share: number, make: () => T): readonly T[] => (this.#chance(share) ? [make()] : []);
    const forget = this.#chance(0.03);
    if (forget) {
      pair.emitted = 0;
      pair.emissionEpoch += 1_000;
    }
    const isChanged = number === 1 || this.#chance(0.5);
    const note = this.#chance(0.1) ? 'x'.repeat(randomBelow(this.#rng, 9_000)) : null;
    const emissions = some(0.3, () => emissionOf((pair.emitted += 1), { at: number }));
    return commitOf(number, {
      values: isChanged ? [number, note] : (this.#values.get(pair.key) ?? [0, null]),
      changed: isChanged ? [0, 1] : [],
      collections: Array.from({ length: randomBelow(this.#rng, 4) }, () => this.#randomChange()),
      marks: some(0.3, () => markOf(`s${randomBelow(this.#rng, 3)}`, number, wallMs)),
      commands: some(0.2, () => commandOf(`c${randomBelow(this.#rng, 30)}`, wallMs)),
      emissions,
      emissionEpoch: pair.emissionEpoch,
      emissionsKept: 5,
      reminders: some(0.2, () => {
        const name = `r${randomBelow(this.#rng, 3)}`;
        return [
          name,
          this.#chance(0.6) ? reminderOf(name, randomBelow(this.#rng, 1_000)) : undefined,
        ] as const;
      }),
      forget,
    });
  }

  /** What an unchanged commit carries: the values as they are. */
  readonly #values = new Map<string, readonly unknown[]>();

  #randomChange(): CollectionChange {
    const field = randomOf(this.#rng, FIELDS) ?? '';
    const key = randomOf(this.#rng, ENTRIES) ?? '';
    const value = this.#rng.next();
    switch (randomBelow(this.#rng, 12)) {
      case 0:
        return del(field, key);
      case 1:
        return clear(field);
      case 2:
        return trim(field, randomBelow(this.#rng, 5));
      case 3:
      case 4:
        return add(field, key, 1);
      case 5:
        return set(field, key, 'not a number');
      case 6:
      case 7:
      case 8:
        return push(field, value);
      default:
        return set(field, key, value);
    }
  }

  async #compareCollections({ real, model }: Pair): Promise<void> {
    const { storage } = this.#real;
    const scan = { ...ALL, from: randomOf(this.#rng, ENTRIES) ?? '', limit: 1 + randomBelow(this.#rng, 7) };
    for (const field of FIELDS) {
      const [left, right] = [real.claim, model.claim];
      assert.deepEqual(
        await storage.readEntries(left, field, ALL),
        this.#model.readEntries(right, field, ALL),
      );
      assert.deepEqual(
        await storage.readEntries(left, field, scan),
        this.#model.readEntries(right, field, scan),
      );
      assert.equal(await storage.listLength(left, field), this.#model.listLength(right, field));
      assert.deepEqual(await storage.readItems(left, field, 1, 9), this.#model.readItems(right, field, 1, 9));
      const key = randomOf(this.#rng, ENTRIES) ?? '';
      assert.deepEqual(await storage.readEntry(left, field, key), this.#model.readEntry(right, field, key));
    }
  }

  async #compareShared(): Promise<void> {
    const { storage } = this.#real;
    assert.deepEqual(await storage.dueReminders(700, 99), this.#model.dueReminders(700, 99));
    for (const key of KEYS) {
      const grain = { tenant: 'default', core: 'airport', key };
      assert.deepEqual(await storage.readEmissions(grain, 1, 3), this.#model.readEmissions(grain, 1, 3));
    }
    for (const pair of this.#pairs) await this.#compareCollections(pair);
  }
}

describe('LmdbStorage: against the model', () => {
  const first = Number(process.env['GRANARY_SEED'] ?? Math.floor(Number(`0x${systemRng.hex(4)}`)));
  for (let seed = first; seed < first + 12; seed += 1) {
    it(`Random commits, reads, take-overs and restarts, seed ${seed}: look as in plain memory`, async () => {
      const folders = new Folders();
      try {
        await new Run(seed, await openUnderTest(folders, folders.next(), newClock())).run();
      } finally {
        await folders.dispose();
      }
    });
  }
});
