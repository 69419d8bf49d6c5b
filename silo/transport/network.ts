// Network: byte streams between processes. `system-network.ts` has TCP and TLS; the simulator has one of its own.
//   N1. Bytes arrive in order, once each, or the stream closes. A peer may still be hostile: nothing that arrives is trusted.

export interface ByteStream {
  /** Takes the bytes over. False: the peer reads slowly, and `onDrain` will be called. */
  write(bytes: Uint8Array): boolean;
  /** Bytes that were written and have not left the process. */
  readonly backlogBytes: number;
  /** Sends what was written, then closes. */
  end(): void;
  /** Closes now. */
  destroy(): void;
  /**
   * Set before anything can arrive, and set anew when the stream changes hands: ask for it at each call. No callback comes
   * inside `connect`, `onStream`, or a method of the stream.
   */
  handlers: ByteStreamHandlers | undefined;
  /** For logs: `host:port` of the other end. */
  readonly remote: string;
}

export interface ByteStreamHandlers {
  onBytes(bytes: Uint8Array): void;
  onDrain(): void;
  /** Once; nothing follows. */
  onClose(reason: string): void;
}

export type ConnectOutcome =
  | { readonly kind: 'connected'; readonly stream: ByteStream }
  /** The machine answered that nobody listens there: the process is gone. */
  | { readonly kind: 'refused' }
  /** No answer, or no way. */
  | { readonly kind: 'unreachable'; readonly reason: string };

export interface Listener {
  readonly host: string;
  readonly port: number;
  close(): Promise<void>;
}

export interface Network {
  /** @throws (rejects) ERR_LISTEN_FAILED */
  listen(host: string, port: number, onStream: (stream: ByteStream) => void): Promise<Listener>;
  connect(host: string, port: number, timeoutMs: number): Promise<ConnectOutcome>;
}
