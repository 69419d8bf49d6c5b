import { WebSocket } from 'ws';
import { CLOSE, HELLO_BYTES_MAX } from '../protocol.ts';

/** What a socket tells; one set of listeners serves all of them, so that an idle connection holds no closures. */
export interface SocketOwner {
  onMessage(data: Buffer, isBinary: boolean): void;
  /** A sign of life that is no frame of ours: a ping or pong. */
  onSign(): void;
  onSocketClosed(code: number): void;
  onSocketError(error: Error): void;
}

/** A WebSocket that knows its connection. */
export class StreamSocket extends WebSocket {
  owner: SocketOwner | undefined = undefined;

  /** ws closes with 1009 what is larger than it takes; our clients are told 4009 for that. */
  override close(code?: number, data?: string | Buffer): void {
    super.close(code === 1009 ? CLOSE.tooLarge : code, data);
  }

  /** Before hello, ws itself refuses frames beyond the hello's size, so that nobody unknown makes us buffer more. */
  limitToHello(): void {
    this.#setPayloadMax(HELLO_BYTES_MAX);
  }

  liftLimit(maxFrameBytes: number): void {
    this.#setPayloadMax(maxFrameBytes);
  }

  /** ws has no door for this; where the field is another one, its general limit and our own checks still hold. */
  #setPayloadMax(bytes: number): void {
    const { _receiver: receiver } = this as unknown as { readonly _receiver?: { _maxPayload?: number } };
    if (typeof receiver?._maxPayload === 'number') receiver._maxPayload = bytes;
  }
}

export function listenTo(socket: StreamSocket, owner: SocketOwner): void {
  socket.owner = owner;
  socket
    .on('message', onMessage)
    .on('pong', onSign)
    .on('ping', onSign)
    .on('close', onClose)
    .on('error', onError);
}

function ownerOf(socket: WebSocket): SocketOwner | undefined {
  return (socket as StreamSocket).owner;
}

function onMessage(this: WebSocket, data: WebSocket.RawData, isBinary: boolean): void {
  // binaryType is left at 'nodebuffer', so this is a Buffer.
  ownerOf(this)?.onMessage(data as Buffer, isBinary);
}

function onSign(this: WebSocket): void {
  ownerOf(this)?.onSign();
}

function onClose(this: WebSocket, code: number): void {
  ownerOf(this)?.onSocketClosed(code);
}

function onError(this: WebSocket, error: Error): void {
  ownerOf(this)?.onSocketError(error);
}
