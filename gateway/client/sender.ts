import { type GrainError, utf8Length } from '../../lib/index.ts';

/** What calls, subscriptions and the event stream may do with the one connection. */
export interface Sender {
  /** Whether something new may be sent now. */
  readonly isOpen: boolean;
  /** Why there is no connection, while there is none. */
  readonly lastError: GrainError | undefined;
  send(text: string): void;
  /** Connects, if nothing has asked for that yet. */
  wake(): void;
  /** A name that no call or subscription of this client had before. */
  nextId(): number;
  /** The server broke the protocol. */
  drop(problem: string): void;
}

/** Room for `{"t":"call","id":…,"deadline_ms":…`, or for the head of an event. */
const HEAD_BYTES = 80;

/** Whether a frame with this tail is within the server's limit. Most are so short that nobody counts. */
export function frameFits(tail: string, bytesMax: number): boolean {
  if (tail.length * 3 + HEAD_BYTES <= bytesMax) return true;
  return tail.length <= bytesMax && utf8Length(tail) + HEAD_BYTES <= bytesMax;
}
