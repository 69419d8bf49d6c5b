// SimGuardian: the guardian's thread of a simulated silo, which runs while the silo's main loop stands still, and the reverse.
// As in system-guardian.ts: the heartbeat and the deadline are shared memory, everything else is a message.
import {
  type Guardian,
  LeaseRenewer,
  type RedisKeys,
  RedisLockNode,
  type SessionTiming,
} from '../../directory/index.ts';
import type { GrainError, TimerHandle } from '../../lib/index.ts';
import type { SimProcess } from './sim-process.ts';
import type { SimRedis } from './sim-redis.ts';

const BEAT_MS = 100;

export class SimGuardian implements Guardian {
  readonly incarnation: string;
  isDead = false;
  #untilMs = -Infinity;
  #beats = 0;
  #isEnded = false;
  #timer: TimerHandle | undefined;
  #tell: () => void = () => undefined;
  readonly #main: SimProcess;
  readonly #thread: SimProcess;
  readonly #renewer: LeaseRenewer;
  readonly #close: () => void;

  constructor(
    incarnation: string,
    main: SimProcess,
    thread: SimProcess,
    redis: SimRedis,
    keys: RedisKeys,
    timing: SessionTiming,
  ) {
    this.incarnation = incarnation;
    this.#main = main;
    this.#thread = thread;
    const client = redis.connect(thread);
    this.#close = () => void client.close();
    const nodes = [new RedisLockNode(client, keys)];
    this.#renewer = new LeaseRenewer({ incarnation, nodes, clock: thread, timing, beat: () => this.#beats });
    this.#renewer.onChange(() => this.#post(() => this.#look()));
  }

  get untilMs(): number {
    return this.#untilMs;
  }

  onChange(listener: () => void): void {
    this.#tell = listener;
  }

  acquire(): Promise<void> {
    this.#beat();
    return new Promise((resolve, reject) => {
      this.#ask(() => {
        this.#renewer.acquire().then(
          () =>
            this.#post(() => {
              this.#read();
              resolve();
            }),
          (error: GrainError) => this.#post(() => reject(error)),
        );
      });
    });
  }

  end(): Promise<void> {
    this.#isEnded = true;
    this.#untilMs = -Infinity;
    this.#timer?.cancel();
    return new Promise((resolve) => {
      this.#ask(() => {
        void this.#renewer.end().then(() => {
          this.#close();
          this.#post(resolve);
        });
      });
    });
  }

  #ask(run: () => void): void {
    this.#thread.world.addTask(this.#thread, 'messages', run);
  }

  #post(run: () => void): void {
    this.#main.world.addTask(this.#main, 'messages of the guardian', run);
  }

  #beat(): void {
    if (this.#isEnded) return;
    this.#beats += 1;
    this.#read();
    this.#timer = this.#main.setTimer(BEAT_MS, () => this.#beat());
  }

  #look(): void {
    if (this.#isEnded) return;
    if (!this.#renewer.isDead) return this.#read();
    this.isDead = true;
    this.#untilMs = -Infinity;
    this.#tell();
  }

  #read(): void {
    if (this.#isEnded || this.isDead || this.#renewer.untilMs <= this.#untilMs) return;
    this.#untilMs = this.#renewer.untilMs;
    this.#tell();
  }
}
