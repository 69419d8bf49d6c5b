// CoreEngine: the door of the engine. Loads a module, runs its flows in a host's environment, and goes on with what was
// suspended. Owns how executions begin and end; how they run is the machine's.
//   E1. Nothing that a program does throws from here: results say it. Only broken invariants of ours are thrown.
//   E2. A checkpoint is stored before its execution counts as suspended.
//   E3. A checkpoint is taken only after it was seen to fit: one that does not fit stays for the version that it is of.
import { isPromise, type MaybePromise } from '../../base/maybe-promise.ts';
import type { IRModule, JsonValue } from '../ir/ir.ts';
import { toProgramError } from './caught.ts';
import { checkState, restoreFrames } from './checkpoint-state.ts';
import { RETURN } from './sync-code.ts';
import { ScaiCoreError } from './errors.ts';
import { askHost, Execution } from './execution.ts';
import { type CompiledFlow, Frame, type Step, Task } from './frame.ts';
import type {
  CheckpointRecord,
  ExecutionResult,
  HostEnvironment,
  InvocationRequest,
  ResumeRequest,
} from './host-environment.ts';
import { argumentsOf, inputOf, instanceKeyOf } from './invocation.ts';
import { checkEnvironment } from './load-checks.ts';
import { bindArgs, type Outcome, run } from './machine.ts';
import { Program } from './program.ts';
import { completed, failed, failedWithout, recordOf, suspended } from './results.ts';
import { secretsOf, Telemetry } from './telemetry.ts';
import { timeoutOf, escalated } from './timeout-action.ts';
import { requireStorable } from './value-size.ts';
import { isObject } from './values.ts';

/** Steps of an execution, where the request does not say. */
const FUEL_MAX = 100_000_000;
const BUILT_MAX = 100_000_000;

export interface LoadOptions {
  /** @default whether the environment has a sink for events */
  readonly autoTelemetry?: boolean;
}

/** The programs of a module: with and without telemetry, compiled when first needed, shared by all of its engines. */
class Programs {
  readonly #module: IRModule;
  #with: Program | undefined;
  #without: Program | undefined;
  /** Ids of executions for which the host gave none. */
  #prefix: string | undefined;
  #count = 0;

  constructor(module: IRModule) {
    this.#module = module;
  }

