import { resolveOptions } from '../../lib/index.ts';

export interface StreamLimits {
  /** Largest frame that a client may send, in bytes. @default 1_048_576 */
  readonly maxFrameBytes: number;
  /** Events that a session may have unacknowledged. @default 1_024 */
  readonly windowEvents: number;
  /** Bytes of unacknowledged events of one session, above which its socket is not read. @default 8_388_608 */
  readonly unsettledBytesMax: number;
  /** Calls that a connection may have open. @default 256 */
  readonly maxCalls: number;
  /** Subscriptions that a connection may have open. @default 256 */
  readonly maxSubs: number;
  /** How often a quiet connection is pinged; one that is silent for twice as long is ended. @default 15_000 */
  readonly heartbeatMs: number;
  /** Outgoing bytes of one socket above which it is not read until they are gone. @default 1_048_576 */
  readonly pauseBytes: number;
  /** Outgoing bytes of one socket, without its largest frame, above which it is closed with 4012. @default 8_388_608 */
  readonly bufferBytesMax: number;
  /** How long a call may take when it does not say. @default 30_000 */
  readonly callMs: number;
  /** The longest deadline that a call may ask for. @default 600_000 */
  readonly callMsMax: number;
  /** Sessions without a connection of which this process remembers how far they came. @default 10_000 */
  readonly sessionsRemembered: number;
  /** How long after its last hello a session may be resumed. @default 86_400_000 */
  readonly sessionMs: number;
  /** Connections at once; more are refused with 503. @default 50_000 */
  readonly connectionsMax: number;
  /** Events of one session that may be on their way to one grain. @default 256 */
  readonly laneEventsMax: number;
  /** First pause before an event is tried again; it doubles up to `retryMostMs`. @default 20 */
  readonly retryFirstMs: number;
  /** Longest pause before an event is tried again. @default 2_000 */
  readonly retryMostMs: number;
  /** Clients of a gateway that stops come back within this time, each at its own moment. @default 2_000 */
  readonly reconnectSpreadMs: number;
}

const DEFAULTS: StreamLimits = {
  maxFrameBytes: 1_048_576,
  windowEvents: 1_024,
  unsettledBytesMax: 8_388_608,
  maxCalls: 256,
  maxSubs: 256,
  heartbeatMs: 15_000,
  pauseBytes: 1_048_576,
  bufferBytesMax: 8_388_608,
  callMs: 30_000,
  callMsMax: 600_000,
  sessionsRemembered: 10_000,
  sessionMs: 86_400_000,
  connectionsMax: 50_000,
  laneEventsMax: 256,
  retryFirstMs: 20,
  retryMostMs: 2_000,
  reconnectSpreadMs: 2_000,
};

/** @throws ERR_OPTION_INVALID */
export function resolveLimits(given: Partial<StreamLimits> | undefined): StreamLimits {
  const whole = { least: 1, isWhole: true };
  return resolveOptions(DEFAULTS, given, {
    // Smaller than the hello frame makes no sense; larger than this overflows what ws counts with.
    maxFrameBytes: { least: 8_192, most: 2 ** 30, isWhole: true },
    // Grains remember refusals for 4,096 numbers (silo/catalog/marks.ts): a wider window would outrun that.
    windowEvents: { least: 1, most: 4_096, isWhole: true },
    unsettledBytesMax: whole,
    maxCalls: whole,
    maxSubs: whole,
    heartbeatMs: { least: 100, most: 600_000 },
    pauseBytes: { least: 65_536, isWhole: true },
    bufferBytesMax: { least: 65_536, isWhole: true },
    callMs: whole,
    callMsMax: whole,
    sessionsRemembered: { least: 0, isWhole: true },
    sessionMs: { least: 1_000 },
    connectionsMax: whole,
    laneEventsMax: whole,
    retryFirstMs: { least: 1 },
    retryMostMs: { least: 1 },
    reconnectSpreadMs: { least: 0 },
  });
}
