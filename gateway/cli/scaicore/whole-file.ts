// Files that are there whole or not at all: nobody loads half a bundle, and an editor never sees half a source.
import { mkdirSync, realpathSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { GrainError } from '../../../lib/index.ts';

/** Makes its folder where there is none. A link stays one, and permissions stay. @throws ERR_FILE_UNWRITABLE */
export function writeWhole(file: string, data: Uint8Array | string): void {
  let temporary: string | undefined;
  try {
    mkdirSync(path.dirname(file), { recursive: true });
    const stats = statSync(file, { throwIfNoEntry: false });
    const target = stats ? realpathSync(file) : file;
    temporary = `${target}.${process.pid}.tmp`;
    writeFileSync(temporary, data, stats && { mode: stats.mode & 0o777 });
    renameSync(temporary, target);
  } catch (cause) {
    if (temporary !== undefined) rmSync(temporary, { force: true });
    const problem = cause instanceof Error ? cause.message : String(cause);
    throw new GrainError(
      'ERR_FILE_UNWRITABLE',
      { message: `${file} cannot be written: ${problem}`, file },
      { cause },
    );
  }
}
