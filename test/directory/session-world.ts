// Lock nodes for tests: servers with a wall clock of their own, and links to them that are slow, cut or silent.
import { type LockNode, type RedisEvent, RedisSilence, type Sighting } from '../../directory/index.ts';
import { type Clock, FakeClock, type TimerHandle } from '../../lib/index.ts';
import { macrotask } from '../support/system-macrotask.ts';

export const TTL_MS = 2_500;

export function fakeClock(): FakeClock {
  return new FakeClock({ defer: (run) => queueMicrotask(run) });
}

/** Lets `ms` pass, and everything happen that they bring, in order. */
export async function pass(clock: FakeClock, ms: number): Promise<void> {
  const untilMs = clock.nowMs() + ms;
  await macrotask();
  for (let next = clock.nextDueMs; next !== undefined && next <= untilMs; next = clock.nextDueMs) {
    clock.advance(Math.max(next - clock.nowMs(), 0));
    await macrotask();
  }
  clock.advance(Math.max(untilMs - clock.nowMs(), 0));
  await macrotask();
}

/** A clock that runs `rate` times as fast as another, from another origin. */
export class SkewedClock implements Clock {
  readonly #base: Clock;
  readonly #rate: number;
  readonly #offsetMs: number;

  constructor(base: Clock, rate: number, offsetMs: number) {
    this.#base = base;
    this.#rate = rate;
    this.#offsetMs = offsetMs;
  }

  nowMs(): number {
    return this.#base.nowMs() * this.#rate + this.#offsetMs;
  }

  wallMs(): number {
    return this.#base.wallMs();
  }

  setTimer(delayMs: number, run: () => void): TimerHandle {
    return this.#base.setTimer(delayMs / this.#rate, run);
  }

  defer(run: () => void): void {
    this.#base.defer(run);
  }
}

/** One lock node. Keys expire by its clock, which a test may let run fast or slow. */
export class LockServer {
  readonly #clock: Clock;
  readonly #sessions = new Map<string, { value: 'alive' | 'dead'; untilMs: number }>();
  readonly #links: FakeLink[] = [];
  #waiting: (() => void)[] | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  add(link: FakeLink): void {
    this.#links.push(link);
  }

  /** Does one request, now, or when the server runs again. */
  do(work: () => void): void {
    if (this.#waiting) this.#waiting.push(work);
    else work();
  }

  /** As SIGSTOP: requests wait. */
  pause(): void {
    this.#waiting ??= [];
  }

  resume(): void {
    const waiting = this.#waiting ?? [];
    this.#waiting = undefined;
    for (const work of waiting) work();
  }

  /** Another process, without the data; every connection to the old one is lost. */
  failOver(): void {
    this.#sessions.clear();
    this.#waiting = undefined;
    for (const link of this.#links) {
      link.cut();
      link.heal({ isSame: false });
    }
  }

  look(incarnation: string): Sighting {
    const session = this.#sessions.get(incarnation);
    return session && this.#clock.nowMs() < session.untilMs ? session.value : 'absent';
  }

  renew(incarnation: string, ttlMs: number): 'held' | 'dead' {
    if (this.look(incarnation) === 'dead') return 'dead';
    this.#sessions.set(incarnation, { value: 'alive', untilMs: this.#clock.nowMs() + ttlMs });
    return 'held';
  }

  tombstone(incarnation: string): void {
    this.#sessions.set(incarnation, { value: 'dead', untilMs: this.#clock.nowMs() + 3_600_000 });
  }

  end(incarnation: string): void {
    if (this.look(incarnation) === 'alive') this.#sessions.delete(incarnation);
  }
}

/** The connection of one process to one lock node. */
export class FakeLink implements LockNode {
  isUp = true;
  /** Of requests, and of replies; Infinity: lost. */
  requestMs: () => number = () => 0;
  replyMs: () => number = () => 0;
  commandTimeoutMs = 1_000;
  /** Renewals that were sent. */
  renewals = 0;
  readonly #server: LockServer;
  readonly #clock: Clock;
  readonly #listeners = new Set<(event: RedisEvent) => void>();
  #connection = 0;

  constructor(server: LockServer, clock: Clock) {
    this.#server = server;
    this.#clock = clock;
    server.add(this);
  }

  cut(): void {
    this.isUp = false;
    this.#connection += 1;
    this.#tell({ kind: 'down', reason: 'cut' });
  }

  heal({ isSame = true } = {}): void {
    this.isUp = true;
    this.#tell({ kind: 'up', isSame });
  }

  renew(incarnation: string, ttlMs: number): Promise<'held' | 'dead'> {
    this.renewals += 1;
    return this.#ask(() => this.#server.renew(incarnation, ttlMs));
  }

  look(incarnation: string): Promise<Sighting> {
    return this.#ask(() => this.#server.look(incarnation));
  }

  tombstone(incarnation: string): Promise<void> {
    return this.#ask(() => this.#server.tombstone(incarnation));
  }

  end(incarnation: string): Promise<void> {
    return this.#ask(() => this.#server.end(incarnation));
  }

  onEvent(listener: (event: RedisEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  #tell(event: RedisEvent): void {
    for (const listener of this.#listeners) listener(event);
  }

  /** What was sent is done even when the connection is cut meanwhile: it is in the kernel's buffer. */
  #ask<T>(work: () => T): Promise<T> {
    if (!this.isUp) return Promise.reject(new RedisSilence('not connected', false));
    const connection = this.#connection;
    return new Promise((resolve, reject) => {
      const timer = this.#clock.setTimer(this.commandTimeoutMs, () =>
        reject(new RedisSilence('no answer', true)),
      );
      const settle = (answer: T): void => {
        if (this.#connection !== connection) return;
        timer.cancel();
        resolve(answer);
      };
      this.#after(this.requestMs(), () =>
        this.#server.do(() => {
          const answer = work();
          this.#after(this.replyMs(), () => settle(answer));
        }),
      );
    });
  }

  #after(ms: number, run: () => void): void {
    if (ms === 0) run();
    else if (ms < Infinity) this.#clock.setTimer(ms, run);
  }
}

/** `count` lock nodes, and one process' links to them. */
export function lockNodes(clock: Clock, count: number): { servers: LockServer[]; links: FakeLink[] } {
  const servers = Array.from({ length: count }, () => new LockServer(clock));
  return { servers, links: servers.map((server) => new FakeLink(server, clock)) };
}
