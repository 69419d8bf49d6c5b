// StoreEnvironment: the LMDB file as the rest of this folder sees it: tables of text key → bytes, and atomic writes.
// Owns: the options under which LMDB is safe here, its keys' encoding, and what its errors mean.
//   V1. `write` settles when the rows are on disk, all or none. One write at a time.
//   V2. Reads see the last settled write, never one in flight.
//   V3. Nothing of lmdb's own errors leaves this file, and none of its promises stays unowned.
import { statfsSync } from 'node:fs';
import { type Database, open, type RootDatabase } from 'lmdb';
import { assert, GrainError } from '../../lib/index.ts';

export const TABLES = [
  'grains',
  'values',
  'marks',
  'commands',
  'entries',
  'items',
  'reminders',
  'due',
  'emissions',
  'log',
  'records',
  'meta',
] as const;
export type TableName = (typeof TABLES)[number];

/** Rows in bytewise order of their keys. */
export interface Table {
  /** Valid until the next read of any table: decode at once. */
  get(key: string): Uint8Array | undefined;
  /** Calls `visit` with the rows from `start` up to, without, `end`, until it answers false. The bytes stay valid. */
  scan(start: string, end: string, visit: (key: string, value: Uint8Array) => boolean): void;
  /** The greatest key there is. */
  lastKey(): string | undefined;
}

export type Tables = Readonly<Record<TableName, Table>>;

/** Rows to write together. A later row of the same key wins. */
export class WriteSet {
  readonly tables: TableName[] = [];
  readonly keys: string[] = [];
  /** Undefined removes. Must not be changed before the write settled: LMDB's thread reads them late. */
  readonly values: (Uint8Array | undefined)[] = [];
  bytes = 0;

  put(table: TableName, key: string, value: Uint8Array): void {
    this.tables.push(table);
    this.keys.push(key);
    this.values.push(value);
    this.bytes += value.length;
  }

  /** Takes back all rows after the first `count`. */
  cut(count: number): void {
    this.tables.length = count;
    this.keys.length = count;
    this.values.length = count;
  }

  remove(table: TableName, key: string): void {
    this.tables.push(table);
    this.keys.push(key);
    this.values.push(undefined);
  }
}

export interface StoreEnvironment {
  readonly tables: Tables;
  /** @throws ERR_STORE_FULL, ERR_STORE_FAILED (as a rejection) */
  write(rows: WriteSet): Promise<void>;
  close(): Promise<void>;
}

/** Keys are text. Written here instead of as buffers, which would cost an object and a copy per key. */
const keyEncoder = {
  writeKey(key: string, target: Buffer, start: number): number {
    // `write` cuts what does not fit, so room is looked at first; lmdb takes the RangeError as a call for a new buffer.
    const room = target.length - start;
    if (key.length * 3 > room && Buffer.byteLength(key) > room) throw new RangeError('no room for the key');
    return start + target.utf8Write(key, start);
  },
  readKey(target: Buffer, start: number, end: number): string {
    return target.utf8Slice(start, end);
  },
};

declare global {
  interface Buffer {
    utf8Write(text: string, start: number): number;
    utf8Slice(start: number, end: number): string;
  }
}

type LmdbTable = Database<Buffer, string>;

/** @throws ERR_STORE_CORRUPT, ERR_STORE_FAILED */
export function openEnvironment(folder: string): StoreEnvironment {
  const encoding = { encoding: 'binary', keyEncoder } as const;
  const root = attempt(folder, () =>
    open<Buffer, string>({
      path: folder,
      ...encoding,
      noSubdir: false,
      // A failed fdatasync leaves the batch invisible only without overlap; and a commit that is answered is durable.
      overlappingSync: false,
      // With it, a failed commit rejects a promise that nobody can reach, which ends the process.
      eventTurnBatching: false,
      maxDbs: 16,
    }),
  );
  // Opening a database is a transaction of its own that would break into a batch: all of them before the first write.
  const databases = attempt(folder, () => {
    const opened = TABLES.map((name) => [name, root.openDB<Buffer, string>(name, encoding)] as const);
    return Object.fromEntries(opened) as unknown as Record<TableName, LmdbTable>;
  });
  const tables = Object.fromEntries(TABLES.map((name) => [name, new LmdbRows(folder, databases[name])]));
  return {
    tables: tables as unknown as Tables,
    write: (rows) => writeBatch(folder, root, databases, rows),
    close: async () => await root.close(),
  };
}

