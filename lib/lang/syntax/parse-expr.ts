// Expressions. Precedence, tightest first: postfix; ! -; * / %; + -; < <= > >= in; == !=; &&; ||; ??; =>; pipes.
//   X1. A line break ends an expression, unless `.`, a binary sign or a pipe follows; `-`, `[` and `(` at the start of
//       a line begin a new statement.
import type { Argument, BinaryOp, Expr, FieldNode, MatchArm, ObjectExpr, Name, PipeExpr } from './ast.ts';
import { HEAD_OPTIONS } from './block-fields.ts';
import { AT as AT_WORDS, BLOCK_WORDS, placeOf } from './keywords.ts';
import { LiteralParser } from './parse-literal.ts';
import { DEPTH_MAX } from './parse-core.ts';
import { unescaped } from './text-literal.ts';
import { AT_FIRST, T as KINDS } from './token.ts';

// Copies, for speed (token.ts, K3).
const AT = AT_WORDS;
const T = KINDS;

const PRECEDENCE = new Uint8Array(256);
const OPERATORS: (BinaryOp | undefined)[] = [];
const LEVELS: readonly (readonly (readonly [number, BinaryOp])[])[] = [
  [[T.Coalesce, '??']],
  [[T.OrOr, '||']],
  [[T.AndAnd, '&&']],
  [
    [T.EqEq, '=='],
    [T.NotEq, '!='],
  ],
  [
    [T.Lt, '<'],
    [T.LtEq, '<='],
    [T.Gt, '>'],
    [T.GtEq, '>='],
    [T.In, 'in'],
  ],
  [
    [T.Plus, '+'],
    [T.Minus, '-'],
  ],
  [
    [T.Star, '*'],
    [T.Slash, '/'],
    [T.Percent, '%'],
  ],
];
LEVELS.forEach((level, index) => {
  for (const [kind, op] of level) {
    PRECEDENCE[kind] = index + 1;
    OPERATORS[kind] = op;
  }
});

const PIPE_OPTIONS: Readonly<Record<PipeExpr['op'], readonly string[]>> = {
  '|>': [],
  '|?>': [],
  '|*>': ['merge'],
  '|~>': ['until', 'max'],
};
export abstract class ExprParser extends LiteralParser {
  #isHead = false;

  /** The arms of a match, from its opening brace. */
  protected abstract arms(): MatchArm[];
  /** Reports fields that are given twice. */
  protected abstract checkTwice(fields: readonly FieldNode[]): void;

  protected expression(): Expr {
    let result: Expr;
    if (this.enter()) {
      result = this.lambdaOrBinary();
      if (this.kind >= T.Pipe && this.kind <= T.PipeLoop) result = this.#pipes(result);
    } else result = this.errorExpr();
    this.leave();
    return result;
  }

  // ---- Pipes and lambdas ----

  #pipes(first: Expr): Expr {
    let left = first;
    while (this.kind >= T.Pipe && this.kind <= T.PipeLoop && !this.isPanicking) {
      this.deepest += 1;
      if (this.#isTooLong()) break;
      left = this.#pipe(left);
    }
    return left;
  }

  #pipe(left: Expr): PipeExpr {
    const id = this.id();
    const op = this.textAt(this.pos) as PipeExpr['op'];
    this.advance();
    let condition: Expr | undefined;
    let stages: Expr[];
    if (op === '|?>') {
      const open = this.pos;
      if (this.expect(T.LParen, "and a condition after '|?>'")) {
        condition = this.expression();
        this.close(T.RParen, open);
      }
      stages = [this.#stage()];
    } else if (op === '|*>') {
      stages = this.expect(T.LBracket, "and stages after '|*>'")
        ? this.list(T.RBracket, 'after a stage', () => this.#stage())
        : [];
    } else stages = [this.#stage()];
    const options = this.#pipeOptions(PIPE_OPTIONS[op]);
    const span = this.spanFrom(left.span.start);
    return { kind: 'pipe', span, id, op, left, ...(condition && { condition }), stages, options };
  }

  #stage(): Expr {
    return this.isPanicking ? this.errorExpr() : this.#postfix();
  }

  #pipeOptions(names: readonly string[]): FieldNode[] {
    const options: FieldNode[] = [];
    while (
      !this.isPanicking &&
      names.length > 0 &&
      this.kind === T.Comma &&
      this.kindAt(this.pos + 2) === T.Eq &&
      names.includes(this.textAt(this.pos + 1))
    ) {
      this.advance();
      const name = this.takeName();
      this.advance();
      const value = this.lambdaOrBinary();
      options.push({ kind: 'field', span: this.spanFrom(name.span.start), name, value });
    }
    this.checkTwice(options);
    return options;
  }

  /** An expression without pipes. */
  protected lambdaOrBinary(): Expr {
    if (this.kind === T.Ident || this.kind === T.LParen) {
      if (this.#isLambda()) return this.#lambda();
    }
    return this.binary(1);
  }

  /** `x =>`, or `(a, b) =>`. */
  #isLambda(): boolean {
    let at = this.pos + 1;
    if (this.kind === T.Ident) return this.kindAt(at) === T.FatArrow;
    while (this.kindAt(at) === T.Ident && this.kindAt(at + 1) === T.Comma) at += 2;
    if (this.kindAt(at) === T.Ident) at += 1;
    return this.kindAt(at) === T.RParen && this.kindAt(at + 1) === T.FatArrow;
  }

