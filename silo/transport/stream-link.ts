// StreamLink: a link over a byte stream whose two ends have proved who they are.
// Owns: requests that wait for their answers, requests that came and have none, and the end of the link.
// Does not own: the order of what is sent (outlet.ts), who is dialled (links.ts).
//   K1. Every request gets exactly one answer, or `lost`; none after `cancel`.
//   K2. `lost` says "was not sent" only of requests of which the stream did not get all bytes.
//   K3. Whatever comes: either it is of the protocol, or the link closes with one reason. Nothing is thrown at the stream.
//   K4. What one end keeps for the other is bounded. Requests beyond that are refused at once. Reading never stops: answers
//       would stop, too, and two silos that call each other would wait for ever.
import { type Clock, Fifo, fromUnknown, GrainError, type Logger } from '../../lib/index.ts';
import { InboundEnvelope } from '../messaging/inbound-envelope.ts';
import { ArrivedRequest, type ArrivedAt } from './arrived-request.ts';
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
import {
  answerFlags,
  MessageReader,
  MessageWriter,
  readAnswer,
  readError,
  writeAnswer,
  writeError,
} from './message-codec.ts';
import type { ByteStream } from './network.ts';
import { LongMessage, Outlet } from './outlet.ts';
import { packInto, packValue, unpackFrom } from './packed-values.ts';
import { PendingRequests } from './pending-requests.ts';

export interface StreamLinkParts {
  readonly stream: ByteStream;
  readonly outlet: Outlet;
  readonly reader: FrameReader;
  readonly peer: LinkPeer;
  /** Whether this end dialled. */
  readonly isDialled: boolean;
  readonly clock: Clock;
  readonly log: Logger;
  readonly options: Required<LinkOptions>;
  readonly handlers: LinkHandlers;
}

interface WaitingRequest {
  readonly request: LinkRequest;
  readonly number: number;
  readonly payload: Uint8Array | undefined;
}

const CONTROLS: readonly ControlKind[] = ['view', 'suspect', 'ask', 'answer', 'bye'];
/** Answers may wait for so many times the bytes that requests may; then the other end reads too slowly. */
const ANSWER_ROOM = 2;
const NOTHING = new Uint8Array(0);

/** The input as it came, of a message that is only forwarded. */
function packedInput({ envelope }: LinkRequest): Uint8Array | undefined {
  return envelope instanceof InboundEnvelope ? envelope.payload : undefined;
}

export class StreamLink implements Link, FrameSink, ArrivedAt {
  readonly peer: LinkPeer;
  readonly isDialled: boolean;
  readonly #parts: StreamLinkParts;
  readonly #stream: ByteStream;
  readonly #outlet: Outlet;
  readonly #writer = new MessageWriter();
  readonly #reader = new MessageReader();
  readonly #chunks: ChunkReader;
  readonly #pending = new PendingRequests();
  /** Requests that wait for room in the stream. */
  readonly #waiting = new Fifo<WaitingRequest>();
  #waitingBytes = 0;
  /** Requests of the other end, by the place in their number. */
  readonly #arrived: (ArrivedRequest | undefined)[] = [];
  #arrivedCount = 0;
  #arrivedBytes = 0;
  #isOpen = true;
  #isEnding: string | undefined = undefined;
  #heardMs: number;
  #isPinged = false;
  /** The time of this tick; undefined until somebody asks. */
  #tickMs: number | undefined = undefined;

  constructor(parts: StreamLinkParts) {
    this.#parts = parts;
    this.peer = parts.peer;
    this.isDialled = parts.isDialled;
    this.#stream = parts.stream;
    this.#outlet = parts.outlet;
    this.#chunks = new ChunkReader(parts.options.messageBytesMax + CHUNK_BYTES);
    this.#heardMs = parts.clock.nowMs();
    parts.reader.sink = this;
    parts.reader.frameMax = FRAME_BYTES_MAX;
    parts.outlet.onRoom = () => this.#sendWaiting();
    parts.outlet.onFlush = () => {
      this.#tickMs = undefined;
    };
    parts.stream.handlers = {
      onBytes: (bytes) => this.#onBytes(bytes),
      onDrain: () => this.#outlet.drained(),
      onClose: (reason) => this.#close(reason),
    };
  }

  get isOpen(): boolean {
    return this.#isOpen && this.#isEnding === undefined;
  }

  get heardMs(): number {
    return this.#heardMs;
  }

