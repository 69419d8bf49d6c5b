// Commands on streams.
import { at, type CommandTable, integer, options, reads, removes, SYNTAX, writes } from './command-table.ts';
import {
  CommandFailure,
  type FakeReply,
  type RedisData,
  type StreamEntry,
  type StreamId,
  type ValueOf,
} from './redis-data.ts';

type Stream = ValueOf<'stream'>;

const BAD_ID = 'ERR Invalid stream ID specified as stream command argument';
const SMALL_ID = 'ERR The ID specified in XADD is equal or smaller than the target stream top item';

const compare = (left: StreamId, right: StreamId): number => left[0] - right[0] || left[1] - right[1];
const print = ([ms, seq]: StreamId): string => `${ms}-${seq}`;
const show = ({ id, fields }: StreamEntry): FakeReply => [print(id), fields];

function parse(text: string, seqDefault: number): StreamId {
  const match = /^(\d+)(?:-(\d+))?$/.exec(text);
  if (!match) throw new CommandFailure(BAD_ID);
  return [Number(match[1]), match[2] === undefined ? seqDefault : Number(match[2])];
}

/** Where a range begins or ends; `(` excludes the id itself. */
function bound(text: string, isStart: boolean): (id: StreamId) => boolean {
  if (text === '-') return () => isStart;
  if (text === '+') return () => !isStart;
  const isExclusive = text.startsWith('(');
  const limit = parse(isExclusive ? text.slice(1) : text, isStart ? 0 : Number.MAX_SAFE_INTEGER);
  return (id) => {
    const order = isStart ? compare(id, limit) : compare(limit, id);
    return isExclusive ? order > 0 : order >= 0;
  };
}

function nextId(data: RedisData, stream: Stream, given: string): StreamId {
  const [ms, seq] = stream.lastId;
  if (given === '*') {
    const nowMs = Math.floor(data.clock.wallMs());
    return nowMs > ms ? [nowMs, 0] : [ms, seq + 1];
  }
  if (given.endsWith('-*')) {
    const wanted = integer(given.slice(0, -2), BAD_ID);
    if (wanted < ms) throw new CommandFailure(SMALL_ID);
    return wanted > ms ? [wanted, 0] : [ms, seq + 1];
  }
  const id = parse(given, 0);
  if (id[0] === 0 && id[1] === 0)
    throw new CommandFailure('ERR The ID specified in XADD must be greater than 0-0');
  if (compare(id, stream.lastId) <= 0) throw new CommandFailure(SMALL_ID);
  return id;
}

/** Where a trim clause (MAXLEN or MINID, `=` or `~`) ends. Approximate trims are exact here. */
function trimClause(
  args: readonly string[],
  from: number,
): readonly [next: number, trim: (stream: Stream) => number] {
  const kind = at(args, from).toUpperCase();
  let next = from + 1;
  if (at(args, next) === '=' || at(args, next) === '~') next += 1;
  const threshold = at(args, next);
  next += 1;
  if (args[next]?.toUpperCase() === 'LIMIT') next += 2;
  const trim = (stream: Stream): number => {
    const before = stream.entries.length;
    if (kind === 'MAXLEN') stream.entries.splice(0, Math.max(0, before - integer(threshold)));
    else stream.entries = stream.entries.filter(({ id }) => compare(id, parse(threshold, 0)) >= 0);
    return before - stream.entries.length;
  };
  return [next, trim];
}

function xadd(data: RedisData, args: readonly string[]): FakeReply {
  const key = at(args, 0);
  let index = 1;
  let isMade = true;
  let trim: ((stream: Stream) => number) | undefined;
  for (;;) {
    const word = at(args, index).toUpperCase();
    if (word === 'NOMKSTREAM') {
      isMade = false;
      index += 1;
    } else if (word === 'MAXLEN' || word === 'MINID') [index, trim] = trimClause(args, index);
    else break;
  }
  const fields = args.slice(index + 1);
  if (fields.length === 0 || fields.length % 2 === 1) {
    throw new CommandFailure("ERR wrong number of arguments for 'xadd' command");
  }
  const old = data.read(key, 'stream');
  if (!old && !isMade) return null;
  const id = nextId(data, old ?? { kind: 'stream', entries: [], lastId: [0, 0] }, at(args, index));
  const stream = data.toWrite(key, 'stream');
  stream.entries.push({ id, fields });
  stream.lastId = id;
  trim?.(stream);
  return print(id);
}

function range(isReversed: boolean): (data: RedisData, args: readonly string[]) => FakeReply {
  return (data, args) => {
    const count = options(args, 3, { COUNT: 1 }).get('COUNT')?.[0];
    const isAfter = bound(at(args, isReversed ? 2 : 1), true);
    const isBefore = bound(at(args, isReversed ? 1 : 2), false);
    const entries = data.read(at(args, 0), 'stream')?.entries ?? [];
    const found = entries.filter(({ id }) => isAfter(id) && isBefore(id));
    if (isReversed) found.reverse();
    return (count === undefined ? found : found.slice(0, integer(count))).map(show);
  };
}

function xread(data: RedisData, args: readonly string[]): FakeReply {
  const from = args.findIndex((word) => word.toUpperCase() === 'STREAMS');
  if (from < 0) throw new CommandFailure(SYNTAX);
  const given = options(args.slice(0, from), 0, { COUNT: 1, BLOCK: 1 });
  if (given.has('BLOCK')) throw new Error('fake redis: XREAD BLOCK is not here: nothing here waits');
  const rest = args.slice(from + 1);
  const keys = rest.slice(0, rest.length / 2);
  const count = given.get('COUNT')?.[0];
  const found = keys.flatMap((key, index): FakeReply[] => {
    const stream = data.read(key, 'stream');
    const word = at(rest, keys.length + index);
    const after = word === '$' ? (stream?.lastId ?? [0, 0]) : parse(word, 0);
    const entries = (stream?.entries ?? []).filter(({ id }) => compare(id, after) > 0);
    const shown = count === undefined ? entries : entries.slice(0, integer(count));
    return shown.length === 0 ? [] : [[key, shown.map(show)]];
  });
  return found.length === 0 ? null : found;
}

export const STREAM_COMMANDS: CommandTable = {
  XADD: writes(-4, xadd),
  XLEN: reads(1, (data, args) => data.read(at(args, 0), 'stream')?.entries.length ?? 0),
  XRANGE: reads(-3, range(false)),
  XREVRANGE: reads(-3, range(true)),
  XREAD: reads(-3, xread),
  XTRIM: removes(-3, (data, args) => {
    const [, trim] = trimClause(args, 1);
    const stream = data.toChange(at(args, 0), 'stream');
    return stream ? trim(stream) : 0;
  }),
  XDEL: removes(-2, (data, args) => {
    const stream = data.toChange(at(args, 0), 'stream');
    if (!stream) return 0;
    const ids = new Set(args.slice(1).map((text) => print(parse(text, 0))));
    const before = stream.entries.length;
    stream.entries = stream.entries.filter(({ id }) => !ids.has(print(id)));
    return before - stream.entries.length;
  }),
};
