// StreamLink: a link over a byte stream whose two ends have proved who they are.
// Owns: what frames mean, and the end of the link. Does not own: requests that were sent (sent-requests.ts) and that came
// (arrived-requests.ts), the order of what is sent (outlet.ts), who is dialled (links.ts).
//   K1. Whatever comes: either it is of the protocol, or the link closes with one reason. Nothing is thrown at the stream.
//   K2. The end is told once, after all requests were told.
import { type Clock, fromUnknown, type Logger, type TimerHandle } from '../../lib/index.ts';
import { ArrivedRequest } from './arrived-request.ts';
import { ArrivedRequests } from './arrived-requests.ts';
import {
  broken,
  CANCEL,
  CHUNK,
  CHUNK_BYTES,
  ChunkReader,
  CONTROL,
  FAILURE,
  FRAME_BYTES_MAX,
  type FrameReader,
  type FrameSink,
  PING,
  PONG,
  REQUEST,
  RESULT,
} from './frames.ts';
import type { ControlKind, Link, LinkHandlers, LinkPeer, LinkReply, LinkRequest } from './link-messages.ts';
import type { LinkOptions } from './link-options.ts';
import { MessageReader, readAnswer, readError } from './message-codec.ts';
import type { MessageOutlet } from './message-outlet.ts';
import type { ByteStream } from './network.ts';
import { LongMessage } from './outlet.ts';
import { packValue, unpackFrom } from './packed-values.ts';
import { SentRequests } from './sent-requests.ts';

export interface StreamLinkParts {
  readonly stream: ByteStream;
  readonly outlet: MessageOutlet;
  readonly reader: FrameReader;
  readonly peer: LinkPeer;
  /** Whether this end dialled. */
  readonly isDialled: boolean;
  readonly clock: Clock;
  readonly log: Logger;
  readonly options: Required<LinkOptions>;
  readonly handlers: LinkHandlers;
}

const CONTROLS: readonly ControlKind[] = ['view', 'suspect', 'ask', 'answer', 'bye'];
/** How long the other end may take to read what is left when this end ends the link. */
const END_LIMIT_MS = 500;
const NO_HEAD = new Uint8Array(0);

export class StreamLink implements Link, FrameSink {
  readonly peer: LinkPeer;
  readonly isDialled: boolean;
  readonly openedMs: number;
  readonly #parts: StreamLinkParts;
  readonly #outlet: MessageOutlet;
  readonly #messages = new MessageReader();
  readonly #chunks: ChunkReader;
  readonly #sent: SentRequests;
  readonly #arrived: ArrivedRequests;
  #state: 'open' | 'ending' | 'closed' = 'open';
  /** Why this end ends it. */
  #endReason: string | undefined = undefined;
  #endLimit: TimerHandle | undefined = undefined;
  #heardMs: number;
  #isPinged = false;

  constructor(parts: StreamLinkParts) {
    const { stream, outlet, reader, peer, clock, options } = parts;
    this.#parts = parts;
    this.peer = peer;
    this.isDialled = parts.isDialled;
    this.#outlet = outlet;
    // A message is its payload with an address in front.
    this.#chunks = new ChunkReader(options.messageBytesMax + CHUNK_BYTES);
    this.#sent = new SentRequests(outlet, clock, options, (request, reply) => this.#tell(request, reply));
    const onTooSlow = (): void => this.destroy('the other end reads its answers too slowly');
    this.#arrived = new ArrivedRequests(peer, outlet, options, onTooSlow);
    this.openedMs = clock.nowMs();
    this.#heardMs = this.openedMs;
    reader.sink = this;
    reader.frameMax = FRAME_BYTES_MAX;
    stream.handlers = {
      onBytes: (bytes) => this.#onBytes(bytes),
      onDrain: () => outlet.drained(),
      onClose: (reason) => this.#close(reason),
    };
  }

  get isOpen(): boolean {
    return this.#state === 'open';
  }

  get heardMs(): number {
    return this.#heardMs;
  }

  // ---- What is sent ----

  request(request: LinkRequest): void {
    if (this.isOpen) this.#sent.request(request);
    else this.#sent.later(request, { kind: 'lost', wasSent: false });
  }

  cancel(request: LinkRequest): void {
    this.#sent.cancel(request, this.#state !== 'closed');
  }

