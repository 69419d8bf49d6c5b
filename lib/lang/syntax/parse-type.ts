// Types, parameters, and fields of object types.
import { sameFor } from '../source/nearest.ts';
import type { Expr, Name, ParamNode, TypeNode } from './ast.ts';
import { ParseCore } from './parse-core.ts';
import { unescaped } from './text-literal.ts';
import { T as KINDS } from './token.ts';

// Copies, for speed (token.ts, K3).
const T = KINDS;

/** What other languages call the types that take others. */
const GENERIC_WORDS: ReadonlyMap<string, 'array' | 'map'> = new Map([
  ...sameFor(['list', 'List', 'Array', 'vector', 'set', 'Set'], 'array' as const),
  ...sameFor(['dict', 'Dict', 'Map', 'record', 'Record'], 'map' as const),
]);

export abstract class TypeParser extends ParseCore {
  /** For default values. */
  protected abstract expression(): Expr;

  protected type(): TypeNode {
    const start = this.start;
    const first = this.enter() ? this.#postfixType() : this.#noType();
    this.leave();
    if (this.kind !== T.Bar) return first;
    const members = [first];
    while (!this.isPanicking && this.eat(T.Bar)) members.push(this.#postfixType());
    return { kind: 'type_union', span: this.spanFrom(start), members };
  }

  #noType(): TypeNode {
    return { kind: 'type_error', span: this.spanAt(this.pos) };
  }

