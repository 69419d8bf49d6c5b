// The data model of everything that crosses an activation's border: JSON values and bytes (hazards.md 23).
// Owns: what is a value, copies, and the two spellings of bytes. Does not own: text or binary encoding.
//   V1. A value that passed here can be encoded in JSON and in msgpack, and reads the same from both.
//   V2. A copy shares nothing that can change with the original.
//   V3. No own property `__proto__` and no object with a prototype of its own gets in.
import { fromBase64, toBase64 } from '../base/bytes.ts';
import { GrainError } from '../errors/grain-error.ts';

/** Deeper values are refused: they cost more stack than a peer should be able to ask for. */
export const DEPTH_MAX = 64;

type Mode = 'copy' | 'freeze' | 'check';

/** The value, checked and copied deep. Properties that are undefined are left out, as JSON does. @throws ERR_VALUE_INVALID */
export function copyValue(value: unknown): unknown {
  return isScalar(value) ? value : walk(value, 'copy', 0, '$');
}

/** As `copyValue`, and frozen deep (bytes cannot be frozen: `hasBytes` tells). @throws ERR_VALUE_INVALID */
export function freezeValue(value: unknown): unknown {
  return isScalar(value) ? value : walk(value, 'freeze', 0, '$');
}

/** Checks a value that nobody else holds, such as one fresh from a decoder. @throws ERR_VALUE_INVALID */
export function checkValue(value: unknown): unknown {
  return isScalar(value) ? value : walk(value, 'check', 0, '$');
}

function isScalar(value: unknown): boolean {
  switch (typeof value) {
    case 'string':
    case 'boolean':
    case 'undefined':
      return true;
    case 'number':
      return value - value === 0; // false for NaN and the infinities
    default:
      return value === null;
  }
}

function walk(value: unknown, mode: Mode, depth: number, path: string): unknown {
  if (depth > DEPTH_MAX) throw invalid(path, `is nested deeper than ${DEPTH_MAX} levels`);
  if (isScalar(value)) return value;
  if (typeof value !== 'object' || value === null) throw invalid(path, `is ${describe(value)}`);
  if (Array.isArray(value)) return walkArray(value, mode, depth, path);
  if (value instanceof Uint8Array) return mode === 'check' ? value : new Uint8Array(value);
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) throw invalid(path, `is ${describe(value)}`);
  return walkObject(value as Record<string, unknown>, mode, depth, path);
}

function walkArray(value: readonly unknown[], mode: Mode, depth: number, path: string): unknown {
  const copy: unknown[] = mode === 'check' ? [] : new Array<unknown>(value.length);
  for (let index = 0; index < value.length; index += 1) {
    const item = value[index];
    if (item === undefined) throw invalid(`${path}[${index}]`, 'is undefined (use null)');
    const walked = isScalar(item) ? item : walk(item, mode, depth + 1, `${path}[${index}]`);
    if (mode !== 'check') copy[index] = walked;
  }
  if (mode === 'check') return value;
  return mode === 'freeze' ? Object.freeze(copy) : copy;
}

function walkObject(value: Record<string, unknown>, mode: Mode, depth: number, path: string): unknown {
  const copy: Record<string, unknown> = {};
  for (const name of Object.keys(value)) {
    if (name === '__proto__' || name === '$bytes') throw invalid(path, `has the reserved property ${name}`);
    const item = value[name];
    if (item === undefined) continue;
    const walked = isScalar(item) ? item : walk(item, mode, depth + 1, `${path}.${name}`);
    if (mode !== 'check') copy[name] = walked;
  }
  if (mode === 'check') return value;
  return mode === 'freeze' ? Object.freeze(copy) : copy;
}

function invalid(path: string, problem: string): GrainError {
  const shown = path.length > 200 ? `${path.slice(0, 200)}…` : path;
  return new GrainError('ERR_VALUE_INVALID', { message: `${shown} ${problem}`, path: shown });
}

function describe(value: unknown): string {
  if (typeof value === 'number') return `${value}, which no encoding has`;
  if (typeof value === 'bigint') return 'a bigint (send it as a string)';
  if (value instanceof Date) return 'a Date (send toISOString() or a number)';
  if (typeof value === 'object' && value !== null) {
    const name: unknown = (value as { readonly constructor?: { readonly name?: unknown } }).constructor?.name;
    return `an instance of ${typeof name === 'string' ? name : 'a class'} (send a plain object)`;
  }
  return `a ${typeof value}`;
}

/** Whether bytes are anywhere inside. */
export function hasBytes(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  if (value instanceof Uint8Array) return true;
  return (Array.isArray(value) ? value : Object.values(value)).some(hasBytes);
}

/** About how many bytes a checked value holds in memory; for bounds, not for accounts. */
export function estimateBytes(value: unknown): number {
  switch (typeof value) {
    case 'string':
      return 24 + value.length;
    case 'object': {
      if (value === null) return 8;
      if (value instanceof Uint8Array) return 64 + value.byteLength;
      if (Array.isArray(value)) {
        return value.reduce((total: number, item: unknown) => total + estimateBytes(item), 32);
      }
      let total = 48;
      for (const name of Object.keys(value))
        total += 16 + estimateBytes((value as Record<string, unknown>)[name]);
      return total;
    }
    default:
      return 8;
  }
}

/** JSON text of a checked value; bytes become `{"$bytes": base64}`. Undefined becomes `null`. */
export function toJson(value: unknown): string {
  return JSON.stringify(hasBytes(value) ? spellBytes(value) : value) ?? 'null';
}

function spellBytes(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (value instanceof Uint8Array) return { $bytes: toBase64(value) };
  if (Array.isArray(value)) return value.map(spellBytes);
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, spellBytes(item)]));
}

/** A value parsed from JSON, checked, with `{"$bytes"}` objects turned into bytes in place. @throws ERR_VALUE_INVALID */
export function fromParsedJson(parsed: unknown): unknown {
  return isScalar(parsed) ? parsed : reviveAt(parsed, 0, '$');
}

function reviveAt(value: unknown, depth: number, path: string): unknown {
  if (depth > DEPTH_MAX) throw invalid(path, `is nested deeper than ${DEPTH_MAX} levels`);
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) {
    for (let index = 0; index < value.length; index += 1) {
      const item: unknown = value[index];
      if (typeof item === 'object' && item !== null)
        value[index] = reviveAt(item, depth + 1, `${path}[${index}]`);
    }
    return value;
  }
  const fields = value as Record<string, unknown>;
  if (Object.hasOwn(fields, '$bytes')) return bytesAt(fields, path);
  for (const name in fields) {
    if (name === '__proto__') throw invalid(path, 'has the reserved property __proto__');
    const item = fields[name];
    if (typeof item === 'object' && item !== null)
      fields[name] = reviveAt(item, depth + 1, `${path}.${name}`);
  }
  return value;
}

function bytesAt(fields: Record<string, unknown>, path: string): Uint8Array {
  const text = fields['$bytes'];
  const bytes = typeof text === 'string' && Object.keys(fields).length === 1 ? fromBase64(text) : undefined;
  if (bytes) return bytes;
  throw invalid(path, 'has $bytes that is not the base64 of bytes alone');
}
