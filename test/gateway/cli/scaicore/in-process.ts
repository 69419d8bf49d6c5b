// The `scaicore` command in this process: its output, its exit code, in a folder of its own.
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import type { Cli, ExitCode, Terminal } from '../../../../gateway/internal.ts';
import { systemClock, systemRng } from '../../../../lib/internal.ts';

export interface Ran {
  readonly code: ExitCode;
  readonly out: string;
  readonly err: string;
}

export interface RunOptions {
  readonly env?: Readonly<Record<string, string>>;
  /** Somebody looks, in colour. @default false */
  readonly isTty?: boolean;
  readonly stopSignal?: AbortSignal;
}

/** A core with one flow that greets, one that asks a person, and a test. */
export const GREET = `@core Greeter {
    version = "1.2.0"
    instance = :stateless
    @config {
        @param greeting: string = "Hello"
    }
}

@flow greet(name: string): string {
    return "\${config.greeting}, \${name}!"
}

@flow ask(name: string): string {
    decision = @checkpoint approval {
        present = { prompt: "Greet \${name}?" }
        options = ["yes", "no"]
    }
    return decision
}

@test "greets" {
    @when out = greet(name = "Ada")
    @then {
        out == "Hello, Ada!"
    }
}
`;

export class ScaicoreFolder {
  readonly path = mkdtempSync(path.join(os.tmpdir(), 'granary-scaicore-'));

  remove(): void {
    rmSync(this.path, { recursive: true, force: true });
  }

  write(name: string, text: string | Uint8Array): void {
    const file = this.file(name);
    mkdirSync(path.dirname(file), { recursive: true });
    writeFileSync(file, text);
  }

  read(name: string): string {
    return readFileSync(this.file(name), 'utf8');
  }

  file(name: string): string {
    return path.join(this.path, name);
  }

  run(...args: readonly string[]): Promise<Ran> {
    return this.runWith({}, ...args);
  }

  async runWith(
    { env = {}, isTty = false, stopSignal }: RunOptions,
    ...args: readonly string[]
  ): Promise<Ran> {
    let [out, err] = ['', ''];
    const terminal: Terminal = {
      out: (text) => void (out += text),
      err: (text) => void (err += text),
      isOutTty: isTty,
      isErrTty: isTty,
      columns: 80,
      rows: 24,
      paint: (_style, text) => (isTty ? `\u001b[1m${text}\u001b[22m` : text),
    };
    const cli: Cli = {
      terminal,
      clock: systemClock,
      rng: systemRng,
      env,
      folder: this.path,
      version: '0.0.0',
      stopSignal: stopSignal ?? new AbortController().signal,
      catchStrays: () => () => undefined,
    };
    // As the commands are imported, so that all of them have the same modules: mocha loads test files another way.
    const { runScaicore } = await import('../../../../gateway/internal.ts');
    const code = await runScaicore(args, cli);
    return { code, out, err };
  }
}
