import type { AnyCore, CallOptions, Core, Flow, FlowName, GrainRef } from '../../lib/index.ts';
import type { CallTarget } from './calls.ts';
import type { SubscribeOptions, Subscription } from './subscription.ts';

/** A Core of which only the name is known: every flow takes and gives anything. */
export type LooseCore = Core<Readonly<Record<string, Flow<unknown, unknown>>>>;

/** One Core of the other side, with the types of its flows. */
export interface CoreClient<C extends AnyCore> {
  readonly name: string;
  /** A grain, for calls: `await airports.get('JFK').stats()`. Without a key: a singleton, or a stateless Core. */
  get(key?: string | number): GrainRef<C>;
  /** Calls a flow; the host takes the key from the input. */
  call<K extends FlowName<C>>(flow: K, ...args: Parameters<GrainRef<C>[K]>): ReturnType<GrainRef<C>[K]>;
  /** Sends an event through the client's stream; resolves when it took effect. */
  send(key: string | number | undefined, event: string, data?: unknown): Promise<void>;
  /** What the grain emits, from now on or from a cursor, resumed after every reconnect. */
  subscribe(key: string | number | undefined, options?: SubscribeOptions): Subscription;
}

/** What a Core's client needs of the whole one. */
export interface CoreClientHome {
  call(target: CallTarget, input: unknown, options: CallOptions | undefined): Promise<unknown>;
  send(core: string, key: string | number | undefined, event: string, data: unknown): Promise<void>;
  subscribe(
    core: string,
    key: string | number | undefined,
    options: SubscribeOptions | undefined,
  ): Subscription;
}

type Method = (input?: unknown, options?: CallOptions) => Promise<unknown>;

/** Asked of every object by the language or by libraries, and never meant as a call: no flow is reached by them. */
const NOT_FLOWS: ReadonlySet<string> = new Set(['then', 'constructor', 'toJSON']);

function refTo<C extends AnyCore>(
  home: CoreClientHome,
  core: string,
  key: string | number | undefined,
): GrainRef<C> {
  const methods = new Map<string, Method>();
  const proxy = new Proxy(Object.create(null) as object, {
    get(_target, flow): Method | undefined {
      if (typeof flow !== 'string' || NOT_FLOWS.has(flow)) return undefined;
      let method = methods.get(flow);
      if (!method) {
        method = (input, options) => home.call({ core, key, flow }, input, options);
        methods.set(flow, method);
      }
      return method;
    },
  });
  return proxy as GrainRef<C>;
}

export function coreClient<C extends AnyCore>(home: CoreClientHome, name: string): CoreClient<C> {
  return {
    name,
    get: (key) => refTo<C>(home, name, key),
    call<K extends FlowName<C>>(flow: K, ...args: Parameters<GrainRef<C>[K]>) {
      const [input, options] = args as [unknown, CallOptions | undefined];
      const result = home.call({ core: name, key: undefined, flow }, input, options);
      return result as ReturnType<GrainRef<C>[K]>;
    },
    send: (key, event, data) => home.send(name, key, event, data),
    subscribe: (key, options) => home.subscribe(name, key, options),
  };
}