  #postfixType(): TypeNode {
    const start = this.start;
    let inner = this.#primaryType();
    while (this.kind === T.LBracket && this.kindAt(this.pos + 1) === T.RBracket && !this.isLineStart) {
      // `T[]` of other languages is understood, and reported.
      this.remark('E101', this.spanAt(this.pos), "unexpected '['", 'a list of T is array[T]');
      this.advance();
      this.advance();
      inner = { kind: 'type_array', span: this.spanFrom(start), item: inner };
    }
    if (this.kind !== T.Question && this.kind !== T.Coalesce) return inner;
    if (this.kind === T.Coalesce) this.fail('E100', "unexpected '??'", 'one ? says that a value may be null');
    this.advance();
    return { kind: 'type_optional', span: this.spanFrom(start), inner };
  }

  #primaryType(): TypeNode {
    const start = this.start;
    switch (this.kind) {
      case T.Ident:
      case T.TypeIdent:
        return this.#namedType(start);
      case T.Null:
        this.advance();
        return { kind: 'type_null', span: this.spanFrom(start) };
      case T.String: {
        const value = unescaped(this.text.slice(start + 1, this.endAt(this.pos) - 1));
        this.advance();
        return { kind: 'type_literal', span: this.spanFrom(start), value };
      }
      case T.Enum:
        return this.#enumType(start);
      case T.LBrace: {
        this.advance();
        const fields = this.list(T.RBrace, 'in this type', () => this.#typeField());
        return { kind: 'type_object', span: this.spanFrom(start), fields };
      }
      case T.LParen: {
        const open = this.pos;
        this.advance();
        const inner = this.type();
        this.close(T.RParen, open);
        return inner;
      }
      default:
        this.fail('E103', `expected a type, found ${this.describe(this.pos)}`, this.#typeHint());
        return this.#noType();
    }
  }

  #typeHint(): string | undefined {
    if (this.kind === T.LBracket) return 'a list of T is array[T]';
    if (this.kind === T.Symbol) return 'symbols are values; their type is enum[a, b]';
    return undefined;
  }

  #namedType(start: number): TypeNode {
    const first = this.takeName();
    if (this.kind === T.Dot && this.kindAt(this.pos + 1) === T.TypeIdent) {
      this.advance();
      const name = this.takeName();
      return { kind: 'type_name', span: this.spanFrom(start), name, namespace: first };
    }
    const isGeneric = (this.kind === T.LBracket && !this.isLineStart) || this.kind === T.Lt;
    if (isGeneric && first.text === 'array') return this.#arrayType(start);
    if (isGeneric && first.text === 'map') return this.#mapType(start);
    const meant = isGeneric ? GENERIC_WORDS.get(first.text) : undefined;
    if (meant) {
      const form = meant === 'array' ? 'array[T]' : 'map[string, T]';
      this.remark('E202', first.span, `there is no type '${first.text}'`, `write ${form}`);
      return meant === 'array' ? this.#arrayType(start) : this.#mapType(start);
    }
    return { kind: 'type_name', span: first.span, name: first };
  }

  #arrayType(start: number): TypeNode {
    const open = this.pos;
    const closing = this.#openArguments('array[T]');
    const item = this.type();
    this.close(closing, open);
    return { kind: 'type_array', span: this.spanFrom(start), item };
  }

  #mapType(start: number): TypeNode {
    const open = this.pos;
    const closing = this.#openArguments('map[string, T]');
    const key = this.type();
    this.expect(T.Comma, "between the key's type and the value's");
    const value = this.isPanicking ? this.#noType() : this.type();
    this.close(closing, open);
    return { kind: 'type_map', span: this.spanFrom(start), key, value };
  }

  /** `[`; `<` of other languages is understood, and reported. */
  #openArguments(form: string): number {
    if (this.kind === T.Lt) {
      this.remark('E101', this.spanAt(this.pos), "expected '[', found '<'", `write ${form}`);
      this.advance();
      return T.Gt;
    }
    this.advance();
    return T.RBracket;
  }

  #enumType(start: number): TypeNode {
    this.advance();
    if (!this.expect(T.LBracket, "after 'enum'", 'write enum[a, b]')) return this.#noType();
    const symbols = this.list<Name>(T.RBracket, 'in this enum', () => {
      if (this.kind !== T.Symbol) return this.fieldName('a symbol');
      const { start: at, end } = this.spanAt(this.pos);
      const text = this.text.slice(at + 1, end);
      this.remark('E105', { start: at, end }, `expected a symbol's name`, `write '${text}', without ':'`);
      this.advance();
      return { text, span: { start: at + 1, end } };
    });
    return { kind: 'type_enum', span: this.spanFrom(start), symbols };
  }

  #typeField(): ParamNode | undefined {
    const start = this.start;
    const name = this.fieldName('a field');
    if (!name) return undefined;
    if (this.kind === T.Question && this.kindAt(this.pos + 1) === T.Colon) {
      const hint = `write '${name.text}: T?'`;
      this.remark('E100', this.spanAt(this.pos), "unexpected '?'", hint);
      this.advance();
    }
    return this.typed(start, name, false);
  }

  /** From behind the name: `: T`, and a default value where one may stand. */
  protected typed(start: number, name: Name, mayHaveInitial: boolean): ParamNode | undefined {
    if (!this.eatColon()) {
      const hint = this.kind === T.Eq ? `':' belongs to types, '=' to values: '${name.text}: T'` : undefined;
      this.expect(T.Colon, `and a type after '${name.text}'`, hint);
      return undefined;
    }
    const type = this.type();
    if (this.kind !== T.Eq || this.isPanicking)
      return { kind: 'param', span: this.spanFrom(start), name, type };
    if (!mayHaveInitial) {
      this.fail('E100', "unexpected '='", 'fields of types and of memory have no initial values');
      return { kind: 'param', span: this.spanFrom(start), name, type };
    }
    this.advance();
    const initial = this.expression();
    return { kind: 'param', span: this.spanFrom(start), name, type, initial };
  }

  /** `(a: T, b: U = 1)`. */
  protected params(of: string): ParamNode[] {
    if (!this.expect(T.LParen, `and parameters after '${of}'`)) return [];
    return this.list(T.RParen, 'after a parameter', () => {
      const start = this.start;
      const name = this.declaredName('a parameter');
      return name && this.typed(start, name, true);
    });
  }

  /** `: T` of a result; an arrow is understood, and reported. */
  protected resultType(): TypeNode | undefined {
    if (this.kind === T.Arrow) {
      this.remark(
        'E101',
        this.spanAt(this.pos),
        "expected ':', found '->'",
        "a result's type stands behind ':'",
      );
      this.advance();
      return this.type();
    }
    return this.eatColon() ? this.type() : undefined;
  }
}
