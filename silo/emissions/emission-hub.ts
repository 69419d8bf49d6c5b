// EmissionHub: hands what grains emit to those who subscribed on this silo.
// Owns: who subscribes to which grain. Does not own: the emissions; a subscription reads what it missed from storage,
// so a publish that is lost, doubled or late costs a read and nothing else.
//   H1. Subscriptions belong to the grain, not to an activation: they outlive moves, restarts and evictions.
//   H2. A grain nobody subscribes to costs one look into a Map per publish.
import {
  type Clock,
  formatGrainId,
  fromUnknown,
  type GrainError,
  type GrainId,
  type Logger,
} from '../../lib/index.ts';
import type { EmissionSink, SubscribeOptions, Subscription } from '../cluster-client.ts';
import type { StoredEmission } from '../storage/grain-storage.ts';
import { type EmissionCursor, parseCursor } from './emission-cursor.ts';
import { type EmissionSource, EmissionSubscription } from './emission-subscription.ts';

export interface EmissionHubOptions {
  readonly clock: Clock;
  readonly log: Logger;
}

export class EmissionHub {
  readonly #options: EmissionHubOptions;
  readonly #byGrain = new Map<string, Set<EmissionSubscription>>();
  #size = 0;

  constructor(options: EmissionHubOptions) {
    this.#options = options;
  }

  /** How many subscriptions are open. */
  get size(): number {
    return this.#size;
  }

  /** Tells that these are durable; to be called in the order of their numbers. */
  publish(grain: GrainId, emissionEpoch: number, emissions: readonly StoredEmission[]): void {
    if (this.#size === 0 || emissions.length === 0) return;
    const subscriptions = this.#byGrain.get(formatGrainId(grain));
    if (!subscriptions) return;
    for (const subscription of subscriptions) subscription.published(emissionEpoch, emissions);
  }

  /** Has subscriptions look into storage: something may have been published that did not come here. All, or of one grain. */
  look(grain?: GrainId): void {
    const looking = grain ? [this.#byGrain.get(formatGrainId(grain)) ?? []] : this.#byGrain.values();
    for (const subscriptions of looking) for (const subscription of subscriptions) subscription.look();
  }

  /** Never throws: what is wrong is told to the sink's `end`. `storage` is where this grain's emissions are kept. */
  subscribe(
    grain: GrainId,
    options: SubscribeOptions,
    sink: EmissionSink,
    storage: EmissionSource,
  ): Subscription {
    const name = formatGrainId(grain);
    let from: EmissionCursor | undefined;
    let wrong: GrainError | undefined;
    try {
      from = options.from === undefined ? undefined : parseCursor(options.from);
    } catch (error) {
      wrong = fromUnknown(error);
    }
    const subscription = new EmissionSubscription({
      ...this.#options,
      grain,
      sink,
      storage,
      from,
      event: options.event,
      credit: options.credit,
      onEnd: (ended) => this.#remove(name, ended),
    });
    this.#add(name, subscription);
    if (wrong) subscription.end(wrong);
    return subscription;
  }

  /** Ends every subscription with `error`. */
  close(error: GrainError): void {
    for (const subscriptions of [...this.#byGrain.values()]) {
      for (const subscription of [...subscriptions]) subscription.end(error);
    }
  }

  #add(name: string, subscription: EmissionSubscription): void {
    const others = this.#byGrain.get(name);
    if (others) others.add(subscription);
    else this.#byGrain.set(name, new Set([subscription]));
    this.#size += 1;
  }

  #remove(name: string, subscription: EmissionSubscription): void {
    const subscriptions = this.#byGrain.get(name);
    if (!subscriptions?.delete(subscription)) return;
    this.#size -= 1;
    if (subscriptions.size === 0) this.#byGrain.delete(name);
  }
}
