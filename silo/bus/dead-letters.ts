// DeadLetters: the events that subscribers could not apply, as records of the storage.
// Owns: their names and their bound. Does not own: when an event is given up (delivery.ts).
//   D1. The name follows from Core, position and replay: an event given up twice is one letter.
//   D2. A Core has at most `max` letters; the oldest go first, counted and logged.
import { GrainError, type Logger } from '../../lib/index.ts';
import type { GrainStorage } from '../storage/grain-storage.ts';
import type { DeadLetter } from './event-bus.ts';

const PREFIX = 'bus/dead/';
const PAGE_SIZE = 500;
const POSITION_DIGITS = 16;

export class DeadLetters {
  readonly #storage: GrainStorage;
  readonly #log: Logger;
  readonly #max: number;
  /** Letters by Core; absent until they were counted. */
  readonly #counts = new Map<string, number>();
  #tail: Promise<void> = Promise.resolve();
  /** Letters dropped by D2. */
  dropped = 0;

  constructor(storage: GrainStorage, log: Logger, max: number) {
    this.#storage = storage;
    this.#log = log;
    this.#max = max;
  }

  static idOf(core: string, position: number, replayId: string | undefined): string {
    const id = `${core}/${String(position).padStart(POSITION_DIGITS, '0')}`;
    return replayId === undefined ? id : `${id}@${replayId}`;
  }

  /** Durable when it resolves. */
  put(letter: DeadLetter): Promise<void> {
    return this.#next(() => this.#put(letter));
  }

  async #put(letter: DeadLetter): Promise<void> {
    const before = await this.#count(letter.core);
    const name = PREFIX + letter.id;
    const isNew = (await this.#storage.getRecord(name)) === undefined;
    await this.#storage.putRecord(name, letter);
    if (!isNew) return;
    this.#counts.set(letter.core, (this.#counts.get(letter.core) ?? before) + 1);
    while ((this.#counts.get(letter.core) ?? 0) > this.#max) await this.#dropOldest(letter.core);
  }

  async get(id: string): Promise<DeadLetter> {
    const letter = await this.#storage.getRecord(PREFIX + id);
    if (letter === undefined) throw new GrainError('ERR_LETTER_UNKNOWN', { letter: id.slice(0, 128) });
    return letter as DeadLetter;
  }

  delete(id: string): Promise<void> {
    return this.#next(async () => {
      const { core } = await this.get(id);
      await this.#count(core);
      await this.#remove(core, PREFIX + id);
    });
  }

  /** One change after the other, so that the count stays true. */
  #next(change: () => Promise<void>): Promise<void> {
    const done = this.#tail.then(change);
    this.#tail = done.catch(() => undefined);
    return done;
  }

  async list(core: string, after: string, limit: number): Promise<readonly DeadLetter[]> {
    const prefix = `${PREFIX}${core}/`;
    const found = await this.#storage.listRecords(prefix, after === '' ? prefix : PREFIX + after, limit);
    return found.map(([, letter]) => letter as DeadLetter);
  }

  /** Positions after `position` whose events the live reader gave up. */
  async positionsAfter(core: string, position: number): Promise<number[]> {
    const positions: number[] = [];
    let after = `${DeadLetters.idOf(core, position, undefined)}~`;
    for (;;) {
      const page = await this.list(core, after, PAGE_SIZE);
      for (const letter of page) {
        if (letter.replayId === undefined) positions.push(letter.position);
        after = letter.id;
      }
      if (page.length < PAGE_SIZE) return positions;
    }
  }

  async #dropOldest(core: string): Promise<void> {
    const [oldest] = await this.list(core, '', 1);
    if (!oldest) {
      this.#counts.set(core, 0);
      return;
    }
    await this.#remove(core, PREFIX + oldest.id);
    this.dropped += 1;
    this.#log.warn({ core, letter: oldest.id, max: this.#max }, 'bus.letter_dropped');
  }

  async #remove(core: string, name: string): Promise<void> {
    await this.#storage.putRecord(name, undefined);
    this.#counts.set(core, Math.max(0, (this.#counts.get(core) ?? 1) - 1));
  }

  async #count(core: string): Promise<number> {
    const known = this.#counts.get(core);
    if (known !== undefined) return known;
    let count = 0;
    let after = '';
    for (;;) {
      const page = await this.list(core, after, PAGE_SIZE);
      count += page.length;
      after = page.at(-1)?.id ?? after;
      if (page.length < PAGE_SIZE) break;
    }
    this.#counts.set(core, count);
    return count;
  }
}
