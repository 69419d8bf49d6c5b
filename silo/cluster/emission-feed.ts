// EmissionFeed: subscriptions to grains that may be anywhere in the cluster.
// Owns: which channels are listened to. Does not own: a reader's position (EmissionSubscription), the emissions (storage).
//   F1. A channel is listened to exactly while a subscription of its grain is open.
//   F2. Messages of a channel may be lost; a subscription that misses one finds it in storage when the next one comes, or
//       at the next look, which comes soon after a channel was opened and every `LOOK_MS` otherwise.
import {
  type Clock,
  formatGrainId,
  type GrainError,
  type GrainId,
  type Logger,
  type TimerHandle,
} from '../../lib/index.ts';
import type { EmissionSink, SubscribeOptions, Subscription } from '../cluster-client.ts';
import { EmissionHub } from '../emissions/emission-hub.ts';
import type { EmissionSource } from '../emissions/emission-subscription.ts';
import type { StoredEmission } from '../storage/grain-storage.ts';

const LOOK_MS = 30_000;
/** In so many parts: ten thousand reads at one moment would hold up everything else. */
const LOOK_PARTS = 60;

export type OnEmissions = (emissionEpoch: number, emissions: readonly StoredEmission[]) => void;

export interface EmissionFeedParts {
  readonly clock: Clock;
  readonly log: Logger;
  /** Listens to a grain's channel; `onReady` is told each time that the channel is open (again). */
  readonly listen: (grain: GrainId, onEmissions: OnEmissions, onReady: () => void) => () => void;
}

interface Channel {
  readonly grain: GrainId;
  count: number;
  readonly close: () => void;
}

export class EmissionFeed {
  readonly #parts: EmissionFeedParts;
  readonly #hub: EmissionHub;
  readonly #channels = new Map<string, Channel>();
  #timer: TimerHandle | undefined = undefined;

  constructor(parts: EmissionFeedParts) {
    this.#parts = parts;
    this.#hub = new EmissionHub(parts);
  }

  subscribe(
    grain: GrainId,
    options: SubscribeOptions,
    sink: EmissionSink,
    source: EmissionSource,
  ): Subscription {
    const leave = this.#join(grain);
    // A sink that throws gets nothing more, and is not told of an end.
    const orLeave = (call: () => void): void => {
      try {
        call();
      } catch (error) {
        leave();
        throw error;
      }
    };
    const ending: EmissionSink = {
      push: (emission) => orLeave(() => sink.push(emission)),
      gap: (from, to) => orLeave(() => sink.gap(from, to)),
      end: (error) => {
        leave();
        sink.end(error);
      },
    };
    const subscription = this.#hub.subscribe(grain, options, ending, source);
    return {
      grant: (count) => subscription.grant(count),
      cancel: () => {
        leave();
        subscription.cancel();
      },
    };
  }

  close(error: GrainError): void {
    this.#timer?.cancel();
    this.#hub.close(error);
    const open = [...this.#channels.values()];
    this.#channels.clear();
    for (const { close } of open) close();
  }

  #join(grain: GrainId): () => void {
    const name = formatGrainId(grain);
    const channel = this.#channels.get(name) ?? this.#open(grain, name);
    channel.count += 1;
    let hasLeft = false;
    return () => {
      if (hasLeft) return;
      hasLeft = true;
      channel.count -= 1;
      if (channel.count > 0 || this.#channels.get(name) !== channel) return;
      this.#channels.delete(name);
      channel.close();
    };
  }

  #open(grain: GrainId, name: string): Channel {
    const close = this.#parts.listen(
      grain,
      (epoch, emissions) => this.#hub.publish(grain, epoch, emissions),
      () => this.#hub.look(grain),
    );
    const channel = { grain, count: 0, close };
    this.#channels.set(name, channel);
    if (!this.#timer) this.#arm();
    return channel;
  }

  #arm(): void {
    const { size } = this.#channels;
    const parts = Math.max(1, Math.min(LOOK_PARTS, size));
    this.#timer = this.#parts.clock.setTimer(LOOK_MS / parts, () => {
      this.#timer = undefined;
      this.#look(Math.ceil(this.#channels.size / parts));
      if (this.#channels.size > 0) this.#arm();
    });
  }

  /** Looks at those that were not looked at for longest. */
  #look(count: number): void {
    const first = [...this.#channels].slice(0, count);
    for (const [name, channel] of first) {
      this.#channels.delete(name);
      this.#channels.set(name, channel);
      this.#hub.look(channel.grain);
    }
  }
}
