// Links: the links of one process, one per other process.
// Owns: the port, who is dialled, which of two links to one incarnation is kept, and pings.
// Does not own: who should be dialled (membership), what is said (router).
//   L1. At most one link per incarnation is given out. Both ends keep the same one: while both dial each other, the dial of the
//       one with the greater incarnation counts; a dial that proved itself when we had a link means that its end had none.
//   L2. A wanted peer without a link is dialled again, ever more slowly, until it is forgotten.
//   L3. Strangers cost a bounded number of connections and lines in the log.
import {
  backoffMs,
  type Clock,
  GrainError,
  type Logger,
  type Rng,
  type TimerHandle,
} from '../../lib/index.ts';
import type { Party } from './handshake.ts';
import type { Link, LinkHandlers, LinkPeer } from './link-messages.ts';
import { type LinkOptions, resolveLinkOptions } from './link-options.ts';
import { Meeting, type Met } from './meeting.ts';
import type { ByteStream, ConnectOutcome, Listener, Network } from './network.ts';
import { Outcry } from './outcry.ts';
import { StreamLink } from './stream-link.ts';

export interface LinksHandlers extends LinkHandlers {
  /** A link is there that was not before, whoever dialled. */
  onOpen?(link: Link): void;
  /** Another incarnation answered where this one was dialled: it is gone from there. It is dialled on until forgotten. */
  onReplaced?(expected: string, found: LinkPeer): void;
  /** A dial did not connect. `refused`: nobody listens there. */
  onDialFailed?(incarnation: string, outcome: 'refused' | 'unreachable', reason: string): void;
}

export interface LinksParts {
  readonly network: Network;
  readonly clock: Clock;
  readonly rng: Rng;
  readonly log: Logger;
  readonly self: LinkPeer;
  /** Name of the cluster: another one's processes are refused. */
  readonly cluster: string;
  /** Shared by all processes of the cluster. */
  readonly secret: string;
  readonly options?: LinkOptions | undefined;
  readonly handlers: LinksHandlers;
}

export interface DialTarget {
  readonly incarnation: string;
  readonly host: string;
  readonly port: number;
}

/** Somebody that we want a link to. */
interface Wanted {
  readonly target: DialTarget;
  failures: number;
  timer: TimerHandle | undefined;
  /** The dial that is under way. */
  dial: Dial | undefined;
}

interface Dial {
  meeting: Meeting | undefined;
  isGivenUp: boolean;
}

export class Links {
  readonly #parts: LinksParts;
  readonly #options: Required<LinkOptions>;
  readonly #links = new Map<string, StreamLink>();
  readonly #wanted = new Map<string, Wanted>();
  /** Connections to our port whose handshake is not done. */
  readonly #guests = new Set<Meeting>();
  readonly #outcry: Outcry;
  #listener: Listener | undefined = undefined;
  #beat: TimerHandle | undefined = undefined;
  #beatMs = 0;
  #isClosed = false;
  #onEmpty: (() => void) | undefined = undefined;

  /** @throws ERR_OPTION_INVALID */
  constructor(parts: LinksParts) {
    this.#parts = parts;
    this.#options = resolveLinkOptions(parts.options);
    this.#outcry = new Outcry(parts.clock, parts.log);
    this.#scheduleBeat();
  }

  /** @throws (rejects) ERR_LISTEN_FAILED */
  async listen(host: string, port: number): Promise<{ readonly host: string; readonly port: number }> {
    const listener = await this.#parts.network.listen(host, port, (stream) => this.#onStream(stream));
    if (this.#isClosed) {
      await listener.close();
      throw new GrainError('ERR_LISTEN_FAILED', { message: 'closed before it listened' });
    }
    this.#listener = listener;
    return { host: listener.host, port: listener.port };
  }

  get(incarnation: string): Link | undefined {
    return this.#links.get(incarnation);
  }

