// Bodies and plain statements.
import type { AssignStmt, BlockStmt, Expr, FieldNode, MatchStmt, Name, Stmt, TypeNode } from './ast.ts';
import { nearestName } from '../source/nearest.ts';
import { AT as AT_WORDS, BLOCK_WORDS, placeOf } from './keywords.ts';
import { PatternParser } from './parse-pattern.ts';
import { AT_FIRST, T as KINDS } from './token.ts';

// Copies, for speed (token.ts, K3).
const AT = AT_WORDS;
const T = KINDS;

/** What a block's value is bound to. */
export interface Binding {
  readonly start: number;
  readonly name?: Name;
  readonly type?: TypeNode;
}

const STATEMENT_WORDS: ReadonlyMap<string, string> = new Map([
  ...['let', 'const', 'var', 'val', 'set'].map((word): [string, string] => [
    word,
    'variables need no word: x = 1',
  ]),
  ['for', 'write @foreach x in list { … }'],
  ['foreach', 'write @foreach x in list { … }'],
  ['while', 'write @while condition (max_iterations = 10) { … }'],
  ['switch', 'write match x { … }'],
  ['try', 'write @try { … } @catch e { … }'],
  ['catch', 'write @try { … } @catch e { … }'],
  ['throw', 'write fail("message")'],
  ['raise', 'write fail("message")'],
  ['elif', 'write else if condition { … }'],
  ['elsif', 'write else if condition { … }'],
  ['function', 'flows stand at the level of the file: @flow name() { … }'],
]);

const BODY_WORDS = ['return', 'yield', 'emit', 'match'];

export abstract class StatementParser extends PatternParser {
  /** From the block's word on. */
  protected abstract block(binding: Binding): BlockStmt;
  /** Fields in braces. */
  protected abstract fieldBlock(of: string): FieldNode[];

  protected body(of: string): Stmt[] {
    const open = this.pos;
    if (!this.openBody(of)) return [];
    const statements: Stmt[] = [];
    this.statementsInto(statements, open);
    return statements;
  }

  /** Takes the opening brace. */
  protected openBody(of: string): boolean {
    if (this.isPanicking) return false;
    if (this.eat(T.LBrace)) return true;
    this.fail(
      'E104',
      `expected '{' and the body of ${of}, found ${this.describe(this.pos)}`,
      this.#bodyHint(),
    );
    return false;
  }

