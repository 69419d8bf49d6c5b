// From a grain's work to rows. Owns: which rows a work changes, and the claim's picture of its grain's head.
//   G1. Runs only while no batch is in flight, so what it reads is what the rows will be applied to.
//   G2. The claim's picture changes only when all rows of the work are there.
import type { TableName, Tables, WriteSet } from './lmdb-environment.ts';
import type { ExpiredRows, Work } from './grain-work.ts';
import {
  decodeEmission,
  decodeReminder,
  encode,
  encodeCommand,
  encodeDue,
  encodeEmission,
  encodeHead,
  encodeMark,
  encodePointer,
  encodeReminder,
  encodeValuesApart,
  HAS_ENTRIES,
  HAS_MARKS,
  HAS_REMINDERS,
  HAS_VALUES,
  HAS_VALUES_APART,
  type HeadCounters,
} from './record-codec.ts';
import { COMMANDS_KEPT } from './retention.ts';
import { entriesFrom, entryKey, itemKey, numberedKey, partOf, partsOf, sortable } from './stored-keys.ts';

/** A head that is longer than this gives its values a row of their own: a mark or an emission must not rewrite them. */
const HEAD_BYTES_MAX = 4_096;
/** Values that became shorter than this return into the head. */
const VALUES_BYTES_BACK = 2_048;

export function newCounters(): HeadCounters {
  return { emitted: 0, oldest: 1, emissionEpoch: 0, commandsFirst: 1, commandsEnd: 1, lists: [] };
}

/** What a work makes of the head. */
interface Draft {
  flags: number;
  counters: HeadCounters | undefined;
  isChanged: boolean;
}

/** What grains have to know of the log that their emissions go to. */
export interface LogPlaces {
  /** The next place in the log. */
  readonly nextPosition: () => number;
  /** Entries up to this one are gone. */
  readonly trimmedTo: number;
}

/** Adds the rows of a work. */
export function writeWork(work: Work, tables: Tables, rows: WriteSet, log: LogPlaces): void {
  const { claim } = work;
  if (!work.hasCommit) return;
  const draft: Draft = {
    flags: claim.flags,
    counters: claim.counters && { ...claim.counters },
    isChanged: work.hasChangedValues || work.schema !== claim.schema,
  };
  if (work.isForgotten) eraseGrain(work.name, tables, rows, draft);
  if (claim.expired) writeExpiry(work.name, claim.expired, rows, draft);
  if (work.marks) writeMarks(work.marks, work.name, rows, draft);
  if (work.commands) writeCommands(work, rows, draft);
  if (work.reminders) writeReminders(work, tables, rows, draft);
  if (work.maps) writeMaps(work, tables, rows, draft);
  if (work.lists) writeLists(work, rows, draft);
  if (work.emissions) writeEmissions(work, tables, rows, draft, log);
  if (draft.isChanged) writeHead(work, rows, draft);
  claim.flags = draft.flags;
  claim.counters = draft.counters;
  claim.schema = work.schema;
  claim.expired = undefined;
}

function writeHead(work: Work, rows: WriteSet, draft: Draft): void {
  const { name, schema, fieldNames, values } = work;
  if (work.hasChangedValues) draft.flags |= HAS_VALUES;
  if ((draft.flags & HAS_VALUES) === 0) {
    rows.put('grains', name, encodeHead(draft.flags, schema, draft.counters, NONE, NONE));
    return;
  }
  if ((draft.flags & HAS_VALUES_APART) !== 0 && !writeValuesApart(work, rows))
    draft.flags &= ~HAS_VALUES_APART;
  if ((draft.flags & HAS_VALUES_APART) === 0) {
    const head = encodeHead(draft.flags, schema, draft.counters, fieldNames, values);
    if (head.length <= HEAD_BYTES_MAX) {
      rows.put('grains', name, head);
      return;
    }
    draft.flags |= HAS_VALUES_APART;
    rows.put('values', name, encodeValuesApart(fieldNames, values));
  }
  rows.put('grains', name, encodeHead(draft.flags, schema, draft.counters, NONE, NONE));
}

