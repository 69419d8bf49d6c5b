// Expressions in one line, if they can be: what the printer measures, and prints where there is room.
import type { Argument, BinaryOp, Expr, Name, PipeExpr } from './ast.ts';
import { joined, TypePrinter } from './print-type.ts';

export const LEVEL: Readonly<Record<BinaryOp, number>> = {
  '??': 3,
  '||': 4,
  '&&': 5,
  '==': 6,
  '!=': 6,
  '<': 7,
  '<=': 7,
  '>': 7,
  '>=': 7,
  in: 7,
  '+': 8,
  '-': 8,
  '*': 9,
  '/': 9,
  '%': 9,
};
const PIPE = 0;
export const LAMBDA = 1;
/** if and match as values: they are closed by a brace, but read better in parentheses. */
export const CHOICE = 2;
export const UNARY = 10;
export const POSTFIX = 11;

export function levelOf(expr: Expr): number {
  switch (expr.kind) {
    case 'pipe':
      return PIPE;
    case 'lambda':
      return LAMBDA;
    case 'conditional':
    case 'match_expr':
      return CHOICE;
    case 'binary':
      return LEVEL[expr.op];
    case 'unary':
      return UNARY;
    default:
      return POSTFIX;
  }
}

const WORD = /^[A-Za-z_]\w*$/;

export abstract class FlatPrinter extends TypePrinter {
  readonly #flats = new Map<Expr, string | undefined>();

  /** The sign of a pipe and what follows it. */
  protected abstract stage(expr: PipeExpr, indent: number): string;

  #flatSub(expr: Expr, least: number): string | undefined {
    const flat = this.flatExpr(expr);
    return flat !== undefined && levelOf(expr) < least ? `(${flat})` : flat;
  }

  protected flatExpr(expr: Expr): string | undefined {
    if (this.#flats.has(expr)) return this.#flats.get(expr);
    const flat = this.#flatten(expr);
    this.#flats.set(expr, flat);
    return flat;
  }

  #flatten(expr: Expr): string | undefined {
    switch (expr.kind) {
      case 'string':
      case 'template': {
        const text = this.slice(expr.span);
        return text.includes('\n') ? undefined : text;
      }
      case 'list':
        if (this.isBrokenGroup(expr.span, expr.items[0]?.span.start)) return undefined;
        return joined(
          expr.items.map((item) => this.flatExpr(item)),
          (items) => `[${items}]`,
        );
      case 'object': {
        if (this.isBrokenGroup(expr.span, expr.fields[0]?.span.start)) return undefined;
        if (expr.fields.length === 0) return '{}';
        const fields = expr.fields.map(({ name, value }) =>
          joined([this.flatExpr(value)], (flat) => `${this.key(name)}: ${flat}`),
        );
        return joined(fields, (flat) => `{ ${flat} }`);
      }
      case 'lambda':
        return joined(
          [this.#flatSub(expr.body, LAMBDA)],
          (body) => `${this.lambdaParams(expr.params)} => ${body}`,
        );
      case 'unary':
        return joined([this.#flatSub(expr.value, UNARY)], (value) => expr.op + value);
      case 'binary': {
        if (this.hasBreak(expr.left.span.end, expr.right.span.start)) return undefined;
        const level = LEVEL[expr.op];
        const sides = [this.#flatSub(expr.left, level), this.#flatSub(expr.right, level + 1)];
        return joined(sides, (flat) => flat, ` ${expr.op} `);
      }
      case 'field':
        if (this.isBrokenDot(expr)) return undefined;
        return joined([this.#flatSub(expr.object, POSTFIX)], (object) => `${object}.${expr.name.text}`);
      case 'index':
        return joined(
          [this.#flatSub(expr.object, POSTFIX), this.flatExpr(expr.index)],
          (flat) => `${flat}]`,
          '[',
        );
      case 'call':
        return joined(
          [this.#flatSub(expr.callee, POSTFIX), this.flatArgs(expr.args, expr.callee.span.end)],
          (flat) => flat,
          '',
        );
      case 'conditional':
        return this.#flatConditional(expr);
      case 'match_expr':
        return undefined;
      case 'pipe':
        return this.#flatPipe(expr);
      default:
        return this.slice(expr.span);
    }
  }

  protected key({ text, span }: Name): string {
    if (WORD.test(text)) return text;
    return this.slice(span);
  }

  protected flatArgs(args: readonly Argument[], calleeEnd: number): string | undefined {
    if (args.length === 0) return '()';
    if (this.isBrokenArgs(args, calleeEnd)) return undefined;
    const parts = args.map(({ name, value }, index) => {
      const flat = index === args.length - 1 ? this.flatExpr(value) : this.#flatSub(value, LAMBDA);
      return joined([flat], (text) => (name ? `${name.text} = ${text}` : text));
    });
    return joined(parts, (flat) => `(${flat})`);
  }

  protected isBrokenArgs(args: readonly Argument[], calleeEnd: number): boolean {
    const [first] = args;
    const last = args.at(-1);
    if (!first || !last) return false;
    return this.hasBreak(calleeEnd, startOf(first)) || this.#hasOuterComment(args, calleeEnd);
  }

  /** A comment between arguments; those inside of texts stay there. */
  #hasOuterComment(args: readonly Argument[], calleeEnd: number): boolean {
    let from = calleeEnd;
    for (const arg of args) {
      if (this.hasComment(from, arg.value.span.start)) return true;
      from = arg.value.span.end;
    }
    return false;
  }

  protected isBrokenDot({ object, name }: Extract<Expr, { readonly kind: 'field' }>): boolean {
    return this.hasBreak(object.span.end, name.span.start);
  }

  protected lambdaParams(params: readonly Name[]): string {
    const [only] = params;
    return only && params.length === 1 ? only.text : `(${this.names(params)})`;
  }

  #flatPipe(expr: PipeExpr): string | undefined {
    const { left, condition, stages } = expr;
    if (this.#isBrokenPipe(expr)) return undefined;
    const parts = [
      this.#flatSub(left, left.kind === 'pipe' ? PIPE : CHOICE),
      condition ? this.flatExpr(condition) : '',
      ...stages.map((stage) => this.#flatSub(stage, POSTFIX)),
      ...expr.options.map(({ value }) => this.#flatSub(value, LAMBDA)),
    ];
    return parts.includes(undefined) ? undefined : `${parts[0] ?? ''} ${this.stage(expr, 0)}`;
  }

  #isBrokenPipe({ left, condition, stages }: PipeExpr): boolean {
    const first = condition ?? stages[0];
    return first !== undefined && this.hasBreak(left.span.end, first.span.start);
  }

  #flatConditional({
    condition,
    then,
    otherwise,
  }: Extract<Expr, { readonly kind: 'conditional' }>): string | undefined {
    const isBroken =
      this.hasBreak(condition.span.end, then.span.start) ||
      this.hasComment(condition.span.start, otherwise.span.end);
    if (isBroken) return undefined;
    const parts = [this.flatExpr(condition), this.flatExpr(then), this.flatExpr(otherwise)];
    if (parts.includes(undefined)) return undefined;
    const [when, yes, no] = parts;
    const rest = otherwise.kind === 'conditional' ? no : `{ ${no ?? ''} }`;
    return `if ${when ?? ''} { ${yes ?? ''} } else ${rest ?? ''}`;
  }
}

export const startOf = ({ name, value }: Argument): number => name?.span.start ?? value.span.start;
