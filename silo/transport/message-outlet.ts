// MessageOutlet: an outlet whose messages become long ones by themselves when their payload does not fit into a frame.
import { type Clock, GrainError } from '../../lib/index.ts';
import { CHUNK_BYTES } from './frames.ts';
import type { ByteStream } from './network.ts';
import { LongMessage, Outlet } from './outlet.ts';
import { packInto } from './packed-values.ts';

export class MessageOutlet extends Outlet {
  readonly #bytesMax: number;

  constructor(stream: ByteStream, clock: Clock, bytesMax: number) {
    super(stream, clock, bytesMax);
    this.#bytesMax = bytesMax;
  }

  /** @throws ERR_BODY_TOO_LARGE */
  checkSize(bytes: number): void {
    const bytesMax = this.#bytesMax;
    if (bytes <= bytesMax) return;
    throw new GrainError('ERR_BODY_TOO_LARGE', {
      message: `${bytes} bytes are more than the ${bytesMax} that may go from process to process`,
      bytes,
      bytesMax,
    });
  }

  /**
   * Writes the payload, or the value, behind what the frame has; answers it packed when the frame would become too long:
   * then the frame is to be dropped, and sent as a long message. @throws ERR_VALUE_INVALID, ERR_BODY_TOO_LARGE
   */
  payload(payload: Uint8Array | undefined, value: unknown): Uint8Array | undefined {
    const { data } = this;
    const headBytes = this.bodyBytes;
    if (payload === undefined) {
      if (value === undefined) return undefined;
      packInto(data, value);
      const packedBytes = this.bodyBytes - headBytes;
      if (headBytes + packedBytes <= CHUNK_BYTES) return undefined;
      this.checkSize(packedBytes);
      return new Uint8Array(data.bytes.subarray(data.at - packedBytes, data.at));
    }
    const { byteLength } = payload;
    if (headBytes + byteLength > CHUNK_BYTES) {
      this.checkSize(byteLength);
      return payload;
    }
    data.ensure(byteLength);
    data.bytes.set(payload, data.at);
    data.at += byteLength;
    return undefined;
  }

  /** Sends the frame that was begun as a long message, with this payload behind what it has. */
  sendLong(kind: number, flags: number, payload: Uint8Array): LongMessage {
    const { data } = this;
    const head = new Uint8Array(data.bytes.subarray(data.at - this.bodyBytes, data.at));
    this.drop();
    const long = new LongMessage(kind, flags, head, payload);
    this.long(long);
    return long;
  }
}
