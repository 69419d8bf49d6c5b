// What other languages call the things of this one: a hint where such a name is unknown here.

/** Several words with the same answer. */
function words(given: readonly string[], answer: string): readonly (readonly [string, string])[] {
  return given.map((word) => [word, answer] as const);
}

/** Names of values. */
export const VALUE_WORDS: ReadonlyMap<string, string> = new Map([
  ...words(['None', 'nil', 'undefined', 'NULL', 'Null'], 'write null'),
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
  ...words(['print', 'println', 'puts', 'echo'], 'write @debug { log(x) }'),
  ['len', 'write x.length'],
  ...words(['throw', 'raise', 'panic', 'Error'], 'write fail("message")'),
]);

/** Names of types. */
export const TYPE_NAMES: ReadonlyMap<string, string> = new Map([
  ['any', 'there is no type any: say what it is'],
  ...words(['str', 'text', 'String'], 'write string'),
  ...words(['number', 'Number', 'num'], 'write int or float'),
  ...words(['boolean', 'Boolean', 'Bool'], 'write bool'),
  ...words(['integer', 'long', 'Int'], 'write int'),
  ...words(['double', 'decimal', 'real', 'Float'], 'write float, or money'),
  ...words(['timestamp', 'Date', 'time'], 'write date or datetime'),
  ...words(['list', 'List', 'Array'], 'write array[T]'),
  ...words(['dict', 'object', 'Map', 'Record'], 'write map[string, T], or { field: T }'),
  ...words(['void', 'None', 'undefined'], 'leave the type of the result out'),
]);

/** Names of members of texts, lists and maps; for those that have the member. */
export const MEMBER_WORDS: ReadonlyMap<string, string> = new Map([
  ...words(['size', 'len', 'count'], 'length'),
  ...words(['toUpperCase', 'to_upper', 'uppercase'], 'upper'),
  ...words(['toLowerCase', 'to_lower', 'lowercase'], 'lower'),
  ...words(['includes', 'has'], 'contains'),
]);
