// OpenSubscriptions: what one connection is subscribed to (hazards.md 12).
// Owns: ids, number and bounds of subscriptions, and the frames of pushes. Does not own: emissions, their numbers and
// how long they are kept (the grain).
//   B1. An id is in use from its sub frame to its unsub, or to the error frame that ends it.
//   B2. After `unsub`, and after an end, nothing more is sent for that id.
import { fromUnknown, GrainError, isKey } from '../../lib/index.ts';
import type {
  ClusterClient,
  Emission,
  EmissionSink,
  SubscribeOptions,
  Subscription,
} from '../../silo/index.ts';
import { type Principal, type Target, targetFor } from '../auth/principal.ts';
import type { FrameId } from '../protocol.ts';
import type { FrameOutput } from './calls.ts';
import { type FrameCodec, type RawFrame, reportOf } from './frame-codec.ts';
import { countOf, frameError, idOf, keyOf, optionalCountOf, optionalTextOf, textOf } from './frame-fields.ts';
import type { StreamLimits } from './stream-options.ts';
import type { StreamStats } from './stream-stats.ts';

/** What the subscriptions of all connections share. */
export interface SubscriptionsHost {
  readonly cluster: ClusterClient;
  readonly limits: StreamLimits;
  readonly stats: StreamStats;
}

interface Place {
  readonly name: string;
  readonly target: Target;
  readonly key: string;
  readonly event: string | undefined;
}

class OpenSubscription {
  readonly id: FrameId;
  readonly place: Place;
  readonly #owner: OpenSubscriptions;
  #from: string | undefined;
  #isBounded: boolean;
  /** Tells the present subscription from the one before `more` set a bound. */
  #round = 0;
  #subscription: Subscription | undefined = undefined;
  #isClosed = false;

  constructor(
    owner: OpenSubscriptions,
    id: FrameId,
    place: Place,
    from: string | undefined,
    n: number | undefined,
  ) {
    this.#owner = owner;
    this.id = id;
    this.place = place;
    this.#from = from;
    this.#isBounded = n !== undefined;
  }

  open(credit: number): void {
    const { target, key, event } = this.place;
    this.#round += 1;
    const round = this.#round;
    const isCurrent = (): boolean => !this.#isClosed && this.#round === round;
    const options: SubscribeOptions = { event, from: this.#from, credit };
    const sink: EmissionSink = {
      push: (emission) => {
        if (isCurrent()) this.#push(emission);
      },
      gap: (from, to) => {
        if (isCurrent()) this.#gap(from, to);
      },
      end: (error) => {
        if (isCurrent()) this.#owner.onEnd(this.id, error);
      },
    };
    this.#subscription = this.#owner.cluster.subscribe({ ...target, key }, options, sink);
  }

  /** Allows `count` more; a subscription without a bound gets one, and goes on after what it has had. */
  more(count: number): void {
    if (this.#isBounded) {
      this.#subscription?.grant(count);
      return;
    }
    this.#isBounded = true;
    this.#subscription?.cancel();
    this.open(count);
  }

  close(): void {
    this.#isClosed = true;
    this.#subscription?.cancel();
    this.#subscription = undefined;
  }

  #push(emission: Emission): void {
    this.#from = emission.cursor;
    this.#owner.onPush(this.id, emission);
  }

  #gap(from: string, to: string): void {
    this.#from = to;
    this.#owner.onGap(this.id, from, to);
  }
}

export class OpenSubscriptions {
  readonly #host: SubscriptionsHost;
  readonly #codec: FrameCodec;
  readonly #output: FrameOutput;
  readonly #open = new Map<FrameId, OpenSubscription>();

  constructor(host: SubscriptionsHost, codec: FrameCodec, output: FrameOutput) {
    this.#host = host;
    this.#codec = codec;
    this.#output = output;
  }

  get cluster(): ClusterClient {
    return this.#host.cluster;
  }

  get size(): number {
    return this.#open.size;
  }

  has(id: FrameId): boolean {
    return this.#open.has(id);
  }

  /** @throws ERR_FRAME_INVALID when the frame is malformed; every other refusal ends the subscription with an error frame */
  start(frame: RawFrame, principal: Principal): void {
    const id = idOf(frame);
    if (this.#open.has(id)) throw frameError(frame, `id ${JSON.stringify(id)} is in use`);
    const name = textOf(frame, 'core');
    const event = optionalTextOf(frame, 'event');
    const from = optionalTextOf(frame, 'from');
    const n = optionalCountOf(frame, 'n', 0);
    try {
      const { maxSubs } = this.#host.limits;
      if (this.#open.size >= maxSubs) {
        throw new GrainError('ERR_LIMIT_REACHED', { limit: 'max_subs', most: maxSubs });
      }
      const target = targetFor(principal, name);
      const place = { name, target, key: this.#keyOf(frame, target.core), event };
      const subscription = new OpenSubscription(this, id, place, from, n);
      this.#open.set(id, subscription);
      this.#host.stats.subs += 1;
      subscription.open(n ?? Infinity);
    } catch (error) {
      this.onEnd(id, fromUnknown(error));
    }
  }

  /** @throws ERR_FRAME_INVALID */
  more(frame: RawFrame): void {
    const count = countOf(frame, 'n', 1);
    const id = idOf(frame);
    try {
      this.#open.get(id)?.more(count);
    } catch (error) {
      this.onEnd(id, fromUnknown(error));
    }
  }

  /** An id that is not open is no mistake: its end may be on the way. @throws ERR_FRAME_INVALID */
  stop(frame: RawFrame): void {
    const id = idOf(frame);
    this.#open.get(id)?.close();
    this.#open.delete(id);
  }

  /** The token was renewed: what it no longer allows ends. */
  renew(principal: Principal): void {
    for (const { id, place } of [...this.#open.values()]) {
      try {
        targetFor(principal, place.name);
      } catch (error) {
        this.onEnd(id, fromUnknown(error));
      }
    }
  }

  close(): void {
    for (const subscription of this.#open.values()) subscription.close();
    this.#open.clear();
  }

  onPush(id: FrameId, emission: Emission): void {
    this.#host.stats.pushes += 1;
    this.#output.send(this.#codec.push(id, emission));
  }

  onGap(id: FrameId, from: string, to: string): void {
    this.#output.send(this.#codec.encode({ t: 'gap', id, from, to }));
  }

  onEnd(id: FrameId, error: GrainError): void {
    this.#open.get(id)?.close();
    this.#open.delete(id);
    this.#output.send(this.#codec.encode({ t: 'error', id, error: reportOf(error) }));
  }

  #keyOf(frame: RawFrame, core: string): string {
    const manifest = this.cluster.manifests().get(core);
    if (!manifest) throw new GrainError('ERR_CORE_UNKNOWN', { core });
    const key = keyOf(frame);
    if (manifest.mode === 'singleton') return '';
    if (isKey(key)) return key;
    throw new GrainError('ERR_KEY_REQUIRED', { core });
  }
}
