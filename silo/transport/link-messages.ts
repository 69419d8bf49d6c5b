// What two processes of a cluster say to each other over a link (link.ts). Requests are messages to grains; control frames
// are the cluster's own words. Values stay packed on every hop but the last.
import type { GrainError } from '../../lib/index.ts';
import type { Envelope } from '../messaging/envelope.ts';
import type { InboundEnvelope } from '../messaging/inbound-envelope.ts';

/** Who is at the other end, proved by the handshake. */
export interface LinkPeer {
  readonly incarnation: string;
  readonly name: string;
  readonly role: 'silo' | 'gateway';
}

/** How a request is to be treated on its way. */
export interface Routing {
  /** Forwards that are left; 0: whoever gets it answers. */
  readonly hops: number;
  /** The directory named the receiver as the owner: it activates the grain, wherever it would be placed. */
  readonly toOwner: boolean;
  /** Number of the view by which the sender chose. */
  readonly view: number;
}

/** What comes back of one request, once. */
export type LinkReply =
  /** Packed, as `packValue` does; undefined: the flow returned nothing. Valid only during the call: copy what is kept. */
  | { readonly kind: 'result'; readonly payload: Uint8Array | undefined; readonly host: string | undefined }
  /** `host`: as below. */
  | { readonly kind: 'error'; readonly error: GrainError; readonly host: string | undefined }
  /** The link closed. `wasSent: false`: surely not executed. */
  | { readonly kind: 'lost'; readonly wasSent: boolean };
// `host`: the incarnation that hosts the grain, where it is not the one that the request was sent to.

/** A request on its way over a link: made by the router for each try. */
export interface LinkRequest {
  /**
   * What is sent: its address fields, mark, tick, chain, command id, principal and input, and the time that is left. The
   * input of an `InboundEnvelope` that nobody opened is sent on as it came.
   */
  readonly envelope: Envelope;
  readonly routing: Routing;
  /** Set by the link alone. */
  ticket?: number | undefined;
  onReply(reply: LinkReply): void;
}

/** A message to a grain that came over a link. It is answered once, by its envelope's outcome or by `settle`. */
export interface InboundRequest extends InboundEnvelope {
  /** Itself: address fields, mark, tick, chain (without turns), command id, principal, deadline on our clock. */
  readonly envelope: InboundEnvelope;
  /** Passes an answer on as it came; what comes after the first is ignored. */
  settle(reply: LinkReply): void;
  /** Told when the caller cancelled or its link closed: whatever is running for it may stop. @default cancels the envelope */
  onCancel: (() => void) | undefined;
}

/** Control frames: small, never behind a large payload. `ping` and `pong` are the link's own. */
export type ControlKind = 'view' | 'suspect' | 'ask' | 'answer' | 'bye';

export interface LinkHandlers {
  onRequest(link: Link, request: InboundRequest): void;
  onControl(link: Link, kind: ControlKind, body: unknown): void;
  /** Once; all its requests have been told `lost` before. */
  onClosed(link: Link, reason: string): void;
}

export interface Link {
  readonly peer: LinkPeer;
  readonly isOpen: boolean;
  /** When anything was heard last, in monotonic milliseconds; an idle peer is pinged. */
  readonly heardMs: number;
  /**
   * Sends with all else of this tick. Never answers inside this call: later `lost` when the link is closed, ERR_LINK_FULL
   * when it is full, ERR_VALUE_INVALID or ERR_BODY_TOO_LARGE when the input cannot travel.
   */
  request(request: LinkRequest): void;
  /** The caller gave up: tells the peer. `onReply` is not called any more. */
  cancel(request: LinkRequest): void;
  /** @throws ERR_VALUE_INVALID */
  control(kind: ControlKind, body: unknown): void;
  /** Sends what is queued, then closes. */
  end(reason: string): void;
  destroy(reason: string): void;
}
