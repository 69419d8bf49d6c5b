import { copyValue, freezeValue, hasBytes } from '../../lib/index.ts';

/** Frozen values with bytes inside: bytes cannot be frozen, so every reader gets a copy. */
const WITH_BYTES = new WeakSet<object>();

/** Frozen, ready to be a memory value. @throws ERR_VALUE_INVALID */
export function memoryValue(value: unknown): unknown {
  const frozen = freezeValue(value ?? null);
  if (typeof frozen === 'object' && frozen !== null && hasBytes(frozen)) WITH_BYTES.add(frozen);
  return frozen;
}

/** A memory value as a flow gets it. */
export function handedOut(value: unknown): unknown {
  return typeof value === 'object' && value !== null && WITH_BYTES.has(value) ? copyValue(value) : value;
}

/** An entry or item as a flow gets it: frozen, and sharing no bytes with what is stored or staged. */
export function sealed(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  return Object.isFrozen(value) && !hasBytes(value) ? value : freezeValue(value);
}
