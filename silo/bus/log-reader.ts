// LogReader: one Core's way along the log of emitted events; a replay is a second one beside it.
// Owns: how far the log was read, and the stored position. Does not own: the log and its bound (storage,
// log-retention.ts), the events that were read (source-lanes.ts).
//   L1. Everything up to the stored position is settled (N2): a crash leads to redeliveries, which marks recognise.
//   L2. What is read ahead is bounded: `windowMax` events, and `windowBytesMax` bytes or one page more.
//   L3. A hole between what was read and what the log still has is told as a gap, before anything after it is offered.
import {
  backoffMs,
  type Clock,
  type CoreDefinition,
  fromUnknown,
  isPromise,
  type Logger,
  type Rng,
  type TimerHandle,
} from '../../lib/index.ts';
import type { Envelope } from '../messaging/envelope.ts';
import type { GrainStorage, LogEntry, LogPage } from '../storage/grain-storage.ts';
import type { ResolvedBusOptions } from './bus-options.ts';
import type { DeadLetters } from './dead-letters.ts';
import { eventUri } from './delivery.ts';
import type { BusGap, ReaderReport } from './event-bus.ts';
import { type PositionRecord, ReaderPosition } from './reader-position.ts';
import { SourceLanes } from './source-lanes.ts';

const PAGE_SIZE = 64;
const READ_BACKOFF = { firstMs: 100, mostMs: 30_000 };

export interface ReaderParts {
  readonly storage: GrainStorage;
  readonly dispatch: (envelope: Envelope) => void;
  readonly clock: Clock;
  readonly rng: Rng;
  readonly log: Logger;
  readonly options: ResolvedBusOptions;
  readonly letters: DeadLetters;
  readonly core: string;
  /** The Core as it is hosted now. */
  readonly definition: () => CoreDefinition;
  readonly replayId: string | undefined;
  /** Names this history of the store. */
  readonly generation: string | undefined;
}

export interface ReaderEvents {
  readonly onGap: (gap: BusGap) => void;
  /** A replay has reached its end. */
  readonly onComplete: (reader: LogReader) => void;
}

export class LogReader {
  readonly #parts: ReaderParts;
  readonly #events: ReaderEvents;
  readonly #until: number;
  readonly #fromWallMs: number;
  readonly #position: ReaderPosition;
  readonly #lanes: SourceLanes;
  /** Everything up to here was read. */
  #readTo: number;
  #state: 'running' | 'stopped' = 'running';
  /** Whether the log may have more than was read. */
  #hasMore = true;
  /** From the wish to read until the page is taken. */
  #isReading = false;
  #readFailures = 0;
  #readTimer: TimerHandle | undefined = undefined;
  #gaps = 0;
  #holes = 0;

