import type { AnyCore, GrainError, GrainId, GrainRef } from '../lib/index.ts';
import type { Envelope } from './messaging/envelope.ts';

export interface FlowManifest {
  readonly name: string;
  readonly readonly: boolean;
  readonly description: string | undefined;
  /** JSON Schema of the input, where the schema library can say it. */
  readonly input: unknown;
  readonly output: unknown;
  /** Not for callers from outside. */
  readonly isInternal?: boolean;
}

/** What gateways and people are told of a Core that is loaded. */
export interface CoreManifest {
  readonly name: string;
  readonly version: string;
  readonly schema: number;
  readonly description: string | undefined;
  readonly mode: 'entity' | 'singleton' | 'stateless';
  readonly entityKey: string | undefined;
  readonly level: string;
  /** The runtime's own, behind another Core. */
  readonly isInternal?: boolean;
  /** Nothing of it is ever durable. */
  readonly isVolatile: boolean;
  readonly flows: readonly FlowManifest[];
  /** Incoming event name → flow. */
  readonly events: Readonly<Record<string, string>>;
  /** `core://name/event` → flow. */
  readonly on: Readonly<Record<string, string>>;
}

/** What people may want to call: without what is the runtime's own. */
export function shownCores(cores: Iterable<CoreManifest>): CoreManifest[] {
  return [...cores]
    .filter(({ isInternal }) => isInternal !== true)
    .map((core) => ({ ...core, flows: core.flows.filter((flow) => flow.isInternal !== true) }));
}

export interface Emission {
  /** The grain's own emission number. */
  readonly n: number;
  /** Number of the last one that matched the filter; 0 before the first. */
  readonly prev: number;
  /** What to name in `from` to go on after this one: `epoch.n`. */
  readonly cursor: string;
  readonly event: string;
  readonly data: unknown;
}

/** Where a subscription delivers. Calls come one at a time and never from inside `subscribe`. */
export interface EmissionSink {
  push(emission: Emission): void;
  /** Emissions from cursor `from` (exclusive) to `to` (inclusive) are gone: the sequence goes on after them. */
  gap(from: string, to: string): void;
  /** The subscription ended by itself; nothing follows. */
  end(error: GrainError): void;
}

export interface SubscribeOptions {
  /** Only this event. */
  readonly event?: string | undefined;
  /** Exclusive cursor; undefined: only what is emitted from now on. `'0.0'`: all that is kept. */
  readonly from?: string | undefined;
  /** How many pushes may be delivered before the first `grant`; Infinity when nothing bounds them. */
  readonly credit: number;
}

export interface Subscription {
  /** Allows `count` more pushes. */
  grant(count: number): void;
  cancel(): void;
}

export interface InstanceReport {
  readonly key: string;
  readonly state: string;
  readonly epoch: number;
  readonly silo: string;
  /** Messages that wait. */
  readonly waiting: number;
  readonly running: number;
  /** Since its last message, in milliseconds. */
  readonly idleMs: number;
  /** Estimated bytes of its values. */
  readonly bytes: number;
}

export interface InstancePage {
  readonly instances: readonly InstanceReport[];
  /** Undefined on the last page. */
  readonly cursor: string | undefined;
}

export interface HotKey {
  readonly core: string;
  readonly key: string;
  /** Turns in the window (estimated from a sample). */
  readonly turns: number;
}

export interface SlowTurn {
  readonly core: string;
  readonly key: string;
  readonly flow: string;
  readonly ms: number;
}

/** Load of one silo: counters since its start, gauges now, and the extremes of the last 10 seconds. */
export interface SiloReport {
  readonly silo: string;
  readonly incarnation: string;
  readonly state: 'active' | 'draining';
  readonly uptimeMs: number;
  readonly activations: number;
  readonly activationBytes: number;
  readonly turnsStarted: number;
  readonly turnsFailed: number;
  readonly turnsRunning: number;
  readonly messagesWaiting: number;
  readonly commits: number;
  readonly commitsFailed: number;
  /** Command ids that grains forgot within their window, because they had more than they remember. */
  readonly commandsCutShort: number;
  readonly activated: number;
  readonly deactivated: Readonly<Record<string, number>>;
  readonly eventLoopDelayMs: number;
  readonly heapUsedBytes: number;
  readonly hottest: readonly HotKey[];
  readonly longestMailboxes: readonly {
    readonly core: string;
    readonly key: string;
    readonly waiting: number;
  }[];
  readonly slowest: readonly SlowTurn[];
  /** Turn durations: counts per upper bound in milliseconds. */
  readonly turnMs: {
    readonly bounds: readonly number[];
    readonly counts: readonly number[];
    readonly sum: number;
  };
}

export interface ClusterReport {
  readonly view: number;
  readonly silos: readonly SiloReport[];
}

/** All that a gateway knows of the cluster. */
export interface ClusterClient {
  /**
   * Sends the envelope to its grain. The outcome is told to the envelope, in this call or later; this never throws.
   * The deadline is watched from here on.
   */
  dispatch(envelope: Envelope): void;
  /** A typed reference, for code in this process. */
  ref<C extends AnyCore>(
    core: C | string,
    key: string | undefined,
    caller: { tenant?: string; principal?: string },
  ): GrainRef<C>;
  /** Cores loaded, by name. */
  manifests(): ReadonlyMap<string, CoreManifest>;
  /** Called after the set of Cores changed; the answer ends that. */
  onManifests(changed: () => void): () => void;
  subscribe(grain: GrainId, options: SubscribeOptions, sink: EmissionSink): Subscription;
  /** Resident activations in key order. @throws ERR_CORE_UNKNOWN, ERR_CURSOR_INVALID */
  instances(
    tenant: string,
    core: string,
    options: { readonly limit: number; readonly cursor?: string },
  ): Promise<InstancePage>;
  cluster(): Promise<ClusterReport>;
  /** A secret of the cluster, 32 bytes in hexadecimal: signs sessions, so that any gateway knows them again. */
  readonly clusterKey: string;
  /** Changes when the store lost data or was replaced: sessions of another generation are lost. */
  readonly generation: string;
  readonly isDraining: boolean;
}
