// How one event becomes a message to one grain, and what its failure means. Pure.
import {
  backoffMs,
  type CoreDefinition,
  type ErrorCode,
  estimateBytes,
  formatGrainId,
  GrainError,
  type GrainId,
  keyFrom,
} from '../../lib/index.ts';
import type { Envelope } from '../messaging/envelope.ts';

/** The facts of an event that its delivery needs; a log entry and a dead letter both have them. */
export interface BusEvent {
  /** `core://name/event`. */
  readonly event: string;
  readonly source: GrainId;
  readonly emissionEpoch: number;
  readonly n: number;
  readonly data: unknown;
}

export function eventUri(core: string, event: string): string {
  return `core://${core}/${event}`;
}

/** The source of marks for what `subscriber` gets from a grain. `run` sets a replay's or a redelivery's apart. */
export function markSource(
  subscriber: string,
  { source, emissionEpoch }: BusEvent,
  run: string | undefined,
): string {
  const own = `bus:${subscriber}:${formatGrainId(source)}#${emissionEpoch}`;
  return run === undefined ? own : `${own}@${run}`;
}

/**
 * The key of the grain that an event is for, from its raw data as with any input (hazards.md 23); undefined for a
 * stateless Core. @throws ERR_KEY_REQUIRED, ERR_KEY_INVALID
 */
export function targetKey({ name, instance }: CoreDefinition, data: unknown): string | undefined {
  if (instance.mode === 'stateless') return undefined;
  if (instance.mode === 'singleton') return '';
  const property = instance.entityKey ?? '';
  const raw: unknown =
    typeof data === 'object' && data !== null && Object.hasOwn(data, property)
      ? (data as Readonly<Record<string, unknown>>)[property]
      : undefined;
  if (raw === undefined) throw new GrainError('ERR_KEY_REQUIRED', { core: name, entityKey: property });
  return keyFrom(raw);
}

/** Fills an envelope with one delivery. `prev` as in `MessageMark`. */
export function address(
  envelope: Envelope,
  { name, instance }: CoreDefinition,
  key: string | undefined,
  event: BusEvent,
  mark: { readonly run: string | undefined; readonly prev: number },
): void {
  envelope.kind = 'bus';
  envelope.tenant = event.source.tenant;
  envelope.core = name;
  envelope.key = key;
  envelope.flow = event.event;
  envelope.input = event.data;
  envelope.inputBytes = estimateBytes(event.data);
  envelope.principal = `core:${formatGrainId(event.source)}`;
  // A stateless Core has nowhere to keep a mark.
  if (instance.mode !== 'stateless') {
    envelope.mark = { source: markSource(name, event, mark.run), attach: 0, seq: event.n, prev: mark.prev };
  }
}

const BACKOFF = { firstMs: 1_000, mostMs: 60_000 };

/** Errors of the flow itself, which may have had a passing reason outside: tries before the event is given up. */
const TRIES: { readonly [Code in ErrorCode]?: number } = {
  ERR_FLOW_FAILED: 5,
  ERR_TURN_TIMEOUT: 5,
  // Ours, so most likely passing; but an event that always meets it must not hold up its source for ever.
  ERR_INTERNAL: 20,
};

export type FailureDecision =
  { readonly kind: 'retry'; readonly delayMs: number } | { readonly kind: 'bury' };

/** What follows when the delivery failed for the `attempts`th time. */
export function decideFailure(error: GrainError, attempts: number): FailureDecision {
  const tries = TRIES[error.code] ?? (error.spec.lasting ? 1 : Infinity);
  if (attempts >= tries) return { kind: 'bury' };
  const asked = Math.min(error.retryAfterMs ?? 0, BACKOFF.mostMs);
  return { kind: 'retry', delayMs: Math.max(asked, backoffMs(attempts, BACKOFF)) };
}
