// LogRetention: keeps the log of emitted events within its bounds of count and age.
// Owns: when the log is trimmed, and to where. Does not own: what readers make of it (log-reader.ts).
//   T1. The log keeps at most `entriesMax` entries and none older than `ageMs`, give or take one pause of `trimMs`.
//   T2. It trims also what a reader has not read (P8 binds, not the slowest reader), and says so.
import { type Clock, fromUnknown, type Logger, type TimerHandle } from '../../lib/index.ts';
import type { GrainStorage } from '../storage/grain-storage.ts';
import type { ResolvedBusOptions } from './bus-options.ts';
import { findLogEnd } from './log-end.ts';

const PAGE_SIZE = 256;

export interface RetentionParts {
  readonly storage: GrainStorage;
  readonly clock: Clock;
  readonly log: Logger;
  readonly options: ResolvedBusOptions;
  /** The log ends at `to` from now on, before it is trimmed to there. */
  readonly onTrim: (to: number) => void;
  /** Whether it is this process that trims; it is, when nobody says. */
  readonly isWanted?: (() => boolean) | undefined;
}

export class LogRetention {
  readonly #parts: RetentionParts;
  #timer: TimerHandle | undefined = undefined;
  #isStopped = false;
  /** Where the log ended when it was last looked at. */
  #end = 0;
  /** Entries trimmed since the start. */
  trimmed = 0;

  constructor(parts: RetentionParts) {
    this.#parts = parts;
  }

  start(): void {
    this.#arm();
  }

  stop(): void {
    this.#isStopped = true;
    this.#timer?.cancel();
  }

  #arm(): void {
    if (this.#isStopped) return;
    this.#timer = this.#parts.clock.setTimer(this.#parts.options.trimMs, () => {
      this.#trim()
        .catch((error: unknown) => this.#parts.log.warn({ err: fromUnknown(error) }, 'bus.trim_failed'))
        .finally(() => this.#arm());
    });
  }

  async #trim(): Promise<void> {
    const { storage, options, onTrim, isWanted } = this.#parts;
    if (isWanted?.() === false) return;
    const { first } = await storage.readLog(0, 1);
    this.#end = await findLogEnd(storage, Math.max(this.#end, first - 1));
    const byCount = this.#end - options.entriesMax;
    const to = await this.#lastOld(Math.max(byCount, first - 1));
    if (to < first || this.#isStopped) return;
    onTrim(to);
    await storage.trimLog(to);
    this.trimmed += to - first + 1;
  }

  /** Position of the last entry of those after `after` that are all too old; `after` when there are none. */
  async #lastOld(after: number): Promise<number> {
    const { storage, clock, options } = this.#parts;
    const before = clock.wallMs() - options.ageMs;
    let to = after;
    while (!this.#isStopped) {
      const page = await storage.readLog(to, PAGE_SIZE);
      const young = page.entries.findIndex(({ emission }) => emission.wallMs >= before);
      if (young >= 0) return page.entries[young - 1]?.position ?? to;
      if (page.last <= to) return to;
      to = page.last;
      await new Promise<void>((resolve) => clock.defer(resolve));
    }
    return to;
  }
}
