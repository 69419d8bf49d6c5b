// Calls on a schedule, whether the ones before were answered or not. A call's time counts from when it was due, so one
// that a stall delayed is as slow as whoever waited for it found it (no coordinated omission).

export interface OpenLoop {
  readonly answered: number;
  readonly elapsedMs: number;
  /** Of each call, from when it was due to its answer. */
  readonly latenciesMs: Float64Array;
}

/** Calls that are due within so long leave together: one write for each would be all that is measured. */
const PACE_MS = 0.2;

/** `count` calls, evenly spread at `perSecond`. Rejects with the first failure, after all have ended. */
export async function onSchedule(
  count: number,
  perSecond: number,
  call: (index: number) => Promise<unknown>,
): Promise<OpenLoop> {
  const latenciesMs = new Float64Array(count);
  const everyMs = 1_000 / perSecond;
  const startMs = performance.now();
  let answered = 0;
  const failures: unknown[] = [];
  await new Promise<void>((resolve) => {
    let sent = 0;
    let ended = 0;
    const end = (): void => {
      ended += 1;
      if (ended === count) resolve();
    };
    const send = (index: number): void => {
      const dueMs = startMs + index * everyMs;
      call(index).then(
        () => {
          latenciesMs[index] = performance.now() - dueMs;
          answered += 1;
          end();
        },
        (error: unknown) => {
          failures.push(error);
          end();
        },
      );
    };
    let lastMs = -Infinity;
    // Timers are good to a millisecond, calls are due far more often: the loop is asked again and again.
    const turn = (): void => {
      const nowMs = performance.now();
      if (nowMs - lastMs >= PACE_MS) {
        lastMs = nowMs;
        const due = Math.min(count, Math.floor((nowMs - startMs) / everyMs) + 1);
        for (; sent < due; sent += 1) send(sent);
      }
      if (sent < count) setImmediate(turn);
    };
    turn();
  });
  if (failures.length > 0) throw failures[0];
  return { answered, elapsedMs: performance.now() - startMs, latenciesMs };
}
