// What the drivers of checkpoint stores agree on: cursors, the bounds of pages, and the keys of blobs.
import { GrainError } from '../../lib/index.ts';
import type { CheckpointRow } from './checkpoint-store.ts';

const PAGE_DEFAULT = 50;
const PAGE_MAX = 500;

export function pageSize(limit: number | undefined): number {
  const asked = Math.floor(limit ?? PAGE_DEFAULT);
  return Math.min(PAGE_MAX, Math.max(1, Number.isFinite(asked) ? asked : PAGE_DEFAULT));
}

/** Where a listing goes on: after the row of that time and id. */
export interface CheckpointPlace {
  readonly createdAtMs: number;
  readonly id: string;
}

export function cursorAfter({ created_at_ms: createdAtMs, id }: CheckpointRow): string {
  return `${createdAtMs}.${id}`;
}

/** @throws ERR_CURSOR_INVALID */
export function placeOf(cursor: string | undefined): CheckpointPlace | undefined {
  if (cursor === undefined) return undefined;
  const [, time, id] = /^(\d{1,16})\.([\w-]{1,128})$/.exec(cursor) ?? [];
  if (time === undefined || id === undefined) throw new GrainError('ERR_CURSOR_INVALID');
  return { createdAtMs: Number(time), id };
}

const PART = /^[A-Za-z0-9_][\w.-]{0,199}$/;

/** The parts of a blob's key; none of them can lead out of a folder. @throws ERR_KEY_INVALID */
export function blobParts(key: string): readonly string[] {
  const parts = key.split('/');
  if (parts.length <= 8 && parts.every((part) => PART.test(part))) return parts;
  const message = `a blob's key is parts of letters, digits, ".", "_" and "-" with "/" between, not ${key.slice(0, 64)}`;
  throw new GrainError('ERR_KEY_INVALID', { message });
}

/** The key of a checkpoint's state. */
export function stateKey(tenant: string, id: string): string {
  return `checkpoints/${tenant}/${id}`;
}
