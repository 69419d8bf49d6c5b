// Mailbox: the messages that wait for one activation. Made on first contention; an idle activation has none.
// Owns: order and bound of what waits. Does not own: who may start (activation.ts), or running (turn.ts).
//   M1. The control lane is emptied before the user lane is looked at; within a lane, first in, first out.
//   M2. Count and bytes of the user lane stay within the Core's bounds; the control lane is bounded by its senders.
//   M3. A message whose outcome was decided while it waited (deadline, cancel) is dropped when it is met; until then it
//       still counts, so the bound holds for memory that is really held.
import { Fifo } from '../../lib/index.ts';
import type { Message } from './message.ts';

export interface MailboxBounds {
  readonly mailboxDepthMax: number;
  readonly mailboxBytesMax: number;
}

export class Mailbox {
  readonly #control = new Fifo<Message>();
  readonly #user = new Fifo<Message>();
  #bytes = 0;

  get depth(): number {
    return this.#control.size + this.#user.size;
  }

  /** False when the lane is full: the message was not taken. */
  push(message: Message, { mailboxDepthMax, mailboxBytesMax }: MailboxBounds): boolean {
    if (message.envelope.kind === 'forget') {
      this.#control.push(message);
      return true;
    }
    const { inputBytes } = message.envelope;
    if (!this.#hasRoom(inputBytes, mailboxDepthMax, mailboxBytesMax)) {
      this.#dropSettled();
      if (!this.#hasRoom(inputBytes, mailboxDepthMax, mailboxBytesMax)) return false;
    }
    this.#bytes += inputBytes;
    this.#user.push(message);
    return true;
  }

  /** Takes a message back that had been let in before, ahead of all of its lane; it is not refused. */
  putFirst(message: Message): void {
    this.#bytes += message.envelope.inputBytes;
    this.#user.unshift(message);
  }

  /** Takes those out that are picked, in order; the others keep their places. */
  take(isPicked: (message: Message) => boolean): readonly Message[] {
    const picked: Message[] = [];
    const stays = (message: Message): boolean => !isPicked(message) || picked.push(message) === 0;
    this.#control.retain(stays);
    this.#user.retain((message) => {
      const isKept = stays(message);
      if (!isKept) this.#bytes -= message.envelope.inputBytes;
      return isKept;
    });
    return picked;
  }

  peek(): Message | undefined {
    return this.#control.peek() ?? this.#user.peek();
  }

  shift(): Message | undefined {
    const first = this.#control.shift();
    if (first) return first;
    const message = this.#user.shift();
    if (message) this.#bytes -= message.envelope.inputBytes;
    return message;
  }

  #hasRoom(inputBytes: number, depthMax: number, bytesMax: number): boolean {
    if (this.#user.size >= depthMax) return false;
    // One message larger than the bound alone is the sender's limit to refuse, not a reason to never take it.
    return this.#bytes === 0 || this.#bytes + inputBytes <= bytesMax;
  }

  #dropSettled(): void {
    this.#user.retain(({ envelope }) => {
      if (envelope.isSettled) this.#bytes -= envelope.inputBytes;
      return !envelope.isSettled;
    });
  }
}
