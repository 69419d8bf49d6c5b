// Expressions, as text. Parentheses are not in the tree: they are put where the precedences need them.
import type { Argument, Expr, FieldNode, MatchArm, ObjectExpr, Pattern, PipeExpr, Stmt } from './ast.ts';
import { type Member, pad, WIDTH } from './print-core.ts';
import { CHOICE, FlatPrinter, LAMBDA, LEVEL, levelOf, POSTFIX, startOf, UNARY } from './print-flat.ts';
import { commonIndent } from './text-literal.ts';

export abstract class ExprPrinter extends FlatPrinter {
  /** Statements in braces; `headEnd` as in `braces`. */
  protected abstract body(statements: readonly Stmt[], headEnd: number, indent: number): string;

  protected expr(expr: Expr, indent: number): string {
    const flat = this.flatExpr(expr);
    if (flat !== undefined && (indent * 4 + flat.length <= WIDTH || !this.#hasBrackets(expr))) {
      return expr.kind === 'template' || expr.kind === 'string'
        ? this.verbatim(expr.span)
        : this.#keep(expr, flat);
    }
    switch (expr.kind) {
      case 'string':
      case 'template':
        return this.#text(expr, indent);
      case 'list':
        return this.#list(expr.items, expr.span, indent);
      case 'object':
        return this.object(expr, indent, ': ');
      case 'lambda':
        return `${this.lambdaParams(expr.params)} => ${this.sub(expr.body, LAMBDA, indent)}`;
      case 'unary':
        return expr.op + this.sub(expr.value, UNARY, indent);
      case 'binary':
        return this.#binary(expr, indent);
      case 'field': {
        const object = this.sub(expr.object, POSTFIX, indent);
        if (!this.isBrokenDot(expr)) return `${object}.${expr.name.text}`;
        const comments = this.#between(expr.object, expr.name.span.start, indent + 1);
        return `${object}\n${comments}${pad(indent + 1)}.${expr.name.text}`;
      }
      case 'index':
        return `${this.sub(expr.object, POSTFIX, indent)}[${this.expr(expr.index, this.#chainIndent(expr.object, indent))}]`;
      case 'call': {
        const inner = this.#chainIndent(expr.callee, indent);
        return this.sub(expr.callee, POSTFIX, indent) + this.args(expr.args, expr.callee.span.end, inner);
      }
      case 'conditional':
        return this.#conditional(expr, indent);
      case 'match_expr':
        return this.match(expr, indent);
      case 'pipe':
        return this.#pipe(expr, indent);
      default:
        return this.verbatim(expr.span);
    }
  }

  /** Printing in one line takes texts as they stand: their comments are done. */
  #keep(expr: Expr, flat: string): string {
    if (this.hasComment(expr.span.start, expr.span.end)) this.#markTexts(expr);
    return flat;
  }

