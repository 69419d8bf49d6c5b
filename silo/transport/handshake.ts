// Handshake: what two processes say before they trust each other. No clock, no stream: frames in, frames out.
//   dialler: HELLO →   ← CHALLENGE   PROOF →   ← WELCOME
// HELLO and CHALLENGE say who each is, with a random number; PROOF and WELCOME are HMAC-SHA256 by the shared secret over both
// of them as they were sent and the role of the prover.
//   D1. The dialler proves itself first: strangers at the port get nothing that they could guess the secret by.
//   D2. A proof is good for one connection, one direction and one pair of incarnations: everything said is in it.
//   D3. Whoever does not fit is told why once, in words for its log, and nothing else.
import { createHmac, timingSafeEqual } from 'node:crypto';
import { fromUnknown } from '../../lib/index.ts';
import {
  broken,
  CHALLENGE,
  HELLO,
  PROOF,
  PROTOCOL_OLDEST,
  PROTOCOL_VERSION,
  REFUSAL,
  WELCOME,
} from './frames.ts';
import type { LinkPeer } from './link-messages.ts';
import { packValue, unpackFrom } from './packed-values.ts';

const MAGIC = 'granary';
const TEXT_MAX = 256;

/** Who we are. */
export interface Party {
  readonly peer: LinkPeer;
  /** Name of the cluster. */
  readonly cluster: string;
  readonly secret: string;
  /** The only incarnation that is wanted; undefined: any. */
  readonly expected: string | undefined;
  /** 32 random bytes, in hexadecimal. */
  readonly nonce: string;
  /** Versions of the protocol; tests have others. */
  readonly version?: number;
  readonly oldest?: number;
}

export type HandshakeStep =
  | { readonly kind: 'say'; readonly frame: number; readonly body: Uint8Array }
  /** The other end proved itself; `body` is the last thing to say, if there is one. */
  | { readonly kind: 'done'; readonly peer: LinkPeer; readonly body: Uint8Array | undefined }
  /** It is over. `told`: what the other end is to be told of it. */
  | {
      readonly kind: 'failed';
      readonly reason: string;
      readonly told: string | undefined;
      readonly found?: LinkPeer;
    };

interface Introduction {
  readonly peer: LinkPeer;
  readonly cluster: string;
  readonly version: number;
  readonly oldest: number;
}

export class Handshake {
  readonly #party: Party;
  readonly #role: 'dialler' | 'listener';
  readonly #own: Uint8Array;
  /** What the other end said of itself, as it was sent. */
  #their: Uint8Array | undefined = undefined;
  #them: LinkPeer | undefined = undefined;

  constructor(role: 'dialler' | 'listener', party: Party) {
    this.#role = role;
    this.#party = party;
    const { peer, cluster, nonce, version = PROTOCOL_VERSION, oldest = PROTOCOL_OLDEST } = party;
    this.#own = packValue({ magic: MAGIC, version, oldest, cluster, ...peer, nonce });
  }

  /** The other end, as it says. */
  get claimed(): LinkPeer | undefined {
    return this.#them;
  }

  /** What the dialler says first. */
  get hello(): Uint8Array {
    return this.#own;
  }

