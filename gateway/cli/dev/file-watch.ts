// FileWatch: says which files changed, by looking at them. Notices of the system differ by platform, editor and kind of
// disk, and folders shared with a container send none; a look at a few dozen files costs next to nothing.
//   W1. A change is told when the file has been the same for two looks: not while it is being written.
//   W2. A file counts as changed when its content did; touching it does not.
import { createHash } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import type { Clock, TimerHandle } from '../../../lib/index.ts';

const LOOK_MS = 150;
const MISSING = 'missing';

interface Seen {
  /** Of the last look; what it was when the digest was made. */
  stamp: string;
  settled: string;
  digest: string;
}

export interface FileWatchOptions {
  readonly clock: Clock;
  /** Asked at every look: what there is to watch, and it may grow. */
  readonly files: () => Iterable<string>;
  /** The next look waits for it. */
  readonly changed: (files: readonly string[]) => Promise<void>;
}

export class FileWatch {
  readonly #options: FileWatchOptions;
  readonly #seen = new Map<string, Seen>();
  #timer: TimerHandle | undefined;
  #isStopped = false;

  constructor(options: FileWatchOptions) {
    this.#options = options;
    this.#prime();
    this.#schedule();
  }

  stop(): void {
    this.#isStopped = true;
    this.#timer?.cancel();
  }

  #schedule(): void {
    if (this.#isStopped) return;
    this.#timer = this.#options.clock.setTimer(LOOK_MS, () => void this.#tick());
  }

  async #tick(): Promise<void> {
    const changed = this.#look();
    if (changed.length > 0) {
      await this.#options.changed(changed);
      this.#prime();
    }
    this.#schedule();
  }

  /** What is known by now was loaded by now. */
  #prime(): void {
    for (const file of this.#options.files()) {
      const stamp = stampOf(file);
      if (!this.#seen.has(file)) this.#seen.set(file, { stamp, settled: stamp, digest: digestOf(file) });
    }
  }

  #look(): string[] {
    return [...this.#options.files()].filter((file) => this.#hasChanged(file));
  }

  #hasChanged(file: string): boolean {
    const stamp = stampOf(file);
    const seen = this.#seen.get(file);
    if (!seen) {
      // It is new in a folder: told at the next look, when it is whole.
      this.#seen.set(file, { stamp, settled: MISSING, digest: MISSING });
      return false;
    }
    const isSettled = stamp === seen.stamp;
    seen.stamp = stamp;
    if (!isSettled || stamp === seen.settled) return false;
    seen.settled = stamp;
    const digest = digestOf(file);
    const hasChanged = digest !== seen.digest;
    seen.digest = digest;
    return hasChanged;
  }
}

function stampOf(file: string): string {
  const stats = statSync(file, { throwIfNoEntry: false });
  return stats ? `${stats.ino} ${stats.size} ${stats.mtimeMs}` : MISSING;
}

function digestOf(file: string): string {
  try {
    return createHash('sha256').update(readFileSync(file)).digest('base64');
  } catch {
    return MISSING;
  }
}
