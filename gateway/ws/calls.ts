// OpenCalls: the calls of one connection.
// Owns: their number, their ids, and that each is answered once. Does not own: deadlines (the cluster watches them).
//   C1. An id is in use from its call frame to its answer.
//   C2. When the connection ends, its open calls are cancelled: nobody is left to tell.
import { type Clock, fromUnknown, GrainError } from '../../lib/index.ts';
import { type ClusterClient, Envelope } from '../../silo/index.ts';
import { type Principal, targetFor } from '../auth/principal.ts';
import type { FrameId } from '../protocol.ts';
import { type FrameCodec, type RawFrame, reportOf, type Wire } from './frame-codec.ts';
import { frameError, idOf, keyOf, optionalCountOf, optionalTextOf, textOf } from './frame-fields.ts';
import type { StreamLimits } from './stream-options.ts';

/** What the calls of all connections share. */
export interface CallsHost {
  readonly cluster: ClusterClient;
  readonly clock: Clock;
  readonly limits: StreamLimits;
}

/** Where answers go. */
export interface FrameOutput {
  send(frame: Wire): void;
}

class CallEnvelope extends Envelope {
  readonly #calls: OpenCalls;
  readonly id: FrameId;

  constructor(calls: OpenCalls, id: FrameId) {
    super();
    this.#calls = calls;
    this.id = id;
  }

  protected override onResult(output: unknown): void {
    this.#calls.onResult(this, output);
  }

  protected override onError(error: GrainError): void {
    this.#calls.onError(this, error);
  }
}

export class OpenCalls {
  readonly #host: CallsHost;
  readonly #codec: FrameCodec;
  readonly #output: FrameOutput;
  readonly #open = new Map<FrameId, CallEnvelope>();
  #bytes = 0;
  #isClosed = false;

  constructor(host: CallsHost, codec: FrameCodec, output: FrameOutput) {
    this.#host = host;
    this.#codec = codec;
    this.#output = output;
  }

  get size(): number {
    return this.#open.size;
  }

  has(id: FrameId): boolean {
    return this.#open.has(id);
  }

  /** Bytes of the frames of open calls. */
  get bytes(): number {
    return this.#bytes;
  }

  /** @throws ERR_FRAME_INVALID when the frame is malformed; every other refusal is the call's answer */
  start(frame: RawFrame, frameBytes: number, principal: Principal): void {
    const { limits, clock, cluster } = this.#host;
    const id = idOf(frame);
    if (this.#open.has(id)) throw frameError(frame, `id ${JSON.stringify(id)} is in use`);
    const envelope = new CallEnvelope(this, id);
    const core = textOf(frame, 'core');
    envelope.flow = textOf(frame, 'flow');
    envelope.commandId = optionalTextOf(frame, 'command_id');
    const remainingMs = optionalCountOf(frame, 'deadline_ms', 1) ?? limits.callMs;
    envelope.deadlineMs = clock.nowMs() + Math.min(remainingMs, limits.callMsMax);
    envelope.inputBytes = frameBytes;
    this.#open.set(id, envelope);
    this.#bytes += frameBytes;
    try {
      if (this.#open.size > limits.maxCalls) {
        throw new GrainError('ERR_LIMIT_REACHED', { limit: 'max_calls', most: limits.maxCalls });
      }
      const target = targetFor(principal, core);
      envelope.tenant = target.tenant;
      envelope.core = target.core;
      envelope.principal = principal.name;
      envelope.key = keyOf(frame);
      envelope.input = this.#codec.payload(frame['input']);
    } catch (error) {
      envelope.reject(fromUnknown(error));
      return;
    }
    cluster.dispatch(envelope);
  }

  /** An id that is not open is no mistake: its answer may be on the way. */
  cancel(id: FrameId): void {
    this.#open.get(id)?.cancel();
  }

  close(): void {
    this.#isClosed = true;
    for (const envelope of this.#open.values()) envelope.cancel();
    this.#open.clear();
  }

  onResult(envelope: CallEnvelope, output: unknown): void {
    if (!this.#take(envelope)) return;
    try {
      this.#output.send(this.#codec.result(envelope.id, output));
    } catch (error) {
      this.#tell(envelope.id, fromUnknown(error));
    }
  }

  onError(envelope: CallEnvelope, error: GrainError): void {
    if (this.#take(envelope)) this.#tell(envelope.id, error);
  }

  /** False when nobody is left to tell. */
  #take({ id, inputBytes }: CallEnvelope): boolean {
    if (this.#isClosed) return false;
    this.#open.delete(id);
    this.#bytes -= inputBytes;
    return true;
  }

  #tell(id: FrameId, error: GrainError): void {
    this.#output.send(this.#codec.encode({ t: 'error', id, error: reportOf(error) }));
  }
}
