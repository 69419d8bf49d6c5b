import {
  type AnyCore,
  copyValue,
  type FlowContext,
  type GrainRef,
  type Logger,
  type LooseRef,
  type Reminders,
  type ReminderSchedule,
  type Timers,
  type TimerSchedule,
} from '../../lib/index.ts';
import { resolveReminder } from '../reminders/schedule.ts';
import type { Turn } from './turn.ts';

const NO_TIMERS = 'a stateless call has no activation that a timer could live in';
const NO_REMINDERS = 'a Core whose flows are all volatile stores nothing, and so no reminders: use a timer';

/** The `ctx` of one turn: a face without a way to the runtime behind it. */
export class TurnContext implements FlowContext<object> {
  readonly #turn: Turn;
  #memory: object | undefined = undefined;

  constructor(turn: Turn) {
    this.#turn = turn;
  }

  /** For flows of the runtime itself, which need to know more (turn-facts.ts). */
  static turnOf(ctx: TurnContext): Turn {
    return ctx.#turn;
  }

  get memory(): never {
    this.#memory ??= new this.#turn.activation.host.MemoryView(this.#turn);
    return this.#memory as never;
  }

  get key(): string {
    return this.#turn.activation.key;
  }

  get tenant(): string {
    return this.#turn.activation.tenant;
  }

  get principal(): string {
    return this.#turn.envelope.principal;
  }

  get signal(): AbortSignal {
    return this.#turn.signal;
  }

  get epoch(): number {
    return this.#turn.activation.claim.address.epoch;
  }

  get deadline(): { readonly remainingMs: number } {
    const turn = this.#turn;
    return {
      get remainingMs(): number {
        return turn.activation.remainingMs(turn);
      },
    };
  }

  get log(): Logger {
    return this.#turn.activation.logger;
  }

  get timer(): Timers {
    const turn = this.#turn;
    return {
      set(name: string, schedule: TimerSchedule): void {
        turn.checkRunning();
        if (turn.activation.host.isStateless) turn.raise('ERR_REMINDER_INVALID', { message: NO_TIMERS });
        turn.activation.setTimer(turn, name, schedule);
      },
      cancel(name: string): void {
        turn.checkRunning();
        turn.activation.cancelTimer(name);
      },
    };
  }

  get reminder(): Reminders {
    const turn = this.#turn;
    return {
      set(name: string, schedule: ReminderSchedule): void {
        turn.checkRunning();
        if (turn.activation.host.isVolatile) turn.raise('ERR_REMINDER_INVALID', { message: NO_REMINDERS });
        if (!turn.activation.host.flows.has(schedule.flow)) {
          turn.raise('ERR_REMINDER_INVALID', {
            message: `reminder ${name}: there is no flow ${schedule.flow}`,
          });
        }
        turn.setReminder(
          name,
          turn.checked(() => resolveReminder(name, schedule, turn.activation.host.clock.wallMs())),
        );
      },
      cancel(name: string): void {
        turn.setReminder(name, undefined);
      },
      all() {
        turn.checkRunning();
        return turn.activation.remindersSeenBy(turn);
      },
    };
  }

  get self(): LooseRef {
    const { host, key } = this.#turn.activation;
    return host.refFrom(this.#turn, host.definition.name, key) as unknown as LooseRef;
  }

  emit(event: string, data?: unknown): void {
    this.#turn.emit(event, data);
  }

  call<C extends AnyCore>(core: C | string, key?: string | number): GrainRef<C> {
    const name = typeof core === 'string' ? core : core.definition.name;
    const target = key === undefined ? undefined : String(key);
    return this.#turn.activation.host.refFrom(this.#turn, name, target) as unknown as GrainRef<C>;
  }

  forget(): void {
    this.#turn.forget();
  }

  refuse(message: string, details: Readonly<Record<string, unknown>> = {}): never {
    const copy = this.#turn.checked(() => copyValue(details)) as typeof details;
    return this.#turn.raise('ERR_FLOW_REFUSED', { ...copy, message, flow: this.#turn.flow.name });
  }
}
