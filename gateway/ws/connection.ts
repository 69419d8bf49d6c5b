// Connection: one socket of `GET /v1/stream`, from upgrade to close.
// Owns: the phase, who the client is, the frames that go out, and back-pressure. Does not own: the order of events
// (session.ts), calls and subscriptions (calls.ts, subscriptions.ts), time (heartbeat.ts). It is long because every
// frame, and every reason to end, passes here; what they lead to is elsewhere.
//   O1. Nothing but hello is taken before hello; nothing is taken after the connection began to close.
//   O2. Frames go out once per turn of the loop, in the order in which they came up, in one write.
//   O3. What waits to go out is bounded: reading stops at `pauseBytes`, the connection ends at `bufferBytesMax` and the
//       largest frame on top of it.
//   O4. What the connection holds (session, calls, subscriptions) is given back exactly once.
import type { Duplex } from 'node:stream';
import { assert, type Clock, fromUnknown, GrainError, type Logger, type Rng } from '../../lib/index.ts';
import type { ClusterClient } from '../../silo/index.ts';
import type { Principal } from '../auth/principal.ts';
import type { TokenAuth } from '../auth/token-auth.ts';
import { CLOSE, type CloseCode, type FrameId, HELLO_BYTES_MAX } from '../protocol.ts';
import { OpenCalls } from './calls.ts';
import { type FrameCodec, type RawFrame, reportOf, type Wire } from './frame-codec.ts';
import { frameError, idOf, isFrameId } from './frame-fields.ts';
import type { Beating, Heartbeat } from './heartbeat.ts';
import { type Admission, admit } from './hello.ts';
import { Outbox } from './outbox.ts';
import { ReadGate } from './read-gate.ts';
import { StreamSession } from './session.ts';
import type { SessionRegistry } from './session-registry.ts';
import type { StreamLimits } from './stream-options.ts';
import type { StreamSocket } from './stream-socket.ts';
import type { StreamStats } from './stream-stats.ts';
import { OpenSubscriptions } from './subscriptions.ts';

/** What all connections of a gateway share. */
export interface StreamHost {
  readonly cluster: ClusterClient;
  readonly auth: TokenAuth;
  readonly clock: Clock;
  readonly rng: Rng;
  readonly log: Logger;
  readonly limits: StreamLimits;
  readonly stats: StreamStats;
  readonly registry: SessionRegistry;
  readonly heartbeat: Heartbeat;
  /** `connection.flush` will be called soon. */
  schedule(connection: Connection): void;
  onGone(connection: Connection): void;
}

type Phase = 'hello' | 'open' | 'draining' | 'closing' | 'closed';

const NEXT: Readonly<Record<Phase, readonly Phase[]>> = {
  hello: ['open', 'closing', 'closed'],
  open: ['draining', 'closing', 'closed'],
  draining: ['closing', 'closed'],
  closing: ['closed'],
  closed: [],
};

const STRIKES_MAX = 3;

export class Connection implements Beating {
  heardTick = 0;
  readonly openedMs: number;
  readonly #host: StreamHost;
  readonly #codec: FrameCodec;
  readonly #ws: StreamSocket;
  readonly #outbox: Outbox;
  readonly #gate: ReadGate;
  #phase: Phase = 'hello';
  #principal: Principal | undefined;
  #admission: Admission | undefined = undefined;
  #session: StreamSession | undefined = undefined;
  #calls: OpenCalls | undefined = undefined;
  #subscriptions: OpenSubscriptions | undefined = undefined;
  /** Malformed frames in a row. */
  #strikes = 0;
  #isScheduled = false;

  /** @param principal who the Authorization header named, when there was one */
  constructor(host: StreamHost, codec: FrameCodec, socket: StreamSocket, raw: Duplex, principal?: Principal) {
    this.#host = host;
    this.#codec = codec;
    this.#ws = socket;
    this.#outbox = new Outbox(socket, raw, host.limits.pauseBytes);
    this.#gate = new ReadGate(socket, this.#outbox, host.limits);
    this.#principal = principal;
    this.openedMs = host.clock.nowMs();
    socket.limitToHello();
  }

  get isWaitingForHello(): boolean {
    return this.#phase === 'hello';
  }

  get expiresAtMs(): number {
    return this.#principal?.expiresAtMs ?? Infinity;
  }

  // ---- The socket ----

