// RedisData: what a simulated Redis server keeps, and how it gets back what it had some time ago.
// Owns: keys, values, expiry by the server's own wall clock, and copies of what the last writes replaced.
//   R1. All text is bytes, one per character (latin1): so keys compare bytewise, as in Redis.
//   R2. Before a command changes a key, it takes the entry with `toWrite`: from then on the old one can come back.
//   R3. Writes of one frame (one command, or one script) are undone together or not at all.
import type { Clock } from '../../../lib/index.ts';

export type StreamId = readonly [ms: number, seq: number];

export interface StreamEntry {
  readonly id: StreamId;
  readonly fields: readonly string[];
}

export interface ZSet {
  readonly kind: 'zset';
  readonly scores: Map<string, number>;
  /** In order of (score, member); made when it is asked for. */
  sorted: (readonly [member: string, score: number])[] | undefined;
}

export type RedisValue =
  | { readonly kind: 'string'; text: string }
  | { readonly kind: 'hash'; readonly fields: Map<string, string> }
  | { readonly kind: 'list'; readonly items: string[] }
  | { readonly kind: 'set'; readonly members: Set<string> }
  | ZSet
  | { readonly kind: 'stream'; entries: StreamEntry[]; lastId: StreamId };

export type RedisKind = RedisValue['kind'];
export type ValueOf<K extends RedisKind> = Extract<RedisValue, { readonly kind: K }>;

interface Entry {
  value: RedisValue;
  /** Wall clock of the server. */
  expiresMs: number | undefined;
}

interface Frame {
  readonly atMs: number;
  readonly old: Map<string, Entry | undefined>;
}

/** An answer of the kind `-CODE message`. */
export class RedisError {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

/** An answer of the kind `+OK`. */
export class RedisStatus {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

export const OK = new RedisStatus('OK');

export type FakeReply = null | number | string | RedisStatus | RedisError | readonly FakeReply[];

/** A refusal in the middle of a command. */
export class CommandFailure extends Error {
  override readonly name = 'CommandFailure';
}

const UNDO_KEPT_MS = 3_000;
const WRONG_TYPE = 'WRONGTYPE Operation against a key holding the wrong kind of value';

export class RedisData {
  readonly clock: Clock;
  #entries = new Map<string, Entry>();
  #frames: Frame[] = [];
  #frame: Frame | undefined;

  constructor(clock: Clock) {
    this.clock = clock;
  }

  get size(): number {
    this.keys();
    return this.#entries.size;
  }

