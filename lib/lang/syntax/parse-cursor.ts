// Where the parser is, and how it says what is wrong there.
//   P1. A mistake makes the parser panic: it reports nothing more until parse-core.ts has found where to go on. So one
//       mistake is one diagnostic.
//   P2. What the lexer reported is not reported again: mistakes in the same or the next line after one are silent.
import type { DiagnosticCode } from '../source/codes.ts';
import type { Diagnostic, Report } from '../source/diagnostic.ts';
import type { SourceText, Span } from '../source/source-text.ts';
import type { Name } from './ast.ts';
import { SIGN_TEXTS } from './lex-punctuation.ts';
import { T as KINDS, type Tokens, WORD_FIRST, WORD_LAST } from './token.ts';

// A copy, for speed (token.ts, K3).
const T = KINDS;

/** A power of two. */
const NAME_SLOTS = 256;

function slotOf(text: string, start: number, end: number): number {
  const middle = text.charCodeAt((start + end) >> 1);
  const hash = text.charCodeAt(start) * 31 + middle * 7 + text.charCodeAt(end - 1) * 97 + (end - start) * 13;
  return hash & (NAME_SLOTS - 1);
}

export abstract class Cursor {
  protected readonly text: string;
  protected readonly report: Report;
  /** The index of the current token, and its kind. */
  protected pos = 0;
  protected kind: number;
  protected isPanicking = false;
  protected nextId: number;
  protected readonly source: SourceText;
  readonly #tokens: Tokens;
  readonly #kinds: Uint8Array;
  readonly #starts: Int32Array;
  readonly #ends: Int32Array;
  readonly #lineStarts: Uint8Array;
  readonly #last: number;
  /** Texts of tokens that were met, so that a name is one string however often it is written; later ones win. */
  readonly #names = new Array<string | undefined>(NAME_SLOTS);
  /** A mistake of the lexer, and the end of the line after it: within, P2 holds. */
  #shadowOf = -1;
  #shadowEnd = -1;

  constructor(tokens: Tokens, report: Report, firstId: number) {
    this.source = tokens.source;
    this.text = tokens.source.text;
    this.report = report;
    this.nextId = firstId;
    this.#tokens = tokens;
    this.#kinds = tokens.kinds;
    this.#starts = tokens.starts;
    this.#ends = tokens.ends;
    this.#lineStarts = tokens.lineStarts;
    this.#last = tokens.count - 1;
    this.kind = this.kindAt(0);
  }

  // ---- The cursor ----

