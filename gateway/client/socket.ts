// What the client needs of a WebSocket. The browser's own is made here, the one for Node in node.ts, so that a bundle
// for browsers holds no package.
import { SUBPROTOCOL_JSON } from '../protocol.ts';

export interface SocketEvents {
  opened(): void;
  message(text: string): void;
  /** The last event; comes once, also when the connection was never made. */
  closed(code: number, reason: string): void;
}

export interface ClientSocket {
  send(text: string): void;
  /** Gives the socket up; `politely` waits for the other side where there may be one. Its events are ignored then. */
  close(how: 'politely' | 'at once'): void;
}

/** Opens sockets. Its events never come from inside `dial`. */
export interface Dialer {
  /** Browsers cannot set headers: there the token travels in the hello frame. */
  readonly tokenIn: 'header' | 'hello';
  dial(url: string, token: string | undefined, events: SocketEvents): ClientSocket;
}

/** The part of the standard's WebSocket that is used, written out because Node 20 has no such type. */
interface WebSocketLike {
  onopen: (() => void) | null;
  onmessage: ((event: { readonly data: unknown }) => void) | null;
  onclose: ((event: { readonly code: number; readonly reason: string }) => void) | null;
  send(text: string): void;
  close(code?: number): void;
}

type WebSocketClass = new (url: string, protocol: string) => WebSocketLike;

export const browserDialer: Dialer = {
  tokenIn: 'hello',
  dial(url, _token, events): ClientSocket {
    const { WebSocket } = globalThis as unknown as { readonly WebSocket?: WebSocketClass };
    if (!WebSocket) throw new TypeError('This runtime has no WebSocket: import granary/client under Node');
    const socket = new WebSocket(url, SUBPROTOCOL_JSON);
    socket.onopen = () => events.opened();
    socket.onmessage = ({ data }) => events.message(typeof data === 'string' ? data : '');
    socket.onclose = ({ code, reason }) => events.closed(code, reason);
    return { send: (text) => socket.send(text), close: () => socket.close() };
  },
};
