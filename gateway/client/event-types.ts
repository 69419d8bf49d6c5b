import type { AnyCore, GrainError, MaybePromise } from '../../lib/index.ts';

/** What a process must remember to go on where an earlier one stopped. */
export interface StreamPosition {
  /** Names the session to the gateway; a new value for every connection. */
  readonly session: string;
  /** The highest sequence number whose outcome is known. */
  readonly acked: number;
  /** The number that the next new event gets. */
  readonly nextSeq: number;
}

/** Where the position is kept across processes. */
export interface StreamState {
  /** Asked once, before the first connection. */
  load(): MaybePromise<StreamPosition | undefined>;
  /**
   * Called after every welcome, and no event leaves before it has settled; then at most every `saveEveryMs`, and when
   * the stream flushes or closes. One call at a time.
   */
  save(position: StreamPosition): MaybePromise<void>;
}

/** Where a stream begins. */
export interface StreamStart {
  /** Whether the session of `load` goes on. */
  readonly resumed: boolean;
  /** The next event that is pushed gets this number: with `resumed`, give again what had it before. */
  readonly nextSeq: number;
  /**
   * Numbers of a lost session whose outcome is unknown: `from` to at least `to`. Undefined when the session goes on,
   * or when there was none.
   */
  readonly unknown: { readonly from: number; readonly to: number } | undefined;
}

export interface StreamCounts {
  /** Events that took effect. */
  readonly acknowledged: number;
  /** Events that were refused for good. */
  readonly refused: number;
  /** Events whose outcome nobody can tell, because their session or connection was lost for good. */
  readonly unknown: number;
}

/** An event that was pushed and did not take effect, or of which that is not known. */
export interface RefusedEvent {
  readonly core: string;
  readonly key: string | undefined;
  readonly event: string;
  readonly data: unknown;
}

export interface EventStreamOptions {
  /** Events that may be unsettled before `push` holds back. @default 16_384 */
  readonly bufferCountMax?: number;
  /** Characters of frames that may be unsettled before `push` holds back. @default 8 Mi */
  readonly bufferBytesMax?: number;
  /** Longest time between an ack and the `save` that tells of it. @default 500 */
  readonly saveEveryMs?: number;
  /** Makes the stream resumable by another process. */
  readonly state?: StreamState;
  /** Told of each pushed event that was refused, or whose outcome is unknown (`error.effect`). */
  readonly onNack?: (error: GrainError, event: RefusedEvent) => void;
  /** Told after each acknowledgement: how many events it settled, and the number up to which all are settled. */
  readonly onAck?: (count: number, acked: number) => void;
}

/**
 * Events in order: those to one grain take effect in the order of their `send` and `push`, each exactly once for the
 * grain's own memory when its Core is `committed`.
 */
export interface EventStream {
  /** Connects, and tells where the stream begins. */
  ready(): Promise<StreamStart>;
  /** Resolves when the event took effect; rejects when it was refused, or when that is unknown. */
  send(
    core: AnyCore | string,
    key: string | number | undefined,
    event: string,
    data?: unknown,
  ): Promise<void>;
  /**
   * Hands an event over; its refusal is told to `onNack`. Resolves when the buffer is within its bounds; who does not
   * wait for that gets `ERR_LIMIT_REACHED` at twice the bounds.
   */
  push(
    core: AnyCore | string,
    key: string | number | undefined,
    event: string,
    data?: unknown,
  ): Promise<void>;
  /** Resolves when everything handed over until now is settled. */
  flush(): Promise<StreamCounts>;
  /** Takes nothing more, and resolves when everything is settled and saved. */
  close(): Promise<StreamCounts>;
  /** Undefined before the first connection. */
  readonly position: StreamPosition | undefined;
  readonly counts: StreamCounts;
  /** Events without an outcome. */
  readonly pendingCount: number;
  /** Whether `push` would resolve at once; saves a tight loop its awaits. */
  readonly hasRoom: boolean;
}
