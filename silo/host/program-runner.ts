// ProgramRunner: one program's executions, each a turn of the grain that it belongs to.
// Owns: what becomes of an execution's result. Does not own: the flows that lead here (program-host.ts).
//   R1. COMPLETED and SUSPENDED commit what the execution did. FAILED throws, so that it leaves nothing.
//   R2. Where the engine answers at once, so does the turn.
import { createHash } from 'node:crypto';
import { type ErrorCode, GrainError, isKey, isPromise, type MaybePromise } from '../../lib/index.ts';
import {
  type CoreEngine,
  type ExecutionResult,
  type FlowFacts,
  type IRModule,
  type InvocationRequest,
  type JsonValue,
  ScaiCoreError,
} from '../../lib/lang/index.ts';
import type { CheckpointSettlement } from '../checkpoints/checkpoint-store.ts';
import { RaisedError } from '../catalog/raised-error.ts';
import { type TurnFacts, turnFactsOf } from '../catalog/turn-facts.ts';
import { CHECKPOINTS_FIELD } from './grain-memory.ts';
import type { FlowInput } from './input-schema.ts';
import type { ProgramParts } from './program-parts.ts';
import {
  CHECKPOINT_EVENT,
  pendingView,
  recordOf,
  settledEvent,
  type StoredCheckpoint,
} from './stored-checkpoint.ts';
import { suspendedReply } from './suspended-reply.ts';
import { type ProgramContext, TurnEnvironment } from './turn-environment.ts';

/** Longer messages are cut: they travel in frames, and are kept with marks and commands. */
const MESSAGE_MAX = 2_000;
/** Checkpoints of one grain that are listed. */
const PENDING_MAX = 500;

export interface Program {
  readonly module: IRModule;
  readonly engine: CoreEngine;
  readonly parts: ProgramParts;
  readonly traits: ReadonlyMap<string, FlowFacts>;
}

export interface Invocation {
  readonly input: FlowInput;
  readonly trigger?: InvocationRequest['trigger'];
  readonly identity?: JsonValue;
  readonly executionId?: string | undefined;
}

export class ProgramRunner {
  readonly #program: Program;
  /** The Core whose grains it runs in. */
  readonly #core: string;
  readonly #hasKey: boolean;

  constructor(program: Program, core: string) {
    this.#program = program;
    this.#core = core;
    this.#hasKey = program.module.instance.mode === 'entity';
  }

  #environment(ctx: ProgramContext, facts: TurnFacts): TurnEnvironment {
    return new TurnEnvironment(this.#core, ctx, facts, this.#program.parts);
  }

  invoke(ctx: ProgramContext, flow: string, invocation: Invocation, facts = turnFactsOf(ctx)): unknown {
    const { engine, traits, parts } = this.#program;
    const environment = this.#environment(ctx, facts);
    const executionId = invocation.executionId ?? executionIdOf(facts);
    const request: { -readonly [K in keyof InvocationRequest]: InvocationRequest[K] } = {
      flow,
      input: invocation.input,
      identity: invocation.identity ?? identityOf(ctx),
      trigger: invocation.trigger ?? triggerOf(facts, invocation.input),
    };
    if (executionId !== undefined) request.executionId = executionId;
    if (this.#hasKey) request.instanceKey = ctx.key;
    // Made on demand: a controller for each of a million short turns would be its largest cost.
    if (traits.get(flow)?.mayWait === true) request.signal = ctx.signal;
    if (parts.fuelMax !== undefined) request.fuelMax = parts.fuelMax;
    if (parts.builtMax !== undefined) request.builtMax = parts.builtMax;
    return this.#settled(environment, engine.execute(request, environment));
  }

  resume(ctx: ProgramContext, input: FlowInput, resolvedBy = ctx.principal): unknown {
    const checkpointId = checkpointIdOf(input);
    const { resolution } = input;
    if (typeof resolution !== 'object' || resolution === null || Array.isArray(resolution))
      throw invalidInput('resolution must be an object, such as { "decision": "approve" }');
    const environment = this.#environment(ctx, turnFactsOf(ctx));
    const request = { checkpointId, resolution: resolution as FlowInput, signal: ctx.signal };
    const resumed = this.#program.engine.resume(request, environment);
    return this.#settled(environment, resumed, (taken) => {
      const settlement = { status: 'resolved', resolution, resolved_by: resolvedBy } as const;
      emitSettled(ctx, environment, taken, settlement);
    });
  }

  /** The time of a checkpoint is up: the program goes on with that. */
  async expire(ctx: ProgramContext, input: FlowInput): Promise<unknown> {
    const checkpointId = checkpointIdOf(input);
    const environment = this.#environment(ctx, turnFactsOf(ctx));
    // Resolved in the meantime: its reminder was on its way.
    if (!(await environment.load(checkpointId))) return null;
    const settlement = { status: 'expired', resolution: null, resolved_by: null } as const;
    const result = await this.#program.engine.expire(checkpointId, environment);
    // That nobody answered may be the end of the execution. It had no effect then, and the checkpoint is gone for good.
    const isOver = result.status === 'FAILED' && environment.memory.writes === 0 && environment.emitted === 0;
    if (isOver && environment.taken && !environment.failure && !isMismatch(result)) {
      emitSettled(ctx, environment, environment.taken, settlement);
      ctx.log.warn({ checkpoint: checkpointId, problem: result.error?.message }, 'checkpoint.expired');
      return null;
    }
    return await this.#settled(environment, result, (taken) =>
      emitSettled(ctx, environment, taken, settlement),
    );
  }

  /** Gives a checkpoint up: its execution ends without a result. */
  async cancel(ctx: ProgramContext, input: FlowInput): Promise<unknown> {
    const checkpointId = checkpointIdOf(input);
    const environment = this.#environment(ctx, turnFactsOf(ctx));
    await environment.take(checkpointId);
    if (!environment.taken) throw unknownCheckpoint(checkpointId);
    const settlement = { status: 'cancelled', resolution: null, resolved_by: ctx.principal } as const;
    emitSettled(ctx, environment, environment.taken, settlement);
    return null;
  }

  /** What waits in this grain, oldest id first. */
  async pending(ctx: ProgramContext): Promise<readonly JsonValue[]> {
    const { memory } = this.#environment(ctx, turnFactsOf(ctx));
    const views: JsonValue[] = [];
    for await (const [, stored] of memory.map(CHECKPOINTS_FIELD).entries({ limit: PENDING_MAX }))
      views.push(pendingView(recordOf(stored as unknown as StoredCheckpoint)));
    return views;
  }

  #settled(
    environment: TurnEnvironment,
    result: MaybePromise<ExecutionResult>,
    onDone?: (taken: NonNullable<TurnEnvironment['taken']>) => void,
  ): unknown {
    if (isPromise(result)) return result.then((settled) => this.#settle(environment, settled, onDone));
    return this.#settle(environment, result, onDone);
  }

  #settle(
    environment: TurnEnvironment,
    result: ExecutionResult,
    onDone?: (taken: NonNullable<TurnEnvironment['taken']>) => void,
  ): unknown {
    if (environment.failure !== undefined) throw environment.failure;
    if (result.status === 'FAILED') throw failureOf(result, environment);
    const next = result.checkpoint?.record.checkpoint_id;
    const { taken } = environment;
    if (taken && taken.record.checkpoint_id !== next) onDone?.(taken);
    if (result.status === 'COMPLETED') return result.output ?? null;
    if (!result.checkpoint)
      throw new RaisedError('ERR_INTERNAL', { message: 'suspended without a checkpoint' });
    return suspendedReply(result.checkpoint.record);
  }
}

