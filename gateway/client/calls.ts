// CallTable: every call of a client, from being asked to its one outcome.
// Owns: which calls wait, which were sent, deadlines, cancellation, and what is tried again. Does not own: the
// connection (link.ts).
//   C1. A call is in exactly one place: waiting for a connection or a free place, sent, or pausing before a retry.
//   C2. It settles once, by its deadline; what the server says of it afterwards is dropped by its id.
//   C3. It is sent again only if it surely was not executed, or if its command id makes a second run harmless.
//   C4. Each attempt has an id of its own, so the answer to an earlier one is never taken for that of a later one.
import {
  backoffMs,
  type CallOptions,
  checkValue,
  type Clock,
  errorSpec,
  Fifo,
  fromParsedJson,
  fromReport,
  GrainError,
  keyFrom,
  TimerWheel,
  toJson,
  utf8Length,
  WheelNode,
} from '../../lib/index.ts';
import type { ErrorFrame, ResultFrame, WelcomeFrame } from '../protocol.ts';
import type { Loss } from './link.ts';
import type { ResolvedClientOptions } from './options.ts';
import { RetryBudget } from './retry-budget.ts';
import { frameFits, type Sender } from './sender.ts';

export interface CallTarget {
  readonly core: string;
  /** Undefined: the host takes it from the input. */
  readonly key: string | number | undefined;
  readonly flow: string;
}

class PendingCall extends WheelNode {
  readonly table: CallTable;
  /** The frame without its id and remaining time. */
  readonly tail: string;
  readonly hasCommandId: boolean;
  readonly deadlineMs: number;
  readonly resolve: (output: unknown) => void;
  readonly reject: (error: GrainError) => void;
  place: 'waiting' | 'sent' | 'pausing' | 'settled' = 'waiting';
  /** Of the current attempt. */
  id = 0;
  retryCount = 0;
  /** An earlier attempt has an unknown outcome; only calls with a command id get this far. */
  mayHaveRun = false;
  /** What the last attempt was answered. */
  lastError: GrainError | undefined;
  /** Takes the listener off the caller's signal. */
  unlisten: (() => void) | undefined;

  constructor(
    table: CallTable,
    tail: string,
    hasCommandId: boolean,
    deadlineMs: number,
    resolve: (output: unknown) => void,
    reject: (error: GrainError) => void,
  ) {
    super();
    this.table = table;
    this.tail = tail;
    this.hasCommandId = hasCommandId;
    this.deadlineMs = deadlineMs;
    this.resolve = resolve;
    this.reject = reject;
  }

  override onDue(): void {
    this.table.onDue(this);
  }
}

/** When a paused call is due again; a node of its own because the call's node holds its deadline. */
class Pause extends WheelNode {
  readonly #run: () => void;

  constructor(run: () => void) {
    super();
    this.#run = run;
  }

  override onDue(): void {
    this.#run();
  }
}

/** The deadline is over for these on the server's side: another attempt would come too late as well. */
const OUT_OF_TIME: ReadonlySet<string> = new Set([
  'ERR_CALL_EXPIRED',
  'ERR_CALL_TIMEOUT',
  'ERR_CALL_CANCELLED',
]);

export class CallTable {
  readonly #sender: Sender;
  readonly #options: ResolvedClientOptions;
  readonly #clock: Clock;
  readonly #wheel: TimerWheel;
  readonly #budget: RetryBudget;
  readonly #sent = new Map<number, PendingCall>();
  #waiting = new Fifo<PendingCall>();
  #pausing = new Set<PendingCall>();
  /** Those that are in `#waiting` and not settled. */
  #waitingCount = 0;
  #callsMax = 0;
  #frameBytesMax = Infinity;

  constructor(sender: Sender, options: ResolvedClientOptions) {
    this.#sender = sender;
    this.#options = options;
    this.#clock = options.clock;
    this.#wheel = new TimerWheel(options.clock);
    this.#budget = new RetryBudget(options.clock);
  }

  /** How many are sent and have no outcome yet. */
  get sentCount(): number {
    return this.#sent.size;
  }

