// How values, marks, commands, reminders and emissions are spelled in Redis.
//   E1. What was committed reads back equal: numbers as JSON has them, bytes as Uint8Array, frozen deep.
//   E2. What is not of its shape is reported as ERR_STORE_CORRUPT and never read as something else.
//   E3. Text wherever possible: a command that is all text is written to the socket as one string, which costs a
//       fraction of joining buffers. Only values that hold bytes are packed.
// A value is a letter and what belongs to it:
//   n number (decimal, exact; Lua adds to it)   s text   j JSON   p msgpack (holds bytes)   t true   f false   z null   u undefined
import { Packr } from 'msgpackr';
import { GrainError, hasBytes } from '../../../lib/index.ts';
import type { StoredCommand, StoredEmission, StoredMark, StoredReminder } from '../grain-storage.ts';
import { revive } from '../record-codec.ts';

const packr = new Packr({ useRecords: false, variableMapSize: true, copyBuffers: true });

export type Spelled = string | Uint8Array;

export function spell(value: unknown): Spelled {
  switch (typeof value) {
    case 'number':
      return Object.is(value, -0) ? 'n-0' : `n${value}`;
    case 'string':
      return `s${value}`;
    case 'boolean':
      return value ? 't' : 'f';
    case 'undefined':
      return 'u';
    default:
      if (value === null) return 'z';
      return hasBytes(value) ? spellPacked(value) : `j${JSON.stringify(value)}`;
  }
}

const LETTER = { n: 110, s: 115, j: 106, p: 112, t: 116, f: 102, z: 122, u: 117 } as const;

function spellPacked(value: unknown): Uint8Array {
  const body = packr.pack(value);
  const bytes = Buffer.allocUnsafe(body.length + 1);
  bytes[0] = LETTER.p;
  bytes.set(body, 1);
  return bytes;
}

/** @throws ERR_STORE_CORRUPT */
export function readValue(bytes: Uint8Array): unknown {
  switch (bytes[0]) {
    case LETTER.n:
      return readNumber(bytes);
    case LETTER.s:
      return textOf(bytes, 1);
    case LETTER.j:
      return revive(parsed(() => JSON.parse(textOf(bytes, 1))));
    case LETTER.p:
      return revive(parsed(() => packr.unpack(bytes.subarray(1))));
    case LETTER.t:
      return true;
    case LETTER.f:
      return false;
    case LETTER.z:
      return null;
    case LETTER.u:
      return undefined;
    default:
      throw corrupt('a value is of no known kind');
  }
}

/** Whole numbers of a few digits, which most are, without a string in between. */
function readNumber(bytes: Uint8Array): number {
  const { length } = bytes;
  if (length <= 1) throw corrupt('a number without digits');
  if (length <= 16) {
    let sum = 0;
    let at = 1;
    for (; at < length; at += 1) {
      const digit = (bytes[at] ?? 0) - 48;
      if (digit < 0 || digit > 9) break;
      sum = sum * 10 + digit;
    }
    if (at === length) return sum;
  }
  const number = Number(textOf(bytes, 1));
  if (Number.isNaN(number)) throw corrupt('a number that is none');
  return number;
}

function parsed(parse: () => unknown): unknown {
  try {
    return parse();
  } catch (cause) {
    throw corrupt('a value cannot be decoded', cause);
  }
}

export function corrupt(message: string, cause?: unknown): GrainError {
  return new GrainError('ERR_STORE_CORRUPT', { message: `Redis: ${message}` }, { cause });
}

/** The text of bytes from a place on, in UTF-8. */
export function textOf(bytes: Uint8Array, from = 0, to = bytes.length): string {
  const buffer = Buffer.isBuffer(bytes)
    ? bytes
    : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return buffer.toString('utf8', from, to);
}

type Row = Readonly<Record<string, unknown>>;

function rowOf(bytes: Uint8Array, what: string): Row {
  const row = readValue(bytes);
  if (typeof row === 'object' && row !== null) return row as Row;
  throw corrupt(`${what} is not of its shape`);
}

