// LoopWatch: names the flow that held the event loop.
// Owns: when the loop was last seen to turn. Does not own: how late timers are (the process measures that).
//   W1. A turn is named when it ends after a pause in which no turn began or ended and no beat came: then nothing else
//       ran. A pause that ends otherwise (a flow that goes on waiting, a pause of the machine) is told without a name.
import type { Clock, Logger } from '../../lib/index.ts';
import type { Turn } from './turn.ts';

/** A pause of this length is worth a line: everybody who called meanwhile has felt it. */
const BLOCKED_MS = 250;

export class LoopWatch {
  readonly #log: Logger;
  #seenMs: number;
  #isBeating = false;

  /** @param onBeat calls back several times within `BLOCKED_MS` while the loop turns; without it nothing is watched */
  constructor(clock: Clock, log: Logger, onBeat: ((beat: () => void) => void) | undefined) {
    this.#log = log;
    this.#seenMs = clock.nowMs();
    onBeat?.(() => {
      this.#isBeating = true;
      this.#saw(clock.nowMs(), undefined);
    });
  }

  turnStarted(nowMs: number): void {
    this.#seenMs = nowMs;
  }

  turnEnded(turn: Turn, nowMs: number): void {
    this.#saw(nowMs, turn);
  }

  #saw(nowMs: number, turn: Turn | undefined): void {
    const heldMs = nowMs - this.#seenMs;
    this.#seenMs = nowMs;
    if (heldMs < BLOCKED_MS || !this.#isBeating) return;
    const blamed = turn ? { grain: turn.activation.name, flow: turn.flow.name } : {};
    this.#log.warn({ ...blamed, heldMs: Math.round(heldMs) }, 'loop.blocked');
  }
}
