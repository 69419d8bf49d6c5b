// HostEnvironment: all that a program may ask of the world around it (specification 5.1). The one seam of the engine:
// the standalone runtime, the `scaicore` command and the silo each fill it in their own way.
// Every answer may be given at once or as a promise; the engine waits only for promises.
import type { Clock } from '../../base/clock.ts';
import type { MaybePromise } from '../../base/maybe-promise.ts';
import type { Rng } from '../../base/rng.ts';
import type { IRModel, IRPath, IRType, JsonValue } from '../ir/ir.ts';

export interface HostEnvironment {
  readonly memory: MemoryBackend;
  /** Needed by Cores that call models. */
  readonly modelProviders?: ModelProvider | undefined;
  readonly checkpoints: CheckpointBackend;
  readonly events?: EventSink | undefined;
  readonly clock: Clock;
  /** Where `random()` and `uuid()` come from. */
  readonly rng: Rng;
  readonly plugins?: PluginHost | undefined;
  readonly dispatcher?: CoreDispatcher | undefined;
  readonly reference?: ReferenceStore | undefined;
  /** Values of `@config`; what is absent takes its default. May be swapped between invocations. */
  readonly config?: Readonly<Record<string, JsonValue>> | undefined;
  readonly log?: ((level: string, message: JsonValue, scope: ExecutionScope) => void) | undefined;
  /** @default 'none': a stateless Core begins with empty memory each time (conflict C3 of the specification) */
  readonly statelessMemory?: 'none' | 'shared' | undefined;
}

/** Which execution asks: what a host needs to route, account and authorise. */
export interface ExecutionScope {
  readonly core: string;
  readonly coreVersion: string;
  readonly executionId: string;
  readonly flow: string;
  /** The partition of memory: the entity's key; undefined for singletons and stateless Cores. */
  readonly instanceKey: string | undefined;
  readonly identity: JsonValue | undefined;
  readonly signal: AbortSignal | undefined;
}

// ---- Memory ----

/** Which field of whose memory. `kind` follows from the declared type: map, array (list), or anything else (value). */
export interface MemoryAddress {
  readonly core: string;
  /** Entity key; `''` for singletons; the execution id for stateless Cores (or `''` when they share). */
  readonly partition: string;
  readonly field: string;
  readonly kind: 'map' | 'list' | 'value';
}
export interface ListOptions {
  readonly prefix?: string;
  readonly limit?: number;
  readonly order?: 'asc' | 'desc';
}
export interface SearchOptions {
  readonly query: string;
  readonly limit: number;
  readonly minSimilarity: number;
  /** The role of the embedding model that the module declares. */
  readonly role: string | undefined;
}
/** Absent values are `undefined`; the engine makes `null` of them, or the empty list or map. */
export interface MemoryBackend {
  /** A whole field: a value, a list, or a map as an object. */
  read(at: MemoryAddress): MaybePromise<JsonValue | undefined>;
  write(at: MemoryAddress, value: JsonValue): MaybePromise<void>;
  get(at: MemoryAddress, key: string): MaybePromise<JsonValue | undefined>;
  set(at: MemoryAddress, key: string, value: JsonValue): MaybePromise<void>;
  delete(at: MemoryAddress, key: string): MaybePromise<void>;
  /** Appends to a list. */
  add(at: MemoryAddress, value: JsonValue): MaybePromise<void>;
  /** The newest `count` items, oldest of them first. */
  last(at: MemoryAddress, count: number): MaybePromise<readonly JsonValue[]>;
  /** Entries of a map by prefix, in order of the keys. */
  list(
    at: MemoryAddress,
    options: ListOptions,
  ): MaybePromise<readonly { readonly key: string; readonly value: JsonValue }[]>;
}

/** Data given at deployment, the same for all instances; read only. */
export interface ReferenceStore {
  read(core: string, field: string): JsonValue | undefined;
}

// ---- Models ----

