// The IR: the contract between compiler and engine, as it is stored in a bundle. All of it is JSON data; names are as in
// the specification (system.md 4.3, 4.4), what is ours is marked. The verifier (../verify) says which trees may run.
//
// The law that makes checkpoints possible: expressions are PURE. Whatever has an effect or may wait (plugins, memory,
// flows, models, chance, checkpoints) is a statement or a block of its own; the builder puts its result into a binding,
// and `&&`, `||`, `??`, conditionals and pipes around effects become `if`, `match` and loops over such bindings. So every
// place at which a run can stop has a path through blocks and statements, which a checkpoint stores (`IRPath`).
//   IR1. A flow has one flat scope. Bindings that begin with `$` are the builder's; `%` ones are the engine's.
//   IR2. Lambdas are pure and only arguments of methods that take one; they are never stored.
import type { BinaryOp } from '../syntax/ast.ts';
import type { Type } from '../types/type.ts';

export const SCHEMA_VERSION = '0.1.0';

export type IRType = Exclude<Type, { readonly kind: 'never' }>;
export type JsonValue =
  null | boolean | number | string | readonly JsonValue[] | { readonly [key: string]: JsonValue };

export interface IRLoc {
  readonly file?: string;
  readonly line: number;
  readonly column: number;
  /** Of a ScaiFlow node. */
  readonly node_id?: string;
}

export interface IRModule {
  readonly schema_version: string;
  readonly name: string;
  readonly version: string;
  readonly description?: string;
  readonly instance: IRInstance;
  readonly identity?: IRIdentity;
  readonly types: Readonly<Record<string, IRType>>;
  readonly config: readonly IRConfigParam[];
  readonly memory: Readonly<Record<string, IRType>>;
  readonly reference: Readonly<Record<string, IRType>>;
  /** Role → model, in the order of the source: without `primary` the first is the default. */
  readonly models: Readonly<Record<string, IRModel>>;
  readonly plugins: readonly IRPlugin[];
  readonly constraints?: IRConstraints;
  readonly conversation_policy?: Readonly<Record<string, JsonValue>>;
  readonly triggers: readonly IRTrigger[];
  readonly subscriptions: readonly IRSubscription[];
  readonly flows: readonly IRFlow[];
  /** Ours: transformers, evaluators and pipelines, which only the module itself calls. */
  readonly functions: readonly IRFlow[];
  /** Ours: flows that `@internal` triggers name: hosts refuse to call them from outside. */
  readonly internal_flows: readonly string[];
  readonly metadata?: Readonly<Record<string, JsonValue>>;
}

export interface IRInstance {
  readonly mode: 'stateless' | 'entity' | 'singleton';
  readonly entity_key?: string;
  readonly idle_timeout_ms?: number;
  readonly max_concurrent?: number;
  readonly max_active_instances?: number;
  readonly overflow?: 'deactivate_lru' | 'reject' | 'queue';
}
export interface IRIdentity {
  readonly name?: string;
  readonly persona?: string;
  readonly languages?: readonly string[];
  readonly avatar?: { readonly content_type: string; readonly data_b64: string };
}
export interface IRConfigParam {
  readonly name: string;
  readonly type: IRType;
  readonly default?: JsonValue;
  readonly runtime_configurable?: boolean;
  readonly hot_reload?: boolean;
  readonly secret?: boolean;
  readonly settings?: Readonly<Record<string, JsonValue>>;
}
export interface IRModel {
  readonly provider: string;
  readonly model: string;
  readonly temperature?: number;
  readonly role?: string;
  readonly modalities: readonly string[];
  readonly fallback: readonly { readonly provider: string; readonly model: string }[];
  readonly use_when?: string;
}
export interface IRPlugin {
  readonly alias: string;
  readonly publisher: string;
  readonly name: string;
  readonly version: string;
  readonly settings?: Readonly<Record<string, JsonValue>>;
}
export interface IRConstraints {
  readonly never?: readonly string[];
  readonly always?: readonly string[];
  readonly prefer?: readonly string[];
}
export interface IRTrigger {
  readonly kind: 'api' | 'webhook' | 'schedule';
  readonly name: string;
  readonly target_flow: string;
  readonly method?: string;
  readonly path?: string;
  readonly auth?: JsonValue;
  readonly cron?: string;
  readonly timezone?: string;
}
export interface IRSubscription {
  readonly event: string;
  /** `core://…` */
  readonly source_core: string;
  readonly target_flow: string;
}

