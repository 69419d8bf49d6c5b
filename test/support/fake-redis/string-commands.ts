// Commands on keys and strings.
import {
  at,
  type CommandTable,
  integer,
  NOT_INTEGER,
  options,
  reads,
  removes,
  SYNTAX,
  writes,
} from './command-table.ts';
import { CommandFailure, type FakeReply, OK, type RedisData, RedisStatus } from './redis-data.ts';

const SET_OPTIONS = { NX: 0, XX: 0, GET: 0, KEEPTTL: 0, EX: 1, PX: 1, EXAT: 1, PXAT: 1 };
const EXPIRE_OPTIONS = { NX: 0, XX: 0, GT: 0, LT: 0 };

function set(data: RedisData, args: readonly string[]): FakeReply {
  const [key, text] = [at(args, 0), at(args, 1)];
  const given = options(args, 2, SET_OPTIONS);
  if (given.has('NX') && given.has('XX')) throw new CommandFailure(SYNTAX);
  const expiries = ['EX', 'PX', 'EXAT', 'PXAT', 'KEEPTTL'].filter((name) => given.has(name));
  if (expiries.length > 1) throw new CommandFailure(SYNTAX);
  const expiresMs = expiryOf(data, key, given, expiries[0]);
  const old = given.has('GET') ? (data.read(key, 'string')?.text ?? null) : undefined;
  const isThere = data.kindOf(key) !== 'none';
  if ((given.has('NX') && isThere) || (given.has('XX') && !isThere)) return old === undefined ? null : old;
  data.replace(key, { kind: 'string', text });
  if (expiresMs !== undefined) data.expire(key, expiresMs);
  return old === undefined ? OK : old;
}

function expiryOf(
  data: RedisData,
  key: string,
  given: ReadonlyMap<string, readonly string[]>,
  name: string | undefined,
): number | undefined {
  if (name === undefined) return undefined;
  if (name === 'KEEPTTL') return data.expiryOf(key);
  const amount = integer(given.get(name)?.[0] ?? '');
  if (amount <= 0) throw new CommandFailure("ERR invalid expire time in 'set' command");
  const ms = name.startsWith('EX') ? amount * 1_000 : amount;
  return name.endsWith('AT') ? ms : data.clock.wallMs() + ms;
}

function incrementBy(data: RedisData, key: string, by: number): number {
  const old = data.read(key, 'string');
  const next = integer(old?.text ?? '0') + by;
  if (!Number.isSafeInteger(next)) throw new CommandFailure(NOT_INTEGER);
  data.toWrite(key, 'string').text = String(next);
  return next;
}

function expire(data: RedisData, args: readonly string[], atMs: number): number {
  const key = at(args, 0);
  const given = options(args, 2, EXPIRE_OPTIONS);
  const current = data.expiryOf(key);
  if (given.has('NX') && current !== undefined) return 0;
  if (given.has('XX') && current === undefined) return 0;
  if (given.has('GT') && atMs <= (current ?? Infinity)) return 0;
  if (given.has('LT') && atMs >= (current ?? Infinity)) return 0;
  return data.expire(key, atMs) ? 1 : 0;
}

function remaining(data: RedisData, key: string, unitMs: number): number {
  if (data.kindOf(key) === 'none') return -2;
  const expiresMs = data.expiryOf(key);
  return expiresMs === undefined ? -1 : Math.round((expiresMs - data.clock.wallMs()) / unitMs);
}

const countOf = (args: readonly string[], isCounted: (key: string) => boolean): number =>
  args.filter(isCounted).length;

export const STRING_COMMANDS: CommandTable = {
  GET: reads(1, (data, args) => data.read(at(args, 0), 'string')?.text ?? null),
  SET: writes(-2, set),
  GETDEL: removes(1, (data, args) => {
    const text = data.read(at(args, 0), 'string')?.text;
    data.delete(at(args, 0));
    return text ?? null;
  }),
  MGET: reads(-1, (data, args) =>
    args.map((key) => (data.kindOf(key) === 'string' ? (data.read(key, 'string')?.text ?? null) : null)),
  ),
  MSET: writes(-2, (data, args) => {
    if (args.length % 2 === 1) throw new CommandFailure("ERR wrong number of arguments for 'mset' command");
    for (let index = 0; index < args.length; index += 2) {
      data.replace(at(args, index), { kind: 'string', text: at(args, index + 1) });
    }
    return OK;
  }),
  STRLEN: reads(1, (data, args) => data.read(at(args, 0), 'string')?.text.length ?? 0),
  APPEND: writes(2, (data, args) => {
    const value = data.toWrite(at(args, 0), 'string');
    value.text += at(args, 1);
    return value.text.length;
  }),
  INCR: writes(1, (data, args) => incrementBy(data, at(args, 0), 1)),
  DECR: writes(1, (data, args) => incrementBy(data, at(args, 0), -1)),
  INCRBY: writes(2, (data, args) => incrementBy(data, at(args, 0), integer(at(args, 1)))),
  DECRBY: writes(2, (data, args) => incrementBy(data, at(args, 0), -integer(at(args, 1)))),
  DEL: removes(-1, (data, args) => countOf(args, (key) => data.delete(key))),
  UNLINK: removes(-1, (data, args) => countOf(args, (key) => data.delete(key))),
  EXISTS: reads(-1, (data, args) => countOf(args, (key) => data.kindOf(key) !== 'none')),
  TYPE: reads(1, (data, args) => new RedisStatus(data.kindOf(at(args, 0)))),
  PEXPIRE: removes(-2, (data, args) => expire(data, args, data.clock.wallMs() + integer(at(args, 1)))),
  EXPIRE: removes(-2, (data, args) => expire(data, args, data.clock.wallMs() + integer(at(args, 1)) * 1_000)),
  PEXPIREAT: removes(-2, (data, args) => expire(data, args, integer(at(args, 1)))),
  PERSIST: removes(1, (data, args) =>
    data.expiryOf(at(args, 0)) !== undefined && data.expire(at(args, 0), undefined) ? 1 : 0,
  ),
  PTTL: reads(1, (data, args) => remaining(data, at(args, 0), 1)),
  TTL: reads(1, (data, args) => remaining(data, at(args, 0), 1_000)),
};
