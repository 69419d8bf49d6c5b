// Statements and blocks, as text.
import type { BlockStmt, Expr, FailureRule, FieldNode, ModelBlock, Name, Stmt, TypeNode } from './ast.ts';
import { HEAD_OPTIONS } from './block-fields.ts';
import type { Member } from './print-core.ts';
import { ExprPrinter } from './print-expr.ts';

type Of<K extends BlockStmt['kind']> = Extract<BlockStmt, { readonly kind: K }>;

export abstract class StatementPrinter extends ExprPrinter {
  protected body(statements: readonly Stmt[], headEnd: number, indent: number): string {
    return this.braces(headEnd, this.statementMembers(statements), indent);
  }

  protected statementMembers(statements: readonly Stmt[]): readonly Member[] {
    return statements.map((statement) => ({
      ...statement.span,
      print: (indent) => this.#statement(statement, indent),
    }));
  }

  #statement(statement: Stmt, indent: number): string {
    switch (statement.kind) {
      case 'assign': {
        const { target, type, value } = statement;
        const head = this.expr(target, indent) + this.#typeOf(type, indent);
        // `x = @match …` would be the statement.
        const isMatch = value.kind === 'match_expr' && value.is_block && target.kind === 'ref';
        const printed = this.fieldValue(value, indent, ': ');
        return `${head} = ${isMatch ? `(${printed})` : printed}`;
      }
      case 'expression': {
        const printed = this.expr(statement.value, indent);
        return this.#needsParentheses(statement.value) ? `(${printed})` : printed;
      }
      case 'if':
        return this.#if(statement, indent);
      case 'match':
        return this.#head(statement, indent) + this.match(statement, indent);
      case 'return':
        return statement.value ? `return ${this.expr(statement.value, indent)}` : 'return';
      case 'yield':
        return `yield ${this.expr(statement.value, indent)}`;
      case 'break':
      case 'continue':
        return statement.kind;
      case 'emit': {
        const { event, fields } = statement;
        const isBare = fields.length === 0 && !this.hasComment(event.span.end, statement.span.end);
        return `emit ${event.text}${isBare ? '' : ` ${this.fields(fields, event.span.end, indent)}`}`;
      }
      default:
        return this.#head(statement, indent) + this.#block(statement, indent);
    }
  }

  /** What begins with if or match would be read as the statement. Inside of operators both are in parentheses anyway. */
  #needsParentheses(value: Expr): boolean {
    let first: Expr = value;
    while (first.kind === 'pipe') first = first.left;
    return first.kind === 'conditional' || (first.kind === 'match_expr' && first === value);
  }

  #typeOf(type: TypeNode | undefined, indent: number): string {
    return type ? `: ${this.type(type, indent)}` : '';
  }

  /** `name: T = `. */
  #head({ binding, type }: { readonly binding?: Name; readonly type?: TypeNode }, indent: number): string {
    return binding ? `${binding.text}${this.#typeOf(type, indent)} = ` : '';
  }

  #if(statement: Extract<Stmt, { readonly kind: 'if' }>, indent: number): string {
    const { condition, then, otherwise } = statement;
    const head = `if ${this.expr(condition, indent)} ${this.body(then, condition.span.end, indent)}`;
    if (!otherwise) return head;
    const [only] = otherwise;
    if (only?.kind === 'if' && otherwise.length === 1 && this.#isElseIf(then, condition, only)) {
      return `${head} else ${this.#if(only, indent)}`;
    }
    const close = this.closingAfter(then.at(-1)?.span.end ?? condition.span.end);
    return `${head} else ${this.body(otherwise, close + 1, indent)}`;
  }

  /** Without a brace between: `else { if … }` is the same tree, and stays as it was written. */
  #isElseIf(then: readonly Stmt[], condition: Expr, only: Stmt): boolean {
    const close = this.closingAfter(then.at(-1)?.span.end ?? condition.span.end);
    return !this.#hasBrace(close + 1, only.span.start);
  }
  #hasBrace(from: number, to: number): boolean {
    return /\belse\s*\{/.test(this.text.slice(from, to));
  }

  // ---- Fields ----

  protected fields(fields: readonly FieldNode[], headEnd: number, indent: number): string {
    return this.braces(headEnd, this.fieldMembers(fields), indent);
  }

  // ---- Blocks ----

  #block(block: BlockStmt, indent: number): string {
    // Where the word of the block ends, at least: nothing but the name, the type and the word stands before.
    const wordEnd = this.#wordEnd(block);
    switch (block.kind) {
      case 'rigid':
      case 'debug':
        return `@${block.kind} ${this.body(block.body, wordEnd, indent)}`;
      case 'flexible':
      case 'guarded':
      case 'model_call':
        return `@${block.kind} ${this.braces(wordEnd, this.#modelMembers(block), indent)}`;
      case 'parallel':
        return `@parallel ${this.#optionsAndBody(block, wordEnd, indent)}`;
      case 'foreach': {
        const { item, index, iterable } = block;
        const names = index ? `${item.text}, ${index.text}` : item.text;
        const head = this.#loopHead(iterable, indent);
        return `@foreach ${names} in ${head} ${this.#optionsAndBody(block, iterable.span.end, indent)}`;
      }
      case 'while': {
        const head = this.#loopHead(block.condition, indent);
        return `@while ${head} ${this.#optionsAndBody(block, block.condition.span.end, indent)}`;
      }
      case 'checkpoint':
        return this.#checkpoint(block, wordEnd, indent);
      case 'core_call': {
        const { target, fields } = block;
        const head = target ? `@core_call ${target.text} ` : '@core_call ';
        return head + this.fields(fields, target?.span.end ?? wordEnd, indent);
      }
      case 'await_responses':
        return `@await_responses ${this.fields(block.fields, wordEnd, indent)}`;
      case 'try':
        return this.#try(block, wordEnd, indent);
      case 'budget': {
        const members = [...this.fieldMembers(block.limits), ...this.statementMembers(block.body)];
        return `@budget ${this.braces(wordEnd, members, indent)}`;
      }
    }
  }

  #wordEnd({ span, binding, type }: BlockStmt): number {
    return (type ?? binding)?.span.end ?? span.start;
  }

  #loopHead(expr: Expr, indent: number): string {
    const printed = this.expr(expr, indent);
    // A call in it would be taken for the loop's options.
    const isUnclear = [...HEAD_OPTIONS].some((option) =>
      new RegExp(`\\(\\s*${option}\\s*=[^=]`).test(printed),
    );
    return isUnclear ? `(${printed})` : printed;
  }

  #optionsAndBody(
    { options, body }: Pick<Of<'while'>, 'options' | 'body'>,
    headEnd: number,
    indent: number,
  ): string {
    const printed = options.map((option) => this.field(option, indent, ' = ')).join(', ');
    const end = options.at(-1)?.span.end ?? headEnd;
    return (printed === '' ? '' : `(${printed}) `) + this.body(body, end, indent);
  }

  #checkpoint({ checkpoint, fields, arms }: Of<'checkpoint'>, wordEnd: number, indent: number): string {
    const members = [...this.fieldMembers(fields)];
    if (arms) {
      const start = arms[0]?.span.start ?? members.at(-1)?.end ?? wordEnd;
      const last = arms.at(-1)?.span.end ?? start;
      const end = this.closingAfter(last) + 1;
      members.push({ start, end, print: (inner) => `on_response = ${this.arms(arms, start, inner)}` });
    }
    const kind = checkpoint ? `${checkpoint.text} ` : '';
    const headEnd = checkpoint?.span.end ?? wordEnd;
    return `@checkpoint ${kind}${this.braces(headEnd, inOrder(members), indent)}`;
  }

  #try({ body, catches }: Of<'try'>, wordEnd: number, indent: number): string {
    let printed = `@try ${this.body(body, wordEnd, indent)}`;
    for (const { span, error, binding, body: caught } of catches) {
      const names = [error, binding].flatMap((name) => (name ? [name.text] : []));
      const headEnd = (binding ?? error)?.span.end ?? span.start;
      printed += ` ${['@catch', ...names].join(' ')} ${this.body(caught, headEnd, indent)}`;
    }
    return printed;
  }

  // ---- Blocks that ask models ----

  #modelMembers(block: ModelBlock): readonly Member[] {
    const members = [...this.fieldMembers(block.fields)];
    const { output, on_validation_failure, on_failure, budget } = block;
    if (output) {
      members.push({ ...output.span, print: (indent) => `output = ${this.type(output, indent)}` });
    }
    for (const name of ['guard', 'validate'] as const) {
      const conditions = block[name];
      if (conditions) members.push(this.#conditionsMember(name, conditions, block.span.start));
    }
    if (on_validation_failure) {
      const print = (start: number, indent: number): string =>
        this.body(on_validation_failure, start, indent);
      members.push(
        this.#bracedMember('on_validation_failure = ', on_validation_failure, block.span.start, print),
      );
    }
    if (on_failure) {
      const rules = on_failure.map((rule): Member => ({
        ...rule.span,
        print: (indent) => this.#failureRule(rule, indent),
      }));
      const print = (start: number, indent: number): string => this.braces(start, rules, indent);
      members.push(this.#bracedMember('on_failure = ', on_failure, block.span.start, print));
    }
    if (budget) {
      const print = (start: number, indent: number): string => this.fields(budget, start, indent);
      members.push(this.#bracedMember('@budget ', budget, block.span.start, print));
    }
    return inOrder(members);
  }

  /** What stands in braces of its own. The tree does not say where empty ones are: they come first. */
  #bracedMember(
    head: string,
    nodes: readonly { readonly span: Expr['span'] }[],
    blockStart: number,
    print: (start: number, indent: number) => string,
  ): Member {
    const [first] = nodes;
    const last = nodes.at(-1);
    if (!first || !last) return { start: blockStart, end: blockStart, print: () => `${head}{}` };
    const { start } = first.span;
    const end = this.closingAfter(last.span.end) + 1;
    return { start, end, print: (indent) => head + print(start, indent) };
  }

  #conditionsMember(name: 'guard' | 'validate', conditions: readonly Expr[], blockStart: number): Member {
    const print = (start: number, indent: number): string => this.conditions(conditions, start, indent);
    const member = this.#bracedMember(`${name} = `, conditions, blockStart, print);
    // One condition may stand without braces.
    const word = this.text.lastIndexOf(name, member.start);
    const last = conditions.at(-1);
    const isBraced = this.text.slice(Math.max(0, word), member.start).includes('{');
    return isBraced || !last ? member : { ...member, end: last.span.end };
  }

  protected conditions(conditions: readonly Expr[], headEnd: number, indent: number): string {
    const members = conditions.map((condition): Member => ({
      ...condition.span,
      print: (inner) => this.expr(condition, inner),
    }));
    return this.braces(headEnd, members, indent);
  }

  #failureRule({ failure, actions }: FailureRule, indent: number): string {
    const printed = actions.map(({ name, args, span }) =>
      args.length === 0 ? name.text : name.text + this.args(args, span.start + name.text.length, indent),
    );
    return `${failure.text} = ${printed.join(' | ')}`;
  }
}

function inOrder(members: readonly Member[]): readonly Member[] {
  return [...members].sort((left, right) => left.start - right.start);
}
