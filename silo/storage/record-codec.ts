// What is in a stored row: four bytes of checksum, then msgpack. Owns: the spelling of every row.
//   E1. What was committed reads back equal: numbers as JSON has them, bytes as Uint8Array, frozen deep.
//   E2. A row that is damaged, or not of its shape, is reported as ERR_STORE_CORRUPT and never read as something else:
//       LMDB has no checksums of its own.
import { Packr } from 'msgpackr';
import { GrainError } from '../../lib/index.ts';
import type { StoredCommand, StoredEmission, StoredMark, StoredReminder } from './grain-storage.ts';

// Decoded bytes are copied: LMDB reads into one buffer again and again.
const packr = new Packr({ useRecords: false, variableMapSize: true, copyBuffers: true });

type Row = readonly unknown[];

const CHECKSUM_BYTES = 4;
/** msgpackr's RESERVE_START_SPACE: leave room before the value. */
const WITH_ROOM = 2_048 + CHECKSUM_BYTES;

export function encode(value: unknown): Uint8Array {
  const bytes = packr.pack(value, WITH_ROOM);
  const sum = checksum(bytes);
  bytes[0] = sum;
  bytes[1] = sum >>> 8;
  bytes[2] = sum >>> 16;
  bytes[3] = sum >>> 24;
  return bytes;
}

/** FNV-1a: one byte at a time, which is about as fast as reading them. */
function checksum(bytes: Uint8Array): number {
  let sum = 0x811c9dc5;
  const { length } = bytes;
  for (let at = CHECKSUM_BYTES; at < length; at += 1) sum = Math.imul(sum ^ (bytes[at] ?? 0), 0x01000193);
  return sum;
}

/** For the decoder, which takes it as an object: the same one each time. */
const range = { start: CHECKSUM_BYTES, end: 0 };

/** @throws ERR_STORE_CORRUPT */
export function decode(bytes: Uint8Array): unknown {
  const { length } = bytes;
  const stored = (bytes[0] ?? 0) | ((bytes[1] ?? 0) << 8) | ((bytes[2] ?? 0) << 16) | ((bytes[3] ?? 0) << 24);
  if (length <= CHECKSUM_BYTES || stored !== checksum(bytes)) throw corrupt('the checksum of a row is wrong');
  try {
    range.end = length;
    return packr.unpack(bytes, range);
  } catch (cause) {
    throw corrupt('a row cannot be decoded', cause);
  }
}

function decodeRow(bytes: Uint8Array, what: string, length: number): Row {
  const row = decode(bytes);
  if (Array.isArray(row) && row.length === length) return row;
  throw corrupt(`${what} is not of its shape`);
}

function corrupt(message: string, cause?: unknown): GrainError {
  return new GrainError('ERR_STORE_CORRUPT', { message }, { cause });
}

function numberAt(row: Row, at: number): number {
  const value = row[at];
  if (typeof value === 'number') return value;
  throw corrupt(`a row has no number at place ${at}`);
}

function textAt(row: Row, at: number): string {
  const value = row[at];
  if (typeof value === 'string') return value;
  throw corrupt(`a row has no text at place ${at}`);
}

/** A decoded value, frozen deep, with plain bytes in place of Node's buffers. */
export function revive(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (value instanceof Uint8Array) return new Uint8Array(value);
  if (Array.isArray(value)) {
    for (let at = 0; at < value.length; at += 1) {
      const item: unknown = value[at];
      if (typeof item === 'object' && item !== null) value[at] = revive(item);
    }
    return Object.freeze(value);
  }
  const fields = value as Record<string, unknown>;
  for (const name in fields) {
    const item = fields[name];
    if (typeof item === 'object' && item !== null) fields[name] = revive(item);
  }
  return Object.freeze(fields);
}

export function decodeValue(bytes: Uint8Array): unknown {
  return revive(decode(bytes));
}

// ---- Heads: the resident part of a grain ----

