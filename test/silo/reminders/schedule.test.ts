import assert from 'node:assert/strict';
import type { ReminderSchedule } from '../../../lib/index.ts';
import {
  advanceReminder,
  decideTick,
  nextTick,
  REMINDER_NAME_MAX,
  resolveReminder,
  SKIP_AFTER_MS,
} from '../../../silo/internal.ts';
import type { StoredReminder } from '../../../silo/internal.ts';

const NOON = Date.parse('2025-06-02T12:00:00Z');
const HOUR = 3_600_000;

const every = (everyMs: number, missed?: ReminderSchedule['missed']): StoredReminder =>
  resolveReminder('r', { everyMs, flow: 'f', ...(missed === undefined ? {} : { missed }) }, NOON);

/** The next `count` ticks after a moment, as texts. */
function ticksOf(cron: string, timeZone: string, after: string, count: number): string[] {
  let reminder: StoredReminder | undefined = resolveReminder(
    'r',
    { cron, timeZone, flow: 'f' },
    Date.parse(after),
  );
  const ticks: string[] = [];
  while (reminder && ticks.length < count) {
    ticks.push(new Date(reminder.dueMs).toISOString().replace('.000Z', 'Z'));
    reminder = advanceReminder(reminder, reminder.dueMs, reminder.dueMs);
  }
  return ticks;
}

/** All that fires from `reminder` on when the grain first runs at `nowMs` and each tick takes no time. */
function firedAt(reminder: StoredReminder, nowMs: number): number[] {
  const fired: number[] = [];
  let next: StoredReminder | undefined = reminder;
  while (next && next.dueMs <= nowMs) {
    if (decideTick(next, { name: 'r', dueMs: next.dueMs }, nowMs) === 'run') fired.push(next.dueMs);
    next = advanceReminder(next, next.dueMs, nowMs);
  }
  return fired;
}

