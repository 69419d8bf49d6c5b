// CommitLedger: the commits that one activation has on their way, and what waits for them: the output gate (hazards.md 4).
// Owns: numbering, and holding back whatever may not leave yet. Does not own: storing (GrainStorage).
//   G1. Nothing that is held leaves before commit `need` is durable. What needs more leaves later, in order.
//   G2. After a failure nothing held is told success. Only the turn whose own commit failed is told why; all others are
//       told that the activation ended: nothing behind a failure is ever stored (S6), and nothing was wrong with them.
import { Fifo, GrainError } from '../../lib/index.ts';
import type { CommitOutcome } from '../storage/grain-storage.ts';

interface Held {
  readonly need: number;
  /** The commit of the turn that waits; 0 when it has none. */
  readonly own: number;
  /** Called with undefined when the gate opens, with the failure when it never will. */
  readonly release: (failure: GrainError | undefined) => void;
}

interface Pending {
  readonly number: number;
  readonly onDurable: () => void;
}

export class CommitLedger {
  /** Number of the last commit handed to storage. */
  issued = 0;
  /** Number of the last commit that is durable. */
  durable = 0;
  /** Number of the last commit that replies wait for: those of level `async` and `volatile` are not waited for. */
  gate = 0;
  /** What everybody is told who comes after the failure. */
  #failure: GrainError | undefined = undefined;
  /** Both queues are made when they are needed and dropped when they are empty: most activations wait for nothing. */
  #held: Fifo<Held> | undefined = undefined;
  #pending: Fifo<Pending> | undefined = undefined;

  get isSettled(): boolean {
    return this.durable === this.issued || this.#failure !== undefined;
  }

  get isOpen(): boolean {
    return this.durable >= this.gate && this.#failure === undefined;
  }

  /** Numbers the next commit. `onDurable` runs before anything that waits for it is let go. */
  issue(isGating: boolean, onDurable: (() => void) | undefined): number {
    this.issued += 1;
    if (isGating) this.gate = this.issued;
    if (onDurable) (this.#pending ??= new Fifo()).push({ number: this.issued, onDurable });
    return this.issued;
  }

  /** Runs `release` when all that a turn ending now could have seen is durable: now, or later. `own` is its commit. */
  whenOpen(release: (failure: GrainError | undefined) => void, own = 0): void {
    if (this.#failure) release(this.#failure);
    else if (this.durable >= this.gate) release(undefined);
    else (this.#held ??= new Fifo()).push({ need: this.gate, own, release });
  }

  /** Takes an outcome; answers the failure that ends the activation, if it is one. */
  settle(number: number, outcome: CommitOutcome): GrainError | undefined {
    if (this.#failure) return undefined;
    if (outcome.kind !== 'done') return this.#fail(number, failureOf(number, outcome));
    this.durable = number;
    if (this.#pending) this.#publish(this.#pending, number);
    if (this.#held) this.#releaseUpTo(this.#held, number);
    return undefined;
  }

  #publish(pending: Fifo<Pending>, number: number): void {
    for (let next = pending.peek(); next && next.number <= number; next = pending.peek()) {
      pending.shift();
      next.onDurable();
    }
    if (pending.size === 0) this.#pending = undefined;
  }

  #releaseUpTo(held: Fifo<Held>, number: number): void {
    for (let next = held.peek(); next && next.need <= number; next = held.peek()) {
      held.shift();
      next.release(undefined);
    }
    if (held.size === 0) this.#held = undefined;
  }

  #fail(number: number, failure: GrainError): GrainError {
    const isItsAlone = failure.effect === 'unknown' || failure.spec.lasting;
    const behind = isItsAlone ? new GrainError('ERR_GRAIN_MOVED', {}, { cause: failure }) : failure;
    this.#failure = behind;
    const waiting = this.#held;
    this.#held = undefined;
    this.#pending = undefined;
    for (let held = waiting?.shift(); held; held = waiting?.shift()) {
      held.release(held.own === number ? failure : behind);
    }
    return failure;
  }
}

function failureOf(number: number, outcome: Exclude<CommitOutcome, { readonly kind: 'done' }>): GrainError {
  switch (outcome.kind) {
    case 'fenced':
      return new GrainError('ERR_STORE_FENCED', {});
    case 'gap':
      return new GrainError('ERR_STORE_FENCED', {
        message: `commit ${number} does not follow ${outcome.stored}`,
      });
    case 'failed':
      return outcome.error;
  }
}