function emitSettled(
  ctx: ProgramContext,
  environment: TurnEnvironment,
  { record, version }: NonNullable<TurnEnvironment['taken']>,
  how: Pick<CheckpointSettlement, 'status' | 'resolution' | 'resolved_by'>,
): void {
  const settlement = { ...how, version: version + 1, resolved_at_ms: environment.clock.wallMs() };
  ctx.emit(CHECKPOINT_EVENT, settledEvent(environment.place, record, settlement));
}

/** Errors of an execution that have a code of their own. */
const CODES: Readonly<Record<string, ErrorCode>> = {
  InvalidInputError: 'ERR_INPUT_INVALID',
  FlowNotFoundError: 'ERR_FLOW_UNKNOWN',
  CheckpointNotFoundError: 'ERR_CHECKPOINT_UNKNOWN',
  CheckpointMismatchError: 'ERR_CHECKPOINT_MISMATCH',
};

/** What the caller is told of an execution that failed. */
function failureOf({ error }: ExecutionResult, { memory }: TurnEnvironment): GrainError {
  const { errorType = 'RuntimeError', message = 'the execution failed', details, cause } = error ?? {};
  // What the silo refused is told under its own code: it may pass, where a failure of the flow would not.
  if (memory.failure && isCause(cause, memory.failure)) return memory.failure;
  const text = message.length <= MESSAGE_MAX ? message : `${message.slice(0, MESSAGE_MAX)}…`;
  const told = {
    message: text,
    error_type: errorType,
    ...(details === undefined ? {} : { problem: details }),
  };
  return new RaisedError(CODES[errorType] ?? 'ERR_FLOW_FAILED', told, { cause });
}

function isMismatch({ error }: ExecutionResult): boolean {
  return error?.errorType === 'CheckpointMismatchError';
}

function isCause(thrown: unknown, wanted: unknown): boolean {
  let at = thrown;
  for (let depth = 0; depth < 8 && at instanceof Error; depth += 1, at = at.cause)
    if (at === wanted) return true;
  return false;
}

function checkpointIdOf({ checkpoint_id: id }: FlowInput): string {
  if (!isKey(id)) throw invalidInput('checkpoint_id must be the id of a checkpoint');
  return id;
}

export function invalidInput(message: string): GrainError {
  return new RaisedError('ERR_INPUT_INVALID', { message });
}

export function unknownCheckpoint(checkpointId: string): GrainError {
  return new RaisedError('ERR_CHECKPOINT_UNKNOWN', { checkpoint_id: checkpointId });
}

/** The same for a message that comes again: calls of plugins and of other Cores derive their ids from it. */
export function executionIdOf({ cause }: TurnFacts): string | undefined {
  if (cause === undefined) return undefined;
  return `exec_${createHash('sha256').update(cause).digest('hex').slice(0, 32)}`;
}

export function identityOf({ principal, tenant }: ProgramContext): JsonValue {
  return { principal, tenant };
}

const CALLED = Object.freeze({ type: 'API' } as const);

export function triggerOf(
  { kind, asked }: TurnFacts,
  data: FlowInput,
): NonNullable<InvocationRequest['trigger']> {
  if (kind === 'bus' || kind === 'event') return { type: 'EVENT', name: asked, data };
  return CALLED;
}

/** Programs throw errors of theirs; hosts throw coded ones. */
export function asRaised(thrown: unknown): GrainError {
  if (thrown instanceof ScaiCoreError)
    return new RaisedError(CODES[thrown.errorType] ?? 'ERR_FLOW_FAILED', {
      message: thrown.message.slice(0, MESSAGE_MAX),
      error_type: thrown.errorType,
    });
  if (thrown instanceof GrainError) return new RaisedError(thrown.code, thrown.details, { cause: thrown });
  return new RaisedError('ERR_INTERNAL', {}, { cause: thrown });
}