  program(hasTelemetry: boolean): Program {
    if (hasTelemetry) return (this.#with ??= new Program(this.#module, true));
    return (this.#without ??= new Program(this.#module, false));
  }

  nextExecutionId({ rng }: HostEnvironment): string {
    this.#prefix ??= rng.hex(8);
    this.#count += 1;
    return `exec_${this.#prefix}${this.#count.toString(36)}`;
  }
}

export class CoreEngine {
  readonly module: IRModule;
  readonly #env: HostEnvironment;
  readonly #programs: Programs;
  readonly #autoTelemetry: boolean | undefined;

  private constructor(
    module: IRModule,
    env: HostEnvironment,
    programs: Programs,
    autoTelemetry: boolean | undefined,
  ) {
    this.module = module;
    this.#env = env;
    this.#programs = programs;
    this.#autoTelemetry = autoTelemetry;
  }

  /** @throws LoadError when the environment lacks what the module needs, or the IR cannot be compiled */
  static load(module: IRModule, env: HostEnvironment, options: LoadOptions = {}): CoreEngine {
    checkEnvironment(module, env);
    const engine = new CoreEngine(module, env, new Programs(module), options.autoTelemetry);
    try {
      engine.#programFor(env).compileAll();
    } catch (error) {
      const { errorType, message } = toProgramError(error);
      throw new ScaiCoreError(
        'LoadError',
        `'${module.name}' cannot be compiled: ${message}`,
        { errorType },
        { cause: error },
      );
    }
    return engine;
  }

  /** The same program in another environment; costs next to nothing. */
  withEnvironment(env: HostEnvironment): CoreEngine {
    return new CoreEngine(this.module, env, this.#programs, this.#autoTelemetry);
  }

  /** Runs a flow; answers at once when nothing had to be awaited. */
  execute(request: InvocationRequest, env: HostEnvironment = this.#env): MaybePromise<ExecutionResult> {
    const program = this.#programFor(env);
    const executionId = request.executionId ?? this.#programs.nextExecutionId(env);
    let execution: Execution;
    let flow: CompiledFlow;
    let args: readonly (JsonValue | undefined)[];
    try {
      const instanceKey = instanceKeyOf(this.module.instance, request);
      execution = this.#begin(program, env, request, executionId, instanceKey);
      flow = program.flow(request.flow);
      args = argumentsOf(flow.ir, request, this.module);
    } catch (error) {
      return failedWithout(executionId, toProgramError(error));
    }
    return this.#start(execution, program, flow, args);
  }

  /** As `execute`, always as a promise. */

  async invoke(request: InvocationRequest): Promise<ExecutionResult> {
    return this.execute(request);
  }

  /**
   * Goes on with a suspended execution. A checkpoint that is not there, or does not fit, is a failed result; so is a decision
   * that is none of its options, and the checkpoint stays.
   */
  async resume(request: ResumeRequest, env: HostEnvironment = this.#env): Promise<ExecutionResult> {
    const { resolution, checkpointId, signal } = request;
    const step: Step = (frame, task) => {
      task.value = resolution as JsonValue;
      return frame.pc;
    };
    return await this.#goOn(checkpointId, env, signal, () => step, resolution as JsonValue);
  }

  /** The time of a checkpoint is up: does what its `on_timeout` says. */
  async expire(checkpointId: string, env: HostEnvironment = this.#env): Promise<ExecutionResult> {
    const record = await this.#load(checkpointId, env);
    if (record instanceof ScaiCoreError) return failedWithout('', record);
    const action = timeoutOf(record);
    if (action.kind === 'escalate') {
      const kept = escalated(record);
      await env.checkpoints.take(checkpointId);
      await env.checkpoints.save(kept);
      return suspended(undefined, kept);
    }
    return await this.#goOn(checkpointId, env, undefined, () => (frame, task) => {
      if (action.kind === 'fail') throw action.error;
      task.value = { decision: action.decision };
      return frame.pc;
    });
  }

  #programFor(env: HostEnvironment): Program {
    return this.#programs.program(this.#autoTelemetry ?? env.events !== undefined);
  }

