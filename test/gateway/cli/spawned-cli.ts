// The command line as users meet it: a process of its own, its output, its exit code.
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const MAIN = path.join(ROOT, 'gateway/cli/main.ts');
const TSX = pathToFileURL(path.join(ROOT, 'node_modules/tsx/dist/loader.mjs')).href;

/** A folder of its own for a test, with these files, outside of the repository. */
export function tempFolder(files: Readonly<Record<string, string>> = {}): string {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'granary-cli-'));
  for (const [name, text] of Object.entries(files)) writeFileSync(path.join(folder, name), text);
  folders.push(folder);
  return folder;
}

const folders: string[] = [];
const running = new Set<ChildProcess>();

/** For `after` of a suite. */
export function cleanUp(): void {
  for (const child of running) child.kill('SIGKILL');
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
}

export interface SpawnOptions {
  readonly folder: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Shell commands that come first, such as limits. */
  readonly before?: string | undefined;
}

export class SpawnedCli {
  readonly child: ChildProcess;
  out = '';
  err = '';
  /** Resolves with the exit code, or the signal, when all output is there. */
  readonly ended: Promise<number | string>;
  readonly #listeners = new Set<() => void>();
  #isEnded = false;

  constructor(args: readonly string[], { folder, env = {}, before }: SpawnOptions) {
    const clean = Object.entries(process.env).filter(
      ([name]) => !/^(GRANARY_|NO_COLOR|FORCE_COLOR)/.test(name),
    );
    const command = [process.execPath, '--import', TSX, MAIN, ...args];
    const shell = ['/bin/sh', '-c', `${before ?? ''}; exec "$@"`, 'sh', ...command];
    const [file = '', ...rest] = before === undefined ? command : shell;
    this.child = spawn(file, rest, {
      cwd: folder,
      env: { ...Object.fromEntries(clean), XDG_CACHE_HOME: path.join(folder, '.cache'), ...env },
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    running.add(this.child);
    this.child.stdout?.setEncoding('utf8').on('data', (text: string) => this.#add({ out: text }));
    this.child.stderr?.setEncoding('utf8').on('data', (text: string) => this.#add({ err: text }));
    this.ended = new Promise((resolve) => {
      this.child.on('close', (code, signal) => {
        running.delete(this.child);
        this.#isEnded = true;
        this.#add({});
        resolve(code ?? signal ?? 'unknown');
      });
    });
  }

  /** The match of a pattern in the output, once it is there. */
  async saw(pattern: RegExp): Promise<RegExpExecArray> {
    for (;;) {
      const match = pattern.exec(this.out) ?? pattern.exec(this.err);
      if (match) return match;
      if (this.#isEnded) throw new Error(`ended without ${pattern}:\n${this.out}\n${this.err}`);
      await new Promise<void>((resolve) => this.#listeners.add(resolve));
    }
  }

  kill(signal: NodeJS.Signals): void {
    this.child.kill(signal);
  }

  #add({ out = '', err = '' }: { readonly out?: string; readonly err?: string }): void {
    this.out += out;
    this.err += err;
    for (const listener of [...this.#listeners]) {
      this.#listeners.delete(listener);
      listener();
    }
  }
}

export interface CliResult {
  readonly code: number | string;
  readonly out: string;
  readonly err: string;
}

/** Runs a command to its end, with `input` on its standard input. */
export async function runCli(
  args: readonly string[],
  options: SpawnOptions & { readonly input?: string },
): Promise<CliResult> {
  const cli = new SpawnedCli(args, options);
  cli.child.stdin?.end(options.input ?? '');
  const code = await cli.ended;
  return { code, out: cli.out, err: cli.err };
}

export interface RunningHost {
  readonly cli: SpawnedCli;
  readonly url: string;
  readonly pid: number;
}

/** `granary dev --json` on a free port, ready. */
export async function devHost(args: readonly string[], options: SpawnOptions): Promise<RunningHost> {
  const cli = new SpawnedCli(['dev', '--json', '--port', '0', ...args], options);
  const [line] = await cli.saw(/^\{"url".*\}$/m);
  const { url, pid } = JSON.parse(line) as { readonly url: string; readonly pid: number };
  return { cli, url, pid };
}

/** A Core to try things with, as a user would write it. */
export const COUNTER = `import { defineCore, entity } from 'granary';
export const counter = defineCore({
  name: 'counter',
  version: '1.0.0',
  instance: entity({ entityKey: 'name' }),
  memory: { count: 0 },
  events: { hit: 'add' },
}).flows((flow) => ({
  add: flow({
    run(ctx, input) {
      const { by = 1 } = (input ?? {}) as { by?: number };
      if (typeof by !== 'number') ctx.refuse('by must be a number');
      ctx.memory.count += by;
      return ctx.memory.count;
    },
  }),
  read: flow({ readonly: true, run: (ctx) => ctx.memory.count }),
}));
`;