export interface ModelMessage {
  readonly role: 'system' | 'user' | 'assistant' | 'tool';
  readonly content: string;
}
export interface ModelRequest {
  readonly scope: ExecutionScope;
  /** The role in `@models`, and its entry; `fallback` is the provider's to try, in order. */
  readonly role: string;
  readonly model: IRModel;
  readonly messages: readonly ModelMessage[];
  /** JSON Schema of what has to come back; undefined for free text. */
  readonly outputSchema: JsonValue | undefined;
  readonly outputType: IRType | undefined;
  readonly timeoutMs: number | undefined;
  readonly signal: AbortSignal | undefined;
}
export interface ModelUsage {
  readonly inputTokens: number;
  readonly outputTokens: number;
  /** In the currency of the host, where it knows prices. */
  readonly cost?: number;
}
export interface ModelResult {
  /** The text of the answer: JSON where a schema was given. */
  readonly text: string;
  readonly usage: ModelUsage;
  /** Why it ended: `refusal` when the model declined, `length` when it was cut off. */
  readonly finish: 'stop' | 'length' | 'refusal' | 'tool_calls';
  /** Confidence in 0..1, where the model tells it. */
  readonly confidence?: number;
  /** Which model answered, after fallbacks. */
  readonly model: string;
}
export interface ModelCallRequest {
  readonly scope: ExecutionScope;
  readonly role: string;
  readonly model: IRModel;
  /** `tts`, `stt`, `embedding`, `image_generation`, `audio_generation`, … */
  readonly modality: string;
  readonly input: JsonValue;
  readonly params: Readonly<Record<string, JsonValue>>;
  readonly timeoutMs: number | undefined;
  readonly signal: AbortSignal | undefined;
}
export interface ModelProvider {
  /**
   * The names that programs may write as `provider` of a model. A program whose model has none of them, its fallbacks
   * included, is not loaded. @default undefined: every name
   */
  readonly providers?: readonly string[] | undefined;
  /** @throws ModelProviderError */
  complete(request: ModelRequest): Promise<ModelResult>;
  /** Anything but text. @throws ModelProviderError */
  call?(
    request: ModelCallRequest,
  ): Promise<{ readonly output: JsonValue; readonly usage: ModelUsage; readonly model: string }>;
  /** Vectors for `memory.*.search` and `reference.*.search`, one for each text, all of one length. */
  embed?(request: {
    readonly scope: ExecutionScope;
    readonly role: string | undefined;
    readonly model: IRModel | undefined;
    readonly texts: readonly string[];
    readonly signal: AbortSignal | undefined;
  }): Promise<readonly (readonly number[])[]>;
}

// ---- Plugins and other Cores ----

export interface PluginCall {
  readonly scope: ExecutionScope;
  readonly alias: string;
  /** What the alias stands for in this Core: two Cores may give one alias to two plugins. */
  readonly plugin?:
    { readonly publisher: string; readonly name: string; readonly version: string } | undefined;
  readonly method: string;
  readonly args: readonly JsonValue[];
  readonly namedArgs: Readonly<Record<string, JsonValue>>;
  /** Settings of the source, `@plugins`. */
  readonly settings: Readonly<Record<string, JsonValue>>;
  /** The same for a call that is made again after a crash: for receivers that want to do it once. */
  readonly callId: string;
  readonly signal: AbortSignal | undefined;
}
export interface PluginHost {
  /** Whether a plugin can be called; asked when the module is loaded. */
  has(plugin: {
    readonly alias: string;
    readonly publisher: string;
    readonly name: string;
    readonly version: string;
  }): boolean;
  /** @throws PluginError */
  call(call: PluginCall): MaybePromise<JsonValue>;
}

export interface CoreCall {
  readonly scope: ExecutionScope;
  /** `core://…` */
  readonly target: string;
  readonly flow: string | undefined;
  readonly input: Readonly<Record<string, JsonValue>>;
  readonly instanceKey: string | undefined;
  readonly version: string | undefined;
  readonly timeoutMs: number | undefined;
  readonly callId: string;
  readonly signal: AbortSignal | undefined;
}
export interface CoreDispatcher {
  /** Waits for the result. @throws CoreCallError */
  call(call: CoreCall): MaybePromise<JsonValue>;
  /** Starts it and gives a handle, which is data. */
  start(call: CoreCall): MaybePromise<string>;
  /** Results of handles in their order; with `any` the first that is there, the others null. @throws CoreCallError */
  wait(
    handles: readonly string[],
    options: {
      readonly mode: 'all' | 'any';
      readonly timeoutMs: number | undefined;
      readonly scope: ExecutionScope;
    },
  ): MaybePromise<readonly JsonValue[]>;
}

// ---- Events ----

export interface EngineEvent {
  /** `scaicore.runtime.…` for telemetry, else the name in `emit`. */
  readonly type: string;
  readonly core_id: string;
  /** ISO, UTC. */
  readonly timestamp: string;
  /** Of telemetry: with `execution_id`. Of `emit`: exactly the fields that were written. */
  readonly payload: Readonly<Record<string, JsonValue>>;
  readonly is_telemetry: boolean;
  readonly execution_id: string;
  readonly instance_key?: string;
}
export interface EventSink {
  /** Must not throw; delivery is the sink's. */
  publish(event: EngineEvent): void;
}

