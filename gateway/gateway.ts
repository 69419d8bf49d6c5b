// Gateway: the process's door to the outside: one listening socket for HTTP and WebSocket.
// Owns: the `http.Server`, the HTTP entry and the StreamServer, and the order of their end.
// Does not own: the cluster behind it, which outlives it.
//   G1. Nothing beyond loopback is listened on without tokens, unless the operator says `insecureOpen`.
//   G2. `stop` ends in bounded time: what is still open when the budget is used up is cancelled.
//   G3. States go one way: `new → listening → draining → stopped`; `stop` may be called in any, and again.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { type Clock, GrainError, type Logger, type Rng, type TimerHandle } from '../lib/index.ts';
import type { ClusterClient } from '../silo/index.ts';
import { TokenAuth, type TokenOptions } from './auth/token-auth.ts';
import type { App } from './http/app.ts';
import { HttpEntry } from './http/entry.ts';
import { ignoreUpgrade, isForeignUpgrade } from './http/foreign-upgrade.ts';
import {
  type HttpOptions,
  isLoopback,
  resolveHttpOptions,
  type ResolvedHttpOptions,
} from './http/http-options.ts';
import { parserError, refuseSocket } from './http/malformed.ts';
import { declaredBytes, pathOf } from './http/request-checks.ts';
import { STREAM_PATH } from './protocol.ts';
import type { StreamLimits } from './ws/stream-options.ts';
import { StreamServer } from './ws/stream-server.ts';

export interface GatewayOptions extends HttpOptions {
  /** Who may come in. Without tokens everybody on this machine may, and nobody else. @default [] */
  readonly tokens?: readonly TokenOptions[] | undefined;
  /** Limits of `GET /v1/stream`. */
  readonly stream?: Partial<StreamLimits> | undefined;
}

export interface GatewayParts {
  readonly cluster: ClusterClient;
  readonly clock: Clock;
  readonly rng: Rng;
  readonly log: Logger;
}

/** Where a gateway listens. */
export interface GatewayAddress {
  readonly host: string;
  readonly port: number;
  /** `http://host:port` */
  readonly url: string;
  /** `ws://host:port/v1/stream` */
  readonly stream: string;
}

/** How long `stop` waits for what is open, when nobody says. */
const STOP_BUDGET_MS = 10_000;

export interface StopOptions {
  /** @default 10_000 */
  readonly budgetMs?: number | undefined;
}

type State = 'new' | 'listening' | 'draining' | 'stopped';

export class Gateway {
  readonly #parts: GatewayParts;
  readonly #options: ResolvedHttpOptions;
  readonly #server: Server;
  readonly #entry: HttpEntry;
  readonly #stream: StreamServer;
  readonly #isOpen: boolean;
  /** All sockets, upgraded ones too, which `http.Server` forgets. */
  readonly #sockets = new Set<Duplex>();
  #state: State = 'new';
  #drained: Promise<void> | undefined;
  #stopping: Promise<void> | undefined;

  /** @throws ERR_OPTION_INVALID, ERR_CONFIG_INVALID */
  constructor(parts: GatewayParts, { tokens = [], stream, ...http }: GatewayOptions = {}) {
    const options = resolveHttpOptions(http);
    const { cluster, clock, rng, log } = parts;
    const isLocal = isLoopback(options.host);
    if (!isLocal && tokens.length === 0 && !options.insecureOpen) throw openBeyond(options.host);
    const auth = new TokenAuth({ tokens, isLoopback: isLocal || options.insecureOpen, clock });
    this.#isOpen = auth.isOpen;
    this.#parts = parts;
    this.#options = options;
    this.#server = serverFor(options);
    const { allowedOrigins } = options;
    this.#stream = new StreamServer({ cluster, auth, clock, rng, log, limits: stream, allowedOrigins });
    const gauges = { connections: () => this.#sockets.size, stream: () => this.#stream.report };
    this.#entry = new HttpEntry({ cluster, auth, clock, rng, log, options, gauges });
    this.#attach();
  }

  /** The Koa application, to mount more on before `start`. */
  get app(): App {
    return this.#entry.app;
  }

  /** @throws ERR_LISTEN_FAILED */
  async start(): Promise<GatewayAddress> {
    const { host, port } = this.#options;
    await new Promise<void>((resolve, reject) => {
      const fail = (error: NodeJS.ErrnoException): void => reject(listenFailed(error, host, port));
      this.#server.once('error', fail);
      this.#server.listen({ host: host.replace(/^\[(.*)\]$/, '$1'), port }, () => {
        this.#server.off('error', fail);
        resolve();
      });
    });
    this.#state = 'listening';
    const address = addressOf(this.#server.address() as AddressInfo, host);
    this.#parts.log.info({ host: address.host, port: address.port }, 'gateway.started');
    return address;
  }

  /**
   * Says that it is not ready any more and sends sockets and event streams elsewhere, but still listens and answers:
   * whoever balances the load needs time to notice. Resolves when the WebSockets are gone, `budgetMs` later at most.
   */
  drain({ budgetMs = STOP_BUDGET_MS }: StopOptions = {}): Promise<void> {
    if (this.#state === 'listening') this.#state = 'draining';
    this.#drained ??= this.#drain(budgetMs);
    return this.#drained;
  }

  /** Takes nothing new, lets what is open end for at most `budgetMs`, then closes. */
  stop({ budgetMs = STOP_BUDGET_MS }: StopOptions = {}): Promise<void> {
    this.#stopping ??= this.#stop(budgetMs);
    return this.#stopping;
  }

  #drain(budgetMs: number): Promise<void> {
    this.#entry.drain();
    return this.#stream.drain(budgetMs);
  }