  all(): readonly Link[] {
    return [...this.#links.values()];
  }

  /** Whether anybody listens there now. */
  async probe(host: string, port: number): Promise<ConnectOutcome['kind']> {
    const outcome = await this.#connect({ host, port });
    if (outcome.kind === 'connected') outcome.stream.destroy();
    return outcome.kind;
  }

  // ---- Dialling ----

  /** Keeps a link to the peer until it is forgotten. */
  dial(target: DialTarget): void {
    if (this.#isClosed || target.incarnation === this.#parts.self.incarnation) return;
    const known = this.#wanted.get(target.incarnation);
    if (known && known.target.host === target.host && known.target.port === target.port) return;
    if (known) this.#unwant(known);
    const wanted: Wanted = { target, failures: 0, timer: undefined, dial: undefined };
    this.#wanted.set(target.incarnation, wanted);
    if (!this.#links.has(target.incarnation)) void this.#dial(wanted);
  }

  /** Ends the link, and does not dial again. */
  forget(incarnation: string, reason = 'no longer wanted'): void {
    const wanted = this.#wanted.get(incarnation);
    if (wanted) this.#unwant(wanted);
    this.#wanted.delete(incarnation);
    this.#links.get(incarnation)?.destroy(reason);
  }

  #unwant(wanted: Wanted): void {
    wanted.timer?.cancel();
    wanted.timer = undefined;
    this.#giveUp(wanted, 'no longer wanted');
  }

  #giveUp(wanted: Wanted, reason: string): void {
    const { dial } = wanted;
    wanted.dial = undefined;
    if (!dial) return;
    dial.isGivenUp = true;
    dial.meeting?.close(reason);
  }

  async #connect({ host, port }: { readonly host: string; readonly port: number }): Promise<ConnectOutcome> {
    try {
      return await this.#parts.network.connect(host, port, this.#options.connectMs);
    } catch (error) {
      return { kind: 'unreachable', reason: error instanceof Error ? error.message : String(error) };
    }
  }

