// LuaMachine: runs scripts as Redis does, on a Lua 5.3 that is made to behave as 5.1 where scripts of ours could notice.
//   L1. A script is compiled once per process. Nothing that it does outlives its run: there are no globals to write.
//   L2. Numbers are doubles, as in 5.1: fengari's integers have 32 bits, so none get in by `tonumber` or a reply.
//   L3. What Redis has and we do not (cjson, struct, bit, time, randomness) is a global that is not there: it raises.
import { printNumber } from './command-table.ts';
import { fromLua, lauxlib, lua, lualib, type LuaState, toLua } from './fengari.ts';
import { formatLua } from './lua-format.ts';
import { type FakeReply, RedisError, RedisStatus } from './redis-data.ts';

/** What a script calls: a command by its words. */
export type Caller = (words: readonly string[]) => FakeReply;

export type Loaded = { readonly ref: number } | { readonly problem: string };

const REGISTRY = lua.LUA_REGISTRYINDEX;
const ERR = toLua('err');
const OK_NAME = toLua('ok');
const KEYS = toLua('KEYS');
const ARGV = toLua('ARGV');
const REMOVED = [
  'dofile',
  'loadfile',
  'print',
  'os',
  'io',
  'require',
  'package',
  'debug',
  'coroutine',
  'utf8',
];
/** In Lua 5.1 these are not there, or behave otherwise than in 5.3. */
const REMOVED_OF_LIBRARIES: Readonly<Record<string, readonly string[]>> = {
  math: ['random', 'randomseed', 'tointeger', 'type', 'ult'],
  string: ['pack', 'unpack', 'packsize', 'dump'],
  table: ['move', 'pack'],
};

export class LuaMachine {
  readonly #state: LuaState;
  readonly #scripts = new Map<string, Loaded>();
  #caller: Caller | undefined;
  /** An error of ours, not of the script: it goes through Lua unchanged. */
  #fault: unknown;

