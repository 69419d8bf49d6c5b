// What a run leaves behind with `--state`: one JSON file for each checkpoint and one for memory, so that the next command
// goes on where the last one stopped. For trying things out: one process at a time, everything read and written whole.
import { existsSync, readFileSync, renameSync, rmSync } from 'node:fs';
import path from 'node:path';
import { GrainError } from '../../../lib/index.ts';
import {
  type CheckpointBackend,
  type CheckpointRecord,
  type ExecutionResult,
  InMemoryBackend,
  type JsonValue,
  type MemoryAddress,
  type MemoryBackend,
} from '../../../lib/lang/index.ts';
import { writeWhole } from './whole-file.ts';

export class FileCheckpoints implements CheckpointBackend {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
  }

  save(record: CheckpointRecord): void {
    writeWhole(this.#file(record.checkpoint_id), JSON.stringify(record));
  }

  load(checkpointId: string): CheckpointRecord | undefined {
    return readJson<CheckpointRecord>(this.#file(checkpointId));
  }

  /** Of two processes one gets it: a file can be renamed once. */
  take(checkpointId: string): CheckpointRecord | undefined {
    const file = this.#file(checkpointId);
    const taken = `${file}.${process.pid}.taken`;
    try {
      renameSync(file, taken);
    } catch (thrown) {
      if ((thrown as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw thrown;
    }
    const record = readJson<CheckpointRecord>(taken);
    rmSync(taken, { force: true });
    return record;
  }

  #file(id: string): string {
    // Ids are given on the command line: they may not lead out of the folder.
    if (!/^[\w-]{1,100}$/.test(id))
      throw new GrainError('ERR_CHECKPOINT_UNKNOWN', { message: `${id} is no id of a checkpoint` });
    return path.join(this.#folder, `checkpoint-${id}.json`);
  }
}

/** Memory in one file, written when the run is over. */
export class FileMemory implements MemoryBackend {
  readonly #file: string;
  readonly #memory = new InMemoryBackend();
  readonly #seen = new Map<string, MemoryAddress>();

  constructor(folder: string) {
    this.#file = path.join(folder, 'memory.json');
    for (const [at, value] of readJson<[MemoryAddress, JsonValue][]>(this.#file) ?? []) this.write(at, value);
  }

  /** To be called once, when nothing runs any more. What a stateless Core knew goes with its execution. */
  store({ executionId, status }: ExecutionResult): void {
    const fields = [...this.#seen.values()]
      .filter(({ partition }) => status === 'SUSPENDED' || partition !== executionId)
      .map((at) => [at, this.#memory.read(at) ?? null]);
    writeWhole(this.#file, JSON.stringify(fields));
  }

  #note(at: MemoryAddress): MemoryAddress {
    this.#seen.set(JSON.stringify([at.core, at.partition, at.field]), at);
    return at;
  }

  read: MemoryBackend['read'] = (at) => this.#memory.read(at);
  get: MemoryBackend['get'] = (at, key) => this.#memory.get(at, key);
  last: MemoryBackend['last'] = (at, count) => this.#memory.last(at, count);
  list: MemoryBackend['list'] = (at, options) => this.#memory.list(at, options);

  write(at: MemoryAddress, value: JsonValue): void {
    this.#memory.write(this.#note(at), value);
  }

  set(at: MemoryAddress, key: string, value: JsonValue): void {
    this.#memory.set(this.#note(at), key, value);
  }

  delete(at: MemoryAddress, key: string): void {
    this.#memory.delete(this.#note(at), key);
  }

  add(at: MemoryAddress, value: JsonValue): void {
    this.#memory.add(this.#note(at), value);
  }
}

function readJson<T>(file: string): T | undefined {
  if (!existsSync(file)) return undefined;
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as T;
  } catch (cause) {
    const message = `${file} is damaged: delete it to begin anew`;
    throw new GrainError('ERR_FILE_UNREADABLE', { message, file }, { cause });
  }
}
