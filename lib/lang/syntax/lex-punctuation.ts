// Signs, and characters that are none.
import { CLASS, CLASSES } from './chars.ts';
import { T as KINDS } from './token.ts';

// Copies, for speed (token.ts, K3).
const T = KINDS;

const SIGNS: readonly (readonly [string, number])[] = [
  ['|*>', T.PipeAll],
  ['|?>', T.PipeIf],
  ['|~>', T.PipeLoop],
  ['|>', T.Pipe],
  ['||', T.OrOr],
  ['|', T.Bar],
  ['=>', T.FatArrow],
  ['==', T.EqEq],
  ['=', T.Eq],
  ['->', T.Arrow],
  ['-', T.Minus],
  ['??', T.Coalesce],
  ['?', T.Question],
  ['&&', T.AndAnd],
  ['!=', T.NotEq],
  ['!', T.Bang],
  ['<=', T.LtEq],
  ['<', T.Lt],
  ['>=', T.GtEq],
  ['>', T.Gt],
  ['+', T.Plus],
  ['*', T.Star],
  ['%', T.Percent],
  ['(', T.LParen],
  [')', T.RParen],
  ['[', T.LBracket],
  [']', T.RBracket],
  [',', T.Comma],
  ['.', T.Dot],
];
/** Signs that are braces, colons and slashes are the lexer's own. */
const OTHER_SIGNS: readonly (readonly [string, number])[] = [
  ['{', T.LBrace],
  ['}', T.RBrace],
  [':', T.Colon],
  ['/', T.Slash],
  ['@', T.At],
];

/** As they are written; for messages. */
export const SIGN_TEXTS: ReadonlyMap<number, string> = new Map(
  [...SIGNS, ...OTHER_SIGNS].map(([sign, kind]): [number, string] => [kind, sign]),
);

/** By the code of the first character: alone, or the longer signs that begin with it, longest first. */
const SINGLE = new Uint8Array(128);
const LONGER: (readonly { readonly sign: string; readonly kind: number }[] | undefined)[] = [];
for (let code = 0; code < 128; code += 1) {
  const found = SIGNS.filter(([sign]) => sign.charCodeAt(0) === code);
  SINGLE[code] = found.find(([sign]) => sign.length === 1)?.[1] ?? 0;
  const longer = found.filter(([sign]) => sign.length > 1).map(([sign, kind]) => ({ sign, kind }));
  LONGER.push(longer.length === 0 ? undefined : longer);
}
const LENGTHS = new Uint8Array(256);
for (const [sign, kind] of SIGNS) LENGTHS[kind] = sign.length;

export const PUNCTUATION = {
  kindAt(text: string, start: number, code: number): number | undefined {
    const longer = LONGER[code];
    if (longer !== undefined) {
      for (const { sign, kind } of longer) if (text.startsWith(sign, start)) return kind;
    }
    const kind = code < 128 ? SINGLE[code] : 0;
    return kind === 0 ? undefined : kind;
  },
  lengthOf: (kind: number): number => LENGTHS[kind] ?? 1,
};

// ---- What does not belong into a program ----

export interface StrayCharacter {
  readonly end: number;
  readonly message: string;
  readonly hint?: string;
  /** It was meant as a text: goes on as one. */
  readonly asText?: boolean;
}

const QUOTES = "“”„‟‘’‚‛«»'`";

export function strayCharacter(text: string, start: number): StrayCharacter {
  const character = String.fromCodePoint(text.codePointAt(start) ?? 0);
  const end = start + character.length;
  if (QUOTES.includes(character)) return strayQuote(text, start, character);
  if (character === '#') {
    const found = text.indexOf('\n', start);
    const lineEnd = found < 0 ? text.length : found;
    return { end: lineEnd, message: "unexpected character '#'", hint: 'comments begin with //' };
  }
  if (character === ';') {
    return { end, message: "unexpected character ';'", hint: 'a statement ends with its line' };
  }
  if (character === '&') return { end, message: "unexpected character '&'", hint: '"and" is written &&' };
  if (/\s/.test(character)) {
    return { end, message: `unexpected character ${codeOf(character)}`, hint: 'write an ordinary space' };
  }
  return strayRun(text, start, end, character);
}

/** Quotes of text programs: up to the quote that answers them, if it is in the same line. */
function strayQuote(text: string, start: number, quote: string): StrayCharacter {
  const hint = 'texts stand in straight double quotes: "…"';
  const message = `unexpected character ${quote}`;
  for (let at = start + 1; at < text.length && text.charCodeAt(at) !== 0x0a; at += 1) {
    if (QUOTES.includes(text.charAt(at))) return { end: at + 1, message, hint, asText: true };
  }
  return { end: start + 1, message, hint };
}

/** Letters of other alphabets and the like: all of the word is one mistake. */
function strayRun(text: string, start: number, from: number, character: string): StrayCharacter {
  let end = from;
  const isLetter = /[\p{L}\p{N}\p{M}]/u;
  if (isLetter.test(character)) {
    for (; end < text.length;) {
      const code = text.charCodeAt(end);
      const next = String.fromCodePoint(text.codePointAt(end) ?? 0);
      if (code < 128 ? (CLASSES[code] ?? 0) < CLASS.Lower : !isLetter.test(next)) break;
      end += next.length;
    }
    const message = `unexpected character ${character} in '${text.slice(start, end)}'`;
    return { end, message, hint: 'names are made of a-z, A-Z, 0-9 and _' };
  }
  const isPrintable = /[\p{P}\p{S}]/u.test(character);
  return { end, message: `unexpected character ${isPrintable ? character : codeOf(character)}` };
}

const codeOf = (character: string): string =>
  `U+${(character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0')}`;
