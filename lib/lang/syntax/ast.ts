// The tree of a source file, as it was written. Nothing in it is resolved, and nothing is changed after parsing.
// Every expression has an `id`, unique in its program, so that later passes keep what they learn in arrays.
import type { SourceText, Span } from '../source/source-text.ts';

export interface Name {
  readonly text: string;
  readonly span: Span;
}

export interface Comment {
  readonly span: Span;
  /** With its slashes. */
  readonly text: string;
}

export interface FileNode {
  readonly kind: 'file';
  readonly source: SourceText;
  readonly span: Span;
  readonly imports: readonly ImportNode[];
  readonly items: readonly ItemNode[];
  readonly comments: readonly Comment[];
}

export interface ImportNode {
  readonly kind: 'import';
  readonly span: Span;
  readonly path: Name;
  /** `import { A, b as c } from`; empty with `namespace`. */
  readonly specs: readonly { readonly name: Name; readonly alias?: Name; readonly span: Span }[];
  /** `import "./file" as ns`. */
  readonly namespace?: Name;
}

// ---- Declarations ----

export type ItemNode =
  | CoreNode
  | CallableNode
  | PipelineNode
  | TypesNode
  | TypeDeclNode
  | TestNode
  | PluginInterfaceNode
  | CoreInterfaceNode;

export interface CoreNode {
  readonly kind: 'core';
  readonly span: Span;
  readonly is_pub: boolean;
  readonly name: Name;
  readonly members: readonly CoreMemberNode[];
}

export type CoreMemberNode =
  | FieldNode
  | InstanceNode
  | PluginsNode
  | ModelsNode
  | StoreNode
  | ConfigNode
  | SettingsNode
  | TriggersNode
  | SubscriptionNode
  | ItemNode;

/** `name = expr`, or with `:`; which one was written is the printer's choice (`=`). */
export interface FieldNode {
  readonly kind: 'field';
  readonly span: Span;
  readonly name: Name;
  readonly value: Expr;
}

/** Both spellings, `:entity(key = "x") { … }` and `:entity { entity_key = x }`, as they were written. */
export interface InstanceNode {
  readonly kind: 'instance';
  readonly span: Span;
  readonly mode: Name;
  readonly args: readonly FieldNode[];
  readonly fields: readonly FieldNode[];
}

export interface PluginsNode {
  readonly kind: 'plugins';
  readonly span: Span;
  readonly entries: readonly PluginNode[];
}
export interface PluginNode {
  readonly kind: 'plugin';
  readonly span: Span;
  readonly alias: Name;
  readonly publisher: Name;
  readonly name: Name;
  readonly version: Name;
  readonly settings: readonly FieldNode[];
}

/** `@models`, or its older name `@llm`. */
export interface ModelsNode {
  readonly kind: 'models';
  readonly span: Span;
  readonly keyword: '@models' | '@llm';
  readonly entries: readonly { readonly role: Name; readonly value: ObjectExpr; readonly span: Span }[];
}

/** `@memory` and `@reference`. */
export interface StoreNode {
  readonly kind: 'memory' | 'reference';
  readonly span: Span;
  readonly fields: readonly ParamNode[];
}

export interface ConfigNode {
  readonly kind: 'config';
  readonly span: Span;
  readonly params: readonly ConfigParamNode[];
}
export interface ConfigParamNode {
  readonly kind: 'config_param';
  readonly span: Span;
  readonly name: Name;
  readonly type: TypeNode;
  readonly initial?: Expr;
  /** `@runtime_configurable`, `@hot_reload`, `@secret`. */
  readonly modifiers: readonly Name[];
  readonly settings: readonly FieldNode[];
}

/** Blocks of plain fields: `@constraints`, `@identity`, `@conversation_policy [name]`. */
export interface SettingsNode {
  readonly kind: 'constraints' | 'identity' | 'conversation_policy';
  readonly span: Span;
  readonly name?: Name;
  readonly fields: readonly FieldNode[];
}

export interface TriggersNode {
  readonly kind: 'triggers';
  readonly span: Span;
  readonly entries: readonly TriggerNode[];
}
export interface TriggerNode {
  readonly kind: 'trigger';
  readonly span: Span;
  readonly trigger: 'api' | 'webhook' | 'schedule' | 'internal';
  readonly name: Name;
  readonly fields: readonly FieldNode[];
}

/** `@on event from core://other { flow = f }`. */
export interface SubscriptionNode {
  readonly kind: 'subscription';
  readonly span: Span;
  readonly event: Name;
  /** The URI, with `core://`. */
  readonly source: Name;
  readonly fields: readonly FieldNode[];
}

