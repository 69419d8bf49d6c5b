// LockNode: one of the stores over which sessions are held; a majority of them decides. Each has one history of its own:
// nodes that replicate each other count as one.
//   N1. `renew` sets the session to live for `ttlMs` from when the node does it, unless a tombstone is there.
//   N2. What a node said it did, it did; a call that rejects may have been done, and may be yet.
//   N3. Every call settles (redis-client.ts, R3).
import type { RedisEvent } from '../redis/redis-client.ts';

/** What a node shows of a session. `dead`: a tombstone. */
export type Sighting = 'alive' | 'dead' | 'absent';

export interface LockNode {
  readonly isUp: boolean;
  renew(incarnation: string, ttlMs: number): Promise<'held' | 'dead'>;
  look(incarnation: string): Promise<Sighting>;
  /** From now on, and for `TOMBSTONE_MS`, no renewal of it is `held` here. */
  tombstone(incarnation: string): Promise<void>;
  /** Removes a living session: its own silo gives it up. */
  end(incarnation: string): Promise<void>;
  onEvent(listener: (event: RedisEvent) => void): () => void;
}

/** How long tombstones stay. Whoever was away for longer is told by the view that it is dead. */
export const TOMBSTONE_MS = 60 * 60_000;

export function majorityOf(nodes: readonly unknown[]): number {
  return Math.floor(nodes.length / 2) + 1;
}
