import type { CallOptions, FlowContext } from './context.ts';
import type { FieldDefinition } from './fields.ts';
import type { SchemaInput, SchemaOutput, StandardSchema } from './standard-schema.ts';

/** When the reply may leave: after the commit is durable, at once with the commit soon after, or without any commit. */
export type CommitLevel = 'committed' | 'async' | 'volatile';

export type OverflowPolicy = 'deactivate_lru' | 'reject' | 'queue';

/**
 * What holds while a silo is declared dead that still runs. `fenced`: the successor starts at once; the old activation can
 * commit nothing any more. `exclusive`: the successor also waits until the old one can start no turn.
 */
export type OwnershipMode = 'fenced' | 'exclusive';

/** Where a grain is activated: on the silo that its hash prefers, or on the one where the first call for it is made. */
export type PlacementPolicy = 'hash' | 'prefer_local';

export interface InstanceOptions {
  /** An activation without messages for so long is deactivated; memory stays. @default 600_000 */
  readonly idleTimeoutMs?: number;
  /** Turns of one grain that may run at once; 1 makes them follow each other. @default 1 */
  readonly maxConcurrent?: number;
  /** Activations of the Core that one silo holds. @default 1_000_000 */
  readonly maxActiveInstances?: number;
  /** What happens to a message that would need one more. @default 'deactivate_lru' */
  readonly overflow?: OverflowPolicy;
  /** Messages that may wait for one grain. @default 1_024 */
  readonly mailboxDepthMax?: number;
  /** Bytes of input that may wait for one grain. @default 16 MiB */
  readonly mailboxBytesMax?: number;
  /** Calls of one chain may enter an activation that the chain already holds. @default false */
  readonly reentrant?: boolean;
  /** @default 'fenced' */
  readonly ownership?: OwnershipMode;
  /** @default 'hash' */
  readonly placement?: PlacementPolicy;
}

export interface ResolvedInstance extends Required<InstanceOptions> {
  readonly mode: 'entity' | 'singleton' | 'stateless';
  /** The input property that names the grain; undefined unless the mode is `entity`. */
  readonly entityKey: string | undefined;
}

/** `entity({ entityKey })`, with the name of the key kept as a literal type. */
export interface InstanceSpec<Key extends string = string> {
  readonly resolved: ResolvedInstance;
  readonly entityKey?: Key;
}

export interface FlowOptions {
  /** Promises not to write; such flows may run beside each other. @default false */
  readonly readonly?: boolean;
  /** @default the Core's level */
  readonly level?: CommitLevel;
  /** `checked` confirms with the store that this activation still owns the grain before a reply without a commit. */
  readonly read?: 'local' | 'checked';
  /** A turn that runs longer is given up: nothing of it is stored. @default 30_000 */
  readonly timeLimitMs?: number;
  readonly description?: string;
}

declare const FLOW: unique symbol;

/** A flow with the types of its input and result. */
export interface Flow<Input = unknown, Result = unknown> {
  readonly definition: FlowDefinition;
  readonly [FLOW]?: (input: Input) => Result;
}

export interface FlowDefinition extends Required<Omit<FlowOptions, 'description' | 'level'>> {
  readonly input: StandardSchema | undefined;
  readonly output: StandardSchema | undefined;
  readonly level: CommitLevel | undefined;
  readonly description: string | undefined;
  readonly run: (ctx: never, input: never) => unknown;
  /** Not for callers from outside; not shown to people who look for something to call. */
  readonly isInternal?: boolean;
}

export interface FlowBuilder<M, Events extends string> {
  <S extends StandardSchema, R>(
    spec: FlowOptions & {
      readonly input: S;
      readonly output?: StandardSchema;
      readonly run: (ctx: FlowContext<M, Events>, input: SchemaOutput<S>) => R;
    },
  ): Flow<SchemaInput<S>, Awaited<R>>;
  <R>(
    spec: FlowOptions & {
      readonly input?: undefined;
      readonly output?: StandardSchema;
      readonly run: (ctx: FlowContext<M, Events>, input: unknown) => R;
    },
  ): Flow<unknown, Awaited<R>>;
}

export type AnyFlows = Readonly<Record<string, Flow<never, unknown>>>;

