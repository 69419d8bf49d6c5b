// ThreadGuardian: a LeaseRenewer in a thread of its own, so that a busy main loop does not cost the session.
// Owns: the thread, and the memory that it shares with the main loop.
//   G1. The main loop moves the heartbeat by a timer: it stands still exactly while that loop is stuck (or the process is).
//   G2. The deadline goes from thread to thread on the one monotonic clock that all threads have (process.hrtime), and is
//       turned into this thread's own (`Clock.nowMs`) so that errors of measuring make it earlier, never later.
//   G3. A thread that ended by itself is started anew, and renews the same incarnation.
//   G4. Once the session was taken, nothing here keeps the process alive.
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';
import { Worker, type WorkerOptions } from 'node:worker_threads';
import { type Clock, GrainError, type Logger, type TimerHandle } from '../../lib/index.ts';
import type { RedisClientOptions } from '../redis/system-redis-client.ts';
import type { Guardian } from './guardian.ts';
import { CELLS, type FromThread, type ThreadData, type ToThread } from './guardian-messages.ts';
import type { SessionTiming } from './session-timing.ts';
import { SiloSession } from './silo-session.ts';

export interface GuardedSessionOptions {
  readonly incarnation: string;
  /** Name of the cluster: part of the session's key. */
  readonly cluster: string;
  /** Of each lock node; the thread has connections of its own. */
  readonly nodes: readonly RedisClientOptions[];
  readonly timing: SessionTiming;
  /** The machine's: that of the process. */
  readonly clock: Clock;
  readonly log: Logger;
  /** As in `SiloSessionOptions`. */
  readonly confirm?: () => Promise<boolean>;
}

/** How often the main loop moves the heartbeat, and reads the deadline. */
const BEAT_MS = 50;
const RESTART_MS = 100;
const END_MAX_MS = 2_000;

/** The session of a silo in a process of its own. */
export function openGuardedSession(options: GuardedSessionOptions): SiloSession {
  const { clock, confirm } = options;
  const guardian = new ThreadGuardian(options);
  return new SiloSession(confirm ? { guardian, clock, confirm } : { guardian, clock });
}

class ThreadGuardian implements Guardian {
  readonly incarnation: string;
  isDead = false;
  #untilMs = -Infinity;
  #state: 'new' | 'starting' | 'running' | 'ended' = 'new';
  #worker: Worker | undefined;
  #timer: TimerHandle | undefined;
  #settle: ((error?: GrainError) => void) | undefined;
  #tell: () => void = () => undefined;
  readonly #cells = new BigInt64Array(new SharedArrayBuffer(CELLS.bytes));
  readonly #options: GuardedSessionOptions;
  /** What `process.hrtime` shows when `clock.nowMs` shows zero, in milliseconds; never too small (G2). */
  readonly #originMs: number;

  constructor(options: GuardedSessionOptions) {
    this.incarnation = options.incarnation;
    this.#options = options;
    const nowMs = options.clock.nowMs();
    this.#originMs = Number(process.hrtime.bigint()) / 1e6 - nowMs;
  }

  get untilMs(): number {
    return this.#untilMs;
  }

  onChange(listener: () => void): void {
    this.#tell = listener;
  }

  acquire(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#settle = (error) => {
        this.#settle = undefined;
        if (error) reject(error);
        else resolve();
      };
      this.#state = 'starting';
      this.#beat();
      this.#startThread();
    });
  }

  async end(): Promise<void> {
    const worker = this.#worker;
    this.#stop(new GrainError('ERR_CLUSTER_FAILED', { message: 'The session was given up.' }));
    if (!worker) return;
    worker.ref();
    await new Promise<void>((resolve) => {
      const timer = this.#options.clock.setTimer(END_MAX_MS, () => void worker.terminate());
      worker.once('exit', () => {
        timer.cancel();
        resolve();
      });
      worker.postMessage('end' satisfies ToThread);
    });
  }

  #stop(error: GrainError): void {
    this.#state = 'ended';
    this.#untilMs = -Infinity;
    this.#timer?.cancel();
    this.#worker = undefined;
    this.#settle?.(error);
  }

  #beat(): void {
    Atomics.add(this.#cells, CELLS.beat, 1n);
    this.#read();
    this.#timer = this.#options.clock.setTimer(BEAT_MS, () => this.#beat());
  }

  #read(): void {
    if (this.#state === 'ended' || this.isDead) return;
    const sharedUs = Atomics.load(this.#cells, CELLS.untilUs);
    const untilMs = sharedUs === 0n ? -Infinity : Number(sharedUs) / 1e3 - this.#originMs;
    if (untilMs <= this.#untilMs) return;
    this.#untilMs = untilMs;
    this.#tell();
  }

  #startThread(): void {
    const { incarnation, cluster, nodes, timing, log } = this.#options;
    const data: ThreadData = { incarnation, cluster, nodes, timing, shared: this.#cells.buffer };
    const worker = openThread(data);
    this.#worker = worker;
    worker.on('message', (message: FromThread) => this.#receive(message));
    worker.on('error', (error) => log.error({ err: error }, 'session.guardian_failed'));
    worker.once('exit', () => this.#exited(worker));
  }

  #receive(message: FromThread): void {
    if (this.#state === 'ended') return;
    switch (message.kind) {
      case 'log':
        return this.#options.log[message.level](message.fields, message.message);
      case 'changed':
        return this.#read();
      case 'acquired':
        this.#read();
        this.#worker?.unref();
        this.#state = 'running';
        return this.#settle?.();
      case 'failed':
        // While running: the thread ends, and another one tries (G3).
        if (this.#state !== 'starting') return;
        this.#worker?.unref();
        this.#stop(new GrainError('ERR_CLUSTER_FAILED', { message: message.message }));
        return;
      case 'dead':
        this.isDead = true;
        this.#untilMs = -Infinity;
        return this.#tell();
    }
  }

  #exited(worker: Worker): void {
    if (this.#worker !== worker) return;
    this.#worker = undefined;
    if (this.isDead) return;
    if (this.#state === 'starting') {
      const message = 'The thread that keeps the session ended; the log says why.';
      return this.#stop(new GrainError('ERR_CLUSTER_FAILED', { message }));
    }
    this.#options.log.error({ incarnation: this.incarnation }, 'session.guardian_restarted');
    this.#options.clock.setTimer(RESTART_MS, () => {
      if (this.#state === 'running' && !this.isDead) this.#startThread();
    });
  }
}

/** From dist, Node runs the thread as it is; from the sources, the thread first needs the loader that this one has. */
function openThread(workerData: ThreadData): Worker {
  const isSource = import.meta.url.endsWith('.ts');
  const thread = new URL(`./system-guardian-thread.${isSource ? 'ts' : 'js'}`, import.meta.url);
  const options: WorkerOptions = { workerData, name: 'granary-guardian' };
  if (!isSource) return new Worker(thread, options);
  const tsx = pathToFileURL(createRequire(import.meta.url).resolve('tsx'));
  const loader = new URL('./esm/api/index.mjs', tsx);
  const [loaderUrl, threadUrl] = [loader, thread].map(({ href }) => JSON.stringify(href));
  const boot = `import(${loaderUrl}).then(({ register }) => { register(); return import(${threadUrl}); });`;
  return new Worker(boot, { ...options, eval: true, execArgv: [] });
}
