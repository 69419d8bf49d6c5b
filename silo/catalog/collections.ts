// Map and list fields as a turn sees them: its own staged changes over what storage holds.
// Owns: merging the two. Does not own: storing (the staged changes go into the turn's commit).
//   L1. A read sees every change that the turn staged before it.
//   L2. Nothing is loaded whole: scans go page by page.
//   L3. What is handed out is frozen, and shares no bytes with what is stored or staged.
import {
  compareUtf8,
  type ErrorCode,
  type ErrorDetails,
  isKey,
  type MaybePromise,
  type MemoryList,
  type MemoryMap,
  type ScanOptions,
} from '../../lib/index.ts';
import type { CollectionChange, EntryScan } from '../storage/grain-storage.ts';
import { sealed } from './memory-value.ts';

/** What a collection asks of its turn. Every member throws when the turn has ended. */
export interface CollectionAccess {
  /** Throws an error of ours, which reaches the caller under its own code. */
  raise(code: ErrorCode, details: ErrorDetails): never;
  /** The value, checked and frozen. @throws ERR_VALUE_INVALID, as by `raise` */
  frozen(value: unknown): unknown;
  /** Adds a change to the turn's commit. */
  stage(change: CollectionChange): void;
  readEntry(field: string, key: string): MaybePromise<unknown>;
  readEntries(field: string, scan: EntryScan): MaybePromise<readonly (readonly [string, unknown])[]>;
  listLength(field: string): MaybePromise<number>;
  readItems(field: string, start: number, end: number): MaybePromise<readonly unknown[]>;
}

const PAGE = 256;

type StagedEntry =
  { readonly kind: 'value'; readonly value: unknown } | { readonly kind: 'sum'; readonly by: number };

const ABSENT: StagedEntry = { kind: 'value', value: undefined };

export class TurnMap implements MemoryMap<unknown> {
  readonly #access: CollectionAccess;
  readonly #field: string;
  readonly #staged = new Map<string, StagedEntry>();
  #isCleared = false;

  constructor(access: CollectionAccess, field: string) {
    this.#access = access;
    this.#field = field;
  }

