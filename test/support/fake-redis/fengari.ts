// What is used of fengari, a Lua 5.3 machine in JavaScript, which brings no types.
import { createRequire } from 'node:module';

/** A Lua string is bytes. */
export type LuaString = Uint8Array;
export interface LuaState {
  readonly isLuaState: unique symbol;
}
export type LuaFunction = (state: LuaState) => number;

interface Lua {
  readonly LUA_REGISTRYINDEX: number;
  readonly LUA_MULTRET: number;
  readonly LUA_OK: number;
  readonly LUA_TNIL: number;
  readonly LUA_TBOOLEAN: number;
  readonly LUA_TNUMBER: number;
  readonly LUA_TSTRING: number;
  readonly LUA_TTABLE: number;
  lua_gettop(state: LuaState): number;
  lua_settop(state: LuaState, index: number): void;
  lua_type(state: LuaState, index: number): number;
  lua_pushnil(state: LuaState): void;
  lua_pushboolean(state: LuaState, value: boolean): void;
  lua_pushnumber(state: LuaState, value: number): void;
  /** Copies the bytes. */
  lua_pushstring(state: LuaState, value: LuaString): void;
  lua_pushcfunction(state: LuaState, value: LuaFunction): void;
  lua_pushvalue(state: LuaState, index: number): void;
  lua_toboolean(state: LuaState, index: number): boolean;
  lua_tonumber(state: LuaState, index: number): number;
  lua_tostring(state: LuaState, index: number): LuaString | null;
  lua_createtable(state: LuaState, items: number, fields: number): void;
  lua_rawgeti(state: LuaState, index: number, place: number): number;
  lua_rawseti(state: LuaState, index: number, place: number): void;
  lua_rawget(state: LuaState, index: number): number;
  lua_setfield(state: LuaState, index: number, name: LuaString): void;
  lua_getfield(state: LuaState, index: number, name: LuaString): number;
  lua_setglobal(state: LuaState, name: LuaString): void;
  lua_getglobal(state: LuaState, name: LuaString): number;
  lua_rawset(state: LuaState, index: number): void;
  lua_setmetatable(state: LuaState, index: number): void;
  lua_pcall(state: LuaState, args: number, results: number, handler: number): number;
  lua_error(state: LuaState): never;
}

interface LuaAuxiliary {
  luaL_newstate(): LuaState;
  luaL_loadbuffer(state: LuaState, source: LuaString, size: null, name: LuaString): number;
  luaL_ref(state: LuaState, table: number): number;
}

interface LuaLibraries {
  luaL_openlibs(state: LuaState): void;
}

interface Fengari {
  readonly lua: Lua;
  readonly lauxlib: LuaAuxiliary;
  readonly lualib: LuaLibraries;
}

// Whole numbers that are stored as floats print as in Lua 5.1, which Redis has: 3 and not 3.0.
process.env['FENGARICONF'] = JSON.stringify({ LUA_COMPAT_FLOATSTRING: true });
export const { lua, lauxlib, lualib } = createRequire(import.meta.url)('fengari') as Fengari;

export function toLua(text: string): LuaString {
  // A copy of its own: fengari keeps what it is given.
  const bytes = new Uint8Array(text.length);
  for (let index = 0; index < text.length; index += 1) bytes[index] = text.charCodeAt(index);
  return bytes;
}

const SHORT = 64;

export function fromLua(bytes: LuaString): string {
  if (bytes.length > SHORT)
    return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1');
  let text = '';
  for (const byte of bytes) text += String.fromCharCode(byte);
  return text;
}