  #lambda(): Expr {
    const { start } = this;
    const id = this.id();
    let params: Name[];
    if (this.kind === T.Ident) params = [this.takeName()];
    else {
      this.advance();
      params = this.list(T.RParen, 'after a parameter', () => this.declaredName('a parameter'));
    }
    this.advance();
    const body = this.enter() ? this.lambdaOrBinary() : this.errorExpr();
    this.leave();
    return { kind: 'lambda', span: this.spanFrom(start), id, params, body };
  }

  // ---- Operators ----

  protected binary(least: number): Expr {
    const outer = this.deepest;
    this.deepest = this.depth;
    let left = this.#unary();
    for (;;) {
      const precedence = PRECEDENCE[this.kind] as number;
      if (precedence < least || precedence === 0 || this.isPanicking) break;
      if (this.kind === T.Minus && this.isLineStart) break;
      const op = OPERATORS[this.kind] as BinaryOp;
      const before = this.deepest + 1;
      this.advance();
      this.deepest = this.depth;
      const right = this.binary(precedence + 1);
      if (before > this.deepest) this.deepest = before;
      left = {
        kind: 'binary',
        span: { start: left.span.start, end: right.span.end },
        id: this.nextId++,
        op,
        left,
        right,
      };
      if (this.#isTooLong()) break;
    }
    if (outer > this.deepest) this.deepest = outer;
    return left;
  }

  #isTooLong(): boolean {
    if (this.deepest <= DEPTH_MAX) return false;
    this.failTooDeep(`a chain of more than ${DEPTH_MAX} parts`, 'give parts of it names of their own');
    return true;
  }

  #unary(): Expr {
    if (this.kind !== T.Bang && this.kind !== T.Minus) return this.#postfix();
    const { start } = this;
    const op = this.kind === T.Bang ? '!' : '-';
    const id = this.id();
    this.advance();
    const value = this.enter() ? this.#unary() : this.errorExpr();
    this.leave();
    return { kind: 'unary', span: this.spanFrom(start), id, op, value };
  }

  #postfix(): Expr {
    const outer = this.deepest;
    this.deepest = this.depth;
    let object = this.#primary();
    const { start } = object.span;
    while (!this.isPanicking) {
      if (this.kind === T.Dot) {
        this.advance();
        const isMissing = this.isLineStart && this.kindAt(this.pos + 1) === T.Eq;
        if (isMissing) this.fail('E105', "expected a field after '.'", undefined, this.pos - 1);
        const name = isMissing ? undefined : this.fieldName("a field after '.'");
        if (!name) break;
        object = { kind: 'field', span: { start, end: name.span.end }, id: this.nextId++, object, name };
      } else if (this.kind === T.LParen && !this.isLineStart && !this.#isHeadOption()) {
        this.advance();
        const id = this.nextId++;
        const args = this.arguments();
        object = { kind: 'call', span: this.spanFrom(start), id, callee: object, args };
      } else if (this.kind === T.LBracket && !this.isLineStart) {
        object = this.#index(object);
      } else break;
      this.deepest += 1;
      if (this.#isTooLong()) break;
    }
    if (outer > this.deepest) this.deepest = outer;
    return object;
  }

  #index(object: Expr): Expr {
    const open = this.pos;
    const id = this.id();
    this.advance();
    const index = this.expression();
    this.close(T.RBracket, open);
    return { kind: 'index', span: this.spanFrom(object.span.start), id, object, index };
  }

  /** The head of a loop: what stands in parentheses behind it may be the loop's options. */
  protected headExpression(): Expr {
    this.#isHead = true;
    const head = this.expression();
    this.#isHead = false;
    return head;
  }

  /** `(max_iterations = 3) {` belongs to the loop, not to its condition. */
  #isHeadOption(): boolean {
    return this.#isHead && this.kindAt(this.pos + 2) === T.Eq && HEAD_OPTIONS.has(this.textAt(this.pos + 1));
  }

  /** From behind the `(`. */
  protected arguments(): Argument[] {
    if (this.eat(T.RParen)) return [];
    const isHead = this.#isHead;
    this.#isHead = false;
    const args = this.list(T.RParen, 'after an argument', () => this.#argument());
    this.#isHead = isHead;
    return args;
  }

  #argument(): Argument {
    const next = this.isWord(this.kind) ? this.kindAt(this.pos + 1) : T.Eof;
    if (next !== T.Eq && next !== T.Colon) return { value: this.expression() };
    const name = this.takeName();
    if (next === T.Colon) {
      this.remark('E101', this.spanAt(this.pos), "expected '=', found ':'", `write '${name.text} = …'`);
    }
    this.advance();
    return { name, value: this.expression() };
  }

  // ---- Primary expressions ----

  #primary(): Expr {
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
        const isHead = this.#isHead;
        this.#isHead = false;
        this.advance();
        const inner = this.expression();
        this.close(T.RParen, open);
        this.#isHead = isHead;
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
    if (this.kind === T.Eq && PRECEDENCE[before] !== 0) {
      return `there is no '${this.textAt(this.pos - 1)}=': write x = x ${this.textAt(this.pos - 1)} …`;
    }
    if (this.kind === T.Dot) return 'a number begins with a digit: 0.5';
    return undefined;
  }
}
