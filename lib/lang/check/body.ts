// One body while it is checked: its variables, what is known of them at this point, where it stands, what it has done.
// Owns variables (E200, E201); expressions and statements are checked by the functions given as `BodyPasses`.
//   B1. Variables belong to the whole body; names of loops, arms, catches and lambdas only to what they enclose.
import type { DiagnosticCode } from '../source/codes.ts';
import type { Report, ReportExtras } from '../source/diagnostic.ts';
import type { Span } from '../source/source-text.ts';
import type { Expr, Name, Stmt } from '../syntax/ast.ts';
import { NEVER } from '../types/construct.ts';
import type { Type } from '../types/type.ts';
import type { Resolution } from './checked.ts';
import type { CallableHead, ProgramContext } from './program-context.ts';
import type { ModuleScope } from './declarations.ts';
import type { EffectBits } from './effects.ts';
import { FlowState, IS_SET } from './flow-state.ts';

export type VariableKind = 'local' | 'param' | 'lambda_param' | 'pseudo';
export interface Variable {
  readonly name: string;
  readonly kind: VariableKind;
  /** What every use of it resolves to. */
  readonly resolution: Resolution;
  readonly span: Span;
  /** Of a loop, an arm or a catch: belongs to what it encloses. */
  readonly isScoped: boolean;
  readonly isInferred: boolean;
  declared: Type;
  isRead: boolean;
}
export interface Binding {
  readonly name: Name;
  readonly type: Type;
  readonly kind: VariableKind;
}

/** What `yield`, `break` and `continue` belong to. */
export interface LoopContext {
  readonly kind: 'foreach' | 'while' | 'parallel';
  yielded: Type;
}

/** A call in a place where only pure ones may stand; judged when all bodies are known. */
export interface PureCall {
  readonly callable: string;
  readonly span: Span;
  readonly place: string;
  readonly report: Report;
}

/** What a body has done, and what is left to say about it. */
export interface BodyTrace {
  readonly effects: EffectBits;
  readonly calls: ReadonlySet<string>;
  readonly pureCalls: readonly PureCall[];
  /** Variables that nobody reads. */
  readonly unread: readonly Variable[];
  readonly report: Report;
}

export interface BodyPasses {
  readonly infer: (body: Body, expr: Expr, expected?: Type) => Type;
  readonly check: (body: Body, expr: Expr, expected: Type, code?: DiagnosticCode) => Type;
  /** Gives the type of a last expression statement, `null` type without one, `never` if the end is not reached. */
  readonly statements: (body: Body, statements: readonly Stmt[]) => Type;
}

export type BodyKind = 'flow' | 'transformer' | 'evaluator' | 'pipeline' | 'test' | 'constant';

export class Body {
  readonly program: ProgramContext;
  readonly scope: ModuleScope;
  readonly kind: BodyKind;
  readonly report: Report;
  readonly flow = new FlowState();
  readonly variables = new Map<string, Variable>();
  /** Those that have gone out of scope or stayed: all that there were. */
  readonly allVariables: Variable[] = [];
  readonly loops: LoopContext[] = [];
  readonly calls = new Set<string>();
  readonly pureCalls: PureCall[] = [];
  readonly head: CallableHead | undefined;
  readonly #passes: BodyPasses;
  /** Where nothing may have an effect, in words: `a lambda`. */
  purePlace: string | undefined = undefined;
  effects: EffectBits = 0;
  /** What its returns give; `never` before the first. */
  returned: Type = NEVER;
  hasReturned = false;
  /** A statement that begins with a name nobody knows: it may be the `return` that seems to be missing. */
  hasUnknownStatement = false;
  /** How often variables and fields were written, and how often memory may have been, by what is called. */
  writes = 0;
  memoryWrites = 0;
  /** Operators whose right side writes, and what: what their left side tells may be over when both are known. */
  readonly unsteady = new Map<Expr, 'memory' | 'all'>();

  constructor(
    program: ProgramContext,
    scope: ModuleScope,
    kind: BodyKind,
    passes: BodyPasses,
    head?: CallableHead,
  ) {
    this.program = program;
    this.scope = scope;
    this.kind = kind;
    this.report = scope.report;
    this.#passes = passes;
    this.head = head;
  }

  get trace(): BodyTrace {
    const { effects, calls, pureCalls, report } = this;
    const unread = this.allVariables.filter(({ isRead, kind }) => !isRead && kind === 'local');
    return { effects, calls, pureCalls, unread, report };
  }