export interface TypesNode {
  readonly kind: 'types';
  readonly span: Span;
  readonly decls: readonly TypeDeclNode[];
}
export interface TypeDeclNode {
  readonly kind: 'type_decl';
  readonly span: Span;
  readonly is_pub: boolean;
  readonly name: Name;
  readonly type: TypeNode;
}

export interface ParamNode {
  readonly kind: 'param';
  readonly span: Span;
  readonly name: Name;
  readonly type: TypeNode;
  readonly initial?: Expr;
}

/** `@flow`, `@transformer`, `@evaluator`. */
export interface CallableNode {
  readonly kind: 'flow' | 'transformer' | 'evaluator';
  readonly span: Span;
  readonly is_pub: boolean;
  readonly is_async: boolean;
  readonly name: Name;
  readonly params: readonly ParamNode[];
  readonly result?: TypeNode;
  readonly body: readonly Stmt[];
}

/** `@pipeline name(params): T { x |> a |> b }`. */
export interface PipelineNode {
  readonly kind: 'pipeline';
  readonly span: Span;
  readonly is_pub: boolean;
  readonly name: Name;
  readonly params: readonly ParamNode[];
  readonly result?: TypeNode;
  readonly body: Expr;
}

export interface SignatureNode {
  readonly kind: 'signature';
  readonly span: Span;
  readonly name: Name;
  readonly params: readonly ParamNode[];
  readonly result?: TypeNode;
}
/** `@plugin_interface alias { method(p: T): R … }`: what the plugin of that alias can do. */
export interface PluginInterfaceNode {
  readonly kind: 'plugin_interface';
  readonly span: Span;
  readonly is_pub: boolean;
  readonly name: Name;
  readonly methods: readonly SignatureNode[];
}
/** `@core_interface core://other { flow(p: T): R … }`: types for `@core_call`. */
export interface CoreInterfaceNode {
  readonly kind: 'core_interface';
  readonly span: Span;
  readonly is_pub: boolean;
  readonly target: Name;
  readonly flows: readonly SignatureNode[];
}

/**
 * `@test "title" { @mock primary = {…} @given { memory.f = 1 } @when out = flow(a = 1) @then { out == 2 } }`, and
 * `@property (n: int) { expr … }`: holds for generated values.
 */
export interface TestNode {
  readonly kind: 'test';
  readonly span: Span;
  readonly title: StringExpr;
  readonly parts: readonly TestPartNode[];
}
export type TestPartNode =
  /** `target` is a model role, `alias.method`, or a core URI; several for one target are used in order, the last stays. */
  | { readonly kind: 'mock'; readonly span: Span; readonly target: Name; readonly value: Expr }
  | { readonly kind: 'given'; readonly span: Span; readonly body: readonly Stmt[] }
  | { readonly kind: 'when'; readonly span: Span; readonly binding?: Name; readonly call: Expr }
  | { readonly kind: 'then'; readonly span: Span; readonly checks: readonly Expr[] }
  | {
      readonly kind: 'property';
      readonly span: Span;
      readonly params: readonly ParamNode[];
      readonly checks: readonly Expr[];
    };

// ---- Types ----

export type TypeNode =
  /** A primitive's name, or that of a declared type; with `namespace` one of an import. `array` may stand bare. */
  | { readonly kind: 'type_name'; readonly span: Span; readonly name: Name; readonly namespace?: Name }
  | { readonly kind: 'type_array'; readonly span: Span; readonly item: TypeNode }
  | { readonly kind: 'type_map'; readonly span: Span; readonly key: TypeNode; readonly value: TypeNode }
  | { readonly kind: 'type_object'; readonly span: Span; readonly fields: readonly ParamNode[] }
  | { readonly kind: 'type_enum'; readonly span: Span; readonly symbols: readonly Name[] }
  | { readonly kind: 'type_union'; readonly span: Span; readonly members: readonly TypeNode[] }
  | { readonly kind: 'type_optional'; readonly span: Span; readonly inner: TypeNode }
  | { readonly kind: 'type_literal'; readonly span: Span; readonly value: string }
  | { readonly kind: 'type_null'; readonly span: Span }
  /** Stands where a type was expected and none could be read; already reported. */
  | { readonly kind: 'type_error'; readonly span: Span };

// ---- Statements and blocks ----

/** What stands in a body. In a flow's body a plain statement is an implicit rigid block. */
export type Stmt = PlainStmt | BlockStmt;

