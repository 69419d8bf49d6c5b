// ViewWriter: every change that this process makes of the membership record.
//   W1. One at a time, in the order of the calls. Each is decided anew on what somebody else's change left.
//   W2. An outcome that is not known is found out by the next try, never assumed.
//   W3. Where the store went back behind what is known here, the same compare-and-set mends it (`reconciled`).
import { type Clock, GrainError, type Logger, type Rng } from '../../lib/index.ts';
import type { KnownView } from './known-view.ts';
import type { MembershipTable, MembershipView, ViewVersion } from './membership-view.ts';
import { Retry, type Sleeper } from './retry.ts';
import { type Change, reconciled, tidied } from './view-changes.ts';

/** Where a view came from: `change` is our own doing, and for us to push to the others. */
export type ViewSource = 'change' | 'push' | 'read';

/** What the reader and the writer need of the membership around them. */
export interface ViewOwner {
  readonly known: KnownView;
  readonly isOver: boolean;
  /** @throws ERR_STORE_LOST, ERR_CLUSTER_FAILED when nothing may be changed any more */
  check(): void;
  /** Looks for our own fate in what the record is going to be, before we change it. */
  face(base: MembershipView): void;
  take(view: MembershipView, source: ViewSource): void;
  /** The record is gone, or another one. Answers the error to throw. */
  lose(found: ViewVersion | undefined): GrainError;
}

export interface ViewWriterOptions {
  readonly owner: ViewOwner;
  readonly table: MembershipTable;
  readonly sleeper: Sleeper;
  readonly clock: Clock;
  readonly rng: Rng;
  readonly log: Logger;
  readonly changeMs: number;
}

export class ViewWriter {
  readonly #options: ViewWriterOptions;
  /** The end of the queue (W1). */
  #last: Promise<unknown> = Promise.resolve();

  constructor(options: ViewWriterOptions) {
    this.#options = options;
  }

  /**
   * `record`: the record as it was read, where that is not what is known.
   * @throws (rejects) as `owner.check`; errors of the store after `changeMs`
   */
  change(change: Change, record?: MembershipView): Promise<MembershipView> {
    const done = this.#last.then(() => this.#run(change, record));
    this.#last = done.catch(() => undefined);
    return done;
  }

  async #run(change: Change, found: MembershipView | undefined): Promise<MembershipView> {
    const { owner, table, sleeper, clock, rng, changeMs } = this.#options;
    const untilMs = clock.nowMs() + changeMs;
    // A conflict means that somebody got on; a store that is away needs longer.
    const conflicts = new Retry(rng, { firstMs: 2, mostMs: 50 });
    const failures = new Retry(rng, { firstMs: 20, mostMs: 500 });
    let record = found ?? this.#known;
    for (;;) {
      owner.check();
      let pauseMs: number;
      let failure: unknown = new GrainError('ERR_STORE_UNAVAILABLE', {
        message: 'the record changes too often',
      });
      try {
        const next = this.#next(record, change);
        if (!next) return this.#known;
        const outcome = await table.change(next, record);
        if (outcome.kind === 'lost') throw owner.lose(outcome.found);
        const view = outcome.kind === 'changed' ? next : outcome.view;
        owner.take(view, outcome.kind === 'changed' ? 'change' : 'read');
        if (outcome.kind === 'changed') return next;
        record = view;
        pauseMs = conflicts.nextMs();
      } catch (error) {
        if (owner.isOver || !(error instanceof GrainError)) throw error;
        failure = error;
        // It may have been written: the compare-and-set on the same base then says so (W2).
        pauseMs = failures.nextMs();
      }
      if (clock.nowMs() >= untilMs) throw failure;
      await sleeper.sleep(pauseMs);
    }
  }

  get #known(): MembershipView {
    const { view } = this.#options.owner.known;
    if (view) return view;
    throw new GrainError('ERR_CLUSTER_FAILED', { message: 'the membership has not been read yet' });
  }

  /** What the record is to become; undefined: it is as it should be. */
  #next(record: MembershipView, change: Change): MembershipView | undefined {
    const { owner, rng, log } = this.#options;
    const { wasDead, mayForget } = owner.known;
    const base = reconciled(record, this.#known, wasDead);
    owner.face(base);
    const body = change(base);
    const tidy = tidied(body ?? base, mayForget);
    if (!body && base === record && tidy.members.length === base.members.length) return undefined;
    if (base !== record) {
      const fields = { found: record.number, known: this.#known.number };
      log.warn(fields, 'membership.mended: the store had gone back to an older view');
    }
    return { number: base.number + 1, generation: base.generation, stamp: rng.hex(8), ...tidy };
  }
}
