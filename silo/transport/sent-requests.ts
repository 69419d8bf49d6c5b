// SentRequests: what was asked over a link. Owns: requests that wait for room or for their answer.
//   Q1. Every request gets exactly one answer, or `lost`; none after `cancel`; none inside `request`.
//   Q2. `lost` says "was not sent" only of requests of which the stream did not get all bytes.
//   Q3. What waits is bounded by count and bytes; beyond that it is refused, with no effect.
import { type Clock, Fifo, fromUnknown, GrainError } from '../../lib/index.ts';
import { InboundEnvelope } from '../messaging/inbound-envelope.ts';
import { CANCEL, REQUEST } from './frames.ts';
import type { LinkReply, LinkRequest } from './link-messages.ts';
import type { LinkOptions } from './link-options.ts';
import { MessageWriter, writeAnswer } from './message-codec.ts';
import type { MessageOutlet } from './message-outlet.ts';
import { packValue } from './packed-values.ts';
import { PendingRequests } from './pending-requests.ts';

interface WaitingRequest {
  readonly request: LinkRequest;
  readonly number: number;
  readonly payload: Uint8Array | undefined;
}

/** In place of a number: the answer is on its way already. */
const DECIDED = -1;

export class SentRequests {
  readonly #outlet: MessageOutlet;
  readonly #clock: Clock;
  readonly #options: Required<LinkOptions>;
  /** Tells the request; must not throw. */
  readonly #tell: (request: LinkRequest, reply: LinkReply) => void;
  readonly #writer = new MessageWriter();
  readonly #pending = new PendingRequests();
  /** Requests that wait for room in the stream. */
  readonly #waiting = new Fifo<WaitingRequest>();
  #waitingBytes = 0;
  /** The time of this tick; undefined until somebody asks. */
  #tickMs: number | undefined = undefined;

  constructor(
    outlet: MessageOutlet,
    clock: Clock,
    options: Required<LinkOptions>,
    tell: (request: LinkRequest, reply: LinkReply) => void,
  ) {
    this.#outlet = outlet;
    this.#clock = clock;
    this.#options = options;
    this.#tell = tell;
    outlet.onRoom = () => this.#sendWaiting();
    outlet.onFlush = () => {
      this.#tickMs = undefined;
    };
  }

  get count(): number {
    return this.#pending.count;
  }

  request(request: LinkRequest): void {
    const { requestsMax, queuedBytesMax } = this.#options;
    const isFull =
      this.#pending.count >= requestsMax ||
      this.#waiting.size >= requestsMax ||
      this.#waitingBytes + this.#outlet.waitingBytes > queuedBytesMax;
    if (isFull) return this.refuse(request, new GrainError('ERR_LINK_FULL', { retryAfterMs: 50 }));
    const number = this.#pending.add(request);
    request.ticket = number;
    try {
      if (this.#outlet.isBlocked) this.#wait(request, number);
      else this.#write(request, number, packedInput(request));
    } catch (error) {
      this.#pending.take(number);
      this.refuse(request, fromUnknown(error));
    }
  }

  refuse(request: LinkRequest, error: GrainError): void {
    this.later(request, { kind: 'error', error, host: undefined });
  }

  /** Answers the request itself, after this tick; not when it is cancelled before. */
  later(request: LinkRequest, reply: LinkReply): void {
    request.ticket = DECIDED;
    this.#clock.defer(() => {
      if (request.ticket !== DECIDED) return;
      request.ticket = undefined;
      this.#tell(request, reply);
    });
  }

  /** Packed at once: the input may not change, and its bytes count. @throws ERR_VALUE_INVALID, ERR_BODY_TOO_LARGE */
  #wait(request: LinkRequest, number: number): void {
    const { input } = request.envelope;
    const payload = packedInput(request) ?? (input === undefined ? undefined : packValue(input));
    this.#outlet.checkSize(payload?.byteLength ?? 0);
    this.#waiting.push({ request, number, payload });
    this.#waitingBytes += payload?.byteLength ?? 0;
  }

  /** The stream has room. */
  #sendWaiting(): void {
    const nowMs = this.#clock.nowMs();
    for (let left = this.#waiting.size; left > 0; left -= 1) {
      const waiting = this.#waiting.shift();
      if (!waiting) return;
      const { request, number, payload } = waiting;
      this.#waitingBytes -= payload?.byteLength ?? 0;
      if (this.#pending.get(number) !== request) continue;
      try {
        if (request.envelope.deadlineMs <= nowMs) throw new GrainError('ERR_CALL_EXPIRED');
        this.#write(request, number, payload);
      } catch (error) {
        this.#pending.take(number);
        this.refuse(request, fromUnknown(error));
      }
    }
  }

  /** @throws ERR_VALUE_INVALID, ERR_BODY_TOO_LARGE; then nothing of it is sent */
  #write(request: LinkRequest, number: number, payload: Uint8Array | undefined): void {
    const { envelope, routing } = request;
    const outlet = this.#outlet;
    const nowMs = (this.#tickMs ??= this.#clock.nowMs());
    const flags = this.#writer.flagsOf(envelope, routing, payload);
    try {
      outlet.begin(REQUEST, flags);
      this.#writer.head(outlet.data, envelope, routing, number, nowMs, true);
      const tooLong = outlet.payload(payload, envelope.input);
      if (tooLong === undefined) {
        outlet.finish();
        this.#pending.written(number, outlet.data.regionNumber, undefined);
        return;
      }
      outlet.drop();
      this.#writer.takeBack();
      // Once more, without names that the other end would learn out of turn.
      outlet.begin(REQUEST, flags);
      this.#writer.head(outlet.data, envelope, routing, number, nowMs, false);
      this.#pending.written(number, 0, outlet.sendLong(REQUEST, flags, tooLong));
    } catch (error) {
      outlet.drop();
      this.#writer.takeBack();
      this.#tickMs = undefined;
      throw error;
    }
  }

  cancel(request: LinkRequest, isOpen: boolean): void {
    const number = request.ticket;
    request.ticket = undefined;
    if (number === undefined || number === DECIDED || this.#pending.get(number) !== request) return;
    const long = this.#pending.longOf(number);
    const isWritten = this.#pending.isWritten(number);
    this.#pending.take(number);
    if (!isWritten || !isOpen) return;
    if (long && !long.isWhole) return this.#outlet.dropLong(long);
    this.#outlet.begin(CANCEL, 0);
    writeAnswer(this.#outlet.data, number, undefined);
    this.#outlet.finish();
  }

  /** The answer to the request of that number; ignored when nobody waits for it any more. */
  answered(number: number, reply: LinkReply): void {
    const request = this.#pending.take(number);
    if (!request) return;
    request.ticket = undefined;
    this.#tell(request, reply);
  }

  /** The link is closed. */
  close(): void {
    this.#pending.takeAll(this.#outlet.handed, (request, wasSent) => {
      request.ticket = undefined;
      this.#tell(request, { kind: 'lost', wasSent });
    });
  }
}

/** The input as it came, of a message that is only forwarded. */
function packedInput({ envelope }: LinkRequest): Uint8Array | undefined {
  return envelope instanceof InboundEnvelope ? envelope.payload : undefined;
}
