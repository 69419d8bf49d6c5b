// When reminders are due: pure functions over StoredReminder and wall-clock times.
//   R1. The next tick is always after the one that fired, so a schedule moves on whatever the clock does.
//   R2. The same arguments give the same answer on every silo: the time zone is UTC unless the reminder names one, and
//       a pattern cannot refer to the moment at which it is read (`?`).
import { Cron } from 'croner';
import {
  freezeValue,
  GrainError,
  isWellFormed,
  type MissedTicks,
  type ReminderSchedule,
} from '../../lib/index.ts';
import type { ReminderTick } from '../messaging/envelope.ts';
import type { StoredReminder } from '../storage/grain-storage.ts';

export const REMINDER_NAME_MAX = 128;
/** Shorter intervals are work for a timer of the activation: each tick of a reminder is a commit. */
export const REMINDER_EVERY_LEAST_MS = 1_000;
/** About 10 years: longer ones are slips of the unit. */
const SPAN_MAX_MS = 10 * 366 * 86_400_000;
/** The last moment that a Date can hold. */
const DATE_MAX_MS = 8.64e15;
export const CATCH_UP_MAX = 1_000;
/** With `missed: 'skip'`, a tick that is later than this has been missed. Longer than a failover and a lost hint. */
export const SKIP_AFTER_MS = 60_000;

/** A reminder as it is stored, checked, with its first due time. @throws ERR_REMINDER_INVALID, ERR_VALUE_INVALID */
export function resolveReminder(name: string, schedule: ReminderSchedule, nowWallMs: number): StoredReminder {
  checkName(name);
  if (typeof schedule !== 'object' || schedule === null)
    throw invalid(name, 'the schedule must be an object');
  const given: Partial<Record<'inMs' | 'atMs' | 'everyMs' | 'cron' | 'timeZone', unknown>> = schedule;
  const kinds = (['inMs', 'atMs', 'everyMs', 'cron'] as const).filter((kind) => given[kind] !== undefined);
  const [kind] = kinds;
  if (kind === undefined || kinds.length > 1) throw invalid(name, 'give one of inMs, atMs, everyMs and cron');
  if (typeof schedule.flow !== 'string' || schedule.flow === '') throw invalid(name, 'flow must name a flow');
  if (given.timeZone !== undefined && kind !== 'cron') throw invalid(name, 'timeZone is only for cron');
  const base = {
    name,
    flow: schedule.flow,
    input: freezeValue(schedule.input),
    everyMs: undefined,
    cron: undefined,
    timeZone: undefined,
    missed: checkMissed(name, schedule.missed),
  };
  switch (kind) {
    case 'inMs':
      return { ...base, dueMs: Math.round(nowWallMs) + checkNumber(name, kind, given.inMs, 0, SPAN_MAX_MS) };
    case 'atMs':
      // In the past is allowed: it is due at once.
      return { ...base, dueMs: checkNumber(name, kind, given.atMs, 0, DATE_MAX_MS) };
    case 'everyMs': {
      const everyMs = checkNumber(name, kind, given.everyMs, REMINDER_EVERY_LEAST_MS, SPAN_MAX_MS);
      return { ...base, everyMs, dueMs: Math.round(nowWallMs) + everyMs };
    }
    case 'cron':
      return { ...base, ...resolveCron(name, given.cron, given.timeZone ?? 'UTC', nowWallMs) };
  }
}

/**
 * The reminder after its tick of `firedDueMs` was handled; undefined when it has no further tick and is deleted.
 * Ticks that came due in the meantime follow its `missed`: `once` and `skip` go on with the first one after now,
 * `catchUp: N` keeps the newest of them, N with the one that fired.
 */
export function advanceReminder(
  reminder: StoredReminder,
  firedDueMs: number,
  nowWallMs: number,
): StoredReminder | undefined {
  // Set anew since that tick was sent: the new schedule stands.
  if (reminder.dueMs !== firedDueMs) return reminder;
  const next = nextTick(reminder, firedDueMs);
  if (next === undefined || next > nowWallMs) return at(reminder, next);
  const { missed } = reminder;
  const kept = typeof missed === 'object' ? missed.catchUp - 1 : 0;
  if (kept < 1) return at(reminder, nextTick(reminder, nowWallMs));
  return at(reminder, Math.max(next, newestMissed(reminder, nowWallMs, kept)));
}

/** The first tick after `afterMs`; undefined when there is none. */
export function nextTick(reminder: StoredReminder, afterMs: number): number | undefined {
  const { dueMs, everyMs, cron, timeZone } = reminder;
  if (afterMs < dueMs) return dueMs;
  if (everyMs !== undefined) return dueMs + (Math.floor((afterMs - dueMs) / everyMs) + 1) * everyMs;
  if (cron === undefined) return undefined;
  return parse(cron, timeZone ?? 'UTC')
    .nextRun(new Date(afterMs))
    ?.getTime();
}

