// What all parts of the parser stand on: the cursor, how mistakes are reported, and how the parser finds its way back.
//   P1. A mistake makes the parser panic: it reports nothing more until a list or body has found where its next member
//       begins, or a bracket has been closed. So one mistake is one diagnostic.
//   P2. What the lexer reported is not reported again: mistakes in the same or the next line after one are silent.
//   P3. The cursor only moves forward, and every loop moves it: the parser ends on every input, in linear time.
//   P4. No tree is higher than DEPTH_MAX, chains of operators included, so later passes may recurse.
import type { DiagnosticCode } from '../source/codes.ts';
import type { Diagnostic, Report } from '../source/diagnostic.ts';
import type { Span } from '../source/source-text.ts';
import type { Name } from './ast.ts';
import { AT as AT_WORDS, atNameOf, ITEM_WORDS as ITEM_KINDS } from './keywords.ts';
import { SIGN_TEXTS } from './lex-punctuation.ts';
import { AT_FIRST, T as KINDS, type Tokens, WORD_FIRST, WORD_LAST } from './token.ts';

// Copies, for speed (token.ts, K3).
const AT = AT_WORDS;
const ITEM_WORDS = ITEM_KINDS;
const T = KINDS;

export const DEPTH_MAX = 200;

export abstract class ParseCore {
  protected readonly text: string;
  protected readonly report: Report;
  /** The index of the current token, and its kind. */
  protected pos = 0;
  protected kind: number;
  protected isPanicking = false;
  protected nextId: number;
  /** How deep the parser is, and the greatest depth of what the current expression is made of (P4). */
  protected depth = 0;
  protected deepest = 0;
  #isDepthReported = false;
  readonly #tokens: Tokens;
  readonly #kinds: Uint8Array;
  readonly #starts: Int32Array;
  readonly #ends: Int32Array;
  readonly #lineStarts: Uint8Array;
  readonly #last: number;

  constructor(tokens: Tokens, report: Report, firstId: number) {
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
    return this.text.slice(this.startAt(index), this.endAt(index));
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

  #isFollowUp(at: number): boolean {
    const kind = this.kindAt(at);
    if (kind === T.Eof) return this.#tokens.isCut || this.#isAfterLexerError(this.endAt(this.#last));
    if (kind === T.AtUnknown || this.startAt(at) === this.endAt(at)) return true;
    return this.#isAfterLexerError(this.startAt(at));
  }

