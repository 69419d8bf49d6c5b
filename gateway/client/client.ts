import type { AnyCore, GrainError } from '../../lib/index.ts';
import { type CoreClient, coreClient, type CoreClientHome, type LooseCore } from './core-client.ts';
import { nameOf } from './core-name.ts';
import type { EventStream, EventStreamOptions } from './event-types.ts';
import { Hub } from './hub.ts';
import { type ClientOptions, type ClientRuntime, type ClientState, resolveClientOptions } from './options.ts';
import type { Dialer } from './socket.ts';

/** A client of one gateway: calls, events and subscriptions over one WebSocket that is made again when it is lost. */
export interface GranaryClient {
  /** A Core by its definition, which brings its types along. */
  core<C extends AnyCore>(core: C): CoreClient<C>;
  /** A Core by name; `client.core<typeof airport>('airport')` with `import type` keeps its code out of a bundle. */
  core<C extends AnyCore = LooseCore>(name: string): CoreClient<C>;
  /** The client's one event stream. Options are for the first time; with `state`, before anything else uses the client. */
  events(options?: EventStreamOptions): EventStream;
  readonly state: ClientState;
  /** Resolves when the client is closed for good: to what closed it, or to undefined after `close()`. */
  readonly closed: Promise<GrainError | undefined>;
  /** Connects now rather than at first use; resolves when the gateway has answered. */
  connect(): Promise<void>;
  /** Hands the gateway a fresh token on the open connection, before the old one expires. */
  renewToken(): Promise<void>;
  /** Closes at once, and rejects what has no outcome yet: await your calls and `events().flush()` first. */
  close(): Promise<void>;
}

/** @throws ERR_OPTION_INVALID */
export function createClient(
  url: string,
  options: ClientOptions,
  system: ClientRuntime,
  dialer: Dialer,
): GranaryClient {
  const hub = new Hub(url, resolveClientOptions(options, system), dialer);
  const home: CoreClientHome = {
    call: (...args) => (hub.end ? Promise.reject(hub.end) : hub.calls.call(...args)),
    send: (...args) => hub.stream.send(...args),
    subscribe: (...args) => hub.subscriptions.subscribe(...args),
  };
  return {
    core: <C extends AnyCore>(core: C | string): CoreClient<C> => coreClient<C>(home, nameOf(core)),
    events: (given) => (given ? hub.openStream(given) : hub.stream),
    connect: () => hub.connect(),
    renewToken: () => hub.link.renewToken(),
    async close() {
      hub.link.end(undefined);
      await hub.closed;
    },
    closed: hub.closed,
    get state() {
      return hub.link.state;
    },
  };
}