export type TickDecision =
  /** The grain has no such reminder, or it is due at another time: this tick was handled before. */
  | 'gone'
  | 'run'
  /** Do not run, but commit `advanceReminder`. */
  | 'advance';

/** What a grain does with a tick that arrives: `reminder` is the one of that name that it has now. */
export function decideTick(
  reminder: StoredReminder | undefined,
  tick: ReminderTick,
  nowWallMs: number,
): TickDecision {
  if (reminder?.dueMs !== tick.dueMs) return 'gone';
  if (tick.giveUp === true) return 'advance';
  return reminder.missed === 'skip' && nowWallMs - tick.dueMs > SKIP_AFTER_MS ? 'advance' : 'run';
}

function at(reminder: StoredReminder, dueMs: number | undefined): StoredReminder | undefined {
  return dueMs === undefined ? undefined : { ...reminder, dueMs };
}

/** The oldest of the newest `count` ticks that are not after `nowMs`. */
function newestMissed(reminder: StoredReminder, nowMs: number, count: number): number {
  const { dueMs, everyMs, cron, timeZone } = reminder;
  if (everyMs !== undefined) return dueMs + (Math.floor((nowMs - dueMs) / everyMs) - count + 1) * everyMs;
  // Before the next whole second, because a pattern's ticks are at whole seconds and `previousRuns` leaves out its start.
  const upTo = new Date(Math.floor(nowMs / 1_000) * 1_000 + 1_000);
  const ticks = parse(cron ?? '', timeZone ?? 'UTC').previousRuns(count, upTo);
  return ticks.at(-1)?.getTime() ?? -Infinity;
}

function resolveCron(
  name: string,
  cron: unknown,
  timeZone: unknown,
  nowWallMs: number,
): { readonly cron: string; readonly timeZone: string; readonly dueMs: number } {
  if (typeof cron !== 'string') throw invalid(name, 'cron must be a pattern of 5 or 6 fields');
  if (typeof timeZone !== 'string' || !isTimeZone(timeZone)) {
    throw invalid(name, 'timeZone must be one of the IANA database, such as Europe/Brussels');
  }
  const fields = cron.trim().split(/\s+/);
  if (fields.length < 5 || fields.length > 6) throw invalid(name, 'cron must be a pattern of 5 or 6 fields');
  if (cron.includes('?')) throw invalid(name, 'cron may not contain ?, which depends on when it is read');
  const pattern = fields.join(' ');
  let dueMs: number | undefined;
  try {
    dueMs = parse(pattern, timeZone).nextRun(new Date(nowWallMs))?.getTime();
  } catch (cause) {
    throw new GrainError(
      'ERR_REMINDER_INVALID',
      {
        message: `reminder ${name}: ${cause instanceof Error ? cause.message : String(cause)}`,
        reminder: name,
        cron,
      },
      { cause },
    );
  }
  if (dueMs === undefined) throw invalid(name, `the pattern ${pattern} never comes due`);
  return { cron: pattern, timeZone, dueMs };
}

function parse(pattern: string, timeZone: string): Cron {
  // Without a function to run, croner sets no timer of its own.
  return new Cron(pattern, { timezone: timeZone, mode: '5-or-6-parts' });
}

function isTimeZone(timeZone: string): boolean {
  try {
    return new Intl.DateTimeFormat('en', { timeZone }).resolvedOptions().timeZone !== '';
  } catch {
    return false;
  }
}

function checkName(name: unknown): void {
  const fits =
    typeof name === 'string' && name.length > 0 && name.length <= REMINDER_NAME_MAX && isWellFormed(name);
  // eslint-disable-next-line no-control-regex -- control characters are what is looked for
  if (fits && !/[\u0000-\u001f\u007f-\u009f]/.test(name)) return;
  const shown = typeof name === 'string' ? name.slice(0, 32) : typeof name;
  throw invalid(shown, `a name is a text of 1 to ${REMINDER_NAME_MAX} letters without control characters`);
}

function checkNumber(name: string, option: string, value: unknown, least: number, most: number): number {
  if (typeof value === 'number' && value >= least && value <= most) return Math.round(value);
  throw invalid(name, `${option} must be a number from ${least} to ${most}, not ${String(value)}`);
}

function checkMissed(name: string, missed: MissedTicks | undefined): MissedTicks {
  if (missed === undefined) return 'once';
  if (missed === 'once' || missed === 'skip') return missed;
  const count: unknown = typeof missed === 'object' && missed !== null ? missed.catchUp : undefined;
  if (typeof count === 'number' && Number.isInteger(count) && count >= 1 && count <= CATCH_UP_MAX) {
    return { catchUp: count };
  }
  throw invalid(name, `missed must be once, skip, or { catchUp: 1 to ${CATCH_UP_MAX} }`);
}

function invalid(name: string, problem: string): GrainError {
  return new GrainError('ERR_REMINDER_INVALID', {
    message: `reminder ${name}: ${problem}`,
    reminder: name,
  });
}
