// What other languages call the things of this one: a hint where such a name is unknown here.
import { sameFor } from '../source/nearest.ts';

/** Names of values. */
export const VALUE_WORDS: ReadonlyMap<string, string> = new Map([
  ...sameFor(['None', 'nil', 'undefined', 'NULL', 'Null'], 'write null'),
  ['True', 'write true'],
  ['False', 'write false'],
  ['await', 'calls wait by themselves: leave out await'],
  ['new', 'objects are written { field: value }'],
  ['self', "write memory.field, or the flow's input"],
  ['this', "write memory.field, or the flow's input"],
  ['console', 'write @debug { log(x) }'],
  ['Math', 'write math.round(x), or x.abs()'],
]);

/** Names of functions. */
export const FUNCTION_WORDS: ReadonlyMap<string, string> = new Map([
  ...sameFor(['print', 'println', 'puts', 'echo'], 'write @debug { log(x) }'),
  ['len', 'write x.length'],
  ...sameFor(['throw', 'raise', 'panic', 'Error'], 'write fail("message")'),
]);

/** Names of types. */
export const TYPE_NAMES: ReadonlyMap<string, string> = new Map([
  ['any', 'there is no type any: say what it is'],
  ...sameFor(['str', 'text', 'String'], 'write string'),
  ...sameFor(['number', 'Number', 'num'], 'write int or float'),
  ...sameFor(['boolean', 'Boolean', 'Bool'], 'write bool'),
  ...sameFor(['integer', 'long', 'Int'], 'write int'),
  ...sameFor(['double', 'decimal', 'real', 'Float'], 'write float, or money'),
  ...sameFor(['timestamp', 'Date', 'time'], 'write date or datetime'),
  ...sameFor(['list', 'List', 'Array'], 'write array[T]'),
  ...sameFor(['dict', 'object', 'Map', 'Record'], 'write map[string, T], or { field: T }'),
  ...sameFor(['void', 'None', 'undefined'], 'leave the type of the result out'),
]);

/** Names of members of texts, lists and maps; for those that have the member. */
export const MEMBER_WORDS: ReadonlyMap<string, string> = new Map([
  ...sameFor(['size', 'len', 'count'], 'length'),
  ...sameFor(['toUpperCase', 'to_upper', 'uppercase'], 'upper'),
  ...sameFor(['toLowerCase', 'to_lower', 'lowercase'], 'lower'),
  ...sameFor(['includes', 'has'], 'contains'),
]);
