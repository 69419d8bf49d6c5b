import { compareUtf8, type GrainId } from '../../lib/index.ts';
import type { ResolvedChange } from './commit-check.ts';
import type {
  EntryScan,
  GrainCommit,
  StoredCommand,
  StoredEmission,
  StoredMark,
  StoredMemory,
  StoredReminder,
} from './grain-storage.ts';
import { COMMANDS_KEPT, isCommandKept, isMarkKept } from './retention.ts';

const NONE: readonly never[] = [];
const NO_VALUES: Readonly<Record<string, unknown>> = Object.freeze({});

export const EMPTY_MEMORY: StoredMemory = Object.freeze({
  schema: 0,
  values: NO_VALUES,
  marks: undefined,
  commands: undefined,
  reminders: undefined,
  emitted: 0,
  emissionEpoch: 0,
});

/** The entries of one map field, with their order worked out when somebody asks for it. */
class MapEntries {
  readonly values: Map<string, unknown>;
  #sorted: readonly string[] | undefined;

  constructor(values: Iterable<readonly [string, unknown]> = NONE) {
    this.values = new Map(values);
  }

  set(key: string, value: unknown): void {
    if (!this.values.has(key)) this.#sorted = undefined;
    this.values.set(key, value);
  }

  delete(key: string): void {
    if (this.values.delete(key)) this.#sorted = undefined;
  }

  scan({ prefix, from, after, limit }: EntryScan): (readonly [string, unknown])[] {
    const keys = (this.#sorted ??= [...this.values.keys()].sort(compareUtf8));
    const found: (readonly [string, unknown])[] = [];
    for (
      let at = firstNotBefore(keys, compareUtf8(prefix, from) > 0 ? prefix : from);
      at < keys.length;
      at += 1
    ) {
      const key = keys[at] ?? '';
      if (found.length >= limit || (!key.startsWith(prefix) && compareUtf8(key, prefix) > 0)) break;
      if (key.startsWith(prefix) && (after === undefined || compareUtf8(key, after) > 0)) {
        found.push([key, this.values.get(key)]);
      }
    }
    return found;
  }
}

/** Where the first of the sorted keys stands that is not smaller than `text`. */
function firstNotBefore(keys: readonly string[], text: string): number {
  let low = 0;
  let high = keys.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (compareUtf8(keys[middle] ?? '', text) < 0) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Everything that is stored of one grain, in plain collections. What it holds by reference is never changed. */
export class MemoryGrain {
  readonly grain: GrainId;
  schema = 0;
  fieldNames: readonly string[] = NONE;
  values: readonly unknown[] = NONE;
  marks = new Map<string, StoredMark>();
  commands = new Map<string, StoredCommand>();
  reminders = new Map<string, StoredReminder>();
  maps = new Map<string, MapEntries>();
  lists = new Map<string, unknown[]>();
  emitted = 0;
  emissionEpoch = 0;
  /** The last of `emitted`, oldest first. */
  emissions: StoredEmission[] = [];
  emissionsKept = 0;
  /** Number of the last emission that the log is past. */
  logPastTo = 0;

  constructor(grain: GrainId) {
    this.grain = grain;
  }

  clone(): MemoryGrain {
    const copy = new MemoryGrain(this.grain);
    copy.schema = this.schema;
    copy.fieldNames = this.fieldNames;
    copy.values = this.values;
    copy.marks = new Map(this.marks);
    copy.commands = new Map(this.commands);
    copy.reminders = new Map(this.reminders);
    for (const [field, { values }] of this.maps) copy.maps.set(field, new MapEntries(values));
    for (const [field, items] of this.lists) copy.lists.set(field, [...items]);
    copy.emitted = this.emitted;
    copy.emissionEpoch = this.emissionEpoch;
    copy.emissions = [...this.emissions];
    copy.emissionsKept = this.emissionsKept;
    copy.logPastTo = this.logPastTo;
    return copy;
  }

  /** Whether anything but marks is stored. */
  get hasMemory(): boolean {
    return (
      this.fieldNames.length > 0 ||
      this.emitted > 0 ||
      this.commands.size + this.reminders.size + this.maps.size + this.lists.size > 0
    );
  }

  /** Applies a commit whose increments are resolved. Cannot fail (S1). */
  apply(commit: GrainCommit, changes: readonly ResolvedChange[]): void {
    if (commit.forget) this.#forget();
    this.schema = commit.schema;
    if (commit.changed.length > 0) {
      this.fieldNames = commit.fieldNames;
      this.values = commit.values;
    }
    for (const change of changes) this.#applyChange(change);
    for (const mark of commit.marks) this.marks.set(mark.source, mark);
    for (const command of commit.commands) {
      this.commands.delete(command.id); // a repetition becomes the newest
      this.commands.set(command.id, command);
    }
    dropOldest(this.commands, COMMANDS_KEPT);
    for (const [name, reminder] of commit.reminders) {
      if (reminder) this.reminders.set(name, reminder);
      else this.reminders.delete(name);
    }
    if (commit.emissions.length > 0) this.#emit(commit);
  }

  #forget(): void {
    this.fieldNames = NONE;
    this.values = NONE;
    this.commands.clear();
    this.reminders.clear();
    this.maps.clear();
    this.lists.clear();
    this.emitted = 0;
    this.emissionEpoch = 0;
    this.emissions = [];
    this.logPastTo = 0;
  }

  #applyChange(change: ResolvedChange): void {
    switch (change.op) {
      case 'set': {
        let entries = this.maps.get(change.field);
        if (!entries) this.maps.set(change.field, (entries = new MapEntries()));
        return entries.set(change.key, change.value);
      }
      case 'delete':
        return this.maps.get(change.field)?.delete(change.key);
      case 'push': {
        const items = this.lists.get(change.field);
        if (items) items.push(change.value);
        else this.lists.set(change.field, [change.value]);
        return;
      }
      case 'trim': {
        const items = this.lists.get(change.field);
        if (items && items.length > change.count) items.splice(0, items.length - change.count);
        return;
      }
      case 'clear':
        this.maps.delete(change.field);
        this.lists.delete(change.field);
    }
  }

