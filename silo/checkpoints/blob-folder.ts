// BlobFolder: blobs as files of one folder.
//   F1. A blob is there whole or not at all: it is written beside its place, flushed, and moved there.
//   F2. What `put` answered survives a power loss: the file is flushed, and then the folder that names it.
import { randomUUID } from 'node:crypto';
import { mkdir, open, readFile, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { blobParts } from './checkpoint-keys.ts';

export class BlobFolder {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
  }

  async put(key: string, bytes: Uint8Array): Promise<void> {
    const file = this.#fileOf(key);
    const folder = path.dirname(file);
    const made = await mkdir(folder, { recursive: true });
    // The name is of no consequence: two writers of one blob must only not share a file.
    const draft = `${file}.${randomUUID()}.new`;
    try {
      const handle = await open(draft, 'wx');
      try {
        await handle.writeFile(bytes);
        await handle.sync();
      } finally {
        await handle.close();
      }
      await rename(draft, file);
    } catch (thrown) {
      await rm(draft, { force: true });
      throw thrown;
    }
    await flushFolder(folder);
    if (made !== undefined) await flushFolder(path.dirname(made));
  }

  async get(key: string): Promise<Uint8Array | undefined> {
    try {
      return new Uint8Array(await readFile(this.#fileOf(key)));
    } catch (thrown) {
      if ((thrown as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw thrown;
    }
  }

  async delete(key: string): Promise<void> {
    await rm(this.#fileOf(key), { force: true });
  }

  #fileOf(key: string): string {
    return path.join(this.#folder, ...blobParts(key));
  }
}

async function flushFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