  #markTexts(expr: Expr): void {
    if (expr.kind === 'template') this.verbatim(expr.span);
    else for (const child of childrenOf(expr)) this.#markTexts(child);
  }

  /** There is something that can be put on lines of its own. */
  #hasBrackets(expr: Expr): boolean {
    return expr.kind !== 'string' && expr.kind !== 'template' && expr.kind !== 'ref';
  }

  /** With parentheses if it binds less tightly than its place needs. */
  protected sub(expr: Expr, least: number, indent: number): string {
    const printed = this.expr(expr, indent);
    return levelOf(expr) < least ? `(${printed})` : printed;
  }
  // ---- Texts ----

  /** The lines of a `"""` are moved to where the code is, if it begins with a line break. */
  #text(expr: Extract<Expr, { readonly kind: 'string' | 'template' }>, indent: number): string {
    const whole = this.slice(expr.span);
    const isMovable =
      expr.is_multiline &&
      /^"""[ \t]*\r?\n/.test(whole) &&
      !this.hasComment(expr.span.start, expr.span.end) &&
      !(
        expr.kind === 'template' &&
        expr.parts.some((part) => typeof part !== 'string' && this.#spansLines(part))
      );
    if (!isMovable) return this.verbatim(expr.span);
    const inner = whole.slice(3, -3);
    const common = commonIndent([inner]);
    const [, ...lines] = inner.split('\n');
    const moved = lines.map((line, index) => {
      const text = line.replace(/\r$/, '');
      const isLast = index === lines.length - 1;
      if (text.trim() === '') return isLast ? pad(indent + 1) : '';
      return pad(indent + 1) + text.slice(common);
    });
    return `"""\n${moved.join('\n')}"""`;
  }

  /** The braces around an interpolation belong to it. */
  #spansLines({ span }: Expr): boolean {
    const open = this.text.lastIndexOf('${', span.start);
    const close = this.text.indexOf('}', span.end);
    return this.hasBreak(open, close < 0 ? span.end : close);
  }

  // ---- Brackets ----

  #list(items: readonly Expr[], span: Expr['span'], indent: number): string {
    const [only] = items;
    if (!only) return this.#emptyList(span, indent);
    const isHugged = items.length === 1 && !this.isBrokenGroup(span, only.span.start);
    if (isHugged && this.flatExpr(only) === undefined) return `[${this.expr(only, indent)}]`;
    const members = items.map((item): Member => ({ ...item.span, print: (inner) => this.expr(item, inner) }));
    return `[\n${this.lines(members, indent + 1, span.end - 1, ',')}\n${pad(indent)}]`;
  }

  #emptyList(span: Expr['span'], indent: number): string {
    const lines = this.lines([], indent + 1, span.end - 1);
    return lines === '' ? '[]' : `[\n${lines}\n${pad(indent)}]`;
  }

  /** `sign`: ` = ` where fields of blocks stand, `: ` for values. */
  protected object(expr: ObjectExpr, indent: number, sign: ' = ' | ': '): string {
    return this.braces(expr.span.start, this.fieldMembers(expr.fields, sign), indent);
  }

  protected fieldMembers(fields: readonly FieldNode[], sign: ' = ' | ': ' = ' = '): readonly Member[] {
    return fields.map((field) => ({
      ...field.span,
      print: (indent) => this.field(field, indent, sign),
      beginsWithIn: field.name.text === 'in',
    }));
  }

  protected field({ name, value }: FieldNode, indent: number, sign: ' = ' | ': '): string {
    return this.key(name) + sign + this.fieldValue(value, indent, sign);
  }

  protected fieldValue(value: Expr, indent: number, sign: ' = ' | ': '): string {
    if (value.kind !== 'object') return this.expr(value, indent);
    const flat = this.flatExpr(value);
    if (flat !== undefined && indent * 4 + flat.length <= WIDTH) return this.expr(value, indent);
    return this.object(value, indent, sign);
  }

  protected args(args: readonly Argument[], calleeEnd: number, indent: number): string {
    const [first] = args;
    const last = args.at(-1);
    if (!first || !last) return '()';
    const flat = this.flatArgs(args, calleeEnd);
    if (flat !== undefined && indent * 4 + flat.length <= WIDTH) {
      for (const { value } of args) this.#keep(value, '');
      return flat;
    }
    const isBroken = this.isBrokenArgs(args, calleeEnd);
    const isHugged =
      !isBroken &&
      this.flatExpr(last.value) === undefined &&
      args.slice(0, -1).every((arg) => this.#isShort(arg, indent));
    if (isHugged)
      return `(${args.map((arg, index) => this.#arg(arg, index === args.length - 1, indent)).join(', ')})`;
    const members = args.map((arg, index): Member => {
      const { end } = arg.value.span;
      return { start: startOf(arg), end, print: (inner) => this.#arg(arg, index === args.length - 1, inner) };
    });
    const close = this.closingParen(last.value.span.end);
    return `(\n${this.lines(members, indent + 1, close, ',')}\n${pad(indent)})`;
  }

  #isShort({ value }: Argument, indent: number): boolean {
    const flat = this.flatExpr(value);
    return flat !== undefined && indent * 4 + flat.length <= WIDTH;
  }

  #arg({ name, value }: Argument, isLast: boolean, indent: number): string {
    // The options of a pipe would take named arguments behind it.
    const printed = isLast ? this.expr(value, indent) : this.sub(value, LAMBDA, indent);
    return name ? `${name.text} = ${printed}` : printed;
  }

  // ---- Operators and chains ----

  #binary(expr: Extract<Expr, { readonly kind: 'binary' }>, indent: number): string {
    const level = LEVEL[expr.op];
    const left = this.sub(expr.left, level, indent);
    if (!this.hasBreak(expr.left.span.end, expr.right.span.start)) {
      return `${left} ${expr.op} ${this.sub(expr.right, level + 1, indent)}`;
    }
    const comments = this.#between(expr.left, expr.right.span.start, indent + 1);
    return `${left} ${expr.op}\n${comments}${pad(indent + 1)}${this.sub(expr.right, level + 1, indent + 1)}`;
  }

  /** Comments before what goes on with `left` in a line of its own. */
  #between(left: Expr, start: number, indent: number): string {
    return this.hasComment(left.span.end, start) ? this.ownLines(start, indent) : '';
  }

  /** Behind a `.` on a line of its own, what is in brackets stands one deeper. */
  #chainIndent(expr: Expr, indent: number): number {
    for (let at = expr; ;) {
      if (at.kind === 'field') {
        if (this.isBrokenDot(at)) return indent + 1;
        at = at.object;
      } else if (at.kind === 'index') at = at.object;
      else if (at.kind === 'call') at = at.callee;
      else return indent;
    }
  }

  // ---- Pipes ----

  /** The sign and what follows it. */
  protected stage(expr: PipeExpr, indent: number): string {
    const { op, condition, stages, options } = expr;
    const printed = stages.map((stage) => this.sub(stage, POSTFIX, indent)).join(', ');
    const when = condition ? `(${this.expr(condition, indent)}) ` : '';
    const settings = options
      .map(({ name, value }) => `, ${name.text} = ${this.sub(value, LAMBDA, indent)}`)
      .join('');
    return `${op} ${when}${op === '|*>' ? `[${printed}]` : printed}${settings}`;
  }

  #pipe(expr: PipeExpr, indent: number): string {
    const chain: PipeExpr[] = [];
    let first: Expr = expr;
    for (; first.kind === 'pipe'; first = first.left) chain.unshift(first);
    let printed = this.sub(first, CHOICE, indent);
    for (const pipe of chain) {
      const start = (pipe.condition ?? pipe.stages[0])?.span.start ?? pipe.span.end;
      const comments = this.#between(pipe.left, start, indent + 1);
      printed += `\n${comments}${pad(indent + 1)}${this.stage(pipe, indent + 1)}`;
    }
    return printed;
  }

  // ---- Choices ----

  #conditional(expr: Extract<Expr, { readonly kind: 'conditional' }>, indent: number): string {
    const { condition, then, otherwise } = expr;
    const branch = (value: Expr, headEnd: number): string =>
      this.braces(headEnd, [{ ...value.span, print: (inner) => this.expr(value, inner) }], indent);
    const head = `if ${this.expr(condition, indent)} ${branch(then, condition.span.end)} else `;
    if (otherwise.kind === 'conditional') return head + this.#conditional(otherwise, indent);
    return head + branch(otherwise, then.span.end);
  }

  protected match(
    {
      is_block,
      subject,
      arms,
    }: { readonly is_block: boolean; readonly subject: Expr; readonly arms: readonly MatchArm[] },
    indent: number,
  ): string {
    const head = `${is_block ? '@match' : 'match'} ${this.expr(subject, indent)} `;
    return head + this.arms(arms, subject.span.end, indent);
  }

  protected arms(arms: readonly MatchArm[], headEnd: number, indent: number): string {
    const members = arms.map((arm): Member => ({ ...arm.span, print: (inner) => this.#arm(arm, inner) }));
    return this.braces(headEnd, members, indent);
  }

  #arm({ pattern, guard, body }: MatchArm, indent: number): string {
    const condition = guard ? ` if ${this.sub(guard, CHOICE, indent)}` : '';
    const head = `${this.#pattern(pattern)}${condition} => `;
    const headEnd = (guard ?? pattern).span.end;
    return head + ('kind' in body ? this.expr(body, indent) : this.body(body, headEnd, indent));
  }

  #pattern(pattern: Pattern): string {
    switch (pattern.kind) {
      case 'pattern_literal':
        return this.verbatim(pattern.span);
      case 'pattern_symbol':
        return `:${pattern.name}`;
      case 'pattern_any':
        return '_';
      case 'pattern_or':
        return pattern.options.map((option) => this.#pattern(option)).join(' | ');
      case 'pattern_object': {
        const fields = pattern.fields.map(({ name, pattern: inner }) =>
          inner ? `${name.text}: ${this.#pattern(inner)}` : name.text,
        );
        return fields.length === 0 ? '{}' : `{ ${fields.join(', ')} }`;
      }
    }
  }
}

/** Of what can stand in one line. */
function childrenOf(expr: Expr): readonly Expr[] {
  switch (expr.kind) {
    case 'list':
      return expr.items;
    case 'object':
      return expr.fields.map(({ value }) => value);
    case 'lambda':
      return [expr.body];
    case 'unary':
      return [expr.value];
    case 'binary':
      return [expr.left, expr.right];
    case 'field':
      return [expr.object];
    case 'index':
      return [expr.object, expr.index];
    case 'call':
      return [expr.callee, ...expr.args.map(({ value }) => value)];
    case 'conditional':
      return [expr.condition, expr.then, expr.otherwise];
    case 'pipe': {
      const { left, condition, stages, options } = expr;
      return [left, ...(condition ? [condition] : []), ...stages, ...options.map(({ value }) => value)];
    }
    default:
      return [];
  }
}
