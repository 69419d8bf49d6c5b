// Silo: hosts activations of its Cores.
// Owns: the wiring (one wheel, one budget, one collector, the services), start and stop in order.
// Does not own: a Core's grains (catalog/), where memory is kept (storage/), the outside world (the gateway's).
//   Start: storage is open → Cores → services. Stop: refuse new work → drain → services → deactivate all → storage.
import type { Claimer } from '../directory/index.ts';
import { FOREVER, MemoryDirectory, partitionOf } from '../directory/index.ts';
import {
  type AnyCore,
  type Clock,
  type CoreDefinition,
  DEFAULT_TENANT,
  fromUnknown,
  GrainError,
  type GrainId,
  type GrainRef,
  type Logger,
  type MaybePromise,
  type Rng,
  TimerWheel,
} from '../lib/index.ts';
import { LogBus } from './bus/log-bus.ts';
import { Collector, type HeapUse } from './catalog/collector.ts';
import { CoreWaker } from './catalog/core-waker.ts';
import { type ClosingReason, CoreHost, isVolatileCore, type SiloContext } from './catalog/core-host.ts';
import type { Neighbours } from './cluster/neighbours.ts';
import { LoopWatch } from './catalog/loop-watch.ts';
import type { Turn } from './catalog/turn.ts';
import { TurnBudget } from './catalog/turn-budget.ts';
import type {
  ClusterClient,
  ClusterReport,
  CoreManifest,
  EmissionSink,
  InstancePage,
  SubscribeOptions,
  Subscription,
} from './cluster-client.ts';
import { EmissionHub } from './emissions/emission-hub.ts';
import { type CallSender, outsideRef, type RefOptions, TurnCaller } from './messaging/callers.ts';
import type { Envelope } from './messaging/envelope.ts';
import type { InboundEnvelope } from './messaging/inbound-envelope.ts';
import { SharedVolatileStorage } from './cluster/shared-volatile-storage.ts';
import { SiloPause } from './cluster/silo-pause.ts';
import { ReminderService } from './reminders/reminder-service.ts';
import { listInstances, manifestOf, reportSilo } from './reports.ts';
import { resolveSiloOptions, type SiloOptions } from './silo-options.ts';
import type { EmissionPage, GrainStorage } from './storage/grain-storage.ts';
import { MemoryStorage } from './storage/memory-storage.ts';

export interface SiloParts {
  /** Keeps the memory of all Cores that are not volatile. The silo closes it when it stops. */
  readonly storage: GrainStorage;
  readonly clock: Clock;
  readonly rng: Rng;
  readonly log: Logger;
  /** Signs sessions; 32 bytes in hexadecimal. */
  readonly clusterKey: string;
  /** Names this history of the store. */
  readonly generation: string;
  /** Boot id of this process; drawn when not given. */
  readonly incarnation?: string;
  /** The heap's use; a process says it, a test makes it up. */
  readonly heapUse?: () => HeapUse;
  /** How late the event loop is, in milliseconds. */
  readonly eventLoopDelayMs?: () => number;
  /** Calls back about every 50 ms while the event loop turns, so that a flow that holds it can be named. */
  readonly onLoopBeat?: (beat: () => void) => void;
  /** The cluster around it; absent in a process that is one by itself. */
  readonly neighbours?: Neighbours;
}

/** View number of a cluster of one. */
const ONLY_VIEW = 1;
/** Pause between two looks whether the silo has drained. */
const DRAIN_LOOK_MS = 5;
/** After so many of them, those that began meanwhile are asked to leave, too. */
const MOVE_EVERY = 50;

export class Silo implements ClusterClient, CallSender {
  readonly clock: Clock;
  readonly options: Required<SiloOptions>;
  readonly incarnation: string;
  readonly clusterKey: string;
  readonly generation: string;
  readonly startedMs: number;
  readonly #parts: SiloParts;
  readonly #hosts = new Map<string, CoreHost>();
  readonly #manifests = new Map<string, CoreManifest>();
  readonly #manifestListeners = new Set<() => void>();
  readonly #storage: GrainStorage;
  /** Stateless calls: each has memory of its own, for one turn. */
  readonly #callStorage: GrainStorage;
  /** Volatile Cores: memory that goes with its activation, of which there is one in the cluster. */
  readonly #volatileStorage: GrainStorage;
  readonly #neighbours: Neighbours | undefined;
  readonly #lease: SiloPause;
  readonly #context: SiloContext;
  readonly #wheel: TimerWheel;
  readonly #collector: Collector;
  readonly #hub: EmissionHub;
  readonly #bus: LogBus;
  readonly #reminders: ReminderService;
  readonly #waker: CoreWaker;
  readonly #replacing = new Map<string, Promise<void>>();
  #seq = 0;
  #isDraining = false;
  #stopping: Promise<void> | undefined;

