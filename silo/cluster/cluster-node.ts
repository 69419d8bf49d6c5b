// ClusterNode: this process in the cluster: a silo that hosts grains, or a gateway that only sends to them.
// Owns: one life after the other (cluster-life.ts), and what outlives them: the Cores, who listens for manifests.
// Does not own: the connections to Redis and the network, which it is given and leaves open.
//   N1. At most one life at a time; the next one begins when the one before has ended.
//   N2. Between lives every message is told at once that it was not executed, and why: never silence.
//   N3. After a loss of the store's data nothing is served until the operator's decision (`onDataLoss`) allows it.
//
// To assemble one: openCluster-able table + keys (directory), a Network, a session per incarnation, a judge, a storage per
// life; see gateway/system-cluster.ts for a process, test/sim for the simulation.
import type {
  GrainDirectory,
  Lease,
  MembershipTable,
  OpenedCluster,
  RedisKeys,
  SessionJudge,
} from '../../directory/index.ts';
import {
  type AnyCore,
  backoffMs,
  type Clock,
  fromUnknown,
  GrainError,
  type GrainId,
  type GrainRef,
  type Logger,
  type Rng,
  type TimerHandle,
} from '../../lib/index.ts';
import type {
  ClusterClient,
  ClusterReport,
  CoreManifest,
  EmissionSink,
  InstancePage,
  SubscribeOptions,
  Subscription,
} from '../cluster-client.ts';
import { type CallSender, outsideRef, type RefOptions } from '../messaging/callers.ts';
import type { Envelope } from '../messaging/envelope.ts';
import type { SiloParts } from '../silo.ts';
import type { SiloOptions } from '../silo-options.ts';
import type { GrainStorage, StoredEmission } from '../storage/grain-storage.ts';
import type { Network } from '../transport/network.ts';
import { ClusterLife, type EndOfLife } from './cluster-life.ts';
import type { OnEmissions } from './emission-feed.ts';

const RESTART_BACKOFF = { firstMs: 100, mostMs: 5_000 } as const;

/** The session of one incarnation. */
export interface NodeSession extends Lease {
  /** Takes it. @throws (rejects) ERR_CLUSTER_FAILED */
  start(): Promise<void>;
  /** Told each time that it is found to hold no more. */
  onLapsed(listener: () => void): () => void;
  /** Told once, when a tombstone lies over it. */
  onDead(listener: () => void): () => void;
  /** Gives it back: nobody need wait for it. Only when no turn runs any more. */
  end(): Promise<void>;
}

/** Storage that the whole cluster shares. */
export interface NodeStorage extends GrainStorage {
  /** Emissions of a grain as they are published; `onReady` each time that the channel is open (again). */
  onEmissions(grain: GrainId, onEmissions: OnEmissions, onReady: () => void): () => void;
  publishVolatile(grain: GrainId, emissionEpoch: number, emissions: readonly StoredEmission[]): Promise<void>;
  /** Relays what dead owners left in the outboxes of these partitions. */
  sweepOutboxes(isWanted: (partition: number) => boolean): Promise<unknown>;
}

export interface ClusterNodeOptions {
  readonly sessionTtlMs: number;
  /** @default the cluster's own key */
  readonly linkSecret: string | undefined;
  readonly listen: {
    readonly host: string;
    readonly port: number;
    readonly advertiseHost: string | undefined;
    readonly advertisePort: number | undefined;
  };
  readonly silo: SiloOptions | undefined;
}

export interface ClusterNodeParts {
  readonly role: 'silo' | 'gateway';
  /** For people. */
  readonly name: string;
  readonly clock: Clock;
  readonly rng: Rng;
  readonly log: Logger;
  readonly keys: RedisKeys;
  readonly network: Network;
  readonly table: MembershipTable;
  readonly gauges: Pick<SiloParts, 'heapUse' | 'eventLoopDelayMs' | 'onLoopBeat'>;
  readonly options: ClusterNodeOptions;
  /** Finds or makes the cluster's record. @throws (rejects) ERR_STORE_* */
  readonly openCluster: () => Promise<OpenedCluster>;
  /** `confirm`: whether no view calls the incarnation dead, read anew. */
  readonly openSession: (incarnation: string, confirm: () => Promise<boolean>) => NodeSession;
  /** Judges the sessions of others; `session` is its own, where it has one. */
  readonly openJudge: (session: Lease | undefined) => SessionJudge;
  readonly openStorage: (generation: string) => NodeStorage;
  readonly makeDirectory: (generation: string) => GrainDirectory;
}

export class ClusterNode implements ClusterClient, CallSender {
  readonly clock: Clock;
  readonly #parts: ClusterNodeParts;
  readonly #cores = new Map<string, AnyCore>();
  readonly #manifestListeners = new Set<() => void>();
  #opened: OpenedCluster | undefined = undefined;
  #life: ClusterLife | undefined = undefined;
  /** Why nothing is served now. */
  #pause: GrainError = new GrainError('ERR_ROUTE_FAILED', { message: 'not started', retryAfterMs: 200 });
  #restarts = 0;
  #timer: TimerHandle | undefined = undefined;
  #stopping: Promise<void> | undefined = undefined;
  #ending: Promise<void> | undefined = undefined;
  #manifests: ReadonlyMap<string, CoreManifest> = new Map();

  constructor(parts: ClusterNodeParts) {
    this.#parts = parts;
    this.clock = parts.clock;
  }

