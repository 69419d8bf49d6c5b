// CoreHost: one Core, hosted on this silo.
// Owns: what is the same for all its grains: the flows with their defaults, the class of `ctx.memory`, its storage.
// Does not own: its activations (grain-table.ts), or the wiring of the silo (silo.ts), which it gets as `SiloContext`.
import type { Claimer } from '../../directory/index.ts';
import {
  type Clock,
  type CoreDefinition,
  type FieldDefinition,
  fromUnknown,
  GrainError,
  type GrainId,
  type Logger,
  type MaybePromise,
  type Rng,
  type TimerWheel,
} from '../../lib/index.ts';
import type { CoreManifest } from '../cluster-client.ts';
import { type Addressing, keyOf, refuseAtMark } from '../messaging/address.ts';
import type { Envelope } from '../messaging/envelope.ts';
import { refClassFor, type RefCaller } from '../messaging/grain-refs.ts';
import type { Claim, ClaimOutcome, GrainStorage, StoredEmission } from '../storage/grain-storage.ts';
import type { Activation } from './activation.ts';
import { GrainTable } from './grain-table.ts';
import type { HostedFlow } from './hosted-flow.ts';
import { memoryValue } from './memory-value.ts';
import type { LoopWatch } from './loop-watch.ts';
import { type MemoryViewClass, memoryViewClass } from './memory-view.ts';
import type { Message } from './message.ts';
import { StatelessPool } from './stateless-pool.ts';
import type { Neighbours } from '../cluster/neighbours.ts';
import type { Turn } from './turn.ts';
import type { TurnBudget } from './turn-budget.ts';
import { TurnMetrics } from './turn-metrics.ts';

/** Why a host takes nothing more. */
export type ClosingReason = 'drain' | 'core_replaced' | 'silo_dead';

/** Envelopes that may wait while a Core is replaced. */
const PAUSED_MAX = 10_000;

/** Activations of the whole silo, over all Cores. */
export interface Residents {
  count: number;
  /** Estimated bytes of their values. */
  bytes: number;
  /** False when the silo may not hold one more. */
  readonly hasRoom: boolean;
  /** Some table waits for room in the silo. */
  readonly isAwaited: boolean;
  /** Evicts idle activations of any Core; answers whether there is room now. */
  makeRoom(): boolean;
  /** Has the table's `letIn` called when there may be room. */
  wait(table: GrainTable): void;
  mayHaveRoom(): void;
}

/** Whether the silo may act: it holds its session, as far as its own clock tells (architecture, Ownership 7). */
export interface SiloLease {
  /** Turns may start, and what they say may leave, before this moment of the monotonic clock. */
  readonly untilMs: number;
  /** Set when a turn was held back; cleared when the lease is regained. */
  isPaused: boolean;
  /** Runs `go` when the lease holds again; with an error, when it never will. */
  whenHeld(go: (failure: GrainError | undefined) => void): void;
}

/** What a silo gives to the Cores that it hosts. */
export interface SiloContext {
  readonly clock: Clock;
  readonly rng: Rng;
  readonly wheel: TimerWheel;
  readonly budget: TurnBudget;
  readonly loop: LoopWatch;
  readonly logger: Logger;
  readonly incarnation: string;
  readonly residents: Residents;
  readonly lease: SiloLease;
  /** The rest of the cluster; undefined in a process that is one by itself. */
  readonly neighbours: Neighbours | undefined;
  nextSeq(): number;
  /** Cores of the cluster, by name. */
  manifests(): ReadonlyMap<string, CoreManifest>;
  /** Who claims, with the membership view that the silo knows now. */
  claimer(seq: number): Claimer;
  publish(
    grain: GrainId,
    emissionEpoch: number,
    emissions: readonly StoredEmission[],
    isVolatile: boolean,
  ): void;
  reminderSet(grain: GrainId, dueMs: number): void;
  /** Sends an envelope on its way again: its Core has another host now. */
  redispatch(envelope: Envelope): void;
  /** A caller that acts for a running turn. */
  callerFor(turn: Turn): RefCaller;
}

