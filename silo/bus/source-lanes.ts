// SourceLanes: the events that one reader has in hand, by source; delivers them.
// Owns: the order of each source, what is in flight, retries and dead letters. Does not own: reading the log
// (log-reader.ts), the flows (catalog).
//   N1. Of one source, at most one event is being delivered, and none before the one before it is settled.
//   N2. Settled means: the grain answered, or the event is a durable dead letter.
//   N3. A source that fails keeps its first event; the others are let go and read again later (lane-refill.ts), so it
//       holds up no other source.
//   N4. At most `concurrency` deliveries run; one pump takes the sources in the order in which they became ready.
//   N5. After `stop` nothing is dispatched, and after `close` settlements change nothing.
import { backoffMs, Fifo, formatGrainId, fromUnknown, type GrainError } from '../../lib/index.ts';
import { Envelope } from '../messaging/envelope.ts';
import type { LogEntry } from '../storage/grain-storage.ts';
import { DeadLetters } from './dead-letters.ts';
import { address, decideFailure, targetKey } from './delivery.ts';
import { LaneRefill } from './lane-refill.ts';
import type { ReaderParts } from './log-reader.ts';
import { type LaneEvent, laneEvent, SourceLane } from './source-lane.ts';

/** Dispatches in one go, before other work of the process has its chance. */
const SLICE = 64;
const BURY_BACKOFF = { firstMs: 1_000, mostMs: 60_000 };

export interface LanesParts extends ReaderParts {
  /** Everything up to here was read by the reader. */
  readonly readTo: () => number;
  readonly isWanted: (entry: LogEntry) => boolean;
  readonly onGap: (after: number, to: number) => void;
  /** An event was settled, or let go: there is room. */
  readonly onRoom: (settledCount: number) => void;
  /** No source has anything left. */
  readonly onEmpty: () => void;
}

class Delivery extends Envelope {
  readonly #settle: (error: GrainError | undefined) => void;

  constructor(settle: (error: GrainError | undefined) => void) {
    super();
    this.#settle = settle;
  }

  protected override onResult(): void {
    this.#settle(undefined);
  }

  protected override onError(error: GrainError): void {
    this.#settle(error);
  }
}

export class SourceLanes {
  readonly #parts: LanesParts;
  #state: 'running' | 'stopping' | 'closed' = 'running';
  readonly #lanes = new Map<string, SourceLane>();
  readonly #ready = new Fifo<SourceLane>();
  readonly #refill: LaneRefill;
  #isPumping = false;
  #isPumpAsked = false;
  #waiting = 0;
  #waitingBytes = 0;
  #running = 0;
  #onQuiet: (() => void) | undefined = undefined;
  /** Positions of events that became dead letters. */
  readonly buried: Set<number>;
  delivered = 0;
  retried = 0;
  deadLettered = 0;

