// The simulated Redis answers as a real one does: random commands, and our own scripts with random arguments.
import assert from 'node:assert/strict';
import { connect, type Socket } from 'node:net';
import { type Rng, randomBelow, randomOf, SeededRng } from '../../lib/index.ts';
import { systemClock } from '../../lib/internal.ts';
import { RespReader } from '../../directory/internal.ts';
import { loadScript, type RedisReply } from '../../directory/index.ts';
import { FakeRedis, type FakeReply, RedisError, RedisStatus } from '../support/fake-redis/index.ts';
import { needsRedis, type RedisServer, startRedis } from '../support/redis-server.ts';

const SEEDS = 25;
const COMMANDS_EACH = 400;

type Words = readonly string[];
/** In no order that means anything. */
const UNORDERED = new Set(['HGETALL', 'HKEYS', 'HVALS', 'SMEMBERS', 'KEYS']);

/** Pipelines commands over one socket; answers are strings that can be compared. */
class RealRedis {
  readonly #socket: Socket;
  readonly #waiting: ((answer: string) => void)[] = [];

  constructor(port: number) {
    this.#socket = connect(port, '127.0.0.1');
    const reader = new RespReader(
      (reply) => this.#waiting.shift()?.(show(fromReal(reply))),
      (refusal) => this.#waiting.shift()?.(show(new RedisError(refusal.message))),
    );
    this.#socket.on('data', (bytes) => reader.write(bytes));
  }