function numberIn(row: Row, name: string): number {
  const value = row[name];
  if (typeof value === 'number') return value;
  throw corrupt(`a row has no number ${name}`);
}

function textIn(row: Row, name: string): string {
  const value = row[name];
  if (typeof value === 'string') return value;
  throw corrupt(`a row has no text ${name}`);
}

// ---- Marks: `seq attach wallMs`, and the refusals as JSON behind them ----

export function spellMark({ seq, attach, wallMs, refusals }: StoredMark): string {
  const text = `${seq} ${attach} ${wallMs}`;
  return refusals.length === 0 ? text : `${text} ${JSON.stringify(refusals)}`;
}

const NO_REFUSALS: StoredMark['refusals'] = [];

export function readMark(source: string, bytes: Uint8Array): StoredMark {
  const text = textOf(bytes);
  const first = text.indexOf(' ');
  const second = text.indexOf(' ', first + 1);
  const third = text.indexOf(' ', second + 1);
  const end = third < 0 ? text.length : third;
  const [seq, attach, wallMs] = [
    Number(text.slice(0, first)),
    Number(text.slice(first + 1, second)),
    Number(text.slice(second + 1, end)),
  ];
  if (first < 0 || second < 0 || Number.isNaN(seq + attach + wallMs))
    throw corrupt('a mark is not of its shape');
  const refusals = third < 0 ? NO_REFUSALS : revive(parsed(() => JSON.parse(text.slice(third + 1))));
  return { source, seq, attach, refusals: refusals as StoredMark['refusals'], wallMs };
}

// ---- Commands: `order` is their age within the grain ----

export function spellCommand({ inputHash, outcome, wallMs }: StoredCommand, order: number): Spelled {
  return spell({ q: order, h: inputHash, o: outcome, w: wallMs });
}

export function readCommand(id: string, bytes: Uint8Array): { command: StoredCommand; order: number } {
  const row = rowOf(bytes, 'a command');
  const outcome = row['o'] as StoredCommand['outcome'] | undefined;
  if (typeof outcome !== 'object') throw corrupt('a command without an outcome');
  return {
    order: numberIn(row, 'q'),
    command: {
      id,
      inputHash: numberIn(row, 'h'),
      // JSON leaves out what is undefined.
      outcome: outcome.kind === 'result' ? { kind: 'result', output: outcome.output } : outcome,
      wallMs: numberIn(row, 'w'),
    },
  };
}

// ---- Reminders ----

export function spellReminder(reminder: StoredReminder): Spelled {
  const { flow, input, dueMs, everyMs, cron, timeZone, missed } = reminder;
  return spell({ flow, input, dueMs, everyMs, cron, timeZone, missed });
}

export function readReminder(name: string, bytes: Uint8Array): StoredReminder {
  const row = rowOf(bytes, 'a reminder');
  return Object.freeze({
    name,
    flow: textIn(row, 'flow'),
    input: row['input'],
    dueMs: numberIn(row, 'dueMs'),
    everyMs: row['everyMs'] as number | undefined,
    cron: row['cron'] as string | undefined,
    timeZone: row['timeZone'] as string | undefined,
    missed: row['missed'] as StoredReminder['missed'],
  });
}

// ---- Emissions ----

export function spellEmission({ n, event, data, wallMs }: StoredEmission): Spelled {
  return spell(data === undefined ? [n, wallMs, event] : [n, wallMs, event, data]);
}

export function readEmission(bytes: Uint8Array): StoredEmission {
  const row = readValue(bytes);
  if (!Array.isArray(row)) throw corrupt('an emission is not of its shape');
  const [n, wallMs, event, data] = row as unknown[];
  if (typeof n !== 'number' || typeof wallMs !== 'number' || typeof event !== 'string')
    throw corrupt('an emission is not of its shape');
  return Object.freeze({ n, event, data, wallMs });
}
