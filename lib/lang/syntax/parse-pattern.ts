// The arms of a match, and their patterns.
import type { Expr, MatchArm, Name, Pattern, Stmt } from './ast.ts';
import { ExprParser } from './parse-expr.ts';
import { T as KINDS } from './token.ts';

// Copies, for speed (token.ts, K3).
const T = KINDS;

/** How far is looked ahead for the end of a type. */
const TYPE_TOKENS_MAX = 24;

export abstract class PatternParser extends ExprParser {
  /** Statements in braces. */
  protected abstract body(of: string): Stmt[];

  protected arms(): MatchArm[] {
    const open = this.pos;
    if (!this.eat(T.LBrace)) {
      this.fail(
        'E104',
        `expected '{' and the arms of the match, found ${this.describe(this.pos)}`,
        this.wordHint(),
      );
      return [];
    }
    const arms: MatchArm[] = [];
    while (this.kind !== T.RBrace && this.kind !== T.Eof && !this.beginsItem(this.pos)) {
      const before = this.pos;
      arms.push(this.#arm());
      if (this.isPanicking) this.recoverInBody(before);
      else this.eat(T.Comma);
      if (this.pos === before) this.advance();
    }
    this.close(T.RBrace, open);
    return arms;
  }

  #arm(): MatchArm {
    const { start } = this;
    const pattern = this.#pattern();
    let guard: Expr | undefined;
    // No lambda here: `if x => …` ends with the arm's arrow.
    if (!this.isPanicking && this.eat(T.If)) guard = this.binary(1);
    let body: MatchArm['body'] = [];
    if (!this.isPanicking) {
      const hint = this.kind === T.Arrow || this.kind === T.Colon ? 'arms look like "a" => value' : undefined;
      if (this.expect(T.FatArrow, 'after a pattern', hint)) body = this.#armBody();
    }
    return { span: this.spanFrom(start), pattern, ...(guard && { guard }), body };
  }

  #armBody(): MatchArm['body'] {
    if (this.kind === T.LBrace && !this.#isObject()) return this.body('an arm');
    const isStatement = (this.kind >= T.Return && this.kind <= T.Emit) || this.kindAt(this.pos + 1) === T.Eq;
    if (isStatement) {
      const hint = 'statements of an arm stand in braces: => { … }';
      this.fail('E102', `expected an expression, found ${this.describe(this.pos)}`, hint);
      return [];
    }
    return this.expression();
  }

  /** Behind `=>`, a brace begins an object if a name and `:` follow (but no `name: T = …`), or nothing. */
  #isObject(): boolean {
    const next = this.kindAt(this.pos + 1);
    if (next === T.RBrace) return true;
    if (this.kindAt(this.pos + 2) !== T.Colon) return false;
    return next === T.String || (this.isWord(next) && !this.#isTypeAndValue(this.pos + 3));
  }

  /** `T =`, in one line. */
  #isTypeAndValue(from: number): boolean {
    let brackets = 0;
    for (let at = from; at < from + TYPE_TOKENS_MAX && !this.isLineStartAt(at); at += 1) {
      const kind = this.kindAt(at);
      if (kind === T.LBracket) brackets += 1;
      else if (kind === T.RBracket) brackets -= 1;
      else if (kind === T.Eq) return at > from && brackets === 0;
      else if (kind === T.Comma ? brackets === 0 : !this.#isInType(kind)) return false;
    }
    return false;
  }

  #isInType(kind: number): boolean {
    return (
      kind === T.Ident ||
      kind === T.TypeIdent ||
      kind === T.Question ||
      kind === T.Bar ||
      kind === T.Null ||
      kind === T.Dot ||
      kind === T.String ||
      kind === T.Enum ||
      kind === T.Comma
    );
  }

  #pattern(): Pattern {
    const { start } = this;
    const first = this.enter() ? this.#simplePattern() : this.#noPattern();
    this.leave();
    if (this.kind !== T.Bar) return first;
    const options = [first];
    while (!this.isPanicking && this.eat(T.Bar)) options.push(this.#simplePattern());
    return { kind: 'pattern_or', span: this.spanFrom(start), options };
  }

  #noPattern(): Pattern {
    return { kind: 'pattern_any', span: this.spanAt(this.pos) };
  }

  #simplePattern(): Pattern {
    const { start } = this;
    switch (this.kind) {
      case T.Symbol: {
        this.advance();
        const span = this.spanFrom(start);
        return { kind: 'pattern_symbol', span, name: this.text.slice(span.start + 1, span.end) };
      }
      case T.Else:
        this.advance();
        return { kind: 'pattern_any', span: this.spanFrom(start) };
      case T.LBrace: {
        this.advance();
        const fields = this.list(T.RBrace, 'in this pattern', () => this.#patternField());
        return { kind: 'pattern_object', span: this.spanFrom(start), fields };
      }
      case T.Minus:
        return this.#negativePattern(start);
      case T.TemplateStart:
      case T.Uri:
        return this.#badPattern('patterns are fixed values');
      case T.Ident:
        if (this.textAt(this.pos) !== '_') break;
        this.advance();
        return { kind: 'pattern_any', span: this.spanFrom(start) };
      default: {
        const value = this.literal();
        if (value) return { kind: 'pattern_literal', span: value.span, value };
      }
    }
    const name = this.textAt(this.pos);
    const isName = this.kind === T.Ident || this.kind === T.TypeIdent;
    const hint = isName ? `"${name}" is a text, :${name} a symbol; _ fits everything` : undefined;
    return this.#badPattern(
      hint ?? 'patterns are literals, :symbols, { fields }, _ and else, with | between them',
    );
  }

  #badPattern(hint: string): Pattern {
    this.fail('E106', `${this.describe(this.pos)} is no pattern`, hint);
    return this.#noPattern();
  }

  #negativePattern(start: number): Pattern {
    const id = this.id();
    this.advance();
    if (this.kind !== T.Int && this.kind !== T.Float && this.kind !== T.Duration) {
      return this.#badPattern("a number follows '-'");
    }
    const inner = this.literal() ?? this.errorExpr();
    const span = this.spanFrom(start);
    return { kind: 'pattern_literal', span, value: { kind: 'unary', span, id, op: '-', value: inner } };
  }

  #patternField():
    { readonly name: Name; readonly pattern?: Pattern; readonly span: Name['span'] } | undefined {
    const { start } = this;
    const isReserved = this.kind !== T.Ident && this.kind !== T.TypeIdent;
    const name = this.fieldName('a field');
    if (!name) return undefined;
    if (this.kind !== T.Colon && this.kind !== T.Symbol) {
      if (isReserved) {
        const hint = `give it a pattern: '${name.text}: _'`;
        this.remark('E006', name.span, `'${name.text}' is a reserved word, and cannot be bound`, hint);
      }
      return { name, span: name.span };
    }
    // `kind::a` and `kind: :a`; a symbol directly behind the name is its pattern.
    if (this.kind === T.Colon) this.advance();
    const pattern = this.#pattern();
    return { name, pattern, span: this.spanFrom(start) };
  }
}
