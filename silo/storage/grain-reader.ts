// Reads a grain's rows, with what its owner handed over laid on top (S5). Never changes anything.
// A claim's works lie above the tables: first the open one, then the one in flight. Whatever a work forgot or cleared
// hides all below it.
import { compareUtf8 } from '../../lib/index.ts';
import type { EntryScan, StoredCommand, StoredMark, StoredMemory, StoredReminder } from './grain-storage.ts';
import { type ExpiredRows, type LmdbClaim, storedBounds } from './grain-work.ts';
import type { Tables } from './lmdb-environment.ts';
import { EMPTY_MEMORY } from './memory-grain.ts';
import {
  decodeCommand,
  decodeHead,
  decodeMark,
  decodeReminder,
  decodeValue,
  decodeValuesApart,
  HAS_ENTRIES,
  HAS_MARKS,
  HAS_REMINDERS,
  HAS_VALUES_APART,
} from './record-codec.ts';
import { isCommandKept, isMarkKept } from './retention.ts';
import { entriesFrom, entryKey, itemKey, numberedKey, partsOf, textAfter } from './stored-keys.ts';

/** Reads the head into the claim; answers the values that are in it. */
export function readHead(claim: LmdbClaim, tables: Tables): StoredMemory['values'] | undefined {
  const bytes = tables.grains.get(claim.name);
  claim.isStale = false;
  if (!bytes) {
    claim.flags = 0;
    claim.schema = 0;
    claim.counters = undefined;
    return undefined;
  }
  const { flags, schema, counters, values } = decodeHead(bytes);
  claim.flags = flags;
  claim.schema = schema;
  claim.counters = counters;
  return values;
}

/** The resident part. Nothing of the grain may be in flight. Outdated rows are left out, and noted in the claim. */
export function loadMemory(claim: LmdbClaim, tables: Tables, nowWallMs: number): StoredMemory {
  const inHead = readHead(claim, tables);
  if (!inHead) return EMPTY_MEMORY;
  const { flags, schema, counters } = claim;
  const apart = (flags & HAS_VALUES_APART) !== 0 ? tables.values.get(claim.name) : undefined;
  const memory = {
    schema,
    values: apart ? decodeValuesApart(apart) : inHead,
    marks: undefined as Map<string, StoredMark> | undefined,
    commands: undefined as Map<string, StoredCommand> | undefined,
    reminders: undefined as Map<string, StoredReminder> | undefined,
    emitted: counters?.emitted ?? 0,
    emissionEpoch: counters?.emissionEpoch ?? 0,
  };
  const sources: string[] = [];
  if ((flags & HAS_MARKS) !== 0) memory.marks = readMarks(claim, tables, nowWallMs, sources);
  let commandsBefore = counters?.commandsFirst ?? 0;
  if (counters && counters.commandsFirst < counters.commandsEnd) {
    const kept = readCommands(claim, tables, nowWallMs);
    memory.commands = kept.commands;
    commandsBefore = kept.first;
  }
  const expired: ExpiredRows = { sources, commandsBefore };
  if (sources.length > 0 || commandsBefore > (counters?.commandsFirst ?? 0)) claim.expired = expired;
  if ((flags & HAS_REMINDERS) !== 0) memory.reminders = readReminders(claim, tables);
  return memory;
}

function readMarks(
  claim: LmdbClaim,
  tables: Tables,
  nowWallMs: number,
  outdated: string[],
): Map<string, StoredMark> | undefined {
  const marks = new Map<string, StoredMark>();
  const [start, end] = partsOf(claim.name);
  tables.marks.scan(start, end, (key, bytes) => {
    const mark = decodeMark(key.slice(start.length), bytes);
    if (isMarkKept(mark, nowWallMs)) marks.set(mark.source, mark);
    else outdated.push(mark.source);
    return true;
  });
  return marks.size > 0 ? marks : undefined;
}

function readCommands(
  claim: LmdbClaim,
  tables: Tables,
  nowWallMs: number,
): { readonly commands: Map<string, StoredCommand> | undefined; readonly first: number } {
  const { commandsFirst, commandsEnd } = claim.counters ?? { commandsFirst: 1, commandsEnd: 1 };
  const commands = new Map<string, StoredCommand>();
  let first = commandsEnd;
  let number = commandsFirst;
  const [start, end] = [numberedKey(claim.name, commandsFirst), numberedKey(claim.name, commandsEnd)];
  tables.commands.scan(start, end, (_key, bytes) => {
    const command = decodeCommand(bytes);
    if (isCommandKept(command, nowWallMs)) {
      first = Math.min(first, number);
      commands.delete(command.id); // a repetition becomes the newest
      commands.set(command.id, command);
    }
    number += 1;
    return true;
  });
  return { commands: commands.size > 0 ? commands : undefined, first };
}

