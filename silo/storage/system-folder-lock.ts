// FolderLock: one process per data folder. LMDB itself lets two processes write in turns, which no fence of ours sees.
// Owns: the files `owner.<number>.lock` and `owner-<nonce>.sock` in the folder.
//   F1. The owner is who made the lock file with the highest number, whole and by `link`, which one starter wins.
//   F2. A file is taken over only by one with the next number, made after its holder was seen to be gone. The highest
//       file is never deleted, released or not: a slow starter that looks at an old one finds out when it lists again.
//   F3. Who holds a lock is alive while its socket takes connections. The kernel answers, so it holds for a stopped
//       process, across containers, and ends with `kill -9`. Where sockets cannot be had, process ids must do.
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import {
  closeSync,
  fsyncSync,
  linkSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { connect, createServer, type Server } from 'node:net';
import { assert, GrainError } from '../../lib/index.ts';

/** What a lock file says of its holder. */
interface Holder {
  readonly pid: number;
  /** Which start of the machine, which process of that number, and in which container's counting; '' when unknown. */
  readonly boot: string;
  readonly started: string;
  readonly space: string;
  readonly nonce: string;
  readonly hasSocket: boolean;
  readonly isReleased: boolean;
}

export interface FolderLock {
  /** The last holder ended without releasing it. */
  readonly tookOver: boolean;
  release(): void;
}

/** Longer paths do not fit into a socket's address. */
const SOCKET_PATH_MAX = 100;
/** Each turn of the loop means that another starter got ahead. */
const ATTEMPTS = 1_000;
/** Locks of this process. */
const held = new Set<string>();

/** @throws ERR_STORE_LOCKED */
export async function lockFolder(folder: string): Promise<FolderLock> {
  const nonce = randomBytes(8).toString('hex');
  const server = await listen(socketPath(folder, nonce));
  const draft = `${folder}/owner-${nonce}.draft`;
  const holder = describeSelf(nonce, server !== undefined);
  held.add(nonce);
  try {
    writeWhole(draft, holder);
    const { file, tookOver } = await acquire(folder, draft);
    return { tookOver, release: () => release(folder, file, holder, server) };
  } catch (thrown) {
    held.delete(nonce);
    server?.close();
    throw thrown;
  } finally {
    rmSync(draft, { force: true });
  }
}

async function acquire(
  folder: string,
  draft: string,
): Promise<{ readonly file: string; readonly tookOver: boolean }> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
    const highest = Math.max(0, ...lockNumbers(folder));
    const holder = highest > 0 ? readHolder(folder, highest) : undefined;
    if (holder === 'gone') continue; // deleted since it was listed: there is a higher one
    if (holder && (await isAlive(folder, holder))) throw locked(folder, holder);
    const mine = highest + 1;
    const file = lockFile(folder, mine);
    if (!linkNew(draft, file)) continue;
    if (Math.max(...lockNumbers(folder)) > mine) {
      rmSync(file, { force: true });
      continue;
    }
    if (holder) rmSync(socketPath(folder, holder.nonce), { force: true });
    for (const number of lockNumbers(folder))
      if (number < mine) rmSync(lockFile(folder, number), { force: true });
    return { file, tookOver: holder !== undefined };
  }
  throw new GrainError('ERR_STORE_LOCKED', {
    message: `${folder}: too many processes start at once`,
    folder,
  });
}

function release(folder: string, file: string, holder: Holder, server: Server | undefined): void {
  const draft = `${folder}/owner-${holder.nonce}.draft`;
  try {
    writeWhole(draft, { ...holder, isReleased: true });
    renameSync(draft, file);
  } catch {
    // The folder may be gone, or the disk full. The socket's end tells the same.
    rmSync(draft, { force: true });
  }
  held.delete(holder.nonce);
  server?.close();
}

function locked(folder: string, { pid }: Holder): GrainError {
  const message = `process ${pid} uses the data folder ${folder}: stop it, or choose another folder with --data`;
  return new GrainError('ERR_STORE_LOCKED', { message, pid, folder });
}