export class CoreHost {
  readonly definition: CoreDefinition;
  readonly flows: ReadonlyMap<string, HostedFlow>;
  readonly valueFields: readonly FieldDefinition[];
  readonly valueNames: readonly string[];
  readonly initialValues: readonly unknown[];
  readonly allPositions: readonly number[];
  readonly MemoryView: MemoryViewClass;
  readonly storage: GrainStorage;
  /** Nothing of this Core is ever durable: its storage lives in memory, and its grains begin anew when evicted. */
  readonly isVolatile: boolean;
  /** Turns of one grain may overlap, so their writes may collide. */
  readonly isOverlapping: boolean;
  readonly table: GrainTable;
  readonly metrics = new TurnMetrics();
  readonly clock: Clock;
  readonly rng: Rng;
  readonly wheel: TimerWheel;
  readonly budget: TurnBudget;
  readonly loop: LoopWatch;
  readonly logger: Logger;
  readonly incarnation: string;
  readonly residents: Residents;
  readonly lease: SiloLease;
  readonly #addressing: Addressing;
  readonly #silo: SiloContext;
  readonly #stateless: StatelessPool | undefined;
  #paused: Envelope[] | undefined = undefined;
  #closedFor: ClosingReason | undefined = undefined;
  #isStopping = false;

  constructor(definition: CoreDefinition, storage: GrainStorage, silo: SiloContext) {
    this.definition = definition;
    this.storage = storage;
    this.#silo = silo;
    ({
      clock: this.clock,
      rng: this.rng,
      wheel: this.wheel,
      budget: this.budget,
      loop: this.loop,
      logger: this.logger,
      incarnation: this.incarnation,
      residents: this.residents,
      lease: this.lease,
    } = silo);
    this.flows = hostFlows(definition);
    this.isVolatile = isVolatileCore(definition);
    const { mode, entityKey, maxConcurrent, reentrant } = definition.instance;
    this.#addressing = { core: definition.name, mode, entityKey };
    this.isOverlapping = mode !== 'stateless' && (maxConcurrent > 1 || reentrant);
    this.valueFields = definition.fields.filter((field) => field.kind === 'value');
    this.valueNames = this.valueFields.map((field) => field.name);
    this.initialValues = Object.freeze(this.valueFields.map((field) => memoryValue(field.initial)));
    this.allPositions = Object.freeze(this.valueFields.map((_field, position) => position));
    this.MemoryView = memoryViewClass(definition.fields);
    this.table = new GrainTable(this);
    this.#stateless = mode === 'stateless' ? new StatelessPool(this) : undefined;
  }

  nextSeq(): number {
    return this.#silo.nextSeq();
  }

  manifests(): ReadonlyMap<string, CoreManifest> {
    return this.#silo.manifests();
  }

