// LaneRefill: reads again what failing sources let go of (source-lane.ts).
// Owns: which lanes wait for it, and the reads. Does not own: the lanes' events once they are handed over.
//   F1. A lane gets its source's events in order, up to where the reader itself has read; from there on the reader
//       hands them over again, and `spilledFrom` is undefined.
//   F2. A few lanes at a time: each passes over the log once, however many events of others lie between its own.
import { backoffMs, type Clock, Fifo, formatGrainId, fromUnknown, type Logger } from '../../lib/index.ts';
import type { GrainStorage, LogEntry } from '../storage/grain-storage.ts';
import type { SourceLane } from './source-lane.ts';

const CONCURRENCY = 4;
const PAGE_SIZE = 64;
const BACKOFF = { firstMs: 100, mostMs: 30_000 };

export interface RefillParts {
  readonly storage: GrainStorage;
  readonly clock: Clock;
  readonly log: Logger;
  readonly readTo: () => number;
  /** How many events a lane may get now; at least 1. */
  readonly room: () => number;
  readonly isWanted: (entry: LogEntry) => boolean;
  readonly take: (lane: SourceLane, entry: LogEntry) => void;
  readonly onGap: (from: number, to: number) => void;
  /** The lane has events again, or there were none left. */
  readonly done: (lane: SourceLane) => void;
}

export class LaneRefill {
  readonly #parts: RefillParts;
  readonly #lanes = new Fifo<SourceLane>();
  #running = 0;
  #isStopped = false;

  constructor(parts: RefillParts) {
    this.#parts = parts;
  }

  add(lane: SourceLane): void {
    this.#lanes.push(lane);
    this.#start();
  }

  stop(): void {
    this.#isStopped = true;
  }

  #start(): void {
    while (this.#running < CONCURRENCY) {
      const lane = this.#lanes.shift();
      if (!lane) return;
      this.#running += 1;
      // Not in this call: the caller is in the middle of settling something.
      this.#parts.clock.defer(() => void this.#run(lane));
    }
  }

  async #run(lane: SourceLane): Promise<void> {
    const { clock, log } = this.#parts;
    for (let failures = 0; !this.#isStopped;) {
      try {
        if (await this.#readPage(lane)) break;
        failures = 0;
        await new Promise<void>((resolve) => clock.defer(resolve));
      } catch (error) {
        failures += 1;
        log.warn({ err: fromUnknown(error), source: lane.name }, 'bus.refill_failed');
        await new Promise<void>((resolve) => clock.setTimer(backoffMs(failures, BACKOFF), resolve));
      }
    }
    this.#running -= 1;
    if (this.#isStopped) return;
    this.#parts.done(lane);
    this.#start();
  }

  /** True when the lane has enough, or nothing is left for it. */
  async #readPage(lane: SourceLane): Promise<boolean> {
    const { storage, readTo, room, isWanted, take, onGap } = this.#parts;
    const after = (lane.spilledFrom ?? 0) - 1;
    const page = await storage.readLog(after, PAGE_SIZE);
    if (this.#isStopped) return true;
    if (page.first > after + 1) onGap(after, page.first - 1);
    let left = room() - lane.queue.size;
    for (const entry of page.entries) {
      if (entry.position > readTo()) break;
      if (formatGrainId(entry.source) !== lane.name || !isWanted(entry)) continue;
      if (left <= 0) {
        lane.spilledFrom = entry.position;
        return true;
      }
      take(lane, entry);
      left -= 1;
    }
    const isAtEnd = page.last <= after || page.last >= readTo();
    lane.spilledFrom = isAtEnd ? undefined : page.last + 1;
    return isAtEnd || left <= 0;
  }
}