// ---- Files ----

function lockFile(folder: string, number: number): string {
  return `${folder}/owner.${number}.lock`;
}

function socketPath(folder: string, nonce: string): string {
  return `${folder}/owner-${nonce}.sock`;
}

function lockNumbers(folder: string): number[] {
  return readdirSync(folder).flatMap((name) => {
    const number = /^owner\.(\d+)\.lock$/.exec(name)?.[1];
    return number === undefined ? [] : [Number(number)];
  });
}

/** Written to the disk before it gets its real name, so that a lock file is whole even after a power loss. */
function writeWhole(file: string, holder: Holder): void {
  const handle = openSync(file, 'wx', 0o600);
  try {
    writeSync(handle, `${JSON.stringify(holder)}\n`);
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}

function linkNew(draft: string, file: string): boolean {
  try {
    linkSync(draft, file);
    return true;
  } catch (cause) {
    if ((cause as { readonly code?: unknown }).code === 'EEXIST') return false;
    throw cause;
  }
}

/** Undefined: nobody holds it. */
function readHolder(folder: string, number: number): Holder | 'gone' | undefined {
  let text: string;
  try {
    text = readFileSync(lockFile(folder, number), 'utf8');
  } catch {
    return 'gone';
  }
  try {
    const holder = JSON.parse(text) as Holder;
    return holder.isReleased ? undefined : holder;
  } catch {
    return undefined; // not written by us, or the disk lost it
  }
}

// ---- Who is alive ----

function describeSelf(nonce: string, hasSocket: boolean): Holder {
  const { pid } = process;
  return {
    pid,
    boot: bootId(),
    started: startOf(pid),
    space: pidSpace(),
    nonce,
    hasSocket,
    isReleased: false,
  };
}

async function isAlive(folder: string, holder: Holder): Promise<boolean> {
  if (held.has(holder.nonce)) return true;
  if (holder.boot !== bootId()) return false;
  if (holder.hasSocket) {
    const answer = await knock(socketPath(folder, holder.nonce));
    if (answer !== 'unknown') return answer === 'alive';
  }
  // In another container the number means another process. Nothing more can be asked, so nothing is risked.
  if (holder.space !== pidSpace()) return true;
  if (holder.pid === process.pid) return false;
  if (!processExists(holder.pid)) return false;
  const started = startOf(holder.pid);
  return started === '' || holder.started === '' || started === holder.started;
}

async function listen(path: string): Promise<Server | undefined> {
  if (Buffer.byteLength(path) > SOCKET_PATH_MAX) return undefined;
  const server = createServer((socket) => socket.destroy());
  server.unref();
  try {
    server.listen(path);
    await once(server, 'listening');
    return server;
  } catch {
    return undefined; // some mounted folders take no sockets
  }
}

async function knock(path: string): Promise<'alive' | 'dead' | 'unknown'> {
  const socket = connect(path);
  try {
    await once(socket, 'connect');
    return 'alive';
  } catch (cause) {
    const { code } = cause as { readonly code?: unknown };
    if (code === 'EAGAIN') return 'alive';
    return code === 'ECONNREFUSED' ? 'dead' : 'unknown';
  } finally {
    socket.destroy();
  }
}

function processExists(pid: number): boolean {
  assert(Number.isInteger(pid) && pid > 0, `${pid} is no process id`);
  try {
    process.kill(pid, 0);
    return true;
  } catch (cause) {
    return (cause as { readonly code?: unknown }).code === 'EPERM';
  }
}

function bootId(): string {
  return readOr('/proc/sys/kernel/random/boot_id');
}

/** Field 22 of /proc/PID/stat, counted after the name, which is in parentheses and may hold anything. */
function startOf(pid: number): string {
  const text = readOr(`/proc/${pid}/stat`);
  return text.slice(text.lastIndexOf(')') + 2).split(' ')[19] ?? '';
}

function pidSpace(): string {
  try {
    return readlinkSync('/proc/self/ns/pid');
  } catch {
    return '';
  }
}

function readOr(path: string): string {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch {
    return '';
  }
}
