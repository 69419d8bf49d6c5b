// EarlyRequests: messages of senders that know a later view than this silo does. By an older view it would take the dead for
// living, and send a message on to who cannot answer: what is *unknown* then could have been a result.
//   E1. They go on in the order in which they came, when the view is here; or when it cannot be had, or after `LIMIT_MS`.
//   E2. They are bounded as all that comes over links, and their deadlines are watched.
import { type Clock, Fifo, type TimerHandle } from '../../lib/index.ts';
import type { InboundEnvelope } from '../messaging/inbound-envelope.ts';

const LIMIT_MS = 500;

export interface EarlyRequestsParts {
  readonly clock: Clock;
  /** Resolves when a view of at least this number is known, or cannot be had now. */
  readonly refresh: (atLeast: number) => Promise<void>;
  readonly take: (envelope: InboundEnvelope) => void;
}

export class EarlyRequests {
  readonly #parts: EarlyRequestsParts;
  readonly #waiting = new Fifo<InboundEnvelope>();
  #timer: TimerHandle | undefined = undefined;

  constructor(parts: EarlyRequestsParts) {
    this.#parts = parts;
  }

  hold(envelope: InboundEnvelope): void {
    this.#waiting.push(envelope);
    if (this.#timer) return;
    const goOn = (): void => this.viewChanged(Infinity);
    this.#timer = this.#parts.clock.setTimer(LIMIT_MS, goOn);
    this.#parts.refresh(envelope.routing.view).then(goOn, goOn);
  }

  viewChanged(view: number): void {
    for (let next = this.#waiting.peek(); next && next.routing.view <= view; next = this.#waiting.peek()) {
      this.#waiting.shift();
      if (!next.isSettled) this.#parts.take(next);
    }
    if (this.#waiting.size > 0) return;
    this.#timer?.cancel();
    this.#timer = undefined;
  }
}
