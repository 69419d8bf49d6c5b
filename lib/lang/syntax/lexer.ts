// From text to tokens. Owns E001 to E005, E007 and E008.
//   L1. It ends on every input, in time proportional to it, and recurses nowhere: interpolations are a stack of ours.
//   L2. An interpolation in a `"…"` ends on its line; one in a `"""` may have line breaks.
//   L3. After something that is wrong the tokens are as if it had been right, as far as that can be told.
import type { Report } from '../source/diagnostic.ts';
import type { SourceText } from '../source/source-text.ts';
import type { Comment } from './ast.ts';
import {
  CLASS as CHAR_CLASS,
  CLASSES as CHAR_CLASSES,
  endsOperand,
  isDigitCode,
  isPathCode,
  isWordCode,
  isWordStartCode,
  wordEnd,
} from './chars.ts';
import { AT as AT_WORDS, atKindOf, unknownAtWord, wordKindAt } from './keywords.ts';
import { scanNumber } from './lex-number.ts';
import { PUNCTUATION, strayCharacter } from './lex-punctuation.ts';
import { ESCAPES_HINT, escapeEnd } from './text-literal.ts';
import { T as KINDS, TokenBuffer, type Tokens } from './token.ts';

// Copies, for speed (token.ts, K3).
const AT = AT_WORDS;
const CLASS = CHAR_CLASS;
const CLASSES = CHAR_CLASSES;
const T = KINDS;

/** A `${` that is open. */
interface Interpolation {
  readonly at: number;
  readonly isMultiline: boolean;
  /** Open braces around it. */
  readonly depth: number;
}

export function lex(source: SourceText, report: Report): Tokens {
  return new Lexer(source, report).run();
}

class Lexer {
  readonly #source: SourceText;
  readonly #text: string;
  readonly #report: Report;
  readonly #buffer: TokenBuffer;
  readonly #comments: Comment[] = [];
  readonly #errorOffsets: number[] = [];
  readonly #open: Interpolation[] = [];
  /** Open braces, and how many there are inside of `@plugins`; -1: not in one, -2: its brace comes next. */
  #depth = 0;
  #pluginsDepth = -1;
  #at = 0;
  /** 1 until the first token of a line. */
  #lineStart = 1;
  #isCut = false;

  constructor(source: SourceText, report: Report) {
    this.#source = source;
    this.#text = source.text;
    this.#report = report;
    this.#buffer = new TokenBuffer(source.text.length);
  }

  run(): Tokens {
    const text = this.#text;
    const length = text.length;
    if (text.charCodeAt(0) === 0xfeff) this.#at = 1;
    while (this.#at < length) {
      const start = this.#at;
      const code = text.charCodeAt(start);
      switch (code < 128 ? CLASSES[code] : CLASS.Other) {
        case CLASS.Space:
          this.#at = start + 1;
          break;
        case CLASS.Line:
          this.#at = start + 1;
          this.#endLine(start);
          break;
        case CLASS.Lower:
          this.#word(start);
          break;
        case CLASS.Upper:
          this.#push(T.TypeIdent, start, wordEnd(text, start + 1));
          break;
        case CLASS.Digit:
          this.#number(start);
          break;
        default:
          this.#other(start, code);
      }
    }
    this.#endFile(length);
    const { comments, errorOffsets } = { comments: this.#comments, errorOffsets: this.#errorOffsets };
    errorOffsets.sort((left, right) => left - right);
    return this.#buffer.finish({ source: this.#source, comments, errorOffsets, isCut: this.#isCut });
  }

  #push(kind: number, start: number, end: number): void {
    this.#buffer.push(kind, start, end, this.#lineStart);
    this.#lineStart = 0;
    this.#at = end;
  }

