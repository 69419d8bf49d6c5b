// What stands at the level of a file, but for cores: flows and their like, types, interfaces, tests.
import type {
  CallableNode,
  CoreInterfaceNode,
  Name,
  PipelineNode,
  PluginInterfaceNode,
  SignatureNode,
  StringExpr,
  TestNode,
  TestPartNode,
  TypeDeclNode,
  TypesNode,
} from './ast.ts';
import { AT as AT_WORDS } from './keywords.ts';
import { BlockParser } from './parse-block.ts';
import { T as KINDS } from './token.ts';

// Copies, for speed (token.ts, K3).
const AT = AT_WORDS;
const T = KINDS;

/** The words before a declaration. */
export interface Modifiers {
  readonly start: number;
  readonly is_pub: boolean;
  readonly is_async: boolean;
}

export abstract class DeclarationParser extends BlockParser {
  /** The name that a declaration cannot do without. */
  protected missingName(): Name {
    return { text: '', span: { start: this.start, end: this.start } };
  }

  protected callable(kind: CallableNode['kind'], { start, is_pub, is_async }: Modifiers): CallableNode {
    this.advance();
    const name = this.declaredName(`a ${kind}`) ?? this.missingName();
    const params = this.isPanicking ? [] : this.params(name.text);
    const result = this.isPanicking ? undefined : this.resultType();
    const body = this.body(`'${name.text}'`);
    const span = this.spanFrom(start);
    return { kind, span, is_pub, is_async, name, params, ...(result && { result }), body };
  }

  protected pipeline({ start, is_pub }: Modifiers): PipelineNode {
    this.advance();
    const name = this.declaredName('a pipeline') ?? this.missingName();
    const params = this.isPanicking ? [] : this.params(name.text);
    const result = this.isPanicking ? undefined : this.resultType();
    const open = this.pos;
    const hasBody = this.openBody(`'${name.text}'`);
    const body = hasBody ? this.expression() : this.errorExpr();
    if (hasBody) this.close(T.RBrace, open);
    const span = this.spanFrom(start);
    return { kind: 'pipeline', span, is_pub, name, params, ...(result && { result }), body };
  }

  protected types(start: number): TypesNode {
    this.advance();
    const decls: TypeDeclNode[] = [];
    if (this.openBody('@types')) {
      this.list(T.RBrace, 'in @types', (): undefined => {
        const declStart = this.start;
        const is_pub = this.eat(T.Pub);
        if (this.kind !== T.Type) {
          this.fail('E101', `expected 'type', found ${this.describe(this.pos)}`, 'write type Name = …');
          return;
        }
        decls.push(this.typeDeclaration({ start: declStart, is_pub, is_async: false }));
      });
    }
    return { kind: 'types', span: this.spanFrom(start), decls };
  }

  /** From `type` on. */
  protected typeDeclaration({ start, is_pub }: Modifiers): TypeDeclNode {
    this.advance();
    const name = this.declaredTypeName('a type') ?? this.missingName();
    const isOpen = !this.isPanicking && this.expect(T.Eq, `and a type after '${name.text}'`);
    const type = isOpen ? this.type() : { kind: 'type_error' as const, span: this.spanAt(this.pos) };
    return { kind: 'type_decl', span: this.spanFrom(start), is_pub, name, type };
  }

  // ---- Interfaces ----

  protected pluginInterface({ start, is_pub }: Modifiers): PluginInterfaceNode {
    this.advance();
    const name = this.declaredName("a plugin's alias") ?? this.missingName();
    const methods = this.#signatures('@plugin_interface');
    return { kind: 'plugin_interface', span: this.spanFrom(start), is_pub, name, methods };
  }

  protected coreInterface({ start, is_pub }: Modifiers): CoreInterfaceNode {
    this.advance();
    let target = this.missingName();
    if (this.kind === T.Uri) target = this.coreUri();
    else
      this.fail(
        'E101',
        `expected the address of a Core, found ${this.describe(this.pos)}`,
        'core://tenant/name',
      );
    const flows = this.#signatures('@core_interface');
    return { kind: 'core_interface', span: this.spanFrom(start), is_pub, target, flows };
  }

