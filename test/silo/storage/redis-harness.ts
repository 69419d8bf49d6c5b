// A client between storage and a real Redis that a test can hold, break and abandon.
import {
  ensurePartitions,
  type RedisArgument,
  type RedisClient,
  RedisDirectory,
  type RedisEvent,
  type RedisKeys,
  RedisRefusal,
  type RedisReply,
  type RedisScript,
  RedisSilence,
} from '../../../directory/index.ts';
import { FakeClock } from '../../../lib/index.ts';
import { systemClock } from '../../../lib/internal.ts';
import { openRedisStorage, type RedisStorage, type RedisStorageOptions } from '../../../silo/internal.ts';
import type { FlushFault, StorageUnderTest } from '../../contract/storage-harness.ts';
import { TestLog } from '../../gateway/http/support.ts';

export const GENERATION = 'g1';
export const LIMIT_MS = 10_000;

/** What writes, and so waits for the flush. */
const WRITES: ReadonlySet<string> = new Set(['commit', 'put-record']);

/**
 * Passes everything on. Held: writes wait, and behind them, as on a connection, the reads of the same grain. Abandoned:
 * nothing is answered any more, and what was held never arrives: to the server it looks as if the process had died.
 */
export class GatedClient implements RedisClient {
  readonly #client: RedisClient;
  readonly #clock: FakeClock;
  readonly #faults: FlushFault[] = [];
  readonly #stops = new Set<() => void>();
  /** Heads of grains with a commit of which the server says nothing until the driver gives up. */
  readonly #silent = new Set<string>();
  #held: { readonly key: string; readonly go: () => void }[] = [];
  #isHeld = false;
  #isAbandoned = false;
  /** How often each script and command was called. */
  readonly calls = new Map<string, number>();

  constructor(client: RedisClient, clock: FakeClock) {
    this.#client = client;
    this.#clock = clock;
  }

  get isUp(): boolean {
    return this.#client.isUp;
  }

  hold(): void {
    this.#isHeld = true;
  }

  letGo(): void {
    this.#isHeld = false;
    for (const { go } of this.#held.splice(0)) go();
  }

  failNext(fault: FlushFault): void {
    this.#faults.push(fault);
  }

  abandon(): void {
    this.#isAbandoned = true;
    this.#held = [];
    for (const stop of this.#stops) stop();
  }

  call(command: string, args: readonly RedisArgument[]): Promise<RedisReply> {
    this.#count(command);
    return this.#answer(this.#isAbandoned ? NEVER : this.#client.call(command, args));
  }

  run(script: RedisScript, keys: readonly string[], args: readonly RedisArgument[]): Promise<RedisReply> {
    this.#count(script.name);
    const key = keys[0] ?? '';
    const go = (): Promise<RedisReply> => this.#answer(this.#pass(script, keys, args));
    const isBehind = script.name === 'read' && this.#held.some((held) => held.key === key);
    if (this.#isHeld && (WRITES.has(script.name) || isBehind)) {
      return new Promise((resolve, reject) => {
        this.#held.push({ key, go: () => void go().then(resolve, reject) });
      });
    }
    return go();
  }

  #count(name: string): void {
    this.calls.set(name, (this.calls.get(name) ?? 0) + 1);
  }

  #pass(script: RedisScript, keys: readonly string[], args: readonly RedisArgument[]): Promise<RedisReply> {
    if (this.#isAbandoned) return NEVER;
    const head = keys[0] ?? '';
    if (script.name === 'commit') {
      if (this.#silent.has(head)) return this.#beSilent();
      const fault = this.#faults.shift();
      if (fault === 'none')
        return Promise.reject(new RedisRefusal('OOM command not allowed when used memory > maxmemory'));
      if (fault) {
        this.#silent.add(head);
        const run = fault === 'unknown_stored' ? this.#client.run(script, keys, args) : Promise.resolve(0);
        return run.then(() => this.#beSilent()).finally(() => this.#clock.defer(() => this.#giveUp(head)));
      }
    }
    return this.#client.run(script, keys, args);
  }

  #beSilent(): Promise<never> {
    return Promise.reject(new RedisSilence('the test says nothing', true));
  }

  /** Time passes until the driver has given up. */
  #giveUp(head: string): void {
    this.#clock.advance(LIMIT_MS);
    this.#clock.defer(() => {
      this.#clock.advance(LIMIT_MS);
      this.#silent.delete(head);
    });
  }

  #answer(reply: Promise<RedisReply>): Promise<RedisReply> {
    return new Promise((resolve, reject) => {
      reply.then(
        (value) => this.#isAbandoned || resolve(value),
        (error: unknown) => this.#isAbandoned || reject(error as Error),
      );
    });
  }

  subscribe(channel: string, onMessage: (message: Uint8Array) => void): () => void {
    const stop = this.#client.subscribe(channel, onMessage);
    this.#stops.add(stop);
    return () => {
      this.#stops.delete(stop);
      stop();
    };
  }

  onEvent(listener: (event: RedisEvent) => void): () => void {
    return this.#client.onEvent(listener);
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}

const NEVER = new Promise<never>(() => undefined);

export function newClock(): FakeClock {
  return new FakeClock({ defer: systemClock.defer });
}

export interface RedisUnderTest extends StorageUnderTest {
  readonly storage: RedisStorage;
  readonly gate: GatedClient;
  readonly log: TestLog;
}

/** A store with all its partitions, under names of its own. */
export async function openUnderTest(client: RedisClient, keys: RedisKeys): Promise<RedisUnderTest> {
  await ensurePartitions(client, keys, GENERATION, { create: true });
  return startUnderTest(client, keys, newClock());
}

function startUnderTest(client: RedisClient, keys: RedisKeys, clock: FakeClock): RedisUnderTest {
  const gate = new GatedClient(client, clock);
  const log = new TestLog();
  const storage = openStorage(gate, keys, clock, log);
  const restart = async (): Promise<RedisUnderTest> => {
    gate.abandon();
    const next = startUnderTest(client, keys, clock);
    await next.storage.sweepOutboxes(); // as a silo does, some time after its start
    return next;
  };
  return {
    storage,
    directory: new RedisDirectory({ client, keys, generation: () => GENERATION }),
    clock,
    gate,
    log,
    hold: () => gate.hold(),
    letGo: () => gate.letGo(),
    failNext: (fault) => gate.failNext(fault),
    crash: restart,
    reopen: async () => {
      await storage.close();
      return await restart();
    },
    dispose: async () => gate.abandon(),
  };
}

export function openStorage(
  client: RedisClient,
  keys: RedisKeys,
  clock: FakeClock | typeof systemClock,
  log: TestLog,
  options: RedisStorageOptions = {},
): RedisStorage {
  return openRedisStorage({ client, keys, generation: () => GENERATION, clock, log, options });
}
