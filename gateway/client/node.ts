// The client for Node: the same as for browsers, with the `ws` package as its socket.
import { WebSocket } from 'ws';
import type { IncomingMessage } from 'node:http';
import { CLOSE, SUBPROTOCOL_JSON } from '../protocol.ts';
import { createClient, type GranaryClient } from './client.ts';
import type { ClientOptions } from './options.ts';
import type { ClientSocket, Dialer, SocketEvents } from './socket.ts';
import { clientClock, clientRng } from './system-runtime.ts';

export * from './exports.ts';

/** HTTP status of a refused handshake → the close code that says the same. */
const REFUSED: Readonly<Record<number, number>> = { 401: CLOSE.unauthenticated, 403: CLOSE.forbidden };

class NodeSocket implements ClientSocket {
  readonly #socket: WebSocket;
  /** The TCP or TLS socket below; known once the handshake is done. */
  #wire: IncomingMessage['socket'] | undefined;
  #isCorked = false;

  constructor(url: string, token: string | undefined, events: SocketEvents) {
    const headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
    this.#socket = new WebSocket(url, SUBPROTOCOL_JSON, { headers, perMessageDeflate: false });
    this.#listen(events);
  }

  #listen(events: SocketEvents): void {
    const socket = this.#socket;
    let problem = '';
    let refusal: number | undefined;
    socket.on('upgrade', ({ socket: wire }) => {
      this.#wire = wire;
      wire.setNoDelay(true);
    });
    socket.on('open', () => events.opened());
    socket.on('message', (data, isBinary) => events.message(isBinary ? '' : data.toString()));
    socket.on('unexpected-response', (request, { statusCode = 0 }) => {
      problem = `the server answered the handshake with HTTP ${statusCode}`;
      refusal = REFUSED[statusCode];
      request.destroy();
      events.closed(refusal ?? 1006, problem);
    });
    // `close` follows every error, and is the one that tells.
    socket.on('error', (error) => (problem = error.message));
    socket.on('close', (code, reason) => {
      if (refusal === undefined) events.closed(code, reason.length > 0 ? reason.toString() : problem);
    });
  }

  /** Frames that one turn of the event loop sends leave in one write; most of their cost is the system call. */
  send(text: string): void {
    const wire = this.#wire;
    if (wire && !this.#isCorked) {
      this.#isCorked = true;
      wire.cork();
      process.nextTick(() => {
        this.#isCorked = false;
        wire.uncork();
      });
    }
    this.#socket.send(text);
  }

  close(how: 'politely' | 'at once'): void {
    if (how === 'politely') this.#socket.close(1000);
    else this.#socket.terminate();
  }
}

const dialer: Dialer = {
  tokenIn: 'header',
  dial: (url, token, events) => new NodeSocket(url, token, events),
};

/** A client of the gateway at `url`. It connects when it is first used. @throws ERR_OPTION_INVALID */
export function connect(url: string, options: ClientOptions = {}): GranaryClient {
  return createClient(url, options, { clock: clientClock, rng: clientRng }, dialer);
}
