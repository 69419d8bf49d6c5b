// ArrivedRequests: what the other end of a link asked and has no answer to. Owns: their bounds, and answers.
//   R1. A request is answered once at most; not after it was cancelled.
//   R2. What is kept for the other end is bounded by count and bytes; requests beyond that are refused at once. Reading never
//       stops: answers would stop, too, and two silos that call each other would wait for ever.
import { fromUnknown, GrainError } from '../../lib/index.ts';
import type { ArrivedAt, ArrivedRequest } from './arrived-request.ts';
import { broken, FAILURE, RESULT } from './frames.ts';
import type { LinkPeer, LinkReply } from './link-messages.ts';
import type { LinkOptions } from './link-options.ts';
import { answerFlags, type RequestHead, writeAnswer, writeError } from './message-codec.ts';
import type { MessageOutlet } from './message-outlet.ts';

/** Answers may wait for so many times the bytes that requests may; then the other end reads too slowly. */
const ANSWER_ROOM = 2;

export class ArrivedRequests implements ArrivedAt {
  readonly peer: LinkPeer;
  readonly #outlet: MessageOutlet;
  readonly #options: Required<LinkOptions>;
  readonly #onTooSlow: () => void;
  /** By the place in their number. */
  readonly #requests: (ArrivedRequest | undefined)[] = [];
  #count = 0;
  #bytes = 0;

  constructor(peer: LinkPeer, outlet: MessageOutlet, options: Required<LinkOptions>, onTooSlow: () => void) {
    this.peer = peer;
    this.#outlet = outlet;
    this.#options = options;
    this.#onTooSlow = onTooSlow;
  }

  get count(): number {
    return this.#count;
  }

  /** False: it was refused. @throws ERR_LINK_INVALID */
  admit(head: RequestHead, payloadBytes: number): boolean {
    if (this.#requests[head.correlation & 0xffff]) throw broken('a request whose number is in use');
    const { requestsMax, queuedBytesMax } = this.#options;
    if (this.#count < requestsMax && this.#bytes + payloadBytes <= queuedBytesMax) return true;
    this.#sendError(head.correlation, undefined, new GrainError('ERR_LINK_FULL', { retryAfterMs: 50 }));
    return false;
  }

  add(request: ArrivedRequest): void {
    const place = request.number & 0xffff;
    while (this.#requests.length <= place) this.#requests.push(undefined);
    this.#requests[place] = request;
    this.#count += 1;
    this.#bytes += request.payloadBytes;
  }

  /** Takes the request of that number out. */
  take(number: number): ArrivedRequest | undefined {
    const request = this.#requests[number & 0xffff];
    return request?.number === number && this.#remove(request) ? request : undefined;
  }

  takeAll(): readonly ArrivedRequest[] {
    const all = this.#requests.filter((request) => request !== undefined);
    for (const request of all) this.#remove(request);
    return all;
  }

  /** False: nobody waits for an answer any more. */
  #remove(request: ArrivedRequest): boolean {
    const place = request.number & 0xffff;
    if (this.#requests[place] !== request) return false;
    this.#requests[place] = undefined;
    this.#count -= 1;
    this.#bytes -= request.payloadBytes;
    return true;
  }

  // ---- Answers ----

  answer(request: ArrivedRequest, reply: LinkReply): void {
    if (!this.#remove(request)) return;
    switch (reply.kind) {
      case 'result':
        return this.#sendResult(request.number, reply.host, reply.payload, undefined);
      case 'error':
        return this.#sendError(request.number, reply.host, reply.error);
      case 'lost': {
        const error = new GrainError(reply.wasSent ? 'ERR_LINK_LOST' : 'ERR_ROUTE_FAILED');
        return this.#sendError(request.number, undefined, error);
      }
    }
  }

  answerValue(request: ArrivedRequest, output: unknown): void {
    if (this.#remove(request)) this.#sendResult(request.number, undefined, undefined, output);
  }

  #sendResult(
    number: number,
    host: string | undefined,
    payload: Uint8Array | undefined,
    output: unknown,
  ): void {
    const outlet = this.#outlet;
    const flags = answerFlags(host, payload !== undefined || output !== undefined);
    try {
      outlet.begin(RESULT, flags);
      writeAnswer(outlet.data, number, host);
      const tooLong = outlet.payload(payload, output);
      if (tooLong === undefined) outlet.finish();
      else {
        outlet.drop();
        outlet.begin(RESULT, flags);
        writeAnswer(outlet.data, number, host);
        // What is passed on is good only during this call; the last chunk leaves later.
        outlet.sendLong(RESULT, flags, payload ? new Uint8Array(tooLong) : tooLong);
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
    if (this.#outlet.waitingBytes > ANSWER_ROOM * this.#options.queuedBytesMax) this.#onTooSlow();
  }
}
