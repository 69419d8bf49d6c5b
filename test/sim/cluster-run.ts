// One seeded run of a whole cluster: clients stream events and call through gateways and silos while machines, network and
// Redis fail as the plan says; then everything is healed, and the history is checked against what the clients were told.
//   Checked: P1 (commit-watch.ts), P2 (turns of `exclusive` grains in the order of their epochs), P3 (what was acknowledged
//   is there), P4 (every call ends, by its deadline), P5 (a command id runs once; no turn starts after its deadline), P6
//   (emissions without holes), P7 (reminders fire), exactly-once events in order, linearizability of commits and checked
//   reads (cluster-history.ts), the bus, and that nothing waits in a router at the end (P8).
//   Where Redis lost writes that it had acknowledged, only P1, P2 (within what is left), P4 and whole commits are demanded.
import { assert, GrainError, randomBelow } from '../../lib/index.ts';
import { PromiseEnvelope, type Subscription } from '../../silo/index.ts';
import { ClusterHistory } from './cluster-history.ts';
import type { BookHistory } from './cluster-cores.ts';
import { actNemesis, heal, type NemesisWorld } from './cluster-nemesis.ts';
import { BOOKS, CLIENTS, type ClusterPlan, type LoadItem } from './cluster-plan.ts';
import { CommitWatch } from './commit-watch.ts';
import { madeCluster } from './made-cluster.ts';
import { CLUSTER, SimCluster } from './sim-cluster.ts';
import type { SimEvent } from './sim-cores.ts';
import type { NodePlant, SimNode } from './sim-node.ts';
import { SimClient } from './sim-session.ts';

const BOOT_MOST_MS = 20_000;
const HEAL_MOST_MS = 90_000;
/** One run in so many makes its cluster itself. */
const MAKE_EVERY = 25;
const CALL_MS = 4_000;
/** How late the end of a call may be told, on a machine that did not stand still. */
const GRACE_MS = 100;
/** P7: a lost hint is made up for within 30 s. */
const REMINDER_MOST_MS = 40_000;
/** Silos stop, wait a TTL and find the loss when they come in anew. */
const LOSS_TOLD_MS = 20_000;
const STEPS_MOST = 600_000;

export interface ClusterReport {
  readonly violations: readonly string[];
  readonly history: readonly string[];
  readonly steps: number;
  readonly commits: number;
  readonly scripts: number;
  readonly hasLostWrites: boolean;
}

interface Command {
  readonly id: string;
  readonly flow: 'command' | 'open';
  readonly core: 'book' | 'vault';
  readonly key: string;
  state: 'unsent' | 'open' | 'unknown' | 'done';
}

interface OpenCall {
  readonly what: string;
  readonly node: SimNode;
  readonly process: SimNode['process'];
}

class ClusterRun {
  readonly #plan: ClusterPlan;
  readonly #plant: NodePlant | undefined;
  readonly #cluster: SimCluster;
  readonly #watch = new CommitWatch();
  readonly #history = new ClusterHistory();
  readonly #clients: readonly SimClient[];
  readonly #homes = new Map<SimClient, SimNode['process']>();
  readonly #commands: Command[] = [];
  readonly #violations: string[] = [];
  readonly #notes: string[] = [];
  readonly #open = new Map<PromiseEnvelope, OpenCall>();
  /** Highest epoch that started a turn, by vault. */
  readonly #vaultEpochs = new Map<string, number>();
  /** By when a turn for an id has to begin, in world time. */
  readonly #deadlines = new Map<string, number>();
  /** What subscribers were pushed, by book. */
  readonly #pushed = new Map<string, string[]>();
  readonly #cursors = new Map<string, string>();
  readonly #subscriptions = new Map<string, Subscription>();
  #isReminded = false;
  /** Nobody tries anything again. */
  #isOver = false;