  #fail(code: Parameters<Report>[0], start: number, end: number, message: string, hint?: string): void {
    this.#errorOffsets.push(start);
    this.#report(code, { start, end }, message, { hint });
  }

  #endLine(at: number): void {
    this.#lineStart = 1;
    if (this.#open.length > 0 && this.#open.at(-1)?.isMultiline === false) this.#closeInterpolations(at);
  }

  #endFile(length: number): void {
    const first = this.#open[0];
    if (first) {
      this.#fail('E008', first.at, first.at + 2, "this '${' has no '}'");
      this.#isCut = true;
    }
    this.#buffer.push(T.Eof, length, length, 1);
  }

  /** The line ends inside of them (L2): those of one-line texts end with it; the outermost is reported. */
  #closeInterpolations(at: number): void {
    let outermost: Interpolation | undefined;
    for (let top = this.#open.at(-1); top && !top.isMultiline; top = this.#open.at(-1)) {
      this.#open.pop();
      this.#depth = top.depth;
      this.#buffer.push(T.TemplateEnd, at, at, 0);
      outermost = top;
    }
    if (outermost) this.#fail('E008', outermost.at, outermost.at + 2, "this '${' has no '}' in its line");
  }

  // ---- Words and numbers ----

  #word(start: number): void {
    const text = this.#text;
    let end = start + 1;
    while (isWordCode(text.charCodeAt(end))) end += 1;
    if (
      text.charCodeAt(end) === 0x3a &&
      text.startsWith('//', end + 1) &&
      isPathCode(text.charCodeAt(end + 3))
    ) {
      end += 3;
      while (isPathCode(text.charCodeAt(end))) end += 1;
      this.#push(T.Uri, start, end);
      return;
    }
    this.#push(wordKindAt(text, start, end), start, end);
  }

  #number(start: number): void {
    const text = this.#text;
    let end = start + 1;
    while (isDigitCode(text.charCodeAt(end))) end += 1;
    const code = text.charCodeAt(end);
    // Most numbers: short, whole, and nothing behind them that could belong to them.
    if (end - start < 16 && !isWordCode(code) && code !== 0x2e && code !== 0x2d) {
      this.#push(T.Int, start, end);
      return;
    }
    const { kind, end: scannedEnd, problem } = scanNumber(text, start);
    if (problem) this.#fail('E005', start, scannedEnd, problem.message, problem.hint);
    this.#push(kind, start, scannedEnd);
  }

  #atWord(start: number): void {
    const end = wordEnd(this.#text, start + 1);
    if (end === start + 1 || isDigitCode(this.#text.charCodeAt(start + 1))) {
      this.#push(T.At, start, start + 1);
      return;
    }
    const word = this.#text.slice(start + 1, end);
    const kind = atKindOf(word);
    if (kind === T.AtUnknown) {
      const { message, hint } = unknownAtWord(word);
      this.#fail('E007', start, end, message, hint);
    }
    if (kind === AT.plugins) this.#pluginsDepth = -2;
    this.#push(kind, start, end);
  }

  // ---- Punctuation ----

  #other(start: number, code: number): void {
    switch (code) {
      case 0x22: // "
        this.#string(start);
        return;
      case 0x40: // @
        this.#atWord(start);
        return;
      case 0x7b: // {
        if (this.#pluginsDepth === -2) this.#pluginsDepth = this.#depth + 1;
        this.#depth += 1;
        this.#push(T.LBrace, start, start + 1);
        return;
      case 0x7d: // }
        this.#closeBrace(start);
        return;
      case 0x3a: // :
        this.#colon(start);
        return;
      case 0x2f: // /
        this.#slash(start);
        return;
      default:
    }
    const kind = PUNCTUATION.kindAt(this.#text, start, code);
    if (kind === undefined) this.#stray(start);
    else {
      this.#push(kind, start, start + PUNCTUATION.lengthOf(kind));
      if (kind === T.Eq && this.#pluginsDepth === this.#depth) this.#pluginRef();
    }
  }

  #closeBrace(start: number): void {
    const top = this.#open.at(-1);
    if (top && top.depth === this.#depth) {
      this.#open.pop();
      this.#piece(start, start + 1, top.isMultiline, true);
      return;
    }
    if (this.#pluginsDepth === this.#depth) this.#pluginsDepth = -1;
    if (this.#depth > 0) this.#depth -= 1;
    this.#push(T.RBrace, start, start + 1);
  }

  #colon(start: number): void {
    const next = this.#text.charCodeAt(start + 1);
    const isSymbol = isWordStartCode(next) && !(start > 0 && endsOperand(this.#text.charCodeAt(start - 1)));
    if (isSymbol) this.#push(T.Symbol, start, wordEnd(this.#text, start + 1));
    else this.#push(T.Colon, start, start + 1);
  }

  /** `publisher/name@1.0`: its dashes and digits would be other tokens elsewhere. */
  #pluginRef(): void {
    const pattern = /[ \t]*([a-zA-Z0-9][\w-]*\/[a-zA-Z0-9][\w-]*@\d+\.\d+(?:\.\d+)?)(?![\w.])/y;
    pattern.lastIndex = this.#at;
    const match = pattern.exec(this.#text);
    if (!match) return;
    const end = this.#at + match[0].length;
    this.#push(T.PluginRef, end - (match[1] ?? '').length, end);
  }

  #slash(start: number): void {
    const next = this.#text.charCodeAt(start + 1);
    if (next === 0x2f) this.#lineComment(start);
    else if (next === 0x2a) this.#blockComment(start);
    else this.#push(T.Slash, start, start + 1);
  }

  #lineComment(start: number): void {
    const found = this.#text.indexOf('\n', start);
    const end = found < 0 ? this.#text.length : found;
    const text = this.#text.slice(start, end).trimEnd();
    this.#comments.push({ span: { start, end: start + text.length }, text });
    this.#at = end;
  }

  #blockComment(start: number): void {
    const found = this.#text.indexOf('*/', start + 2);
    const end = found < 0 ? this.#text.length : found + 2;
    if (found < 0) {
      this.#fail('E003', start, start + 2, "this comment has no '*/'");
      this.#isCut = true;
    } else {
      const text = this.#text.slice(start, end);
      this.#comments.push({ span: { start, end }, text });
      if (text.includes('\n')) this.#endLine(start);
    }
    this.#at = end;
  }

  #stray(start: number): void {
    const { end, message, hint, asText } = strayCharacter(this.#text, start);
    this.#fail('E001', start, end, message, hint);
    if (asText) this.#push(T.String, start, end);
    else this.#at = end;
  }

  // ---- Texts ----

  #string(start: number): void {
    const isMultiline = this.#text.startsWith('""', start + 1);
    this.#piece(start, start + (isMultiline ? 3 : 1), isMultiline, false);
  }

  /** From behind the opening quotes, or behind the `}` of an interpolation (`isRest`), to the next end of a piece. */
  #piece(start: number, from: number, isMultiline: boolean, isRest: boolean): void {
    const text = this.#text;
    for (let at = from; ;) {
      const code = text.charCodeAt(at);
      if (code === 0x22 && (!isMultiline || text.startsWith('""', at + 1))) {
        this.#push(isRest ? T.TemplateEnd : T.String, start, at + (isMultiline ? 3 : 1));
        return;
      }
      if (code === 0x24 && text.charCodeAt(at + 1) === 0x7b) {
        this.#open.push({ at, isMultiline, depth: this.#depth });
        this.#push(isRest ? T.TemplatePart : T.TemplateStart, start, at + 2);
        return;
      }
      if (code === 0x5c) at = this.#escape(at);
      else if (at >= text.length || (code === 0x0a && !isMultiline)) {
        this.#unterminated(start, at, isMultiline, isRest);
        return;
      } else at += 1;
    }
  }

  #escape(at: number): number {
    const end = escapeEnd(this.#text, at);
    if (end !== undefined) return end;
    const next = this.#text.charCodeAt(at + 1);
    // At the end of the line or of the file the text itself is what is wrong.
    if (Number.isNaN(next) || next === 0x0a || next === 0x0d) return at + 1;
    const width = next >= 0xd800 && next < 0xdc00 ? 3 : 2;
    const written = this.#text.slice(at, at + width);
    this.#fail('E004', at, at + width, `there is no escape '${written}'`, ESCAPES_HINT);
    return at + width;
  }

  #unterminated(start: number, end: number, isMultiline: boolean, isRest: boolean): void {
    // Inside of an interpolation this text is more likely the end of the outer one: that is reported, by its line.
    const isInside = this.#open.length > 0;
    if (this.#open.at(-1)?.isMultiline === false && !isMultiline) {
      if (isRest) this.#push(T.TemplateEnd, start, end);
      this.#at = end;
      if (end >= this.#text.length) this.#closeInterpolations(end);
      return;
    }
    const quotes = isMultiline ? '"""' : '"';
    const hint = isMultiline ? undefined : 'texts of several lines stand in """';
    if (!isInside || !isMultiline) {
      this.#fail(
        'E002',
        start,
        start + (isRest ? 1 : quotes.length),
        `this text has no closing ${quotes}`,
        hint,
      );
    }
    this.#isCut ||= isMultiline;
    this.#push(isRest ? T.TemplateEnd : T.String, start, end);
  }
}
