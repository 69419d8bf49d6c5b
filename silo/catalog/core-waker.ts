// CoreWaker: calls the `wake` flow of Cores that have one, when their silo starts with them or takes them up.
// Owns: that the call is made again until it is answered. Does not own: what the flow does; it has to be idempotent, since
// every silo of a cluster makes the call.
import { backoffMs, type Clock, type CoreDefinition, fromUnknown, type Logger } from '../../lib/index.ts';
import { type CallSender, outsideRef } from '../messaging/callers.ts';

const BACKOFF = { firstMs: 1_000, mostMs: 60_000 };
/** Who calls: not a token's principal, which has no space. */
const PRINCIPAL = 'silo start';

export class CoreWaker {
  readonly #sender: CallSender;
  readonly #log: Logger;
  readonly #definitions = new Map<string, CoreDefinition>();
  #isStarted = false;

  constructor(sender: CallSender, log: Logger) {
    this.#sender = sender;
    this.#log = log;
  }

  get #clock(): Clock {
    return this.#sender.clock;
  }

  installed(definition: CoreDefinition): void {
    this.#definitions.set(definition.name, definition);
    if (this.#isStarted) this.#wake(definition, 1);
  }

  start(): void {
    this.#isStarted = true;
    for (const definition of this.#definitions.values()) this.#wake(definition, 1);
  }

  stop(): void {
    this.#isStarted = false;
  }

  #wake(definition: CoreDefinition, attempt: number): void {
    const { name, wake } = definition;
    if (!wake || !this.#isStarted || this.#definitions.get(name) !== definition) return;
    const ref = outsideRef(this.#sender, name, wake.key, { principal: PRINCIPAL }) as Readonly<
      Record<string, () => Promise<unknown>>
    >;
    const called = ref[wake.flow]?.() ?? Promise.resolve();
    called.catch((thrown: unknown) => {
      const err = fromUnknown(thrown);
      this.#log.warn({ core: name, err, attempt }, 'core.wake_failed');
      this.#clock.setTimer(backoffMs(attempt, BACKOFF), () => this.#wake(definition, attempt + 1));
    });
  }
}