  infer(expr: Expr, expected?: Type): Type {
    return this.#passes.infer(this, expr, expected);
  }

  check(expr: Expr, expected: Type, code?: DiagnosticCode): Type {
    return this.#passes.check(this, expr, expected, code);
  }

  statements(statements: readonly Stmt[]): Type {
    return this.#passes.statements(this, statements);
  }

  error(code: DiagnosticCode, span: Span, message: string, extras?: ReportExtras): void {
    this.report(code, span, message, extras);
  }

  /** Notes an effect, or refuses it where none may be. */
  effect(effect: EffectBits, span: Span, what: string): void {
    if (this.purePlace !== undefined) {
      const hint = 'put its result into a variable before';
      this.report('E312', span, `${what} cannot stand in ${this.purePlace}`, { hint });
      return;
    }
    this.effects |= effect;
  }

  call(callable: string, span: Span): void {
    this.calls.add(callable);
    const { purePlace: place, report } = this;
    if (place !== undefined) this.pureCalls.push({ callable, span, place, report });
    // What is called may change memory.
    else this.forgetMemory();
  }

  forgetMemory(): void {
    this.memoryWrites += 1;
    if (this.flow.get('memory') !== IS_SET) this.flow.set('memory', IS_SET);
  }

  inPurePlace<T>(place: string, run: () => T): T {
    const before = this.purePlace;
    this.purePlace = before ?? place;
    const result = run();
    this.purePlace = before;
    return result;
  }

  // ---- Variables ----

  /** A name that is declared and, on this path, perhaps set; marks it as read. */
  lookUp(name: string): Variable | undefined {
    const variable = this.variables.get(name);
    if (variable) variable.isRead = true;
    return variable;
  }

  declare(name: Name, type: Type, kind: VariableKind, options: { isInferred?: boolean } = {}): Variable {
    const variable = this.#newVariable(name, type, kind, false, options.isInferred ?? false);
    this.flow.set(name.text, IS_SET);
    return variable;
  }

  #newVariable(name: Name, type: Type, kind: VariableKind, isScoped: boolean, isInferred: boolean): Variable {
    const { text, span } = name;
    const variable: Variable = {
      name: text,
      kind,
      resolution: { kind, name: text },
      span,
      isScoped,
      isInferred,
      declared: type,
      isRead: false,
    };
    this.variables.set(text, variable);
    this.allVariables.push(variable);
    return variable;
  }

  /** Runs with names that belong only to what is run; lambdas may hide outer names, others may not. */
  withBindings<T>(bindings: readonly Binding[], run: () => T): T {
    const variables = bindings.map(({ name }) => this.variables.get(name.text));
    const facts = bindings.map(({ name }) => this.flow.get(name.text));
    for (const [index, { name, type, kind }] of bindings.entries()) {
      const outer = variables[index];
      if (kind === 'local' && outer && facts[index]) this.#reportHiding(name, outer);
      this.#newVariable(name, type, kind, true, false);
      this.flow.set(name.text, IS_SET);
    }
    const result = run();
    for (let index = bindings.length - 1; index >= 0; index -= 1) {
      const name = bindings[index]?.name.text ?? '';
      const variable = variables[index];
      // One that hid nothing stays behind without a fact, which is as good as gone.
      if (variable) this.variables.set(name, variable);
      this.flow.set(name, facts[index]);
    }
    return result;
  }

  #reportHiding(name: Name, outer: Variable): void {
    const { source } = this.scope.module.file;
    const related = [{ source, span: outer.span, message: 'the other one' }];
    const message = `'${name.text}' is already a name of this flow`;
    this.report('E201', name.span, message, { related, hint: 'a flow has one scope: choose another name' });
  }

  /** Runs one of several ways on, and undoes what it did; `merge` puts the ways together. */
  branch(run: () => void): ReturnType<FlowState['rewind']> {
    const mark = this.flow.mark();
    const wasReachable = this.flow.isReachable;
    run();
    const branch = this.flow.rewind(mark);
    this.flow.isReachable = wasReachable;
    return branch;
  }

  merge(branches: readonly ReturnType<FlowState['rewind']>[]): void {
    const wasReachable = this.flow.isReachable;
    this.flow.merge(branches, this.program.table);
    this.flow.isReachable &&= wasReachable;
  }

  get isConstant(): boolean {
    return this.kind === 'constant';
  }
}