const NONE: readonly never[] = [];

/** Answers whether the values stay in their own row. */
function writeValuesApart({ name, hasChangedValues, fieldNames, values }: Work, rows: WriteSet): boolean {
  if (!hasChangedValues) return true;
  const bytes = encodeValuesApart(fieldNames, values);
  if (bytes.length < VALUES_BYTES_BACK) {
    rows.remove('values', name);
    return false;
  }
  rows.put('values', name, bytes);
  return true;
}

function writeMarks(marks: NonNullable<Work['marks']>, name: string, rows: WriteSet, draft: Draft): void {
  for (const mark of marks.values()) rows.put('marks', partOf(name, mark.source), encodeMark(mark));
  setFlag(draft, HAS_MARKS);
}

function setFlag(draft: Draft, flag: number): void {
  if ((draft.flags & flag) !== 0) return;
  draft.flags |= flag;
  draft.isChanged = true;
}

/** The counters, which are about to change. */
function countersOf(draft: Draft): HeadCounters {
  draft.isChanged = true;
  return (draft.counters ??= newCounters());
}

function writeExpiry(name: string, expired: ExpiredRows, rows: WriteSet, draft: Draft): void {
  const { sources, commandsBefore } = expired;
  for (const source of sources) rows.remove('marks', partOf(name, source));
  if ((draft.counters?.commandsFirst ?? commandsBefore) >= commandsBefore) return;
  const counters = countersOf(draft);
  removeNumbered(rows, 'commands', name, counters.commandsFirst, commandsBefore);
  counters.commandsFirst = commandsBefore;
}

function removeNumbered(rows: WriteSet, table: TableName, name: string, first: number, end: number): void {
  for (let number = first; number < end; number += 1) rows.remove(table, numberedKey(name, number));
}

function writeCommands(work: Work, rows: WriteSet, draft: Draft): void {
  const { name, commands = NONE } = work;
  const counters = countersOf(draft);
  const start = counters.commandsEnd;
  counters.commandsEnd += commands.length;
  const first = Math.max(counters.commandsFirst, counters.commandsEnd - COMMANDS_KEPT);
  removeNumbered(rows, 'commands', name, counters.commandsFirst, Math.min(first, start));
  counters.commandsFirst = first;
  for (let number = Math.max(first, start); number < counters.commandsEnd; number += 1) {
    const command = commands[number - start];
    if (command) rows.put('commands', numberedKey(name, number), encodeCommand(command));
  }
}

export function dueKey(dueMs: number, name: string, reminder: string): string {
  return `${sortable(Math.max(0, Math.floor(dueMs)))}\u0000${partOf(name, reminder)}`;
}

function writeReminders(
  { name: grain, reminders }: Work,
  tables: Tables,
  rows: WriteSet,
  draft: Draft,
): void {
  const mayHaveOld = (draft.flags & HAS_REMINDERS) !== 0;
  for (const [name, reminder] of reminders ?? NONE) {
    const key = partOf(grain, name);
    const old = mayHaveOld ? tables.reminders.get(key) : undefined;
    if (old) rows.remove('due', dueKey(decodeReminder(old).dueMs, grain, name));
    if (reminder) {
      rows.put('reminders', key, encodeReminder(reminder));
      const { dueMs } = reminder;
      rows.put('due', dueKey(dueMs, grain, name), encodeDue(dueMs, grain, name));
      setFlag(draft, HAS_REMINDERS);
    } else if (old) rows.remove('reminders', key);
  }
}

function writeMaps({ name, maps, isForgotten }: Work, tables: Tables, rows: WriteSet, draft: Draft): void {
  for (const [field, { isCleared, entries }] of maps ?? NONE) {
    if (isCleared && !isForgotten && (draft.flags & HAS_ENTRIES) !== 0) {
      removeRange(tables, 'entries', entriesFrom(name, field, ''), rows);
    }
    for (const [key, value] of entries) {
      const row = entryKey(name, field, key);
      if (value === undefined) rows.remove('entries', row);
      else {
        rows.put('entries', row, encode(value));
        setFlag(draft, HAS_ENTRIES);
      }
    }
  }
}

