// GrainMemory: the memory of a program as fields of its grain. Values are resident and answer at once; maps and lists are
// read entry by entry, and whole only within a bound.
//   G1. Everything goes through `ctx.memory`, so it is in the turn's buffer and leaves with its commit, or not at all.
//   G2. What the silo refuses (a key, a value, a store that failed) is kept in `failure`: the caller is told of that, not of
//       what the program made of it.
import {
  GrainError,
  map,
  type MaybePromise,
  type MemoryList,
  type MemoryMap,
  list,
  value,
} from '../../lib/index.ts';
import {
  type IRModule,
  type IRType,
  type JsonValue,
  type ListOptions,
  type MemoryAddress,
  type MemoryBackend,
  ScaiCoreError,
} from '../../lib/lang/index.ts';

/** Entries of a map, or items of a list, that are read or written whole. */
export const WHOLE_FIELD_MAX = 10_000;
/** Suspended executions by checkpoint id. Programs cannot name it: their fields have no `$`. */
export const CHECKPOINTS_FIELD = '$checkpoints';
/** Which schedules the grain has set reminders for. */
export const SCHEDULES_FIELD = '$schedules';

/** Names that `ctx.memory` has for itself. */
const TAKEN: ReadonlySet<string> = new Set(['update', 'constructor', '__proto__']);

export function fieldNameOf(field: string): string {
  return TAKEN.has(field) ? `$field:${field}` : field;
}

/** The `memory` of a Core definition. */
export function memoryFieldsOf(module: IRModule, own: readonly string[]): Record<string, unknown> {
  const fields = Object.entries(module.memory).map(
    ([name, type]) => [fieldNameOf(name), fieldOf(type, module)] as const,
  );
  const reserved = own.map(
    (name) => [name, name === CHECKPOINTS_FIELD ? map<unknown>() : value<unknown>(null)] as const,
  );
  return Object.fromEntries([...fields, ...reserved]);
}

function fieldOf(type: IRType, module: IRModule): unknown {
  const resolved = resolveNamed(type, module);
  if (resolved.kind === 'map') return map<unknown>();
  return resolved.kind === 'array' ? list<unknown>() : value<unknown>(null);
}

function resolveNamed(type: IRType, module: IRModule): IRType {
  let at = type;
  // Bounded: a type that only names itself is an error of the compiler, not a reason to hang.
  for (let depth = 0; at.kind === 'named' && depth < 64; depth += 1) {
    const next = module.types[at.name];
    if (!next) break;
    at = next;
  }
  return at;
}

type Fields = Record<string, unknown>;

export class GrainMemory implements MemoryBackend {
  readonly #ctx: { readonly memory: object };
  #view: Fields | undefined = undefined;
  failure: GrainError | undefined = undefined;
  /** Changes that were made. */
  writes = 0;

  constructor(ctx: { readonly memory: object }) {
    this.#ctx = ctx;
  }

  /** Made on first use: many flows have no use for memory. */
  get #fields(): Fields {
    return (this.#view ??= this.#ctx.memory as Fields);
  }

  map(field: string): MemoryMap<JsonValue> {
    return this.#fields[field] as MemoryMap<JsonValue>;
  }