/** What a grain's head tells of the rest. */
export const HAS_VALUES = 1;
/** The values are large and have a row of their own. */
export const HAS_VALUES_APART = 2;
export const HAS_MARKS = 4;
export const HAS_ENTRIES = 8;
export const HAS_REMINDERS = 16;

/** Names of fields, ended by NUL, are read as one text: the same one for every grain of a Core. */
const names = new Map<string, readonly string[]>();
const joined = new WeakMap<readonly string[], string>();

function joinNames(fieldNames: readonly string[]): string {
  let text = joined.get(fieldNames);
  if (text === undefined) joined.set(fieldNames, (text = fieldNames.join('\u0000')));
  return text;
}

function splitNames(text: string): readonly string[] {
  let list = names.get(text);
  if (!list) {
    if (names.size >= 10_000) names.clear();
    names.set(text, (list = text === '' ? [] : text.split('\u0000')));
  }
  return list;
}

export interface Head {
  readonly flags: number;
  readonly schema: number;
  readonly counters: HeadCounters | undefined;
  readonly values: Readonly<Record<string, unknown>>;
}

/** Whether there is more than marks and the trace of a grain that was forgotten. */
export function hasMemory({ flags, counters }: Head): boolean {
  if ((flags & (HAS_VALUES | HAS_ENTRIES | HAS_REMINDERS)) !== 0) return true;
  if (!counters) return false;
  const { emitted, commandsFirst, commandsEnd, lists } = counters;
  return emitted > 0 || commandsFirst < commandsEnd || lists.length > 0;
}

/** What grains have that emit, take commands with ids, or keep lists. */
export interface HeadCounters {
  /** Number of the last emission, and of the oldest that is kept. */
  emitted: number;
  oldest: number;
  emissionEpoch: number;
  /** The remembered commands stand at the numbers from `commandsFirst` up to, without, `commandsEnd`. */
  commandsFirst: number;
  commandsEnd: number;
  /** Positions of each list's items, as [field, start, end, …]. */
  lists: readonly (string | number)[];
}

const NO_VALUES: Readonly<Record<string, unknown>> = Object.freeze({});
const HEAD_LENGTH = 5;

export function encodeHead(
  flags: number,
  schema: number,
  counters: HeadCounters | undefined,
  fieldNames: readonly string[],
  values: readonly unknown[],
): Uint8Array {
  const packed = counters && [
    counters.emitted,
    counters.oldest,
    counters.emissionEpoch,
    counters.commandsFirst,
    counters.commandsEnd,
    counters.lists,
  ];
  return encode([flags, schema, packed ?? 0, joinNames(fieldNames), values]);
}

export function decodeHead(bytes: Uint8Array): Head {
  const row = decodeRow(bytes, 'the head of a grain', HEAD_LENGTH);
  return {
    flags: numberAt(row, 0),
    schema: numberAt(row, 1),
    counters: Array.isArray(row[2]) ? decodeCounters(row[2]) : undefined,
    values: valuesOf(row, 3),
  };
}

function decodeCounters(row: Row): HeadCounters {
  const lists: unknown = row[5];
  if (!Array.isArray(lists)) throw corrupt('the lists of a grain are not of their shape');
  return {
    emitted: numberAt(row, 0),
    oldest: numberAt(row, 1),
    emissionEpoch: numberAt(row, 2),
    commandsFirst: numberAt(row, 3),
    commandsEnd: numberAt(row, 4),
    lists: lists as (string | number)[],
  };
}

export function encodeValuesApart(fieldNames: readonly string[], values: readonly unknown[]): Uint8Array {
  return encode([joinNames(fieldNames), values]);
}

export function decodeValuesApart(bytes: Uint8Array): Readonly<Record<string, unknown>> {
  return valuesOf(decodeRow(bytes, 'the values of a grain', 2), 0);
}