  /** @param record the name under which its position is stored; `start` is what is stored there. */
  constructor(parts: ReaderParts, events: ReaderEvents, record: string, start: PositionRecord) {
    this.#parts = parts;
    this.#events = events;
    this.#readTo = start.position;
    this.#until = start.until ?? Infinity;
    this.#fromWallMs = start.fromWallMs ?? -Infinity;
    const { storage, clock, log, options } = parts;
    const { positionMs, positionEntries } = options;
    const current = (): PositionRecord => this.#record();
    this.#position = new ReaderPosition({
      ...{ storage, clock, log, name: record, positionMs, positionEntries, current },
    });
    this.#lanes = new SourceLanes(
      {
        ...parts,
        readTo: () => this.#readTo,
        isWanted: (entry) => this.#isWanted(entry),
        onGap: (after, to) => this.#gap(after, to),
        onRoom: (settledCount) => {
          if (settledCount > 0) this.#position.moved(settledCount);
          this.#askRead();
        },
        onEmpty: () => this.#checkComplete(),
      },
      start.buried,
    );
    this.wake();
    clock.defer(() => this.#checkComplete());
  }

  get core(): string {
    return this.#parts.core;
  }

  get replayId(): string | undefined {
    return this.#parts.replayId;
  }

  /** Everything up to here was read. */
  get readTo(): number {
    return this.#readTo;
  }

  /** Everything up to here is settled. */
  get settledTo(): number {
    return Math.min(this.#readTo, this.#lanes.firstPosition - 1);
  }

  /** The log may have more. */
  wake(): void {
    this.#hasMore = true;
    this.#askRead();
  }

  /** Stores how far it is. */
  flush(): Promise<void> {
    return this.#position.flush();
  }

  /** Ends it; waits for running deliveries at most `stopMs`. Its record stays, unless `isForGood`. */
  async stop(isForGood = false): Promise<void> {
    if (this.#state === 'stopped') return;
    this.#state = 'stopped';
    this.#readTimer?.cancel();
    await this.#lanes.stop();
    this.#position.close();
    await (isForGood ? this.#position.delete() : this.#position.flush());
  }

  /** Ends it where it is: its position stays as it was stored last. */
  abandon(): void {
    if (this.#state === 'stopped') return;
    this.#state = 'stopped';
    this.#readTimer?.cancel();
    this.#position.close();
    void this.#lanes.stop();
  }

  report(): ReaderReport {
    const { waiting, running, failingSources, delivered, retried, deadLettered } = this.#lanes;
    const { core, replayId, settledTo: position, readTo } = this;
    const counts = { waiting, running, failingSources, delivered, retried, deadLettered };
    return { core, replayId, position, readTo, ...counts, gaps: this.#gaps, holes: this.#holes };
  }

  #record(): PositionRecord {
    const position = this.settledTo;
    const { buried } = this.#lanes;
    for (const settled of buried) if (settled <= position) buried.delete(settled);
    return {
      position,
      buried: [...buried],
      ...(this.#until === Infinity ? {} : { until: this.#until }),
      ...(this.#fromWallMs === -Infinity ? {} : { fromWallMs: this.#fromWallMs }),
      ...(this.#parts.generation === undefined ? {} : { generation: this.#parts.generation }),
    };
  }

  #askRead(): void {
    if (!this.#hasMore || this.#isReading || this.#state === 'stopped') return;
    if (this.#lanes.room === 0 || this.#readTo >= this.#until) return;
    this.#isReading = true;
    this.#parts.clock.defer(() => this.#read());
  }

  #read(): void {
    if (this.#state === 'stopped') return;
    this.#hasMore = false;
    try {
      const limit = Math.max(1, Math.min(PAGE_SIZE, this.#lanes.room));
      const page = this.#parts.storage.readLog(this.#readTo, limit);
      if (isPromise(page)) page.then((read) => this.#take(read), this.#readFailed);
      else this.#take(page);
    } catch (error) {
      this.#readFailed(error);
    }
  }

  readonly #readFailed = (thrown: unknown): void => {
    if (this.#state === 'stopped') return;
    this.#readFailures += 1;
    const { log, clock, core } = this.#parts;
    log.warn({ err: fromUnknown(thrown), core }, 'bus.read_failed');
    this.#readTimer = clock.setTimer(backoffMs(this.#readFailures, READ_BACKOFF), () => this.#read());
  };

  /** The page after `#readTo`, which only moves here. */
  #take(page: LogPage): void {
    if (this.#state === 'stopped') return;
    this.#readFailures = 0;
    this.#isReading = false;
    const after = this.#readTo;
    if (page.last < after) this.#wentBack(page.last);
    if (page.first > after + 1) this.#gap(after, Math.min(page.first - 1, this.#until));
    this.#countHoles(Math.max(after, page.first - 1), page);
    for (const entry of page.entries) {
      if (entry.position > this.#readTo && this.#isWanted(entry)) {
        this.#lanes.offer(entry);
      }
    }
    this.#readTo = Math.min(page.last, this.#until);
    if (page.last !== after) {
      this.#hasMore = true;
      this.#position.moved(0);
    }
    this.#askRead();
    this.#checkComplete();
  }

  /** A failover lost the end of the log: what it grows again would be passed over. */
  #wentBack(last: number): void {
    const { log } = this.#parts;
    log.error({ core: this.core, replayId: this.replayId, readTo: this.#readTo, last }, 'bus.log_went_back');
    this.#gap(last, this.#readTo);
  }

  /** Whether this entry is one to deliver, by what it is. */
  #isWanted({ position, source, emission }: LogEntry): boolean {
    if (position > this.#until || emission.wallMs < this.#fromWallMs) return false;
    const isHeard = this.#parts.definition().on.has(eventUri(source.core, emission.event));
    return isHeard && !this.#lanes.buried.has(position);
  }

  /** Log entries point at what their grains keep; one that leads nowhere may have been for this Core. */
  #countHoles(after: number, { last, entries }: LogPage): void {
    const count = last - after - entries.length;
    if (count <= 0) return;
    this.#holes += count;
    this.#parts.log.warn({ core: this.core, replayId: this.replayId, after, last, count }, 'bus.holes_found');
  }

  #gap(from: number, to: number): void {
    this.#gaps += 1;
    const gap = { core: this.core, replayId: this.replayId, from, to };
    this.#parts.log.warn(gap, 'bus.gap_found');
    this.#events.onGap(gap);
  }

  #checkComplete(): void {
    if (this.#readTo < this.#until || !this.#lanes.isEmpty || this.#state === 'stopped') return;
    this.#events.onComplete(this);
  }
}
