// StreamServer: `GET /v1/stream`.
// Owns: upgrades, the set of connections, when they flush, and the drain. Does not own: listening (gateway/http).
//   T1. Whoever is refused gets an HTTP answer that says why, and no WebSocket.
//   T2. All connections flush together, once per turn of the loop, after its input was read: acks of everything that
//       came in and settled in one turn share a frame and a write.
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { type Server, WebSocketServer } from 'ws';
import {
  type Clock,
  fromUnknown,
  GrainError,
  type Logger,
  type Rng,
  type TimerHandle,
  toReport,
} from '../../lib/index.ts';
import type { ClusterClient } from '../../silo/index.ts';
import { checkLocalRequest, checkOrigin } from '../auth/local-request.ts';
import type { Principal } from '../auth/principal.ts';
import { bearerOf, type TokenAuth } from '../auth/token-auth.ts';
import { CLOSE, SUBPROTOCOL_JSON, SUBPROTOCOL_MSGPACK } from '../protocol.ts';
import { Connection, type StreamHost } from './connection.ts';
import { codecFor, type FrameCodec } from './frame-codec.ts';
import { Heartbeat } from './heartbeat.ts';
import { SessionRegistry } from './session-registry.ts';
import { resolveLimits, type StreamLimits } from './stream-options.ts';
import { listenTo, StreamSocket } from './stream-socket.ts';
import { newStats, type StreamStats } from './stream-stats.ts';

export interface StreamServerOptions {
  readonly cluster: ClusterClient;
  readonly auth: TokenAuth;
  readonly clock: Clock;
  readonly rng: Rng;
  readonly log: Logger;
  readonly limits?: Partial<StreamLimits> | undefined;
  /** Origins of pages that may connect. @default none: only clients that are no browsers, and pages without an Origin */
  readonly allowedOrigins?: readonly string[] | undefined;
}

export interface StreamReport {
  readonly connections: number;
  /** Sessions that are attached, and sessions that are remembered for a client that may come back. */
  readonly sessions: number;
  readonly sessionsRemembered: number;
  readonly stats: Readonly<StreamStats>;
}

export class StreamServer {
  readonly #options: StreamServerOptions;
  readonly #host: StreamHost;
  readonly #allowedOrigins: readonly string[];
  readonly #sockets: Server<typeof StreamSocket>;
  readonly #connections = new Set<Connection>();
  #dirty: Connection[] = [];
  #isFlushScheduled = false;
  #isDraining = false;
  /** Of the store, when it was last looked at. */
  #generation: string;
  #onEmpty: (() => void) | undefined = undefined;