  #isAfterLexerError(offset: number): boolean {
    const offsets = this.#tokens.errorOffsets;
    let low = 0;
    for (let high = offsets.length; low < high;) {
      const middle = (low + high) >> 1;
      if ((offsets[middle] ?? 0) <= offset) low = middle + 1;
      else high = middle;
    }
    const nearest = offsets[low - 1];
    if (nearest === undefined) return false;
    const firstBreak = this.text.indexOf('\n', nearest);
    if (firstBreak < 0 || firstBreak >= offset) return true;
    const secondBreak = this.text.indexOf('\n', firstBreak + 1);
    return secondBreak < 0 || secondBreak >= offset;
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
      if (word === 'then' || word === 'do') return 'bodies stand in braces: { … }';
    }
    if (this.kind === T.Question) return 'choose with if a { b } else { c }';
    if (this.isLineStart && (this.kind === T.Minus || this.kind === T.LParen || this.kind === T.LBracket)) {
      return `a line that begins with ${this.describe(this.pos)} is a new statement: leave the sign at the end of the line before`;
    }
    return undefined;
  }

  // ---- Finding the way back ----

  /** Closes what the token `open` opened. Closing it ends a panic: brackets in balance are a place to go on from. */
  protected close(kind: number, open: number): void {
    if (this.kind === kind) {
      this.advance();
      this.isPanicking = false;
      return;
    }
    if (this.isPanicking) return;
    const { line } = this.#tokens.source.positionAt(this.startAt(open));
    const sign = SIGN_TEXTS.get(kind) ?? '?';
    const opening = this.textAt(open);
    const related = [
      { source: this.#tokens.source, span: this.spanAt(open), message: `'${opening}' was opened here` },
    ];
    const message = `expected '${sign}' to close '${opening}' in line ${line}, found ${this.describe(this.pos)}`;
    this.fail('E101', message, this.wordHint(), this.pos, related);
  }

  /** Members up to a closing sign, whose opening one is the token before. A comma or a line break stands between. */
  protected list<N>(close: number, what: string, member: () => N | undefined): N[] {
    const open = this.pos - 1;
    const members: N[] = [];
    while (this.kind !== close && this.kind !== T.Eof && !this.isClosing(this.kind)) {
      const before = this.pos;
      const found = member();
      if (found !== undefined) members.push(found);
      if (this.isPanicking && !this.#recoverInList(close, before)) break;
      if (close !== T.RBrace && this.isLineStart && this.#isCutText(this.pos - 1)) {
        // The closing sign is in the text that has no end.
        this.isPanicking = true;
        break;
      }
      if (this.kind === T.Comma) this.advance();
      else if (!this.isClosing(this.kind) && this.kind !== T.Eof && !this.#beginsMember(close)) {
        const sign = SIGN_TEXTS.get(close) ?? '?';
        const message = `expected ',' or '${sign}' ${what}, found ${this.describe(this.pos)}`;
        this.fail('E101', message, this.wordHint());
        if (!this.#recoverInList(close, before)) break;
        this.eat(T.Comma);
      }
      if (this.pos === before) this.advance();
    }
    this.close(close, open);
    return members;
  }

  /** A text that ends with its line, which the lexer reported. */
  #isCutText(index: number): boolean {
    if (this.kindAt(index) !== T.String) return false;
    const { start, end } = this.spanAt(index);
    const isQuoted = end - start >= 2 && this.text.charCodeAt(end - 1) === 0x22;
    return this.text.charCodeAt(start) === 0x22 && !isQuoted;
  }

  /** Without a comma: in the next line, or, in braces, a field: a word and what follows words there. */
  #beginsMember(close: number): boolean {
    if (this.isLineStart) return true;
    if (close !== T.RBrace) return false;
    if (this.kind >= AT_FIRST || this.kind === T.Type || this.kind === T.Pub) return true;
    const next = this.kindAt(this.pos + 1);
    return this.isWord(this.kind) && (next === T.Eq || next === T.Colon || next === T.LParen);
  }

  /** To the next member. False: something came that is no longer in this list. */
  #recoverInList(close: number, memberStart: number): boolean {
    while (this.kind !== T.Eof) {
      if (this.kind === T.Comma || this.kind === close) {
        this.isPanicking = false;
        return true;
      }
      if (this.isClosing(this.kind) && this.kind !== T.RParen && this.kind !== T.RBracket) return false;
      if (this.isLineStart && this.pos > memberStart) {
        if (this.beginsItem(this.pos) || this.#beginsStatement(this.kind)) return false;
        if (close === T.RBrace) {
          this.isPanicking = false;
          return true;
        }
      }
      this.skip();
    }
    return false;
  }

  #beginsStatement(kind: number): boolean {
    return kind >= AT_FIRST || (kind >= T.If && kind <= T.Emit);
  }
  protected isClosing(kind: number): boolean {
    return (
      kind === T.RBrace ||
      kind === T.RParen ||
      kind === T.RBracket ||
      kind === T.TemplateEnd ||
      kind === T.TemplatePart
    );
  }

  /** Skips a token, or a bracketed group with all that is in it. */
  protected skip(): void {
    let open = 0;
    do {
      const { kind } = this;
      if (kind === T.LBrace || kind === T.LParen || kind === T.LBracket || kind === T.TemplateStart)
        open += 1;
      else if (kind === T.RBrace || kind === T.RParen || kind === T.RBracket || kind === T.TemplateEnd)
        open -= 1;
      this.advance();
    } while (open > 0 && this.kind !== T.Eof && !this.beginsItem(this.pos));
  }

  /** To the next line of a body, its end, or a declaration that shows that its end is missing. */
  protected recoverInBody(memberStart: number): void {
    while (this.kind !== T.Eof && this.kind !== T.RBrace) {
      if (this.beginsItem(this.pos)) return;
      if (this.isLineStart && this.pos > memberStart && !this.#continuesLine(this.kind)) break;
      this.skip();
    }
    this.isPanicking = false;
  }

  /** A line that begins so belongs to what is being skipped. */
  #continuesLine(kind: number): boolean {
    return (
      kind === T.Else ||
      kind === AT.catch ||
      kind === T.Dot ||
      kind === T.RParen ||
      kind === T.RBracket ||
      kind === T.LBrace ||
      (kind >= T.Pipe && kind <= T.Percent && kind !== T.Minus)
    );
  }

  /** A declaration begins a line here, which in a body of statements nothing does. */
  protected beginsItem(index: number): boolean {
    if (!this.isLineStartAt(index)) return false;
    const kind = this.kindAt(index);
    if (kind === T.Pub || kind === T.Async) return ITEM_WORDS.has(this.kindAt(index + 1));
    return kind >= AT_FIRST && ITEM_WORDS.has(kind);
  }

  // ---- Names ----

  /** A name that is declared here. Undefined: there is none (E105); reserved words are taken, and reported (E006). */
  protected declaredName(what: string): Name | undefined {
    if (this.kind === T.Ident) return this.takeName();
    if (this.kind === T.TypeIdent) {
      const name = this.takeName();
      const lower = name.text.charAt(0).toLowerCase() + name.text.slice(1);
      const hint = `names of types and cores are capitalised; write '${lower}'`;
      this.remark('E105', name.span, `${what} begins with a small letter`, hint);
      return name;
    }
    return this.reservedName(what);
  }

  protected declaredTypeName(what: string): Name | undefined {
    if (this.kind === T.TypeIdent) return this.takeName();
    if (this.kind === T.Ident) {
      const name = this.takeName();
      const upper = name.text.charAt(0).toUpperCase() + name.text.slice(1);
      this.remark('E105', name.span, `${what} begins with a capital letter`, `write '${upper}'`);
      return name;
    }
    return this.reservedName(what);
  }

  protected reservedName(what: string): Name | undefined {
    if (this.isWord(this.kind)) {
      const name = this.takeName();
      const hint = `write '${name.text}_', for example`;
      this.remark('E006', name.span, `'${name.text}' is a reserved word, and no name for ${what}`, hint);
      return name;
    }
    this.fail('E105', `expected the name of ${what}, found ${this.describe(this.pos)}`);
    return undefined;
  }

  /** A name of a field, which may be a reserved word: nothing else stands where fields do. */
  protected fieldName(what: string): Name | undefined {
    if (this.isWord(this.kind)) return this.takeName();
    this.fail('E105', `expected ${what}, found ${this.describe(this.pos)}`);
    return undefined;
  }

  // ---- Depth ----

  /** One level down; false if it is one too many (E108, reported). Call `leave` in either case. */
  protected enter(): boolean {
    if (this.depth === 0) this.#isDepthReported = false;
    this.depth += 1;
    if (this.depth > this.deepest) this.deepest = this.depth;
    if (this.depth <= DEPTH_MAX) return true;
    this.failTooDeep(`nested more than ${DEPTH_MAX} levels deep`, 'take parts out into names of their own');
    return false;
  }
  /** E108, once for a declaration: each of the levels would be closed, and too deep again. */
  protected failTooDeep(message: string, hint: string): void {
    if (this.#isDepthReported) this.isPanicking = true;
    else this.fail('E108', message, hint);
    this.#isDepthReported = true;
  }
  protected leave(): void {
    this.depth -= 1;
  }

  protected atName(kind: number): string {
    return `@${atNameOf(kind)}`;
  }
}
