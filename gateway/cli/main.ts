#!/usr/bin/env node
// The process of the command line: its streams, signals and end. Everything else is in program.ts.
import { readFileSync } from 'node:fs';
import { systemClock, systemRng } from '../../lib/internal.ts';
import type { Cli } from './cli.ts';
import { runProgram } from './program.ts';
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

/** A pipe that nobody reads any more (`granary inspect | head`) is no error. */
function ignoreClosedPipes(): void {
  for (const stream of [process.stdout, process.stderr]) {
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EPIPE') process.exit(0);
      throw error;
    });
  }
}

async function main(): Promise<void> {
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
    stopSignal: stopSignal(),
  };
  const code = await runProgram(process.argv.slice(2), cli);
  clearInterval(alive);
  // Modules of the user's may have left something open; what was written has to be out first.
  stdout.write('', () => stderr.write('', () => process.exit(code)));
}

await main();
