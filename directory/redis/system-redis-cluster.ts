// RedisClusterClient: one connection to each primary of a Redis Cluster.
// ioredis's own Cluster follows redirections by sending again, which reorders commits (hazards.md 2); here a call that
// met the wrong node is refused (MOVED, ASK, CLUSTERDOWN: it did nothing), and the map of slots is read anew.
//   K1. Up means: every slot has a primary, and the connection to each of them is up.
//   K2. A call goes to the connection of its keys' slot or fails; so keys of one tag keep their order (R1).
import type { Cluster } from 'ioredis';
import type { Logger } from '../../lib/index.ts';
import {
  type RedisArgument,
  type RedisClient,
  type RedisEvent,
  type RedisRefusal,
  type RedisReply,
  type RedisScript,
  RedisSilence,
} from './redis-client.ts';
import { ioredis, type RedisAccess } from './redis-connection-options.ts';
import { SLOT_COUNT, slotOf } from './redis-slots.ts';
import { RedisConnection, textOf } from './system-redis-connection.ts';

export interface ClusterOptions {
  readonly nodes: readonly { readonly host: string; readonly port: number }[];
  readonly access: RedisAccess;
  readonly commandTimeoutMs: number;
  readonly connectTimeoutMs: number;
  readonly log: Logger;
}

interface SlotRange {
  readonly first: number;
  readonly last: number;
  readonly host: string;
  readonly port: number;
}

const REFRESH_MS = 250;
const REDIRECTIONS = new Set(['MOVED', 'ASK', 'CLUSTERDOWN', 'TRYAGAIN']);

export class RedisClusterClient implements RedisClient {
  readonly #options: ClusterOptions;
  readonly #connections = new Map<string, RedisConnection>();
  readonly #listeners = new Set<(event: RedisEvent) => void>();
  #slots: (RedisConnection | undefined)[] = new Array<RedisConnection | undefined>(SLOT_COUNT);
  #isCovered = false;
  #isUp = false;
  #isClosed = false;
  #servers = '';
  #timer: NodeJS.Timeout | undefined;
  #refreshing = false;
  #subscriptions: Cluster | undefined;
  readonly #channels = new Map<string, Set<(message: Uint8Array) => void>>();

  constructor(options: ClusterOptions) {
    this.#options = options;
    for (const { host, port } of options.nodes) this.#connect(host, port);
    this.#refreshLater();
  }

  get isUp(): boolean {
    return this.#isUp;
  }

