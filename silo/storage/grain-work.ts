// What one owner handed over of one grain and waits to be written together: commits, coalesced.
// Owns: folding commits so that each row is written once. Does not own: numbers and fences (grain-commits.ts), rows.
//   W1. A work read over the state before it reads as if its commits had been applied one by one.
//   W2. A claim has at most two works: one that collects (`open`), one in a batch (`flying`). The open one is above.
import type { GrainAddress } from '../../directory/index.ts';
import type { ResolvedChange } from './commit-check.ts';
import type {
  Claim,
  CommitOutcome,
  GrainCommit,
  StoredCommand,
  StoredEmission,
  StoredMark,
  StoredReminder,
} from './grain-storage.ts';
import type { HeadCounters } from './record-codec.ts';
import { grainName } from './stored-keys.ts';

export type Done = (outcome: CommitOutcome) => void;

/** An owner, and what is known of its grain's rows as of the last sealed work. */
export class LmdbClaim implements Claim {
  readonly address: GrainAddress;
  /** Numbers of the last durable and of the last accepted commit. */
  stored = 0;
  accepted = 0;
  flags = 0;
  schema = 0;
  counters: HeadCounters | undefined = undefined;
  open: Work | undefined = undefined;
  flying: Work | undefined = undefined;
  /** Found outdated when the grain was loaded; deleted with the next commit. */
  expired: ExpiredRows | undefined = undefined;
  /** The claim that all others of the same owner stand for. */
  isPrincipal = false;
  /** A batch failed: what is known of the rows has to be read again. */
  isStale = false;
  /** What counts as stored was seen, but the batch that brought it failed: only a later batch makes it durable. */
  isDoubtful = false;

  constructor(address: GrainAddress) {
    this.address = address;
  }

  /** The grain's name in keys. Made when it is needed: a million idle claims would hold as many texts. */
  get name(): string {
    return grainName(this.address.grain);
  }
}

export interface ExpiredRows {
  readonly sources: readonly string[];
  /** Commands before this number. */
  readonly commandsBefore: number;
}

/** Changed entries of one map. */
export class MapWork {
  /** Nothing below counts. */
  isCleared = false;
  /** Undefined: deleted. */
  readonly entries = new Map<string, unknown>();
}

/** A list's bounds and its new items. Positions only grow, until the grain is forgotten. */
export class ListWork {
  /** The bounds below this work. */
  readonly startBelow: number;
  readonly endBelow: number;
  start: number;
  end: number;
  readonly items = new Map<number, unknown>();

  constructor(start: number, end: number) {
    this.startBelow = start;
    this.endBelow = end;
    this.start = start;
    this.end = end;
  }

  push(value: unknown): void {
    this.items.set(this.end, value);
    this.end += 1;
  }

  trim(count: number): void {
    const start = Math.max(this.start, this.end - count);
    for (let at = Math.max(this.start, this.endBelow); at < start; at += 1) this.items.delete(at);
    this.start = start;
  }
}

/** The stored bounds of a list among `[field, start, end, …]`. */
export function storedBounds(
  lists: HeadCounters['lists'] | undefined,
  field: string,
): readonly [number, number] {
  if (lists) {
    for (let at = 0; at < lists.length; at += 3) {
      if (lists[at] === field) return [Number(lists[at + 1]), Number(lists[at + 2])];
    }
  }
  return [0, 0];
}

export class Work {
  readonly claim: LmdbClaim;
  readonly name: string;
  /** Who is told when it ends, and what: undefined is how the batch ended, the others were decided at hand-over. */
  readonly dones: Done[] = [];
  readonly outcomes: (CommitOutcome | undefined)[] = [];
  /** Number of the last commit in it. */
  last = 0;
  /** Without a commit it only waits: for a batch that makes durable what was seen before. */
  hasCommit = false;
  schema = 0;
  fieldNames: readonly string[] = [];
  values: readonly unknown[] = [];
  hasChangedValues = false;
  isForgotten = false;
  marks: Map<string, StoredMark> | undefined = undefined;
  commands: StoredCommand[] | undefined = undefined;
  reminders: Map<string, StoredReminder | undefined> | undefined = undefined;
  maps: Map<string, MapWork> | undefined = undefined;
  lists: Map<string, ListWork> | undefined = undefined;
  emissions: StoredEmission[] | undefined = undefined;
  emissionEpoch = 0;
  emissionsKept = 0;

  constructor(claim: LmdbClaim) {
    this.claim = claim;
    this.name = claim.name;
    this.last = claim.accepted;
    this.schema = claim.schema;
  }

  tell(done: Done, outcome?: CommitOutcome): void {
    this.dones.push(done);
    this.outcomes.push(outcome);
  }

  /** Folds an accepted commit in; `changes` are its collection changes with increments resolved. Cannot fail. */
  add(commit: GrainCommit, changes: readonly ResolvedChange[]): void {
    this.last = commit.number;
    this.hasCommit = true;
    if (commit.forget) this.#forget();
    this.schema = commit.schema;
    this.fieldNames = commit.fieldNames;
    this.values = commit.values;
    if (commit.changed.length > 0) this.hasChangedValues = true;
    if (commit.marks.length > 0) {
      const marks = (this.marks ??= new Map<string, StoredMark>());
      for (const mark of commit.marks) marks.set(mark.source, mark);
    }
    if (commit.commands.length > 0) (this.commands ??= []).push(...commit.commands);
    if (commit.reminders.length > 0) {
      const reminders = (this.reminders ??= new Map<string, StoredReminder | undefined>());
      for (const [name, reminder] of commit.reminders) reminders.set(name, reminder);
    }
    for (const change of changes) this.#change(change);
    if (commit.emissions.length > 0) {
      (this.emissions ??= []).push(...commit.emissions);
      this.emissionEpoch = commit.emissionEpoch;
      this.emissionsKept = commit.emissionsKept;
    }
  }

  #forget(): void {
    this.isForgotten = true;
    this.hasChangedValues = false;
    this.commands = undefined;
    this.reminders = undefined;
    this.maps = undefined;
    this.lists = undefined;
    this.emissions = undefined;
  }

  #change(change: ResolvedChange): void {
    switch (change.op) {
      case 'set':
        this.#map(change.field).entries.set(change.key, change.value);
        return;
      case 'delete':
        this.#map(change.field).entries.set(change.key, undefined);
        return;
      case 'push':
        this.#list(change.field).push(change.value);
        return;
      case 'trim':
        this.#list(change.field).trim(change.count);
        return;
      case 'clear': {
        const map = this.#map(change.field);
        map.isCleared = true;
        map.entries.clear();
        this.#list(change.field).trim(0);
      }
    }
  }

  #map(field: string): MapWork {
    const maps = (this.maps ??= new Map<string, MapWork>());
    let map = maps.get(field);
    if (!map) maps.set(field, (map = new MapWork()));
    return map;
  }

  #list(field: string): ListWork {
    const lists = (this.lists ??= new Map<string, ListWork>());
    let list = lists.get(field);
    if (!list) {
      const [start, end] = this.isForgotten ? [0, 0] : storedBounds(this.claim.counters?.lists, field);
      lists.set(field, (list = new ListWork(start, end)));
    }
    return list;
  }
}
