// Literals, and texts with interpolations.
import type { Expr, StringExpr, TemplateExpr } from './ast.ts';
import { dateTimeOf, durationOf, numberOf } from './lex-number.ts';
import { TypeParser } from './parse-type.ts';
import { multilineValues, unescaped } from './text-literal.ts';
import { T as KINDS } from './token.ts';

// Copies, for speed (token.ts, K3).
const T = KINDS;

export abstract class LiteralParser extends TypeParser {
  protected id(): number {
    return this.nextId++;
  }

  /** Stands where an expression is missing. */
  protected errorExpr(): Expr {
    return { kind: 'expr_error', span: this.spanAt(this.pos), id: this.id() };
  }

  /** Undefined: the current token is no literal. */
  protected literal(): Expr | undefined {
    const { pos } = this;
    const span = this.spanAt(pos);
    switch (this.kind) {
      case T.String:
        return this.string();
      case T.TemplateStart:
        return this.#template();
      case T.Int: {
        // `5y`: not an int either, so nothing is said of its type.
        const unread = this.isUnread(span.start) ? this.errorExpr() : undefined;
        this.advance();
        if (unread) return unread;
        const value = numberOf(this.textAt(pos));
        return { kind: 'int', span, id: this.id(), value: Number.isSafeInteger(value) ? value : 0 };
      }
      case T.Float:
        this.advance();
        return { kind: 'float', span, id: this.id(), value: numberOf(this.textAt(pos)) };
      case T.True:
      case T.False: {
        const value = this.kind === T.True;
        this.advance();
        return { kind: 'bool', span, id: this.id(), value };
      }
      case T.Null:
        this.advance();
        return { kind: 'null', span, id: this.id() };
      case T.Symbol:
        this.advance();
        return { kind: 'symbol', span, id: this.id(), name: this.text.slice(span.start + 1, span.end) };
      case T.Duration: {
        this.advance();
        const text = this.textAt(pos);
        return { kind: 'duration', span, id: this.id(), value: durationOf(text), text };
      }
      case T.Date:
        this.advance();
        return { kind: 'date', span, id: this.id(), value: this.textAt(pos).slice(0, 10) };
      case T.DateTime:
        this.advance();
        return { kind: 'datetime', span, id: this.id(), value: dateTimeOf(this.textAt(pos)) };
      case T.Uri:
        this.advance();
        return { kind: 'uri', span, id: this.id(), value: this.textAt(pos) };
      default:
        return undefined;
    }
  }

  /** The current token is a text without interpolations. */
  protected string(): StringExpr {
    const span = this.spanAt(this.pos);
    this.advance();
    const is_multiline = this.text.startsWith('"""', span.start);
    if (!is_multiline) {
      // What has no closing quote ends with its line.
      const isClosed = this.#isQuoted(span.start, span.end);
      const raw = this.text.slice(span.start + 1, isClosed ? span.end - 1 : span.end);
      return { kind: 'string', span, id: this.id(), value: unescaped(raw), is_multiline };
    }
    const [value = ''] = multilineValues([
      this.text.slice(span.start + 3, Math.max(span.start + 3, span.end - 3)),
    ]);
    return { kind: 'string', span, id: this.id(), value, is_multiline };
  }

  /** Quotes of other kinds, which the lexer reported, count. */
  #isQuoted(start: number, end: number): boolean {
    const last = this.text.charCodeAt(end - 1);
    return end - start >= 2 && (last === 0x22 || this.text.charCodeAt(start) !== 0x22);
  }

  #template(): TemplateExpr {
    const { start } = this;
    const id = this.id();
    const is_multiline = this.text.startsWith('"""', start);
    const raws: string[] = [];
    const values: Expr[] = [];
    let from = start + (is_multiline ? 3 : 1);
    for (let isLast = false; !isLast;) {
      raws.push(this.text.slice(from, this.endAt(this.pos) - 2));
      this.advance();
      values.push(this.expression());
      const hasPart = this.#toEndOfInterpolation();
      from = this.start + 1;
      isLast = this.kind !== T.TemplatePart || !hasPart;
    }
    const hasEnd = this.kind === T.TemplateEnd;
    if (hasEnd) {
      raws.push(this.text.slice(from, Math.max(from, this.endAt(this.pos) - (is_multiline ? 3 : 1))));
      this.advance();
    } else raws.push('');
    const texts = is_multiline ? multilineValues(raws) : raws.map(unescaped);
    const parts: (string | Expr)[] = [];
    texts.forEach((text, index) => {
      if (text !== '') parts.push(text);
      const value = values[index];
      if (value) parts.push(value);
    });
    return { kind: 'template', span: this.spanFrom(start), id, parts, is_multiline };
  }

  /** Skips what does not belong to the expression; what was left out of it is reported once. */
  #toEndOfInterpolation(): boolean {
    const isEnd = (): boolean => this.kind === T.TemplatePart || this.kind === T.TemplateEnd;
    if (!isEnd()) {
      this.fail(
        'E101',
        `expected '}' after this expression, found ${this.describe(this.pos)}`,
        this.wordHint(),
      );
      while (!isEnd() && this.kind !== T.Eof && !this.beginsItem(this.pos)) this.skip();
    }
    // The text's end is a place to go on from, as a closing bracket is.
    if (isEnd()) this.isPanicking = false;
    return isEnd();
  }
}