export interface IRParam {
  readonly name: string;
  readonly type: IRType;
  /** A pure expression over the parameters before it, `config` and `reference`. */
  readonly default?: IRExpr;
}
export interface IRFlow {
  /** Unique among flows and functions. */
  readonly name: string;
  readonly role: 'flow' | 'transformer' | 'evaluator' | 'pipeline';
  readonly params: readonly IRParam[];
  readonly return_type: IRType;
  readonly body: readonly IRBlock[];
  readonly async?: boolean;
  readonly source_location?: IRLoc;
}

// ---- Blocks ----

export const BLOCK_KINDS = [
  'rigid',
  'flexible',
  'guarded',
  'model_call',
  'parallel',
  'foreach',
  'match',
  'while',
  'try',
  'checkpoint',
  'core_call',
  'await_responses',
  'budget',
  'debug',
] as const;
export type IRBlockKind = (typeof BLOCK_KINDS)[number];

interface IRBlockBase {
  /** The name that the block's value is bound to. */
  readonly result_binding?: string | null;
  readonly source_location?: IRLoc;
}

export type IRBlock =
  | IRRigidBlock
  | IRModelBlock
  | IRModelCallBlock
  | IRParallelBlock
  | IRForeachBlock
  | IRWhileBlock
  | IRMatchBlock
  | IRTryBlock
  | IRCheckpointBlock
  | IRCoreCallBlock
  | IRAwaitBlock
  | IRBudgetBlock;

export interface IRRigidBlock extends IRBlockBase {
  readonly kind: 'rigid' | 'debug';
  readonly statements: readonly IRStmt[];
  /** Made of plain statements of a flow's body: not under the rules of determinism (E400, E405). */
  readonly implicit?: boolean;
}

export type IRBindings = Readonly<Record<string, IRExpr>>;

export interface IRModelBlock extends IRBlockBase {
  readonly kind: 'flexible' | 'guarded';
  readonly goal: IRExpr;
  readonly output_type: IRType;
  /** Role in `models`; null: the default. */
  readonly llm_role: string | null;
  /** `input = expr` that is no object is the one binding `input`, with `input_is_value`. */
  readonly input_bindings: IRBindings;
  readonly input_is_value?: boolean;
  readonly context_bindings: IRBindings;
  readonly guidance?: IRExpr;
  readonly identity_ref?: IRExpr;
  readonly constraints?: IRConstraints & { readonly inherit?: boolean };
  readonly examples?: readonly { readonly input: IRExpr; readonly output: IRExpr }[];
  readonly on_failure?: readonly IRFailureRule[];
  readonly budget?: IRLimits;
  /** `guarded`: over the scope and `input`. */
  readonly guard?: readonly IRExpr[];
  /** `guarded`: over the scope, `input`, `output`; ScaiFlow says `result`. */
  readonly validate?: readonly IRExpr[];
  readonly on_validation_failure?: readonly IRBlock[];
}
export type FailureClass =
  'low_confidence' | 'constraint_violation' | 'parse_error' | 'refusal' | 'hallucination';
export interface IRFailureRule {
  readonly failure: FailureClass;
  /** In order: the next one when the one before did not help. */
  readonly actions: readonly (
    | { readonly kind: 'retry'; readonly max: number; readonly note?: string }
    | { readonly kind: 'escalate' }
    | { readonly kind: 'flag_and_checkpoint' }
  )[];
}
export interface IRLimits {
  readonly max_duration_ms?: number;
  readonly max_retries?: number;
  readonly max_tokens?: number;
  readonly max_llm_calls?: number;
  readonly max_cost?: number;
}

