// Schedules of a program (`@schedule`) as reminders of its grains.
//   H1. A reminder is set when its schedule is new or another one: setting it again would drop a tick that is overdue.
import { GrainError } from '../../lib/index.ts';
import type { IRModule, IRTrigger, JsonValue } from '../../lib/lang/index.ts';
import { resolveReminder } from '../reminders/schedule.ts';
import { SCHEDULES_FIELD } from './grain-memory.ts';
import type { ProgramContext } from './turn-environment.ts';

/** Sets the reminders; called when a silo starts. */
export const SET_SCHEDULES_FLOW = 'schedule.set';
/** What a tick calls. */
export const RUN_SCHEDULE_FLOW = 'schedule.run';
const PREFIX = 'schedule:';
/** Any moment: whether a pattern can be read does not depend on it. */
const SOME_WALL_MS = 1_700_000_000_000;

export function schedulesOf({ triggers }: IRModule): readonly IRTrigger[] {
  return triggers.filter(({ kind }) => kind === 'schedule');
}

/** A pattern that cannot be read would fail each turn of each grain. @throws ERR_CORE_INVALID */
export function checkSchedules(module: IRModule): void {
  for (const trigger of schedulesOf(module)) {
    try {
      resolveReminder(PREFIX + trigger.name, reminderOf(trigger), SOME_WALL_MS);
    } catch (cause) {
      const problem = cause instanceof Error ? cause.message : String(cause);
      const message = `Core ${module.name}: @schedule ${trigger.name}: ${problem}`;
      throw new GrainError('ERR_CORE_INVALID', { message, core: module.name }, { cause });
    }
  }
}

function reminderOf({
  name,
  cron = '',
  timezone,
}: IRTrigger): Parameters<ProgramContext['reminder']['set']>[1] {
  const timeZone = timezone === undefined ? {} : { timeZone: timezone };
  return { cron, ...timeZone, flow: RUN_SCHEDULE_FLOW, input: { schedule: name } };
}

function fingerprint({ cron = '', timezone = 'UTC' }: IRTrigger): string {
  return `${cron}|${timezone}`;
}

/** Brings the grain's reminders to what the program says; costs a comparison where they are. */
export class GrainSchedules {
  readonly #triggers: readonly IRTrigger[];
  readonly #wanted: Readonly<Record<string, string>>;
  readonly #text: string;

  constructor(triggers: readonly IRTrigger[]) {
    this.#triggers = triggers;
    this.#wanted = Object.fromEntries(triggers.map((trigger) => [trigger.name, fingerprint(trigger)]));
    this.#text = JSON.stringify(this.#wanted);
  }

  get isEmpty(): boolean {
    return this.#triggers.length === 0;
  }

  ensure(ctx: ProgramContext): void {
    const memory = ctx.memory as unknown as Record<string, JsonValue>;
    const text = memory[SCHEDULES_FIELD];
    if (text === this.#text) return;
    const set = typeof text === 'string' ? (JSON.parse(text) as Readonly<Record<string, string>>) : {};
    for (const trigger of this.#triggers)
      if (!Object.hasOwn(set, trigger.name) || set[trigger.name] !== this.#wanted[trigger.name])
        ctx.reminder.set(PREFIX + trigger.name, reminderOf(trigger));
    for (const name of Object.keys(set))
      if (!Object.hasOwn(this.#wanted, name)) ctx.reminder.cancel(PREFIX + name);
    memory[SCHEDULES_FIELD] = this.#text;
  }

  /** The flows that they run. */
  get targets(): readonly string[] {
    return this.#triggers.map(({ target_flow }) => target_flow);
  }

  triggerOf(name: unknown): IRTrigger | undefined {
    return this.#triggers.find((trigger) => trigger.name === name);
  }
}
