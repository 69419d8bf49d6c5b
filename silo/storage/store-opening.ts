// Opens a data folder: lock, damage, version, identity; in this order, each before the next could do harm.
// Owns: `granary.json`, which says that the store once existed, so that an empty or missing one is recognised as a loss.
import {
  closeSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs';
import path from 'node:path';
import { GrainError, type Rng } from '../../lib/index.ts';
import { EPOCH_BLOCK } from './epochs.ts';
import {
  damaged,
  dataFile,
  inFile,
  openEnvironment,
  type StoreEnvironment,
  TABLES,
  WriteSet,
} from './lmdb-environment.ts';
import { checkMetaPages } from './meta-pages.ts';
import { decode, encode } from './record-codec.ts';
import { type FolderLock, lockFolder } from './system-folder-lock.ts';
import { probeStore } from './system-store-probe.ts';

/** Grows when an older version could not read what this one writes. */
const FORMAT = 1;

export interface OpenStoreOptions {
  /** The data folder; it is made when it is missing. On a local disk: the lock does not see other machines. */
  readonly path: string;
  readonly rng: Rng;
  /** What to do when the folder once had a store and it is gone. @default 'refuse' */
  readonly onDataLoss?: 'refuse' | 'start_empty';
  /** For tests of failing disks and of power loss: stands between the driver and LMDB. */
  readonly wrapEnvironment?: (environment: StoreEnvironment) => StoreEnvironment;
}

export interface OpenStore {
  readonly folder: string;
  readonly lock: FolderLock;
  readonly environment: StoreEnvironment;
  /** Random 128 bits, written once with the store: another one means another history. */
  readonly generation: string;
  /** Random 256 bits for signing what clients hold. */
  readonly clusterKey: string;
  /** The first epoch that may be used is above this; `epochCeiling` is durable. */
  readonly epochFloor: number;
  readonly epochCeiling: number;
}

/** @throws ERR_STORE_LOCKED, ERR_STORE_CORRUPT, ERR_STORE_LOST, ERR_STORE_NEWER, ERR_STORE_FULL, ERR_STORE_FAILED */
export async function openStore(options: OpenStoreOptions): Promise<OpenStore> {
  const folder = path.resolve(options.path);
  let lock: FolderLock | undefined;
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    lock = await lockFolder(folder);
    return { folder, lock, ...(await openLocked(folder, lock.tookOver, options)) };
  } catch (thrown) {
    lock?.release();
    throw inFile(folder, fileError(folder, thrown));
  }
}

/** What the file system said about the folder, in our words; anything else as it is. */
function fileError(folder: string, cause: unknown): unknown {
  const { code, message, syscall } = cause as NodeJS.ErrnoException;
  if (syscall === undefined) return cause;
  const isFull = code === 'ENOSPC' || code === 'EDQUOT';
  const said = `the data folder ${folder} cannot be opened: ${message}`;
  return new GrainError(isFull ? 'ERR_STORE_FULL' : 'ERR_STORE_FAILED', { message: said, folder }, { cause });
}

type Opened = Omit<OpenStore, 'folder' | 'lock'>;

async function openLocked(folder: string, tookOver: boolean, options: OpenStoreOptions): Promise<Opened> {
  const marker = readMarker(folder);
  if (marker) checkFormat(folder, marker.format);
  await checkFile(folder, { isExpected: marker !== undefined, tookOver }, options);
  const opened = openEnvironment(folder);
  const environment = options.wrapEnvironment?.(opened) ?? opened;
  try {
    const identity = readIdentity(folder, environment);
    if (marker && marker.generation !== identity?.generation) allowLoss(folder, options);
    const store = await prepare(environment, identity, options.rng);
    if (marker?.generation !== store.generation) writeMarker(folder, store.generation);
    return { environment, ...store };
  } catch (thrown) {
    await environment.close();
    throw thrown;
  }
}

function checkFormat(folder: string, format: number): void {
  if (format <= FORMAT) return;
  const message = `${folder} has format ${format}; this version of Granary reads up to ${FORMAT}`;
  throw new GrainError('ERR_STORE_NEWER', { message, folder, format });
}

function allowLoss(folder: string, { onDataLoss = 'refuse' }: OpenStoreOptions): void {
  if (onDataLoss === 'start_empty') return;
  const message = `${folder} had a store, and ${dataFile(folder)} is not it any more`;
  throw new GrainError('ERR_STORE_LOST', { message, folder });
}

