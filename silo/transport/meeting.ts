// Meeting: one connection from its first byte until both ends have proved who they are, or it is closed.
//   G1. It ends once: with a link, or with one reason.
//   G2. It ends within a time limit, and reads no more than HANDSHAKE_BYTES_MAX until then.
import type { Clock, TimerHandle } from '../../lib/index.ts';
import { fromUnknown } from '../../lib/index.ts';
import {
  FrameReader,
  type FrameSink,
  HANDSHAKE_BYTES_MAX,
  HELLO,
  REFUSAL,
  WELCOME,
  broken,
} from './frames.ts';
import { Handshake, type HandshakeStep, type Party } from './handshake.ts';
import type { LinkPeer } from './link-messages.ts';
import type { ByteStream } from './network.ts';
import { MessageOutlet } from './message-outlet.ts';
import { packValue } from './packed-values.ts';

export interface Met {
  readonly peer: LinkPeer;
  readonly stream: ByteStream;
  readonly outlet: MessageOutlet;
  readonly reader: FrameReader;
}

export interface MeetingParts {
  readonly stream: ByteStream;
  readonly clock: Clock;
  readonly party: Party;
  readonly role: 'dialler' | 'listener';
  readonly limitMs: number;
  readonly messageBytesMax: number;
  /** Asked when the other end has said who it is, and again when it has proved it: why it is not wanted. */
  readonly objection: (peer: LinkPeer, isProved: boolean) => string | undefined;
  /** Takes the connection over at once: frames may follow in the bytes that are being read. */
  readonly onMet: (met: Met) => { destroy(reason: string): void };
  /** `found`: another incarnation answered. `isQuiet`: nothing is wrong. */
  readonly onFailed: (reason: string, found: LinkPeer | undefined, isQuiet: boolean) => void;
}

/** Flag of a refusal: nothing is wrong. */
const QUIET = 1;

export class Meeting implements FrameSink {
  readonly #parts: MeetingParts;
  readonly #handshake: Handshake;
  readonly #outlet: MessageOutlet;
  readonly #reader: FrameReader;
  readonly #timer: TimerHandle;
  #readBytes = 0;
  #isOver = false;
  #successor: { destroy(reason: string): void } | undefined = undefined;

  constructor(parts: MeetingParts) {
    this.#parts = parts;
    this.#handshake = new Handshake(parts.role, parts.party);
    this.#outlet = new MessageOutlet(parts.stream, parts.clock, parts.messageBytesMax);
    this.#reader = new FrameReader(this);
    this.#timer = parts.clock.setTimer(parts.limitMs, () =>
      this.#fail(`no handshake within ${parts.limitMs} ms`, undefined),
    );
    parts.stream.handlers = {
      onBytes: (bytes) => this.#onBytes(bytes),
      onDrain: () => this.#outlet.drained(),
      onClose: (reason) => this.#fail(`it closed during the handshake (${reason})`, undefined),
    };
    if (parts.role === 'dialler') this.#say(HELLO, this.#handshake.hello);
  }

  #say(kind: number, body: Uint8Array, flags = 0): void {
    this.#outlet.control(kind, flags, body);
    this.#outlet.flush();
  }

  #onBytes(bytes: Uint8Array): void {
    if (this.#isOver) return;
    this.#readBytes += bytes.byteLength;
    try {
      // The dialler may go on right behind its proof, the listener behind its welcome: that is not the handshake's any more.
      this.#reader.push(bytes);
      if (!this.#isOver && this.#readBytes > HANDSHAKE_BYTES_MAX)
        throw broken('too much before the handshake is done');
    } catch (error) {
      const reason = fromUnknown(error).message;
      if (this.#successor) this.#successor.destroy(reason);
      else this.#fail(reason, undefined);
    }
  }

  onFrame(kind: number, flags: number, bytes: Buffer, start: number, end: number): void {
    const hadClaimed = this.#handshake.claimed !== undefined;
    const step = this.#handshake.onFrame(kind, bytes, start, end);
    if (step.kind === 'failed')
      return this.#fail(step.reason, step.told, step.found, kind === REFUSAL && flags === QUIET);
    const peer = step.kind === 'done' ? step.peer : this.#handshake.claimed;
    const objection =
      peer && (!hadClaimed || step.kind === 'done') && this.#parts.objection(peer, step.kind === 'done');
    if (objection) return this.#fail(objection, objection, undefined, true);
    this.#go(step);
  }

  #go(step: Exclude<HandshakeStep, { readonly kind: 'failed' }>): void {
    if (step.kind === 'say') return this.#say(step.frame, step.body);
    this.#isOver = true;
    this.#timer.cancel();
    if (step.body) this.#say(WELCOME, step.body);
    const { stream } = this.#parts;
    this.#successor = this.#parts.onMet({
      peer: step.peer,
      stream,
      outlet: this.#outlet,
      reader: this.#reader,
    });
  }

  /** Ends it from this side, because it is not needed any more. */
  close(reason: string): void {
    this.#fail(reason, undefined, undefined, true);
  }

  /** Ends it from this side, because something is wrong with it. */
  fail(reason: string): void {
    this.#fail(reason, undefined);
  }

  #fail(reason: string, told: string | undefined, found?: LinkPeer, isQuiet = false): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#timer.cancel();
    this.#reader.isStopped = true;
    if (told !== undefined) this.#say(REFUSAL, packValue(told), isQuiet ? QUIET : 0);
    this.#outlet.close();
    if (told === undefined) this.#parts.stream.destroy();
    else this.#parts.stream.end();
    this.#parts.onFailed(reason, found, isQuiet);
  }
}
