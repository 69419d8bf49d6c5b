// Kinds of tokens, as small numbers, and the arrays that hold the tokens of a file.
//   K1. Words behind `@` have the numbers from AT_FIRST, plain reserved words those from WORD_FIRST to WORD_LAST.
//   K2. The last token is Eof. A token other than Eof of length 0 closes what the text left open; it was reported.
//   K3. V8 reads an imported binding anew each time, but folds a constant of the file itself into the code. So files that
//       look at each token make a copy of what they import from here: lexing and parsing is three times as fast for it.
import type { SourceText } from '../source/source-text.ts';
import type { Comment } from './ast.ts';

export const T = {
  Eof: 0,
  Ident: 1,
  TypeIdent: 2,
  Int: 3,
  Float: 4,
  Duration: 5,
  Date: 6,
  DateTime: 7,
  /** With its quotes, one or three. */
  String: 8,
  /** `"text${`, `}text${`, `}text"`. */
  TemplateStart: 9,
  TemplatePart: 10,
  TemplateEnd: 11,
  /** `:name`. */
  Symbol: 12,
  Uri: 13,
  /** `publisher/name@1.0`, only behind `=` in `@plugins`. */
  PluginRef: 14,
  LBrace: 15,
  RBrace: 16,
  LParen: 17,
  RParen: 18,
  LBracket: 19,
  RBracket: 20,
  Comma: 21,
  Dot: 22,
  Colon: 23,
  Eq: 24,
  FatArrow: 25,
  Arrow: 26,
  Question: 27,
  Bar: 28,
  Bang: 29,
  /** A `@` with no word behind it. */
  At: 30,
  Pipe: 31,
  PipeIf: 32,
  PipeAll: 33,
  PipeLoop: 34,
  Coalesce: 35,
  OrOr: 36,
  AndAnd: 37,
  EqEq: 38,
  NotEq: 39,
  Lt: 40,
  LtEq: 41,
  Gt: 42,
  GtEq: 43,
  In: 44,
  Plus: 45,
  Minus: 46,
  Star: 47,
  Slash: 48,
  Percent: 49,
  // Plain reserved words.
  If: 52,
  Else: 53,
  Match: 54,
  Return: 55,
  Yield: 56,
  Break: 57,
  Continue: 58,
  Emit: 59,
  True: 60,
  False: 61,
  Null: 62,
  Import: 63,
  From: 64,
  As: 65,
  Pub: 66,
  Type: 67,
  Enum: 68,
  Async: 69,
  Instance: 70,
  /** Reserved, and without a meaning so far. */
  Goto: 71,
  /** An `@word` that there is none of; it was reported. */
  AtUnknown: 79,
} as const;

export const WORD_FIRST = T.If;
export const WORD_LAST = T.Goto;
export const AT_FIRST = 80;

const NAMES: ReadonlyMap<number, string> = new Map(
  Object.entries(T).map(([name, kind]): [number, string] => [kind, name]),
);
export const tokenKindName = (kind: number): string => NAMES.get(kind) ?? (kind >= AT_FIRST ? 'At' : '?');

/** The tokens of a file, in parallel arrays. */
export interface Tokens {
  readonly source: SourceText;
  readonly kinds: Uint8Array;
  readonly starts: Int32Array;
  /** Exclusive. */
  readonly ends: Int32Array;
  /** 1: the first token of its line. */
  readonly lineStarts: Uint8Array;
  /** With the Eof. */
  readonly count: number;
  readonly comments: readonly Comment[];
  /** Where the lexer reported something, ascending: what follows from it is not reported again. */
  readonly errorOffsets: readonly number[];
  /** A text or comment without an end took the rest of the file. */
  readonly isCut: boolean;
}

/** Grows as it is filled. Growing keeps the arrays' users out: they get them only by `finish`. */
export class TokenBuffer {
  #kinds: Uint8Array;
  #starts: Int32Array;
  #ends: Int32Array;
  #lineStarts: Uint8Array;
  #count = 0;

  constructor(textLength: number) {
    const capacity = (textLength >> 2) + 16;
    this.#kinds = new Uint8Array(capacity);
    this.#starts = new Int32Array(capacity);
    this.#ends = new Int32Array(capacity);
    this.#lineStarts = new Uint8Array(capacity);
  }

  push(kind: number, start: number, end: number, lineStart: number): void {
    const at = this.#count;
    if (at === this.#kinds.length) this.#grow();
    this.#kinds[at] = kind;
    this.#starts[at] = start;
    this.#ends[at] = end;
    this.#lineStarts[at] = lineStart;
    this.#count = at + 1;
  }

  finish(rest: Pick<Tokens, 'source' | 'comments' | 'errorOffsets' | 'isCut'>): Tokens {
    return {
      ...rest,
      kinds: this.#kinds,
      starts: this.#starts,
      ends: this.#ends,
      lineStarts: this.#lineStarts,
      count: this.#count,
    };
  }

  #grow(): void {
    const capacity = this.#kinds.length * 2;
    const [kinds, starts, ends, lineStarts] = [this.#kinds, this.#starts, this.#ends, this.#lineStarts];
    this.#kinds = new Uint8Array(capacity);
    this.#starts = new Int32Array(capacity);
    this.#ends = new Int32Array(capacity);
    this.#lineStarts = new Uint8Array(capacity);
    this.#kinds.set(kinds);
    this.#starts.set(starts);
    this.#ends.set(ends);
    this.#lineStarts.set(lineStarts);
  }
}
