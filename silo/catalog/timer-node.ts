import { copyValue, freezeValue, GrainError, type TimerSchedule, WheelNode } from '../../lib/index.ts';
import { Envelope } from '../messaging/envelope.ts';
import type { Activation } from './activation.ts';

/** The shortest interval of a timer, in milliseconds. */
const TIMER_LEAST_MS = 1;

/** A volatile timer of one activation. An interval starts anew when its flow has ended, so ticks never overlap. */
export class TimerNode extends WheelNode {
  readonly activation: Activation;
  readonly name: string;
  readonly #flow: string;
  readonly #input: unknown;
  readonly #delayMs: number;
  readonly #isInterval: boolean;

  constructor(activation: Activation, name: string, schedule: TimerSchedule) {
    super();
    this.activation = activation;
    this.name = name;
    this.#flow = schedule.flow;
    this.#input = freezeValue(schedule.input);
    this.#isInterval = 'everyMs' in schedule;
    this.#delayMs = 'everyMs' in schedule ? schedule.everyMs : schedule.inMs;
    if (!Number.isFinite(this.#delayMs) || this.#delayMs < (this.#isInterval ? TIMER_LEAST_MS : 0)) {
      throw new GrainError('ERR_REMINDER_INVALID', {
        message: `timer ${name}: ${this.#delayMs} ms is out of range`,
      });
    }
  }

  start(): void {
    const { clock, wheel } = this.activation.host;
    wheel.schedule(this, clock.nowMs() + this.#delayMs);
  }

  override onDue(): void {
    const { activation } = this;
    const { clock, definition } = activation.host;
    // Ticks move it to the end of the idle list: so each of them looks whether its time is over.
    const isOver = clock.nowMs() - activation.idleSinceMs > definition.instance.idleTimeoutMs;
    if (isOver && activation.isIdle) {
      activation.deactivate('idle');
      return;
    }
    activation.accept({
      envelope: new TimerEnvelope(this, this.#flow, copyValue(this.#input)),
      flow: activation.host.flows.get(this.#flow),
    });
  }

  settled(error: GrainError | undefined): void {
    if (error)
      this.activation.logger.warn({ timer: this.name, code: error.code, err: error }, 'timer.failed');
    this.activation.timerSettled(this, this.#isInterval);
  }
}

class TimerEnvelope extends Envelope {
  readonly #timer: TimerNode;

  constructor(timer: TimerNode, flow: string, input: unknown) {
    super();
    const { activation } = timer;
    this.#timer = timer;
    this.kind = 'timer';
    this.tenant = activation.tenant;
    this.core = activation.host.definition.name;
    this.key = activation.key;
    this.flow = flow;
    this.input = input;
    this.principal = `core:${activation.name}`;
  }

  protected override onResult(): void {
    this.#timer.settled(undefined);
  }

  protected override onError(error: GrainError): void {
    this.#timer.settled(error);
  }
}
