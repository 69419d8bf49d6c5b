// Router: brings each message to the silo where its grain is, or would be activated.
// Owns: the choice of the silo by the view, tries over links, what is learned from answers, and trying again what was
// surely not executed. Does not own: views (membership), links (transport), activations (the silo), the right to commit
// (the store): a wrong choice here costs a hop, never correctness.
//   T1. Every message that comes in gets exactly one outcome, by its deadline (P4).
//   T2. Only what was surely not executed is tried again, and only calls: events, bus deliveries and reminders are tried
//       again by those who sent them, in their order.
//   T3. A message is forwarded `HOPS_MAX` times at most; then it is told back as not executed.
//   T4. What waits for a silo to take it is bounded by count and bytes.
import type { GrainAddress, Member } from '../../directory/index.ts';
import {
  backoffMs,
  type Clock,
  type ErrorCode,
  fromUnknown,
  GrainError,
  type GrainId,
  randomOf,
  type Rng,
  type TimerHandle,
} from '../../lib/index.ts';
import type { Envelope } from '../messaging/envelope.ts';
import { InboundEnvelope } from '../messaging/inbound-envelope.ts';
import type { Link, LinkReply, LinkRequest, Routing } from '../transport/link-messages.ts';
import { unpackValue } from '../transport/packed-values.ts';
import type { Placement } from './placement.ts';
import { RouteCache } from './route-cache.ts';

export const HOPS_MAX = 4;
const PARKED_MAX = 10_000;
const PARKED_BYTES_MAX = 64 * 1024 * 1024;
/** A link on which nothing was heard for so long (it is pinged while idle) may have a hole: others are tried first. */
const SILENT_MS = 1_500;
const RETRY_BACKOFF = { firstMs: 10, mostMs: 250 } as const;

/** Refusals that say nothing against the call, only that it came at the wrong moment or to the wrong place. */
const RETRIED: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'ERR_GRAIN_MOVED',
  'ERR_ROUTE_FAILED',
  'ERR_SILO_DRAINING',
  'ERR_STORE_FENCED',
  'ERR_STORE_UNAVAILABLE',
]);

export interface RouterParts {
  readonly clock: Clock;
  readonly rng: Rng;
  /** Incarnation of this process. */
  readonly self: string;
  readonly linkTo: (incarnation: string) => Link | undefined;
  /** Open links to silos. */
  readonly siloLinks: () => readonly Link[];
  /** Takes the message here; absent in a process that hosts nothing. */
  readonly takeHere?: ((envelope: Envelope) => void) | undefined;
  /** Watches the deadline of a message that waits. */
  readonly watch: (envelope: Envelope) => void;
}

export interface RouterReport {
  /** Requests to other silos that have no answer yet. */
  readonly inFlight: number;
  readonly parked: number;
  readonly sent: number;
  readonly forwarded: number;
  readonly retried: number;
  readonly routes: number;
}

export class Router {
  readonly #parts: RouterParts;
  readonly #cache = new RouteCache();
  readonly #parked = new Set<Parked>();
  #parkedBytes = 0;
  #placement: Placement;
  #inFlight = 0;
  #sent = 0;
  #forwarded = 0;
  #retried = 0;
  #closedFor: GrainError | undefined = undefined;
  /** Of messages that begin here, by the view of now: one for all of them. */
  #routing: Routing;

  constructor(parts: RouterParts, placement: Placement) {
    this.#parts = parts;
    this.#placement = placement;
    this.#routing = routingBy(placement);
  }

  get placement(): Placement {
    return this.#placement;
  }

  report(): RouterReport {
    return {
      inFlight: this.#inFlight,
      parked: this.#parked.size,
      sent: this.#sent,
      forwarded: this.#forwarded,
      retried: this.#retried,
      routes: this.#cache.size,
    };
  }