function readReminders(claim: LmdbClaim, tables: Tables): Map<string, StoredReminder> | undefined {
  const reminders = new Map<string, StoredReminder>();
  const [start, end] = partsOf(claim.name);
  tables.reminders.scan(start, end, (_key, bytes) => {
    const reminder = decodeReminder(bytes);
    reminders.set(reminder.name, reminder);
    return true;
  });
  return reminders.size > 0 ? reminders : undefined;
}

// ---- Maps ----

export function readEntry(claim: LmdbClaim, tables: Tables, field: string, key: string): unknown {
  for (const work of [claim.open, claim.flying]) {
    if (!work) continue;
    const map = work.maps?.get(field);
    if (map?.entries.has(key)) return map.entries.get(key);
    if (work.isForgotten || map?.isCleared) return undefined;
  }
  if ((claim.flags & HAS_ENTRIES) === 0) return undefined;
  const bytes = tables.entries.get(entryKey(claim.name, field, key));
  return bytes && decodeValue(bytes);
}

export function readEntries(
  claim: LmdbClaim,
  tables: Tables,
  field: string,
  scan: EntryScan,
): readonly (readonly [string, unknown])[] {
  const { changed, isHidden } = changedEntries(claim, field, scan);
  const found: (readonly [string, unknown])[] = [];
  let next = 0;
  /** Adds the changed entries before `key`; all that are left when there is none. */
  const addChanged = (key: string | undefined): void => {
    for (; next < changed.length && found.length < scan.limit; next += 1) {
      const entry = changed[next];
      if (!entry || (key !== undefined && compareUtf8(entry[0], key) >= 0)) return;
      if (entry[1] !== undefined) found.push(entry);
    }
  };
  if (!isHidden && scan.limit > 0 && (claim.flags & HAS_ENTRIES) !== 0) {
    const [start, end] = entriesFrom(claim.name, field, firstKey(scan));
    const keyStart = entryKey(claim.name, field, '').length;
    tables.entries.scan(start, end, (row, bytes) => {
      const key = row.slice(keyStart);
      if (!key.startsWith(scan.prefix)) return false;
      addChanged(key);
      if (changed[next]?.[0] !== key && found.length < scan.limit) found.push([key, decodeValue(bytes)]);
      return found.length < scan.limit;
    });
  }
  addChanged(undefined);
  return found;
}

function firstKey({ prefix, from, after }: EntryScan): string {
  const start = compareUtf8(prefix, from) > 0 ? prefix : from;
  return after !== undefined && compareUtf8(after, start) >= 0 ? textAfter(after) : start;
}

/** Entries of the range that the claim's works changed, in order, undefined for deleted ones. */
function changedEntries(
  claim: LmdbClaim,
  field: string,
  scan: EntryScan,
): { readonly changed: readonly (readonly [string, unknown])[]; readonly isHidden: boolean } {
  const changed = new Map<string, unknown>();
  let isHidden = false;
  for (const work of [claim.open, claim.flying]) {
    if (!work || isHidden) continue;
    const map = work.maps?.get(field);
    for (const [key, value] of map?.entries ?? []) {
      if (!changed.has(key) && isInScan(key, scan)) changed.set(key, value);
    }
    isHidden = work.isForgotten || map?.isCleared === true;
  }
  return { changed: [...changed].sort(([left], [right]) => compareUtf8(left, right)), isHidden };
}

function isInScan(key: string, { prefix, from, after }: EntryScan): boolean {
  if (!key.startsWith(prefix) || compareUtf8(key, from) < 0) return false;
  return after === undefined || compareUtf8(key, after) > 0;
}

// ---- Lists ----

export function listBounds(claim: LmdbClaim, field: string): readonly [start: number, end: number] {
  const list = claim.open?.lists?.get(field);
  if (list) return [list.start, list.end];
  return claim.open?.isForgotten ? [0, 0] : storedBounds(claim.counters?.lists, field);
}

export function readItems(
  claim: LmdbClaim,
  tables: Tables,
  field: string,
  start: number,
  end: number,
): readonly unknown[] {
  const [first, afterLast] = listBounds(claim, field);
  const items: unknown[] = [];
  const until = Math.min(first + end, afterLast);
  for (let at = first + Math.max(0, start); at < until; at += 1) {
    items.push(readItem(claim, tables, field, at));
  }
  return items;
}

/** Every position within the bounds is in one of the works or in the table, and newer ones lie above. */
function readItem(claim: LmdbClaim, tables: Tables, field: string, at: number): unknown {
  for (const work of [claim.open, claim.flying]) {
    const items = work?.lists?.get(field)?.items;
    if (items?.has(at)) return items.get(at);
  }
  const bytes = tables.items.get(itemKey(claim.name, field, at));
  return bytes && decodeValue(bytes);
}
