// A TCP relay before a real server, that a test can make lie: the portable way to a bad network, without privileges.
import { connect, createServer, type Server, type Socket } from 'node:net';
import { systemClock } from '../../lib/internal.ts';

/**
 * pass; `hole`: swallows everything both ways; `deaf`: requests do not arrive; `mute`: they do, replies do not come back;
 * `reset`: new connections are reset, open ones too. A hole loses bytes in the middle of a stream: `cut` before `pass`.
 */
export type ProxyMode = 'pass' | 'hole' | 'deaf' | 'mute' | 'reset';

export interface ChaosProxy {
  readonly port: number;
  /** Connections that are open now. */
  readonly openCount: number;
  mode: ProxyMode;
  /** Each way, for what arrives from now on. */
  delayMs: number;
  /** Resets all open connections. */
  cut(): void;
  close(): Promise<void>;
}

export async function startChaosProxy(target: { readonly port: number }): Promise<ChaosProxy> {
  const proxy = new Relay(target.port);
  await proxy.listen();
  return proxy;
}

class Relay implements ChaosProxy {
  delayMs = 0;
  readonly #target: number;
  readonly #sockets = new Set<Socket>();
  readonly #server: Server;
  #mode: ProxyMode = 'pass';

  constructor(target: number) {
    this.#target = target;
    this.#server = createServer((client) => this.#accept(client));
  }

  get port(): number {
    const address = this.#server.address();
    return typeof address === 'object' && address ? address.port : 0;
  }

  get openCount(): number {
    return this.#sockets.size / 2;
  }

  get mode(): ProxyMode {
    return this.#mode;
  }

  set mode(mode: ProxyMode) {
    this.#mode = mode;
    if (mode === 'reset') this.cut();
  }

  listen(): Promise<void> {
    return new Promise((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
  }

  cut(): void {
    for (const socket of this.#sockets) socket.resetAndDestroy();
  }

  close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    this.cut();
    return closed;
  }

  #accept(client: Socket): void {
    if (this.#mode === 'reset') {
      client.resetAndDestroy();
      return;
    }
    const server = connect(this.#target, '127.0.0.1');
    this.#relay(client, server, 'deaf');
    this.#relay(server, client, 'mute');
  }

  #relay(from: Socket, to: Socket, swallowing: ProxyMode): void {
    this.#sockets.add(from);
    from.setNoDelay(true);
    from.on('data', (bytes) => {
      if (this.#mode === 'hole' || this.#mode === swallowing) return;
      const pass = (): void => {
        if (to.writable) to.write(bytes);
      };
      if (this.delayMs > 0) systemClock.setTimer(this.delayMs, pass);
      else pass();
    });
    from.on('error', () => undefined);
    from.on('close', () => {
      this.#sockets.delete(from);
      to.destroy();
    });
  }
}
