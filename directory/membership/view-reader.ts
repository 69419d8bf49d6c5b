// ViewReader: how this process learns of changes that others made, when no push told it.
//   R1. When nothing changes it costs one look at the version per `pollMs`, and nothing else.
//   R2. A record that is behind what was known *before the question was sent* went back; it is mended, not taken.
import type { Clock, Logger, Rng } from '../../lib/index.ts';
import type { MembershipTable, MembershipView, ViewVersion } from './membership-view.ts';
import type { Sleeper } from './retry.ts';
import type { ViewOwner, ViewWriter } from './view-writer.ts';

export interface ViewReaderOptions {
  readonly owner: ViewOwner;
  readonly writer: ViewWriter;
  readonly table: MembershipTable;
  readonly generation: string;
  readonly sleeper: Sleeper;
  readonly clock: Clock;
  readonly rng: Rng;
  readonly log: Logger;
  readonly pollMs: number;
}

/** A moment for pushes to arrive before a strange version is looked into. */
const LOOK_SOON_MS = 500;
/** The first of those who see it mends for all. */
const MEND_SPREAD_MS = 100;

export class ViewReader {
  readonly #options: ViewReaderOptions;
  #reading: Promise<void> | undefined;
  #willLook = false;
  #willMend = false;
  #isStoreAway = false;

  constructor(options: ViewReaderOptions) {
    this.#options = options;
  }

  /** Until a view at least as new as `atLeast` is known; without it, one that was read after this call. */
  async refresh(atLeast: number | undefined): Promise<void> {
    if (this.#hasReached(atLeast)) return;
    // A read that is under way may have been answered before what we are to see was written: it does not count.
    if (this.#reading) await this.#reading.catch(() => undefined);
    if (this.#hasReached(atLeast)) return;
    this.#reading ??= this.#read().finally(() => (this.#reading = undefined));
    await this.#reading;
  }

  /** Ends when the owner stops. */
  async poll(): Promise<void> {
    const { owner, sleeper, rng, pollMs } = this.#options;
    // Jittered: silos that started together would else ask together for ever.
    while (await sleeper.sleep(pollMs * (0.9 + 0.2 * rng.next()))) {
      if (owner.isOver) return;
      await this.#look();
    }
  }

  /** Something that a peer said does not fit: the record tells who is right. */
  lookSoon(): void {
    if (this.#willLook) return;
    this.#willLook = true;
    const look = async (): Promise<void> => {
      if (await this.#options.sleeper.sleep(LOOK_SOON_MS)) await this.#look();
      this.#willLook = false;
    };
    void look();
  }

  /** Makes the record follow what is known here. */
  mend(): void {
    const { owner, writer, sleeper, rng, log } = this.#options;
    if (this.#willMend) return;
    this.#willMend = true;
    const mend = async (): Promise<void> => {
      try {
        if (!(await sleeper.sleep(rng.next() * MEND_SPREAD_MS))) return;
        // Afresh: somebody else may have mended it.
        const record = await this.#record();
        owner.take(record, 'read');
        await writer.change(() => undefined, record);
      } catch (error) {
        if (!owner.isOver) log.warn({ error }, 'membership.mend_failed');
      } finally {
        this.#willMend = false;
      }
    };
    void mend();
  }

  #hasReached(atLeast: number | undefined): boolean {
    const { view } = this.#options.owner.known;
    return atLeast !== undefined && view !== undefined && view.number >= atLeast;
  }

  async #read(): Promise<void> {
    const { owner } = this.#options;
    const held = owner.known.view;
    const record = await this.#record();
    if (owner.isOver) return;
    if (held && this.#isBehind(record, held)) this.mend();
    else owner.take(record, 'read');
  }

  /** Compares versions, and reads the view when it changed. Never rejects. */
  async #look(): Promise<void> {
    const { owner, table, generation, writer, log } = this.#options;
    try {
      const held = owner.known.view;
      const found = await table.version();
      if (owner.isOver || !held) return;
      if (found?.generation !== generation) {
        owner.lose(found);
        return;
      }
      if (this.#isStoreAway) log.info({}, 'membership.store_back');
      this.#isStoreAway = false;
      if (this.#isBehind(found, held)) this.mend();
      else await this.refresh(found.number);
      if (owner.known.hasForgettable) await writer.change(() => undefined);
    } catch (error) {
      if (owner.isOver || this.#isStoreAway) return;
      this.#isStoreAway = true;
      log.warn({ error }, 'membership.store_away');
    }
  }

  /** `held` is what was known when the question was sent: what was pushed since is no sign of anything (R2). */
  #isBehind(found: ViewVersion, held: ViewVersion): boolean {
    return found.number < held.number || (found.number === held.number && found.stamp !== held.stamp);
  }

  /** @throws (rejects) ERR_STORE_LOST, having said so; errors of the store */
  async #record(): Promise<MembershipView> {
    const { owner, table, generation } = this.#options;
    const record = await table.read();
    if (record?.generation !== generation) throw owner.lose(record);
    return record;
  }
}