  async #dial(wanted: Wanted): Promise<void> {
    const { target } = wanted;
    const dial: Dial = { meeting: undefined, isGivenUp: false };
    wanted.dial = dial;
    const outcome = await this.#connect(target);
    if (dial.isGivenUp) {
      if (outcome.kind === 'connected') outcome.stream.destroy();
      return;
    }
    if (outcome.kind === 'connected') {
      dial.meeting = this.#meet(outcome.stream, 'dialler', target.incarnation, {
        onMet: (met) => {
          wanted.dial = undefined;
          return this.#open(met, true);
        },
        onFailed: (reason, found, isQuiet) => {
          if (dial.isGivenUp) return;
          if (!isQuiet) this.#outcry.warn(this.#place(target), `link.dial_failed: ${reason}`);
          this.#dialFailed(wanted);
          if (found) this.#parts.handlers.onReplaced?.(target.incarnation, found);
        },
      });
      return;
    }
    const reason = outcome.kind === 'refused' ? 'nobody listens there' : outcome.reason;
    this.#dialFailed(wanted);
    this.#parts.handlers.onDialFailed?.(target.incarnation, outcome.kind, reason);
  }

  #place({ incarnation, host, port }: DialTarget): object {
    return { peer: incarnation, at: `${host}:${port}` };
  }

  #dialFailed(wanted: Wanted): void {
    wanted.dial = undefined;
    wanted.failures += 1;
    this.#dialLater(wanted);
  }

  #dialLater(wanted: Wanted): void {
    const { incarnation } = wanted.target;
    if (this.#isClosed || this.#wanted.get(incarnation) !== wanted || wanted.timer || wanted.dial) return;
    const { retryMs, retryMostMs } = this.#options;
    const pauseMs =
      wanted.failures === 0 ? 0 : backoffMs(wanted.failures, { firstMs: retryMs, mostMs: retryMostMs });
    // Spread, so that silos that lost each other do not come back in step.
    wanted.timer = this.#parts.clock.setTimer(pauseMs * (0.5 + this.#parts.rng.next()), () => {
      wanted.timer = undefined;
      if (!this.#links.has(incarnation)) void this.#dial(wanted);
    });
  }

  // ---- Meeting ----

  #onStream(stream: ByteStream): void {
    if (this.#isClosed) return stream.destroy();
    // Peers need milliseconds: it is strangers that sit there.
    if (this.#guests.size >= this.#options.handshakesMax) {
      const [oldest] = this.#guests;
      oldest?.fail('too many handshakes at a time');
    }
    // Nothing comes back before this returns: a stream calls nobody from inside.
    const meeting: Meeting = this.#meet(stream, 'listener', undefined, {
      onMet: (met) => {
        this.#guests.delete(meeting);
        return this.#open(met, false);
      },
      onFailed: (reason, _found, isQuiet) => {
        this.#guests.delete(meeting);
        if (!isQuiet) this.#outcry.warn({ at: stream.remote }, `link.refused: ${reason}`);
      },
    });
    this.#guests.add(meeting);
  }

  #meet(
    stream: ByteStream,
    role: 'dialler' | 'listener',
    expected: string | undefined,
    told: {
      readonly onMet: (met: Met) => StreamLink;
      readonly onFailed: (reason: string, found: LinkPeer | undefined, isQuiet: boolean) => void;
    },
  ): Meeting {
    const { clock, rng, self, cluster, secret } = this.#parts;
    const party: Party = { peer: self, cluster, secret, expected, nonce: rng.hex(32) };
    const { handshakeMs, messageBytesMax } = this.#options;
    let linkAtStart: StreamLink | undefined;
    const objection = (peer: LinkPeer, isProved: boolean): string | undefined => {
      if (this.#isClosed) return 'it is closing';
      if (role === 'dialler') return undefined;
      const link = this.#links.get(peer.incarnation);
      if (!isProved) linkAtStart = link;
      if (self.incarnation < peer.incarnation) return undefined;
      // L1: our own dial counts, be it under way or just through.
      const isOurs = link ? link.isDialled && link !== linkAtStart : this.#wanted.get(peer.incarnation)?.dial;
      return isOurs ? 'both dialled: the other connection counts' : undefined;
    };
    return new Meeting({
      stream,
      clock,
      party,
      role,
      limitMs: handshakeMs,
      messageBytesMax,
      objection,
      ...told,
    });
  }

  #open(met: Met, isDialled: boolean): StreamLink {
    const { clock, log, handlers } = this.#parts;
    const { incarnation } = met.peer;
    const wanted = this.#wanted.get(incarnation);
    if (wanted && !isDialled) this.#giveUp(wanted, 'the other end dialled');
    wanted?.timer?.cancel();
    if (wanted) wanted.timer = undefined;
    const before = this.#links.get(incarnation);
    const link = new StreamLink({
      ...met,
      isDialled,
      clock,
      log,
      options: this.#options,
      handlers: {
        onRequest: (of, request) => handlers.onRequest(of, request),
        onControl: (of, kind, body) => handlers.onControl(of, kind, body),
        onClosed: (of, reason) => this.#onClosed(link, of, reason),
      },
    });
    this.#links.set(incarnation, link);
    before?.destroy('a newer link took its place');
    handlers.onOpen?.(link);
    return link;
  }

  #onClosed(link: StreamLink, given: Link, reason: string): void {
    const { incarnation } = link.peer;
    const isCurrent = this.#links.get(incarnation) === link;
    if (isCurrent) this.#links.delete(incarnation);
    if (!this.#isClosed)
      this.#parts.log.info({ peer: incarnation, name: link.peer.name }, `link.closed: ${reason}`);
    const wanted = this.#wanted.get(incarnation);
    if (isCurrent && wanted) {
      // A link that ended at once is a failure, too: its end is not to be dialled in a circle.
      const livedMs = this.#parts.clock.nowMs() - link.openedMs;
      wanted.failures = livedMs < this.#options.retryMostMs ? wanted.failures + 1 : 0;
      this.#dialLater(wanted);
    }
    this.#parts.handlers.onClosed(given, reason);
    if (this.#links.size === 0) this.#onEmpty?.();
  }

  // ---- Pings ----

  #scheduleBeat(): void {
    const { clock } = this.#parts;
    const everyMs = this.#options.pingMs / 3;
    this.#beatMs = clock.nowMs();
    this.#beat = clock.setTimer(everyMs, () => {
      const nowMs = clock.nowMs();
      // A beat that comes late says that this process was stopped: what was sent meanwhile is still to be read.
      const isLate = nowMs - this.#beatMs > everyMs * 3;
      if (!isLate) for (const link of [...this.#links.values()]) link.beat(nowMs);
      if (!this.#isClosed) this.#scheduleBeat();
    });
  }

  // ---- The end ----

  /** Closes the port and all links, after what is queued was sent. */
  async close(reason = 'the process is stopping'): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#beat?.cancel();
    for (const wanted of this.#wanted.values()) this.#unwant(wanted);
    this.#wanted.clear();
    for (const guest of [...this.#guests]) guest.close(reason);
    const links = [...this.#links.values()];
    for (const link of links) link.end(reason);
    if (this.#links.size > 0) await new Promise<void>((resolve) => (this.#onEmpty = resolve));
    await this.#listener?.close();
  }
}