  #signatures(of: string): SignatureNode[] {
    if (!this.openBody(of)) return [];
    return this.list(T.RBrace, `in ${of}`, (): SignatureNode | undefined => {
      const { start } = this;
      const name = this.fieldName('a signature: name(param: T): R');
      if (!name) return undefined;
      const params = this.params(name.text);
      const result = this.isPanicking ? undefined : this.resultType();
      return { kind: 'signature', span: this.spanFrom(start), name, params, ...(result && { result }) };
    });
  }

  // ---- Tests ----

  protected test(start: number): TestNode {
    this.advance();
    const title = this.#title();
    const open = this.pos;
    const parts: TestPartNode[] = [];
    if (this.openBody('@test')) {
      while (this.kind !== T.RBrace && this.kind !== T.Eof && !this.beginsItem(this.pos)) {
        const before = this.pos;
        const part = this.#testPart();
        if (part) parts.push(part);
        if (this.isPanicking) this.recoverInBody(before);
        if (this.pos === before) this.advance();
      }
      this.close(T.RBrace, open);
    }
    return { kind: 'test', span: this.spanFrom(start), title, parts };
  }

  #title(): StringExpr {
    if (this.kind === T.String) return this.string();
    this.fail(
      'E101',
      `expected the title of the test, found ${this.describe(this.pos)}`,
      'write @test "what holds" { … }',
    );
    return { kind: 'string', span: this.spanAt(this.pos), id: this.id(), value: '', is_multiline: false };
  }

  #testPart(): TestPartNode | undefined {
    const { start, kind } = this;
    switch (kind) {
      case AT.mock: {
        this.advance();
        const target = this.#mockTarget();
        if (!target || !this.expect(T.Eq, 'and what the mock gives')) return undefined;
        const value = this.expression();
        return { kind: 'mock', span: this.spanFrom(start), target, value };
      }
      case AT.given: {
        this.advance();
        const body = this.body('@given');
        return { kind: 'given', span: this.spanFrom(start), body };
      }
      case AT.when:
        this.advance();
        return this.#when(start);
      case AT.then: {
        this.advance();
        const checks = this.conditionBlock('@then');
        return { kind: 'then', span: this.spanFrom(start), checks };
      }
      case AT.property: {
        this.advance();
        const params = this.params('@property');
        const checks = this.isPanicking ? [] : this.conditionBlock('@property');
        return { kind: 'property', span: this.spanFrom(start), params, checks };
      }
      default: {
        const hint = 'tests are made of @mock, @given, @when, @then and @property';
        this.fail('E100', `unexpected ${this.describe(this.pos)} in @test`, hint);
        return undefined;
      }
    }
  }

  /** A role, `alias.method`, or the address of a Core. */
  #mockTarget(): Name | undefined {
    if (this.kind === T.Uri) return this.takeName();
    const first = this.fieldName('a model, a method of a plugin, or a Core');
    if (!first || !this.eat(T.Dot)) return first;
    const second = this.fieldName("a method after '.'");
    if (!second) return undefined;
    const span = { start: first.span.start, end: second.span.end };
    return { text: `${first.text}.${second.text}`, span };
  }

  #when(start: number): TestPartNode | undefined {
    let binding: Name | undefined;
    if (this.kindAt(this.pos + 1) === T.Eq) {
      binding = this.declaredName('the result');
      if (!binding) return undefined;
      this.advance();
    }
    const at = this.pos;
    const call = this.expression();
    if (call.kind !== 'call')
      this.fail('E101', 'expected a call of a flow', 'write @when out = flow(a = 1)', at);
    return { kind: 'when', span: this.spanFrom(start), ...(binding && { binding }), call };
  }
}