  constructor() {
    this.#state = lauxlib.luaL_newstate();
    lualib.luaL_openlibs(this.#state);
    this.#prepare();
  }

  compile(source: string): Loaded {
    const known = this.#scripts.get(source);
    if (known) return known;
    const state = this.#state;
    const status = lauxlib.luaL_loadbuffer(state, toLua(source), null, toLua('@user_script'));
    const loaded: Loaded =
      status === lua.LUA_OK
        ? { ref: lauxlib.luaL_ref(state, REGISTRY) }
        : { problem: this.#errorText().replace(/^ERR /, 'ERR Error compiling script (new function): ') };
    lua.lua_settop(state, 0);
    this.#scripts.set(source, loaded);
    return loaded;
  }

  run(ref: number, keys: readonly string[], args: readonly string[], caller: Caller): FakeReply {
    const state = this.#state;
    this.#caller = caller;
    this.#fault = undefined;
    this.#setList(KEYS, keys);
    this.#setList(ARGV, args);
    lua.lua_rawgeti(state, REGISTRY, ref);
    const status = lua.lua_pcall(state, 0, 1, 0);
    this.#caller = undefined;
    if (this.#fault !== undefined) {
      lua.lua_settop(state, 0);
      throw this.#fault;
    }
    const reply = status === lua.LUA_OK ? this.#toReply(-1) : new RedisError(this.#errorText());
    lua.lua_settop(state, 0);
    return reply;
  }

  // --- what scripts see --------------------------------------------------------------------------------------------

  #prepare(): void {
    const state = this.#state;
    for (const name of REMOVED) {
      lua.lua_pushnil(state);
      lua.lua_setglobal(state, toLua(name));
    }
    for (const [library, names] of Object.entries(REMOVED_OF_LIBRARIES)) {
      lua.lua_getglobal(state, toLua(library));
      for (const name of names) {
        lua.lua_pushnil(state);
        lua.lua_setfield(state, -2, toLua(name));
      }
    }
    lua.lua_getglobal(state, toLua('string'));
    this.#setFunction('format', (inner) => this.#format(inner));
    lua.lua_getglobal(state, toLua('table'));
    lua.lua_getfield(state, -1, toLua('unpack'));
    lua.lua_setglobal(state, toLua('unpack'));
    lua.lua_createtable(state, 0, 8);
    this.#setFunction('call', (inner) => this.#call(inner, true));
    this.#setFunction('pcall', (inner) => this.#call(inner, false));
    this.#setFunction('error_reply', (inner) => this.#wrap(inner, ERR));
    this.#setFunction('status_reply', (inner) => this.#wrap(inner, OK_NAME));
    this.#setFunction('log', () => 0);
    lua.lua_setglobal(state, toLua('redis'));
    lua.lua_pushcfunction(state, (inner) => this.#toNumber(inner));
    lua.lua_setglobal(state, toLua('tonumber'));
    this.#guardGlobals();
    lua.lua_settop(state, 0);
  }

  #setFunction(name: string, run: (state: LuaState) => number): void {
    lua.lua_pushcfunction(this.#state, run);
    lua.lua_setfield(this.#state, -2, toLua(name));
  }

  #guardGlobals(): void {
    const guard = `
      local known = { KEYS = true, ARGV = true }
      setmetatable(_G, {
        __newindex = function(t, name, value)
          if known[name] then set(t, name, value) return end
          raise("Attempt to modify a readonly table: global '" .. show(name) .. "'", 2)
        end,
        __index = function(_, name)
          raise("Script attempted to access nonexistent global variable '" .. show(name) .. "'", 2)
        end,
      })
      setmetatable, getmetatable, rawset, load, collectgarbage = nil, nil, nil, nil, nil`;
    // `rawset` is used by the guard itself, so it is kept there as a local.
    const source = `local set, show, raise = rawset, tostring, error\n${guard}`;
    const loaded = this.compile(source);
    if (!('ref' in loaded)) throw new Error(loaded.problem);
    lua.lua_rawgeti(this.#state, REGISTRY, loaded.ref);
    if (lua.lua_pcall(this.#state, 0, 0, 0) !== lua.LUA_OK) throw new Error(this.#errorText());
  }

  /** Whatever throws in here is a fault of the simulator, and must not be taken for an error of the script. */
  #guarded(state: LuaState, run: () => FakeReply): FakeReply {
    try {
      return run();
    } catch (error) {
      this.#fault = error;
      lua.lua_settop(state, 0);
      lua.lua_pushstring(state, toLua('simulator fault'));
      return lua.lua_error(state);
    }
  }

  #call(state: LuaState, isRaised: boolean): number {
    const reply = this.#guarded(state, () => {
      const words: string[] = [];
      for (let index = 1; index <= lua.lua_gettop(state); index += 1) words.push(this.#word(state, index));
      if (words.length === 0)
        return new RedisError('ERR Please specify at least one argument for this redis.call()');
      return this.#caller ? this.#caller(words) : new RedisError('ERR no caller');
    });
    lua.lua_settop(state, 0);
    this.#push(state, reply);
    if (isRaised && reply instanceof RedisError) return lua.lua_error(state);
    return 1;
  }

  #word(state: LuaState, index: number): string {
    switch (lua.lua_type(state, index)) {
      case lua.LUA_TNUMBER:
        return printNumber(lua.lua_tonumber(state, index));
      case lua.LUA_TSTRING:
        return fromLua(lua.lua_tostring(state, index) ?? new Uint8Array());
      default:
        throw new Error('Lua redis lib command arguments must be strings or integers');
    }
  }

  #wrap(state: LuaState, field: Uint8Array): number {
    const text = lua.lua_tostring(state, 1) ?? new Uint8Array();
    lua.lua_createtable(state, 0, 1);
    lua.lua_pushstring(state, text);
    lua.lua_setfield(state, -2, field);
    return 1;
  }

