// What expressions are made of: names, brackets, objects, and choices.
import type { Expr, FieldNode, MatchArm, Name, ObjectExpr } from './ast.ts';
import { AT as AT_WORDS, BLOCK_WORDS, placeOf } from './keywords.ts';
import { LiteralParser } from './parse-literal.ts';
import { unescaped } from './text-literal.ts';
import { AT_FIRST, T as KINDS } from './token.ts';

// Copies, for speed (token.ts, K3).
const AT = AT_WORDS;
const T = KINDS;

export abstract class PrimaryParser extends LiteralParser {
  /** In the head of a loop, outside of brackets: what stands in parentheses there may be the loop's options. */
  protected isHead = false;

  /** The arms of a match, from its opening brace. */
  protected abstract arms(): MatchArm[];
  /** Reports fields that are given twice. */
  protected abstract checkTwice(fields: readonly FieldNode[]): void;

  protected primary(): Expr {
    if (this.kind === T.Ident || this.kind === T.TypeIdent) {
      if (this.isLineStart && this.#isNextStatement()) return this.#noExpression();
      const { pos } = this;
      const ref: Expr = { kind: 'ref', span: this.spanAt(pos), id: this.nextId++, name: this.textAt(pos) };
      this.advance();
      return ref;
    }
    switch (this.kind) {
      case T.LParen: {
        const open = this.pos;
        const isHead = this.isHead;
        this.isHead = false;
        this.advance();
        const inner = this.expression();
        this.close(T.RParen, open);
        this.isHead = isHead;
        return inner;
      }
      case T.LBracket: {
        const { start } = this;
        const id = this.id();
        this.advance();
        const items = this.list(T.RBracket, 'after an item', () => this.expression());
        return { kind: 'list', span: this.spanFrom(start), id, items };
      }
      case T.LBrace:
        return this.object();
      case T.If:
        return this.#conditional();
      case T.Match:
        return this.matchExpr(false);
      default:
        break;
    }
    if (this.kind === AT.match) return this.matchExpr(true);
    return this.literal() ?? this.#noExpression();
  }

  /** The line before lacks its end: `x =`, and in the next line `y = 1`. */
  #isNextStatement(): boolean {
    const before = this.pos > 0 ? this.kindAt(this.pos - 1) : T.Eof;
    const isOpen = before === T.Eq || before === T.FatArrow || (before >= T.Pipe && before <= T.Percent);
    return isOpen && this.kindAt(this.pos + 1) === T.Eq;
  }

  /** From the brace on. */
  protected object(): ObjectExpr {
    const { start } = this;
    const id = this.id();
    this.advance();
    const fields = this.list(T.RBrace, 'in this object', () => this.#objectField());
    this.checkTwice(fields);
    return { kind: 'object', span: this.spanFrom(start), id, fields };
  }

  #objectField(): FieldNode | undefined {
    let name: Name | undefined;
    if (this.kind === T.String) {
      const span = this.spanAt(this.pos);
      name = { text: unescaped(this.text.slice(span.start + 1, span.end - 1)), span };
      this.advance();
    } else name = this.fieldName("a field, or '}'");
    if (!name) return undefined;
    return this.fieldValue(name);
  }

  /** From behind the name: `= value` or `: value`. */
  protected fieldValue(name: Name): FieldNode | undefined {
    if (this.kind !== T.Eq && !(this.kind === T.Colon || this.kind === T.Symbol)) {
      this.expect(T.Eq, `and a value after '${name.text}'`, this.#valueHint(name));
      return undefined;
    }
    if (this.kind === T.Eq) this.advance();
    else this.eatColon();
    const value = this.expression();
    return { kind: 'field', span: this.spanFrom(name.span.start), name, value };
  }

  #valueHint(name: Name): string | undefined {
    const isEnd = this.kind === T.Comma || this.kind === T.RBrace;
    return isEnd ? `there is no short form: write '${name.text}: ${name.text}'` : undefined;
  }

  #conditional(): Expr {
    const { start } = this;
    const id = this.id();
    this.advance();
    const condition = this.expression();
    const then = this.#branch();
    let otherwise: Expr;
    if (this.eat(T.Else)) otherwise = this.kind === T.If ? this.#elseIf() : this.#branch();
    else {
      if (!this.isPanicking) this.fail('E101', "expected 'else': an if that is a value has both branches");
      otherwise = this.errorExpr();
    }
    return { kind: 'conditional', span: this.spanFrom(start), id, condition, then, otherwise };
  }

  #elseIf(): Expr {
    const result = this.enter() ? this.#conditional() : this.errorExpr();
    this.leave();
    return result;
  }

  #branch(): Expr {
    const open = this.pos;
    if (this.isPanicking) return this.errorExpr();
    if (!this.eat(T.LBrace)) {
      this.fail('E104', `expected '{', found ${this.describe(this.pos)}`, this.wordHint());
      return this.errorExpr();
    }
    const value = this.expression();
    this.close(T.RBrace, open);
    return value;
  }

  protected matchExpr(is_block: boolean): Expr {
    const { start } = this;
    const id = this.id();
    this.advance();
    const subject = this.expression();
    const arms = this.isPanicking ? [] : this.arms();
    return { kind: 'match_expr', span: this.spanFrom(start), id, is_block, subject, arms };
  }

  #noExpression(): Expr {
    const { kind } = this;
    const found = this.describe(this.pos);
    if (BLOCK_WORDS.has(kind)) {
      this.fail(
        'E100',
        `${found} is no expression`,
        `give its result a name first: result = ${this.atName(kind)} …`,
      );
    } else if (kind >= AT_FIRST && !this.isLineStart) {
      this.fail('E114', `${found} does not stand here`, `it stands ${placeOf(kind)}`);
    } else if (this.isWord(kind) && kind !== T.In && !this.isLineStart && !this.#isStatementWord(kind)) {
      const { start } = this;
      const name = this.reservedName('a value');
      return { kind: 'ref', span: this.spanFrom(start), id: this.id(), name: name?.text ?? '' };
    } else this.fail('E102', `expected an expression, found ${found}`, this.#expressionHint());
    return this.errorExpr();
  }

  #isStatementWord(kind: number): boolean {
    return kind >= T.Else && kind <= T.Emit;
  }

  #expressionHint(): string | undefined {
    const before = this.pos > 0 ? this.kindAt(this.pos - 1) : T.Eof;
    if (this.kind === T.Eq && (before === T.EqEq || before === T.NotEq)) {
      return `there is no '${this.textAt(this.pos - 1)}=': write ${this.textAt(this.pos - 1)}`;
    }
    if (this.kind === T.Plus && before === T.Plus) return "there is no '++': write x = x + 1";
    if (this.kind === T.Eq && before >= T.Coalesce && before <= T.Percent) {
      return `there is no '${this.textAt(this.pos - 1)}=': write x = x ${this.textAt(this.pos - 1)} …`;
    }
    if (this.kind === T.Dot) return 'a number begins with a digit: 0.5';
    return undefined;
  }
}
