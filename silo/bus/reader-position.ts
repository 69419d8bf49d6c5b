// ReaderPosition: how far one reader of the log has come, kept as a record of the storage.
// Owns: when it is written. Does not own: what it is (log-reader.ts).
//   P1. What is stored is never ahead of what is settled: a crash leads to redeliveries, never to holes.
//   P2. One write at a time; what changes during a write is in the next one.
//   P3. An idle reader writes nothing.
import { type Clock, GrainError, type Logger, type TimerHandle } from '../../lib/index.ts';
import type { GrainStorage } from '../storage/grain-storage.ts';

export interface PositionRecord {
  /** Everything up to here is settled. */
  readonly position: number;
  /** Positions after it whose events became dead letters: not delivered again, which could take effect twice. */
  readonly buried: readonly number[];
  /** Of a replay: where it ends, and the time of emission that it begins with. */
  readonly until?: number;
  readonly fromWallMs?: number;
  /** The history of the store that it is a position in; another one counts anew, and knows nothing of these. */
  readonly generation?: string | undefined;
}

/** @throws ERR_STORE_CORRUPT */
export function parsePosition(name: string, value: unknown): PositionRecord | undefined {
  if (value === undefined) return undefined;
  const record = value as Partial<PositionRecord> | null;
  if (typeof record?.position === 'number' && Array.isArray(record.buried)) return record as PositionRecord;
  throw new GrainError('ERR_STORE_CORRUPT', {
    message: `the record ${name} is not a position`,
    record: name,
  });
}

export interface PositionParts {
  readonly storage: GrainStorage;
  readonly clock: Clock;
  readonly log: Logger;
  readonly name: string;
  readonly positionMs: number;
  readonly positionEntries: number;
  /** The record as of now. */
  readonly current: () => PositionRecord;
}

export class ReaderPosition {
  readonly #parts: PositionParts;
  #timer: TimerHandle | undefined = undefined;
  #settledCount = 0;
  #writing: Promise<void> | undefined = undefined;
  #isClosed = false;

  constructor(parts: PositionParts) {
    this.#parts = parts;
  }

  /** The reader came further, by so many delivered events. */
  moved(settled: number): void {
    if (this.#isClosed) return;
    this.#settledCount += settled;
    if (this.#settledCount >= this.#parts.positionEntries && !this.#writing) this.#writeInBackground();
    else this.#timer ??= this.#parts.clock.setTimer(this.#parts.positionMs, () => this.#writeInBackground());
  }

  #writeInBackground(): void {
    this.flush().catch((error: unknown) => {
      this.#parts.log.warn({ err: error, record: this.#parts.name }, 'bus.position_failed');
      this.moved(0);
    });
  }

  /** Writes what is so now. @throws what the storage throws */
  async flush(): Promise<void> {
    while (this.#writing) await this.#writing.catch(() => undefined);
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#settledCount = 0;
    const { storage, name, current } = this.#parts;
    const writing = storage.putRecord(name, current());
    this.#writing = writing;
    try {
      await writing;
    } finally {
      if (this.#writing === writing) this.#writing = undefined;
    }
  }

  /** Nothing is written any more, but for `flush` and `delete`. */
  close(): void {
    this.#isClosed = true;
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  /** A replay that has ended leaves no record. */
  async delete(): Promise<void> {
    this.close();
    while (this.#writing) await this.#writing.catch(() => undefined);
    await this.#parts.storage.putRecord(this.#parts.name, undefined);
  }
}
