// Envelope: one message to a grain, and the one place where its outcome is decided.
// Owns: routing facts, the caller's deadline, and that the outcome is told exactly once.
//   E1. `waiting → running → settled` or `waiting → settled`; nothing leaves `settled`.
//   E2. Exactly one of `onResult` and `onError` is called, once (P4).
//   E3. Past its deadline an envelope that waits settles as *not executed*; one that runs as *unknown*.
import { type ErrorCode, GrainError, WheelNode } from '../../lib/index.ts';

/** The activations that wait for this call, nearest first. */
export interface CallChain {
  readonly grain: string;
  /** The waiting activation, as `incarnation:counter`. */
  readonly activation: string;
  readonly core: string;
  /** The turn that made the call, where it is of this process. */
  readonly turn?: { readonly isEnded: boolean };
  readonly parent: CallChain | undefined;
  readonly depth: number;
}

/** How a source numbers what it sends (hazards.md 3): sessions of clients, and grains on the bus. */
export interface MessageMark {
  readonly source: string;
  readonly attach: number;
  readonly seq: number;
  /** The last number of this source that was sent on to this grain; 0 = the first since this attach. */
  readonly prev: number;
  /** A refusal that was decided elsewhere: record it at the mark, and do not run. */
  readonly refusal?: { readonly code: ErrorCode; readonly message: string };
}

/** A reminder's tick: it runs only while the grain's reminder is still due at that moment. */
export interface ReminderTick {
  readonly name: string;
  readonly dueMs: number;
  /** It failed too often: move the schedule on without running the flow. */
  readonly giveUp?: boolean;
}

export type EnvelopeKind =
  | 'call'
  /** `flow` is the name of an event; the Core's `events` map tells the flow. */
  | 'event'
  /** `flow` is a `core://name/event` of the Core's `on` map. */
  | 'bus'
  | 'timer'
  | 'reminder'
  /** Erases the grain; no flow. */
  | 'forget';

export abstract class Envelope extends WheelNode {
  kind: EnvelopeKind = 'call';
  tenant = '';
  core = '';
  /** Undefined: the host takes it from the input. */
  key: string | undefined = undefined;
  flow = '';
  input: unknown = undefined;
  /** Bytes that the input holds while it waits; 0 when nobody measured. */
  inputBytes = 0;
  principal = '';
  commandId: string | undefined = undefined;
  chain: CallChain | undefined = undefined;
  mark: MessageMark | undefined = undefined;
  tick: ReminderTick | undefined = undefined;
  /** When the caller stops waiting, in monotonic milliseconds of this process; Infinity for none. */
  deadlineMs = Infinity;
  /** How often it was put back because no silo took it. */
  tries = 0;
  /** Told when the outcome is decided while a turn runs it: the turn's signal is aborted. Set by the turn. */
  abandoned: ((error: GrainError) => void) | undefined = undefined;
  #state: 'waiting' | 'running' | 'settled' = 'waiting';

  /** Told the result, once. */
  protected abstract onResult(output: unknown): void;
  /** Told the refusal or failure, once. */
  protected abstract onError(error: GrainError): void;

  get isSettled(): boolean {
    return this.#state === 'settled';
  }

  /** A turn takes it up. False when the outcome is decided already: then it must not run. */
  begin(): boolean {
    if (this.#state === 'settled') return false;
    this.#state = 'running';
    return true;
  }

  /** The turn could not run after all (the activation ended first): the message may be taken up elsewhere. */
  putBack(): void {
    if (this.#state === 'running') this.#state = 'waiting';
    this.abandoned = undefined;
  }

  resolve(output: unknown): void {
    if (this.#state === 'settled') return;
    this.#state = 'settled';
    this.wheel?.cancel(this);
    this.onResult(output);
  }

  reject(error: GrainError): void {
    if (this.#state === 'settled') return;
    this.#state = 'settled';
    this.wheel?.cancel(this);
    this.onError(error);
  }

  /** The caller gave up. */
  cancel(): void {
    this.#abandon(new GrainError('ERR_CALL_CANCELLED', this.#state === 'waiting' ? { executed: false } : {}));
  }

  /** The deadline passed (called by the wheel). */
  override onDue(): void {
    this.#abandon(new GrainError(this.#state === 'waiting' ? 'ERR_CALL_EXPIRED' : 'ERR_CALL_TIMEOUT'));
  }

  #abandon(error: GrainError): void {
    if (this.#state === 'settled') return;
    const tell = this.abandoned;
    this.abandoned = undefined;
    this.reject(error);
    tell?.(error);
  }
}

/** An envelope whose outcome is a promise. */
export class PromiseEnvelope extends Envelope {
  readonly promise: Promise<unknown>;
  #resolve: ((output: unknown) => void) | undefined;
  #reject: ((error: GrainError) => void) | undefined;

  constructor() {
    super();
    this.promise = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }

  protected override onResult(output: unknown): void {
    this.#resolve?.(output);
  }

  protected override onError(error: GrainError): void {
    this.#reject?.(error);
  }
}
