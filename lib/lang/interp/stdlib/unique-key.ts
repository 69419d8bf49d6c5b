// A text for each value, the same exactly for values that are equal: for sets of values.
import type { JsonValue } from '../../ir/ir.ts';
import { sized } from '../value-size.ts';
import { isList, isObject } from '../values.ts';

/** @throws RuntimeError for what is too large */
export function keyText(value: JsonValue): string {
  return textOf(sized(value));
}

function textOf(value: JsonValue): string {
  if (isList(value)) return `[${value.map(textOf).join(',')}]`;
  if (!isObject(value)) return Object.is(value, -0) ? '0' : JSON.stringify(value);
  const names = Object.keys(value).filter((name) => value[name] !== null);
  return `{${names
    .sort()
    .map((name) => `${JSON.stringify(name)}:${textOf(value[name] ?? null)}`)
    .join(',')}}`;
}