  ask(words: Words): Promise<string> {
    const parts = words.map((word) => `$${word.length}\r\n${word}\r\n`);
    this.#socket.write(Buffer.from(`*${words.length}\r\n${parts.join('')}`, 'latin1'));
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  close(): void {
    this.#socket.destroy();
  }
}

function fromReal(reply: RedisReply): FakeReply {
  if (reply === null || typeof reply === 'number') return reply;
  if (typeof reply === 'string') return new RedisStatus(reply);
  if (reply instanceof Uint8Array) return Buffer.from(reply).toString('latin1');
  return reply.map(fromReal);
}

function show(reply: FakeReply): string {
  // Of errors only the code, for texts name scripts; of a command with two mistakes either may be told.
  if (reply instanceof RedisError) return `-${reply.text.split(' ')[0] ?? ''}`.replace('WRONGTYPE', 'ERR');
  if (reply instanceof RedisStatus) return `+${reply.text}`;
  if (reply === null || typeof reply === 'number') return String(reply);
  if (typeof reply === 'string') return JSON.stringify(reply);
  return `[${reply.map(show).join(' ')}]`;
}

/** An answer whose order says nothing, in a fixed one. */
function settled(words: Words, shown: string): string {
  return UNORDERED.has(words[0] ?? '') ? shown.slice(1, -1).split(' ').sort().join(' ') : shown;
}

// --- random commands ---------------------------------------------------------------------------------------------------

const KEYS = ['{t:p1}:a', '{t:p1}:b', '{t:p1}:c', '{t:p1}:d', '{t:p1}:e'] as const;
const MEMBERS = ['x', 'y', 'z', '\x00\xff', 'zz', '10', '-3', 'a b', ''] as const;
const NUMBERS = ['0', '1', '2', '-1', '-2', '5', '17', '9007199254740', 'no', '1.5'] as const;
const SCORES = ['0', '1', '2.5', '-1', '1700000000000', 'inf', '-inf', '0.1', '1e20'] as const;
const SCORE_BOUNDS = [...SCORES, '(1', '(2.5', '+inf', 'wrong'] as const;
const LEX_BOUNDS = ['-', '+', '[x', '(x', '[z', '(zz', '[', 'wrong'] as const;
const IDS = ['1-1', '2', '3-5', '4-0', '0-0', '5-*', '6-1', '7-0', 'x'] as const;
const ID_BOUNDS = ['-', '+', '1', '(2-0', '3-5', '(4', '6'] as const;

type Part = readonly string[] | string | 'key';
const many = (part: readonly string[]): readonly (readonly string[])[] => [part, part, part];

/** What each command may be called with: a word as it is, or one of several. */
const SHAPES: readonly (readonly Part[])[] = [
  ['GET', KEYS],
  ['SET', KEYS, MEMBERS],
  ['SET', KEYS, NUMBERS, ['NX', 'XX', 'GET', 'KEEPTTL']],
  ['SET', KEYS, MEMBERS, 'PX', ['100000', '0', 'no'], ['NX', 'XX', 'GET']],
  ['INCR', KEYS],
  ['INCRBY', KEYS, NUMBERS],
  ['APPEND', KEYS, MEMBERS],
  ['STRLEN', KEYS],
  ['MGET', KEYS, KEYS],
  ['DEL', KEYS],
  ['DEL', KEYS, KEYS],
  ['EXISTS', KEYS, KEYS],
  ['TYPE', KEYS],
  ['PEXPIRE', KEYS, ['1000000', '-1', 'no']],
  ['PEXPIREAT', KEYS, ['9000000000000', '9100000000000'], ['NX', 'XX', 'GT', 'LT']],
  ['PERSIST', KEYS],
  ['HSET', KEYS, MEMBERS, NUMBERS],
  ['HSET', KEYS, MEMBERS, MEMBERS, MEMBERS, NUMBERS],
  ['HSET', KEYS, MEMBERS],
  ['HSETNX', KEYS, MEMBERS, MEMBERS],
  ['HGET', KEYS, MEMBERS],
  ['HMGET', KEYS, ...many(MEMBERS)],
  ['HGETALL', KEYS],
  ['HKEYS', KEYS],
  ['HVALS', KEYS],
  ['HLEN', KEYS],
  ['HEXISTS', KEYS, MEMBERS],
  ['HDEL', KEYS, MEMBERS, MEMBERS],
  ['HINCRBY', KEYS, MEMBERS, NUMBERS],
  ['RPUSH', KEYS, ...many(MEMBERS)],
  ['LPUSH', KEYS, MEMBERS, MEMBERS],
  ['LPOP', KEYS],
  ['LPOP', KEYS, ['1', '2', '0']],
  ['RPOP', KEYS],
  ['LLEN', KEYS],
  ['LINDEX', KEYS, NUMBERS],
  ['LRANGE', KEYS, NUMBERS, NUMBERS],
  ['LTRIM', KEYS, ['0', '1', '-3', '-5'], ['-1', '5', '-2']],
  ['LSET', KEYS, ['0', '1', '-1', '-5'], MEMBERS],
  ['LREM', KEYS, ['0', '1', '-1'], MEMBERS],
  ['SADD', KEYS, MEMBERS, MEMBERS],
  ['SREM', KEYS, MEMBERS, MEMBERS],
  ['SMEMBERS', KEYS],
  ['SISMEMBER', KEYS, MEMBERS],
  ['SCARD', KEYS],
  ['ZADD', KEYS, SCORES, MEMBERS],
  ['ZADD', KEYS, ['NX', 'XX', 'GT', 'LT', 'CH'], SCORES, MEMBERS, SCORES, MEMBERS],
  ['ZREM', KEYS, MEMBERS, MEMBERS],
  ['ZCARD', KEYS],
  ['ZSCORE', KEYS, MEMBERS],
  ['ZRANK', KEYS, MEMBERS],
  ['ZRANGE', KEYS, ['0', '1', '-2'], ['-1', '2']],
  ['ZRANGE', KEYS, ['0', '-2'], '-1', ['WITHSCORES', 'REV']],
  ['ZRANGE', KEYS, SCORE_BOUNDS, SCORE_BOUNDS, 'BYSCORE', 'LIMIT', ['0', '1'], ['2', '-1']],
  ['ZRANGEBYSCORE', KEYS, SCORE_BOUNDS, SCORE_BOUNDS, 'WITHSCORES'],
  ['ZRANGEBYSCORE', KEYS, '-inf', SCORE_BOUNDS, 'LIMIT', ['0', '1'], ['2', '-1']],
  ['ZREVRANGEBYSCORE', KEYS, SCORE_BOUNDS, SCORE_BOUNDS],
  ['ZREMRANGEBYSCORE', KEYS, SCORE_BOUNDS, SCORE_BOUNDS],
  ['ZCOUNT', KEYS, SCORE_BOUNDS, SCORE_BOUNDS],
  ['ZRANGEBYLEX', '{t:p1}:lex', LEX_BOUNDS, LEX_BOUNDS],
  ['ZRANGEBYLEX', '{t:p1}:lex', LEX_BOUNDS, LEX_BOUNDS, 'LIMIT', ['0', '1'], ['2', '-1']],
  ['ZLEXCOUNT', '{t:p1}:lex', LEX_BOUNDS, LEX_BOUNDS],
  ['ZADD', '{t:p1}:lex', '0', MEMBERS, '0', MEMBERS],
  ['ZREM', '{t:p1}:lex', MEMBERS],
  ['XADD', KEYS, IDS, 'f', MEMBERS],
  ['XADD', KEYS, 'MAXLEN', ['1', '2'], IDS, 'f', MEMBERS],
  ['XLEN', KEYS],
  ['XRANGE', KEYS, ID_BOUNDS, ID_BOUNDS],
  ['XRANGE', KEYS, '-', '+', 'COUNT', ['1', '2']],
  ['XREVRANGE', KEYS, ID_BOUNDS, ID_BOUNDS],
  ['XTRIM', KEYS, ['MAXLEN', 'MINID'], ['1', '2', '3']],
  ['XDEL', KEYS, ['1-1', '2-0', '3-5']],
  ['PUBLISH', 'nobody', MEMBERS],
  ['EXISTS'],
];

function randomCommand(rng: Rng): Words {
  const shape = randomOf(rng, SHAPES) ?? [];
  return shape.map((part) => (typeof part === 'string' ? part : (randomOf(rng, part) ?? '')));
}

/** What scripts may do with numbers, texts and answers, where Lua 5.1 and 5.3 could differ. */
const SNIPPETS = [
  'return redis.call(unpack(ARGV))',
  'local r = redis.pcall(unpack(ARGV)); if type(r) == "table" and r.err then return "failed" end; return r',
  'local r = redis.call(unpack(ARGV)); return {type(r), r}',
  'return {1, 2.9, -2.9, "x", true, false, 7}',
  'return {string.format("%d", tonumber("1700000000000") + 1), string.format("%.17g", 0.1), #ARGV}',
  'return {tostring(3), 3 .. "", 10 / 2 .. "", 7 / 2, tostring(2^31), 2^31 + 1, tonumber("2147483647") + 1 .. ""}',
  'return {tonumber("12x") or "nil", tonumber(" 12 "), tonumber("0x10"), tonumber("") or "nil", tonumber("1e3")}',
  'return {string.find("a:b:c", ":", 1, true), string.match("in:12:7", "^([^:]*):([^:]*):([^:]*)$")}',
  'return {string.sub(ARGV[1], 1, 2), string.byte(ARGV[1], 1), string.rep("ab", 3), string.upper(ARGV[1])}',
  'local t = {}; for w in string.gmatch("a,b,,c", "[^,]+") do t[#t + 1] = w end; return {#t, table.concat(t, "/")}',
  'return redis.error_reply("TAKEN by another")',
  'return redis.status_reply("FINE")',
  'return undefinedThing',
  'madeUp = 1',
  'error("broken")',
  'return {{1, {2, "three"}}, {}}',
  'redis.call("SET", KEYS[1], 123.5); redis.call("APPEND", KEYS[1], 1e15); return redis.call("GET", KEYS[1])',
  'local t = redis.call("HMGET", KEYS[1], "nothing"); return {t[1] == false, #t}',
  'return {math.floor(-1.5), math.max(1, 2.5) * 2, 2^53, 5 % 3, -5 % 3, math.huge == 1/0}',
  'return string.gsub("hello", "l", "L")',
] as const;

function randomScript(rng: Rng): Words {
  return ['EVAL', randomOf(rng, SNIPPETS) ?? '', '1', randomOf(rng, KEYS) ?? '', ...randomCommand(rng)];
}

// --- our scripts -------------------------------------------------------------------------------------------------------

const HEAD = '{t:p1}:head';
const GENERATION = '{t:p1}:generation';
const SCRIPTS = ['claim', 'owner', 'release'] as const;

function randomOwnScript(rng: Rng): Words {
  const lua = loadScript(
    new URL(`../../directory/redis/scripts/${randomOf(rng, SCRIPTS) ?? ''}.lua`, import.meta.url),
  ).lua;
  const incarnations = ['aa', 'bb', 'cc'];
  const incarnation = randomOf(rng, incarnations) ?? '';
  const living = incarnations.filter((other) => other === incarnation || rng.next() < 0.5).join();
  const activation = String(randomBelow(rng, 3));
  if (lua.includes('Gives a grain up')) return ['EVAL', lua, '1', HEAD, incarnation, activation];
  const generation = rng.next() < 0.1 ? 'other' : 'gen';
  const args = [generation, incarnation, activation, String(randomBelow(rng, 4)), living, '1'];
  return ['EVAL', lua, '2', HEAD, GENERATION, ...args];
}

needsRedis('FakeRedis, beside a real server', () => {
  let server: RedisServer;
  let real: RealRedis;
  before(async () => {
    server = await startRedis();
    real = new RealRedis(server.port);
  });
  after(async () => {
    real.close();
    await server.dispose();
  });

  async function compare(
    seed: number,
    draw: (rng: Rng) => Words,
    setup: readonly Words[] = [],
  ): Promise<void> {
    const rng = new SeededRng(seed);
    const fake = new FakeRedis({ clock: systemClock, rng, anyKeys: true });
    const commands = [['FLUSHALL'], ...setup, ...Array.from({ length: COMMANDS_EACH }, () => draw(rng))];
    const fakes = commands.map((words) => show(fake.execute(words)));
    const reals = await Promise.all(commands.map((words) => real.ask(words)));
    for (const [index, words] of commands.entries()) {
      const [ours, theirs] = [fakes[index] ?? '', reals[index] ?? ''];
      const what = `seed ${seed}, command ${index}: ${JSON.stringify(words)}`;
      assert.equal(settled(words, ours), settled(words, theirs), what);
    }
  }

  it('random commands get the same answers', async () => {
    for (let seed = 1; seed <= SEEDS; seed += 1) await compare(seed, randomCommand);
  });

  it('random scripts get the same answers', async () => {
    const draw = (rng: Rng): Words => (rng.next() < 0.5 ? randomScript(rng) : randomCommand(rng));
    for (let seed = 101; seed <= 100 + SEEDS; seed += 1) await compare(seed, draw);
  });

  it('scripts of the directory get the same answers', async () => {
    const setup = [['SET', GENERATION, 'gen']];
    for (let seed = 201; seed <= 200 + SEEDS; seed += 1) await compare(seed, randomOwnScript, setup);
  });
});
