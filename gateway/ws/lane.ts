// Lane: the events of one session to one grain, on their way.
// Owns: their order, what is in flight, and trying again. Does not own: acknowledging (session.ts), marks (the grain).
//   L1. Events are sent on in seq order, each with `prev` = the one that was sent on to this grain before it; the first
//       of an attach, and one sent after a gap that nothing of ours can fill, has 0.
//   L2. An outcome that is not lasting stops the lane. It goes on from the first unsettled event, and only after every
//       event that was in flight has come back, so that nothing of a former try overtakes.
//   L3. A lasting refusal counts only when everything before it in the lane is settled; until then it may be undone
//       by L2, because the grain may not have recorded it.
//   L4. A lane without unsettled events may be forgotten: its next event goes with prev 0, and all before are settled.
// States: flowing → stopping (something failed, others are still out) → waiting (pause before the next try) → flowing;
// any → closed (the connection is gone: outcomes still count, nothing is sent any more).
import { assert, backoffMs, type Clock, type GrainError, type TimerHandle } from '../../lib/index.ts';
import { type ClusterClient, Envelope } from '../../silo/index.ts';
import type { StreamLimits } from './stream-options.ts';

/** What a lane needs of its session. */
export interface LaneOwner {
  readonly cluster: ClusterClient;
  readonly clock: Clock;
  readonly limits: StreamLimits;
  /** Names the session in the marks of grains. */
  readonly source: string;
  readonly attach: number;
  /** An event of this lane got its outcome. */
  onProgress(): void;
  /** A grain answered that this session goes on elsewhere, or is gone. */
  onSessionEnded(error: GrainError): void;
  /** An event still fails after several tries. */
  onStuck(event: StreamEvent, failureCount: number, error: GrainError | undefined): void;
}

/** After so many tries, and each time twice as many, somebody is told. */
const STUCK_AFTER = 8;

export type EventState = 'unsettled' | 'applied' | 'refused';

/** An event on its way to its grain; it keeps its place in the session until it is acknowledged. */
export class StreamEvent extends Envelope {
  override kind = 'event' as const;
  seq = 0;
  state: EventState = 'unsettled';
  wasSent = false;
  /** Why it was refused. */
  error: GrainError | undefined = undefined;
  /** Undefined when it was refused before it could go anywhere. */
  lane: Lane | undefined = undefined;
  /** The one behind it in the lane. */
  nextInLane: StreamEvent | undefined = undefined;
  /** The event that this one is another try of; itself the first time. */
  first: StreamEvent = this;

  /** An envelope's outcome is final, so each further try is a new one. */
  again(): StreamEvent {
    const copy = new StreamEvent();
    copy.tenant = this.tenant;
    copy.core = this.core;
    copy.key = this.key;
    copy.flow = this.flow;
    copy.input = this.input;
    copy.inputBytes = this.inputBytes;
    copy.principal = this.principal;
    copy.seq = this.seq;
    copy.first = this.first;
    return copy;
  }

  protected override onResult(): void {
    const { first } = this;
    first.lane?.onOutcome(first, undefined);
  }

  protected override onError(error: GrainError): void {
    const { first } = this;
    first.lane?.onOutcome(first, error);
  }
}

type LaneState = 'flowing' | 'stopping' | 'waiting' | 'closed';

const NEXT: Readonly<Record<LaneState, readonly LaneState[]>> = {
  flowing: ['stopping', 'closed'],
  stopping: ['waiting', 'closed'],
  waiting: ['flowing', 'closed'],
  closed: [],
};

export class Lane {
  readonly #owner: LaneOwner;
  #state: LaneState = 'flowing';
  /** First unsettled event, and the last of all; undefined while the lane is idle. */
  #head: StreamEvent | undefined = undefined;
  #tail: StreamEvent | undefined = undefined;
  #nextToSend: StreamEvent | undefined = undefined;
  #inFlight = 0;
  /** How many may be in flight: one after a failure, more with each that is settled. */
  #room: number;
  /** seq of the last that was sent on. */
  #prev = 0;
  /** seq of the last that is settled with all before it. */
  #settledSeq = 0;
  #failureCount = 0;
  /** The failure that stopped the lane. */
  #failure: GrainError | undefined = undefined;
  /** The grain misses something before our first unsettled event: it lost its mark, and we have nothing to fill it. */
  #isGapAtHead = false;
  #isSending = false;
  #timer: TimerHandle | undefined = undefined;

  constructor(owner: LaneOwner) {
    this.#owner = owner;
    this.#room = owner.limits.laneEventsMax;
  }

  get isIdle(): boolean {
    return this.#head === undefined;
  }

  get inFlight(): number {
    return this.#inFlight;
  }

