// Which grain a message is for: from the envelope or from the raw input; both have to agree (hazards.md 23).
import { GrainError, keyFrom } from '../../lib/index.ts';
import type { Envelope } from './envelope.ts';

/** What the address of a grain depends on: the same in a Core's definition and in its manifest. */
export interface Addressing {
  readonly core: string;
  readonly mode: 'entity' | 'singleton' | 'stateless';
  readonly entityKey: string | undefined;
}

/** @throws ERR_KEY_MISMATCH, ERR_KEY_REQUIRED, ERR_KEY_INVALID */
export function keyOf(envelope: Envelope, { core, mode, entityKey }: Addressing): string {
  const { key, input, kind } = envelope;
  if (mode !== 'entity') {
    if (key === undefined || key === '') return '';
    throw new GrainError('ERR_KEY_MISMATCH', { message: `${core} is ${mode}: it has no keys`, core });
  }
  const named = kind === 'reminder' || kind === 'timer' ? undefined : propertyOf(input, entityKey);
  if (key === undefined) {
    if (named === undefined) throw new GrainError('ERR_KEY_REQUIRED', { core, entityKey });
    return keyFrom(named);
  }
  const checked = key.length > 128 || !SAFE_KEY.test(key) ? keyFrom(key) : key;
  if (named !== undefined && named !== key && !isSameKey(named, key)) {
    refuseAtMark(envelope, new GrainError('ERR_KEY_MISMATCH', { core, entityKey, key }));
  }
  return checked;
}

/** Has the grain record the refusal at the mark, so that what follows can go on. @throws it, where there is no mark */
export function refuseAtMark(envelope: Envelope, error: GrainError): void {
  if (!envelope.mark) throw error;
  envelope.mark = { ...envelope.mark, refusal: { code: error.code, message: error.message } };
}

function isSameKey(named: unknown, key: string): boolean {
  return typeof named === 'number' && String(named) === key;
}

/** Keys that need no closer look. */
const SAFE_KEY = /^[\x21-\x7e]+$/;

function propertyOf(input: unknown, name: string | undefined): unknown {
  if (name === undefined || typeof input !== 'object' || input === null || !Object.hasOwn(input, name))
    return undefined;
  return (input as Readonly<Record<string, unknown>>)[name];
}
