// Expressions. Precedence, tightest first: postfix; ! -; * / %; + -; < <= > >= in; == !=; &&; ||; ??; =>; pipes.
//   X1. A line break ends an expression, unless `.`, a binary sign or a pipe follows; `-`, `[` and `(` at the start of
//       a line begin a new statement.
import type { Argument, BinaryOp, Expr, FieldNode, Name, PipeExpr } from './ast.ts';
import { HEAD_OPTIONS } from './block-fields.ts';
import { DEPTH_MAX } from './parse-core.ts';
import { PrimaryParser } from './parse-primary.ts';
import { T as KINDS } from './token.ts';

// A copy, for speed (token.ts, K3).
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
export abstract class ExprParser extends PrimaryParser {
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
    let object = this.primary();
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
    this.isHead = true;
    const head = this.expression();
    this.isHead = false;
    return head;
  }

  /** `(max_iterations = 3) {` belongs to the loop, not to its condition. */
  #isHeadOption(): boolean {
    return this.isHead && this.kindAt(this.pos + 2) === T.Eq && HEAD_OPTIONS.has(this.textAt(this.pos + 1));
  }

  /** From behind the `(`. */
  protected arguments(): Argument[] {
    if (this.eat(T.RParen)) return [];
    const isHead = this.isHead;
    this.isHead = false;
    const args = this.list(T.RParen, 'after an argument', () => this.#argument());
    this.isHead = isHead;
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
}
