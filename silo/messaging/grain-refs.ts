// References to grains: one class per Core with a method per flow, made from the flow's name on first use.
import { type CallOptions, NOT_FLOWS } from '../../lib/index.ts';

/** Who calls: a running turn, or code outside of grains. */
export interface RefCaller {
  invoke(
    core: string,
    key: string | undefined,
    flow: string,
    input: unknown,
    options: CallOptions | undefined,
  ): Promise<unknown>;
}

const CALLER = Symbol('caller');
const CORE = Symbol('core');
const KEY = Symbol('key');

type FlowMethod = (this: RefTarget, input?: unknown, options?: CallOptions) => Promise<unknown>;

interface RefTarget {
  readonly [CALLER]: RefCaller;
  readonly [CORE]: string;
  readonly [KEY]: string | undefined;
}

export type RefClass = new (caller: RefCaller, core: string, key: string | undefined) => object;

/**
 * A class whose instances answer to any flow name: behind its prototype stands a proxy that makes the method when a
 * name is met first, and puts it on the prototype. After that a call is a plain method call.
 */
function makeRefClass(): RefClass {
  class GrainReference implements RefTarget {
    readonly [CALLER]: RefCaller;
    readonly [CORE]: string;
    readonly [KEY]: string | undefined;

    constructor(caller: RefCaller, core: string, key: string | undefined) {
      this[CALLER] = caller;
      this[CORE] = core;
      this[KEY] = key;
    }
  }
  const maker = new Proxy(Object.create(null) as object, {
    get(_target, name) {
      if (typeof name !== 'string' || NOT_FLOWS.has(name)) return undefined;
      const method: FlowMethod = function flow(this: RefTarget, input, options) {
        return this[CALLER].invoke(this[CORE], this[KEY], name, input, options);
      };
      Object.defineProperty(GrainReference.prototype, name, { value: method });
      return method;
    },
  });
  Object.setPrototypeOf(GrainReference.prototype, maker);
  return GrainReference;
}

const classes = new Map<string, RefClass>();
/** Names of Cores come from code, but may be computed: past this many, they share one class. */
const CLASSES_MAX = 1_024;
const sharedClass = makeRefClass();

export function refClassFor(core: string): RefClass {
  const known = classes.get(core);
  if (known) return known;
  if (classes.size >= CLASSES_MAX) return sharedClass;
  const made = makeRefClass();
  classes.set(core, made);
  return made;
}
