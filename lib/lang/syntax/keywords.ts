// The reserved words of version 0.1, and which of them mean something where.
import { nearestName } from '../source/nearest.ts';
import { AT_FIRST, T as KINDS, WORD_FIRST, WORD_LAST } from './token.ts';

// Copies, for speed (token.ts, K3).
const T = KINDS;

const AT_NAMES = [
  'core',
  'flow',
  'transformer',
  'evaluator',
  'pipeline',
  'types',
  'test',
  'plugin_interface',
  'core_interface',
  'rigid',
  'debug',
  'flexible',
  'guarded',
  'model_call',
  'parallel',
  'foreach',
  'match',
  'while',
  'checkpoint',
  'core_call',
  'await_responses',
  'try',
  'budget',
  'catch',
  'plugins',
  'models',
  'llm',
  'memory',
  'reference',
  'config',
  'constraints',
  'identity',
  'conversation_policy',
  'triggers',
  'on',
  'api',
  'webhook',
  'schedule',
  'internal',
  'param',
  'runtime_configurable',
  'hot_reload',
  'secret',
  'mock',
  'given',
  'when',
  'then',
  'property',
] as const;
export type AtName = (typeof AT_NAMES)[number];

/** Kinds of tokens by the word behind the `@`. */
export const AT = Object.fromEntries(AT_NAMES.map((name, index) => [name, AT_FIRST + index])) as Readonly<
  Record<AtName, number>
>;
const AT_KINDS: ReadonlyMap<string, number> = new Map(Object.entries(AT));

export const atKindOf = (word: string): number => AT_KINDS.get(word) ?? T.AtUnknown;
export const atNameOf = (kind: number): string => AT_NAMES[kind - AT_FIRST] ?? '?';

/** Reserved, and without a meaning so far. */
const RESERVED_AT: ReadonlySet<string> = new Set(['adaptive', 'recipe', 'stream', 'cache', 'version']);
/** Words of other languages, and of older versions of this one. */
const OTHER_WORDS: Readonly<Record<string, string>> = {
  function: '@flow',
  catch_error: '@catch',
  loop: '@while',
  for: '@foreach',
  each: '@foreach',
  switch: '@match',
  model: '@models',
  plugin: '@plugins',
  emit: 'emit (without @)',
  if: 'if (without @)',
  return: 'return (without @)',
  else: 'else (without @)',
  instance: 'instance = … (without @)',
  type: '@types, or type (without @)',
};

/** What to say of an `@word` that there is none of. */
export function unknownAtWord(word: string): { readonly message: string; readonly hint?: string } {
  if (RESERVED_AT.has(word)) return { message: `'@${word}' is reserved for a later version of the language` };
  const message = `there is no '@${word}'`;
  const other = Object.hasOwn(OTHER_WORDS, word) ? OTHER_WORDS[word] : undefined;
  if (other !== undefined) return { message, hint: `did you mean ${other}?` };
  const nearest = nearestName(word, AT_NAMES);
  return nearest === undefined ? { message } : { message, hint: `did you mean '@${nearest}'?` };
}

// ---- Plain words ----

const WORDS: readonly (readonly [string, number])[] = [
  ['if', T.If],
  ['else', T.Else],
  ['match', T.Match],
  ['return', T.Return],
  ['yield', T.Yield],
  ['break', T.Break],
  ['continue', T.Continue],
  ['emit', T.Emit],
  ['true', T.True],
  ['false', T.False],
  ['null', T.Null],
  ['import', T.Import],
  ['from', T.From],
  ['as', T.As],
  ['pub', T.Pub],
  ['type', T.Type],
  ['enum', T.Enum],
  ['async', T.Async],
  ['instance', T.Instance],
  ['goto', T.Goto],
  ['in', T.In],
];

/** All words with a meaning, for editors: those behind an `@`, and the plain ones. */
export const KEYWORDS: { readonly at: readonly string[]; readonly plain: readonly string[] } = {
  at: AT_NAMES,
  plain: WORDS.filter(([, kind]) => kind !== T.Goto).map(([word]) => word),
};

/** Words by the code of their first letter, so that most names cost one look. */
const BY_FIRST: (readonly { readonly word: string; readonly kind: number }[] | undefined)[] = Array.from(
  { length: 128 },
  (_, code) => {
    const found = WORDS.filter(([word]) => word.charCodeAt(0) === code);
    return found.length === 0 ? undefined : found.map(([word, kind]) => ({ word, kind }));
  },
);

/** The kind of the word that stands there: that of a reserved word, or Ident. */
export function wordKindAt(text: string, start: number, end: number): number {
  const candidates = BY_FIRST[text.charCodeAt(start)];
  if (candidates === undefined) return T.Ident;
  const length = end - start;
  for (const { word, kind } of candidates) {
    if (word.length === length && text.startsWith(word, start)) return kind;
  }
  return T.Ident;
}

/** A plain reserved word; `in` counts, although it is none where a field is named. */
export const isReservedWord = (kind: number): boolean =>
  (kind >= WORD_FIRST && kind <= WORD_LAST) || kind === T.In;

// ---- Groups ----

const groupOf = (...names: readonly AtName[]): ReadonlySet<number> => new Set(names.map((name) => AT[name]));

/** Stand at the level of a file (and inside a core). */
export const ITEM_WORDS = groupOf(
  'core',
  'flow',
  'transformer',
  'evaluator',
  'pipeline',
  'types',
  'test',
  'plugin_interface',
  'core_interface',
);
export const BLOCK_WORDS = groupOf(
  'rigid',
  'debug',
  'flexible',
  'guarded',
  'model_call',
  'parallel',
  'foreach',
  'match',
  'while',
  'checkpoint',
  'core_call',
  'await_responses',
  'try',
  'budget',
);
/** Stand inside a core only. */
export const MEMBER_WORDS = groupOf(
  'plugins',
  'models',
  'llm',
  'memory',
  'reference',
  'config',
  'constraints',
  'identity',
  'conversation_policy',
  'triggers',
  'on',
);
export const TRIGGER_WORDS = groupOf('api', 'webhook', 'schedule', 'internal');
export const MODIFIER_WORDS = groupOf('runtime_configurable', 'hot_reload', 'secret');

/** Where a word that stands in a wrong place belongs. */
export function placeOf(kind: number): string {
  if (ITEM_WORDS.has(kind)) return 'at the level of the file';
  if (BLOCK_WORDS.has(kind)) return 'in the body of a flow';
  if (MEMBER_WORDS.has(kind)) return 'directly in @core';
  if (TRIGGER_WORDS.has(kind)) return 'in @triggers';
  if (MODIFIER_WORDS.has(kind)) return 'behind a @param of @config';
  if (kind === AT.param) return 'in @config';
  if (kind === AT.catch) return 'behind @try { … }';
  return 'in @test';
}
