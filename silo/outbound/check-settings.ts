// Settings as they come from files: plain objects, checked all the way down before anything uses them. A slip is an error
// that names the place and the nearest key that is known. Values are not quoted in errors: some of them are secrets.
import { GrainError, nearestName } from '../../lib/index.ts';

/** @throws ERR_CONFIG_INVALID */
export type Check = (value: unknown, path: string) => void;

function must(path: string, what: string): GrainError {
  return new GrainError('ERR_CONFIG_INVALID', { message: `${path} must be ${what}`, option: path });
}

export function isPlainObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** An object with these keys and no others; those with a `!` in front must be there. */
export function shape(checks: Readonly<Record<string, Check>>): Check {
  const known = new Map(Object.entries(checks).map(([name, check]) => [name.replace(/^!/, ''), check]));
  const needed = Object.keys(checks).filter((name) => name.startsWith('!'));
  return (value, path) => {
    if (!isPlainObject(value)) throw must(path, 'an object');
    for (const [name, held] of Object.entries(value)) {
      const check = known.get(name);
      if (check === undefined) throw unknownKey(path, name, [...known.keys()]);
      if (held !== undefined) check(held, `${path}.${name}`);
    }
    for (const marked of needed) {
      const name = marked.slice(1);
      if (value[name] === undefined) throw must(`${path}.${name}`, 'given');
    }
  };
}

function unknownKey(path: string, name: string, known: readonly string[]): GrainError {
  const nearest = nearestName(name, known);
  const hint = nearest === undefined ? `; there are ${known.join(', ')}` : `; did you mean ${nearest}?`;
  const message = `${path}.${name} is not a setting${hint}`;
  return new GrainError('ERR_CONFIG_INVALID', { message, option: `${path}.${name}`, nearest });
}

/** An object with keys of the user's. */
export function record(check: Check, key: RegExp = /./s, said = 'named'): Check {
  return (value, path) => {
    if (!isPlainObject(value)) throw must(path, 'an object');
    for (const [name, held] of Object.entries(value)) {
      if (!key.test(name)) throw must(`${path}: the key ${JSON.stringify(name)}`, said);
      check(held, `${path}.${name}`);
    }
  };
}

export function list(check: Check): Check {
  return (value, path) => {
    if (!Array.isArray(value)) throw must(path, 'an array');
    for (const [index, item] of value.entries()) check(item, `${path}[${index}]`);
  };
}

export const text: Check = (value, path) => {
  if (typeof value !== 'string' || value === '') throw must(path, 'a string that is not empty');
};
export const flag: Check = (value, path) => {
  if (typeof value !== 'boolean') throw must(path, 'true or false');
};
export const callable: Check = (value, path) => {
  if (typeof value !== 'function') throw must(path, 'a function');
};
export const plainObject: Check = (value, path) => {
  if (!isPlainObject(value)) throw must(path, 'an object');
};

export function number(least: number, most = Number.MAX_SAFE_INTEGER): Check {
  return (value, path) => {
    if (typeof value !== 'number' || !(value >= least && value <= most))
      throw must(path, `a number from ${least} to ${most}`);
  };
}

export function whole(least: number, most = Number.MAX_SAFE_INTEGER): Check {
  return (value, path) => {
    if (!Number.isSafeInteger(value) || !((value as number) >= least && (value as number) <= most))
      throw must(path, `a whole number from ${least} to ${most}`);
  };
}

export function oneOf(...names: readonly string[]): Check {
  return (value, path) => {
    if (typeof value !== 'string' || !names.includes(value)) throw must(path, `one of ${names.join(', ')}`);
  };
}

/** An absolute address. Credentials in it would show up in logs of proxies: there are settings for them. */
export const httpUrl: Check = (value, path) => {
  text(value, path);
  const url = URL.canParse(value as string) ? new URL(value as string) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol))
    throw must(path, 'an http:// or https:// address');
  if (url.username !== '' || url.password !== '')
    throw must(path, 'an address without a user name and a password in it');
};

/** What can stand in a header: a runtime that refuses it would quote it. */
export const headerValue: Check = (value, path) => {
  text(value, path);
  if (!/^[\x21-\x7e](?:[\t\x20-\x7e]*[\x21-\x7e])?$/.test(value as string))
    throw must(path, 'printable ASCII without spaces at its ends');
};

export const headers: Check = record(headerValue, /^[\w!#$%&'*+.^`|~-]+$/, 'the name of a header');
