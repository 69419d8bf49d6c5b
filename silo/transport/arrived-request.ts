// ArrivedRequest: a message that came over a link, and the envelope that carries it on, in one object.
//   A1. Its outcome is told to the link once; what comes after that is ignored.
//   A2. The input is a part of what the socket read until `detach`: then it is a copy, or gone when it was opened.
import type { GrainError } from '../../lib/index.ts';
import { InboundEnvelope } from '../messaging/inbound-envelope.ts';
import type { InboundRequest, LinkPeer, LinkReply } from './link-messages.ts';
import type { RequestHead } from './message-codec.ts';

/** The link that it came over. */
export interface ArrivedAt {
  readonly peer: LinkPeer;
  answer(request: ArrivedRequest, reply: LinkReply): void;
  answerValue(request: ArrivedRequest, output: unknown): void;
}

export class ArrivedRequest extends InboundEnvelope implements InboundRequest {
  readonly number: number;
  readonly payloadBytes: number;
  onCancel: (() => void) | undefined = undefined;
  readonly #link: ArrivedAt;

  constructor(link: ArrivedAt, head: RequestHead, bytes: Buffer, end: number, nowMs: number) {
    const payload =
      head.payloadAt === undefined
        ? undefined
        : new Uint8Array(bytes.buffer, bytes.byteOffset + head.payloadAt, end - head.payloadAt);
    super(link.peer, { hops: head.hops, toOwner: head.toOwner, view: head.view }, payload, ignore);
    this.#link = link;
    this.number = head.correlation;
    this.payloadBytes = payload?.byteLength ?? 0;
    this.kind = head.kind;
    this.tenant = head.tenant;
    this.core = head.core;
    this.key = head.key;
    this.flow = head.flow;
    this.principal = head.principal;
    this.commandId = head.commandId;
    this.mark = head.mark;
    this.tick = head.tick;
    this.chain = head.chain;
    this.deadlineMs = head.remainingMs === undefined ? Infinity : nowMs + head.remainingMs;
  }

  get envelope(): this {
    return this;
  }

  /** The memory that the input is in will be used for something else. */
  detach(): void {
    if (this.payload !== undefined) this.payload = this.isOpened ? undefined : new Uint8Array(this.payload);
  }

  settle(reply: LinkReply): void {
    this.#link.answer(this, reply);
  }

  protected override onResult(output: unknown): void {
    if (this.passedOn) this.#link.answer(this, this.passedOn);
    else this.#link.answerValue(this, output);
  }

  protected override onError(error: GrainError): void {
    this.#link.answer(this, this.passedOn ?? { kind: 'error', error, host: undefined });
  }
}

function ignore(): void {
  // The link is told by `onResult` and `onError`.
}