  #begin(
    program: Program,
    env: HostEnvironment,
    request: InvocationRequest,
    executionId: string,
    instanceKey: string | undefined,
  ): Execution {
    const { module } = this;
    const scope = {
      core: module.name,
      coreVersion: module.version,
      executionId,
      flow: request.flow,
      instanceKey,
      identity: request.identity,
      signal: request.signal,
    };
    const isOwnMemory = module.instance.mode === 'stateless' && env.statelessMemory !== 'shared';
    return new Execution({
      env,
      program,
      scope,
      request,
      telemetry: program.hasTelemetry ? telemetryOf(program, env, executionId, instanceKey) : undefined,
      fuelMax: request.fuelMax ?? FUEL_MAX,
      builtMax: request.builtMax ?? BUILT_MAX,
      partition: instanceKey ?? (isOwnMemory ? executionId : ''),
    });
  }

  #start(
    execution: Execution,
    program: Program,
    flow: CompiledFlow,
    args: readonly (JsonValue | undefined)[],
  ): MaybePromise<ExecutionResult> {
    const { telemetry, request } = execution;
    const startedMs = telemetry ? execution.env.clock.nowMs() : 0;
    telemetry?.started(inputOf(request) as JsonValue);
    try {
      execution.checkSignal();
      const slots = bindArgs(flow, execution, args);
      if (flow.run) {
        const ended = flow.run(slots);
        return completed(execution, ended === RETURN ? execution.returned : null, startedMs);
      }
      const task = new Task(execution, new Frame(flow, slots, undefined, 0, undefined), false);
      return this.#run(task, program, startedMs, undefined);
    } catch (error) {
      return failed(execution, toProgramError(error));
    }
  }

  #run(
    task: Task,
    program: Program,
    startedMs: number,
    first: Step | undefined,
  ): MaybePromise<ExecutionResult> {
    const outcome = run(task, first);
    if (isPromise(outcome)) return outcome.then((settled) => this.#end(task, program, startedMs, settled));
    return this.#end(task, program, startedMs, outcome);
  }

  #end(task: Task, program: Program, startedMs: number, outcome: Outcome): MaybePromise<ExecutionResult> {
    const { execution } = task;
    if (outcome === 'failed') return failed(execution, task.error ?? toProgramError('the task failed'));
    if (outcome === 'ended') return completed(execution, task.value, startedMs);
    return this.#suspend(task, program, startedMs);
  }

  /** Stores what was suspended; if that fails it fails at the checkpoint, where the program may catch it. */
  #suspend(task: Task, program: Program, startedMs: number): MaybePromise<ExecutionResult> {
    const { execution } = task;
    const record = recordOf(task, program);
    const fail = (error: unknown): MaybePromise<ExecutionResult> =>
      this.#run(task, program, startedMs, () => {
        throw error;
      });
    try {
      requireStorable(record);
      const saved = askHost('RuntimeError', {}, () => execution.env.checkpoints.save(record));
      if (isPromise(saved)) return saved.then(() => suspended(execution, record), fail);
      return suspended(execution, record);
    } catch (error) {
      return fail(error);
    }
  }

  async #load(checkpointId: string, env: HostEnvironment): Promise<CheckpointRecord | ScaiCoreError> {
    try {
      const record = await env.checkpoints.load(checkpointId);
      if (!record) return notFound(checkpointId);
      if (record.core_name !== this.module.name) {
        const message = `the checkpoint is one of '${record.core_name}', not of '${this.module.name}'`;
        return new ScaiCoreError('CheckpointMismatchError', message, { checkpointId });
      }
      checkState(record.state, this.#programFor(env));
      return record;
    } catch (error) {
      return toProgramError(error);
    }
  }

  async #goOn(
    checkpointId: string,
    env: HostEnvironment,
    signal: AbortSignal | undefined,
    first: () => Step,
    resolution?: JsonValue,
  ): Promise<ExecutionResult> {
    const seen = await this.#load(checkpointId, env);
    if (seen instanceof ScaiCoreError) return failedWithout('', seen);
    const refused = resolution === undefined ? undefined : refusalOf(resolution, seen);
    if (refused) return failedWithout(seen.execution_id, refused);
    const record = await env.checkpoints.take(checkpointId);
    // Somebody else was faster.
    if (!record) return failedWithout(seen.execution_id, notFound(checkpointId));
    const program = this.#programFor(env);
    const execution = this.#begin(
      program,
      env,
      requestOf(record, signal),
      record.execution_id,
      record.instance_key,
    );
    const startedMs = env.clock.nowMs();
    try {
      checkState(record.state, program);
      execution.checkSignal();
      const frame = restoreFrames(record.state, program, execution);
      return await this.#run(new Task(execution, frame, false), program, startedMs, first());
    } catch (error) {
      return failed(execution, toProgramError(error));
    }
  }
}

function telemetryOf(
  program: Program,
  env: HostEnvironment,
  executionId: string,
  instanceKey: string | undefined,
): Telemetry | undefined {
  if (!env.events) return undefined;
  const source = { coreId: program.core, executionId, instanceKey };
  return new Telemetry(env.events, env.clock, source, secretsOf(program.configParams.values(), env));
}

function notFound(checkpointId: string): ScaiCoreError {
  const message = `there is no checkpoint '${checkpointId}': it was resolved, or never made`;
  return new ScaiCoreError('CheckpointNotFoundError', message, { checkpointId });
}

/** The program was checked for its options: another decision, or a misspelt one, would use the checkpoint up unseen. */
function refusalOf(
  resolution: JsonValue,
  { options, checkpoint_id }: CheckpointRecord,
): ScaiCoreError | undefined {
  if (options.length === 0 || !isObject(resolution) || !Object.hasOwn(resolution, 'decision'))
    return undefined;
  const { decision } = resolution;
  if (typeof decision === 'string' && options.includes(decision)) return undefined;
  const message = `the decision ${JSON.stringify(decision)} is none of the options: ${options.join(', ')}`;
  return new ScaiCoreError('InvalidInputError', message, { checkpointId: checkpoint_id });
}

/** The request that the execution began with, as far as it goes on to matter. */
function requestOf(record: CheckpointRecord, signal: AbortSignal | undefined): InvocationRequest {
  const { trigger, identity } = record.state;
  return {
    flow: record.flow_name,
    ...(trigger !== undefined && {
      trigger: trigger as unknown as NonNullable<InvocationRequest['trigger']>,
    }),
    ...(identity !== undefined && { identity }),
    ...(signal && { signal }),
  };
}
