// SessionStream: events of one session, sent in order and settled in order, across any number of connections.
// Owns: credit, acknowledgement, resuming, what is reported as unknown, and when the position is saved. Does not own:
// order and numbers (event-buffer.ts), the connection (link.ts).
//   S1. An event that was sent is sent again only in the session that it was sent in, under its old number; when that
//       session is gone, it is reported as unknown.
//   S2. With `state`, no event leaves before the session's name is saved: a crash never orphans a session with events.
//   S3. Nothing is sent above the credit.
//   S4. Every event settles once, and `pendingCount` counts those that have not.
import {
  type AnyCore,
  checkValue,
  fromParsedJson,
  fromReport,
  fromUnknown,
  GrainError,
  keyFrom,
  resolveOptions,
  toJson,
} from '../../lib/index.ts';
import type { HelloFrame, NackFrame, WelcomeFrame } from '../protocol.ts';
import { callSafely } from './call-safely.ts';
import { nameOf } from './core-name.ts';
import { EventBuffer, PendingEvent } from './event-buffer.ts';
import type {
  EventStream,
  EventStreamOptions,
  RefusedEvent,
  StreamCounts,
  StreamPosition,
  StreamStart,
  StreamState,
} from './event-types.ts';
import { FlushWaiters } from './flush-waiters.ts';
import type { ClientRuntime } from './options.ts';
import { checkPosition, PositionSaver } from './position-saver.ts';
import { frameFits, type Sender } from './sender.ts';
import { isCount } from './wire.ts';

type Key = string | number | undefined;

const ROOM = Promise.resolve();

export class SessionStream implements EventStream {
  readonly #sender: Sender;
  readonly #runtime: ClientRuntime;
  readonly #options: EventStreamOptions;
  readonly #countMax: number;
  readonly #bytesMax: number;
  readonly #saver: PositionSaver | undefined;
  readonly #buffer = new EventBuffer();
  readonly #counts = { acknowledged: 0, refused: 0, unknown: 0 };
  readonly #start: Promise<StreamStart>;
  #resolveStart: (start: StreamStart) => void = () => undefined;
  #rejectStart: (error: GrainError) => void = () => undefined;
  #hasStarted = false;
  #hasLoaded = false;
  #loaded: StreamPosition | undefined;
  #session: string | undefined;
  #credit = 0;
  #frameBytesMax = Infinity;
  /** Tells connections apart across awaits. */
  #attachment = 0;
  /** The highest number that earlier connections had sent. */
  #sentBefore = 0;
  #isAttached = false;
  /** Why nothing new is taken. */
  #refusal: GrainError | undefined;
  #hasFailed = false;
  #addedCount = 0;
  readonly #flushes = new FlushWaiters();
  #roomWaiters: { readonly resolve: () => void; readonly reject: (error: GrainError) => void }[] = [];
  /** The last core and event, and how frames about them begin. */
  #lastCore = '';
  #lastEvent = '';
  #head = '';

