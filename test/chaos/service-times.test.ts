import assert from 'node:assert/strict';
import type { Fault } from './faults.ts';
import { ServiceTimes } from './service-times.ts';

function fault(kind: string): Fault {
  return { kind, detail: '', victims: [], run: () => Promise.resolve() };
}

describe('Chaos: service times', () => {
  it('a wait counts from the fault on, and for the one that caused it', () => {
    const times = new ServiceTimes();
    const first = times.begin(fault('kill'), 1_000);
    times.onCall(900, 1_400);
    first.endMs = 1_500;
    times.onCall(1_600, 1_610);
    const second = times.begin(fault('cut'), 2_000);
    times.onCall(1_990, 2_700);
    second.endMs = 3_000;
    const [kill, cut] = times.byKind();
    assert.deepEqual([kill?.maxMs, kill?.lastedMs, cut?.maxMs, cut?.lastedMs], [400, 500, 700, 1_000]);
  });

  it('a fault that is not put right yet, goes on counting when the next begins', () => {
    const times = new ServiceTimes();
    times.begin(fault('kill'), 1_000);
    times.begin(fault('cut'), 1_100);
    times.onCall(1_000, 3_000);
    assert.deepEqual(
      times.faults.map(({ worstMs }) => worstMs),
      [2_000, 1_900],
    );
  });
});
