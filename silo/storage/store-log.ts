// The log of all emissions. Owns: its positions, its beginning, and waking those who read at its end.
// Its entries point at emissions, which belong to their grains: what a grain forgot is a hole.
//   T1. Positions grow, also over restarts and after everything was trimmed.
//   T2. Nothing before the beginning is read, though its rows may go only in later batches.
//   T3. An emission is deleted when both are past it: its grain, which keeps so many, and the log. Whoever is the second
//       deletes it: the log here, or the grain with the commit that exceeds the number (grain-rows.ts).
import type { BatchEnd, BatchPart } from './batcher.ts';
import type { EmissionPage, LogEntry, LogPage, StoredEmission } from './grain-storage.ts';
import type { Tables, WriteSet } from './lmdb-environment.ts';
import { decode, decodeEmission, decodeHead, decodePointer, encode } from './record-codec.ts';
import { AFTER_NUMBERS, numberedKey, parseGrainName, parseSortable, sortable } from './stored-keys.ts';

const TRIMMED_TO = 'log_trimmed_to';
/** Deleting this many rows takes about a millisecond or two. */
const DELETIONS_PER_BATCH = 500;

interface Asked {
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

export class StoreLog implements BatchPart {
  readonly #tables: Tables;
  readonly #wake: () => void;
  /** The last position given out, and the last that is durable. */
  #position: number;
  #durablePosition: number;
  /** The entries up to here are gone: as asked for, as readers see it, as it is durable. */
  #trimAsked: number;
  #trimmedTo: number;
  #durableTrim: number;
  #waiting: Asked[] = [];
  #flying: Asked[] = [];
  #hasOldRows: boolean;
  /** A batch failed: old rows are no reason for another before somebody else has one. */
  #isPaused = false;
  readonly #listeners = new Set<() => void>();

  constructor(tables: Tables, wake: () => void) {
    this.#tables = tables;
    this.#wake = wake;
    const bytes = tables.meta.get(TRIMMED_TO);
    this.#durableTrim = bytes ? Number(decode(bytes)) : 0;
    this.#trimmedTo = this.#durableTrim;
    this.#trimAsked = this.#durableTrim;
    const last = tables.log.lastKey();
    this.#position = Math.max(this.#trimmedTo, last === undefined ? 0 : parseSortable(last));
    this.#durablePosition = this.#position;
    this.#hasOldRows = this.#trimmedTo > 0;
  }

  /** The entries up to this one are gone. */
  get trimmedTo(): number {
    return this.#trimmedTo;
  }

  readonly nextPosition = (): number => {
    this.#position += 1;
    return this.#position;
  };

  onAppend(wake: () => void): () => void {
    this.#listeners.add(wake);
    return () => {
      this.#listeners.delete(wake);
    };
  }

  read(after: number, limit: number): LogPage {
    const entries: LogEntry[] = [];
    let last = Math.max(after, this.#trimmedTo);
    let seen = 0;
    if (limit > 0) {
      this.#tables.log.scan(sortable(last + 1), AFTER_NUMBERS, (key, bytes) => {
        last = parseSortable(key);
        const { grain, emissionEpoch, n } = decodePointer(bytes);
        const emission = this.#follow(grain, emissionEpoch, n);
        if (emission)
          entries.push({ position: last, source: parseGrainName(grain), emissionEpoch, emission });
        seen += 1;
        return seen < limit;
      });
    }
    return { first: this.#trimmedTo + 1, last, entries };
  }

  #follow(grain: string, emissionEpoch: number, n: number): StoredEmission | undefined {
    const bytes = this.#tables.emissions.get(numberedKey(grain, n));
    const stored = bytes && decodeEmission(n, bytes);
    return stored?.emissionEpoch === emissionEpoch ? stored.emission : undefined;
  }

  readEmissions(name: string, after: number, limit: number): EmissionPage {
    const bytes = this.#tables.grains.get(name);
    const counters = bytes && decodeHead(bytes).counters;
    if (!counters) return { emissionEpoch: 0, first: 1, last: 0, emissions: [] };
    const { emissionEpoch, oldest: first, emitted: last } = counters;
    const emissions: StoredEmission[] = [];
    const start = Math.max(first, after + 1);
    for (let n = start; n <= last && emissions.length < limit; n += 1) {
      const row = this.#tables.emissions.get(numberedKey(name, n));
      if (row) emissions.push(decodeEmission(n, row).emission);
    }
    return { emissionEpoch, first, last, emissions };
  }

  /** Resolves when the new beginning is durable. */
  async trim(position: number): Promise<void> {
    const trimTo = Math.min(position, this.#durablePosition);
    if (trimTo <= this.#durableTrim) return;
    this.#trimAsked = Math.max(trimTo, this.#trimAsked);
    await new Promise<void>((resolve, reject) => {
      this.#waiting.push({ resolve, reject });
      this.#wake();
    });
  }

  // ---- Batches ----

  get isWaiting(): boolean {
    return this.#waiting.length > 0 || (this.#hasOldRows && !this.#isPaused);
  }

  seal(rows: WriteSet): void {
    this.#flying = this.#waiting;
    this.#waiting = [];
    if (this.#trimAsked > this.#durableTrim) {
      this.#trimmedTo = this.#trimAsked;
      this.#hasOldRows = true;
      rows.put('meta', TRIMMED_TO, encode(this.#trimmedTo));
    }
    if (this.#hasOldRows) this.#deleteOldRows(rows);
  }

  #deleteOldRows(rows: WriteSet): void {
    let deleted = 0;
    this.#tables.log.scan(sortable(0), sortable(this.#trimmedTo + 1), (key, bytes) => {
      rows.remove('log', key);
      this.#deleteOldEmission(bytes, rows);
      deleted += 1;
      return deleted < DELETIONS_PER_BATCH;
    });
    this.#hasOldRows = deleted === DELETIONS_PER_BATCH;
  }

  /** T3. The head is read as it is before this batch: an older one only leaves the deletion to the grain. */
  #deleteOldEmission(pointer: Uint8Array, rows: WriteSet): void {
    const { grain, emissionEpoch, n } = decodePointer(pointer);
    const head = this.#tables.grains.get(grain);
    const counters = head && decodeHead(head).counters;
    if (counters?.emissionEpoch === emissionEpoch && n < counters.oldest) {
      rows.remove('emissions', numberedKey(grain, n));
    }
  }

  settle({ error }: BatchEnd): void {
    this.#isPaused = error !== undefined;
    if (error) {
      this.#hasOldRows = true;
      this.#trimmedTo = this.#durableTrim;
      this.#trimAsked = this.#durableTrim;
    } else this.#durableTrim = this.#trimmedTo;
    const hasAppended = !error && this.#position > this.#durablePosition;
    this.#durablePosition = this.#position;
    for (const { resolve, reject } of this.#flying.splice(0)) {
      if (error) reject(error);
      else resolve();
    }
    if (hasAppended) for (const wake of this.#listeners) wake();
  }
}
