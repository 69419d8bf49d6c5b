// What the shape check knows while it walks: the names of the module, and of the flow that it is in.
//   N1. Names of a flow are flat (IR1), so whether one is bound anywhere is known at the end of the flow. Lambdas and the
//       conditions of models have names of their own, which end with them.
//   N2. Which flows are pure is known when all have been seen; calls inside of expressions wait until then.
import { type Json, type JsonRecord, ShapePlace } from './shape-kit.ts';

/** What surrounds a statement and decides which jumps may stand there. */
export type Surrounding = 'while' | 'foreach' | 'concurrent' | 'parallel';

interface PendingCall {
  readonly flow: string;
  readonly path: readonly (string | number)[];
}

export class ModulePlace extends ShapePlace {
  readonly flows: ReadonlyMap<string, number>;
  readonly entryFlows: ReadonlySet<string>;
  readonly plugins: ReadonlySet<string>;
  readonly models: ReadonlySet<string>;
  readonly memory: ReadonlySet<string>;
  readonly reference: ReadonlySet<string>;
  readonly config: ReadonlySet<string>;
  readonly types: ReadonlySet<string>;
  readonly around: Surrounding[] = [];
  /** Of the default of a parameter: which names it may use. */
  defaultNames: ReadonlySet<string> | undefined = undefined;
  readonly params = new Set<string>();
  #bound = new Set<string>();
  readonly #used = new Map<string, readonly (string | number)[]>();
  readonly #scoped = new Map<string, number>();
  #flow = '';
  readonly #impure = new Set<string>();
  readonly #callers = new Map<string, Set<string>>();
  readonly #pureCalls: PendingCall[] = [];

  constructor(module: JsonRecord) {
    super();
    const functions = namedParams(module['functions']);
    const flows = namedParams(module['flows']);
    this.flows = new Map([...flows, ...functions]);
    this.entryFlows = new Set(flows.map(([name]) => name));
    this.plugins = new Set(listOf(module['plugins']).map((plugin) => fieldText(plugin, 'alias')));
    this.config = new Set(listOf(module['config']).map((param) => fieldText(param, 'name')));
    this.models = keysOf(module['models']);
    this.memory = keysOf(module['memory']);
    this.reference = keysOf(module['reference']);
    this.types = keysOf(module['types']);
  }

  // ---- One flow ----

  beginFlow(name: string): void {
    this.#flow = name;
    this.#bound = new Set();
    this.#used.clear();
    this.params.clear();
  }

  endFlow(): void {
    for (const [name, path] of this.#used) {
      if (this.#bound.has(name)) continue;
      this.path.splice(0, this.path.length, ...path);
      throw this.problem(`is the name '${name}', which nothing in the flow is bound to`);
    }
  }

  bind(name: string): void {
    this.#bound.add(name);
  }

  use(name: string): void {
    if ((this.#scoped.get(name) ?? 0) > 0) return;
    if (this.defaultNames) {
      if (!this.defaultNames.has(name))
        throw this.problem(`is the name '${name}', which is no parameter before`);
    } else if (!this.#used.has(name)) this.#used.set(name, [...this.path]);
  }

  /** Runs with names that end with it. */
  scoped(names: readonly string[], run: () => void): void {
    for (const name of names) this.#scoped.set(name, (this.#scoped.get(name) ?? 0) + 1);
    run();
    for (const name of names) this.#scoped.set(name, (this.#scoped.get(name) ?? 0) - 1);
  }

  within(surrounding: Surrounding, run: () => void): void {
    this.around.push(surrounding);
    run();
    this.around.pop();
  }

  // ---- Purity ----

  impure(): void {
    this.#impure.add(this.#flow);
  }

  calls(flow: string): void {
    const callers = this.#callers.get(flow);
    if (callers) callers.add(this.#flow);
    else this.#callers.set(flow, new Set([this.#flow]));
  }

  callsPure(flow: string): void {
    this.calls(flow);
    this.#pureCalls.push({ flow, path: [...this.path] });
  }

  /** When all flows have been seen. */
  requirePurity(): void {
    const pending = [...this.#impure];
    for (let flow = pending.pop(); flow !== undefined; flow = pending.pop())
      for (const caller of this.#callers.get(flow) ?? [])
        if (!this.#impure.has(caller)) {
          this.#impure.add(caller);
          pending.push(caller);
        }
    for (const { flow, path } of this.#pureCalls) {
      if (!this.#impure.has(flow)) continue;
      this.path.splice(0, this.path.length, ...path);
      throw this.problem(`is a call of '${flow}', which is not pure, inside of an expression`);
    }
  }
}

// The lists have not been checked yet: what is not as it should be is left out here, and refused later.

function listOf(value: Json): readonly JsonRecord[] {
  if (!Array.isArray(value)) return [];
  return value.filter((item) => typeof item === 'object' && item !== null) as readonly JsonRecord[];
}

function fieldText(object: JsonRecord, name: string): string {
  const value = Object.hasOwn(object, name) ? object[name] : undefined;
  return typeof value === 'string' ? value : '';
}

function keysOf(value: Json): ReadonlySet<string> {
  return new Set(typeof value === 'object' && value !== null ? Object.keys(value) : []);
}

function namedParams(value: Json): [string, number][] {
  return listOf(value).map((flow) => [fieldText(flow, 'name'), listOf(flow['params']).length]);
}
