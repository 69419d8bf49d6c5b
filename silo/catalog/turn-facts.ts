// What flows of the runtime itself (silo/host) know of their turn beyond `ctx`.
import type { Clock, Rng } from '../../lib/index.ts';
import type { CoreManifest } from '../cluster-client.ts';
import type { EnvelopeKind } from '../messaging/envelope.ts';
import { TurnContext } from './turn-context.ts';

export interface TurnFacts {
  readonly kind: EnvelopeKind;
  /** The flow that was asked for; of a bus delivery its `core://name/event`. */
  readonly asked: string;
  /** What makes this turn the same as another: its command id, mark or tick, with its grain; undefined where there is none. */
  readonly cause: string | undefined;
  /** Sent by a grain, the bus, a reminder or a timer: not from outside of the cluster. */
  readonly isFromWithin: boolean;
  readonly clock: Clock;
  readonly rng: Rng;
  /** Cores of the cluster, by name. */
  manifests(): ReadonlyMap<string, CoreManifest>;
}

export function turnFactsOf(ctx: object): TurnFacts {
  const turn = TurnContext.turnOf(ctx as TurnContext);
  const { envelope, activation } = turn;
  const { host } = activation;
  return {
    kind: envelope.kind,
    asked: envelope.flow,
    cause: turn.cause === undefined ? undefined : `${activation.name} ${envelope.principal} ${turn.cause}`,
    isFromWithin: envelope.chain !== undefined || (envelope.kind !== 'call' && envelope.kind !== 'event'),
    clock: host.clock,
    rng: host.rng,
    manifests: () => host.manifests(),
  };
}
