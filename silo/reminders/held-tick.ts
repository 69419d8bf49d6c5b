import { type ErrorCode, formatGrainId, type GrainError } from '../../lib/index.ts';
import { Envelope, type ReminderTick } from '../messaging/envelope.ts';
import type { DueReminder } from '../storage/grain-storage.ts';

/** A tick that the service has taken up. */
export class HeldTick {
  /** Grain and name. */
  readonly id: string;
  readonly due: DueReminder;
  state:
    | 'running'
    /** Failed; sent again at `retryMs`. */
    | 'failing'
    /** Its grain answered: it is sent again at `retryMs` only if storage still says that it is due. */
    | 'answered' = 'running';
  /** Failures in a row. */
  attempts = 0;
  /** It failed too often: the grain is to move the schedule on without running the flow. */
  isGivenUp = false;
  /** In monotonic milliseconds. */
  retryMs = 0;

  constructor(id: string, due: DueReminder) {
    this.id = id;
    this.due = due;
  }

  get tick(): ReminderTick {
    const { name, dueMs } = this.due;
    return this.isGivenUp ? { name, dueMs, giveUp: true } : { name, dueMs };
  }
}

/** One sending of a tick. The grain knows the flow and its input. It has no deadline: the flow's time limit ends it. */
export class TickEnvelope extends Envelope {
  readonly #settle: (error: GrainError | undefined) => void;

  constructor(held: HeldTick, settle: (error: GrainError | undefined) => void) {
    super();
    const { tenant, core, key } = held.due.grain;
    this.kind = 'reminder';
    this.tenant = tenant;
    this.core = core;
    this.key = key;
    this.principal = `core:${formatGrainId(held.due.grain)}`;
    this.tick = held.tick;
    this.#settle = settle;
  }

  protected override onResult(): void {
    this.#settle(undefined);
  }

  protected override onError(error: GrainError): void {
    this.#settle(error);
  }
}

const TRIES: { readonly [Code in ErrorCode]?: number } = {
  // Ours, so most likely passing; but a tick that always meets it must not be tried for ever.
  ERR_INTERNAL: 20,
  // The Core is not loaded now. Its reminders wait for it.
  ERR_CORE_UNKNOWN: Infinity,
};
const LASTING_TRIES = 5;

/** After how many failures, the last of them with this error, a tick is given up. */
export function triesOf(error: GrainError): number {
  return TRIES[error.code] ?? (error.spec.lasting ? LASTING_TRIES : Infinity);
}
