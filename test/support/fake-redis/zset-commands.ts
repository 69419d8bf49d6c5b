// Commands on sorted sets.
import {
  at,
  type CommandTable,
  float,
  integer,
  options,
  printNumber,
  reads,
  removes,
  span,
  SYNTAX,
  writes,
} from './command-table.ts';
import { CommandFailure, type FakeReply, type RedisData, type ZSet } from './redis-data.ts';

type Ranked = readonly (readonly [member: string, score: number])[];
type Test = (member: string, score: number) => boolean;

const NOT_LEX = 'ERR min or max not valid string range item';
const NOT_SCORE = 'ERR min or max is not a float';

function ranked(set: ZSet | undefined): Ranked {
  if (!set) return [];
  set.sorted ??= [...set.scores].sort(
    ([leftMember, left], [rightMember, right]) => left - right || (leftMember < rightMember ? -1 : 1),
  );
  return set.sorted;
}

const rankedAt = (data: RedisData, key: string): Ranked => ranked(data.read(key, 'zset'));

function lexTest(min: string, max: string): Test {
  for (const bound of [min, max]) {
    if (!/^([-+]|[[(][^]*)$/.test(bound)) throw new CommandFailure(NOT_LEX);
  }
  const isAbove = (member: string): boolean =>
    min === '-' || (min !== '+' && (min.startsWith('[') ? member >= min.slice(1) : member > min.slice(1)));
  const isBelow = (member: string): boolean =>
    max === '+' || (max !== '-' && (max.startsWith('[') ? member <= max.slice(1) : member < max.slice(1)));
  return (member) => isAbove(member) && isBelow(member);
}

function scoreTest(min: string, max: string): Test {
  const bound = (text: string): number => float(text.replace(/^\(/, ''), NOT_SCORE);
  const [low, high] = [bound(min), bound(max)];
  return (_member, score) =>
    (min.startsWith('(') ? score > low : score >= low) &&
    (max.startsWith('(') ? score < high : score <= high);
}

function answer(found: Ranked, hasScores: boolean): FakeReply {
  return found.flatMap(([member, score]) => (hasScores ? [member, printNumber(score)] : [member]));
}

function limited(found: Ranked, limit: readonly string[] | undefined): Ranked {
  if (!limit) return found;
  const [offset, count] = [integer(at(limit, 0)), integer(at(limit, 1))];
  return offset < 0 ? [] : found.slice(offset, count < 0 ? undefined : offset + count);
}

const RANGE_OPTIONS = { LIMIT: 2, WITHSCORES: 0 };

function rangeBy(
  test: typeof lexTest,
  isReversed: boolean,
): (data: RedisData, args: readonly string[]) => FakeReply {
  return (data, args) => {
    const given = options(args, 3, RANGE_OPTIONS);
    const [first, second] = [at(args, 1), at(args, 2)];
    const isIn = isReversed ? test(second, first) : test(first, second);
    const found = rankedAt(data, at(args, 0)).filter(([member, score]) => isIn(member, score));
    return answer(limited(isReversed ? found.reverse() : found, given.get('LIMIT')), given.has('WITHSCORES'));
  };
}

function zrange(data: RedisData, args: readonly string[]): FakeReply {
  const given = options(args, 3, { ...RANGE_OPTIONS, BYSCORE: 0, BYLEX: 0, REV: 0 });
  const isReversed = given.has('REV');
  const test = given.has('BYLEX') ? lexTest : given.has('BYSCORE') ? scoreTest : undefined;
  if (test) {
    const rest = args.slice(0, 3).concat(given.has('WITHSCORES') ? ['WITHSCORES'] : []);
    const limit = given.get('LIMIT');
    return rangeBy(test, isReversed)(data, limit ? [...rest, 'LIMIT', ...limit] : rest);
  }
  const all = rankedAt(data, at(args, 0));
  const ordered = isReversed ? [...all].reverse() : all;
  const found = ordered.slice(...span(integer(at(args, 1)), integer(at(args, 2)), ordered.length));
  return answer(found, given.has('WITHSCORES'));
}

function zadd(data: RedisData, args: readonly string[]): FakeReply {
  const flags = new Set<string>();
  let index = 1;
  while (/^(NX|XX|GT|LT|CH|INCR)$/i.test(at(args, index))) flags.add(at(args, index++).toUpperCase());
  if (flags.has('INCR')) throw new Error('fake redis: ZADD INCR is not here yet');
  if ((args.length - index) % 2 === 1 || index === args.length) throw new CommandFailure(SYNTAX);
  const pairs: [string, number][] = [];
  for (; index < args.length; index += 2) pairs.push([at(args, index + 1), float(at(args, index))]);
  const set = data.toWrite(at(args, 0), 'zset');
  let [added, changed] = [0, 0];
  for (const [member, score] of pairs) {
    const old = set.scores.get(member);
    if (old === undefined ? flags.has('XX') : flags.has('NX')) continue;
    if (old !== undefined && ((flags.has('GT') && score <= old) || (flags.has('LT') && score >= old)))
      continue;
    if (old === undefined) added += 1;
    else if (old !== score) changed += 1;
    set.scores.set(member, score);
  }
  set.sorted = undefined;
  data.dropIfEmpty(at(args, 0));
  return flags.has('CH') ? added + changed : added;
}

function remove(data: RedisData, key: string, members: readonly string[]): number {
  const set = data.toChange(key, 'zset');
  if (!set) return 0;
  const count = members.filter((member) => set.scores.delete(member)).length;
  set.sorted = undefined;
  data.dropIfEmpty(key);
  return count;
}

function removeBy(test: typeof lexTest): (data: RedisData, args: readonly string[]) => FakeReply {
  return (data, args) => {
    const isIn = test(at(args, 1), at(args, 2));
    const found = rankedAt(data, at(args, 0)).filter(([member, score]) => isIn(member, score));
    return remove(
      data,
      at(args, 0),
      found.map(([member]) => member),
    );
  };
}

function count(test: typeof lexTest): (data: RedisData, args: readonly string[]) => FakeReply {
  return (data, args) => {
    const isIn = test(at(args, 1), at(args, 2));
    return rankedAt(data, at(args, 0)).filter(([member, score]) => isIn(member, score)).length;
  };
}

export const ZSET_COMMANDS: CommandTable = {
  ZADD: writes(-3, zadd),
  ZREM: removes(-2, (data, args) => remove(data, at(args, 0), args.slice(1))),
  ZCARD: reads(1, (data, args) => rankedAt(data, at(args, 0)).length),
  ZSCORE: reads(2, (data, args) => {
    const score = data.read(at(args, 0), 'zset')?.scores.get(at(args, 1));
    return score === undefined ? null : printNumber(score);
  }),
  ZRANK: reads(2, (data, args) => {
    const rank = rankedAt(data, at(args, 0)).findIndex(([member]) => member === at(args, 1));
    return rank < 0 ? null : rank;
  }),
  ZRANGE: reads(-3, zrange),
  ZRANGEBYLEX: reads(-3, rangeBy(lexTest, false)),
  ZREVRANGEBYLEX: reads(-3, rangeBy(lexTest, true)),
  ZRANGEBYSCORE: reads(-3, rangeBy(scoreTest, false)),
  ZREVRANGEBYSCORE: reads(-3, rangeBy(scoreTest, true)),
  ZLEXCOUNT: reads(3, count(lexTest)),
  ZCOUNT: reads(3, count(scoreTest)),
  ZREMRANGEBYSCORE: removes(3, removeBy(scoreTest)),
  ZREMRANGEBYLEX: removes(3, removeBy(lexTest)),
  ZREMRANGEBYRANK: removes(3, (data, args) => {
    const all = rankedAt(data, at(args, 0));
    const found = all.slice(...span(integer(at(args, 1)), integer(at(args, 2)), all.length));
    return remove(
      data,
      at(args, 0),
      found.map(([member]) => member),
    );
  }),
};
