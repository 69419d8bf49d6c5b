import { type Clock, GrainError, type TimerHandle } from '../../lib/index.ts';
import type { StreamPosition, StreamState } from './event-types.ts';
import { isCount } from './wire.ts';

export interface PositionSaverOptions {
  readonly clock: Clock;
  readonly state: StreamState;
  readonly saveEveryMs: number;
  readonly position: () => StreamPosition | undefined;
  /** Told once; after that nothing is saved. */
  readonly onFailed: (thrown: unknown) => void;
}

/** Writes a stream's position down: one write at a time, each with the position of that moment. */
export class PositionSaver {
  readonly #options: PositionSaverOptions;
  #last: Promise<void> = Promise.resolve();
  #timer: TimerHandle | undefined;
  #isStopped = false;

  constructor(options: PositionSaverOptions) {
    this.#options = options;
  }

  /** Resolves when the position of now, or a later one, is saved, or when saving has ended. */
  save(): Promise<void> {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#last = this.#last.then(() => this.#write());
    return this.#last;
  }

  saveSoon(): void {
    if (this.#timer || this.#isStopped) return;
    this.#timer = this.#options.clock.setTimer(this.#options.saveEveryMs, () => void this.save());
  }

  stop(): void {
    this.#isStopped = true;
    this.#timer?.cancel();
  }

  async #write(): Promise<void> {
    const position = this.#options.position();
    if (!position || this.#isStopped) return;
    try {
      await this.#options.state.save(position);
    } catch (thrown) {
      this.stop();
      this.#options.onFailed(thrown);
    }
  }
}

/** What `load` gave. @throws ERR_OPTION_INVALID when `save` was never given it */
export function checkPosition(loaded: StreamPosition | undefined): StreamPosition | undefined {
  if (!loaded || (typeof loaded.session === 'string' && isCount(loaded.acked) && isCount(loaded.nextSeq))) {
    return loaded;
  }
  const message = 'state.load() gave something that save() was never given';
  throw new GrainError('ERR_OPTION_INVALID', { message, option: 'state' });
}