  #format(state: LuaState): number {
    const values: (string | number)[] = [];
    for (let index = 1; index <= lua.lua_gettop(state); index += 1) {
      const isNumber = lua.lua_type(state, index) === lua.LUA_TNUMBER;
      const bytes = isNumber ? null : lua.lua_tostring(state, index);
      values.push(isNumber ? lua.lua_tonumber(state, index) : bytes ? fromLua(bytes) : NaN);
    }
    const [pattern = '', ...rest] = values;
    const text = formatLua(String(pattern), rest);
    lua.lua_settop(state, 0);
    lua.lua_pushstring(state, toLua(text ?? 'bad argument to format'));
    return text === undefined ? lua.lua_error(state) : 1;
  }

  #toNumber(state: LuaState): number {
    const type = lua.lua_type(state, 1);
    const base = lua.lua_gettop(state) > 1 ? lua.lua_tonumber(state, 2) : 10;
    let value = NaN;
    if (type === lua.LUA_TNUMBER) value = lua.lua_tonumber(state, 1);
    else if (type === lua.LUA_TSTRING)
      value = readNumber(fromLua(lua.lua_tostring(state, 1) ?? new Uint8Array()), base);
    lua.lua_settop(state, 0);
    if (Number.isNaN(value)) lua.lua_pushnil(state);
    else lua.lua_pushnumber(state, value);
    return 1;
  }

  // --- conversions -------------------------------------------------------------------------------------------------

  #setList(name: Uint8Array, items: readonly string[]): void {
    this.#pushList(this.#state, items);
    lua.lua_setglobal(this.#state, name);
  }

  #pushList(state: LuaState, items: readonly FakeReply[]): void {
    lua.lua_createtable(state, items.length, 0);
    for (const [index, item] of items.entries()) {
      this.#push(state, item);
      lua.lua_rawseti(state, -2, index + 1);
    }
  }

  #push(state: LuaState, reply: FakeReply): void {
    if (reply === null) lua.lua_pushboolean(state, false);
    else if (typeof reply === 'number') lua.lua_pushnumber(state, reply);
    else if (typeof reply === 'string') lua.lua_pushstring(state, toLua(reply));
    else if (reply instanceof RedisError || reply instanceof RedisStatus) {
      lua.lua_createtable(state, 0, 1);
      lua.lua_pushstring(state, toLua(reply.text));
      lua.lua_setfield(state, -2, reply instanceof RedisError ? ERR : OK_NAME);
    } else this.#pushList(state, reply);
  }

  #toReply(index: number): FakeReply {
    const state = this.#state;
    switch (lua.lua_type(state, index)) {
      case lua.LUA_TNUMBER:
        return Math.trunc(lua.lua_tonumber(state, index));
      case lua.LUA_TSTRING:
        return fromLua(lua.lua_tostring(state, index) ?? new Uint8Array());
      case lua.LUA_TBOOLEAN:
        return lua.lua_toboolean(state, index) ? 1 : null;
      case lua.LUA_TTABLE:
        return this.#tableReply();
      default:
        return null;
    }
  }

  /** Of the table on top of the stack. */
  #tableReply(): FakeReply {
    const state = this.#state;
    const error = this.#fieldOfTop(ERR);
    if (error !== undefined) return new RedisError(error);
    const status = this.#fieldOfTop(OK_NAME);
    if (status !== undefined) return new RedisStatus(status);
    const items: FakeReply[] = [];
    for (let place = 1; ; place += 1) {
      const isEnd = lua.lua_rawgeti(state, -1, place) === lua.LUA_TNIL;
      if (!isEnd) items.push(this.#toReply(-1));
      lua.lua_settop(state, -2);
      if (isEnd) return items;
    }
  }

  #fieldOfTop(name: Uint8Array): string | undefined {
    const state = this.#state;
    lua.lua_pushstring(state, name);
    const type = lua.lua_rawget(state, -2);
    const text =
      type === lua.LUA_TSTRING ? fromLua(lua.lua_tostring(state, -1) ?? new Uint8Array()) : undefined;
    lua.lua_settop(state, -2);
    return text;
  }

  #errorText(): string {
    const state = this.#state;
    if (lua.lua_type(state, -1) === lua.LUA_TTABLE) return this.#fieldOfTop(ERR) ?? 'ERR unknown';
    const text = lua.lua_tostring(state, -1);
    return `ERR ${text ? fromLua(text) : 'unknown'}`;
  }
}

function readNumber(text: string, base: number): number {
  const trimmed = text.trim();
  if (base !== 10) {
    const isOf = [...trimmed.toLowerCase()].every((digit) => Number.parseInt(digit, 36) < base);
    return trimmed !== '' && isOf ? Number.parseInt(trimmed, base) : NaN;
  }
  if (!/^[-+]?(0[xX][0-9a-fA-F]+|(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?)$/.test(trimmed)) return NaN;
  return /0x/i.test(trimmed) ? Number.parseInt(trimmed, 16) : Number(trimmed);
}

/** One for the process: what is compiled serves every server of every run. */
export const luaMachine = new LuaMachine();
