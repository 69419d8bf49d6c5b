// FakeCluster: a ClusterClient whose grains do what a test says.
// Its grains keep marks by the rules of hazards.md 3, so that what the gateway relies on is really there: apply when
// `prev` is the mark (or 0, above it), *done* at or below the mark, a recorded refusal again, else ERR_EVENT_GAP.
import type { AnyCore, Clock, GrainId, GrainRef } from '../../lib/index.ts';
import { formatGrainId, fromUnknown, GrainError, isErrorCode } from '../../lib/index.ts';
import type {
  ClusterClient,
  ClusterReport,
  CoreManifest,
  Emission,
  EmissionSink,
  Envelope,
  InstancePage,
  InstanceReport,
  MessageMark,
  SubscribeOptions,
  Subscription,
} from '../../silo/index.ts';

/** What the grain answered to one event, in the order of the answers. */
export interface Applied {
  readonly grain: string;
  readonly seq: number;
  readonly data: unknown;
}

/** `hold`: it waits in the cluster until `release`. An error: refused before the grain sees it. */
export type Interception = GrainError | 'hold' | undefined;

interface FakeMark {
  seq: number;
  attach: number;
  readonly refusals: Map<number, GrainError>;
}

class FakeGrain {
  readonly marks = new Map<string, FakeMark>();
  readonly emissions: Emission[] = [];
  readonly subscribers = new Set<FakeSubscription>();
  n = 0;
}

class FakeSubscription implements Subscription {
  readonly sink: EmissionSink;
  readonly event: string | undefined;
  readonly waiting: Emission[] = [];
  readonly #onCancel: (subscription: FakeSubscription) => void;
  #credit: number;
  #prev = 0;
  #isOver = false;

  constructor(
    sink: EmissionSink,
    options: SubscribeOptions,
    onCancel: (subscription: FakeSubscription) => void,
  ) {
    this.sink = sink;
    this.event = options.event;
    this.#credit = options.credit;
    this.#onCancel = onCancel;
  }

  offer(emission: Emission): void {
    if (this.event !== undefined && emission.event !== this.event) return;
    this.waiting.push(emission);
    this.pump();
  }

