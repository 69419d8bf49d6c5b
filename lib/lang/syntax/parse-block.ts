// The blocks of flows but those that ask models (parse-model-block.ts) and @match (parse-statement.ts).
import type { BlockStmt, CatchNode, FieldNode, MatchArm, Name } from './ast.ts';
import { FIELD_RULES, LIMITS } from './block-fields.ts';
import { AT as AT_WORDS } from './keywords.ts';
import { ModelBlockParser } from './parse-model-block.ts';
import type { Binding } from './parse-statement.ts';
import { T as KINDS } from './token.ts';

// Copies, for speed (token.ts, K3).
const AT = AT_WORDS;
const T = KINDS;

type Of<K extends BlockStmt['kind']> = Extract<BlockStmt, { readonly kind: K }>;

export abstract class BlockParser extends ModelBlockParser {
  protected block(binding: Binding): BlockStmt {
    const word = this.spanAt(this.pos);
    const { kind } = this;
    this.advance();
    switch (kind) {
      case AT.rigid:
      case AT.debug: {
        const name = kind === AT.rigid ? 'rigid' : 'debug';
        return { kind: name, body: this.body(`@${name}`), ...this.#base(binding) };
      }
      case AT.flexible:
        return this.modelBlock('flexible', binding, word);
      case AT.guarded:
        return this.modelBlock('guarded', binding, word);
      case AT.model_call:
        return this.modelBlock('model_call', binding, word);
      case AT.parallel:
        return this.#parallel(binding, word);
      case AT.foreach:
        return this.#foreach(binding, word);
      case AT.while:
        return this.#while(binding, word);
      case AT.checkpoint:
        return this.#checkpoint(binding, word);
      case AT.core_call:
        return this.#coreCall(binding, word);
      case AT.await_responses: {
        const fields = this.fieldBlock('@await_responses');
        this.#check('await_responses', fields, word);
        return { kind: 'await_responses', fields, ...this.#base(binding) };
      }
      case AT.try:
        return this.#try(binding);
      default:
        return this.#budget(binding);
    }
  }

  /** Read last: the span goes to where the parser is. */
  #base({ start, name, type }: Binding): Pick<BlockStmt, 'span' | 'binding' | 'type'> {
    return { span: this.spanFrom(start), ...(name && { binding: name }), ...(type && { type }) };
  }

  #check(kind: keyof typeof FIELD_RULES, fields: readonly FieldNode[], word: Name['span']): void {
    this.checkFields(
      FIELD_RULES[kind],
      fields.map(({ name }) => name),
      word,
    );
  }

  /** The options of the head, then those that stand first in the body, then the body. */
  #optionsAndBody(
    kind: 'parallel' | 'foreach' | 'while',
    word: Name['span'],
    leading: readonly string[],
  ): Pick<Of<'parallel'>, 'options' | 'body'> {
    const of = `@${kind}`;
    const options = this.headOptions(of);
    const open = this.pos;
    const body: Of<'parallel'>['body'][number][] = [];
    if (this.openBody(of)) {
      options.push(...this.leadingFields(leading, of));
      this.checkTwice(options);
      this.#check(kind, options, word);
      this.statementsInto(body, open);
    }
    return { options, body };
  }

  #parallel(binding: Binding, word: Name['span']): Of<'parallel'> {
    const parts = this.#optionsAndBody('parallel', word, FIELD_RULES.parallel.optional);
    return { kind: 'parallel', ...parts, ...this.#base(binding) };
  }

  #foreach(binding: Binding, word: Name['span']): BlockStmt {
    const noName = { text: '_', span: this.spanAt(this.pos) };
    const item = this.declaredName('the item') ?? noName;
    const index = this.eat(T.Comma) ? this.declaredName('the index') : undefined;
    if (!this.isPanicking && !this.eat(T.In)) {
      this.fail(
        'E101',
        `expected 'in' and a list, found ${this.describe(this.pos)}`,
        'write @foreach x in list',
      );
    }
    const iterable = this.isPanicking ? this.errorExpr() : this.headExpression();
    const parts = this.#optionsAndBody('foreach', word, []);
    return { kind: 'foreach', item, ...(index && { index }), iterable, ...parts, ...this.#base(binding) };
  }

  #while(binding: Binding, word: Name['span']): BlockStmt {
    const condition = this.headExpression();
    const parts = this.#optionsAndBody('while', word, FIELD_RULES.while.optional);
    return { kind: 'while', condition, ...parts, ...this.#base(binding) };
  }

  #checkpoint(binding: Binding, word: Name['span']): BlockStmt {
    const checkpoint = this.kind === T.LBrace ? undefined : this.declaredName('a kind of checkpoint');
    const fields: FieldNode[] = [];
    const names: Name[] = [];
    let arms: MatchArm[] | undefined;
    if (this.openBody('@checkpoint')) {
      this.list(T.RBrace, 'in @checkpoint', () => {
        const name = this.fieldName('a field of @checkpoint');
        if (!name) return;
        names.push(name);
        if (name.text === 'on_response') {
          if (this.eatColon() || this.expect(T.Eq, "after 'on_response'")) arms = this.arms();
          return;
        }
        const field = this.fieldValue(name);
        if (field) fields.push(field);
      });
      this.checkTwice(names.map((name) => ({ name })));
      this.checkFields(FIELD_RULES.checkpoint, names, word);
    }
    const base = this.#base(binding);
    return { kind: 'checkpoint', ...(checkpoint && { checkpoint }), fields, ...(arms && { arms }), ...base };
  }

  #coreCall(binding: Binding, word: Name['span']): BlockStmt {
    const target = this.kind === T.Uri ? this.coreUri() : undefined;
    const fields = this.fieldBlock('@core_call');
    this.#check('core_call', fields, word);
    const isNamed = target ?? fields.some(({ name }) => name.text === 'target');
    if (isNamed === false && !this.isPanicking) {
      this.report('E110', word, '@core_call needs a target', {
        hint: 'write @core_call core://tenant/name { … }',
      });
    }
    return { kind: 'core_call', ...(target && { target }), fields, ...this.#base(binding) };
  }

  /** The current token is an address, which should be that of a Core. */
  protected coreUri(): Name {
    const uri = this.takeName();
    if (!uri.text.startsWith('core://')) {
      this.remark('E113', uri.span, `'${uri.text}' is not the address of a Core`, 'those begin with core://');
    }
    return uri;
  }

  #try(binding: Binding): BlockStmt {
    const body = this.body('@try');
    const catches: CatchNode[] = [];
    while (!this.isPanicking && this.kind === AT.catch) {
      const { start } = this;
      this.advance();
      const error = this.kind === T.TypeIdent ? this.takeName() : undefined;
      const name =
        this.kind === T.LBrace ? undefined : this.declaredName('the error', 'write @catch e { … }');
      const caught = this.body('@catch');
      const names = { ...(error && { error }), ...(name && { binding: name }) };
      catches.push({ span: this.spanFrom(start), ...names, body: caught });
    }
    return { kind: 'try', body, catches, ...this.#base(binding) };
  }

  #budget(binding: Binding): BlockStmt {
    const open = this.pos;
    const body: Of<'budget'>['body'][number][] = [];
    let limits: FieldNode[] = [];
    if (this.openBody('@budget')) {
      limits = this.leadingFields(LIMITS, '@budget');
      this.checkTwice(limits);
      this.statementsInto(body, open);
    }
    return { kind: 'budget', limits, body, ...this.#base(binding) };
  }
}