  /** The primaries, for what is asked of each of them. */
  get nodes(): readonly RedisClient[] {
    return [...this.#connections.values()];
  }

  call(command: string, args: readonly RedisArgument[]): Promise<RedisReply> {
    const tagged = args.find((arg) => typeof arg === 'string' && arg.includes('{'));
    const connection =
      typeof tagged === 'string'
        ? this.#slots[slotOf(tagged)]
        : [...this.#connections.values()].find(({ isUp }) => isUp);
    return connection ? connection.call(command, args) : this.#refuse();
  }

  run(script: RedisScript, keys: readonly string[], args: readonly RedisArgument[]): Promise<RedisReply> {
    const connection = this.#slots[slotOf(keys[0] ?? '')];
    return connection ? connection.run(script, keys, args) : this.#refuse();
  }

  subscribe(channel: string, onMessage: (message: Uint8Array) => void, onReady?: () => void): () => void {
    const cluster = (this.#subscriptions ??= this.#openSubscriptions());
    const own = (message: Uint8Array): void => onMessage(message);
    let listeners = this.#channels.get(channel);
    if (!listeners) {
      this.#channels.set(channel, (listeners = new Set()));
      cluster.subscribe(channel).catch((error: Error) => this.#warn('redis.subscribe_failed', error));
    }
    listeners.add(own);
    // ioredis subscribes again by itself after a change of nodes, and does not say so: a slow look covers that.
    if (onReady) cluster.subscribe(channel).then(onReady, () => undefined);
    return () => {
      const current = this.#channels.get(channel);
      if (!current?.delete(own) || current.size > 0) return;
      this.#channels.delete(channel);
      cluster.unsubscribe(channel).catch((error: Error) => this.#warn('redis.subscribe_failed', error));
    };
  }

  onEvent(listener: (event: RedisEvent) => void): () => void {
    const own = (event: RedisEvent): void => listener(event);
    this.#listeners.add(own);
    return () => this.#listeners.delete(own);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#isUp = false;
    clearTimeout(this.#timer);
    this.#subscriptions?.disconnect();
    await Promise.all([...this.#connections.values()].map((connection) => connection.close()));
  }

  #connect(host: string, port: number): RedisConnection {
    const { access, commandTimeoutMs, connectTimeoutMs, log } = this.#options;
    const connection = new RedisConnection({
      server: `${host}:${port}`,
      redis: { ...access, host, port },
      commandTimeoutMs,
      connectTimeoutMs,
      log,
      onRefusal: (refusal) => this.#onRefusal(refusal),
    });
    connection.onEvent((event) => {
      if (event.kind === 'down') this.#refreshLater();
      this.#look(event.kind === 'down' ? event.reason : '');
      // The first one that answers knows the others.
      if (event.kind === 'up' && !this.#isCovered) this.#refreshNow();
    });
    this.#connections.set(`${host}:${port}`, connection);
    return connection;
  }

  #onRefusal({ code }: RedisRefusal): void {
    if (REDIRECTIONS.has(code)) this.#refreshNow();
  }

  // ---- The map of slots ----

  #refreshNow(): void {
    if (this.#refreshing || this.#isClosed) return;
    this.#refreshing = true;
    this.#refresh()
      .catch((error: Error) => this.#warn('redis.slots_unknown', error))
      .finally(() => {
        this.#refreshing = false;
        this.#look('no connection to some primaries');
        if (!this.#isUp) this.#refreshLater();
      });
  }

  #refreshLater(): void {
    if (this.#timer || this.#isClosed) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      if (!this.#isUp) this.#refreshNow();
    }, REFRESH_MS);
    this.#timer.unref();
  }

  async #refresh(): Promise<void> {
    for (const [name, connection] of this.#connections) {
      if (!connection.isUp) continue;
      const host = name.slice(0, name.lastIndexOf(':'));
      const ranges = rangesOf(await connection.call('CLUSTER', ['SLOTS']), host);
      if (this.#isClosed) return;
      this.#apply(ranges);
      return;
    }
    // Nobody answers: the seeds may know where the cluster is now.
    for (const { host, port } of this.#options.nodes) {
      if (!this.#connections.has(`${host}:${port}`)) this.#connect(host, port);
    }
  }

  #apply(ranges: readonly SlotRange[]): void {
    const slots = new Array<RedisConnection | undefined>(SLOT_COUNT);
    const wanted = new Set<string>();
    let covered = 0;
    for (const { first, last, host, port } of ranges) {
      const name = `${host}:${port}`;
      wanted.add(name);
      slots.fill(this.#connections.get(name) ?? this.#connect(host, port), first, last + 1);
      covered += last + 1 - first;
    }
    this.#slots = slots;
    this.#isCovered = covered === SLOT_COUNT;
    if (!this.#isCovered) return;
    for (const [name, connection] of this.#connections) {
      if (wanted.has(name)) continue;
      this.#connections.delete(name);
      connection.close().catch((error: Error) => this.#warn('redis.close_failed', error));
    }
  }

  /** K1 */
  #look(reason: string): void {
    if (this.#isClosed) return;
    const connections = [...this.#connections.values()];
    const isUp = this.#isCovered && connections.every((connection) => connection.isUp);
    if (isUp === this.#isUp) return;
    this.#isUp = isUp;
    if (!isUp) {
      this.#tell({ kind: 'down', reason });
      return;
    }
    const servers = connections
      .map(({ runId }) => runId)
      .sort()
      .join();
    const isSame = servers === this.#servers;
    this.#servers = servers;
    this.#tell({ kind: 'up', isSame });
  }

  // ---- The rest ----

  #openSubscriptions(): Cluster {
    const { nodes, access, connectTimeoutMs } = this.#options;
    const { Cluster: IoredisCluster } = ioredis();
    const cluster = new IoredisCluster(
      nodes.map(({ host, port }) => ({ host, port })),
      {
        redisOptions: { ...access, connectTimeout: connectTimeoutMs },
        clusterRetryStrategy: () => REFRESH_MS,
      },
    );
    cluster.on('error', () => undefined);
    cluster.on('messageBuffer', (channel: Buffer, message: Buffer) => {
      for (const listener of this.#channels.get(channel.toString()) ?? []) listener(message);
    });
    return cluster;
  }

  #refuse(): Promise<RedisReply> {
    return Promise.reject(new RedisSilence('Redis: no connection to the node of this key', false));
  }

  #tell(event: RedisEvent): void {
    for (const listener of this.#listeners) listener(event);
  }

  #warn(event: string, error: Error): void {
    if (!this.#isClosed) this.#options.log.warn({ event, reason: error.message }, 'Redis Cluster');
  }
}

/** The primaries in an answer to CLUSTER SLOTS; `askedHost` is what a node means that doesn't know its own address. */
function rangesOf(reply: RedisReply, askedHost: string): readonly SlotRange[] {
  if (!Array.isArray(reply)) return [];
  const ranges: SlotRange[] = [];
  for (const entry of reply as readonly RedisReply[]) {
    if (!Array.isArray(entry)) continue;
    const [first, last, primary] = entry as readonly RedisReply[];
    if (typeof first !== 'number' || typeof last !== 'number' || !Array.isArray(primary)) continue;
    const [address, port] = primary as readonly RedisReply[];
    const host = textOf(address ?? null);
    if (typeof port !== 'number') continue;
    ranges.push({ first, last, host: host === '' || host === '?' ? askedHost : host, port });
  }
  return ranges;
}
