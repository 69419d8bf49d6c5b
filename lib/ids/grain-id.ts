import { isWellFormed, utf8Length } from '../base/bytes.ts';
import { GrainError } from '../errors/grain-error.ts';

/** The name of a grain: exists for ever, whether or not the grain is in memory anywhere. */
export interface GrainId {
  readonly tenant: string;
  readonly core: string;
  /** 1 to 512 UTF-8 bytes without control characters; the empty string for a singleton. */
  readonly key: string;
}

export const KEY_BYTES_MAX = 512;
/** The tenant of callers that name none. */
export const DEFAULT_TENANT = 'default';

const NAME = /^[A-Za-z][A-Za-z0-9_.-]{0,63}$/;
// eslint-disable-next-line no-control-regex -- control characters are what is looked for
const CONTROL = /[\u0000-\u001f\u007f-\u009f]/;

/** Names of tenants and Cores: a letter, then up to 63 letters, digits, `_`, `.` or `-`. */
export function isName(text: unknown): text is string {
  return typeof text === 'string' && NAME.test(text);
}

export function isKey(key: unknown): key is string {
  if (typeof key !== 'string' || key.length === 0 || key.length > KEY_BYTES_MAX) return false;
  return !CONTROL.test(key) && isWellFormed(key) && utf8Length(key) <= KEY_BYTES_MAX;
}

/** The key that a raw input names: a string as it is, a number as its decimal text. @throws ERR_KEY_INVALID */
export function keyFrom(raw: unknown): string {
  const key = typeof raw === 'number' && Number.isFinite(raw) ? String(raw) : raw;
  if (isKey(key)) return key;
  throw new GrainError('ERR_KEY_INVALID', { got: typeof key === 'string' ? key.slice(0, 64) : typeof raw });
}

/** `tenant/core/key`, for people and logs. */
export function formatGrainId({ tenant, core, key }: GrainId): string {
  return `${tenant}/${core}/${key}`;
}