  /** A new view: what waited for it goes on its way. */
  viewChanged(placement: Placement): void {
    this.#placement = placement;
    this.#routing = routingBy(placement);
    const usable = new Set(placement.view.members.filter(isUsable).map(({ incarnation }) => incarnation));
    this.#cache.retain((incarnation) => usable.has(incarnation));
    for (const parked of [...this.#parked]) this.#unpark(parked);
  }

  /**
   * Whether a grain without an activation here is another silo's. `hasLeft`: it has just left, so that a sender who took
   * this silo for its owner was right, and no longer is.
   */
  isElsewhere(envelope: Envelope, grain: GrainId, hasLeft: boolean): boolean {
    if (envelope instanceof InboundEnvelope) {
      const { routing, from } = envelope;
      if ((routing.toOwner && !hasLeft) || routing.hops <= 0) return false;
      // Whoever sends it on has not got it: the hint was old, and would send it back.
      if (this.#cache.get(grain) === from.incarnation) this.#cache.forget(grain);
    }
    const target = this.#targetOf(grain);
    return target !== undefined && target !== this.#parts.self;
  }

  /** Whether another silo was found to have the grain, a while ago. */
  isKnownElsewhere(grain: GrainId): boolean {
    const hint = this.#cache.get(grain);
    return hint !== undefined && hint !== this.#parts.self;
  }

  /** Sends the message to the silo that has the grain, as far as is known here, or that should have it. */
  sendOn(envelope: Envelope, grain: GrainId): void {
    const hint = this.#cache.get(grain);
    const target = hint ?? this.#placement.homeOf(grain)?.incarnation;
    if (target !== undefined)
      return this.#send(envelope, grain, target, hint === undefined ? 'home' : 'hinted');
    const error = new GrainError('ERR_ROUTE_FAILED', { core: grain.core, retryAfterMs: 200 });
    this.#fail(envelope, grain, 'home', error);
  }

  /** Any silo that hosts the Core will do. */
  sendAnywhere(envelope: Envelope, grain: GrainId): void {
    const target = randomOf(this.#parts.rng, this.#placement.hostsOf(grain.core));
    if (target) return this.#send(envelope, grain, target.incarnation, 'anywhere');
    const error = new GrainError('ERR_ROUTE_FAILED', { core: grain.core, retryAfterMs: 200 });
    this.#fail(envelope, grain, 'anywhere', error);
  }

  /** The directory named the owner: it has the grain, or takes it. */
  toOwner(envelope: Envelope, owner: GrainAddress): void {
    const grain = { tenant: envelope.tenant, core: envelope.core, key: owner.grain.key };
    this.#cache.learn(grain, owner.incarnation);
    this.#send(envelope, grain, owner.incarnation, 'owned');
  }

  /** Nothing is sent any more; what waits is told. */
  close(error: GrainError): void {
    this.#closedFor = error;
    for (const parked of [...this.#parked]) {
      this.#drop(parked);
      parked.envelope.reject(error);
    }
  }

  #targetOf(grain: GrainId): string | undefined {
    return this.#cache.get(grain) ?? this.#placement.homeOf(grain)?.incarnation;
  }

  #send(envelope: Envelope, grain: GrainId, target: string, way: Way): void {
    if (envelope.isSettled) return;
    if (this.#closedFor) return envelope.reject(this.#closedFor);
    const isForwarded = envelope instanceof InboundEnvelope;
    const hops = isForwarded ? envelope.routing.hops - 1 : HOPS_MAX;
    if (hops < 0) {
      const error = new GrainError('ERR_ROUTE_FAILED', {
        message: 'forwarded too often: the grain is moving',
        retryAfterMs: 50,
      });
      return envelope.reject(error);
    }
    if (target === this.#parts.self) return this.#takeHere(envelope, grain);
    const direct = this.#parts.linkTo(target);
    const link = this.#isWell(direct) || isForwarded ? direct : (this.#wayRound() ?? direct);
    if (!link?.isOpen) {
      this.#cache.forget(grain);
      const error = new GrainError('ERR_ROUTE_FAILED', {
        message: `no link to the silo of ${grain.core} now`,
        retryAfterMs: 50,
      });
      return this.#fail(envelope, grain, way, error);
    }
    if (!envelope.begin()) return;
    const toOwner = (way === 'owned' || way === 'anywhere') && link === direct;
    const routing = hops === HOPS_MAX && !toOwner ? this.#routing : { ...this.#routing, hops, toOwner };
    const taken = way === 'home' && link !== direct ? 'hinted' : way;
    const passage = new Passage(this, envelope, grain, taken, link, routing);
    envelope.abandoned = passage.abandon;
    this.#inFlight += 1;
    this.#sent += 1;
    if (isForwarded) this.#forwarded += 1;
    link.request(passage);
  }

  #isWell(link: Link | undefined): boolean {
    return link !== undefined && link.isOpen && this.#parts.clock.nowMs() - link.heardMs < SILENT_MS;
  }

  /** Another silo may reach the one that this process does not: it sends the message on. */
  #wayRound(): Link | undefined {
    const others = this.#parts.siloLinks().filter((link) => this.#isWell(link));
    return randomOf(this.#parts.rng, others);
  }

  #takeHere(envelope: Envelope, grain: GrainId): void {
    const { takeHere } = this.#parts;
    if (takeHere) takeHere(envelope);
    else this.#fail(envelope, grain, 'home', new GrainError('ERR_ROUTE_FAILED', { retryAfterMs: 50 }));
  }

  /** An answer, of a message that was still waited for. */
  answered(passage: Passage, reply: LinkReply): void {
    this.#inFlight -= 1;
    const { envelope, grain, way, link } = passage;
    envelope.abandoned = undefined;
    if (reply.kind === 'lost') {
      this.#cache.forget(grain);
      if (reply.wasSent) return envelope.reject(new GrainError('ERR_LINK_LOST', { silo: link.peer.name }));
      envelope.putBack();
      const error = new GrainError('ERR_ROUTE_FAILED', {
        message: 'the link closed before the message was sent',
        retryAfterMs: 20,
      });
      return this.#fail(envelope, grain, way, error);
    }
    const host = reply.host ?? link.peer.incarnation;
    // Most answers come from where the view has the grain: they say nothing new.
    const isNoNews = way === 'home' && reply.kind === 'result' && reply.host === undefined;
    const isOfThisView = passage.routing.view === this.#routing.view;
    if (way !== 'anywhere' && !(isNoNews && isOfThisView)) this.#learn(grain, host, reply);
    if (reply.kind === 'result') {
      if (envelope instanceof InboundEnvelope) envelope.passOn({ ...reply, host });
      else this.#resolve(envelope, reply.payload);
      return;
    }
    if (envelope instanceof InboundEnvelope) return envelope.passOn({ ...reply, host });
    if (reply.error.effect === 'none' && RETRIED.has(reply.error.code)) {
      envelope.putBack();
      this.#fail(envelope, grain, way, reply.error);
    } else envelope.reject(reply.error);
  }

  #resolve(envelope: Envelope, payload: Uint8Array | undefined): void {
    let output: unknown;
    try {
      output = payload === undefined ? undefined : unpackValue(payload);
    } catch (error) {
      return envelope.reject(fromUnknown(error));
    }
    envelope.resolve(output);
  }

  /** The caller gave up. */
  abandoned(passage: Passage): void {
    this.#inFlight -= 1;
    passage.link.cancel(passage);
  }

  #learn(grain: GrainId, host: string, reply: LinkReply): void {
    const isMissed = reply.kind === 'error' && RETRIED.has(reply.error.code);
    if (isMissed || host === this.#placement.homeOf(grain)?.incarnation) this.#cache.forget(grain);
    else this.#cache.learn(grain, host);
  }

  // --- trying again ------------------------------------------------------------------------------------------------

  /** It was surely not executed: it waits for a better moment, where it may; else it is told. */
  #fail(envelope: Envelope, grain: GrainId, way: Way, error: GrainError): void {
    const isCall = envelope.kind === 'call' || envelope.kind === 'forget';
    const bytes = envelope.inputBytes;
    const hasRoom = this.#parked.size < PARKED_MAX && this.#parkedBytes + bytes <= PARKED_BYTES_MAX;
    if (!isCall || envelope instanceof InboundEnvelope || !hasRoom || this.#closedFor)
      return envelope.reject(error);
    if (envelope.isSettled) return;
    envelope.tries += 1;
    const pauseMs = Math.max(
      backoffMs(envelope.tries, RETRY_BACKOFF),
      Math.min(error.retryAfterMs ?? 0, 500),
    );
    // Spread: what failed together should not come back together.
    const delayMs = pauseMs * (0.5 + this.#parts.rng.next());
    if (this.#parts.clock.nowMs() + delayMs >= envelope.deadlineMs) return envelope.reject(error);
    const parked: Parked = { envelope, grain, way, timer: undefined };
    parked.timer = this.#parts.clock.setTimer(delayMs, () => this.#unpark(parked));
    this.#parked.add(parked);
    this.#parkedBytes += bytes;
    this.#parts.watch(envelope);
  }

  #drop(parked: Parked): boolean {
    if (!this.#parked.delete(parked)) return false;
    parked.timer?.cancel();
    this.#parkedBytes -= parked.envelope.inputBytes;
    return true;
  }

  #unpark(parked: Parked): void {
    if (!this.#drop(parked) || parked.envelope.isSettled) return;
    this.#retried += 1;
    const { envelope, grain, way } = parked;
    if (this.#parts.takeHere) this.#parts.takeHere(envelope);
    else if (way === 'anywhere') this.sendAnywhere(envelope, grain);
    else this.sendOn(envelope, grain);
  }
}

/**
 * Why a silo was chosen: the view prefers it; an earlier answer named it, or it is the way round; the directory named it;
 * or any would have done.
 */
type Way = 'home' | 'hinted' | 'owned' | 'anywhere';

/** One try of one message over one link. */
class Passage implements LinkRequest {
  readonly envelope: Envelope;
  readonly grain: GrainId;
  readonly way: Way;
  readonly link: Link;
  readonly routing: Routing;
  readonly #router: Router;

  constructor(router: Router, envelope: Envelope, grain: GrainId, way: Way, link: Link, routing: Routing) {
    this.#router = router;
    this.envelope = envelope;
    this.grain = grain;
    this.way = way;
    this.link = link;
    this.routing = routing;
  }

  onReply(reply: LinkReply): void {
    this.#router.answered(this, reply);
  }

  readonly abandon = (): void => this.#router.abandoned(this);
}

/** A call that no silo took, until the next try. */
interface Parked {
  readonly envelope: Envelope;
  readonly grain: GrainId;
  readonly way: Way;
  timer: TimerHandle | undefined;
}

function routingBy({ view }: Placement): Routing {
  return { hops: HOPS_MAX, toOwner: false, view: view.number };
}

function isUsable({ state }: Member): boolean {
  return state === 'active' || state === 'draining';
}
