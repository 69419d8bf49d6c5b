// What flows of the runtime itself (silo/host) know of their turn beyond `ctx`.
import type { Clock, Rng } from '../../lib/index.ts';
import type { CoreManifest } from '../cluster-client.ts';
import type { EnvelopeKind } from '../messaging/envelope.ts';
import type { Turn } from './turn.ts';
import { TurnContext } from './turn-context.ts';

export class TurnFacts {
  readonly #turn: Turn;

  constructor(turn: Turn) {
    this.#turn = turn;
  }

  get kind(): EnvelopeKind {
    return this.#turn.envelope.kind;
  }

  /** The flow that was asked for; of a bus delivery its `core://name/event`. */
  get asked(): string {
    return this.#turn.envelope.flow;
  }

  /** What makes this turn the same as another: its command id, mark or tick, with its grain; undefined where there is none. */
  get cause(): string | undefined {
    const { cause, activation, envelope } = this.#turn;
    return cause === undefined ? undefined : `${activation.name} ${envelope.principal} ${cause}`;
  }

  /** Sent by a grain, the bus, a reminder or a timer: not from outside of the cluster. */
  get isFromWithin(): boolean {
    const { chain, kind } = this.#turn.envelope;
    return chain !== undefined || (kind !== 'call' && kind !== 'event');
  }

  get clock(): Clock {
    return this.#turn.activation.host.clock;
  }

  get rng(): Rng {
    return this.#turn.activation.host.rng;
  }

  /** Cores of the cluster, by name. */
  manifests(): ReadonlyMap<string, CoreManifest> {
    return this.#turn.activation.host.manifests();
  }
}

export function turnFactsOf(ctx: object): TurnFacts {
  return new TurnFacts(TurnContext.turnOf(ctx as TurnContext));
}
