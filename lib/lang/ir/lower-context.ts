// What lowering knows while it walks a body: types, resolutions, where nodes came from, and fresh names.
import type { CheckedProgram } from '../check/checked.ts';
import { constantOf } from '../check/constant.ts';
import type { SourceText, Span } from '../source/source-text.ts';
import type { Expr, FieldNode, PipeExpr, Stmt } from '../syntax/ast.ts';
import { TypeTable } from '../types/type-table.ts';
import type { Type } from '../types/type.ts';
import { durationMs as parseDuration } from './time-text.ts';
import type { IRExpr, IRLoc, IRStmt, IRType, JsonValue } from './ir.ts';

export interface Origin {
  readonly source: SourceText;
  readonly span: Span;
}

/** Of a whole program: where IR nodes came from. */
export class LoweringProgram {
  readonly checked: CheckedProgram;
  readonly table: TypeTable;
  readonly keepsDebug: boolean;
  /** Where nodes came from; only when asked for, as it costs more than all else here. */
  readonly origins: Map<object, Origin> | undefined;
  /** By expression id: whether something in it has an effect. */
  readonly effects: (boolean | undefined)[] = [];

  constructor(checked: CheckedProgram, keepsDebug: boolean, isTraced: boolean) {
    this.checked = checked;
    this.origins = isTraced ? new Map<object, Origin>() : undefined;
    this.table = new TypeTable(checked.types);
    this.keepsDebug = keepsDebug;
  }
}

/** What expressions need of the files that need them: arms hold statements, pipes are made of calls. */
export interface LoweringPasses {
  readonly statements: (body: LoweringBody, stmts: readonly Stmt[], out: IRStmt[]) => void;
  readonly pipe: (body: LoweringBody, expr: PipeExpr, out: IRStmt[]) => IRExpr;
}

/** Of one body. */
export class LoweringBody {
  readonly passes: LoweringPasses;
  readonly program: LoweringProgram;
  readonly source: SourceText;
  /** In a test `reference.f` and `config.x` may be written: they are gathered here. */
  readonly setup: { readonly kind: 'reference' | 'config'; readonly name: string; readonly value: IRExpr }[] =
    [];
  #count = 0;

  constructor(program: LoweringProgram, source: SourceText, passes: LoweringPasses) {
    this.program = program;
    this.source = source;
    this.passes = passes;
  }

  fresh(): string {
    this.#count += 1;
    return `$${this.#count}`;
  }

  typeOf(expr: Expr): Type {
    return this.program.table.expand(this.program.checked.typeOf(expr));
  }

  location(span: Span): IRLoc {
    const { line, column } = this.source.positionAt(span.start);
    const isEntry = this.source === this.program.checked.entry.source;
    return isEntry ? { line, column } : { file: this.source.name, line, column };
  }

  /** Remembers where a node came from. */
  placed<T extends object>(node: T, span: Span): T {
    this.program.origins?.set(node, { source: this.source, span });
    return node;
  }

  /** `stmt` is the caller's no longer: its place is put into it, without a copy. */
  stmt(span: Span, stmt: IRStmt & { source_location?: IRLoc }): IRStmt {
    stmt.source_location = this.location(span);
    return this.placed(stmt, span);
  }
}

export function literal(value: JsonValue): IRExpr {
  return { kind: 'literal', value };
}
export const NULL_LITERAL: IRExpr = literal(null);

export function ref(name: string): IRExpr {
  return { kind: 'ref', name };
}

/** As the IR stores it: what never gives a value is dynamic there. */
export function irType(type: Type): IRType {
  switch (type.kind) {
    case 'never':
      return { kind: 'dynamic' };
    case 'array':
      return { kind: 'array', item: irType(type.item) };
    case 'map':
      return { kind: 'map', key: irType(type.key), value: irType(type.value) };
    case 'optional':
      return { kind: 'optional', inner: irType(type.inner) };
    case 'union':
      return { kind: 'union', members: type.members.map(irType) };
    case 'object':
      return { kind: 'object', fields: type.fields.map((field) => ({ ...field, type: irType(field.type) })) };
    default:
      return type;
  }
}

export function fieldNamed(fields: readonly FieldNode[], name: string): Expr | undefined {
  return fields.find((field) => field.name.text === name)?.value;
}

export function constantField(fields: readonly FieldNode[], name: string): JsonValue | undefined {
  const value = fieldNamed(fields, name);
  return value && constantOf(value);
}

export function constantFields(fields: readonly FieldNode[]): Record<string, JsonValue> {
  return Object.fromEntries(fields.map(({ name, value }) => [name.text, constantOf(value) ?? null]));
}

/** Milliseconds of `30s` as a number or as text. */
export function durationMs(value: JsonValue | undefined): number | undefined {
  if (typeof value === 'number') return value;
  return typeof value === 'string' ? parseDuration(value) : undefined;
}

export function wordIn(value: Expr | undefined): string | undefined {
  if (!value) return undefined;
  if (value.kind === 'ref' || value.kind === 'symbol') return value.name;
  return value.kind === 'string' || value.kind === 'uri' ? value.value : undefined;
}
