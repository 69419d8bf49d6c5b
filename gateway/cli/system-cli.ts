// The process of a command line: its streams, signals and end. Everything else is in the programs.
import { readFileSync } from 'node:fs';
import { inspect } from 'node:util';
import { GrainError } from '../../lib/index.ts';
import { systemClock, systemRng } from '../../lib/internal.ts';
import type { Cli, ExitCode, Stray } from './cli.ts';
import { systemTerminal } from './terminal.ts';

/** The version of the package that this file is in: beside the sources, or above dist. */
function ownVersion(): string {
  for (const place of ['../../package.json', '../../../package.json']) {
    try {
      const text = readFileSync(new URL(place, import.meta.url), 'utf8');
      return (JSON.parse(text) as { readonly version: string }).version;
    } catch {
      // The other place, then.
    }
  }
  return 'unknown';
}

function stopSignal(): AbortSignal {
  const controller = new AbortController();
  const stop = (): void => {
    if (controller.signal.aborted) process.exit(1);
    controller.abort();
  };
  process.on('SIGINT', stop);
  process.on('SIGTERM', stop);
  return controller.signal;
}

function catchStrays(told: (stray: Stray) => void): () => void {
  const onRejection = (thrown: unknown): void => told({ kind: 'rejection', error: readable(thrown) });
  const onException = (thrown: unknown): void => told({ kind: 'exception', error: readable(thrown) });
  process.on('unhandledRejection', onRejection);
  process.on('uncaughtException', onException);
  return () => {
    process.off('unhandledRejection', onRejection);
    process.off('uncaughtException', onException);
  };
}

/** An error of our own with its words: what was thrown may throw when a log looks at it, and here nothing may. */
function readable(thrown: unknown): Error {
  const error = new Error('something that cannot be read');
  try {
    error.message = thrown instanceof Error ? String(thrown.message) : inspect(thrown).slice(0, 1_000);
    const stack = thrown instanceof Error ? thrown.stack : undefined;
    error.stack = typeof stack === 'string' ? stack : `${error.message} (no stack)`;
    if (thrown instanceof GrainError) Object.assign(error, { code: thrown.code });
  } catch {
    error.stack = error.message;
  }
  return error;
}

/** A pipe that nobody reads any more (`granary inspect | head`) is no error. */
function ignoreClosedPipes(): void {
  for (const stream of [process.stdout, process.stderr]) {
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EPIPE') process.exit(0);
      throw error;
    });
  }
}

export interface MainOptions {
  /**
   * Whether the first signal only asks to stop. Not for programs that compute for long: nobody would hear the question,
   * and the second signal no more than the first. @default true
   */
  readonly isAskedToStop?: boolean;
}

/** Runs `program` with the arguments of this process, and ends the process with its exit code. */
export async function runMain(
  program: (args: readonly string[], cli: Cli) => Promise<ExitCode>,
  { isAskedToStop = true }: MainOptions = {},
): Promise<void> {
  ignoreClosedPipes();
  // Our clock's timers do not keep a process alive; the command that runs does.
  const alive = setInterval(() => undefined, 2 ** 30);
  const { stdout, stderr, env } = process;
  const cli: Cli = {
    terminal: systemTerminal({ stdout, stderr, env }),
    clock: systemClock,
    rng: systemRng,
    env,
    folder: process.cwd(),
    version: ownVersion(),
    stopSignal: isAskedToStop ? stopSignal() : new AbortController().signal,
    catchStrays,
  };
  const code = await program(process.argv.slice(2), cli);
  clearInterval(alive);
  // Modules of the user's may have left something open; what was written has to be out first.
  stdout.write('', () => stderr.write('', () => process.exit(code)));
}
