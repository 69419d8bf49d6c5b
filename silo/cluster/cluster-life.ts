// ClusterLife: one incarnation of a process in a cluster, from its coming in to its end.
// Owns: what belongs to the incarnation (membership, session, links, router, storage, the silo) and the order in which they
// begin and end. Does not own: the process's sockets to Redis and the decision to live again (cluster-node.ts).
//   F1. A silo becomes active only with a session, a silo that can answer, and links to every active silo (hazards.md 24).
//   F2. An incarnation that a view calls dead, or whose store lost data, ends for good: nothing of it is used again.
//   F3. Leaving: drain (others take what comes) → hand grains over → leave the view → end the session → close links.
import {
  FailureDetector,
  FOREVER,
  type GrainAddress,
  livingOf,
  type Member,
  memberOf,
  Membership,
  type MembershipView,
  type OpenedCluster,
  type PeerLink,
  type SessionJudge,
  type ViewSource,
} from '../../directory/index.ts';
import {
  type AnyCore,
  DEFAULT_TENANT,
  fromUnknown,
  GrainError,
  type GrainId,
  type TimerHandle,
  TimerWheel,
} from '../../lib/index.ts';
import type { Activation } from '../catalog/activation.ts';
import type { CoreHost } from '../catalog/core-host.ts';
import type {
  CoreManifest,
  EmissionSink,
  InstancePage,
  SiloReport,
  SubscribeOptions,
  Subscription,
} from '../cluster-client.ts';
import { keyOf } from '../messaging/address.ts';
import type { Envelope } from '../messaging/envelope.ts';
import { Silo } from '../silo.ts';
import type { EmissionPage } from '../storage/grain-storage.ts';
import { InboundEnvelope } from '../messaging/inbound-envelope.ts';
import type { ControlKind, InboundRequest, Link } from '../transport/link-messages.ts';
import { Links, type LinksHandlers } from '../transport/links.ts';
import { Asks, type Responder } from './asks.ts';
import type { ClusterNodeParts, NodeSession, NodeStorage } from './cluster-node.ts';
import { EarlyRequests } from './early-requests.ts';
import { EmissionFeed } from './emission-feed.ts';
import { ExclusiveGate } from './exclusive-gate.ts';
import { listCores } from './manifest-digest.ts';
import type { Neighbours } from './neighbours.ts';
import { NO_PLACEMENT, Placement, schemaOf } from './placement.ts';
import { Rebalancer } from './rebalancer.ts';
import { Router } from './router.ts';

/** How often outboxes that nobody told of are looked for. */
const SWEEP_MS = 30_000;
/** How long a silo that left still answers, and how long nothing has to be on its way before that. */
const LINGER_MS = 2_000;
const LINGER_LOOK_MS = 25;
const LINGER_LOOKS = 8;
/** A link on which nothing was heard for so long is given up: what was sent on it is *unknown*, not waited for. */
const LINK_SILENT_MS = 4_000;
/** How often a silo whose lease has lapsed says so. */
const TELL_LAPSED_MS = 400;
/** How often a gateway without a link looks for silos. */
const LOOK_MS = 500;
/** How long a gateway that starts waits for its first link. */
const FIRST_LINK_MS = 2_000;

export type EndOfLife = 'dead' | 'lost';

export class ClusterLife implements LinksHandlers {
  readonly incarnation: string;
  readonly membership: Membership;
  readonly router: Router;
  readonly silo: Silo | undefined;
  readonly #parts: ClusterNodeParts;
  readonly #links: Links;
  readonly #asks: Asks;
  readonly #feed: EmissionFeed;
  readonly #early: EarlyRequests;
  readonly #storage: NodeStorage;
  readonly #session: NodeSession | undefined;
  readonly #judge: SessionJudge;
  readonly #gate: ExclusiveGate;
  readonly #detector: FailureDetector;
  readonly #rebalancer: Rebalancer | undefined;
  readonly #wheel: TimerWheel;
  readonly #told: LifeListeners;
  #placement: Placement;
  #claimView: { readonly view: number; readonly living: ReadonlySet<string> };
  #state: 'new' | 'started' | 'leaving' | 'ended' = 'new';
  #address = { host: '', port: 0 };
  /** Members that links are kept to. One may be gone from the view before it was seen dead there. */
  readonly #dialled = new Set<string>();
  /** Members that left, and whose links were left to close. */
  readonly #leavers = new Set<string>();
  #sweep: TimerHandle | undefined = undefined;
  #look: TimerHandle | undefined = undefined;
  /** Manifests by Core: those of the view, and those that were seen before (a Core whose silos all died comes back). */
  readonly #manifests = new Map<string, CoreManifest>();
  #manifestsOf = '';

