// The witness: what this machine remembers of the cluster that it was part of. When Redis comes back without its data, the
// record that would tell so is gone as well; this file is what still knows that there was one (hazards.md 6).
//   W1. It is there whole or not at all, also after a crash: written aside, flushed, renamed.
//   W2. All processes of a machine may write it: they write the same.
import { closeSync, fsyncSync, mkdirSync, openSync, readFileSync, renameSync, writeSync } from 'node:fs';
import path from 'node:path';
import { GrainError } from '../lib/index.ts';

export interface Witness {
  readonly cluster: string;
  readonly generation: string;
}

export function witnessFile(folder: string, cluster: string): string {
  return path.join(folder, `cluster-${cluster}.json`);
}

/** Undefined: this machine was in no such cluster yet. @throws ERR_STORE_CORRUPT */
export function readWitness(folder: string, cluster: string): Witness | undefined {
  const file = witnessFile(folder, cluster);
  try {
    const read = JSON.parse(readFileSync(file, 'utf8')) as Partial<Witness> | null;
    if (typeof read?.generation === 'string' && read.cluster === cluster) {
      return { cluster, generation: read.generation };
    }
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    if (!(thrown instanceof SyntaxError)) throw unusable(file, thrown);
  }
  const message = `${file} is damaged: it should say to which generation of the cluster this machine belongs`;
  throw new GrainError('ERR_STORE_CORRUPT', {
    message,
    file,
    next: 'remove the file when Redis surely has the data of the cluster',
  });
}

/** @throws ERR_FILE_UNREADABLE */
export function writeWitness(folder: string, { cluster, generation }: Witness): void {
  const file = witnessFile(folder, cluster);
  const draft = `${file}.${process.pid}`;
  try {
    mkdirSync(folder, { recursive: true });
    const handle = openSync(draft, 'w', 0o600);
    try {
      writeSync(handle, `${JSON.stringify({ cluster, generation })}\n`);
      fsyncSync(handle);
    } finally {
      closeSync(handle);
    }
    renameSync(draft, file);
  } catch (thrown) {
    throw unusable(file, thrown);
  }
}

function unusable(file: string, thrown: unknown): GrainError {
  const reason = thrown instanceof Error ? thrown.message : String(thrown);
  const message = `cannot use ${file}: ${reason}`;
  return new GrainError(
    'ERR_FILE_UNREADABLE',
    { message, file, next: 'name another folder with --data' },
    { cause: thrown },
  );
}