  constructor(options: StreamServerOptions) {
    this.#options = options;
    this.#generation = options.cluster.generation;
    this.#allowedOrigins = options.allowedOrigins ?? [];
    const { clock } = options;
    const limits = resolveLimits(options.limits);
    const onTick = (): void => this.#checkGeneration();
    this.#host = {
      cluster: options.cluster,
      auth: options.auth,
      clock,
      rng: options.rng,
      log: options.log,
      limits,
      stats: newStats(),
      registry: new SessionRegistry({
        clock,
        rememberedMax: limits.sessionsRemembered,
        sessionMs: limits.sessionMs,
      }),
      heartbeat: new Heartbeat({ clock, heartbeatMs: limits.heartbeatMs, onTick }),
      schedule: (connection) => this.#schedule(connection),
      onGone: (connection) => this.#onGone(connection),
    };
    this.#sockets = new WebSocketServer<typeof StreamSocket>({
      noServer: true,
      clientTracking: false,
      perMessageDeflate: false,
      maxPayload: limits.maxFrameBytes,
      // Bytes of one message may come in many small pieces; each costs memory beyond its bytes.
      maxFragments: 4_096,
      maxBufferedChunks: 16_384,
      WebSocket: StreamSocket,
      handleProtocols: (offered) => codecFor(offered)?.subprotocol ?? false,
    });
  }

  get report(): StreamReport {
    const { registry, stats } = this.#host;
    return {
      connections: this.#connections.size,
      sessions: registry.liveCount,
      sessionsRemembered: registry.rememberedCount,
      stats,
    };
  }

  /** Takes over the socket of an upgrade request for `/v1/stream`. Never throws. */
  handleUpgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    try {
      const codec = this.#codecOf(request);
      const principal = this.#check(request);
      this.#sockets.handleUpgrade(request, socket, head, (ws) => {
        this.#open(ws, socket, codec, principal);
      });
    } catch (error) {
      this.#refuse(socket, fromUnknown(error));
    }
  }

  /** Asks every client to come back elsewhere, waits for what is in flight, and closes all connections. */
  async drain(budgetMs: number): Promise<void> {
    const { clock, rng, limits } = this.#host;
    this.#isDraining = true;
    for (const connection of this.#connections) {
      connection.drain(Math.round(rng.next() * limits.reconnectSpreadMs));
    }
    if (this.#connections.size === 0) return;
    // Half a second of the budget is for saying goodbye.
    const goodbye = clock.setTimer(Math.max(0, budgetMs - 500), () => {
      for (const connection of this.#connections) connection.close(CLOSE.draining);
    });
    let end: TimerHandle | undefined;
    await new Promise<void>((resolve) => {
      this.#onEmpty = resolve;
      end = clock.setTimer(budgetMs, resolve);
    });
    goodbye.cancel();
    end?.cancel();
    this.destroy();
  }

  /** Ends all connections without a word. */
  destroy(): void {
    this.#isDraining = true;
    for (const connection of this.#connections) connection.destroy();
    this.#host.heartbeat.stop();
  }

  /** Who connects, as far as the request tells. @throws ERR_AUTH_…, ERR_SILO_DRAINING, ERR_LIMIT_REACHED */
  #check({ headers, method }: IncomingMessage): Principal | undefined {
    if (method !== 'GET') throw new GrainError('ERR_METHOD_UNKNOWN', { method });
    const { auth } = this.#options;
    if (auth.isOpen) checkLocalRequest(headers, this.#allowedOrigins);
    // With tokens a page proves itself in its hello; the list, where there is one, still binds it.
    else if (this.#allowedOrigins.length > 0) checkOrigin(headers.origin, this.#allowedOrigins);
    if (this.#isDraining || this.#options.cluster.isDraining) throw new GrainError('ERR_SILO_DRAINING');
    const { connectionsMax } = this.#host.limits;
    if (this.#connections.size >= connectionsMax) {
      throw new GrainError('ERR_LIMIT_REACHED', { limit: 'connections', most: connectionsMax });
    }
    if (headers.authorization === undefined) return undefined;
    const principal = auth.authenticate(bearerOf(headers.authorization));
    if (principal) return principal;
    throw new GrainError('ERR_AUTH_REQUIRED');
  }

  #codecOf({ headers }: IncomingMessage): FrameCodec {
    const offered = (headers['sec-websocket-protocol'] ?? '').split(',').map((name) => name.trim());
    const codec = codecFor(offered);
    if (codec) return codec;
    const message = `offer the subprotocol ${SUBPROTOCOL_JSON} or ${SUBPROTOCOL_MSGPACK}`;
    throw new GrainError('ERR_FRAME_INVALID', { message });
  }

  #open(ws: StreamSocket, raw: Duplex, codec: FrameCodec, principal: Principal | undefined): void {
    const { stats, heartbeat, log } = this.#host;
    const connection = new Connection(this.#host, codec, ws, raw, principal);
    stats.opened += 1;
    this.#connections.add(connection);
    listenTo(ws, connection);
    heartbeat.add(connection);
    log.debug({ subprotocol: codec.subprotocol, principal: principal?.name }, 'stream.opened');
  }

  #onGone(connection: Connection): void {
    this.#connections.delete(connection);
    if (this.#connections.size === 0) this.#onEmpty?.();
  }

  /** T1. */
  #refuse(socket: Duplex, error: GrainError): void {
    const { stats, log } = this.#host;
    stats.refused += 1;
    if (error.code === 'ERR_INTERNAL') log.error({ err: error }, 'stream.failed');
    else log.info({ error: error.code, reason: error.message }, 'stream.refused');
    const body = JSON.stringify({ status: 'error', error: toReport(error) });
    const { http } = error.spec;
    socket.once('error', () => socket.destroy()); // the peer may be gone already
    socket.end(
      `HTTP/1.1 ${http} ${http === 503 ? 'Service Unavailable' : 'Refused'}\r\n` +
        (http === 401 ? 'WWW-Authenticate: Bearer\r\n' : '') +
        (http === 503 || http === 429 ? 'Retry-After: 1\r\n' : '') +
        'Content-Type: application/json; charset=utf-8\r\n' +
        `Content-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`,
    );
  }

  /** T2. */
  #schedule(connection: Connection): void {
    this.#dirty.push(connection);
    if (this.#isFlushScheduled) return;
    this.#isFlushScheduled = true;
    this.#options.clock.defer(() => this.#flush());
  }

  #flush(): void {
    const dirty = this.#dirty;
    this.#dirty = [];
    this.#isFlushScheduled = false;
    for (const connection of dirty) connection.flush();
  }

  #checkGeneration(): void {
    const { generation } = this.#options.cluster;
    if (generation === this.#generation) return;
    this.#generation = generation;
    for (const connection of this.#connections) connection.checkGeneration();
  }
}