  constructor(sender: Sender, runtime: ClientRuntime, given: EventStreamOptions) {
    const { state, onNack: _onNack, onAck: _onAck, ...numbers } = given;
    const count = { least: 1 };
    const options = resolveOptions(
      { bufferCountMax: 16_384, bufferBytesMax: 8 * 1024 * 1024, saveEveryMs: 500 },
      numbers,
      { bufferCountMax: count, bufferBytesMax: count, saveEveryMs: count },
    );
    this.#sender = sender;
    this.#runtime = runtime;
    this.#options = given;
    this.#countMax = options.bufferCountMax;
    this.#bytesMax = options.bufferBytesMax;
    this.#saver = state && this.#saverFor(state, options.saveEveryMs);
    this.#start = new Promise((resolve, reject) => {
      this.#resolveStart = resolve;
      this.#rejectStart = reject;
    });
    this.#start.catch(() => undefined); // Nobody has to ask where the stream begins.
  }

  // ---- For users ----

  ready(): Promise<StreamStart> {
    this.#sender.wake();
    return this.#start;
  }

  send(core: AnyCore | string, key: Key, event: string, data?: unknown): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#add(core, key, event, data, resolve, reject);
    });
  }

  push(core: AnyCore | string, key: Key, event: string, data?: unknown): Promise<void> {
    try {
      this.#add(core, key, event, data, undefined, undefined);
    } catch (thrown) {
      return Promise.reject(fromUnknown(thrown));
    }
    if (this.hasRoom) return ROOM;
    return new Promise((resolve, reject) => this.#roomWaiters.push({ resolve, reject }));
  }

  async flush(): Promise<StreamCounts> {
    await this.#flushes.wait(this.#addedCount, this.#buffer.count);
    await this.#saver?.save();
    return this.counts;
  }

  async close(): Promise<StreamCounts> {
    this.#refusal ??= new GrainError('ERR_CLIENT_CLOSED', { message: 'the event stream was closed' });
    return this.flush();
  }

  get position(): StreamPosition | undefined {
    if (this.#session === undefined) return undefined;
    return { session: this.#session, acked: this.#buffer.acked, nextSeq: this.#buffer.everSent + 1 };
  }

  get counts(): StreamCounts {
    return { ...this.#counts };
  }

  get pendingCount(): number {
    return this.#buffer.count;
  }

  get hasRoom(): boolean {
    return this.#buffer.count < this.#countMax && this.#buffer.bytes < this.#bytesMax;
  }

  // ---- For the client ----

  /** Sent events that have no outcome yet. */
  get sentCount(): number {
    return this.#buffer.sentCount;
  }

  async hello(): Promise<Pick<HelloFrame, 'session' | 'acked'>> {
    if (this.#options.state && !this.#hasLoaded) {
      this.#hasLoaded = true;
      try {
        this.#loaded = checkPosition(await this.#options.state.load());
      } catch (thrown) {
        this.fail(fromUnknown(thrown));
      }
      this.#session = this.#loaded?.session;
    }
    if (this.#session === undefined || this.#hasFailed) return {};
    const acked = this.#hasStarted ? this.#buffer.acked : (this.#loaded?.acked ?? 0);
    return { session: this.#session, acked };
  }

  opened(welcome: WelcomeFrame): void {
    if (this.#hasFailed) return;
    this.#attachment += 1;
    if (!this.#hasStarted) this.#begin(welcome);
    else if (!welcome.resumed) this.#orphan(this.#buffer.restart(welcome.acked), 'ERR_SESSION_LOST');
    else if (welcome.acked > this.#buffer.everSent) {
      // Numbers that we never used are settled: somebody else sends under the name of this session.
      return this.fail(new GrainError('ERR_SESSION_REPLACED'));
    } else this.#acknowledge(this.#buffer.settleUpto(welcome.acked));
    if (this.#hasFailed) return; // A listener that was told of lost events may end it all.
    this.#session = welcome.session;
    this.#sentBefore = this.#buffer.everSent;
    this.#credit = welcome.credit.upto;
    this.#frameBytesMax = welcome.max_frame_bytes;
    if (!this.#saver) return this.#attach();
    const attachment = this.#attachment;
    void this.#saver.save().then(() => {
      if (attachment === this.#attachment) this.#attach();
    });
  }

  lost(): void {
    this.#attachment += 1;
    this.#isAttached = false;
    this.#buffer.rewind();
  }

  /** The gateway does not know the session: the next connection begins another one. */
  forgetSession(): void {
    this.#session = undefined;
  }

  onAck(seq: unknown): void {
    if (!isCount(seq) || seq > this.#buffer.sentUpto) {
      return this.#sender.drop(`it acknowledged event ${String(seq)}, which was not sent`);
    }
    this.#settleUpto(seq);
    this.#pump();
  }

  onNack({ seq, error }: NackFrame): void {
    if (!isCount(seq) || seq > this.#buffer.sentUpto) {
      return this.#sender.drop(`it refused event ${String(seq)}, which was not sent`);
    }
    if (seq <= this.#buffer.acked) return;
    this.#settleUpto(seq - 1);
    const event = this.#buffer.settleNext();
    if (event) this.#refuse(event, fromReport(error));
    this.#settledSome(0);
    this.#pump();
  }

  onCredit(upto: unknown): void {
    if (isCount(upto) && upto > this.#credit) this.#credit = upto;
    this.#pump();
  }

  /** The largest frame whose outcome is open. Ask before `lost`. */
  get largestSent(): { readonly bytes: number; readonly reject: (error: GrainError) => void } | undefined {
    const largest = this.#buffer.largestSent();
    if (!largest) return undefined;
    const { seq, event } = largest;
    const isFresh = seq > this.#sentBefore;
    const reject = (error: GrainError): void => {
      // The server closed at the first frame that was too large, and this one is as large or larger: if it was first
      // sent on that connection, then neither it nor anything behind it was ever taken, and its number is free. If an
      // earlier connection had sent it, then nobody knows, and only a new session is safe.
      if (!isFresh) return this.forgetSession();
      this.#buffer.removeSent(event);
      this.#refuse(event, error);
      this.#settledSome(0);
    };
    return { bytes: event.tail.length, reject };
  }

  /** No further event will be sent. */
  fail(error: GrainError): void {
    if (this.#hasFailed) return;
    this.#hasFailed = true;
    this.#refusal ??= error;
    this.#attachment += 1;
    this.#isAttached = false;
    this.#saver?.stop();
    this.#buffer.rewind();
    const code = error.code === 'ERR_SESSION_REPLACED' ? 'ERR_SESSION_LOST' : 'ERR_CONNECTION_LOST';
    this.#orphan(this.#buffer.restart(this.#buffer.acked), code, error);
    for (let event = this.#buffer.skip(); event; event = this.#buffer.skip()) this.#refuse(event, error);
    this.#settledSome(0);
    this.#rejectStart(error);
    for (const waiter of this.#roomWaiters.splice(0)) waiter.reject(error);
  }

  // ---- Sending ----

  #add(
    core: AnyCore | string,
    key: Key,
    event: string,
    data: unknown,
    resolve: (() => void) | undefined,
    reject: ((error: GrainError) => void) | undefined,
  ): void {
    if (this.#refusal) throw this.#refusal;
    const { count, bytes } = this.#buffer;
    if (count >= 2 * this.#countMax || bytes >= 2 * this.#bytesMax) {
      const message = 'the event stream is full: await push(), or the promises of send()';
      throw new GrainError('ERR_LIMIT_REACHED', { message, count, bytes });
    }
    const tail = this.#tailOf(nameOf(core), key, event, data);
    this.#buffer.add(new PendingEvent(tail, this.#addedCount, resolve, reject));
    this.#addedCount += 1;
    if (this.#isAttached) this.#pump();
    else this.#sender.wake();
  }

  #tailOf(core: string, key: Key, event: string, data: unknown): string {
    if (core !== this.#lastCore || event !== this.#lastEvent) {
      this.#head = `,"core":${JSON.stringify(core)},"event":${JSON.stringify(event)}`;
      this.#lastCore = core;
      this.#lastEvent = event;
    }
    const keyPart = key === undefined ? '' : `,"key":${JSON.stringify(keyFrom(key))}`;
    const dataPart = data === undefined ? '' : `,"data":${toJson(checkValue(data))}`;
    return `${this.#head}${keyPart}${dataPart}}`;
  }

  #pump(): void {
    const buffer = this.#buffer;
    while (this.#isAttached && this.#sender.isOpen && buffer.sentUpto < this.#credit) {
      const event = buffer.peek();
      if (!event) return;
      const isNew = buffer.sentUpto === buffer.everSent;
      if (isNew && !frameFits(event.tail, this.#frameBytesMax)) {
        buffer.skip();
        this.#refuse(event, new GrainError('ERR_FRAME_TOO_LARGE', { most: this.#frameBytesMax }));
        this.#settledSome(0);
      } else this.#sender.send(`{"t":"event","seq":${buffer.markSent()}${event.tail}`);
    }
  }

  // ---- Sessions ----

  #begin(welcome: WelcomeFrame): void {
    this.#hasStarted = true;
    this.#buffer.restart(welcome.acked);
    const loaded = this.#loaded;
    const isLost = loaded !== undefined && !welcome.resumed;
    this.#resolveStart({
      resumed: welcome.resumed,
      nextSeq: welcome.acked + 1,
      unknown: isLost ? { from: loaded.acked + 1, to: loaded.nextSeq - 1 } : undefined,
    });
  }

  #attach(): void {
    this.#isAttached = true;
    this.#pump();
  }

  #saverFor(state: StreamState, saveEveryMs: number): PositionSaver {
    return new PositionSaver({
      clock: this.#runtime.clock,
      state,
      saveEveryMs,
      position: () => this.position,
      // A position that cannot be saved would break S2 for whoever comes after us.
      onFailed: (thrown) => this.fail(fromUnknown(thrown)),
    });
  }

  // ---- Settling ----

  #settleUpto(seq: number): void {
    const buffer = this.#buffer;
    const count = seq - buffer.acked;
    if (count <= 0) return;
    const isWatched = !this.#flushes.isEmpty;
    while (buffer.acked < seq) {
      const event = buffer.settleNext();
      event?.resolve?.();
      if (isWatched && event) this.#flushes.onSettled(event.ordinal);
    }
    this.#counts.acknowledged += count;
    this.#settledSome(count);
  }

  #acknowledge(events: readonly PendingEvent[]): void {
    for (const event of events) {
      event.resolve?.();
      this.#flushes.onSettled(event.ordinal);
    }
    this.#counts.acknowledged += events.length;
    if (events.length > 0) this.#settledSome(events.length);
  }

  #orphan(
    events: readonly PendingEvent[],
    code: 'ERR_SESSION_LOST' | 'ERR_CONNECTION_LOST',
    cause?: GrainError,
  ): void {
    for (const event of events) this.#refuse(event, new GrainError(code, {}, { cause }));
    if (events.length > 0) this.#settledSome(0);
  }

  #refuse(event: PendingEvent, error: GrainError): void {
    this.#counts[error.effect === 'none' ? 'refused' : 'unknown'] += 1;
    const { onNack } = this.#options;
    if (event.reject) event.reject(error);
    else if (onNack) callSafely(this.#runtime.clock, () => onNack(error, describe(event)));
    this.#flushes.onSettled(event.ordinal);
  }

  /** After events were settled: who waits for that is told. */
  #settledSome(ackedCount: number): void {
    if (!this.#flushes.isEmpty) this.#flushes.release();
    if (this.#roomWaiters.length > 0 && this.hasRoom) {
      for (const waiter of this.#roomWaiters.splice(0)) waiter.resolve();
    }
    const { onAck } = this.#options;
    if (onAck && ackedCount > 0) callSafely(this.#runtime.clock, () => onAck(ackedCount, this.#buffer.acked));
    this.#saver?.saveSoon();
  }
}

/** What a frame was about, read back from it, so that nothing else has to be kept for the rare refusal. */
function describe({ tail }: PendingEvent): RefusedEvent {
  const { core, key, event, data } = JSON.parse(`{"t":"event"${tail}`) as RefusedEvent;
  return { core, key, event, data: fromParsedJson(data) };
}
