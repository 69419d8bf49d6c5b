// @flexible, @guarded and @model_call.
import type { Expr, FailureRule, FieldNode, ModelBlock, Name, ObjectExpr, Stmt, TypeNode } from './ast.ts';
import { FAILURE_ACTIONS, FAILURES, FIELD_RULES } from './block-fields.ts';
import { AT as AT_WORDS } from './keywords.ts';
import { FieldParser } from './parse-fields.ts';
import type { Binding } from './parse-statement.ts';
import { T as KINDS } from './token.ts';

// Copies, for speed (token.ts, K3).
const AT = AT_WORDS;
const T = KINDS;

/** What was read so far. */
interface Parts {
  readonly names: Name[];
  readonly fields: FieldNode[];
  output?: TypeNode;
  guard?: Expr[];
  validate?: Expr[];
  on_validation_failure?: Stmt[];
  on_failure?: FailureRule[];
  budget?: readonly FieldNode[];
}

export abstract class ModelBlockParser extends FieldParser {
  /** From the brace on. `word` is the span of the block's word. */
  protected modelBlock(kind: ModelBlock['kind'], binding: Binding, word: Name['span']): ModelBlock {
    const parts: Parts = { names: [], fields: [] };
    const of = `@${kind}`;
    if (this.openBody(of)) {
      this.list(T.RBrace, `in ${of}`, () => this.#part(kind, parts));
      this.checkTwice(parts.names.map((name) => ({ name })));
      this.checkFields(FIELD_RULES[kind], parts.names, word);
      this.#checkInput(kind, parts, word);
    }
    const { names: _names, fields, ...rest } = parts;
    const { name, type, start } = binding;
    const span = this.spanFrom(start);
    return { kind, span, ...(name && { binding: name }), ...(type && { type }), fields, ...rest };
  }

  #checkInput(kind: ModelBlock['kind'], { names }: Parts, word: Name['span']): void {
    if (kind === 'model_call' || this.isPanicking) return;
    if (names.some(({ text }) => text === 'input' || text === 'context')) return;
    this.report('E110', word, `@${kind} needs a field 'input' or 'context'`);
  }

  #part(kind: ModelBlock['kind'], parts: Parts): undefined {
    if (this.kind === AT.budget) return this.#budget(parts);
    const name = this.fieldName(`a field of @${kind}`);
    if (!name) return;
    parts.names.push(name);
    const isGuarded = kind === 'guarded';
    switch (name.text) {
      case 'output':
        if (this.#opening(name)) parts.output = this.type();
        return;
      case 'guard':
      case 'validate':
        if (isGuarded) {
          if (this.#opening(name)) parts[name.text] = this.#conditions(name);
          return;
        }
        break;
      case 'on_validation_failure':
        if (isGuarded) {
          if (this.#opening(name)) parts.on_validation_failure = this.body(`'${name.text}'`);
          return;
        }
        break;
      case 'on_failure':
        if (kind !== 'model_call') {
          if (this.#opening(name)) parts.on_failure = this.#failureRules(name);
          return;
        }
        break;
      case 'budget':
        if (this.kindAt(this.pos + 1) === T.LBrace && this.#opening(name)) {
          this.#setBudget(parts, this.#objectFields());
          return;
        }
        break;
      default:
    }
    const field = this.fieldValue(name);
    if (field) parts.fields.push(field);
  }

  /** `=` or `:`. */
  #opening(name: Name): boolean {
    return this.eatColon() || this.expect(T.Eq, `after '${name.text}'`);
  }

  #budget(parts: Parts): undefined {
    const span = this.spanAt(this.pos);
    parts.names.push({ text: 'budget', span });
    this.advance();
    this.#setBudget(parts, this.fieldBlock('@budget'));
  }

  #objectFields(): readonly FieldNode[] {
    const object: ObjectExpr = this.object();
    return object.fields;
  }

  #setBudget(parts: Parts, fields: readonly FieldNode[]): void {
    this.checkFields(
      FIELD_RULES.budget,
      fields.map(({ name }) => name),
      this.spanAt(this.pos),
    );
    parts.budget = fields;
  }

  /** `{ expr expr }`, or one expression. */
  #conditions(of: Name): Expr[] {
    if (this.kind !== T.LBrace) return [this.expression()];
    return this.conditionBlock(`'${of.text}'`);
  }

  /** Expressions in braces, each a condition. */
  protected conditionBlock(of: string): Expr[] {
    const open = this.pos;
    if (!this.openBody(of)) return [];
    const conditions: Expr[] = [];
    while (this.kind !== T.RBrace && this.kind !== T.Eof && !this.beginsItem(this.pos)) {
      const before = this.pos;
      conditions.push(this.expression());
      if (this.kind === T.Eq && !this.isPanicking)
        this.fail('E100', "unexpected '='", 'to compare, write ==');
      if (this.isPanicking) this.recoverInBody(before);
      else this.eat(T.Comma);
      if (this.pos === before) this.advance();
    }
    this.close(T.RBrace, open);
    return conditions;
  }

  #failureRules(of: Name): FailureRule[] {
    if (!this.openBody(`'${of.text}'`)) return [];
    const rules = this.list(T.RBrace, `in '${of.text}'`, () => this.#failureRule());
    this.checkTwice(rules.map(({ failure }) => ({ name: failure })));
    return rules;
  }

  #failureRule(): FailureRule | undefined {
    const { start } = this;
    const failure = this.fieldName('a kind of failure');
    if (!failure || !this.#opening(failure)) return undefined;
    this.checkOneOf(failure, FAILURES, 'kind of failure');
    const actions: FailureRule['actions'][number][] = [];
    do {
      const actionStart = this.start;
      const name = this.fieldName('an action');
      if (!name) break;
      this.checkOneOf(name, FAILURE_ACTIONS, 'action');
      const args = !this.isLineStart && this.eat(T.LParen) ? this.arguments() : [];
      actions.push({ name, args, span: this.spanFrom(actionStart) });
    } while (!this.isPanicking && this.eat(T.Bar));
    return { span: this.spanFrom(start), failure, actions };
  }
}