  /** Requests and answers that the other end waits for, or that wait for the other end. */
  get isIdle(): boolean {
    return this.#pending.count === 0 && this.#arrivedCount === 0;
  }

  // ---- Requests to the other end ----

  request(request: LinkRequest): void {
    if (!this.isOpen) return this.#later(request, { kind: 'lost', wasSent: false });
    const { requestsMax, queuedBytesMax } = this.#parts.options;
    const isFull =
      this.#pending.count >= requestsMax ||
      this.#waiting.size >= requestsMax ||
      this.#waitingBytes + this.#outlet.waitingBytes > queuedBytesMax;
    if (isFull) return this.#refuseLater(request, new GrainError('ERR_LINK_FULL', { retryAfterMs: 50 }));
    const number = this.#pending.add(request);
    request.ticket = number;
    try {
      if (this.#outlet.isBlocked) this.#wait(request, number);
      else this.#write(request, number, packedInput(request));
    } catch (error) {
      // Nothing of it was sent: the frame was dropped.
      this.#pending.take(number);
      this.#refuseLater(request, fromUnknown(error));
    }
  }

  #refuseLater(request: LinkRequest, error: GrainError): void {
    this.#later(request, { kind: 'error', error, host: undefined });
  }

  /** `cancel` may come before it is told: then it is not. */
  #later(request: LinkRequest, reply: LinkReply): void {
    request.ticket = -1;
    this.#parts.clock.defer(() => {
      if (request.ticket === -1) this.#tell(request, reply);
    });
  }

  /** Packed at once: the input may not change, and its bytes count. @throws ERR_VALUE_INVALID, ERR_BODY_TOO_LARGE */
  #wait(request: LinkRequest, number: number): void {
    const { input } = request.envelope;
    const packed = packedInput(request);
    const payload = packed ?? (input === undefined ? undefined : packValue(input));
    this.#checkSize(payload?.byteLength ?? 0);
    this.#waiting.push({ request, number, payload });
    this.#waitingBytes += payload?.byteLength ?? 0;
  }

  #checkSize(bytes: number): void {
    const bytesMax = this.#parts.options.messageBytesMax;
    if (bytes <= bytesMax) return;
    throw new GrainError('ERR_BODY_TOO_LARGE', {
      message: `${bytes} bytes are more than the ${bytesMax} that may go from process to process`,
      bytes,
      bytesMax,
    });
  }

  /** The stream has room. */
  #sendWaiting(): void {
    const nowMs = this.#parts.clock.nowMs();
    for (let left = this.#waiting.size; left > 0 && this.#isOpen; left -= 1) {
      const waiting = this.#waiting.shift();
      if (!waiting) break;
      const { request, number, payload } = waiting;
      this.#waitingBytes -= payload?.byteLength ?? 0;
      if (this.#pending.get(number) !== request) continue;
      if (request.envelope.deadlineMs <= nowMs) {
        this.#pending.take(number);
        this.#tell(request, { kind: 'error', error: new GrainError('ERR_CALL_EXPIRED'), host: undefined });
      } else this.#write(request, number, payload);
    }
  }

  /** @throws ERR_VALUE_INVALID, ERR_BODY_TOO_LARGE; then nothing is written */
  #write(request: LinkRequest, number: number, payload: Uint8Array | undefined): void {
    const { envelope, routing } = request;
    const outlet = this.#outlet;
    const { data } = outlet;
    const nowMs = (this.#tickMs ??= this.#parts.clock.nowMs());
    const flags = this.#writer.flagsOf(envelope, routing, payload);
    outlet.begin(REQUEST, flags);
    try {
      this.#writer.head(data, envelope, routing, number, nowMs, true);
      const packed = this.#payloadInto(payload, envelope.input);
      if (packed === undefined) {
        outlet.finish();
        this.#pending.written(number, data.regionNumber, undefined);
        return;
      }
      this.#checkSize(packed.byteLength);
      outlet.drop();
      this.#writer.takeBack();
      // Once more, without names that the other end would learn out of turn.
      outlet.begin(REQUEST, flags);
      this.#writer.head(data, envelope, routing, number, nowMs, false);
      const head = this.#takeBody();
      const long = new LongMessage(REQUEST, flags, head, packed);
      this.#pending.written(number, 0, long);
      outlet.long(long);
    } catch (error) {
      outlet.drop();
      this.#writer.takeBack();
      throw error;
    }
  }

  /** Writes the payload behind the head; answers it instead when the frame would become too long. */
  #payloadInto(payload: Uint8Array | undefined, value: unknown): Uint8Array | undefined {
    const outlet = this.#outlet;
    const { data } = outlet;
    const headBytes = outlet.bodyBytes;
    if (payload === undefined) {
      if (value === undefined) return undefined;
      packInto(data, value);
      if (!Outlet.isLong(outlet.bodyBytes)) return undefined;
      const start = data.at - (outlet.bodyBytes - headBytes);
      return new Uint8Array(data.bytes.subarray(start, data.at));
    }
    if (Outlet.isLong(headBytes + payload.byteLength)) return payload;
    data.ensure(payload.byteLength);
    data.bytes.set(payload, data.at);
    data.at += payload.byteLength;
    return undefined;
  }

  /** A copy of the body that was written; its frame is dropped. */
  #takeBody(): Uint8Array {
    const { data } = this.#outlet;
    const body = new Uint8Array(data.bytes.subarray(data.at - this.#outlet.bodyBytes, data.at));
    this.#outlet.drop();
    return body;
  }

  cancel(request: LinkRequest): void {
    const number = request.ticket;
    request.ticket = undefined;
    if (number === undefined || number < 0 || this.#pending.get(number) !== request) return;
    const long = this.#pending.longOf(number);
    const isWritten = this.#pending.isWritten(number);
    this.#pending.take(number);
    if (!isWritten || !this.#isOpen) return;
    if (long && !long.isWhole) {
      this.#outlet.dropLong(long);
      return;
    }
    this.#outlet.begin(CANCEL, 0);
    writeAnswer(this.#outlet.data, number, undefined);
    this.#outlet.finish();
  }

  #tell(request: LinkRequest, reply: LinkReply): void {
    request.ticket = undefined;
    try {
      request.onReply(reply);
    } catch (error) {
      this.#blame('an answer', error);
    }
  }

  // ---- Requests of the other end ----

  /** An answer to a request of the other end. */
  answer(request: ArrivedRequest, reply: LinkReply): void {
    if (!this.#forget(request)) return;
    switch (reply.kind) {
      case 'result':
        return this.#sendResult(request.number, reply.host, reply.payload, undefined);
      case 'error':
        return this.#sendError(request.number, reply.host, reply.error);
      case 'lost': {
        const code = reply.wasSent ? 'ERR_LINK_LOST' : 'ERR_ROUTE_FAILED';
        return this.#sendError(request.number, undefined, new GrainError(code));
      }
    }
  }

  /** As `answer`, with a result that is not packed yet. */
  answerValue(request: ArrivedRequest, output: unknown): void {
    if (this.#forget(request)) this.#sendResult(request.number, undefined, undefined, output);
  }

  /** False: nobody waits for an answer any more. */
  #forget(request: ArrivedRequest): boolean {
    const place = request.number & 0xffff;
    if (this.#arrived[place] !== request) return false;
    this.#arrived[place] = undefined;
    this.#arrivedCount -= 1;
    this.#arrivedBytes -= request.payloadBytes;
    return true;
  }

  #sendResult(
    number: number,
    host: string | undefined,
    payload: Uint8Array | undefined,
    output: unknown,
  ): void {
    const outlet = this.#outlet;
    const flags = answerFlags(host, payload !== undefined || output !== undefined);
    outlet.begin(RESULT, flags);
    try {
      writeAnswer(outlet.data, number, host);
      const packed = this.#payloadInto(payload, output);
      if (packed === undefined) outlet.finish();
      else {
        this.#checkSize(packed.byteLength);
        outlet.drop();
        outlet.begin(RESULT, flags);
        writeAnswer(outlet.data, number, host);
        // What was packed for somebody else is theirs: it may be gone when the last chunk leaves.
        outlet.long(
          new LongMessage(RESULT, flags, this.#takeBody(), payload ? new Uint8Array(packed) : packed),
        );
      }
    } catch (error) {
      outlet.drop();
      const { code, message } = fromUnknown(error);
      const told = code === 'ERR_BODY_TOO_LARGE' ? 'ERR_OUTPUT_TOO_LARGE' : 'ERR_OUTPUT_INVALID';
      return this.#sendError(number, undefined, new GrainError(told, { message }));
    }
    this.#checkRoom();
  }

  #sendError(number: number, host: string | undefined, error: GrainError): void {
    const outlet = this.#outlet;
    outlet.begin(FAILURE, answerFlags(host, true));
    writeAnswer(outlet.data, number, host);
    writeError(outlet.data, error);
    outlet.finish();
    this.#checkRoom();
  }

  #checkRoom(): void {
    if (this.#outlet.waitingBytes <= ANSWER_ROOM * this.#parts.options.queuedBytesMax) return;
    this.destroy('the other end reads its answers too slowly');
  }

  // ---- Control ----

  control(kind: ControlKind, body: unknown): void {
    const packed = packValue(body ?? null);
    if (!this.#isOpen) return;
    const flags = CONTROLS.indexOf(kind);
    if (packed.byteLength <= CHUNK_BYTES) this.#outlet.control(CONTROL, flags, packed);
    else this.#outlet.longFirst(new LongMessage(CONTROL, flags, NOTHING, packed));
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
    if (!this.#isOpen) return;
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
        return this.#onRequest(flags, bytes, start, end);
      case RESULT:
      case FAILURE:
        return this.#onAnswer(kind, flags, bytes, start, end);
      case CANCEL:
        return this.#onCancel(bytes, start, end);
      case CHUNK: {
        const message = this.#chunks.push(flags, bytes, start, end);
        if (message) this.#onLong(message);
        return;
      }
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

  #onLong(message: Buffer): void {
    const kind = message[0] ?? 0;
    if (kind !== REQUEST && kind !== RESULT && kind !== CONTROL) {
      throw broken(`a long message of the kind ${kind}`);
    }
    this.onFrame(kind, message[1] ?? 0, message, 2, message.length);
  }

  #onRequest(flags: number, bytes: Buffer, start: number, end: number): void {
    const head = this.#reader.head(flags, bytes, start, end);
    const place = head.correlation & 0xffff;
    if (this.#arrived[place]) throw broken('a request whose number is in use');
    const { requestsMax, queuedBytesMax } = this.#parts.options;
    const payloadBytes = head.payloadAt === undefined ? 0 : end - head.payloadAt;
    if (this.#arrivedCount >= requestsMax || this.#arrivedBytes + payloadBytes > queuedBytesMax) {
      const error = new GrainError('ERR_LINK_FULL', { retryAfterMs: 50 });
      return this.#sendError(head.correlation, undefined, error);
    }
    const request = new ArrivedRequest(this, head, bytes, end, this.#heardMs);
    while (this.#arrived.length <= place) this.#arrived.push(undefined);
    this.#arrived[place] = request;
    this.#arrivedCount += 1;
    this.#arrivedBytes += payloadBytes;
    try {
      this.#parts.handlers.onRequest(this, request);
    } catch (error) {
      this.#blame('a request', error);
      this.answer(request, { kind: 'error', error: fromUnknown(error), host: undefined });
    }
    request.detach();
  }

  #onAnswer(kind: number, flags: number, bytes: Buffer, start: number, end: number): void {
    const { correlation, host, payloadAt } = readAnswer(flags, bytes, start, end);
    let reply: LinkReply;
    if (kind === RESULT) {
      const payload =
        payloadAt === undefined
          ? undefined
          : new Uint8Array(bytes.buffer, bytes.byteOffset + payloadAt, end - payloadAt);
      reply = { kind: 'result', payload, host };
    } else if (payloadAt === undefined) throw broken('an error without its code');
    else reply = { kind: 'error', error: readError(bytes, payloadAt, end), host };
    const request = this.#pending.take(correlation);
    if (request) this.#tell(request, reply);
  }

  #onCancel(bytes: Buffer, start: number, end: number): void {
    const { correlation } = readAnswer(0, bytes, start, end);
    const request = this.#arrived[correlation & 0xffff];
    if (request?.number === correlation) this.#abandon(request);
  }

  #abandon(request: ArrivedRequest): void {
    if (!this.#forget(request)) return;
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
    this.#isEnding = reason;
    this.#outlet.onEmpty = () => {
      this.#stream.end();
      this.#close(reason);
    };
    this.#outlet.wake();
  }

  destroy(reason: string): void {
    if (!this.#isOpen) return;
    this.#close(reason);
    this.#stream.destroy();
  }

  #close(reason: string): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#parts.reader.isStopped = true;
    this.#outlet.close();
    this.#pending.takeAll(this.#outlet.handed, (request, wasSent) =>
      this.#tell(request, { kind: 'lost', wasSent }),
    );
    for (const request of [...this.#arrived]) if (request) this.#abandon(request);
    try {
      this.#parts.handlers.onClosed(this, this.#isEnding ?? reason);
    } catch (error) {
      this.#blame('the end of the link', error);
    }
  }
}
