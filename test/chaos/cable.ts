// Cables: TCP relays between the processes of a run, and what is wrong with the network between them.
// Owns: the listening port that others are told, and each connection through it. Does not own: who is cut off (Faults of
// the network are kept in `Network`, which all cables ask).
//   B1. What is held back arrives later, whole and in order, as when a network heals before TCP gives up.
//   B2. A cable to a process that is not there does not listen: whoever dials is refused, as by the machine itself.
import { connect, createServer, type Server, type Socket } from 'node:net';
import { systemClock } from '../../lib/internal.ts';

type Listener = () => void;

/** What is wrong between whom; names are those of processes. */
export class Network {
  readonly #held = new Set<string>();
  readonly #broken = new Set<string>();
  readonly #listeners = new Set<Listener>();

  /** Bytes from one to the other wait. */
  hold(from: string, to: string): void {
    this.#held.add(`${from} ${to}`);
    this.#tell();
  }

  /** Connections between them are reset, and new ones, too. */
  break(one: string, other: string): void {
    this.#broken.add(`${one} ${other}`).add(`${other} ${one}`);
    this.#tell();
  }

  heal(one: string, other: string): void {
    for (const pair of [`${one} ${other}`, `${other} ${one}`]) {
      this.#held.delete(pair);
      this.#broken.delete(pair);
    }
    this.#tell();
  }

  healAll(): void {
    this.#held.clear();
    this.#broken.clear();
    this.#tell();
  }

  isHeld(from: string, to: string): boolean {
    return this.#held.has(`${from} ${to}`);
  }

  isBroken(one: string, other: string): boolean {
    return this.#broken.has(`${one} ${other}`);
  }

  onChange(listener: Listener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #tell(): void {
    for (const listener of this.#listeners) listener();
  }
}

export interface CableOptions {
  readonly network: Network;
  /** Name of whoever the cable leads to, asked for each connection with its port; undefined: nobody is there. */
  readonly target: () => { readonly name: string; readonly port: number } | undefined;
  /** Name of who dialled, from the port that it came from. */
  readonly dialler: (port: number) => string;
}

const LISTEN_TRIES = 50;
const LISTEN_PAUSE_MS = 20;

interface Connection {
  readonly near: Socket;
  readonly far: Socket;
  readonly dialler: string;
  readonly target: string;
}

export class Cable {
  readonly #options: CableOptions;
  readonly #connections = new Set<Connection>();
  readonly #stopWatching: () => void;
  #server: Server | undefined;
  #port = 0;

  constructor(options: CableOptions) {
    this.#options = options;
    this.#stopWatching = options.network.onChange(() => this.#apply());
  }

  get port(): number {
    return this.#port;
  }

  /** Takes connections, always on the same port. */
  async plug(): Promise<void> {
    if (this.#server) return;
    for (let attempt = 1; ; attempt += 1) {
      const server = createServer((socket) => this.#join(socket));
      const problem = await new Promise<Error | undefined>((resolve) => {
        server.once('error', resolve);
        server.listen(this.#port, '127.0.0.1', () => resolve(undefined));
      });
      if (!problem) {
        this.#server = server;
        break;
      }
      if (attempt === LISTEN_TRIES) throw problem;
      await new Promise<void>((resolve) => systemClock.setTimer(LISTEN_PAUSE_MS, resolve));
    }
    const address = this.#server.address();
    this.#port = typeof address === 'object' && address ? address.port : 0;
  }

  /** Refuses new connections; those that are open live as long as their ends do. */
  unplug(): void {
    this.#server?.close();
    this.#server = undefined;
  }

  cut(): void {
    for (const { near, far } of this.#connections) {
      near.resetAndDestroy();
      far.resetAndDestroy();
    }
  }

  close(): void {
    this.#stopWatching();
    this.unplug();
    this.cut();
  }

  #join(near: Socket): void {
    near.on('error', () => undefined);
    const target = this.#options.target();
    const dialler = this.#options.dialler(near.remotePort ?? 0);
    if (!target || this.#options.network.isBroken(dialler, target.name)) {
      near.resetAndDestroy();
      return;
    }
    const far = connect(target.port, '127.0.0.1');
    far.on('error', () => undefined);
    const connection = { near, far, dialler, target: target.name };
    this.#connections.add(connection);
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      from.setNoDelay(true);
      from.on('close', (hadError: boolean) => {
        this.#connections.delete(connection);
        if (hadError) to.resetAndDestroy();
        else to.destroySoon();
      });
      from.on('data', (bytes) => {
        if (!to.write(bytes)) from.pause();
      });
      from.on('end', () => to.end());
      to.on('drain', () => this.#flow(connection));
    }
    this.#flow(connection);
  }

  #apply(): void {
    for (const connection of this.#connections) {
      const { near, far, dialler, target } = connection;
      if (this.#options.network.isBroken(dialler, target)) {
        near.resetAndDestroy();
        far.resetAndDestroy();
      } else this.#flow(connection);
    }
  }

  #flow({ near, far, dialler, target }: Connection): void {
    const { network } = this.#options;
    for (const [from, to, isHeld] of [
      [near, far, network.isHeld(dialler, target)],
      [far, near, network.isHeld(target, dialler)],
    ] as const) {
      if (isHeld || to.writableNeedDrain) from.pause();
      else from.resume();
    }
  }
}
