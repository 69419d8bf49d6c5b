// Which input a state file belongs to: the path, and how the file began when it was first sent. A file that only grew is
// the same input; one that begins otherwise is another.
import { createHash } from 'node:crypto';
import { closeSync, fstatSync, openSync, readSync, realpathSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { GrainError } from '../../../lib/index.ts';

export interface InputFile {
  readonly path: string;
  readonly size: number;
}

export interface Fingerprint {
  /** How many of the first bytes were looked at. */
  readonly headBytes: number;
  readonly headSha256: string;
}

const HEAD_BYTES = 65_536;

/** @throws ERR_FILE_UNREADABLE */
export function findInput(name: string, folder: string): InputFile {
  try {
    const file = realpathSync(path.resolve(folder, name));
    return reading(file, (handle) => {
      const stats = fstatSync(handle);
      if (!stats.isFile()) throw new Error('it is not a file; use - for standard input');
      return { path: file, size: stats.size };
    });
  } catch (thrown) {
    const problem =
      (thrown as NodeJS.ErrnoException).code === 'ENOENT' ? 'there is no such file' : String(thrown);
    throw new GrainError(
      'ERR_FILE_UNREADABLE',
      { message: `${name}: ${problem}`, file: name },
      { cause: thrown },
    );
  }
}

export function fingerprint(input: InputFile, headBytes = Math.min(HEAD_BYTES, input.size)): Fingerprint {
  const head = Buffer.alloc(headBytes);
  const read = reading(input.path, (handle) => readSync(handle, head, 0, headBytes, 0));
  const headSha256 = createHash('sha256').update(head.subarray(0, read)).digest('hex');
  return { headBytes, headSha256 };
}

/** Whether the file still begins as it did. */
export function isSameInput(input: InputFile, { headBytes, headSha256 }: Fingerprint): boolean {
  return input.size >= headBytes && fingerprint(input, headBytes).headSha256 === headSha256;
}

/** One for each way of sending a file somewhere. */
export function stateFileFor(
  input: InputFile,
  target: readonly (string | undefined)[],
  env: Readonly<Record<string, string | undefined>>,
): string {
  const cache = env['XDG_CACHE_HOME'] ?? path.join(os.homedir(), '.cache');
  const name = createHash('sha256')
    .update(JSON.stringify([input.path, ...target]))
    .digest('hex')
    .slice(0, 32);
  return path.join(cache, 'granary/send', `${name}.json`);
}

function reading<T>(file: string, read: (handle: number) => T): T {
  const handle = openSync(file, 'r');
  try {
    return read(handle);
  } finally {
    closeSync(handle);
  }
}
