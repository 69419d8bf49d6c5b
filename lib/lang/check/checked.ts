// What the checker found out: the contract between it and the builder of the IR. Nothing in the tree is changed; what
// was learnt of expressions stands in arrays by their `id`, of other nodes in maps.
//   C1. Without errors in `Diagnostics`, every expression of a core, callable or test has a type, and every name, field
//       and call among them has a resolution.
//   C2. Names in `types` and `callables` are unique in the program: those of the entry file are as written, others get
//       a suffix where they collide. `named` types use these names.
import type {
  CallableNode,
  ConfigParamNode,
  CoreNode,
  Expr,
  FileNode,
  MatchStmt,
  ModelsNode,
  ParamNode,
  PipelineNode,
  PluginInterfaceNode,
  PluginNode,
  SignatureNode,
  BlockStmt,
  TestNode,
  TypeNode,
} from '../syntax/ast.ts';
import type { Type } from '../types/type.ts';

export interface CheckedProgram {
  readonly core: CoreNode | undefined;
  /** The file that the core stands in; the entry file. */
  readonly entry: FileNode;
  /** The entry first, then the imported ones in the order they were met. Each knows its `source`. */
  readonly files: readonly FileNode[];
  /** `dynamic` for what could not be typed. */
  typeOf(expr: Expr): Type;
  /** Of `ref`, `field` and `call` expressions. Of a call it says what is called; its callee then says the same. */
  resolutionOf(expr: Expr): Resolution | undefined;
  /** What a type that was written means. */
  typeOfNode(node: TypeNode): Type;
  /** Of the value that a block gives to its binding; `null` type for blocks without a value. */
  typeOfBlock(block: BlockStmt | MatchStmt): Type;
  /** Declared types by unique name. */
  readonly types: ReadonlyMap<string, Type>;
  /** By unique name, in the order of the files and of the text. */
  readonly callables: ReadonlyMap<string, CheckedCallable>;
  readonly models: ReadonlyMap<string, ModelsNode['entries'][number]>;
  readonly plugins: ReadonlyMap<string, CheckedPlugin>;
  readonly memory: ReadonlyMap<string, CheckedField>;
  readonly reference: ReadonlyMap<string, CheckedField>;
  readonly config: ReadonlyMap<string, CheckedConfigParam>;
  /** Target (`core://…`) → flow → signature, of `@core_interface`. */
  readonly coreInterfaces: ReadonlyMap<string, ReadonlyMap<string, CheckedSignature>>;
  readonly tests: readonly CheckedTest[];
}

export interface CheckedParam {
  readonly name: string;
  readonly type: Type;
  readonly initial?: Expr;
  readonly node: ParamNode;
}

/** A flow, transformer, evaluator or pipeline. */
export interface CheckedCallable {
  /** Unique in the program. */
  readonly name: string;
  readonly node: CallableNode | PipelineNode;
  readonly file: FileNode;
  readonly params: readonly CheckedParam[];
  /** As declared, or else as found in its returns; `null` type if it returns nothing. */
  readonly result: Type;
  readonly effects: Effects;
}

/** What running something may do, with all that it calls. */
export interface Effects {
  /** `@flexible`, `@guarded`, `@model_call`, searches by similarity. */
  readonly model: boolean;
  readonly plugin: boolean;
  readonly memoryRead: boolean;
  readonly memoryWrite: boolean;
  /** `now`, `random`, …; also `log`, which is not deterministic in what the host does. */
  readonly nondeterministic: boolean;
  readonly checkpoint: boolean;
  readonly emit: boolean;
  /** `@core_call`, `@await_responses`. */
  readonly coreCall: boolean;
  /** None of the above, and only statements that an expression can stand for: it may be called in lambdas. */
  readonly isPure: boolean;
}

export interface CheckedSignature {
  readonly name: string;
  readonly params: readonly CheckedParam[];
  readonly result: Type;
  readonly node: SignatureNode;
}
export interface CheckedPlugin {
  readonly alias: string;
  readonly node: PluginNode;
  /** Without it all its methods are dynamic. */
  readonly interface?: {
    readonly node: PluginInterfaceNode;
    readonly methods: ReadonlyMap<string, CheckedSignature>;
  };
}
export interface CheckedField {
  readonly name: string;
  readonly type: Type;
  readonly node: ParamNode;
}
export interface CheckedConfigParam {
  readonly name: string;
  readonly type: Type;
  readonly node: ConfigParamNode;
}
export interface CheckedTest {
  readonly node: TestNode;
  readonly file: FileNode;
}

/** The receivers of methods: the keys of `METHODS`, and `dynamic`, decided at run time. */
export type MethodReceiver =
  | 'string'
  | 'array'
  | 'map'
  | 'int'
  | 'float'
  | 'money'
  | 'bool'
  | 'date'
  | 'datetime'
  | 'duration'
  | 'dynamic';

export type MemoryOp = 'get' | 'set' | 'update' | 'delete' | 'add' | 'list' | 'search' | 'last';

/** What a name, a field or a call stands for. */
export type Resolution =
  /** A variable of the callable: of an assignment, a block, a loop, a pattern, a catch. */
  | { readonly kind: 'local'; readonly name: string }
  | { readonly kind: 'param'; readonly name: string }
  | { readonly kind: 'lambda_param'; readonly name: string }
  /** `input`, `output`, `result` in guard and validate; `status`, `error`, `checkpoint`, `emitted` in tests. */
  | { readonly kind: 'pseudo'; readonly name: string }
  /** The bare words; only as the object of a field. */
  | { readonly kind: 'memory_root' | 'reference_root' | 'config_root' | 'core_root' }
  | { readonly kind: 'memory'; readonly field: string }
  | { readonly kind: 'reference'; readonly field: string }
  | { readonly kind: 'config'; readonly name: string }
  /** `core.identity`. */
  | { readonly kind: 'identity' }
  | { readonly kind: 'plugin'; readonly alias: string }
  | { readonly kind: 'plugin_method'; readonly alias: string; readonly method: string }
  /** Of `llm = role`, `llm = :role` is not resolved. */
  | { readonly kind: 'model'; readonly role: string }
  /** By unique name. Bare names of callables stand in pipes, `merge`, `until` and `flow = …`. */
  | { readonly kind: 'callable'; readonly name: string }
  /** By full name, such as `math.abs`. */
  | { readonly kind: 'function'; readonly name: string }
  /** `math`, `json`: only as the object of a field. */
  | { readonly kind: 'library'; readonly name: string }
  | { readonly kind: 'host_function'; readonly name: string }
  | { readonly kind: 'method'; readonly on: MethodReceiver; readonly name: string }
  /** A member of `METHODS` without parentheses. */
  | { readonly kind: 'property'; readonly on: MethodReceiver; readonly name: string }
  /** A field of an object, or of what is dynamic. */
  | { readonly kind: 'field'; readonly name: string }
  /** `memory.f.op(…)`. `last` with an argument; `memory.f.last` without is a property. */
  | { readonly kind: 'memory_op'; readonly field: string; readonly op: MemoryOp }
  | { readonly kind: 'reference_op'; readonly field: string; readonly op: 'get' | 'search' }
  /** The name of `import … as ns`; its members resolve to callables. */
  | { readonly kind: 'namespace'; readonly name: string }
  /** A value that is called: a lambda in a parameter is impossible, so only of what is dynamic. */
  | { readonly kind: 'dynamic_call' };