  async #stop(budgetMs: number): Promise<void> {
    const drained = this.drain({ budgetMs });
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    await this.#withinBudget(Promise.all([drained, this.#entry.admission.idle()]), budgetMs);
    this.#state = 'stopped';
    this.#stream.destroy();
    // Destroying a socket closes its response, and that cancels its call.
    for (const socket of this.#sockets) socket.destroy();
    await closed;
    this.#parts.log.info({}, 'gateway.stopped');
  }

  async #withinBudget(work: Promise<unknown>, budgetMs: number): Promise<void> {
    let timer: TimerHandle | undefined;
    const budget = new Promise<void>((resolve) => {
      timer = this.#parts.clock.setTimer(budgetMs, resolve);
    });
    await Promise.race([work, budget]);
    timer?.cancel();
  }

  #attach(): void {
    const server = this.#server;
    const { handle } = this.#entry;
    server.on('connection', (socket: Socket) => {
      this.#sockets.add(socket);
      socket.once('close', () => this.#sockets.delete(socket));
    });
    server.on('request', handle);
    server.on('checkContinue', (request: IncomingMessage, response: ServerResponse) => {
      // A body that would be refused for its size need not be sent at all.
      if ((declaredBytes(request.headers) ?? 0) <= this.#options.bodyBytes) response.writeContinue();
      handle(request, response);
    });
    // Expectations that nobody knows are no reason to fail.
    server.on('checkExpectation', handle);
    server.on('clientError', (error: NodeJS.ErrnoException, socket: Duplex) => {
      this.#entry.stats.malformed += 1;
      refuseSocket(socket, parserError(error), this.#entry.nextRequestId());
    });
    server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
      this.#upgrade(request, socket, head);
    });
  }

  #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    if (isForeignUpgrade(request)) return ignoreUpgrade(this.#server, request, socket, head);
    // From here on the socket is nobody's but ours; without a listener a reset would end the process.
    socket.on('error', () => socket.destroy());
    const path = pathOf(request.url ?? '');
    if (path === STREAM_PATH && this.#state === 'listening') {
      // The operator let everyone in (`insecureOpen`), so any Host is right; a stranger's Origin still is not.
      if (!isLoopback(this.#options.host) && this.#isOpen) request.headers.host = 'localhost';
      this.#stream.handleUpgrade(request, socket, head);
      return;
    }
    const code = path === STREAM_PATH ? 'ERR_SILO_DRAINING' : 'ERR_PATH_UNKNOWN';
    refuseSocket(socket, new GrainError(code), this.#entry.nextRequestId());
  }
}

function serverFor(options: ResolvedHttpOptions): Server {
  const server = createServer({
    maxHeaderSize: options.headerBytes,
    headersTimeout: options.headersTimeoutMs,
    requestTimeout: options.requestTimeoutMs,
    keepAliveTimeout: options.keepAliveMs,
    connectionsCheckingInterval: options.timeoutCheckMs,
    // The entry asks for it, with a coded error.
    requireHostHeader: false,
  });
  // Bounded by bytes. Node would drop what is above its count without a word, an Origin for example.
  server.maxHeadersCount = 0;
  server.maxConnections = options.connections;
  return server;
}

function openBeyond(host: string): GrainError {
  return new GrainError('ERR_CONFIG_INVALID', {
    message:
      `Without tokens the gateway listens on loopback addresses only, not on ${host}: everyone who reaches it ` +
      'could do everything. Configure tokens, or set insecureOpen when something in front of it checks who asks.',
    option: 'host',
  });
}

function listenFailed(error: NodeJS.ErrnoException, host: string, port: number): GrainError {
  const reasons: Readonly<Record<string, string>> = {
    EADDRINUSE: `Port ${port} of ${host} is taken. Stop what listens there, or choose another with --port (0 takes a free one).`,
    EACCES: `Port ${port} needs rights that this process does not have. Choose one above 1023 with --port.`,
    EADDRNOTAVAIL: `This machine has no address ${host}. Choose another with --host.`,
    ENOTFOUND: `There is no host ${host}. Choose another with --host.`,
  };
  const message = reasons[error.code ?? ''] ?? `Cannot listen on port ${port} of ${host}: ${error.message}`;
  return new GrainError('ERR_LISTEN_FAILED', { message, host, port, reason: error.code }, { cause: error });
}

function addressOf({ port }: AddressInfo, asked: string): GatewayAddress {
  // Where everything is listened on, there is still only one name that surely leads here.
  const host = asked === '0.0.0.0' ? '127.0.0.1' : asked === '::' || asked === '[::]' ? '[::1]' : asked;
  const name = host.includes(':') && !host.startsWith('[') ? `[${host}]` : host;
  return { host: asked, port, url: `http://${name}:${port}`, stream: `ws://${name}:${port}${STREAM_PATH}` };
}