  constructor(parts: LanesParts, buried: readonly number[]) {
    this.#parts = parts;
    this.buried = new Set(buried);
    const { storage, clock, log, readTo, isWanted, onGap } = parts;
    this.#refill = new LaneRefill({
      storage,
      clock,
      log,
      readTo,
      isWanted,
      onGap,
      room: () => this.room,
      take: (lane, entry) => this.#enqueue(lane, laneEvent(entry)),
      done: (lane) => this.#next(lane),
    });
  }

  get isEmpty(): boolean {
    return this.#lanes.size === 0;
  }

  /** Events in hand. */
  get waiting(): number {
    return this.#waiting;
  }

  get running(): number {
    return this.#running;
  }

  get failingSources(): number {
    return [...this.#lanes.values()].filter(({ attempts }) => attempts > 0).length;
  }

  /** How many events more may be read. Sources that have let all go count too, because each still takes memory. */
  get room(): number {
    const { windowMax, windowBytesMax } = this.#parts.options;
    if (this.#waitingBytes >= windowBytesMax || this.#lanes.size >= 2 * windowMax) return 0;
    return Math.max(0, windowMax - this.#waiting);
  }

  /** Position of the first unsettled event; Infinity when there is none. */
  get firstPosition(): number {
    let position = Infinity;
    for (const lane of this.#lanes.values()) position = Math.min(position, lane.position);
    return position;
  }

  /** The next event of the log. */
  offer(entry: LogEntry): void {
    const name = formatGrainId(entry.source);
    let lane = this.#lanes.get(name);
    if (!lane) this.#lanes.set(name, (lane = new SourceLane(name)));
    if (lane.spilledFrom !== undefined) return;
    if (lane.attempts > 0) lane.spilledFrom = entry.position;
    else this.#enqueue(lane, laneEvent(entry));
    if (lane.state === 'idle') this.#next(lane);
  }

  /** Dispatches nothing more; resolves when nothing runs, or after `stopMs`. */
  async stop(): Promise<void> {
    this.#state = 'stopping';
    this.#refill.stop();
    for (const lane of this.#lanes.values()) lane.timer?.cancel();
    if (this.#running > 0) await this.#quiet();
    this.#state = 'closed';
  }

  #quiet(): Promise<void> {
    return new Promise((resolve) => {
      const timer = this.#parts.clock.setTimer(this.#parts.options.stopMs, resolve);
      this.#onQuiet = () => {
        timer.cancel();
        resolve();
      };
    });
  }

  #enqueue(lane: SourceLane, event: LaneEvent): void {
    lane.queue.push(event);
    this.#waiting += 1;
    this.#waitingBytes += event.bytes;
  }

  #release(event: LaneEvent): void {
    this.#waiting -= 1;
    this.#waitingBytes -= event.bytes;
  }

  /** What a source does next, when its first event is in nobody's hands. */
  #next(lane: SourceLane): void {
    if (this.#state !== 'running') return;
    if (lane.queue.size > 0) {
      lane.state = 'ready';
      this.#ready.push(lane);
      this.#pump();
    } else if (lane.spilledFrom !== undefined) {
      lane.state = 'refilling';
      this.#refill.add(lane);
    } else {
      lane.state = 'idle';
      this.#lanes.delete(lane.name);
      if (this.isEmpty) this.#parts.onEmpty();
    }
  }

  // ---- Delivering ----

  #pump(): void {
    // A settlement inside `dispatch` comes back here: the loop that is running takes it up.
    if (this.#isPumping) return;
    this.#isPumping = true;
    for (let left = SLICE; this.#running < this.#parts.options.concurrency; left -= 1) {
      if (this.#ready.size === 0 || this.#state !== 'running') break;
      if (left === 0) {
        this.#askPump();
        break;
      }
      const lane = this.#ready.shift();
      if (lane) this.#deliver(lane);
    }
    this.#isPumping = false;
  }

  #askPump(): void {
    if (this.#isPumpAsked) return;
    this.#isPumpAsked = true;
    this.#parts.clock.defer(() => {
      this.#isPumpAsked = false;
      this.#pump();
    });
  }

  #deliver(lane: SourceLane): void {
    const event = lane.queue.peek();
    if (!event) return;
    lane.state = 'running';
    this.#running += 1;
    const { definition, dispatch, replayId } = this.#parts;
    let target: string | undefined = undefined;
    const delivery = new Delivery((error) => this.#settled(lane, event, target, error));
    try {
      target = targetKey(definition(), event.data);
      const prev = lane.prevFor(target, event.emissionEpoch);
      address(delivery, definition(), target, event, { run: replayId, prev });
      dispatch(delivery);
    } catch (error) {
      delivery.reject(fromUnknown(error));
    }
  }

  #settled(
    lane: SourceLane,
    event: LaneEvent,
    target: string | undefined,
    error: GrainError | undefined,
  ): void {
    this.#running -= 1;
    if (this.#state === 'closed') return;
    if (error) {
      this.#failed(lane, event, error);
    } else {
      this.delivered += 1;
      lane.last = target === undefined ? undefined : { target, epoch: event.emissionEpoch, n: event.n };
      this.#settle(lane, event);
    }
    if (this.#running === 0) this.#onQuiet?.();
  }

  #settle(lane: SourceLane, event: LaneEvent): void {
    lane.queue.shift();
    this.#release(event);
    lane.attempts = 0;
    // During a stop nothing follows, but what was settled counts.
    this.#next(lane);
    this.#pump();
    this.#parts.onRoom(1);
  }

  #failed(lane: SourceLane, event: LaneEvent, error: GrainError): void {
    lane.attempts += 1;
    // Whatever the grain has now: the next attempt asks it to take the event as the first of its source.
    lane.last = undefined;
    this.#spill(lane);
    const decision = decideFailure(error, lane.attempts);
    if (decision.kind === 'bury') {
      this.#bury(lane, event, error, 0);
      return;
    }
    this.retried += 1;
    lane.state = 'pausing';
    const { core, log, clock, rng } = this.#parts;
    const about = { err: error, core, source: lane.name, n: event.n, attempts: lane.attempts };
    log.debug(about, 'bus.delivery_failed');
    if (this.#state !== 'running') return;
    // Spread, so that all that failed for one reason does not come back at one moment.
    const delayMs = decision.delayMs * (1 + 0.1 * rng.next());
    lane.timer = clock.setTimer(delayMs, () => this.#next(lane));
    this.#pump();
    this.#parts.onRoom(0);
  }

  /** Lets go of all events of the source but the first (N3). */
  #spill(lane: SourceLane): void {
    const first = lane.queue.peek();
    if (lane.queue.size < 2) return;
    lane.queue.retain((event) => {
      if (event === first) return true;
      lane.spilledFrom = Math.min(event.position, lane.spilledFrom ?? Infinity);
      this.#release(event);
      return false;
    });
  }

  #bury(lane: SourceLane, event: LaneEvent, error: GrainError, failures: number): void {
    if (this.#state === 'closed') return;
    lane.state = 'burying';
    const { core, replayId, letters, clock, log } = this.#parts;
    const { position, wallMs, source, emissionEpoch, n, data } = event;
    const id = DeadLetters.idOf(core, position, replayId);
    const letter = {
      ...{ id, core, event: event.event, source, emissionEpoch, n, data, position },
      error: { code: error.code, message: error.message },
      attempts: lane.attempts,
      emittedWallMs: wallMs,
      wallMs: clock.wallMs(),
      ...(replayId === undefined ? {} : { replayId }),
    };
    letters.put(letter).then(
      () => {
        if (this.#state === 'closed') return;
        log.warn({ err: error, core, letter: id, source: lane.name }, 'bus.dead_lettered');
        this.deadLettered += 1;
        this.buried.add(position);
        this.#settle(lane, event);
      },
      (problem: unknown) => {
        log.warn({ err: fromUnknown(problem), core, letter: id }, 'bus.letter_failed');
        if (this.#state !== 'running') return;
        const delayMs = backoffMs(failures + 1, BURY_BACKOFF);
        lane.timer = clock.setTimer(delayMs, () => this.#bury(lane, event, error, failures + 1));
      },
    );
  }
}