  constructor(parts: ClusterNodeParts, opened: OpenedCluster, cores: Iterable<AnyCore>, told: LifeListeners) {
    const { clock, rng, log, network, keys, role, name, options } = parts;
    this.#parts = parts;
    this.#told = told;
    this.incarnation = rng.hex(16);
    const { incarnation } = this;
    const { generation } = opened;
    this.membership = new Membership({ table: parts.table, incarnation, generation, clock, rng, log });
    const secret = options.linkSecret ?? opened.clusterKey;
    const self = { incarnation, name, role };
    this.#links = new Links({
      ...{ network, clock, rng, log, self, secret },
      cluster: keys.cluster,
      options: { silentMs: LINK_SILENT_MS },
      handlers: this,
    });
    this.#storage = parts.openStorage(generation);
    const confirm = (): Promise<boolean> => this.#isInView();
    this.#session = role === 'silo' ? parts.openSession(incarnation, confirm) : undefined;
    this.#judge = parts.openJudge(this.#session);
    this.#gate = new ExclusiveGate(clock, this.#judge.exclusiveWaitMs);
    this.#wheel = new TimerWheel(clock);
    this.#asks = new Asks(clock, this.#responders());
    this.#feed = new EmissionFeed({
      clock,
      log,
      listen: (grain, onEmissions, onReady) => this.#storage.onEmissions(grain, onEmissions, onReady),
    });
    this.#early = new EarlyRequests({
      clock,
      refresh: async (atLeast) => void (await this.membership.refresh(atLeast)),
      take: (envelope) => this.silo?.receive(envelope),
    });
    this.#placement = NO_PLACEMENT;
    this.#claimView = { view: 0, living: new Set() };
    this.router = new Router(
      {
        clock,
        rng,
        self: incarnation,
        linkTo: (peer) => this.#links.get(peer),
        siloLinks: () => this.#siloLinks(),
        takeHere: role === 'silo' ? (envelope) => this.#takeHere(envelope) : undefined,
        watch: (envelope) => this.watch(envelope),
      },
      this.#placement,
    );
    this.silo = role === 'silo' ? this.#makeSilo(opened) : undefined;
    for (const core of cores) this.silo?.host(core);
    this.#rebalancer = this.silo && this.#makeRebalancer(this.silo);
    this.#detector = this.#makeDetector();
  }

  // --- its parts ---------------------------------------------------------------------------------------------------

  #makeSilo({ clusterKey, generation }: OpenedCluster): Silo {
    const { clock, rng, log, gauges, options, name } = this.#parts;
    const { incarnation } = this;
    const system = { clock, rng, log, ...gauges };
    const neighbours = this.#neighbours();
    const parts = { storage: this.#storage, clusterKey, generation, incarnation, neighbours, ...system };
    return new Silo(parts, { ...options.silo, name });
  }

  #makeRebalancer(silo: Silo): Rebalancer {
    const hosts = (): Iterable<CoreHost> => silo.cores.values();
    return new Rebalancer(this.#parts.clock, hosts, (activation) => this.#mayStay(activation));
  }

  #makeDetector(): FailureDetector {
    const { clock, rng, log, gauges } = this.#parts;
    return new FailureDetector({
      clock,
      rng,
      log,
      membership: this.membership,
      table: this.#parts.table,
      judge: this.#judge,
      peers: () => this.#peers(),
      probe: async (host, port) => await this.#links.probe(host, port),
      loopDelayMs: () => gauges.eventLoopDelayMs?.() ?? 0,
    });
  }

  #neighbours(): Neighbours {
    return {
      lease: this.#session ?? FOREVER,
      directory: this.#parts.makeDirectory(this.membership.generation),
      manifests: () => this.#manifests,
      claimView: () => this.#claimView,
      isElsewhere: (envelope, grain, hasLeft) => this.router.isElsewhere(envelope, grain, hasLeft),
      isKnownElsewhere: (grain) => this.router.isKnownElsewhere(grain),
      sendOn: (envelope, grain) => this.router.sendOn(envelope, grain),
      sendAway: (envelope) => this.sendAway(envelope),
      toOwner: (envelope, owner) => this.router.toOwner(envelope, owner),
      refreshView: async (atLeast) => {
        await this.membership.refresh(atLeast).catch(() => undefined);
      },
      exclusiveGate: () => this.#gate.wait(),
      hostOfSchema: (grain, schema) => this.#hostOfSchema(grain, schema),
      isKeeperOf: (partition) => this.#isKeeperOf(partition),
      isReaderFor: (core) => this.#isReaderFor(core),
      reminderSet: (partition, dueMs) => this.#reminderSet(partition, dueMs),
      publishVolatile: (grain, epoch, emissions) => {
        // Whoever misses them is shown a gap.
        this.#storage.publishVolatile(grain, epoch, emissions).catch((err: unknown) => {
          this.#parts.log.warn({ err }, 'emission.publish_failed');
        });
      },
      storeLost: () => this.#storeLost(),
      coresChanged: () => this.#coresChanged(),
    };
  }

  // --- beginning and end -------------------------------------------------------------------------------------------

  /** Comes in. After a failure, `end` cleans up. @throws (rejects) ERR_STORE_*, ERR_LISTEN_FAILED, ERR_CLUSTER_FAILED */
  async start(): Promise<void> {
    const { membership } = this;
    membership.onView((view, source) => this.#viewChanged(view, source));
    membership.onSelfDead(() => this.#over('dead'));
    membership.onLost(() => this.#over('lost'));
    this.#session?.onDead(() => this.#buried());
    this.#session?.onLapsed(() => this.#tellLapsed());
    await this.#session?.start();
    this.#checkNew();
    await membership.start();
    this.#checkNew();
    // Before coming in: where the whole cluster crashed, it is the first who comes back that finds out.
    this.#detector.start();
    if (this.silo) await this.#comeIn(this.silo);
    else {
      this.#lookForSilos();
      await this.#reachSomebody();
    }
    this.#checkNew();
    this.#state = 'started';
    this.#armSweep();
  }

  /** It may have ended while it began: what is started after the end would never stop. @throws ERR_CLUSTER_FAILED */
  #checkNew(): void {
    if (this.#state === 'new') return;
    throw new GrainError('ERR_CLUSTER_FAILED', { message: 'it ended while it came in' });
  }

  async #comeIn(silo: Silo): Promise<void> {
    const { host, port, advertiseHost, advertisePort } = this.#parts.options.listen;
    const listening = await this.#links.listen(host, port);
    this.#address = { host: listening.host, port: listening.port };
    const { cores, manifests } = listCores(silo.manifests().values());
    await this.membership.join(
      {
        name: this.#parts.name,
        host: advertiseHost ?? host,
        port: advertisePort ?? listening.port,
        cores,
      },
      manifests,
    );
    await this.membership.activate((member) => this.#links.get(member.incarnation)?.isOpen === true);
    this.#checkNew();
    await silo.start();
  }

  /** A gateway serves from the first link on; without any silo it serves, and says that nobody hosts anything. */
  async #reachSomebody(): Promise<void> {
    const { clock } = this.#parts;
    const untilMs = clock.nowMs() + FIRST_LINK_MS;
    const isReached = (): boolean =>
      this.#placement.active.length === 0 ||
      this.#placement.active.some(({ incarnation }) => this.#links.get(incarnation)?.isOpen);
    while (!isReached() && clock.nowMs() < untilMs && this.#state === 'new')
      await new Promise<void>((resolve) => clock.setTimer(20, resolve));
  }

  /** While nobody has a link to a gateway, nobody can tell it of a silo that came: it has to look itself. */
  #lookForSilos(): void {
    const hasLink = this.#links.all().some(({ isOpen }) => isOpen);
    if (!hasLink) this.membership.refresh().catch(() => undefined); // the poll says what is wrong
    this.#look = this.#parts.clock.setTimer(LOOK_MS, () => this.#lookForSilos());
  }

  /** Where it listens. */
  get address(): { readonly host: string; readonly port: number } {
    return this.#address;
  }

  get isActive(): boolean {
    return this.#state === 'started' && (!this.silo || this.membership.state === 'active');
  }

  /** Hands over what it hosts and goes (F3). @throws never: what fails is logged, the others find out by themselves */
  async leave(): Promise<void> {
    if (this.#state === 'ended') return;
    this.#state = 'leaving';
    const tried = async (what: string, work: Promise<unknown> | undefined): Promise<void> => {
      await work?.catch((err: unknown) => this.#parts.log.warn({ err }, `leave.${what}_failed`));
    };
    this.#detector.stop();
    this.#rebalancer?.stop();
    if (this.silo) {
      await tried('drain', this.membership.drain());
      await tried('silo', this.silo.stop());
      await tried('view', this.membership.leave());
      await tried('session', this.#session?.end());
      await this.#linger();
    }
    await this.end(new GrainError('ERR_SILO_DRAINING'));
  }

  /** What others sent before they saw us leave is passed on, and answered, before the links close. */
  async #linger(): Promise<void> {
    const { clock } = this.#parts;
    const untilMs = clock.nowMs() + LINGER_MS;
    for (let quiet = 0; quiet < LINGER_LOOKS && clock.nowMs() < untilMs;) {
      await new Promise<void>((resolve) => clock.setTimer(LINGER_LOOK_MS, resolve));
      quiet = this.router.report().inFlight === 0 ? quiet + 1 : 0;
    }
  }

  /** Ends at once: nothing more is sent, run or promised. */
  async end(error: GrainError): Promise<void> {
    const wasEnded = this.#state === 'ended';
    const hasLeft = this.#state === 'leaving';
    this.#state = 'ended';
    if (wasEnded) return;
    this.#sweep?.cancel();
    this.#look?.cancel();
    this.#detector.stop();
    this.#rebalancer?.stop();
    this.membership.stop();
    this.router.close(error);
    this.#feed.close(error);
    const ended = (err: unknown): void => this.#parts.log.warn({ err }, 'life.end_failed');
    if (!hasLeft) this.silo?.abandon();
    await this.#links.close().catch(ended);
    if (!hasLeft) await this.#session?.end().catch(ended);
    this.#judge.close();
    // The silo that left has closed it.
    if (!this.silo || !hasLeft) await this.#storage.close().catch(ended);
  }

  #over(end: EndOfLife): void {
    if (this.#state === 'ended') return;
    // It goes anyway, but its time to hand over is up: turns that are held, and who waits for them, would wait for it.
    if (this.#state === 'leaving') this.silo?.abandon();
    this.#told.onEnd(this, end);
  }

  /** A tombstone lies over our session, so a view calls us dead, or should. */
  #buried(): void {
    // The others must not go on taking it for alive; where the record cannot be reached, they find out by themselves.
    const { incarnation, membership } = this;
    membership
      .declareDead(incarnation, 'a tombstone lies over its session')
      .catch((err: unknown) => this.#parts.log.warn({ err }, 'life.not_declared'))
      .finally(() => this.#over('dead'));
  }

  /** Cut off from the lock nodes, but not from the others: they need not wait until it falls silent. */
  #tellLapsed(): void {
    const { clock } = this.#parts;
    if (this.#state === 'ended' || !this.#session || clock.nowMs() < this.#session.untilMs) return;
    for (const link of this.#siloLinks()) link.control('suspect', null);
    clock.setTimer(TELL_LAPSED_MS, () => this.#tellLapsed());
  }

  async #isInView(): Promise<boolean> {
    const self = memberOf(await this.membership.refresh(), this.incarnation);
    // Before it came in there is nothing that could call it dead.
    return self ? self.state !== 'dead' : this.membership.state === 'watching';
  }

  /** A script found another generation, or none: the record tells what to make of it. */
  #storeLost(): void {
    this.membership.refresh().catch(() => undefined);
  }

  // --- views -------------------------------------------------------------------------------------------------------

  #viewChanged(view: MembershipView, source: ViewSource): void {
    this.#placement = new Placement(view);
    this.#claimView = { view: view.number, living: livingOf(view) };
    this.#gate.viewChanged(view);
    this.#keepLinks(view);
    this.#noteManifests(view);
    this.router.viewChanged(this.#placement);
    if (source === 'change') for (const link of this.#links.all()) link.control('view', view);
    if (!this.silo) return;
    this.#early.viewChanged(view.number);
    this.silo.viewChanged();
    if (this.#state === 'started') {
      this.#rebalancer?.start();
      this.#sweepOutboxes();
    }
  }

  /** Of two silos the one that came later dials; gateways dial all of them. */
  #keepLinks(view: MembershipView): void {
    const joinedView = memberOf(view, this.incarnation)?.joinedView ?? Infinity;
    for (const incarnation of this.#dialled) if (!memberOf(view, incarnation)) this.#forget(incarnation);
    for (const { incarnation, state, host, port, joinedView: theirs, death } of view.members) {
      if (incarnation === this.incarnation) continue;
      if (state === 'dead' && death?.cause === 'left') this.#forgetSoon(incarnation);
      else if (state === 'dead') this.#forget(incarnation);
      else if (this.silo ? theirs < joinedView && joinedView !== Infinity : true) {
        this.#dialled.add(incarnation);
        this.#links.dial({ incarnation, host, port });
      }
    }
  }

  #forget(incarnation: string): void {
    this.#dialled.delete(incarnation);
    this.#leavers.delete(incarnation);
    this.#links.forget(incarnation);
  }

  /** It left in order: it closes the link itself, when it has answered what is on its way. */
  #forgetSoon(incarnation: string): void {
    if (this.#leavers.has(incarnation)) return;
    this.#leavers.add(incarnation);
    this.#parts.clock.setTimer(2 * LINGER_MS, () => {
      this.#dialled.delete(incarnation);
      this.#links.forget(incarnation);
    });
  }

  #noteManifests({ members, manifests }: MembershipView): void {
    // An older version must not win over a newer one while both are there.
    const listed = members.filter(isServing).flatMap(({ cores }) => cores);
    const digests = listed.map(({ manifest }) => manifest).join();
    if (digests === this.#manifestsOf) return;
    this.#manifestsOf = digests;
    for (const { name, manifest } of listed) {
      const known = manifests[manifest];
      if (known) this.#manifests.set(name, known as CoreManifest);
    }
    this.#told.onManifests();
  }

  #coresChanged(): void {
    if (!this.silo || this.#state === 'new') return;
    const { cores, manifests } = listCores(this.silo.manifests().values());
    this.membership.setCores(cores, manifests).catch((err: unknown) => {
      this.#parts.log.warn({ err }, 'cores.not_listed');
    });
  }

  #peers(): readonly PeerLink[] {
    return this.#links
      .all()
      .map(({ peer, isOpen, heardMs }) => ({ incarnation: peer.incarnation, isOpen, heardMs }));
  }

  #mayStay({ host, tenant, core, key }: Activation): boolean {
    const home = this.#placement.homeOf({ tenant, core, key });
    // Nobody else: wherever it is, is home. So it is where its home could not read its memory any more.
    if (home === undefined || home.incarnation === this.incarnation) return true;
    return schemaOf(home, core) < host.definition.schema;
  }

  #hostOfSchema(grain: GrainId, schema: number): GrainAddress | undefined {
    const host = this.#placement.hostOfSchema(grain, schema);
    if (!host || host.incarnation === this.incarnation) return undefined;
    const { incarnation } = host;
    return { grain, incarnation, activation: 0, epoch: 0, view: this.#claimView.view };
  }

  #isKeeperOf(partition: number): boolean {
    return this.#placement.keeper(partition)?.incarnation === this.incarnation;
  }

  #isReaderFor(core: string): boolean {
    const among = core === '' ? undefined : this.#placement.hostsOf(core);
    return this.#placement.chosen(`bus/${core}`, among)?.incarnation === this.incarnation;
  }

  #reminderSet(partition: number, dueMs: number): void {
    const keeper = this.#placement.keeper(partition)?.incarnation;
    if (keeper === this.incarnation) this.silo?.hintReminder(dueMs);
    else if (keeper !== undefined) {
      const link = this.#links.get(keeper);
      if (link?.isOpen) link.control('ask', { id: 0, kind: 'hint', body: { dueMs } });
    }
  }

  #armSweep(): void {
    if (this.#state !== 'started' || !this.silo) return;
    this.#sweep = this.#parts.clock.setTimer(SWEEP_MS, () => {
      this.#sweepOutboxes();
      this.#armSweep();
    });
  }

  #sweepOutboxes(): void {
    this.#storage
      .sweepOutboxes((partition) => this.#isKeeperOf(partition))
      .catch((err: unknown) => {
        this.#parts.log.warn({ err }, 'outbox.sweep_failed');
      });
  }

  // --- messages ----------------------------------------------------------------------------------------------------

  /** Not before it came in: nobody would know the owner of what it activates (P2). */
  get #isIn(): boolean {
    const { state } = this.membership;
    return state !== 'new' && state !== 'watching' && state !== 'joining';
  }

  dispatch(envelope: Envelope): void {
    if (this.silo && !this.#isIn) {
      envelope.reject(
        new GrainError('ERR_ROUTE_FAILED', { message: 'this silo is coming in', retryAfterMs: 100 }),
      );
    } else if (this.silo) this.silo.dispatch(envelope);
    else {
      this.sendAway(envelope);
      if (!envelope.isSettled) this.watch(envelope);
    }
  }

  watch(envelope: Envelope): void {
    if (envelope.deadlineMs === Infinity || envelope.wheelPrev !== null) return;
    this.#wheel.schedule(envelope, envelope.deadlineMs);
  }

  /** Sends a message whose Core is not hosted here. */
  sendAway(envelope: Envelope): void {
    const manifest = this.#manifests.get(envelope.core);
    if (!manifest) {
      const isKnown = this.#placement.active.length > 0;
      const details = { core: envelope.core, retryAfterMs: 500 };
      envelope.reject(new GrainError(isKnown ? 'ERR_CORE_UNKNOWN' : 'ERR_ROUTE_FAILED', details));
      return;
    }
    if (envelope.tenant === '') envelope.tenant = DEFAULT_TENANT;
    const { tenant, core } = envelope;
    try {
      const key = keyOf(envelope, { core, mode: manifest.mode, entityKey: manifest.entityKey });
      envelope.key = key;
      const grain = { tenant, core, key };
      if (manifest.mode === 'stateless') this.router.sendAnywhere(envelope, grain);
      else this.router.sendOn(envelope, grain);
    } catch (error) {
      envelope.reject(fromUnknown(error));
    }
  }

  #takeHere(envelope: Envelope): void {
    if (!this.silo) return;
    if (envelope instanceof InboundEnvelope) this.silo.receive(envelope);
    else this.silo.dispatch(envelope);
  }

  onRequest(_link: Link, { envelope }: InboundRequest): void {
    if (this.silo && this.#isIn && envelope instanceof InboundEnvelope) {
      if (envelope.routing.view <= this.#claimView.view) return this.silo.receive(envelope);
      this.#early.hold(envelope);
      this.watch(envelope);
    } else if (this.silo) envelope.reject(new GrainError('ERR_ROUTE_FAILED', { retryAfterMs: 50 }));
    else envelope.reject(new GrainError('ERR_ROUTE_FAILED', { message: 'a gateway hosts nothing' }));
  }

  onControl(link: Link, kind: ControlKind, body: unknown): void {
    if (kind === 'view') this.membership.offer(body);
    else if (kind === 'suspect') this.#detector.lapseTold(link.peer.incarnation);
    else if (kind === 'ask') this.#asks.onAsk(link, body);
    else if (kind === 'answer') this.#asks.onAnswer(body);
  }

  onOpen(link: Link): void {
    if (this.membership.state !== 'new') link.control('view', this.membership.view);
    // It was heard: should its process end before the next look, a refused connect is enough.
    this.#detector.hint();
  }

  onDialFailed(_incarnation: string, outcome: 'refused' | 'unreachable'): void {
    if (outcome === 'refused') this.#detector.hint();
  }

  onReplaced(): void {
    this.#detector.hint();
  }

  onClosed(link: Link): void {
    this.#asks.onClosed(link);
    this.#detector.hint();
    // Perhaps it was closed because a view calls this silo dead; over the link nobody can tell it any more.
    if (this.silo && this.#isIn && this.#state !== 'ended') this.membership.refresh().catch(() => undefined);
  }

  // --- subscriptions and reports -----------------------------------------------------------------------------------

  subscribe(grain: GrainId, options: SubscribeOptions, sink: EmissionSink): Subscription {
    const isVolatile = this.#manifests.get(grain.core)?.isVolatile ?? false;
    const source = isVolatile
      ? {
          readEmissions: (of: GrainId, after: number, limit: number): Promise<EmissionPage> =>
            this.#volatileEmissions(of, after, limit),
        }
      : this.#storage;
    return this.#feed.subscribe(grain, options, sink, source);
  }

  async #volatileEmissions(grain: GrainId, after: number, limit: number): Promise<EmissionPage> {
    const own = this.silo?.volatileEmissions(grain, after, limit);
    if (own) return await own;
    const hosts = this.#placement.view.members.filter(
      (member) =>
        isServing(member) && schemaOf(member, grain.core) > 0 && member.incarnation !== this.incarnation,
    );
    const asked = await Promise.allSettled(
      hosts.map(async ({ incarnation }) => {
        const link = this.#links.get(incarnation);
        if (!link?.isOpen) throw new GrainError('ERR_ROUTE_FAILED', { retryAfterMs: 50 });
        return (await this.#asks.ask(link, 'emissions', { grain, after, limit })) as EmissionPage | null;
      }),
    );
    for (const answer of asked) if (answer.status === 'fulfilled' && answer.value) return answer.value;
    // Who did not answer may have it: that nobody else has is no sign that its memory is gone.
    for (const answer of asked) if (answer.status === 'rejected') throw answer.reason;
    return { emissionEpoch: 0, first: 1, last: 0, emissions: [] };
  }

  manifests(): ReadonlyMap<string, CoreManifest> {
    return this.#manifests;
  }

  async reports(): Promise<readonly SiloReport[]> {
    const own = this.silo ? (await this.silo.cluster()).silos : [];
    const others = await this.#askAll('report', null);
    return [...own, ...(others as readonly (readonly SiloReport[])[]).flat()];
  }

  async instances(
    tenant: string,
    core: string,
    options: { readonly limit: number; readonly cursor?: string },
  ): Promise<InstancePage> {
    if (!this.#manifests.has(core)) throw new GrainError('ERR_CORE_UNKNOWN', { core });
    const own = this.silo?.cores.has(core) ? [await this.silo.instances(tenant, core, options)] : [];
    const asked = await this.#askAll('instances', { tenant, core, ...options });
    const pages = [...own, ...asked.flatMap((page) => (page === null ? [] : [page as InstancePage]))];
    return mergePages(pages, options.limit);
  }

  #siloLinks(): readonly Link[] {
    return this.#links.all().filter(({ isOpen, peer }) => isOpen && peer.role === 'silo');
  }

  /** Of every silo that can be reached; one that does not answer is left out. */
  async #askAll(kind: string, body: unknown): Promise<readonly unknown[]> {
    const answers = await Promise.allSettled(
      this.#siloLinks().map((link) => this.#asks.ask(link, kind, body)),
    );
    return answers.flatMap((answer) => (answer.status === 'fulfilled' ? [answer.value] : []));
  }

  #responders(): ReadonlyMap<string, Responder> {
    return new Map<string, Responder>([
      ['report', async () => (this.silo ? (await this.silo.cluster()).silos : [])],
      [
        'instances',
        (body) => {
          const { tenant, core, limit, cursor } = body as InstancesAsk;
          if (!this.silo?.cores.has(core)) return null;
          return this.silo.instances(tenant, core, { limit, ...(cursor === undefined ? {} : { cursor }) });
        },
      ],
      [
        'emissions',
        (body) => {
          const { grain, after, limit } = body as EmissionsAsk;
          return this.silo?.volatileEmissions(grain, after, limit) ?? null;
        },
      ],
      [
        'hint',
        (body) => {
          this.silo?.hintReminder((body as { readonly dueMs: number }).dueMs);
          return null;
        },
      ],
    ]);
  }
}

export interface LifeListeners {
  /** It is over: a view calls it dead, or the store lost its data. */
  readonly onEnd: (life: ClusterLife, end: EndOfLife) => void;
  readonly onManifests: () => void;
}

interface InstancesAsk {
  readonly tenant: string;
  readonly core: string;
  readonly limit: number;
  readonly cursor?: string;
}

interface EmissionsAsk {
  readonly grain: GrainId;
  readonly after: number;
  readonly limit: number;
}

/** The pages of all silos as one, in key order: each had `limit` of its own. */
function mergePages(pages: readonly InstancePage[], limit: number): InstancePage {
  const instances = pages
    .flatMap((page) => page.instances)
    .sort((left, right) => (left.key < right.key ? -1 : 1));
  const hasMore = instances.length > limit || pages.some(({ cursor }) => cursor !== undefined);
  const shown = instances.slice(0, limit);
  return { instances: shown, cursor: hasMore ? shown.at(-1)?.key : undefined };
}

function isServing({ state }: Member): boolean {
  return state === 'active' || state === 'draining';
}
