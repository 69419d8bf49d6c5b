// SimRedis: a Redis server on a simulated machine, the connections to it, and what can go wrong with either.
//   S1. A command that was written may be executed long after its client gave up, or died (hazards.md 1): what a kernel
//       holds is sent when the way is free again.
//   S2. Only `restart` and `flush` lose writes that were acknowledged; the run asks `hasLostWrites` what it may demand.
import { randomBelow, randomOf } from '../../lib/index.ts';
import { FakeRedis, FakeRedisClient, type RedisWire } from '../support/fake-redis/index.ts';
import { Pipe, type SimNetwork } from './sim-network.ts';
import { SimProcess } from './sim-process.ts';

export const REDIS_HOST = 'redis';

class SimWire implements RedisWire {
  readonly #redis: SimRedis;
  readonly #client: SimProcess;
  readonly #there: Pipe;
  readonly #back: Pipe;
  readonly #messages: Pipe;
  readonly #onClosed: (reason: string) => void;
  #isClosed = false;

  constructor(redis: SimRedis, net: SimNetwork, client: SimProcess, onClosed: (reason: string) => void) {
    this.#redis = redis;
    this.#client = client;
    this.#there = new Pipe(net, client, redis.process);
    this.#back = new Pipe(net, redis.process, client);
    this.#messages = new Pipe(net, redis.process, client);
    this.#onClosed = onClosed;
    client.onDeath(() => this.close());
  }

  toServer(run: () => void): void {
    this.#there.push(run);
  }

  toClient(run: () => void): void {
    this.#back.push(run);
  }

  toSubscriber(run: () => void): void {
    this.#messages.push(run);
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#redis.wires.delete(this);
    // What was handed to the kernel is executed, when it arrives at all.
    if (randomBelow(this.#redis.process.world.rng, 2) === 0) this.#there.drop();
    else this.#there.cut();
    this.#back.drop();
    this.#messages.drop();
  }

  /** The connection breaks, with commands in flight that are still executed, or not. */
  break(reason: string, isServerGone: boolean): void {
    if (this.#isClosed) return;
    this.close();
    if (isServerGone) this.#there.drop();
    // Who cannot be reached hears nothing.
    if (!this.#back.isBlocked) {
      this.#redis.process.world.addTask(this.#client, 'redis closed', () => this.#onClosed(reason));
    }
  }
}

export class SimRedis {
  process: SimProcess;
  readonly server: FakeRedis;
  readonly wires = new Set<SimWire>();
  /** Acknowledged writes are gone: what was promised for a store that keeps them is not demanded any more. */
  hasLostWrites = false;
  /** No connection is taken. */
  #isDown = false;
  readonly #net: SimNetwork;

  constructor(net: SimNetwork, rewrite?: (lua: string) => string) {
    this.#net = net;
    this.process = new SimProcess(net.world, { name: REDIS_HOST });
    const own = this;
    const clock = {
      nowMs: () => own.process.nowMs(),
      wallMs: () => own.process.wallMs(),
      setTimer: (delayMs: number, run: () => void) => own.process.setTimer(delayMs, run),
      defer: (run: () => void) => own.process.defer(run),
    };
    this.server = new FakeRedis({ clock, rng: net.world.rng, rewrite });
  }

  /** A connection of a process, made again whenever it breaks. */
  connect(process: SimProcess, commandTimeoutMs = 1_000): FakeRedisClient {
    return new FakeRedisClient({
      server: this.server,
      clock: process,
      commandTimeoutMs,
      dial: (onClosed) => {
        if (this.#isDown || !process.isAlive) return undefined;
        const wire = new SimWire(this, this.#net, process, onClosed);
        this.wires.add(wire);
        return wire;
      },
    });
  }

  /** Breaks one connection. */
  resetOne(): void {
    randomOf(this.process.world.rng, [...this.wires])?.break('reset', false);
  }

  /** Gone for some time, then another process with the data, less what was written in the last `lostMs`. */
  restart(downMs: number, lostMs: number): number {
    const { world } = this.process;
    this.#isDown = true;
    for (const wire of [...this.wires]) wire.break('the server ended', true);
    this.process.resume();
    const lost = this.server.restart(lostMs);
    if (lost > 0) this.hasLostWrites = true;
    this.server.isLoading = true;
    world.addTimer(undefined, downMs, () => (this.#isDown = false));
    world.addTimer(undefined, downMs + randomBelow(world.rng, 200), () => (this.server.isLoading = false));
    return lost;
  }

  /** All data is gone; the server goes on. */
  flush(): void {
    this.hasLostWrites = true;
    this.server.flush();
  }

  /** Everything is as it should be, less what was lost. */
  heal(): void {
    this.process.resume();
    this.#isDown = false;
    this.server.isLoading = false;
    this.server.isReadOnly = false;
    this.server.isOutOfMemory = false;
  }

  /** A refusal of all writes for some time. */
  refuse(what: 'readonly' | 'memory', durationMs: number): void {
    const set = (isSet: boolean): void => {
      if (what === 'readonly') this.server.isReadOnly = isSet;
      else this.server.isOutOfMemory = isSet;
    };
    set(true);
    this.process.world.addTimer(undefined, durationMs, () => set(false));
  }
}
