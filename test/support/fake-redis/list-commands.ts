// Commands on lists and sets.
import { at, type CommandTable, integer, reads, removes, span, writes } from './command-table.ts';
import { CommandFailure, type FakeReply, OK, type RedisData } from './redis-data.ts';

const itemsOf = (data: RedisData, key: string): readonly string[] => data.read(key, 'list')?.items ?? [];

function push(data: RedisData, args: readonly string[], isLeft: boolean): number {
  const { items } = data.toWrite(at(args, 0), 'list');
  const added = args.slice(1);
  if (isLeft) items.unshift(...added.reverse());
  else items.push(...added);
  return items.length;
}

function pop(data: RedisData, args: readonly string[], isLeft: boolean): FakeReply {
  const count = args[1] === undefined ? undefined : integer(at(args, 1));
  const items = data.toChange(at(args, 0), 'list')?.items;
  if (!items) return null;
  const taken: string[] = [];
  while (taken.length < (count ?? 1)) {
    const item = isLeft ? items.shift() : items.pop();
    if (item === undefined) break;
    taken.push(item);
  }
  data.dropIfEmpty(at(args, 0));
  return count === undefined ? (taken[0] ?? null) : taken;
}

function removeItems(data: RedisData, args: readonly string[]): number {
  const [key, count, item] = [at(args, 0), integer(at(args, 1)), at(args, 2)];
  const items = data.toChange(key, 'list')?.items ?? [];
  let removed = 0;
  while (count === 0 || removed < Math.abs(count)) {
    const index = count < 0 ? items.lastIndexOf(item) : items.indexOf(item);
    if (index < 0) break;
    items.splice(index, 1);
    removed += 1;
  }
  data.dropIfEmpty(key);
  return removed;
}

export const LIST_COMMANDS: CommandTable = {
  RPUSH: writes(-2, (data, args) => push(data, args, false)),
  LPUSH: writes(-2, (data, args) => push(data, args, true)),
  LPOP: removes(-1, (data, args) => pop(data, args, true)),
  RPOP: removes(-1, (data, args) => pop(data, args, false)),
  LREM: removes(3, removeItems),
  LSET: writes(3, (data, args) => {
    const index = integer(at(args, 1));
    const length = itemsOf(data, at(args, 0)).length;
    if (length === 0) throw new CommandFailure('ERR no such key');
    const place = index < 0 ? index + length : index;
    if (place < 0 || place >= length) throw new CommandFailure('ERR index out of range');
    const value = data.toWrite(at(args, 0), 'list');
    value.items[place] = at(args, 2);
    return OK;
  }),
  LLEN: reads(1, (data, args) => itemsOf(data, at(args, 0)).length),
  LINDEX: reads(2, (data, args) => {
    const items = itemsOf(data, at(args, 0));
    return items.length === 0 ? null : (items.at(integer(at(args, 1))) ?? null);
  }),
  LRANGE: reads(3, (data, args) => {
    const items = itemsOf(data, at(args, 0));
    return items.slice(...span(integer(at(args, 1)), integer(at(args, 2)), items.length));
  }),
  LTRIM: removes(3, (data, args) => {
    const [start, stop] = [integer(at(args, 1)), integer(at(args, 2))];
    const items = data.toChange(at(args, 0), 'list')?.items;
    if (!items) return OK;
    const [from, to] = span(start, stop, items.length);
    items.splice(0, items.length, ...items.slice(from, to));
    data.dropIfEmpty(at(args, 0));
    return OK;
  }),
  SADD: writes(-2, (data, args) => {
    const { members } = data.toWrite(at(args, 0), 'set');
    const before = members.size;
    for (const member of args.slice(1)) members.add(member);
    return members.size - before;
  }),
  SREM: removes(-2, (data, args) => {
    const members = data.toChange(at(args, 0), 'set')?.members;
    const count = args.slice(1).filter((member) => members?.delete(member)).length;
    data.dropIfEmpty(at(args, 0));
    return count;
  }),
  SMEMBERS: reads(1, (data, args) => [...(data.read(at(args, 0), 'set')?.members ?? [])]),
  SISMEMBER: reads(2, (data, args) => (data.read(at(args, 0), 'set')?.members.has(at(args, 1)) ? 1 : 0)),
  SCARD: reads(1, (data, args) => data.read(at(args, 0), 'set')?.members.size ?? 0),
  SPOP: removes(1, (data, args) => {
    const members = data.toChange(at(args, 0), 'set')?.members;
    const first = members?.values().next().value;
    if (first === undefined) return null;
    members?.delete(first);
    data.dropIfEmpty(at(args, 0));
    return first;
  }),
};
