// StatelessPool: calls of a stateless Core. Each gets an activation of its own with empty memory, used once.
// Owns: how many run at once, and the bound of those that wait. There is no key, no directory entry, no order.
import { Fifo, fromUnknown, GrainError } from '../../lib/index.ts';
import type { ClaimOutcome } from '../storage/grain-storage.ts';
import { Activation } from './activation.ts';
import type { DeactivationReason } from './activation-state.ts';
import type { CoreHost } from './core-host.ts';
import type { Message } from './message.ts';

interface Waiting {
  readonly message: Message;
  readonly tenant: string;
}

export class StatelessPool {
  readonly #host: CoreHost;
  readonly #running = new Set<Activation>();
  readonly #waiting = new Fifo<Waiting>();
  #waitingBytes = 0;
  #isLettingIn = false;

  constructor(host: CoreHost) {
    this.#host = host;
  }

  /** Calls that run or wait. */
  get size(): number {
    return this.#running.size + this.#waiting.size;
  }

  admit(message: Message, tenant: string): void {
    const { envelope } = message;
    const { maxConcurrent, overflow, mailboxDepthMax, mailboxBytesMax } = this.#host.definition.instance;
    if (this.#running.size < maxConcurrent) return this.#run(message, tenant);
    // A call whose chain runs here must not wait for a place that its own caller holds (as hazards.md 21).
    if (this.#isHeldByChain(message)) {
      if (this.#running.size < 2 * maxConcurrent) this.#run(message, tenant);
      else envelope.reject(new GrainError('ERR_CAPACITY_CHAIN', { maxConcurrent, retryAfterMs: 100 }));
      return;
    }
    const isFull =
      this.#waiting.size >= mailboxDepthMax ||
      (this.#waitingBytes > 0 && this.#waitingBytes + envelope.inputBytes > mailboxBytesMax);
    if (overflow === 'reject' || isFull) {
      envelope.reject(new GrainError('ERR_CAPACITY_FULL', { maxConcurrent, retryAfterMs: 100 }));
      return;
    }
    this.#waitingBytes += envelope.inputBytes;
    this.#waiting.push({ message, tenant });
  }

  #isHeldByChain({ envelope }: Message): boolean {
    for (let link = envelope.chain; link; link = link.parent) if (link.core === envelope.core) return true;
    return false;
  }

  #run(message: Message, tenant: string): void {
    const seq = this.#host.nextSeq();
    let outcome: ClaimOutcome;
    try {
      // The key never leaves this process: it only keeps the throw-away memory of two calls apart.
      const claimed = this.#host.claim({ tenant, core: this.#host.definition.name, key: `#${seq}` }, seq);
      if (claimed instanceof Promise) throw new TypeError('the storage of stateless Cores answers at once');
      outcome = claimed;
    } catch (error) {
      message.envelope.reject(fromUnknown(error));
      return;
    }
    if (outcome.kind !== 'claimed') {
      message.envelope.reject(new GrainError('ERR_STORE_FENCED'));
      return;
    }
    const activation: Activation = new Activation(this.#host, tenant, '', seq, () => this.#ended(activation));
    this.#running.add(activation);
    activation.load(outcome.claim, outcome.memory);
    activation.begin(message);
  }

  #ended(activation: Activation): void {
    this.#running.delete(activation);
    if (this.#waiting.size > 0) this.#letIn();
  }

  /** One loop at a time, because a call may be over before `#run` returns. */
  #letIn(): void {
    if (this.#isLettingIn) return;
    this.#isLettingIn = true;
    while (this.#waiting.size > 0 && this.#running.size < this.#host.definition.instance.maxConcurrent) {
      if (!this.#host.budget.take()) {
        this.#host.budget.defer(() => this.#letIn());
        break;
      }
      const next = this.#takeFirst();
      if (next && !next.message.envelope.isSettled) this.#run(next.message, next.tenant);
    }
    this.#isLettingIn = false;
  }

  #takeFirst(): Waiting | undefined {
    const first = this.#waiting.shift();
    if (first) this.#waitingBytes -= first.message.envelope.inputBytes;
    return first;
  }

  /** Gives back what waits, and ends what runs. */
  endAll(reason: DeactivationReason): void {
    for (let next = this.#takeFirst(); next; next = this.#takeFirst())
      this.#host.admit(next.message, next.tenant, '');
    for (const activation of [...this.#running]) activation.endNow(reason);
  }
}
