// The subscriptions of a client: which there are, and which id each has on this connection.
import { type AnyCore, type GrainError, keyFrom, resolveOptions } from '../../lib/index.ts';
import type { ErrorFrame, GapFrame, PushFrame } from '../protocol.ts';
import { nameOf } from './core-name.ts';
import type { ResolvedClientOptions } from './options.ts';
import type { Sender } from './sender.ts';
import {
  GrainSubscription,
  type SubscribeOptions,
  type Subscription,
  type SubscriptionHome,
} from './subscription.ts';

export class SubscriptionTable implements SubscriptionHome {
  readonly sender: Sender;
  readonly options: ResolvedClientOptions;
  readonly #byId = new Map<unknown, GrainSubscription>();
  readonly #all = new Set<GrainSubscription>();
  /** Why there will be no further connection. */
  #end: GrainError | undefined;

  constructor(sender: Sender, options: ResolvedClientOptions) {
    this.sender = sender;
    this.options = options;
  }

  /** @throws ERR_KEY_INVALID, ERR_OPTION_INVALID */
  subscribe(
    core: AnyCore | string,
    key: string | number | undefined,
    options: SubscribeOptions = {},
  ): Subscription {
    resolveOptions({ buffer: 64 }, { buffer: options.buffer }, { buffer: { least: 1, isWhole: true } });
    const keyPart = key === undefined ? '' : `,"key":${JSON.stringify(keyFrom(key))}`;
    const eventPart = options.event === undefined ? '' : `,"event":${JSON.stringify(options.event)}`;
    const tail = `,"core":${JSON.stringify(nameOf(core))}${keyPart}${eventPart}}`;
    const subscription = new GrainSubscription(this, tail, options);
    if (this.#end) subscription.end(this.#end);
    if (!subscription.isEnded) this.#all.add(subscription);
    return subscription;
  }

  // ---- For the subscriptions ----

  register(id: number, subscription: GrainSubscription): void {
    this.#byId.set(id, subscription);
  }

  unregister(id: number): void {
    this.#byId.delete(id);
  }

  onEnded(subscription: GrainSubscription): void {
    this.#all.delete(subscription);
  }

  // ---- For the client ----

  opened(): void {
    for (const subscription of this.#all) subscription.resume();
  }

  lost(): void {
    for (const subscription of this.#all) subscription.lost();
  }

  /** Those that are open end with `error`, and all that come later with `end`. */
  ended(error: GrainError | undefined, end: GrainError): void {
    this.#end = end;
    for (const subscription of [...this.#all]) subscription.end(error);
  }

  onPush(frame: PushFrame): void {
    this.#byId.get(frame.id)?.onPush(frame);
  }

  onGap(frame: GapFrame): void {
    this.#byId.get(frame.id)?.onGap(frame);
  }

  onError(frame: ErrorFrame): void {
    this.#byId.get(frame.id)?.onError(frame);
  }
}
