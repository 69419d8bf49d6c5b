// Real Redis servers for tests: each on a free port of 127.0.0.1, its data in a temporary folder, gone afterwards.
// Also killed when the process that runs the tests ends; a run that is itself killed with -9 leaves them behind.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { closeSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { assert } from '../../lib/index.ts';
import { systemClock } from '../../lib/internal.ts';

export interface RedisServerOptions {
  /** `no`: no append-only file; the data is gone with the process. @default 'no' */
  readonly appendfsync?: 'always' | 'everysec' | 'no';
  /** Where its data lies; kept afterwards. @default a temporary folder, removed by `dispose` */
  readonly dir?: string;
  /** Further arguments of redis-server, after ours. */
  readonly args?: readonly string[];
  /** Not a store but a Sentinel, which watches the primary on this port under the name `mymaster`. */
  readonly sentinelOf?: number;
}

export interface RedisServer {
  readonly port: number;
  readonly url: string;
  readonly dir: string;
  /** Of the process that runs now, or ran last. */
  readonly pid: number;
  /** SIGKILL; resolves when the process is gone. */
  kill9(): Promise<void>;
  /** SIGTERM: it writes what it has to write, then ends. */
  stop(): Promise<void>;
  /** Stops it where it runs, and starts it again on the same port. */
  restart(options?: { readonly withoutData?: boolean }): Promise<void>;
  /** SIGSTOP: sockets stay open, nothing answers. */
  pause(): void;
  resume(): void;
  dispose(): Promise<void>;
}

const READY_MAX_MS = 15_000;
const POLL_MS = 5;
const PORT_TRIES = 5;

export const REDIS_HELP = 'sudo apt-get install redis-server (or `npm test` as root)';

/** Whether a program can be started by its name. */
export function isInstalled(program: string): boolean {
  return !spawnSync(program, ['--version'], { stdio: 'ignore' }).error;
}

/**
 * A mocha suite that needs a Redis server. Without one it is reported as skipped, with the command that helps in its
 * title; in CI (`CI=true`) that is a failure.
 */
export function needsRedis(title: string, define: () => void): void {
  if (isInstalled('redis-server')) {
    describe(title, define);
    return;
  }
  const why = `${title} (needs a Redis server: ${REDIS_HELP})`;
  if (process.env['CI']) {
    describe(why, () => it('redis-server: in CI, is installed', () => assert(false, why)));
  } else describe.skip(why, define);
}

const running = new Set<ChildProcess>();
process.once('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

/** A port that was free a moment ago. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address ? address.port : 0));
    });
  });
}

export async function startRedis(options: RedisServerOptions = {}): Promise<RedisServer> {
  const dir = options.dir ?? mkdtempSync(path.join(os.tmpdir(), 'granary-redis-'));
  mkdirSync(dir, { recursive: true });
  // Somebody else may take the port between looking and listening.
  for (let attempt = 1; ; attempt += 1) {
    const server = new SpawnedRedis(await freePort(), dir, options);
    try {
      await server.start();
      return server;
    } catch (error) {
      await server.kill9();
      if (attempt === PORT_TRIES || !/in use/.test(String(error))) throw error;
    }
  }
}

class SpawnedRedis implements RedisServer {
  readonly port: number;
  readonly dir: string;
  readonly #options: RedisServerOptions;
  #child: ChildProcess | undefined;
  #gone: Promise<void> = Promise.resolve();

  constructor(port: number, dir: string, options: RedisServerOptions) {
    this.port = port;
    this.dir = dir;
    this.#options = options;
  }

  get url(): string {
    return `redis://127.0.0.1:${this.port}`;
  }

  get pid(): number {
    return this.#child?.pid ?? 0;
  }

  async start(): Promise<void> {
    const log = path.join(this.dir, 'log');
    const output = openSync(log, 'a');
    const child = spawn('redis-server', this.#arguments(), { stdio: ['ignore', output, output] });
    closeSync(output);
    this.#child = child;
    running.add(child);
    this.#gone = new Promise((resolve) => {
      const end = (): void => {
        running.delete(child);
        resolve();
      };
      child.once('exit', end);
      child.once('error', end);
    });
    const untilMs = systemClock.nowMs() + READY_MAX_MS;
    while (!(await answersPing(this.port))) {
      const isOver = child.exitCode !== null || child.signalCode !== null || !running.has(child);
      if (isOver || systemClock.nowMs() > untilMs) {
        throw new Error(`redis-server did not start: ${readFileSync(log, 'utf8').slice(-2_000)}`);
      }
      await new Promise<void>((resolve) => systemClock.setTimer(POLL_MS, resolve));
    }
  }

  #arguments(): readonly string[] {
    const { appendfsync = 'no', args = [], sentinelOf } = this.#options;
    const own = ['--port', `${this.port}`, '--bind', '127.0.0.1', '--dir', this.dir];
    if (sentinelOf !== undefined) {
      // It writes into its file what it learns.
      const file = path.join(this.dir, 'sentinel.conf');
      const lines = [
        `sentinel monitor mymaster 127.0.0.1 ${sentinelOf} 2`,
        'sentinel down-after-milliseconds mymaster 500',
        'sentinel failover-timeout mymaster 3000',
      ];
      writeFileSync(file, `${lines.join('\n')}\n`);
      return [file, '--sentinel', ...own, ...args];
    }
    const persistence =
      appendfsync === 'no' ? ['--appendonly', 'no'] : ['--appendonly', 'yes', '--appendfsync', appendfsync];
    return [...own, '--save', '', ...persistence, ...args];
  }

  async kill9(): Promise<void> {
    this.#child?.kill('SIGKILL');
    await this.#gone;
  }

  async stop(): Promise<void> {
    // A stopped process would keep the signal waiting.
    this.#child?.kill('SIGCONT');
    this.#child?.kill('SIGTERM');
    await this.#gone;
  }

  async restart({ withoutData = false }: { readonly withoutData?: boolean } = {}): Promise<void> {
    await this.stop();
    if (withoutData) {
      rmSync(path.join(this.dir, 'appendonlydir'), { recursive: true, force: true });
      rmSync(path.join(this.dir, 'dump.rdb'), { force: true });
    }
    await this.start();
  }

  pause(): void {
    this.#child?.kill('SIGSTOP');
  }

  resume(): void {
    this.#child?.kill('SIGCONT');
  }

  async dispose(): Promise<void> {
    await this.kill9();
    if (this.#options.dir === undefined) rmSync(this.dir, { recursive: true, force: true });
  }
}

/** Whether the server answers PING; one that still loads its data does not count. */
async function answersPing(port: number): Promise<boolean> {
  return /^(\+PONG|-NOAUTH)/.test(await askRaw(port, 'PING'));
}

/** The bytes of the answer to one inline command, of any kind of server; '' when there is none. */
export function askRaw(port: number, command: string): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => socket.end(`${command}\r\n`));
    let answer = '';
    socket.setEncoding('latin1').on('data', (text: string) => (answer += text));
    socket.once('error', () => resolve(''));
    socket.once('close', () => resolve(answer));
  });
}