  call(target: CallTarget, input: unknown, options: CallOptions = {}): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const { deadlineMs = this.#options.deadlineMs, signal, commandId } = options;
      if (!(deadlineMs > 0)) throw badDeadline(deadlineMs);
      const tail = tailOf(target, input, commandId);
      if (signal?.aborted) throw cancelled(signal, false);
      if (this.#waitingCount >= this.#options.callsWaitingMax) {
        throw new GrainError('ERR_LIMIT_REACHED', { limit: 'callsWaitingMax', most: this.#waitingCount });
      }
      const dueMs = this.#clock.nowMs() + deadlineMs;
      const call = new PendingCall(this, tail, commandId !== undefined, dueMs, resolve, reject);
      if (dueMs !== Infinity) this.#wheel.schedule(call, dueMs);
      if (signal) this.#listen(call, signal);
      this.#budget.onCall();
      this.#enqueue(call);
      this.#sender.wake();
      this.#pump();
    });
  }

  // ---- What the connection tells ----

  opened(welcome: WelcomeFrame): void {
    this.#callsMax = Math.max(1, welcome.max_calls);
    this.#frameBytesMax = welcome.max_frame_bytes;
    this.#pump();
  }

  /** Of what was sent nobody knows the outcome. */
  lost({ error }: Loss): void {
    const again = new Fifo<PendingCall>();
    for (const call of this.#sent.values()) {
      if (call.hasCommandId) {
        call.mayHaveRun = true;
        call.place = 'waiting';
        this.#waitingCount += 1;
        again.push(call);
      } else this.#settle(call, new GrainError('ERR_CONNECTION_LOST', {}, { cause: error }));
    }
    this.#sent.clear();
    // Those that were under way come before those that still wait, as they did the first time.
    for (let call = this.#waiting.shift(); call; call = this.#waiting.shift()) again.push(call);
    this.#waiting = again;
  }

  ended(error: GrainError): void {
    this.lost({ code: 1000, error });
    for (let call = this.#waiting.shift(); call; call = this.#waiting.shift()) this.#giveUp(call, error);
    for (const call of [...this.#pausing]) this.#giveUp(call, error);
  }

  onResult(frame: ResultFrame): void {
    const call = this.#take(frame.id);
    if (!call) return;
    try {
      const output = fromParsedJson(frame.output);
      this.#settle(call, undefined);
      call.resolve(output);
    } catch (thrown) {
      this.#settle(call, new GrainError('ERR_OUTPUT_INVALID', {}, { cause: thrown }));
    }
    this.#pump();
  }

  /** @returns whether the frame was about a call. */
  onError(frame: ErrorFrame): boolean {
    const call = frame.id === undefined ? undefined : this.#take(frame.id);
    if (!call) return false;
    const error = fromReport(frame.error);
    if (!this.#retry(call, error)) {
      // A lasting refusal is the outcome of the command, whichever attempt it was for.
      if (error.spec.lasting) this.#settle(call, error);
      else this.#giveUp(call, error);
    }
    this.#pump();
    return true;
  }

  /** The deadline passed (called by the wheel). */
  onDue(call: PendingCall): void {
    const isOpen = call.place === 'sent' || call.mayHaveRun;
    if (isOpen) return this.#abandon(call, new GrainError('ERR_CALL_TIMEOUT', {}, { cause: call.lastError }));
    const cause = call.lastError ?? this.#sender.lastError;
    const why = cause === undefined ? {} : { lastError: cause.code, message: cause.message };
    this.#settle(call, new GrainError('ERR_CALL_EXPIRED', why, { cause }));
  }

  // ---- Frames that are too large ----

  /** The largest frame whose outcome is open. */
  get largestSent(): { readonly bytes: number; readonly reject: (error: GrainError) => void } | undefined {
    let largest: PendingCall | undefined;
    for (const call of this.#sent.values()) {
      if (!largest || call.tail.length > largest.tail.length) largest = call;
    }
    if (!largest) return undefined;
    const call = largest;
    const reject = (error: GrainError): void => {
      this.#sent.delete(call.id);
      this.#settle(call, error);
    };
    return { bytes: utf8Length(call.tail), reject };
  }

  // ---- Moving between places ----

  #enqueue(call: PendingCall): void {
    call.place = 'waiting';
    this.#waitingCount += 1;
    this.#waiting.push(call);
  }

  #pump(): void {
    while (this.#sender.isOpen && this.#sent.size < this.#callsMax) {
      const call = this.#waiting.shift();
      if (!call) return;
      if (call.place === 'waiting') this.#send(call);
    }
  }

  #send(call: PendingCall): void {
    if (!frameFits(call.tail, this.#frameBytesMax)) {
      return this.#settle(call, new GrainError('ERR_FRAME_TOO_LARGE', { most: this.#frameBytesMax }));
    }
    const leftMs = call.deadlineMs - this.#clock.nowMs();
    if (leftMs <= 0) return; // Its node is due in this very tick.
    this.#waitingCount -= 1;
    call.place = 'sent';
    call.id = this.#sender.nextId();
    this.#sent.set(call.id, call);
    const deadline = leftMs === Infinity ? '' : `,"deadline_ms":${Math.ceil(leftMs)}`;
    this.#sender.send(`{"t":"call","id":${call.id}${deadline}${call.tail}`);
  }

  #take(id: unknown): PendingCall | undefined {
    const call = typeof id === 'number' ? this.#sent.get(id) : undefined;
    if (call) this.#sent.delete(call.id);
    return call;
  }

  /** Tries again what surely did not run and may succeed next time; false when that is all. */
  #retry(call: PendingCall, error: GrainError): boolean {
    const { effect, lasting } = errorSpec(error.code);
    if (lasting || OUT_OF_TIME.has(error.code) || (effect === 'unknown' && !call.hasCommandId)) return false;
    if (effect === 'unknown') call.mayHaveRun = true;
    if (call.retryCount >= this.#options.retryCountMax || !this.#budget.take()) return false;
    const { retryFirstMs: firstMs, retryMostMs: mostMs, rng } = this.#options;
    const mostDelayMs = backoffMs(call.retryCount + 1, { firstMs, mostMs });
    const delayMs = (error.retryAfterMs ?? 0) + rng.next() * mostDelayMs;
    const dueMs = this.#clock.nowMs() + delayMs;
    if (dueMs >= call.deadlineMs) return false;
    call.retryCount += 1;
    call.lastError = error;
    call.place = 'pausing';
    this.#pausing.add(call);
    const pause = new Pause(() => {
      if (!this.#pausing.delete(call)) return;
      this.#enqueue(call);
      this.#pump();
    });
    this.#wheel.schedule(pause, dueMs);
    return true;
  }

  #listen(call: PendingCall, signal: AbortSignal): void {
    const onAbort = (): void =>
      this.#abandon(call, cancelled(signal, call.place === 'sent' || call.mayHaveRun));
    signal.addEventListener('abort', onAbort, { once: true });
    call.unlisten = () => signal.removeEventListener('abort', onAbort);
  }

  /** The caller waits no longer; the server is told, so that the flow's signal is aborted. */
  #abandon(call: PendingCall, error: GrainError): void {
    if (call.place === 'sent') {
      this.#sent.delete(call.id);
      this.#sender.send(`{"t":"cancel","id":${call.id}}`);
    }
    this.#settle(call, error);
    this.#pump();
  }