  onMessage(data: Buffer, isBinary: boolean): void {
    if (this.#isOver) return;
    const { heartbeat, stats, limits } = this.#host;
    this.heardTick = heartbeat.tick;
    stats.framesIn += 1;
    if (data.length > (this.#phase === 'hello' ? HELLO_BYTES_MAX : limits.maxFrameBytes)) {
      this.close(CLOSE.tooLarge);
      return;
    }
    let frame: RawFrame | undefined;
    try {
      if (isBinary !== this.#codec.isBinary) throw this.#wrongKind();
      frame = this.#codec.decode(data);
      if (this.#phase === 'hello') this.#onHello(frame);
      else this.#route(frame, data.length);
      this.#strikes = 0;
    } catch (error) {
      this.#onMalformed(error, frame);
    }
  }

  onSign(): void {
    this.heardTick = this.#host.heartbeat.tick;
  }

  onSocketClosed(code: number): void {
    if (this.#phase === 'closed') return;
    this.#enter('closed');
    this.#release();
    this.#outbox.drop();
    this.#host.heartbeat.remove(this);
    this.#host.log.debug({ code, principal: this.#principal?.name }, 'stream.closed');
    this.#host.onGone(this);
  }

  onSocketError(error: Error): void {
    // What ws refuses (bad UTF-8, frames too large, broken headers) it closes by itself.
    this.#host.log.debug({ err: error, principal: this.#principal?.name }, 'stream.broken');
    if (this.#isOver) return;
    this.#host.stats.malformed += 1;
    this.#enter('closing');
    this.#release();
    this.#host.heartbeat.watchClosing(this);
  }

  // ---- Frames in ----

  #onHello(frame: RawFrame): void {
    if (frame['t'] !== 'hello') {
      this.close(CLOSE.violation, frameError(frame, 'the first frame must be hello'));
      return;
    }
    const outcome = admit(frame, this.#principal, this.#host);
    if (outcome.kind === 'refused') {
      this.close(outcome.code, outcome.error);
      return;
    }
    this.#open(outcome.admission);
  }

  #open(admission: Admission): void {
    const host = this.#host;
    const codec = this.#codec;
    this.#enter('open');
    this.#principal = admission.principal;
    this.#admission = admission;
    this.#ws.liftLimit(host.limits.maxFrameBytes);
    const memory = host.registry.attach(admission.sessionId, admission.attach, this);
    const acked = admission.isResumed ? memory.ackedFor(admission.acked) : 0;
    if (admission.isResumed) host.stats.resumed += 1;
    this.#session = new StreamSession(host, this, { codec, principal: admission.principal, memory, acked });
    host.heartbeat.watchExpiry(this);
    const { maxCalls, maxSubs, heartbeatMs, maxFrameBytes } = host.limits;
    this.send(
      codec.encode({
        t: 'welcome',
        session: admission.sign(memory.attach),
        resumed: admission.isResumed,
        acked,
        credit: { upto: this.#session.creditUpto },
        max_calls: maxCalls,
        max_subs: maxSubs,
        heartbeat_ms: heartbeatMs,
        max_frame_bytes: maxFrameBytes,
      }),
    );
  }

  /** @throws ERR_FRAME_INVALID */
  #route(frame: RawFrame, frameBytes: number): void {
    const { t } = frame;
    if (t === 'event') this.#onEvent(frame, frameBytes);
    else if (t === 'call') this.#onCall(frame, frameBytes);
    else if (t === 'cancel') this.#calls?.cancel(idOf(frame));
    else if (t === 'sub') this.#onSub(frame);
    else if (t === 'more') this.#subscriptions?.more(frame);
    else if (t === 'unsub') this.#subscriptions?.stop(frame);
    else if (t === 'ping') this.#onPing();
    else if (t === 'auth') this.#onAuth(frame);
    else if (t === 'hello') throw frameError(frame, 'was said already');
    else if (t !== 'pong')
      throw frameError(frame, `there is no frame with t = ${JSON.stringify(t)?.slice(0, 40)}`);
  }

  /** What settled before the ping is told before its answer. */
  #onPing(): void {
    this.#session?.collect(this.#outbox.frames);
    this.send(this.#codec.pong);
  }

  #onEvent(frame: RawFrame, frameBytes: number): void {
    // A gateway that stops takes no more: the client sends these again to the next one.
    if (this.#phase !== 'open') return;
    try {
      this.#session?.accept(frame, frameBytes);
    } catch (error) {
      // Without a seq in order nothing that follows could be understood.
      const isMissing = !Number.isSafeInteger(frame['seq']);
      if (isMissing) throw error;
      this.close(CLOSE.violation, fromUnknown(error));
    }
    this.#updateReading();
  }

  #onCall(frame: RawFrame, frameBytes: number): void {
    const { principal } = this.#admitted();
    if (this.#phase !== 'open') return this.#refuseDraining(frame);
    this.#host.stats.calls += 1;
    this.#calls ??= new OpenCalls(this.#host, this.#codec, this);
    this.#calls.start(frame, frameBytes, principal);
    this.#updateReading();
  }

  #onSub(frame: RawFrame): void {
    const { principal } = this.#admitted();
    if (this.#phase !== 'open') return this.#refuseDraining(frame);
    this.#subscriptions ??= new OpenSubscriptions(this.#host, this.#codec, this);
    this.#subscriptions.start(frame, principal);
  }

  #refuseDraining(frame: RawFrame): void {
    const error = reportOf(new GrainError('ERR_SILO_DRAINING'));
    this.send(this.#codec.encode({ t: 'error', id: idOf(frame), error }));
  }

  #onAuth(frame: RawFrame): void {
    const { token } = frame;
    if (typeof token !== 'string') throw frameError(frame, 'token must be a string');
    const before = this.#admitted();
    const principal = this.#host.auth.authenticate(token);
    if (!principal) {
      this.close(CLOSE.unauthenticated, new GrainError('ERR_AUTH_REQUIRED'));
      return;
    }
    if (principal.name !== before.principal.name || principal.tenant !== before.principal.tenant) {
      const message = 'A connection keeps its principal: connect anew to become another one.';
      this.close(CLOSE.forbidden, new GrainError('ERR_AUTH_FORBIDDEN', { message }));
      return;
    }
    this.#principal = principal;
    this.#admission = { ...before, principal };
    this.#session?.renew(principal);
    this.#subscriptions?.renew(principal);
    this.#host.heartbeat.watchExpiry(this);
  }

  #admitted(): Admission {
    if (this.#admission) return this.#admission;
    throw new GrainError('ERR_AUTH_REQUIRED');
  }

  #wrongKind(): GrainError {
    const { subprotocol, isBinary } = this.#codec;
    const message = `${subprotocol} has ${isBinary ? 'binary' : 'text'} frames only`;
    return new GrainError('ERR_FRAME_INVALID', { message });
  }

  #onMalformed(thrown: unknown, frame: RawFrame | undefined): void {
    const error = fromUnknown(thrown);
    if (error.code === 'ERR_INTERNAL') this.#host.log.error({ err: thrown }, 'stream.failed');
    this.#host.stats.malformed += 1;
    this.#strikes += 1;
    if (this.#strikes >= STRIKES_MAX) {
      this.close(CLOSE.violation, error);
      return;
    }
    const id = frame && this.#idFor(frame);
    this.send(
      this.#codec.encode({ t: 'error', ...(id === undefined ? {} : { id }), error: reportOf(error) }),
    );
  }

  /** The id that a malformed call or sub brought, unless it is another one's: then the error would end that one. */
  #idFor({ t, id }: RawFrame): FrameId | undefined {
    if (!isFrameId(id)) return undefined;
    if (t === 'call' && this.#calls?.has(id) !== true) return id;
    return t === 'sub' && this.#subscriptions?.has(id) !== true ? id : undefined;
  }

  // ---- Frames out ----

  send(frame: Wire): void {
    if (this.#isOver) return;
    this.#outbox.push(frame);
    if (this.#outbox.boundedBytes > this.#host.limits.bufferBytesMax) this.close(CLOSE.tooSlow);
    else if (!this.#isScheduled) this.#schedule();
  }

  onSettled(): void {
    if (!this.#isScheduled) this.#schedule();
  }

  #schedule(): void {
    this.#isScheduled = true;
    this.#host.schedule(this);
  }

  /** Sends what there is (O2). Called by the host, some time after `schedule`. */
  flush(): void {
    this.#isScheduled = false;
    if (this.#isOver) return;
    this.#session?.collect(this.#outbox.frames);
    this.#host.stats.framesOut += this.#outbox.write();
    if (this.#outbox.boundedBytes > this.#host.limits.bufferBytesMax) this.close(CLOSE.tooSlow);
    else this.#updateReading();
    if (this.#phase === 'draining' && this.isQuiet) this.close(CLOSE.draining);
  }

  #updateReading(): void {
    if (this.#isOver) return;
    const heldBytes = (this.#session?.unsettledBytes ?? 0) + (this.#calls?.bytes ?? 0);
    // The common case, looked at first: nothing waits anywhere, and nothing is paused.
    if (!this.#gate.isPaused && heldBytes <= this.#host.limits.unsettledBytesMax && !this.#outbox.isBehind)
      return;
    this.#gate.update(heldBytes, () => this.#updateReading());
    this.heardTick = this.#host.heartbeat.tick;
  }

  // ---- Time ----

  onBeat(isSilent: boolean): void {
    if (this.#gate.isStuck()) {
      this.close(CLOSE.tooSlow);
      return;
    }
    // While we do not read, silence says nothing.
    if (this.#gate.isPaused) this.heardTick = this.#host.heartbeat.tick;
    else if (isSilent) {
      this.#host.log.info({ principal: this.#principal?.name }, 'stream.silent');
      this.destroy();
      return;
    }
    // Both: the library of the client answers the one, also where nobody reads frames; scripts in browsers see the other.
    this.#ws.ping();
    if (this.#phase !== 'hello') this.send(this.#codec.ping);
  }

  onHelloTimeout(): void {
    const message = 'no hello came in time';
    this.close(CLOSE.violation, new GrainError('ERR_FRAME_INVALID', { message }));
  }

  onExpiry(): void {
    this.close(
      CLOSE.unauthenticated,
      new GrainError('ERR_AUTH_REQUIRED', { message: 'The token has expired.' }),
    );
  }

  // ---- The end ----

  onReplaced(): void {
    this.close(CLOSE.replaced);
  }

  onSessionEnded(error: GrainError): void {
    this.close(error.code === 'ERR_SESSION_LOST' ? CLOSE.sessionLost : CLOSE.replaced);
  }

  /** The store lost data or was replaced: marks of this session are gone. */
  checkGeneration(): void {
    const generation = this.#admission?.generation;
    if (generation !== undefined && generation !== this.#host.cluster.generation)
      this.close(CLOSE.sessionLost);
  }

  /** Nothing is open any more that a stopping gateway would wait for. */
  get isQuiet(): boolean {
    return (this.#calls?.size ?? 0) === 0 && this.#session?.hasInFlight !== true;
  }

  /** Takes nothing new, and closes when what is in flight has settled. */
  drain(reconnectAfterMs: number): void {
    if (this.#phase === 'hello') this.close(CLOSE.draining);
    if (this.#phase !== 'open') return;
    this.#enter('draining');
    this.#session?.stop();
    this.send(this.#codec.encode({ t: 'drain', reconnect_after_ms: reconnectAfterMs }));
  }

  close(code: CloseCode, error?: GrainError): void {
    if (this.#isOver) return;
    const { log, stats, heartbeat } = this.#host;
    // What settled is told first: it spares the client an event of unknown outcome.
    this.#session?.collect(this.#outbox.frames);
    if (error) this.#outbox.push(this.#codec.encode({ t: 'error', error: reportOf(error) }));
    if (code === CLOSE.tooSlow) this.#outbox.drop();
    stats.framesOut += this.#outbox.write();
    this.#enter('closing');
    this.#release();
    stats.closed.set(code, (stats.closed.get(code) ?? 0) + 1);
    log.info(
      { code, error: error?.code, reason: error?.message, principal: this.#principal?.name },
      'stream.ended',
    );
    heartbeat.watchClosing(this);
    this.#gate.release();
    this.#ws.close(code, error?.code);
  }

  /** Ends the socket without a word. */
  destroy(): void {
    this.#ws.terminate();
  }

  #enter(next: Phase): void {
    assert(NEXT[this.#phase].includes(next), `connection: ${this.#phase} -> ${next}`);
    this.#phase = next;
  }

  /** Nothing is taken, and nothing more is said. */
  get #isOver(): boolean {
    return this.#phase === 'closing' || this.#phase === 'closed';
  }

  /** O4. */
  #release(): void {
    if (this.#admission) this.#host.registry.detach(this.#admission.sessionId, this);
    this.#session?.detach();
    this.#calls?.close();
    this.#subscriptions?.close();
    this.#session = undefined;
    this.#calls = undefined;
    this.#subscriptions = undefined;
    this.#admission = undefined;
  }
}
