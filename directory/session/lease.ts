// Lease: what the rest of a silo sees of its session.
//   L1. `untilMs` is on this process's monotonic clock, counted from the moment before the renewal was sent, less a margin:
//       before it, no other silo believes the session lapsed. Redis TTLs use a wall clock and are only hints.
//   L2. A lapse is a pause, not a death: the same incarnation may be renewed, as long as no view calls it dead.

export interface Lease {
  /** Turns may start, and replies may leave, while the clock is before it. Infinity in a cluster of one. */
  readonly untilMs: number;
  /** Told each time that it holds again after a lapse. The answer ends that. */
  onRegained(listener: () => void): () => void;
}

/** The lease of a process that shares its store with nobody. */
export const FOREVER: Lease = Object.freeze({ untilMs: Infinity, onRegained: () => () => undefined });
