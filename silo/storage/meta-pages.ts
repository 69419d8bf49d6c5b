// Looks at the first two pages of an LMDB file before LMDB does: it ends the process on a file whose head is damaged.
// Each is a meta page, and LMDB uses the one with the higher transaction; both have the same constants at fixed places.
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { damaged, dataFile } from './lmdb-environment.ts';

const META_FLAG = 8;
const MAGIC = 0xbeefc0de;
const DATA_VERSION = 2;
const AT = { flags: 18, magic: 24, version: 28, pageSize: 48, lastPage: 144, transaction: 152 } as const;
const META_BYTES = 160;

export type FileState =
  | { readonly kind: 'missing' }
  | { readonly kind: 'empty' }
  /** Nothing is known to be wrong. */
  | { readonly kind: 'whole'; readonly bytes: number }
  /** Shorter than it says: either pages that were counted but never needed (healthy), or it was cut. */
  | { readonly kind: 'short'; readonly missingBytes: number };

/** @throws ERR_STORE_CORRUPT */
export function checkMetaPages(folder: string): FileState {
  let file: number;
  try {
    file = openSync(dataFile(folder), 'r');
  } catch (cause) {
    if ((cause as { readonly code?: unknown }).code === 'ENOENT') return { kind: 'missing' };
    throw damaged(folder, 'it cannot be opened', cause);
  }
  try {
    const { size } = fstatSync(file);
    if (size === 0) return { kind: 'empty' };
    const first = readMeta(folder, file, 0);
    const second = readMeta(folder, file, first.pageSize);
    if (second.pageSize !== first.pageSize) throw damaged(folder, 'its two meta pages differ in page size');
    const latest = first.transaction > second.transaction ? first : second;
    const missingBytes = (latest.lastPage + 1) * latest.pageSize - size;
    return missingBytes > 0 ? { kind: 'short', missingBytes } : { kind: 'whole', bytes: size };
  } finally {
    closeSync(file);
  }
}

interface Meta {
  readonly pageSize: number;
  readonly lastPage: number;
  readonly transaction: bigint;
}

function readMeta(folder: string, file: number, position: number): Meta {
  const bytes = Buffer.alloc(META_BYTES);
  if (readSync(file, bytes, 0, META_BYTES, position) < META_BYTES) throw damaged(folder, 'it is cut off');
  const pageSize = bytes.readUInt32LE(AT.pageSize);
  const isMeta =
    bytes.readUInt16LE(AT.flags) === META_FLAG &&
    bytes.readUInt32LE(AT.magic) === MAGIC &&
    bytes.readUInt32LE(AT.version) === DATA_VERSION &&
    pageSize >= 256 &&
    pageSize <= 65_536 &&
    (pageSize & (pageSize - 1)) === 0;
  if (!isMeta) throw damaged(folder, `there is no meta page at byte ${position}`);
  const lastPage = Number(bytes.readBigUInt64LE(AT.lastPage));
  return { pageSize, lastPage, transaction: bytes.readBigUInt64LE(AT.transaction) };
}