  constructor(plan: ClusterPlan, plant: NodePlant | undefined) {
    this.#plan = plan;
    this.#plant = plant;
    this.#cluster = new SimCluster(plan, {
      witness: {
        vaultTurn: (key, epoch) => this.#vaultTurn(key, epoch),
        turnStarted: (id) => this.#turnStarted(id),
      },
      note: (text) => this.#note(text),
      violated: (text) => this.#violations.push(text),
      plant,
    });
    const { server } = this.#cluster.redis;
    server.onScript = (...script) => this.#watch.onScript(...script);
    this.#clients = Array.from(
      { length: CLIENTS },
      (_unused, index) =>
        new SimClient(`client-${index}`, {
          core: 'book',
          onVerdict: (event, verdict) => {
            if (verdict === 'applied') this.#history.end(event.id, this.#nowMs, undefined);
          },
        }),
    );
  }

  get #nowMs(): number {
    return this.#cluster.world.nowMs;
  }

  #note(text: string): void {
    this.#notes.push(`${this.#nowMs.toFixed(0)} ms ${text}`);
  }

  #say(text: string): void {
    this.#note(`VIOLATION ${text}`);
    this.#violations.push(text);
  }

  // --- what happens --------------------------------------------------------------------------------------------------

  async run(): Promise<ClusterReport> {
    try {
      await this.#boot();
      await this.#break();
      if (this.#plan.flushMs !== undefined) await this.#checkLoss();
      else {
        await this.#finish();
        await this.#checkAll();
      }
    } catch (error) {
      this.#say(
        `the run itself failed: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`,
      );
    }
    const { world, redis } = this.#cluster;
    return {
      violations: [...this.#violations, ...this.#watch.violations, ...this.#history.violations],
      history: this.#notes,
      steps: world.stepCount,
      commits: this.#watch.commits,
      scripts: redis.server.counts.scripts,
      hasLostWrites: redis.hasLostWrites,
    };
  }

  /** Steps until it is so; false when it never was. */
  async #until(isSo: () => boolean, mostMs: number): Promise<boolean> {
    const { world } = this.#cluster;
    const untilMs = world.nowMs + mostMs;
    while (!isSo()) {
      if (world.nowMs >= untilMs || world.stepCount >= STEPS_MOST) return false;
      if (!(await world.step())) return isSo();
    }
    return true;
  }

  async #boot(): Promise<void> {
    const { world, nodes, redis } = this.#cluster;
    // Making a cluster is most of the work of coming in: it is tried by some.
    if (this.#plan.seed % MAKE_EVERY !== 0) redis.server.data.load(await madeCluster(CLUSTER));
    for (const node of nodes) world.addTimer(undefined, randomBelow(world.rng, 500), () => node.start());
    const isUp = await this.#until(() => nodes.every((node) => node.isReady), BOOT_MOST_MS);
    if (!isUp) {
      const missing = nodes.filter((node) => !node.isReady).map(({ host }) => host);
      this.#say(`without any fault, ${missing.join()} did not come in within ${BOOT_MOST_MS} ms`);
    }
    this.#note('all are in');
    for (const client of this.#clients) this.#attach(client);
    for (const book of BOOKS) this.#subscribe(book);
  }

  async #break(): Promise<void> {
    const { world } = this.#cluster;
    const { load, nemesis, faultyMs, flushMs } = this.#plan;
    if (flushMs !== undefined) world.addTimer(undefined, flushMs, () => this.#flush());
    for (const item of load) world.addTimer(undefined, item.atMs, () => this.#apply(item));
    for (const action of nemesis) {
      world.addTimer(undefined, action.atMs, () => {
        actNemesis(this.#nemesisWorld, action);
        if (action.kind === 'loseWrites') this.#watch.forget();
      });
    }
    const endMs = world.nowMs + faultyMs;
    await this.#until(() => world.nowMs >= endMs, faultyMs + 1);
    heal(this.#nemesisWorld);
  }

  #flush(): void {
    this.#note('nemesis: Redis forgets everything');
    this.#cluster.redis.flush();
    this.#watch.forget();
    this.#watch.close();
  }

  get #nemesisWorld(): NemesisWorld {
    const { world, net, redis, silos, gateways } = this.#cluster;
    const reattach = (client: number): void => this.#attach(this.#clientOf(client));
    return { world, net, redis, silos, gateways, reattach, note: (text) => this.#note(text) };
  }

  #clientOf(index: number): SimClient {
    const client = this.#clients[index % this.#clients.length];
    assert(client, 'there are clients');
    return client;
  }

  #apply(item: LoadItem): void {
    switch (item.kind) {
      case 'event':
        return this.#pushEvent(this.#clientOf(item.client), item.event);
      case 'command':
        return this.#begin({ id: item.id, flow: 'command', core: 'book', key: item.book, state: 'unsent' });
      case 'open':
        return this.#begin({ id: item.id, flow: 'open', core: 'vault', key: item.vault, state: 'unsent' });
      case 'read':
      case 'checked':
        return this.#read(item.id, item.kind, item.book, item.through);
      case 'remind':
        return this.#remind(item.through);
    }
  }

  // --- clients -------------------------------------------------------------------------------------------------------

  /** To any gateway that runs; when that dies, to another. */
  #attach(client: SimClient): void {
    const gateway = this.#cluster.anyGateway();
    if (!gateway) {
      this.#homes.delete(client);
      this.#cluster.world.addTimer(undefined, 200, () => {
        if (!this.#homes.has(client)) this.#attach(client);
      });
      return;
    }
    const { process } = gateway;
    this.#note(`${client.name} attaches to ${gateway.host}`);
    this.#homes.set(client, process);
    client.attach(gateway.node, process);
    process.onDeath(() => {
      if (this.#homes.get(client) !== process) return;
      client.detach();
      this.#attach(client);
    });
  }

  #pushEvent(client: SimClient, event: SimEvent): void {
    const named = { ...event, id: `${client.name}:${client.events.length + 1}` };
    this.#note(`event ${named.id} to ${named.book}${named.throws ? ' (throws)' : ''}`);
    this.#history.begin(named.id, 'event', named.book, this.#nowMs);
    client.push(named);
  }

  #begin(command: Command): void {
    this.#commands.push(command);
    this.#send(command);
  }

  #send(command: Command): void {
    const { id, flow, core, key } = command;
    if (core === 'book') this.#history.begin(id, 'command', key, this.#nowMs);
    command.state = 'open';
    const told = (error: unknown): void => {
      this.#note(`${id}: ${textOf(error)}`);
      command.state = 'unknown';
      if (this.#isOver) return;
      // The same id again, until it is known.
      this.#cluster.world.addTimer(undefined, 50 + randomBelow(this.#cluster.world.rng, 500), () =>
        this.#send(command),
      );
    };
    const call = this.#call(randomBelow(this.#cluster.world.rng, 1_000), core, key, flow, { id }, id);
    if (!call) return told('nobody is there');
    call.then((value) => {
      command.state = 'done';
      this.#note(`${id}: ${String(value)}`);
      if (core === 'book') this.#history.end(id, this.#nowMs, value as number);
    }, told);
  }

  #read(id: string, kind: 'read' | 'checked', book: string, through: number): void {
    this.#history.begin(id, kind, book, this.#nowMs);
    this.#call(through, 'book', book, kind, undefined, undefined)?.then(
      (value) => {
        this.#note(`${id} of ${book}: ${String(value)}`);
        this.#history.end(id, this.#nowMs, value as number);
      },
      (error: unknown) => this.#note(`${id}: ${textOf(error)}`),
    );
  }

  #remind(through: number): void {
    this.#call(through, 'book', 'a', 'remind', undefined, undefined)?.then(
      () => (this.#isReminded = true),
      () => undefined,
    );
  }

  #call(
    through: number,
    core: string,
    key: string,
    flow: string,
    input: unknown,
    commandId: string | undefined,
  ): Promise<unknown> | undefined {
    const node = this.#cluster.through(through);
    if (!node) return undefined;
    const { process } = node;
    const envelope = new PromiseEnvelope();
    envelope.core = core;
    envelope.key = key;
    envelope.flow = flow;
    envelope.input = input;
    envelope.principal = 'caller';
    envelope.commandId = commandId;
    const deadlineMs = process.nowMs() + CALL_MS;
    envelope.deadlineMs = this.#plant?.isWithoutDeadlines ? Infinity : deadlineMs;
    const what = `${flow} ${core}/${key} ${commandId ?? ''}`;
    if (commandId !== undefined) this.#deadlines.set(commandId, this.#nowMs + CALL_MS / process.rate);
    this.#open.set(envelope, { what, node, process });
    const done = (): void => {
      this.#open.delete(envelope);
      const lateMs = process.nowMs() - deadlineMs;
      if (process.isAlive && lateMs > GRACE_MS && process.steadyMs > lateMs) {
        this.#say(`${what} ended ${lateMs.toFixed(0)} ms after its deadline`);
      }
    };
    envelope.promise.then(done, done);
    // The caller of a process that died can't know.
    process.onDeath(() => envelope.reject(new GrainError('ERR_CALL_TIMEOUT')));
    node.node.dispatch(envelope);
    return envelope.promise;
  }

  #subscribe(book: string): void {
    const { world } = this.#cluster;
    const gateway = this.#cluster.anyGateway();
    const again = (): void => {
      this.#subscriptions.delete(book);
      world.addTimer(undefined, 300, () => {
        if (!this.#subscriptions.has(book)) this.#subscribe(book);
      });
    };
    if (!gateway) return again();
    const { process } = gateway;
    const from = this.#cursors.get(book) ?? '0.0';
    let last = Number(from.slice(from.lastIndexOf('.') + 1));
    let isOver = false;
    const end = (): void => {
      if (isOver) return;
      isOver = true;
      again();
    };
    process.onDeath(end);
    const subscription = gateway.node.subscribe(
      { tenant: 'default', core: 'book', key: book },
      { from, credit: Infinity },
      {
        push: ({ n, prev, cursor, data }) => {
          if (isOver) return;
          if (prev !== last)
            this.#demand(`${book}: push ${n} says that ${prev} is before it, and ${last} was`);
          last = n;
          this.#cursors.set(book, cursor);
          const ids = this.#pushed.get(book) ?? [];
          this.#pushed.set(book, ids);
          ids.push((data as { readonly id: string }).id);
        },
        gap: (gapFrom, to) => {
          this.#demand(`${book}: a gap from ${gapFrom} to ${to}, where nothing was trimmed`);
          last = Number(to.slice(to.lastIndexOf('.') + 1));
          this.#cursors.set(book, to);
        },
        end: (error) => {
          this.#note(`subscription of ${book}: ${textOf(error)}`);
          end();
        },
      },
    );
    this.#subscriptions.set(book, subscription);
  }

  /** What holds as long as the store keeps what it acknowledged. */
  #demand(text: string): void {
    if (!this.#cluster.redis.hasLostWrites) this.#say(text);
  }

  // --- what user code tells ------------------------------------------------------------------------------------------

  #vaultTurn(key: string, epoch: number): void {
    const highest = this.#vaultEpochs.get(key) ?? 0;
    this.#note(`vault ${key}: a turn of epoch ${epoch}`);
    if (epoch < highest)
      this.#demand(`vault ${key}: a turn of epoch ${epoch} started after one of epoch ${highest}`);
    this.#vaultEpochs.set(key, Math.max(highest, epoch));
  }

  #turnStarted(id: string): void {
    const lateMs = this.#nowMs - (this.#deadlines.get(id) ?? Infinity);
    if (lateMs > this.#cluster.net.longestTransitMs + GRACE_MS) {
      this.#say(`${id}: a turn started ${lateMs.toFixed(0)} ms after the deadline of the call`);
    }
  }

  // --- the end -------------------------------------------------------------------------------------------------------

  /** Everything that was begun has to come to its end. */
  async #finish(): Promise<void> {
    const isDone = (): boolean =>
      this.#clients.every((client) => client.isDone) &&
      this.#commands.every(({ state }) => state === 'done') &&
      this.#open.size === 0;
    if (await this.#until(isDone, HEAL_MOST_MS)) return;
    for (const client of this.#clients) {
      if (!client.isDone) this.#say(`${client.name} is stuck at ${client.acked} of ${client.events.length}`);
    }
    for (const { id, state } of this.#commands) if (state !== 'done') this.#say(`${id} is ${state}`);
    for (const { what } of this.#open.values()) this.#say(`${what} never ended`);
  }

  /** Everything is gone: that is told, and nothing starts from empty memory before the operator says that it may. */
  async #checkLoss(): Promise<void> {
    const { nodes, world } = this.#cluster;
    this.#isOver = true;
    const quietMs = this.#nowMs + LOSS_TOLD_MS;
    await this.#until(() => this.#nowMs >= quietMs && this.#open.size === 0, 2 * LOSS_TOLD_MS);
    for (const { what } of this.#open.values()) this.#say(`${what} never ended`);
    for (const { host } of nodes.filter((node) => node.isReady))
      this.#say(`${host} serves a store that lost its data`);
    const told = nodes.filter((node) => node.lastFailure === 'ERR_STORE_LOST').length;
    if (told < nodes.length)
      this.#say(`${nodes.length - told} processes do not say that the store lost its data`);
    const acknowledged = new Set(
      this.#clients.flatMap(({ events, verdicts }) =>
        events.filter((_event, index) => verdicts.get(index + 1) === 'applied').map(({ id }) => id),
      ),
    );
    this.#note('the operator lets it start empty');
    this.#watch.open();
    for (const node of nodes) {
      node.onDataLoss = 'start_empty';
      node.kill();
      world.addTimer(undefined, randomBelow(world.rng, 500), () => node.start());
    }
    const isUp = await this.#until(() => nodes.every((node) => node.isReady), BOOT_MOST_MS);
    if (!isUp) this.#say('the operator let the cluster start empty, and it did not come in');
    for (const book of BOOKS) {
      const history = (await this.#ask('book', book, 'history')) as BookHistory | undefined;
      const unsettled = history?.log.filter((id) => acknowledged.has(id)) ?? [];
      if (unsettled.length > 0)
        this.#say(`${book}: ${unsettled.join()} was acknowledged before the loss, and runs after it`);
    }
  }

  async #checkAll(): Promise<void> {
    const { redis } = this.#cluster;
    for (const text of redis.server.halfWritten) this.#say(`a script wrote and then failed: ${text}`);
    const notes = ((await this.#ask('audit', 'one', 'all')) ?? {}) as Counts;
    const seen = await this.#settledBoard();
    for (const book of BOOKS) await this.#checkBook(book, notes, seen);
    const waiting = (): readonly string[] =>
      this.#cluster.nodes.flatMap(({ host, node }) => {
        const { inFlight = 0, parked = 0 } = node.life?.router.report() ?? {};
        return inFlight + parked > 0
          ? [`${host}: ${inFlight} in flight and ${parked} parked at the end`]
          : [];
      });
    await this.#until(() => waiting().length === 0, 2 * CALL_MS);
    for (const text of waiting()) this.#say(text);
  }

  /** What the bus delivered, as soon as everything that was acknowledged is there, or time is up. */
  async #settledBoard(): Promise<Counts> {
    const applied = this.#clients.flatMap((client) =>
      client.events.filter((_event, index) => client.verdicts.get(index + 1) === 'applied'),
    );
    const untilMs = this.#nowMs + HEAL_MOST_MS;
    for (;;) {
      const seen = ((await this.#ask('board', '', 'all')) ?? {}) as Counts;
      const isThere = applied.every(({ id }) => (seen[id] ?? 0) > 0);
      if (isThere || this.#cluster.redis.hasLostWrites || this.#nowMs > untilMs) return seen;
      const nextMs = this.#nowMs + 500;
      await this.#until(() => this.#nowMs >= nextMs, 1_000);
    }
  }

  async #checkBook(book: string, notes: Counts, seen: Counts): Promise<void> {
    const history = (await this.#ask('book', book, 'history')) as BookHistory | undefined;
    if (!history) return; // said already
    const isWhole = !this.#cluster.redis.hasLostWrites;
    this.#history.check(book, history, isWhole);
    if (!isWhole) return;
    this.#history.checkLocalReads(book, history.log);
    for (const client of this.#clients) {
      const applied = history.log.filter((id) => id.startsWith(`${client.name}:`));
      const expected = client.events.filter(
        (event, index) => event.book === book && client.verdicts.get(index + 1) === 'applied',
      );
      if (applied.join() !== expected.map(({ id }) => id).join()) {
        this.#say(`${book} applied [${applied}], acknowledged were [${expected.map(({ id }) => id)}]`);
      }
      for (const [index, event] of client.events.entries()) {
        if (event.book === book)
          this.#checkEvent(client, index + 1, event, notes[event.id] ?? 0, seen[event.id] ?? 0);
      }
    }
    await this.#checkPushed(book, history);
    if (book === 'a' && this.#isReminded) await this.#checkReminder(history);
  }

  #checkEvent(client: SimClient, seq: number, event: SimEvent, noted: number, seen: number): void {
    const verdict = client.verdicts.get(seq);
    // A nested call that fails makes its caller throw, so only events without one have a verdict known in advance.
    const isFine = event.throws
      ? verdict === 'refused'
      : verdict === 'applied' || (event.calls && verdict === 'refused');
    if (!isFine) this.#say(`${event.id} was told ${verdict ?? 'nothing'}`);
    if (noted > 1 || (event.calls && verdict === 'applied' && noted !== 1)) {
      this.#say(`${event.id} was told ${verdict ?? 'nothing'}: its nested call ran ${noted} times`);
    }
    const expected = verdict === 'applied' ? 1 : 0;
    if (seen !== expected)
      this.#say(`${event.id} was told ${verdict ?? 'nothing'}: the bus delivered it ${seen} times`);
  }

  async #checkReminder(history: BookHistory): Promise<void> {
    const untilMs = this.#nowMs + REMINDER_MOST_MS;
    let { ticks } = history;
    while (ticks < 1 && this.#nowMs < untilMs) {
      const nextMs = this.#nowMs + 1_000;
      await this.#until(() => this.#nowMs >= nextMs, 2_000);
      ticks = ((await this.#ask('book', 'a', 'history')) as BookHistory | undefined)?.ticks ?? 0;
    }
    if (ticks < 1) this.#say('the reminder never fired');
  }

  /** Subscribers got what was emitted, in order, and nothing else. */
  async #checkPushed(book: string, history: BookHistory): Promise<void> {
    const emitted = history.log.filter((id) => id.startsWith('client'));
    const pushed = (): readonly string[] => this.#pushed.get(book) ?? [];
    await this.#until(() => pushed().length >= emitted.length, HEAL_MOST_MS);
    if (pushed().join() !== emitted.join()) {
      this.#say(`${book}: subscribers were pushed [${pushed().join()}], emitted were [${emitted.join()}]`);
    }
  }

  /** Asks until it is answered. */
  async #ask(core: string, key: string, flow: string): Promise<unknown> {
    const untilMs = this.#nowMs + HEAL_MOST_MS;
    let failure = 'nobody was there';
    while (this.#nowMs < untilMs) {
      let outcome: { readonly value: unknown } | { readonly error: unknown } | undefined;
      this.#call(randomBelow(this.#cluster.world.rng, 1_000), core, key, flow, undefined, undefined)?.then(
        (value) => (outcome = { value }),
        (error: unknown) => (outcome = { error }),
      );
      await this.#until(() => outcome !== undefined, 2 * CALL_MS);
      if (outcome && 'value' in outcome) return outcome.value;
      failure = outcome ? textOf(outcome.error) : 'never settled';
      const nextMs = this.#nowMs + 300;
      await this.#until(() => this.#nowMs >= nextMs, 1_000);
    }
    this.#say(`${core}/${key} ${flow}: ${failure}`);
    return undefined;
  }
}

type Counts = Readonly<Record<string, number>>;

function textOf(error: unknown): string {
  return error instanceof GrainError ? `${error.code} (${error.effect}) ${error.message}` : String(error);
}

/** Runs one plan. The same plan gives the same run. */
export async function runCluster(plan: ClusterPlan, plant?: NodePlant): Promise<ClusterReport> {
  return await new ClusterRun(plan, plant).run();
}
