// One execution: what all of its flows share, however deep they call each other. Owns fuel, depth, usage and the ids of
// calls; the frames are the machine's. Stands in slot 0 of every frame, so that pure code finds it.
//   X1. `fuel` falls at back edges and calls; what falls below `checkAt` is looked at by `look`, and only then costs time.
//   X2. Ids of calls are given out in the order of the calls, and their count is part of a checkpoint: a run that goes on
//       elsewhere asks with the same ids.
import { isPromise, type MaybePromise } from '../../base/maybe-promise.ts';
import type { IRConfigParam, IRModel, IRModule, JsonValue } from '../ir/ir.ts';
import { ScaiCoreError } from './errors.ts';
import { settingOf } from './settings.ts';
import type {
  ExecutionScope,
  HostEnvironment,
  InvocationRequest,
  MemoryAddress,
} from './host-environment.ts';
import type { Telemetry } from './telemetry.ts';
import type { Slots } from './values.ts';

/** Between two looks at the signal. */
const LOOK_EVERY = 1024;
/** Items that are only copied; a step pays for that many. */
const COPIED_PER_STEP = 16;
/** Steps between two turns of others, in loops of instructions. */
export const YIELD_EVERY = 50_000;
/** Frames and nested calls; deeper is most likely a recursion without end. */
export const DEPTH_MAX = 1000;

export interface Usage {
  llmCalls: number;
  inputTokens: number;
  outputTokens: number;
  cost: number;
}

/** What executions need to know of their program. */
export interface ExecutionProgram {
  readonly module: IRModule;
  readonly core: string;
  readonly configParams: ReadonlyMap<string, IRConfigParam>;
  readonly models: ReadonlyMap<string, IRModel>;
  /** The first model that can embed. */
  readonly embeddingRole: string | undefined;
  /** What reads as when nothing was written: the empty list or map, or null. */
  emptyOf(part: 'memory' | 'reference', field: string): JsonValue;
}

export class Execution {
  readonly env: HostEnvironment;
  readonly program: ExecutionProgram;
  readonly scope: ExecutionScope;
  readonly request: InvocationRequest;
  readonly telemetry: Telemetry | undefined;
  readonly fuelMax: number;
  readonly builtMax: number;
  readonly partition: string;
  readonly usage: Usage;
  readonly #callPrefix: string;
  fuel: number;
  /** What may still be built; the engine cannot see what of it is kept, so nothing is ever given back. */
  room: number;
  checkAt: number;
  depth = 0;
  callCount = 0;
  /** What a `return` gave, until whoever called takes it. */
  returned: JsonValue = null;
  /** Fuel at which a long run lets others have their turn (machine.ts). */
  yieldAt: number;

  constructor(options: {
    readonly env: HostEnvironment;
    readonly program: ExecutionProgram;
    readonly scope: ExecutionScope;
    readonly request: InvocationRequest;
    readonly telemetry: Telemetry | undefined;
    readonly fuelMax: number;
    readonly builtMax: number;
    readonly partition: string;
    readonly callPrefix?: string;
    readonly usage?: Usage;
  }) {
    this.env = options.env;
    this.program = options.program;
    this.scope = options.scope;
    this.request = options.request;
    this.telemetry = options.telemetry;
    this.fuelMax = options.fuelMax;
    this.builtMax = options.builtMax;
    this.room = options.builtMax;
    this.partition = options.partition;
    this.usage = options.usage ?? { llmCalls: 0, inputTokens: 0, outputTokens: 0, cost: 0 };
    this.#callPrefix = options.callPrefix ?? options.scope.executionId;
    this.fuel = options.fuelMax;
    this.checkAt = Math.max(0, this.fuel - LOOK_EVERY);
    this.yieldAt = this.fuel - YIELD_EVERY;
  }

  /** A branch has ended: what it burned is burned. */
  join(burned: number, built: number): void {
    this.fuel -= burned;
    this.room -= built;
  }