/** One step of memory from a schema to the next: gets and returns the value fields by name. */
export type MigrationStep = (old: Readonly<Record<string, unknown>>) => Readonly<Record<string, unknown>>;

export interface CoreSpec<M, Key extends string> {
  /** A letter, then letters, digits, `_`, `.` or `-`; at most 64. */
  readonly name: string;
  /** MAJOR.MINOR.PATCH. */
  readonly version: string;
  /** Number of the memory's shape; grows with each `migrate` step. @default 1 */
  readonly schema?: number;
  /** `{ 2: (old) => new }`: how memory of schema 1 becomes schema 2, and so on; run in the first commit. */
  readonly migrate?: Readonly<Record<number, MigrationStep>>;
  /** @default stateless() */
  readonly instance?: InstanceSpec<Key>;
  /** Fields with their defaults; `value`, `map` and `list` say more. */
  readonly memory?: M;
  /** Level of flows that name none. @default 'committed' */
  readonly level?: CommitLevel;
  /** Incoming event name → flow. */
  readonly events?: Readonly<Record<string, string>>;
  /** `core://name/event` that another Core emits → flow. */
  readonly on?: Readonly<Record<string, string>>;
  /** Emissions that each grain keeps for subscribers that come back. @default 1_000 */
  readonly emissionsKept?: number;
  readonly description?: string;
}

/** A Core, resolved: what a silo hosts. Immutable. */
export interface CoreDefinition {
  readonly name: string;
  readonly version: string;
  readonly schema: number;
  readonly migrate: ReadonlyMap<number, MigrationStep>;
  readonly instance: ResolvedInstance;
  readonly fields: readonly FieldDefinition[];
  readonly level: CommitLevel;
  readonly flows: ReadonlyMap<string, FlowDefinition>;
  readonly events: ReadonlyMap<string, string>;
  /** `core://name/event` → flow. */
  readonly on: ReadonlyMap<string, string>;
  readonly emissionsKept: number;
  readonly description: string | undefined;
  /** The runtime's own, behind another Core: not shown to people who look for something to call. */
  readonly isInternal?: boolean;
  /** A flow that a silo calls when it starts with this Core, or takes it up later; made again until it answers. */
  readonly wake?: { readonly flow: string; readonly key: string };
}

declare const FLOWS: unique symbol;

/** What `defineCore(…).flows(…)` gives; its type carries the types of the flows. */
export interface Core<Flows extends AnyFlows = AnyFlows> {
  readonly definition: CoreDefinition;
  readonly [FLOWS]?: Flows;
}

export type AnyCore = Core<AnyFlows>;

type FlowsOf<C> = C extends Core<infer Flows> ? Flows : never;
type InputOf<F> = F extends Flow<infer Input, unknown> ? Input : never;
type ResultOf<F> = F extends { readonly [FLOW]?: (input: never) => infer Result } ? Result : never;

type FlowCall<Input, Result> = unknown extends Input
  ? (input?: unknown, options?: CallOptions) => Promise<Result>
  : undefined extends Input
    ? (input?: Input, options?: CallOptions) => Promise<Result>
    : (input: Input, options?: CallOptions) => Promise<Result>;

/** A grain as its callers see it: one method a flow. Always valid to hold; it names, it does not keep alive. */
export type GrainRef<C> = {
  readonly [K in keyof FlowsOf<C>]: FlowCall<InputOf<FlowsOf<C>[K]>, ResultOf<FlowsOf<C>[K]>>;
};

export type FlowName<C> = keyof FlowsOf<C> & string;
export type FlowInput<C, K extends FlowName<C>> = InputOf<FlowsOf<C>[K]>;
export type FlowResult<C, K extends FlowName<C>> = ResultOf<FlowsOf<C>[K]>;

type KeysOf<T> = T extends T ? keyof T : never;
type InputKeys<Flows> = {
  [K in keyof Flows]: unknown extends InputOf<Flows[K]> ? string : KeysOf<InputOf<Flows[K]>>;
}[keyof Flows];

/** `flows(…)` takes its flows only if the entity key is an input of one of them (specification: E402). */
export type CheckEntityKey<Flows, Key extends string> = [Key] extends [never]
  ? unknown
  : string extends Key
    ? unknown
    : Key extends InputKeys<Flows>
      ? unknown
      : { readonly 'the entityKey is not an input of any flow': Key };
