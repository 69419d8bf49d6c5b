// The named records of the runtime, and the few rows about the store itself. Reads see what was handed over.
import { compareUtf8, type GrainError } from '../../lib/index.ts';
import type { BatchEnd, BatchPart } from './batcher.ts';
import type { Table, TableName, WriteSet } from './lmdb-environment.ts';
import { decodeValue, encode } from './record-codec.ts';
import { textAfter } from './stored-keys.ts';

interface Waiting {
  /** Undefined deletes. */
  readonly bytes: Uint8Array | undefined;
  readonly told: ((error: GrainError | undefined) => void)[];
}

/** Rows by name in a table of their own. The last one handed over wins. */
export class StoreRecords implements BatchPart {
  readonly #tableName: TableName;
  readonly #table: Table;
  readonly #wake: () => void;
  #open = new Map<string, Waiting>();
  #flying = new Map<string, Waiting>();

  constructor(tableName: TableName, table: Table, wake: () => void) {
    this.#tableName = tableName;
    this.#table = table;
    this.#wake = wake;
  }

  get(name: string): unknown {
    const waiting = this.#open.get(name) ?? this.#flying.get(name);
    const bytes = waiting ? waiting.bytes : this.#table.get(name);
    return bytes && decodeValue(bytes);
  }

  /** Resolves when it is durable. */
  async put(name: string, value: unknown): Promise<void> {
    const bytes = value === undefined ? undefined : encode(value);
    await new Promise<void>((resolve, reject) => {
      const told = this.#open.get(name)?.told ?? [];
      told.push((error) => (error ? reject(error) : resolve()));
      this.#open.set(name, { bytes, told });
      this.#wake();
    });
  }

  list(prefix: string, after: string, limit: number): readonly (readonly [string, unknown])[] {
    const waiting = new Map([...this.#flying, ...this.#open]);
    const changed = [...waiting.keys()].filter((name) => isListed(name, prefix, after));
    const found = new Map<string, unknown>();
    const start = compareUtf8(after, prefix) >= 0 ? textAfter(after) : prefix === '' ? '\u0000' : prefix;
    this.#table.scan(start, '\u{10ffff}', (name, bytes) => {
      if (!name.startsWith(prefix)) return false;
      if (!waiting.has(name)) found.set(name, decodeValue(bytes));
      return found.size < limit;
    });
    for (const name of changed) {
      const bytes = waiting.get(name)?.bytes;
      if (bytes) found.set(name, decodeValue(bytes));
    }
    return [...found].sort(([left], [right]) => compareUtf8(left, right)).slice(0, limit);
  }

  get isWaiting(): boolean {
    return this.#open.size > 0;
  }

  seal(rows: WriteSet): void {
    this.#flying = this.#open;
    this.#open = new Map();
    for (const [name, { bytes }] of this.#flying) {
      if (bytes) rows.put(this.#tableName, name, bytes);
      else rows.remove(this.#tableName, name);
    }
  }

  settle({ error }: BatchEnd): void {
    const settled = this.#flying;
    this.#flying = new Map();
    for (const { told } of settled.values()) for (const tell of told) tell(error);
  }
}

function isListed(name: string, prefix: string, after: string): boolean {
  return name.startsWith(prefix) && compareUtf8(name, after) > 0;
}