  /** Called when fuel fell below `checkAt`. @throws FuelError, CancelledError */
  look(): void {
    if (this.fuel < 0)
      throw new ScaiCoreError('FuelError', `the execution took more than ${this.fuelMax} steps`, {
        max: this.fuelMax,
      });
    this.checkSignal();
    this.checkAt = Math.max(0, this.fuel - LOOK_EVERY);
  }

  /** Pays for work that no back edge counts. */
  charge(steps: number): void {
    this.fuel -= steps;
    if (this.fuel < this.checkAt) this.look();
  }

  /** Makes room for items of lists and fields of objects. @throws SizeError */
  build(items: number): void {
    this.room -= items;
    if (this.room >= 0) return;
    const message = `the execution built more than ${this.builtMax} items`;
    throw new ScaiCoreError('SizeError', message, { max: this.builtMax });
  }

  /** Pays for items that are copied. */
  copy(items: number): void {
    this.charge(Math.ceil(items / COPIED_PER_STEP));
    this.build(items);
  }

  checkSignal(): void {
    if (this.scope.signal?.aborted === true) throw cancelled(this.scope.signal);
  }

  get steps(): number {
    return this.fuelMax - Math.max(0, this.fuel);
  }

  nextCallId(): string {
    const id = `${this.#callPrefix}/${this.callCount}`;
    this.callCount += 1;
    return id;
  }

  /**
   * For a branch that runs beside others: what it asks of hosts it asks under a signal of its own, and its calls are
   * numbered below one id of this execution, so that they do not depend on who was faster. It may burn all fuel that
   * is left; `join` takes off what it did burn.
   */
  fork(signal: AbortSignal): Execution {
    const { env, program, request, telemetry, fuelMax, builtMax, partition, usage } = this;
    const scope = { ...this.scope, signal };
    const callPrefix = this.nextCallId();
    const fork = new Execution({
      env,
      program,
      scope,
      request,
      telemetry,
      fuelMax,
      builtMax,
      partition,
      usage,
      callPrefix,
    });
    fork.fuel = this.fuel;
    fork.room = this.room;
    fork.depth = this.depth;
    fork.checkAt = this.checkAt;
    fork.yieldAt = this.yieldAt;
    return fork;
  }

  config(name: string): JsonValue {
    const { module, configParams } = this.program;
    const param = configParams.get(name);
    return param ? settingOf(param, module.types, this.env) : null;
  }

  reference(field: string): JsonValue {
    return this.env.reference?.read(this.program.core, field) ?? this.program.emptyOf('reference', field);
  }

  address(field: string, kind: MemoryAddress['kind']): MemoryAddress {
    return { core: this.program.core, partition: this.partition, field, kind };
  }
}

/** Slot 0: see `Slots`. */
export function executionOf(slots: Slots): Execution {
  return slots[0] as unknown as Execution;
}

export function cancelled(signal: AbortSignal): ScaiCoreError {
  return new ScaiCoreError('CancelledError', 'the execution was cancelled', {}, { cause: signal.reason });
}

/** Turns what a host throws into an error that programs can catch by class. */
export function hostError(
  errorType: 'PluginError' | 'MemoryError' | 'ModelProviderError' | 'CoreCallError' | 'RuntimeError',
  error: unknown,
  details: Readonly<Record<string, JsonValue>> = {},
): ScaiCoreError {
  if (error instanceof ScaiCoreError) return error;
  const message = error instanceof Error ? error.message : String(error);
  return new ScaiCoreError(errorType, message, details, { cause: error });
}

/** Asks the host; answers at once stay at once. */
export function askHost<T>(
  errorType: Parameters<typeof hostError>[0],
  details: Readonly<Record<string, JsonValue>>,
  ask: () => MaybePromise<T>,
): MaybePromise<T> {
  try {
    const answer = ask();
    if (!isPromise(answer)) return answer;
    return answer.catch((error: unknown) => {
      throw hostError(errorType, error, details);
    });
  } catch (error) {
    throw hostError(errorType, error, details);
  }
}