// ---- Checkpoints ----

/** All that a suspended execution is: JSON data, the same for every version of the runtime (`state_version`). */
export interface CheckpointRecord {
  readonly checkpoint_id: string;
  readonly core_name: string;
  readonly core_version: string;
  readonly execution_id: string;
  readonly flow_name: string;
  /** Index of the block in the body of the outermost flow, and the whole way to the checkpoint in the innermost. */
  readonly block_index: number;
  readonly block_path: IRPath;
  readonly instance_key?: string;
  readonly checkpoint_type: string;
  readonly prompt: string;
  readonly payload: JsonValue;
  readonly options: readonly string[];
  readonly timeout_ms?: number;
  readonly on_timeout?: string;
  readonly hitl_target?: JsonValue;
  readonly assignee?: string;
  readonly priority?: string;
  /** Wall-clock milliseconds. */
  readonly created_at_ms: number;
  readonly expires_at_ms?: number;
  readonly state: ExecutionState;
}
/** The frames, outermost first, and what the execution has used up. */
export interface ExecutionState {
  readonly state_version: 1;
  /** Of the flows that the frames are in: another body cannot be gone on with. */
  readonly flow_hashes: Readonly<Record<string, string>>;
  readonly frames: readonly FrameState[];
  /** How many ids of nested calls were given out. */
  readonly call_count: number;
  readonly trigger?: JsonValue;
  readonly identity?: JsonValue;
}
export interface FrameState {
  readonly flow: string;
  /** Where it goes on: the checkpoint in the innermost, the call in the others. */
  readonly path: IRPath;
  readonly scope: Readonly<Record<string, JsonValue>>;
  /** Loops, budgets: by the path of their block, joined with `.`. */
  readonly loops: Readonly<Record<string, JsonValue>>;
}
export interface CheckpointBackend {
  save(record: CheckpointRecord): MaybePromise<void>;
  load(checkpointId: string): MaybePromise<CheckpointRecord | undefined>;
  /** Loads and removes in one step, so that of two resumptions one goes on. */
  take(checkpointId: string): MaybePromise<CheckpointRecord | undefined>;
}

// ---- Requests and results ----

export const ExecutionStatus = Object.freeze({
  COMPLETED: 'COMPLETED',
  FAILED: 'FAILED',
  SUSPENDED: 'SUSPENDED',
} as const);
export type ExecutionStatus = (typeof ExecutionStatus)[keyof typeof ExecutionStatus];

export interface InvocationRequest {
  readonly flow: string;
  /** By parameter name. @default {} */
  readonly input?: Readonly<Record<string, JsonValue>>;
  readonly identity?: JsonValue;
  readonly trigger?: {
    readonly type: 'API' | 'WEBHOOK' | 'SCHEDULE' | 'EVENT' | 'CHAT' | 'INTERNAL';
    readonly name?: string;
    readonly data?: JsonValue;
  };
  /** Of an entity Core it is read from the input. */
  readonly instanceKey?: string;
  /** @default a new one */
  readonly executionId?: string;
  readonly signal?: AbortSignal;
  /** Steps that the execution may take before FuelError. @default 100_000_000 */
  readonly fuelMax?: number;
  /**
   * What the execution may build before SizeError, in items of lists and fields of objects; eight characters of a text count
   * as one. It is what bounds the memory of a program: an item takes up to 16 bytes. @default 100_000_000
   */
  readonly builtMax?: number;
}
export interface ResumeRequest {
  readonly checkpointId: string;
  /** `{ decision: … }` for the simple form; arms of `on_response` see all of it. */
  readonly resolution: Readonly<Record<string, JsonValue>>;
  readonly signal?: AbortSignal;
}
export interface ExecutionResult {
  readonly status: ExecutionStatus;
  readonly executionId: string;
  /** With COMPLETED. */
  readonly output?: JsonValue;
  /** With FAILED. */
  readonly error?: {
    readonly message: string;
    readonly errorType: string;
    readonly details?: JsonValue;
    readonly cause?: unknown;
  };
  /** With SUSPENDED. */
  readonly checkpoint?: {
    readonly checkpointId: string;
    readonly prompt: string;
    readonly type: string;
    readonly payload: JsonValue;
    readonly options: readonly string[];
    readonly record: CheckpointRecord;
  };
  readonly usage: {
    readonly llmCalls: number;
    readonly inputTokens: number;
    readonly outputTokens: number;
    readonly cost: number;
    readonly steps: number;
  };
}