  #emit(commit: GrainCommit): void {
    this.emissions.push(...commit.emissions);
    this.emissionsKept = commit.emissionsKept;
    this.emitted = commit.emissions[commit.emissions.length - 1]?.n ?? this.emitted;
    this.emissionEpoch = commit.emissionEpoch;
  }

  /** Number of the oldest emission that subscribers may ask for. */
  get firstKept(): number {
    const first = this.emissions[0]?.n ?? this.emitted + 1;
    return Math.max(first, this.emitted - this.emissionsKept + 1);
  }

  /** Drops what neither subscribers nor the log can ask for any more. */
  dropEmissions(): void {
    const first = this.emissions[0]?.n ?? 0;
    const end = Math.min(this.logPastTo + 1, this.firstKept);
    if (end > first) this.emissions.splice(0, end - first);
  }

  /** Marks and commands that are kept only for a time. */
  dropOutdated(nowWallMs: number): void {
    for (const [source, mark] of this.marks) if (!isMarkKept(mark, nowWallMs)) this.marks.delete(source);
    for (const [id, command] of this.commands)
      if (!isCommandKept(command, nowWallMs)) this.commands.delete(id);
  }

  /** What a claim loads. */
  load(): StoredMemory {
    const values: Record<string, unknown> = {};
    this.fieldNames.forEach((name, at) => (values[name] = this.values[at]));
    return {
      schema: this.schema,
      values: Object.freeze(values),
      marks: this.marks.size > 0 ? new Map(this.marks) : undefined,
      commands: this.commands.size > 0 ? new Map(this.commands) : undefined,
      reminders: this.reminders.size > 0 ? new Map(this.reminders) : undefined,
      emitted: this.emitted,
      emissionEpoch: this.emissionEpoch,
    };
  }

  emission(n: number): StoredEmission | undefined {
    return this.emissions[n - (this.emissions[0]?.n ?? 0)];
  }
}

function dropOldest(map: Map<string, unknown>, kept: number): void {
  for (const key of map.keys()) {
    if (map.size <= kept) return;
    map.delete(key);
  }
}
