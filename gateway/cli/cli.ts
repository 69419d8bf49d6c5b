// What every command is given: the terminal, the clock, and the process around it. main.ts makes it; tests make their own.
import type { Clock, Rng } from '../../lib/index.ts';
import type { Terminal } from './terminal.ts';

/** 0: done. 1: it ran and found errors. 2: it could not start. */
export type ExitCode = 0 | 1 | 2;

export interface Cli {
  readonly terminal: Terminal;
  readonly clock: Clock;
  readonly rng: Rng;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The folder in which the command was given. */
  readonly folder: string;
  readonly version: string;
  /** Aborts with the first SIGINT or SIGTERM; the second ends the process. */
  readonly stopSignal: AbortSignal;
  /**
   * From now on errors that nobody handles do not end the process: `told` gets them. For commands that host what
   * others wrote. The answer ends that.
   */
  catchStrays(told: (stray: Stray) => void): () => void;
}

/** A rejected promise that nobody awaits, or an exception in a callback. */
export interface Stray {
  readonly kind: 'rejection' | 'exception';
  readonly error: Error;
}

/** Resolves when somebody asks the process to stop. */
export function stopped({ stopSignal }: Cli): Promise<void> {
  return new Promise((resolve) => {
    if (stopSignal.aborted) resolve();
    else stopSignal.addEventListener('abort', () => resolve(), { once: true });
  });
}
