/** Upper bounds of the histogram of request durations, in milliseconds. */
export const DURATION_BOUNDS_MS = [
  1, 2.5, 5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 30_000,
] as const;

/** What kind of request; few, because every one is a time series. */
export type RouteKind = 'flow' | 'event' | 'erase' | 'read' | 'stream' | 'health' | 'none';

/** Plain counts, so that counting costs next to nothing; `/metrics` turns them into series when it is asked. */
export class HttpStats {
  /** Requests per upper bound of DURATION_BOUNDS_MS, and those above the last. Event streams are left out. */
  readonly durations: number[] = new Array<number>(DURATION_BOUNDS_MS.length + 1).fill(0);
  durationSumMs = 0;
  /** Requests whose caller went away before the answer. */
  cancelled = 0;
  /** Connections that sent something that is not HTTP, or too slowly. */
  malformed = 0;
  // One small table per kind: the hot route makes no strings to count.
  readonly #byStatus = new Map<RouteKind, Map<number, number>>();

  ended(kind: RouteKind, status: number, ms: number): void {
    let counts = this.#byStatus.get(kind);
    if (!counts) this.#byStatus.set(kind, (counts = new Map()));
    counts.set(status, (counts.get(status) ?? 0) + 1);
    if (kind === 'stream') return;
    this.durationSumMs += ms;
    let slot = 0;
    while (slot < DURATION_BOUNDS_MS.length && ms > (DURATION_BOUNDS_MS[slot] ?? Infinity)) slot += 1;
    this.durations[slot] = (this.durations[slot] ?? 0) + 1;
  }

  /** Ended requests by kind and status. */
  *counts(): Generator<readonly [kind: RouteKind, status: number, count: number]> {
    for (const [kind, counts] of this.#byStatus) {
      for (const [status, count] of counts) yield [kind, status, count];
    }
  }
}
