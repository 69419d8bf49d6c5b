// Commands on hashes.
import {
  at,
  type CommandTable,
  integer,
  options,
  printNumber,
  float,
  reads,
  removes,
  writes,
} from './command-table.ts';
import { CommandFailure, type FakeReply, OK, type RedisData } from './redis-data.ts';

const LISTPACK_FIELDS = 128;
const LISTPACK_BYTES = 64;

function fieldsOf(data: RedisData, key: string): ReadonlyMap<string, string> | undefined {
  return data.read(key, 'hash')?.fields;
}

/** Small hashes answer in the order of insertion, others in no order: nobody may rely on the former. */
function pairsOf(data: RedisData, key: string): readonly (readonly [string, string])[] {
  const pairs = [...(fieldsOf(data, key) ?? [])];
  const isLarge =
    pairs.length > LISTPACK_FIELDS ||
    pairs.some(([field, value]) => field.length > LISTPACK_BYTES || value.length > LISTPACK_BYTES);
  return isLarge ? pairs.reverse() : pairs;
}

function hset(data: RedisData, args: readonly string[], name: string): number {
  if (args.length % 2 === 0) {
    throw new CommandFailure(`ERR wrong number of arguments for '${name}' command`);
  }
  const { fields } = data.toWrite(at(args, 0), 'hash');
  const before = fields.size;
  for (let index = 1; index < args.length; index += 2) fields.set(at(args, index), at(args, index + 1));
  return fields.size - before;
}

function scan(data: RedisData, args: readonly string[]): FakeReply {
  const given = options(args, 2, { MATCH: 1, COUNT: 1 });
  if (given.has('MATCH')) throw new Error('fake redis: HSCAN MATCH is not here yet');
  // A hash of any size in one go, as a real one does with small hashes.
  return ['0', pairsOf(data, at(args, 0)).flat()];
}

export const HASH_COMMANDS: CommandTable = {
  HGET: reads(2, (data, args) => fieldsOf(data, at(args, 0))?.get(at(args, 1)) ?? null),
  HMGET: reads(-2, (data, args) => {
    const fields = fieldsOf(data, at(args, 0));
    return args.slice(1).map((name) => fields?.get(name) ?? null);
  }),
  HGETALL: reads(1, (data, args) => pairsOf(data, at(args, 0)).flat()),
  HKEYS: reads(1, (data, args) => pairsOf(data, at(args, 0)).map(([field]) => field)),
  HVALS: reads(1, (data, args) => pairsOf(data, at(args, 0)).map(([, value]) => value)),
  HLEN: reads(1, (data, args) => fieldsOf(data, at(args, 0))?.size ?? 0),
  HEXISTS: reads(2, (data, args) => (fieldsOf(data, at(args, 0))?.has(at(args, 1)) ? 1 : 0)),
  HSTRLEN: reads(2, (data, args) => fieldsOf(data, at(args, 0))?.get(at(args, 1))?.length ?? 0),
  HSCAN: reads(-2, scan),
  HSET: writes(-3, (data, args) => hset(data, args, 'hset')),
  HMSET: writes(-3, (data, args) => {
    hset(data, args, 'hmset');
    return OK;
  }),
  HSETNX: writes(3, (data, args) => {
    if (fieldsOf(data, at(args, 0))?.has(at(args, 1))) return 0;
    return hset(data, args, 'hsetnx');
  }),
  HDEL: removes(-2, (data, args) => {
    const fields = data.toChange(at(args, 0), 'hash')?.fields;
    const count = args.slice(1).filter((name) => fields?.delete(name)).length;
    data.dropIfEmpty(at(args, 0));
    return count;
  }),
  HINCRBY: writes(3, (data, args) => {
    const old = fieldsOf(data, at(args, 0))?.get(at(args, 1)) ?? '0';
    const next = integer(old, 'ERR hash value is not an integer') + integer(at(args, 2));
    data.toWrite(at(args, 0), 'hash').fields.set(at(args, 1), String(next));
    return next;
  }),
  HINCRBYFLOAT: writes(3, (data, args) => {
    const old = fieldsOf(data, at(args, 0))?.get(at(args, 1)) ?? '0';
    const next = float(old, 'ERR hash value is not a float') + float(at(args, 2));
    // Redis adds with more digits than a double has; whole numbers are the same.
    const text = printNumber(next);
    data.toWrite(at(args, 0), 'hash').fields.set(at(args, 1), text);
    return text;
  }),
};
