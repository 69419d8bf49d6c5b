// Spreads seeds over processes, one for each core of the machine.
import { type ChildProcess, fork } from 'node:child_process';
import { createRequire } from 'node:module';
import os from 'node:os';
import { fileURLToPath, pathToFileURL } from 'node:url';

export interface SeedResult {
  readonly seed: number;
  readonly violations: readonly string[];
  readonly hasLostWrites: boolean;
  readonly steps: number;
}

export interface SeedRange {
  readonly from: number;
  readonly count: number;
  /** @default as many as the machine has cores */
  readonly workers?: number;
  /** False: no further seeds are begun. */
  readonly onResult: (result: SeedResult) => boolean;
}

/** Resolves when all are done. @throws (rejects) when a process dies, with the seed that it was at */
export async function runSeeds(range: SeedRange): Promise<void> {
  const { from, count, workers = os.availableParallelism(), onResult } = range;
  let next = from;
  let isStopped = false;
  const take = (): number | undefined => (isStopped || next >= from + count ? undefined : next++);
  const told = (result: SeedResult): void => {
    if (!onResult(result)) isStopped = true;
  };
  await Promise.all(Array.from({ length: Math.min(workers, count) }, () => runWorker(take, told)));
}

function runWorker(take: () => number | undefined, told: (result: SeedResult) => void): Promise<void> {
  const worker = openWorker();
  return new Promise((resolve, reject) => {
    let seed = take();
    const goOn = (): void => {
      if (seed === undefined) worker.disconnect();
      else worker.send(seed);
    };
    worker.on('message', (result: SeedResult) => {
      told(result);
      seed = take();
      goOn();
    });
    worker.once('error', reject);
    worker.once('exit', (code) => {
      if (seed === undefined) resolve();
      else reject(new Error(`the process that ran seed ${seed} ended (${code})`));
    });
    goOn();
  });
}

function openWorker(): ChildProcess {
  const loader = pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href;
  const file = fileURLToPath(new URL('./system-seed-worker.ts', import.meta.url));
  return fork(file, { execArgv: ['--import', loader], stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
}
