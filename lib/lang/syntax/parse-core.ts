// How the parser finds its way back after a mistake, and what else all of its parts share: lists, names, depth.
//   P1. A panic (parse-cursor.ts) ends where the next member of a list or body begins, or where a bracket is closed.
//   P3. The cursor only moves forward, and every loop moves it: the parser ends on every input, in linear time.
//   P4. No tree is higher than DEPTH_MAX, chains of operators included, so later passes may recurse.
import type { Name } from './ast.ts';
import { AT as AT_WORDS, atNameOf, ITEM_WORDS as ITEM_KINDS } from './keywords.ts';
import { SIGN_TEXTS } from './lex-punctuation.ts';
import { Cursor } from './parse-cursor.ts';
import { AT_FIRST, T as KINDS } from './token.ts';

// Copies, for speed (token.ts, K3).
const AT = AT_WORDS;
const ITEM_WORDS = ITEM_KINDS;
const T = KINDS;

export const DEPTH_MAX = 200;

export abstract class ParseCore extends Cursor {
  /** How deep the parser is, and the greatest depth of what the current expression is made of (P4). */
  protected depth = 0;
  protected deepest = 0;
  #isDepthReported = false;

  // ---- Finding the way back ----

  /** Closes what the token `open` opened. Closing it ends a panic: brackets in balance are a place to go on from. */
  protected close(kind: number, open: number): void {
    if (this.kind === kind) {
      this.advance();
      this.isPanicking = false;
      return;
    }
    if (this.isPanicking) return;
    const { line } = this.source.positionAt(this.startAt(open));
    const sign = SIGN_TEXTS.get(kind) ?? '?';
    const opening = this.textAt(open);
    const related = [
      { source: this.source, span: this.spanAt(open), message: `'${opening}' was opened here` },
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
  protected declaredName(what: string, hint?: string): Name | undefined {
    if (this.kind === T.Ident) return this.takeName();
    if (this.kind === T.TypeIdent) {
      const name = this.takeName();
      const lower = name.text.charAt(0).toLowerCase() + name.text.slice(1);
      const small = `names of types and cores are capitalised; write '${lower}'`;
      this.remark('E105', name.span, `${what} begins with a small letter`, small);
      return name;
    }
    return this.reservedName(what, hint);
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

  protected reservedName(what: string, hint?: string): Name | undefined {
    if (this.isWord(this.kind)) {
      const name = this.takeName();
      const other = `write '${name.text}_', for example`;
      this.remark('E006', name.span, `'${name.text}' is a reserved word, and no name for ${what}`, other);
      return name;
    }
    this.fail('E105', `expected the name of ${what}, found ${this.describe(this.pos)}`, hint);
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
