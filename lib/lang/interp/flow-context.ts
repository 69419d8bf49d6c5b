// What the compilation of one flow shares: its names, what surrounds the place that is compiled, and the program.
import type { IRModule, JsonValue } from '../ir/ir.ts';
import type { ExprContext, SyncCall } from './compile-expr.ts';
import type { CompiledFlow } from './frame.ts';
import type { MemoryAddress } from './host-environment.ts';
import { FlowNames } from './names.ts';

/** The list that `yield` adds to. */
export interface YieldTarget {
  readonly slot: number;
}

/** What flows need to know of the program that they are part of. */
export interface FlowLookup {
  readonly module: IRModule;
  readonly syncFlows: ReadonlySet<string>;
  readonly hasTelemetry: boolean;
  readonly identity: JsonValue;
  /** Compiled on first use. */
  flow(name: string): CompiledFlow;
  syncCall(name: string): SyncCall;
  memoryKind(field: string): MemoryAddress['kind'];
}

export class FlowContext implements ExprContext {
  readonly names = new FlowNames();
  readonly program: FlowLookup;
  #yieldTo: YieldTarget | undefined;

  constructor(program: FlowLookup) {
    this.program = program;
  }

  get yieldTo(): YieldTarget | undefined {
    return this.#yieldTo;
  }

  get hasTelemetry(): boolean {
    return this.program.hasTelemetry;
  }

  get identity(): JsonValue {
    return this.program.identity;
  }

  get syncFlows(): ReadonlySet<string> {
    return this.program.syncFlows;
  }

  syncCall(flow: string): SyncCall {
    return this.program.syncCall(flow);
  }

  yieldingTo<T>(target: YieldTarget | undefined, compile: () => T): T {
    const outer = this.#yieldTo;
    this.#yieldTo = target;
    const result = compile();
    this.#yieldTo = outer;
    return result;
  }
}