  #tell(request: LinkRequest, reply: LinkReply): void {
    try {
      request.onReply(reply);
    } catch (error) {
      this.#blame('an answer', error);
    }
  }

  control(kind: ControlKind, body: unknown): void {
    const packed = packValue(body ?? null);
    this.#outlet.checkSize(packed.byteLength);
    if (!this.isOpen) return;
    const flags = CONTROLS.indexOf(kind);
    if (packed.byteLength <= CHUNK_BYTES) this.#outlet.control(CONTROL, flags, packed);
    else this.#outlet.longFirst(new LongMessage(CONTROL, flags, NO_HEAD, packed));
  }

  /** Called now and then: asks whether the other end is there, and gives a silent one up. */
  beat(nowMs: number): void {
    const silentMs = nowMs - this.#heardMs;
    if (silentMs >= this.#parts.options.silentMs && this.#isPinged) {
      this.destroy(`nothing was heard for ${Math.round(silentMs)} ms`);
    } else if (silentMs >= this.#parts.options.pingMs) {
      this.#isPinged = true;
      this.#outlet.control(PING, 0, undefined);
    }
  }

  // ---- What comes ----

  #onBytes(bytes: Uint8Array): void {
    if (this.#state === 'closed') return;
    this.#heardMs = this.#parts.clock.nowMs();
    this.#isPinged = false;
    try {
      this.#parts.reader.push(bytes);
    } catch (error) {
      this.destroy(fromUnknown(error).message);
    }
  }

  onFrame(kind: number, flags: number, bytes: Buffer, start: number, end: number): void {
    switch (kind) {
      case REQUEST:
        return this.#onRequest(flags, bytes, start, end, false);
      case RESULT:
      case FAILURE:
        return this.#onAnswer(kind, flags, bytes, start, end);
      case CANCEL:
        return this.#onCancel(bytes, start, end);
      case CHUNK:
        return this.#onChunk(flags, bytes, start, end);
      case PING:
        return this.#outlet.control(PONG, 0, undefined);
      case PONG:
        return;
      case CONTROL:
        return this.#onControl(flags, bytes, start, end);
      default:
        throw broken(`a frame of the kind ${kind}, which does not belong here`);
    }
  }

  #onChunk(flags: number, bytes: Buffer, start: number, end: number): void {
    const message = this.#chunks.push(flags, bytes, start, end);
    if (!message) return;
    const kind = message[0] ?? 0;
    const messageFlags = message[1] ?? 0;
    if (kind === REQUEST) this.#onRequest(messageFlags, message, 2, message.length, true);
    else if (kind === RESULT) this.#onAnswer(kind, messageFlags, message, 2, message.length);
    else if (kind === CONTROL) this.#onControl(messageFlags, message, 2, message.length);
    else throw broken(`a long message of the kind ${kind}`);
  }

  /** `isOwned`: the bytes are this request's alone. */
  #onRequest(flags: number, bytes: Buffer, start: number, end: number, isOwned: boolean): void {
    const head = this.#messages.head(flags, bytes, start, end);
    const payloadBytes = head.payloadAt === undefined ? 0 : end - head.payloadAt;
    if (!this.#arrived.admit(head, payloadBytes)) return;
    const request = new ArrivedRequest(this.#arrived, head, bytes, end, this.#heardMs);
    this.#arrived.add(request);
    try {
      this.#parts.handlers.onRequest(this, request);
    } catch (error) {
      this.#blame('a request', error);
      request.settle({ kind: 'error', error: fromUnknown(error), host: undefined });
    }
    if (!isOwned) request.detach();
  }

  #onAnswer(kind: number, flags: number, bytes: Buffer, start: number, end: number): void {
    const { correlation, host, payloadAt } = readAnswer(flags, bytes, start, end);
    if (kind === RESULT) {
      const payload =
        payloadAt === undefined
          ? undefined
          : new Uint8Array(bytes.buffer, bytes.byteOffset + payloadAt, end - payloadAt);
      return this.#sent.answered(correlation, { kind: 'result', payload, host });
    }
    if (payloadAt === undefined) throw broken('an error without its code');
    const error = readError(bytes, payloadAt, end);
    this.#sent.answered(correlation, { kind: 'error', error, host });
  }

  #onCancel(bytes: Buffer, start: number, end: number): void {
    const { correlation } = readAnswer(0, bytes, start, end);
    const request = this.#arrived.take(correlation);
    if (request) this.#abandon(request);
  }

  #abandon(request: ArrivedRequest): void {
    try {
      if (request.onCancel) request.onCancel();
      else request.cancel();
    } catch (error) {
      this.#blame('a cancelled request', error);
    }
  }

  #onControl(flags: number, bytes: Buffer, start: number, end: number): void {
    const kind = CONTROLS[flags];
    if (!kind) throw broken(`a control frame of the kind ${flags}`);
    const body = unpackFrom(bytes, start, end);
    try {
      this.#parts.handlers.onControl(this, kind, body);
    } catch (error) {
      this.#blame(`the control frame ${kind}`, error);
    }
  }

  #blame(what: string, thrown: unknown): void {
    this.#parts.log.error({ peer: this.peer.incarnation, err: thrown }, `link.handler_failed: ${what}`);
  }

  // ---- The end ----

  end(reason: string): void {
    if (!this.isOpen) return;
    this.#state = 'ending';
    this.#endReason = reason;
    // The stream closes when the other end has read all; answers may still come until then.
    this.#outlet.onEmpty = () => this.#parts.stream.end();
    this.#endLimit = this.#parts.clock.setTimer(END_LIMIT_MS, () => this.destroy(reason));
    this.#outlet.wake();
  }

  destroy(reason: string): void {
    if (this.#state === 'closed') return;
    this.#close(reason);
    this.#parts.stream.destroy();
  }

  #close(reason: string): void {
    if (this.#state === 'closed') return;
    this.#state = 'closed';
    this.#endLimit?.cancel();
    this.#parts.reader.isStopped = true;
    this.#outlet.close();
    this.#sent.close();
    for (const request of this.#arrived.takeAll()) this.#abandon(request);
    try {
      this.#parts.handlers.onClosed(this, this.#endReason ?? reason);
    } catch (error) {
      this.#blame('the end of the link', error);
    }
  }
}