  async get(key: string): Promise<unknown> {
    checkEntryKey(this.#access, this.#field, key);
    const staged = this.#staged.get(key);
    if (staged?.kind === 'value') return sealed(staged.value);
    const stored = this.#isCleared ? undefined : await this.#access.readEntry(this.#field, key);
    // Looked up again: another branch of the flow may have written while we waited.
    return merge(this.#access, this.#field, key, this.#isCleared ? undefined : stored, this.#staged.get(key));
  }

  async has(key: string): Promise<boolean> {
    return (await this.get(key)) !== undefined;
  }

  set(key: string, value: unknown): void {
    checkEntryKey(this.#access, this.#field, key);
    const frozen = this.#access.frozen(value);
    this.#access.stage({ op: 'set', field: this.#field, key, value: frozen });
    this.#staged.set(key, { kind: 'value', value: frozen });
  }

  delete(key: string): void {
    checkEntryKey(this.#access, this.#field, key);
    this.#access.stage({ op: 'delete', field: this.#field, key });
    this.#staged.set(key, ABSENT);
  }

  increment(key: string, by = 1): void {
    checkEntryKey(this.#access, this.#field, key);
    if (!Number.isFinite(by)) {
      this.#access.raise('ERR_VALUE_INVALID', {
        message: `memory.${this.#field}: increment by ${String(by)}`,
      });
    }
    const staged = this.#staged.get(key);
    if (staged?.kind === 'value') {
      this.set(key, numberOf(this.#access, this.#field, key, staged.value) + by);
      return;
    }
    this.#access.stage({ op: 'increment', field: this.#field, key, by });
    this.#staged.set(key, { kind: 'sum', by: (staged?.by ?? 0) + by });
  }

  clear(): void {
    this.#access.stage({ op: 'clear', field: this.#field });
    this.#isCleared = true;
    this.#staged.clear();
  }

  /** The turn erased the grain: nothing that is stored counts any more, nor what was staged before. */
  forget(): void {
    this.#isCleared = true;
    this.#staged.clear();
  }

  async *entries({ prefix = '', from = '', limit = Infinity }: ScanOptions = {}): AsyncGenerator<
    readonly [string, unknown]
  > {
    let after: string | undefined;
    for (let left = limit; left > 0;) {
      const page = await this.#page({ prefix, from, after, limit: Math.min(PAGE, left) });
      for (const entry of page.entries) {
        yield entry;
        left -= 1;
        if (left <= 0) return;
      }
      if (page.last === undefined) return;
      after = page.last;
    }
  }

  /** The next stored page with the staged entries of the same range merged in; `last` is where to go on. */
  async #page(scan: EntryScan): Promise<{
    readonly entries: readonly (readonly [string, unknown])[];
    readonly last: string | undefined;
  }> {
    const stored = this.#isCleared ? [] : await this.#access.readEntries(this.#field, scan);
    const last = stored.length < scan.limit ? undefined : stored[stored.length - 1]?.[0];
    const merged = new Map(stored);
    for (const [key, staged] of this.#staged) {
      if (!isInScan(key, scan) || (last !== undefined && compareUtf8(key, last) > 0)) continue;
      const value =
        staged.kind === 'value'
          ? staged.value
          : merge(this.#access, this.#field, key, merged.get(key), staged);
      if (value === undefined) merged.delete(key);
      else merged.set(key, value);
    }
    const entries = [...merged].map(([key, value]) => [key, sealed(value)] as const);
    entries.sort(([left], [right]) => compareUtf8(left, right));
    return { entries, last };
  }
}

function isInScan(key: string, { prefix, from, after }: EntryScan): boolean {
  if (!key.startsWith(prefix) || compareUtf8(key, from) < 0) return false;
  return after === undefined || compareUtf8(key, after) > 0;
}

function merge(
  access: CollectionAccess,
  field: string,
  key: string,
  stored: unknown,
  staged: StagedEntry | undefined,
): unknown {
  if (!staged) return sealed(stored);
  return staged.kind === 'value' ? sealed(staged.value) : numberOf(access, field, key, stored) + staged.by;
}

function numberOf(access: CollectionAccess, field: string, key: string, value: unknown): number {
  if (value === undefined) return 0;
  if (typeof value === 'number') return value;
  return access.raise('ERR_VALUE_INVALID', {
    message: `memory.${field}: entry ${key} is not a number to add to`,
  });
}

function checkEntryKey(access: CollectionAccess, field: string, key: unknown): void {
  if (isKey(key)) return;
  const message = `memory.${field}: entry keys are strings of 1 to 512 UTF-8 bytes without control characters`;
  access.raise('ERR_KEY_INVALID', { message });
}

export class TurnList implements MemoryList<unknown> {
  readonly #access: CollectionAccess;
  readonly #field: string;
  #staged: CollectionChange[] = [];

  constructor(access: CollectionAccess, field: string) {
    this.#access = access;
    this.#field = field;
  }

  push(...items: readonly unknown[]): void {
    for (const item of items)
      this.#stage({ op: 'push', field: this.#field, value: this.#access.frozen(item) });
  }

  trim(count: number): void {
    if (!Number.isInteger(count) || count < 0) {
      this.#access.raise('ERR_VALUE_INVALID', {
        message: `memory.${this.#field}.trim(${String(count)}): not a whole number`,
      });
    }
    this.#stage({ op: 'trim', field: this.#field, count });
  }

  clear(): void {
    this.#stage({ op: 'clear', field: this.#field });
  }

  #stage(change: CollectionChange): void {
    this.#access.stage(change);
    this.#staged.push(change);
  }

  /** As of a map. */
  forget(): void {
    this.#staged = [{ op: 'clear', field: this.#field }];
  }

  async length(): Promise<number> {
    const view = this.#view(await this.#access.listLength(this.#field));
    return view.storedCount + view.pushed.length;
  }

  async last(count = 1): Promise<readonly unknown[]> {
    const length = await this.length();
    return await this.range(Math.max(0, length - Math.max(0, Math.floor(count))), length);
  }

  async range(start: number, end = Infinity): Promise<readonly unknown[]> {
    const view = this.#view(await this.#access.listLength(this.#field));
    const first = Math.max(0, Math.floor(start));
    const until = Math.min(view.storedCount + view.pushed.length, end);
    if (first >= until) return Object.freeze([]);
    const storedUntil = Math.min(until, view.storedCount);
    const stored =
      first < storedUntil
        ? await this.#access.readItems(this.#field, view.skipped + first, view.skipped + storedUntil)
        : [];
    const pushed = view.pushed.slice(
      Math.max(0, first - view.storedCount),
      Math.max(0, until - view.storedCount),
    );
    return Object.freeze([...stored, ...pushed].map(sealed));
  }

  /** The stored list with the staged changes laid over it: how much of it is left, and what comes after. */
  #view(storedLength: number): { skipped: number; storedCount: number; pushed: unknown[] } {
    const view = { skipped: 0, storedCount: storedLength, pushed: [] as unknown[] };
    for (const change of this.#staged) {
      if (change.op === 'push') view.pushed.push(change.value);
      else if (change.op === 'trim') dropOldest(view, view.storedCount + view.pushed.length - change.count);
      else if (change.op === 'clear') dropOldest(view, Infinity);
    }
    return view;
  }
}

function dropOldest(view: { skipped: number; storedCount: number; pushed: unknown[] }, count: number): void {
  if (count <= 0) return;
  const fromStored = Math.min(view.storedCount, count);
  view.skipped += fromStored;
  view.storedCount -= fromStored;
  view.pushed.splice(0, Math.min(view.pushed.length, count - fromStored));
}
