// InboundEnvelope: a message that came over a link. Its outcome goes back over the link; its input stays packed until a
// grain of this silo gets it, so that a message that is only forwarded is never decoded.
import type { GrainError } from '../../lib/index.ts';
import type { LinkPeer, LinkReply, Routing } from '../transport/link-messages.ts';
import { packValue, unpackValue } from '../transport/packed-values.ts';
import { Envelope } from './envelope.ts';

export class InboundEnvelope extends Envelope {
  readonly from: LinkPeer;
  readonly routing: Routing;
  /** Packed input, while nobody opened it; undefined when there is none. */
  payload: Uint8Array | undefined;
  /** The outcome, where another silo gave it. */
  protected passedOn: LinkReply | undefined = undefined;
  protected isOpened = false;
  readonly #settle: (reply: LinkReply) => void;

  constructor(
    from: LinkPeer,
    routing: Routing,
    payload: Uint8Array | undefined,
    settle: (reply: LinkReply) => void,
  ) {
    super();
    this.from = from;
    this.routing = routing;
    this.payload = payload;
    this.inputBytes = payload?.byteLength ?? 0;
    this.#settle = settle;
  }

  /** Unpacks the input. @throws ERR_VALUE_INVALID */
  open(): void {
    if (this.isOpened) return;
    this.isOpened = true;
    this.input = this.payload === undefined ? undefined : unpackValue(this.payload);
  }

  /** The outcome, as another silo gave it. */
  passOn(reply: Exclude<LinkReply, { readonly kind: 'lost' }>): void {
    this.passedOn = reply;
    if (reply.kind === 'result') this.resolve(undefined);
    else this.reject(reply.error);
  }

  protected override onResult(output: unknown): void {
    const reply = this.passedOn ?? {
      kind: 'result' as const,
      payload: output === undefined ? undefined : packValue(output),
      host: undefined,
    };
    this.#settle(reply);
  }

  protected override onError(error: GrainError): void {
    this.#settle(this.passedOn ?? { kind: 'error', error, host: undefined });
  }
}