/**
 * Reading damaged pages can end the process. Where that is what ended the last one, it must not end this one too: so
 * after an end that was none of ours, another process reads the store first, unless that took too long to wait for.
 */
const PROBED_BYTES_MAX = 256 * 1024 * 1024;

async function checkFile(
  folder: string,
  { isExpected, tookOver }: { readonly isExpected: boolean; readonly tookOver: boolean },
  options: OpenStoreOptions,
): Promise<void> {
  const state = checkMetaPages(folder);
  if (state.kind === 'missing' && isExpected) allowLoss(folder, options);
  // LMDB would take an empty file for a new store.
  if (state.kind === 'empty' && isExpected) throw damaged(folder, 'it is empty');
  if (state.kind === 'short' && (await probeStore(folder, TABLES)) !== 'readable') {
    throw damaged(folder, `it is cut off, ${state.missingBytes} bytes are missing`);
  }
  if (state.kind === 'whole' && tookOver && state.bytes <= PROBED_BYTES_MAX) {
    // What can be read in part is opened: the rest answers with errors of its own.
    if ((await probeStore(folder, TABLES)) === 'killed') throw damaged(folder, 'reading it ends the process');
  }
}

// ---- Identity ----

interface Identity {
  readonly generation: string;
  readonly clusterKey: string;
  readonly epochCeiling: number;
}

/** Undefined: a new store. */
function readIdentity(folder: string, { tables }: StoreEnvironment): Identity | undefined {
  const read = (name: string): unknown => {
    const bytes = tables.meta.get(name);
    return bytes && decode(bytes);
  };
  const format = read('format');
  if (format === undefined) return undefined;
  const [generation, clusterKey, epochCeiling] = [read('generation'), read('cluster_key'), read('epochs')];
  if (typeof format === 'number') checkFormat(folder, format);
  const isWhole =
    typeof format === 'number' &&
    typeof generation === 'string' &&
    typeof clusterKey === 'string' &&
    typeof epochCeiling === 'number';
  if (!isWhole) throw damaged(folder, 'its own description is incomplete');
  return { generation, clusterKey, epochCeiling };
}

/** Writes what a new store needs, and reserves the first block of epochs: durable before anybody claims. */
async function prepare(
  { write }: StoreEnvironment,
  identity: Identity | undefined,
  rng: Rng,
): Promise<Omit<Opened, 'environment'>> {
  const rows = new WriteSet();
  const generation = identity?.generation ?? rng.hex(16);
  const clusterKey = identity?.clusterKey ?? rng.hex(32);
  const epochFloor = identity?.epochCeiling ?? 0;
  const epochCeiling = epochFloor + EPOCH_BLOCK;
  if (!identity) {
    rows.put('meta', 'format', encode(FORMAT));
    rows.put('meta', 'generation', encode(generation));
    rows.put('meta', 'cluster_key', encode(clusterKey));
  }
  rows.put('meta', 'epochs', encode(epochCeiling));
  await write(rows);
  return { generation, clusterKey, epochFloor, epochCeiling };
}

// ---- The marker ----

function markerFile(folder: string): string {
  return path.join(folder, 'granary.json');
}

function readMarker(folder: string): { readonly format: number; readonly generation: string } | undefined {
  const file = markerFile(folder);
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (cause) {
    if ((cause as { readonly code?: unknown }).code === 'ENOENT') return undefined;
    throw new GrainError('ERR_STORE_FAILED', { message: `${file} cannot be read`, file }, { cause });
  }
  try {
    const { format, generation } = JSON.parse(text) as {
      readonly format: unknown;
      readonly generation: unknown;
    };
    if (typeof format === 'number' && typeof generation === 'string') return { format, generation };
  } catch {
    // Said below.
  }
  throw new GrainError('ERR_STORE_CORRUPT', { message: `${file} is damaged`, file });
}

/** Also makes the entries of the folder itself durable: without that a power loss may lose the new files whole. */
function writeMarker(folder: string, generation: string): void {
  const file = markerFile(folder);
  const draft = `${file}.draft`;
  rmSync(draft, { force: true });
  const handle = openSync(draft, 'wx', 0o600);
  try {
    writeSync(handle, `${JSON.stringify({ format: FORMAT, generation })}\n`);
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
  renameSync(draft, file);
  syncFolder(folder);
  syncFolder(path.dirname(folder));
}

function syncFolder(folder: string): void {
  const handle = openSync(folder, 'r');
  try {
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}