  #mapAt({ field }: MemoryAddress): MemoryMap<JsonValue> {
    return this.#fields[fieldNameOf(field)] as MemoryMap<JsonValue>;
  }

  #listAt({ field }: MemoryAddress): MemoryList<JsonValue> {
    return this.#fields[fieldNameOf(field)] as MemoryList<JsonValue>;
  }

  read(at: MemoryAddress): MaybePromise<JsonValue | undefined> {
    if (at.kind === 'value') return this.#tried(() => this.#fields[fieldNameOf(at.field)] as JsonValue);
    return this.#awaited(at.kind === 'map' ? this.#wholeMap(at) : this.#wholeList(at));
  }

  async #wholeMap(at: MemoryAddress): Promise<JsonValue> {
    const entries: (readonly [string, JsonValue])[] = [];
    for await (const entry of this.#mapAt(at).entries({ limit: WHOLE_FIELD_MAX + 1 })) entries.push(entry);
    checkSize(at, entries.length);
    return Object.fromEntries(entries);
  }

  async #wholeList(at: MemoryAddress): Promise<JsonValue> {
    const items = await this.#listAt(at).range(0, WHOLE_FIELD_MAX + 1);
    checkSize(at, items.length);
    return items;
  }

  write(at: MemoryAddress, written: JsonValue): void {
    this.writes += 1;
    this.#tried(() => {
      if (at.kind === 'value') this.#fields[fieldNameOf(at.field)] = written;
      else if (at.kind === 'map') this.#writeMap(at, written);
      else this.#writeList(at, written);
    });
  }

  #writeMap(at: MemoryAddress, written: JsonValue): void {
    const entries = Object.entries(written ?? {}) as [string, JsonValue][];
    checkSize(at, entries.length);
    const field = this.#mapAt(at);
    field.clear();
    for (const [key, item] of entries) field.set(key, item);
  }

  #writeList(at: MemoryAddress, written: JsonValue): void {
    const items = (written ?? []) as readonly JsonValue[];
    checkSize(at, items.length);
    const field = this.#listAt(at);
    field.clear();
    field.push(...items);
  }

  get(at: MemoryAddress, key: string): MaybePromise<JsonValue | undefined> {
    return this.#awaited(this.#mapAt(at).get(key));
  }

  set(at: MemoryAddress, key: string, item: JsonValue): void {
    this.writes += 1;
    this.#tried(() => this.#mapAt(at).set(key, item));
  }

  delete(at: MemoryAddress, key: string): void {
    this.writes += 1;
    this.#tried(() => this.#mapAt(at).delete(key));
  }

  add(at: MemoryAddress, item: JsonValue): void {
    this.writes += 1;
    this.#tried(() => this.#listAt(at).push(item));
  }

  last(at: MemoryAddress, count: number): MaybePromise<readonly JsonValue[]> {
    return this.#awaited(this.#listAt(at).last(Math.min(count, WHOLE_FIELD_MAX)));
  }

  list(
    at: MemoryAddress,
    options: ListOptions,
  ): MaybePromise<readonly { readonly key: string; readonly value: JsonValue }[]> {
    return this.#awaited(this.#listEntries(at, options));
  }

  async #listEntries(
    at: MemoryAddress,
    { prefix = '', limit = WHOLE_FIELD_MAX, order }: ListOptions,
  ): Promise<readonly { readonly key: string; readonly value: JsonValue }[]> {
    const isBackwards = order === 'desc';
    const wanted = Math.min(limit, WHOLE_FIELD_MAX);
    // Storage goes forward only, so from the end all that have the prefix are looked at.
    const most = isBackwards ? WHOLE_FIELD_MAX + 1 : wanted;
    const found: { readonly key: string; readonly value: JsonValue }[] = [];
    if (wanted <= 0) return found;
    for await (const [key, item] of this.#mapAt(at).entries({ prefix, limit: most }))
      found.push({ key, value: item });
    if (!isBackwards) return found;
    checkSize(at, found.length);
    return found.reverse().slice(0, wanted);
  }

  #tried<T>(act: () => T): T {
    try {
      return act();
    } catch (thrown) {
      throw this.#noted(thrown);
    }
  }

  async #awaited<T>(answer: Promise<T>): Promise<T> {
    try {
      return await answer;
    } catch (thrown) {
      throw this.#noted(thrown);
    }
  }

  #noted(thrown: unknown): unknown {
    if (thrown instanceof GrainError) this.failure = thrown;
    return thrown;
  }
}

/** @throws MemoryError */
function checkSize({ field }: MemoryAddress, count: number): void {
  if (count <= WHOLE_FIELD_MAX) return;
  const message = `memory.${field} has more than ${WHOLE_FIELD_MAX} entries: use its methods instead of all of it`;
  throw new ScaiCoreError('MemoryError', message, { field });
}
