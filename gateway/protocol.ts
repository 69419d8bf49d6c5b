// The frames of `GET /v1/stream`, for both ends: runs in browsers, so there is nothing here but types and constants.
import type { ErrorReport } from '../lib/index.ts';

export const STREAM_PATH = '/v1/stream';
/** Text frames, each one JSON object. */
export const SUBPROTOCOL_JSON = 'granary.v1+json';
/** Binary frames, each one msgpack map: the same objects. */
export const SUBPROTOCOL_MSGPACK = 'granary.v1+msgpack';

/** Why the gateway closed the connection. */
export const CLOSE = {
  /** No token, or not a valid one, or it expired: connect with another one. */
  unauthenticated: 4001,
  /** The session belongs to another principal. */
  forbidden: 4003,
  /** The client broke the protocol. */
  violation: 4008,
  tooLarge: 4009,
  /** A newer connection took over the session: do not connect again. */
  replaced: 4010,
  /** The session is gone: connect without it. */
  sessionLost: 4011,
  /** The client read too slowly. */
  tooSlow: 4012,
  /** The gateway is stopping: connect again, there or elsewhere. */
  draining: 4013,
} as const;

export type CloseCode = (typeof CLOSE)[keyof typeof CLOSE];

/** The first frame must fit into this. */
export const HELLO_BYTES_MAX = 8_192;
/** How long the gateway waits for the first frame. */
export const HELLO_MS = 5_000;

/** The client's own name of a call or subscription: not in use on this connection. */
export type FrameId = string | number;

// ---- Client to server ----

export interface HelloFrame {
  readonly t: 'hello';
  /** Bearer token, where the Authorization header cannot be set (browsers). */
  readonly token?: string;
  /** The `session` of the last welcome, to resume it. */
  readonly session?: string;
  /** The highest `seq` whose ack or nack the client has seen. */
  readonly acked?: number;
}

/** A new token of the same principal, before the old one expires. */
export interface AuthFrame {
  readonly t: 'auth';
  readonly token: string;
}

export interface EventFrame {
  readonly t: 'event';
  /** 1 for the session's first; one more each time. */
  readonly seq: number;
  /** `core`, or `tenant/core` with rights across tenants. */
  readonly core: string;
  /** May be left out for singletons, stateless Cores, and where the Core's entity key is in `data`. */
  readonly key?: string | number;
  readonly event: string;
  readonly data?: unknown;
}

export interface CallFrame {
  readonly t: 'call';
  readonly id: FrameId;
  readonly core: string;
  readonly key?: string | number;
  readonly flow: string;
  readonly input?: unknown;
  /** Remaining milliseconds. */
  readonly deadline_ms?: number;
  readonly command_id?: string;
}

export interface CancelFrame {
  readonly t: 'cancel';
  readonly id: FrameId;
}

export interface SubFrame {
  readonly t: 'sub';
  readonly id: FrameId;
  readonly core: string;
  readonly key?: string | number;
  /** Only this event. */
  readonly event?: string;
  /** Exclusive cursor: the `cursor` of the last push that was handled, or `0.0` for all that is kept. */
  readonly from?: string;
  /** How many pushes may come before the first `more`; without it nothing bounds them. */
  readonly n?: number;
}

/** Allows `n` more pushes; on a subscription without a bound it sets the bound. */
export interface MoreFrame {
  readonly t: 'more';
  readonly id: FrameId;
  readonly n: number;
}

export interface UnsubFrame {
  readonly t: 'unsub';
  readonly id: FrameId;
}

export interface PingFrame {
  readonly t: 'ping';
}

export interface PongFrame {
  readonly t: 'pong';
}

export type ClientFrame =
  | HelloFrame
  | AuthFrame
  | EventFrame
  | CallFrame
  | CancelFrame
  | SubFrame
  | MoreFrame
  | UnsubFrame
  | PingFrame
  | PongFrame;

// ---- Server to client ----

export interface WelcomeFrame {
  readonly t: 'welcome';
  /** Name it in the hello of the next connection. Opaque; a new value each time. */
  readonly session: string;
  /** False: the session that was named is gone, `seq` starts at 1. */
  readonly resumed: boolean;
  /** Send again from `acked + 1`. */
  readonly acked: number;
  readonly credit: { readonly upto: number };
  readonly max_calls: number;
  readonly max_subs: number;
  /** How often the gateway sends something; silence for twice as long means that it is gone. */
  readonly heartbeat_ms: number;
  readonly max_frame_bytes: number;
}

/** All up to `seq` are settled. */
export interface AckFrame {
  readonly t: 'ack';
  readonly seq: number;
}

/** This event was refused for good; all below are settled. */
export interface NackFrame {
  readonly t: 'nack';
  readonly seq: number;
  readonly error: ErrorReport;
}

/** The highest `seq` that may be sent; never goes back. */
export interface CreditFrame {
  readonly t: 'credit';
  readonly upto: number;
}

export interface ResultFrame {
  readonly t: 'result';
  readonly id: FrameId;
  readonly output: unknown;
}

/** Of a call or subscription that ended so; without `id` it is about the last frame that was sent. */
export interface ErrorFrame {
  readonly t: 'error';
  readonly id?: FrameId;
  readonly error: ErrorReport;
}

export interface PushFrame {
  readonly t: 'push';
  readonly id: FrameId;
  /** The grain's own emission number. */
  readonly n: number;
  /** Number of the last one that matched. */
  readonly prev: number;
  /** What to name in `from` to go on after this one. */
  readonly cursor: string;
  readonly event: string;
  readonly data: unknown;
}

/** Emissions after cursor `from` up to cursor `to` are gone. */
export interface GapFrame {
  readonly t: 'gap';
  readonly id: FrameId;
  readonly from: string;
  readonly to: string;
}

export interface DrainFrame {
  readonly t: 'drain';
  readonly reconnect_after_ms: number;
  readonly url?: string;
}

export type ServerFrame =
  | WelcomeFrame
  | AckFrame
  | NackFrame
  | CreditFrame
  | ResultFrame
  | ErrorFrame
  | PushFrame
  | GapFrame
  | DrainFrame
  | PingFrame
  | PongFrame;
