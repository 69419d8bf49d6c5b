import type { ListField, MapField, ValueField } from './fields.ts';

/** What reading memory gives: frozen deep. Bytes are a copy. */
export type Frozen<T> = T extends Uint8Array
  ? T
  : T extends readonly (infer Item)[]
    ? readonly Frozen<Item>[]
    : T extends object
      ? { readonly [K in keyof T]: Frozen<T[K]> }
      : T;

export interface ScanOptions {
  /** Only keys that begin so. */
  readonly prefix?: string;
  /** Only keys that are not smaller (bytewise) than this. */
  readonly from?: string;
  /** At most so many entries. */
  readonly limit?: number;
}

/** A map field. Reads see the turn's own writes. Writes are staged and take effect with the turn's commit. */
export interface MemoryMap<T> {
  get(key: string): Promise<Frozen<T> | undefined>;
  has(key: string): Promise<boolean>;
  /** In bytewise order of the keys. */
  entries(options?: ScanOptions): AsyncIterable<readonly [key: string, value: Frozen<T>]>;
  set(key: string, value: T): void;
  delete(key: string): void;
  /** Adds to a number without reading it first; an absent entry counts as 0. Overlapping increments do not conflict. */
  increment(key: string, by?: number): void;
  /** Deletes every entry. */
  clear(): void;
}

/** A list field; positions count from 0, the oldest. */
export interface MemoryList<T> {
  /** Appends without reading. */
  push(...items: readonly T[]): void;
  length(): Promise<number>;
  /** The newest `count` items, oldest of them first. */
  last(count?: number): Promise<readonly Frozen<T>[]>;
  /** Items from position `start` up to, without, `end`. */
  range(start: number, end?: number): Promise<readonly Frozen<T>[]>;
  /** Keeps the newest `count` items; the positions of the rest stay as they are, counted from the new oldest. */
  trim(count: number): void;
  clear(): void;
}

type CollectionOf<F> =
  F extends MapField<infer T> ? MemoryMap<T> : F extends ListField<infer T> ? MemoryList<T> : never;
type IsCollection<F> = F extends { readonly kind: 'map' | 'list' } ? true : false;
type ValueOf<F> = F extends ValueField<infer T> ? T : F;

/** The writable value fields of a memory literal, with their types. */
export type MemoryValues<M> = {
  -readonly [K in keyof M as IsCollection<M[K]> extends true ? never : K]: ValueOf<M[K]>;
};

/** `ctx.memory`: values are resident and frozen, assign to change them; maps and lists are asynchronous. */
export type MemoryOf<M> = { -readonly [K in keyof MemoryValues<M>]: Frozen<MemoryValues<M>[K]> } & {
  readonly [K in keyof M as IsCollection<M[K]> extends true ? K : never]: CollectionOf<M[K]>;
} & {
  /** Assigns what `change` makes of the present value; `change` gets a copy that it may alter and return. */
  update<K extends keyof MemoryValues<M>>(
    name: K,
    change: (current: MemoryValues<M>[K]) => MemoryValues<M>[K],
  ): void;
};

/** Defaults that say too little of their type are refused at compile time: `null` and `[]` need `value<T>()`. */
export type CheckMemory<M> = {
  [K in keyof M]: [M[K]] extends [null | undefined]
    ? 'Write value<T>(null): a bare null does not say what else the field may hold.'
    : [M[K]] extends [readonly never[]]
      ? 'Write value<T[]>([]): a bare [] does not say what the array holds.'
      : M[K];
};
