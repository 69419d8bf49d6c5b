// The times of sessions: all follow from the TTL, and each side counts them on its own monotonic clock.
//   T1. validity + drift + margin = TTL: a silo stops believing before the first lock node may forget it.
//   T2. Whoever waits for a session to be surely over waits the TTL and twice the drift (its own clock may be the fast one).
import { resolveOptions } from '../../lib/index.ts';

/** How far clocks may run apart, as a part of what they measure: both sides allow for it. */
const DRIFT = 0.01;

export interface SessionTimingOptions {
  /** How long a session lives without a renewal: how late a hung silo is found at the latest. @default 2_500 */
  readonly ttlMs?: number;
  /** How long before the TTL is over a silo that could not renew stops its turns. @default a tenth of `ttlMs` */
  readonly marginMs?: number;
  /** How long the main loop may be stuck before its session is renewed no more. @default half of `ttlMs` */
  readonly stuckMs?: number;
  /** How long the first acquisition may take. @default 10_000 */
  readonly startMs?: number;
}

export interface SessionTiming extends Required<SessionTimingOptions> {
  /** How long after a renewal was sent it may be relied on. */
  readonly validityMs: number;
  readonly renewEveryMs: number;
  /** The same while the session does not hold; also how often a stuck loop is looked at. */
  readonly recheckMs: number;
  /** After a tombstone stands, how long until its silo surely starts no turn. Also what a lock node must have been steady. */
  readonly exclusiveWaitMs: number;
}

/** @throws ERR_OPTION_INVALID */
export function sessionTiming(given: SessionTimingOptions = {}): SessionTiming {
  const ttlMs = given.ttlMs ?? 2_500;
  const defaults = { ttlMs, marginMs: ttlMs / 10, stuckMs: ttlMs / 2, startMs: 10_000 };
  const options = resolveOptions(defaults, given, {
    ttlMs: { least: 200, most: 600_000, isWhole: true },
    marginMs: { least: 0, most: ttlMs / 2 },
    stuckMs: { least: ttlMs / 5, most: ttlMs },
    startMs: { least: 1 },
  });
  return Object.freeze({
    ...options,
    validityMs: ttlMs * (1 - DRIFT) - options.marginMs,
    renewEveryMs: ttlMs / 5,
    recheckMs: ttlMs / 25,
    exclusiveWaitMs: ttlMs * (1 + 2 * DRIFT),
  });
}
