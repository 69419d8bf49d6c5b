import { estimateBytes, Fifo, type TimerHandle } from '../../lib/index.ts';
import type { LogEntry } from '../storage/grain-storage.ts';
import { type BusEvent, eventUri } from './delivery.ts';

/** An event that one reader has read and not settled. */
export interface LaneEvent extends BusEvent {
  readonly position: number;
  readonly wallMs: number;
  /** Estimated size of its data. */
  readonly bytes: number;
}

export function laneEvent({ position, source, emissionEpoch, emission }: LogEntry): LaneEvent {
  const { n, event, data, wallMs } = emission;
  const bytes = estimateBytes(data);
  return { position, event: eventUri(source.core, event), source, emissionEpoch, n, data, wallMs, bytes };
}

export type LaneState =
  /** Nothing to do: the lane is about to go. */
  | 'idle'
  /** In the queue of those whose next event may be delivered. */
  | 'ready'
  /** Its first event is being delivered. */
  | 'running'
  /** Its first event failed and waits to be tried again. */
  | 'pausing'
  /** Its first event is being written to the dead letters. */
  | 'burying'
  /** Waits for its events to be read again, or is reading them. */
  | 'refilling';

/** The events of one source grain that one reader has read and not settled, in order. */
export class SourceLane {
  readonly name: string;
  readonly queue = new Fifo<LaneEvent>();
  state: LaneState = 'idle';
  /** Failed deliveries of the first event. */
  attempts = 0;
  /**
   * Position of the first event of this source that was read and let go again; those from there on are read anew. While a
   * source fails it keeps only its first event, so that it cannot fill the reader's window.
   */
  spilledFrom: number | undefined = undefined;
  /** The grain that took the last event, to tell the next one's mark what it follows; undefined: unknown. */
  last: { readonly target: string; readonly epoch: number; readonly n: number } | undefined = undefined;
  timer: TimerHandle | undefined = undefined;

  constructor(name: string) {
    this.name = name;
  }

  /** Position of its first unsettled event; Infinity when there is none. */
  get position(): number {
    return this.queue.peek()?.position ?? this.spilledFrom ?? Infinity;
  }

  /** `prev` of the mark for an event to `target` (hazards.md 3): 0 where it is not known, which is always safe. */
  prevFor(target: string | undefined, epoch: number): number {
    const { last } = this;
    return last !== undefined && last.target === target && last.epoch === epoch ? last.n : 0;
  }
}