  claim(grain: GrainId, seq: number): MaybePromise<ClaimOutcome> {
    return this.storage.claim(grain, this.#silo.claimer(seq));
  }

  releaseClaim(claim: Claim): MaybePromise<void> {
    return this.storage.release(claim);
  }

  /** Gives back a claim that was not used. That it fails only costs the next claim a look at a stale owner. */
  releaseQuietly(claim: Claim): void {
    const released = this.storage.release(claim);
    if (released instanceof Promise) {
      released.catch((err: unknown) =>
        this.logger.warn({ grain: claim.address.grain, err }, 'claim.release_failed'),
      );
    }
  }

  publish(grain: GrainId, emissionEpoch: number, emissions: readonly StoredEmission[]): void {
    this.#silo.publish(grain, emissionEpoch, emissions, this.isVolatile);
  }

  reminderSet(grain: GrainId, dueMs: number): void {
    this.#silo.reminderSet(grain, dueMs);
  }

  get neighbours(): Neighbours | undefined {
    return this.#silo.neighbours;
  }

  /** What an activation of this Core waits for before it starts; undefined: nothing. */
  get gate(): Promise<void> | undefined {
    if (this.definition.instance.ownership !== 'exclusive') return undefined;
    return this.#silo.neighbours?.exclusiveGate();
  }

  loggerFor(activation: Activation): Logger {
    const { logger } = this;
    const grain = activation.name;
    return {
      debug: (fields, message) => logger.debug({ grain, ...fields }, message),
      info: (fields, message) => logger.info({ grain, ...fields }, message),
      warn: (fields, message) => logger.warn({ grain, ...fields }, message),
      error: (fields, message) => logger.error({ grain, ...fields }, message),
    };
  }

  refFrom(turn: Turn, core: string, key: string | undefined): object {
    turn.checkRunning();
    return new (refClassFor(core))(this.#silo.callerFor(turn), core, key);
  }

  // --- routing -----------------------------------------------------------------------------------------------------

  /** Finds the grain and flow of an envelope of this Core and hands it over. Never throws. */
  dispatch(envelope: Envelope): void {
    // Chains that run must end on this definition, or its grains would never become idle.
    if (this.#paused && !envelope.chain) {
      this.#keepPaused(envelope);
      return;
    }
    try {
      const flow = this.#flowOf(envelope);
      const key = keyOf(envelope, this.#addressing);
      this.admit({ envelope, flow }, envelope.tenant, key);
    } catch (error) {
      envelope.reject(fromUnknown(error));
    }
  }

  /** A changed definition is about to take this one's place: what arrives from now on waits for it. */
  pause(): void {
    this.#paused ??= [];
  }

  #keepPaused(envelope: Envelope): void {
    if (!this.#paused || this.#paused.length >= PAUSED_MAX)
      envelope.reject(new GrainError('ERR_CAPACITY_FULL', { retryAfterMs: 1_000 }));
    else this.#paused.push(envelope);
  }

  /** What is on this host and would hold up its end: activations, and messages that wait for a place. */
  get size(): number {
    return this.table.size + this.table.waiting + (this.#stateless?.size ?? 0);
  }

  get isStateless(): boolean {
    return this.#stateless !== undefined;
  }

  get isClosed(): boolean {
    return this.#closedFor !== undefined;
  }

  /** A stopping silo lets nothing new in; what waits for room is told so. */
  stop(): void {
    this.#isStopping = true;
    for (const { envelope } of this.table.stop()) {
      if (this.#silo.neighbours) this.#silo.redispatch(envelope);
      else envelope.reject(new GrainError('ERR_SILO_DRAINING'));
    }
  }

  /** Ends what is left. What still waits goes to the next host of the Core, or is told that the silo is stopping. */
  close(reason: ClosingReason): void {
    this.#closedFor = reason;
    for (const message of this.table.stop()) this.#turnAway(message.envelope);
    this.table.endAll(reason);
    this.#stateless?.endAll(reason);
  }

  #turnAway(envelope: Envelope): void {
    if (this.#closedFor === 'silo_dead') envelope.reject(new GrainError('ERR_GRAIN_MOVED'));
    else if (this.#closedFor === 'drain') envelope.reject(new GrainError('ERR_SILO_DRAINING'));
    else if (this.#paused) this.#keepPaused(envelope);
    else this.#silo.redispatch(envelope);
  }

  takePaused(): readonly Envelope[] {
    const paused = this.#paused ?? [];
    this.#paused = undefined;
    return paused;
  }

  /** `hasLeft`: the grain's activation here has just ended. */
  admit(message: Message, tenant: string, key: string, hasLeft = false): void {
    if (this.#closedFor) this.#turnAway(message.envelope);
    else if (this.#stateless) this.#stateless.admit(message, tenant);
    else if (!this.#silo.neighbours || this.table.get(tenant, key)) this.table.admit(message, tenant, key);
    else this.#admitNew(message, { tenant, core: this.definition.name, key }, hasLeft);
  }

  /** A grain without an activation here: it may be another silo's. */
  #admitNew(message: Message, grain: GrainId, hasLeft: boolean): void {
    const { envelope } = message;
    const { neighbours } = this.#silo;
    // Where it is called first; but not again where it has just left, nor by a claim that is known to be in vain.
    const isPlacedHere =
      this.definition.instance.placement === 'prefer_local' &&
      envelope.tries === 0 &&
      !hasLeft &&
      !this.#isStopping &&
      !neighbours?.isKnownElsewhere(grain);
    if (!isPlacedHere && neighbours?.isElsewhere(envelope, grain, hasLeft))
      neighbours.sendOn(envelope, grain);
    else this.table.admit(message, grain.tenant, grain.key);
  }

  /** Undefined where the grain itself knows (reminder, forget), and where it has to record a refusal at the mark. */
  #flowOf(envelope: Envelope): HostedFlow | undefined {
    const { kind, flow: asked } = envelope;
    if (kind === 'reminder' || kind === 'forget') return undefined;
    const { events, on, name: core } = this.definition;
    const name = kind === 'event' ? events.get(asked) : kind === 'bus' ? on.get(asked) : asked;
    const flow = name === undefined ? undefined : this.flows.get(name);
    if (flow) return flow;
    const error =
      kind === 'event'
        ? new GrainError('ERR_EVENT_UNKNOWN', { core, event: asked })
        : new GrainError('ERR_FLOW_UNKNOWN', { core, flow: asked });
    refuseAtMark(envelope, error);
    return undefined;
  }
}

function hostFlows(definition: CoreDefinition): ReadonlyMap<string, HostedFlow> {
  const flows = new Map<string, HostedFlow>();
  for (const [name, flow] of definition.flows) {
    flows.set(name, {
      name,
      definition: flow,
      level: flow.level ?? definition.level,
      isReadonly: flow.readonly,
    });
  }
  return flows;
}

/** A Core whose flows are all volatile, and one without memory, never need the durable storage. */
export function isVolatileCore(definition: CoreDefinition): boolean {
  if (definition.instance.mode === 'stateless') return true;
  const levels = [...definition.flows.values()].map((flow) => flow.level ?? definition.level);
  return levels.every((level) => level === 'volatile');
}
