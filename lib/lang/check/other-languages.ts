// What other languages call the things of this one: a hint where such a name is unknown here.

/** Names of values. */
export const VALUE_WORDS: ReadonlyMap<string, string> = new Map([
  ...['None', 'nil', 'undefined', 'NULL', 'Null'].map((word): [string, string] => [word, 'write null']),
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
  ...['print', 'println', 'puts', 'echo'].map((word): [string, string] => [word, 'write @debug { log(x) }']),
  ['len', 'write x.length'],
  ...['throw', 'raise', 'panic', 'Error'].map((word): [string, string] => [word, 'write fail("message")']),
]);

/** Names of types. */
export const TYPE_NAMES: ReadonlyMap<string, string> = new Map([
  ['any', 'there is no type any: say what it is'],
  ...['str', 'text', 'String'].map((word): [string, string] => [word, 'write string']),
  ...['number', 'Number', 'num'].map((word): [string, string] => [word, 'write int or float']),
  ...['boolean', 'Boolean', 'Bool'].map((word): [string, string] => [word, 'write bool']),
  ...['integer', 'long', 'Int'].map((word): [string, string] => [word, 'write int']),
  ...['double', 'decimal', 'real', 'Float'].map((word): [string, string] => [word, 'write float, or money']),
  ...['timestamp', 'Date', 'time'].map((word): [string, string] => [word, 'write date or datetime']),
  ...['list', 'List', 'Array'].map((word): [string, string] => [word, 'write array[T]']),
  ...['dict', 'object', 'Map', 'Record'].map((word): [string, string] => [
    word,
    'write map[string, T], or { field: T }',
  ]),
  ...['void', 'None', 'undefined'].map((word): [string, string] => [
    word,
    'leave the type of the result out',
  ]),
]);

/** Names of members of texts, lists and maps; for those that have the member. */
export const MEMBER_WORDS: ReadonlyMap<string, string> = new Map([
  ...['size', 'len', 'count'].map((word): [string, string] => [word, 'length']),
  ...['toUpperCase', 'to_upper', 'uppercase'].map((word): [string, string] => [word, 'upper']),
  ...['toLowerCase', 'to_lower', 'lowercase'].map((word): [string, string] => [word, 'lower']),
  ...['includes', 'has'].map((word): [string, string] => [word, 'contains']),
]);
