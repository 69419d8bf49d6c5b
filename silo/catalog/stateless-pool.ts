// StatelessPool: calls of a stateless Core. Each gets an activation of its own with empty memory, used once.
// Owns: how many run at once, and the bound of those that wait. There is no key, no directory entry, no order.
import { Fifo, GrainError } from '../../lib/index.ts';
import { Activation } from './activation.ts';
import type { CoreHost } from './core-host.ts';
import type { Message } from './message.ts';

export class StatelessPool {
  readonly #host: CoreHost;
  readonly #waiting = new Fifo<{ readonly message: Message; readonly tenant: string }>();
  #running = 0;

  constructor(host: CoreHost) {
    this.#host = host;
  }

  admit(message: Message, tenant: string): void {
    const { maxConcurrent, overflow, mailboxDepthMax } = this.#host.definition.instance;
    if (this.#running < maxConcurrent || this.#isHeldByChain(message)) {
      this.#run(message, tenant);
    } else if (overflow === 'reject' || this.#waiting.size >= mailboxDepthMax) {
      message.envelope.reject(new GrainError('ERR_CAPACITY_FULL', { maxConcurrent, retryAfterMs: 100 }));
    } else this.#waiting.push({ message, tenant });
  }

  /** A call whose chain already runs here must not wait for a place that its own caller holds. */
  #isHeldByChain({ envelope }: Message): boolean {
    for (let link = envelope.chain; link; link = link.parent) if (link.core === envelope.core) return true;
    return false;
  }

  #run(message: Message, tenant: string): void {
    this.#running += 1;
    const seq = this.#host.nextSeq();
    // The key never leaves this process: it only keeps the throw-away memory of two calls apart.
    const activation = new Activation(this.#host, tenant, '', seq, () => this.#ended());
    const outcome = this.#host.claim({ tenant, core: this.#host.definition.name, key: `#${seq}` }, seq);
    if (outcome instanceof Promise || outcome.kind !== 'claimed') {
      throw new TypeError('the storage of stateless Cores answers at once');
    }
    activation.load(outcome.claim, outcome.memory);
    activation.begin(message);
  }

  #ended(): void {
    this.#running -= 1;
    for (let next = this.#waiting.shift(); next; next = this.#waiting.shift()) {
      if (next.message.envelope.isSettled) continue;
      this.#run(next.message, next.tenant);
      return;
    }
  }
}