function valuesOf(row: Row, at: number): Readonly<Record<string, unknown>> {
  const fieldNames = splitNames(textAt(row, at));
  const values = row[at + 1];
  if (!Array.isArray(values) || values.length !== fieldNames.length)
    throw corrupt('values without their names');
  if (fieldNames.length === 0) return NO_VALUES;
  const named: Record<string, unknown> = {};
  for (let index = 0; index < fieldNames.length; index += 1) {
    named[fieldNames[index] ?? ''] = revive(values[index]);
  }
  return Object.freeze(named);
}

// ---- Marks, commands, reminders, emissions, the log ----

export function encodeMark({ seq, attach, refusals, wallMs }: StoredMark): Uint8Array {
  return encode([seq, attach, wallMs, refusals]);
}

export function decodeMark(source: string, bytes: Uint8Array): StoredMark {
  const row = decodeRow(bytes, 'a mark', 4);
  const refusals = revive(row[3]) as StoredMark['refusals'];
  return { source, seq: numberAt(row, 0), attach: numberAt(row, 1), wallMs: numberAt(row, 2), refusals };
}

export function encodeCommand({ id, inputHash, outcome, wallMs }: StoredCommand): Uint8Array {
  return encode([id, inputHash, outcome, wallMs]);
}

export function decodeCommand(bytes: Uint8Array): StoredCommand {
  const row = decodeRow(bytes, 'a command', 4);
  const outcome = revive(row[2]) as StoredCommand['outcome'];
  return { id: textAt(row, 0), inputHash: numberAt(row, 1), outcome, wallMs: numberAt(row, 3) };
}

export function encodeReminder(reminder: StoredReminder): Uint8Array {
  const { name, flow, input, dueMs, everyMs, cron, timeZone, missed } = reminder;
  return encode([name, flow, input, dueMs, everyMs, cron, timeZone, missed]);
}

export function decodeReminder(bytes: Uint8Array): StoredReminder {
  const row = decodeRow(bytes, 'a reminder', 8);
  return Object.freeze({
    name: textAt(row, 0),
    flow: textAt(row, 1),
    input: revive(row[2]),
    dueMs: numberAt(row, 3),
    everyMs: row[4] as number | undefined,
    cron: row[5] as string | undefined,
    timeZone: row[6] as string | undefined,
    missed: revive(row[7]) as StoredReminder['missed'],
  });
}

/** A due reminder's row says exactly when, and whose: its key is only the order. */
export function encodeDue(dueMs: number, grain: string, name: string): Uint8Array {
  return encode([dueMs, grain, name]);
}

export function decodeDue(bytes: Uint8Array): { dueMs: number; grain: string; name: string } {
  const row = decodeRow(bytes, 'a due reminder', 3);
  return { dueMs: numberAt(row, 0), grain: textAt(row, 1), name: textAt(row, 2) };
}

/** `position` is its place in the log: the row stays at least as long as that entry does. */
export function encodeEmission(
  emissionEpoch: number,
  { event, data, wallMs }: StoredEmission,
  position: number,
): Uint8Array {
  return encode([emissionEpoch, event, data, wallMs, position]);
}

export function decodeEmission(
  n: number,
  bytes: Uint8Array,
): { emissionEpoch: number; emission: StoredEmission; position: number } {
  const row = decodeRow(bytes, 'an emission', 5);
  const emission = Object.freeze({
    n,
    event: textAt(row, 1),
    data: revive(row[2]),
    wallMs: numberAt(row, 3),
  });
  return { emissionEpoch: numberAt(row, 0), emission, position: numberAt(row, 4) };
}

export function encodePointer(grain: string, emissionEpoch: number, n: number): Uint8Array {
  return encode([grain, emissionEpoch, n]);
}

export function decodePointer(bytes: Uint8Array): { grain: string; emissionEpoch: number; n: number } {
  const row = decodeRow(bytes, 'an entry of the log', 3);
  return { grain: textAt(row, 0), emissionEpoch: numberAt(row, 1), n: numberAt(row, 2) };
}