  constructor(parts: SiloParts, options?: SiloOptions) {
    const { clock, rng, log, storage } = parts;
    this.#parts = parts;
    this.options = resolveSiloOptions(options);
    this.clock = clock;
    this.startedMs = clock.nowMs();
    this.incarnation = parts.incarnation ?? rng.hex(16);
    this.clusterKey = parts.clusterKey;
    this.generation = parts.generation;
    this.#storage = storage;
    this.#neighbours = parts.neighbours;
    this.#callStorage = makeCallStorage(clock);
    this.#volatileStorage = parts.neighbours
      ? new SharedVolatileStorage(parts.neighbours.directory, clock)
      : this.#callStorage;
    this.#lease = new SiloPause(
      parts.neighbours?.lease ?? FOREVER,
      () => this.#resume(),
      (err) => log.error({ err }, 'lease.held_broken'),
    );
    this.#wheel = new TimerWheel(clock);
    const heapUse = parts.heapUse ?? ((): HeapUse => ({ usedBytes: 0, limitBytes: 1 }));
    this.#collector = new Collector(this.options, { clock, hosts: this.#hosts, heapUse });
    this.#hub = new EmissionHub({ clock, log });
    const dispatch = (envelope: Envelope): void => this.#route(envelope);
    const { neighbours } = parts;
    const shared = neighbours
      ? {
          isReaderFor: (core: string): boolean => neighbours.isReaderFor(core),
          isKeeperOf: (partition: number): boolean => neighbours.isKeeperOf(partition),
        }
      : {};
    const { generation } = this;
    this.#bus = new LogBus({ storage, dispatch, clock, log, rng, generation, ...shared });
    this.#reminders = new ReminderService({ storage, dispatch, clock, log, rng, ...shared });
    this.#waker = new CoreWaker(this, log);
    this.#context = this.#makeContext();
  }

  #makeContext(): SiloContext {
    const alone = { view: ONLY_VIEW, living: new Set([this.incarnation]) };
    const { incarnation, clock } = this;
    const neighbours = this.#neighbours;
    return {
      lease: this.#lease,
      neighbours,
      clock,
      wheel: this.#wheel,
      budget: new TurnBudget(clock),
      loop: new LoopWatch(clock, this.#parts.log, this.#parts.onLoopBeat),
      logger: this.#parts.log,
      incarnation,
      residents: this.#collector,
      rng: this.#parts.rng,
      manifests: () => neighbours?.manifests() ?? this.#manifests,
      nextSeq: () => ++this.#seq,
      claimer: (activation: number): Claimer => {
        const believed = neighbours ? neighbours.claimView() : alone;
        // Who is in no view would be taken for dead by all others, and they for dead by it (hazards.md 8).
        if (!believed.living.has(incarnation)) {
          throw new GrainError('ERR_ROUTE_FAILED', {
            message: 'this silo is no member yet',
            retryAfterMs: 50,
          });
        }
        return { incarnation, activation, ...believed };
      },
      publish: (grain, emissionEpoch, emissions, isVolatile) => {
        this.#hub.publish(grain, emissionEpoch, emissions);
        // Durable ones were published by the commit itself.
        if (isVolatile) neighbours?.publishVolatile(grain, emissionEpoch, emissions);
      },
      reminderSet: (grain, dueMs) => {
        if (neighbours) neighbours.reminderSet(partitionOf(grain), dueMs);
        else this.#reminders.hint(dueMs);
      },
      redispatch: (envelope) => this.#route(envelope),
      callerFor: (turn: Turn) => new TurnCaller(this, turn),
    };
  }

  // --- Cores -------------------------------------------------------------------------------------------------------

  /** Hosts a Core. @throws ERR_CORE_INVALID when one of that name is hosted already */
  host(core: AnyCore): void {
    const { definition } = core;
    if (this.#hosts.has(definition.name)) {
      const message = `two Cores are called ${definition.name}; names are unique in a silo`;
      throw new GrainError('ERR_CORE_INVALID', { message, core: definition.name });
    }
    this.#install(definition);
  }

  /** Takes a Core's place with a changed definition; its activations leave, its grains' memory stays. */
  async replace(core: AnyCore): Promise<void> {
    const { name } = core.definition;
    // One after the other: a second one must find, and drain, what the first one installed.
    const before = this.#replacing.get(name) ?? Promise.resolve();
    const replaced = before.then(() => this.#replaceNow(core.definition));
    const done = replaced.catch(() => undefined);
    this.#replacing.set(name, done);
    try {
      await replaced;
    } finally {
      if (this.#replacing.get(name) === done) this.#replacing.delete(name);
    }
  }

  async #replaceNow(definition: CoreDefinition): Promise<void> {
    const old = this.#hosts.get(definition.name);
    old?.pause();
    if (old) await this.#drain([old], this.clock.nowMs() + this.options.drainMs, 'core_replaced');
    this.#install(definition);
    for (const envelope of old?.takePaused() ?? []) this.#route(envelope);
  }

  #install(definition: CoreDefinition): void {
    const storage = this.#storageOf(definition);
    this.#hosts.set(definition.name, new CoreHost(definition, storage, this.#context));
    this.#manifests.set(definition.name, manifestOf(definition));
    this.#bus.subscribeCore(definition);
    for (const changed of this.#manifestListeners) changed();
    this.#neighbours?.coresChanged();
    this.#waker.installed(definition);
  }

  #storageOf(definition: CoreDefinition): GrainStorage {
    if (definition.instance.mode === 'stateless') return this.#callStorage;
    return isVolatileCore(definition) ? this.#volatileStorage : this.#storage;
  }

  manifests(): ReadonlyMap<string, CoreManifest> {
    return this.#manifests;
  }

  onManifests(changed: () => void): () => void {
    this.#manifestListeners.add(changed);
    return () => this.#manifestListeners.delete(changed);
  }

  // --- life --------------------------------------------------------------------------------------------------------

  /** Starts what works by itself: reminders, the bus, the collector. */
  async start(): Promise<void> {
    this.#collector.start();
    await this.#bus.start();
    await this.#reminders.start();
    this.#waker.start();
  }

  get isDraining(): boolean {
    return this.#isDraining;
  }

  /** Stops in order, within `drainMs` for running work; calling it again waits for the same stop. */
  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  async #stop(): Promise<void> {
    this.#isDraining = true;
    this.#waker.stop();
    try {
      await this.#reminders.stop();
      await this.#bus.stop();
      const untilMs = this.clock.nowMs() + this.options.drainMs;
      const hosts = [...this.#hosts.values()];
      for (const host of hosts) host.stop();
      await this.#drain(hosts, untilMs, 'drain');
    } finally {
      this.#collector.stop();
      this.#hub.close(new GrainError('ERR_SILO_DRAINING'));
      await this.#volatileStorage.close();
      await this.#callStorage.close();
      await this.#storage.close();
    }
  }

  /**
   * A view calls this silo dead, or the store lost its data: nothing here may go on. What waits is told to go elsewhere;
   * what ran can commit nothing any more.
   */
  abandon(): void {
    this.#isDraining = true;
    this.#waker.stop();
    this.#lease.lost(new GrainError('ERR_GRAIN_MOVED'));
    this.#collector.stop();
    for (const host of this.#hosts.values()) host.close('silo_dead');
    this.#hub.close(new GrainError('ERR_GRAIN_MOVED'));
    // Nobody waits for what is on its way: its outcome is the affair of whoever looks after it now.
    void this.#reminders.stop();
    this.#bus.abandon();
  }

  /** The lease holds again: what was held back goes on. */
  #resume(): void {
    for (const host of this.#hosts.values()) host.table.resume();
  }

  /**
   * Deactivates everything that gets idle, until nothing is left or the time is up. All hosts together, because a turn of
   * one may yet call a grain of another.
   */
  async #drain(hosts: readonly CoreHost[], untilMs: number, reason: ClosingReason): Promise<void> {
    // Elsewhere they go on at once; alone, what waits for them has to be finished here.
    const isMoving = this.#neighbours !== undefined && reason === 'drain';
    for (let round = 0; ; round += 1) {
      for (const host of hosts) {
        await host.table.deactivateIdle(reason);
        if (isMoving && round % MOVE_EVERY === 0) await host.table.moveAll();
      }
      const left = hosts.filter(({ size }) => size > 0);
      if (left.length === 0) break;
      if (this.clock.nowMs() >= untilMs) {
        for (const { definition, size } of left)
          this.#parts.log.warn({ core: definition.name, left: size }, 'drain.incomplete');
        break;
      }
      await new Promise<void>((resolve) => this.clock.setTimer(DRAIN_LOOK_MS, resolve));
    }
    for (const host of hosts) host.close(reason);
  }

  // --- messages ----------------------------------------------------------------------------------------------------

  dispatch(envelope: Envelope): void {
    // A stopping silo finishes the chains that it has begun, and begins no new ones. In a cluster others take them.
    if (this.#isDraining && !envelope.chain && !this.#neighbours)
      envelope.reject(new GrainError('ERR_SILO_DRAINING', { retryAfterMs: 500 }));
    else this.#route(envelope);
  }

  #route(envelope: Envelope): void {
    const host = this.#hosts.get(envelope.core);
    if (!host) {
      if (this.#neighbours) this.#neighbours.sendAway(envelope);
      else envelope.reject(new GrainError('ERR_CORE_UNKNOWN', { core: envelope.core }));
      return;
    }
    if (envelope.tenant === '') envelope.tenant = DEFAULT_TENANT;
    host.dispatch(envelope);
    // Most local calls are over by now: only the others need somebody to watch their deadline.
    if (!envelope.isSettled) this.watch(envelope);
  }

  /** Takes a message from another process: gives it to its grain, or sends it on without looking inside. */
  receive(envelope: InboundEnvelope): void {
    const { tenant, core, key } = envelope;
    const host = this.#hosts.get(core);
    const neighbours = this.#neighbours;
    if (!host || !neighbours) {
      envelope.reject(new GrainError('ERR_ROUTE_FAILED', { message: `${core} is not hosted here`, core }));
      return;
    }
    const grain = { tenant, core, key: key ?? '' };
    const isHere = host.isStateless || host.table.get(tenant, grain.key) !== undefined;
    if (!isHere && neighbours.isElsewhere(envelope, grain, false)) neighbours.sendOn(envelope, grain);
    else this.#open(envelope);
    if (!envelope.isSettled) this.watch(envelope);
  }

  #open(envelope: InboundEnvelope): void {
    try {
      envelope.open();
    } catch (error) {
      return envelope.reject(fromUnknown(error));
    }
    this.#route(envelope);
  }

  /** Whether the grain has an activation here. */
  hosts({ tenant, core, key }: GrainId): boolean {
    return this.#hosts.get(core)?.table.get(tenant, key) !== undefined;
  }

  /** Emissions of a volatile grain with an activation here; undefined when it has none. */
  volatileEmissions(grain: GrainId, after: number, limit: number): MaybePromise<EmissionPage> | undefined {
    return this.hosts(grain) ? this.#volatileStorage.readEmissions(grain, after, limit) : undefined;
  }

  /** Cores that are hosted, for the membership view. */
  get cores(): ReadonlyMap<string, CoreHost> {
    return this.#hosts;
  }

  /** Reminders of a partition that this silo keeps may be due earlier than it knows. */
  hintReminder(dueMs: number): void {
    this.#reminders.hint(dueMs);
  }

  /** Another view: this silo may keep other partitions, and read the bus for other Cores. */
  viewChanged(): void {
    this.#bus.readersChanged();
    this.#reminders.hint(this.clock.wallMs());
  }

  watch(envelope: Envelope): void {
    if (envelope.deadlineMs === Infinity || envelope.wheelPrev !== null) return;
    this.#wheel.schedule(envelope, envelope.deadlineMs);
  }

  ref<C extends AnyCore>(core: C | string, key?: string | number, options?: RefOptions): GrainRef<C> {
    return outsideRef(this, core, key, options);
  }

  subscribe(grain: GrainId, options: SubscribeOptions, sink: EmissionSink): Subscription {
    const storage = this.#hosts.get(grain.core)?.storage ?? this.#storage;
    return this.#hub.subscribe(grain, options, sink, storage);
  }

  // --- reports -----------------------------------------------------------------------------------------------------

  async instances(
    tenant: string,
    core: string,
    options: { readonly limit: number; readonly cursor?: string },
  ): Promise<InstancePage> {
    const host = this.#hosts.get(core);
    if (!host) throw new GrainError('ERR_CORE_UNKNOWN', { core });
    return await Promise.resolve(listInstances(host, tenant, this.options.name, options));
  }

  async cluster(): Promise<ClusterReport> {
    const silo = reportSilo({
      silo: this.options.name,
      incarnation: this.incarnation,
      state: this.#isDraining ? 'draining' : 'active',
      uptimeMs: this.clock.nowMs() - this.startedMs,
      hosts: [...this.#hosts.values()],
      nowMs: this.clock.nowMs(),
      activationBytes: this.#collector.bytes,
      eventLoopDelayMs: this.#parts.eventLoopDelayMs?.() ?? 0,
      heapUsedBytes: this.#parts.heapUse?.().usedBytes ?? 0,
    });
    return await Promise.resolve({ view: ONLY_VIEW, silos: [silo] });
  }

  /** The bus, for operators: dead letters and replays. */
  get bus(): LogBus {
    return this.#bus;
  }
}

/** Memory that goes with its activation, of grains that nobody else may have. */
function makeCallStorage(clock: Clock): MemoryStorage {
  let epoch = 0;
  const directory = new MemoryDirectory({ nextEpoch: () => ++epoch });
  const storage = new MemoryStorage({ directory, clock, retention: 'activation' });
  // Nobody reads this log: the bus carries only what is durable.
  storage.onAppend(() => storage.trimLog(Infinity));
  return storage;
}
