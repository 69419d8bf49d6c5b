// Remote: an object in a process of its own, called over the channel between the two.
//   R1. The child ends with its parent: it watches the channel.
//   R2. A call ends: with its result, with the child's error, with the child's death, or at its time limit.
//   R3. A child that is stopped goes on when its parent ends: it could not see that otherwise. None is killed then: it has to
//       end what it started itself.
import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { BenchError } from './bench.ts';

/** Where the child finds the object: `await (module[exported])(...args)`. */
export interface RemoteTarget {
  readonly module: string;
  readonly exported: string;
  readonly args: readonly unknown[];
}

export interface RemoteRequest {
  readonly id: number;
  readonly method: string;
  readonly args: readonly unknown[];
}

export interface RemoteReply {
  readonly id: number;
  readonly result?: unknown;
  readonly error?: string;
}

/** Nothing in a bench takes longer; what does has hung. */
const CALL_LIMIT_MS = 300_000;
const CLOSE_LIMIT_MS = 20_000;
const CHILD = fileURLToPath(new URL('remote-child.ts', import.meta.url));
// By address: the child may be started from any folder.
const EXEC_ARGS = [
  '--expose-gc',
  '--import',
  import.meta.resolve('tsx'),
  '--import',
  new URL('use-compiled.mjs', import.meta.url).href,
];

const running = new Set<ChildProcess>();
process.once('exit', () => {
  for (const child of running) child.kill('SIGCONT');
});

/** Set by `--profile`, for all processes below as well: each writes a CPU profile into the folder when it ends. */
export const PROFILE_ENV = 'GRANARY_BENCH_PROFILE';

function execArgs(): string[] {
  const folder = process.env[PROFILE_ENV];
  return folder === undefined ? EXEC_ARGS : [...EXEC_ARGS, '--cpu-prof', `--cpu-prof-dir=${folder}`];
}

interface Waiting {
  readonly method: string;
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: Error) => void;
  readonly timer: NodeJS.Timeout;
}

export class Remote {
  readonly #child: ChildProcess;
  readonly #waiting = new Map<number, Waiting>();
  #lastId = 0;
  #end: string | undefined;

  private constructor() {
    this.#child = fork(CHILD, [], { execArgv: execArgs(), stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
    running.add(this.#child);
    this.#child.on('message', (reply: RemoteReply) => this.#onReply(reply));
    this.#child.on('exit', (code, signal) => this.#onEnd(`its process ended (${signal ?? code})`));
    this.#child.on('error', (error) => this.#onEnd(error.message));
  }

  static async open(target: RemoteTarget): Promise<Remote> {
    const remote = new Remote();
    try {
      await remote.call('open', target);
      return remote;
    } catch (error) {
      remote.kill();
      throw error;
    }
  }

  async call<Result>(method: string, ...args: unknown[]): Promise<Result> {
    return (await this.#request(method, args, CALL_LIMIT_MS)) as Result;
  }

  /** Lets the object close itself, then ends its process. */
  async close(): Promise<void> {
    if (this.#end !== undefined) return;
    try {
      await this.#request('close', [], CLOSE_LIMIT_MS);
      if (process.env[PROFILE_ENV] !== undefined) await this.#letGo();
    } finally {
      this.kill();
    }
  }

  /** It ends by itself when nobody listens, and writes its profile on the way. */
  async #letGo(): Promise<void> {
    const gone = new Promise((resolve) => this.#child.once('exit', resolve));
    this.#child.disconnect();
    await gone;
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  kill(): void {
    this.#child.kill('SIGKILL');
  }

  /** SIGSTOP: it keeps its sockets and does nothing. A stopped child cannot close itself: SIGCONT first. */
  signal(signal: 'SIGSTOP' | 'SIGCONT'): void {
    this.#child.kill(signal);
  }

  #request(method: string, args: unknown[], limitMs: number): Promise<unknown> {
    return new Promise((resolve, reject) => {
      if (this.#end !== undefined) {
        reject(new BenchError(`${method}: ${this.#end}`));
        return;
      }
      const id = ++this.#lastId;
      const late = new BenchError(`${method} did not end within ${limitMs / 1_000} s`);
      const timer = setTimeout(() => this.#take(id)?.reject(late), limitMs);
      this.#waiting.set(id, { method, resolve, reject, timer });
      const request: RemoteRequest = { id, method, args };
      this.#child.send(request);
    });
  }

  #take(id: number): Waiting | undefined {
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    clearTimeout(waiting?.timer);
    return waiting;
  }

  #onReply({ id, result, error }: RemoteReply): void {
    const waiting = this.#take(id);
    if (error === undefined) waiting?.resolve(result);
    else waiting?.reject(new BenchError(error));
  }

  #onEnd(reason: string): void {
    running.delete(this.#child);
    this.#end ??= reason;
    for (const [id, { method }] of this.#waiting) {
      this.#take(id)?.reject(new BenchError(`${method}: ${reason}`));
    }
  }
}