  /** Keys that are there, in no order that anybody may rely on. */
  keys(): readonly string[] {
    for (const key of [...this.#entries.keys()]) this.#entry(key);
    return [...this.#entries.keys()];
  }

  kindOf(key: string): RedisKind | 'none' {
    return this.#entry(key)?.value.kind ?? 'none';
  }

  /** @throws CommandFailure WRONGTYPE */
  read<K extends RedisKind>(key: string, kind: K): ValueOf<K> | undefined {
    const value = this.#entry(key)?.value;
    if (value === undefined) return undefined;
    if (value.kind !== kind) throw new CommandFailure(WRONG_TYPE);
    return value as ValueOf<K>;
  }

  /** The value as it may be changed now; undefined when there is none. @throws CommandFailure WRONGTYPE */
  toChange<K extends RedisKind>(key: string, kind: K): ValueOf<K> | undefined {
    const value = this.read(key, kind);
    if (value !== undefined) this.#keepOld(key);
    return value;
  }

  /** As `toChange`, and made when there is none. @throws CommandFailure WRONGTYPE */
  toWrite<K extends RedisKind>(key: string, kind: K): ValueOf<K> {
    const value = this.toChange(key, kind);
    if (value) return value;
    this.#keepOld(key);
    const made = emptyValue(kind);
    this.#entries.set(key, { value: made, expiresMs: undefined });
    return made as ValueOf<K>;
  }

  /** Replaces whatever is there; its expiry goes. */
  replace(key: string, value: RedisValue): void {
    this.#entry(key);
    this.#keepOld(key);
    this.#entries.set(key, { value, expiresMs: undefined });
  }

  delete(key: string): boolean {
    if (!this.#entry(key)) return false;
    this.#keepOld(key);
    return this.#entries.delete(key);
  }

  /** Collections that became empty are no keys any more. */
  dropIfEmpty(key: string): void {
    const value = this.#entries.get(key)?.value;
    if (value && isEmpty(value)) this.#entries.delete(key);
  }

  expiryOf(key: string): number | undefined {
    return this.#entry(key)?.expiresMs;
  }

  expire(key: string, atMs: number | undefined): boolean {
    const entry = this.#entry(key);
    if (!entry) return false;
    this.#keepOld(key);
    entry.expiresMs = atMs;
    if (atMs !== undefined && atMs <= this.clock.wallMs()) this.#entries.delete(key);
    return true;
  }

  /** All of it as it is now, to begin others with. */
  copy(): ReadonlyMap<string, RedisValue> {
    return new Map([...this.#entries].map(([key, { value }]) => [key, copyOf(value)]));
  }

  /** Begins with this, instead of empty. */
  load(entries: ReadonlyMap<string, RedisValue>): void {
    for (const [key, value] of entries)
      this.#entries.set(key, { value: copyOf(value), expiresMs: undefined });
  }

  /** For good: losing the last writes does not bring back what was cleared. */
  clear(): void {
    this.#entries.clear();
    this.#frames = [];
    this.#frame = undefined;
  }

  /** From here on, changes belong together. */
  beginFrame(): void {
    this.#frame = undefined;
  }

  get hasWritten(): boolean {
    return this.#frame !== undefined;
  }

  /** Forgets everything that was written in the last `lostMs`; answers how many commands that were. */
  loseLast(lostMs: number): number {
    const fromMs = this.clock.nowMs() - lostMs;
    let lost = 0;
    for (let frame = this.#frames.at(-1); frame && frame.atMs >= fromMs; frame = this.#frames.at(-1)) {
      for (const [key, entry] of frame.old) {
        if (entry) this.#entries.set(key, entry);
        else this.#entries.delete(key);
      }
      this.#frames.pop();
      lost += 1;
    }
    this.#frame = undefined;
    return lost;
  }

  #entry(key: string): Entry | undefined {
    const entry = this.#entries.get(key);
    if (entry?.expiresMs === undefined || entry.expiresMs > this.clock.wallMs()) return entry;
    this.#entries.delete(key);
    return undefined;
  }

  #keepOld(key: string): void {
    if (this.#frame === undefined) {
      const atMs = this.clock.nowMs();
      this.#frame = { atMs, old: new Map() };
      this.#frames.push(this.#frame);
      if (this.#frames.length > 64 && (this.#frames[0]?.atMs ?? 0) < atMs - 2 * UNDO_KEPT_MS) {
        this.#frames = this.#frames.filter((frame) => frame.atMs >= atMs - UNDO_KEPT_MS);
      }
    }
    if (this.#frame.old.has(key)) return;
    const entry = this.#entries.get(key);
    this.#frame.old.set(key, entry && { value: copyOf(entry.value), expiresMs: entry.expiresMs });
  }
}

function emptyValue(kind: RedisKind): RedisValue {
  switch (kind) {
    case 'string':
      return { kind, text: '' };
    case 'hash':
      return { kind, fields: new Map() };
    case 'list':
      return { kind, items: [] };
    case 'set':
      return { kind, members: new Set() };
    case 'zset':
      return { kind, scores: new Map(), sorted: undefined };
    case 'stream':
      return { kind, entries: [], lastId: [0, 0] };
  }
}

function copyOf(value: RedisValue): RedisValue {
  switch (value.kind) {
    case 'string':
      return { ...value };
    case 'hash':
      return { kind: 'hash', fields: new Map(value.fields) };
    case 'list':
      return { kind: 'list', items: [...value.items] };
    case 'set':
      return { kind: 'set', members: new Set(value.members) };
    case 'zset':
      return { kind: 'zset', scores: new Map(value.scores), sorted: undefined };
    case 'stream':
      return { ...value, entries: [...value.entries] };
  }
}

function isEmpty(value: RedisValue): boolean {
  switch (value.kind) {
    case 'hash':
      return value.fields.size === 0;
    case 'list':
      return value.items.length === 0;
    case 'set':
      return value.members.size === 0;
    case 'zset':
      return value.scores.size === 0;
    case 'string':
    case 'stream':
      return false;
  }
}
