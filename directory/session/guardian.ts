/** Who keeps a session alive: a `LeaseRenewer` in this loop, or in a thread of its own (system-guardian.ts). */
export interface Guardian {
  readonly incarnation: string;
  /** On this process's monotonic clock; -Infinity when it was never held, has ended or is dead. Goes back only to that. */
  readonly untilMs: number;
  /** A majority of lock nodes has a tombstone over it: it never holds again. */
  readonly isDead: boolean;
  /** Takes it for the first time, and keeps renewing it. @throws (rejects) ERR_CLUSTER_FAILED */
  acquire(): Promise<void>;
  /** Gives it up: nothing is renewed any more, and a living session is removed as far as nodes answer. Never rejects. */
  end(): Promise<void>;
  /** `untilMs` or `isDead` may have changed. One listener. */
  onChange(listener: () => void): void;
}
