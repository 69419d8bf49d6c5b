import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const SCRIPT = fileURLToPath(new URL('./lmdb-child.ts', import.meta.url));
const ROOT = fileURLToPath(new URL('../../../', import.meta.url));

/** A process that runs `lmdb-child.ts`, and what it says line by line. */
export class Child {
  readonly lines: string[] = [];
  readonly #process: ChildProcess;
  readonly #ended: Promise<unknown>;
  #onLine: (() => void)[] = [];
  #isEnded = false;

  /** @param before a shell command to run first in the same process, such as a limit. */
  constructor(mode: 'hold' | 'write' | 'fill', folder: string, before = ':') {
    const command = [process.execPath, '--import', 'tsx', SCRIPT, mode, folder];
    const child = spawn('sh', ['-c', `${before}; exec "$@"`, 'sh', ...command], {
      cwd: ROOT,
      // lmdb writes failed commits to the error output by itself.
      stdio: ['pipe', 'pipe', mode === 'fill' ? 'ignore' : 'inherit'],
    });
    this.#process = child;
    const reader = createInterface({ input: child.stdout });
    reader.on('line', (line) => {
      this.lines.push(line);
      this.#wake();
    });
    this.#ended = Promise.all([once(child, 'exit'), once(reader, 'close')]).then(() => {
      this.#isEnded = true;
      this.#wake();
    });
  }

  get pid(): number {
    return this.#process.pid ?? 0;
  }

  #wake(): void {
    for (const wake of this.#onLine.splice(0)) wake();
  }

  /** Resolves when it said so many lines, or ended. */
  async said(count: number): Promise<readonly string[]> {
    while (this.lines.length < count && !this.#isEnded) {
      await new Promise<void>((resolve) => this.#onLine.push(resolve));
    }
    return this.lines;
  }

  /** Resolves with everything that it said when it ended by itself. */
  async ended(): Promise<readonly string[]> {
    await this.#ended;
    return this.lines;
  }

  /** Resolves when it is gone and everything that it said was read. */
  async kill(signal: 'SIGKILL' | 'SIGSTOP' | 'SIGCONT' = 'SIGKILL'): Promise<void> {
    this.#process.kill(signal);
    if (signal === 'SIGKILL') await this.#ended;
  }

  async end(): Promise<void> {
    this.#process.stdin?.end();
    await this.#ended;
  }
}