function writeLists({ name, lists }: Work, rows: WriteSet, draft: Draft): void {
  for (const [field, list] of lists ?? NONE) {
    if (list.start === list.startBelow && list.end === list.endBelow) continue;
    const removedEnd = Math.min(list.start, list.endBelow);
    for (let at = list.startBelow; at < removedEnd; at += 1) rows.remove('items', itemKey(name, field, at));
    for (const [at, value] of list.items) rows.put('items', itemKey(name, field, at), encode(value));
    const counters = countersOf(draft);
    counters.lists = withBounds(counters.lists, field, list.start, list.end);
  }
}

function withBounds(
  lists: HeadCounters['lists'],
  field: string,
  start: number,
  end: number,
): HeadCounters['lists'] {
  const changed = [...lists];
  const at = lists.findIndex((part, index) => index % 3 === 0 && part === field);
  if (at < 0) changed.push(field, start, end);
  else changed.splice(at, 3, field, start, end);
  return changed;
}

/** An emission that subscribers cannot ask for any more stays until the log, which points at it, is past it. */
function writeEmissions(work: Work, tables: Tables, rows: WriteSet, draft: Draft, log: LogPlaces): void {
  const { name } = work;
  const emissions = work.emissions ?? NONE;
  const counters = countersOf(draft);
  const before = counters.emitted;
  counters.emitted = emissions[emissions.length - 1]?.n ?? before;
  counters.emissionEpoch = work.emissionEpoch;
  const oldest = Math.max(counters.oldest, counters.emitted - work.emissionsKept + 1);
  for (let n = counters.oldest; n < Math.min(oldest, before + 1); n += 1) {
    const key = numberedKey(name, n);
    const bytes = tables.emissions.get(key);
    if (bytes && decodeEmission(n, bytes).position <= log.trimmedTo) rows.remove('emissions', key);
  }
  counters.oldest = oldest;
  for (const emission of emissions) {
    const position = log.nextPosition();
    rows.put(
      'emissions',
      numberedKey(name, emission.n),
      encodeEmission(work.emissionEpoch, emission, position),
    );
    rows.put('log', sortable(position), encodePointer(name, work.emissionEpoch, emission.n));
  }
}

/** Everything but marks. What the same work stores afterwards comes later in the rows, so it wins. */
function eraseGrain(name: string, tables: Tables, rows: WriteSet, draft: Draft): void {
  const parts = partsOf(name);
  const { flags, counters } = draft;
  if ((flags & HAS_VALUES_APART) !== 0) rows.remove('values', name);
  if ((flags & HAS_ENTRIES) !== 0) removeRange(tables, 'entries', parts, rows);
  if ((flags & HAS_REMINDERS) !== 0) eraseReminders(name, tables, rows);
  if (counters) {
    removeRange(tables, 'items', parts, rows);
    removeNumbered(rows, 'commands', name, counters.commandsFirst, counters.commandsEnd);
    removeRange(tables, 'emissions', parts, rows);
  }
  draft.flags &= HAS_MARKS;
  draft.counters = undefined;
  draft.isChanged = true;
}

function removeRange(
  tables: Tables,
  table: TableName,
  [start, end]: readonly [string, string],
  rows: WriteSet,
): void {
  tables[table].scan(start, end, (key) => {
    rows.remove(table, key);
    return true;
  });
}

function eraseReminders(name: string, tables: Tables, rows: WriteSet): void {
  const [start, end] = partsOf(name);
  tables.reminders.scan(start, end, (key, bytes) => {
    const reminder = decodeReminder(bytes);
    rows.remove('reminders', key);
    rows.remove('due', dueKey(reminder.dueMs, name, reminder.name));
    return true;
  });
}
