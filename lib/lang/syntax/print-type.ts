// Types and parameters, as text.
import type { Expr, Name, ParamNode, TypeNode } from './ast.ts';
import { type Member, pad, PrintCore, WIDTH } from './print-core.ts';

/** What stands in brackets, in both forms. */
export interface Group {
  readonly open: string;
  readonly close: string;
  readonly spaced: boolean;
  /** Between members on lines. */
  readonly comma: string;
  readonly isBroken: boolean;
  readonly end: number;
}

export abstract class TypePrinter extends PrintCore {
  protected abstract expr(expr: Expr, indent: number): string;
  /** In one line; undefined if it has line breaks. */
  protected abstract flatExpr(expr: Expr): string | undefined;

  protected type(type: TypeNode, indent: number): string {
    const flat = this.flatType(type);
    if (flat !== undefined && indent * 4 + flat.length <= WIDTH) return flat;
    switch (type.kind) {
      case 'type_array':
        return `array[${this.type(type.item, indent)}]`;
      case 'type_map':
        return `map[${this.type(type.key, indent)}, ${this.type(type.value, indent)}]`;
      case 'type_object':
        return this.braces(
          type.span.start,
          type.fields.map((field) => this.#paramMember(field)),
          indent,
        );
      case 'type_union':
        return type.members.map((member) => this.#unionMember(member, indent)).join(' | ');
      case 'type_optional':
        return `${this.#optionalInner(type.inner, this.type(type.inner, indent))}?`;
      case 'type_enum': {
        const members = type.symbols.map((symbol): Member => ({ ...symbol.span, print: () => symbol.text }));
        const last = type.symbols.at(-1)?.span.end ?? type.span.start;
        return `enum[\n${this.lines(members, indent + 1, Math.max(last, type.span.end - 1), ',')}\n${pad(indent)}]`;
      }
      case 'type_name':
      case 'type_literal':
      case 'type_null':
      case 'type_error':
        return flat ?? this.slice(type.span);
    }
  }

  #unionMember(member: TypeNode, indent: number): string {
    const printed = this.type(member, indent);
    return member.kind === 'type_union' ? `(${printed})` : printed;
  }
  #optionalInner(inner: TypeNode, printed: string): string {
    return inner.kind === 'type_union' || inner.kind === 'type_optional' ? `(${printed})` : printed;
  }

  protected flatType(type: TypeNode): string | undefined {
    switch (type.kind) {
      case 'type_name':
        return type.namespace ? `${type.namespace.text}.${type.name.text}` : type.name.text;
      case 'type_null':
        return 'null';
      case 'type_literal':
      case 'type_error':
        return this.slice(type.span);
      case 'type_array':
        return joined([this.flatType(type.item)], (item) => `array[${item}]`);
      case 'type_map':
        return joined([this.flatType(type.key), this.flatType(type.value)], (parts) => `map[${parts}]`);
      case 'type_optional':
        return joined([this.flatType(type.inner)], (inner) => `${this.#optionalInner(type.inner, inner)}?`);
      case 'type_union': {
        const parts = type.members.map((member) =>
          joined([this.flatType(member)], (flat) => (member.kind === 'type_union' ? `(${flat})` : flat)),
        );
        return joined(parts, (flat) => flat, ' | ');
      }
      case 'type_enum':
        if (this.isBrokenGroup(type.span, type.symbols[0]?.span.start)) return undefined;
        return `enum[${type.symbols.map(({ text }) => text).join(', ')}]`;
      case 'type_object': {
        if (this.isBrokenGroup(type.span, type.fields[0]?.span.start)) return undefined;
        const parts = type.fields.map((field) => this.#flatParam(field));
        return parts.length === 0 ? '{}' : joined(parts, (flat) => `{ ${flat} }`);
      }
    }
  }

  /** The source has a line break before the first member, or a comment anywhere inside. */
  protected isBrokenGroup(
    span: { readonly start: number; readonly end: number },
    first: number | undefined,
  ): boolean {
    return this.hasComment(span.start, span.end) || (first !== undefined && this.hasBreak(span.start, first));
  }

  #flatParam({ name, type, initial }: ParamNode): string | undefined {
    const parts = [this.flatType(type), initial ? this.flatExpr(initial) : ''];
    if (parts.includes(undefined)) return undefined;
    return `${name.text}: ${parts[0] ?? ''}${initial ? ` = ${parts[1] ?? ''}` : ''}`;
  }

  protected param({ name, type, initial }: ParamNode, indent: number): string {
    const value = initial ? ` = ${this.expr(initial, indent)}` : '';
    return `${name.text}: ${this.type(type, indent)}${value}`;
  }

  #paramMember(param: ParamNode): Member {
    return {
      ...param.span,
      print: (indent) => this.param(param, indent),
      beginsWithIn: param.name.text === 'in',
    };
  }
  protected paramMembers(params: readonly ParamNode[]): readonly Member[] {
    return params.map((param) => this.#paramMember(param));
  }

  /** `(a: T, b: U = 1)`, behind `nameEnd`. */
  protected params(params: readonly ParamNode[], nameEnd: number, indent: number): string {
    const [first] = params;
    const last = params.at(-1);
    if (!first || !last) return '()';
    const isBroken = this.hasBreak(nameEnd, first.span.start) || this.hasComment(nameEnd, last.span.end);
    const flat = isBroken
      ? undefined
      : joined(
          params.map((param) => this.#flatParam(param)),
          (parts) => `(${parts})`,
        );
    if (flat !== undefined && indent * 4 + flat.length <= WIDTH - 20) return flat;
    const close = this.closingParen(last.span.end);
    return `(\n${this.lines(this.paramMembers(params), indent + 1, close, ',')}\n${pad(indent)})`;
  }

  /** Comments before the next `)` belong to what it closes. */
  protected closingParen(from: number): number {
    const found = this.text.indexOf(')', from);
    return found < 0 ? this.text.length : found;
  }

  protected result(result: TypeNode | undefined, indent: number): string {
    return result ? `: ${this.type(result, indent)}` : '';
  }

  protected names(names: readonly Name[]): string {
    return names.map(({ text }) => text).join(', ');
  }
}

/** Undefined if a part is. */
export function joined(
  parts: readonly (string | undefined)[],
  around: (flat: string) => string,
  separator = ', ',
): string | undefined {
  return parts.includes(undefined) ? undefined : around(parts.join(separator));
}
