// Time as the rest of the code sees it. Only `system-clock.ts` touches the machine's clocks; the simulator and the
// tests hand in a clock of their own, so that no test sleeps and a whole run follows from one seed.

/** A timer that was set. Cancelling twice, or after it ran, does nothing. */
export interface TimerHandle {
  cancel(): void;
}

export interface Clock {
  /** Monotonic milliseconds, with fractions. Deadlines and leases are made of these. */
  nowMs(): number;
  /** Wall-clock milliseconds since 1970: for people, calendars and expiry that outlives the process; it may jump. */
  wallMs(): number;
  /** Runs `run` once, at least `delayMs` later. A timer that ran does not prove that time passed evenly. */
  setTimer(delayMs: number, run: () => void): TimerHandle;
  /** Runs `run` after the input and output that is waiting now has had its chance (a macrotask). */
  defer(run: () => void): void;
}