export type PlainStmt =
  | AssignStmt
  | { readonly kind: 'expression'; readonly span: Span; readonly value: Expr }
  | IfStmt
  | MatchStmt
  | { readonly kind: 'return'; readonly span: Span; readonly value?: Expr }
  | { readonly kind: 'yield'; readonly span: Span; readonly value: Expr }
  | { readonly kind: 'break'; readonly span: Span }
  | { readonly kind: 'continue'; readonly span: Span }
  | {
      readonly kind: 'emit';
      readonly span: Span;
      readonly event: Name;
      readonly fields: readonly FieldNode[];
    };

export interface AssignStmt {
  readonly kind: 'assign';
  readonly span: Span;
  /** A name, or a field or index of one: `RefExpr | FieldExpr | IndexExpr`. */
  readonly target: Expr;
  readonly type?: TypeNode;
  readonly value: Expr;
}
export interface IfStmt {
  readonly kind: 'if';
  readonly span: Span;
  readonly condition: Expr;
  readonly then: readonly Stmt[];
  /** `else if` is an `otherwise` of one `if`. */
  readonly otherwise?: readonly Stmt[];
}
/** Plain `match`, and `@match` as a block (`is_block`). */
export interface MatchStmt {
  readonly kind: 'match';
  readonly span: Span;
  readonly is_block: boolean;
  readonly binding?: Name;
  readonly type?: TypeNode;
  readonly subject: Expr;
  readonly arms: readonly MatchArm[];
}
export interface MatchArm {
  readonly span: Span;
  readonly pattern: Pattern;
  readonly guard?: Expr;
  /** `=> expr`, or `=> { statements }`: then the value is that of a last expression statement, else null. */
  readonly body: Expr | readonly Stmt[];
}

export type Pattern =
  | { readonly kind: 'pattern_literal'; readonly span: Span; readonly value: Expr }
  | { readonly kind: 'pattern_symbol'; readonly span: Span; readonly name: string }
  /** `_` or `else`. */
  | { readonly kind: 'pattern_any'; readonly span: Span }
  | { readonly kind: 'pattern_or'; readonly span: Span; readonly options: readonly Pattern[] }
  /** `{ name, kind: :a }`: without a pattern the field is bound to its name. */
  | {
      readonly kind: 'pattern_object';
      readonly span: Span;
      readonly fields: readonly { readonly name: Name; readonly pattern?: Pattern; readonly span: Span }[];
    };

interface BlockBase {
  readonly span: Span;
  /** `name = @kind …`. */
  readonly binding?: Name;
  readonly type?: TypeNode;
}

/** The blocks but `@match`, which is a `MatchStmt`. */
export type BlockStmt =
  | (BlockBase & { readonly kind: 'rigid' | 'debug'; readonly body: readonly Stmt[] })
  | ModelBlock
  | (BlockBase & {
      readonly kind: 'parallel';
      /** `max_concurrent`, `fail_fast`, in parentheses or as fields. */
      readonly options: readonly FieldNode[];
      /** Each a branch; one with a binding or a plain assignment has a name. */
      readonly body: readonly Stmt[];
    })
  | (BlockBase & {
      readonly kind: 'foreach';
      readonly item: Name;
      readonly index?: Name;
      readonly iterable: Expr;
      /** `max_concurrent`. */
      readonly options: readonly FieldNode[];
      readonly body: readonly Stmt[];
    })
  | (BlockBase & {
      readonly kind: 'while';
      readonly condition: Expr;
      /** `max_iterations`, in parentheses or as the first fields of the body. */
      readonly options: readonly FieldNode[];
      readonly body: readonly Stmt[];
    })
  | (BlockBase & {
      readonly kind: 'checkpoint';
      /** `approval`, `hitl_review`, … */
      readonly checkpoint?: Name;
      readonly fields: readonly FieldNode[];
      readonly arms?: readonly MatchArm[];
    })
  | (BlockBase & {
      readonly kind: 'core_call';
      readonly target?: Name;
      readonly fields: readonly FieldNode[];
    })
  | (BlockBase & { readonly kind: 'await_responses'; readonly fields: readonly FieldNode[] })
  | (BlockBase & {
      readonly kind: 'try';
      readonly body: readonly Stmt[];
      readonly catches: readonly CatchNode[];
    })
  | (BlockBase & {
      readonly kind: 'budget';
      readonly limits: readonly FieldNode[];
      readonly body: readonly Stmt[];
    });

export interface CatchNode {
  readonly span: Span;
  /** Name of a class of errors, such as `PluginError`; without it every error. */
  readonly error?: Name;
  readonly binding?: Name;
  readonly body: readonly Stmt[];
}