describe('Reminder schedule', () => {
  it('each kind, resolved, has its first due time', () => {
    assert.equal(resolveReminder('r', { inMs: 5, flow: 'f' }, NOON).dueMs, NOON + 5);
    assert.equal(resolveReminder('r', { atMs: 77, flow: 'f' }, NOON).dueMs, 77);
    assert.equal(every(HOUR).dueMs, NOON + HOUR);
    const cron = resolveReminder('r', { cron: ' 30  14 * * * ', flow: 'f', input: { a: 1 } }, NOON);
    assert.deepEqual(cron, {
      name: 'r',
      flow: 'f',
      input: { a: 1 },
      dueMs: NOON + 2.5 * HOUR,
      everyMs: undefined,
      cron: '30 14 * * *',
      timeZone: 'UTC',
      missed: 'once',
    });
    assert.equal(
      resolveReminder('r', { cron: '15 * * * * *', flow: 'f' }, NOON).dueMs,
      NOON + 15_000,
      '6 fields',
    );
  });

  const wrong: Readonly<Record<string, unknown>> = {
    'no kind': {},
    'two kinds': { inMs: 1, everyMs: 5_000 },
    'an interval below a second': { everyMs: 999 },
    'an endless interval': { everyMs: Infinity },
    NaN: { inMs: NaN },
    'a negative delay': { inMs: -1 },
    'a text for a number': { atMs: 'tomorrow' },
    'a time beyond any date': { atMs: 1e16 },
    'an empty pattern': { cron: '' },
    'four fields': { cron: '* * * *' },
    'seven fields': { cron: '* * * * * * *' },
    'a nickname': { cron: '@daily' },
    'a date': { cron: '2030-01-01T00:00:00' },
    'a minute 61': { cron: '61 * * * *' },
    words: { cron: 'a b c d e' },
    'a step of 0': { cron: '*/0 * * * *' },
    'a question mark': { cron: '? * * * *' },
    '30 February': { cron: '0 0 30 2 *' },
    'a number as pattern': { cron: 5 },
    'an unknown time zone': { cron: '* * * * *', timeZone: 'Mars/Base' },
    'a time zone that is no text': { cron: '* * * * *', timeZone: 1 },
    'a time zone without a pattern': { everyMs: 5_000, timeZone: 'Europe/Brussels' },
    'an unknown policy': { inMs: 1, missed: 'never' },
    'catch-up of 0': { inMs: 1, missed: { catchUp: 0 } },
    'catch-up of 1001': { inMs: 1, missed: { catchUp: 1_001 } },
    'no flow': { inMs: 1, flow: '' },
  };
  for (const [title, schedule] of Object.entries(wrong)) {
    it(`${title}, resolved, is ERR_REMINDER_INVALID`, () => {
      const given = { flow: 'f', ...(schedule as object) } as ReminderSchedule;
      assert.throws(() => resolveReminder('r', given, NOON), { code: 'ERR_REMINDER_INVALID' });
    });
  }

  it('names of 0, 1, 128 and 129 letters and with control characters: those from 1 to 128 are taken', () => {
    const set = (name: string): StoredReminder => resolveReminder(name, { inMs: 1, flow: 'f' }, NOON);
    assert.equal(set('x').name, 'x');
    assert.equal(set('x'.repeat(REMINDER_NAME_MAX)).name.length, 128);
    for (const name of ['', 'x'.repeat(REMINDER_NAME_MAX + 1), 'a\nb', '\ud800']) {
      assert.throws(() => set(name), { code: 'ERR_REMINDER_INVALID' });
    }
  });

  it('input outside of the data model is ERR_VALUE_INVALID', () => {
    const input = new Map();
    assert.throws(() => resolveReminder('r', { inMs: 1, flow: 'f', input }, NOON), {
      code: 'ERR_VALUE_INVALID',
    });
  });

  it('once, fired, is deleted', () => {
    const once = resolveReminder('r', { inMs: 5, flow: 'f' }, NOON);
    assert.equal(advanceReminder(once, once.dueMs, NOON + 5), undefined);
    assert.equal(advanceReminder(once, once.dueMs, NOON - HOUR), undefined, 'the wall clock went back');
  });

  it('an interval, fired late, keeps its grid', () => {
    const reminder = every(10_000);
    assert.equal(advanceReminder(reminder, reminder.dueMs, reminder.dueMs + 9_999)?.dueMs, NOON + 20_000);
    assert.equal(advanceReminder(reminder, reminder.dueMs, reminder.dueMs + 10_000)?.dueMs, NOON + 30_000);
  });

  it('a reminder set anew, an older tick reported as fired, stays as it is', () => {
    const reminder = every(10_000);
    assert.equal(advanceReminder(reminder, NOON - 5, NOON + HOUR), reminder);
  });

  it('a wall clock that went back, tick fired, goes on with the tick after it', () => {
    const reminder = every(10_000);
    assert.equal(advanceReminder(reminder, reminder.dueMs, NOON - HOUR)?.dueMs, NOON + 20_000);
  });

  it('2.5 hours down at one tick every half hour: each policy fires its own', () => {
    const now = NOON + 2.5 * HOUR + 90_000;
    const half = HOUR / 2;
    const due = (...steps: number[]): number[] => steps.map((step) => NOON + step * half);
    assert.deepEqual(firedAt(every(half, 'once'), now), due(1));
    assert.deepEqual(firedAt(every(half, 'skip'), now), []);
    assert.deepEqual(firedAt(every(half, { catchUp: 1 }), now), due(1));
    assert.deepEqual(firedAt(every(half, { catchUp: 3 }), now), due(1, 4, 5));
    assert.deepEqual(firedAt(every(half, { catchUp: 9 }), now), due(1, 2, 3, 4, 5));
  });

  it('the same by a pattern in a time zone', () => {
    const now = NOON + 2.5 * HOUR + 90_000;
    const cron = (missed: ReminderSchedule['missed']): StoredReminder =>
      resolveReminder(
        'r',
        { cron: '0,30 * * * *', timeZone: 'Asia/Kolkata', flow: 'f', missed: missed ?? 'once' },
        NOON,
      );
    const due = (...steps: number[]): number[] => steps.map((step) => NOON + (step * HOUR) / 2);
    assert.deepEqual(firedAt(cron('once'), now), due(1));
    assert.deepEqual(firedAt(cron('skip'), now), []);
    assert.deepEqual(firedAt(cron({ catchUp: 3 }), now), due(1, 4, 5));
    assert.deepEqual(
      firedAt(cron({ catchUp: 2 }), NOON + 2.5 * HOUR),
      due(1, 5),
      'a tick at this very second',
    );
    assert.deepEqual(firedAt(cron({ catchUp: 9 }), now), due(1, 2, 3, 4, 5));
  });

  it('skip, a tick late by the grace and by 1 ms more, runs and is skipped', () => {
    const reminder = every(HOUR, 'skip');
    const tick = { name: 'r', dueMs: reminder.dueMs };
    assert.equal(decideTick(reminder, tick, reminder.dueMs + SKIP_AFTER_MS), 'run');
    assert.equal(decideTick(reminder, tick, reminder.dueMs + SKIP_AFTER_MS + 1), 'advance');
  });

  it('ticks of no reminder, of another due time and given up: gone, gone, advance', () => {
    const reminder = every(HOUR);
    const { dueMs } = reminder;
    assert.equal(decideTick(undefined, { name: 'r', dueMs }, NOON), 'gone');
    assert.equal(decideTick(reminder, { name: 'r', dueMs: dueMs - 1 }, NOON), 'gone');
    assert.equal(decideTick(reminder, { name: 'r', dueMs, giveUp: true }, NOON), 'advance');
    assert.equal(decideTick(reminder, { name: 'r', dueMs }, NOON), 'run');
  });

  it('ten years of a pattern each second, caught up, takes a bounded time', () => {
    const reminder = resolveReminder(
      'r',
      { cron: '* * * * * *', flow: 'f', missed: { catchUp: 1_000 } },
      NOON,
    );
    const now = NOON + 10 * 365 * 24 * HOUR;
    assert.equal(advanceReminder(reminder, reminder.dueMs, now)?.dueMs, now - 998 * 1_000);
  });

  describe('in Europe/Brussels', () => {
    it('02:30 daily over the spring gap: fires at 03:00 of that day, and at 02:30 again the next', () => {
      assert.deepEqual(ticksOf('30 2 * * *', 'Europe/Brussels', '2025-03-28T12:00:00Z', 3), [
        '2025-03-29T01:30:00Z',
        '2025-03-30T01:00:00Z',
        '2025-03-31T00:30:00Z',
      ]);
    });

    it('02:30 daily over the doubled hour of autumn: fires once, the first time', () => {
      assert.deepEqual(ticksOf('30 2 * * *', 'Europe/Brussels', '2025-10-25T12:00:00Z', 2), [
        '2025-10-26T00:30:00Z',
        '2025-10-27T01:30:00Z',
      ]);
    });

    it('hourly: no hour is lost in spring, both hours of autumn fire', () => {
      assert.deepEqual(ticksOf('0 * * * *', 'Europe/Brussels', '2025-03-30T00:30:00Z', 2), [
        '2025-03-30T01:00:00Z',
        '2025-03-30T02:00:00Z',
      ]);
      assert.deepEqual(ticksOf('0 * * * *', 'Europe/Brussels', '2025-10-25T23:30:00Z', 3), [
        '2025-10-26T00:00:00Z',
        '2025-10-26T01:00:00Z',
        '2025-10-26T02:00:00Z',
      ]);
    });

    it('02:30 missed in the spring night, caught up, counts the moved tick once', () => {
      const reminder = resolveReminder(
        'r',
        { cron: '30 2 * * *', timeZone: 'Europe/Brussels', flow: 'f', missed: { catchUp: 10 } },
        Date.parse('2025-03-28T12:00:00Z'),
      );
      const fired = firedAt(reminder, Date.parse('2025-03-31T12:00:00Z'));
      assert.deepEqual(
        fired.map((ms) => new Date(ms).toISOString().slice(0, 16)),
        ['2025-03-29T01:30', '2025-03-30T01:00', '2025-03-31T00:30'],
      );
    });
  });

  it('next tick before the first one is the first one', () => {
    assert.equal(nextTick(every(HOUR), NOON), NOON + HOUR);
  });
});