  pump(): void {
    while (!this.#isOver && this.#credit > 0) {
      const emission = this.waiting.shift();
      if (!emission) return;
      this.#credit -= 1;
      this.sink.push({ ...emission, prev: this.#prev });
      this.#prev = emission.n;
    }
  }

  grant(count: number): void {
    this.#credit += count;
    queueMicrotask(() => this.pump());
  }

  cancel(): void {
    this.#isOver = true;
    this.#onCancel(this);
  }

  end(error: GrainError): void {
    this.cancel();
    this.sink.end(error);
  }
}

export interface FakeCoreOptions {
  readonly mode?: CoreManifest['mode'];
  readonly entityKey?: string;
  readonly events?: readonly string[];
  readonly flows?: readonly string[];
}

export class FakeCluster implements ClusterClient {
  readonly clusterKey = '0f'.repeat(32);
  generation = 'generation-1';
  isDraining = false;
  /** Every envelope that was dispatched, in order. */
  readonly dispatched: Envelope[] = [];
  /** Every event that a grain ran to its end, in order: what took effect. */
  readonly applied: Applied[] = [];
  /** Envelopes that `intercept` held back, in order. */
  readonly held: Envelope[] = [];
  /** Runs in the grain. What it throws is the flow's failure; the default answers the input. */
  handler: (envelope: Envelope) => unknown = ({ input }) => input;
  /** Looks at each envelope before its grain does. */
  intercept: (envelope: Envelope) => Interception = () => undefined;
  /** How many emissions a grain keeps. */
  retained = 100;
  pages: InstancePage = { instances: [], cursor: undefined };
  readonly #clock: Clock;
  readonly #manifests = new Map<string, CoreManifest>();
  readonly #listeners = new Set<() => void>();
  readonly #grains = new Map<string, FakeGrain>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Loads a Core. */
  core(name: string, options: FakeCoreOptions = {}): this {
    const { mode = 'entity', entityKey, events = ['flight'], flows = ['record'] } = options;
    const flow = { readonly: false, description: undefined, input: undefined, output: undefined };
    this.#manifests.set(name, {
      name,
      version: '1.0.0',
      schema: 1,
      description: undefined,
      mode,
      entityKey,
      level: 'committed',
      isVolatile: false,
      flows: flows.map((flowName) => ({ name: flowName, ...flow })),
      events: Object.fromEntries(events.map((event) => [event, flows[0] ?? 'record'])),
      on: {},
    });
    for (const told of this.#listeners) told();
    return this;
  }

  /** Lets held envelopes go to their grains: the first, or those that are wanted. */
  release(isWanted: (envelope: Envelope) => boolean = () => true): void {
    const going: Envelope[] = [];
    for (const envelope of this.held.splice(0)) (isWanted(envelope) ? going : this.held).push(envelope);
    for (const envelope of going) this.#run(envelope);
  }

  /** Refuses held envelopes before their grains see them. */
  refuseHeld(error: GrainError): void {
    for (const envelope of this.held.splice(0)) envelope.reject(error);
  }

  /** Forgets what every grain keeps of its sources, as `volatile` Cores do when they are evicted. */
  forgetMarks(): void {
    for (const grain of this.#grains.values()) grain.marks.clear();
  }

  /** The marks of the grain, by source. */
  marksOf(grain: GrainId): ReadonlyMap<string, { readonly seq: number; readonly attach: number }> {
    return this.#grain(grain).marks;
  }

  emit(grainId: GrainId, event: string, data: unknown): void {
    const grain = this.#grain(grainId);
    grain.n += 1;
    const emission: Emission = { n: grain.n, prev: grain.n - 1, cursor: `1.${grain.n}`, event, data };
    grain.emissions.push(emission);
    if (grain.emissions.length > this.retained) grain.emissions.shift();
    for (const subscriber of grain.subscribers) subscriber.offer(emission);
  }

  /** Ends every subscription of the grain. */
  endSubscriptions(grainId: GrainId, error: GrainError): void {
    for (const subscriber of [...this.#grain(grainId).subscribers]) subscriber.end(error);
  }

  subscriberCount(grainId: GrainId): number {
    return this.#grain(grainId).subscribers.size;
  }

  // ---- ClusterClient ----

  dispatch(envelope: Envelope): void {
    this.dispatched.push(envelope);
    if (envelope.deadlineMs !== Infinity) {
      this.#clock.setTimer(envelope.deadlineMs - this.#clock.nowMs(), () => envelope.onDue());
    }
    if (!this.#manifests.has(envelope.core)) {
      envelope.reject(new GrainError('ERR_CORE_UNKNOWN', { core: envelope.core }));
      return;
    }
    const interception = this.intercept(envelope);
    if (interception === 'hold') this.held.push(envelope);
    else if (interception) envelope.reject(interception);
    else this.#run(envelope);
  }

  ref<C extends AnyCore>(): GrainRef<C> {
    throw new Error('FakeCluster has no references');
  }

  manifests(): ReadonlyMap<string, CoreManifest> {
    return this.#manifests;
  }

  onManifests(changed: () => void): () => void {
    this.#listeners.add(changed);
    return () => this.#listeners.delete(changed);
  }

  subscribe(grainId: GrainId, options: SubscribeOptions, sink: EmissionSink): Subscription {
    const after = options.from === undefined ? Infinity : Number(/^\d+\.(\d+)$/.exec(options.from)?.[1]);
    if (Number.isNaN(after)) throw new GrainError('ERR_CURSOR_INVALID', { from: options.from });
    const grain = this.#grain(grainId);
    const subscription = new FakeSubscription(sink, options, (gone) => grain.subscribers.delete(gone));
    grain.subscribers.add(subscription);
    const first = grain.emissions[0]?.n ?? grain.n + 1;
    queueMicrotask(() => {
      if (!grain.subscribers.has(subscription)) return;
      if (after !== Infinity && after + 1 < first) sink.gap(`1.${after}`, `1.${first - 1}`);
      const kept = grain.emissions.filter(({ n, event }) => n > after && (options.event ?? event) === event);
      subscription.waiting.unshift(...kept.filter((emission) => !subscription.waiting.includes(emission)));
      subscription.pump();
    });
    return subscription;
  }

  async instances(): Promise<InstancePage> {
    return this.pages;
  }

  async cluster(): Promise<ClusterReport> {
    return { view: 1, silos: [] };
  }

  // ---- Grains ----

  #grain(id: GrainId): FakeGrain {
    const name = formatGrainId(id);
    const grain = this.#grains.get(name) ?? new FakeGrain();
    this.#grains.set(name, grain);
    return grain;
  }

  #run(envelope: Envelope): void {
    if (!envelope.begin()) return;
    const id = { tenant: envelope.tenant, core: envelope.core, key: envelope.key ?? '' };
    const { mark } = envelope;
    if (mark === undefined) {
      this.#runFlow(envelope, id);
      return;
    }
    const grain = this.#grain(id);
    const known = grain.marks.get(mark.source) ?? { seq: 0, attach: 0, refusals: new Map() };
    const refusal = decide(known, mark);
    if (refusal === 'done') envelope.resolve(undefined);
    else if (refusal) envelope.reject(refusal);
    else {
      grain.marks.set(mark.source, known);
      this.#runFlow(envelope, id, (error) => {
        if (error && !error.spec.lasting) return;
        known.seq = mark.seq;
        known.attach = mark.attach;
        if (error) known.refusals.set(mark.seq, error);
        else this.applied.push({ grain: formatGrainId(id), seq: mark.seq, data: envelope.input });
      });
    }
  }

  #runFlow(envelope: Envelope, _id: GrainId, ended: (error?: GrainError) => void = () => undefined): void {
    const finish = (output: unknown): void => {
      ended();
      envelope.resolve(output);
    };
    const fail = (thrown: unknown): void => {
      const isCoded = thrown instanceof GrainError && isErrorCode(thrown.code);
      const error = isCoded
        ? fromUnknown(thrown)
        : new GrainError('ERR_FLOW_FAILED', { message: String(thrown) });
      ended(error);
      envelope.reject(error);
    };
    try {
      const output = this.handler(envelope);
      if (output instanceof Promise) output.then(finish, fail);
      else finish(output);
    } catch (error) {
      fail(error);
    }
  }
}

function decide(known: FakeMark, mark: MessageMark): GrainError | 'done' | undefined {
  if (mark.attach < known.attach) return new GrainError('ERR_SESSION_REPLACED');
  if (mark.seq <= known.seq) return known.refusals.get(mark.seq) ?? 'done';
  if (mark.prev === known.seq || mark.prev === 0) return undefined;
  return new GrainError('ERR_EVENT_GAP', { mark: known.seq, prev: mark.prev });
}

/** A line of an instance list, for tests of pages. */
export function fakeInstance(key: string): InstanceReport {
  return { key, state: 'active', epoch: 1, silo: 'fake', waiting: 0, running: 0, idleMs: 0, bytes: 0 };
}