  onFrame(kind: number, bytes: Buffer, start: number, end: number): HandshakeStep {
    try {
      if (kind === REFUSAL) return this.#onRefusal(bytes, start, end);
      if (this.#role === 'listener') return this.#asListener(kind, bytes, start, end);
      return this.#asDialler(kind, bytes, start, end);
    } catch (error) {
      return { kind: 'failed', reason: fromUnknown(error).message, told: undefined };
    }
  }

  #asListener(kind: number, bytes: Buffer, start: number, end: number): HandshakeStep {
    if (!this.#their) {
      if (kind !== HELLO) throw broken('it does not begin with a hello');
      const problem = this.#meet(bytes, start, end);
      return problem ?? { kind: 'say', frame: CHALLENGE, body: this.#own };
    }
    if (kind !== PROOF) throw broken('no proof follows the challenge');
    return this.#verify('dialler', bytes, start, end, () => this.#proof('listener'));
  }

  #asDialler(kind: number, bytes: Buffer, start: number, end: number): HandshakeStep {
    if (!this.#their) {
      if (kind !== CHALLENGE) throw broken('no challenge follows the hello');
      const problem = this.#meet(bytes, start, end);
      return problem ?? { kind: 'say', frame: PROOF, body: this.#proof('dialler') };
    }
    if (kind !== WELCOME) throw broken('no welcome follows the proof');
    return this.#verify('listener', bytes, start, end, () => undefined);
  }

  /** Takes the introduction of the other end; answers what speaks against it. */
  #meet(bytes: Buffer, start: number, end: number): HandshakeStep | undefined {
    const found = introductionOf(unpackFrom(bytes, start, end));
    this.#their = new Uint8Array(bytes.subarray(start, end));
    this.#them = found.peer;
    const { cluster, expected, version = PROTOCOL_VERSION, oldest = PROTOCOL_OLDEST } = this.#party;
    if (found.version < oldest || version < found.oldest) {
      const ours = `versions ${oldest} to ${version}`;
      const theirs = `versions ${found.oldest} to ${found.version}`;
      return failed(
        `it speaks ${theirs} of the protocol, this process ${ours}: run releases of Granary that overlap`,
        `this end speaks ${ours} of the protocol, yours ${theirs}: run releases of Granary that overlap`,
      );
    }
    if (found.cluster !== cluster) {
      const text = `it is of another cluster: set the same cluster name, or other addresses`;
      return failed(text, text);
    }
    if (expected !== undefined && found.peer.incarnation !== expected) {
      return {
        kind: 'failed',
        reason: `another incarnation answers at this address: ${found.peer.incarnation}`,
        told: undefined,
        found: found.peer,
      };
    }
    if (found.peer.incarnation === this.#party.peer.incarnation)
      return failed('it is this process itself', undefined);
    return undefined;
  }

  #proof(prover: 'dialler' | 'listener'): Uint8Array {
    const [first, second] = this.#role === 'dialler' ? [this.#own, this.#their] : [this.#their, this.#own];
    const hmac = createHmac('sha256', this.#party.secret);
    hmac.update(`granary link ${prover}\n`);
    for (const said of [first, second])
      hmac.update(`${said?.byteLength ?? 0}\n`).update(said ?? new Uint8Array(0));
    return hmac.digest();
  }

  #verify(
    prover: 'dialler' | 'listener',
    bytes: Buffer,
    start: number,
    end: number,
    last: () => Uint8Array | undefined,
  ): HandshakeStep {
    const given = bytes.subarray(start, end);
    const right = this.#proof(prover);
    if (this.#them && given.length === right.byteLength && timingSafeEqual(given, right)) {
      return { kind: 'done', peer: this.#them, body: last() };
    }
    const text = 'it has another secret: set the same cluster secret for all processes';
    return failed(text, text);
  }

  #onRefusal(bytes: Buffer, start: number, end: number): HandshakeStep {
    const text = unpackFrom(bytes, start, end);
    const said = typeof text === 'string' ? printable(text) : 'no reason';
    return failed(`the other end refused: ${said}`, undefined);
  }
}

function failed(reason: string, told: string | undefined): HandshakeStep {
  return { kind: 'failed', reason, told };
}

/** Text of a stranger, for the log. */
function printable(text: string): string {
  return text.slice(0, TEXT_MAX).replace(/[^\x20-\x7e]/g, '?');
}

/** @throws ERR_LINK_INVALID */
function introductionOf(said: unknown): Introduction {
  if (typeof said !== 'object' || said === null || Array.isArray(said))
    throw broken('it is not of this protocol');
  const fields = said as Readonly<Record<string, unknown>>;
  const { magic, version, oldest, role } = fields;
  if (magic !== MAGIC) throw broken('it is not of this protocol');
  if (!Number.isSafeInteger(version) || !Number.isSafeInteger(oldest))
    throw broken('a hello without its version');
  if (role !== 'silo' && role !== 'gateway') throw broken('a hello without its role');
  const incarnation = textOf(fields, 'incarnation');
  if (!/^[0-9a-zA-Z_.-]{1,64}$/.test(incarnation)) throw broken('a hello without its incarnation');
  if (textOf(fields, 'nonce').length < 32) throw broken('a hello without its random number');
  return {
    peer: { incarnation, name: printable(textOf(fields, 'name')), role },
    cluster: textOf(fields, 'cluster'),
    version: Number(version),
    oldest: Number(oldest),
  };
}

function textOf(fields: Readonly<Record<string, unknown>>, name: string): string {
  const text = fields[name];
  if (typeof text === 'string' && text.length <= TEXT_MAX) return text;
  throw broken(`a hello without its ${name}`);
}