/** `@flexible`, `@guarded`, `@model_call`. */
export interface ModelBlock extends BlockBase {
  readonly kind: 'flexible' | 'guarded' | 'model_call';
  /** All fields with an expression: goal, input, context, llm, guidance, identity, constraints, examples, modality, … */
  readonly fields: readonly FieldNode[];
  readonly output?: TypeNode;
  readonly guard?: readonly Expr[];
  readonly validate?: readonly Expr[];
  readonly on_validation_failure?: readonly Stmt[];
  readonly on_failure?: readonly FailureRule[];
  readonly budget?: readonly FieldNode[];
}
/** `low_confidence = retry(max = 2) | escalate`. */
export interface FailureRule {
  readonly span: Span;
  readonly failure: Name;
  readonly actions: readonly {
    readonly name: Name;
    readonly args: readonly Argument[];
    readonly span: Span;
  }[];
}

// ---- Expressions ----

interface ExprBase {
  readonly span: Span;
  readonly id: number;
}
export interface Argument {
  readonly name?: Name;
  readonly value: Expr;
}

export type Expr =
  | (ExprBase & { readonly kind: 'int' | 'float'; readonly value: number })
  | StringExpr
  | TemplateExpr
  | (ExprBase & { readonly kind: 'bool'; readonly value: boolean })
  | (ExprBase & { readonly kind: 'null' })
  /** Milliseconds; `text` as written. */
  | (ExprBase & { readonly kind: 'duration'; readonly value: number; readonly text: string })
  /** The literal, normalised: `2026-01-31`, `2026-01-31T10:00:00.000Z`. */
  | (ExprBase & { readonly kind: 'date' | 'datetime'; readonly value: string })
  | (ExprBase & { readonly kind: 'symbol'; readonly name: string })
  /** `core://path`, or a plugin's `alias://path`. */
  | (ExprBase & { readonly kind: 'uri'; readonly value: string })
  | (ExprBase & { readonly kind: 'ref'; readonly name: string })
  | (ExprBase & { readonly kind: 'field'; readonly object: Expr; readonly name: Name })
  | (ExprBase & { readonly kind: 'index'; readonly object: Expr; readonly index: Expr })
  /** `f(x)`, and `x.f(y)`, whose `callee` is a field. */
  | (ExprBase & { readonly kind: 'call'; readonly callee: Expr; readonly args: readonly Argument[] })
  | (ExprBase & { readonly kind: 'lambda'; readonly params: readonly Name[]; readonly body: Expr })
  | (ExprBase & {
      readonly kind: 'binary';
      readonly op: BinaryOp;
      readonly left: Expr;
      readonly right: Expr;
    })
  | (ExprBase & { readonly kind: 'unary'; readonly op: '!' | '-'; readonly value: Expr })
  | (ExprBase & { readonly kind: 'list'; readonly items: readonly Expr[] })
  | ObjectExpr
  | (ExprBase & {
      readonly kind: 'conditional';
      readonly condition: Expr;
      readonly then: Expr;
      readonly otherwise: Expr;
    })
  /** `match x { … }` and `@match x { … }` as a value. Its arms are expressions, or statements without effects. */
  | (ExprBase & {
      readonly kind: 'match_expr';
      readonly is_block: boolean;
      readonly subject: Expr;
      readonly arms: readonly MatchArm[];
    })
  | PipeExpr
  /** Stands where an expression was expected and none could be read; already reported. */
  | (ExprBase & { readonly kind: 'expr_error' });

export type BinaryOp =
  '??' | '||' | '&&' | '==' | '!=' | '<' | '<=' | '>' | '>=' | 'in' | '+' | '-' | '*' | '/' | '%';

export interface StringExpr extends ExprBase {
  readonly kind: 'string';
  readonly value: string;
  /** Written with three quotes: the first line break and the common indentation are not part of the value. */
  readonly is_multiline: boolean;
}
/** A string with `${…}`; texts and expressions in order. */
export interface TemplateExpr extends ExprBase {
  readonly kind: 'template';
  readonly parts: readonly (string | Expr)[];
  readonly is_multiline: boolean;
}
export interface ObjectExpr extends ExprBase {
  readonly kind: 'object';
  readonly fields: readonly FieldNode[];
}
/** One stage of a pipe. `stage` is a name of a flow, transformer, evaluator or pipeline, or a call of one. */
export interface PipeExpr extends ExprBase {
  readonly kind: 'pipe';
  readonly op: '|>' | '|?>' | '|*>' | '|~>';
  readonly left: Expr;
  /** The condition of `|?>`. */
  readonly condition?: Expr;
  /** One, or those of `|*>`. */
  readonly stages: readonly Expr[];
  /** `merge`, `until`, `max`. */
  readonly options: readonly FieldNode[];
}