  push(event: StreamEvent): void {
    event.lane = this;
    if (this.#tail) this.#tail.nextInLane = event;
    else this.#head = event;
    this.#tail = event;
    this.#nextToSend ??= event;
    if (this.#state === 'flowing') this.#send();
  }

  /** The connection is gone: what was not sent stays unsent, the client sends it again. */
  close(): void {
    if (this.#state === 'closed') return;
    this.#enter('closed');
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  onOutcome(event: StreamEvent, error: GrainError | undefined): void {
    this.#inFlight -= 1;
    if (error === undefined) event.state = 'applied';
    else if (error.code === 'ERR_SESSION_REPLACED' || error.code === 'ERR_SESSION_LOST') {
      this.close();
      this.#owner.onSessionEnded(error);
      return;
    } else if (error.spec.lasting) {
      event.state = 'refused';
      event.error = error;
    } else this.#onFailure(event, error);
    this.#settle();
    if (this.#state === 'stopping' && this.#inFlight === 0) this.#pause();
    else if (this.#state === 'flowing' && this.#nextToSend) this.#send();
    this.#owner.onProgress();
  }

  #onFailure(event: StreamEvent, error: GrainError): void {
    if (event === this.#head) this.#isGapAtHead = error.code === 'ERR_EVENT_GAP';
    // Those behind only miss the one that failed.
    if (this.#failure === undefined || error.code !== 'ERR_EVENT_GAP') this.#failure = error;
    if (this.#state === 'flowing') this.#enter('stopping');
  }

  /** Takes the settled events off the front. */
  #settle(): void {
    let event = this.#head;
    while (event && event.state !== 'unsettled') {
      this.#settledSeq = event.seq;
      this.#failureCount = 0;
      if (this.#room < this.#owner.limits.laneEventsMax) this.#room += 1;
      if (this.#nextToSend === event) {
        this.#nextToSend = event.nextInLane;
        this.#prev = event.seq;
      }
      const next: StreamEvent | undefined = event.nextInLane;
      event.nextInLane = undefined;
      event = next;
    }
    this.#head = event;
    if (event === undefined) this.#tail = undefined;
  }

  #send(): void {
    // An outcome may come inside `dispatch`: the loop that is running goes on with it.
    if (this.#isSending) return;
    this.#isSending = true;
    while (this.#nextToSend && this.#inFlight < this.#room && this.#state === 'flowing') {
      const event: StreamEvent = this.#nextToSend;
      this.#nextToSend = event.nextInLane;
      const prev = this.#prev;
      this.#prev = event.seq;
      if (event.state === 'applied') continue; // the grain has it since a former try
      this.#inFlight += 1;
      const { source, attach, cluster } = this.#owner;
      const envelope = event.wasSent ? event.again() : event;
      event.wasSent = true;
      envelope.mark = { source, attach, seq: event.seq, prev };
      cluster.dispatch(envelope);
    }
    this.#isSending = false;
  }

  /** Everything is back: from the first unsettled event anew, after a pause. */
  #pause(): void {
    for (let event = this.#head; event; event = event.nextInLane) {
      if (event.state !== 'refused') continue;
      event.state = 'unsettled'; // L3
      event.error = undefined;
    }
    this.#enter('waiting');
    this.#failureCount += 1;
    this.#room = 1;
    this.#nextToSend = this.#head;
    this.#prev = this.#isGapAtHead ? 0 : this.#settledSeq;
    // The grain was idle and forgot its mark (volatile Cores): there is nothing to wait for.
    const isForgotten = this.#isGapAtHead && this.#failureCount === 1;
    const { limits, clock } = this.#owner;
    const pauseMs = backoffMs(this.#failureCount, {
      firstMs: limits.retryFirstMs,
      mostMs: limits.retryMostMs,
    });
    const delayMs = Math.max(pauseMs, Math.min(this.#failure?.retryAfterMs ?? 0, limits.retryMostMs));
    this.#tellStuck();
    this.#isGapAtHead = false;
    this.#failure = undefined;
    if (isForgotten) this.#resume();
    else this.#timer = clock.setTimer(delayMs, () => this.#resume());
  }

  #tellStuck(): void {
    const doublings = Math.log2(this.#failureCount / STUCK_AFTER);
    if (this.#head === undefined || doublings < 0 || !Number.isInteger(doublings)) return;
    this.#owner.onStuck(this.#head, this.#failureCount, this.#failure);
  }

  #resume(): void {
    this.#timer = undefined;
    if (this.#state !== 'waiting') return;
    this.#enter('flowing');
    this.#send();
  }

  #enter(next: LaneState): void {
    assert(NEXT[this.#state].includes(next), `lane: ${this.#state} -> ${next}`);
    this.#state = next;
  }
}