export interface IRModelCallBlock extends IRBlockBase {
  readonly kind: 'model_call';
  readonly modality: string;
  readonly llm_role: string | null;
  readonly input_bindings: IRBindings;
  readonly input_is_value?: boolean;
  readonly params: IRBindings;
  readonly output_type: IRType;
}
/** Its value: an object of branch name → value; unnamed branches are left out. A branch gives what it yields or binds. */
export interface IRParallelBlock extends IRBlockBase {
  readonly kind: 'parallel';
  readonly branches: readonly { readonly name?: string; readonly body: readonly IRBlock[] }[];
  readonly max_concurrent?: number;
  readonly fail_fast: boolean;
}
/** Its value: the list of what the iterations yielded. Over a map it goes over `{ key, value }` in insertion order. */
export interface IRForeachBlock extends IRBlockBase {
  readonly kind: 'foreach';
  readonly item: string;
  readonly index?: string;
  readonly iterable: IRExpr;
  readonly body: readonly IRBlock[];
  readonly max_concurrent?: number;
}
export interface IRWhileBlock extends IRBlockBase {
  readonly kind: 'while';
  /** Statements before the condition, each time: what it needs of effects. */
  readonly prepare?: readonly IRStmt[];
  readonly condition: IRExpr;
  readonly max_iterations: number;
  readonly body: readonly IRBlock[];
  /** Ours, of `|~>`: reaching the maximum ends the loop without an error. */
  readonly is_lenient?: boolean;
}
export interface IRMatchBlock extends IRBlockBase {
  readonly kind: 'match';
  readonly subject: IRExpr;
  readonly arms: readonly IRBlockArm[];
}
export interface IRBlockArm {
  readonly pattern: IRPattern;
  readonly guard?: IRExpr;
  readonly body: readonly IRBlock[];
  /** The value of the arm, evaluated after its body. */
  readonly value?: IRExpr;
}
export interface IRTryBlock extends IRBlockBase {
  readonly kind: 'try';
  readonly body: readonly IRBlock[];
  readonly catches: readonly {
    readonly error_type?: string;
    /** Bound to `{ type, message, details }`. */
    readonly binding?: string;
    readonly body: readonly IRBlock[];
  }[];
}
export interface IRCheckpointBlock extends IRBlockBase {
  readonly kind: 'checkpoint';
  readonly checkpoint_type: string;
  readonly prompt?: IRExpr;
  readonly present?: IRExpr;
  readonly options?: IRExpr;
  readonly timeout?: IRExpr;
  readonly on_timeout?: IRExpr;
  readonly on_response?: readonly IRBlockArm[];
  readonly hitl_target?: IRExpr;
  readonly assignee?: IRExpr;
  readonly priority?: IRExpr;
}
export interface IRCoreCallBlock extends IRBlockBase {
  readonly kind: 'core_call';
  /** `core://…` */
  readonly target: string;
  readonly flow_name?: string;
  readonly input_bindings: IRBindings;
  readonly instance_key?: IRExpr;
  readonly version?: string;
  readonly timeout?: IRExpr;
  /** Fire and forget: its value is a handle for `await_responses`. */
  readonly is_async: boolean;
}
export interface IRAwaitBlock extends IRBlockBase {
  readonly kind: 'await_responses';
  /** An expression that gives a handle or a list of them, or several. */
  readonly handles: readonly IRExpr[];
  readonly mode: 'all' | 'any';
  readonly timeout?: IRExpr;
}
export interface IRBudgetBlock extends IRBlockBase {
  readonly kind: 'budget';
  readonly limits: IRLimits;
  readonly body: readonly IRBlock[];
}

// ---- Statements ----

interface IRStmtBase {
  readonly source_location?: IRLoc;
}
export type IRStmt = IRStmtBase &
  (
    | { readonly kind: 'assign'; readonly target: IRTarget; readonly value: IRExpr }
    | { readonly kind: 'expression'; readonly expression: IRExpr; readonly result_binding?: string }
    | {
        readonly kind: 'plugin_call';
        readonly plugin: string;
        readonly method: string;
        readonly args: readonly IRExpr[];
        readonly named_args?: IRBindings;
        readonly result_binding?: string;
      }
    /** Everything that reads or writes `memory.*`. */
    | {
        readonly kind: 'memory_op';
        readonly op: IRMemoryOp;
        readonly field: string;
        /** `read`: none; `write`: the value; `write_path`: the path (strings and indexes) and the value; else as in source. */
        readonly args: readonly IRExpr[];
        readonly named_args?: IRBindings;
        readonly result_binding?: string;
      }
    /** `reference.f.search`, which asks an embedding model; all other reading of references is an expression. */
    | {
        readonly kind: 'reference_search';
        readonly field: string;
        readonly named_args: IRBindings;
        readonly result_binding?: string;
      }
    /** A call of a flow or function of the module; arguments by position, absent ones take their defaults. */
    | {
        readonly kind: 'flow_call';
        readonly flow: string;
        readonly args: readonly (IRExpr | null)[];
        readonly result_binding?: string;
      }
    /** `now`, `random`, `uuid`, `log`, … */
    | {
        readonly kind: 'host_call';
        readonly name: string;
        readonly args: readonly IRExpr[];
        readonly result_binding?: string;
      }
    | {
        readonly kind: 'if';
        readonly condition: IRExpr;
        readonly then: readonly IRStmt[];
        readonly otherwise?: readonly IRStmt[];
      }
    | {
        readonly kind: 'match';
        readonly subject: IRExpr;
        readonly arms: readonly {
          readonly pattern: IRPattern;
          readonly guard?: IRExpr;
          readonly body: readonly IRStmt[];
        }[];
      }
    | { readonly kind: 'return'; readonly value?: IRExpr }
    | { readonly kind: 'yield'; readonly value: IRExpr }
    | { readonly kind: 'break' }
    | { readonly kind: 'continue' }
    | { readonly kind: 'emit'; readonly event: string; readonly fields: IRBindings }
    /** A block inside of statements. */
    | { readonly kind: 'block'; readonly block: IRBlock }
  );