  /** Settles it with an error that says nothing of an earlier attempt, whose outcome may be unknown. */
  #giveUp(call: PendingCall, error: GrainError): void {
    this.#settle(call, call.mayHaveRun ? new GrainError('ERR_CONNECTION_LOST', {}, { cause: error }) : error);
  }

  /** Its outcome is decided; without an error the caller of this resolves it. */
  #settle(call: PendingCall, error: GrainError | undefined): void {
    if (call.place === 'settled') return;
    const { place } = call;
    call.place = 'settled';
    if (place === 'pausing') this.#pausing.delete(call);
    if (place === 'waiting') {
      this.#waitingCount -= 1;
      // Without a connection nothing else takes the settled ones out.
      if (this.#waiting.size > 2 * this.#waitingCount + 64) {
        this.#waiting.retain((other) => other.place === 'waiting');
      }
    }
    this.#wheel.cancel(call);
    call.unlisten?.();
    if (error) call.reject(error);
  }
}

function tailOf({ core, key, flow }: CallTarget, input: unknown, commandId: string | undefined): string {
  const keyPart = key === undefined ? '' : `,"key":${JSON.stringify(keyFrom(key))}`;
  const inputPart = input === undefined ? '' : `,"input":${toJson(checkValue(input))}`;
  const commandPart = commandId === undefined ? '' : `,"command_id":${JSON.stringify(commandId)}`;
  const names = `,"core":${JSON.stringify(core)}${keyPart},"flow":${JSON.stringify(flow)}`;
  return `${names}${inputPart}${commandPart}}`;
}

function cancelled(signal: AbortSignal, executed: boolean): GrainError {
  return new GrainError('ERR_CALL_CANCELLED', executed ? {} : { executed }, { cause: signal.reason });
}

function badDeadline(given: unknown): GrainError {
  const message = `deadlineMs must be a number above 0, not ${String(given)}`;
  return new GrainError('ERR_OPTION_INVALID', { message, option: 'deadlineMs' });
}