  /** Hosts a Core: before `start`, or on the life that runs. @throws ERR_CORE_INVALID */
  host(core: AnyCore): void {
    const { name } = core.definition;
    if (this.#cores.has(name)) {
      const message = `two Cores are called ${name}; names are unique in a silo`;
      throw new GrainError('ERR_CORE_INVALID', { message, core: name });
    }
    this.#cores.set(name, core);
    this.#life?.silo?.host(core);
  }

  /** @throws (rejects) ERR_STORE_*, ERR_CLUSTER_FAILED, ERR_LISTEN_FAILED */
  async start(): Promise<void> {
    await this.#begin();
  }

  /** Hands over what it hosts, and leaves; calling it again waits for the same stop. */
  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  async #stop(): Promise<void> {
    this.#pause = new GrainError('ERR_SILO_DRAINING', { retryAfterMs: 500 });
    this.#timer?.cancel();
    await this.#life?.leave();
    this.#life = undefined;
    // The last life may still be ending: what it uses is closed after this.
    await this.#ending;
  }

  get incarnation(): string {
    return this.#life?.incarnation ?? '';
  }

  /** Where a silo listens for links. */
  get address(): { readonly host: string; readonly port: number } | undefined {
    return this.#life?.silo && this.#life.address;
  }

  /** Whether it is a part of the cluster now. */
  get isReady(): boolean {
    return this.#life?.isActive ?? false;
  }

  /** The life that runs, for tests, reports and benches. */
  get life(): ClusterLife | undefined {
    return this.#life;
  }

  // --- lives -------------------------------------------------------------------------------------------------------

  async #begin(): Promise<void> {
    const opened = await this.#parts.openCluster();
    if (this.#stopping) return;
    this.#opened = opened;
    const life = new ClusterLife(this.#parts, opened, this.#cores.values(), {
      onEnd: (ended, end) => void this.#ended(ended, end),
      onManifests: () => this.#manifestsChanged(),
    });
    this.#life = life;
    try {
      await life.start();
    } catch (error) {
      // Who stops it ends it, too.
      if (this.#stopping) throw error;
      const isOurs = this.#life === life;
      if (isOurs) this.#life = undefined;
      await life.end(fromUnknown(error));
      if (isOurs) throw error;
      return; // it ended otherwise, and the next one is on its way
    }
    if (this.#life === life) this.#restarts = 0;
  }

  async #ended(life: ClusterLife, end: EndOfLife): Promise<void> {
    if (this.#life !== life || this.#stopping) return;
    this.#life = undefined;
    this.#parts.log.warn({ incarnation: life.incarnation, end }, 'node.life_ended');
    this.#pause =
      end === 'lost'
        ? new GrainError('ERR_STORE_LOST', { retryAfterMs: 1_000 })
        : new GrainError('ERR_ROUTE_FAILED', { message: 'this silo comes in anew', retryAfterMs: 200 });
    this.#ending = life.end(this.#pause);
    await this.#ending;
    // After a loss everybody who still believes in the old data must have stopped (hazards.md 6).
    this.#beginSoon(end === 'lost' ? this.#parts.options.sessionTtlMs : 0);
  }

  #beginSoon(leastMs: number): void {
    if (this.#stopping) return;
    this.#restarts += 1;
    const delayMs = Math.max(
      leastMs,
      backoffMs(this.#restarts, RESTART_BACKOFF) * (0.5 + this.#parts.rng.next()),
    );
    this.#timer = this.clock.setTimer(delayMs, () => {
      this.#begin().catch((error: unknown) => {
        const failure = fromUnknown(error);
        this.#parts.log.error({ err: failure, code: failure.code }, 'node.not_in');
        if (failure.code === 'ERR_STORE_LOST') this.#pause = failure;
        this.#beginSoon(0);
      });
    });
  }

  #manifestsChanged(): void {
    this.#manifests = new Map(this.#life?.manifests());
    for (const changed of this.#manifestListeners) changed();
  }

  // --- ClusterClient -----------------------------------------------------------------------------------------------

  dispatch(envelope: Envelope): void {
    const life = this.#life;
    if (life) life.dispatch(envelope);
    else envelope.reject(this.#pause);
  }

  watch(envelope: Envelope): void {
    this.#life?.watch(envelope);
  }

  ref<C extends AnyCore>(core: C | string, key?: string | number, options?: RefOptions): GrainRef<C> {
    return outsideRef(this, core, key, options);
  }

  manifests(): ReadonlyMap<string, CoreManifest> {
    return this.#manifests;
  }

  onManifests(changed: () => void): () => void {
    this.#manifestListeners.add(changed);
    return () => this.#manifestListeners.delete(changed);
  }

  subscribe(grain: GrainId, options: SubscribeOptions, sink: EmissionSink): Subscription {
    const life = this.#life;
    if (life) return life.subscribe(grain, options, sink);
    const error = this.#pause;
    this.clock.defer(() => sink.end(error));
    return { grant: () => undefined, cancel: () => undefined };
  }

  async instances(
    tenant: string,
    core: string,
    options: { readonly limit: number; readonly cursor?: string },
  ): Promise<InstancePage> {
    if (!this.#life) throw this.#pause;
    return await this.#life.instances(tenant, core, options);
  }

  async cluster(): Promise<ClusterReport> {
    if (!this.#life) return { view: 0, silos: [] };
    return { view: this.#life.membership.view.number, silos: await this.#life.reports() };
  }

  get clusterKey(): string {
    return this.#opened?.clusterKey ?? '';
  }

  get generation(): string {
    return this.#opened?.generation ?? '';
  }

  get isDraining(): boolean {
    return this.#stopping !== undefined;
  }
}
