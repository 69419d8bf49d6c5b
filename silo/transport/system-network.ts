// The machine's network: TCP, or TLS where certificates are given.
//   W1. With TLS both ends show a certificate that the `ca` signed; without one, no stream comes up. Names in certificates
//       are not compared: silos move between hosts, and the handshake proves who is who.
//   W2. Nothing is thrown out of a callback of a socket: what goes wrong closes its stream, with a reason.
import net from 'node:net';
import tls from 'node:tls';
import { GrainError } from '../../lib/index.ts';
import type { ByteStream, ByteStreamHandlers, ConnectOutcome, Listener, Network } from './network.ts';

/** All in PEM. */
export interface NetworkTls {
  readonly cert: string | Buffer;
  readonly key: string | Buffer;
  readonly ca: string | Buffer;
}

export interface SystemNetworkOptions {
  readonly tls?: NetworkTls | undefined;
}

/** More than this in the process, and the stream says that it is full. */
const BACKLOG_BYTES = 64 * 1024;
const KEEPALIVE_MS = 10_000;
const TLS_HANDSHAKE_MS = 5_000;

export function createSystemNetwork({ tls: secure }: SystemNetworkOptions = {}): Network {
  return {
    listen: (host, port, onStream) => listen(secure, host, port, onStream),
    connect: (host, port, timeoutMs) => connect(secure, host, port, timeoutMs),
  };
}

class SocketStream implements ByteStream {
  handlers: ByteStreamHandlers | undefined = undefined;
  readonly remote: string;
  readonly #socket: net.Socket;
  #problem: string | undefined = undefined;
  #isClosed = false;

  constructor(socket: net.Socket) {
    this.#socket = socket;
    this.remote = `${socket.remoteAddress ?? '?'}:${socket.remotePort ?? 0}`;
    socket.setNoDelay(true);
    socket.setKeepAlive(true, KEEPALIVE_MS);
    socket.on('data', (bytes: Buffer) => this.handlers?.onBytes(bytes));
    socket.on('drain', () => this.handlers?.onDrain());
    socket.on('error', (error: Error) => {
      this.#problem = error.message;
    });
    socket.on('end', () => {
      this.#problem ??= 'the other end closed it';
      socket.end();
    });
    socket.on('close', () => this.#onClose());
  }

  write(bytes: Uint8Array): boolean {
    if (this.#isClosed || this.#socket.destroyed || !this.#socket.writable) return true;
    this.#socket.write(bytes);
    // What the socket took at once is gone already; `drain` comes when what it could not take is.
    return this.#socket.writableLength < BACKLOG_BYTES;
  }

  get backlogBytes(): number {
    return this.#socket.writableLength;
  }

  end(): void {
    this.#socket.end();
  }

  destroy(): void {
    this.#socket.destroy();
  }

  #onClose(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.handlers?.onClose(this.#problem ?? 'closed');
  }
}

function listen(
  secure: NetworkTls | undefined,
  host: string,
  port: number,
  onStream: (stream: ByteStream) => void,
): Promise<Listener> {
  const sockets = new Set<net.Socket>();
  const onSocket = (socket: net.Socket): void => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
    onStream(new SocketStream(socket));
  };
  const server = secure
    ? tls.createServer(
        { ...secure, requestCert: true, rejectUnauthorized: true, handshakeTimeout: TLS_HANDSHAKE_MS },
        onSocket,
      )
    : net.createServer({ noDelay: true }, onSocket);
  // Whoever fails in the handshake of TLS has no stream; its socket is closed by Node.
  server.on('tlsClientError', () => undefined);
  return new Promise((resolve, reject) => {
    server.once('error', (cause: NodeJS.ErrnoException) => {
      const message = `cannot listen on ${host}:${port}: ${cause.code ?? cause.message}`;
      reject(new GrainError('ERR_LISTEN_FAILED', { message, host, port }, { cause }));
    });
    server.listen(port, host, () => {
      server.on('error', () => undefined);
      const address = server.address();
      const bound = typeof address === 'object' && address ? address.port : port;
      resolve({ host, port: bound, close: () => closeServer(server, sockets) });
    });
  });
}

function closeServer(server: net.Server, sockets: ReadonlySet<net.Socket>): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    for (const socket of sockets) socket.destroy();
  });
}

function connect(
  secure: NetworkTls | undefined,
  host: string,
  port: number,
  timeoutMs: number,
): Promise<ConnectOutcome> {
  return new Promise((resolve) => {
    const socket = secure
      ? tls.connect({ ...secure, host, port, rejectUnauthorized: true, checkServerIdentity: () => undefined })
      : net.connect({ host, port, noDelay: true });
    const give = (outcome: ConnectOutcome): void => {
      clearTimeout(timer);
      socket.removeListener('error', onError);
      if (outcome.kind !== 'connected') {
        socket.on('error', () => undefined);
        socket.destroy();
      }
      resolve(outcome);
    };
    const onError = (error: NodeJS.ErrnoException): void =>
      give(
        error.code === 'ECONNREFUSED' ? { kind: 'refused' } : { kind: 'unreachable', reason: error.message },
      );
    const timer = setTimeout(() => {
      give({ kind: 'unreachable', reason: `no connection within ${timeoutMs} ms` });
    }, timeoutMs);
    socket.once('error', onError);
    socket.once(secure ? 'secureConnect' : 'connect', () => {
      // Made in this very tick, so that nothing that arrives or fails passes by.
      const stream = new SocketStream(socket);
      give({ kind: 'connected', stream });
    });
  });
}