  #bodyHint(): string | undefined {
    if (this.kind === T.Colon) return 'bodies stand in braces: { … }';
    return this.kind === T.Eq ? 'to compare, write ==' : this.wordHint();
  }

  /** Up to the closing brace, and that too. */
  protected statementsInto(statements: Stmt[], open: number): void {
    const isDeepEnough = this.enter();
    while (isDeepEnough && this.kind !== T.RBrace && this.kind !== T.Eof && !this.beginsItem(this.pos)) {
      const before = this.pos;
      const statement = this.statement();
      if (statement) statements.push(statement);
      if (this.isPanicking) this.recoverInBody(before);
      if (this.pos === before) this.advance();
    }
    this.leave();
    if (this.isPanicking && !this.beginsItem(this.pos)) this.recoverInBody(this.pos);
    this.close(T.RBrace, open);
  }

  protected statement(): Stmt | undefined {
    const { start, kind } = this;
    switch (kind) {
      case T.Ident: {
        const next = this.kindAt(this.pos + 1);
        if (next === T.Eq || next === T.Colon) return this.#binding(this.takeName());
        if (next === T.Symbol && this.#isGluedAnnotation()) return this.#binding(this.takeName());
        break;
      }
      case T.If:
        if (!this.#isReservedTarget()) return this.#if();
        break;
      case T.Match:
        if (!this.#isReservedTarget()) return this.#match({ start });
        break;
      case T.Return:
        if (!this.#isReservedTarget()) return this.#return();
        break;
      case T.Yield: {
        if (this.#isReservedTarget()) break;
        this.advance();
        const value = this.expression();
        return { kind: 'yield', span: this.spanFrom(start), value };
      }
      case T.Break:
      case T.Continue:
        if (this.#isReservedTarget()) break;
        this.advance();
        return { kind: kind === T.Break ? 'break' : 'continue', span: this.spanFrom(start) };
      case T.Emit:
        if (!this.#isReservedTarget()) return this.#emit();
        break;
      default:
    }
    if (kind >= AT_FIRST) return this.#atStatement({ start });
    if (this.isWord(kind) && this.#isReservedTarget()) {
      const name = this.declaredName('a variable');
      return name && this.#binding(name);
    }
    return this.#expressionStatement();
  }

  /** `x :int = 1`: the lexer saw a symbol. */
  #isGluedAnnotation(): boolean {
    const after = this.kindAt(this.pos + 2);
    return !this.isLineStartAt(this.pos + 1) && (after === T.Eq || after === T.LBracket);
  }

  /** A reserved word that something is assigned to. */
  #isReservedTarget(): boolean {
    const next = this.kindAt(this.pos + 1);
    return (
      (next === T.Eq || next === T.Colon) &&
      this.kind !== T.True &&
      this.kind !== T.False &&
      this.kind !== T.Null
    );
  }

  // ---- Assignments and expressions ----

  /** From behind the name: `: T = …` or `= …`. */
  #binding(name: Name): Stmt {
    const { start } = name.span;
    const type = this.kind === T.Eq ? undefined : (this.eatColon(), this.type());
    const target: Expr = { kind: 'ref', span: name.span, id: this.id(), name: name.text };
    if (this.isPanicking || !this.expect(T.Eq, `and a value for '${name.text}'`)) {
      return this.#assign(start, target, type, this.errorExpr());
    }
    const binding = { start, name, ...(type && { type }) };
    if (this.kind === AT.match) return this.#match(binding);
    if (this.kind >= AT_FIRST && BLOCK_WORDS.has(this.kind)) return this.#blockOf(binding);
    const value = this.expression();
    this.#endStatement(value);
    return this.#assign(start, target, type, value);
  }

  #assign(start: number, target: Expr, type: TypeNode | undefined, value: Expr): AssignStmt {
    const span = this.spanFrom(start);
    return type ? { kind: 'assign', span, target, type, value } : { kind: 'assign', span, target, value };
  }

  #expressionStatement(): Stmt | undefined {
    const { start } = this;
    if (this.#endsSomething(this.kind)) {
      this.fail('E100', `unexpected ${this.describe(this.pos)}`, this.#strayHint());
      return undefined;
    }
    const value = this.expression();
    if (this.isPanicking) return { kind: 'expression', span: this.spanFrom(start), value };
    if (this.kind === T.Eq) return this.#fieldAssignment(start, value);
    this.#endStatement(value);
    if (value.kind === 'ref') this.#endName(value.name);
    return { kind: 'expression', span: this.spanFrom(start), value };
  }

  #fieldAssignment(start: number, target: Expr): Stmt | undefined {
    let root = target;
    while (root.kind === 'field' || root.kind === 'index') root = root.object;
    if (root.kind !== 'ref') {
      this.fail('E100', "unexpected '='", 'values are given to names, and to fields and items of names');
      return undefined;
    }
    this.advance();
    if (this.kind >= AT_FIRST && BLOCK_WORDS.has(this.kind) && this.kind !== AT.match) {
      const hint = `give the block's result a name, and '${this.text.slice(start, target.span.end)}' the name`;
      this.fail('E100', `unexpected ${this.describe(this.pos)}`, hint);
    }
    const value = this.isPanicking ? this.errorExpr() : this.expression();
    this.#endStatement(value);
    return this.#assign(start, target, undefined, value);
  }

  /** What cannot begin a statement. */
  #endsSomething(kind: number): boolean {
    return (
      kind === T.Comma ||
      kind === T.Colon ||
      kind === T.Eq ||
      kind === T.Else ||
      (kind >= T.FatArrow && kind <= T.Bar) ||
      kind === T.Dot ||
      (kind >= T.Pipe && kind <= T.Percent && kind !== T.Minus) ||
      (this.isClosing(kind) && kind !== T.RBrace)
    );
  }

  #strayHint(): string | undefined {
    if (this.kind === T.Else) return "'else' stands behind the '}' of an if";
    if (this.kind === T.Eq && this.pos > 0 && this.kindAt(this.pos - 1) === T.Eq)
      return 'to compare, write ==';
    return this.wordHint();
  }

  /** `a and b`, `not a` would be several statements. */
  #endStatement(value: Expr): void {
    if (this.isPanicking || this.isLineStart) return;
    const isNot = value.kind === 'ref' && value.name === 'not' && this.kind !== T.RBrace;
    const hint = isNot ? '"not" is written !' : this.kind === T.Ident ? this.wordHint() : undefined;
    if (hint !== undefined) this.fail('E100', `unexpected ${this.describe(this.pos)}`, hint);
    if (this.kind === T.Eq) this.fail('E100', "unexpected '='", 'one statement gives a value to one name');
  }

  /** Words of other languages that begin statements. A name alone is one only where it is the last in its line. */
  #endName(name: string): void {
    if (this.isPanicking || this.isLineStart || this.kind === T.Eof || this.isClosing(this.kind)) return;
    const near = nearestName(name, BODY_WORDS);
    const hint = STATEMENT_WORDS.get(name) ?? (near && `did you mean '${near}'?`);
    this.fail('E100', `unexpected ${this.describe(this.pos)} after '${name}'`, hint);
  }

  // ---- Statements with words ----

  #if(): Stmt {
    const { start } = this;
    this.advance();
    const condition = this.expression();
    const then = this.body('an if');
    if (this.isPanicking || !this.eat(T.Else)) {
      return { kind: 'if', span: this.spanFrom(start), condition, then };
    }
    let otherwise: readonly Stmt[];
    if (this.kind === T.If) {
      otherwise = this.enter() ? [this.#if()] : [];
      this.leave();
    } else otherwise = this.body("an 'else'");
    return { kind: 'if', span: this.spanFrom(start), condition, then, otherwise };
  }

  /** As a statement, or, where it goes on as an expression, as part of one. */
  #match(binding: Binding): Stmt {
    const is_block = this.kind === AT.match;
    const matched = this.expression();
    const { start, name, type } = binding;
    if (matched.kind !== 'match_expr') {
      if (!name) return { kind: 'expression', span: this.spanFrom(start), value: matched };
      const target: Expr = { kind: 'ref', span: name.span, id: this.id(), name: name.text };
      return this.#assign(start, target, type, matched);
    }
    const { subject, arms } = matched;
    const statement: MatchStmt = {
      kind: 'match',
      span: this.spanFrom(start),
      is_block,
      ...(name && { binding: name }),
      ...(type && { type }),
      subject,
      arms,
    };
    return this.#afterBlock(statement, name);
  }

  #return(): Stmt {
    const { start } = this;
    this.advance();
    if (this.isLineStart || this.kind === T.RBrace) return { kind: 'return', span: this.spanFrom(start) };
    const value = this.expression();
    this.#endStatement(value);
    return { kind: 'return', span: this.spanFrom(start), value };
  }

  #emit(): Stmt | undefined {
    const { start } = this;
    this.advance();
    const event = this.declaredName('an event', 'write emit name { field = … }');
    if (!event) return undefined;
    const fields = this.kind === T.LBrace && !this.isLineStart ? this.fieldBlock('emit') : [];
    return { kind: 'emit', span: this.spanFrom(start), event, fields };
  }

  // ---- Blocks ----

  #atStatement(binding: Binding): Stmt | undefined {
    if (this.kind === AT.match) return this.#match(binding);
    if (BLOCK_WORDS.has(this.kind)) return this.#blockOf(binding);
    const found = this.describe(this.pos);
    this.fail('E114', `${found} does not stand in a body`, `it stands ${placeOf(this.kind)}`);
    this.advance();
    return undefined;
  }

  #blockOf(binding: Binding): Stmt {
    return this.#afterBlock(this.block(binding), binding.name);
  }

  /** `-> x` was removed; what was meant is clear. */
  #afterBlock<B extends BlockStmt | MatchStmt>(block: B, name: Name | undefined): B {
    if (this.kind !== T.Arrow || this.isPanicking) return block;
    const { pos } = this;
    const word = block.kind === 'match' && !block.is_block ? 'match' : `@${block.kind}`;
    this.advance();
    const target = this.is(T.Ident) ? this.takeName() : undefined;
    const hint = `write '${target?.text ?? 'x'} = ${word} …'`;
    this.remark('E109', this.spanAt(pos), "'-> name' behind a block was removed from the language", hint);
    return name || !target ? block : { ...block, binding: target };
  }
}