  protected kindAt(index: number): number {
    return (index < this.#last ? this.#kinds[index] : T.Eof) as number;
  }
  protected startAt(index: number): number {
    return this.#starts[index < this.#last ? index : this.#last] as number;
  }
  protected endAt(index: number): number {
    return this.#ends[index < this.#last ? index : this.#last] as number;
  }
  protected get start(): number {
    return this.#starts[this.pos] as number;
  }
  /** The end of the token before. */
  protected get lastEnd(): number {
    return this.pos === 0 ? 0 : (this.#ends[this.pos - 1] as number);
  }
  /** The current token is the first of its line. */
  protected get isLineStart(): boolean {
    return this.#lineStarts[this.pos] === 1;
  }
  protected isLineStartAt(index: number): boolean {
    return this.#lineStarts[index < this.#last ? index : this.#last] === 1;
  }

  protected advance(): void {
    if (this.pos < this.#last) this.pos += 1;
    this.kind = this.#kinds[this.pos] as number;
  }

  /** As `kind ===`, where the compiler believes to know the kind from before the cursor moved. */
  protected is(kind: number): boolean {
    return this.kind === kind;
  }
  protected eat(kind: number): boolean {
    if (this.kind !== kind) return false;
    this.advance();
    return true;
  }

  protected textAt(index: number): string {
    const start = this.startAt(index);
    const end = this.endAt(index);
    const slot = slotOf(this.text, start, end);
    const known = this.#names[slot];
    if (known?.length === end - start && this.text.startsWith(known, start)) return known;
    return (this.#names[slot] = this.text.slice(start, end));
  }
  protected spanAt(index: number): Span {
    return { start: this.startAt(index), end: this.endAt(index) };
  }
  /** To the end of the token before. */
  protected spanFrom(start: number): Span {
    const end = this.lastEnd;
    return { start, end: end < start ? start : end };
  }
  /** Takes the current token as a name. */
  protected takeName(): Name {
    const name = { text: this.textAt(this.pos), span: this.spanAt(this.pos) };
    this.advance();
    return name;
  }
  protected isWord(kind: number): boolean {
    return (
      kind === T.Ident || kind === T.TypeIdent || kind === T.In || (kind >= WORD_FIRST && kind <= WORD_LAST)
    );
  }

  /** A `:`; also one that the lexer took for the begin of a symbol, as in `x :int`. */
  protected eatColon(): boolean {
    if (this.kind === T.Symbol) {
      this.#starts[this.pos] = this.start + 1;
      const first = this.text.charCodeAt(this.start);
      this.#kinds[this.pos] = this.kind = first >= 0x41 && first <= 0x5a ? T.TypeIdent : T.Ident;
      return true;
    }
    return this.eat(T.Colon);
  }

  // ---- Mistakes ----

  /** How a token is called in messages. */
  protected describe(index: number): string {
    const kind = this.kindAt(index);
    if (kind === T.Eof) return 'the end of the file';
    if (kind === T.String || (kind >= T.TemplateStart && kind <= T.TemplateEnd)) return 'a text';
    const text = this.textAt(index);
    return text.length > 40 ? `'${text.slice(0, 40)}…'` : `'${text}'`;
  }

  /** Reports at a token, unless it would only repeat an earlier mistake (P1, P2), and panics. */
  protected fail(
    code: DiagnosticCode,
    message: string,
    hint?: string,
    at = this.pos,
    related?: Diagnostic['related'],
  ): void {
    if (!this.isPanicking && !this.#isFollowUp(at))
      this.report(code, this.spanAt(at), message, { hint, related });
    this.isPanicking = true;
  }

  /** Reports something of which the parser knows how it was meant, and goes on. */
  protected remark(code: DiagnosticCode, span: Span, message: string, hint?: string): void {
    if (!this.isPanicking) this.report(code, span, message, { hint });
  }

  /** Whether the lexer could not read the token at this place. */
  protected isUnread(offset: number): boolean {
    const offsets = this.#tokens.errorOffsets;
    return offsets[firstAbove(offsets, offset) - 1] === offset;
  }

  #isFollowUp(at: number): boolean {
    const kind = this.kindAt(at);
    if (kind === T.Eof) return this.#tokens.isCut || this.#isAfterLexerError(this.endAt(this.#last));
    if (kind === T.AtUnknown || this.startAt(at) === this.endAt(at)) return true;
    return this.#isAfterLexerError(this.startAt(at));
  }

  #isAfterLexerError(offset: number): boolean {
    const offsets = this.#tokens.errorOffsets;
    const nearest = offsets[firstAbove(offsets, offset) - 1];
    if (nearest === undefined) return false;
    if (nearest !== this.#shadowOf) {
      this.#shadowOf = nearest;
      const firstBreak = this.text.indexOf('\n', nearest);
      const secondBreak = firstBreak < 0 ? -1 : this.text.indexOf('\n', firstBreak + 1);
      this.#shadowEnd = secondBreak < 0 ? this.text.length : secondBreak;
    }
    return offset <= this.#shadowEnd;
  }

  /** E101. `where` says what it is for: "to close '(' in line 3". */
  protected expect(kind: number, where: string, hint?: string): boolean {
    if (this.eat(kind)) return true;
    const sign = SIGN_TEXTS.get(kind) ?? '?';
    this.fail(
      'E101',
      `expected '${sign}' ${where}, found ${this.describe(this.pos)}`,
      hint ?? this.wordHint(),
    );
    return false;
  }

  /** Words that other languages have where this one has signs. */
  protected wordHint(): string | undefined {
    if (this.kind === T.Ident) {
      const word = this.textAt(this.pos);
      if (word === 'and') return '"and" is written &&';
      if (word === 'or') return '"or" is written ||';
      if (word === 'is') return 'to compare, write ==';
      if (word === 'then' || word === 'do') return 'bodies stand in braces: { … }';
    }
    if (this.kind === T.Question) return 'choose with if a { b } else { c }';
    if (this.isLineStart && (this.kind === T.Minus || this.kind === T.LParen || this.kind === T.LBracket)) {
      return `a line that begins with ${this.describe(this.pos)} is a new statement: leave the sign at the end of the line before`;
    }
    return undefined;
  }
}

/** The index of the first of ascending numbers that is above `limit`. */
function firstAbove(numbers: readonly number[], limit: number): number {
  let low = 0;
  for (let high = numbers.length; low < high;) {
    const middle = (low + high) >> 1;
    if ((numbers[middle] ?? 0) <= limit) low = middle + 1;
    else high = middle;
  }
  return low;
}