async function writeBatch(
  folder: string,
  root: RootDatabase<Buffer, string>,
  databases: Readonly<Record<TableName, LmdbTable>>,
  { tables, keys, values, bytes }: WriteSet,
): Promise<void> {
  try {
    // An exception in here would leave the rows before it committed: nothing is computed, and the keys were checked.
    await root.batch(() => {
      for (let at = 0; at < keys.length; at += 1) {
        const database = databases[tables[at] ?? 'meta'];
        const key = keys[at] ?? '';
        const value = values[at];
        // Their promises mean nothing inside of a batch.
        if (value === undefined) void database.remove(key);
        else void database.put(key, value as Buffer);
      }
    });
  } catch (thrown) {
    throw await writeError(folder, bytes, thrown);
  }
}

/** lmdb says `Commit failed`, and keeps the cause in a second promise that must be taken. */
async function writeError(folder: string, bytes: number, thrown: unknown): Promise<GrainError> {
  const { commitError } = thrown as { readonly commitError?: Promise<unknown> };
  let cause = thrown;
  try {
    await commitError;
  } catch (inner) {
    cause = inner;
  }
  const code = isFull(folder, bytes, cause) ? 'ERR_STORE_FULL' : 'ERR_STORE_FAILED';
  return new GrainError(code, { folder }, { cause });
}

const FULL_CODES: ReadonlySet<unknown> = new Set([28, 122, -30792]); // ENOSPC, EDQUOT, MDB_MAP_FULL
/** A write needs about this much beyond its rows: pages of the trees that lead to them. */
const SPARE_BYTES = 4 * 1024 * 1024;

/** A short write reads as an input/output error, so a full disk is told by looking at the disk. */
function isFull(folder: string, bytes: number, cause: unknown): boolean {
  if (FULL_CODES.has((cause as { readonly code?: unknown } | undefined)?.code)) return true;
  try {
    const { bavail, bsize } = statfsSync(folder);
    return bavail * bsize < bytes * 4 + SPARE_BYTES;
  } catch {
    return false;
  }
}

/** Before and after every key. Ranges need both ends: lmdb's own default is none of our keys. */
const FIRST = '\u0000';
const LAST = '\u{10ffff}';

class LmdbRows implements Table {
  readonly #folder: string;
  readonly #database: LmdbTable;

  constructor(folder: string, database: LmdbTable) {
    this.#folder = folder;
    this.#database = database;
  }

  get(key: string): Uint8Array | undefined {
    try {
      return this.#database.getBinaryFast(key);
    } catch (cause) {
      throw readError(this.#folder, cause);
    }
  }

  scan(start: string, end: string, visit: (key: string, value: Uint8Array) => boolean): void {
    assert(start.length > 0, 'LMDB has no empty keys');
    try {
      // Left before its end, an iterator would pin its snapshot and the file would grow; `break` ends it.
      for (const { key, value } of this.#database.getRange({ start, end })) if (!visit(key, value)) break;
    } catch (cause) {
      throw cause instanceof GrainError ? cause : readError(this.#folder, cause);
    }
  }

  lastKey(): string | undefined {
    try {
      for (const key of this.#database.getKeys({ start: LAST, end: FIRST, reverse: true, limit: 1 }))
        return key;
    } catch (cause) {
      throw readError(this.#folder, cause);
    }
    return undefined;
  }
}

function attempt<T>(folder: string, action: () => T): T {
  try {
    return action();
  } catch (cause) {
    throw readError(folder, cause);
  }
}

/** Page not found, corrupted, panic, wrong version, invalid file, bad transaction, bad dbi, bad size: LMDB's own words. */
const DAMAGE_CODES: ReadonlySet<unknown> = new Set([
  -30797, -30796, -30795, -30794, -30793, -30782, -30780, -30781, -30784,
]);

function readError(folder: string, cause: unknown): GrainError {
  const { code, message } = cause as { readonly code?: unknown; readonly message?: unknown };
  if (DAMAGE_CODES.has(code)) return damaged(folder, String(message), cause);
  return new GrainError('ERR_STORE_FAILED', { message: `${folder}: ${String(message)}`, folder }, { cause });
}

export function dataFile(folder: string): string {
  return `${folder}/data.mdb`;
}

export function damaged(folder: string, problem: string, cause?: unknown): GrainError {
  const file = dataFile(folder);
  return new GrainError('ERR_STORE_CORRUPT', { message: `${file} is damaged: ${problem}`, file }, { cause });
}

/** The codec knows that a row is damaged, but not in which file: says it, and what it was about. */
export function inFile(folder: string, thrown: unknown, about = ''): unknown {
  if (!(thrown instanceof GrainError) || thrown.code !== 'ERR_STORE_CORRUPT' || 'file' in thrown.details)
    return thrown;
  return damaged(folder, thrown.message + about, thrown);
}