export type IRMemoryOp =
  'read' | 'write' | 'write_path' | 'get' | 'set' | 'update' | 'delete' | 'add' | 'list' | 'search' | 'last';

/** `name`, and what is changed below it; values are never shared: the old value stays as it was for others. */
export interface IRTarget {
  readonly name: string;
  readonly path?: readonly (string | IRExpr)[];
}

// ---- Expressions (pure) ----

export type IRExpr =
  | { readonly kind: 'literal'; readonly value: JsonValue }
  /** An enum's value; at run time its name as a string. */
  | { readonly kind: 'symbol'; readonly name: string }
  | { readonly kind: 'ref'; readonly name: string }
  | { readonly kind: 'config'; readonly name: string }
  | { readonly kind: 'reference'; readonly field: string }
  | { readonly kind: 'identity' }
  /** Of an object; an absent field is null. Of null it is an error: NullError. */
  | { readonly kind: 'field'; readonly object: IRExpr; readonly name: string }
  | { readonly kind: 'index'; readonly object: IRExpr; readonly index: IRExpr }
  /** A pure function of the standard library, by full name. */
  | { readonly kind: 'call'; readonly function: string; readonly args: readonly IRExpr[] }
  /**
   * Of a module's own function that is pure (only rigid statements without effects), where it stands inside a lambda.
   * Everywhere else such calls are `flow_call`.
   */
  | { readonly kind: 'pure_call'; readonly flow: string; readonly args: readonly (IRExpr | null)[] }
  /** `on`: the receiver's type in `METHODS`, or `dynamic`. A property has no args (`args` absent). */
  | {
      readonly kind: 'method';
      readonly on: string;
      readonly name: string;
      readonly receiver: IRExpr;
      readonly args?: readonly (IRExpr | IRLambda | null)[];
    }
  | {
      readonly kind: 'binary';
      readonly op: BinaryOp;
      /** What the operands are, where it decides what is done. */
      readonly operands: IROperands;
      readonly left: IRExpr;
      readonly right: IRExpr;
    }
  | {
      readonly kind: 'unary';
      readonly op: '!' | '-';
      readonly operands: IROperands;
      readonly value: IRExpr;
    }
  | { readonly kind: 'list'; readonly items: readonly IRExpr[] }
  | { readonly kind: 'object'; readonly fields: readonly { readonly name: string; readonly value: IRExpr }[] }
  | { readonly kind: 'template'; readonly parts: readonly (string | IRExpr)[] }
  | {
      readonly kind: 'conditional';
      readonly condition: IRExpr;
      readonly then: IRExpr;
      readonly otherwise: IRExpr;
    }
  | {
      readonly kind: 'match';
      readonly subject: IRExpr;
      readonly arms: readonly {
        readonly pattern: IRPattern;
        readonly guard?: IRExpr;
        readonly value: IRExpr;
      }[];
    };
export interface IRLambda {
  readonly kind: 'lambda';
  readonly params: readonly string[];
  readonly body: IRExpr;
}
/**
 * `money`: results are rounded to 6 digits, so that 0.1 + 0.2 is 0.3. `int`: beyond 2^53 is an error, `/` gives a float.
 * `date+days`, `datetime+duration`, `datetime-datetime` and the like are written by the builder as methods.
 */
export type IROperands =
  'int' | 'float' | 'money' | 'string' | 'bool' | 'duration' | 'array' | 'map' | 'any' | 'dynamic';

export type IRPattern =
  | { readonly kind: 'literal'; readonly value: JsonValue }
  | { readonly kind: 'any' }
  | { readonly kind: 'or'; readonly options: readonly IRPattern[] }
  /** A field without a pattern is bound to its name. */
  | {
      readonly kind: 'object';
      readonly fields: readonly { readonly name: string; readonly pattern?: IRPattern }[];
    };

/**
 * A place in a flow: indexes of blocks and statements with, between them, the name of the list that they stand in:
 * `[2, "body", 0, "statements", 1, "then", 0]`. Lists of arms and branches count as `["arms", 1, "body", 0]`.
 */
export type IRPath = readonly (number | string)[];
