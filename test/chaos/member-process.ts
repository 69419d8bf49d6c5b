// A silo or gateway of the run: a process that is started as users start it, and started again when it went.
//   M1. An end that nobody asked for is a violation; so is a graceful stop that does not end with 0.
//   M2. While Redis is away a start may be refused (exit code 2); it is tried again, as a supervisor would.
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { systemClock } from '../../lib/internal.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const SOURCE = path.join(ROOT, 'gateway/cli/main.ts');
const BUILT = path.join(ROOT, 'dist/gateway/cli/main.js');
const TSX = pathToFileURL(path.join(ROOT, 'node_modules/tsx/dist/loader.mjs')).href;

/** Whatever becomes of the run, nothing of it stays. */
const running = new Set<ChildProcess>();
process.once('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

const RETRY_MS = 200;
const START_MAX_MS = 60_000;
/** Past it, a process that was asked to stop is stuck. */
const STOP_MAX_MS = 30_000;

export interface MemberOptions {
  readonly name: string;
  readonly role: 'silo' | 'gateway';
  readonly args: readonly string[];
  /** Where it runs and logs. */
  readonly folder: string;
  readonly env: Readonly<Record<string, string>>;
  /** From the sources instead of dist. */
  readonly isFromSource: boolean;
  readonly violation: (kind: string, detail: string) => void;
}

/** The first line on standard output. */
interface Announcement {
  readonly url?: string;
  readonly link?: string;
}

/** none: nobody wants it to run. starting, up, stopping, paused: as it says. */
type MemberState = 'none' | 'starting' | 'up' | 'paused' | 'stopping';

export class MemberProcess {
  readonly name: string;
  readonly role: 'silo' | 'gateway';
  readonly #options: MemberOptions;
  #child: ChildProcess | undefined;
  #ended: Promise<number | string> = Promise.resolve(0);
  #announced: Announcement | undefined;
  #state: MemberState = 'none';
  #refusals = 0;
  starts = 0;
  /** Before it is started, and when it has gone. */
  onStart: () => Promise<void> = () => Promise.resolve();
  onGone: () => void = () => undefined;

  constructor(options: MemberOptions) {
    this.name = options.name;
    this.role = options.role;
    this.#options = options;
  }

  get state(): MemberState {
    return this.#state;
  }

  get pid(): number | undefined {
    return this.#state === 'none' ? undefined : this.#child?.pid;
  }

  /** Of a gateway. */
  get httpPort(): number | undefined {
    const { url } = this.#announced ?? {};
    return url === undefined ? undefined : Number(new URL(url).port);
  }

  get logFile(): string {
    return path.join(this.#options.folder, `${this.name}.log`);
  }

  /** Starts that Redis, or a cluster in trouble, refused. */
  get refusals(): number {
    return this.#refusals;
  }

  /** Resolves when it is ready. */
  async start(): Promise<void> {
    const untilMs = systemClock.nowMs() + START_MAX_MS;
    this.#state = 'starting';
    await this.onStart();
    for (;;) {
      const outcome = await this.#spawn();
      if (outcome === 'ready') return;
      const isOver = systemClock.nowMs() > untilMs;
      if (outcome !== 2 || isOver) {
        this.#options.violation('start failed', `${this.name}: exit code ${outcome}; ${this.#lastLine()}`);
        if (isOver) throw new Error(`${this.name} does not start: ${this.#lastLine()}`);
      } else this.#refusals += 1;
      await pause(RETRY_MS);
    }
  }

  /** Exit code of a start that is expected to be refused. */
  async startRefused(): Promise<number | string> {
    this.#state = 'starting';
    await this.onStart();
    const outcome = await this.#spawn();
    if (outcome === 'ready') return outcome;
    this.#state = 'none';
    this.onGone();
    return outcome;
  }

  /** `kill -9`. */
  async kill(): Promise<void> {
    this.#state = 'none';
    this.onGone();
    this.#child?.kill('SIGKILL');
    await this.#ended;
  }

  /** SIGTERM: it hands over what it has, and ends with 0. */
  async stop(): Promise<void> {
    if (this.#state === 'none') return;
    this.#state = 'stopping';
    this.#child?.kill('SIGTERM');
    const code = await Promise.race([this.#ended, pause(STOP_MAX_MS).then(() => 'stuck')]);
    if (code !== 0) this.#options.violation('stop', `${this.name} was asked to stop: ${code}`);
    await this.kill();
  }

  suspend(): void {
    if (this.#state !== 'up') return;
    this.#state = 'paused';
    this.#child?.kill('SIGSTOP');
  }

  resume(): void {
    if (this.#state !== 'paused') return;
    this.#state = 'up';
    this.#child?.kill('SIGCONT');
  }

  #spawn(): Promise<number | string> {
    const { role, args, folder, env, isFromSource } = this.#options;
    const log = openSync(this.logFile, 'a');
    const program = isFromSource ? ['--import', TSX, SOURCE] : [BUILT];
    const command = [...program, role, ...args, '--json', '--log-level', 'info'];
    const child = spawn(process.execPath, command, {
      cwd: folder,
      stdio: ['ignore', 'pipe', log],
      env: { ...cleanEnv(), ...env },
    });
    closeSync(log);
    running.add(child);
    this.#child = child;
    this.#announced = undefined;
    this.starts += 1;
    this.#ended = new Promise((resolve) => {
      child.once('exit', (code, signal) => resolve(code ?? signal ?? 'unknown'));
      child.once('error', (error) => resolve(error.message));
    });
    void this.#ended.then((code) => {
      running.delete(child);
      this.#sawEnd(child, code);
    });
    const stuck = pause(START_MAX_MS).then(() => {
      if (!this.#announced && this.#child === child) child.kill('SIGKILL');
      return 'stuck';
    });
    return Promise.race([this.#ready(child), this.#ended, stuck]);
  }

  #ready(child: ChildProcess): Promise<'ready'> {
    return new Promise((resolve) => {
      let text = '';
      child.stdout?.setEncoding('utf8').on('data', (piece: string) => {
        text += piece;
        const end = text.indexOf('\n');
        if (end < 0 || this.#announced || this.#child !== child) return;
        this.#announced = JSON.parse(text.slice(0, end)) as Announcement;
        if (this.#state === 'starting') this.#state = 'up';
        resolve('ready');
      });
    });
  }

  #sawEnd(child: ChildProcess, code: number | string): void {
    if (child !== this.#child || (this.#state !== 'up' && this.#state !== 'paused')) return;
    this.#state = 'none';
    this.onGone();
    this.#options.violation('ended', `${this.name} ended by itself: ${code}; ${this.#lastLine()}`);
  }

  #lastLine(): string {
    const lines = readFileSync(this.logFile, 'utf8').trimEnd().split('\n');
    return (lines.at(-1) ?? '').slice(0, 500);
  }
}

function cleanEnv(): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(([name]) => !/^(GRANARY_|NO_COLOR|FORCE_COLOR)/.test(name));
  return Object.fromEntries(kept);
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => systemClock.setTimer(ms, resolve));
}
